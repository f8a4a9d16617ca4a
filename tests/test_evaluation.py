"""Predictions measured: errors, scores and subsets against what is worked out by hand."""

import json

import numpy as np
import pytest
from measured_faces import PLAIN, made, off_by

from awing_lib.customs import CUSTOMS, EvaluationError, make_protocol
from awing_lib.datasets import SyntheticFaces
from awing_lib.evaluation import evaluate, face_crops
from awing_lib.layouts import COFW_29, IBUG_68, WFLW_98, LandmarkLayout, convert
from awing_lib.score_tables import as_json, text_table


def test_numbers_by_hand():
    faces = made(identity=["ann", "ann", "bob", "bob"])
    found = evaluate("m", off_by(faces, 2, 4, 10, 20), faces, PLAIN, group="identity", resamples=500)
    np.testing.assert_allclose(found.errors, [0.02, 0.04, 0.10, 0.20], atol=1e-6)
    np.testing.assert_allclose(found.per_landmark, np.full(98, 0.09), atol=1e-6)
    assert list(found.per_region) == ["contour", "brows", "eyes", "nose", "mouth"]
    np.testing.assert_allclose(list(found.per_region.values()), 0.09, atol=1e-6)
    scores = found.scores["full"]
    assert scores.nme.value == pytest.approx(0.09, abs=1e-6)
    assert scores.failure_rate.value in (0.25, 0.5)  # 0.10 is the threshold but for rounding
    assert scores.auc.value == pytest.approx(1 - (0.02 + 0.04 + 0.10 + 0.10) / 4 / 0.10, abs=1e-6)
    assert (scores.faces, scores.people, scores.resamples) == (4, 2, 500)
    # two people: a resample is ann twice, bob twice, or both
    assert (scores.nme.low, scores.nme.high) == pytest.approx((0.03, 0.15), abs=1e-6)


@pytest.mark.parametrize(
    "kind, divisor", [("inter-ocular", 100), ("face-box", 100), ("box", None), ("inter-pupil", None)]
)
def test_every_normalizer_divides(kind, divisor):
    faces = made()
    protocol = make_protocol(CUSTOMS["aflw"], "given box", normalizer=kind)
    found = evaluate("m", off_by(faces, 2, 4, 10, 20), faces, protocol)
    if kind == "inter-pupil":
        divisor = np.linalg.norm(faces.landmarks[:, 96] - faces.landmarks[:, 97], axis=1)
    elif kind == "box":
        divisor = np.sqrt(np.prod(np.ptp(faces.landmarks, axis=1), axis=1))
    np.testing.assert_allclose(found.errors, np.array([2, 4, 10, 20]) / divisor, rtol=1e-5)
    assert f"NME by {kind}," in text_table([found])
    assert json.loads(as_json([found]))["models"][0]["protocol"]["normalizer"] == kind


def test_nothing_found_and_nothing_marked():
    attributes = dict.fromkeys(("pose", "expression", "illumination", "make-up", "occlusion"), [False] * 4)
    faces = made(**attributes, blur=[True, False, False, True])
    faces._rows["landmarks"][0] = np.nan  # nothing is marked
    predicted = off_by(faces, 2, 4, 6, 8)
    predicted[3, 7] = np.nan  # a landmark that was not found
    found = evaluate("m", predicted, faces, PLAIN)
    assert np.isnan(found.errors[0]) and np.isinf(found.errors[3])
    scores = found.scores["full"]
    assert (scores.faces, scores.skipped, scores.not_found) == (3, 1, 1)
    assert scores.failure_rate.value == pytest.approx(1 / 3) and found.scores["pose"] is None
    assert found.worst(9).tolist() == [3, 2, 1] and found.best(2).tolist() == [1, 2]
    table = text_table([found])
    assert "m: 1 faces were not found; each has failed, and the NME is infinite." in table
    assert "m: 1 faces have nothing to measure, and are left out." in table
    rows = [line.split()[2:] for line in table.splitlines() if line.startswith("pose")]
    assert rows == [["0", "-", "-"], ["-"]]  # the AUC has no room beside the others
    entry = json.loads(as_json([found]))["models"][0]
    assert entry["scores"]["pose"] is None and entry["scores"]["full"]["nme"]["value"] == "inf"
    assert entry["landmarks"][WFLW_98.points[7]] == "inf"
    assert found.difference(found, "pose") is None


def test_other_layouts_are_converted_or_refused():
    faces = made(WFLW_98)
    coarse = made(IBUG_68)
    coarse._rows["landmarks"] = convert(faces.landmarks, WFLW_98, IBUG_68).astype(np.float32)
    found = evaluate("m", off_by(faces, 2, 4, 6, 8), coarse, PLAIN, layout=WFLW_98)
    np.testing.assert_allclose(found.errors, np.array([2, 4, 6, 8]) / 100, rtol=1e-4)
    assert "m: converted from WFLW-98." in text_table([found])

    cofw = made(COFW_29)
    cofw._rows["landmarks"] = np.nan_to_num(convert(coarse.landmarks, IBUG_68, COFW_29)).astype(np.float32)
    found = evaluate("m", coarse.landmarks, cofw, PLAIN, layout=IBUG_68)
    np.testing.assert_allclose(found.errors, 0, atol=1e-6)
    assert np.flatnonzero(np.isnan(found.per_landmark)).tolist() == [4, 5, 6, 7]
    assert "without the 4 of 29 points it does not mark: left brow top, left brow bottom" in text_table([found])

    with pytest.raises(EvaluationError, match="m: finds COFW-29, the faces have iBUG-68: no conversion COFW-29"):
        evaluate("m", cofw.landmarks, coarse, PLAIN, layout=COFW_29)
    own = LandmarkLayout("iBUG-68", [f"p{index}" for index in range(60)], [])  # a known name, but other points
    with pytest.raises(EvaluationError, match="m: finds iBUG-68"):
        evaluate("m", np.zeros((4, 60, 2)), coarse, PLAIN, layout=own)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"predicted": np.zeros((3, 98, 2))}, r"m: predictions are \(3, 98, 2\), expected \(4, 98, 2\)"),
        ({"predicted": np.zeros((4, 68, 2))}, "98 points of WFLW-98"),
        ({"by": "age"}, "no column 'age'; it has none"),
        ({"group": "person"}, "no column 'person'"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, message):
    with pytest.raises(EvaluationError, match=message):
        evaluate(**({"name": "m", "predicted": np.zeros((4, 98, 2)), "faces": made(), "protocol": PLAIN} | change))


def test_face_crops_show_truth_and_prediction():
    faces = SyntheticFaces(2)
    predicted = faces.landmarks + np.array([3.0, 0.0])
    predicted[1, 5] = np.nan
    found = evaluate("m", predicted, faces, PLAIN)
    image, target, shown, error = face_crops(found, faces, [1])[0]
    assert image.shape == (256, 256, 3) and error == np.inf
    assert np.isnan(shown[5]).all() and target.min() > 0 and target.max() < 255
    apart = np.delete(shown - target, 5, 0)
    assert np.ptp(apart[:, 0]) < 1e-3 and apart[0, 0] > 1 and np.abs(apart[:, 1]).max() < 1e-3
