"""The CED explorer: its numbers are the library's, and the figure shows and says them."""

import ast
import math
import statistics

import numpy as np
import pytest
import traitlets

from awing_lib import widgets
from awing_lib.metrics import area_under_curve, cumulative_error_distribution, failure_rate
from awing_lib.widgets.ced_explorer import CedExplorer, stand_ins, without_worst

from .figure_pages import line, press, pressed, redraw_times, settle, slider

TOLERANCE = 1e-6
SOURCE = widgets.module("ced_explorer")
LIMITS = np.linspace(0.01, 0.15, 15).tolist()
SHARES = np.linspace(0, 0.1, 11).tolist()


def made_errors():
    """Three models: one that is worse than another everywhere, and one that crosses both."""
    good = np.random.default_rng(0).lognormal(-3.2, 0.5, 200)
    return {"good": good, "worse": good + 0.01, "even": np.full(200, 0.05)}


ERRORS = {
    **{name: np.sort(errors) for name, errors in made_errors().items()},
    "ties": np.array([0.0, 0.01, 0.01, 0.05, 0.1, 0.1, 0.3]),
    "one": np.array([0.04]),
    "lost": np.array([0.02, 0.03, math.inf]),
}


@pytest.fixture(scope="module")
def javascript(run_module):
    script = """
const [lists, limits, shares] = data;
result = Object.values(lists).map((list) => {
  const errors = list.map((error) => error ?? Infinity);
  return shares.map((share) => {
    const kept = withoutWorst(errors, share);
    return { count: kept.length, mean: mean(kept), at: limits.map((limit) => ({
      rate: failureRate(kept, limit), area: areaUnderCurve(kept, limit), below: shareBelow(kept, limit), steps: steps(kept, limit) })) };
  });
});
"""
    lists = {name: [e if math.isfinite(e) else None for e in errors] for name, errors in ERRORS.items()}
    return dict(zip(ERRORS, run_module(script, [lists, LIMITS, SHARES], source=SOURCE), strict=True))


@pytest.mark.parametrize("name", ERRORS)
def test_scores_are_the_librarys(javascript, name):
    for share, found in zip(SHARES, javascript[name], strict=True):
        kept = without_worst(ERRORS[name], share)
        assert found["count"] == len(kept)
        if np.isfinite(kept).all():  # JSON has no infinity
            assert found["mean"] == pytest.approx(kept.mean(), abs=TOLERANCE)
        for limit, at in zip(LIMITS, found["at"], strict=True):
            assert at["rate"] == pytest.approx(failure_rate(kept, limit), abs=TOLERANCE)
            assert at["area"] == pytest.approx(area_under_curve(kept, limit), abs=TOLERANCE)
            assert at["below"] == pytest.approx(1 - failure_rate(kept, limit), abs=TOLERANCE)


@pytest.mark.parametrize("name", ERRORS)
def test_the_curve_is_the_librarys(javascript, name):
    for limit, at in zip(LIMITS, javascript[name][0]["at"], strict=True):
        x, y = np.array(at["steps"]).T
        expected_x, expected_y = cumulative_error_distribution(ERRORS[name], limit)
        # the last corner at each x is the share there
        np.testing.assert_allclose([y[x == value][-1] for value in np.unique(x)], expected_y, atol=TOLERANCE)
        np.testing.assert_allclose(np.unique(x), expected_x, atol=TOLERANCE)
        # and the area below the corners is the AUC
        assert np.trapezoid(y, x) / limit == pytest.approx(area_under_curve(ERRORS[name], limit), abs=TOLERANCE)


def test_thinning_is_not_seen(run_module):
    errors = np.sort(np.random.default_rng(0).lognormal(-3, 0.5, 2500)).tolist()
    script = "const all = steps(data, 0.15); result = [all, thinned(all, 1e-4), thinned(all.slice(0, 3), 1e-9)];"
    whole, thin, kept = (np.array(points) for points in run_module(script, errors, source=SOURCE))
    assert len(thin) < len(whole) * 0.75 and len(kept) == 3
    np.testing.assert_array_equal(thin[[0, -1]], whole[[0, -1]])
    # each corner that was dropped lies between two that were kept and are closer than the gap
    after = np.minimum(np.searchsorted(thin[:, 0], whole[:, 0]), len(thin) - 1)
    off = np.abs(np.interp(whole[:, 0], thin[:, 0], thin[:, 1]) - whole[:, 1])
    assert (off <= thin[after, 1] - thin[np.maximum(after - 1, 0), 1] + 1 / 2500 + 1e-9).all()
    assert off.max() < 0.005


