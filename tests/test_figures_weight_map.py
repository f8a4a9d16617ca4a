"""The static figures of the chapter on the weighted loss map."""

import numpy as np
import torch

from awing_lib import figures
from awing_lib.heatmaps import loss_weight_map, render_heatmaps


def drawn(threshold):
    heatmaps = render_heatmaps(torch.tensor([[5.0, 9.2], [20.3, 30.7]]), 32)
    figure = figures.figure_6(np.full((64, 64, 3), 128, np.uint8), heatmaps, threshold)
    return heatmaps, figure, [panel.images[0].get_array().data for panel in figure.axes]


def test_figure_6_shows_the_mask_that_the_loss_uses():
    for threshold in (0.2, 0.6):
        heatmaps, figure, (face, heatmap, dilated, mask) = drawn(threshold)
        assert face.shape == (64, 64, 3) and face.max() <= 1
        np.testing.assert_array_equal(heatmap, heatmaps.amax(0))
        np.testing.assert_array_equal(mask == 1, (loss_weight_map(heatmaps, threshold) == 11).any(0))
        np.testing.assert_array_equal(mask == 1, dilated >= threshold)
        assert set(np.unique(mask)) == {0, 1}
        assert figure.axes[-1].get_title() == f"at least {threshold:g}"


def test_figure_6_dilates_by_one_pixel():
    _, _, (_, heatmap, dilated, _) = drawn(0.2)
    row, column = 9, 5  # the peak of the first landmark
    assert (dilated[row - 1 : row + 2, column - 1 : column + 2] == heatmap[row, column]).all()
    assert dilated[row, column + 2] < heatmap[row, column]


def test_figure_6_has_one_scale_and_a_text():
    _, figure, _ = drawn(0.2)
    assert all(panel.images[0].get_clim() == (0, 1) for panel in figure.axes[1:])
    html = figures.show_photos(figure, "a face, its heatmaps, their dilation and the mask").data
    assert 'role="img"' in html and len(html) < 200_000
