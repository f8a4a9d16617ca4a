"""What one row of a published table can be: NME, failure rate and AUC bind each other.

All are fractions, as in :mod:`awing_lib.metrics`.
"""

import math

from awing_lib.metrics import check_fraction


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
    check_fraction("limit", limit)
    check_fraction("threshold", threshold)
    if not 0 <= nme < math.inf:
        raise ValueError(f"nme must be a fraction >= 0, got {nme}")
    if failure_rate is not None and not 0 <= failure_rate <= 1:
        raise ValueError(f"failure_rate must be a fraction in [0, 1], got {failure_rate}")
