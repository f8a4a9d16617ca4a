"""How each data set is measured: on which faces, divided by what, with which thresholds and which rows of a table."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from awing_lib.datasets.aflw import AFLW
from awing_lib.datasets.opening import open_dataset
from awing_lib.datasets.sample import FaceDataset, tight_boxes
from awing_lib.datasets.w300 import W300
from awing_lib.datasets.wflw import ATTRIBUTES
from awing_lib.errors import AwingError
from awing_lib.layouts import LandmarkLayout
from awing_lib.normalizers import FACE_BOX, NORMALIZERS
from awing_lib.scores import Protocol
from awing_lib.transforms import CropProtocol

FULL = "full"
"""Name of the subset that is all faces."""
_MOST_VALUES = 50  # of a column that faces are told apart by; one with more is no category


class EvaluationError(AwingError):
    """Predictions, faces or settings that cannot be measured together."""


@dataclass(frozen=True)
class Custom:
    """How a data set is measured unless one asks otherwise."""

    title: str
    split: str | None = "test"
    normalizer: str = "inter-ocular"
    """One of :data:`awing_lib.normalizers.NORMALIZERS`."""
    threshold: float = 0.10
    """A face with a greater error has failed; a fraction."""
    limit: float = 0.10
    """Of the AUC, a fraction."""


CUSTOMS = {
    "wflw": Custom("WFLW"),
    "300w": Custom("300W", split="full"),
    "cofw": Custom("COFW", normalizer="inter-pupil"),
    "cofw68": Custom("COFW-68"),
    "aflw": Custom("AFLW", split="full", normalizer=FACE_BOX),
    "table": Custom("table"),
    "synthetic": Custom("SyntheticFaces", split=None),
}
"""Data set -> its custom. 300W's private test set has its own, see :func:`custom_of`."""
_PRIVATE_300W = replace(CUSTOMS["300w"], split="test", threshold=0.08, limit=0.08)


def custom_of(dataset: str, split: str | None = None) -> Custom:
    """How a split of a data set is measured.

    Raises:
        EvaluationError: no such data set.
    """
    if dataset not in CUSTOMS:
        raise EvaluationError(f"data set {dataset!r} is unknown; there are {', '.join(CUSTOMS)}")
    if (dataset, split) == ("300w", "test"):
        return _PRIVATE_300W
    return CUSTOMS[dataset]


def open_faces(
    dataset: str,
    root: str | os.PathLike | None = None,
    split: str | None = None,
    *,
    layout: LandmarkLayout | None = None,
    count: int = 500,
    seed: int = 2**31,
) -> tuple[FaceDataset, Custom]:
    """The faces to measure on, and how that is done there; its ``title`` and ``split`` are those of these faces.

    Args:
        dataset: a key of :data:`CUSTOMS`.
        root: its folder; not looked at for "synthetic".
        split: None takes the custom's. For a table, "all" is all of it; None is its split "test", or all of it if it
            has no column ``split``.
        layout: of a table, or of the synthetic faces.
        count: of synthetic faces.
        seed: of synthetic faces; the default is none that a recipe trains or validates on.

    Raises:
        EvaluationError: no such data set, or a table whose split must be named.
        DataError: what the reader finds wrong.
    """
    custom = custom_of(dataset, split)
    if dataset == "synthetic":
        if split is not None:
            raise EvaluationError(f"synthetic faces have no split {split!r}; another seed makes other faces")
        return open_dataset(dataset, layout=layout, count=count, seed=seed), replace(custom, split=f"seed {seed}")
    if dataset != "table":
        split = split or custom.split
        if dataset == "cofw68" and split != "test":
            raise EvaluationError(f"COFW-68 has no split {split!r}, only test")
        return open_dataset(dataset, root, split), replace(custom, split=split)
    faces = open_dataset(dataset, root, None if split == "all" else split, layout=layout)
    if split is None:
        split = "all"
        if "split" in faces.attributes:
            split, inside = "test", faces.attributes["split"] == "test"
            if not inside.any():
                known = ", ".join(sorted(set(faces.attributes["split"].tolist())))
                raise EvaluationError(f"{root}: no split 'test'; name one of {known}, or all")
            faces = faces.select(inside)
    return faces, replace(custom, title=Path(root).resolve().name or custom.title, split=split)


