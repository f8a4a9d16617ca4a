"""Arrays of MATLAB files, of both kinds, with every surprise turned into a :class:`DataError`."""

import io
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from awing_lib.datasets.files import COORDINATE_LIMIT, DataError
from awing_lib.datasets.matlab5 import check_structure


def check_array(array, shape: tuple[int | None, ...], where: str, *, flags: bool = False) -> np.ndarray:
    """``array`` as float64, if it has this shape (None: any length) and holds finite numbers, or 0 and 1 for flags.

    Whole numbers come out of MATLAB files in small unsigned types, in which subtraction wraps around; hence the cast.

    Raises:
        DataError: naming the shape, or the first wrong element, counted from 0.
    """
    array = np.asarray(array)
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in "uifb":
        expected = " x ".join("N" if length is None else str(length) for length in shape)
        found = " x ".join(map(str, array.shape))
        raise DataError(f"{where}: {found or 'single'} {array.dtype} found, {expected} numbers expected")
    array = array.astype(np.float64)
    # a comparison with NaN is false
    good = (array == 0) | (array == 1) if flags else np.abs(array) <= COORDINATE_LIMIT
    if not good.all():
        place = np.unravel_index(np.argmin(good), array.shape)
        expected = "0 or 1" if flags else "a finite number of pixels"
        raise DataError(f"{where}, element {list(map(int, place))}: {array[place]:g}, expected {expected}")
    return array


def load_matlab5(data: bytes, path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """The variables called ``names`` of a MATLAB 5 file.

    Raises:
        DataError: the file is broken or of another kind, or a variable is missing.
    """
    try:
        check_structure(data, names)
        present = {name for name, _, _ in scipy.io.whosmat(io.BytesIO(data))}
        contents = scipy.io.loadmat(io.BytesIO(data), variable_names=names) if present.issuperset(names) else {}
    except Exception as error:  # a broken file makes scipy raise almost any kind
        raise DataError(f"{path}: cannot be read as a MATLAB 5 file: {one_line(error)}") from error
    for name in names:
        if name not in contents:
            raise DataError(f"{path}: no variable {name!r}; there are {', '.join(sorted(present)) or 'none'}")
    return [contents[name] for name in names]


def hdf5_dataset(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """The array called ``name`` of a MATLAB 7.3 file, that lies in this file and no other.

    Raises:
        DataError: there is none, or it is a link to, or keeps its numbers in, another file.
    """
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise DataError(f"{path}: no variable {name!r}; there are {', '.join(sorted(file)) or 'none'}")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{path}: variable {name!r} is a group, expected an array")
    check_own_storage(dataset, f"{path}, {name}")
    return dataset


def check_own_storage(dataset: h5py.Dataset, where: str) -> None:
    """Refuse an HDF5 array whose numbers lie in other files.

    Raises:
        DataError: naming the array.
    """
    if dataset.external is not None or dataset.is_virtual:
        raise DataError(f"{where}: keeps its data in another file, which is not followed")


def one_line(error: Exception) -> str:
    """What an error says, on one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
