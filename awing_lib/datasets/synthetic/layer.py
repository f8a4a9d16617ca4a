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
    path = _fixed(points)
    left, top, across, down = cv2.boundingRect(path)
    margin = 2 if width is None else 2 + int(width / 2)
    x0, y0 = max((left >> 4) - margin, 0), max((top >> 4) - margin, 0)
    x1 = min((left + across >> 4) + margin + 1, shape[-1])
    y1 = min((top + down >> 4) + margin + 1, shape[-2])
    if x1 <= x0 or y1 <= y0:
        return None
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    path -= (16 * x0, 16 * y0)
    if width is None:
        cv2.fillPoly(mask, [path], 255, cv2.LINE_AA, 4)
    else:
        _line(mask, path, [255.0], width)
    return np.s_[y0:y1, x0:x1], mask * np.float32(1 / 255)


def _fixed(points: np.ndarray) -> np.ndarray:
    """Points in sixteenths of a pixel, as OpenCV takes them with ``shift=4``."""
    return np.rint(np.minimum(np.maximum(points, -4000), 4000) * 16).astype(np.int32)


def _line(image: np.ndarray, path: np.ndarray, colour, width: float) -> None:
    # OpenCV draws whole widths only: a thinner line is drawn one pixel wide and paler
    if width < 1:
        colour = [width * part for part in colour]
    cv2.polylines(image, [path], False, colour, max(round(width), 1), cv2.LINE_AA, 4)


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


class Cel:
    """A small transparent picture for shapes that lie close together: all are painted on it, then it is laid on once.

    It has 8 bits per colour and opacity, which is what OpenCV paints with smooth edges by itself; colours come from
    :func:`ink`, outlines from :meth:`paths`. Where shapes overlap, the last one counts, its opacity too.
    """

    def __init__(self, box: tuple[slice, slice]) -> None:
        """``box``: rows and columns of the large picture that it belongs to."""
        rows, columns = box
        self.origin = columns.start, rows.start
        self.pixels = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 4), np.uint8)

    def paths(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) of the large picture in sixteenths of a pixel of this one."""
        return np.rint((points - self.origin) * 16).astype(np.int32)

    def fill(self, path: np.ndarray, colour: list[float]) -> None:
        """Fill an outline (P, 2)."""
        cv2.fillPoly(self.pixels, [path], colour, cv2.LINE_AA, 4)

    def line(self, path: np.ndarray, colour: list[float], width: float = 1.0) -> None:
        """Draw a line along points (P, 2)."""
        _line(self.pixels, path, colour, width)

    def cut(self, path: np.ndarray) -> None:
        """Keep what is inside of an outline (P, 2)."""
        inside = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(inside, [path], 255, cv2.LINE_AA, 4)
        self.pixels = cv2.multiply(self.pixels, cv2.merge([inside] * 4), scale=1 / 255)

    def lay(self, window: np.ndarray, free: np.ndarray, top: float) -> None:
        """Lay it over its box of the large picture, (3, h, w), in place, where ``free`` (h, w) is 1 and not 0."""
        free = free * np.float32(1 / 255)
        window *= 1 - free * self.pixels[..., 3]
        window += free * np.float32(top) * self.pixels[..., :3].transpose(2, 0, 1)


def ink(colour: np.ndarray, top: float, opacity: float = 1.0) -> list[float]:
    """A colour for a :class:`Cel` on which ``top`` is the largest value of any."""
    return [*(colour * (255 * opacity / top)).tolist(), 255 * opacity]


def blend(image: np.ndarray, colour, alpha: np.ndarray) -> None:
    """Lay a colour, (3,) or (3, h, w), over a picture (3, h, w) in place, with opacity (h, w)."""
    colour = np.asarray(colour, np.float32)
    if colour.ndim == 1:
        image *= 1 - alpha
        image += alpha * colour[:, None, None]
    else:
        step = colour - image
        step *= alpha
        image += step


def shade(image: np.ndarray, alpha: np.ndarray, colour: np.ndarray, tone: np.ndarray) -> None:
    """Lay a colour (3,) that is lighter and darker by ``tone`` (h, w) over a picture (3, h, w) in place."""
    image *= 1 - alpha
    tone = tone * alpha
    for part, value in zip(image, colour, strict=True):
        part += tone * np.float32(value)


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth in between."""
    share = (values - np.float32(low)) * np.float32(1 / (high - low))
    np.clip(share, 0, 1, out=share)
    return share * share * (3 - 2 * share)


def plane(colour) -> np.ndarray:
    """A colour (3,) as (3, 1, 1) float32."""
    return np.asarray(colour, np.float32)[:, None, None]
