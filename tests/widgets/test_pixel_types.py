"""The pixel types: heatmap and types are the library's, and the figure shows and says what is there."""

import ast
import itertools
import statistics

import numpy as np
import pytest
import torch
import traitlets

from awing_lib import figures, widgets
from awing_lib.heatmaps import render_heatmaps
from awing_lib.widgets.pixel_types import PixelTypes

from .figure_pages import press, redraw_times, settle, slider

TOLERANCE = 1e-6
SOURCE = widgets.module("pixel_types")
SLIDERS = {"x", "y", "sigma", "threshold"}
SETTINGS = [
    {"x": x, "y": y, "sigma": sigma, "threshold": threshold, "snapped": snapped}
    for (x, y), sigma, threshold, snapped in itertools.product(
        ((31.7, 30.4), (0, 63), (62.45, 1.6), (20.5, 12.25)), (0.5, 1, 1.75, 4), (0.05, 0.2, 0.6), (False, True)
    )
]


def target(settings):
    """The library's heatmap (64, 64) of the settings; snapped means the official code's "sigma = 1"."""
    landmark = torch.tensor([[settings["x"], settings["y"]]], dtype=torch.float64)
    sigma = 1.0 if settings["snapped"] else float(settings["sigma"])
    return render_heatmaps(landmark, 64, sigma, snapped=settings["snapped"])[0]


@pytest.fixture(scope="module")
def javascript(run_module):
    script = """
result = data.map((s) => {
  const map = renderMap(s), types = typesOf(map, s.threshold);
  return { map: [...map], types: [...types], counts: countTypes(types), cost: costOfNothing(map) };
});
"""
    return run_module(script, SETTINGS, source=SOURCE)


def counts_shown(page, figure=0):
    rows = page.locator(".aw").nth(figure).locator(".aw-table").first.locator("tbody tr")
    return {row.locator("th").inner_text().strip(): int(row.locator("td").first.inner_text()) for row in rows.all()}


def said(page):
    return page.locator(".aw-summary").inner_text()


def test_heatmaps_and_types_are_the_librarys(javascript):
    for settings, found in zip(SETTINGS, javascript, strict=True):
        expected = target(settings)
        np.testing.assert_allclose(np.reshape(found["map"], (64, 64)), expected, rtol=0, atol=TOLERANCE)
        # from the same numbers, since a last digit may decide what lies on the threshold
        types = figures.pixel_types(torch.tensor(found["map"], dtype=torch.float64).view(64, 64), settings["threshold"])
        np.testing.assert_array_equal(np.reshape(found["types"], (64, 64)), types)
        assert found["counts"] == np.bincount(types.ravel(), minlength=4).tolist()
        assert found["cost"] == pytest.approx(expected.square().mean().item(), abs=TOLERANCE)


def test_the_official_patch_has_its_61_pixels(open_figures):
    page = open_figures(PixelTypes(snapped=True))
    shown = counts_shown(page)
    assert shown["mode"] + shown["foreground"] == 29 and shown["difficult background"] == 32
    assert sum(shown.values()) == 64 * 64
    assert slider(page, "sigma").is_disabled()
    assert "29 of 4096 pixels are foreground (0.71 %), 32 more" in said(page)


def test_settings_out_of_range_are_refused():
    for name, value in {"x": -0.1, "y": 63.5, "sigma": 0.4, "threshold": 0.7}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            PixelTypes(**{name: value})


def test_the_landmark_can_be_dragged(open_figures):
    page = open_figures(PixelTypes())
    box = page.locator(".aw canvas").bounding_box()

    def place(x, y):
        return box["x"] + (x + 0.5) / 64 * box["width"], box["y"] + (y + 0.5) / 64 * box["height"]

    page.mouse.move(*place(31.7, 30.4))
    page.mouse.down()
    page.mouse.move(*place(12.3, 45.6), steps=4)
    page.mouse.up()
    page.mouse.move(*place(50, 50))
    settle(page)
    found = [float(slider(page, name).input_value()) for name in "xy"]
    np.testing.assert_allclose(found, [12.3, 45.6], atol=0.15)
    press(page, "Reset")
    assert [float(slider(page, name).input_value()) for name in "xy"] == [31.7, 30.4]


