"""The static figures of the chapter on metrics."""

import matplotlib as mpl
import numpy as np

from awing_lib import figures
from awing_lib.intervals import Interval

ROWS = {
    "first": {"faces": Interval(0.042, 0.040, 0.045), "people": Interval(0.042, 0.035, 0.050)},
    "second": {"faces": Interval(0.041, 0.0405, 0.042), "people": Interval(0.041, 0.040, 0.043)},
    "third": {"faces": Interval(0.03, 0.02, 0.06), "people": Interval(0.03, 0.01, 0.07)},
}


def test_intervals_are_drawn_where_they_are():
    axes = figures.interval_rows(ROWS, "NME, %").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(ROWS)
    for kind, bars, dots in zip(("faces", "people"), axes.collections, axes.lines, strict=True):
        each = [rows[kind] for rows in ROWS.values()]
        np.testing.assert_allclose([segment[:, 0] for segment in bars.get_segments()],
                                   [[100 * i.low, 100 * i.high] for i in each])  # fmt: skip
        np.testing.assert_allclose(dots.get_xdata(), [100 * i.value for i in each])
        np.testing.assert_allclose(dots.get_ydata(), [segment[0, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(np.round(dots.get_ydata()), range(3))  # each beside its name
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["faces", "people"]


def test_kinds_of_intervals_differ_in_colour_and_in_shape():
    lines = figures.interval_rows(ROWS, "NME, %").axes[0].lines
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 2


def test_changes_are_drawn_to_scale_and_labelled():
    changes, published = {"up": 0.445, "down": -0.2}, {"a method": -0.173}
    figure = figures.relative_changes(changes, published, "relative change, %")
    axes = figure.axes[0]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [44.5, -20, -17.3])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["up", "down", "a method"]
    assert [note.get_text() for note in axes.texts] == ["+44.5", "−20.0", "−17.3"]
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [False, False, True]
    colors = [mpl.colors.to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colors[0] == colors[1] != colors[2]


def test_labels_of_bars_stay_clear_of_the_axes():
    figure = figures.relative_changes({"far": -0.5, "near": 0.01}, {"most": 0.6}, "relative change, %")
    figure.draw_without_rendering()
    inside = figure.axes[0].get_window_extent()
    for note in figure.axes[0].texts:
        box = note.get_window_extent()
        assert inside.x0 + 3 < box.x0 and box.x1 < inside.x1 - 3
