"""The static figures: drawn from the library, readable without seeing them, in both themes."""

import numpy as np
import pytest

from awing_lib import figures
from awing_lib.losses import adaptive_wing_loss


@pytest.mark.parametrize("draw", [figures.figure_4a, figures.figure_4b, figures.figure_5])
def test_figures_of_the_paper_have_axes_labels_and_a_legend(draw):
    (axes,) = draw().axes
    assert axes.get_xlabel() == "prediction − target" and axes.get_ylabel()
    assert len(axes.get_legend().texts) == len(axes.lines) >= 4


def test_figure_4_draws_what_the_library_computes():
    import torch

    (axes,) = figures.figure_4a().axes
    curve = next(line for line in axes.lines if line.get_label() == "AWing, y = 1")
    error = torch.from_numpy(np.asarray(curve.get_xdata()))
    expected = adaptive_wing_loss(1 + error, torch.ones_like(error), reduction="none")
    np.testing.assert_allclose(curve.get_ydata(), expected, rtol=1e-12)


def test_figure_4_has_the_colours_that_the_paper_names():
    (axes,) = figures.figure_4b().axes
    colors = {line.get_label().split(" (")[0]: line.get_color() for line in axes.lines}
    assert colors["MSE"] == figures.RED and colors["Wing"] == figures.AMBER  # a yellow that can be read on white
    assert colors["AWing, y = 0"] == figures.PURPLE and colors["AWing, y = 1"] == figures.GREEN


def test_shown_figures_follow_the_theme_and_are_the_same_in_every_build():
    alt = "the gradients of four losses over the error"
    html = figures.show(figures.figure_4b(), alt).data
    assert html == figures.show(figures.figure_4b(), alt).data
    assert f'aria-label="{alt}"' in html and "currentColor" in html
    assert "var(--aw-green" in html and "#010203" not in html


def test_a_useless_text_alternative_is_refused():
    with pytest.raises(ValueError, match="alt should describe"):
        figures.show(figures.figure_5(), "a plot")


def test_heatmap_grid_keeps_one_scale():
    figure = figures.heatmap_grid([np.zeros((4, 4)), np.ones((4, 4))], ["low", "high"])
    assert [panel.images[0].get_clim() for panel in figure.axes] == [(0, 1), (0, 1)]
    assert [panel.get_title() for panel in figure.axes] == ["low", "high"]
