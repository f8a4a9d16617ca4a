"""The heatmap browser: it shows the maps that it was given, measured by the library, and says what it shows."""

import ast
import statistics

import numpy as np
import pytest
import torch
import traitlets

from awing_lib import widgets
from awing_lib.figures import bump_shape
from awing_lib.widgets.heatmap_browser import LARGEST_MAPS, HeatmapBrowser, MappedFace

from .figure_pages import press, pressed, redraw_times, settle, slider

TOLERANCE = 1e-6
SOURCE = widgets.module("heatmap_browser")
NAMES = ["left eye", "right eye", "nose", "chin"]
COUNT, HEIGHT, WIDTH, SIDE = len(NAMES), 9, 11, 120
LANDMARKS = np.array([[30.0, 40.0], [88.0, 41.0], [60.0, 70.0], [61.0, 112.0]])


def made_faces():
    """A face with noisy maps, and one with lower maps and landmarks elsewhere."""
    random = np.random.default_rng(0)
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    maps = random.uniform(-0.1, 1.1, (COUNT, HEIGHT, WIDTH))
    return {"Ann": MappedFace(grey, LANDMARKS, maps), "Bob": MappedFace(grey, LANDMARKS - [0, 8], 0.4 * maps)}


def figure(**settings):
    return HeatmapBrowser(made_faces(), names=NAMES, **settings)


def said(page):
    return page.locator(".aw-summary").inner_text()


def opacities(page):
    """Opacity of each pixel of the overlay, (H, W), 0 to 255."""
    return np.array(
        page.evaluate("""() => {
  const canvas = document.querySelector("canvas"), { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  return Array.from({ length: height }, (_, r) => Array.from({ length: width }, (_, c) => data[4 * (r * width + c) + 3]));
}""")
    )


def at(page, x, y):
    """Where a pixel of the image is on the screen."""
    box = page.locator("svg.aw-pick").first.bounding_box()
    return box["x"] + (x + 0.5) * box["width"] / SIDE, box["y"] + (y + 0.5) * box["height"] / SIDE


def test_every_map_comes_back_as_it_was_given(run_module):
    script = """
const bytes = bytesOf(data.text);
result = Array.from({ length: data.count }, (_, point) => Array.from(mapOf(bytes, data.size, point), (byte) => byte / 255));
"""
    for face, given in zip(figure().faces, made_faces().values(), strict=True):
        data = {"text": face["maps"], "count": COUNT, "size": [HEIGHT, WIDTH]}
        found = np.array(run_module(script, data, source=SOURCE)).reshape(COUNT, HEIGHT, WIDTH)
        np.testing.assert_allclose(found, (15 * given.heatmaps.clip(0, 1)).round() / 15, atol=TOLERANCE)
        assert np.abs(found - given.heatmaps.clip(0, 1)).max() <= 0.5 / 15 + TOLERANCE


def test_the_nearest_landmark_is_that_of_numpy(run_module):
    random = np.random.default_rng(1)
    spots = random.uniform(0, SIDE, (60, 2))
    data = {"points": LANDMARKS.tolist(), "spots": spots.tolist()}
    found = run_module("result = data.spots.map((s) => nearestOf(data.points, s, 30));", data, source=SOURCE)
    away = np.linalg.norm(spots[:, None] - LANDMARKS, axis=-1)
    expected = np.where(away.min(1) <= 30, away.argmin(1), -1)
    assert found == expected.tolist() and set(found) == {-1, 0, 1, 2, 3}


def test_the_figure_measures_as_the_library_does():
    for face, given in zip(figure().faces, made_faces().values(), strict=True):
        _, peaks, widths = bump_shape(torch.from_numpy(given.heatmaps), torch.zeros(COUNT, 2))
        np.testing.assert_allclose(face["peaks"], peaks, atol=6e-5)
        np.testing.assert_allclose(face["widths"], widths, atol=6e-4)
    empty = MappedFace(made_faces()["Ann"].image, LANDMARKS, np.zeros((COUNT, HEIGHT, WIDTH)))
    made = HeatmapBrowser({"nothing": empty}, names=NAMES)
    assert made.faces[0]["widths"] == [None] * COUNT and made.faces[0]["peaks"] == [0.0] * COUNT


def test_the_map_of_the_chosen_landmark_lies_over_the_face(open_figures):
    page = open_figures(figure())
    for face, given in enumerate(made_faces().values()):
        press(page, list(made_faces())[face])
        for point in range(COUNT):
            slider(page, "point").fill(str(point))
            settle(page)
            expected = 0.85 * 17 * (15 * given.heatmaps[point].clip(0, 1)).round()
            assert np.abs(opacities(page) - expected).max() <= 1
            ring = page.locator("svg.aw-pick").first.locator("circle").last
            assert [float(ring.get_attribute(key)) for key in ("cx", "cy")] == given.landmarks[point].tolist()