def test_leaving_out_the_worst():
    errors = np.array([0.5, 0.1, math.inf, 0.2])
    assert without_worst(errors, 0).tolist() == [0.1, 0.2, 0.5, math.inf]
    assert without_worst(errors, 0.25).tolist() == [0.1, 0.2, 0.5]
    assert without_worst(errors, 0.24).tolist() == [0.1, 0.2, 0.5, math.inf]
    assert len(without_worst(np.zeros(1000), 0.07)) == 930  # 0.07 * 1000 is 70.00000000000001


def test_stand_ins_differ_as_they_are_told_to():
    made = stand_ins(6, 3, seed=1)
    errors = {name: values.mean() for name, values in made.errors().items()}
    assert made.target.shape == (18, 98, 2) and made.people.tolist() == sorted(list(range(6)) * 3)
    assert errors["dark"] < errors["quarter"] < errors["argmax"] < 0.15
    assert made.errors()["steady"].std() < made.errors()["dark"].std() / 4
    assert errors["steady"] == pytest.approx(errors["dark"], rel=0.1)


def scores_shown(page, figure=0):
    """Model -> NME, FR and AUC, as the table shows them."""
    rows = page.locator(".aw").nth(figure).locator(".aw-table").first.locator("tbody tr")
    return {row.locator("th").inner_text().strip(): row.locator("td").all_inner_texts() for row in rows.all()}


def said(page):
    return page.locator(".aw-summary").inner_text()


def test_the_table_follows_the_threshold(open_figures):
    page = open_figures(CedExplorer(made_errors()))
    for threshold in (0.10, 0.05, 0.013):
        slider(page, "threshold").fill(str(threshold))
        settle(page)
        expected = {
            name: [
                f"{100 * errors.mean():.2f}",
                f"{100 * failure_rate(errors, threshold):.2f}",
                f"{area_under_curve(errors, threshold):.4f}",
            ]
            for name, errors in made_errors().items()
        }
        assert scores_shown(page) == expected
        assert f"At a threshold of {100 * threshold:.1f} %" in said(page)


def test_the_summary_names_the_best(open_figures):
    page = open_figures(CedExplorer(made_errors()))
    assert "fewest failures with even (0.00 %), highest AUC with good" in said(page)
    slider(page, "threshold").fill("0.045")  # now the steady one fails everywhere
    settle(page)
    assert "fewest failures with good" in said(page) and "At a threshold of 4.5 %" in said(page)
    same = open_figures(CedExplorer({"one": np.full(9, 0.02), "two": np.full(9, 0.02), "three": np.full(9, 0.02)}))
    assert "fewest failures with one, two and three (0.00 %)" in said(same)


def test_leaving_out_faces_changes_all_numbers(open_figures):
    page = open_figures(CedExplorer(made_errors()))
    slider(page, "left_out").fill("0.05")
    settle(page)
    kept = without_worst(made_errors()["good"], 0.05)
    assert scores_shown(page)["good"] == [
        f"{100 * kept.mean():.2f}",
        f"{100 * failure_rate(kept):.2f}",
        f"{area_under_curve(kept):.4f}",
    ]
    assert "worst 5 % of each model's faces left out" in said(page)


def test_faces_that_were_not_found(open_figures):
    page = open_figures(CedExplorer({"lost": np.append(np.full(19, 0.02), math.inf)}))
    assert scores_shown(page)["lost"][:2] == ["∞", "5.00"]
    slider(page, "left_out").fill("0.05")
    settle(page)
    assert scores_shown(page)["lost"] == ["2.00", "0.00", "0.8000"]


def test_the_shaded_area_is_the_auc(open_figures):
    page = open_figures(CedExplorer(made_errors(), threshold=0.08))
    area = page.locator('[data-key="area"]')
    shapes = {}
    for name in made_errors():
        press(page, name)
        assert pressed(page) == [name]
        shapes[name] = area.get_attribute("d")
    corners = np.array([part.split() for part in shapes["good"].strip("MZ").split("L")], float)
    rectangle = np.ptp(corners[:, 0]), corners[:, 1].max() - 10  # the chart's top margin is 10 pixels
    x, y = corners.T
    size = abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
    assert size / np.prod(rectangle) == pytest.approx(area_under_curve(made_errors()["good"], 0.08), abs=2e-3)
    assert len(set(shapes.values())) == 3


def test_the_chart_sets_the_threshold(open_figures):
    page = open_figures(CedExplorer(made_errors()))
    box = page.locator(".aw-chart").bounding_box()
    middle = box["x"] + 46 + (box["width"] - 56) * 5 / 15  # margins of the chart; its axis ends at 15 %
    page.mouse.click(middle, box["y"] + 100)
    settle(page)
    assert float(slider(page, "threshold").input_value()) == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize("name", ["threshold", "left_out"])
def test_every_slider_works_from_the_keyboard(open_figures, name):
    page = open_figures(CedExplorer(made_errors(), left_out=0.05))
    before = said(page)
    slider(page, name).focus()
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert said(page) != before
    press(page, "Reset")
    assert [float(slider(page, key).input_value()) for key in ("threshold", "left_out")] == [0.1, 0]


