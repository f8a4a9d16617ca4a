"""Published results, and what one row of a published table can be: NME, failure rate and AUC bind each other.

All are fractions, as in :mod:`awing_lib.metrics`.
"""

import math
from dataclasses import dataclass

from awing_lib.metrics import checked_fraction


@dataclass(frozen=True)
class PublishedResult:
    """What others report of one model on one set of faces. NME by the eye corners, failures and AUC at 10 %."""

    model: str
    faces: str
    """Data set and part of its test faces, such as "WFLW pose"."""
    nme: float
    failure_rate: float | None = None
    auc: float | None = None
    source: str = "wang2019adaptive"
    """Key in the book's bibliography."""
    second_hand: bool = False
    """We read it where others quote it."""


_WFLW_PARTS = ("full", "pose", "expression", "illumination", "make-up", "occlusion", "blur")
_WFLW = {  # NME %, failures %, AUC; the table of results in the official repository
    "LAB": (
        (5.27, 10.24, 5.51, 5.23, 5.15, 6.79, 6.32),
        (7.56, 28.83, 6.37, 6.73, 7.77, 13.72, 10.74),
        (0.5323, 0.2345, 0.4951, 0.5433, 0.5394, 0.4490, 0.4630),
    ),
    "Wing": (
        (5.11, 8.75, 5.36, 4.93, 5.41, 6.37, 5.81),
        (6.00, 22.70, 4.78, 4.30, 7.77, 12.50, 7.76),
        (0.5504, 0.3100, 0.4959, 0.5408, 0.5582, 0.4885, 0.4918),
    ),
    "AWing": (
        (4.36, 7.38, 4.58, 4.32, 4.27, 5.19, 4.96),
        (2.84, 13.50, 2.23, 2.58, 2.91, 5.98, 3.75),
        (0.5719, 0.3120, 0.5149, 0.5777, 0.5715, 0.5022, 0.5120),
    ),
    "AWing, true boxes": (
        (4.21, 7.21, 4.46, 4.23, 4.02, 4.99, 4.82),
        (2.04, 9.20, 1.27, 2.01, 0.97, 4.21, 2.72),
        (0.5895, 0.3337, 0.5718, 0.5958, 0.6017, 0.5275, 0.5393),
    ),
}
PUBLISHED_RESULTS = (
    *(
        PublishedResult(model, f"WFLW {part}", round(nme / 100, 6), round(failed / 100, 6), auc)
        for model, rows in _WFLW.items()
        for part, nme, failed, auc in zip(_WFLW_PARTS, *rows, strict=True)
    ),
    PublishedResult("AWing", "300W common", 0.0272, second_hand=True),
    PublishedResult("AWing", "300W challenging", 0.0452, second_hand=True),
    PublishedResult("AWing", "300W full", 0.0307, second_hand=True),
    # the paper's ablation, with the boxes of the true landmarks; its last rung is "AWing, true boxes"
    PublishedResult("ablation: MSE", "WFLW full", 0.0539, second_hand=True),
    PublishedResult("ablation: AWing", "WFLW full", 0.0465, second_hand=True),
    PublishedResult("ablation: AWing + weights", "WFLW full", 0.0430, second_hand=True),
    # one recipe for another network, HRNetV2-W18, in which the loss or the way of reading a map is exchanged
    PublishedResult("mmpose: MSE", "WFLW full", 0.0406, source="mmpose2020"),
    PublishedResult("mmpose: AWing", "WFLW full", 0.0402, source="mmpose2020"),
    PublishedResult("mmpose: DARK", "WFLW full", 0.0398, source="mmpose2020"),
)
"""What the book puts beside its own results. Each holds for its own faces, crops and network."""


def published_result(model: str, faces: str = "WFLW full") -> PublishedResult:
    """The published result of a model on some faces.

    Raises:
        ValueError: there is none; the message says which there are.
    """
    found = [row for row in PUBLISHED_RESULTS if (row.model, row.faces) == (model, faces)]
    if not found:
        known = ", ".join(sorted({row.model for row in PUBLISHED_RESULTS if row.faces == faces})) or "none"
        raise ValueError(f"no published result of {model!r} on {faces!r}; models with one there: {known}")
    return found[0]


