"""Things in front of a synthetic face: hands, hair, and what people hold up, wear or look past.

Solid things are modelled like relief: parts are piled up as a height map over a window of the image, the relief is lit
from the direction that lights the face, and its tones are looked up in a ramp from deep shadow to highlight. Hands are
chains of tapering segments in the proportions of anatomy: the outer corners of the eyes are about 9 cm apart, so a unit
is 9 cm. Coordinates are pixels, (x, y), integers are pixel centres; "left" is the image's left.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from numbers import Real

import cv2
import numpy as np

from awing_lib.errors import AwingError


class OccluderError(AwingError):
    """A kind, image or scene that nothing can be drawn from."""


@dataclass(frozen=True)
class Scene:
    """The face that something is drawn in front of.

    Attributes:
        landmarks: (98, 2) of the WFLW layout, pixels.
        unit: distance of the outer eye corners seen from the front, pixels (in profile: the face's size / 2.2).
        skin: (3,) RGB in [0, 1], the colour of the person's hands.
        light: (2,) unit vector in the image, y down, to where the light comes from.
        hair: (3,) RGB in [0, 1], or None for any plausible colour.
        cloth: (3,) RGB in [0, 1], the colour of the sleeves, or None for any restrained colour.

    Raises:
        OccluderError: a field has another shape or values out of range.
    """

    landmarks: np.ndarray
    unit: float
    skin: np.ndarray
    light: np.ndarray
    hair: np.ndarray | None = None
    cloth: np.ndarray | None = None

    def __post_init__(self):
        colours = {"skin": self.skin, "hair": self.hair, "cloth": self.cloth}
        colours = {name: value for name, value in colours.items() if name == "skin" or value is not None}
        for name, value, shape in (
            ("landmarks", self.landmarks, (98, 2)),
            ("light", self.light, (2,)),
            *((name, value, (3,)) for name, value in colours.items()),
        ):
            try:
                array = np.asarray(value, np.float64)
            except (TypeError, ValueError) as error:
                raise OccluderError(f"{name}: expected numbers {shape}, got {type(value).__name__}") from error
            if array.shape != shape or not np.isfinite(array).all():
                raise OccluderError(f"{name}: expected finite numbers {shape}, got {value!r}")
            if name in colours and not ((array >= 0) & (array <= 1)).all():
                raise OccluderError(f"{name}: expected RGB from 0 to 1, got {array.tolist()}")
            object.__setattr__(self, name, array)
        if not isinstance(self.unit, Real) or isinstance(self.unit, bool) or not 4 <= self.unit <= 4096:
            raise OccluderError(f"unit must be from 4 to 4096 pixels, got {self.unit!r}")
        if not abs(np.hypot(*self.light) - 1) < 1e-3:
            raise OccluderError(f"light must be a vector of length 1, got {self.light.tolist()}")


def draw_occluder(kind: str, image: np.ndarray, scene: Scene, generator: np.random.Generator) -> np.ndarray:
    """Draw one thing in front of the face, with its shadow.

    Args:
        kind: one of :data:`KINDS`.
        image: (H, W, 3) float32 RGB in [0, 1]; drawn on in place.
        scene: the face and its light.
        generator: source of all randomness; the same state draws the same thing.

    Returns:
        (H, W) float32 opacity of what was drawn, in [0, 1]; landmarks where it is above 0.5 are hidden. The soft shadow
        around it is not part of it.

    Raises:
        OccluderError: the kind is unknown, or the image or the scene is of another kind.
    """
    if kind not in _DRAWERS:
        raise OccluderError(f"no occluder {kind!r}; there are {', '.join(KINDS)}")
    if not isinstance(image, np.ndarray) or image.dtype != np.float32 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise OccluderError(f"image: expected float32 RGB (H, W, 3), got {found}")
    if 0 in image.shape:
        raise OccluderError(f"image: {image.shape} has no pixels")
    if not isinstance(scene, Scene):
        raise OccluderError(f"scene: expected a Scene, got {type(scene).__name__}")
    canvas = _Canvas(image, scene, generator)
    _DRAWERS[kind][0](canvas)
    return canvas.alpha


def sample_kind(generator: np.random.Generator) -> str:
    """A kind of occluder, hands and hair most often."""
    shares = np.cumsum([share for _, share in _DRAWERS.values()])
    return KINDS[int(np.searchsorted(shares / shares[-1], generator.random()))]


# -- colour and shape -------------------------------------------------------------------------------------------------


def _mix(first, second, share: float) -> np.ndarray:
    return np.asarray(first) * (1 - share) + np.asarray(second) * share


_FACING = 0.74  # tone of a surface that faces the viewer


def _ramp(colour, gloss: float = 0.0, depth: float = 1.0) -> np.ndarray:
    """(1, 256, 3) float32 tones of a material, from deep shadow to highlight; shadows are richer, lights paler."""
    return _tones(tuple(np.clip(np.asarray(colour, float), 0, 1).tolist()), gloss, depth)


@lru_cache(256)
def _tones(colour: tuple, gloss: float, depth: float) -> np.ndarray:
    colour = np.array(colour)
    rich = colour ** (1 + 0.35 * depth)  # a darker tone of the same hue, more saturated
    tones = np.array(
        [
            _mix(colour, rich * 0.3, depth),
            _mix(colour, rich * 0.66, depth),
            _mix(colour, rich * 0.95, 0.4 * depth),
            colour,
            _mix(colour, (1.0, 0.97, 0.92), 0.2 + 0.15 * gloss),
            _mix(colour, (1.0, 1.0, 1.0), 0.3 + 0.65 * gloss),
        ]
    )
    places = (0, 0.38, 0.6, _FACING, 0.93, 1.0)
    steps = np.linspace(0, 1, 256)
    return np.stack([np.interp(steps, places, tones[:, channel]) for channel in range(3)], 1).astype(np.float32)[None]


_TURN = np.linspace(0, 1, 11)


def _capsules(joints: np.ndarray, radii) -> np.ndarray:
    """(K - 1, 22, 2) outlines of the tapering rounded segments between K joints."""
    return _chains([joints], [radii])[0]


def _chains(joints: list, radii: list) -> list[np.ndarray]:
    """The capsules of several chains of joints at once."""
    starts, ends = np.concatenate([chain[:-1] for chain in joints]), np.concatenate([chain[1:] for chain in joints])
    first, last = np.concatenate([sizes[:-1] for sizes in radii]), np.concatenate([sizes[1:] for sizes in radii])
    steps = ends - starts
    lengths = np.maximum(np.hypot(steps[:, 0], steps[:, 1]), 1e-6)
    # where the two common tangents touch the circles
    open_ = np.arccos(np.maximum(np.minimum((first - last) / lengths, 0.98), -0.98))[:, None]
    heading = np.arctan2(steps[:, 1], steps[:, 0])[:, None]
    count = len(_TURN)
    angles = np.concatenate([heading + open_ + _TURN * (2 * np.pi - 2 * open_), heading - open_ + _TURN * 2 * open_], 1)
    outlines = np.empty((len(steps), 2 * count, 2))
    np.cos(angles, out=outlines[..., 0])
    np.sin(angles, out=outlines[..., 1])
    outlines[:, :count] = outlines[:, :count] * first[:, None, None] + starts[:, None]
    outlines[:, count:] = outlines[:, count:] * last[:, None, None] + ends[:, None]
    cuts = np.cumsum([len(chain) - 1 for chain in joints])[:-1]
    return np.split(outlines, cuts)


_CIRCLE = np.stack([np.cos(_ANGLES := np.linspace(0, 2 * np.pi, 24, endpoint=False)), np.sin(_ANGLES)], 1)


def _ellipses(centres, axes, angles=0.0) -> np.ndarray:
    """(N, 24, 2) outlines of ellipses: centres (N, 2), half axes (N, 2) or (2,), turned by ``angles`` radians."""
    centres = np.atleast_2d(np.asarray(centres, float))
    points = _CIRCLE * np.asarray(axes, float).reshape(-1, 1, 2)
    cos, sin = np.cos(angles), np.sin(angles)
    turn = np.array([[cos, sin], [-sin, cos]]).reshape(2, 2, -1).transpose(2, 0, 1)
    return centres[:, None] + points @ turn


def _ellipse(centre, axes, angle: float = 0.0) -> np.ndarray:
    """(24, 2) outline of one ellipse."""
    return _ellipses(centre, axes, angle)[0]


def _curve(points, count: int = 24, closed: bool = False) -> np.ndarray:
    """(about count, 2) smooth curve through ``points`` (Catmull-Rom)."""
    points = np.asarray(points, float)
    ends = (points[-1:], points[:2]) if closed else (2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1])
    padded = np.concatenate([ends[0], points, ends[1]])
    p0, p1, p2, p3 = (padded[k : len(padded) - 3 + k][:, None] for k in range(4))
    t = np.linspace(0, 1, max(2, count // len(p1)), endpoint=False)[:, None]
    middle = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * (p1 - p2) + p3 - p0) * t**3)
    flat = middle.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, points[-1:]])


def _bezier(first, control, last, count: int = 16) -> np.ndarray:
    """(count, 2) quadratic curve from ``first`` to ``last``, drawn towards ``control``."""
    return _weights(count) @ np.array((first, control, last), float)


@cache
def _weights(count: int) -> np.ndarray:
    t = np.linspace(0, 1, count)
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], 1)


def _fixed(points: np.ndarray, origin) -> np.ndarray:
    """Points as OpenCV takes them with ``shift=4``, counted from ``origin``."""
    return np.rint((np.asarray(points) - origin) * 16).astype(np.int32)


@cache
def _shades(strength: float, red: float) -> np.ndarray:
    """(1, 256, 3) float32: share of the light that is left, by shadow 0 to 255; ``red`` is red's part of the loss."""
    steps = np.linspace(0, 1, 256)[:, None]
    return (1 - strength * steps * (red, 1.0, 1.0)).astype(np.float32)[None]


def _bounds(shapes, pad: float, shape: tuple, origin=(0, 0)) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the window of an array of this ``shape`` that holds the outlines and ``pad`` pixels around."""
    stacked = isinstance(shapes, np.ndarray)
    points = shapes.reshape(-1, 2) if stacked else np.concatenate([np.reshape(part, (-1, 2)) for part in shapes])
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    height, width = shape
    x0 = min(max(math.floor(left - origin[0] - pad), 0), width)
    y0 = min(max(math.floor(top - origin[1] - pad), 0), height)
    x1 = min(max(math.ceil(right - origin[0] + pad) + 1, x0), width)
    y1 = min(max(math.ceil(bottom - origin[1] + pad) + 1, y0), height)
    return x0, y0, x1, y1


class _Canvas:
    """The image, what of it is covered, and the face's own directions."""

    def __init__(self, image: np.ndarray, scene: Scene, generator: np.random.Generator):
        self.image, self.scene, self.generator = image, scene, generator
        self.alpha = np.zeros(image.shape[:2], np.float32)
        points = scene.landmarks
        self.eyes = points[60:68].mean(0), points[68:76].mean(0)
        self.mouth, self.chin, self.nose = points[76:88].mean(0), points[16], points[54]
        down = self.mouth - (self.eyes[0] + self.eyes[1]) / 2
        self.down = down / max(float(np.hypot(*down)), 1e-6)
        self.right = np.array([self.down[1], -self.down[0]])

    def frame(self, anchor, angle: float = 0.0, side: int = 1, scale: float = 1.0) -> Callable:
        """Maps points (..., 2), in units, to pixels: turned by ``angle`` degrees, mirrored for side -1, face-wise."""
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        turn = np.array([[cos * side, sin], [-sin * side, cos]])  # row vectors: (x, y) @ turn
        matrix = turn @ np.array([self.right, self.down]) * (self.scene.unit * scale)
        anchor = np.asarray(anchor, float)
        return lambda points: np.asarray(points, float) @ matrix + anchor

    def side(self) -> int:
        """Image-left (-1) or image-right (1), by chance."""
        return 1 if self.generator.random() < 0.5 else -1

    def darken(self, window: tuple[slice, slice], shadow: np.ndarray, strength: float, red: float = 0.85) -> None:
        """Take ``strength`` of the light where ``shadow`` (uint8) is 255; skin lets some of the red through."""
        self.image[window] *= cv2.LUT(cv2.merge([shadow] * 3), _shades(strength, red))


class _Relief:
    """A window of the canvas in which parts are piled up, then lit and painted together."""

    def __init__(self, canvas: _Canvas, shapes: list[np.ndarray], margin: float = 0.04):
        """The window holds ``shapes`` (pixels) and ``margin`` units around them, within the image."""
        self.canvas, self.unit = canvas, canvas.scene.unit
        x0, y0, x1, y1 = _bounds(shapes, margin * self.unit, canvas.alpha.shape)
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
        for polygon in _fixed(outlines, origin) if stacked else (_fixed(outline, origin) for outline in outlines):
            cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, 4)

    def mask(self, outlines) -> np.ndarray:
        """(h, w) uint8: these outlines, filled, whether they are piled up or not."""
        mask = np.zeros_like(self.cover)
        self._fill(mask, outlines, self.origin)
        return mask

    def part(self, points: np.ndarray, margin: float = 0.04) -> "_Relief":
        """A smaller window of the same relief, around these points."""
        small = object.__new__(_Relief)
        small.canvas, small.unit = self.canvas, self.unit
        x0, y0, x1, y1 = _bounds(points, margin * self.unit, self.cover.shape, self.origin)
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
        x0, y0, x1, y1 = _bounds(outlines, 2, self.cover.shape, self.origin)
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
        soft = self.mask(_ellipses(centres, (radius * self.unit,) * 2))
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
        tone = cv2.addWeighted(across, -0.8 * x, along, -0.8 * y, 0.8 * _FACING)
        across *= across
        along *= along
        across += along
        across += 1
        tone /= cv2.sqrt(across)
        hollow = cv2.addWeighted(
            height, crease * 3.2 / self.unit, cv2.blur(height, (self._odd(0.16),) * 2), -crease * 3.2 / self.unit, 0
        )
        tone += np.minimum(hollow, 0, out=hollow)
        tone += np.float32(0.2 * _FACING)
        self.tone = tone

    def lines(self, curves: list[np.ndarray], strength: float, width: float = 0.012, soft: bool = True) -> None:
        """Darken (strength > 0) or lighten along curves, pixels."""
        if self.empty:
            return
        mask = np.zeros_like(self.cover)
        thickness = max(1, round(width * self.unit))
        cv2.polylines(mask, [_fixed(curve, self.origin) for curve in curves], False, 255, thickness, cv2.LINE_AA, 4)
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


