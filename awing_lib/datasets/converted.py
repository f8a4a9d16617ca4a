"""Faces marked with fewer points than their data set marks."""

import copy
from dataclasses import replace

import numpy as np

from awing_lib.datasets.sample import FaceDataset, FaceSample
from awing_lib.layouts import LandmarkLayout, convert, convert_visible


class ConvertedFaces(FaceDataset):
    """A data set with the landmarks of a coarser layout; see :func:`awing_lib.layouts.convert`.

    Images, names, attributes and boxes stay what they are: the given box is the given box, whatever is marked inside. A
    point is visible if all that it is made from are.

    Args:
        faces: the data set.
        layout: what its landmarks become.

    Raises:
        LayoutError: there is no such conversion.

    Example:
        >>> from awing_lib.datasets import SyntheticFaces
        >>> from awing_lib.layouts import IBUG_68
        >>> ConvertedFaces(SyntheticFaces(3), IBUG_68)
        ConvertedFaces(3 faces, iBUG-68)
    """

    def __init__(self, faces: FaceDataset, layout: LandmarkLayout) -> None:
        convert(np.zeros((faces.layout.count, 2)), faces.layout, layout)  # says now if that cannot be done
        self.faces, self.layout = faces, layout

    @property
    def names(self) -> np.ndarray:
        """(N,) names of the images."""
        return self.faces.names

    @property
    def landmarks(self) -> np.ndarray:
        """(N, L, 2) float32, pixels; computed at each call."""
        return convert(self.faces.landmarks, self.faces.layout, self.layout).astype(np.float32)

    @property
    def boxes(self) -> np.ndarray:
        """(N, 4) float32, x0 y0 x1 y1 in pixels."""
        return self.faces.boxes

    @property
    def visible(self) -> np.ndarray:
        """(N, L) bool; computed at each call."""
        return convert_visible(self.faces.visible, self.faces.layout, self.layout)

    @property
    def attributes(self) -> dict[str, np.ndarray]:
        """What else is known of the faces: key -> (N,) array."""
        return self.faces.attributes

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.select(index)
        return converted(self.faces[index], self.faces.layout, self.layout)

    def select(self, index) -> "ConvertedFaces":
        """The faces at ``index``: a slice, indices, or a mask (N,); a data set of the same type."""
        chosen = copy.copy(self)
        chosen.faces = self.faces.select(index)
        return chosen


def converted(face: FaceSample, source: LandmarkLayout, target: LandmarkLayout) -> FaceSample:
    """The face with the landmarks of a coarser layout; one is visible if all that it is made from are.

    Raises:
        LayoutError: there is no such conversion.
    """
    if source.name == target.name:
        return face
    landmarks = convert(face.landmarks, source, target).astype(np.float32)
    return replace(face, landmarks=landmarks, visible=convert_visible(face.visible, source, target))
