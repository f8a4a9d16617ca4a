"""The static figure of the chapter on one's own data."""

import numpy as np

from awing_lib.figures import numbered_faces, show_photos
from awing_lib.layouts import LandmarkLayout

LAYOUT = LandmarkLayout("four", ("left eye", "right eye", "nose", "chin"), ((0, 1),), {"nose line": (2, 3)})
GREY = np.full((40, 60, 3), 90, np.uint8)
POINTS = np.array([[20.0, 10], [40, 10], [30, 20], [30.5, 35]])


def test_each_number_stands_at_its_landmark_and_each_curve_runs_through_its_points():
    figure = numbered_faces([GREY, GREY], [POINTS, LAYOUT.flip(POINTS, 60)], ["photo", "mirrored"], layout=LAYOUT)
    for panel, expected in zip(figure.axes, (POINTS, [[19, 10], [39, 10], [29, 20], [28.5, 35]]), strict=False):
        assert {int(text.get_text()): tuple(text.xy) for text in panel.texts} == dict(enumerate(map(tuple, expected)))
        curves = [line.get_xydata() for line in panel.lines if line.get_linestyle() == "-"]
        np.testing.assert_array_equal(curves, [np.array(expected)[[2, 3]]])
    assert [panel.get_title() for panel in figure.axes] == ["photo", "mirrored", ""]


def test_numbers_of_near_landmarks_do_not_cover_each_other():
    points = np.array([[20.0, 20], [21, 20], [22, 21], [23, 20]])
    (panel,) = numbered_faces([GREY], [points], [""], layout=LAYOUT, columns=1).axes
    figure = panel.figure
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in panel.texts]  # a little more than the digits
    middles = [((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in boxes]
    digit = 0.55 * 9 * figure.dpi / 72
    for index, one in enumerate(middles):
        assert all(max(abs(one[0] - x), abs(one[1] - y)) > digit for x, y in middles[:index])


def test_a_landmark_that_is_not_marked_has_no_number():
    points = POINTS.copy()
    points[1] = np.nan
    (panel,) = numbered_faces([GREY], [points], [""], layout=LAYOUT, columns=1).axes
    assert [text.get_text() for text in panel.texts] == ["0", "2", "3"]
    assert "data:image/jpeg" in show_photos(panel.figure, "a grey picture with three numbered landmarks on it").data
