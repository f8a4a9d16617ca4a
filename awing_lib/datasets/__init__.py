"""Readers of the data sets, from their official files; each is a sequence of :class:`FaceSample`."""

from awing_lib.datasets.aflw import AFLW
from awing_lib.datasets.checking import check
from awing_lib.datasets.cofw import COFW, COFW68
from awing_lib.datasets.converted import ConvertedFaces
from awing_lib.datasets.facetable import FaceTable
from awing_lib.datasets.files import DataError
from awing_lib.datasets.joined import JoinedFaces
from awing_lib.datasets.sample import FaceDataset, FaceSample
from awing_lib.datasets.synthetic import SyntheticFaces
from awing_lib.datasets.w300 import W300
from awing_lib.datasets.wflw import WFLW

__all__ = [
    "AFLW",
    "COFW",
    "COFW68",
    "W300",
    "WFLW",
    "ConvertedFaces",
    "DataError",
    "FaceDataset",
    "FaceSample",
    "FaceTable",
    "JoinedFaces",
    "SyntheticFaces",
    "check",
]