def crop_in_words(protocol: CropProtocol, faces: FaceDataset) -> str:
    """What :class:`Protocol` says of a crop; a given box that is that of the true landmarks is called so."""
    given = not np.array_equal(faces.boxes, tight_boxes(faces.landmarks))
    words = "given box" if given and protocol.box == "given" else "box of the true landmarks"
    words += f" + {100 * protocol.padding:g} %" if protocol.padding else ""
    return f"{words}, grown by the official code's rule to hold the true landmarks" if protocol.official_wflw else words


def make_protocol(
    custom: Custom,
    crop: str,
    *,
    normalizer: str | None = None,
    threshold: float | None = None,
    limit: float | None = None,
    flip: bool | None = False,
) -> Protocol:
    """The protocol that is a data set's custom, but for what is given.

    Args:
        custom: from :func:`open_faces`.
        crop: which square of a photo the model saw, in words; :func:`crop_in_words`.
        normalizer: one of :data:`awing_lib.normalizers.NORMALIZERS`.
        threshold: of the failure rate, a fraction.
        limit: of the AUC, a fraction.
        flip: whether the mirror images were looked at too; None: not known.

    Raises:
        ValueError: a value is out of range; the message names it.
    """
    normalizer = normalizer or custom.normalizer
    if normalizer not in NORMALIZERS:
        raise EvaluationError(f"normalizer {normalizer!r} is unknown; there are {', '.join(NORMALIZERS)}")
    return Protocol(
        data=custom.title,
        split=custom.split,
        crop=crop,
        normalizer=normalizer,
        failure_threshold=custom.threshold if threshold is None else threshold,
        auc_limit=custom.limit if limit is None else limit,
        flip_test=flip,
    )


def subsets_of(faces: FaceDataset, by: str | None = None) -> dict[str, np.ndarray]:
    """The rows of a table: name of the subset -> (N,) bool, "full" among them.

    With WFLW's six attributes "full" and one for each; of 300W's public test set "common", "challenging", "full"; of
    AFLW's "full" and "frontal" (all landmarks visible); of others "full" alone.

    Args:
        faces: the data set.
        by: an attribute; then "full", and one subset for each of its values.

    Raises:
        EvaluationError: no such attribute, or one with more than 50 values.
    """
    everyone = np.ones(len(faces), bool)
    if by is not None:
        values = column_of(faces, by)
        known = np.unique(values)
        if len(known) > _MOST_VALUES:
            raise EvaluationError(f"column {by!r} has {len(known)} values, at most {_MOST_VALUES} make a table")
        names = {True: "yes", False: "no"} if known.dtype == bool else {}
        return {FULL: everyone} | {f"{by}={names.get(value, value)}": values == value for value in known.tolist()}
    if isinstance(faces, W300):
        challenging = np.char.startswith(faces.names, "ibug/")
        if challenging.any() and not challenging.all():
            return {"common": ~challenging, "challenging": challenging, FULL: everyone}
    if isinstance(faces, AFLW):
        frontal = faces.visible.all(1)
        return {FULL: everyone} | ({} if frontal.all() else {"frontal": frontal})
    attributes = faces.attributes
    if all(name in attributes and attributes[name].dtype == bool for name in ATTRIBUTES):
        return {FULL: everyone} | {name: attributes[name] for name in ATTRIBUTES}
    return {FULL: everyone}


def column_of(faces: FaceDataset, name: str) -> np.ndarray:
    """An attribute (N,) of all faces.

    Raises:
        EvaluationError: there is none of that name.
    """
    attributes = faces.attributes
    if name not in attributes:
        raise EvaluationError(f"the data set has no column {name!r}; it has {', '.join(attributes) or 'none'}")
    return attributes[name]
