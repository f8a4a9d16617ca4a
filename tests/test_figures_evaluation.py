"""Figures of evaluations: what is drawn is what was measured."""

import numpy as np
import pytest
from matplotlib.image import imread

from awing_lib import figures
from awing_lib.metrics import area_under_curve, failure_rate


def test_error_distributions_are_the_exact_curves():
    errors = {"ours": np.array([0.01, 0.03, 0.03, 0.2]), "theirs": np.array([0.05, np.nan, np.inf])}
    figure = figures.error_distributions(errors, limit=0.1, threshold=0.08)
    (axes,) = figure.axes
    ours, theirs, threshold = axes.lines
    assert ours.get_xdata().tolist() == pytest.approx([0, 1, 3, 10]) and ours.get_drawstyle() == "steps-post"
    assert ours.get_ydata().tolist() == pytest.approx([0, 25, 75, 75])
    assert theirs.get_ydata().tolist() == pytest.approx([0, 50, 50])  # the face that was not found counts
    assert threshold.get_xdata() == [8, 8]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    auc, failed = area_under_curve(errors["ours"], 0.1), failure_rate(errors["ours"], 0.08)
    assert labels[0] == f"ours, AUC {auc:.3f}, FR {100 * failed:.1f} %"
    styles = {(line.get_color(), str(line.get_linestyle())) for line in (ours, theirs)}
    assert len(styles) == 2
    plain = figures.error_distributions({"ours": errors["ours"]}, limit=0.1)
    assert len(plain.axes[0].lines) == 1 and "FR" not in plain.axes[0].get_legend().get_texts()[0].get_text()


def test_error_distributions_need_a_measured_face():
    with pytest.raises(ValueError, match="at least one"):
        figures.error_distributions({"ours": np.array([np.nan])})


def face(error, shift=2.0):
    target = np.array([[10.0, 12.0], [20.0, 12.0], [np.nan, np.nan]])
    return np.full((32, 32, 3), 90, np.uint8), target, target + np.array([shift, 0]), error


def test_worst_and_best_faces_show_truth_and_prediction():
    worst = [face(np.inf), *(face(0.3) for _ in range(4))]
    figure = figures.worst_and_best_faces(worst, [face(0.01)], columns=3)
    titled = [panel.get_title() for panel in figure.axes]
    assert titled == ["not found", *["worst: 30.0 %"] * 4, "", "best: 1.0 %", "", ""]
    links, truth, found = figure.axes[0].lines
    assert links.get_xydata()[:2].tolist() == [[10, 12], [12, 12]] and np.isnan(links.get_xydata()[2::3]).all()
    assert links.get_xydata()[3:5].tolist() == [[20, 12], [22, 12]]
    assert truth.get_markerfacecolor() == "none" and truth.get_xydata()[1].tolist() == [20, 12]
    assert found.get_xydata()[1].tolist() == [22, 12]
    with pytest.raises(ValueError, match="no face to show"):
        figures.worst_and_best_faces([], [])


def test_landmark_errors_have_discs_in_proportion():
    shape = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0], [np.nan, np.nan]])
    errors = {"ours": np.array([0.01, 0.02, np.inf, np.nan]), "theirs": np.array([0.04, 0.02, 0.01, np.nan])}
    figure = figures.landmark_errors_on_face(shape, errors)
    ours, theirs = (panel.collections[0] for panel in figure.axes[:2])
    assert theirs.get_sizes() == pytest.approx(theirs.get_sizes()[0] * np.array([1, 0.5, 0.25]))
    assert ours.get_sizes() == pytest.approx(theirs.get_sizes()[0] * np.array([0.25, 0.5]))
    assert ours.get_clim() == theirs.get_clim() == pytest.approx((0, 4))
    assert figure.axes[0].lines[0].get_xydata()[0].tolist() == [0.5, 1.0]  # what was not found is a cross
    assert figure.axes[0].yaxis.get_inverted()
    assert figure.axes[2].get_ylabel() == "mean error, %"


def test_mean_shape_is_that_of_moved_and_scaled_faces():
    shape = np.random.default_rng(0).normal(size=(7, 2))
    faces = np.stack([shape * 3 + [5, 8], shape * 20 - 7, shape])
    faces[2, 0] = np.nan
    kept = np.delete(figures.mean_shape(faces[:2]), 0, 0)
    np.testing.assert_allclose(np.ptp(figures.mean_shape(faces[:2]), axis=0).prod(), 1)
    assert np.abs(kept).max() < 3
    np.testing.assert_allclose(figures.mean_shape(faces[:1]), figures.mean_shape(faces[1:2]), atol=1e-12)
    assert np.isnan(figures.mean_shape(faces[2:])[0]).all() and np.isfinite(figures.mean_shape(faces)).all()


@pytest.mark.parametrize(
    "suffix, begins", [(".png", b"\x89PNG"), (".PNG", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_save_figure_writes_what_the_name_says(tmp_path, suffix, begins):
    path = tmp_path / f"picture{suffix}"
    figures.save_figure(figures.error_distributions({"ours": np.array([0.02])}), path)
    assert path.read_bytes().startswith(begins) and [each.name for each in tmp_path.iterdir()] == [path.name]
    if suffix == ".png":
        assert imread(path)[0, 0].tolist() == [1, 1, 1, 1]  # not see-through: dark text needs a light ground


def test_save_figure_refuses_other_endings(tmp_path):
    with pytest.raises(ValueError, match=r"picture\.bmp: a picture ends in \.png"):
        figures.save_figure(figures.error_distributions({"ours": np.array([0.02])}), tmp_path / "picture.bmp")
