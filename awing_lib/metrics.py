"""How good predicted landmarks are: normalised mean error (NME), failure rate (FR), error distribution (CED), AUC.

Everything is numpy in float64, one error per face, as a fraction: 0.04 is an NME of 4 %. Per cent appears only where
a number is printed. How sure such a number is says :mod:`awing_lib.intervals`; what it was measured with is kept beside
it by :mod:`awing_lib.scores`.

Faces without an answer, everywhere the same:

* a landmark that is NaN in the target is not marked: it is left out;
* a face with no marked landmark, or whose normaliser is NaN, has no error: NaN. :func:`failure_rate`, the CED, the AUC
  and the intervals refuse such errors and name the faces; :func:`awing_lib.scores.summarize` leaves them out and counts
  them;
* a landmark that is marked but NaN in the prediction was not found: its error is infinite, and so is its face's. The
  face fails at every threshold and counts with ``limit`` in the AUC, so a model gains nothing by not answering.

The paper measures NME, FR and CED; the results table in the official repository has AUC as well.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from awing_lib.arguments import as_real
from awing_lib.layouts import LandmarkLayout

_REGIONS = {  # name -> words of the points' names; a "brow" is asked for before an "eye", for the sake of eyebrows
    "contour": ("contour", "chin", "jaw"),
    "brows": ("brow",),
    "eyes": ("eye", "pupil", "lid"),
    "nose": ("nose",),
    "mouth": ("mouth", "lip"),
}


# -- errors -----------------------------------------------------------------------------------------------------------


def landmark_errors(predicted: ArrayLike, target: ArrayLike, normalizer: ArrayLike) -> np.ndarray:
    r"""Error of every landmark: :math:`\lVert p - \hat p \rVert / d`.

    Args:
        predicted: (N, L, 2), pixels; NaN or infinite where nothing was found.
        target: (N, L, 2), pixels of the same image; NaN where a landmark is not marked.
        normalizer: (N,) the length d of each face in the same pixels, as ``layout.normalizer(target, kind)`` gives it;
            NaN where it is not known.

    Returns:
        (N, L) float64, a fraction of the normaliser; NaN where not marked or d is NaN, infinite where not found.

    Raises:
        ValueError: shapes disagree, a target is infinite, or a normaliser is not positive.
    """
    predicted, target = np.asarray(predicted, np.float64), np.asarray(target, np.float64)
    normalizer = np.asarray(normalizer, np.float64)
    if target.ndim != 3 or target.shape[-1] != 2:
        raise ValueError(f"target must be (N, L, 2), got {target.shape}")
    if predicted.shape != target.shape:
        raise ValueError(f"predicted must be of the target's shape {target.shape}, got {predicted.shape}")
    if normalizer.shape != target.shape[:1]:
        raise ValueError(f"normalizer must be ({len(target)},), one length a face, got {normalizer.shape}")
    if np.isinf(target).any():
        raise ValueError(f"target has infinite landmarks: {_faces(np.isinf(target).any((1, 2)))}")
    wrong = (normalizer <= 0) | np.isinf(normalizer)
    if wrong.any():
        raise ValueError(f"normalizer must be positive and finite: {_faces(wrong)}, first {normalizer[wrong][0]}")
    with np.errstate(over="ignore"):
        errors = np.hypot(*np.moveaxis(predicted - target, -1, 0)) / normalizer[:, None]  # (N, L)
    errors[np.isnan(predicted).any(-1)] = np.inf
    errors[np.isnan(target).any(-1) | np.isnan(normalizer)[:, None]] = np.nan
    return errors


def mean_over_marked(errors: ArrayLike, axis: int) -> np.ndarray:
    """Mean along ``axis`` of errors that are not NaN; NaN where all are.

    Of (N, L) :func:`landmark_errors`, axis 1 gives one error per face, axis 0 one per landmark of the layout.
    """
    errors = np.asarray(errors, np.float64)
    marked = ~np.isnan(errors)
    count = marked.sum(axis)
    return np.where(count > 0, np.where(marked, errors, 0).sum(axis) / np.maximum(count, 1), np.nan)


def normalized_mean_error(predicted: ArrayLike, target: ArrayLike, normalizer: ArrayLike) -> np.ndarray:
    """NME of each face: the mean over its marked landmarks of distance / normaliser.

    Args:
        predicted: (N, L, 2), pixels; NaN or infinite where nothing was found.
        target: (N, L, 2), pixels of the same image; NaN where a landmark is not marked.
        normalizer: (N,) the length that each face's distances are divided by, in the same pixels, as
            ``layout.normalizer(target, kind)`` gives it; NaN where it is not known.

    Returns:
        (N,) float64, a fraction; NaN for a face with nothing to measure, infinite if a marked landmark was not found.
        The NME of a data set is the mean over its faces.

    Raises:
        ValueError: shapes disagree, a target is infinite, or a normaliser is not positive.

    Example:
        >>> target = np.array([[[0.0, 0.0], [10.0, 0.0], [np.nan, np.nan]]])
        >>> predicted = target + [3.0, 4.0]
        >>> normalized_mean_error(predicted, target, [10.0])  # both marked points are 5 pixels off
        array([0.5])
    """
    return mean_over_marked(landmark_errors(predicted, target, normalizer), axis=1)


def landmark_regions(layout: LandmarkLayout) -> dict[str, tuple[int, ...]]:
    """Groups of points for :func:`group_errors`, by the words in their names.

    Returns:
        "contour" (with the chin), "brows", "eyes", "nose", "mouth", and "other" for what has no such word; each point
        is in exactly one, and empty groups are left out.
    """
    regions = {name: [] for name in (*_REGIONS, "other")}
    for index, point in enumerate(layout.points):
        found = (name for name, words in _REGIONS.items() if any(word in point.lower() for word in words))
        regions[next(found, "other")].append(index)
    return {name: tuple(points) for name, points in regions.items() if points}


def group_errors(errors: ArrayLike, groups: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Error of each face over each group of landmarks.

    Args:
        errors: (N, L) from :func:`landmark_errors`.
        groups: name -> points, counted from 0, such as :func:`landmark_regions` gives.

    Returns:
        name -> (N,) mean over the marked points of the group; NaN where none is marked.

    Raises:
        ValueError: a group is empty or names a point that is not there.
    """
    errors = np.asarray(errors, np.float64)
    if errors.ndim != 2:
        raise ValueError(f"errors must be (N, L), one for each landmark, got {errors.shape}")
    for name, points in groups.items():
        if not len(points) or not all(0 <= point < errors.shape[1] for point in points):
            raise ValueError(f"group {name!r}: points must be 0 to {errors.shape[1] - 1}, got {list(points)}")
    return {name: mean_over_marked(errors[:, list(points)], axis=1) for name, points in groups.items()}


