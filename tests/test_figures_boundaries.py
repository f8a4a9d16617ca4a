"""The figures of the chapter on boundaries and CoordConv show what the library computes."""

import numpy as np
import pytest
import torch

from awing_lib import figures
from awing_lib.coordconv import boundary_coordinates, coordinate_channels


@pytest.fixture(scope="module")
def boundary():
    """A noisy map, wider than high, with a value that is exactly the threshold."""
    map = torch.rand(12, 17, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 0.1
    map[5, 6] = 0.05
    return map


def drawn(panel):
    return np.ma.filled(panel.images[-1].get_array().astype(float), np.nan)


@pytest.mark.parametrize("threshold", [0.05, 0.09])
def test_figure_8_draws_the_coordinates_that_pass(boundary, threshold):
    figure = figures.figure_8(boundary, threshold)
    map, x, y, mask, x_masked, y_masked = figure.axes[:6]
    np.testing.assert_array_equal(drawn(map), boundary)
    expected = coordinate_channels(12, 17, radius=False, dtype=torch.float64)
    masked = boundary_coordinates(boundary[None, None], threshold)[0]
    for panel, masked_panel, channel, through in zip((x, y), (x_masked, y_masked), expected, masked, strict=True):
        np.testing.assert_array_equal(drawn(panel), channel)
        np.testing.assert_array_equal(np.nan_to_num(drawn(masked_panel)), through)
    passes = (boundary >= threshold).numpy()
    for panel in (mask, x_masked, y_masked):
        np.testing.assert_array_equal(~np.isnan(drawn(panel)), passes)
    assert passes[5, 6] == (threshold == 0.05)
    assert str(threshold) in mask.get_title()


def test_figure_8_keeps_one_scale_and_names_every_panel(boundary):
    *panels, bar = figures.figure_8(boundary).axes
    assert len(panels) == 6 and all(panel.get_title() for panel in panels)
    assert panels[0].images[-1].get_clim() == (0, 1)
    assert all(panel.images[-1].get_clim() == (-1, 1) for panel in (*panels[1:3], *panels[4:]))
    assert list(bar.get_xticks()) == [-1, 0, 1]


def test_coordinate_grid_leaves_what_is_not_there_to_the_page():
    channel = np.array([[np.nan, 0.0], [-1.0, 1.0]])
    figure = figures.coordinate_grid([channel, channel > 0, channel], ["a", "b", "c"], columns=2)
    assert [panel.get_title() for panel in figure.axes[:3]] == ["a", "b", "c"]
    colors = figure.axes[0].images[0].to_rgba(figure.axes[0].images[0].get_array())
    assert colors[0, 0, 3] == 0 and (colors[[0, 1, 1], [1, 0, 1], 3] == 1).all()
    assert len({tuple(color) for color in colors[[0, 1, 1], [1, 0, 1]]}) == 3
    html = figures.show(figure, "two small channels and one mask beside each other").data
    assert "currentColor" in html
