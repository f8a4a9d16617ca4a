"""Measuring models on data sets.

The way of a number: :func:`awing_lib.dataset_prediction.predict_faces` gives landmarks in pixels of the photos, or
:func:`awing_lib.prediction_files.read_predictions` those of another program; :func:`evaluate` measures them as is the
custom of the data set (:data:`awing_lib.customs.CUSTOMS`) or as one likes; and :mod:`awing_lib.score_tables` gives the
result with the protocol that it stands for::

    faces, custom = open_faces("wflw", "data/wflw")
    model, info = load_model("runs/paper-wflw/model.safetensors")
    crop = crop_of(info)
    found, _ = predict_faces(model, faces, protocol=crop, size=info.size, sigma=info.sigma)
    mine = evaluate("mine", found, faces, make_protocol(custom, crop_in_words(crop, faces)))
    print(text_table([mine]))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from awing_lib.customs import FULL, EvaluationError, column_of, subsets_of
from awing_lib.datasets.sample import FaceDataset
from awing_lib.intervals import Interval, paired_difference
from awing_lib.layouts import LandmarkLayout, LayoutError, convert
from awing_lib.metrics import group_errors, landmark_errors, landmark_regions, mean_over_marked
from awing_lib.normalizers import face_normalizers
from awing_lib.scores import Protocol, Scores, summarize
from awing_lib.transforms import CropProtocol, map_landmarks


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one model found on one set of faces, and how far off that is."""

    name: str
    """Of the model."""
    layout: LandmarkLayout
    """Of the faces."""
    predicted: np.ndarray
    """(N, L, 2) float64, pixels of the photos; NaN where nothing was found."""
    target: np.ndarray
    """(N, L, 2) float64; NaN where nothing is marked, or measured."""
    landmark_errors: np.ndarray
    """(N, L), fractions; see :func:`awing_lib.metrics.landmark_errors`."""
    subsets: Mapping[str, np.ndarray]
    """Name -> (N,) bool."""
    scores: Mapping[str, Scores | None]
    """Name of the subset -> its numbers; None where nothing was measured."""
    protocol: Protocol
    groups: np.ndarray | None = None
    """(N,) who is on each photo, if the intervals are by person."""
    note: str = ""
    """What else a reader must know of the numbers."""

    @property
    def errors(self) -> np.ndarray:
        """(N,) error of each face, fractions; NaN where nothing was measured."""
        return mean_over_marked(self.landmark_errors, 1)

    @property
    def per_landmark(self) -> np.ndarray:
        """(L,) mean error of each landmark over the faces on which it was measured, fractions."""
        return mean_over_marked(self.landmark_errors, 0)

    @property
    def per_region(self) -> dict[str, float]:
        """Region of the face -> mean over the faces of the mean over its landmarks, a fraction."""
        regions = group_errors(self.landmark_errors, landmark_regions(self.layout))
        return {name: float(mean_over_marked(errors, 0)) for name, errors in regions.items()}

    def difference(self, other: "Evaluation", subset: str = FULL) -> Interval | None:
        """NME of this model minus that of another, on the faces of a subset that both measure; None if there are none.

        The interval is narrower than two separate ones suggest: see :func:`awing_lib.intervals.paired_difference`.
        """
        mine, theirs = self.errors, other.errors
        both = self.subsets[subset] & ~np.isnan(mine) & ~np.isnan(theirs)
        if not both.any():
            return None
        groups = None if self.groups is None else self.groups[both]
        scores = self.scores[subset]
        settings = {"level": scores.level, "resamples": scores.resamples, "seed": scores.seed}
        return paired_difference(mine[both], theirs[both], groups=groups, **settings)

    def worst(self, count: int) -> np.ndarray:
        """Places of the ``count`` measured faces with the greatest error, worst first."""
        return self._ranked()[::-1][:count]

    def best(self, count: int) -> np.ndarray:
        """Places of the ``count`` measured faces with the least error, best first."""
        return self._ranked()[:count]

    def _ranked(self) -> np.ndarray:
        order = np.argsort(self.errors, kind="stable")  # NaN last
        return order[: np.count_nonzero(~np.isnan(self.errors))]