# -- hands ------------------------------------------------------------------------------------------------------------
# A hand has its own frame, in units: fingers point to -y, the knuckles lie about y = 0, the wrist at y = 1; the thumb
# is on the side of +x. Fingers in the order index, middle, ring, little finger.

_KNUCKLES = np.array([(0.30, 0.01), (0.10, -0.045), (-0.105, -0.01), (-0.295, 0.085)])
_BONES = np.array([(0.45, 0.27, 0.19), (0.50, 0.31, 0.20), (0.46, 0.29, 0.20), (0.36, 0.21, 0.17)])
_RADII = np.array(
    [
        (0.108, 0.102, 0.088, 0.070),
        (0.110, 0.105, 0.090, 0.072),
        (0.104, 0.099, 0.085, 0.068),
        (0.092, 0.084, 0.074, 0.060),
    ]
)
_PALM = np.array(
    ((0.40, 0.0), (0.28, -0.09), (0.08, -0.13), (-0.14, -0.09), (-0.34, 0.01), (-0.405, 0.16), (-0.36, 0.55),
     (-0.255, 0.90), (-0.245, 1.06), (0.245, 1.06), (0.27, 0.88), (0.385, 0.6), (0.415, 0.28))
)  # fmt: skip


@dataclass(frozen=True)
class _Pose:
    """How a hand is held: each finger's sideways angle (degrees, positive to the thumb), and its curl from 0 to 1."""

    spread: tuple
    curl: tuple
    thumb: tuple  # joints (4, 2) in the hand's frame; empty: hidden
    palm: bool = False  # whether its inner side is seen


_THUMB_OPEN = ((0.20, 0.80), (0.45, 0.46), (0.60, 0.16), (0.66, -0.10))
_THUMB_ALONG = ((0.20, 0.80), (0.43, 0.44), (0.47, 0.12), (0.42, -0.14))
_THUMB_ACROSS = ((0.22, 0.78), (0.44, 0.46), (0.24, 0.30), (-0.02, 0.26))


def _hand(canvas: _Canvas, place: Callable, pose: _Pose, arm: float = 0.0, long_nails: bool | None = None) -> None:
    """Draw a hand and its forearm; ``arm`` is the bend of the wrist, degrees."""
    generator, unit = canvas.generator, canvas.scene.unit
    fingers, tips = [], []
    jitter = generator.normal(0, 1, (4, 4))
    for which in range(4):
        angle = np.radians(pose.spread[which] + 1.5 * jitter[which, 0])
        curl = np.clip(pose.curl[which] + 0.02 * jitter[which, 1], 0, 1)
        bends = curl * np.radians((80, 185, 240))
        reach = _BONES[which] * np.cos(bends)
        radii = _RADII[which]
        if not pose.palm:  # what folds away behind the hand is not seen
            seen = 1 + int((bends[1:] < np.pi / 2).sum())
            reach, radii = reach[:seen], radii[: seen + 1]
        turns = angle + np.radians(1.5) * jitter[which, 2] * np.arange(len(reach))
        steps = reach[:, None] * np.stack([np.sin(turns), -np.cos(turns)], 1)
        joints = _KNUCKLES[which] + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])
        fingers.append((place(joints), radii, curl))
        if np.cos(bends[2]) > 0.3 and not pose.palm:
            tips.append((joints[-2], joints[-1], radii[-1]))
    scale = float(np.hypot(*(place((0.0, 1.0)) - place((0.0, 0.0))))) / unit  # a hand's units in the face's

    bend = np.radians(arm)
    forearm = np.array(
        [(0.0, 1.0), (np.sin(bend) * 1.1, 1.0 + 1.1 * np.cos(bend)), (np.sin(bend) * 3, 1.0 + 3 * np.cos(bend))]
    )
    arm_outline = _capsules(place(forearm), np.array([0.245, 0.29, 0.40]) * scale * unit)
    palm_outline = _curve(place(_PALM), 52, closed=True)
    # folded fingers press against each other
    wide = [1.1 if pose.palm and curl > 0.6 else 1.0 for *_, curl in fingers]
    sizes = [radii * (scale * unit * w) for (_, radii, _), w in zip(fingers, wide, strict=True)]
    shapes = _chains([joints for joints, *_ in fingers], sizes)
    thumb = np.array(pose.thumb) if pose.thumb else None
    if thumb is not None:
        thumb = thumb + generator.normal(0, 0.012, (4, 2)) * ((0,), (0.5,), (1,), (1,))
        thumb_radii = np.array([0.19, 0.135, 0.108, 0.078])
        thumb_shape = _capsules(place(thumb), thumb_radii * scale * unit)

    relief = _Relief(canvas, [palm_outline, *shapes, *([thumb_shape] if thumb is not None else []), *arm_outline])
    if relief.empty:
        return
    relief.pile(arm_outline, 0.28 * scale, rise=0.6)
    relief.pile([palm_outline], 0.26 * scale, rise=0.66)  # as high as the forearm, so that no step shows
    for (_, _, curl), shape in reversed(list(zip(fingers, shapes, strict=True))):
        folded = pose.palm and curl > 0.6
        relief.pile(shape, 0.105 * scale, lift=(0.16 if folded else 0.085) * scale)
    if thumb is not None:
        across = pose.palm and pose.thumb is _THUMB_ACROSS
        if across:
            relief.pile(thumb_shape[1:], 0.115 * scale, lift=0.30 * scale)
            relief.pile(thumb_shape[:1], 0.17 * scale, lift=0.12 * scale)
        else:
            relief.pile(thumb_shape, 0.125 * scale, lift=0.07 * scale)
            tips.append((thumb[-2], thumb[-1], thumb_radii[-1]))
    if not pose.palm:
        relief.bump(place(np.add(_KNUCKLES, (0.0, 0.02))), 0.08 * scale, 0.05 * scale)
        valleys = (_KNUCKLES[:-1] + _KNUCKLES[1:]) / 2
        relief.bump(place(valleys), 0.045 * scale, -0.03 * scale)
    relief.light(smooth=0.02 * scale)

    wrinkles = []
    if pose.palm:
        wrinkles += [
            place(_bezier((0.36, 0.12), (0.12, 0.24), (-0.2, 0.40))),
            place(_bezier((-0.38, 0.22), (-0.1, 0.2), (0.12, 0.04))),
        ]
        wrinkles.append(place(_bezier((0.34, 0.16), (0.02, 0.45), (0.08, 0.92))))
    folds = []  # joint, the one after it, the one before it, radius there, shift along the finger in radii
    for joints, radii, curl in fingers:
        if curl <= 0.5:
            for joint in range(1, len(radii) - 1):
                shifts = (-0.22, 0.22) if joint == 1 else (0.0,)
                folds += [
                    (*joints[joint], *joints[joint + 1], *joints[joint - 1], radii[joint], shift) for shift in shifts
                ]
    if folds:
        folds = np.array(folds)
        along = folds[:, 2:4] - folds[:, 4:6]
        along /= np.maximum(np.hypot(*along.T), 1e-6)[:, None]
        along, over = along[:, None], (along[:, ::-1] * (-1, 1))[:, None]
        shift, width = folds[:, 7, None, None], folds[:, 6, None, None] * scale * unit
        t = np.linspace(-1, 1, 5)[:, None]
        reach = (0.62 - np.abs(shift)) * t
        wrinkles += list(folds[:, None, :2] + width * (over * reach + along * shift * (1 - 0.5 * t**2)))
    relief.lines(wrinkles, 0.13, 0.011)
    relief.shadow(0.5)
    skin = canvas.scene.skin
    relief.paint(_ramp(skin, 0.05))
    # blood shows at knuckles and fingertips
    spots = np.array([joints[k] for joints, radii, _ in fingers for k in (1, len(radii) - 1)])
    knuckles = relief.part(spots, 0.15)
    if not knuckles.empty:
        flush = cv2.blur(knuckles.mask(_ellipses(spots, (0.085 * scale * unit,) * 2)), (relief._odd(0.12),) * 2)
        canvas.darken(knuckles.window, cv2.min(flush, knuckles.cover), 0.12, red=0.0)
    _nails(canvas, relief, place, tips, scale, long_nails)
    if generator.random() < 0.65:
        _sleeve(canvas, place, forearm, scale)


