"""One face with its annotation, and the behaviour that all data sets share."""

import copy
import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self, overload

import numpy as np

from awing_lib.datasets.files import DataError, Folder, decode_image
from awing_lib.layouts import LandmarkLayout


@dataclass(frozen=True, eq=False)
class FaceSample:
    """One annotated face. Integer coordinates are pixel centres; (0, 0) is the centre of the top-left pixel."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    landmarks: np.ndarray
    """(L, 2) float32, (x, y) in pixels; they may lie outside the image."""
    box: np.ndarray
    """(4,) float32, x0 y0 x1 y1 in pixels; it may reach beyond the image."""
    visible: np.ndarray
    """(L,) bool; False where the data set marks a landmark as occluded. All True where it says nothing."""
    name: str
    """Name of the image in its data set; several faces of one image share it."""
    attributes: dict = field(default_factory=dict)
    """What else the data set says of the face, such as WFLW's ``{"pose": True, ...}``."""


class FaceDataset:
    """A sequence of faces: annotations in memory as a few arrays, images decoded when a face is asked for.

    ``dataset[3]`` and ``dataset[-1]`` are a :class:`FaceSample`; a slice is a data set of the same type that shares the
    arrays. Readers fill it by ``_fill`` and set ``folder``, or override ``_image``.
    """

    layout: LandmarkLayout
    official_count: int | None = None
    """Number of faces that the authors state, None where they state none or the data set is a part of one."""
    folder: Folder
    """Where the images lie."""

    def _fill(
        self,
        names: list[str],
        landmarks: np.ndarray,
        boxes: np.ndarray | None = None,
        visible: np.ndarray | None = None,
        attributes: dict[str, list] | None = None,
        **rows: np.ndarray,
    ) -> None:
        """Take the annotations: names (N), landmarks (N, L, 2), boxes (N, 4), visible (N, L), the rest (N, ...)."""
        landmarks = np.asarray(landmarks, np.float32)
        if boxes is None:
            boxes = tight_boxes(landmarks)
        if visible is None:
            visible = np.ones(landmarks.shape[:2], bool)
        self._rows = {
            "names": np.asarray(names, np.str_),
            "landmarks": landmarks,
            "boxes": np.asarray(boxes, np.float32),
            "visible": np.asarray(visible, bool),
            **rows,
        }
        self._attributes = {key: np.asarray(values) for key, values in (attributes or {}).items()}

    @property
    def names(self) -> np.ndarray:
        """(N,) names of the images."""
        return self._rows["names"]

    @property
    def landmarks(self) -> np.ndarray:
        """(N, L, 2) float32, pixels."""
        return self._rows["landmarks"]

    @property
    def boxes(self) -> np.ndarray:
        """(N, 4) float32, x0 y0 x1 y1 in pixels."""
        return self._rows["boxes"]

    @property
    def visible(self) -> np.ndarray:
        """(N, L) bool."""
        return self._rows["visible"]

    @property
    def attributes(self) -> dict[str, np.ndarray]:
        """What else is known of the faces: key -> (N,) array."""
        return dict(self._attributes)

    def __len__(self) -> int:
        return len(self._rows["names"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} faces, {self.layout.name})"

    def __iter__(self) -> Iterator[FaceSample]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> FaceSample: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.select(index)
        place = self._place(index)
        return FaceSample(
            image=self._image(place),
            landmarks=self.landmarks[place].copy(),  # the caller may change its sample
            box=self.boxes[place].copy(),
            visible=self.visible[place].copy(),
            name=str(self.names[place]),
            attributes={key: values[place].item() for key, values in self._attributes.items()},
        )

    def _place(self, index) -> int:
        """A face's place, 0 to N - 1, where a negative index counts from the end."""
        place = operator.index(index)
        place += len(self) if place < 0 else 0
        if not 0 <= place < len(self):
            raise IndexError(f"face {index} of {len(self)}")
        return place

    def select(self, index) -> Self:
        """The faces at ``index``: a slice, indices, or a mask (N,); a data set of the same type."""
        if not isinstance(index, slice):
            index = np.asarray(index)
            index = index.astype(np.intp) if index.size == 0 else index
        chosen = copy.copy(self)
        chosen._rows = {key: values[index] for key, values in self._rows.items()}
        chosen._attributes = {key: values[index] for key, values in self._attributes.items()}
        if len(chosen) != len(self):
            chosen.official_count = None
        return chosen

    def _image(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB of the face at ``index``, 0 to N - 1."""
        name = str(self.names[index])
        return decode_image(self.folder.read(name), str(self.folder.path / name))

    def _check_images(self, where) -> None:
        """Refuse a data set whose images are not all there; ``where(index)`` says where an image is named."""
        missing = self.folder.missing(self.names.tolist())
        if missing:
            count = f" ({len(missing)} of {len(self)} are missing)" if len(missing) > 1 else ""
            raise DataError(f"{where(missing[0])}: no image {self.folder.path / self.names[missing[0]]}{count}")


def tight_boxes(landmarks: np.ndarray) -> np.ndarray:
    """Smallest boxes (N, 4), x0 y0 x1 y1, that hold the landmarks (N, L, 2)."""
    return np.concatenate([landmarks.min(1), landmarks.max(1)], -1)


def check_boxes(boxes: np.ndarray, where) -> None:
    """Refuse boxes (N, 4), x0 y0 x1 y1, without an area; ``where(index)`` names the place.

    Raises:
        DataError: naming the first one.
    """
    wrong = np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(1))
    if len(wrong):
        x0, y0, x1, y1 = boxes[wrong[0]].tolist()
        raise DataError(f"{where(wrong[0])}: box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) has no area")


def check_choice(value: str, known, what: str) -> None:
    """Refuse a name that is not in ``known``.

    Raises:
        DataError: naming those that are.
    """
    if value not in known:
        raise DataError(f"{what} {value!r} is unknown; there are {', '.join(known)}")
