"""Faces written in the official layout of a data set, so that whatever reads the official files reads these.

``faces`` is any sequence of :class:`FaceSample`: a data set, a slice of one, a list. Each function takes faces of the
layout's own points or of a finer one (98 points for everything), which :func:`converted` reduces. Only what the format
has room for is kept. Landmarks are not changed; JPEG images (quality 95) are, by as much as JPEG does.

Each data set is written beside its place and moved there when it is complete, so a failure leaves nothing half-written.
"""

import csv
import io
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import h5py
import numpy as np
import scipy.io

from awing_lib.datasets import aflw, w300, wflw
from awing_lib.datasets.converted import converted
from awing_lib.datasets.files import COORDINATE_LIMIT, DataError, Folder, decode_text, shown
from awing_lib.datasets.sample import FaceSample
from awing_lib.datasets.synthetic.staging import WritingError, refuse_existing, staging
from awing_lib.layouts import (
    AFLW_19,
    COFW_29,
    CONVERSIONS,
    IBUG_68,
    LAYOUTS,
    WFLW_98,
    LandmarkLayout,
)

Progress = Callable[[Iterable], Iterable]
JPEG_QUALITY = 95

_WFLW_LISTS = {"pose": "largepose", "make-up": "makeup"}  # the others are named as the attribute
# folder -> number of faces there, start of a file's name, digits of its number, rest of the name
_W300_FOLDERS = {
    "afw": (337, "", 10, "_1.jpg"),
    "helen/trainset": (2000, "", 10, "_1.jpg"),
    "lfpw/trainset": (811, "image_", 4, ".png"),
    "helen/testset": (330, "", 10, "_1.jpg"),
    "lfpw/testset": (224, "image_", 4, ".png"),
    "ibug": (135, "image_", 3, "_1.jpg"),
    "300W/01_Indoor": (300, "indoor_", 3, ".png"),
    "300W/02_Outdoor": (300, "outdoor_", 3, ".png"),
}


def _wflw_list(split: str) -> str:
    return f"WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{split}.txt"


TARGETS = {
    "wflw": {
        "train": ("WFLW_images/train", _wflw_list("train")),
        "test": ("WFLW_images/test", "WFLW_annotations/list_98pt_test", _wflw_list("test")),
    },
    "300w": {split: w300.SPLITS[split] for split in ("train", "common", "challenging", "test")},
    "cofw": {"train": ("COFW_train_color.mat",), "test": ("COFW68_Data", "COFW_test_color.mat")},
    "aflw": {"both": ("flickr", aflw.FILE)},
}
"""Layout -> split -> files and folders that writing it makes, below its root."""


def write_wflw(
    faces: Sequence[FaceSample],
    root: str | os.PathLike,
    split: str,
    progress: Progress = iter,
    *,
    overwrite: bool = False,
) -> None:
    """Write faces of 98 points as WFLW: the list of the split and, for "test", the six lists of its subsets.

    Images go to ``WFLW_images/{train,test}/``; faces of the same name share one. Coordinates get six decimals, boxes
    whole pixels. An attribute that a face does not have is written as 0, since the format cannot leave it open.

    Args:
        faces: the faces; ``attributes`` may hold the six of WFLW, each a bool.
        root: the folder that ``awing_lib.datasets.WFLW`` opens.
        split: "train" or "test".
        progress: wraps the faces as they are gone through, such as ``tqdm``.
        overwrite: replace this split where it exists.

    Raises:
        WritingError: a face does not fit, the split exists, or the file system refuses. Nothing is written then.
    """
    with _begun("wflw", root, split, overwrite) as (folder, _):
        images = _Images(folder, f"WFLW_images/{split}")
        lines, subsets = [], {attribute: [] for attribute in wflw.ATTRIBUTES}
        for index, face in _fitting(faces, WFLW_98, progress):
            name = f"{split}/{images.write(face, index)}"
            coordinates = " ".join(f"{value:.6f}" for value in face.landmarks.ravel().tolist())
            box = np.rint(face.box).astype(int)
            if (box[2:] <= box[:2]).any():
                raise WritingError(f"{_called(face, index)}: in whole pixels, its box {box.tolist()} has no area")
            flags = [_flag(face, attribute, index) for attribute in wflw.ATTRIBUTES]
            lines.append(" ".join([coordinates, *map(str, [*box.tolist(), *flags]), name]) + "\n")
            for attribute, flag in zip(wflw.ATTRIBUTES, flags, strict=True):
                subsets[attribute] += [f"{coordinates} {name}\n"] * flag
        _write(folder / _wflw_list(split), "".join(lines).encode())
        if split == "test":
            for attribute, chosen in subsets.items():
                file = f"list_98pt_test_{_WFLW_LISTS.get(attribute, attribute)}.txt"
                _write(folder / "WFLW_annotations/list_98pt_test" / file, "".join(chosen).encode())