@pytest.mark.parametrize("name", sorted(SLIDERS))
def test_every_slider_works_from_the_keyboard(open_figures, name):
    page = open_figures(PixelTypes())
    before = said(page), page.locator("[data-type='2']").get_attribute("d"), counts_shown(page)
    slider(page, name).focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    settle(page)
    assert (said(page), page.locator("[data-type='2']").get_attribute("d"), counts_shown(page)) != before


def test_types_differ_in_colour_and_in_shape(open_figures):
    page = open_figures(PixelTypes())
    looks = page.locator("[data-type]").evaluate_all(
        "nodes => nodes.map(node => [getComputedStyle(node).fill, node.getAttribute('d').replace(/^M\\S+ \\S+?(?=[a-z])/, '').split('M')[0]])"
    )
    assert len({fill for fill, _ in looks}) == len({shape for _, shape in looks}) == 4


def test_numbers_are_there_to_read(open_figures):
    page = open_figures(PixelTypes(x=20.0, y=20.0, sigma=1.0))
    page.get_by_text("Numbers").click()
    rows = page.locator("details tbody tr")
    rows.first.wait_for()
    assert [cell.strip() for cell in rows.nth(1).locator("th, td").all_inner_texts()] == ["1", "0.607", "foreground"]


def test_everything_has_a_name(open_figures):
    page = open_figures(PixelTypes())
    for picture in (page.locator(".aw canvas"), page.locator("svg.aw-chart")):
        assert picture.get_attribute("role") == "img" and len(picture.get_attribute("aria-label").split()) > 5
    labelled = page.evaluate(
        "() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length, i.labels[0]?.textContent])"
    )
    assert {name for name, count, text in labelled if count == 1 and text} == SLIDERS | {"snapped"}
    assert page.locator(".aw-summary").get_attribute("role") == "status"


def test_two_copies_are_independent(open_figures):
    page = open_figures(PixelTypes(), PixelTypes())
    before = counts_shown(page, 0)
    slider(page, "sigma", figure=1).fill("3")
    settle(page)
    assert counts_shown(page, 0) == before != counts_shown(page, 1)
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#pixel-types", "#pixel-types-2"]


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(PixelTypes(snapped=True), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    "theme, ink, green",
    [("light", "rgb(17, 17, 17)", "rgb(0, 120, 90)"), ("dark", "rgb(238, 238, 238)", "rgb(62, 208, 164)")],
)
def test_colours_follow_the_theme(open_figures, theme, ink, green):
    page = open_figures(PixelTypes(), theme=theme)
    assert page.locator(".aw-summary").evaluate("node => getComputedStyle(node).color") == ink
    assert page.locator("[data-type='2']").evaluate("node => getComputedStyle(node).fill") == green


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(PixelTypes())
    slider(page, "x").fill("20.25")
    slider(page, "sigma").fill("2.5")
    slider(page, "threshold").fill("0.4")
    page.get_by_label("official").check()
    settle(page)
    other = open_figures(PixelTypes(), address=page.locator("a.aw-link").get_attribute("href"))
    settle(other)
    assert said(other) == said(page)


def test_a_bad_link_is_ignored(open_figures):
    page = open_figures(PixelTypes(), address="#pixel-types?x=99&sigma=nan&threshold=&other=1")
    assert [float(slider(page, name).input_value()) for name in ("x", "sigma", "threshold")] == [31.7, 1.75, 0.2]


def test_in_jupyter_the_link_is_a_python_call(run_module):
    code = run_module(
        """
const state = { x: 20, y: 30, sigma: 2, threshold: 0.3, snapped: true };
const model = { get: (name) => state[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "PixelTypes", limits: LIMITS }).textContent;
""",
        source=SOURCE,
    )
    call = ast.parse(code, mode="eval").body
    figure = PixelTypes(**{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    assert (figure.x, figure.sigma, figure.snapped) == (20, 2, True)


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(PixelTypes())
    for step in range(31):
        slider(page, "x").fill(str(20 + step))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"pixel types: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_the_widget_needs_javascript_and_says_so():
    assert "It needs JavaScript" in PixelTypes().html()