# -- summaries of one error per face ----------------------------------------------------------------------------------


def failure_rate(errors: ArrayLike, threshold: float = 0.10) -> float:
    """Share of faces with error > ``threshold``: a face that lies exactly on it has not failed.

    Args:
        errors: (N,) one per face, fractions; infinite for a face that was not found.
        threshold: fraction, > 0; 0.10 for WFLW and COFW.

    Returns:
        A fraction in [0, 1], lower is better.

    Raises:
        ValueError: no faces, a negative or NaN error (the message says which faces), or a threshold that is not > 0.

    Example:
        >>> failure_rate([0.03, 0.10, 0.25, np.inf])
        0.5
    """
    errors = checked_errors(errors)
    threshold = checked_fraction("threshold", threshold)
    return float((errors > threshold).mean())


def cumulative_error_distribution(errors: ArrayLike, limit: float = 0.10) -> tuple[np.ndarray, np.ndarray]:
    """CED: the share of faces with error <= x, exactly, as the step function that it is.

    Args:
        errors: (N,) one per face, fractions; infinite for a face that was not found.
        limit: the curve ends here, fraction > 0.

    Returns:
        x, sorted: 0, every different error up to ``limit``, and ``limit``; and the share y of faces with error <= x.
        Draw it with ``axes.step(x, y, where="post")``. Its last value is 1 - FR at ``limit``, and
        ``(np.diff(x) * y[:-1]).sum() / limit`` is :func:`area_under_curve`.

    Raises:
        ValueError: no faces, a negative or NaN error (the message says which faces), or a limit that is not > 0.

    Example:
        >>> x, y = cumulative_error_distribution([0.03, 0.05, 0.25, np.inf])
        >>> x.tolist(), y.tolist()
        ([0.0, 0.03, 0.05, 0.1], [0.0, 0.25, 0.5, 0.5])
    """
    errors = checked_errors(errors)
    limit = checked_fraction("limit", limit)
    x = np.unique(np.concatenate([[0.0], errors[errors <= limit], [limit]]))
    return x, np.searchsorted(np.sort(errors), x, side="right") / len(errors)


def area_under_curve(errors: ArrayLike, limit: float = 0.10) -> float:
    r"""Area under the CED up to ``limit``, divided by ``limit``: in [0, 1], higher is better.

    .. math:: \mathrm{AUC}_t = \frac1t \int_0^t \mathrm{CED}(x)\,dx = 1 - \frac{\mathrm{mean}(\min(e, t))}{t}

    A face with error e adds a step of height 1/N that reaches from e to t: an area of (t - min(e, t)) / N. So the
    integral is exact, without a grid.

    Args:
        errors: (N,) one per face, fractions; infinite for a face that was not found.
        limit: where the curve ends, fraction > 0.

    Returns:
        A fraction in [0, 1].

    Raises:
        ValueError: no faces, a negative or NaN error (the message says which faces), or a limit that is not > 0.

    Example:
        >>> area_under_curve([0.05, 0.25])
        0.25
    """
    errors = checked_errors(errors)
    limit = checked_fraction("limit", limit)
    return float(face_areas(errors, limit).mean())


def face_areas(errors: np.ndarray, limit: float) -> np.ndarray:
    """(N,) what each face adds to the AUC, which is their mean: in [0, 1], as the cut comes before the mean."""
    return 1 - np.minimum(errors, limit) / limit


# -- checks -----------------------------------------------------------------------------------------------------------


def checked_errors(values: ArrayLike, name: str = "errors", low: float = 0.0) -> np.ndarray:
    """The values as (N,) float64, one for each face.

    Raises:
        ValueError: there are none, one is NaN or less than ``low``; the message names the faces.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} must be (N,), one for each face and at least one, got {values.shape}")
    if np.isnan(values).any():
        raise ValueError(
            f"{name}: nothing was measured (NaN) for {_faces(np.isnan(values))}; "
            f"leave them out, {name}[~np.isnan({name})], and say how many"
        )
    if (values < low).any():
        raise ValueError(f"{name} must not be negative: {_faces(values < low)}, first {values[values < low][0]}")
    return values


def _faces(wrong: np.ndarray) -> str:
    """ "face 3, 17, 20 and 5 more" of a (N,) mask."""
    indices = np.flatnonzero(wrong)
    more = f" and {len(indices) - 3} more" if len(indices) > 3 else ""
    return f"face {', '.join(map(str, indices[:3]))}{more}"


def checked_fraction(name: str, value: object) -> float:
    """The value as a float.

    Raises:
        ValueError: it is no finite number > 0; the message names the argument.
    """
    number = as_real(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be a fraction > 0, such as 0.10 for 10 %, got {value!r}")
    return number
