"""The training scrubber: its maps are those that were recorded, its numbers the library's, and it shows and says them."""

import ast
import base64
import math
import statistics

import numpy as np
import pytest
import torch
import traitlets

from awing_lib import widgets
from awing_lib.figures import bump_shape
from awing_lib.widgets.training_scrubber import LARGEST_MAPS, Film, TrainingScrubber

from .figure_pages import line, press, pressed, redraw_times, settle, slider

TOLERANCE = 1e-6
SOURCE = widgets.module("training_scrubber")
EPOCHS, VIEWS, HEIGHT, WIDTH = 4, 3, 10, 14
PLACES = [None, [4.2, 3.6], [11.0, 8.0]]
FACE = np.full((40, 40, 3), 90, np.uint8)


def made_films():
    """Two runs of noise that grows; the first has the lower error at first, the second at the end."""
    random = np.random.default_rng(0)
    growing = np.linspace(0.1, 1.2, EPOCHS)[:, None, None, None]
    first, second = (growing * random.random((EPOCHS, VIEWS, HEIGHT, WIDTH)) - 0.05 for _ in range(2))
    first[0] = 0
    return {
        "MSE": Film(first, [0.30, 0.22, 0.18, 0.16], [0.0, 0.11, 0.21, 0.31], [math.nan, 5.5, 4.5, 3.5]),
        "AWing": Film(second, [0.35, 0.20, 0.15, 0.12], [0.05, 0.30, 0.40, 0.55], [6.0, 4.0, 3.0, 2.5]),
    }


def figure(**settings):
    target = np.linspace(0, 1, VIEWS * HEIGHT * WIDTH).reshape(VIEWS, HEIGHT, WIDTH)
    more = {"target": target, "views": ["all landmarks", "pupil", "chin"], "places": PLACES, "face": FACE}
    return TrainingScrubber(made_films(), **{**more, **settings})


def stored(maps):
    """What the page has of maps: bytes, as values again."""
    return (255 * np.clip(maps, 0, 1)).round() / 255


def test_every_map_comes_back_as_it_was_stored(run_module):
    script = """
const bytes = bytesOf(data.text), shape = { epochs: data.epochs, views: data.views, size: data.size };
result = Array.from({ length: data.runs }, (_, run) => Array.from({ length: data.epochs }, (_, epoch) =>
  Array.from({ length: data.views }, (_, view) => Array.from(mapOf(bytes, shape, run, epoch, view), (byte) => byte / 255))));
"""
    data = {"text": figure().maps, "runs": 2, "epochs": EPOCHS, "views": VIEWS, "size": [HEIGHT, WIDTH]}
    found = np.array(run_module(script, data, source=SOURCE)).reshape(2, EPOCHS, VIEWS, HEIGHT, WIDTH)
    expected = np.stack([film.maps for film in made_films().values()])
    np.testing.assert_allclose(found, stored(expected), atol=TOLERANCE)
    assert np.abs(found - expected.clip(0, 1)).max() <= 0.5 / 255 + TOLERANCE


def test_height_and_width_are_the_librarys(run_module):
    random = np.random.default_rng(1)
    levels = [0, 1, 40, 255]
    maps = np.concatenate([random.integers(0, level + 1, (8, 1, HEIGHT, WIDTH)) for level in levels]) / 255
    maps[9, 0] = 0
    maps[9, 0, 3, 3] = 2 / 255
    maps[9, 0, 3, 4] = 1 / 255  # exactly half of the peak is not above it
    grid = [[x, y] for x in (-0.6, -0.4, 0.5, 7.49, 13.4, 13.5) for y in (-0.5, 4.5, 9.49, 9.6)]
    places = [grid[i % len(grid)] for i in range(len(maps))]
    script = """
const { texts, places, size } = data;
result = texts.map((text, i) => Object.values(bumpShape(bytesOf(text), size, places[i])));
"""
    texts = [base64.b64encode((255 * each).round().astype(np.uint8).tobytes()).decode() for each in maps]
    found = run_module(script, {"texts": texts, "places": places, "size": [HEIGHT, WIDTH]}, source=SOURCE)
    expected = bump_shape(torch.from_numpy(maps), torch.tensor(places, dtype=torch.float64)[:, None])
    for index in range(len(maps)):
        for mine, theirs in zip(found[index], (each[index, 0] for each in expected), strict=True):
            assert (mine is None) == bool(np.isnan(theirs))  # JSON writes NaN as null
            assert mine is None or mine == pytest.approx(theirs, abs=TOLERANCE)


