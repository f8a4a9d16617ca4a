"""A look at the structure of a MATLAB 5 file, before SciPy reads it: a broken one can crash its compiled reader."""

import struct
import zlib
from math import prod

SIZE_LIMIT = 1 << 30
"""Bytes of one variable, unpacked."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}  # type of numbers -> bytes of one
_UTF8 = 16
_TEXT_SIZES = {1: 1, 2: 1, 4: 2, _UTF8: 1, 17: 2}  # the last is UTF-16
_MATRIX, _COMPRESSED = 14, 15
_CELL, _CHARACTERS, _NUMBERS = 1, 4, range(6, 16)
_COMPLEX = 0x0800


def check_structure(data: bytes, names: tuple[str, ...]) -> None:
    """Refuse a file whose elements do not fit into each other.

    Cells, characters and real numbers are followed to their last byte. Variables of other kinds are let pass, since
    nobody reads them, unless they have one of ``names``.

    Raises:
        ValueError: saying what is wrong, and at which byte.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise ValueError("no MATLAB 5 header")
    at = 128
    while at < len(data):
        kind, start, stop, after = _element(data, at, order)
        if kind == _COMPRESSED:
            after = stop  # the only elements that are not filled up to eight bytes
            unpacker = zlib.decompressobj()
            try:
                content = unpacker.decompress(data[start:stop], SIZE_LIMIT)
            except zlib.error as error:
                raise ValueError(f"byte {at}: {error}") from error
            if not unpacker.eof:
                raise ValueError(f"byte {at}: a variable that is cut off, or of more than {SIZE_LIMIT} bytes")
            kind, start, stop, end = _element(content, 0, order)
            if end != len(content):
                raise ValueError(f"byte {at}: {len(content)} bytes unpacked, expected {end}")
        else:
            content = data
        if kind != _MATRIX:
            raise ValueError(f"byte {at}: an element of type {kind}, expected a variable")
        try:
            _check_matrix(content, start, stop, order, names)
        except ValueError as error:
            raise ValueError(f"variable at byte {at}: {error}") from error
        at = after


def _element(data: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """Type of the element at a byte, where its content starts and stops, and where the next one begins."""
    if at + 8 > len(data):
        raise ValueError(f"byte {at}: cut off")
    kind, size = struct.unpack_from(f"{order}II", data, at)
    if kind >> 16:  # a small one: the content stands in the tag
        kind, size, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if size > 4:
            raise ValueError(f"byte {at}: a small element of {size} bytes")
    else:
        start = at + 8
        after = start + -(-size // 8) * 8
    if start + size > len(data) or (kind != _COMPRESSED and after > len(data)):
        raise ValueError(f"byte {at}: {size} bytes announced, the file ends before")
    return kind, start, start + size, after


def _check_matrix(data: bytes, start: int, stop: int, order: str, names: tuple[str, ...] | None) -> None:
    """An array between two bytes; ``names`` is None inside a cell, where everything is read."""
    if start == stop and names is None:
        return  # an empty cell
    kind, at, end, after = _element(data, start, order)
    if kind != 6 or end - at != 8:
        raise ValueError(f"byte {start}: no array flags")
    flags = struct.unpack_from(f"{order}I", data, at)[0]
    what = flags & 0xFF
    kind, at, end, after = _element(data, after, order)
    sizes = struct.unpack_from(f"{order}{(end - at) // 4}i", data, at)
    if kind != 5 or (end - at) % 4 or not 2 <= len(sizes) <= 8 or min(sizes) < 0:
        raise ValueError(f"byte {at}: no dimensions")
    count = prod(sizes)
    if count > SIZE_LIMIT:
        raise ValueError(f"byte {at}: {count} elements")
    kind, at, end, after = _element(data, after, order)
    if kind not in (1, 16):
        raise ValueError(f"byte {at}: no name")
    if what == _CELL:
        for _ in range(count):
            kind, at, end, after = _element(data, after, order)
            if kind != _MATRIX:
                raise ValueError(f"byte {at}: an element of type {kind} in a cell, expected an array")
            _check_matrix(data, at, end, order, None)
    elif what == _CHARACTERS or what in _NUMBERS:
        kind, at, end, after = _element(data, after, order)
        size = (_TEXT_SIZES if what == _CHARACTERS else _SIZES).get(kind)
        most = 4 if kind == _UTF8 else 1  # letters of UTF-8 take up to four bytes
        if flags & _COMPLEX or size is None or not count * size <= end - at <= count * size * most:
            raise ValueError(f"byte {at}: {end - at} bytes of type {kind}, expected {count} real numbers or letters")
    elif names is None or data[at:end].decode("latin-1") in names:
        raise ValueError(f"byte {at}: an array of class {what}, expected numbers, text or cells")
    else:
        return
    if after > stop or stop - after >= 8:
        raise ValueError(f"byte {after}: the array should end at byte {stop}")