def auc_bounds(
    nme: float, failure_rate: float | None = None, *, limit: float = 0.10, threshold: float | None = None
) -> tuple[float, float]:
    r"""Least and greatest AUC that any set of faces with this NME and failure rate can have.

    With m the NME, f the share of errors above s = ``threshold``, t = ``limit``, c = mean(min(e, t)), AUC = 1 - c/t:
    at most, c <= m - f max(s - t, 0) (a failed face loses at least s - t by the cut) and c <= f t + (1 - f) min(s, t);
    at least, c >= f min(s, t), and if nothing failed, min(e, t) >= e min(1, t/s) on [0, s] gives c >= m min(1, t/s).

    So 1 - m/t <= AUC <= 1 - f where s = t, and AUC = 1 - m/t where nothing failed. Both ends are approached with many
    faces: the upper one only by a few failures that are wild enough, for which see :func:`implied_failed_error`.

    Args:
        nme: fraction.
        failure_rate: fraction; None where it is not published: then only the NME binds.
        limit: of the AUC, fraction.
        threshold: of the failure rate, fraction; None for ``limit``.

    Raises:
        ValueError: the NME and the failure rate contradict each other, or one is out of range.
    """
    threshold = limit if threshold is None else threshold
    _check_row(nme, failure_rate, limit, threshold)
    if failure_rate is None:
        return 1 - min(nme, limit) / limit, 1.0
    slack = 1e-9 * threshold  # for the rounding of a computed mean
    if nme < failure_rate * threshold - slack or (failure_rate == 0 and nme > threshold + slack):
        raise ValueError(_disagree(nme, failure_rate, threshold))
    low, high = _capped_mean_bounds(nme, failure_rate, limit, threshold)
    return 1 - high / limit, 1 - low / limit


def row_contradiction(
    nme: float,
    failure_rate: float,
    auc: float,
    *,
    limit: float = 0.10,
    threshold: float | None = None,
    rounding: tuple[float, float, float] = (5e-5, 5e-5, 5e-5),
) -> str | None:
    """Why one row of a table cannot be, or None if it can: :func:`auc_bounds`, with room for rounding.

    Args:
        nme, failure_rate, auc: fractions, as published.
        limit, threshold: of AUC and failure rate, fractions; the threshold is the limit unless given.
        rounding: how far each of the three may be from what was measured. The default is half a unit of the last digit
            of 4.36 %, 2.84 % and 0.5719. An AUC integrated on a grid needs more: up to step / limit.

    Raises:
        ValueError: a number is out of range.
    """
    threshold = limit if threshold is None else threshold
    _check_row(nme, failure_rate, limit, threshold)
    if not 0 <= auc <= 1:
        raise ValueError(f"auc must be a fraction in [0, 1], got {auc}")
    if len(rounding) != 3 or min(rounding) < 0:
        raise ValueError(f"rounding must be three numbers >= 0, got {rounding}")
    nme_low, nme_high = max(nme - rounding[0], 0), nme + rounding[0]
    failed_low = max(failure_rate - rounding[1], 0)
    failed_high = min(failure_rate + rounding[1], 1, nme_high / threshold)
    if failed_high < failed_low or (failed_high == 0 and nme_low > threshold):
        return _disagree(nme, failure_rate, threshold)
    # the bounds are monotonic in both, so the widest of them stand at the ends
    most = max(_capped_mean_bounds(nme_high, share, limit, threshold)[1] for share in (failed_low, failed_high))
    # any failure at all, however rare, may be as wild as it takes: then the NME says nothing about the others
    least = _capped_mean_bounds(nme_low, failed_low, limit, threshold)[0] if failed_low or not failed_high else 0.0
    low, high = 1 - most / limit, 1 - least / limit
    if auc + rounding[2] < low:
        return f"AUC {auc:.4f} is below {low:.4f}, the least that an NME of {nme:.2%} allows"
    if auc - rounding[2] > high:
        return f"AUC {auc:.4f} is above {high:.4f}, the most that a failure rate of {failure_rate:.2%} allows"
    return None


def implied_failed_error(nme: float, failure_rate: float, auc: float, limit: float = 0.10) -> float:
    """Mean error of the failed faces that a row implies: t + (NME - c) / FR with c = t (1 - AUC), all at one limit t.

    The capped mean c counts a failed face as t, the NME counts it in full; FR faces share the difference. A value below
    t shows a row impossible; one of several face widths shows it unlikely.

    Raises:
        ValueError: nothing failed, or a number is out of range.
    """
    _check_row(nme, failure_rate, limit, limit)
    if failure_rate == 0:
        raise ValueError("failure_rate is 0: there are no failed faces")
    return limit + (nme - limit * (1 - auc)) / failure_rate


def _capped_mean_bounds(nme: float, failed: float, limit: float, threshold: float) -> tuple[float, float]:
    """Least and greatest mean of min(e, limit), as proved in `auc_bounds`."""
    shorter = min(threshold, limit)
    low = failed * shorter if failed else nme * min(1, limit / threshold)
    return low, min(nme - failed * max(threshold - limit, 0), failed * limit + (1 - failed) * shorter)


def _disagree(nme: float, failed: float, threshold: float) -> str:
    if failed == 0:
        return f"an NME of {nme:.2%} is above the threshold {threshold:.0%}, but nothing failed"
    return f"failures alone ({failed:.2%} of faces above {threshold:.0%}) need an NME above {failed * threshold:.2%}"


def _check_row(nme, failure_rate, limit, threshold) -> None:
    checked_fraction("limit", limit)
    checked_fraction("threshold", threshold)
    if not 0 <= nme < math.inf:
        raise ValueError(f"nme must be a fraction >= 0, got {nme}")
    if failure_rate is not None and not 0 <= failure_rate <= 1:
        raise ValueError(f"failure_rate must be a fraction in [0, 1], got {failure_rate}")
