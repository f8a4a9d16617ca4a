"""Files of a data set: names that stay inside their folder, files that exist, images that can be decoded.

Everything here treats names and bytes as untrusted: a name from an annotation file never leaves its root, by ``..``, an
absolute path or a link, and an image says how large it is before memory is taken for it.
"""

import csv
import io
import math
import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from awing_lib.errors import AwingError

PIXEL_LIMIT = 100_000_000
"""Largest image that is decoded, in pixels (10,000 x 10,000)."""
FILE_LIMIT = 512 * 2**20
"""Largest annotation or image file that is read as a whole, in bytes."""
COORDINATE_LIMIT = 1e6
"""Largest coordinate, in pixels; anything beyond it is a broken file."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class DataError(AwingError):
    """A file of a data set is missing, broken, or not what it should be."""


def shown(value: object) -> str:
    """``value`` as it appears in a message: quoted, on one line, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def clean_name(name: str, where: str) -> str:
    """A relative name with ``/`` between its parts, as it is safe to join to a folder.

    Raises:
        DataError: the name is empty, absolute, climbs with ``..``, or holds a backslash or control characters.
    """
    if not name or len(name) > 400 or not name.isprintable():
        raise DataError(f"{where}: file name {shown(name)} must be 1 to 400 printable characters")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name[0] == "/" or ".." in parts or "\\" in name or name[1:2] == ":" or not parts:
        raise DataError(
            f"{where}: file name {shown(name)} must be relative, with '/' between its parts and without '..'"
        )
    return "/".join(parts)


class Folder:
    """A folder from which files are read by name, and nothing outside it.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            what = "is not a folder" if self.path.exists() else "does not exist"
            raise DataError(f"{self.path}: {what}; expected the folder of the data set")
        self._real = os.path.realpath(self.path)

    def locate(self, name: str, where: str | None = None) -> Path:
        """Path of the file called ``name``, which need not exist.

        Raises:
            DataError: the name, or a link on its way, leads out of the folder.
        """
        path = self.path / clean_name(name, where or str(self.path))
        real = os.path.realpath(path)
        if real != self._real and not real.startswith(self._real.rstrip(os.sep) + os.sep):
            raise DataError(
                f"{where or path}: {shown(name)} leads out of {self.path} through a link; it is not followed"
            )
        return path

    def folder(self, name: str) -> "Folder":
        """A folder inside this one.

        Raises:
            DataError: it does not exist, or is a link out of this one.
        """
        return Folder(self.locate(name))

    def read(self, name: str, limit: int = FILE_LIMIT) -> bytes:
        """The bytes of a file.

        Raises:
            DataError: it is missing, not a regular file, unreadable, or longer than ``limit`` bytes.
        """
        return read_file(self.locate(name), limit)

    def files(self, name: str = "") -> list[str]:
        """Names, in order, of the regular files directly in the sub-folder ``name``; links must stay inside.

        Raises:
            DataError: the sub-folder is missing, or holds a link out of this folder.
        """
        path = self.locate(name) if name else self.path
        prefix = f"{name}/" if name else ""
        found = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_file() and entry.name.isprintable():
                        if entry.is_symlink():
                            self.locate(prefix + entry.name)
                        found.append(prefix + entry.name)
        except OSError as error:
            raise DataError(f"{path}: expected a folder: {error.strerror}") from error
        return sorted(found)

    def missing(self, names: Iterable[str]) -> list[int]:
        """Places in ``names`` (clean ones) of those that are no regular files.

        Each folder is listed once, which for thousands of files is much faster than asking for each.

        Raises:
            DataError: one of them leads out of the folder through a link.
        """
        listed: dict[str, set[str]] = {}
        absent = []
        for place, name in enumerate(names):
            parent = name.rpartition("/")[0]
            if parent not in listed:
                path = self.locate(parent) if parent else self.path
                listed[parent] = set(self.files(parent)) if path.is_dir() else set()
            if name not in listed[parent]:
                absent.append(place)
        return absent


def read_file(path: Path, limit: int = FILE_LIMIT, offset: int = 0, size: int | None = None) -> bytes:
    """The bytes of a regular file, or ``size`` of them from ``offset``.

    Raises:
        DataError: it is missing, not a regular file, unreadable, shorter than ``offset + size``, or over the limit.
    """
    try:
        mode, length = (status := os.stat(path)).st_mode, status.st_size
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise DataError(f"{path}: expected a file, found {'a folder' if stat.S_ISDIR(mode) else 'something else'}")
        size = length - offset if size is None else size
        if size > limit:
            raise DataError(f"{path}: {size} bytes; at most {limit} are read")
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(size)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) != size:
        raise DataError(f"{path}: {size} bytes expected from byte {offset}, found {len(data)}: the file is cut off")
    return data


def decode_text(data: bytes, path: Path, encoding: str = "ascii") -> str:
    """Text of an annotation file.

    Raises:
        DataError: a byte is not text in that encoding; the message names the line.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name = encoding.split("-sig")[0].upper()
        raise DataError(f"{path}, line {line}: byte 0x{data[error.start]:02x}, expected {name} text") from error


