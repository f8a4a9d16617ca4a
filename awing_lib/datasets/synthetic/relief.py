"""Solid things before a synthetic face, modelled like relief.

Parts are piled up as a height map over a window of the picture, the relief is lit from the direction that lights the
face, and its tones are looked up in a ramp from deep shadow to highlight.
"""

import math
from functools import lru_cache

import cv2
import numpy as np

from awing_lib.datasets.synthetic.outlines import bounds, ellipses, fixed, mix
from awing_lib.datasets.synthetic.scene import Canvas

FACING = 0.74
"""Tone of a surface that faces the viewer."""


def material(colour, gloss: float = 0.0, depth: float = 1.0) -> np.ndarray:
    """(3, 256) float32 tones of a material, from deep shadow to highlight; shadows are richer, lights paler."""
    return _tones(tuple(map(float, colour)), gloss, depth)


@lru_cache(256)
def _tones(colour: tuple, gloss: float, depth: float) -> np.ndarray:
    colour = np.clip(colour, 0, 1)
    rich = colour ** (1 + 0.35 * depth)  # a darker tone of the same hue, more saturated
    tones = np.array(
        [
            mix(colour, rich * 0.3, depth),
            mix(colour, rich * 0.66, depth),
            mix(colour, rich * 0.95, 0.4 * depth),
            colour,
            mix(colour, (1.0, 0.97, 0.92), 0.2 + 0.15 * gloss),
            mix(colour, (1.0, 1.0, 1.0), 0.3 + 0.65 * gloss),
        ]
    )
    places, steps = (0, 0.38, 0.6, FACING, 0.93, 1.0), np.linspace(0, 1, 256)
    return np.stack([np.interp(steps, places, channel) for channel in tones.T]).astype(np.float32)


