"""Outlines of simple shapes, as points."""

import math
from functools import cache

import numpy as np

_TURN = np.linspace(0, 1, 11)


CIRCLE = np.stack([np.cos(ANGLES := np.linspace(0, 2 * np.pi, 24, endpoint=False)), np.sin(ANGLES)], 1)


def mix(first, second, share: float) -> np.ndarray:
    return np.asarray(first) * (1 - share) + np.asarray(second) * share


def capsules(joints: np.ndarray, radii) -> np.ndarray:
    """(K - 1, 22, 2) outlines of the tapering rounded segments between K joints."""
    return chains([joints], [radii])[0]


def chains(joints: list, radii: list) -> list[np.ndarray]:
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


def ellipses(centres, axes, angles=0.0) -> np.ndarray:
    """(N, 24, 2) outlines of ellipses: centres (N, 2), half axes (N, 2) or (2,), turned by ``angles`` radians."""
    centres = np.atleast_2d(np.asarray(centres, float))
    points = CIRCLE * np.asarray(axes, float).reshape(-1, 1, 2)
    cos, sin = np.cos(angles), np.sin(angles)
    turn = np.array([[cos, sin], [-sin, cos]]).reshape(2, 2, -1).transpose(2, 0, 1)
    return centres[:, None] + points @ turn


def ellipse(centre, axes, angle: float = 0.0) -> np.ndarray:
    """(24, 2) outline of one ellipse."""
    return ellipses(centre, axes, angle)[0]


def smooth_curve(points, count: int = 24, closed: bool = False) -> np.ndarray:
    """(about count, 2) smooth curve through ``points`` (Catmull-Rom)."""
    points = np.asarray(points, float)
    ends = (points[-1:], points[:2]) if closed else (2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1])
    padded = np.concatenate([ends[0], points, ends[1]])
    p0, p1, p2, p3 = (padded[k : len(padded) - 3 + k][:, None] for k in range(4))
    t = np.linspace(0, 1, max(2, count // len(p1)), endpoint=False)[:, None]
    middle = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * (p1 - p2) + p3 - p0) * t**3)
    flat = middle.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, points[-1:]])


def bezier(first, control, last, count: int = 16) -> np.ndarray:
    """(count, 2) quadratic curve from ``first`` to ``last``, drawn towards ``control``."""
    return _weights(count) @ np.array((first, control, last), float)


@cache
def _weights(count: int) -> np.ndarray:
    t = np.linspace(0, 1, count)
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], 1)


def fixed(points: np.ndarray, origin) -> np.ndarray:
    """Points as OpenCV takes them with ``shift=4``, counted from ``origin``."""
    return np.rint((np.asarray(points) - origin) * 16).astype(np.int32)


def bounds(shapes, pad: float, shape: tuple, origin=(0, 0)) -> tuple[int, int, int, int]:
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
