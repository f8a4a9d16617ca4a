"""Bootstrap intervals against theory, by face and by person, of one model and of a difference."""

import json
import math

import numpy as np
import pytest

from awing_lib import intervals
from awing_lib.intervals import Interval, bootstrap_interval, paired_difference
from awing_lib.metrics import area_under_curve, failure_rate

NAN, INF = math.nan, math.inf


def test_same_seed_same_interval():
    errors = np.random.default_rng(0).lognormal(-3, 0.5, 300)
    groups = np.arange(300) // 7
    for persons in (None, groups):
        first, again, other = (bootstrap_interval(errors, np.mean, persons, seed=seed) for seed in (1, 1, 2))
        assert first == again and first != other
        assert first.low < first.value == errors.mean() < first.high


def test_the_quick_mean_is_the_mean():
    errors = np.random.default_rng(0).lognormal(-3, 0.5, 100)
    for persons in (None, np.arange(100) // 3, np.random.default_rng(1).choice(list("abcdefg"), 100)):
        quick = bootstrap_interval(errors, np.mean, persons, resamples=200)
        slow = bootstrap_interval(errors, lambda sample: sample.sum() / len(sample), persons, resamples=200)
        np.testing.assert_allclose([slow.low, slow.high], [quick.low, quick.high])


def test_people_are_drawn_whole():
    errors, people = np.arange(6.0), np.array(["b", "a", "b", "c", "a", "b"])
    families = {"a": {1, 4}, "b": {0, 2, 5}, "c": {3}}

    def whole(sample):
        for family in families.values():
            counts = {np.sum(sample == face) for face in family}
            assert len(counts) == 1  # all pictures of a person, or none, equally often
        assert sum(np.sum(sample == min(family)) for family in families.values()) in (0, 3) or len(sample) != 6
        return len(sample)

    sizes = bootstrap_interval(errors, whole, people, resamples=300)
    assert (sizes.value, sizes.low, sizes.high) == (6, 3, 9)


def test_memory_is_drawn_in_blocks(monkeypatch):
    errors = np.random.default_rng(0).random(50)
    whole = bootstrap_interval(errors, resamples=100)
    monkeypatch.setattr(intervals, "_BLOCK", 130)
    assert bootstrap_interval(errors, resamples=100) == whole


def test_people_widen_the_interval():
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 25)
    errors = 0.05 + 0.01 * generator.normal(size=40)[people] + 0.002 * generator.normal(size=1000)
    by_face, by_person = bootstrap_interval(errors), bootstrap_interval(errors, groups=people)
    assert (by_person.high - by_person.low) > 3 * (by_face.high - by_face.low)


def test_interval_is_that_of_theory():
    errors = np.random.default_rng(0).normal(0.05, 0.01, 2000)
    interval = bootstrap_interval(errors, resamples=4000)
    width = 2 * 1.96 * errors.std() / math.sqrt(2000)
    assert interval.high - interval.low == pytest.approx(width, rel=0.08)


def test_interval_holds_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        interval = bootstrap_interval(generator.normal(0.05, 0.01, 60), level=0.9, resamples=300, seed=seed)
        held += interval.low <= 0.05 <= interval.high
    assert 0.84 <= held / 200 <= 0.95


def test_level():
    errors = np.random.default_rng(0).random(100)
    narrow, wide = (bootstrap_interval(errors, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    # 20 resamples at 90 %: one is left out at each end, although (1 - 0.9) / 2 * 20 is 0.99...98
    seen = []
    interval = bootstrap_interval(
        errors, lambda sample: seen.append(sample.mean()) or seen[-1], level=0.9, resamples=20
    )
    assert [interval.low, interval.high] == [sorted(seen[1:])[1], sorted(seen[1:])[-2]]


def test_interval_with_faces_that_were_not_found():
    errors = np.append(np.full(99, 0.03), INF)
    mean = bootstrap_interval(errors)
    assert (mean.value, mean.low, mean.high) == (INF, pytest.approx(0.03), INF)
    assert np.isfinite(list(bootstrap_interval(errors, area_under_curve, resamples=50).as_dict().values())).all()


def test_values_may_be_negative():
    interval = bootstrap_interval([-0.3, 0.1, -0.2], resamples=50)
    assert interval.low < interval.value == pytest.approx(-0.4 / 3) and interval.low >= -0.3


def test_one_person_has_no_interval():
    for interval in (bootstrap_interval([0.1]), bootstrap_interval([0.1, 0.2], groups=["a", "a"])):
        assert interval.value > 0 and math.isnan(interval.low) and math.isnan(interval.high)


def test_paired_difference():
    generator = np.random.default_rng(0)
    hard = generator.lognormal(-3, 0.6, 400)  # what both models share
    better, worse = hard + generator.normal(0, 1e-3, 400) ** 2, hard + 1e-3 + generator.normal(0, 1e-3, 400) ** 2
    difference = paired_difference(better, worse)
    assert difference.value == pytest.approx(better.mean() - worse.mean())
    assert difference.high < 0  # sure, although the two intervals overlap
    assert bootstrap_interval(better).high > bootstrap_interval(worse).low
    same = paired_difference(better, better)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    turned = paired_difference(worse, better)
    np.testing.assert_allclose([turned.low, turned.high], [-difference.high, -difference.low])


def test_paired_difference_draws_the_same_people_for_both():
    errors, people = np.random.default_rng(0).random(60), np.arange(60) // 4
    for statistic in (np.mean, failure_rate, area_under_curve):
        same = paired_difference(errors, errors.copy(), statistic, people, resamples=50)
        assert (same.value, same.low, same.high) == (0, 0, 0)
    shifted = paired_difference(errors + 0.01, errors, np.mean, people)
    np.testing.assert_allclose([shifted.low, shifted.high], [0.01, 0.01])


def test_paired_difference_of_infinities_is_unknown():
    errors = np.array([0.1, INF, 0.2])
    difference = paired_difference(errors, errors)
    assert all(map(math.isnan, (difference.value, difference.low, difference.high)))
    assert paired_difference(errors, errors, failure_rate, resamples=20) == Interval(0, 0, 0)


def test_bad_bootstrap():
    errors = [0.1, 0.2, 0.3]
    with pytest.raises(ValueError, match=r"groups must be \(3,\), one person for each face, got \(2,\)"):
        bootstrap_interval(errors, groups=["a", "b"])
    for resamples in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="resamples must be a whole number >= 1"):
            bootstrap_interval(errors, resamples=resamples)
    for level in (0, 1, 95, NAN):
        with pytest.raises(ValueError, match=r"level must be in \(0, 1\)"):
            bootstrap_interval(errors, level=level)
    with pytest.raises(ValueError, match=r"values: nothing was measured \(NaN\) for face 0"):
        bootstrap_interval([NAN, 1])
    with pytest.raises(ValueError, match="of the same faces, got 3 and 2"):
        paired_difference(errors, errors[:2])


def test_format():
    interval = Interval(0.0436, 0.0421, 0.0452)
    assert f"{interval:.2%}" == "4.36% [4.21%, 4.52%]"
    assert str(interval) == "0.0436 [0.0421, 0.0452]"
    assert Interval.from_dict(json.loads(json.dumps(interval.as_dict(), allow_nan=False))) == interval
    wild = Interval(INF, -INF, NAN).as_dict()
    assert json.loads(json.dumps(wild, allow_nan=False)) == {"value": "inf", "low": "-inf", "high": "nan"}
    assert Interval.from_dict(wild).value == INF and math.isnan(Interval.from_dict(wild).high)