def test_it_says_what_it_shows(open_figures):
    made = figure(point=2)
    page = open_figures(made)
    peak, width = made.faces[0]["peaks"][2], made.faces[0]["widths"][2]
    assert said(page) == f"Ann, nose: the peak is {peak:.2f} high and the bump {width:.1f} px wide."
    press(page, "Bob")
    assert said(page).startswith("Bob, nose: ") and pressed(page) == ["Bob"]
    assert page.locator("h4").inner_text() == "2: nose"
    assert page.locator(".aw-facts li").count() == 2


def test_a_mouse_that_passes_by_reads_and_a_click_chooses(open_figures):
    page = open_figures(figure())
    page.mouse.move(*at(page, *LANDMARKS[3]))
    settle(page)
    assert "Ann, chin" in said(page) and slider(page, "point").input_value() == "0"
    page.mouse.move(2, 2)
    settle(page)
    assert "Ann, left eye" in said(page)
    x, y = at(page, *LANDMARKS[1])
    page.mouse.click(x + 3, y - 4)
    page.mouse.move(2, 2)
    settle(page)
    assert "Ann, right eye" in said(page) and slider(page, "point").input_value() == "1"
    page.mouse.click(*at(page, 2, 2))  # where there is no landmark
    page.mouse.move(2, 2)
    settle(page)
    assert "Ann, right eye" in said(page)


def test_the_chart_and_the_keyboard_choose(open_figures):
    page = open_figures(figure())
    box = page.locator("svg.aw-chart").bounding_box()
    page.mouse.click(box["x"] + 46 + (box["width"] - 56) * 2 / 3, box["y"] + 80)  # margins of the chart
    settle(page)
    assert slider(page, "point").input_value() == "2"
    slider(page, "point").focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert "Ann, chin" in said(page)


def test_numbers_are_there_to_read(open_figures):
    made = figure()
    page = open_figures(made)
    page.get_by_text("Numbers").click()
    row = page.locator("details tbody tr").nth(3)
    row.wait_for()
    cells = [f"{face['peaks'][3]:.2f}, {face['widths'][3]:.1f} px" for face in made.faces]
    assert row.locator("th, td").all_inner_texts() == ["3", "chin", *cells]


def test_everything_has_a_name(open_figures):
    page = open_figures(figure())
    inputs = page.evaluate("() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length])")
    assert inputs == [["point", 1]]
    labels = [node.get_attribute("aria-label") for node in page.locator("[role=img]").all()]
    assert labels[0].startswith("Ann: the heatmap of left eye, its peak ") and "left eye is marked" in labels[1]
    assert page.locator(".aw-summary").get_attribute("role") == "status"
    assert "It needs JavaScript" in figure().html()


def test_two_copies_are_independent(open_figures):
    page = open_figures(figure(), figure())
    before = said_by(page, 0)
    slider(page, "point", figure=1).fill("3")
    press(page, "Bob", figure=1)
    assert said_by(page, 0) == before and said_by(page, 1).startswith("Bob, chin")
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#heatmap-browser", "#heatmap-browser-2"]


def said_by(page, number):
    return page.locator(".aw").nth(number).locator(".aw-summary").inner_text()


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(figure(), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    marks = page.locator("svg.aw-pick").first.bounding_box()
    assert marks["width"] == pytest.approx(marks["height"], abs=1) and marks["width"] > 0.7 * width


@pytest.mark.parametrize("theme, ink", [("light", "rgb(17, 17, 17)"), ("dark", "rgb(238, 238, 238)")])
def test_words_follow_the_theme(open_figures, theme, ink):
    page = open_figures(figure(), theme=theme)
    for place in (".aw-summary", ".aw-facts li", "h4"):
        assert page.locator(place).first.evaluate("node => getComputedStyle(node).color") == ink


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(figure())
    slider(page, "point").fill("3")
    press(page, "Bob")
    other = open_figures(figure(), address=page.locator("a.aw-link").get_attribute("href"))
    settle(other)
    assert said(other) == said(page) and pressed(other) == ["Bob"]


def test_the_call_is_python(run_module):
    code = run_module(
        """
globalThis.navigator ??= {};
const state = { face: 1, point: 2 };
const model = { get: (name) => state[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "HeatmapBrowser", limits: state }).textContent;
""",
        source=SOURCE,
    )
    call = ast.parse(code, mode="eval").body
    shown = figure(**{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    assert (shown.face, shown.point) == (1, 2)


def test_what_does_not_fit_is_refused():
    for name, value in {"face": 2, "point": COUNT}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            figure(**{name: value})
    with pytest.raises(ValueError, match="faces must be 1 to 5, got 0"):
        HeatmapBrowser({}, names=NAMES)
    with pytest.raises(ValueError, match="face 'Ann' must have an image"):
        HeatmapBrowser(made_faces(), names=NAMES[:-1])
    side = int((1.5 * LARGEST_MAPS) ** 0.5) + 2
    large = MappedFace(np.zeros((8, 8, 3), np.uint8), np.zeros((1, 2)), np.zeros((1, side, side)))
    with pytest.raises(ValueError, match="show fewer faces"):
        HeatmapBrowser({"large": large}, names=["a"])


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(HeatmapBrowser())
    for step in range(30):
        slider(page, "point").fill(str(step % 3))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"heatmap browser: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30
