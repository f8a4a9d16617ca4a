"""The decoding playground: the four methods are the library's, and the figure shows and says what they return."""

import ast
import itertools
import statistics

import numpy as np
import pytest
import torch
import traitlets

from awing_lib import widgets
from awing_lib.heatmaps import DECODERS, decode_heatmaps, render_heatmaps
from awing_lib.widgets.decoding_playground import DecodingPlayground

from .figure_pages import press, redraw_times, settle, slider

TOLERANCE = 1e-6
SOURCE = widgets.module("decoding_playground")
SLIDERS = {"x", "y", "sigma", "noise"}
SETTINGS = [
    {"x": x, "y": y, "sigma": sigma, "noise": noise, "seed": seed, "snapped": snapped}
    for (x, y), sigma, (noise, seed), snapped in itertools.product(
        ((10.3, 9.8), (8, 12), (11.5, 8.25), (10, 10), (0.2, 20.3), (1.4, 18.6)),  # the last two: near the border
        (0.7, 1, 1.35, 2),
        ((0, 0), (0.05, 1), (0.3, 2), (0.3, 9999)),
        (False, True),
    )
]


@pytest.fixture(scope="module")
def javascript(run_module):
    script = """
result = data.map((s) => {
  const map = patch(s);
  return { map: [...map], found: METHODS.map((method) => decode(map, method, { sigma: s.sigma })) };
});
"""
    return run_module(script, SETTINGS, source=SOURCE)


def errors_shown(page, figure=0):
    """Method -> error in pixels of the map, as the table shows it."""
    rows = page.locator(".aw").nth(figure).locator(".aw-table").first.locator("tbody tr")
    return {row.locator("th").inner_text().strip(): float(row.locator("td").first.inner_text()) for row in rows.all()}


def said(page):
    return page.locator(".aw-summary").inner_text()


def test_the_methods_are_those_of_the_library(run_module):
    assert run_module("result = METHODS", source=SOURCE) == list(DECODERS)