def table_rows(data: bytes, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines of a csv table in UTF-8, the one with the names of the columns first: their numbers and fields.

    Empty lines are passed over, and so is white space around a field. Whether a line has as many fields as the first
    is for the caller to say, who knows what it is about.

    Raises:
        DataError: no UTF-8, or a quote that does not end; the message names the line.
    """
    reader = csv.reader(io.StringIO(decode_text(data, path, "utf-8-sig"), newline=""), strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: {error}") from error
        if fields is None:
            return
        if fields:
            yield reader.line_num, [field.strip() for field in fields]


def parse_numbers(fields: list[str], where: str) -> list[float]:
    """Finite numbers of a size that pixels can have.

    Raises:
        DataError: a field is not one; the message gives its place, counted from 1.
    """
    try:
        numbers = list(map(float, fields))
        # min and max may overlook NaN, the sum does not; float() also reads "1_0"
        within = min(numbers, default=0) >= -COORDINATE_LIMIT and max(numbers, default=0) <= COORDINATE_LIMIT
        if within and math.isfinite(sum(numbers)) and "_" not in "".join(fields):
            return numbers
    except ValueError:
        pass
    for place, text in enumerate(fields, 1):
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
            raise DataError(f"{where}, field {place}: {shown(text)}, expected a number")
        if abs(float(text)) > COORDINATE_LIMIT:
            raise DataError(f"{where}, field {place}: {shown(text)}, expected a coordinate in pixels")
    raise DataError(f"{where}: expected plain numbers")


def image_size(data: bytes, where: str) -> tuple[int, int]:
    """Width and height that the header of a JPEG, PNG, BMP or WebP file states, and a check that it is not cut off.

    Raises:
        DataError: another format, or a broken header.
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            if b"IEND" not in data[-64:] and b"IEND" not in data:
                raise DataError(f"{where}: the PNG file is cut off")
            return struct.unpack_from(">II", data, 16)
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data, where)
        if data.startswith(b"BM"):
            if struct.unpack_from("<I", data, 14)[0] == 12:
                return struct.unpack_from("<HH", data, 18)
            width, height = struct.unpack_from("<ii", data, 18)
            return width, abs(height)  # a negative height means rows from the top
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp_size(data)
    except struct.error as error:
        raise DataError(f"{where}: the image's header is cut off") from error
    if not data:
        raise DataError(f"{where}: the file is empty, expected a JPEG, PNG, BMP or WebP image")
    raise DataError(f"{where}: begins with {shown(data[:8])}, expected a JPEG, PNG, BMP or WebP image")


def _jpeg_size(data: bytes, where: str) -> tuple[int, int]:
    size = None
    place = 2
    while True:
        marker, code, length = struct.unpack_from(">BBH", data, place)
        if marker != 0xFF:
            raise DataError(f"{where}: byte {place} of the JPEG file is 0x{marker:02x}, expected a marker")
        if code == 0xFF:  # fill byte
            place += 1
            continue
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC) and size is None:
            height, width = struct.unpack_from(">HH", data, place + 5)
            size = width, height
        place += 2 if code == 0x01 or 0xD0 <= code <= 0xD7 else 2 + length
        if code == 0xDA:
            # a decoder fills the rest of a cut file with grey and says nothing; in the coded data this pair is the end
            if data.find(b"\xff\xd9", place) < 0:
                raise DataError(f"{where}: the JPEG file is cut off")
            if size is None:
                raise DataError(f"{where}: the JPEG file states no size")
            return size


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return tuple(int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def check_size(width: int, height: int, where: str) -> None:
    """Refuse an image without pixels, or with more than ``PIXEL_LIMIT``.

    Raises:
        DataError: naming both.
    """
    if width < 1 or height < 1 or width * height > PIXEL_LIMIT:
        raise DataError(f"{where}: an image of {width} x {height} pixels, expected 1 to {PIXEL_LIMIT:,} pixels")


def decode_image(data: bytes, where: str) -> np.ndarray:
    """An encoded image as (H, W, 3) uint8 RGB.

    Grey images get three equal channels, 16 bits become 8, an alpha channel is dropped. The orientation that a camera
    notes in the file is **not** applied, since annotations count in the pixels as they are stored.

    Args:
        data: a JPEG, PNG, BMP or WebP file.
        where: what messages call it.

    Raises:
        DataError: it cannot be decoded, or has more than ``PIXEL_LIMIT`` pixels.
    """
    check_size(*image_size(data, where), where)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise DataError(f"{where}: cannot be decoded: {error.err}") from error
    if image is None:
        raise DataError(f"{where}: cannot be decoded; the image is broken")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