def captions(page):
    return [caption.inner_text() for caption in page.locator("figcaption").all()]


def scores(page, number=0):
    rows = page.locator(".aw").nth(number).locator(".aw-table").first.locator("tbody tr")
    return {row.locator("th").inner_text().strip(): row.locator("td").all_inner_texts() for row in rows.all()}


def said(page):
    return page.locator(".aw-summary").inner_text()


def painted(page):
    """Lightness of each canvas, as drawn, (panels, H, W)."""
    return np.array(
        page.evaluate("""() => [...document.querySelectorAll("canvas")].map((canvas) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: canvas.height }, (_, r) => Array.from({ length: canvas.width }, (_, c) => {
    const at = 4 * (r * canvas.width + c);
    return 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2];
  }));
})""")
    )


def test_it_begins_at_the_end(open_figures):
    page = open_figures(figure())
    assert scores(page) == {"MSE": ["16.0", "0.31", "3.5"], "AWing": ["12.0", "0.55", "2.5"]}
    assert said(page) == "After epoch 4: lowest NME with AWing (12.0 %), highest at the landmarks with AWing (0.55)."


def test_everything_follows_the_epoch(open_figures):
    page = open_figures(figure(epochs=[1, 2, 5, 10]))
    slider(page, "epoch").fill("0")
    settle(page)
    assert scores(page) == {"MSE": ["30.0", "0.00", "none"], "AWing": ["35.0", "0.05", "6.0"]}
    assert said(page) == "After epoch 1: lowest NME with MSE (30.0 %), highest at the landmarks with AWing (0.05)."
    before = painted(page)
    slider(page, "epoch").fill("2")
    settle(page)
    assert "After epoch 5:" in said(page)
    after = painted(page)
    assert (after[0] == before[0]).all()  # the target
    for index in (1, 2):
        assert np.abs(after[index] - before[index]).max() > 10


def test_lighter_pixels_are_higher_values(open_figures):
    page = open_figures(figure(epoch=3))
    for view, name in enumerate(("all landmarks", "pupil", "chin")):
        press(page, name)
        for index, film in enumerate(made_films().values()):
            values, light = stored(film.maps)[3, view].ravel(), painted(page)[1 + index].ravel()
            assert (np.diff(light[np.argsort(values, kind="stable")]) >= -0.8).all()  # colours are whole numbers
            assert np.ptp(light) > 100


def test_a_view_of_one_landmark_is_measured(open_figures):
    page = open_figures(figure())
    press(page, "chin")
    assert pressed(page) == ["chin"]
    for text, film in zip(captions(page)[2:], made_films().values(), strict=True):
        maps = torch.from_numpy(stored(film.maps))[3, 2:]
        _, peak, width = bump_shape(maps, torch.tensor([PLACES[2]]))
        assert text.split("\n")[1] == f"peak {peak[0]:.2f}, width {width[0]:.1f} px"
    rings = page.locator("circle[stroke-dasharray]")
    assert [ring.get_attribute("cx") for ring in rings.all()] == ["11", "11", "11"]
    assert all(ring.is_visible() for ring in rings.all())
    press(page, "all landmarks")
    assert not any(ring.is_visible() for ring in rings.all())
    assert "highest 1.00" in captions(page)[2]


def test_an_empty_map_has_no_width(open_figures):
    page = open_figures(figure(epoch=0, view=1))
    assert captions(page)[2].split("\n") == ["MSE", "peak 0.00, width none"]


def test_the_chart_sets_the_epoch(open_figures):
    page = open_figures(figure(epochs=[1, 2, 5, 10]))
    box = page.locator(".aw-chart").bounding_box()
    page.mouse.click(box["x"] + 46 + (box["width"] - 56) * (4.6 - 1) / 9, box["y"] + 80)  # margins of the chart
    settle(page)
    assert slider(page, "epoch").input_value() == "2" and "After epoch 5:" in said(page)


def test_the_curves_are_the_errors(open_figures):
    page = open_figures(figure())
    points = np.array([part.split() for part in line(page, "nme-0").strip("M").split("L")], float)
    heights = points[:, 1]
    nme = np.array(made_films()["MSE"].nme)
    np.testing.assert_allclose((heights - heights[0]) / (heights[-1] - heights[0]), (nme - nme[0]) / (nme[-1] - nme[0]),
                               atol=0.01)  # fmt: skip
    assert (np.diff(points[:, 0]) > 0).all() and (np.diff(heights) > 0).all()  # y points down