def write_300w(
    faces: Sequence[FaceSample],
    root: str | os.PathLike,
    split: str,
    progress: Progress = iter,
    *,
    overwrite: bool = False,
) -> None:
    """Write faces of 68 points as 300W: a .pts file beside each image, in the folders of the split.

    The folders get their faces in the order given, in the proportions of the official set (at least one each), and the
    form of name, image and .pts file that each has there. Coordinates count from 1, with six decimals; in the private
    test set, three. Boxes, visibility and names of the faces are not kept, since 300W has no place for them.

    Args:
        faces: the faces.
        root: the folder that ``awing_lib.datasets.W300`` opens.
        split: "train", "common", "challenging" (these two are "full") or "test", the private test set.
        progress: wraps the faces as they are gone through, such as ``tqdm``.
        overwrite: replace the folders of this split where they exist.

    Raises:
        WritingError: a face does not fit, there are fewer faces than folders, a folder exists, or the file system
            refuses. Nothing is written then.
    """
    with _begun("300w", root, split, overwrite) as (folder, targets):
        sizes = share_out(len(faces), [_W300_FOLDERS[part][0] for part in targets])
        files = [
            (f"{part}/{start}{number:0{max(digits, len(str(size)))}d}{end}", part.startswith("300W"))
            for part, size in zip(targets, sizes, strict=True)
            for _, start, digits, end in [_W300_FOLDERS[part]]
            for number in range(1, size + 1)
        ]
        for index, face in _fitting(faces, IBUG_68, progress):
            file, private = files[index]
            _write(folder / file, _encoded(face.image, os.path.splitext(file)[1], _called(face, index)))
            blanks, decimals, last = (" ", 3, "\n") if private else ("  ", 6, "")
            points = "".join(f"{x:.{decimals}f} {y:.{decimals}f}\n" for x, y in _from_one(face.landmarks).tolist())
            text = f"version: 1\nn_points:{blanks}68\n{{\n{points}}}{last}"
            _write((folder / file).with_suffix(".pts"), text.encode())