def test_numbers_are_there_to_read(open_figures):
    page = open_figures(CedExplorer(made_errors()))
    page.get_by_text("Numbers").click()
    row = page.locator("details tbody tr").nth(4)
    row.wait_for()
    shares = [f"{100 * np.mean(errors <= 0.05):.1f}" for errors in made_errors().values()]
    assert row.locator("th, td").all_inner_texts() == ["5 %", *shares]


def test_everything_has_a_name(open_figures):
    page = open_figures(CedExplorer(made_errors()))
    assert len(page.locator(".aw-chart").get_attribute("aria-label").split()) > 4
    labelled = page.evaluate("() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length])")
    assert labelled == [["threshold", 1], ["left_out", 1]]
    assert page.locator(".aw-summary").get_attribute("role") == "status"


def test_lines_differ_in_colour_and_in_dash(open_figures):
    five = {str(i): np.full(5, 0.01 * (i + 1)) for i in range(5)}
    page = open_figures(CedExplorer(five))
    looks = page.locator('[data-key^="ced-"]').evaluate_all(
        "nodes => nodes.map(node => [getComputedStyle(node).stroke, node.getAttribute('stroke-dasharray')])"
    )
    assert len({color for color, _ in looks}) == len({dash for _, dash in looks}) == 5


def test_two_copies_are_independent(open_figures):
    page = open_figures(CedExplorer(made_errors()), CedExplorer(made_errors()))
    before = scores_shown(page, 0), line(page, "ced-0")
    slider(page, "threshold", figure=1).fill("0.03")
    slider(page, "left_out", figure=1).fill("0.1")
    settle(page)
    assert (scores_shown(page, 0), line(page, "ced-0")) == before
    assert scores_shown(page, 1) != before[0] and line(page, "ced-0", figure=1) != before[1]
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#ced-explorer", "#ced-explorer-2"]


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(CedExplorer(made_errors()), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme, ink", [("light", "rgb(17, 17, 17)"), ("dark", "rgb(238, 238, 238)")])
def test_words_follow_the_theme(open_figures, theme, ink):
    page = open_figures(CedExplorer(made_errors()), theme=theme)
    assert page.locator(".aw-summary").evaluate("node => getComputedStyle(node).color") == ink
    assert page.locator(".aw-table td").first.evaluate("node => getComputedStyle(node).color") == ink


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(CedExplorer(made_errors()))
    slider(page, "threshold").fill("0.062")
    slider(page, "left_out").fill("0.03")
    press(page, "even")
    other = open_figures(CedExplorer(made_errors()), address=page.locator("a.aw-link").get_attribute("href"))
    settle(other)
    assert said(other) == said(page) and scores_shown(other) == scores_shown(page) and pressed(other) == ["even"]


def test_a_bad_link_is_ignored(open_figures):
    page = open_figures(CedExplorer(made_errors()), address="#ced-explorer?threshold=5&left_out=-1&shaded=3&x=1")
    assert [float(slider(page, key).input_value()) for key in ("threshold", "left_out")] == [0.1, 0]
    assert pressed(page) == ["good"]


def test_in_jupyter_the_link_is_a_python_call(run_module):
    code = run_module(
        """
const state = { threshold: 0.05, left_out: 0.1, shaded: 1 };
const model = { get: (name) => state[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "CedExplorer", limits: state }).textContent;
""",
        source=SOURCE,
    )
    call = ast.parse(code, mode="eval").body
    figure = CedExplorer(made_errors(), **{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    assert (figure.threshold, figure.left_out, figure.shaded) == (0.05, 0.1, 1)


def test_bad_settings_are_refused():
    for name, value in {"threshold": 0.2, "left_out": 0.5, "shaded": 3}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            CedExplorer(made_errors(), **{name: value})
    for errors in ({}, {name: [0.1] for name in "abcdef"}):
        with pytest.raises(ValueError, match="of 1 to 5 models"):
            CedExplorer(errors)
    for values in ([], [[0.1]], [0.1, math.nan], [-0.1]):
        with pytest.raises(ValueError, match=r"errors of 'mine' must be \(N,\)"):
            CedExplorer({"mine": values})


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(CedExplorer({name: np.random.default_rng(0).lognormal(-3, 0.5, 2500) for name in "abcde"}))
    for step in range(31):
        slider(page, "threshold").fill(str(0.02 + step / 1000))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"CED explorer, five models of 2500 faces: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_the_widget_has_models_of_its_own_and_says_that_it_needs_javascript():
    figure = CedExplorer()
    assert [entry["name"] for entry in figure.models] == ["argmax", "quarter", "dark", "steady"]
    assert "It needs JavaScript" in figure.html()
