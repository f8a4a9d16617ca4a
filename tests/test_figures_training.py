"""The static figures of the chapter on training."""

import json

import numpy as np
import pytest
import torch
from conftest import ROOT

from awing_lib import figures
from awing_lib.heatmaps import render_heatmaps
from awing_lib.recipe_parts import learning_rate
from awing_lib.recipes import load_recipe


def test_learning_rates_are_drawn_epoch_by_epoch():
    paper = load_recipe("paper-wflw").training
    rates = np.array([learning_rate(paper, 10 * epoch, 10) for epoch in range(paper.epochs)])
    axes = figures.learning_rates({"paper": rates, "falling": np.linspace(1e-3, 0, 50)}).axes[0]
    drawn, falling = axes.lines
    assert axes.get_yscale() == "log" and axes.get_xlim() == (0, 240)
    np.testing.assert_allclose(drawn.get_ydata()[[0, 79, 80, 159, 160, 240]], [1e-4, 1e-4, 1e-5, 1e-5, 1e-6, 1e-6])
    assert drawn.get_drawstyle() == "steps-post"
    assert np.isnan(falling.get_ydata()[-1])  # a logarithm has no 0
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["paper", "falling"]
    assert drawn.get_linestyle() != falling.get_linestyle()
    assert figures.learning_rates({"paper": rates}).axes[0].get_legend() is None


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_height_and_width_of_a_gaussian(sigma):
    landmarks = torch.tensor([[32.0, 31.0], [20.0, 40.0]])
    at_landmark, peak, width = figures.bump_shape(0.6 * render_heatmaps(landmarks, 64, sigma), landmarks)
    np.testing.assert_allclose(at_landmark, 0.6, atol=1e-6)
    np.testing.assert_allclose(peak, 0.6, atol=1e-6)
    # full width at half maximum of a Gaussian; whole pixels are counted
    np.testing.assert_allclose(width, 2 * np.sqrt(2 * np.log(2)) * sigma, rtol=0.07)


def test_a_bump_at_a_wrong_place_is_low_where_it_should_be_high():
    maps = render_heatmaps(torch.tensor([[[10.0, 10.0]], [[20.0, 12.0]]]), 32)  # (2 faces, 1, 32, 32)
    at_landmark, peak, _ = figures.bump_shape(maps, torch.tensor([[[10.4, 9.6]], [[10.0, 10.0]]]))
    assert at_landmark.shape == peak.shape == (2, 1)
    np.testing.assert_allclose(at_landmark[:, 0], [1, 0], atol=1e-6)
    np.testing.assert_allclose(peak[:, 0], 1, atol=1e-6)


def test_rows_and_columns_are_not_mixed_up():
    maps = torch.zeros(1, 8, 12)
    maps[0, 6, 11] = 0.9  # y = 6, x = 11
    assert figures.bump_shape(maps, torch.tensor([[11.0, 6.0]]))[0] == pytest.approx(0.9)


def test_what_cannot_be_measured_is_nan():
    maps = torch.cat([render_heatmaps(torch.full((3, 2), 4.0), 16), torch.zeros(1, 16, 16)])
    landmarks = torch.tensor([[16.0, 3.0], [float("nan"), 3.0], [3.0, -0.6], [3.0, 3.0]])
    at_landmark, peak, width = figures.bump_shape(maps, landmarks)
    assert np.isnan(at_landmark).tolist() == [True, True, True, False]
    assert np.isnan(width).tolist() == [False, False, False, True]
    np.testing.assert_allclose(peak, [1, 1, 1, 0], atol=1e-6)


def test_figure_2_shows_every_model_on_one_scale():
    face = np.full((64, 64, 3), 128, np.uint8)
    target = render_heatmaps(torch.tensor([[4.0, 5.0], [11.0, 9.0]]), 16)
    predicted = {"MSE": 0.3 * target, "AWing": 0.8 * target}
    figure = figures.figure_2(face, target, predicted, {"MSE": 0.0627, "AWing": 0.0423})
    panels = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title() for panel in panels] == ["face", "target", "MSE\nNME 6.3 %", "AWing\nNME 4.2 %"]
    shown = [panel.images[0].get_array().data for panel in panels[1:]]
    np.testing.assert_array_equal(shown[0], target.amax(0))
    np.testing.assert_array_equal(shown[1], predicted["MSE"].amax(0))
    assert {panel.images[0].get_clim() for panel in panels[1:]} == {(0, 1)}


def test_step_sizes_were_chosen_as_the_chapter_says():
    record = json.loads((ROOT / "data/results/nano-rates.json").read_text("utf-8"))
    assert set(record["tuning"]) == set(record["chosen"])
    for name, errors in record["tuning"].items():
        assert len(errors) == len(record["rates"])
        assert record["chosen"][name] == record["rates"][int(np.argmin(errors))]
        for rate, mean in zip(record["rates"], errors, strict=True):
            rows = [record["rows"][f"{seed}, {name}, {rate:g}"] for seed in record["tuning_seeds"]]
            assert mean == pytest.approx(100 * np.mean([row[0] for row in rows]), abs=1e-3)
    shown = {run["seed"] for run in record["runs"]}
    assert len(shown) >= 3 and not shown & {0, *record["tuning_seeds"]}  # the page itself has seed 0
    assert all(run["chosen"] == record["chosen"] for run in record["runs"])
