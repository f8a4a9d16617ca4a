"""The static figures of the chapter with the gallery."""

import numpy as np
import pytest

from awing_lib import figures
from awing_lib.layouts import AFLW_19, IBUG_68

IMAGE = np.full((30, 40, 3), 90, np.uint8)


def test_found_faces_show_truth_prediction_and_error():
    target = np.array([[10.0, 12.0], [20.0, 12.0], [np.nan, np.nan]])
    faces = [(IMAGE, target, target + np.array([0, shift]), shift / 50) for shift in (1, 2, 3, 4)]
    figure = figures.found_faces(faces, ["pose", "blur", "make-up", "full"])
    assert [panel.get_title() for panel in figure.axes[:4]] == [
        "pose\n2.0 %",
        "blur\n4.0 %",
        "make-up\n6.0 %",
        "full\n8.0 %",
    ]
    assert len(figure.axes) == 6 and not any(panel.axison for panel in figure.axes)
    for panel, (_, truth, predicted, _) in zip(figure.axes, faces, strict=False):
        links, hollow, filled = panel.lines
        np.testing.assert_array_equal(hollow.get_xydata(), truth)
        np.testing.assert_array_equal(filled.get_xydata(), predicted)
        assert hollow.get_markerfacecolor() == "none" != filled.get_markerfacecolor()
        np.testing.assert_array_equal(links.get_xydata()[0::3], truth)
        np.testing.assert_array_equal(links.get_xydata()[1::3], predicted)
        assert np.isnan(links.get_xydata()[2::3]).all()  # a gap after each
        assert panel.get_xlim() == (-0.5, 39.5) and panel.get_ylim() == (29.5, -0.5)


def test_heatmaps_stand_below_their_faces_on_one_scale():
    random = np.random.default_rng(0)
    maps = [height * random.random((5, 8, 8)) for height in (1.0, 0.3)]
    figure = figures.faces_above_heatmaps([IMAGE, 2 * IMAGE], maps, ["sharp", "blurred"])
    above, below = figure.axes[:2], figure.axes[2:]
    assert [panel.get_title() for panel in above] == ["sharp", "blurred"]
    np.testing.assert_array_equal(above[1].images[0].get_array(), 2 * IMAGE)
    for panel, each in zip(below, maps, strict=True):
        np.testing.assert_array_equal(panel.images[0].get_array(), each.max(0))
        assert panel.images[0].get_clim() == (0, 1)
    with pytest.raises(ValueError, match="zip"):
        figures.faces_above_heatmaps([IMAGE], maps, ["sharp"])


def test_each_layout_has_a_row_of_the_same_faces():
    random = np.random.default_rng(0)
    images = [IMAGE, IMAGE + 1, IMAGE + 2]
    rows = {each.name: (each, [random.uniform(0, 30, (each.count, 2)) for _ in images]) for each in (IBUG_68, AFLW_19)}
    figure = figures.layout_rows(images, rows)
    assert len(figure.axes) == 6
    for line, (name, (layout, landmarks)) in zip(np.reshape(figure.axes, (2, 3)), rows.items(), strict=True):
        assert [text.get_text() for panel in line for text in panel.texts] == [name]
        for panel, image, points in zip(line, images, landmarks, strict=True):
            np.testing.assert_array_equal(panel.images[0].get_array(), image)
            drawn = np.concatenate([each.get_xydata() for each in panel.lines])
            assert sorted(map(tuple, drawn)) == sorted(map(tuple, points)) and len(drawn) == layout.count
    figure.draw_without_rendering()
    left = figure.axes[0].texts[0].get_window_extent()
    assert left.x0 >= 0 and left.x1 <= figure.axes[0].get_window_extent().x0  # beside the photo, not cut off
