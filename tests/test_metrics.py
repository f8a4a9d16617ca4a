"""NME, FR, CED and AUC against cases worked out by hand, identities and abuse."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awing_lib import metrics
from awing_lib.layouts import LAYOUTS, WFLW_98, LandmarkLayout
from awing_lib.metrics import (
    area_under_curve,
    cumulative_error_distribution,
    failure_rate,
    group_errors,
    landmark_errors,
    landmark_regions,
    mean_over_marked,
    normalized_mean_error,
)

NAN, INF = math.nan, math.inf
error_lists = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 0.3))
limits = st.floats(0.01, 0.5)


def faces(count=5, points=6, seed=0):
    generator = np.random.default_rng(seed)
    target = generator.uniform(0, 256, (count, points, 2))
    return target + generator.normal(0, 3, target.shape), target, generator.uniform(50, 90, count)


# -- errors -----------------------------------------------------------------------------------------------------------


def test_two_faces_by_hand():
    target = np.array([[[0, 0], [10, 0], [5, 5]], [[0, 0], [20, 0], [NAN, NAN]]], np.float32)
    predicted = np.array([[[3, 4], [10, 0], [5, 6]], [[0, 2], [20, 0], [7, 7]]], np.float32)
    each = landmark_errors(predicted, target, [10, 20])
    np.testing.assert_array_equal(each, [[0.5, 0, 0.1], [0.1, 0, NAN]])
    assert each.dtype == np.float64
    np.testing.assert_allclose(normalized_mean_error(predicted, target, [10, 20]), [0.2, 0.05])  # 0.6 / 3, 0.1 / 2
    np.testing.assert_allclose(mean_over_marked(each, axis=0), [0.3, 0, 0.1])
    regions = group_errors(each, {"ends": (0, 1), "middle": (2,)})
    np.testing.assert_allclose(regions["ends"], [0.25, 0.05])
    np.testing.assert_array_equal(regions["middle"], [0.1, NAN])


def test_a_face_with_nothing_to_measure_has_no_error():
    predicted, target, normalizer = faces(3)
    target[0] = NAN
    normalizer[1] = NAN
    predicted[1, 0] = NAN  # not found, but there is nothing to measure it with
    errors = normalized_mean_error(predicted, target, normalizer)
    assert np.isnan(errors[:2]).all() and errors[2] > 0


def test_half_marked_is_not_marked():
    predicted, target, normalizer = faces(1)
    target[0, 0, 0] = NAN
    assert np.isnan(landmark_errors(predicted, target, normalizer)[0, 0])


@pytest.mark.parametrize("answer", [NAN, INF, -INF])
def test_what_was_not_found_is_infinitely_wrong(answer):
    predicted, target, normalizer = faces(3)
    predicted[0, 2, 1] = answer
    predicted[1, 3] = answer
    target[1, 3] = NAN  # not marked, so it does not matter
    errors = normalized_mean_error(predicted, target, normalizer)
    assert errors[0] == INF and np.isfinite(errors[1:]).all()
    assert failure_rate(errors, 10) == 1 / 3
    assert area_under_curve(errors, 0.1) == pytest.approx(1 - (0.1 + np.minimum(errors[1:], 0.1).sum()) / 0.3)


@given(shift=st.floats(-500, 500), scale=st.floats(0.01, 100), turn=st.floats(0, 7), seed=st.integers(0, 99))
def test_shift_scale_and_rotation_do_not_matter(shift, scale, turn, seed):
    predicted, target, normalizer = faces(seed=seed)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = normalized_mean_error(predicted @ rotation + shift, target @ rotation + shift, normalizer * scale)
    np.testing.assert_allclose(moved, normalized_mean_error(predicted, target, normalizer), rtol=1e-6)


@given(seed=st.integers(0, 99), data=st.data())
def test_order_of_faces_and_landmarks_does_not_matter(seed, data):
    predicted, target, normalizer = faces(seed=seed)
    target[1, :2] = NAN
    errors = normalized_mean_error(predicted, target, normalizer)
    points, order = data.draw(st.permutations(range(6))), data.draw(st.permutations(range(5)))
    shuffled = normalized_mean_error(predicted[order][:, points], target[order][:, points], normalizer[order])
    np.testing.assert_allclose(shuffled, errors[order])
    for measure in (failure_rate, area_under_curve):
        assert measure(shuffled) == pytest.approx(measure(errors))


def test_the_layouts_normaliser_fits():
    target = np.random.default_rng(0).uniform(0, 256, (2, 98, 2))
    target[:, 60], target[:, 72] = (100, 100), (160, 180)  # 100 pixels between the outer eye corners
    predicted = target + np.array([0, 2])
    np.testing.assert_allclose(normalized_mean_error(predicted, target, WFLW_98.normalizer(target)), [0.02, 0.02])


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=str)
def test_regions_hold_every_point_once(layout):
    regions = landmark_regions(layout)
    assert sorted(point for points in regions.values() for point in points) == list(range(layout.count))
    assert set(regions) == {"contour", "brows", "eyes", "nose", "mouth"}


def test_regions_by_words():
    layout = LandmarkLayout("mine", ("left eyebrow", "Left Eye", "chin", "lower lip", "ear"), ())
    assert landmark_regions(layout) == {"contour": (2,), "brows": (0,), "eyes": (1,), "mouth": (3,), "other": (4,)}


def test_bad_landmarks():
    predicted, target, normalizer = faces()
    with pytest.raises(ValueError, match=r"target must be \(N, L, 2\), got \(6, 2\)"):
        landmark_errors(predicted[0], target[0], normalizer)
    with pytest.raises(ValueError, match=r"predicted must be of the target's shape \(5, 6, 2\), got \(5, 4, 2\)"):
        landmark_errors(predicted[:, :4], target, normalizer)
    with pytest.raises(ValueError, match=r"normalizer must be \(5,\), one length a face, got \(\)"):
        landmark_errors(predicted, target, 60.0)
    for wrong in (0, -3, INF):
        with pytest.raises(ValueError, match=rf"positive and finite: face 3, first {float(wrong)}"):
            landmark_errors(predicted, target, [60, 60, 60, wrong, 60])
    target[2] = INF
    with pytest.raises(ValueError, match="infinite landmarks: face 2"):
        landmark_errors(predicted, target, normalizer)
    for points in ((), (6,), (0, 6), (-1,)):
        with pytest.raises(ValueError, match="group 'a': points must be 0 to 5"):
            group_errors(np.zeros((2, 6)), {"a": points})
    with pytest.raises(ValueError, match=r"errors must be \(N, L\)"):
        group_errors(np.zeros(6), {"a": (0,)})


# -- failure rate, CED, AUC -------------------------------------------------------------------------------------------


def test_a_face_on_the_threshold_has_not_failed():
    assert failure_rate([0.05, 0.1, 0.1, 0.2]) == 0.25
    assert failure_rate([0.05, 0.1, 0.1, 0.2], 0.05) == 0.75
    assert failure_rate([0.05]) == 0


def test_ced_by_hand():
    x, y = cumulative_error_distribution([0.06, 0.02, 0.06, 0.3])
    np.testing.assert_array_equal(x, [0, 0.02, 0.06, 0.1])
    np.testing.assert_array_equal(y, [0, 0.25, 0.75, 0.75])
    x, y = cumulative_error_distribution([0.0, 0.1])  # on both ends
    np.testing.assert_array_equal(x, [0, 0.1])
    np.testing.assert_array_equal(y, [0.5, 1])


def test_auc_by_hand():
    # steps of 1/4: from 0.02, twice from 0.06; the fourth face never comes
    assert area_under_curve([0.06, 0.02, 0.06, 0.3]) == pytest.approx((0.08 + 0.04 + 0.04 + 0) / 4 / 0.1)
    assert area_under_curve([0.0]) == 1
    assert area_under_curve([INF, 0.1]) == 0


@given(error_lists, limits)
def test_auc_is_the_integral_of_the_ced(errors, limit):
    x, y = cumulative_error_distribution(errors, limit)
    assert (np.diff(x) > 0).all() and (np.diff(y) >= 0).all() and x[0] == 0 and x[-1] == limit
    auc = area_under_curve(errors, limit)
    assert 0 <= auc <= 1  # to the last bit
    assert (np.diff(x) * y[:-1]).sum() / limit == pytest.approx(auc, abs=1e-12)
    middles = (np.arange(20000) + 0.5) * limit / 20000
    shares = (errors[:, None] <= middles).mean(0)  # by the definition of the CED, on a fine grid
    assert shares.mean() == pytest.approx(auc, abs=1e-4)


@given(error_lists, limits)
def test_ced_ends_where_failures_begin(errors, limit):
    assert cumulative_error_distribution(errors, limit)[1][-1] == pytest.approx(1 - failure_rate(errors, limit))


@given(error_lists, limits, st.floats(0.1, 10))
def test_fr_and_auc_scale_with_their_limits(errors, limit, scale):
    assume(np.abs(errors - limit).min() > 1e-9)
    assert failure_rate(errors * scale, limit * scale) == failure_rate(errors, limit)
    assert area_under_curve(errors * scale, limit * scale) == pytest.approx(area_under_curve(errors, limit))


@pytest.mark.parametrize("measure", [failure_rate, cumulative_error_distribution, area_under_curve])
def test_bad_errors(measure):
    with pytest.raises(ValueError, match=r"errors must be \(N,\)"):
        measure([])
    with pytest.raises(ValueError, match=r"errors must be \(N,\), .* got \(1, 2\)"):
        measure([[0.1, 0.2]])
    with pytest.raises(ValueError, match=r"NaN\) for face 1, 3, 4 and 2 more; leave them out"):
        measure([0, NAN, 0, NAN, NAN, NAN, NAN])
    with pytest.raises(ValueError, match=r"negative: face 1, first -0.5"):
        measure([0.1, -0.5])
    for limit in (0, -0.1, NAN, INF, True, "0.1"):
        with pytest.raises(ValueError, match="must be a fraction > 0"):
            measure([0.1], limit)


def test_examples():
    result = doctest.testmod(metrics)
    assert result.attempted and not result.failed
