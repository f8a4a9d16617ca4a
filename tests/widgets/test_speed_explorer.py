"""The speed explorer: its costs are those that torch counts, its JavaScript is its Python, and the figure says them."""

import ast
import itertools
import statistics

import pytest
import torch
import traitlets
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from awing_lib import widgets
from awing_lib.widgets.speed_explorer import SpeedExplorer, amdahl, attainable, convolution_cost, relu_cost

from .figure_pages import line, press, redraw_times, settle, slider

SOURCE = widgets.module("speed_explorer")
START = {"features": 256, "side": 64, "batch": 8, "ridge": 50, "share": 0.8, "factor": 10}


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolutions_cost_is_what_torch_counts_and_what_its_tensors_hold(kernel):
    images = torch.empty(3, 16, 8, 8, device="meta", dtype=torch.bfloat16)
    weights = torch.empty(16, 16, kernel, kernel, device="meta", dtype=torch.bfloat16)
    with FlopCounterMode(display=False) as counter:
        output = F.conv2d(images, weights, padding=kernel // 2)
    operations, moved = convolution_cost(16, 8, 3, 2, kernel)
    assert operations == counter.get_total_flops()
    assert moved == sum(tensor.numel() * tensor.element_size() for tensor in (images, weights, output))


def test_relu_and_the_two_laws():
    assert relu_cost(16, 8, 3, 4) == (16 * 8 * 8 * 3, 8 * 16 * 8 * 8 * 3)
    assert attainable(5, 50) == 0.1 and attainable(500, 50) == 1
    assert amdahl(0, 7) == 1 and amdahl(1, 7) == pytest.approx(7) and amdahl(0.5, 1) == 1
    assert amdahl(0.75, 3) == pytest.approx(2)  # of 4 seconds, 3 become 1
    assert amdahl(0.8, 1e12) == pytest.approx(5)


def test_the_javascript_is_the_python(run_module):
    layers = list(itertools.product((8, 96, 256), (4, 64, 128), (1, 64), (2, 4), (1, 3)))
    laws = list(itertools.product((0, 0.3, 0.99), (1, 3.7, 100)))
    roofs = list(itertools.product((0.125, 50, 4000), (1, 50, 1000)))
    script = """
const [layers, laws, roofs] = data;
result = [layers.map((layer) => [convolutionCost(...layer), reluCost(...layer)]), laws.map((law) => [amdahl(...law), ceiling(law[0])]),
  roofs.map((roof) => attainable(...roof))];
"""
    found_layers, found_laws, found_roofs = run_module(script, [layers, laws, roofs], source=SOURCE)
    assert found_layers == [[[*convolution_cost(*layer)], [*relu_cost(*layer[:4])]] for layer in layers]
    for law, found in zip(laws, found_laws, strict=True):
        assert found == pytest.approx([amdahl(*law), amdahl(law[0], 1e300)], abs=1e-6)
    assert found_roofs == pytest.approx([attainable(*roof) for roof in roofs], abs=1e-6)


def said(page, figure=0):
    return page.locator(".aw-summary").nth(figure).inner_text()


def table(page):
    """Layer -> cells, from the open table of numbers."""
    page.get_by_text("Numbers").click()
    page.locator("details tbody tr").first.wait_for()
    rows = page.locator("details tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows}


def test_the_summary_says_what_holds_a_layer_back(open_figures):
    page = open_figures(SpeedExplorer())
    operations, moved = convolution_cost(256, 64, 8, 4, 3)
    assert f"makes {operations / moved:.3g} operations a byte: only arithmetic limits it" in said(page)
    assert "ReLU makes 0.125, and reaches 0.25 % at most" in said(page)
    assert f"the whole gets {amdahl(0.8, 10):.2f} times as fast, and never more than 5.00 times" in said(page)
    # one image on the smallest maps: the weights are all there is to read
    slider(page, "side").fill("4")
    slider(page, "batch").fill("1")
    settle(page)
    operations, moved = convolution_cost(256, 4, 1, 4, 3)
    reached = attainable(operations / moved, 50)
    assert f"makes {operations / moved:.3g} operations a byte: memory holds it to {100 * reached:.3g} %" in said(page)


def test_half_as_many_bytes_double_the_intensity(open_figures):
    page = open_figures(SpeedExplorer())
    place = page.locator('[data-key="relu"]')
    before = float(place.get_attribute("cx"))
    page.locator('input[name="half"]').check()
    settle(page)
    assert "ReLU makes 0.25" in said(page)
    assert float(place.get_attribute("cx")) > before


def test_the_roof_bends_at_the_ridge(open_figures):
    page = open_figures(SpeedExplorer())
    before = line(page, "roof")
    slider(page, "ridge").fill("2")  # a logarithm: 100
    settle(page)
    assert line(page, "roof") != before
    first, bend, last = ([float(place) for place in part.split()] for part in line(page, "roof").strip("M").split("L"))
    ridge = float(page.locator('[data-key="ridge"]').get_attribute("x1"))
    assert bend[0] == pytest.approx(ridge, abs=0.1)
    assert bend[1] == last[1] < first[1]  # y grows downwards


def test_numbers_are_there_to_read(open_figures):
    rows = table(open_figures(SpeedExplorer(features=32, side=16, batch=2, ridge=20)))
    assert list(rows) == ["ReLU", "1×1 convolution", "3×3 convolution"]
    for kernel in (1, 3):
        operations, moved = convolution_cost(32, 16, 2, 4, kernel)
        cells = rows[f"{kernel}×{kernel} convolution"]
        assert [float(cells[0]), float(cells[1])] == pytest.approx([operations, moved], rel=5e-3)
        assert float(cells[2]) == pytest.approx(operations / moved, rel=5e-3)
        assert cells[4] == ("memory" if operations / moved < 20 else "arithmetic")
    assert rows["ReLU"][4] == "memory"


def test_the_chart_sets_the_factor(open_figures):
    page = open_figures(SpeedExplorer())
    box = page.locator(".aw-chart").nth(1).bounding_box()
    middle = box["x"] + 46 + (box["width"] - 56) / 2  # margins of the chart; its axis goes from 0.9 to 120
    page.mouse.click(middle, box["y"] + 100)
    settle(page)
    assert 10 ** float(slider(page, "factor").input_value()) == pytest.approx((0.9 * 120) ** 0.5, rel=0.03)


@pytest.mark.parametrize("name", START)
def test_every_slider_works_from_the_keyboard(open_figures, name):
    page = open_figures(SpeedExplorer(side=32, batch=4))
    before = said(page)
    slider(page, name).focus()
    for _ in range(12):  # the ridge is only told apart in the picture of a layer that memory holds
        page.keyboard.press("ArrowLeft")
    settle(page)
    assert said(page) != before
    press(page, "Reset")
    assert "256 features on maps of 64×64, 8 at a time" in said(page)
    assert "a part with 80 % of the time gets 10 times as fast" in said(page)


def test_everything_has_a_name(open_figures):
    page = open_figures(SpeedExplorer())
    for chart in page.locator(".aw-chart").all():
        assert len(chart.get_attribute("aria-label").split()) > 8
    labelled = page.evaluate("() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length])")
    assert sorted(labelled) == sorted([name, 1] for name in (*START, "half"))
    assert page.locator(".aw-summary").get_attribute("role") == "status"


def test_two_copies_are_independent(open_figures):
    page = open_figures(SpeedExplorer(), SpeedExplorer())
    before = said(page, 0), line(page, "total", chart=1)
    slider(page, "share", figure=1).fill("0.5")
    slider(page, "features", figure=1).fill("32")
    settle(page)
    assert (said(page, 0), line(page, "total", chart=1)) == before
    assert said(page, 1) != before[0] and line(page, "total", chart=1, figure=1) != before[1]
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#speed-explorer", "#speed-explorer-2"]


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(SpeedExplorer(), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme, ink", [("light", "rgb(17, 17, 17)"), ("dark", "rgb(238, 238, 238)")])
def test_words_and_the_roof_follow_the_theme(open_figures, theme, ink):
    page = open_figures(SpeedExplorer(), theme=theme)
    assert page.locator(".aw-summary").evaluate("node => getComputedStyle(node).color") == ink
    assert page.locator('[data-key="roof"]').evaluate("node => getComputedStyle(node).stroke") == ink


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(SpeedExplorer())
    for name, value in {"features": "64", "side": "16", "batch": "3", "ridge": "1.5", "share": "0.25"}.items():
        slider(page, name).fill(value)
    page.locator('input[name="half"]').check()
    settle(page)
    other = open_figures(SpeedExplorer(), address=page.locator("a.aw-link").get_attribute("href"))
    settle(other)
    assert said(other) == said(page)
    assert "64 features on maps of 16×16, 3 at a time" in said(other) and "25 % of the time" in said(other)


def test_a_bad_link_is_ignored(open_figures):
    page = open_figures(SpeedExplorer(), address="#speed-explorer?features=9999&share=1&factor=0&side=x&batch=2.2")
    assert "256 features on maps of 64×64, 2 at a time" in said(page)
    assert "a part with 80 % of the time gets 10 times as fast" in said(page)


def test_in_jupyter_the_link_is_a_python_call(run_module):
    state = {"features": 64, "side": 16, "batch": 3, "half": True, "ridge": 20.5, "share": 0.25, "factor": 3.0}
    script = """
const model = { get: (name) => data[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "SpeedExplorer", limits: LIMITS }).textContent;
"""
    call = ast.parse(run_module(script, state, source=SOURCE), mode="eval").body
    figure = SpeedExplorer(**{keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords})
    assert {name: getattr(figure, name) for name in state} == state


def test_bad_settings_are_refused():
    bad = {"features": 20, "side": 10, "batch": 65, "ridge": 0.5, "share": 1.0, "factor": 0.5}
    for name, value in bad.items():
        with pytest.raises(traitlets.TraitError, match=name):
            SpeedExplorer(**{name: value})


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(SpeedExplorer())
    for step in range(31):
        slider(page, "share").fill(str(0.02 * step))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"speed explorer: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_without_javascript_it_says_so():
    assert "It needs JavaScript" in SpeedExplorer().html()
