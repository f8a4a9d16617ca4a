"""``awing predict``: files and folders in, landmarks as csv, JSON or .pts files out, drawn into the pictures if wanted.

Coordinates are pixels of the picture as one sees it (a camera's note of how it was held is applied), (0, 0) is the
centre of the top-left pixel. Only .pts files count from (1, 1), because those of 300W do and their readers expect it.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from awing_lib.datasets.files import DataError, parse_numbers, read_file, shown, table_rows
from awing_lib.errors import AwingError
from awing_lib.inference import Face, FaceAligner, whole_box
from awing_lib.layouts import LandmarkLayout
from awing_lib.photos import PHOTO_SUFFIXES, VIDEO_SUFFIXES, Picture, read_photo, read_video
from awing_lib.weights import write_bytes

FORMATS = ("csv", "json", "pts")
BOX_COLUMNS = ("box_x0", "box_y0", "box_x1", "box_y1")
_COLORS = {"left": (92, 196, 255), "right": (255, 176, 0), "middle": (255, 255, 255)}  # RGB, as in the book's figures


class PredictionError(AwingError):
    """Paths, boxes or settings that nothing can be predicted from, or a file that would be overwritten."""


# -- in ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A photo or video on disk."""

    name: str
    """File name, or the path below the folder in which it was found, with ``/`` between its parts."""
    path: Path

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    @property
    def stem(self) -> str:
        """What files written for it begin with."""
        return os.path.splitext(self.name)[0]


def find_sources(paths: Iterable[str | os.PathLike]) -> list[Source]:
    """The files that are meant: each file given, and the photos and videos in and below each folder given.

    In folders, files are told by their suffix, in the order of their names; hidden ones are passed over.

    Raises:
        PredictionError: a path does not exist, a folder holds neither photo nor video, or two have the same name.
    """
    sources: list[Source] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = []
            for folder, inner, files in os.walk(path):
                inner[:] = sorted(name for name in inner if not name.startswith("."))
                for name in sorted(files):
                    if name.lower().endswith(PHOTO_SUFFIXES + VIDEO_SUFFIXES) and not name.startswith("."):
                        file = Path(folder, name)
                        found.append(Source(_printable(file.relative_to(path).as_posix()), file))
            if not found:
                raise PredictionError(f"{path}: no photo or video in it; expected {', '.join(PHOTO_SUFFIXES)} files")
            sources += found
        elif path.exists():
            sources.append(Source(_printable(path.name), path))
        else:
            raise PredictionError(f"{path}: does not exist")
    _refuse_twice(sources, "name")
    return sources


