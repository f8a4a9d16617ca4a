"""What the NME of a face is divided by: a length between its landmarks, or the size of the data set's own box."""

import numpy as np

from awing_lib.datasets.files import DataError
from awing_lib.datasets.sample import FaceDataset
from awing_lib.layouts import NORMALIZER_KINDS

FACE_BOX = "face-box"
"""The kind that no layout knows: square root of width times height of the data set's own box, AFLW's custom."""
NORMALIZERS = (*NORMALIZER_KINDS, FACE_BOX)
"""All kinds; the others are those of :meth:`awing_lib.layouts.LandmarkLayout.normalizer`."""


def face_normalizers(faces: FaceDataset, kind: str) -> np.ndarray:
    """What the NME of each face of a data set is divided by.

    Args:
        faces: N faces.
        kind: one of :data:`NORMALIZERS`.

    Returns:
        (N,) float64, pixels; NaN where a landmark that it needs is not marked.

    Raises:
        DataError: the length of a face is 0; the message names it.
        LayoutError: the kind is unknown, or the faces' layout has no such points.
    """
    if kind == FACE_BOX:
        boxes = faces.boxes.astype(np.float64)
        lengths = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    else:
        lengths = faces.layout.normalizer(faces.landmarks.astype(np.float64), kind)
    empty = np.flatnonzero(lengths <= 0)
    if len(empty):
        place = empty[0]
        raise DataError(f"{faces.names[place]}, face {place}: its {kind} length is 0, nothing can be divided by it")
    return lengths
