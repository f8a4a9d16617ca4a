"""What a row of a table can be: published rows, rows of made-up faces, bounds that are reached."""

import math
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awing_lib.datasets.wflw import SUBSET_COUNTS
from awing_lib.metrics import area_under_curve, failure_rate
from awing_lib.published import (
    PUBLISHED_RESULTS,
    auc_bounds,
    implied_failed_error,
    published_result,
    row_contradiction,
)

INF = math.inf
error_lists = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 0.3))
limits = st.floats(0.01, 0.5)
# NME %, FR > 10 % in %, AUC to 10 %: the rows of the method in the results table (WFLW) of the official repository
PUBLISHED = {
    "full": (4.36, 2.84, 0.5719),
    "pose": (7.38, 13.50, 0.3120),
    "expression": (4.58, 2.23, 0.5149),
    "illumination": (4.32, 2.58, 0.5777),
    "make-up": (4.27, 2.91, 0.5715),
    "occlusion": (5.19, 5.98, 0.5022),
    "blur": (4.96, 3.75, 0.5120),
}


def test_a_published_auc_is_impossible():
    rows = {name: (nme / 100, failed / 100, auc) for name, (nme, failed, auc) in PUBLISHED.items()}
    exact = {name: row_contradiction(*row) for name, row in rows.items()}
    assert exact["expression"] == "AUC 0.5149 is below 0.5415, the least that an NME of 4.58% allows"
    # make-up misses its bound by less than what integrating on a coarse grid loses
    assert {name for name, reason in exact.items() if reason} == {"expression", "make-up"}
    coarse = partial(row_contradiction, rounding=(5e-5, 5e-5, 2e-3))
    assert {name for name, row in rows.items() if coarse(*row)} == {"expression"}
    assert implied_failed_error(*rows["expression"]) < 0
    assert 0.10 < implied_failed_error(*rows["full"]) < 0.20


def test_a_published_auc_is_possible_but_wild():
    # a later table gives NME 4.94 %, FR 0.99 %, AUC 0.6440 on COFW: its failures would be off by more than the face
    assert row_contradiction(0.0494, 0.0099, 0.6440) is None
    assert implied_failed_error(0.0494, 0.0099, 0.6440) > 1


@given(error_lists, limits, limits)
def test_true_rows_are_within_the_bounds(errors, limit, threshold):
    nme, failed = errors.mean(), failure_rate(errors, threshold)
    auc = area_under_curve(errors, limit)
    low, high = auc_bounds(nme, failed, limit=limit, threshold=threshold)
    assert low - 1e-9 <= auc <= high + 1e-9
    assert auc_bounds(nme, limit=limit)[0] <= auc + 1e-9
    assert row_contradiction(nme, failed, auc, limit=limit, threshold=threshold, rounding=(1e-9,) * 3) is None
    # what is rounded as tables are stays possible
    rounded = round(nme, 4), round(failed, 4), round(auc, 4)
    assert row_contradiction(*rounded, limit=limit, threshold=threshold, rounding=(5.1e-5,) * 3) is None


@pytest.mark.parametrize("threshold", [0.05, 0.10, 0.15])
def test_bounds_are_reached(threshold):
    """By search: many faces of three kinds, with the NME and the failure rate given, come close to both bounds."""
    limit, nme, failed = 0.10, 0.07, 0.2
    low, high = auc_bounds(nme, failed, limit=limit, threshold=threshold)
    best = [1.0, 0.0]
    for good in np.linspace(0, threshold, 2001):  # the errors of those that did not fail
        for wild in (0.0, 1e-4):  # share of faces that take up the rest of the NME, far away
            left = nme - (1 - failed) * good - (failed - wild) * (threshold + 1e-9)
            last = left / wild if wild else 0
            bad = threshold + 1e-9 if wild else (nme - (1 - failed) * good) / failed
            if bad < threshold or (wild and last < threshold):
                continue
            capped = (1 - failed) * min(good, limit) + (failed - wild) * min(bad, limit) + wild * min(last, limit)
            best = [min(best[0], 1 - capped / limit), max(best[1], 1 - capped / limit)]
    np.testing.assert_allclose(best, [low, high], atol=1e-3)


def test_no_failures_leave_one_auc():
    assert auc_bounds(0.03, 0.0) == pytest.approx((0.7, 0.7))
    assert auc_bounds(0.03) == pytest.approx((0.7, 1))
    assert auc_bounds(0.3) == (0, 1)
    low, high = auc_bounds(0.05, 0.0, limit=0.05, threshold=0.10)  # all at 5 %, or half at 0 and half at 10 %
    assert (low, high) == pytest.approx((0, 0.5))


def test_bounds_allow_for_a_rounded_mean():
    errors = np.full(29, 0.01)
    assert errors.mean() > 0.01 and failure_rate(errors, 0.01) == 0  # the mean is above all of them, by its last bit
    assert auc_bounds(errors.mean(), 0.0, limit=0.5, threshold=0.01) == pytest.approx((0.98, 0.98))