def test_the_keyboard_scrubs(open_figures):
    page = open_figures(figure())
    slider(page, "epoch").focus()
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert "After epoch 3:" in said(page)


def test_numbers_are_there_to_read(open_figures):
    page = open_figures(figure())
    page.get_by_text("Numbers").click()
    row = page.locator("details tbody tr").nth(1)
    row.wait_for()
    assert row.locator("th, td").all_inner_texts() == ["2", "22.0 %", "20.0 %"]


def test_everything_has_a_name(open_figures):
    page = open_figures(figure(view=1))
    assert page.evaluate("() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length])") == [
        ["epoch", 1]
    ]
    labels = [box.get_attribute("aria-label") for box in page.locator("figure [role=img]").all()]
    assert labels[0].startswith("The face") and labels[1] == "Target of pupil"
    assert labels[3].startswith("pupil by AWing after epoch 4: peak ")
    assert page.locator(".aw-summary").get_attribute("role") == "status"


def test_two_copies_are_independent(open_figures):
    page = open_figures(figure(), figure())
    before = scores(page, 0), line(page, "nme-0")
    slider(page, "epoch", figure=1).fill("1")
    press(page, "chin", figure=1)
    assert (scores(page, 0), line(page, "nme-0")) == before and scores(page, 1) != before[0]
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#training-scrubber", "#training-scrubber-2"]


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(TrainingScrubber(view=1), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme, ink", [("light", "rgb(17, 17, 17)"), ("dark", "rgb(238, 238, 238)")])
def test_words_follow_the_theme(open_figures, theme, ink):
    page = open_figures(figure(), theme=theme)
    for place in (".aw-summary", ".aw-table td", "figcaption", "caption"):
        assert page.locator(place).first.evaluate("node => getComputedStyle(node).color") == ink


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(figure())
    slider(page, "epoch").fill("1")
    press(page, "pupil")
    other = open_figures(figure(), address=page.locator("a.aw-link").get_attribute("href"))
    settle(other)
    assert said(other) == said(page) and captions(other) == captions(page) and pressed(other) == ["pupil"]


def test_the_call_is_python(run_module):
    code = run_module(
        """
globalThis.navigator ??= {};
const state = { epoch: 2, view: 1 };
const model = { get: (name) => state[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "TrainingScrubber", limits: state }).textContent;
""",
        source=SOURCE,
    )
    call = ast.parse(code, mode="eval").body
    shown = figure(**{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    assert (shown.epoch, shown.view) == (2, 1)


def test_what_does_not_fit_is_refused():
    for name, value in {"epoch": EPOCHS, "view": VIEWS}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            figure(**{name: value})
    with pytest.raises(ValueError, match="of 1 to 5 runs, got 0"):
        TrainingScrubber({}, target=np.zeros((1, 2, 2)), views=["a"], places=[None], face=FACE)
    with pytest.raises(ValueError, match="K views and K places"):
        figure(views=["one"])
    with pytest.raises(ValueError, match="film 'MSE' must have maps"):
        figure(target=np.zeros((VIEWS, HEIGHT + 1, WIDTH)))
    with pytest.raises(ValueError, match="epochs must be 4"):
        figure(epochs=[1, 2])
    side = int((0.75 * LARGEST_MAPS) ** 0.5) + 2
    large = {"MSE": Film(np.zeros((1, 1, side, side)), [0.1], [0.1], [0.1])}
    with pytest.raises(ValueError, match="show fewer epochs or views"):
        TrainingScrubber(large, target=np.zeros((1, side, side)), views=["a"], places=[None], face=FACE)


def test_a_page_stays_small():
    largest = 0.75 * LARGEST_MAPS // 4 // 10 // 4  # pixels of a map, with 4 runs, 10 epochs, 4 views
    side = int(largest**0.5)
    film = Film(np.random.default_rng(0).random((10, 4, side, side)), *np.full((3, 10), 0.1))
    made = TrainingScrubber(
        dict.fromkeys("abcd", film), target=film.maps[0], views=list("abcd"), places=[None] * 4, face=FACE
    )
    assert side >= 23 and len(made.html()) < 175_000


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(TrainingScrubber())
    for step in range(30):
        slider(page, "epoch").fill(str(step % 5))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"training scrubber: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_it_says_that_it_needs_javascript_and_that_its_own_films_are_made_up():
    assert "It needs JavaScript" in TrainingScrubber().html()
    assert "made-up" in TrainingScrubber.__doc__
