"""The static figures of the chapter on speed."""

import matplotlib as mpl
import numpy as np
import pytest

from awing_lib import figures

SHARES = {"targets": 0.25, "forward": 0.25, "loss": 0.1, "backward": 0.35, "optimizer": 0.05}
ROWS = [
    {"name": "first", "seconds": 2.0, "ratio": 1.0, "floor_seconds": 0.1, "more": {"shares": SHARES}},
    {"name": "second", "seconds": 0.5, "ratio": 0.25, "floor_seconds": 0.1, "more": {"shares": dict(SHARES, loss=0.0)}},
]


def test_bars_are_times_relative_to_the_baseline_divided_by_shares():
    axes = figures.speed_ladder(ROWS).axes[0]
    bars = [(round(bar.get_y() + bar.get_height() / 2), bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert len(bars) == 10
    for place, row in enumerate(ROWS):
        widths = [width for y, _, width in bars if y == place]
        starts = [start for y, start, _ in bars if y == place]
        np.testing.assert_allclose(widths, [share * row["ratio"] for share in row["more"]["shares"].values()])
        np.testing.assert_allclose(starts, np.append(0, np.cumsum(widths)[:-1]))
    assert [note.get_text() for note in axes.texts] == ["", "4×"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first (1)", "second"]


def test_parts_differ_in_colour_and_in_hatch_and_are_named():
    axes = figures.speed_ladder(ROWS[:1]).axes[0]
    assert len({mpl.colors.to_hex(bar.get_facecolor()) for bar in axes.patches}) == 5
    assert len({bar.get_hatch() for bar in axes.patches}) == 5
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [*SHARES, "floor"]


def test_the_floor_is_drawn_on_the_same_scale():
    axes = figures.speed_ladder(ROWS).axes[0]
    floors = [strokes.get_segments()[0][:, 0] for strokes in axes.collections]
    np.testing.assert_allclose(floors, [[0.05, 0.05], [0.05, 0.05]])  # 0.1 s of the baseline's 2 s


def test_what_was_not_measured_has_no_bar_and_says_so():
    rows = [{"name": "here", "seconds": 1.0, "ratio": 1.0, "floor_seconds": None, "more": {}}]
    axes = figures.speed_ladder(rows, ["absent", "here"]).axes[0]
    assert [note.get_text() for note in axes.texts] == ["not measured", ""]
    assert [bar.get_y() > 0.5 for bar in axes.patches] == [True]
    assert axes.get_legend() is None


def test_a_slower_row_keeps_its_length():
    rows = [{"name": "base", "seconds": 1.0, "ratio": 1.0}, {"name": "slower", "seconds": 12.0, "ratio": 12.0}]
    axes = figures.speed_ladder(rows).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [1, 12]
    assert axes.texts[1].get_text() == "0.0833×"


FLOORS = {"bytes_per_second": 1e10, "operations_per_second": {"float32": 1e11, "bfloat16": 4e12}}
UNDER = {
    "held by memory": {"bytes": 1e9, "operations": 1e9, "seconds": 0.2, "precision": "float32"},
    "held by arithmetic": {"bytes": 1e9, "operations": 1e12, "seconds": 0.5, "precision": "bfloat16"},
    "no count": {"bytes": None, "operations": None, "seconds": 0.5, "precision": "float32"},
}


def test_the_roof_is_what_was_measured():
    axes = figures.roofline(FLOORS, UNDER).axes[0]
    for line, peak in zip(axes.lines[:4:2], (4e12, 1e11), strict=True):
        x, y = line.get_data()
        assert x[1] == pytest.approx(peak / 1e10) and y[1] == y[2] == peak
        assert y[0] == pytest.approx(x[0] * 1e10)
    assert [note.get_text() for note in axes.texts] == ["bfloat16, 4 TFLOP/s", "float32, 100 GFLOP/s"]


def test_points_lie_under_their_own_roof():
    axes = figures.roofline(FLOORS, UNDER).axes[0]
    gaps, points = axes.lines[4::2], axes.lines[5::2]  # after the two roofs, each with the line to its name
    assert [point.get_label() for point in points] == ["held by memory", "held by arithmetic"]
    for point, gap, (x, y, roof) in zip(points, gaps, [(1, 5e9, 1e10), (1000, 2e12, 4e12)], strict=True):
        np.testing.assert_allclose([*point.get_xdata(), *point.get_ydata()], [x, y])
        np.testing.assert_allclose(gap.get_ydata(), [y, roof])
    assert len({point.get_marker() for point in points}) == len({point.get_color() for point in points}) == 2


def test_all_points_are_inside_of_the_axes():
    axes = figures.roofline(FLOORS, UNDER).axes[0]
    low, high = axes.get_xlim()
    assert low < 1 and high > 1000 and high > 4e12 / 1e10


def test_a_roof_without_points_and_a_precision_without_a_roof():
    assert len(figures.roofline(FLOORS, {}).axes[0].lines) == 4
    odd = {"odd": {"bytes": 1.0, "operations": 1e6, "seconds": 1.0, "precision": "float16"}}
    gap = figures.roofline(FLOORS, odd).axes[0].lines[4]
    assert gap.get_ydata()[1] == 4e12


def test_titles_are_shown():
    assert figures.roofline(FLOORS, {}, "a machine").get_suptitle() == "a machine"
    assert figures.speed_ladder(ROWS, title="a machine").get_suptitle() == "a machine"