class Relief:
    """A window of the canvas in which parts are piled up, then lit and painted together."""

    def __init__(self, canvas: Canvas, shapes, margin: float = 0.04):
        """The window holds ``shapes`` (pixels) and ``margin`` units around them, within the picture."""
        self.canvas, self.unit = canvas, canvas.scene.unit
        x0, y0, x1, y1 = bounds(fixed(shapes, 0), margin * self.unit, canvas.alpha.shape)
        self.origin, size = np.array((x0, y0)), (y1 - y0, x1 - x0)
        self.empty = min(size) < 2
        self.box = slice(y0, y1), slice(x0, x1)
        self.height = np.zeros(size, np.float32)
        self.cover = np.zeros(size, np.uint8)
        self.tone: np.ndarray | None = None

    def mask(self, outlines) -> np.ndarray:
        """(h, w) uint8: these outlines, filled, whether they are piled up or not."""
        return self._filled(fixed(outlines, self.origin), (0, 0, *self.cover.shape[::-1]))

    def _filled(self, polygons, window: tuple[int, int, int, int]) -> np.ndarray:
        x0, y0, x1, y1 = window
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        if not self.empty:
            for polygon in polygons:
                cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, 4, (-16 * x0, -16 * y0))
        return mask

    def strokes(self, curves, width: float, value: int = 255, closed: bool = False) -> np.ndarray:
        """(h, w) uint8: lines along curves, pixels, each (P, 2) or several (N, P, 2); ``width`` in units."""
        mask = np.zeros_like(self.cover)
        if not self.empty:
            thickness = max(1, round(width * self.unit))
            paths = [path for part in fixed(curves, self.origin) for path in part.reshape(-1, *part.shape[-2:])]
            cv2.polylines(mask, paths, closed, value, thickness, cv2.LINE_AA, 4)
        return mask

    def part(self, points: np.ndarray, margin: float = 0.04) -> "Relief":
        """A smaller window of the same relief, around these points."""
        small = object.__new__(Relief)
        small.canvas, small.unit = self.canvas, self.unit
        x0, y0, x1, y1 = bounds(fixed(points, self.origin), margin * self.unit, self.cover.shape)
        small.empty = self.empty or min(x1 - x0, y1 - y0) < 2
        left, top = self.origin.tolist()
        small.origin = np.add(self.origin, (x0, y0))
        small.box = slice(top + y0, top + y1), slice(left + x0, left + x1)
        window = slice(y0, y1), slice(x0, x1)
        small.height, small.cover, small.tone = self.height[window], self.cover[window], self.tone[window]
        return small

    def pile(self, outlines, radius: float, lift: float = 0.0, rise: float = 1.0) -> None:
        """Add a part that is rounded over ``radius`` units from its edge, and ``lift`` units nearer than the ground.

        ``rise`` is its height as a share of the radius: 1 for something round, less for something flat.
        """
        polygons = fixed(outlines, self.origin)
        x0, y0, x1, y1 = bounds(polygons, 2, self.cover.shape)
        if self.empty or min(x1 - x0, y1 - y0) < 2:
            return
        part = self._filled(polygons, (x0, y0, x1, y1))
        near = cv2.distanceTransform(part, cv2.DIST_L2, 3)
        reach = radius * self.unit
        np.minimum(near, reach, out=near)
        dome = 2 * reach - near
        dome *= near
        cv2.sqrt(dome, dome)  # the profile of a circle
        if rise != 1:
            dome *= rise
        if lift:
            dome += (part > 127) * np.float32(lift * self.unit)
        height, cover = self.height[y0:y1, x0:x1], self.cover[y0:y1, x0:x1]
        np.maximum(height, dome, out=height)
        np.maximum(cover, part, out=cover)

    def bump(self, centres: np.ndarray, radius: float, rise: float) -> None:
        """Soft mounds (rise > 0) or hollows on what is piled up, as knuckles are."""
        polygons = fixed(ellipses(centres, (radius * self.unit,) * 2), self.origin)
        x0, y0, x1, y1 = bounds(polygons, radius * self.unit + 2, self.cover.shape)
        if self.empty or min(x1 - x0, y1 - y0) < 2:
            return
        soft = cv2.blur(self._filled(polygons, (x0, y0, x1, y1)), self.square(radius))
        self.height[y0:y1, x0:x1] += soft * np.float32(rise * self.unit / 255)

    def square(self, length: float) -> tuple[int, int]:
        """Size in pixels, odd, of a filter that is ``length`` units wide."""
        return (2 * round(length * self.unit / 2) + 1,) * 2

    def light(self, smooth: float = 0.012, crease: float = 1.0) -> None:
        """Tones from the relief: facing the light or not, and darker where light hardly gets in."""
        if self.empty:
            return
        sigma = max(0.6, smooth * self.unit)
        size = 2 * round(2.2 * sigma) + 1
        height = cv2.GaussianBlur(self.height, (size, size), sigma)
        across, along = cv2.Sobel(height, -1, 1, 0, scale=1 / 8), cv2.Sobel(height, -1, 0, 1, scale=1 / 8)
        x, y = (self.canvas.scene.light * 0.62).tolist()
        tone = cv2.addWeighted(across, -0.8 * x, along, -0.8 * y, 0.8 * FACING)
        across *= across
        along *= along
        across += along
        across += 1
        tone /= cv2.sqrt(across, across)
        deep = crease * 3.2 / self.unit
        hollow = cv2.addWeighted(height, deep, cv2.blur(height, self.square(0.16)), -deep, 0)
        tone += np.minimum(hollow, 0, out=hollow)
        tone += np.float32(0.2 * FACING)
        self.tone = tone

    def lines(self, curves: list[np.ndarray], strength: float, width: float = 0.012) -> None:
        """Darken (strength > 0) or lighten along curves, pixels."""
        if not self.empty:
            self.shade(cv2.GaussianBlur(self.strokes(curves, width), (3, 3), 0), strength)

    def shade(self, mask: np.ndarray, amount: float) -> None:
        """Darken (amount > 0) or lighten where ``mask`` (uint8) is."""
        if not self.empty:
            self.tone -= mask * np.float32(amount / 255)

    def shadow(self, strength: float = 0.45, reach: float = 0.07) -> None:
        """Let the parts piled up so far keep the light from what lies behind them."""
        if self.empty:
            return
        pad = math.ceil((reach + 0.1) * self.unit)
        rows, columns = self.box
        limit = self.canvas.alpha.shape
        top, left = max(rows.start - pad, 0), max(columns.start - pad, 0)
        box = slice(top, min(rows.stop + pad, limit[0])), slice(left, min(columns.stop + pad, limit[1]))
        size = box[1].stop - left, box[0].stop - top
        small = max(1, size[0] // 2), max(1, size[1] // 2)  # it is blurred: half the size will do
        x, y = small[0] / size[0], small[1] / size[1]
        blur = (2 * round(0.09 * self.unit / 4) + 1,) * 2

        def cast(length: float) -> np.ndarray:
            dx, dy = (self.canvas.scene.light * -length).tolist()
            matrix = np.array([[x, 0, (columns.start - left + dx) * x], [0, y, (rows.start - top + dy) * y]])
            return cv2.blur(cv2.warpAffine(self.cover, matrix, small), blur)

        touching = cv2.convertScaleAbs(cast(0), alpha=0.5)  # where it touches, from all sides
        shadow = cv2.max(cv2.blur(cast(reach * self.unit), blur), touching)
        self.canvas.darken(box, cv2.resize(shadow, size, interpolation=cv2.INTER_LINEAR), strength)

    def paint(self, ramp: np.ndarray, mask: np.ndarray | None = None, opacity: float = 1.0, edge: float = 0.25) -> None:
        """Put the lit parts (or those in ``mask``) on the canvas in the tones of a material.

        ``edge`` darkens the outline, as an illustrator's line does.
        """
        if self.empty:
            return
        mask = self.cover if mask is None else cv2.min(mask, self.cover)
        tone = self.tone
        if edge:
            rim = cv2.blur(mask, max((3, 3), self.square(0.025))) * np.float32(edge / 128)
            rim += tone
            rim -= np.float32(edge * 255 / 128)
            tone = rim
        level = cv2.convertScaleAbs(np.maximum(tone, 0), alpha=255)
        colour = np.empty((3, *level.shape), np.float32)
        for tones, plane in zip(ramp, colour, strict=True):
            cv2.LUT(level, tones, plane)
        self.blend(colour, mask, opacity)

    def blend(self, colour: np.ndarray, mask: np.ndarray, opacity: float = 1.0) -> None:
        """Cover the canvas with a colour, (3,) or (3, h, w), where ``mask`` (uint8) is."""
        if not self.empty:
            self.canvas.blend(self.box, colour, mask * np.float32(opacity / 255))


def solid(
    canvas: Canvas, outlines, ramp, radius=0.1, rise=1.0, body=None, lines=(), shadow=0.45, edge=0.25, smooth=0.015
) -> Relief:
    """Draw one rounded part.

    Args:
        canvas: to draw on.
        outlines: what is seen of it, pixels.
        ramp: its :func:`material`.
        radius: units over which its edges are rounded.
        rise: see :meth:`Relief.pile`.
        body: outlines that give its form where it is larger than what is seen of it.
        lines: (curves, strength, width), see :meth:`Relief.lines`.
        shadow: how much light it takes from what lies behind it.
        edge: see :meth:`Relief.paint`.
        smooth: see :meth:`Relief.light`.
    """
    relief = Relief(canvas, outlines)
    if relief.empty:
        return relief
    relief.pile(outlines if body is None else body, radius, rise=rise)
    if body is not None:
        relief.cover = relief.mask(outlines)
    relief.light(smooth)
    for curves, strength, width in lines:
        relief.lines(curves, strength, width)
    if shadow:
        relief.shadow(shadow)
    relief.paint(ramp, edge=edge)
    return relief
