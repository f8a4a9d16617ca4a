"""Figure 1 and the types of pixels that it draws."""

import numpy as np
import pytest
import torch

from awing_lib import figures
from awing_lib.heatmaps import loss_weight_map, render_heatmaps


def target(x=31.7, y=30.4, sigma=1.75, **options):
    return render_heatmaps(torch.tensor([[x, y]]), 64, sigma, **options)[0]


@pytest.mark.parametrize("x, y", [(31.7, 30.4), (0.0, 0.0), (62.6, 1.2), (20.0, 63.0)])
@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.5])
def test_every_pixel_has_one_type(x, y, threshold):
    heatmap = target(x, y)
    types = figures.pixel_types(heatmap, threshold)
    values = heatmap.numpy()
    padded = np.pad(values, 1)
    around = np.max([padded[r : r + 64, c : c + 64] for r in range(3) for c in range(3)], axis=0)
    expected = np.where(values >= threshold, 2, np.where(around >= threshold, 1, 0))
    expected.flat[values.argmax()] = 3
    np.testing.assert_array_equal(types, expected)


def test_types_agree_with_the_weight_map():
    heatmap = target(sigma=1.0, snapped=True)
    types = figures.pixel_types(heatmap)
    np.testing.assert_array_equal(types > 0, loss_weight_map(heatmap).numpy() > 1)
    assert np.bincount(types.ravel()).tolist() == [4096 - 61, 32, 28, 1]  # the official code's patch


def test_the_first_of_several_highest_pixels_is_the_mode():
    types = figures.pixel_types(target(30.5, 20.0))
    assert np.argwhere(types == 3).tolist() == [[20, 30]]


@pytest.mark.parametrize("x, y", [(31.7, 30.4), (2.0, 60.0)])
def test_figure_1_draws_every_pixel_of_the_frame(x, y):
    heatmap = target(x, y)
    figure = figures.figure_1(heatmap, reach=8)
    whole, close = figure.axes
    types = figures.pixel_types(heatmap)
    drawn = {line.get_label().split(":")[0]: line for line in close.lines}
    assert list(drawn) == list(reversed(figures.PIXEL_TYPES))
    left, right = close.get_xlim()
    bottom, top = close.get_ylim()
    assert (right - left, bottom - top) == (17, 17)
    for name, number in figures.PIXEL_TYPES.items():
        rows, columns = np.nonzero(types == number)
        inside = (columns > left) & (columns < right) & (rows > top) & (rows < bottom)
        expected = np.stack([columns, rows], 1)[inside]
        np.testing.assert_array_equal(drawn[name].get_xydata(), expected)
        assert f"{name}: {len(rows)} px" in drawn[name].get_label()
    assert len({(line.get_marker(), line.get_markersize(), line.get_color()) for line in close.lines}) == 4
    np.testing.assert_array_equal(whole.images[0].get_array(), heatmap.numpy())


def test_figure_1_follows_the_page():
    html = figures.show(figures.figure_1(target()), "a heatmap and the types of its pixels").data
    assert all(f"var(--aw-{color}" in html for color in ("green", "amber", "red")) and "#010203" not in html
    assert len(html) < 80_000
