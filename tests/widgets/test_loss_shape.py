"""The fan of curves over y and the ratio of influence, as a reader meets them on a page without a kernel."""

import re
import statistics

import pytest
import torch
import traitlets

from awing_lib.losses import adaptive_wing_loss
from awing_lib.widgets.loss_shape import LossShape

from .figure_pages import line, press, pressed, redraw_times, settle, slider

FAN, RATIO = 0, 1
TARGETS = ["0", *(f"0.{i}" for i in range(1, 10)), "1"]


def slope(y, error, **settings):
    prediction = torch.tensor([y + error], dtype=torch.float64, requires_grad=True)
    adaptive_wing_loss(prediction, torch.tensor([y], dtype=torch.float64), **settings).backward()
    return prediction.grad.item()


def stroke(page, key):
    return page.evaluate("key => getComputedStyle(document.querySelector(`[data-key='${key}']`)).stroke", key)


def numbers(text):
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)]


@pytest.mark.parametrize("error", [0.001, 0.01, 0.1, 0.25, 1.0])
def test_ratio_of_influence_is_the_librarys(open_figures, error):
    page = open_figures(LossShape(error=error, y=0.7))
    said = numbers(page.locator(".aw-summary").inner_text())
    ratio, chosen = slope(1.0, error) / slope(0.0, error), slope(0.7, error) / slope(0.0, error)
    assert said == pytest.approx([error, 1, ratio, 0, 0.7, chosen], rel=6e-3)


def test_eleven_curves_from_background_to_landmark(open_figures):
    page = open_figures(LossShape())
    curves = [line(page, f"y {y}") for y in TARGETS]
    assert len(set(curves)) == 11
    assert len({stroke(page, f"y {y}") for y in TARGETS}) == 11


def test_loss_or_gradient(open_figures):
    page = open_figures(LossShape())
    fan = page.locator("svg.aw-chart").first
    assert pressed(page) == ["Loss"] and fan.get_attribute("aria-label").startswith("Loss")
    before = line(page, "y 0.5")
    press(page, "Gradient")
    assert pressed(page) == ["Gradient"] and fan.get_attribute("aria-label").startswith("Gradient")
    assert line(page, "y 0.5") != before
    assert fan.get_by_text("gradient", exact=True).count() == 1


@pytest.mark.parametrize("name", ["y", "error", "alpha"])
def test_every_slider_works_from_the_keyboard(open_figures, name):
    page = open_figures(LossShape())
    before = page.locator(".aw-summary").inner_text()
    slider(page, name).focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert page.locator(".aw-summary").inner_text() != before


def test_the_chosen_target_is_highlighted(open_figures):
    page = open_figures(LossShape(y=0.3))
    assert line(page, "chosen") == line(page, "y 0.3")
    slider(page, "y").fill("0.8")
    settle(page)
    assert line(page, "chosen") == line(page, "y 0.8")
    assert stroke(page, "chosen") == stroke(page, "y 0.8")


@pytest.mark.parametrize("chart", [FAN, RATIO])
def test_dragging_over_a_chart_chooses_the_error(open_figures, chart):
    page = open_figures(LossShape(error=0.003))
    box = page.locator("svg.aw-chart").nth(chart).bounding_box()
    page.mouse.click(box["x"] + 46 + (box["width"] - 56) * 2 / 3, box["y"] + 80)
    settle(page)
    expected = {FAN: 2 / 3, RATIO: 0.1}[chart]  # two of three decades
    assert numbers(page.locator(".aw-summary").inner_text())[0] == pytest.approx(expected, rel=0.03)


def test_everything_has_a_name(open_figures):
    page = open_figures(LossShape())
    for chart in page.locator("svg.aw-chart").all():
        assert chart.get_attribute("role") == "img" and len(chart.get_attribute("aria-label").split()) > 5
    labels = page.evaluate("() => [...document.querySelectorAll('input')].map(i => i.labels[0]?.textContent)")
    assert len(labels) == 3 and all(labels)
    assert page.locator(".aw-summary").get_attribute("role") == "status"


def test_numbers_are_there_to_read(open_figures):
    page = open_figures(LossShape())
    page.get_by_text("Numbers").click()
    page.locator("details tbody tr").first.wait_for()
    row = page.locator("details tbody tr").nth(1).locator("th, td").all_inner_texts()
    expected = [0.01, slope(0.0, 0.01), slope(0.5, 0.01), slope(1.0, 0.01), slope(1.0, 0.01) / slope(0.0, 0.01)]
    assert [float(cell) for cell in row] == pytest.approx(expected, rel=6e-3)


def test_two_copies_are_independent(open_figures):
    page = open_figures(LossShape(), LossShape(y=0.2))
    before = line(page, "chosen", figure=0)
    slider(page, "y", figure=1).fill("0.9")
    settle(page)
    assert line(page, "chosen", figure=0) == before
    assert line(page, "chosen", figure=1) == line(page, "y 0.9", figure=1)
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(LossShape(), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(LossShape())
    press(page, "Gradient")
    slider(page, "alpha").fill("1.9")
    slider(page, "error").fill("-1.5")  # a power of ten
    settle(page)
    link = page.locator("a.aw-link").get_attribute("href")
    assert "gradient=true" in link
    other = open_figures(LossShape(), address=link)
    assert line(other, "y 0.5") == line(page, "y 0.5")
    assert other.locator(".aw-summary").inner_text() == page.locator(".aw-summary").inner_text()
    assert pressed(other) == ["Gradient"]


def test_colours_follow_the_theme(open_figures):
    strokes = [stroke(open_figures(LossShape(), theme=theme), "y 1") for theme in ("light", "dark")]
    assert strokes[0] != strokes[1]


@pytest.mark.parametrize(
    "settings", [{"alpha": 1.2, "y": 1.0}, {"alpha": 4.0, "error": 1.0}, {"alpha": 2.0, "error": 0.001}]
)
def test_extreme_settings_draw_finite_lines(open_figures, settings):
    page = open_figures(LossShape(gradient=True, **settings))
    assert "NaN" not in page.locator(".aw").inner_html()
    assert "Infinity" not in page.locator(".aw").inner_html()


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(LossShape(gradient=True))
    for value in range(1, 31):
        slider(page, "alpha").fill(f"{2 + value / 20:g}")
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"loss shape: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_settings_out_of_range_are_refused():
    with pytest.raises(traitlets.TraitError, match="error"):
        LossShape(error=0.0)