def write_cofw(
    faces: Sequence[FaceSample],
    root: str | os.PathLike,
    split: str,
    progress: Progress = iter,
    *,
    overwrite: bool = False,
) -> None:
    """Write faces of 29 points as COFW: one MATLAB 7.3 file with images, landmarks, occlusion and boxes.

    Nothing is rounded or compressed (a photo's noise leaves little to save without loss). An image whose channels are
    equal is stored grey. From faces of 98 points, "test" gets ``COFW68_Data/`` with 68 points of the same faces too
    (boxes in whole pixels there).

    Args:
        faces: the faces.
        root: the folder that ``awing_lib.datasets.COFW`` and ``COFW68`` open.
        split: "train" or "test".
        progress: wraps the faces as they are gone through, such as ``tqdm``.
        overwrite: replace this split where it exists; for "test", ``COFW68_Data/`` with it.

    Raises:
        WritingError: a face does not fit, the split exists, or the file system refuses. Nothing is written then.
    """
    suffix = "Tr" if split == "train" else "T"
    with _begun("cofw", root, split, overwrite) as (folder, targets):
        path = folder / targets[-1]
        rows, boxes, references = [], [], []
        source = _layout(faces, COFW_29)
        finer = source.name == WFLW_98.name and split == "test"
        with _Disk(path) as disk, h5py.File(disk, "w", userblock_size=512) as file:
            for index, face in _checked(faces, source, progress):
                cell = file.create_dataset(f"#refs#/image{index + 1}", data=_matlab_image(face.image))
                _describe(cell, "uint8", H5PATH="/#refs#")
                references.append(cell.ref)
                disk.check()
                if finer:
                    _write_cofw68(folder / "COFW68_Data/test_annotations", converted(face, source, IBUG_68), index)
                reduced = converted(face, source, COFW_29)
                rows.append([*_from_one(reduced.landmarks).T.ravel(), *~reduced.visible])
                boxes.append(_corner_and_size(face.box))
            cells = np.array(references, h5py.ref_dtype)[None]
            _describe(file.create_dataset(f"Is{suffix}", data=cells, dtype=h5py.ref_dtype), "cell")
            for name, values in (("phis", rows), ("bboxes", boxes)):
                _describe(file.create_dataset(name + suffix, data=np.array(values, np.float64).T), "double")
        disk.check()
        header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(116)
        with open(path, "r+b") as file:
            file.write((header + bytes(8) + b"\x00\x02IM").ljust(512, b"\0"))  # version 2.0, little-endian
        if finer:
            limits = np.iinfo(np.int16)
            boxes = np.rint(boxes)
            if boxes.min() < limits.min or boxes.max() > limits.max:
                raise WritingError(f"{root}: COFW-68 keeps boxes as numbers of 16 bits, found {np.abs(boxes).max():g}")
            _save_matlab5(folder / "COFW68_Data/cofw68_test_bboxes.mat", {"bboxes": boxes.astype(np.int16)})


def write_aflw(
    faces_train: Sequence[FaceSample],
    faces_test: Sequence[FaceSample],
    root: str | os.PathLike,
    progress: Progress = iter,
    *,
    overwrite: bool = False,
) -> None:
    """Write faces of 19 points as AFLW: ``AFLWinfo_release.mat`` and ``flickr/{0,2,3}/``.

    Every program that reads this file takes the first 20000 faces of its permutation ``ra`` for training and the rest
    for testing; the number stands nowhere in it. So that all of them find the split, the annotations of fewer training
    faces are repeated, in turn, up to 20000 rows (images are not repeated; the official file, too, names one image
    on several rows). ``AFLW(root, "train")`` then has 20000 faces, of which the first ``len(faces_train)`` are the ones
    given. Rows stand in a shuffled order, as ``ra`` undoes it, so that a program that forgets ``ra`` shows.

    Args:
        faces_train: 1 to 20000 faces.
        faces_test: at least one face.
        root: the folder that ``awing_lib.datasets.AFLW`` opens.
        progress: wraps the faces as they are gone through, such as ``tqdm``.
        overwrite: replace ``flickr/`` and the file where they exist.

    Raises:
        WritingError: a face does not fit, there are too many or none, the files exist, or the file system refuses.
            Nothing is written then.
    """
    if len(faces_train) > aflw.TRAINING:
        raise WritingError(f"AFLW: {len(faces_train)} training faces; its files have room for {aflw.TRAINING}")
    with _begun("aflw", root, "both", overwrite) as (folder, _):
        names, data, boxes, visible = [], [], [], []
        for faces in (faces_train, faces_test):
            for index, face in _fitting(faces, AFLW_19, progress):
                names.append(f"{(0, 2, 3)[len(names) % 3]}/image{len(names) + 1:05d}.jpg")
                _write(folder / "flickr" / names[-1], _encoded(face.image, ".jpg", _called(face, index)))
                data.append(_from_one(face.landmarks).T.ravel())
                boxes.append(_from_one(face.box)[[0, 2, 1, 3]])
                visible.append(face.visible)
        trained = len(names) - len(faces_test)
        order = np.concatenate([np.resize(np.arange(trained), aflw.TRAINING), np.arange(trained, len(names))])
        place = np.random.default_rng(0).permutation(len(order))  # of each face of the order, among the rows
        rows = order[np.argsort(place)]
        _save_matlab5(
            folder / aflw.FILE,
            {
                "nameList": np.array(names, object)[rows, None],
                "data": np.array(data)[rows],
                "bbox": np.array(boxes)[rows],
                "mask_new": np.array(visible, np.uint8)[rows],
                "ra": (place[None] + 1).astype(np.uint16 if len(order) < 2**16 else np.uint32),
            },
        )


