"""WFLW: 98 landmarks, a detector's box and six attributes (Wu et al., CVPR 2018)."""

import os
from pathlib import Path

import numpy as np

from awing_lib.datasets.files import DataError, Folder, clean_name, decode_text, parse_numbers, shown
from awing_lib.datasets.sample import FaceDataset, check_boxes, check_choice
from awing_lib.layouts import WFLW_98

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
COUNTS = {"train": 7500, "test": 2500}
SUBSET_COUNTS = {"pose": 326, "expression": 314, "illumination": 698, "make-up": 206, "occlusion": 736, "blur": 773}
FIELDS = 98 * 2 + 4 + 6 + 1


class WFLW(FaceDataset):
    """WFLW from its official files, in their order; coordinates are used as they are, since the files count from 0.

    Under ``root``: ``WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{train,test}.txt`` and
    ``WFLW_images/``. ``attributes`` of a sample are the six of the paper's subset table, each a bool.

    Args:
        root: folder that holds ``WFLW_annotations`` and ``WFLW_images``.
        split: "train" (7500 faces) or "test" (2500).
        subset: keep the faces with this attribute: "pose" (326 in the test set), "expression" (314), "illumination"
            (698), "make-up" (206), "occlusion" (736) or "blur" (773).
        check_images: look whether each image exists.

    Raises:
        DataError: a file is missing or a line is not as it should be; the message names file, line and field.
    """

    layout = WFLW_98

    def __init__(
        self, root: str | os.PathLike, split: str, subset: str | None = None, *, check_images: bool = True
    ) -> None:
        check_choice(split, COUNTS, "WFLW: split")
        if subset is not None:
            check_choice(subset, ATTRIBUTES, "WFLW: subset")
        base = Folder(root)
        name = f"WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{split}.txt"
        path = base.path / name
        names, numbers = _parse(decode_text(base.read(name), path), path)
        lines = np.arange(1, len(names) + 1)
        check_boxes(numbers[:, 196:200], lambda index: f"{path}, line {lines[index]}")
        if subset is not None:
            kept = np.flatnonzero(numbers[:, 200 + ATTRIBUTES.index(subset)])
            names, numbers, lines = [names[index] for index in kept], numbers[kept], lines[kept]
        attributes = dict(zip(ATTRIBUTES, numbers[:, 200:].T == 1, strict=True))
        self._fill(names, numbers[:, :196].reshape(-1, 98, 2), numbers[:, 196:200], attributes=attributes)
        if subset is None:
            self.official_count = COUNTS[split]
        elif split == "test":
            self.official_count = SUBSET_COUNTS[subset]
        self.folder = base.folder("WFLW_images")
        if check_images:
            self._check_images(lambda index: f"{path}, line {lines[index]}")


def _parse(text: str, path: Path) -> tuple[list[str], np.ndarray]:
    """Image names (N) and numbers (N, 206)."""
    names, rows = [], []
    lines = text.split("\n")
    if lines[-1] == "":
        del lines[-1]
    if not lines:
        raise DataError(f"{path}: the file is empty, expected one line per face")
    for count, line in enumerate(lines, 1):
        fields = line.split()
        where = f"{path}, line {count}"
        if len(fields) != FIELDS:
            raise DataError(f"{where}: {len(fields)} fields, expected {FIELDS}")
        numbers = parse_numbers(fields[:-1], where)
        for place in range(200, 206):
            if numbers[place] not in (0, 1):
                found = f"{shown(fields[place])} for attribute {ATTRIBUTES[place - 200]}"
                raise DataError(f"{where}, field {place + 1}: {found}, expected 0 or 1")
        rows.append(np.array(numbers))  # eight bytes a number; a list takes four times that
        names.append(clean_name(fields[-1], f"{where}, field {FIELDS}"))
    return names, np.array(rows)