def evaluate(
    name: str,
    predicted: np.ndarray,
    faces: FaceDataset,
    protocol: Protocol,
    *,
    layout: LandmarkLayout | None = None,
    by: str | None = None,
    group: str | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Evaluation:
    """Measure predictions on a data set.

    Args:
        name: what to call the model.
        predicted: (N, L', 2), pixels of the photos, in the order of the faces; NaN where nothing was found, which
            counts as infinitely far off.
        faces: N faces.
        protocol: normaliser, thresholds and what is to be printed; :func:`awing_lib.customs.make_protocol`.
        layout: of the predictions; None: that of the faces. Another one is converted
            (:func:`awing_lib.layouts.convert`); points that it does not determine are left out, and noted.
        by: an attribute whose values make the subsets; None: as :func:`awing_lib.customs.subsets_of`.
        group: an attribute that says who is on each photo: intervals are then by person.
        level, resamples, seed: of the intervals; :func:`awing_lib.intervals.bootstrap_interval`.

    Returns:
        The errors of all landmarks, and NME, failure rate and AUC of each subset with their intervals; fractions.

    Raises:
        EvaluationError: the layouts cannot be converted, the predictions are of another number of faces, or there is
            no such attribute.
        DataError: what the NME of a face would be divided by is 0.
        ValueError: a setting of the intervals is out of range; the message names it.
    """
    layout = faces.layout if layout is None else layout
    predicted = np.asarray(predicted, np.float64)
    if predicted.shape != (len(faces), layout.count, 2):
        raise EvaluationError(
            f"{name}: predictions are {predicted.shape}, expected ({len(faces)}, {layout.count}, 2): "
            f"{len(faces)} faces, {layout.count} points of {layout.name}"
        )
    target = faces.landmarks.astype(np.float64)
    note = ""
    if layout.points != faces.layout.points:
        predicted = converted(name, predicted, layout, faces.layout)
        undetermined = np.isnan(converted(name, np.zeros((layout.count, 2)), layout, faces.layout)).any(-1)  # (L,)
        target[:, undetermined] = np.nan
        note = f"converted from {layout.name}"
        if undetermined.any():
            left_out = ", ".join(np.array(faces.layout.points)[undetermined])
            note += f", without the {undetermined.sum()} of {faces.layout.count} points it does not mark: {left_out}"
    subsets = subsets_of(faces, by)
    groups = None if group is None else column_of(faces, group)
    errors = landmark_errors(predicted, target, face_normalizers(faces, protocol.normalizer))
    per_face = mean_over_marked(errors, 1)
    settings = {"level": level, "resamples": resamples, "seed": seed}
    scores = {}
    for subset, inside in subsets.items():
        measured = bool((inside & ~np.isnan(per_face)).any())
        scores[subset] = (
            summarize(
                per_face[inside],
                protocol if subset == FULL else replace(protocol, subset=subset),
                None if groups is None else groups[inside],
                **settings,
            )
            if measured
            else None
        )
    return Evaluation(name, faces.layout, predicted, target, errors, subsets, scores, protocol, groups, note)


def converted(name: str, landmarks: np.ndarray, source: LandmarkLayout, target: LandmarkLayout) -> np.ndarray:
    """Landmarks (..., L, 2) of one layout as those of another; NaN where the other has points that it does not mark.

    Raises:
        EvaluationError: there is no way from the one to the other; the message begins with ``name``.
    """
    try:
        if source.name == target.name:
            raise LayoutError("their points differ all the same")
        return convert(landmarks, source, target)
    except LayoutError as error:
        raise EvaluationError(f"{name}: finds {source.name}, the faces have {target.name}: {error}") from error


def face_crops(
    evaluation: Evaluation, faces: FaceDataset, places: Sequence[int], size: int = 256
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """Some faces, cut out to be looked at: image (S, S, 3), target and prediction (L, 2) in its pixels, the error."""
    look = CropProtocol(padding=0.4, box="landmarks")
    rows = []
    for place in places:
        face = faces[int(place)]
        crop = look(face.image, face.landmarks, size=size)
        # what is far outside is not seen, and what is infinite cannot be mapped
        found = np.where(np.abs(evaluation.predicted[place]) < 1e6, evaluation.predicted[place], np.nan)
        points = (map_landmarks(crop.matrix, each) for each in (evaluation.target[place], found))
        rows.append((crop.image, *points, float(evaluation.errors[place])))
    return rows