def write_table(
    faces: Sequence[FaceSample],
    root: str | os.PathLike,
    split: str,
    progress: Progress = iter,
    *,
    overwrite: bool = False,
) -> None:
    """Write faces as a ``FaceTable``: lines of ``landmarks.csv`` and ``images/<split>/``, beside the splits there.

    Attributes become columns, flags as 1 and 0. Boxes and visibility have no place in the table. Faces of the same name
    share an image.

    Args:
        faces: the faces, of any layout; all with the same attributes.
        root: the folder that ``awing_lib.datasets.FaceTable`` opens.
        split: what the column ``split`` says: letters, digits, ``-`` and ``_``.
        progress: wraps the faces as they are gone through, such as ``tqdm``.
        overwrite: replace the lines and images of this split where they exist.

    Raises:
        WritingError: a face does not fit, the table has the split or other columns, or the file system refuses.
            Nothing is written then.
    """
    if not re.fullmatch(r"[\w-]{1,100}", split, re.ASCII):
        raise WritingError(f"split {shown(split)}: expected letters, digits, '-' and '_'")
    root, targets = Path(root), (f"images/{split}", "landmarks.csv")
    if (root / "images.tar").exists() and not (root / "images").exists():
        raise WritingError(f"{root / 'images.tar'}: would no longer be read beside a folder images; unpack it first")
    if not overwrite:
        refuse_existing(root, targets[:1])
    header, lines = _table(root)
    kept = [line for line in lines if line[header.index("split")] != split]
    if len(kept) < len(lines) and not overwrite:
        raise WritingError(f"{root / 'landmarks.csv'}: split {split!r} exists already and is kept")
    with staging(root, targets, overwrite=True) as folder:
        images = _Images(folder, f"images/{split}")
        layout = _layout(faces)
        for index, face in _checked(faces, layout, progress):
            attributes = {key: value for key, value in face.attributes.items() if key != "split"}
            columns = ["name", "split", *attributes, *(f"{axis}{k}" for k in range(layout.count) for axis in "xy")]
            header = header or columns
            if columns != header or len(set(columns)) < len(columns):
                found, expected = shown(",".join(columns)), shown(",".join(header))
                raise WritingError(f"{_called(face, index)}: columns {found}, expected {expected}, each once")
            values = [str(int(v)) if isinstance(v, bool | np.bool_) else str(v) for v in attributes.values()]
            # nine digits give a float32 back exactly
            numbers = [f"{value:.9g}" for value in face.landmarks.ravel().tolist()]
            kept.append([f"{split}/{images.write(face, index)}", split, *values, *numbers])
        table = io.StringIO(newline="")
        csv.writer(table, lineterminator="\n").writerows([header, *kept])
        _write(folder / "landmarks.csv", table.getvalue().encode())


def share_out(total: int, weights: Sequence[int], least: Sequence[int] | None = None) -> list[int]:
    """``total`` in whole parts as proportional to ``weights`` as they can be with at least ``least`` (1) in each.

    Raises:
        WritingError: the total is too small for that.
    """
    least = least or [1] * len(weights)
    if total < sum(least):
        raise WritingError(f"{total} faces are too few: at least {sum(least)} are needed, so that no folder is empty")
    ends, start = [], 0
    for place in range(len(weights)):
        end = round(total * sum(weights[: place + 1]) / sum(weights))
        start = min(max(end, start + least[place]), total - sum(least[place + 1 :]))
        ends.append(start)
    return np.diff(ends, prepend=0).tolist()


