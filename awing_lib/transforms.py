"""From a photo and a box to the network's input: the face crop, and the augmentation of section 6 of the paper.

Everything geometric (crop, rotation, rescaling, translation, flip) is composed into **one** 2x3 affine matrix, and that
matrix moves the image's pixels and the landmarks alike. So they cannot drift apart, and the image is resampled once.

Coordinates are (x, y) in pixels, integers are pixel centres, (0, 0) is the centre of the top-left pixel. A matrix A
takes a point of the photo to the crop: ``x' = A[0, 0] x + A[0, 1] y + A[0, 2]``, and likewise y' with the second row.

Images are uint8 RGB (H, W, 3); randomness is a ``numpy.random.Generator``, and the same seed gives the same sample.
"""

import math
import os
import random
import threading
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from awing_lib.arguments import as_real, as_whole
from awing_lib.errors import AwingError
from awing_lib.layouts import LandmarkLayout

if TYPE_CHECKING:
    from torch import Tensor

CROP_SIZE = 256
"""Side of the network's input (section 6 of the paper), pixels."""

LARGEST_COORDINATE = 1e6
"""Boxes and landmarks beyond this many pixels are refused: they are a mistake, and would overflow further on."""

BORDERS = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}
"""What a crop shows outside the photo: nothing, or its nearest pixel."""


class TransformError(AwingError):
    """An image, box, matrix or setting that no crop can be made from."""


# -- checks -----------------------------------------------------------------------------------------------------------


def _check_number(name: str, value, low: float, high: float) -> None:
    if not low <= as_real(value) <= high:
        raise TransformError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")


def _checked_range(name: str, value, low: float, high: float) -> tuple[float, float]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TransformError(f"{name} must be a range of two numbers, got {value!r}")
    for end in value:
        _check_number(name, end, low, high)
    if value[0] > value[1]:
        raise TransformError(f"{name} must be a range from low to high, got {value!r}")
    return tuple(value)


def _check_size(size) -> None:
    if not 8 <= as_whole(size) <= 4096:
        raise TransformError(f"size must be a whole number of pixels from 8 to 4096, got {size!r}")


def _check_image(image) -> None:
    expected = "expected uint8 RGB (H, W, 3)"
    if not isinstance(image, np.ndarray):
        raise TransformError(f"image: {expected}, got {type(image).__name__}")
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        raise TransformError(f"image: {expected}, got a grey image {image.shape}; repeat its channel three times")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise TransformError(f"image: {expected}, got {image.shape}")
    if image.dtype != np.uint8:
        raise TransformError(f"image: {expected} with values 0 to 255, got {image.dtype}")


def _as_floats(name: str, value, expected: str) -> np.ndarray:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TransformError(f"{name}: expected {expected}, got {type(value).__name__}: {error}") from error


def _checked_box(box) -> tuple[float, float, float, float]:
    values = _as_floats("box", box, "x0 y0 x1 y1")
    if values.shape != (4,):
        raise TransformError(f"box: expected the four numbers x0 y0 x1 y1, got shape {values.shape}")
    x0, y0, x1, y1 = values.tolist()
    shown = f"x0 {x0:g} y0 {y0:g} x1 {x1:g} y1 {y1:g}"
    if not np.all(np.abs(values) <= LARGEST_COORDINATE):
        raise TransformError(f"box: {shown} is not finite, or beyond {LARGEST_COORDINATE:,.0f} pixels")
    if x1 <= x0 or y1 <= y0:
        raise TransformError(f"box: {shown} is empty; expected x0 < x1 and y0 < y1 (edges, not width and height)")
    if max(x1 - x0, y1 - y0) < 1:
        raise TransformError(f"box: {shown} is smaller than one pixel")
    return x0, y0, x1, y1


