"""The weight map on sliders: its numbers are the library's, and a reader meets them without a kernel."""

import itertools
import re
import statistics

import numpy as np
import pytest
import torch
import traitlets
from torch.nn import functional as F

from awing_lib import widgets
from awing_lib.heatmaps import loss_weight_map, render_heatmaps
from awing_lib.widgets.weight_map import WeightMap

from .figure_pages import press, pressed, redraw_times, settle, slider

SIZE, TOLERANCE = 64, 1e-6
SETTINGS = [
    {"x": x, "y": y, "sigma": sigma, "threshold": threshold, "dilation": dilation, "weight": weight}
    for (x, y), sigma, threshold, dilation, weight in itertools.product(
        ((32, 32), (0, 63), (20.3, 41.8), (-2.5, 70)),
        (0.5, 1, 1.75, 4),
        (0.013, 0.2, 0.871),
        (0, 1, 2, 3),
        (0, 10, 2.5),
    )
]


def python_maps(s):
    """Heatmap and weights (64, 64) as the library has them; its dilation is 1, so others are made around it."""
    heatmap = render_heatmaps(torch.tensor([[s["x"], s["y"]]], dtype=torch.float64), SIZE, float(s["sigma"]))
    if s["dilation"] == 0:
        return heatmap[0], s["weight"] * (heatmap[0] >= s["threshold"]) + 1.0
    reach = s["dilation"] - 1
    wider = F.max_pool2d(heatmap, 2 * reach + 1, stride=1, padding=reach)
    return heatmap[0], loss_weight_map(wider, s["threshold"], float(s["weight"]))[0]


def numbers(text):
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def said(page, figure=0):
    return page.locator(".aw").nth(figure).locator(".aw-summary").inner_text()


@pytest.fixture(scope="module")
def javascript(run_module):
    script = """
result = data.map((s) => {
  const heatmap = renderHeatmap(s);
  const [foreground, mask] = [0, s.dilation].map((reach) => maskOf(heatmap, s.threshold, reach));
  return {
    heatmap: [...heatmap], weights: [...lossWeightMap(heatmap, s)], groups: groups(heatmap, foreground, mask, s.weight),
  };
});
"""
    return run_module(script, SETTINGS, source=widgets.module("weight_map"))


@pytest.mark.parametrize("dilation", [0, 1, 2, 3])
def test_heatmap_and_weights_are_the_librarys(javascript, dilation):
    for settings, found in zip(SETTINGS, javascript, strict=True):
        if settings["dilation"] == dilation:
            heatmap, weights = python_maps(settings)
            np.testing.assert_allclose(found["heatmap"], heatmap.flatten(), rtol=0, atol=TOLERANCE, err_msg=settings)
            np.testing.assert_allclose(found["weights"], weights.flatten(), rtol=0, atol=TOLERANCE, err_msg=settings)


def test_the_groups_add_up_to_the_map(javascript):
    for settings, found in zip(SETTINGS, javascript, strict=True):
        heatmap, weights = python_maps(settings)
        assert sum(group["pixels"] for group in found["groups"]) == SIZE**2
        assert sum(group["total"] for group in found["groups"]) == pytest.approx(weights.sum().item())
        assert found["groups"][0]["pixels"] == (heatmap >= settings["threshold"]).sum()


@pytest.mark.parametrize("sigma", [1.0, 1.75])
def test_the_sentence_says_what_the_library_computes(open_figures, sigma):
    page = open_figures(WeightMap(sigma=sigma))
    weights = loss_weight_map(render_heatmaps(torch.tensor([[32.0, 32.0]]), SIZE, sigma))
    marked = weights > 1
    share = 100 * (weights * marked).sum() / weights.sum()
    expected = [marked.sum(), SIZE**2, 100 * marked.float().mean(), 11, share]
    assert numbers(said(page)) == pytest.approx([float(value) for value in expected], rel=6e-3)


@pytest.mark.parametrize("name", ["threshold", "dilation", "weight", "sigma"])
def test_every_slider_works_from_the_keyboard(open_figures, name):
    page = open_figures(WeightMap())
    before = said(page)
    slider(page, name).focus()
    for _ in range(5):  # the mask has whole pixels, so one step of a slider may leave it as it is
        page.keyboard.press("ArrowRight")
    settle(page)
    assert said(page) != before