# -- the faces --------------------------------------------------------------------------------------------------------


@contextmanager
def _begun(kind: str, root: str | os.PathLike, split: str, overwrite: bool) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A folder to write a split of a layout into, and the names of what is moved from there to ``root`` at the end."""
    if split not in TARGETS[kind]:
        raise WritingError(f"{kind}: split {shown(split)} cannot be written; there are {', '.join(TARGETS[kind])}")
    with staging(root, TARGETS[kind][split], overwrite=overwrite) as folder:
        yield folder, TARGETS[kind][split]


def _layout(faces: Sequence[FaceSample], target: LandmarkLayout | None = None) -> LandmarkLayout:
    """Layout of the faces, which must be, or determine all points of, ``target``."""
    if len(faces) == 0:
        raise WritingError("there are no faces to write")
    layout = getattr(faces, "layout", None)
    if layout is None:  # a list
        count = len(faces[0].landmarks)
        layout = next((known for known in LAYOUTS.values() if known.count == count), None)
        if layout is None:
            raise WritingError(f"faces of {count} points: expected {', '.join(str(k.count) for k in LAYOUTS.values())}")
    if target is not None and layout.name != target.name:
        matrix = CONVERSIONS.get((layout.name, target.name))
        if matrix is None or np.isnan(matrix).any():
            raise WritingError(f"faces of layout {layout.name} do not determine the points of {target.name}")
    return layout


def _checked(
    faces: Sequence[FaceSample], layout: LandmarkLayout, progress: Progress
) -> Iterator[tuple[int, FaceSample]]:
    """Place and face, each as :class:`FaceSample` says and with finite numbers."""
    for index, face in enumerate(progress(faces)):
        landmarks, box, visible = np.asarray(face.landmarks), np.asarray(face.box), np.asarray(face.visible)
        image = face.image
        problem = None
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            problem = "image: expected (H, W, 3) uint8"
        elif image.size == 0:
            problem = "image: it has no pixels"
        elif landmarks.shape != (layout.count, 2):
            problem = f"landmarks: {landmarks.shape}, expected ({layout.count}, 2)"
        elif not (np.abs(landmarks) <= COORDINATE_LIMIT).all():  # false for NaN
            problem = "landmarks: not all are finite numbers of pixels, and the format has no other way to mark one"
        elif visible.shape != (layout.count,) or visible.dtype != bool:
            problem = f"visible: {visible.dtype} {visible.shape}, expected bool ({layout.count},)"
        elif box.shape != (4,) or not (np.abs(box) <= COORDINATE_LIMIT).all() or not (box[:2] < box[2:]).all():
            problem = f"box: {box.tolist()}, expected x0 y0 x1 y1 with x0 < x1 and y0 < y1"
        if problem:
            raise WritingError(f"{_called(face, index)}: {problem}")
        yield index, face


def _fitting(
    faces: Sequence[FaceSample], target: LandmarkLayout, progress: Progress
) -> Iterator[tuple[int, FaceSample]]:
    """As :func:`_checked`, in the layout ``target``."""
    layout = _layout(faces, target)
    for index, face in _checked(faces, layout, progress):
        yield index, converted(face, layout, target)


def _called(face: FaceSample, index: int) -> str:
    return f"face {index} ({shown(face.name)})"


def _flag(face: FaceSample, attribute: str, index: int) -> int:
    value = face.attributes.get(attribute, False)
    if not isinstance(value, bool | np.bool_ | int | np.integer) or value not in (0, 1):
        raise WritingError(f"{_called(face, index)}: attribute {attribute} is {shown(value)}, expected True or False")
    return int(value)


def _from_one(pixels: np.ndarray) -> np.ndarray:
    """Coordinates as MATLAB counts them, float64."""
    return np.asarray(pixels, np.float64) + 1


def _corner_and_size(box: np.ndarray) -> np.ndarray:
    """x0 y0 x1 y1, counted from 0 -> left, top, width, height, counted from 1."""
    box = np.asarray(box, np.float64)
    return np.concatenate([box[:2] + 1, box[2:] - box[:2]])


# -- the files --------------------------------------------------------------------------------------------------------


class _Images:
    """JPEG files in one folder, named after the faces' images; faces of one image share its file."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._written: dict[str, tuple[str, int]] = {}

    def write(self, face: FaceSample, index: int) -> str:
        """Name of the face's file in the folder: letters, digits, ``.``, ``-`` and ``_`` only, since lists of names
        are split at blanks."""
        stem = re.sub(r"[^A-Za-z0-9.-]+", "_", os.path.splitext(face.name)[0]).strip("_.")[-120:] or "face"
        image = (face.name, zlib.crc32(np.ascontiguousarray(face.image)))
        name = f"{stem}.jpg"
        if name not in self._written:
            _write(self._folder / name, _encoded(face.image, ".jpg", _called(face, index)))
        elif self._written[name] != image:
            raise WritingError(f"{_called(face, index)}: another image is called {name} already")
        self._written[name] = image
        return name


