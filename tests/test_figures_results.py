"""The static figures of the chapter on results."""

from itertools import pairwise

import numpy as np
import pytest

from awing_lib import figures
from awing_lib.intervals import Interval

MEANS = {"first": Interval(0.050, 0.046, 0.055), "second": Interval(0.041, 0.040, 0.043)}
RUNS = {"second": [0.042, 0.040, 0.041], "first": [0.049, 0.051, 0.050]}  # another order: what counts is the name


def test_means_intervals_and_seeds_are_drawn_where_they_are():
    axes = figures.intervals_and_seeds(MEANS, RUNS, "NME, %").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]
    assert axes.get_xlabel() == "NME, %"
    (bars,), (means, single) = axes.collections, axes.lines
    np.testing.assert_allclose([each[:, 0] for each in bars.get_segments()], [[4.6, 5.5], [4.0, 4.3]])
    np.testing.assert_allclose(means.get_xdata(), [5.0, 4.1])
    np.testing.assert_allclose(means.get_ydata(), [each[0, 1] for each in bars.get_segments()])
    np.testing.assert_allclose(single.get_xdata(), [4.9, 5.1, 5.0, 4.2, 4.0, 4.1])
    np.testing.assert_array_equal(np.round(single.get_ydata()), [0, 0, 0, 1, 1, 1])  # each in the row of its name
    np.testing.assert_array_equal(np.round(means.get_ydata()), [0, 1])
    assert means.get_color() != single.get_color() and single.get_fillstyle() == "none"


def test_differences_have_a_line_at_zero():
    differences = {name: Interval(i.value - 0.045, i.low - 0.045, i.high - 0.045) for name, i in MEANS.items()}
    runs = {name: [value - 0.045 for value in values] for name, values in RUNS.items()}
    axes = figures.intervals_and_seeds(differences, runs, "difference").axes[0]
    assert len(axes.lines) == 3 and list(axes.lines[-1].get_xdata()) == [0, 0]


def test_what_the_signs_mean_is_said_once():
    figure = figures.intervals_and_seeds(MEANS, RUNS, "NME, %")
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert sorted(texts) == ["interval by person", "mean of the seeds", "single seeds"]
    figure.draw_without_rendering()
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width  # all of it is on the figure


def test_numbers_on_the_axis_do_not_touch():
    far = {"a long name of a step": Interval(-0.159, -0.161, -0.157), "another": Interval(-0.007, -0.009, -0.005)}
    figure = figures.intervals_and_seeds(far, {name: [each.value] for name, each in far.items()}, "points")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(boxes) > 3
    assert all(left.x1 + 4 < right.x0 for left, right in pairwise(boxes))


def test_every_name_needs_its_seeds():
    with pytest.raises(KeyError, match="second"):
        figures.intervals_and_seeds(MEANS, {"first": [0.05]}, "NME, %")