def test_the_outlines_and_the_bars_follow_the_settings(open_figures):
    page = open_figures(WeightMap(sigma=1.0, dilation=0))
    solid, dashed = (page.locator(f"figure path[stroke-dasharray{kind}]") for kind in ("='none'", "='0.5 0.3'"))
    assert solid.get_attribute("d") == dashed.get_attribute("d")
    assert "added by dilation 0 %" in page.locator("[aria-label^='weight:']").get_attribute("aria-label")
    slider(page, "dilation").fill("3")
    settle(page)
    assert dashed.get_attribute("d") != solid.get_attribute("d")
    assert numbers(page.locator("[aria-label^='weight:']").get_attribute("aria-label"))[1] > 10


def test_presets(open_figures):
    page = open_figures(WeightMap(sigma=3.0))
    assert pressed(page) == []
    press(page, "Official code")
    assert pressed(page) == ["Official code"] and numbers(said(page))[0] == 61
    press(page, "This book")
    assert pressed(page) == ["This book"] and numbers(said(page))[0] == 25
    press(page, "No weights")
    of_pixels, *_, of_weight = numbers(said(page))[2:]
    assert pressed(page) == ["No weights"] and of_pixels == of_weight


def test_everything_has_a_name(open_figures):
    page = open_figures(WeightMap())
    labels = page.evaluate("() => [...document.querySelectorAll('input')].map(i => i.labels[0]?.textContent)")
    assert len(labels) == 4 and all(labels)
    for picture in page.locator("[role=img]").all():
        assert len(picture.get_attribute("aria-label").split()) > 5
    assert page.locator(".aw-summary").get_attribute("role") == "status"


def test_numbers_are_there_to_read(open_figures):
    page = open_figures(WeightMap())
    page.get_by_text("Numbers").click()
    page.locator("details tbody tr").first.wait_for()
    rows = [row.locator("td").all_inner_texts() for row in page.locator("details tbody tr").all()]
    assert [row[0] for row in rows] == ["29", "32", "4035"]
    assert [row[2] for row in rows] == ["11", "11", "1"]
    assert sum(numbers(row[3])[0] for row in rows) == pytest.approx(100, abs=0.1)


def test_two_copies_are_independent(open_figures):
    page = open_figures(WeightMap(), WeightMap(sigma=1.0))
    before = said(page)
    slider(page, "weight", figure=1).fill("50")
    settle(page)
    assert said(page) == before and "51" in said(page, figure=1)
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(WeightMap(), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(WeightMap())
    for name, value in {"threshold": "0.45", "dilation": "2", "weight": "30", "sigma": "2.5"}.items():
        slider(page, name).fill(value)
    settle(page)
    other = open_figures(WeightMap(), address=page.locator("a.aw-link").get_attribute("href"))
    assert said(other) == said(page) and numbers(said(page))[3] == 31


def test_colours_follow_the_theme(open_figures):
    script = "() => getComputedStyle(document.querySelector('.aw-weight-map [role=img] div')).backgroundColor"
    fills = [open_figures(WeightMap(), theme=theme).evaluate(script) for theme in ("light", "dark")]
    assert fills[0] != fills[1]


@pytest.mark.parametrize(
    "settings", [{"threshold": 0.99, "dilation": 0}, {"threshold": 0.01, "sigma": 4.0, "dilation": 3, "weight": 100.0}]
)
def test_extreme_settings_stay_inside_the_picture(open_figures, settings):
    page = open_figures(WeightMap(**settings))
    page.get_by_text("Numbers").click()
    page.locator("details tbody tr").first.wait_for()
    html = page.locator(".aw").inner_html()
    assert "NaN" not in html and "Infinity" not in html and "undefined" not in html
    dashed = page.locator("figure path[stroke-dasharray='0.5 0.3']").get_attribute("d")
    assert all(0 <= number <= 31 for number in numbers(re.sub("[vh]1", "", dashed)))


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(WeightMap())
    for value in range(1, 31):
        slider(page, "sigma").fill(f"{0.5 + value / 10:g}")
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"weight map: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_settings_out_of_range_are_refused():
    with pytest.raises(traitlets.TraitError, match="dilation"):
        WeightMap(dilation=4)
