"""Painting in layers: soft-edged shapes and how they are laid over each other.

Pictures are (3, H, W) float32 here: one plane per colour, so that arithmetic runs along whole rows.
"""

import cv2
import numpy as np


def coverage(shape: tuple, points: np.ndarray, width: float | None = None) -> tuple[tuple, np.ndarray] | None:
    """What a shape covers of a picture.

    Args:
        shape: of the picture; the last two numbers count.
        points: (P, 2) outline to be filled, in pixels; or a line, if ``width`` is given.
        width: of the line, in pixels.

    Returns:
        the slices of the picture that hold the shape, and its coverage there (h, w) float32, 0 to 1; None if the shape
        lies outside of the picture.
    """
    margin = 1.5 if width is None else 1.5 + width / 2
    low, high = points.min(0) - margin, points.max(0) + margin
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]) + 1, shape[-1]), min(int(high[1]) + 1, shape[-2])
    if x1 <= x0 or y1 <= y0:
        return None
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    path = ((np.clip(points, -4000, 4000) - (x0, y0)) * 16 + 0.5).astype(np.int32)
    if width is None:
        cv2.fillPoly(mask, [path], 255, cv2.LINE_AA, 4)
    else:
        # OpenCV draws whole widths only: a thinner line is drawn one pixel wide and paler
        cv2.polylines(mask, [path], False, int(255 * min(width, 1)), max(round(width), 1), cv2.LINE_AA, 4)
    return np.s_[y0:y1, x0:x1], mask * np.float32(1 / 255)


def fill(image: np.ndarray, points: np.ndarray, colour, alpha=1.0, *, width: float | None = None, clip=None) -> None:
    """Paint a shape (see :func:`coverage`) on a picture (3, H, W) in place, where ``clip`` (H, W) is not 0."""
    found = coverage(image.shape, points, width)
    if found is not None:
        (rows, columns), mask = found
        if alpha != 1:
            mask *= np.float32(alpha)
        if clip is not None:
            mask *= clip[rows, columns]
        blend(image[:, rows, columns], colour, mask)


def blend(image: np.ndarray, colour, alpha: np.ndarray) -> None:
    """Lay a colour, (3,) or (3, h, w), over a picture (3, h, w) in place, with opacity (h, w)."""
    colour = np.asarray(colour, np.float32)
    image += alpha * ((colour[:, None, None] if colour.ndim == 1 else colour) - image)


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth in between."""
    share = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return share * share * (3 - 2 * share)


def plane(colour) -> np.ndarray:
    """A colour (3,) as (3, 1, 1) float32."""
    return np.asarray(colour, np.float32)[:, None, None]
