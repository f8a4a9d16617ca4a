"""Predictions on a data set as a csv file: written for others to score, and read from any program that writes one."""

import csv
import io
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from awing_lib.customs import EvaluationError
from awing_lib.datasets.files import DataError, parse_numbers, read_file, shown, table_rows
from awing_lib.datasets.sample import FaceDataset
from awing_lib.datasets.synthetic import SyntheticFaces
from awing_lib.evaluation import converted
from awing_lib.layouts import LAYOUTS, LandmarkLayout
from awing_lib.weights import write_bytes


def save_predictions(path: str | os.PathLike, faces: FaceDataset, landmarks: np.ndarray) -> None:
    """Write landmarks of all faces as a table that others can score, and :func:`read_predictions` reads.

    UTF-8 text with commas. The first line names the columns ``name, index, x0, y0, x1, y1, ...``; then comes one line
    per face: the image's name in its data set, which of the faces of this image it is, counted from 0 in the order of
    the data set, and the landmarks in pixels of the image, (0, 0) the centre of its top-left pixel, rounded to
    1/10000. A landmark that was not found has two empty fields.

    Args:
        path: where to.
        faces: N faces.
        landmarks: (N, L, 2), pixels of the photos.

    Raises:
        EvaluationError: there are not as many landmarks as faces.
        OSError: the file cannot be written.
    """
    if len(landmarks) != len(faces):
        raise EvaluationError(f"landmarks of {len(landmarks)} faces, expected {len(faces)}")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "index", *_coordinate_names(landmarks.shape[1])])
    for (name, occurrence), points in zip(_keys(faces), landmarks, strict=True):
        numbers = [f"{value:.4f}" if math.isfinite(value) else "" for value in points.ravel().tolist()]
        writer.writerow([name, occurrence, *numbers])
    write_bytes(Path(path), text.getvalue().encode())


def read_predictions(path: str | os.PathLike, faces: FaceDataset) -> tuple[np.ndarray, LandmarkLayout]:
    """Landmarks that some program found on the faces of a data set.

    Args:
        path: a table as :func:`save_predictions` writes it, rows in any order. The column ``index`` may be missing:
            then the lines of an image are its faces in the order of the data set. A field that is empty or "nan" means
            that nothing was found. Boxes and scores, as ``awing predict`` writes them, are passed over.
        faces: the faces that it should be about, each of them once.

    Returns:
        landmarks (N, L, 2) float64 in the order of the faces, and what they are: the layout of the faces, or a known
        one with as many points that can be converted to it.

    Raises:
        EvaluationError: a line has too few or too many fields, is about a face that is not there, or about one that
            has a line already; faces have no line; or the number of points fits nothing. The message names file, line
            and image.
        DataError: the file cannot be read as a table, or a field is no coordinate.
    """
    path = Path(path)
    table = table_rows(read_file(path), path)
    header, where = _first_line(path, table)
    layout = _predicted_layout(header, faces.layout, where)
    columns = [header.index(name) for name in _coordinate_names(layout.count)]
    points, lines = {}, {}
    seen: dict[str, int] = {}
    keys = _keys(faces)
    known = set(keys)
    hint = "; give --count and --seed as when it was saved" if isinstance(faces, SyntheticFaces) else ""
    for number, fields in table:
        where = f"{path}, line {number}"
        name = fields[header.index("name")] if len(fields) > header.index("name") else ""
        if len(fields) != len(header):
            raise EvaluationError(
                f"{where}, {name}: {len(fields)} fields, expected {len(header)}, as in the first line"
            )
        if "index" in header:
            text = fields[header.index("index")]
            if not (text.isascii() and text.isdigit() and len(text) < 10):
                raise EvaluationError(f"{where}, {name}: index {shown(text)}, expected a whole number from 0 on")
            occurrence = int(text)
        else:
            occurrence = seen.get(name, 0)
            seen[name] = occurrence + 1
        key = (name, occurrence)
        if key not in known:
            count = sum(1 for other, _ in keys if other == name)
            what = f"has {count} faces, so there is no face {occurrence}" if count else "is no image of the data set"
            raise EvaluationError(f"{where}: {shown(name)} {what}{hint}")
        if key in points:
            raise EvaluationError(f"{where}: face {occurrence} of {shown(name)} was in line {lines[key]} already")
        points[key], lines[key] = _coordinates([fields[column] for column in columns], where), number
    missing = [key for key in keys if key not in points]
    if missing:
        name, occurrence = missing[0]
        more = f" ({len(missing)} of {len(keys)} faces are missing)" if len(missing) > 1 else ""
        raise EvaluationError(
            f"{path}: no line for face {occurrence} of {shown(name)}{more}; one that was not found has a line with "
            f"empty fields{hint}"
        )
    return np.array([points[key] for key in keys]).reshape(len(keys), layout.count, 2), layout