def _nails(canvas, relief, place, tips, scale: float, painted: bool | None) -> None:
    generator, skin = canvas.generator, canvas.scene.skin
    painted = generator.random() < 0.25 if painted is None else painted
    colour = _mix(skin, (1.0, 0.84, 0.82), 0.32)
    if painted:
        colour = np.array(
            [(0.62, 0.1, 0.16), (0.75, 0.35, 0.4), (0.3, 0.08, 0.14), (0.85, 0.6, 0.58)][generator.integers(4)]
        )
    unit = canvas.scene.unit
    if not tips or relief.empty:
        return
    ends = place(np.array([(joint, tip) for joint, tip, _ in tips]))
    heading = ends[:, 1] - ends[:, 0]
    heading /= np.maximum(np.hypot(*heading.T), 1e-6)[:, None]
    size = np.array([radius for *_, radius in tips])[:, None] * scale * unit
    angles = np.arctan2(heading[:, 1], heading[:, 0])
    centres = ends[:, 1] + heading * (0.28 if painted else 0.12) * size
    beds = _ellipses(centres, (0.82, 0.66) * size, angles)
    plates = _ellipses(centres + 0.04 * size * heading, (0.72, 0.56) * size, angles)
    over = heading[:, ::-1] * (-1, 1)
    gleams = centres + over * np.sign(over @ canvas.scene.light)[:, None] * 0.2 * size
    nails = relief.part(beds.reshape(-1, 2))
    if nails.empty:
        return
    bed = nails.mask(beds)
    nails.shade(bed, 0.16)
    nails.paint(_ramp(skin), mask=bed, edge=0, opacity=0.75)
    nails.shade(bed, -0.2)
    nails.lines(list(gleams[:, None] + heading[:, None] * size[:, None] * [[-0.35], [0.35]]), -0.3, 0.02)
    nails.paint(_ramp(colour, 0.5), mask=nails.mask(plates), edge=0.1)


def _sleeve(canvas, place, forearm, scale: float) -> None:
    """A cuff and the sleeve behind it."""
    generator = canvas.generator
    start = generator.uniform(0.25, 0.7)
    along = forearm[-1] - forearm[0]
    along /= np.hypot(*along)
    over = np.array([along[1], -along[0]])
    edge = forearm[0] + along * start
    wide = 0.33 + 0.03 * start
    outline = np.array(
        [
            edge - over * wide,
            edge + along * 0.06,
            edge + over * wide,
            *(edge + along * 3 + over * wide * s for s in (1.7, -1.7)),
        ]
    )
    body = np.concatenate([place(_bezier(outline[0], outline[1] + along * 0.04, outline[2], 9)), place(outline[3:])])
    relief = _Relief(canvas, [body])
    if relief.empty:
        return
    relief.pile([body], 0.30 * scale, rise=0.8)
    folds = []
    for shift in generator.uniform(0.25, 1.4, 4):
        spot = edge + along * shift + over * generator.uniform(-0.3, 0.3) * wide
        folds.append(place(_bezier(spot - over * 0.3, spot + along * 0.12, spot + over * 0.3 + along * 0.1, 8)))
    relief.light(smooth=0.03)
    relief.lines(folds, 0.2, 0.035)
    relief.lines(
        [place(_bezier(*(point + along * 0.09 for point in (outline[0], outline[1], outline[2])), 9))], 0.2, 0.012
    )
    relief.shadow(0.45)
    cloth = canvas.scene.cloth
    relief.paint(_ramp(_cloth(generator) if cloth is None else cloth, 0.0, 0.9))


def _cloth(generator) -> np.ndarray:
    """A restrained colour of clothing."""
    colours = [(0.16, 0.2, 0.3), (0.82, 0.8, 0.76), (0.2, 0.2, 0.22), (0.46, 0.2, 0.2), (0.32, 0.4, 0.36)]
    colours += [(0.55, 0.47, 0.38), (0.38, 0.48, 0.6), (0.7, 0.55, 0.5), (0.62, 0.6, 0.58)]
    return np.clip(np.array(colours[generator.integers(len(colours))]) + generator.normal(0, 0.02, 3), 0.05, 0.95)


def _size_of_hand(canvas) -> float:
    return float(canvas.generator.uniform(0.86, 1.02))


def _hand_over_mouth(canvas: _Canvas) -> None:
    """Fingers across the mouth, thumb on the near cheek."""
    generator, side = canvas.generator, canvas.side()
    size = _size_of_hand(canvas)
    angle = generator.uniform(-82, -48)
    place = canvas.frame(canvas.mouth, angle, side, size)
    reach = place((0.0, 0.0)) - place(generator.uniform((-0.08, -0.62), (0.08, -0.4)))
    place = canvas.frame(canvas.mouth + reach, angle, side, size)
    gap = generator.uniform(0, 3)
    pose = _Pose(
        (2 * gap, 0.5 * gap, -gap, -2.5 * gap),
        tuple(generator.uniform(0.03, 0.16, 4)),
        _THUMB_OPEN if generator.random() < 0.6 else _THUMB_ALONG,
    )
    _hand(canvas, place, pose, arm=generator.uniform(-55, -20))


def _chin_on_fist(canvas: _Canvas) -> None:
    """The chin rests on a fist."""
    generator, side = canvas.generator, canvas.side()
    size = _size_of_hand(canvas)
    place = canvas.frame(
        canvas.chin
        + canvas.scene.unit
        * (side * generator.uniform(-0.1, 0.25) * canvas.right + generator.uniform(-0.22, 0.02) * canvas.down),
        generator.uniform(-20, 12),
        side,
        size,
    )
    pose = _Pose((3, 1, -1, -4), (0.9, 0.92, 0.92, 0.9), _THUMB_ACROSS, palm=True)
    _hand(canvas, place, pose, arm=generator.uniform(-15, 25))


def _hand_on_cheek(canvas: _Canvas) -> None:
    """The head leans on a hand, its fingers along the cheek."""
    generator, side = canvas.generator, canvas.side()
    jaw = canvas.scene.landmarks[9 if side < 0 else 23]
    place = canvas.frame(
        jaw
        + canvas.scene.unit
        * (generator.uniform(-0.08, 0.12) * side * canvas.right + generator.uniform(-0.05, 0.2) * canvas.down),
        generator.uniform(-32, -8),
        side,
        _size_of_hand(canvas),
    )
    gap = generator.uniform(1, 7)
    pose = _Pose(
        (2 * gap, gap, -0.5 * gap, -2 * gap), tuple(np.array([0.1, 0.14, 0.2, 0.3]) + generator.uniform(-0.08, 0.1)), ()
    )
    _hand(canvas, place, pose, arm=generator.uniform(0, 30))


