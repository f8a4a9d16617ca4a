"""300W: 68 landmarks in one .pts file beside each image (Sagonas et al., ICCVW 2013)."""

import os
import re
from pathlib import Path

import numpy as np

from awing_lib.datasets.files import IMAGE_SUFFIXES, DataError, Folder, decode_text, parse_numbers, shown
from awing_lib.datasets.sample import FaceDataset, check_boxes, check_choice
from awing_lib.layouts import IBUG_68

_COMMON = ("helen/testset", "lfpw/testset")
SPLITS = {
    "train": ("afw", "helen/trainset", "lfpw/trainset"),
    "common": _COMMON,
    "challenging": ("ibug",),
    "full": (*_COMMON, "ibug"),
    "test": ("300W/01_Indoor", "300W/02_Outdoor"),
}
COUNTS = {"train": 3148, "common": 554, "challenging": 135, "full": 689, "test": 600}


class W300(FaceDataset):
    """300W from its official files, sorted by folder and name.

    The files count pixels from 1 (MATLAB); 1 is subtracted here. 300W has no official box, so the box is the tight one
    of the landmarks, and it says nothing of occlusion, so all landmarks are visible.

    Args:
        root: folder that holds ``afw``, ``helen``, ``lfpw``, ``ibug`` and, for the private test set, ``300W``.
        split: "train" (3148 faces), "common" (554), "challenging" (135), "full" (689, both of them) or "test" (the
            private test set, 600).
        check_images: look whether each .pts file has its image.

    Raises:
        DataError: a folder or an image is missing or a .pts file is broken; the message names file and line.
    """

    layout = IBUG_68

    def __init__(self, root: str | os.PathLike, split: str, *, check_images: bool = True) -> None:
        check_choice(split, SPLITS, "300W: split")
        self.folder = Folder(root)
        self.official_count = COUNTS[split]
        names, faces = [], []
        for part in SPLITS[split]:
            found = self.folder.files(part)
            images: dict[str, str] = {}
            for name in found:
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in IMAGE_SUFFIXES:
                    if stem in images and stem + ".pts" in found:
                        raise DataError(f"{self.folder.path / stem}.pts: two images, {images[stem]} and {name}")
                    images[stem] = name
            points = [name for name in found if name.endswith(".pts")]
            if not points:
                raise DataError(f"{self.folder.path / part}: no .pts files, expected one beside each image")
            for name in points:
                path = self.folder.path / name
                stem = name.removesuffix(".pts")
                if check_images and stem not in images:
                    raise DataError(f"{path}: no image of that name beside it (.jpg or .png)")
                names.append(images.get(stem, stem + ".jpg"))
                faces.append(read_pts(decode_text(self.folder.read(name, 2**20), path), path, self.layout.count))
        landmarks = np.array(faces) - 1
        self._fill(names, landmarks)
        check_boxes(self.boxes, lambda index: str(self.folder.path / os.path.splitext(names[index])[0]) + ".pts")


def read_pts(text: str, path: Path, count: int) -> np.ndarray:
    """Points (count, 2) of a .pts file, as they stand there.

    Blanks and line ends may vary, as they do between the data sets: LFPW, HELEN, AFW and IBUG write two blanks after
    ``n_points:`` and no newline at the end, the private test set one blank and a newline.

    Raises:
        DataError: the header, the braces, the number of points or a coordinate is wrong; the message names the line.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    expected = (r"version:\s*\d+(\.\d+)?", r"n_points:\s*\d+", r"\{")
    for place, (pattern, example) in enumerate(zip(expected, ("version: 1", f"n_points: {count}", "{"), strict=True)):
        number, line = lines[place] if place < len(lines) else (len(lines) + 1, "")
        if not re.fullmatch(pattern, line, re.ASCII):
            raise DataError(f"{path}, line {number}: {shown(line)}, expected {example!r}")
    stated = lines[1][1].partition(":")[2].strip()
    if stated != str(count):
        raise DataError(f"{path}, line {lines[1][0]}: n_points: {stated}, expected {count}")
    if lines[-1][1] != "}":
        raise DataError(f"{path}, line {lines[-1][0]}: {shown(lines[-1][1])}, expected '}}' at the end")
    points = []
    for number, line in lines[3:-1]:
        fields = line.split()
        if len(fields) != 2:
            raise DataError(f"{path}, line {number}: {shown(line)}, expected two numbers")
        points.append(parse_numbers(fields, f"{path}, line {number}"))
    if len(points) != count:
        raise DataError(f"{path}: {len(points)} points, expected {count}")
    return np.array(points)
