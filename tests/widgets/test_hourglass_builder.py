"""The hourglass builder counts what the library counts, and works as a reader meets it on a page without a kernel."""

import itertools
import statistics

import pytest
import torch
import traitlets

from awing_lib import hourglass
from awing_lib.widgets import module
from awing_lib.widgets.hourglass_builder import HourglassBuilder

from .figure_pages import press, pressed, redraw_times, settle, slider

NAMES = ("stacks", "depth", "features", "coordconv", "boundary")
GRID = [
    *itertools.product((1, 3), (1, 4), (32, 64), (True, False), (True, False)),
    (4, 4, 256, True, True),
    (8, 5, 224, True, False),
]


def described(stacks, depth, features, coordconv, boundary):
    with torch.device("meta"):
        model = hourglass.StackedHourglass(98, stacks, depth, features, coordconv, boundary).eval()
    return [
        [part.name, list(part.shape), part.parameters, part.multiply_adds]
        for part in hourglass.describe(model, (256, 256))
    ]


def said(page, figure=0):
    return page.locator(".aw-summary").nth(figure).inner_text()


def test_every_part_costs_what_the_library_counts(run_module):
    script = "result = data.map((s) => describe(s).map((p) => [p.name, p.shape, p.parameters, p.multiplyAdds]));"
    settings = [dict(zip(NAMES, row, strict=True)) for row in GRID]
    for row, found in zip(GRID, run_module(script, settings, module("hourglass_builder")), strict=True):
        assert found == described(*row), row


def test_the_summary_says_the_models_size(open_figures):
    page = open_figures(HourglassBuilder())
    parts = described(4, 4, 256, True, True)
    parameters, multiply_adds = (sum(part[i] for part in parts) for i in (2, 3))
    assert f"{parameters / 1e6:.3f} million parameters, {multiply_adds / 1e9:.2f} billion" in said(page)
    assert pressed(page) == ["Paper"]
    press(page, "Nano")
    assert said(page).startswith("1 stack of depth 3 with 32 features") and pressed(page) == ["Nano"]
    page.get_by_label("CoordConv").uncheck()
    settle(page)
    assert pressed(page) == []
    press(page, "Paper")
    assert said(page).startswith("4 stacks of depth 4 with 256 features")


def test_the_drawing_has_the_sides_of_the_maps(open_figures):
    page = open_figures(HourglassBuilder(stacks=2, depth=3))
    sides = [int(node.get_attribute("data-side")) for node in page.locator("rect[data-kind='hourglass']").all()]
    assert sides == [64, 32, 16, 8, 16, 32, 64] * 2
    assert page.locator("rect[data-kind='coordconv']").count() == 3
    page.get_by_label("CoordConv").uncheck()
    settle(page)
    assert page.locator("rect[data-kind='coordconv']").count() == 0


@pytest.mark.parametrize("name", ["stacks", "depth", "features"])
def test_every_slider_works_from_the_keyboard(open_figures, name):
    page = open_figures(HourglassBuilder(stacks=2, depth=2, features=64))
    before = said(page)
    slider(page, name).focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert said(page) != before


def test_everything_has_a_name(open_figures):
    page = open_figures(HourglassBuilder())
    (drawing,) = page.locator("svg.aw-chart").all()
    assert drawing.get_attribute("role") == "img" and "4 times from 64 down to 4" in drawing.get_attribute("aria-label")
    labels = page.evaluate("() => [...document.querySelectorAll('input')].map(i => i.labels[0]?.textContent)")
    assert labels == ["stacks", "depth", "features", "CoordConv", "boundary"]
    assert page.locator(".aw-summary").get_attribute("role") == "status"


def test_numbers_are_there_to_read(open_figures):
    page = open_figures(HourglassBuilder(stacks=1))
    page.get_by_text("Numbers").click()
    page.locator("details tbody tr").first.wait_for()
    row = page.locator("details tbody tr").first.locator("th, td").all_inner_texts()
    name, shape, parameters, multiply_adds = described(1, 4, 256, True, True)[0]
    assert row == [name, "×".join(map(str, shape)), str(parameters), f"{multiply_adds / 1e6:.1f}"]


def test_two_copies_are_independent(open_figures):
    page = open_figures(HourglassBuilder(), HourglassBuilder(stacks=1))
    before = said(page)
    slider(page, "depth", figure=1).fill("2")
    settle(page)
    assert said(page) == before and "depth 2" in said(page, 1)
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(HourglassBuilder(stacks=8, depth=5), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert "NaN" not in page.locator(".aw").inner_html()


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(HourglassBuilder())
    slider(page, "features").fill("96")
    page.get_by_label("boundary").uncheck()
    settle(page)
    link = page.locator("a.aw-link").get_attribute("href")
    assert "boundary=false" in link
    assert said(open_figures(HourglassBuilder(), address=link)) == said(page)


def test_colours_follow_the_theme(open_figures):
    fill = "() => getComputedStyle(document.querySelector('rect[data-kind=hourglass]')).fill"
    light, dark = (open_figures(HourglassBuilder(), theme=theme).evaluate(fill) for theme in ("light", "dark"))
    assert light != dark


def test_redraw_times_are_measured(open_figures):
    page = open_figures(HourglassBuilder(depth=5))
    for value in range(20):
        slider(page, "stacks").fill(str(7 + value % 2))
        settle(page)
    times = redraw_times(page)
    print(f"hourglass builder: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 20


@pytest.mark.parametrize("bad", [{"stacks": 0}, {"depth": 6}, {"features": 36}, {"features": 512}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(traitlets.TraitError, match=next(iter(bad))):
        HourglassBuilder(**bad)
