"""Pictures as people have them, as the one kind of image that the library works with: uint8 RGB (H, W, 3).

Whatever a file, a video or an array holds, this is where it is decided what becomes of it:

- grey becomes three equal channels;
- an alpha channel is dropped, as the readers of the data sets do: what lies under it is what a network was trained on;
- 16 bits become 8 by leaving out the lower half, so 65535 is white, whatever the brightest pixel of the picture is;
- palettes and CMYK become RGB;
- the **orientation that a camera notes in the file is applied**: boxes and landmarks count in the picture as one sees
  it, upright. (Annotations of data sets count in the pixels as stored, so their readers do not apply it.)
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from awing_lib.datasets.files import IMAGE_SUFFIXES, DataError, check_size, image_size, read_file

PHOTO_SUFFIXES = IMAGE_SUFFIXES
"""Files of a folder that are taken for photos: JPEG, PNG, BMP and WebP, which is also all that is read."""
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
"""Files that are taken for videos. What can be decoded depends on the OpenCV that is installed."""


class PhotoError(DataError):
    """A picture or video that cannot be read. The message names the file."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo or a frame of a video, on its way to the aligner."""

    name: str
    """What it is called in results and messages."""
    image: np.ndarray
    """(H, W, 3) uint8 RGB, or what :func:`as_rgb` makes that of."""
    boxes: np.ndarray | None = None
    """(N, 4) x0 y0 x1 y1, pixels; None: the detector finds the faces."""
    frame: int | None = None
    """Its place in its video, counted from 0; None for a photo."""


def as_rgb(image: np.ndarray, name: str = "image") -> np.ndarray:
    """An array as uint8 RGB (H, W, 3).

    Args:
        image: uint8, uint16 or bool, of shape (H, W) or (H, W, C): C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and
            alpha. Not BGR, in which OpenCV hands images out: nobody can tell the two apart.
        name: what messages call it.

    Returns:
        (H, W, 3) uint8; the array itself if it is that already.

    Raises:
        PhotoError: another type or shape, no pixels, or more than 100,000,000.
    """
    expected = "expected uint8 RGB (H, W, 3); grey, alpha, uint16 and bool are understood too"
    if not isinstance(image, np.ndarray):
        raise PhotoError(f"{name}: {expected}; got {type(image).__name__}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 1 <= image.shape[2] <= 4):
        raise PhotoError(f"{name}: {expected}; got shape {image.shape}")
    if image.dtype not in (np.uint8, np.uint16, np.bool_):
        raise PhotoError(f"{name}: {expected}; got {image.dtype}, of which the white point is not known")
    check_size(image.shape[1], image.shape[0], name)
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    elif image.dtype == np.bool_:
        image = image.astype(np.uint8) * 255
    if image.ndim == 2:
        image = image[..., None]
    if image.shape[2] <= 2:
        return np.repeat(image[..., :1], 3, axis=2)
    return image[..., :3]


def read_photo(path: str | os.PathLike) -> np.ndarray:
    """A photo as one sees it, upright: (H, W, 3) uint8 RGB.

    Args:
        path: a JPEG, PNG, BMP or WebP file of at most 512 MiB and 100,000,000 pixels. The size is read from the header
            before memory is taken; at the limit, decoding takes about 600 MB.

    Raises:
        PhotoError, DataError: it is missing, cut off, broken, another format or too large; the message names the file.
    """
    path = Path(path)
    data = read_file(path)
    check_size(*image_size(data, str(path)), str(path))
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PhotoError(f"{path}: cannot be decoded: {error.err}") from error
    if image is None:
        raise PhotoError(f"{path}: cannot be decoded; the image is cut off or broken")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)  # in place: a large photo need not be there twice


def read_video(path: str | os.PathLike) -> Iterator[np.ndarray]:
    """The frames of a video, upright, one after the other: (H, W, 3) uint8 RGB each.

    Args:
        path: a file that the installed OpenCV can decode.

    Raises:
        PhotoError: it is missing, no video, holds no frame, its frames have more than 100,000,000 pixels, or it ends
            after fewer than nine tenths of the frames that it states. The last is found after those that there are.
    """
    path = Path(path)
    if not path.is_file():  # OpenCV would take some names for a camera, an address or a series of pictures
        raise PhotoError(f"{path}: {'is not a file' if path.exists() else 'does not exist'}, expected a video")
    video = cv2.VideoCapture(str(path.resolve()))
    try:
        count = 0
        # mkv and webm may state no number, and what OpenCV makes up then means nothing
        stated = video.get(cv2.CAP_PROP_FRAME_COUNT) if path.suffix.lower() not in (".mkv", ".webm") else 0
        while True:
            there, frame = video.read()
            if not there:
                break
            check_size(frame.shape[1], frame.shape[0], str(path))
            count += 1
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    except cv2.error as error:
        raise PhotoError(f"{path}: cannot be decoded after frame {count}: {error.err}") from error
    finally:
        video.release()
    if not count:
        raise PhotoError(f"{path}: no frame can be decoded; expected a video")
    if count < 0.9 * stated:
        raise PhotoError(f"{path}: {count} frames, but it states {stated:.0f}: the video is cut off")