def _encoded(image: np.ndarray, suffix: str, where: str) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    try:
        done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    except cv2.error as error:
        raise WritingError(f"{where}: its image cannot be written as {suffix}: {error.err}") from error
    if not done:
        raise WritingError(f"{where}: its image cannot be written as {suffix}")
    return data.tobytes()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _save_matlab5(path: Path, variables: dict[str, np.ndarray]) -> None:
    file = io.BytesIO()
    scipy.io.savemat(file, variables, do_compression=True)
    # the first 116 bytes are text for people, with the time of day; the same faces shall give the same file
    _write(path, b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(116) + file.getvalue()[116:])


def _write_cofw68(folder: Path, face: FaceSample, index: int) -> None:
    occluded = (~face.visible).astype(np.uint8)[None]
    _save_matlab5(folder / f"{index + 1}_points.mat", {"Points": _from_one(face.landmarks), "Occ": occluded})


class _Disk(io.FileIO):
    """A file for HDF5, whose library crashes when it meets a full disk: so it is not told, and the writer asks."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._error: OSError | None = None

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view) and self._error is None:  # the system may take less than it was given
                done += super().write(view[done:])
        except OSError as error:
            self._error = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = error
            return size or 0

    def check(self) -> None:
        """Raise the first error that there was."""
        if self._error:
            raise self._error


def _matlab_image(image: np.ndarray) -> np.ndarray:
    """An image as MATLAB 7.3 keeps it: axes reversed, two of them if it is grey."""
    grey = (image == image[..., :1]).all()
    return np.ascontiguousarray(image[..., 0].T if grey else image.transpose(2, 1, 0))


def _describe(dataset: h5py.Dataset, kind: str, **more: str) -> None:
    """Say to MATLAB, and to programs that ask as it does, what an array is."""
    for key, text in {"MATLAB_class": kind, **more}.items():
        dataset.attrs[key] = np.bytes_(text)


def _table(root: Path) -> tuple[list[str], list[list[str]]]:
    """Columns and lines of the table that is there; none if there is none."""
    path = root / "landmarks.csv"
    if not os.path.lexists(path):
        return [], []
    try:
        text = decode_text(Folder(root).read(path.name), path, "utf-8-sig")
        header, *lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except (DataError, csv.Error, ValueError) as error:
        raise WritingError(f"{path}: no table that can be added to: {error}") from error
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise WritingError(f"{path}, face {number - 1}: {len(line)} fields, expected {len(header)}")
    if "split" not in header:
        raise WritingError(f"{path}, line 1: no column split, so no split can be added")
    return header, lines