def _hand_before_eye(canvas: _Canvas) -> None:
    """A hand held before one eye."""
    generator, side = canvas.generator, canvas.side()
    eye = canvas.eyes[0 if side < 0 else 1]
    angle, size = generator.uniform(-40, 5), _size_of_hand(canvas)
    place = canvas.frame(eye, angle, side, size)
    place = canvas.frame(2 * eye - place(generator.uniform((-0.1, -0.55), (0.15, 0.1))), angle, side, size)
    gap = generator.uniform(0, 9)
    pose = _Pose((2 * gap, 0.6 * gap, -0.8 * gap, -2.2 * gap), tuple(generator.uniform(0.02, 0.18, 4)), _THUMB_OPEN)
    _hand(canvas, place, pose, arm=generator.uniform(-10, 25))


def _victory(canvas: _Canvas) -> None:
    """Two fingers in a V, before an eye or the cheek."""
    generator, side = canvas.generator, canvas.side()
    eye = canvas.eyes[0 if side < 0 else 1]
    angle, size = generator.uniform(-62, -15), _size_of_hand(canvas)
    place = canvas.frame(eye, angle, side, size)
    target = generator.uniform((0.12, -0.75), (0.28, -0.45))
    place = canvas.frame(2 * eye - place(target), angle, side, size)
    pose = _Pose((16 + generator.uniform(-3, 5), -10, -3, -6), (0.04, 0.03, 0.92, 0.9), _THUMB_ACROSS, palm=True)
    _hand(canvas, place, pose, arm=generator.uniform(-10, 25))


def _hush(canvas: _Canvas) -> None:
    """A finger on the lips."""
    generator, side = canvas.generator, canvas.side()
    angle, size = generator.uniform(-22, 8), _size_of_hand(canvas)
    place = canvas.frame(canvas.mouth, angle, side, size)
    place = canvas.frame(2 * canvas.mouth - place((0.3, generator.uniform(-0.72, -0.5))), angle, side, size)
    pose = _Pose((0, 1, -1, -4), (0.03, 0.9, 0.92, 0.9), _THUMB_ACROSS, palm=True)
    _hand(canvas, place, pose, arm=generator.uniform(0, 30))


# -- things that people hold ------------------------------------------------------------------------------------------


def _solid(canvas, outlines, ramp, radius=0.1, rise=1.0, body=None, lines=(), shadow=0.45, edge=0.25, smooth=0.015):
    """Draw one rounded part; ``body`` (outlines) gives the form where it is larger than what is seen of it."""
    relief = _Relief(canvas, outlines)
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


def _grip(canvas, place: Callable, front: bool, count: int = 4, thumb: bool = True) -> None:
    """A hand around something upright: in the frame of ``place`` its axis is x = 0, and the hand comes from +x.

    Call it before (``front`` False: back of the hand and arm) and after drawing the thing (its fingers).
    """
    unit = canvas.scene.unit
    ramp = _ramp(canvas.scene.skin, 0.05)
    if not front:
        arm = _capsules(place(((0.42, 0.35), (0.62, 1.0), (1.1, 3.2))), np.array((0.33, 0.27, 0.4)) * unit)
        back = _capsules(place(((0.36, 0.08), (0.40, 0.5))), np.array((0.24, 0.27)) * unit)
        relief = _Relief(canvas, [arm, back])
        relief.pile(arm, 0.28, rise=0.6)
        relief.pile(back, 0.22, lift=0.02, rise=0.7)
        relief.light(0.03)
        relief.shadow(0.45)
        relief.paint(ramp)
        _sleeve(canvas, place, np.array(((0.55, 0.7), (0.62, 1.0), (1.1, 3.2))), 1.0)
        return
    jitter = canvas.generator.normal(0, 0.02, (count, 2))
    fingers = [
        (
            place(((0.44, y), (0.10, y - 0.02 + jitter[k, 0]), (-0.13 + jitter[k, 1], y + 0.015))),
            np.array((0.115, 0.105, 0.088)),
        )
        for k, y in enumerate(0.02 + 0.195 * np.arange(count))
    ]
    shapes = _chains([joints for joints, _ in fingers], [radii * unit for _, radii in fingers])
    nose = _capsules(place(((0.36, 0.02), (0.12, -0.2), (-0.03, -0.30))), np.array((0.16, 0.11, 0.08)) * unit)
    relief = _Relief(canvas, [*shapes, nose])
    for shape in shapes:
        relief.pile(shape, 0.1, lift=0.05)
    if thumb:
        relief.pile(nose, 0.11, lift=0.1)
    relief.light(0.02)
    relief.shadow(0.5)
    relief.paint(ramp)
    tips = [
        ((0.10, y), (-0.13 + jitter[k, 1], y + 0.015), 0.085) for k, y in enumerate(0.02 + 0.195 * np.arange(count))
    ]
    _nails(canvas, relief, place, [*tips, *([((0.12, -0.2), (-0.03, -0.30), 0.08)] if thumb else [])], 1.0, None)


def _rounded(x0, y0, x1, y1, radius) -> np.ndarray:
    """Outline of a rectangle with round corners."""
    corners = np.array(
        ((x1 - radius, y1 - radius), (x0 + radius, y1 - radius), (x0 + radius, y0 + radius), (x1 - radius, y0 + radius))
    )
    turn = np.linspace(0, np.pi / 2, 6)
    arcs = [
        corner + radius * np.stack([np.cos(turn + k * np.pi / 2), np.sin(turn + k * np.pi / 2)], 1)
        for k, corner in enumerate(corners)
    ]
    return np.concatenate(arcs)


def _phone(canvas: _Canvas) -> None:
    """A phone held up to take a picture: its back and the fingers around it."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    goal = [canvas.eyes[0 if side < 0 else 1], canvas.mouth, canvas.nose][generator.integers(3)]
    place = canvas.frame(goal + generator.normal(0, 0.06, 2) * unit, generator.uniform(-14, 14), side)
    hold = canvas.frame(place((0.26, 0.18)), 0, side)
    _grip(canvas, hold, front=False)
    colour = np.array(
        [(0.13, 0.14, 0.16), (0.86, 0.86, 0.85), (0.24, 0.3, 0.4), (0.72, 0.58, 0.54), (0.2, 0.3, 0.27)][
            generator.integers(5)
        ]
    )
    body = place(_rounded(-0.40, -0.62, 0.40, 0.98, 0.11))
    sheen = [place(((-0.42, 0.5), (0.42, -0.15))), place(((-0.42, 0.62), (0.42, -0.03)))]
    _solid(canvas, [body], _ramp(colour, 0.5), 0.05, 0.7, lines=((sheen, -0.09, 0.05),), shadow=0.5)
    island = place(_rounded(-0.36, -0.58, -0.02, -0.20, 0.08))
    _solid(canvas, [island], _ramp(colour * 0.9 + 0.03, 0.4), 0.03, 0.7, shadow=0.25)
    eyes = place(((-0.27, -0.47), (-0.27, -0.31), (-0.11, -0.39)))
    _lens(canvas, eyes[:2], 0.066)
    flash = _Relief(canvas, [eyes[2:]])
    flash.blend((0.93, 0.9, 0.82), flash.mask(_ellipses(eyes[2:], (0.028 * unit,) * 2)))
    rows = 0.12 + 0.2 * np.arange(4)
    _fingers_over(
        canvas, place, [((0.46, y + 0.03), (0.36, y), (0.20 + 0.02 * (k % 2), y - 0.02)) for k, y in enumerate(rows)]
    )
    _fingers_over(canvas, place, [((-0.50, 0.62), (-0.42, 0.42), (-0.30, 0.28))])


def _fingers_over(canvas, place, fingers) -> None:
    """Fingers that reach over an edge: each three joints in the frame of ``place``, from the knuckle to the tip."""
    unit, fingers = canvas.scene.unit, np.asarray(fingers, float)
    shapes = _chains(list(place(fingers)), [np.array((0.11, 0.104, 0.086)) * unit] * len(fingers))
    relief = _Relief(canvas, shapes)
    for shape in shapes:
        relief.pile(shape, 0.1)
    relief.light(0.02)
    relief.shadow(0.45)
    relief.paint(_ramp(canvas.scene.skin, 0.05))
    _nails(canvas, relief, place, [(joints[1], joints[2], 0.083) for joints in fingers], 1.0, False)


def _lens(canvas, centres, radius: float) -> None:
    """Glass lenses: rings, a deep pupil with a coloured sheen, and a highlight."""
    unit = canvas.scene.unit
    centres = np.atleast_2d(centres)
    size = radius * unit
    window = _Relief(canvas, [_ellipses(centres, (size, size)).reshape(-1, 2)], 0.05)
    light = canvas.scene.light
    for share, colour in (
        (1.0, (0.34, 0.35, 0.37)),
        (0.88, (0.07, 0.07, 0.08)),
        (0.66, (0.13, 0.14, 0.18)),
        (0.52, (0.05, 0.06, 0.1)),
    ):
        window.blend(colour, window.mask(_ellipses(centres, (share * size,) * 2)))
    window.blend((0.25, 0.3, 0.5), window.mask(_ellipses(centres - 0.2 * size * light, (0.26 * size,) * 2)), 0.6)
    window.blend(
        (0.97, 0.98, 1.0), window.mask(_ellipses(centres + 0.32 * size * light, (0.14 * size, 0.1 * size))), 0.9
    )


def _camera(canvas: _Canvas) -> None:
    """A camera before one eye, held from both sides."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    eye = canvas.eyes[0 if side < 0 else 1]
    place = canvas.frame(eye, generator.uniform(-8, 8), side)
    colour = np.array([(0.13, 0.13, 0.14), (0.16, 0.15, 0.15), (0.42, 0.3, 0.22)][generator.integers(3)])
    hold = canvas.frame(place((0.62, 0.1)), -20, side)
    _grip(canvas, hold, front=False)
    top = place(_rounded(-0.22, -0.52, 0.26, -0.1, 0.08))
    _solid(canvas, [top], _ramp((0.2, 0.2, 0.21), 0.3), 0.08, 0.8)
    body = place(_rounded(-0.78, -0.34, 0.78, 0.5, 0.12))
    seams = [place(((-0.76, -0.17), (0.76, -0.17))), place(((-0.76, 0.4), (0.76, 0.4)))]
    _solid(canvas, [body], _ramp(colour, 0.25), 0.08, 0.8, lines=((seams, 0.25, 0.015),))
    plate = place(_rounded(-0.78, -0.34, 0.78, -0.17, 0.07))
    silver = (0.66, 0.66, 0.66) if generator.random() < 0.5 else (0.2, 0.2, 0.21)
    _solid(canvas, [plate], _ramp(silver, 0.5), 0.05, 0.8, shadow=0)
    button = place(_rounded(-0.66, -0.42, -0.48, -0.33, 0.03))
    _solid(canvas, [button], _ramp((0.6, 0.6, 0.6), 0.5), 0.03, shadow=0)
    barrel = _ellipse(place((0, 0.1)), (0.4 * unit,) * 2)
    _solid(canvas, [barrel], _ramp((0.17, 0.17, 0.18), 0.4), 0.12, 0.9)
    _lens(canvas, place((0, 0.1)), 0.31)
    _fingers_over(canvas, place, [((0.92, y + 0.02), (0.74, y), (0.56, y + 0.02)) for y in (-0.08, 0.12, 0.32)])