def known_layout(path: str | os.PathLike) -> LandmarkLayout | None:
    """The known layout with as many points as a table of predictions has; None: there is none.

    Raises:
        EvaluationError: the first line is not that of such a table.
        DataError: the file cannot be read as a table.
    """
    path = Path(path)
    return _layout_of(_count_points(*_first_line(path, table_rows(read_file(path), path))))


def _first_line(path: Path, table: Iterator[tuple[int, list[str]]]) -> tuple[list[str], str]:
    """The names of a table's columns, and where they stand, for messages."""
    number, header = next(table, (1, None))
    if header is None:
        raise EvaluationError(f"{path}: the file is empty, expected the columns name, x0, y0, ...")
    return header, f"{path}, line {number}"


def _keys(faces: FaceDataset) -> list[tuple[str, int]]:
    """Name of the image, and which of its faces, of every face."""
    seen: dict[str, int] = {}
    keys = []
    for name in faces.names.tolist():
        keys.append((name, seen.get(name, 0)))
        seen[name] = seen.get(name, 0) + 1
    return keys


def _coordinate_names(count: int) -> list[str]:
    return [f"{axis}{index}" for index in range(count) for axis in "xy"]


def _count_points(header: list[str], where: str) -> int:
    """How many points a table has, from its columns, which may stand in any order."""
    # boxes and scores, as awing predict writes them, are not looked at
    others = [name for name in header if not re.fullmatch(r"name|index|box_[xy][01]|score\d+", name, re.ASCII)]
    count = len(others) // 2
    if "name" not in header or len(set(header)) != len(header) or set(others) != set(_coordinate_names(count)):
        raise EvaluationError(
            f"{where}: expected each of the columns name, x0, y0, x1, y1, ... once, and perhaps index, boxes and scores"
        )
    return count


def _layout_of(count: int) -> LandmarkLayout | None:
    return next((layout for layout in LAYOUTS.values() if layout.count == count), None)


def _predicted_layout(header: list[str], wanted: LandmarkLayout, where: str) -> LandmarkLayout:
    """What the points of a table are."""
    count = _count_points(header, where)
    if count == wanted.count:
        return wanted
    layout = _layout_of(count)
    if layout is None:
        raise EvaluationError(f"{where}: {count} points; the faces have {wanted.count}, of {wanted.name}")
    converted(where, np.zeros((count, 2)), layout, wanted)
    return layout


def _coordinates(texts: list[str], where: str) -> np.ndarray:
    """(2 L,) numbers, NaN where a field is empty; the texts are in the order x0, y0, x1, ..."""
    absent = np.array([text.lower() in ("", "nan") for text in texts])
    try:
        numbers = parse_numbers(["0" if nothing else text for text, nothing in zip(texts, absent, strict=True)], where)
    except DataError as error:  # say the column's name, not its place among the coordinates
        if not str(error).startswith(f"{where}, field "):
            raise
        place = int(str(error).removeprefix(f"{where}, field ").partition(":")[0]) - 1
        column = _coordinate_names(len(texts) // 2)[place]
        raise EvaluationError(
            f"{where}, column {column}: {shown(texts[place])}, expected a coordinate in pixels"
        ) from error
    return np.where(absent, np.nan, numbers)