def _checked_landmarks(landmarks, batched: bool = False) -> np.ndarray:
    points = _as_floats("landmarks", landmarks, "(L, 2) numbers")
    if points.ndim < 1 or points.shape[-1] != 2 or (points.ndim != 2 and not batched):
        raise TransformError(f"landmarks: expected (L, 2), got {points.shape}")
    wrong = np.abs(points) > LARGEST_COORDINATE  # False for NaN
    if wrong.any():
        index = tuple(np.argwhere(wrong)[0][:-1].tolist())
        raise TransformError(
            f"landmarks: point {', '.join(map(str, index))} is {points[index].tolist()}; expected NaN or at most "
            f"{LARGEST_COORDINATE:,.0f} pixels"
        )
    return points


def _checked_visible(visible, landmarks: np.ndarray) -> np.ndarray:
    """(L,) bool; a landmark that is not marked (NaN) is not visible."""
    marked = ~np.isnan(landmarks).any(-1)
    if visible is None:
        return marked
    visible = np.asarray(visible)
    if visible.dtype != bool or visible.shape != marked.shape:
        raise TransformError(f"visible: expected bool {marked.shape}, got {visible.dtype} {visible.shape}")
    return visible & marked


def _checked_matrix(matrix) -> np.ndarray:
    values = _as_floats("matrix", matrix, "(2, 3) numbers")
    if values.shape != (2, 3) or not (np.abs(values) < 1e12).all():
        raise TransformError(f"matrix: expected (2, 3) numbers below 1e12, got {values.tolist()}")
    stretch = np.linalg.svd(values[:, :2], compute_uv=False)
    if not 1e-9 < stretch[1] <= stretch[0] < 1e9:
        raise TransformError(f"matrix: {values.tolist()} cannot be inverted")
    return values


def _check_overlap(matrix: np.ndarray, image: np.ndarray, size: int) -> None:
    """A crop that shows nothing of its photo is a mistake in the box."""
    first, last = _map(invert(matrix), np.array([[-0.5, -0.5], [size - 0.5, size - 0.5]]))
    height, width = image.shape[:2]
    if last[0] <= -0.5 or last[1] <= -0.5 or first[0] >= width - 0.5 or first[1] >= height - 0.5:
        raise TransformError(
            f"box: the square x {first[0]:.1f} to {last[0]:.1f}, y {first[1]:.1f} to {last[1]:.1f} lies outside the "
            f"image of {width} x {height} pixels"
        )


def _inside(landmarks: np.ndarray, size: int) -> np.ndarray:
    """(L,) bool: on a pixel of the crop; False for NaN."""
    return ((landmarks >= -0.5) & (landmarks < size - 0.5)).all(-1)


# -- matrices ---------------------------------------------------------------------------------------------------------


def crop_matrix(box, size: int = CROP_SIZE, padding: float = 0.0) -> np.ndarray:
    """The matrix that takes the square around a box to a crop of ``size`` x ``size`` pixels.

    The square has the box's centre and its longer side times ``1 + padding``. The box is given in the coordinates of
    the landmarks, and its edges land on the **outer edges** of the crop's outermost pixels, at -0.5 and size - 0.5:
    for a square of side S that starts at x0, ``x' = (x - x0) * size / S - 0.5``. The whole of a W x W photo is
    therefore the box ``(-0.5, -0.5, W - 0.5, W - 0.5)``, which gives ``x' = (x + 0.5) * size / W - 0.5``, the rule
    for resizing; the box ``(0, 0, W, W)`` lies half a pixel further right and down.

    Args:
        box: (4,) x0 y0 x1 y1, pixels; it may reach beyond the photo.
        size: side of the crop, pixels.
        padding: share of the square's side that is added in all, half of it on each side; 0 to 10.

    Returns:
        (2, 3) float64.

    Raises:
        TransformError: the box is not four finite numbers with x0 < x1 and y0 < y1, its longer side is below one
            pixel, or another argument is out of range.
    """
    x0, y0, x1, y1 = _checked_box(box)
    _check_size(size)
    _check_number("padding", padding, 0, 10)
    side = max(x1 - x0, y1 - y0) * (1 + padding)
    return _square_matrix(((x0 + x1) / 2, (y0 + y1) / 2), side, size)


def _square_matrix(center, side: float, size: int) -> np.ndarray:
    scale = size / side
    return np.array([[scale, 0, (size - 1) / 2 - scale * center[0]], [0, scale, (size - 1) / 2 - scale * center[1]]])


