"""The boundary mask: its coordinates are the library's, and it says what a bad prediction lets through."""

import re
import statistics

import numpy as np
import pytest
import torch
import traitlets
from scipy.ndimage import gaussian_filter

from awing_lib import widgets
from awing_lib.coordconv import boundary_coordinates, coordinate_channels
from awing_lib.datasets import FaceSample
from awing_lib.widgets import boundary_mask
from awing_lib.widgets.boundary_mask import BoundaryMask, boundary_of

from .figure_pages import press, pressed, redraw_times, settle, slider

TOLERANCE = 1e-6
SIZES = [(64, 64), (5, 9), (1, 4)]
THRESHOLDS = [0.01, 0.05, 0.3, 0.9, 1.0]
SPREADS = [0.0, 0.1, 0.7, 1.5, 3.0]
SOURCE = widgets.module("boundary_mask")


def noisy(height, width):
    """A map that leaves [0, 1], with values that are exactly a threshold."""
    map = np.random.default_rng(height).uniform(-0.3, 1.3, (height, width))
    map.flat[: len(THRESHOLDS)] = THRESHOLDS[: map.size]
    return map


def said(page, figure=0):
    return page.locator(".aw-summary").nth(figure).inner_text()


def facts(page, figure=0):
    """Of the summary: pixels that pass, those missed, and the others that come through."""
    found = re.search(
        r", (\d+) of 4096 .*: (\d+) of the boundary's \d+ pixels are missed, (\d+) others", said(page, figure)
    )
    return tuple(map(int, found.groups()))


def painted(page, panel, figure=0):
    """(64, 64) bool: where a panel has paint."""
    script = """canvas => {
  const copy = new OffscreenCanvas(64, 64).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  return Array.from(copy.getImageData(0, 0, 64, 64).data.filter((_, i) => i % 4 === 3));
}"""
    alpha = page.locator(".aw").nth(figure).locator(f'[data-panel="{panel}"]').evaluate(script)
    return np.array(alpha).reshape(64, 64) > 0


# -- the same numbers as the library ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def javascript(run_module):
    script = """
const lists = (channels) => Object.values(channels).map((channel) => Array.from(channel));
result = {
  channels: data.maps.map(({ height, width }) => lists(coordinateChannels(height, width))),
  masked: data.maps.map(({ map, height, width }) => data.thresholds.map((t) => lists(boundaryCoordinates(map, height, width, t)))),
  blurred: data.spreads.map((spread) => Array.from(blurred(data.maps[0].map, 64, spread))),
  normals: Array.from(normals(4096)), again: Array.from(normals(4096)),
};
result.predicted = Array.from(predicted(data.maps[0].map, 64, 1.5, 0.1, normals(4096)));
result.counts = data.thresholds.map((t) => count(data.maps[0].map, data.clean, t));
"""
    maps = [{"height": h, "width": w, "map": noisy(h, w).flatten().tolist()} for h, w in SIZES]
    clean = np.random.default_rng(1).uniform(0, 0.1, 64 * 64)
    data = {"maps": maps, "thresholds": THRESHOLDS, "spreads": SPREADS, "clean": clean.tolist()}
    return run_module(script, data, source=SOURCE) | {"clean": clean}


