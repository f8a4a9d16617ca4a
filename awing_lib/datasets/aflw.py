"""AFLW with 19 landmarks (Koestinger et al., ICCVW 2011; landmarks of Zhu et al., CVPR 2016)."""

import os

import numpy as np

from awing_lib.datasets.files import DataError, Folder, clean_name, shown
from awing_lib.datasets.matlab import check_array, load_matlab5
from awing_lib.datasets.sample import FaceDataset, check_boxes, check_choice
from awing_lib.layouts import AFLW_19

TRAINING = 20000
COUNTS = {"train": TRAINING, "full": 4386, "frontal": None}
FILE = "AFLWinfo_release.mat"


class AFLW(FaceDataset):
    """AFLW-19 from its official files, in the order of their permutation ``ra``.

    The files count pixels from 1 (MATLAB); 1 is subtracted here, from landmarks and boxes. Their box is left, right,
    top, bottom; here, as everywhere, x0 y0 x1 y1. NME on this set is divided by the size of that box.

    Args:
        root: folder that holds ``AFLWinfo_release.mat`` and ``flickr/``.
        split: "train" (20000 faces), "full" (4386) or "frontal": the faces of "full" with all 19 landmarks visible,
            whose number publications give differently.
        check_images: look whether each image exists.

    Raises:
        DataError: a file is missing, cut off, or not as it should be; the message names file, variable and row.
    """

    layout = AFLW_19

    def __init__(self, root: str | os.PathLike, split: str, *, check_images: bool = True) -> None:
        check_choice(split, COUNTS, "AFLW: split")
        base = Folder(root)
        path = base.path / FILE
        found = load_matlab5(base.read(FILE), path, ("nameList", "data", "bbox", "mask_new", "ra"))
        cells, data, boxes, mask, order = found
        if cells.dtype != object or cells.size == 0 or 1 not in cells.shape:
            raise DataError(f"{path}, nameList: expected a cell of names, N x 1")
        count = cells.size
        data = check_array(data, (count, 38), f"{path}, data")
        boxes = check_array(boxes, (count, 4), f"{path}, bbox")[:, [0, 2, 1, 3]] - 1
        mask = check_array(mask, (count, 19), f"{path}, mask_new", flags=True) == 1
        order = check_array(order, (1, count), f"{path}, ra")[0]
        if not np.array_equal(np.sort(order), np.arange(1, count + 1)):
            raise DataError(f"{path}, ra: expected each of 1 to {count} once")
        chosen = order.astype(np.int64) - 1
        chosen = chosen[:TRAINING] if split == "train" else chosen[TRAINING:]
        if split == "frontal":
            chosen = chosen[mask[chosen].all(1)]
        if len(chosen) == 0:
            raise DataError(f"{path}: {count} faces, none of them in split {split!r}; the first {TRAINING} are 'train'")
        names = []
        for row in chosen:
            cell = cells.flat[row]
            text = cell.flat[0] if isinstance(cell, np.ndarray) and cell.size == 1 else cell
            if not isinstance(text, str):
                raise DataError(f"{path}, nameList, row {row}: {shown(cell)}, expected a name")
            names.append(clean_name(str(text), f"{path}, nameList, row {row}"))

        boxes = boxes[chosen]
        check_boxes(boxes, lambda index: f"{path}, bbox, row {chosen[index]}")
        landmarks = data.reshape(count, 2, 19).transpose(0, 2, 1)[chosen] - 1
        self._fill(names, landmarks, boxes, mask[chosen])
        self.official_count = COUNTS[split]
        self.folder = base.folder("flickr")
        if check_images:
            self._check_images(lambda index: f"{path}, nameList, row {chosen[index]}")
