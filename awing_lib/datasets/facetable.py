"""FaceTable: one's own photos, as a table of landmarks beside a folder or a tar of images."""

import os
import re
import tarfile
from pathlib import Path

import numpy as np

from awing_lib.datasets.files import (
    DataError,
    Folder,
    clean_name,
    decode_image,
    parse_numbers,
    read_file,
    shown,
    table_rows,
)
from awing_lib.datasets.sample import FaceDataset, check_boxes
from awing_lib.layouts import LAYOUTS, LandmarkLayout


class FaceTable(FaceDataset):
    """Faces of a table ``landmarks.csv`` beside ``images/`` or ``images.tar``.

    The table is UTF-8 text with commas. Its first line names the columns: ``name`` (of the image, below ``images/``),
    ``x0, y0, x1, y1, ...`` (pixels, (0, 0) is the centre of the top-left pixel), if wanted ``split``, and anything
    else, which becomes an attribute of the face (text). One line per face; an image may occur on several. The box is
    the tight box of the landmarks. From ``images.tar`` (uncompressed, members ``images/<name>``) images are read
    in place.

    Args:
        root: folder of ``landmarks.csv``.
        split: keep the lines with this value in the column ``split``; None keeps all.
        layout: what the points are; None takes the known layout with as many points (98, 68, 29 or 19). For one's own:
            ``LandmarkLayout.from_yaml``.
        check_images: look whether each image exists.

    Raises:
        DataError: a file is missing or the table is not as it should be; the message names file, line and column.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str | None = None,
        layout: LandmarkLayout | None = None,
        *,
        check_images: bool = True,
    ) -> None:
        base = Folder(root)
        path = base.path / "landmarks.csv"
        lines = table_rows(base.read("landmarks.csv"), path)
        header = next(lines, (1, []))[1]
        self.layout, columns = _columns(header, layout, path)
        place = {name: index for index, name in enumerate(header)}
        other = [name for name in header if name not in {"name", *columns}]
        names, faces, numbers, attributes = [], [], [], {name: [] for name in other}
        splits = set()
        for number, fields in lines:
            where = f"{path}, line {number}"
            if len(fields) != len(header):
                raise DataError(f"{where}: {len(fields)} fields, expected {len(header)}, as in the first line")
            name = clean_name(fields[place["name"]], f"{where}, column name")
            face = _face(fields, columns, place, where)
            if split is not None and "split" in place:
                splits.add(fields[place["split"]])
                if fields[place["split"]] != split:
                    continue
            names.append(name)
            faces.append(face)
            numbers.append(number)
            for key in other:
                attributes[key].append(fields[place[key]])
        if split is not None and "split" not in place:
            raise DataError(f"{path}, line 1: no column split, so there is no split {split!r}")
        if not names:
            known = f" in split {split!r}; there are {', '.join(map(shown, sorted(splits)))}" if splits else ""
            raise DataError(f"{path}: no faces{known}")
        landmarks = np.array(faces).reshape(len(faces), self.layout.count, 2)
        self._fill(names, landmarks, attributes=attributes)

        def where(index):
            return f"{path}, line {numbers[index]}"

        check_boxes(self.boxes, where)
        self._tar: Path | None = None
        if (base.path / "images").is_dir() or not (base.path / "images.tar").exists():
            self.folder = base.folder("images")
            if check_images:
                self._check_images(where)
        else:
            self._tar = base.locate("images.tar")
            self._rows["extents"] = self._find_members(names, check_images, where)

    def _find_members(self, names: list[str], check_images: bool, where) -> np.ndarray:
        """Offset and size (N, 2) of each image in the tar; -1 where it is missing."""
        members = tar_members(self._tar)
        extents = np.array([members.get(f"images/{name}", (-1, -1)) for name in names], np.int64)
        missing = np.flatnonzero(extents[:, 0] < 0)
        if check_images and len(missing):
            count = f" ({len(missing)} of {len(names)} are missing)" if len(missing) > 1 else ""
            raise DataError(f"{where(missing[0])}: no image images/{names[missing[0]]} in {self._tar}{count}")
        return extents

    def _image(self, index: int) -> np.ndarray:
        if self._tar is None:
            return super()._image(index)
        member = f"{self._tar}, images/{self.names[index]}"
        offset, size = self._rows["extents"][index].tolist()
        if offset < 0:
            raise DataError(f"{member}: no such image")
        return decode_image(read_file(self._tar, offset=offset, size=size), member)


def _columns(header: list[str], layout: LandmarkLayout | None, path: Path) -> tuple[LandmarkLayout, list[str]]:
    """The layout and the names of its columns x0, y0, x1, ..., which must all be there."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or "name" not in header:
        what = f"column {shown(twice[0])} occurs twice" if twice else "no column name"
        raise DataError(f"{path}, line 1: {what}; expected the columns name, x0, y0, x1, y1, ...")
    coordinates = {name for name in header if re.fullmatch(r"[xy]\d+", name, re.ASCII)}
    if layout is None:
        known = {known.count: known for known in LAYOUTS.values()}
        count = len(coordinates) / 2
        if count not in known:
            counts = ", ".join(map(str, sorted(known)))
            raise DataError(
                f"{path}, line 1: {count:g} points; without a layout of one's own there must be one of {counts}"
            )
        layout = known[count]
    columns = [f"{axis}{index}" for index in range(layout.count) for axis in "xy"]
    missing = [name for name in columns if name not in coordinates]
    extra = sorted(coordinates - set(columns))
    if missing or extra:
        what = f"no column {missing[0]}" if missing else f"column {shown(extra[0])} is one too many"
        raise DataError(f"{path}, line 1: {what}; layout {layout.name} has {layout.count} points")
    return layout, columns


def _face(fields: list[str], columns: list[str], place: dict[str, int], where: str) -> list[float]:
    texts = [fields[place[name]] for name in columns]
    try:
        return parse_numbers(texts, where)
    except DataError as error:  # say the column's name, not its place among the coordinates
        found = re.search(r", field (\d+): (.*)$", str(error), re.S)
        if found is None:
            raise
        raise DataError(f"{where}, column {columns[int(found[1]) - 1]}: {found[2]}") from error


def tar_members(path: Path) -> dict[str, tuple[int, int]]:
    """Offset and size, in bytes, of each file in an uncompressed tar. Nothing is unpacked.

    Raises:
        DataError: it is no such tar or is cut off, or a member is a link, a device, sparse, or named so that unpacking
            it would write outside its folder.
    """
    members = {}
    try:
        length = os.stat(path).st_size
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                where = f"{path}, member {shown(member.name)}"
                if member.isdir():
                    continue
                name = clean_name(member.name, where)
                if not member.isreg() or member.issparse():
                    raise DataError(f"{where}: expected a plain file, found a link, a device or a sparse file")
                if member.offset_data + member.size > length or member.size < 0:
                    raise DataError(f"{where}: {member.size} bytes, but the file ends before them: it is cut off")
                members[name] = (member.offset_data, member.size)
    except DataError:
        raise
    except Exception as error:  # a broken header makes tarfile raise many kinds
        raise DataError(f"{path}: cannot be read as an uncompressed tar: {error}") from error
    return members