def read_boxes(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Boxes from a table: name of a picture -> (N, 4) x0 y0 x1 y1.

    The table is UTF-8 text with commas and the columns ``name, box_x0, box_y0, box_x1, box_y1``, one line per face;
    others are passed over, so the table that ``awing predict`` writes is one. A box is the tight box of the landmarks.
    The name of a video gives the boxes of all its frames, ``name#12`` those of frame 12, counted from 0.

    Raises:
        PredictionError: a column is missing, a line has too few or too many fields, or there is no box; the message
            names the line.
        DataError: the file cannot be read as a table, or a field is no number.
    """
    path = Path(path)
    lines = table_rows(read_file(path), path)
    number, header = next(lines, (1, []))
    missing = [name for name in ("name", *BOX_COLUMNS) if header.count(name) != 1]
    if missing and header:
        where = f"{path}, line {number}"
        raise PredictionError(f"{where}: expected one column {missing[0]}, found {shown(','.join(header))}")
    found = {}
    for number, fields in lines:
        where = f"{path}, line {number}"
        if len(fields) != len(header):
            raise PredictionError(f"{where}: {len(fields)} fields, expected {len(header)}, as in the first line")
        line = dict(zip(header, fields, strict=True))
        box = parse_numbers([line[name] for name in BOX_COLUMNS], where)
        found.setdefault(line["name"], []).append(box)
    if not found:
        raise PredictionError(
            f"{path}: no boxes; expected the columns name, {', '.join(BOX_COLUMNS)} and a line a face"
        )
    return {name: np.array(boxes) for name, boxes in found.items()}


def with_boxes(sources: Sequence[Source], boxes: Mapping[str, np.ndarray]) -> list[Source]:
    """The photos that have boxes, and the videos of which a frame has.

    Raises:
        PredictionError: there are boxes of a picture that is not there; the message names the first.
    """
    known = {source.name: source for source in sources}
    meant = set()
    for name in boxes:
        video = name.rpartition("#")[0]
        if name not in known and not (video in known and known[video].is_video):
            raise PredictionError(f"boxes: {shown(name)} is none of the {len(sources)} pictures")
        meant.add(name if name in known else video)
    return [source for source in sources if source.name in meant]


def read_pictures(
    sources: Iterable[Source],
    failed: Callable[[str], None],
    boxes: Mapping[str, np.ndarray] | None = None,
    whole: bool = False,
) -> Iterator[Picture]:
    """Photos, and frames of videos, with their boxes; those that ``boxes`` leaves out are left out.

    Args:
        sources: where they are.
        failed: called with a message for each that cannot be read.
        boxes: name -> (N, 4); None: the detector is to find them.
        whole: the box is the whole picture.
    """
    for source in sources:
        try:
            images = enumerate(read_video(source.path)) if source.is_video else [(None, read_photo(source.path))]
            for frame, image in images:
                name = source.name if frame is None else f"{source.name}#{frame}"
                given = whole_box(image) if whole else None
                if boxes is not None:
                    given = boxes.get(name, boxes.get(source.name))
                    if given is None:
                        continue
                yield Picture(name, image, given, frame)
        except DataError as error:
            failed(str(error))


# -- out --------------------------------------------------------------------------------------------------------------


class Results:
    """What was found, on its way to files.

    Nothing is written before the first face; csv and JSON are written whole by :meth:`finish`.

    Args:
        layout: what the landmarks are.
        format: one of :data:`FORMATS`.
        folder: where to; None: :meth:`finish` returns the text instead.
        overlay: draw the landmarks into copies of the pictures.
        overwrite: replace files that exist.

    Raises:
        PredictionError: an unknown format, or one that needs a folder.
    """

    def __init__(
        self,
        layout: LandmarkLayout,
        format: str = "csv",
        folder: Path | None = None,
        overlay: bool = False,
        overwrite: bool = False,
    ) -> None:
        if format not in FORMATS:
            raise PredictionError(f"format must be one of {', '.join(FORMATS)}; got {format!r}")
        if folder is None and (overlay or format == "pts"):
            raise PredictionError(
                f"{'overlay pictures' if overlay else '.pts files'} need a folder to be written to (--out)"
            )
        self.layout, self.format, self.overlay, self.overwrite = layout, format, overlay, overwrite
        self.folder = folder and Path(folder)
        self._rows: list[list[str]] = []
        self._pictures: list[dict] = []

    def check(self, sources: Sequence[Source], paths: Iterable[str | os.PathLike] = ()) -> None:
        """Look before the work begins whether the results would get in the way of something.

        Args:
            sources: what results will come from.
            paths: files and folders that they were found in.

        Raises:
            PredictionError: two would write the same file, one exists, the folder cannot be made, or overlay pictures
                would lie among the photos, to be taken for photos the next time.
        """
        if self.folder is None:
            return
        targets = []
        if self.format == "pts" or self.overlay:
            _refuse_twice(sources, "stem")
            for source in sources:
                if source.is_video:
                    targets.append(source.stem)
                    continue
                targets += [f"{source.stem}_face0.pts"] * (self.format == "pts")
                targets += [f"{source.stem}_landmarks.jpg"] * self.overlay
        if self.format != "pts":
            targets.append(f"landmarks.{self.format}")
        for target in targets:
            if not self.overwrite and os.path.lexists(self.folder / target):
                raise PredictionError(f"{self.folder / target}: exists already and is kept; see --overwrite")
        real = self.folder.resolve()
        for path in map(Path, paths):
            if self.overlay and path.is_dir() and real.is_relative_to(path.resolve()):
                raise PredictionError(
                    f"{self.folder}: lies in {path}; overlay pictures would be taken for photos there"
                )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PredictionError(f"{self.folder}: cannot be made a folder: {error.strerror}") from error

    def add(self, picture: Picture, faces: Sequence[Face]) -> None:
        """Take the faces of a picture.

        Raises:
            PredictionError: a file exists.
            OSError: a file cannot be written.
        """
        stem = os.path.splitext(picture.name)[0]
        if picture.frame is not None:
            stem += f"/{picture.frame:06d}"
        if self.format == "pts":
            for index, face in enumerate(faces):
                self._write(f"{stem}_face{index}.pts", pts_text(face.landmarks).encode())
        elif self.format == "csv":
            self._rows += [_row(picture.name, index, face) for index, face in enumerate(faces)]
        else:
            self._pictures.append({"name": picture.name, "faces": [_plain(face) for face in faces]})
        if self.overlay:
            drawn = cv2.cvtColor(draw_faces(picture.image, faces, self.layout), cv2.COLOR_RGB2BGR)
            suffix = ".jpg" if max(drawn.shape) <= 65_535 else ".png"  # JPEG can be no larger
            data = cv2.imencode(suffix, drawn)[1]
            self._write(f"{stem}_landmarks{suffix}", data.tobytes())

    def finish(self) -> str | None:
        """Write the table; its path, or the table itself where there is no folder, or None for .pts files.

        Raises:
            PredictionError: it exists by now.
            OSError: it cannot be written.
        """
        if self.format == "pts":
            return None
        text = self._csv() if self.format == "csv" else self._json()
        if self.folder is None:
            return text
        return str(self._write(f"landmarks.{self.format}", text.encode()))

    def _csv(self) -> str:
        count = self.layout.count
        columns = [f"{axis}{index}" for index in range(count) for axis in "xy"]
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name", "index", *BOX_COLUMNS, *columns, *(f"score{index}" for index in range(count))])
        writer.writerows(self._rows)
        return text.getvalue()

    def _json(self) -> str:
        about = "x, y in pixels of the picture as one sees it; (0, 0) is the centre of the top-left pixel"
        head = json.dumps({"layout": self.layout.name, "points": self.layout.points, "coordinates": about})
        pictures = ",\n".join(map(json.dumps, self._pictures))  # a line a picture
        return f'{head[:-1]}, "pictures": [\n{pictures}\n]}}\n'

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        if not self.overwrite and os.path.lexists(path):
            raise PredictionError(f"{path}: exists already and is kept; see --overwrite")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data)
        return path


def pts_text(landmarks: np.ndarray) -> str:
    """Landmarks (L, 2) as a .pts file of 300W has them: **counted from (1, 1)**, six decimals, in the blanks and line
    ends of the training folders; :func:`awing_lib.datasets.w300.read_pts` reads it."""
    points = "".join(f"{x:.6f} {y:.6f}\n" for x, y in (np.asarray(landmarks, np.float64) + 1).tolist())
    return f"version: 1\nn_points:  {len(landmarks)}\n{{\n{points}}}"


def draw_faces(image: np.ndarray, faces: Iterable[Face], layout: LandmarkLayout) -> np.ndarray:
    """A copy of a picture (H, W, 3) uint8 RGB with boxes and landmarks.

    Dots are blue in the left half of the face as one sees it, orange in the right half, white on the midline, and as
    large as their face.
    """
    drawn = np.ascontiguousarray(image).copy()
    sides = ["middle"] * layout.count
    for left, right in layout.mirror_pairs:  # the image's left comes first
        sides[left], sides[right] = "left", "right"
    for face in faces:
        side = max(face.box[2:] - face.box[:2])
        corners = [tuple(np.rint(corner).astype(int).tolist()) for corner in (face.box[:2], face.box[2:])]
        cv2.rectangle(drawn, *corners, (255, 255, 255), max(1, round(side / 200)), cv2.LINE_AA)
        # OpenCV draws at sixteenths of a pixel, centre and radius
        radius = round(16 * max(1.0, side / 80))
        for (x, y), name in zip(np.rint(16 * face.landmarks).astype(int).tolist(), sides, strict=True):
            cv2.circle(drawn, (x, y), radius + max(8, radius // 3), (27, 27, 31), cv2.FILLED, cv2.LINE_AA, 4)
            cv2.circle(drawn, (x, y), radius, _COLORS[name], cv2.FILLED, cv2.LINE_AA, 4)
    return drawn


def _row(name: str, index: int, face: Face) -> list[str]:
    numbers = np.concatenate([face.box, face.landmarks.ravel(), face.scores]).tolist()
    return [name, str(index), *(f"{value:.4f}" for value in numbers)]


def _plain(face: Face) -> dict:
    """A face for JSON, without its heatmaps."""
    parts = {"box": face.box, "landmarks": face.landmarks, "scores": face.scores}
    return {key: np.round(value.astype(np.float64), 4).tolist() for key, value in parts.items()}


def _refuse_twice(sources: Sequence[Source], what: str) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        key = getattr(source, what)
        if key in seen:
            raise PredictionError(
                f"{seen[key]} and {source.path} would both be called {shown(key)}; name one at a time"
            )
        seen[key] = source.path


def _printable(name: str) -> str:
    """A name that can be written to a UTF-8 file, whatever bytes it has on disk."""
    return name.encode("utf-8", "backslashreplace").decode()


# -- all of it --------------------------------------------------------------------------------------------------------


@dataclass
class Summary:
    """What became of the pictures."""

    pictures: int = 0
    empty: list[str] = field(default_factory=list)
    """Names of the pictures without a face."""
    faces: int = 0
    problems: list[str] = field(default_factory=list)
    """One line for each picture that could not be read or whose boxes fit nothing."""


def predict(
    aligner: FaceAligner,
    sources: Sequence[Source],
    results: Results,
    *,
    boxes: Mapping[str, np.ndarray] | None = None,
    whole: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Summary:
    """Find the landmarks in all pictures, and hand them to ``results``; what cannot be read is noted, the rest goes on.

    Args:
        aligner: finds them.
        sources: photos and videos.
        results: takes them; call its ``check`` before and its ``finish`` after.
        boxes: as :func:`read_boxes` gives them; what is not in it is left out. None: the detector's.
        whole: the box is the whole picture.
        progress: wraps the pictures that are gone through, such as ``tqdm``.

    Raises:
        AwingError: the results cannot go where they should, or the network's maps fit nothing.
        OSError: a file cannot be written.
    """
    summary = Summary()
    pictures = read_pictures(sources, summary.problems.append, boxes, whole)
    for picture, faces in aligner.stream(progress(pictures), lambda _, error: summary.problems.append(str(error))):
        results.add(picture, faces)
        summary.pictures += 1
        if not faces:
            summary.empty.append(picture.name)
        summary.faces += len(faces)
    return summary
