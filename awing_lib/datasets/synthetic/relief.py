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

FACING = 0.74  # tone of a surface that faces the viewer


def material(colour, gloss: float = 0.0, depth: float = 1.0) -> np.ndarray:
    """(1, 256, 3) float32 tones of a material, from deep shadow to highlight; shadows are richer, lights paler."""
    return _tones(tuple(np.clip(np.asarray(colour, float), 0, 1).tolist()), gloss, depth)


@lru_cache(256)
def _tones(colour: tuple, gloss: float, depth: float) -> np.ndarray:
    colour = np.array(colour)
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
    places = (0, 0.38, 0.6, FACING, 0.93, 1.0)
    steps = np.linspace(0, 1, 256)
    return np.stack([np.interp(steps, places, tones[:, channel]) for channel in range(3)], 1).astype(np.float32)[None]


class Relief:
    """A window of the canvas in which parts are piled up, then lit and painted together."""

    def __init__(self, canvas: Canvas, shapes: list[np.ndarray], margin: float = 0.04):
        """The window holds ``shapes`` (pixels) and ``margin`` units around them, within the image."""
        self.canvas, self.unit = canvas, canvas.scene.unit
        x0, y0, x1, y1 = bounds(shapes, margin * self.unit, canvas.alpha.shape)
        self.origin, size = np.array((x0, y0)), (x1 - x0, y1 - y0)
        self.empty = min(size) < 2
        self.window = slice(y0, y1), slice(x0, x1)
        self.height = np.zeros(size[::-1], np.float32)
        self.cover = np.zeros(size[::-1], np.uint8)
        self.tone: np.ndarray | None = None

    def _fill(self, mask: np.ndarray, outlines, origin) -> None:
        if self.empty:
            return
        stacked = isinstance(outlines, np.ndarray)
        for polygon in fixed(outlines, origin) if stacked else (fixed(outline, origin) for outline in outlines):
            cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, 4)

    def mask(self, outlines) -> np.ndarray:
        """(h, w) uint8: these outlines, filled, whether they are piled up or not."""
        mask = np.zeros_like(self.cover)
        self._fill(mask, outlines, self.origin)
        return mask

    def part(self, points: np.ndarray, margin: float = 0.04) -> "Relief":
        """A smaller window of the same relief, around these points."""
        small = object.__new__(Relief)
        small.canvas, small.unit = self.canvas, self.unit
        x0, y0, x1, y1 = bounds(points, margin * self.unit, self.cover.shape, self.origin)
        window = slice(y0, y1), slice(x0, x1)
        small.origin = self.origin + np.array((x0, y0))
        small.empty = self.empty or min(x1 - x0, y1 - y0) < 2
        left, top = small.origin.tolist()
        small.window = slice(top, top + y1 - y0), slice(left, left + x1 - x0)
        small.height, small.cover, small.tone = self.height[window], self.cover[window], self.tone[window]
        return small

    def pile(self, outlines, radius: float, lift: float = 0.0, rise: float = 1.0) -> None:
        """Add a part that is rounded over ``radius`` units from its edge, and ``lift`` units nearer than the ground.

        ``rise`` is its height as a share of the radius: 1 for something round, less for something flat.
        """
        if self.empty:
            return
        x0, y0, x1, y1 = bounds(outlines, 2, self.cover.shape, self.origin)
        if min(x1 - x0, y1 - y0) < 2:
            return
        part = np.zeros((y1 - y0, x1 - x0), np.uint8)
        self._fill(part, outlines, self.origin + np.array((x0, y0)))
        near = cv2.distanceTransform(part, cv2.DIST_L2, 3)
        reach = radius * self.unit
        np.minimum(near, reach, out=near)
        dome = 2 * reach - near
        dome *= near
        dome = cv2.sqrt(dome, dst=dome)  # the profile of a circle
        if rise != 1:
            dome *= rise
        if lift:
            np.add(dome, lift * self.unit, out=dome, where=part > 127)
        region = slice(y0, y1), slice(x0, x1)
        np.maximum(self.height[region], dome, out=self.height[region])
        np.maximum(self.cover[region], part, out=self.cover[region])

    def bump(self, centres: np.ndarray, radius: float, rise: float) -> None:
        """Soft mounds (rise > 0) or hollows on what is piled up, as knuckles are."""
        soft = self.mask(ellipses(centres, (radius * self.unit,) * 2))
        soft = cv2.blur(soft, (self._odd(radius), self._odd(radius)))
        self.height += soft * np.float32(rise * self.unit / 255)

    def _odd(self, length: float) -> int:
        return 2 * round(length * self.unit / 2) + 1

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
        tone /= cv2.sqrt(across)
        hollow = cv2.addWeighted(
            height, crease * 3.2 / self.unit, cv2.blur(height, (self._odd(0.16),) * 2), -crease * 3.2 / self.unit, 0
        )
        tone += np.minimum(hollow, 0, out=hollow)
        tone += np.float32(0.2 * FACING)
        self.tone = tone

    def lines(self, curves: list[np.ndarray], strength: float, width: float = 0.012, soft: bool = True) -> None:
        """Darken (strength > 0) or lighten along curves, pixels."""
        if self.empty:
            return
        mask = np.zeros_like(self.cover)
        thickness = max(1, round(width * self.unit))
        cv2.polylines(mask, [fixed(curve, self.origin) for curve in curves], False, 255, thickness, cv2.LINE_AA, 4)
        if soft:
            mask = cv2.GaussianBlur(mask, (3, 3), 0)
        self.tone -= mask * np.float32(strength / 255)

    def shade(self, mask: np.ndarray, amount: float) -> None:
        """Darken (amount > 0) or lighten where ``mask`` (uint8) is."""
        if not self.empty:
            self.tone -= mask * np.float32(amount / 255)

    def shadow(self, strength: float = 0.45, reach: float = 0.07) -> None:
        """Let the parts piled up so far keep the light from what lies behind them."""
        if self.empty:
            return
        away = (-reach * self.unit * self.canvas.scene.light).tolist()
        pad = math.ceil((reach + 0.1) * self.unit)
        rows, columns = self.window
        limit = self.canvas.alpha.shape
        window = (
            slice(max(rows.start - pad, 0), min(rows.stop + pad, limit[0])),
            slice(max(columns.start - pad, 0), min(columns.stop + pad, limit[1])),
        )
        size = window[1].stop - window[1].start, window[0].stop - window[0].start
        small = max(1, size[0] // 2), max(1, size[1] // 2)  # it is blurred: half the size will do
        x, y = small[0] / size[0], small[1] / size[1]
        blur = (2 * round(0.09 * self.unit / 4) + 1,) * 2

        def cast(dx, dy):
            shift = columns.start - window[1].start + dx, rows.start - window[0].start + dy
            matrix = np.array([[x, 0, shift[0] * x], [0, y, shift[1] * y]], np.float32)
            return cv2.blur(cv2.warpAffine(self.cover, matrix, small), blur)

        shadow = cv2.max(cv2.blur(cast(*away), blur), cast(0, 0) // 2)  # where it touches, from all sides
        shadow = cv2.resize(shadow, size, interpolation=cv2.INTER_LINEAR)
        self.canvas.darken(window, shadow, strength)

    def paint(self, ramp: np.ndarray, mask: np.ndarray | None = None, opacity: float = 1.0, edge: float = 0.25) -> None:
        """Put the lit parts (or those in ``mask``) on the canvas in the tones of a material.

        ``edge`` darkens the outline, as an illustrator's line does.
        """
        if self.empty:
            return
        mask = self.cover if mask is None else cv2.min(mask, self.cover)
        tone = self.tone
        if edge:
            size = max(3, self._odd(0.025))
            rim = cv2.subtract(255, cv2.blur(mask, (size, size)))
            tone = tone - rim * np.float32(edge / 128)
        level = cv2.multiply(tone, 255.0, dtype=cv2.CV_8U)
        colour = cv2.LUT(cv2.merge([level, level, level]), ramp)
        self.blend(colour, mask, opacity)

    def blend(self, colour: np.ndarray, mask: np.ndarray, opacity: float = 1.0) -> None:
        """Cover the canvas with ``colour`` ((h, w, 3) or (3,), in [0, 1]) where ``mask`` (uint8) is."""
        if self.empty:
            return
        share = mask * np.float32(opacity / 255)
        image, alpha = self.canvas.image[self.window], self.canvas.alpha[self.window]
        change = np.asarray(colour, np.float32) - image
        change *= cv2.merge([share, share, share])  # much faster than broadcasting over the channels
        image += change
        alpha += share * (1 - alpha)


def solid(canvas, outlines, ramp, radius=0.1, rise=1.0, body=None, lines=(), shadow=0.45, edge=0.25, smooth=0.015):
    """Draw one rounded part; ``body`` (outlines) gives the form where it is larger than what is seen of it."""
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
