"""Any data set by its name."""

import os

from awing_lib.datasets.aflw import AFLW
from awing_lib.datasets.cofw import COFW, COFW68
from awing_lib.datasets.facetable import FaceTable
from awing_lib.datasets.files import DataError
from awing_lib.datasets.sample import FaceDataset, check_choice
from awing_lib.datasets.synthetic import SyntheticFaces
from awing_lib.datasets.w300 import W300
from awing_lib.datasets.wflw import WFLW
from awing_lib.layouts import WFLW_98, LandmarkLayout

DATASETS = ("wflw", "300w", "cofw", "cofw68", "aflw", "table", "synthetic")


def open_dataset(
    name: str,
    root: str | os.PathLike | None = None,
    split: str | None = None,
    *,
    layout: LandmarkLayout | None = None,
    count: int = 1000,
    seed: int = 0,
) -> FaceDataset:
    """Open a data set by its name.

    Args:
        name: one of :data:`DATASETS`.
        root: its folder; not looked at for "synthetic".
        split: as its reader takes it; None: all of a table. COFW-68 and "synthetic" have none.
        layout: for "table" (None: as many points as a known layout has) and "synthetic" (None: WFLW-98).
        count: of faces, for "synthetic".
        seed: which faces, for "synthetic".

    Raises:
        DataError: no such data set, root or split missing, or what the reader finds wrong.
    """
    check_choice(name, DATASETS, "data set")
    if name == "synthetic":
        return SyntheticFaces(count, layout or WFLW_98, seed)
    if root is None:
        raise DataError(f"data set {name} needs the folder that it lies in")
    if name == "table":
        return FaceTable(root, split, layout)
    if name == "cofw68":
        return COFW68(root)
    if split is None:
        raise DataError(f"data set {name} needs a split")
    return {"wflw": WFLW, "300w": W300, "cofw": COFW, "aflw": AFLW}[name](root, split)