def _microphone(canvas: _Canvas) -> None:
    """A singer's microphone in a fist."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(0.0, 0.22), generator.uniform(-38, -8), side
    )
    dark = np.array([(0.14, 0.14, 0.15), (0.14, 0.14, 0.15), (0.62, 0.63, 0.65)][generator.integers(3)])
    hold = lambda points: place(np.add(points, (0.0, 0.62)))  # noqa: E731
    _grip(canvas, hold, front=False)
    handle = place(((-0.15, 0.2), (0.15, 0.2), (0.10, 1.75), (-0.10, 1.75)))
    long_ = place(((-0.16, -0.2), (0.16, -0.2), (0.10, 2.6), (-0.10, 2.6)))
    _solid(canvas, [handle], _ramp(dark, 0.35), 0.14, body=[long_])
    collar = place(_rounded(-0.2, 0.17, 0.2, 0.27, 0.04))
    _solid(canvas, [collar], _ramp((0.6, 0.6, 0.62), 0.7), 0.08, shadow=0.2)
    ball = place(_ellipse((0, -0.02), (0.25, 0.27)))
    mesh = [place(_bezier((-0.27, y - 0.02), (0, y + 0.09), (0.27, y - 0.02), 9)) for y in np.linspace(-0.25, 0.16, 8)]
    mesh += [place(_bezier((0.6 * x, -0.3), (1.5 * x, 0), (0.6 * x, 0.26), 9)) for x in np.linspace(-0.24, 0.24, 9)]
    metal = (0.42, 0.43, 0.45) if generator.random() < 0.6 else (0.2, 0.2, 0.21)
    _solid(canvas, [ball], _ramp(metal, 0.5), 0.25, lines=((mesh, 0.2, 0.012),))
    band = place(((-0.25, -0.035), (0.25, -0.035), (0.25, 0.035), (-0.25, 0.035)))
    _solid(
        canvas,
        [band],
        _ramp((0.62, 0.62, 0.63), 0.6),
        0.25,
        body=[place(((-0.25, -0.5), (0.25, -0.5), (0.25, 0.5), (-0.25, 0.5)))],
        shadow=0,
    )
    _grip(canvas, hold, front=True)


def _mug(canvas: _Canvas) -> None:
    """A mug at the lips."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(-0.02, 0.15), generator.uniform(-14, 14), side
    )
    hold = lambda points: place(np.add(points, (0.16, 0.24)))  # noqa: E731
    _grip(canvas, hold, front=False)
    colours = [
        (0.9, 0.88, 0.84),
        (0.35, 0.45, 0.5),
        (0.68, 0.32, 0.27),
        (0.24, 0.27, 0.33),
        (0.82, 0.69, 0.45),
        (0.5, 0.58, 0.48),
    ]
    colour = np.array(colours[generator.integers(len(colours))])
    ramp = _ramp(colour, 0.6)
    ring = _capsules(
        place(_curve(((-0.44, 0.2), (-0.66, 0.22), (-0.74, 0.45), (-0.64, 0.68), (-0.42, 0.74)), 12)),
        np.full(13, 0.065) * unit,
    )
    _solid(canvas, ring, ramp, 0.065)
    bottom = _bezier((0.42, 0.92), (0, 1.12), (-0.42, 0.92), 12)
    body = np.concatenate([[(-0.46, 0.0)], _bezier((-0.46, 0.0), (0, 0.16), (0.46, 0.0), 10), bottom])
    bands = [
        place(_bezier((-0.46, y), (0, y + 0.17), (0.46, y), 12))
        for y in ((0.62, 0.72) if generator.random() < 0.5 else ())
    ]
    relief = _solid(
        canvas,
        [place(body)],
        ramp,
        0.44,
        0.9,
        body=[place(((-0.46, -0.6), (0.46, -0.6), (0.44, 1.8), (-0.44, 1.8)))],
        shadow=0.5,
    )
    if bands and not relief.empty:
        mask = np.zeros_like(relief.cover)
        cv2.polylines(
            mask,
            [_fixed(band, relief.origin) for band in bands],
            False,
            255,
            max(1, round(0.05 * unit)),
            cv2.LINE_AA,
            4,
        )
        relief.paint(
            _ramp(_mix(colour, (0.95, 0.93, 0.9) if colour.mean() < 0.6 else (0.3, 0.34, 0.4), 0.8)), mask=mask, edge=0
        )
    rim = place(_ellipse((0, 0.0), (0.46, 0.1)))
    window = _Relief(canvas, [rim], 0.05)
    window.blend(_mix(colour, (1, 1, 1), 0.35), window.mask([rim]))
    window.blend(colour * 0.45, window.mask([place(_ellipse((0, 0.006), (0.42, 0.078)))]))
    window.blend((0.2, 0.11, 0.07), window.mask([place(_ellipse((0, 0.03), (0.36, 0.05)))]))
    _grip(canvas, hold, front=True)


def _glass(canvas: _Canvas) -> None:
    """A cold drink in a glass, with a straw to the lips."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(0.0, 0.25), generator.uniform(-8, 8), side
    )
    hold = lambda points: place(np.add(points, (0.12, 0.55)))  # noqa: E731
    _grip(canvas, hold, front=False)
    drinks = [(0.86, 0.5, 0.16), (0.75, 0.22, 0.24), (0.78, 0.72, 0.4), (0.36, 0.19, 0.1), (0.6, 0.75, 0.5)]
    drink = np.array(drinks[generator.integers(len(drinks))])
    body = place(((-0.37, 0.1), (0.37, 0.1), (0.29, 1.35), (-0.29, 1.35)))
    top = generator.uniform(0.22, 0.4)
    at = 0.37 - 0.08 * (top - 0.1) / 1.25
    filled = np.concatenate([_bezier((-at, top), (0, top + 0.1), (at, top), 10), [(0.27, 1.28), (-0.27, 1.28)]])
    relief = _Relief(canvas, [body])
    relief.pile([place(((-0.38, -0.5), (0.38, -0.5), (0.27, 2.0), (-0.27, 2.0)))], 0.33, rise=0.9)
    relief.cover = relief.mask([body])
    if not relief.empty:
        relief.light()
        relief.shadow(0.3)
        relief.paint(_ramp((0.86, 0.9, 0.92), 0.8), opacity=0.28, edge=0.3)
        relief.paint(_ramp(drink, 0.4), mask=relief.mask([place(filled)]), opacity=0.86, edge=0.15)
        relief.blend(_mix(drink, (1, 1, 1), 0.35), relief.mask([place(_ellipse((0, top), (at * 0.97, 0.05)))]), 0.85)
        for x, y, turn in generator.uniform((-0.2, top + 0.02, 0), (0.2, top + 0.35, 1.5), (3, 3)):  # ice
            cube = relief.mask(
                [
                    place(
                        _rounded(-0.085, -0.085, 0.085, 0.085, 0.025)
                        @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
                        + (x, y)
                    )
                ]
            )
            relief.blend((0.96, 0.98, 1.0), cube, 0.35)
    tilt = generator.uniform(-0.12, 0.12)
    straw = place(((tilt - 0.035, -0.12), (tilt + 0.035, -0.12), (0.135, top + 0.1), (0.065, top + 0.1)))
    stripe = np.array([(0.8, 0.3, 0.28), (0.3, 0.42, 0.55), (0.9, 0.9, 0.88), (0.35, 0.5, 0.4)][generator.integers(4)])
    _solid(canvas, [straw], _ramp(stripe, 0.3), 0.035, shadow=0.3)
    rim = place(_ellipse((0, 0.1), (0.37, 0.07)))
    window = _Relief(canvas, [body], 0.05)
    mask = np.zeros_like(window.cover)
    if not window.empty:
        cv2.polylines(mask, [_fixed(rim, window.origin)], True, 255, max(1, round(0.02 * unit)), cv2.LINE_AA, 4)
        streaks = [place(((-0.29, 0.3), (-0.24, 1.15))), place(((0.27, 0.35), (0.245, 0.75)))]
        cv2.polylines(
            mask,
            [_fixed(line, window.origin) for line in streaks],
            False,
            220,
            max(1, round(0.035 * unit)),
            cv2.LINE_AA,
            4,
        )
        window.blend((0.98, 0.99, 1.0), cv2.GaussianBlur(mask, (3, 3), 0), 0.7)
    _grip(canvas, hold, front=True)


def _ice_cream(canvas: _Canvas) -> None:
    """A cone with one to three scoops."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(0.1, 0.3), generator.uniform(-24, 10), side
    )
    hold = lambda points: place(np.add(points, (0.05, 0.78)))  # noqa: E731
    _grip(canvas, hold, front=False)
    cone = place(((-0.3, 0.25), (0.3, 0.25), (0.04, 1.45), (-0.04, 1.45)))
    waffle = [place(((-0.4 + 0.13 * k, 0.2), (-0.1 + 0.13 * k, 1.5))) for k in range(-2, 6)]
    waffle += [place(((0.4 - 0.13 * k, 0.2), (0.1 - 0.13 * k, 1.5))) for k in range(-2, 6)]
    _solid(canvas, [cone], _ramp((0.85, 0.62, 0.36), 0.1), 0.22, 0.8, lines=((waffle, 0.16, 0.016),))
    flavours = [
        (0.95, 0.88, 0.74),
        (0.9, 0.62, 0.64),
        (0.42, 0.26, 0.18),
        (0.72, 0.84, 0.68),
        (0.72, 0.6, 0.74),
        (0.96, 0.8, 0.5),
    ]
    chosen = generator.permutation(len(flavours))
    spots = [((0.0, 0.06), (-0.02, -0.24)), ((0.0, 0.06),), ((-0.16, 0.08), (0.16, 0.08), (0.0, -0.2))][
        generator.integers(3)
    ]
    for spot, which in zip(spots, chosen, strict=False):
        wobble = 0.31 * (1 + 0.035 * np.cos(5 * _ANGLES + which) + 0.02 * np.cos(9 * _ANGLES))
        scoop = place(np.array(spot) + _CIRCLE * wobble[:, None] * (1.0, 0.95))
        skirt = [place(_ellipse((spot[0] + x, spot[1] + 0.2), (0.1, 0.09))) for x in (-0.22, -0.08, 0.08, 0.22)]
        _solid(canvas, [scoop, *skirt], _ramp(flavours[which], 0.25, 0.8), 0.28, 0.9, shadow=0.35, edge=0.15)
    _grip(canvas, hold, front=True)


