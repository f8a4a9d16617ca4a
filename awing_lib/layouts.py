"""Landmark layouts: the points that a data set marks, how they mirror, the paper's boundary curves, and NME's divisors.

Points are counted from 0. "left" is the left of the image, where the person's right side usually is.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from awing_lib.arguments import as_whole
from awing_lib.errors import AwingError
from awing_lib.strict_yaml import read_yaml

NORMALIZER_KINDS = ("inter-ocular", "inter-pupil", "box")


class LayoutError(AwingError):
    """A layout contradicts itself, or is asked for what it does not have."""


@dataclass(frozen=True)
class LandmarkLayout:
    """One way of marking a face with ``count`` points.

    Raises:
        LayoutError: a field is wrong; the message names it.
    """

    name: str
    points: tuple[str, ...]
    """Name of each point, all different."""
    mirror_pairs: tuple[tuple[int, int], ...]
    """Points that change places when the image is flipped; all others lie on the midline."""
    boundaries: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Curves of the boundary map (section 5 of the paper): name -> points in order along the curve, at least 2."""
    eyes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    """Normaliser kind -> points whose mean is the left end, and the right end, of the distance that NME divides by."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", tuple(self.points))
        if not self.points or not all(isinstance(name, str) and name for name in self.points):
            raise LayoutError(f"layout {self.name!r}: points must be a list of names")
        repeated = sorted({name for name in self.points if self.points.count(name) > 1})
        if repeated:
            raise LayoutError(f"layout {self.name!r}: points named twice: {', '.join(repeated)}")
        pairs = tuple(self._indices("mirror pairs", pair) for pair in self.mirror_pairs)
        object.__setattr__(self, "mirror_pairs", pairs)
        for pair in pairs:
            if len(pair) != 2 or pair[0] == pair[1]:
                raise LayoutError(f"layout {self.name!r}: mirror pair {list(pair)} must be two different points")
        paired = [index for pair in pairs for index in pair]
        twice = sorted({index for index in paired if paired.count(index) > 1})
        if twice:
            raise LayoutError(f"layout {self.name!r}: points in more than one mirror pair: {twice}")
        runs = {key: self._indices(f"boundary {key!r}", run) for key, run in self.boundaries.items()}
        object.__setattr__(self, "boundaries", runs)
        for key, run in runs.items():
            if len(run) < 2:
                raise LayoutError(f"layout {self.name!r}: boundary {key!r} needs at least 2 points, has {len(run)}")
        eyes = {key: tuple(self._indices(f"eyes {key!r}", end) for end in ends) for key, ends in self.eyes.items()}
        object.__setattr__(self, "eyes", eyes)
        for kind, ends in eyes.items():
            if kind not in NORMALIZER_KINDS[:2] or len(ends) != 2 or not all(ends):
                allowed = " or ".join(NORMALIZER_KINDS[:2])
                raise LayoutError(f"layout {self.name!r}: eyes must map {allowed} to two lists of points, not {kind!r}")

    def _indices(self, what: str, indices: Iterable[int]) -> tuple[int, ...]:
        indices = tuple(indices)
        for index in indices:
            if not 0 <= as_whole(index) < self.count:
                raise LayoutError(f"layout {self.name!r}: {what}: no point {index!r}, points are 0 to {self.count - 1}")
        return tuple(map(int, indices))

    @property
    def count(self) -> int:
        """Number of points L."""
        return len(self.points)

    @property
    def mirror(self) -> tuple[int, ...]:
        """Flip permutation: point i of the flipped face is point ``mirror[i]`` of the face. Its own inverse."""
        order = list(range(self.count))
        for left, right in self.mirror_pairs:
            order[left], order[right] = right, left
        return tuple(order)

    def flip(self, landmarks, width: float):
        """Landmarks of the image flipped left to right.

        Args:
            landmarks: (..., L, 2) array or tensor, pixels.
            width: width of the image, pixels; x becomes ``width - 1 - x``, since integer coordinates are centres.

        Raises:
            LayoutError: the number of landmarks is not this layout's.
        """
        self._check_landmarks(landmarks)
        flipped = landmarks[..., list(self.mirror), :]  # indexing with a list copies
        flipped[..., 0] = width - 1 - flipped[..., 0]
        return flipped

    def normalizer(self, landmarks, kind: str = "inter-ocular"):
        """What NME divides by, in pixels.

        Args:
            landmarks: (..., L, 2) array or tensor, pixels; NaN where a point is not marked.
            kind: "inter-ocular" (outer eye corners), "inter-pupil" (eye centres), or "box" (square root of width times
                height of the tight box of the landmarks).

        Returns:
            (...) array or tensor; NaN where a point that it needs is NaN.

        Raises:
            LayoutError: the kind is unknown or this layout has no such points.
        """
        self._check_landmarks(landmarks)
        if kind == "box":
            return self._box_size(landmarks)
        if kind not in self.eyes:
            known = ", ".join([*self.eyes, "box"])
            raise LayoutError(f"layout {self.name!r} has no normaliser {kind!r}; it has {known}")
        left, right = (landmarks[..., list(end), :].mean(-2) for end in self.eyes[kind])
        return ((left - right) ** 2).sum(-1) ** 0.5

    def _box_size(self, landmarks):
        if isinstance(landmarks, np.ndarray):
            extent = np.fmax.reduce(landmarks, -2) - np.fmin.reduce(landmarks, -2)  # passes over NaN
        else:
            marked = landmarks.where(~landmarks.isnan(), landmarks.nanmean(-2, keepdim=True))
            extent = marked.amax(-2) - marked.amin(-2)
        return extent.prod(-1) ** 0.5

    def _check_landmarks(self, landmarks) -> None:
        if len(landmarks.shape) < 2 or tuple(landmarks.shape[-2:]) != (self.count, 2):
            raise LayoutError(
                f"layout {self.name!r} has {self.count} points: landmarks must be (..., {self.count}, 2), "
                f"got {tuple(landmarks.shape)}"
            )

    def to_dict(self) -> dict:
        """The layout as plain lists, for YAML and JSON."""
        return {
            "name": self.name,
            "points": list(self.points),
            "mirror_pairs": [list(pair) for pair in self.mirror_pairs],
            "boundaries": {key: list(run) for key, run in self.boundaries.items()},
            "eyes": {kind: [list(end) for end in ends] for kind, ends in self.eyes.items()},
        }

    @classmethod
    def from_yaml(cls, path: str | os.PathLike) -> "LandmarkLayout":
        """A layout of one's own from a YAML file::

            name: my-4
            points: [left eye, right eye, nose, chin]
            mirror_pairs: [[0, 1]]
            boundaries: {nose line: [2, 3]}
            eyes: {inter-ocular: [[0], [1]]}

        ``boundaries`` and ``eyes`` may be left out.

        Raises:
            LayoutError: the file cannot be read, is not YAML, or a field is missing, unknown or wrong.
        """
        path = Path(path)
        try:
            fields = read_yaml(path)
        except OSError as error:
            raise LayoutError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise LayoutError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
        if not isinstance(fields, dict):
            raise LayoutError(f"{path}: expected fields such as name and points, found {type(fields).__name__}")
        known = set(cls.__dataclass_fields__)
        unknown, missing = sorted(set(map(str, fields)) - known), {"name", "points", "mirror_pairs"} - set(fields)
        if unknown or missing:
            what = f"unknown field {unknown[0]!r}" if unknown else f"field {sorted(missing)[0]!r} is missing"
            raise LayoutError(f"{path}: {what}; fields are {', '.join(cls.__dataclass_fields__)}")
        try:
            return cls(**fields)
        except LayoutError as error:
            raise LayoutError(f"{path}: {error}") from error
        except (TypeError, AttributeError) as error:  # a number where a list belongs, and the like
            raise LayoutError(f"{path}: a field has the wrong form: {error}") from error


def _numbered(*groups: tuple[str, int]) -> tuple[str, ...]:
    """("nose bridge", 4), ... -> "nose bridge 1", ..., "nose bridge 4"; a group of one keeps its bare name."""
    return tuple(name if size == 1 else f"{name} {i + 1}" for name, size in groups for i in range(size))


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    """ "0-5 1-4" -> ((0, 5), (1, 4))."""
    return tuple(tuple(map(int, pair.split("-"))) for pair in text.split())


def _run(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


WFLW_98 = LandmarkLayout(
    name="WFLW-98",
    points=_numbered(
        ("contour", 33),
        ("left brow upper edge", 5),
        ("left brow lower edge", 4),
        ("right brow upper edge", 5),
        ("right brow lower edge", 4),
        ("nose bridge", 4),
        ("nose base", 5),
        ("left eye", 8),
        ("right eye", 8),
        ("outer lip", 12),
        ("inner lip", 8),
        ("left pupil", 1),
        ("right pupil", 1),
    ),
    mirror_pairs=(
        *((k, 32 - k) for k in range(16)),
        *_pairs("33-46 34-45 35-44 36-43 37-42 38-50 39-49 40-48 41-47 55-59 56-58"),
        *_pairs("60-72 61-71 62-70 63-69 64-68 65-75 66-74 67-73"),
        *_pairs("76-82 77-81 78-80 87-83 86-84 88-92 89-91 95-93 96-97"),
    ),
    boundaries={
        "contour": _run(0, 32),
        "left brow": _run(33, 37),
        "right brow": _run(42, 46),
        "left upper lid": _run(60, 64),
        "left lower lid": (60, 67, 66, 65, 64),
        "right upper lid": _run(68, 72),
        "right lower lid": (68, 75, 74, 73, 72),
        "nose bridge": _run(51, 54),
        "nose base": _run(55, 59),
        "upper outer lip": _run(76, 82),
        "upper inner lip": _run(88, 92),
        "lower outer lip": (76, 87, 86, 85, 84, 83, 82),
        "lower inner lip": (88, 95, 94, 93, 92),
    },
    eyes={"inter-ocular": ((60,), (72,)), "inter-pupil": ((96,), (97,))},
)

IBUG_68 = LandmarkLayout(
    name="iBUG-68",
    points=_numbered(
        ("contour", 17),
        ("left brow", 5),
        ("right brow", 5),
        ("nose bridge", 4),
        ("nose base", 5),
        ("left eye", 6),
        ("right eye", 6),
        ("outer lip", 12),
        ("inner lip", 8),
    ),
    mirror_pairs=(
        *((k, 16 - k) for k in range(8)),
        *_pairs("17-26 18-25 19-24 20-23 21-22 31-35 32-34 36-45 37-44 38-43 39-42 40-47 41-46"),
        *_pairs("48-54 49-53 50-52 59-55 58-56 60-64 61-63 67-65"),
    ),
    boundaries={
        "contour": _run(0, 16),
        "left brow": _run(17, 21),
        "right brow": _run(22, 26),
        "left upper lid": _run(36, 39),
        "left lower lid": (36, 41, 40, 39),
        "right upper lid": _run(42, 45),
        "right lower lid": (42, 47, 46, 45),
        "nose bridge": _run(27, 30),
        "nose base": _run(31, 35),
        "upper outer lip": _run(48, 54),
        "upper inner lip": _run(60, 64),
        "lower outer lip": (48, 59, 58, 57, 56, 55, 54),
        "lower inner lip": (60, 67, 66, 65, 64),
    },
    eyes={"inter-ocular": ((36,), (45,)), "inter-pupil": (_run(36, 41), _run(42, 47))},
)

COFW_29 = LandmarkLayout(
    name="COFW-29",
    points=(
        "left brow outer end",
        "right brow outer end",
        "left brow inner end",
        "right brow inner end",
        "left brow top",
        "left brow bottom",
        "right brow top",
        "right brow bottom",
        "left eye outer corner",
        "right eye outer corner",
        "left eye inner corner",
        "right eye inner corner",
        "left eye top",
        "left eye bottom",
        "right eye top",
        "right eye bottom",
        "left pupil",
        "right pupil",
        "left nose side",
        "right nose side",
        "nose tip",
        "nose base",
        "left mouth corner",
        "right mouth corner",
        "upper lip top",
        "upper lip bottom",
        "lower lip top",
        "lower lip bottom",
        "chin",
    ),
    mirror_pairs=_pairs("0-1 2-3 4-6 5-7 8-9 10-11 12-14 13-15 16-17 18-19 22-23"),
    boundaries={
        "left brow upper edge": (0, 4, 2),
        "left brow lower edge": (0, 5, 2),
        "right brow upper edge": (1, 6, 3),
        "right brow lower edge": (1, 7, 3),
        "left upper lid": (8, 12, 10),
        "left lower lid": (8, 13, 10),
        "right upper lid": (9, 14, 11),
        "right lower lid": (9, 15, 11),
        "nose base": (18, 21, 19),
        "upper outer lip": (22, 24, 23),
        "upper inner lip": (22, 25, 23),
        "lower inner lip": (22, 26, 23),
        "lower outer lip": (22, 27, 23),
    },
    eyes={"inter-ocular": ((8,), (9,)), "inter-pupil": ((16,), (17,))},
)

AFLW_19 = LandmarkLayout(
    name="AFLW-19",
    points=(
        "left brow left end",
        "left brow middle",
        "left brow right end",
        "right brow left end",
        "right brow middle",
        "right brow right end",
        "left eye left corner",
        "left eye middle",
        "left eye right corner",
        "right eye left corner",
        "right eye middle",
        "right eye right corner",
        "left nose side",
        "nose tip",
        "right nose side",
        "left mouth corner",
        "mouth middle",
        "right mouth corner",
        "chin",
    ),
    mirror_pairs=_pairs("0-5 1-4 2-3 6-11 7-10 8-9 12-14 15-17"),
    # the official code ends the right brow at point 4, which looks like a slip; here it has its three points
    boundaries={
        "left brow": (0, 1, 2),
        "right brow": (3, 4, 5),
        "left eye": (6, 7, 8),
        "right eye": (9, 10, 11),
        "nose base": (12, 13, 14),
    },
    eyes={"inter-ocular": ((6,), (11,)), "inter-pupil": ((7,), (10,))},
)

LAYOUTS = {layout.name: layout for layout in (WFLW_98, IBUG_68, COFW_29, AFLW_19)}


# -- conversion -------------------------------------------------------------------------------------------------------
# Each point of the target is a weighted mean of points of the source: {source point: weight}, or {} where undefined.


def _mean(*indices: int) -> dict[int, float]:
    return dict.fromkeys(indices, 1 / len(indices))


def _third(near: int, far: int) -> dict[int, float]:
    """A third of the way from ``near`` to ``far``: four steps along a lid become three."""
    return {near: 2 / 3, far: 1 / 3}


_98_TO_68 = [
    *map(_mean, range(0, 33, 2)),
    *(_mean(33), _mean(34, 41), _mean(35, 40), _mean(36, 39), _mean(37, 38)),  # the middle line of the brow
    *(_mean(42, 50), _mean(43, 49), _mean(44, 48), _mean(45, 47), _mean(46)),
    *map(_mean, range(51, 60)),
    *(_mean(60), _third(61, 62), _third(63, 62), _mean(64), _third(65, 66), _third(67, 66)),
    *(_mean(68), _third(69, 70), _third(71, 70), _mean(72), _third(73, 74), _third(75, 74)),
    *map(_mean, range(76, 96)),
]
_98_TO_29 = [
    *(_mean(33), _mean(46), _mean(37, 38), _mean(42, 50), _mean(35), _mean(40), _mean(44), _mean(48)),
    *map(_mean, (60, 72, 64, 68, 62, 66, 70, 74, 96, 97, 55, 59, 54, 57, 76, 82, 79, 90, 94, 85, 16)),
]
_68_TO_29 = [
    *map(_mean, (17, 26, 21, 22)),
    *({}, {}, {}, {}),  # 68 points mark the middle line of a brow, not its edges
    *(_mean(36), _mean(45), _mean(39), _mean(42), _mean(37, 38), _mean(40, 41), _mean(43, 44), _mean(46, 47)),
    *(_mean(*_run(36, 41)), _mean(*_run(42, 47))),
    *map(_mean, (31, 35, 30, 33, 48, 54, 51, 62, 66, 57, 8)),
]
_68_TO_19 = [
    *map(_mean, (17, 19, 21, 22, 24, 26, 36)),
    *(_mean(*_run(36, 41)), _mean(39), _mean(42), _mean(*_run(42, 47)), _mean(45)),
    *(_mean(31), _mean(30), _mean(35), _mean(48), _mean(62, 66), _mean(54), _mean(8)),
]


def _matrix(rows: list[dict[int, float]], columns: int) -> np.ndarray:
    matrix = np.zeros((len(rows), columns))
    for row, weights in enumerate(rows):
        matrix[row, list(weights)] = list(weights.values())
        if not weights:
            matrix[row] = np.nan
    return matrix


_TO_68 = _matrix(_98_TO_68, 98)
CONVERSIONS = {
    ("WFLW-98", "iBUG-68"): _TO_68,
    ("WFLW-98", "COFW-29"): _matrix(_98_TO_29, 98),
    ("WFLW-98", "AFLW-19"): _matrix(_68_TO_19, 68) @ _TO_68,
    ("iBUG-68", "COFW-29"): _matrix(_68_TO_29, 68),
    ("iBUG-68", "AFLW-19"): _matrix(_68_TO_19, 68),
}


def convert(landmarks: np.ndarray, source: LandmarkLayout, target: LandmarkLayout) -> np.ndarray:
    """Landmarks (..., L, 2) of one layout as landmarks (..., L', 2) of a coarser one.

    Defined for 98 -> 68, 98 -> 29, 98 -> 19, 68 -> 29 and 68 -> 19. Points that the source does not determine (the brow
    edges of 29 points, from 68) are NaN, as are points made from a NaN.

    Raises:
        LayoutError: there is no such conversion, or the number of landmarks is not the source's.
    """
    source._check_landmarks(landmarks)
    if source.name == target.name:
        return np.array(landmarks, dtype=float)
    if (source.name, target.name) not in CONVERSIONS:
        known = ", ".join(f"{a} -> {b}" for a, b in CONVERSIONS)
        raise LayoutError(f"no conversion {source.name} -> {target.name}; there are {known}")
    matrix = CONVERSIONS[source.name, target.name]
    needed = matrix != 0
    landmarks = np.asarray(landmarks, dtype=float)
    marked = ~np.isnan(landmarks)
    converted = np.nan_to_num(matrix) @ np.where(marked, landmarks, 0)
    # a NaN makes only those points NaN that it has a share in (NaN times 0 would spoil them all)
    complete = (needed.astype(int) @ (~marked).astype(int) == 0) & ~np.isnan(matrix).any(1)[:, None]
    return np.where(complete, converted, np.nan)


def convert_visible(visible: np.ndarray, source: LandmarkLayout, target: LandmarkLayout) -> np.ndarray:
    """Flags (..., L) bool of one layout as flags (..., L') of a coarser one.

    A point is visible if all the points that :func:`convert` makes it from are; one made from none is not.

    Raises:
        LayoutError: as :func:`convert`.
    """
    visible = np.asarray(visible, dtype=bool)
    if visible.ndim == 0 or visible.shape[-1] != source.count:
        raise LayoutError(f"{source.name}: visible must have shape (..., {source.count}), got {visible.shape}")
    converted = convert(np.where(visible[..., None], np.zeros(2), np.nan), source, target)
    return ~np.isnan(converted[..., 0])