def compose(*matrices) -> np.ndarray:
    """One matrix (2, 3) for several in a row; the first is applied first.

    Raises:
        TransformError: one of them is not a finite (2, 3) matrix that can be inverted.
    """
    product = np.eye(3)
    for matrix in matrices:
        product = np.vstack([_checked_matrix(matrix), [0, 0, 1]]) @ product
    return product[:2]


def invert(matrix) -> np.ndarray:
    """The way back: (2, 3) matrix from the crop to the photo.

    Raises:
        TransformError: not a finite (2, 3) matrix that can be inverted.
    """
    matrix = _checked_matrix(matrix)
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def map_landmarks(matrix, landmarks) -> np.ndarray:
    """Landmarks (..., 2) under a matrix, float32, in the order given; NaN stays NaN.

    With ``invert(matrix)``, landmarks found in the crop become pixels of the photo.

    Raises:
        TransformError: not a finite (2, 3) matrix that can be inverted, or not landmarks (..., 2), NaN or within
            1,000,000 pixels.
    """
    return _map(_checked_matrix(matrix), _checked_landmarks(landmarks, batched=True)).astype(np.float32)


def _map(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


@dataclass(frozen=True)
class Warp:
    """One rotation, rescaling, translation and flip of a crop, in this order.

    Raises:
        TransformError: a field is out of range; the message names it.
    """

    rotation: float = 0.0
    """About the centre of the crop, degrees, positive is counter-clockwise as one sees it; -180 to 180."""
    scale: float = 1.0
    """1.1 shows the face a tenth larger; about the centre of the crop; 0.1 to 10."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Right and down, pixels of the crop, -10,000 to 10,000."""
    flip: bool = False
    """Left to right, x' = size - 1 - x. The landmarks must then change places too: ``layout.mirror``."""

    def __post_init__(self) -> None:
        _check_number("rotation", self.rotation, -180, 180)
        _check_number("scale", self.scale, 0.1, 10)
        if not isinstance(self.shift, tuple | list) or len(self.shift) != 2:
            raise TransformError(f"shift must be two numbers (right, down), got {self.shift!r}")
        for step in self.shift:
            _check_number("shift", step, -10_000, 10_000)
        object.__setattr__(self, "shift", tuple(self.shift))
        if not isinstance(self.flip, bool | np.bool_):
            raise TransformError(f"flip must be true or false, got {self.flip!r}")

    def matrix(self, size: int = CROP_SIZE) -> np.ndarray:
        """(2, 3) matrix from the crop of ``size`` pixels to the warped crop."""
        _check_size(size)
        middle = (size - 1) / 2
        cosine, sine = (self.scale * f(math.radians(self.rotation)) for f in (math.cos, math.sin))
        linear = np.array([[cosine, sine], [-sine, cosine]])  # y points down, so this is counter-clockwise
        offset = middle + np.asarray(self.shift, float) - linear @ [middle, middle]
        matrix = np.column_stack([linear, offset])
        if self.flip:
            matrix[0] = [0, 0, size - 1] - matrix[0]
        return matrix


# -- pixels -----------------------------------------------------------------------------------------------------------


def apply(matrix, image: np.ndarray, landmarks, size: int = CROP_SIZE, border: str = "black"):
    """Warp an image and its landmarks by one matrix.

    Interpolation is linear. An image that becomes half as large or less is first halved, by averaging 2 x 2 pixels from
    its top-left corner on, as often as that goes: reading only some of its pixels would alias. An odd last row or
    column is left out of that. The shift of the centres is part of the arithmetic.

    Args:
        matrix: (2, 3), from the image to the crop.
        image: (H, W, 3) uint8.
        landmarks: (L, 2), pixels of the image; NaN where a point is not marked.
        size: side of the crop, pixels.
        border: "black" or "edge" (its nearest pixel) where the crop reaches beyond the image.

    Returns:
        image (size, size, 3) uint8, landmarks (L, 2) float32: same count, same order, outside the crop too.

    Raises:
        TransformError: an argument is not as described; the message names it.
    """
    matrix, landmarks = _checked_matrix(matrix), _checked_landmarks(landmarks)
    _check_image(image)
    _check_size(size)
    if border not in BORDERS:
        raise TransformError(f"border must be one of {', '.join(BORDERS)}, got {border!r}")
    return warp_image(matrix, image, size, BORDERS[border]), _map(matrix, landmarks).astype(np.float32)


def warp_image(matrix, image, size, border=cv2.BORDER_CONSTANT):
    """The pixels of a crop, as :func:`awing_lib.transforms.apply` has them. Needs NumPy and OpenCV only, and checks
    nothing: files of :mod:`awing_lib.export` carry its source.

    Args:
        matrix: (2, 3), from the image to the crop; it can be inverted.
        image: (H, W, 3) uint8.
        size: side of the crop, pixels.
        border: what is outside the image, cv2.BORDER_CONSTANT (black) or cv2.BORDER_REPLICATE (its nearest pixel).

    Returns:
        (size, size, 3) uint8.
    """
    matrix = np.asarray(matrix, np.float64)
    # How often the image can be halved and still hold a pixel for each pixel of the crop, in its least shrunk direction
    halvings = max(0, int(-np.log2(np.linalg.norm(matrix[:, :2], 2))))
    block = 2**halvings
    # Only the part that the crop shows is touched, so that a large photo costs no more than a small one
    far = size - 0.5
    corners = np.array([[-0.5, -0.5], [far, -0.5], [-0.5, far], [far, far]])
    shown = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    limits = np.array(image.shape[1::-1])
    # It begins on a block of the image's own grid: what is averaged must not depend on where the part begins
    start = np.clip(np.floor(shown.min(0)) - 2 * block, 0, np.maximum(limits - block, 0)).astype(int) // block * block
    stop = np.clip(np.ceil(shown.max(0)) + 2 * block + 1, start + block, limits).astype(int)
    part = image[start[1] : stop[1], start[0] : stop[0]]
    if part.strides[0] < 0 or part.strides[1:] != (3, 1):  # OpenCV cannot step through these
        part = np.ascontiguousarray(part)
    shrink = 1
    for _ in range(halvings):
        rows, columns = part.shape[0] // 2, part.shape[1] // 2
        if not rows or not columns:
            break
        part = cv2.resize(part[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        shrink *= 2
    # A centre x' of the part is the centre (x' + 0.5) * shrink - 0.5 + start of the image
    shift = matrix[:, :2] @ ((shrink - 1) / 2 + start) + matrix[:, 2]
    of_part = np.column_stack([shrink * matrix[:, :2], shift])
    return cv2.warpAffine(part, of_part, (size, size), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=0)


def to_tensor(image: np.ndarray) -> "Tensor":
    """Image (H, W, 3) uint8 as a tensor (3, H, W) float32 in [0, 1] (divided by 255, no mean subtracted).

    Raises:
        TransformError: not an image (H, W, 3) uint8.
    """
    import torch  # a second or two, which the rest of this module does without

    _check_image(image)
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(torch.float32).div_(255)


# -- the face crop ----------------------------------------------------------------------------------------------------


class FaceCrop(NamedTuple):
    """A face, ready for the network."""

    image: np.ndarray
    """(size, size, 3) uint8 RGB."""
    landmarks: np.ndarray
    """(L, 2) float32, pixels of the crop."""
    visible: np.ndarray
    """(L,) bool: visible in the photo, marked, inside the crop, and not behind an occluder that augmentation added.
    What is not visible is to be found all the same: this says what the image shows, not what the loss should count."""
    matrix: np.ndarray
    """(2, 3) float64, photo to crop; ``map_landmarks(invert(matrix), ...)`` leads back."""


@dataclass(frozen=True)
class CropProtocol:
    """Which square of a photo is the face: part of a data set's protocol, and of every number measured with it.

    :data:`PROTOCOLS` holds one for each data set.

    Raises:
        TransformError: a field is out of range; the message names it.
    """

    padding: float = 0.0
    """Share of the box's width and height that is added in all, half of it on each side; 0 to 2."""
    box: str = "given"
    """"given" by the data set (or a detector), or "landmarks": the tight box of the true landmarks."""
    official_wflw: bool = False
    """The rule of the official code for WFLW, see :meth:`matrix`. **It looks at the true landmarks**, so numbers
    measured with it are not those of a face found by a detector."""

    def __post_init__(self) -> None:
        _check_number("padding", self.padding, 0, 2)
        if self.box not in ("given", "landmarks"):
            raise TransformError(f'box must be "given" or "landmarks", got {self.box!r}')
        if not isinstance(self.official_wflw, bool):
            raise TransformError(f"official_wflw must be true or false, got {self.official_wflw!r}")

    def matrix(self, box=None, landmarks=None, size: int = CROP_SIZE) -> np.ndarray:
        """The matrix (2, 3) from the photo to the crop.

        The square is the box's longer side, padded, about its centre (:func:`crop_matrix`). With ``official_wflw`` it
        is what the official evaluation does, as we understand its code: the box is padded by whole pixels, a first
        square has 0.8 times (width + height) as its side, and is enlarged until every true landmark lies between 10
        and 440 of its 450 pixels (here at once, to the smallest such square). The crop is the middle 360 of the 450
        pixels, or all 450 if a landmark would otherwise lie outside 5 to 250 of the 256.

        Args:
            box: (4,) x0 y0 x1 y1, pixels; not needed, and not looked at, where the protocol's ``box`` is "landmarks".
            landmarks: (L, 2), pixels; needed only by protocols that look at them. NaN points are left out.
            size: side of the crop, pixels.

        Raises:
            TransformError: no square can be made; the message says why.
        """
        marked = None
        if self.box == "landmarks" or self.official_wflw:
            if landmarks is None:
                raise TransformError("this crop protocol looks at the true landmarks: pass landmarks (L, 2)")
            marked = _checked_landmarks(landmarks)
            marked = marked[~np.isnan(marked).any(1)]
            if not len(marked):
                raise TransformError("landmarks: none is marked (all are NaN), so they have no box")
        if self.box == "landmarks":
            box = (*marked.min(0), *marked.max(0))
        if not self.official_wflw:
            return crop_matrix(box, size, self.padding)

        x0, y0, x1, y1 = _checked_box(box)
        _check_size(size)
        center = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        width, height = (length + 2 * int(self.padding * length / 2) for length in (x1 - x0, y1 - y0))
        offset = np.abs(marked - center).max()
        side = max(0.8 * (width + height), 450 / 215 * offset)
        inner = _square_matrix(center, 0.8 * side, 256)
        inside = _map(inner, marked)
        if inside.min() >= 5 and inside.max() <= 250:
            side *= 0.8
        return _square_matrix(center, side, size)

    def __call__(self, image: np.ndarray, landmarks=None, visible=None, box=None, size: int = CROP_SIZE) -> FaceCrop:
        """The crop without augmentation, for evaluation.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (L, 2), pixels of the photo, NaN where not marked; None for a photo that has none (L = 0).
            visible: (L,) bool; all, where None.
            box: (4,) x0 y0 x1 y1, pixels of the photo.
            size: side of the crop, pixels.

        Raises:
            TransformError: an argument is not as described, or the square lies outside the photo.
        """
        _check_image(image)
        matrix = self.matrix(box, landmarks, size)
        _check_overlap(matrix, image, size)
        points = _checked_landmarks(np.empty((0, 2)) if landmarks is None else landmarks)
        seen = _checked_visible(visible, points)
        cropped, moved = apply(matrix, image, points, size)
        return FaceCrop(cropped, moved, seen & _inside(moved, size), matrix)


PROTOCOLS = {
    "WFLW": CropProtocol(padding=0.10),
    "300W": CropProtocol(padding=0.10, box="landmarks"),
    "COFW": CropProtocol(),
    "AFLW": CropProtocol(),
    "WFLW-official": CropProtocol(padding=0.05, official_wflw=True),
}
"""Data set -> its crop, as we understand the paper's protocol (not its wording, so do not quote it as the paper's):
the box that comes with the data set, squared by its longer side; WFLW's enlarged by 10 %; for 300W, which has no
official box, the box of the true landmarks and about 10 %. "WFLW-official" is the rule of the official code."""


# -- augmentation -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Augmentation:
    """The paper's augmentation (section 6): ranges, from which every call draws anew.

    Rotation, translation, rescaling and the share of flips are the paper's. Gaussian blur, noise and occlusion are too,
    but not how strong and how frequent they are here; that is our choice, as are ``brightness`` and ``contrast``,
    which are off by default.

    Example::

        augment = Augmentation(WFLW_98, PROTOCOLS["WFLW"])
        crop = augment(image, landmarks, visible, box, numpy.random.default_rng(0))

    Raises:
        TransformError: a field is out of range; the message names it.
    """

    layout: LandmarkLayout
    """Knows which landmarks change places when the image is flipped."""
    protocol: CropProtocol = CropProtocol()
    size: int = CROP_SIZE
    """Side of the crop, pixels."""
    border: str = "black"
    """What the crop shows outside the photo: "black" or "edge" (the nearest pixel)."""
    rotation: float = 50.0
    """At most so many degrees to either side, about the crop's centre; 0 to 180."""
    translation: float = 25.0
    """At most so many pixels of the crop right or left, and up or down; 0 to ``size``."""
    rescale: float = 0.15
    """The face becomes larger or smaller by at most this share; 0 to 0.9."""
    flip_probability: float = 0.5
    blur_probability: float = 0.25
    blur_sigma: tuple[float, float] = (0.5, 2.0)
    """Range of the Gaussian's standard deviation, pixels of the crop; 0.1 to 10."""
    noise_probability: float = 0.25
    noise_deviation: tuple[float, float] = (0.01, 0.05)
    """Range of the standard deviation of Gaussian noise, as a share of 255; 0 to 0.5."""
    occlusion_probability: float = 0.25
    occlusion_count: int = 2
    """One to this many rectangles of one random colour each; 1 to 20."""
    occlusion_size: tuple[float, float] = (0.1, 0.35)
    """Range of a rectangle's width and of its height, as a share of the crop's side; 0 to 1."""
    brightness: float = 0.0
    """At most this share of 255 is added or taken away; 0 to 1."""
    contrast: float = 0.0
    """Contrast becomes higher or lower by at most this share; 0 to 1."""

    def __post_init__(self) -> None:
        if not isinstance(self.layout, LandmarkLayout):
            raise TransformError(f"layout must be a LandmarkLayout, got {type(self.layout).__name__}")
        if not isinstance(self.protocol, CropProtocol):
            raise TransformError(f"protocol must be a CropProtocol, got {type(self.protocol).__name__}")
        _check_size(self.size)
        if self.border not in BORDERS:
            raise TransformError(f"border must be one of {', '.join(BORDERS)}, got {self.border!r}")
        _check_number("rotation", self.rotation, 0, 180)
        _check_number("translation", self.translation, 0, self.size)
        _check_number("rescale", self.rescale, 0, 0.9)
        for name in ("flip", "blur", "noise", "occlusion"):
            _check_number(f"{name}_probability", getattr(self, f"{name}_probability"), 0, 1)
        for name, low, high in (("blur_sigma", 0.1, 10), ("noise_deviation", 0, 0.5), ("occlusion_size", 0, 1)):
            object.__setattr__(self, name, _checked_range(name, getattr(self, name), low, high))
        if math.isnan(as_whole(self.occlusion_count)):
            raise TransformError(f"occlusion_count must be a whole number, got {self.occlusion_count!r}")
        _check_number("occlusion_count", self.occlusion_count, 1, 20)
        _check_number("brightness", self.brightness, 0, 1)
        _check_number("contrast", self.contrast, 0, 1)

    def sample(self, generator: np.random.Generator) -> Warp:
        """Draw one warp: uniform in each range; the flip with its probability.

        Raises:
            TransformError: not a numpy Generator.
        """
        if not isinstance(generator, np.random.Generator):
            raise TransformError(f"generator must be a numpy.random.Generator, got {type(generator).__name__}")
        rotation, scale, right, down = generator.uniform(-1, 1, 4).tolist()
        return Warp(
            rotation=self.rotation * rotation,
            scale=1 + self.rescale * scale,
            shift=(self.translation * right, self.translation * down),
            flip=bool(generator.random() < self.flip_probability),
        )

    def __call__(self, image: np.ndarray, landmarks, visible, box, generator: np.random.Generator) -> FaceCrop:
        """One augmented face.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (L, 2), pixels of the photo, NaN where not marked.
            visible: (L,) bool; all, where None.
            box: (4,) x0 y0 x1 y1, pixels of the photo; None where the protocol takes the box of the landmarks.
            generator: the source of randomness; it moves on.

        Raises:
            TransformError: an argument is not as described, or the square lies outside the photo.
        """
        _check_image(image)
        points = _checked_landmarks(landmarks)
        if points.shape != (self.layout.count, 2):
            raise TransformError(
                f"landmarks: {self.layout.name} has {self.layout.count} points, expected ({self.layout.count}, 2), "
                f"got {points.shape}"
            )
        seen = _checked_visible(visible, points)
        matrix = self.protocol.matrix(box, points, self.size)
        _check_overlap(matrix, image, self.size)

        warp = self.sample(generator)
        matrix = compose(matrix, warp.matrix(self.size))
        cropped, moved = apply(matrix, image, points, self.size, self.border)
        if warp.flip:
            order = list(self.layout.mirror)
            moved, seen = moved[order], seen[order]
        seen = seen & _inside(moved, self.size)

        # In the order of a camera: something before the face, the light, the lens, the sensor
        if generator.random() < self.occlusion_probability:
            seen = seen & ~self._occlude(cropped, moved, generator)
        for step, wanted in enumerate(
            (
                self.brightness > 0 or self.contrast > 0,
                generator.random() < self.blur_probability,
                generator.random() < self.noise_probability,
            )
        ):
            if wanted:
                steps = _photometric(
                    self.brightness, self.contrast, self.blur_sigma, self.noise_deviation, threading.get_ident()
                )
                cropped = _run(steps[step], cropped, generator)
        return FaceCrop(cropped, moved, seen, matrix)

    def _occlude(self, image: np.ndarray, landmarks: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Paint rectangles into the image; (L,) bool: the landmarks behind them."""
        covered = np.zeros(len(landmarks), bool)
        for _ in range(generator.integers(1, self.occlusion_count + 1)):
            extent = np.rint(generator.uniform(*self.occlusion_size, 2) * self.size).astype(int)
            start = np.rint(generator.random(2) * (self.size - extent)).astype(int)
            stop = start + extent
            image[start[1] : stop[1], start[0] : stop[0]] = generator.integers(0, 256, 3)
            # pixel i reaches from i - 0.5 to i + 0.5
            covered |= ((landmarks >= start - 0.5) & (landmarks < stop - 0.5)).all(1)
        return covered


@cache
def _albumentations():
    """The module, imported without its request to pypi.org: on import it asks for newer versions of itself.

    It reads the environment variable at that moment only, so afterwards the variable is as it was. A few seconds.
    """
    switch = "NO_ALBUMENTATIONS_UPDATE"
    before = os.environ.get(switch)
    os.environ[switch] = "1"
    try:
        import albumentations
    finally:
        if before is None:
            del os.environ[switch]
        else:
            os.environ[switch] = before
    return albumentations


@lru_cache(maxsize=64)
def _photometric(brightness: float, contrast: float, sigma, deviation, thread: int) -> tuple:
    """Transforms that leave every pixel where it is. One set per thread, as each holds its source of randomness."""
    albumentations = _albumentations()
    return (
        albumentations.RandomBrightnessContrast(brightness_limit=brightness, contrast_limit=contrast, p=1),
        albumentations.GaussianBlur(blur_limit=0, sigma_limit=sigma, p=1),  # 0: the kernel follows from sigma
        albumentations.GaussNoise(std_range=deviation, p=1),
    )


def _run(transform, image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    seed = int(generator.integers(2**63))
    transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
    return transform(image=image)["image"]
