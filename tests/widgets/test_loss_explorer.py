"""The loss explorer as a reader meets it, on a page without a kernel."""

import ast
import statistics

import pytest
import torch
import traitlets

from awing_lib.losses import adaptive_wing_loss
from awing_lib.widgets.loss_explorer import LossExplorer

from .figure_pages import line, press, pressed, redraw_times, settle, slider

LOSS, GRADIENT = 0, 1
SLIDERS = {"alpha", "omega", "epsilon", "theta", "y", "error"}


def readout(page, name):
    """[loss, gradient] of a row of the table at the chosen error."""
    cells = page.locator("tr", has=page.locator("th", has_text=name)).locator("td").all_inner_texts()
    return [float(text.replace("−", "-")) for text in cells[1:]]


@pytest.mark.parametrize("name", sorted(SLIDERS - {"error"}))
def test_every_slider_works_from_the_keyboard(open_figures, name):
    page = open_figures(LossExplorer(y=0.5))
    before = [line(page, "awing", chart) for chart in (LOSS, GRADIENT)]
    slider(page, name).focus()
    page.keyboard.press("ArrowLeft")
    settle(page)
    after = [line(page, "awing", chart) for chart in (LOSS, GRADIENT)]
    assert before[LOSS] != after[LOSS] and before[GRADIENT] != after[GRADIENT]


def test_readout_is_the_librarys(open_figures):
    page = open_figures(LossExplorer(y=0.3, error=-0.25))
    prediction = torch.tensor([0.05], requires_grad=True)
    loss = adaptive_wing_loss(prediction, torch.tensor([0.3]))
    loss.backward()
    assert readout(page, "Adaptive Wing") == pytest.approx([loss.item(), prediction.grad.item()], rel=6e-3)
    assert readout(page, "MSE") == pytest.approx([0.0625, -0.5])


def test_dragging_over_a_chart_moves_the_readout(open_figures):
    page = open_figures(LossExplorer())
    box = page.locator(".aw-chart").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60)
    page.mouse.up()
    settle(page)
    value = float(slider(page, "error").input_value())
    assert 0.4 < value < 0.8
    assert page.locator("th", has_text="at error").inner_text() == f"at error {value:g}"


def test_presets(open_figures):
    page = open_figures(LossExplorer(omega=20.0))
    assert pressed(page) == []
    press(page, "The paper's values")
    assert pressed(page) == ["The paper's values"]
    assert [slider(page, name).input_value() for name in ("alpha", "omega", "epsilon", "theta")] == [
        "2.1",
        "14",
        "1",
        "0.5",
    ]
    assert line(page, "bug") == ""

    press(page, "alpha = 2")
    assert pressed(page) == ["alpha = 2"]
    assert line(page, "awing", GRADIENT).count("M") == 2  # torn at zero error
    assert "jumps from −14 to 14 at zero error" in page.locator(".aw-summary").inner_text()

    press(page, "omega instead of epsilon")
    assert pressed(page) == ["omega instead of epsilon"]
    assert line(page, "bug").count("M") == 3  # torn at -theta and at theta
    assert "the loss jumps from 0.354 to 5.36 at theta = 0.5" in page.locator(".aw-summary").inner_text()

    press(page, "The paper's values")
    assert line(page, "bug") == ""


def test_gradients_that_jump_are_drawn_as_jumps(open_figures):
    page = open_figures(LossExplorer())
    assert {name: line(page, name, GRADIENT).count("M") for name in ("mse", "l1", "wing", "awing")} == {
        "mse": 1, "l1": 2, "wing": 2, "awing": 1,
    }  # fmt: skip
    assert {name: line(page, name).count("M") for name in ("mse", "l1", "wing", "awing")} == dict.fromkeys(
        ("mse", "l1", "wing", "awing"), 1
    )


def test_lines_differ_in_colour_and_in_dash(open_figures):
    page = open_figures(LossExplorer(bug=True))
    looks = page.evaluate("""() => ["mse", "l1", "wing", "awing", "bug"].map((key) => {
      const style = getComputedStyle(document.querySelector(`.aw-chart [data-key="${key}"]`));
      return [style.stroke, style.strokeDasharray];
    })""")
    assert len({stroke for stroke, _ in looks}) == len({dash for _, dash in looks}) == 5


def test_other_losses_can_be_hidden(open_figures):
    page = open_figures(LossExplorer(l1=False))
    assert line(page, "l1") == "" and line(page, "wing") != ""
    page.get_by_label("Wing", exact=True).uncheck()
    page.get_by_label("L1", exact=True).check()
    settle(page)
    assert line(page, "l1") != "" and line(page, "wing") == ""


def test_the_axes_stay_while_a_slider_moves_a_little(open_figures):
    page = open_figures(LossExplorer())
    axes = page.locator(".aw-axes").nth(LOSS).inner_html()
    slider(page, "omega").fill("13")
    settle(page)
    assert page.locator(".aw-axes").nth(LOSS).inner_html() == axes


def test_everything_has_a_name(open_figures):
    page = open_figures(LossExplorer())
    for chart in page.locator("svg.aw-chart").all():
        assert chart.get_attribute("role") == "img" and len(chart.get_attribute("aria-label").split()) > 5
    labelled = page.evaluate(
        "() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length, i.labels[0]?.textContent])"
    )
    assert {name for name, count, text in labelled if count == 1 and text} == SLIDERS | {"mse", "l1", "wing"}
    assert page.locator(".aw-summary").get_attribute("role") == "status"
    for name in SLIDERS:
        assert slider(page, name).get_attribute("aria-valuetext")


