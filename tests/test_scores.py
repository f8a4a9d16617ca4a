"""A number and its protocol: what they say, that they survive JSON, what they refuse."""

import doctest
import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from awing_lib import scores as scores_module
from awing_lib.errors import AwingError
from awing_lib.intervals import bootstrap_interval
from awing_lib.metrics import area_under_curve, failure_rate
from awing_lib.scores import Protocol, Scores, summarize

NAN, INF = math.nan, math.inf
PROTOCOL = Protocol(data="made", split="test", crop="tight box + 10 %")


def test_protocol_in_one_line():
    protocol = Protocol(
        data="300W", split="test", crop="landmarks + 10 %", normalizer="inter-pupil", failure_threshold=0.08,
        auc_limit=0.08, flip_test=True,
    )  # fmt: skip
    assert str(protocol) == ("300W test, NME by inter-pupil, FR > 8 %, AUC to 8 %, crop: landmarks + 10 %, flip test")
    assert str(replace(protocol, flip_test=None)).endswith("crop: landmarks + 10 %, flip test not known")
    assert str(replace(protocol, flip_test=False)).endswith("crop: landmarks + 10 %, no flip test")


@pytest.mark.parametrize("kind", ["inter-ocular", "inter-pupil", "box", "face-box"])
@pytest.mark.parametrize("flip_test", [True, False, None])
def test_protocol_and_scores_read_back(kind, flip_test):
    protocol = replace(PROTOCOL, normalizer=kind, flip_test=flip_test, subset="pose")
    assert Protocol.from_dict(json.loads(json.dumps(protocol.as_dict()))) == protocol
    scores = summarize([0.02, 0.05, 0.2], protocol, resamples=20)
    assert Scores.from_dict(json.loads(json.dumps(scores.as_dict(), allow_nan=False))) == scores


@pytest.mark.parametrize(
    "change, message",
    [
        ({"data": ""}, "data must be a text"),
        ({"crop": None}, "crop must be a text"),
        ({"subset": 3}, "subset must be a text"),
        ({"normalizer": "interocular"}, "normalizer must be one of"),
        ({"failure_threshold": 0}, "failure_threshold must be a fraction > 0"),
        ({"auc_limit": -1}, "auc_limit must be a fraction > 0"),
        ({"flip_test": "no"}, "flip_test must be true, false or null"),
        ({"flip_test": 1}, "flip_test must be true, false or null"),
    ],
)
def test_bad_protocol(change, message):
    with pytest.raises(ValueError, match=message):
        Protocol(**(PROTOCOL.as_dict() | change))
    with pytest.raises(AwingError, match=message):
        Protocol.from_dict(PROTOCOL.as_dict() | change)


def test_bad_keys():
    with pytest.raises(AwingError, match="Protocol has no 'normaliser'; did you mean 'normalizer'"):
        Protocol.from_dict(PROTOCOL.as_dict() | {"normaliser": "box"})
    with pytest.raises(AwingError, match="Protocol has no 17; it has data, split"):
        Protocol.from_dict({17: 1})
    assert Protocol.from_dict({key: PROTOCOL.as_dict()[key] for key in ("data", "split", "crop")}) == PROTOCOL
    with pytest.raises(AwingError, match="Protocol: missing split, crop"):
        Protocol.from_dict({"data": "WFLW"})
    with pytest.raises(AwingError, match="Protocol: expected keys and values, got list"):
        Protocol.from_dict([1])


def test_summary_agrees_with_the_parts():
    errors = np.array([0.02, 0.03, NAN, 0.08, 0.12, INF])
    people = np.array(list("aabbcc"))
    protocol = Protocol(data="made", split="test", crop="tight box", failure_threshold=0.08, auc_limit=0.2)
    scores = summarize(errors[:5], protocol, people[:5], resamples=300, seed=3)
    measured, persons = errors[[0, 1, 3, 4]], people[[0, 1, 3, 4]]
    for interval, statistic in [
        (scores.nme, np.mean),
        (scores.failure_rate, partial(failure_rate, threshold=0.08)),
        (scores.auc, partial(area_under_curve, limit=0.2)),
    ]:
        again = bootstrap_interval(measured, statistic, persons, resamples=300, seed=3)
        np.testing.assert_allclose(list(interval.as_dict().values()), list(again.as_dict().values()))
    assert (scores.faces, scores.skipped, scores.not_found, scores.people) == (4, 1, 0, 3)
    assert str(scores).endswith(f"\n4 faces of 3 people, 1 left out; 95% intervals\n{protocol}")
    assert Scores.from_dict(json.loads(json.dumps(scores.as_dict(), allow_nan=False))) == scores

    with_lost = summarize(errors, protocol, resamples=300)
    assert (with_lost.faces, with_lost.not_found, with_lost.people) == (5, 1, None)
    assert with_lost.nme.value == INF and with_lost.failure_rate.value == 2 / 5
    assert "5 faces, 1 left out, 1 not found" in str(with_lost)
    assert Scores.from_dict(json.loads(json.dumps(with_lost.as_dict(), allow_nan=False))) == with_lost


def test_bad_summary():
    with pytest.raises(ValueError, match=r"at least one not NaN, got \(2,\)"):
        summarize([NAN, NAN], PROTOCOL)
    with pytest.raises(ValueError, match=r"groups must be \(2,\), one person for each face, got \(1,\)"):
        summarize([0.1, NAN], PROTOCOL, ["a"])
    with pytest.raises(ValueError, match=r"errors must be \(N,\)"):
        summarize([[0.1]], PROTOCOL)
    with pytest.raises(AwingError, match="Scores: missing protocol, nme"):
        Scores.from_dict({})


def test_examples():
    result = doctest.testmod(scores_module)
    assert result.attempted and not result.failed