def _ball(canvas: _Canvas) -> None:
    """A ball in front of the face, or flying past it."""
    generator, unit = canvas.generator, canvas.scene.unit
    goal = canvas.nose + generator.normal(0, 0.5, 2) * unit
    place = canvas.frame(goal, generator.uniform(0, 360))
    kind, size = generator.integers(4), generator.uniform(0.5, 0.85)
    colour = [(0.9, 0.9, 0.88), (0.85, 0.48, 0.22), (0.8, 0.83, 0.35), (0.85, 0.82, 0.76)][kind]
    outline = place(_CIRCLE * size)
    seams, patches = [], []
    if kind == 0:  # football: a dark pentagon in the middle, five at the edge
        star = np.stack([np.cos(_FIVE), np.sin(_FIVE)], 1)
        patches = [place(0.33 * size * star)]
        for corner in star:
            over = np.array([-corner[1], corner[0]])
            rim = [
                0.76 * corner,
                0.86 * corner + 0.26 * over,
                1.02 * corner + 0.2 * over,
                1.02 * corner - 0.2 * over,
                0.86 * corner - 0.26 * over,
            ]
            patches.append(place(size * np.array(rim)))
            seams.append(place(size * np.array([0.33 * corner, 0.76 * corner])))
    elif kind == 1:  # basketball
        seams = [place(size * np.array(line)) for line in (((-1, 0), (1, 0)), ((0, -1), (0, 1)))]
        seams += [place(size * _bezier((s * 0.75, -0.7), (s * 0.1, 0), (s * 0.75, 0.7))) for s in (-1, 1)]
    elif kind == 2:  # tennis, seen near
        seams = [place(size * _bezier((s * 0.9, -0.5), (-s * 0.1, 0.0), (s * 0.9, 0.5))) for s in (-1, 1)]
    else:  # volleyball
        seams = [place(size * _bezier((-0.9, y - 0.25), (0, y * 0.4), (0.9, y - 0.25))) for y in (-0.4, 0.1, 0.6)]
        seams += [place(size * _bezier((x, -0.1), (x * 1.2, 0.5), (x * 0.6, 1.0))) for x in (-0.35, 0.35)]
    relief = _Relief(canvas, [outline])
    if relief.empty:
        return
    relief.pile([outline], size)
    relief.light(0.02)
    relief.shadow(0.5, 0.12)
    relief.lines(seams, -0.3 if kind == 2 else 0.35, 0.03 if kind != 2 else 0.045)
    relief.paint(_ramp(colour, 0.15 if kind == 2 else 0.35))
    if patches:
        relief.paint(_ramp((0.16, 0.16, 0.18), 0.35), mask=relief.mask(patches), edge=0)


_FIVE = np.linspace(0, 2 * np.pi, 5, endpoint=False)


