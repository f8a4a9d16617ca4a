"""Outlines of simple shapes, as points."""

import math
from functools import cache

import cv2
import numpy as np

ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)
_TURNS = np.linspace(0, np.pi / 2, 6) + np.arange(4)[:, None] * np.pi / 2
_CORNERS = np.stack([np.cos(_TURNS), np.sin(_TURNS)], 2)
# The angles of a capsule's outline, from its heading: these, and so much more of the angle where its sides begin.
_ROUND = np.concatenate([np.linspace(0, 2 * np.pi, 11), np.zeros(11)])
_OPEN = np.concatenate([np.linspace(1, -1, 11), np.linspace(-1, 1, 11)])


def mix(first, second, share: float) -> np.ndarray:
    """What lies between two points or colours."""
    return np.asarray(first) * (1 - share) + np.asarray(second) * share


def capsules(joints: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Outlines (..., K - 1, 22, 2) of the tapering rounded segments between joints (..., K, 2) of radii (..., K)."""
    steps = joints[..., 1:, :] - joints[..., :-1, :]
    x, y = steps[..., 0], steps[..., 1]
    # where the two common tangents touch the circles
    narrowing = (radii[..., :-1] - radii[..., 1:]) / np.maximum(np.hypot(x, y), 1e-6)
    sides = np.arccos(np.minimum(np.maximum(narrowing, -0.98), 0.98))
    angles = sides[..., None] * _OPEN
    angles += _ROUND
    angles += np.arctan2(y, x)[..., None]
    outlines = np.empty((*angles.shape, 2))
    np.cos(angles, out=outlines[..., 0])
    np.sin(angles, out=outlines[..., 1])
    for half, ends in ((outlines[..., :11, :], np.s_[..., :-1]), (outlines[..., 11:, :], np.s_[..., 1:])):
        half *= radii[ends][..., None, None]
        half += joints[(*ends, slice(None))][..., None, :]
    return outlines


def ellipses(centres, axes, angles=0.0) -> np.ndarray:
    """(N, 24, 2) outlines of ellipses: centres (N, 2), half axes (N, 2) or (2,), turned by ``angles`` radians."""
    points = CIRCLE * np.asarray(axes, float).reshape(-1, 1, 2)
    if np.ndim(angles) or angles:
        cos, sin = np.cos(angles), np.sin(angles)
        points = points @ np.array([[cos, sin], [-sin, cos]]).reshape(2, 2, -1).transpose(2, 0, 1)
    return points + np.asarray(centres, float).reshape(-1, 1, 2)


def ellipse(centre, axes) -> np.ndarray:
    """(24, 2) outline of one ellipse."""
    return ellipses(centre, axes)[0]


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> np.ndarray:
    """(24, 2) outline of a rectangle with round corners."""
    right, low, left, top = x1 - radius, y1 - radius, x0 + radius, y0 + radius
    corners = np.array([[(right, low)], [(left, low)], [(left, top)], [(right, top)]])
    return (corners + radius * _CORNERS).reshape(-1, 2)


def smooth_curve(points, count: int = 24, closed: bool = False) -> np.ndarray:
    """(about count, 2) smooth curve through ``points`` (Catmull-Rom)."""
    points = np.asarray(points, float)
    ends = (points[-1:], points[:2]) if closed else (2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1])
    padded = np.concatenate([ends[0], points, ends[1]])
    parts = len(padded) - 3
    corners = np.stack([padded[k : parts + k] for k in range(4)], 1)
    flat = (_spline_weights(max(2, count // parts)) @ corners).reshape(-1, 2)
    return flat if closed else np.concatenate([flat, points[-1:]])


@cache
def _spline_weights(count: int) -> np.ndarray:
    t = np.linspace(0, 1, count, endpoint=False)
    terms = np.stack([np.ones(count), t, t**2, t**3], 1)
    return terms @ (0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]))


def bezier(first, control, last, count: int = 16) -> np.ndarray:
    """(count, 2) quadratic curve from ``first`` to ``last``, drawn towards ``control``."""
    return bezier_weights(count) @ np.array((first, control, last), float)


@cache
def bezier_weights(count: int) -> np.ndarray:
    """(count, 3) share of each of the three nodes in the points of a quadratic curve."""
    t = np.linspace(0, 1, count)
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], 1)


def fixed(outlines, origin) -> list | np.ndarray:
    """Outlines as OpenCV takes them with ``shift=4``, counted from ``origin``: an array, or a list of arrays."""
    if not isinstance(outlines, np.ndarray):
        return [fixed(outline, origin) for outline in outlines]
    return np.rint((outlines - origin) * 16).astype(np.int32)


def bounds(outlines, pad: float, shape: tuple) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1: the window, in an array of this ``shape``, of fixed outlines and ``pad`` pixels around them."""
    stacked = isinstance(outlines, np.ndarray)
    points = outlines if stacked else np.concatenate([outline.reshape(-1, 2) for outline in outlines])
    left, top, width, height = cv2.boundingRect(points.reshape(-1, 2))
    x0 = min(max(math.floor(left / 16 - pad), 0), shape[1])
    y0 = min(max(math.floor(top / 16 - pad), 0), shape[0])
    x1 = min(max(math.ceil((left + width - 1) / 16 + pad) + 1, x0), shape[1])
    y1 = min(max(math.ceil((top + height - 1) / 16 + pad) + 1, y0), shape[0])
    return x0, y0, x1, y1
