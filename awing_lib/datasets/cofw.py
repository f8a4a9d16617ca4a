"""COFW: 29 landmarks with occlusion (Burgos-Artizzu et al., ICCV 2013), and COFW-68 (Ghiasi and Fowlkes, 2015)."""

import os
from pathlib import Path

import h5py
import numpy as np

from awing_lib.datasets.files import DataError, Folder, check_size
from awing_lib.datasets.matlab import check_array, check_own_storage, hdf5_dataset, load_matlab5, one_line
from awing_lib.datasets.sample import FaceDataset, check_boxes, check_choice
from awing_lib.errors import AwingError
from awing_lib.layouts import COFW_29, IBUG_68

COUNTS = {"train": 1345, "test": 507}
FACE_LIMIT = 1_000_000


class _CofwImages(FaceDataset):
    """What COFW and COFW-68 share: the images inside a MATLAB 7.3 file, read when they are asked for."""

    _path: Path
    _cell: str

    def _open(self, root: str | os.PathLike, split: str) -> tuple[Folder, dict[str, np.ndarray]]:
        """Look at the images' sizes and read the arrays beside them, (N, 87) and (N, 4)."""
        suffix = "Tr" if split == "train" else "T"
        base = Folder(root)
        self._path = base.locate(f"COFW_{split}_color.mat")
        self._cell = f"Is{suffix}"
        arrays = {}
        if not self._path.is_file():
            raise DataError(f"{self._path}: no such file")
        try:
            with h5py.File(self._path, "r") as file:
                references = self._cells(file)[()].ravel()
                for index, reference in enumerate(references):
                    self._dataset(file, reference, index)
                for name, columns in (("phis", 87), ("bboxes", 4)):
                    where = f"{self._path}, {name}{suffix}"
                    dataset = hdf5_dataset(file, name + suffix, self._path)
                    if dataset.shape != (columns, len(references)):
                        expected = f"{columns} x {len(references)}, one column per image"
                        raise DataError(f"{where}: {dataset.shape}, expected {expected}")
                    arrays[name] = check_array(dataset[()].T, (len(references), columns), where)
        except AwingError:
            raise
        except Exception as error:  # a broken file makes h5py raise almost any kind
            raise DataError(f"{self._path}: cannot be read as a MATLAB 7.3 file: {one_line(error)}") from error
        return base, arrays

    def _cells(self, file: h5py.File) -> h5py.Dataset:
        """The cell of images, (1, N) or (N, 1), not read yet."""
        cell = hdf5_dataset(file, self._cell, self._path)
        if h5py.check_ref_dtype(cell.dtype) is not h5py.Reference or 1 not in cell.shape or cell.ndim != 2:
            raise DataError(f"{self._path}, {self._cell}: expected a cell of images, N x 1")
        if not 0 < cell.size <= FACE_LIMIT:
            raise DataError(f"{self._path}, {self._cell}: {cell.size} images")
        return cell

    def _dataset(self, file: h5py.File, reference: h5py.Reference, index: int) -> h5py.Dataset:
        """The stored image, (3, W, H) or grey (W, H) uint8, not read yet."""
        where = f"{self._path}, {self._cell}, image {index + 1}"
        stored = file[reference] if reference else None
        if not isinstance(stored, h5py.Dataset) or stored.dtype != np.uint8:
            raise DataError(f"{where}: expected an array of uint8")
        if stored.ndim != 2 and not (stored.ndim == 3 and stored.shape[0] in (1, 3)):
            raise DataError(f"{where}: {stored.shape}, expected 3 x W x H, or W x H if grey")
        check_own_storage(stored, where)
        check_size(*stored.shape[-2:], where)
        return stored

    def _image(self, index: int) -> np.ndarray:
        # the file is opened for each image: an open one can neither be pickled nor shared by worker processes
        number = int(self._rows["numbers"][index])
        try:
            with h5py.File(self._path, "r") as file:
                cell = self._cells(file)
                reference = cell[np.unravel_index(number, cell.shape)]
                pixels = self._dataset(file, reference, number)[()]
        except AwingError:
            raise
        except Exception as error:  # as above
            raise DataError(f"{self._path}, {self._cell}, image {number + 1}: {one_line(error)}") from error
        image = pixels.T if pixels.ndim == 3 else pixels.T[..., None]  # MATLAB's axes come out reversed
        return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