def test_numbers_are_there_to_read(open_figures):
    page = open_figures(LossExplorer())
    page.get_by_text("Numbers").click()
    rows = page.locator("details tbody tr")
    rows.first.wait_for()
    assert rows.nth(3).locator("th, td").all_inner_texts()[:3] == ["0.1", "1.07", "11.3"]


def test_two_copies_are_independent(open_figures):
    page = open_figures(LossExplorer(), LossExplorer())
    before = [line(page, "awing", figure=figure) for figure in (0, 1)]
    slider(page, "omega", figure=1).fill("7")
    settle(page)
    assert line(page, "awing", figure=0) == before[0]
    assert line(page, "awing", figure=1) != before[1]
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#loss-explorer", "#loss-explorer-2"]


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(LossExplorer(bug=True), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    tops = [chart.bounding_box()["y"] for chart in page.locator("svg.aw-chart").all()]
    assert tops[1] > tops[0] + 200  # stacked


def test_charts_are_side_by_side_on_a_wide_page(open_figures):
    page = open_figures(LossExplorer())
    tops = [chart.bounding_box()["y"] for chart in page.locator("svg.aw-chart").all()]
    assert tops[0] == pytest.approx(tops[1], abs=1)


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(LossExplorer())
    press(page, "omega instead of epsilon")
    for name, value in {"y": "0.25", "theta": "0.3", "error": "-0.4"}.items():
        slider(page, name).fill(value)
    page.get_by_label("L1", exact=True).uncheck()
    settle(page)
    link = page.locator("a.aw-link").get_attribute("href")
    assert link.startswith("#loss-explorer?") and "bug=true" in link
    for address in (link, link.replace("?", "%3F").replace("=", "%3D").replace("&", "%26")):
        other = open_figures(LossExplorer(), address=address)
        for key in ("awing", "bug", "mse", "l1"):
            assert [line(other, key, chart) for chart in (LOSS, GRADIENT)] == [
                line(page, key, chart) for chart in (LOSS, GRADIENT)
            ]
        assert other.locator(".aw-summary").inner_text() == page.locator(".aw-summary").inner_text()
        assert other.locator("a.aw-link").get_attribute("href") == link


def test_a_link_on_the_same_page_changes_the_figure(open_figures):
    page = open_figures(LossExplorer())
    page.evaluate("() => { location.hash = '#loss-explorer?alpha=3&bug=1' }")
    settle(page)
    assert slider(page, "alpha").input_value() == "3"
    assert line(page, "bug") != ""


@pytest.mark.parametrize(
    "query", ["alpha=99&theta=-1&y=nan&constructor=1&page=0", "alpha=&=3&&", "%", "alpha=%E0%A4%A"]
)
def test_a_bad_link_is_ignored(open_figures, query):
    page = open_figures(LossExplorer(), address=f"#loss-explorer?{query}")
    assert pressed(page) == ["The paper's values"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_follow_the_theme(open_figures, theme):
    page = open_figures(LossExplorer(), theme=theme)
    strokes = page.evaluate(
        "() => [...document.querySelectorAll('.aw-chart path')].map(p => getComputedStyle(p).stroke)"
    )
    expected = {"light": "rgb(0, 120, 90)", "dark": "rgb(62, 208, 164)"}
    assert expected[theme] in strokes


def test_nothing_is_needed_without_javascript(open_figures):
    assert "It needs JavaScript" in LossExplorer().html()


def test_extreme_settings_draw_finite_lines(open_figures):
    page = open_figures(LossExplorer())
    for settings in (
        "alpha=1.2&omega=30&epsilon=0.1&theta=0.05&y=1",
        "alpha=4&omega=30&epsilon=0.1&theta=1&y=0",
        "alpha=1.2&omega=1&epsilon=3&y=1&error=0",
        "alpha=2&y=1&bug=true&error=0",
    ):
        page.evaluate("settings => { location.hash = `#loss-explorer?${settings}` }", settings)
        settle(page)
        assert "NaN" not in page.locator(".aw").inner_html()
        assert "Infinity" not in page.locator(".aw").inner_html()


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(LossExplorer())
    for value in range(1, 31):
        slider(page, "omega").fill(str(value))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"loss explorer: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_settings_out_of_range_are_refused():
    with pytest.raises(traitlets.TraitError, match="alpha"):
        LossExplorer(alpha=0.5)


def test_html_is_the_same_in_every_build():
    first, second = (LossExplorer(y=0.5).html() for _ in range(2))
    assert (
        first.split("const state")[1].split("figure.render")[0]
        == second.split("const state")[1].split("figure.render")[0]
    )


def test_in_jupyter_the_link_is_a_python_call(run_module):
    """settingsLink without a page shows a call that Python reads back."""
    code = run_module(
        """
const state = { alpha: 2.5, bug: true };
const model = { get: (name) => state[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "LossExplorer", limits: { alpha: [1, 4], bug: [0, 1] } }).textContent;
"""
    )
    call = ast.parse(code, mode="eval").body
    assert call.func.id == "LossExplorer"
    assert {k.arg: ast.literal_eval(k.value) for k in call.keywords} == {"alpha": 2.5, "bug": True}