def test_clean_maps_are_the_librarys(javascript):
    for settings, found in zip(SETTINGS, javascript, strict=True):
        if settings["noise"] == 0:
            point = torch.tensor([[settings["x"], settings["y"]]], dtype=torch.float64)
            if settings["snapped"]:
                point = (point + 0.5).floor()
            expected = render_heatmaps(point, 21, float(settings["sigma"]))[0]
            np.testing.assert_allclose(np.reshape(found["map"], (21, 21)), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("method", DECODERS)
def test_decoded_points_are_the_librarys(javascript, method):
    for settings, found in zip(SETTINGS, javascript, strict=True):
        maps = torch.tensor(found["map"], dtype=torch.float64).view(1, 21, 21)
        expected, _ = decode_heatmaps(maps, method, sigma=float(settings["sigma"]))
        place = found["found"][DECODERS.index(method)]
        np.testing.assert_allclose(place, expected[0], rtol=0, atol=TOLERANCE, err_msg=str(settings))


def test_noise_is_standard_normal_and_depends_on_the_seed(run_module):
    one, two, again = (
        np.array(values)
        for values in run_module("result = [0, 1, 0].map((seed) => [...normals(seed, 20000)])", source=SOURCE)
    )
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03
    for values in (one, two):
        assert abs(values.mean()) < 0.03 and abs(values.std() - 1) < 0.03 and np.abs(values).max() < 6


def test_settings_out_of_range_are_refused():
    for name, value in {"x": 7.9, "y": 12.1, "sigma": 0.6, "noise": 0.4, "seed": -1}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            DecodingPlayground(**{name: value})


def test_the_table_shows_what_the_library_finds(open_figures):
    page = open_figures(DecodingPlayground(x=10.37, y=9.62))
    maps = render_heatmaps(torch.tensor([[10.37, 9.62]], dtype=torch.float64), 21)
    for method, error in errors_shown(page).items():
        found = decode_heatmaps(maps, method)[0][0] - torch.tensor([10.37, 9.62])
        assert error == pytest.approx(found.norm().item(), abs=0.00051)
        mark = page.locator(f'[data-method="{method}"]').get_attribute("transform")
        place = [float(part) for part in mark.removeprefix("translate(").rstrip(")").split()]
        np.testing.assert_allclose(place, decode_heatmaps(maps, method)[0][0], atol=0.0001)
    assert errors_shown(page)["dark"] < 0.001 < 0.1 < errors_shown(page)["argmax"]


def test_a_snapped_target_leaves_nothing_to_recover(open_figures):
    page = open_figures(DecodingPlayground(x=10.37, y=9.62, snapped=True))
    errors = errors_shown(page)
    assert set(errors) == set(DECODERS) and len(set(errors.values())) == 1
    assert "target snapped to its pixel" in said(page)


def test_the_point_can_be_dragged(open_figures):
    page = open_figures(DecodingPlayground())
    box = page.locator(".aw canvas").bounding_box()

    def place(x, y):
        return box["x"] + (x - 5.5) / 9 * box["width"], box["y"] + (y - 5.5) / 9 * box["height"]

    page.mouse.move(*place(10.3, 9.8))
    page.mouse.down()
    page.mouse.move(*place(8.25, 11.4), steps=4)
    page.mouse.up()
    page.mouse.move(*place(10, 10))
    settle(page)
    np.testing.assert_allclose([float(slider(page, name).input_value()) for name in "xy"], [8.25, 11.4], atol=0.05)
    press(page, "Reset")
    assert [float(slider(page, name).input_value()) for name in "xy"] == [10.3, 9.8]


@pytest.mark.parametrize("name", sorted(SLIDERS))
def test_every_slider_works_from_the_keyboard(open_figures, name):
    page = open_figures(DecodingPlayground(noise=0.1))
    before = said(page)
    slider(page, name).focus()
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert said(page) != before


def test_other_noise(open_figures):
    page = open_figures(DecodingPlayground(noise=0.2))
    before = errors_shown(page)
    press(page, "Other noise")
    assert errors_shown(page) != before
    assert "seed=1" in page.locator("a.aw-link").get_attribute("href")


def test_marks_differ_in_colour_and_in_shape(open_figures):
    page = open_figures(DecodingPlayground())
    looks = page.locator("[data-method] path:last-child").evaluate_all(
        "nodes => nodes.map(node => [getComputedStyle(node).stroke, node.getAttribute('d')])"
    )
    assert len({color for color, _ in looks}) == len({shape for _, shape in looks}) == 4


def test_numbers_are_there_to_read(open_figures):
    page = open_figures(DecodingPlayground())
    page.get_by_text("Numbers").click()
    row = page.locator("details tbody tr").first
    row.wait_for()
    assert row.locator("th, td").all_inner_texts() == ["argmax", "10.0000", "10.0000", "−0.3000", "0.2000"]


def test_everything_has_a_name(open_figures):
    page = open_figures(DecodingPlayground())
    picture = page.locator(".aw canvas")
    assert picture.get_attribute("role") == "img" and len(picture.get_attribute("aria-label").split()) > 5
    labelled = page.evaluate(
        "() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length, i.labels[0]?.textContent])"
    )
    assert {name for name, count, text in labelled if count == 1 and text} == SLIDERS | {"snapped"}
    assert page.locator(".aw-summary").get_attribute("role") == "status"


def test_two_copies_are_independent(open_figures):
    page = open_figures(DecodingPlayground(), DecodingPlayground())
    before = errors_shown(page, 0)
    slider(page, "x", figure=1).fill("8.4")
    settle(page)
    assert errors_shown(page, 0) == before != errors_shown(page, 1)
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#decoding-playground", "#decoding-playground-2"]


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(DecodingPlayground(noise=0.2), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme, ink", [("light", "rgb(17, 17, 17)"), ("dark", "rgb(238, 238, 238)")])
def test_words_follow_the_theme(open_figures, theme, ink):
    page = open_figures(DecodingPlayground(), theme=theme)
    assert page.locator(".aw-summary").evaluate("node => getComputedStyle(node).color") == ink
    assert page.locator(".aw-table td").first.evaluate("node => getComputedStyle(node).color") == ink


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(DecodingPlayground())
    slider(page, "x").fill("8.15")
    slider(page, "noise").fill("0.12")
    page.get_by_label("snap").check()
    press(page, "Other noise")
    other = open_figures(DecodingPlayground(), address=page.locator("a.aw-link").get_attribute("href"))
    settle(other)
    assert said(other) == said(page) and errors_shown(other) == errors_shown(page)


def test_a_bad_link_is_ignored(open_figures):
    page = open_figures(DecodingPlayground(), address="#decoding-playground?x=99&sigma=nan&noise=&other=1")
    assert [float(slider(page, name).input_value()) for name in ("x", "sigma", "noise")] == [10.3, 1, 0]


def test_in_jupyter_the_link_is_a_python_call(run_module):
    code = run_module(
        """
const state = { x: 8, y: 9.5, sigma: 1.5, noise: 0.1, seed: 3, snapped: true };
const model = { get: (name) => state[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "DecodingPlayground", limits: LIMITS }).textContent;
""",
        source=SOURCE,
    )
    call = ast.parse(code, mode="eval").body
    figure = DecodingPlayground(**{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    assert (figure.x, figure.seed, figure.snapped) == (8, 3, True)


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(DecodingPlayground(noise=0.1))
    for step in range(31):
        slider(page, "x").fill(str(8 + step / 10))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"decoding playground: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_the_widget_needs_javascript_and_says_so():
    assert "It needs JavaScript" in DecodingPlayground().html()
