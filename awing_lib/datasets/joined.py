"""Several data sets as one."""

import numpy as np

from awing_lib.datasets.files import DataError
from awing_lib.datasets.sample import FaceDataset


class JoinedFaces(FaceDataset):
    """The faces of several data sets with the same points, one data set after the other.

    A face is what its own data set says of it, attributes included; ``attributes`` of the whole are those that all
    have. Nothing is read or drawn before it is asked for.

    Args:
        parts: the data sets, at least one.

    Raises:
        DataError: there is none, or their points differ.

    Example:
        >>> from awing_lib.datasets import SyntheticFaces
        >>> both = JoinedFaces(SyntheticFaces(3, seed=0), SyntheticFaces(2, seed=1))
        >>> len(both), both[3].name
        (5, 'synthetic/000000.png')
    """

    def __init__(self, *parts: FaceDataset) -> None:
        if not parts:
            raise DataError("JoinedFaces: no data set to join")
        self.parts, self.layout = parts, parts[0].layout
        for number, part in enumerate(parts[1:], 2):
            if part.layout.points != self.layout.points:
                found = f"data set {number} has {part.layout.name}, the first has {self.layout.name}"
                raise DataError(f"JoinedFaces: {found}; expected the same points in all")
        # where each face is among those of all parts; a selection keeps some of them
        self._ends = np.cumsum([len(part) for part in parts])
        self._rows = {"names": np.arange(self._ends[-1])}
        self._attributes = {}

    def _joined(self, arrays: list[np.ndarray]) -> np.ndarray:
        """The arrays of the parts as one, for the faces that are in here."""
        return np.concatenate(arrays)[self._rows["names"]]

    @property
    def names(self) -> np.ndarray:
        """(N,) names of the images, each in its own data set."""
        return self._joined([part.names for part in self.parts])

    @property
    def landmarks(self) -> np.ndarray:
        """(N, L, 2) float32, pixels."""
        return self._joined([part.landmarks for part in self.parts])

    @property
    def boxes(self) -> np.ndarray:
        """(N, 4) float32, x0 y0 x1 y1 in pixels."""
        return self._joined([part.boxes for part in self.parts])

    @property
    def visible(self) -> np.ndarray:
        """(N, L) bool; draws synthetic faces, of which it is not known otherwise."""
        return self._joined([part.visible for part in self.parts])

    @property
    def attributes(self) -> dict[str, np.ndarray]:
        """What is known of the faces of every part: key -> (N,) array."""
        known = [part.attributes for part in self.parts]
        shared = [key for key in known[0] if all(key in each for each in known)]
        return {key: self._joined([each[key] for each in known]) for key in shared}

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.select(index)
        place = int(self._rows["names"][self._place(index)])
        number = int(np.searchsorted(self._ends, place, side="right"))  # an end is the start of the next part
        return self.parts[number][place - self._ends[number]]  # counted from the end of its part