def _bouquet(canvas: _Canvas) -> None:
    """Flowers held before the face: one large blossom or several, with leaves."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(_mix(canvas.mouth, canvas.chin, generator.uniform(0, 0.6)), generator.uniform(-15, 15), side)
    leaf = _ramp((0.3, 0.45, 0.26), 0.15)
    stems = [_capsules(place(((0.25 * x, 0.0), (0.05 * x, 1.8))), np.full(2, 0.03) * unit)[0] for x in (-1, 0, 1)]
    _solid(canvas, stems, leaf, 0.03, shadow=0.3)
    leaves, veins = [], []
    for x, y, angle in generator.uniform((-0.3, 0.2, -2.6), (0.3, 0.6, -0.5), (5, 3)):
        ahead = np.array((np.cos(angle), np.sin(angle)))
        over = np.array((-ahead[1], ahead[0])) * 0.14
        tip = (x, y) + ahead * 0.6
        middle = (x, y) + ahead * 0.28
        leaves.append(
            place(
                np.concatenate(
                    [_bezier((x, y), middle + 1.6 * over, tip, 9), _bezier(tip, middle - 1.6 * over, (x, y), 9)]
                )
            )
        )
        veins.append(place(((x, y), tip)))
    _solid(canvas, leaves, leaf, 0.1, 0.6, lines=((veins, -0.15, 0.015),))
    palettes = [
        ((0.86, 0.45, 0.48), (0.95, 0.8, 0.6)),
        ((0.93, 0.9, 0.84), (0.9, 0.72, 0.3)),
        ((0.9, 0.7, 0.3), (0.45, 0.26, 0.14)),
        ((0.62, 0.5, 0.72), (0.93, 0.83, 0.5)),
    ]
    petals, heart = palettes[generator.integers(len(palettes))]
    count = int(generator.integers(1, 4))
    spots = ((0, 0),) if count == 1 else ((-0.3, 0.06), (0.32, 0.1), (0.02, -0.22))[:count]
    for spot in spots:
        number, size, turn = int(generator.integers(6, 11)), (0.5 if count == 1 else 0.36), generator.uniform(0, 6)
        for ring, share in ((1.0, 1.0), (0.62, 0.72)):
            angles = turn * ring + np.linspace(0, 2 * np.pi, number, endpoint=False)
            centres = np.array(spot) + 0.56 * ring * size * np.stack([np.cos(angles), np.sin(angles)], 1)
            outlines = place(_ellipses(centres, (0.46 * size * share, 1.7 * size * share / number), angles))
            relief = _Relief(canvas, [outlines])
            for outline, lift in zip(outlines, np.tile((0.0, 0.03), number)[:number], strict=True):
                relief.pile([outline], 0.12 * share, lift=lift, rise=0.7)
            relief.light(0.02)
            relief.shadow(0.35)
            relief.paint(_ramp(np.array(petals) * (0.94 if ring == 1 else 1.0), 0.05, 0.75), edge=0.15)
        _solid(canvas, [place(_ellipse(spot, (0.2 * size,) * 2))], _ramp(heart, 0.1), 0.09, shadow=0.3)


def _book(canvas: _Canvas) -> None:
    """An open book before the lower half of the face, held from below or from the sides."""
    generator, unit = canvas.generator, canvas.scene.unit
    place = canvas.frame(canvas.mouth + canvas.down * unit * generator.uniform(-0.3, 0.1), generator.uniform(-8, 8))
    colours = [
        (0.5, 0.18, 0.18),
        (0.18, 0.27, 0.4),
        (0.2, 0.36, 0.3),
        (0.72, 0.56, 0.32),
        (0.3, 0.25, 0.3),
        (0.82, 0.78, 0.7),
    ]
    colour = np.array(colours[generator.integers(len(colours))])
    ink = _mix(colour, (0.95, 0.9, 0.78) if colour.mean() < 0.5 else (0.25, 0.2, 0.2), 0.85)
    half, tall = generator.uniform(0.85, 1.05), generator.uniform(1.25, 1.5)
    pages = place(
        ((-half + 0.05, 0.0), (0, 0.09), (half - 0.05, 0.0), (half - 0.05, 0.3), (0, 0.4), (-half + 0.05, 0.3))
    )
    _solid(canvas, [pages], _ramp((0.93, 0.9, 0.82)), 0.03, 0.5, shadow=0.5)
    for sign in (-1, 1):
        board = place(np.array(((0.035, 0.13), (half, 0.035), (half, tall), (0.035, tall + 0.1))) * (sign, 1))
        inner = place(
            np.array(((0.14, 0.24), (half - 0.12, 0.16), (half - 0.12, tall - 0.12), (0.14, tall - 0.04))) * (sign, 1)
        )
        lines = [np.concatenate([inner, inner[:1]])]
        _solid(
            canvas,
            [board],
            _ramp(colour * (1 if sign * canvas.scene.light[0] > 0 else 0.86), 0.15),
            0.05,
            0.5,
            lines=((lines, -0.14, 0.014),),
            shadow=0.35 if sign < 0 else 0,
        )
        window = _Relief(canvas, [inner])
        bars = [
            place(
                np.array(((0.26, y), (half - 0.24, y - 0.03), (half - 0.24, y + h - 0.03), (0.26, y + h))) * (sign, 1)
            )
            for y, h in ((0.42, 0.1), (0.58, 0.05))
        ]
        if sign > 0 or generator.random() < 0.5:
            window.blend(ink, window.mask(bars), 0.9)
    spine = place(_rounded(-0.05, 0.13, 0.05, tall + 0.1, 0.04))
    _solid(canvas, [spine], _ramp(colour * 0.9, 0.2), 0.05, shadow=0)
    for sign in (-1, 1):
        rows = generator.uniform(0.45, 0.75) + 0.2 * np.arange(4)
        fingers = [((half + 0.14, y + 0.05), (half - 0.02, y), (half - 0.24, y - 0.03)) for y in rows]
        _fingers_over(canvas, place, np.array(fingers) * (sign, 1))


def _burger(canvas: _Canvas) -> None:
    """A burger on its way to the mouth, in two hands."""
    generator, unit = canvas.generator, canvas.scene.unit
    place = canvas.frame(canvas.mouth + canvas.down * unit * generator.uniform(0.0, 0.25), generator.uniform(-10, 10))
    crust = _ramp((0.8, 0.54, 0.27), 0.2)
    _solid(canvas, [place(_rounded(-0.6, 0.2, 0.6, 0.5, 0.13))], crust, 0.16)
    wave = np.stack([np.linspace(-0.66, 0.66, 40), 0.17 + 0.035 * np.sin(np.linspace(0, 22, 40))], 1)
    _solid(canvas, [place(_rounded(-0.61, 0.1, 0.61, 0.3, 0.09))], _ramp((0.33, 0.18, 0.12), 0.15), 0.09)
    _solid(
        canvas,
        _capsules(place(wave - (0, 0.05)), np.full(40, 0.05) * unit),
        _ramp((0.5, 0.65, 0.3), 0.1),
        0.05,
        shadow=0.2,
    )
    _solid(
        canvas,
        [place(((-0.58, 0.07), (0.58, 0.07), (0.3, 0.2), (-0.1, 0.12), (-0.35, 0.22)))],
        _ramp((0.93, 0.7, 0.25), 0.1),
        0.03,
        0.6,
        shadow=0.2,
    )
    dome = np.concatenate(
        [
            _curve(
                ((-0.62, 0.05), (-0.56, -0.2), (-0.3, -0.36), (0, -0.4), (0.3, -0.36), (0.56, -0.2), (0.62, 0.05)), 30
            ),
            [(0.5, 0.1), (-0.5, 0.1)],
        ]
    )
    _solid(canvas, [place(dome)], crust, 0.3, 0.8)
    seeds = generator.uniform((-0.42, -0.3), (0.42, -0.06), (14, 2))
    window = _Relief(canvas, [place(dome)])
    window.blend((0.97, 0.9, 0.72), window.mask(place(_ellipses(seeds, (0.03, 0.018), 0.4))))
    for sign in (-1, 1):
        fingers = [((0.82, y + 0.12), (0.62, y + 0.02), (0.36, y)) for y in (-0.14, 0.06, 0.26)]
        _fingers_over(canvas, place, np.array(fingers) * (sign, 1))
        back = _capsules(
            place(np.array(((0.86, 0.12), (0.98, 0.6), (1.3, 2.6))) * (sign, 1)), np.array((0.24, 0.27, 0.36)) * unit
        )
        _solid(canvas, back, _ramp(canvas.scene.skin, 0.05), 0.26, 0.7, smooth=0.03)


# -- what is worn, or in between --------------------------------------------------------------------------------------


def _scarf(canvas: _Canvas) -> None:
    """A scarf pulled up over chin and mouth."""
    generator, unit, points = canvas.generator, canvas.scene.unit, canvas.scene.landmarks
    colour = _cloth(generator)
    place = canvas.frame(canvas.mouth, 0)
    inverse = lambda p: np.array([(p - canvas.mouth) @ canvas.right, (p - canvas.mouth) @ canvas.down]) / unit  # noqa: E731
    left, right, low = inverse(points[6])[0] - 0.1, inverse(points[26])[0] + 0.1, inverse(canvas.chin)[1]
    top = generator.uniform(-0.2, 0.3)
    middle = (left + right) / 2
    rim = [(left - 0.1, top - 0.12), (left + 0.2, top - 0.03), (middle, top + 0.05), (right - 0.2, top - 0.03)]
    rim.append((right + 0.1, top - 0.12))
    edge = _curve(rim, 24)
    outer = ((0.32, top + 0.25), (0.38, low + 0.15), (0.75, low + 0.9), (0.8, low + 3))
    sides = [(right + x, y) for x, y in outer] + [(left - x, y) for x, y in reversed(outer)]
    body = _curve([*rim, *sides], 78, closed=True)
    relief = _Relief(canvas, [place(body)])
    if relief.empty:
        return
    relief.pile([place(body)], 0.12, rise=0.9)
    depth = low - top + 0.5
    for k, share in enumerate((0.16, 0.42, 0.72, 1.0)):  # folds
        tilt = generator.uniform(-0.14, 0.14)
        y = top + depth * share
        ridge = _curve(
            (
                (left - 0.25, y - 0.25 + tilt),
                (middle - 0.3, y + 0.03),
                (middle + 0.3, y + 0.03),
                (right + 0.25, y - 0.25 - tilt),
            ),
            14,
        )
        ridge_shape = _capsules(place(ridge), np.full(len(ridge), (0.11, 0.14, 0.12, 0.15)[k]) * unit)
        seen = relief.cover.copy()
        relief.pile(ridge_shape, 0.13, lift=0.06, rise=0.8)
        relief.cover = seen
    relief.light(0.035)
    steps = np.arange(left - 0.4, right + 0.4, 0.09)
    knit = [place(((x, top - 0.4), (x + 0.12 * np.sin(3 * x), low + 1.2))) for x in steps]
    if generator.random() < 0.6:
        relief.lines(knit, 0.07, 0.02)
    relief.shadow(0.5)
    relief.paint(_ramp(colour, 0.0, 0.95))
    if generator.random() < 0.4:
        stripe = np.zeros_like(relief.cover)
        curves = [place(np.add(edge, (0, y))) for y in (0.14, 0.26)]
        cv2.polylines(
            stripe,
            [_fixed(curve, relief.origin) for curve in curves],
            False,
            255,
            max(1, round(0.07 * unit)),
            cv2.LINE_AA,
            4,
        )
        relief.paint(
            _ramp(_mix(colour, (0.92, 0.89, 0.84) if colour.mean() < 0.5 else (0.35, 0.2, 0.22), 0.75)),
            mask=stripe,
            edge=0,
        )


def _surgical_mask(canvas: _Canvas) -> None:
    """A pleated mask over nose and mouth."""
    generator, unit, points = canvas.generator, canvas.scene.unit, canvas.scene.landmarks
    colour = np.array(
        [(0.6, 0.76, 0.82), (0.88, 0.9, 0.9), (0.17, 0.18, 0.2), (0.62, 0.76, 0.68)][generator.integers(4)]
    )
    bridge = _mix(points[51], points[54], 0.45)
    low = points[16]
    rim = [_mix(points[4], bridge, 0.12), _mix(points[4], bridge, 0.55), bridge]
    rim += [_mix(points[28], bridge, 0.55), _mix(points[28], bridge, 0.12), points[25], _mix(points[20], low, 0.3)]
    rim += [low + canvas.down * 0.06 * unit, _mix(points[12], low, 0.3), points[7]]
    rim = np.array(rim)
    outline = _curve(rim, 50, closed=True)
    loops = _Relief(canvas, [points[[0, 32]], rim])
    if loops.empty:
        return
    mask = np.zeros_like(loops.cover)
    ends = [(rim[0], points[1]), (rim[4], points[31]), (rim[9], points[2]), (rim[5], points[30])]
    cv2.polylines(
        mask,
        [_fixed(np.array(end), loops.origin) for end in ends],
        False,
        255,
        max(1, round(0.03 * unit)),
        cv2.LINE_AA,
        4,
    )
    loops.blend(np.clip(colour + 0.1, 0, 0.97), mask)
    relief = _Relief(canvas, [outline])
    relief.pile([outline], 0.45, rise=0.55)
    nose = _capsules(np.array([bridge, points[54]]), np.array((0.06, 0.14)) * unit)
    seen = relief.cover.copy()
    relief.pile(nose, 0.16, lift=0.12, rise=0.8)
    relief.cover = cv2.min(seen, relief.cover)
    relief.light(0.05)
    pleats = [
        _bezier(
            _mix(rim[0], rim[9], t), _mix(points[54], points[16], t) + canvas.down * 0.1 * unit, _mix(rim[4], rim[5], t)
        )
        for t in (0.3, 0.55, 0.8)
    ]
    relief.lines(pleats, 0.16, 0.02)
    relief.lines([pleat + canvas.down * 0.03 * unit for pleat in pleats], -0.08, 0.02)
    hem = _mix(outline, outline.mean(0), 0.07)
    relief.lines([np.concatenate([hem, hem[:1]])], 0.08, 0.012)
    relief.shadow(0.4)
    relief.paint(_ramp(colour, 0.05, 0.8))


def _hair_strands(canvas: _Canvas) -> None:
    """Locks that the wind has blown across the face, or that hang into it."""
    generator, unit, points = canvas.generator, canvas.scene.unit, canvas.scene.landmarks
    brows = points[33:51].mean(0)
    place = canvas.frame(brows)
    # hair grows where there is head: seen from the side, only behind the face
    left, right = -(points[0] - brows) @ canvas.right, (points[32] - brows) @ canvas.right
    side = canvas.side() if max(left, right) < 1.7 * min(left, right) else (-1 if left > right else 1)
    temple = (points[0 if side < 0 else 32] - brows) @ np.array([canvas.right, canvas.down]).T / unit
    goal = (points[generator.integers(5, 28)] - brows) @ np.array([canvas.right, canvas.down]).T / unit
    nose = (canvas.nose - brows) @ np.array([canvas.right, canvas.down]).T / unit
    browns = [
        (0.11, 0.08, 0.07),
        (0.22, 0.14, 0.1),
        (0.36, 0.22, 0.13),
        (0.62, 0.45, 0.26),
        (0.5, 0.22, 0.12),
        (0.55, 0.53, 0.52),
    ]
    hair = canvas.scene.hair if canvas.scene.hair is not None else np.array(browns[generator.integers(len(browns))])
    # one gesture for all: from the parting or the temple to a cheek, the mouth or past the chin
    root = _mix((0.0, -0.72), temple - (0.12 * side, 0.72), generator.uniform(0.0, 0.7)) - (
        0.0,
        generator.uniform(0, 0.15),
    )
    end = _mix(goal, nose, generator.uniform(0.0, 0.5))
    belly = _mix(root, end, 0.5) + generator.uniform((-0.15, -0.3), (0.4, 0.1)) * (side, 1)
    t = np.linspace(0, 1, 24)
    count = int(generator.integers(4, 8))
    fan, drift = generator.normal(0, 1, (count, 2)), generator.normal(0, 1, (count, 4))
    centres, edges = [], []
    for k in range(count):
        shift = (k - (count - 1) / 2) * np.array((0.075, 0.02))
        lock = _bezier(
            root + 0.45 * shift, belly + 1.6 * shift + 0.06 * drift[k, :2], end + 2.4 * shift + 0.1 * fan[k], 24
        )
        lock[:, 0] += 0.035 * drift[k, 2] * np.sin(2 * np.pi * t) * t
        slope = np.gradient(lock, axis=0)
        normal = slope[:, ::-1] * (-1, 1) / np.maximum(np.hypot(*slope.T), 1e-6)[:, None]
        width = (
            (0.062 + 0.016 * drift[k, 3])
            * (1 - t[:, None] ** 2.2) ** 0.8
            * (0.2 + 1.1 * np.sin(1.9 * t[:, None] + 0.25) ** 0.8)
        )
        centres.append(place(lock))
        edges.append((place(lock + normal * width), place(lock - normal * width)))
    outlines = [np.concatenate([one, other[::-1]]) for one, other in edges]
    relief = _Relief(canvas, outlines, 0.12)
    if relief.empty:
        return
    for outline, lift in zip(outlines, generator.uniform(0, 0.05, count), strict=True):
        relief.pile([outline], 0.07, lift=lift, rise=0.7)
    relief.light(0.015)
    for amount, shares in ((0.2, generator.uniform(-0.9, 0.9, 4)), (-0.12, generator.uniform(-0.8, 0.8, 3))):
        relief.lines([_mix(one, other, 0.5 + 0.5 * share) for one, other in edges for share in shares], amount, 0.008)
    start = int(generator.integers(5, 9))
    sheen = [
        _mix(one, other, 0.5 + 0.5 * share)[start : start + 5] for one, other in edges for share in (-0.5, 0.0, 0.5)
    ]
    relief.lines(sheen, -0.15, 0.03)
    relief.shadow(0.35, 0.05)
    relief.paint(_ramp(hair, 0.25), edge=0.12)
    stray = generator.normal(0, 1, (count, 2, 3))
    loose = []
    for (one, other), strays in zip(edges, stray, strict=True):
        loose += [
            _mix(one, other, 0.5 + share) + t[:, None] ** 1.6 * (0.11 * unit * u, 0.11 * unit * v)
            for share, u, v in strays
        ]
    mask = np.zeros_like(relief.cover)
    cv2.polylines(mask, [_fixed(curve, relief.origin) for curve in loose], False, 200, 1, cv2.LINE_AA, 4)
    relief.blend(np.asarray(hair) * 0.95, mask, 0.7)


def _soft_layer(canvas: _Canvas, draw: Callable, sigma: float) -> None:
    """What is too near for the lens: ``draw(colour (h, w, 3) uint8, cover (h, w) uint8)`` at half the size, blurred."""
    height, width = canvas.alpha.shape
    size = (width + 1) // 2, (height + 1) // 2
    colour, cover = np.zeros((size[1], size[0], 3), np.uint8), np.zeros(size[::-1], np.uint8)
    draw(colour, cover)
    if not cover.any():
        return
    pad = cv2.merge([*cv2.split(colour), cover])
    pad = cv2.GaussianBlur(pad, (0, 0), max(0.5, sigma * canvas.scene.unit / 2), borderType=cv2.BORDER_REPLICATE)
    layer = cv2.resize(pad, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)[:height, :width]
    share = layer[..., 3] * np.float32(1 / 255)
    canvas.image *= cv2.merge(
        [1 - share] * 3
    )  # the blurred colour is black where nothing is: it counts as weighted already
    canvas.image += layer[..., :3] * np.float32(1 / 255)
    np.minimum(canvas.image, 1, out=canvas.image)
    canvas.alpha += share * (1 - canvas.alpha)


def _bytes(colour) -> tuple[float, ...]:
    return tuple(float(part) * 255 for part in np.clip(colour, 0, 1))


def _polygon(colour_layer, cover, outline, colour) -> None:
    """Fill on a half-size layer; ``outline`` in pixels of the full image."""
    points = [_fixed((np.asarray(outline) + 0.5) / 2 - 0.5, (0, 0))]
    cv2.fillPoly(colour_layer, points, _bytes(colour), cv2.LINE_AA, 4)
    cv2.fillPoly(cover, points, 255, cv2.LINE_AA, 4)


def _foreground_leaves(canvas: _Canvas) -> None:
    """A branch between camera and face, out of focus."""
    generator, side = canvas.generator, canvas.side()
    goal = canvas.scene.landmarks[generator.integers(98)]
    place = canvas.frame(goal, 0, side)
    green = np.array(
        [(0.3, 0.46, 0.24), (0.22, 0.38, 0.26), (0.5, 0.55, 0.25), (0.62, 0.4, 0.2)][generator.integers(4)]
    )
    tilt = generator.uniform(-0.9, 0.5)
    along = np.array((np.cos(tilt), np.sin(tilt)))

    def draw(colour, cover):
        start, end = -0.25 * along, 3.2 * along
        twig = _bezier(start, np.add(_mix(start, end, 0.5), (0.0, 0.3)), end, 12)
        _polygon(
            colour,
            cover,
            place(np.concatenate([np.add(twig, (0, 0.02)), np.subtract(twig[::-1], (0, 0.03))])),
            (0.3, 0.22, 0.15),
        )
        for k in range(2, 12):
            for sign in (-1, 1):
                base = _mix(start, end, (k - 1.7) / 11)
                turn = np.pi + tilt + sign * generator.uniform(0.4, 1.1)
                ahead = np.array((np.cos(turn), np.sin(turn))) * generator.uniform(0.55, 0.85)
                over = ahead[::-1] * (-1, 1) * 0.28
                tip, middle = base + ahead, base + 0.45 * ahead
                lit = generator.uniform(0.75, 1.3)
                for wing, tone in ((over, 1.0), (-over, 0.82)):
                    _polygon(
                        colour,
                        cover,
                        place(np.concatenate([_bezier(base, middle + wing, tip, 8), _bezier(tip, middle, base, 4)])),
                        green * lit * tone,
                    )

    _soft_layer(canvas, draw, generator.uniform(0.025, 0.06))


def _person_in_front(canvas: _Canvas) -> None:
    """The head and shoulder of somebody nearer, seen from behind, out of focus."""
    generator, side = canvas.generator, canvas.side()
    jaw = canvas.scene.landmarks[8 if side < 0 else 24]
    inwards = generator.uniform((-1.1, -0.6), (-0.5, 0.1)) * (side, 1)
    place = canvas.frame(jaw + canvas.scene.unit * inwards, generator.uniform(-6, 6), side)
    hair = np.array([(0.1, 0.08, 0.07), (0.2, 0.14, 0.1), (0.4, 0.28, 0.18), (0.34, 0.33, 0.33)][generator.integers(4)])
    skin = np.array([(0.86, 0.68, 0.57), (0.7, 0.5, 0.38), (0.42, 0.28, 0.2)][generator.integers(3)])
    cloth = _cloth(generator) * 0.9
    light = canvas.scene.light * (side, 1)

    def draw(colour, cover):
        shoulders = ((-0.5, 3.2), (-0.2, 2.1), (0.5, 1.75), (1.1, 1.6), (2.2, 1.7), (3.2, 2.4), (3.3, 4), (-0.6, 4))
        neck = ((0.62, 1.2), (0.68, 1.85), (1.3, 2.0), (1.95, 1.85), (1.95, 1.2))
        layers = [(_curve(shoulders, 40, True), cloth), (_curve(neck, 20, True), skin * 0.8)]
        layers += [(_ellipse((0.28, 0.95), (0.15, 0.26)), skin * 0.9), (_ellipse((1.25, 0.7), (1.0, 1.12)), hair)]
        for outline, tone in layers:
            middle = outline.mean(0)
            for step in range(3):  # rounder towards the light
                shrunk = middle + (outline - middle) * (1 - 0.2 * step) + light * 0.1 * step
                _polygon(colour, cover, place(shrunk), tone * (0.8 + 0.22 * step))

    _soft_layer(canvas, draw, generator.uniform(0.05, 0.1))


_DRAWERS: dict[str, tuple[Callable, float]] = {
    "hair strands": (_hair_strands, 9),
    "hand over mouth": (_hand_over_mouth, 5),
    "chin on fist": (_chin_on_fist, 4),
    "hand on cheek": (_hand_on_cheek, 4),
    "hand before eye": (_hand_before_eye, 4),
    "victory": (_victory, 2.5),
    "hush": (_hush, 2),
    "microphone": (_microphone, 4),
    "phone": (_phone, 3),
    "scarf": (_scarf, 2.5),
    "mask": (_surgical_mask, 2),
    "person in front": (_person_in_front, 3),
    "leaves": (_foreground_leaves, 2),
    "mug": (_mug, 2),
    "glass": (_glass, 1.5),
    "ice cream": (_ice_cream, 1.5),
    "bouquet": (_bouquet, 1.5),
    "book": (_book, 1.5),
    "camera": (_camera, 1.5),
    "ball": (_ball, 1.5),
    "burger": (_burger, 1),
}
KINDS: tuple[str, ...] = tuple(_DRAWERS)
"""What :func:`draw_occluder` can draw."""