def test_rows_that_contradict_themselves():
    assert row_contradiction(0.02, 0.30, 0.5) == ("failures alone (30.00% of faces above 10%) need an NME above 3.00%")
    assert row_contradiction(0.12, 0.0, 0.1, rounding=(0, 0, 0)) == (
        "an NME of 12.00% is above the threshold 10%, but nothing failed"
    )
    assert "above 0.8000, the most that a failure rate of 20.00%" in row_contradiction(0.05, 0.2, 0.9)
    with pytest.raises(ValueError, match="failures alone"):
        auc_bounds(0.02, 0.30)
    with pytest.raises(ValueError, match="nothing failed"):
        auc_bounds(0.12, 0.0)


def test_failures_may_hide_in_the_rounding():
    # printed as 0.00 %: none, or one in 100000 whose error is enormous
    assert row_contradiction(0.05, 0.0, 0.9) is None
    assert "above 0.5000, the most" in row_contradiction(0.05, 0.0, 0.9, rounding=(0, 0, 0))


@pytest.mark.parametrize(
    "row, threshold, rounding",
    [
        ((0.10, 0.2, 0.397), 0.05, (0, 0.01, 0)),  # the least AUC falls with more failures: 0.395 at 21 %
        ((0.07, 0.2, 0.397), 0.15, (0, 0.01, 0)),  # and with fewer, if they begin beyond the limit: 0.395 at 19 %
        ((0.05, 0.2, 0.8005), 0.10, (0, 0, 0.001)),
        ((0.05, 0.2, 0.4995), 0.10, (0, 0, 0.001)),
        ((0.05, 0.2, 0.4995), 0.10, (0.0001, 0, 0)),
    ],
)
def test_rounding_makes_room(row, threshold, rounding):
    assert row_contradiction(*row, threshold=threshold, rounding=(0, 0, 0))
    assert row_contradiction(*row, threshold=threshold, rounding=rounding) is None


def test_implied_error_of_failed_faces_is_exact():
    errors = np.array([0.02, 0.05, 0.2, 0.4])
    row = errors.mean(), failure_rate(errors), area_under_curve(errors)
    assert implied_failed_error(*row) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="there are no failed faces"):
        implied_failed_error(0.03, 0, 0.7)


@pytest.mark.parametrize(
    "row, name",
    [((-1, 0, 0), "nme"), ((INF, 0, 0), "nme"), ((0.05, 2.84, 0), "failure_rate"), ((0.05, 0.02, 57.19), "auc")],
)
def test_bad_rows(row, name):
    with pytest.raises(ValueError, match=f"{name} must be a fraction"):
        row_contradiction(*row)


def test_bad_rounding():
    for rounding in ((0, 0), (0, 0, -1)):
        with pytest.raises(ValueError, match="rounding must be three numbers >= 0"):
            row_contradiction(0.05, 0.02, 0.5, rounding=rounding)


def test_each_published_result_is_there_once_and_has_a_source(root):
    names = [(row.model, row.faces) for row in PUBLISHED_RESULTS]
    assert len(set(names)) == len(names)
    keys = set(re.findall(r"^@\w+\{(\w+),", (root / "book/references.bib").read_text("utf-8"), re.M))
    assert {row.source for row in PUBLISHED_RESULTS} <= keys
    assert all(0.02 < row.nme < 0.15 for row in PUBLISHED_RESULTS)


def test_published_failures_are_whole_faces():
    """A slip of the pen in a rate would leave a fraction of a face: nearly every digit counts."""
    sizes = {f"WFLW {name}": count for name, count in {"full": 2500, **SUBSET_COUNTS}.items()}
    rows = [row for row in PUBLISHED_RESULTS if row.failure_rate is not None]
    assert len(rows) == 28
    for row in rows:
        failed = round(row.failure_rate * sizes[row.faces])
        # half a unit of the last digit printed; some programs cut digits off instead of rounding
        assert abs(row.failure_rate - failed / sizes[row.faces]) <= 1e-4, (row.model, row.faces)


def test_published_rows_that_contradict_themselves():
    rows = [row for row in PUBLISHED_RESULTS if row.auc is not None]
    impossible = {
        (row.model, row.faces)
        for row in rows
        if row_contradiction(row.nme, row.failure_rate, row.auc, rounding=(5e-5, 1e-4, 2e-3))
    }
    assert impossible == {("AWing", "WFLW expression")}
    for name, values in PUBLISHED.items():
        row = published_result("AWing", f"WFLW {name}")
        assert (100 * row.nme, 100 * row.failure_rate, row.auc) == pytest.approx(values)


def test_a_result_that_nobody_published():
    assert published_result("mmpose: MSE").nme == 0.0406
    with pytest.raises(ValueError, match="no published result of 'AWing' on 'COFW'; models with one there: none"):
        published_result("AWing", "COFW")
    with pytest.raises(ValueError, match=r"of 'Awing' on 'WFLW full'; models with one there: AWing, AWing, true"):
        published_result("Awing")
