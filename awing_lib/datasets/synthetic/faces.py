"""The data set of synthetic faces."""

import numpy as np

from awing_lib.arguments import as_whole
from awing_lib.datasets.files import DataError
from awing_lib.datasets.sample import FaceDataset, FaceSample, tight_boxes
from awing_lib.datasets.synthetic.drawing import draw, geometry
from awing_lib.datasets.synthetic.face import Face
from awing_lib.layouts import AFLW_19, COFW_29, IBUG_68, WFLW_98, LandmarkLayout, convert, convert_visible

SIZE = 256
"""Side of the pictures in pixels."""


class SyntheticFaces(FaceDataset):
    """Faces made to order: 256x256 pixels, exact landmarks, nothing to download, no real person in them.

    Face ``i`` of a seed is the same in every process and for every ``count``, whichever other faces are drawn. None is
    drawn before it is asked for. ``visible`` is False where the head itself, hair, a hat, dark glasses, or something in
    front of the face hides the landmark. Landmarks 0 to 32 lie on the face's contour as annotators see it: where the
    cheek hides the jaw line, on the cheek's rim. ``box`` is the tight box of the landmarks. ``attributes`` are WFLW's
    six, in about the shares of its test set, and the pose: "yaw" (to the image's right), "pitch" (down) and "roll"
    (clockwise), in degrees.

    Args:
        count: number of faces.
        layout: WFLW_98, or IBUG_68, COFW_29 or AFLW_19, which are made from it by :func:`awing_lib.layouts.convert`.
        seed: which faces, 0 to 2**32 - 1; no two seeds have a face in common.

    Raises:
        DataError: a count or seed that is no whole number in this range, or another layout.
    """

    def __init__(self, count: int, layout: LandmarkLayout = WFLW_98, seed: int = 0) -> None:
        for name, value in (("count", count), ("seed", seed)):
            # NumPy reads larger numbers as several, so that two of them could name one face
            if not 0 <= as_whole(value) < 2**32:
                raise DataError(f"SyntheticFaces: {name} must be a whole number from 0 to 2**32 - 1, got {value!r}")
        if layout not in (WFLW_98, IBUG_68, COFW_29, AFLW_19):
            known = "WFLW_98, IBUG_68, COFW_29 or AFLW_19"
            raise DataError(f"SyntheticFaces: layout must be {known}, got {getattr(layout, 'name', layout)!r}")
        self.layout = layout
        self.seed = int(seed)
        self._rows = {"names": np.arange(count)}  # the number of each face; all else follows from it
        self._attributes = {}

    def _number(self, index: int) -> int:
        return int(self._rows["names"][index])

    def _generator(self, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, number]))

    def face(self, index: int) -> Face:
        """What face ``index`` is made of."""
        return Face.sample(self._generator(self._number(index)), SIZE)

    def _drawn(self, number: int) -> FaceSample:
        generator = self._generator(number)
        face = Face.sample(generator, SIZE)
        image, landmarks, visible = draw(face, generator, SIZE)
        landmarks, visible = self._converted(landmarks), convert_visible(visible, WFLW_98, self.layout)
        box = tight_boxes(landmarks[None])[0]
        return FaceSample(image, landmarks, box, visible, _name(number), face.attributes)

    def _converted(self, landmarks: np.ndarray) -> np.ndarray:
        return landmarks if self.layout is WFLW_98 else convert(landmarks, WFLW_98, self.layout)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.select(index)
        return self._drawn(self._number(self._place(index)))

    @property
    def names(self) -> np.ndarray:
        """(N,) names of the images."""
        return np.array([_name(number) for number in self._rows["names"]], np.str_)

    @property
    def landmarks(self) -> np.ndarray:
        """(N, L, 2) float32, pixels; computed at each call, without drawing."""
        placed = [geometry(self.face(index), SIZE).landmarks for index in range(len(self))]
        return self._converted(np.array(placed, np.float32).reshape(-1, WFLW_98.count, 2))

    @property
    def boxes(self) -> np.ndarray:
        """(N, 4) float32, x0 y0 x1 y1 in pixels; computed at each call."""
        return tight_boxes(self.landmarks)

    @property
    def visible(self) -> np.ndarray:
        """(N, L) bool; draws every face, for only then is known what hides what."""
        return np.array([sample.visible for sample in self]).reshape(-1, self.layout.count)

    @property
    def attributes(self) -> dict[str, np.ndarray]:
        """The six attributes and the pose: key -> (N,) array; computed at each call."""
        rows = [self.face(index).attributes for index in range(len(self))]
        return {key: np.array([row[key] for row in rows]) for key in (rows[0] if rows else ())}


def _name(number: int) -> str:
    return f"synthetic/{number:06d}.png"
