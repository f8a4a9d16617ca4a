"""How sure a number is: bootstrap intervals, over faces or over people, of one model or of a difference of two."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from awing_lib.arguments import as_real, as_whole
from awing_lib.entries import known_entries
from awing_lib.metrics import checked_errors

_BLOCK = 1 << 20  # people drawn at once: a bootstrap's memory does not grow with the number of resamples


@dataclass(frozen=True)
class Interval:
    """A number and the interval around it. ``f"{interval:.2%}"`` formats all three: 4.36% [4.21%, 4.52%]."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return format(self, ".4f")

    def as_dict(self) -> dict:
        """For JSON, which has no infinity and no NaN: those become "inf" and "nan"."""
        return {key: value if math.isfinite(value) else str(value) for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, entries: Mapping) -> "Interval":
        """Back from :meth:`as_dict`. Raises AwingError, which names the key."""
        return cls(**{key: float(value) for key, value in known_entries(cls, entries).items()})


def bootstrap_interval(
    values,
    statistic: Callable[[np.ndarray], float] = np.mean,
    groups=None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """A statistic of faces with its percentile bootstrap interval.

    Faces are drawn with replacement, as many as there are; where ``groups`` says who is on each picture, whole people
    are drawn with all their faces, because pictures of one person resemble each other and count for less than as many
    people. The same seed draws the same faces or people, whatever the statistic.

    Args:
        values: (N,) one number per face, such as errors.
        statistic: (M,) -> number. ``np.mean`` is computed for all resamples at once; others, such as
            :func:`awing_lib.metrics.failure_rate`, once for each.
        groups: (N,) the person of each face, strings or numbers; None: every face is a person of its own.
        level: share of resamples inside the interval, in (0, 1).
        resamples: how many, >= 1.
        seed: the same seed gives the same interval.

    Returns:
        the statistic of ``values`` itself, and the two ends. They are NaN if there is only one person, because nothing
        varies then, or if the statistic is NaN in a resample.

    Raises:
        ValueError: names the bad argument.
    """
    values = checked_errors(values, "values", low=-math.inf)
    value = float(statistic(values))
    return _interval(value, _resampled([values], statistic, groups, resamples, seed)[0], level)


def paired_difference(
    errors,
    other,
    statistic: Callable[[np.ndarray], float] = np.mean,
    groups=None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """How much two models differ on the same faces: ``statistic(errors) - statistic(other)``, with its interval.

    Both models are measured on the same resamples, so the faces that are hard for both cancel. That is narrower than
    what two separate intervals suggest. For NME and FR a negative value favours the first.

    Args:
        errors, other: (N,) each, the same faces in the same order.
        statistic, groups, level, resamples, seed: as :func:`bootstrap_interval`.

    Raises:
        ValueError: names the bad argument.
    """
    pair = [checked_errors(errors, "errors"), checked_errors(other, "other")]
    if len(pair[0]) != len(pair[1]):
        raise ValueError(f"errors and other must be of the same faces, got {len(pair[0])} and {len(pair[1])}")
    first, second = _resampled(pair, statistic, groups, resamples, seed)
    with np.errstate(invalid="ignore"):  # infinite for both: NaN, and so is the interval
        return _interval(float(np.subtract(*map(statistic, pair))), first - second, level)


def _resampled(columns, statistic, groups, resamples, seed) -> np.ndarray:
    """(K, resamples) statistics of K columns (N,) of values, all on the same resamples."""
    columns = np.stack(columns)  # (K, N)
    faces = columns.shape[1]
    if not as_whole(resamples) >= 1:
        raise ValueError(f"resamples must be a whole number >= 1, got {resamples!r}")
    if groups is None:
        person = np.arange(faces)
    else:
        groups = np.asarray(groups)
        if groups.shape != (faces,):
            raise ValueError(f"groups must be ({faces},), one person for each face, got {groups.shape}")
        person = np.unique(groups, return_inverse=True)[1]
    counts = np.bincount(person)  # (P,) faces of each
    if len(counts) == 1:
        return np.full((len(columns), resamples), np.nan)
    order = np.argsort(person, kind="stable")  # faces, one person after the other
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(columns[:, order], starts, axis=1)  # (K, P)
    generator = np.random.default_rng(seed)
    estimates = np.empty((len(columns), resamples))
    block = max(_BLOCK // len(counts), 1)
    for first in range(0, resamples, block):
        drawn = generator.integers(len(counts), size=(min(block, resamples - first), len(counts)))  # (B, P)
        if statistic is np.mean:
            estimates[:, first : first + block] = sums[:, drawn].sum(-1) / counts[drawn].sum(-1)
            continue
        for row, people in enumerate(drawn, first):
            size = counts[people]
            offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)  # 0, 1, ... within each person
            sample = order[np.repeat(starts[people], size) + offset]
            estimates[:, row] = [statistic(column[sample]) for column in columns]
    return estimates


def _interval(value: float, estimates: np.ndarray, level: float) -> Interval:
    if not 0 < as_real(level) < 1:
        raise ValueError(f"level must be in (0, 1), got {level!r}")
    if np.isnan(estimates).any():
        return Interval(value, math.nan, math.nan)
    estimates = np.sort(estimates)
    # whole ranks instead of interpolation, which fails between infinities; rounded, as (1 - 0.9) / 2 * 20 is 0.99...98
    rank = math.floor(round((1 - level) / 2 * len(estimates), 9))
    return Interval(value, float(estimates[rank]), float(estimates[-1 - rank]))