@pytest.mark.parametrize("case", range(len(SIZES)))
def test_the_channels_are_the_librarys(javascript, case):
    expected = coordinate_channels(*SIZES[case], dtype=torch.float64)
    np.testing.assert_allclose(javascript["channels"][case], expected.flatten(1), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("case", range(len(SIZES)))
def test_the_boundary_coordinates_are_the_librarys(javascript, case):
    map = torch.from_numpy(noisy(*SIZES[case]))[None, None]
    for threshold, found in zip(THRESHOLDS, javascript["masked"][case], strict=True):
        expected = boundary_coordinates(map, threshold)[0].flatten(1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_the_blur_is_a_gaussian(javascript):
    for spread, found in zip(SPREADS, javascript["blurred"], strict=True):
        expected = gaussian_filter(noisy(64, 64), spread, mode="nearest", radius=int(np.ceil(4 * spread)))
        np.testing.assert_allclose(np.reshape(found, (64, 64)), expected, rtol=0, atol=TOLERANCE)


def test_the_noise_is_normal_and_always_the_same(javascript):
    numbers = np.array(javascript["normals"])
    assert javascript["normals"] == javascript["again"]
    assert abs(numbers.mean()) < 0.05 and abs(numbers.std() - 1) < 0.05
    assert abs((np.abs(numbers) < 1).mean() - 0.683) < 0.03
    expected = np.array(javascript["blurred"][SPREADS.index(1.5)]) + 0.1 * numbers
    np.testing.assert_allclose(javascript["predicted"], expected, rtol=0, atol=TOLERANCE)


def test_the_counts_are_those_of_the_masks(javascript):
    map, wanted = noisy(64, 64).flatten(), javascript["clean"] >= 0.05
    for threshold, found in zip(THRESHOLDS, javascript["counts"], strict=True):
        passes = map >= threshold
        expected = {"passed": passes.sum(), "missed": (wanted & ~passes).sum(), "extra": (passes & ~wanted).sum()}
        assert found == expected


# -- what is embedded -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def figure():
    return BoundaryMask()


def test_the_embedded_map_is_the_boundary_of_the_face(figure):
    boundary = boundary_of(boundary_mask.frontal_face())
    assert boundary.shape == (64, 64)
    np.testing.assert_allclose(figure.boundary, boundary.flatten(), atol=0.00006)
    assert len(figure.html()) < 70_000


def test_wrong_faces_and_settings_are_refused(figure):
    face = FaceSample(
        np.zeros((9, 9, 3), np.uint8),
        np.zeros((68, 2), np.float32),
        np.array([0, 0, 8, 8], np.float32),
        np.ones(68, bool),
        "a face",
    )
    with pytest.raises(ValueError, match="98, 2"):
        BoundaryMask(face)
    for name, value in {"threshold": 0.0, "spread": 3.1, "noise": -0.1}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(figure, name, value)


# -- what a reader meets ----------------------------------------------------------------------------------------------


def test_the_panels_show_what_passes(open_figures, figure):
    page = open_figures(figure)
    boundary = np.reshape(figure.boundary, (64, 64))
    for threshold in (0.05, 0.3):
        slider(page, "threshold").fill(str(threshold))
        settle(page)
        passes = boundary >= threshold
        for panel in ("x", "y"):
            np.testing.assert_array_equal(painted(page, panel), passes)
        assert facts(page) == (passes.sum(), ((boundary >= 0.05) & ~passes).sum(), 0)
    assert painted(page, "r").all() and painted(page, "map").all()


def test_a_bad_prediction_lets_more_through(open_figures, figure):
    page = open_figures(figure)
    clean, *others = facts(page)
    assert others == [0, 0]
    press(page, "Blurred and noisy")
    assert slider(page, "spread").input_value() == "1.5" and slider(page, "noise").input_value() == "0.04"
    assert pressed(page) == ["Blurred and noisy"]
    passed, missed, extra = facts(page)
    assert extra > 300 and passed == clean - missed + extra == painted(page, "x").sum()
    press(page, "Perfect prediction")
    assert facts(page) == (clean, 0, 0) and pressed(page) == ["Perfect prediction"]


def test_the_numbers_follow(open_figures, figure):
    page = open_figures(figure)
    page.get_by_text("Numbers").click()
    rows = [row.inner_text().split("\t") for row in page.locator("details tr").all()]
    assert [row[0] for row in rows] == ["threshold", "0.01", "0.05", "0.10", "0.20", "0.50"]
    assert int(rows[2][1]) == facts(page)[0]
    slider(page, "threshold").fill("0.33")
    settle(page)
    assert "0.33" in page.locator("details").inner_text()


def test_keyboard_labels_and_text_alternatives(open_figures, figure):
    page = open_figures(figure)
    before = said(page)
    page.get_by_label("threshold", exact=True).focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert said(page) != before and "threshold 0.06" in said(page)
    for name in ("threshold", "blur", "noise"):
        assert page.get_by_label(name, exact=True).get_attribute("type") == "range"
    labels = [canvas.get_attribute("aria-label") for canvas in page.locator(".aw canvas").all()]
    assert len(labels) == 6 and all(len(label.split()) > 6 for label in labels)
    assert "0.06" in page.locator('[data-panel="x"]').get_attribute("aria-label")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_telephone(open_figures, figure, theme):
    page = open_figures(figure, width=400, theme=theme)
    page.get_by_text("Numbers").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    sides = [page.locator(f'[data-panel="{name}"]').bounding_box()["width"] for name in ("map", "x", "y", "r")]
    assert min(sides) > 120


def test_two_copies_are_independent_and_the_address_sets_one(open_figures, figure):
    page = open_figures(figure, BoundaryMask(noise=0.05), address="#boundary-mask?threshold=0.2&spread=9")
    assert slider(page, "threshold", 0).input_value() == "0.2"
    assert slider(page, "spread", 0).input_value() == "0"  # out of range
    assert slider(page, "threshold", 1).input_value() == "0.05"
    before = said(page, 1)
    slider(page, "threshold", 0).fill("0.4")
    settle(page)
    assert said(page, 1) == before and facts(page, 1)[2] > 0
    assert "threshold=0.4" in page.locator("a.aw-link").first.get_attribute("href")


def test_redraws_are_fast(open_figures, figure):
    page = open_figures(figure)
    for index in range(20):
        slider(page, ("threshold", "spread", "noise")[index % 3]).fill(
            str((0.3, 3, 0.2)[index % 3] * (index % 5 + 1) / 5)
        )
        settle(page)
    assert statistics.median(redraw_times(page)) < 16


def test_without_javascript_a_reader_is_told(figure):
    assert "threshold" in figure.alternative and figure.alternative in figure.html()