class COFW(_CofwImages):
    """COFW from its official files, in their order.

    The files count pixels from 1 (MATLAB); 1 is subtracted here, from landmarks and boxes. The official box is left,
    top, width, height; here it runs from (left, top) to (left + width, top + height). The name of face i is ``train/i``
    or ``test/i``, i counted from 1 as in the file.

    Args:
        root: folder that holds ``COFW_train_color.mat`` and ``COFW_test_color.mat``.
        split: "train" (1345 faces) or "test" (507).

    Raises:
        DataError: the file is missing, cut off, or not as it should be; the message names file and variable.
    """

    layout = COFW_29

    def __init__(self, root: str | os.PathLike, split: str) -> None:
        check_choice(split, COUNTS, "COFW: split")
        _, arrays = self._open(root, split)
        suffix = "Tr" if split == "train" else "T"
        phis = arrays["phis"]
        occluded = check_array(phis[:, 58:], (None, 29), f"{self._path}, phis{suffix}, rows 58 to 86", flags=True)
        boxes = corner_boxes(arrays["bboxes"])
        check_boxes(boxes, lambda index: f"{self._path}, bboxes{suffix}, face {index + 1}")
        landmarks = np.stack([phis[:, :29], phis[:, 29:58]], -1) - 1
        count = len(phis)
        names = [f"{split}/{number}" for number in range(1, count + 1)]
        self._fill(names, landmarks, boxes, occluded == 0, numbers=np.arange(count))
        self.official_count = COUNTS[split]


class COFW68(_CofwImages):
    """COFW's 507 test images with 68 landmarks and their occlusion.

    The files count pixels from 1 (MATLAB); 1 is subtracted here. Names are as in :class:`COFW`.

    Args:
        root: folder that holds ``COFW_test_color.mat`` and ``COFW68_Data/``, with ``cofw68_test_bboxes.mat`` and
            ``test_annotations/{1..507}_points.mat``.

    Raises:
        DataError: a file is missing, cut off, or not as it should be; the message names file and variable.
    """

    layout = IBUG_68

    def __init__(self, root: str | os.PathLike) -> None:
        base, arrays = self._open(root, "test")
        count = len(arrays["phis"])
        data = base.folder("COFW68_Data")
        landmarks, visible, boxes = read_cofw68(data, count)
        names = [f"test/{number}" for number in range(1, count + 1)]
        self._fill(names, landmarks, boxes, visible, numbers=np.arange(count))
        self.official_count = COUNTS["test"]


def read_cofw68(data: Folder, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Landmarks (N, 68, 2) and boxes (N, 4), counted from 0, and visible (N, 68) of the folder COFW68_Data.

    Raises:
        DataError: a file is missing or broken, or there are boxes for another number of faces than ``count``.
    """
    boxes_path = data.path / "cofw68_test_bboxes.mat"
    (boxes,) = load_matlab5(data.read(boxes_path.name), boxes_path, ("bboxes",))
    boxes = corner_boxes(check_array(boxes, (count, 4), f"{boxes_path}, bboxes"))
    check_boxes(boxes, lambda index: f"{boxes_path}, bboxes, row {index}")
    landmarks, visible = np.empty((count, 68, 2)), np.empty((count, 68), bool)
    for index in range(count):
        name = f"test_annotations/{index + 1}_points.mat"
        path = data.path / name
        points, occluded = load_matlab5(data.read(name), path, ("Points", "Occ"))
        landmarks[index] = check_array(points, (68, 2), f"{path}, Points") - 1
        visible[index] = check_array(occluded, (1, 68), f"{path}, Occ", flags=True)[0] == 0
    return landmarks, visible, boxes


def corner_boxes(boxes: np.ndarray) -> np.ndarray:
    """Boxes (N, 4): left, top, width, height, counted from 1 -> x0 y0 x1 y1, counted from 0."""
    start = boxes[:, :2] - 1
    return np.concatenate([start, start + boxes[:, 2:]], -1)
