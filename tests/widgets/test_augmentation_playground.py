"""The augmentation playground: its matrix and landmarks are the library's, and a reader sees what a flip can break."""

import ast
import base64
import itertools
import statistics

import cv2
import numpy as np
import pytest
import traitlets

from awing_lib import widgets
from awing_lib.datasets import FaceSample
from awing_lib.layouts import IBUG_68, WFLW_98
from awing_lib.transforms import PROTOCOLS, Warp, map_landmarks
from awing_lib.widgets import augmentation_playground
from awing_lib.widgets.augmentation_playground import AugmentationPlayground

from .figure_pages import press, redraw_times, settle, slider

TOLERANCE = 1e-6
SLIDERS = {"rotation", "scale", "right", "down"}
BOXES = {"flip", "permute", "indices"}
SETTINGS = [
    {"rotation": rotation, "scale": scale, "right": right, "down": down, "flip": flip}
    for rotation, scale, (right, down), flip in itertools.product(
        (-50, -17.5, 0, 3, 50), (0.85, 1, 1.15), ((0, 0), (25, -25), (-12.5, 7)), (False, True)
    )
]
SOURCE = widgets.module("augmentation_playground")


def warp(settings):
    settings = dict(settings)
    return Warp(shift=(settings.pop("right"), settings.pop("down")), **settings)


def drawn_face(count=98, seed=3):
    """A face for tests: any image, and points of which each pair lies on its two sides, off the pixels' centres."""
    generator = np.random.default_rng(seed)
    landmarks = generator.uniform(60, 120, (count, 2))
    if count == 98:
        for left, right in WFLW_98.mirror_pairs:
            landmarks[right] = [250 - landmarks[left, 0] + generator.uniform(-3, 3), landmarks[left, 1] + 2]
    low, high = landmarks.min(0) - 5, landmarks.max(0) + 5
    image = generator.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    return FaceSample(
        image, landmarks.astype(np.float32), np.array([*low, *high], np.float32), np.ones(count, bool), "a face"
    )


@pytest.fixture(scope="module")
def face():
    return drawn_face()


def spots(page, figure=0):
    """(98, 2): where the marks of the landmarks are drawn, in pixels of the crop."""
    transforms = (
        page.locator(".aw")
        .nth(figure)
        .locator("[data-index]")
        .evaluate_all("nodes => nodes.map(node => node.getAttribute('transform'))")
    )
    return np.array([[float(part) for part in t.removeprefix("translate(").rstrip(")").split()] for t in transforms])


def said(page):
    return page.locator(".aw-summary").inner_text()


# -- the same numbers as the library ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def javascript(run_module, face):
    script = """
const warped = data.settings.map((s) => warpMatrix(s));
result = {
  matrices: warped, small: data.settings.map((s) => warpMatrix(s, 64)),
  landmarks: warped.map((matrix) => mapPoints(matrix, data.landmarks)),
  loaded: data.settings.flatMap((s, i) => [true, false].map((permute) => landmarksUnder(warped[i], data.landmarks, data.mirror, { ...s, permute }))),
};
result.errors = result.loaded.map(({ given, truth }) => nme(given, truth));
"""
    data = {"settings": SETTINGS, "landmarks": face.landmarks.tolist(), "mirror": list(WFLW_98.mirror)}
    return run_module(script, data, source=SOURCE)


@pytest.mark.parametrize("key, size", [("matrices", 256), ("small", 64)])
def test_the_matrix_is_the_librarys(javascript, key, size):
    expected = [warp(settings).matrix(size) for settings in SETTINGS]
    np.testing.assert_allclose(javascript[key], expected, rtol=0, atol=TOLERANCE)


def test_the_landmarks_are_the_librarys(javascript, face):
    for found, settings in zip(javascript["landmarks"], SETTINGS, strict=True):
        # map_landmarks gives float32, whose steps near 256 are larger than the tolerance
        expected = np.c_[face.landmarks.astype(float), np.ones(98)] @ warp(settings).matrix().T
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(found, map_landmarks(warp(settings).matrix(), face.landmarks), rtol=0, atol=2e-5)


def test_the_permutation_and_the_error_are_the_librarys(javascript, face):
    cases = [(settings, permute) for settings in SETTINGS for permute in (True, False)]
    for (settings, permute), found, error in zip(cases, javascript["loaded"], javascript["errors"], strict=True):
        moved = np.c_[face.landmarks.astype(float), np.ones(98)] @ warp(settings).matrix().T
        truth = moved[list(WFLW_98.mirror)] if settings["flip"] else moved
        np.testing.assert_allclose(found["truth"], truth, rtol=0, atol=TOLERANCE)
        given = moved if settings["flip"] and not permute else truth
        np.testing.assert_allclose(found["given"], given, rtol=0, atol=TOLERANCE)
        expected = np.linalg.norm(given - truth, axis=1).mean() / WFLW_98.normalizer(truth)
        assert error == pytest.approx(expected, abs=TOLERANCE)
        assert (error > 0.1) == (settings["flip"] and not permute)


# -- what is embedded -------------------------------------------------------------------------------------------------


def test_the_embedded_picture_is_the_crop_of_the_face(face):
    figure = AugmentationPlayground(face)
    crop = PROTOCOLS["WFLW"](face.image, face.landmarks, box=face.box)
    np.testing.assert_allclose(figure.landmarks, crop.landmarks, atol=0.0051)
    head, data = figure.image.split(",")
    assert head == "data:image/jpeg;base64" and len(figure.image) <= augmentation_playground.LARGEST_IMAGE
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert decoded.shape == (256, 256, 3)
    blurred = [cv2.blur(image, (31, 31)).astype(int) for image in (decoded, crop.image)]
    assert np.abs(blurred[0] - blurred[1]).max() < 12  # colours in their order, nothing moved or flipped


def test_the_face_of_the_page_looks_ahead():
    face = augmentation_playground.frontal_face()
    assert not any(face.attributes[name] for name in augmentation_playground.DIFFICULT)
    assert 5 < abs(face.attributes["yaw"]) < 15
    assert abs(face.attributes["pitch"]) < 8 and abs(face.attributes["roll"]) < 6
    figure = AugmentationPlayground()
    assert len(figure.html()) < 90_000
    assert figure.image == AugmentationPlayground().image
    assert np.array(figure.landmarks)[60, 0] < np.array(figure.landmarks)[72, 0]


@pytest.mark.parametrize("wrong", [drawn_face(IBUG_68.count), drawn_face()], ids=["68 points", "a NaN"])
def test_a_face_with_other_landmarks_is_refused(wrong):
    if len(wrong.landmarks) == 98:
        wrong.landmarks[5] = np.nan
    with pytest.raises(ValueError, match="98, 2"):
        AugmentationPlayground(wrong)


def test_settings_out_of_range_are_refused(face):
    for name, value in {"rotation": 51, "scale": 1.2, "right": -26, "down": 26}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            AugmentationPlayground(face, **{name: value})


# -- what a reader meets ----------------------------------------------------------------------------------------------


def test_marks_and_matrix_follow_the_sliders(open_figures, face):
    figure = AugmentationPlayground(face)
    page = open_figures(figure)
    for name, value in {"rotation": "-20", "scale": "1.1", "right": "7.5", "down": "-3"}.items():
        slider(page, name).fill(value)
    page.get_by_label("flip", exact=True).check()
    settle(page)
    expected = Warp(rotation=-20, scale=1.1, shift=(7.5, -3), flip=True).matrix()
    cells = [float(text.replace("−", "-")) for text in page.locator(".aw-table").first.locator("td").all_inner_texts()]
    np.testing.assert_allclose(np.reshape(cells, (2, 3)), expected, atol=0.051)
    moved = map_landmarks(expected, figure.landmarks)[list(WFLW_98.mirror)]
    np.testing.assert_allclose(spots(page), moved, atol=0.0051)
    [[a, b, c], [d, e, f]] = expected
    shown = page.locator(".aw image").get_attribute("transform").removeprefix("matrix(").rstrip(")").split()
    np.testing.assert_allclose([float(value) for value in shown], [a, d, b, e, c, f], atol=1e-9)


def test_the_picture_moves_with_its_landmarks(open_figures):
    """A bright spot on black: where the browser paints it is where the landmark is drawn."""
    face = drawn_face()
    across, down = np.meshgrid(np.arange(256), np.arange(256))
    x, y = face.landmarks[60]
    spot = 255 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * 4**2))
    face.image[:] = spot.round().astype(np.uint8)[..., None]
    page = open_figures(
        AugmentationPlayground(face, rotation=35, scale=0.9, right=10, down=-12, flip=True, permute=False)
    )
    page.add_style_tag(content=".aw [data-index], .aw [data-text], .aw svg g { display: none !important }")
    svg = page.locator(".aw svg.aw-chart")
    shot = cv2.imdecode(np.frombuffer(svg.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE).astype(float)
    shot[shot < 20] = 0
    found = np.array([(shot.sum(0) * np.arange(shot.shape[1])).sum(), (shot.sum(1) * np.arange(shot.shape[0])).sum()])
    found = (found / shot.sum() + 0.5) * 256 / shot.shape[1] - 0.5
    np.testing.assert_allclose(found, spots(page)[60], atol=0.6)


@pytest.mark.parametrize("name", sorted(SLIDERS))
def test_every_slider_works_from_the_keyboard(open_figures, face, name):
    page = open_figures(AugmentationPlayground(face))
    before = spots(page)
    slider(page, name).focus()
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert np.abs(spots(page) - before).max() > 0.1


def test_the_forgotten_permutation_is_seen_and_said(open_figures, face):
    page = open_figures(AugmentationPlayground(face))
    assert "not flipped" in said(page) and "NME 0.0 %" in said(page)
    page.get_by_label("permute the indices").uncheck()
    settle(page)
    assert "not flipped" in said(page) and "NME 0.0 %" in said(page)  # nothing to permute
    page.get_by_label("flip", exact=True).check()
    settle(page)
    paired = 2 * len(WFLW_98.mirror_pairs)
    assert f"{paired} of 98 indices are on the wrong part" in said(page)
    assert page.locator(".aw g line").first.is_visible()
    wrong = spots(page)
    assert wrong[60, 0] > wrong[72, 0]  # the left eye's index on the right
    page.get_by_label("permute the indices").check()
    settle(page)
    assert "every index is on its part of the face, NME 0.0 %" in said(page)
    assert not page.locator(".aw g line").first.is_visible()
    np.testing.assert_allclose(spots(page), wrong[list(WFLW_98.mirror)], atol=1e-9)


def test_sides_differ_in_colour_and_in_shape(open_figures, face):
    page = open_figures(AugmentationPlayground(face))
    looks = page.evaluate("""() => [60, 72, 16].map((index) => {
      const mark = document.querySelector(`[data-index="${index}"]`);
      return [getComputedStyle(mark).fill, mark.getAttribute("d")];
    })""")
    assert len({fill for fill, _ in looks}) == len({outline for _, outline in looks}) == 3


def test_indices_can_be_shown(open_figures, face):
    page = open_figures(AugmentationPlayground(face))
    visible = "() => [...document.querySelectorAll('[data-text]')].filter(t => t.style.display !== 'none').map(t => t.textContent)"
    assert page.evaluate(visible) == ["60", "72"]
    page.get_by_label("show all indices").check()
    settle(page)
    assert page.evaluate(visible) == [str(index) for index in range(98)]


def test_reset(open_figures, face):
    page = open_figures(AugmentationPlayground(face, rotation=30, scale=0.9, right=5, down=5, flip=True, permute=False))
    press(page, "Reset")
    np.testing.assert_allclose(spots(page), AugmentationPlayground(face).landmarks, atol=1e-9)
    assert (
        page.get_by_label("permute the indices").is_checked() and not page.get_by_label("flip", exact=True).is_checked()
    )


def test_landmarks_outside_the_crop_are_counted(open_figures, face):
    settings = {"scale": 1.15, "right": 25.0, "down": 25.0}
    figure = AugmentationPlayground(face, **settings)
    moved = map_landmarks(warp({"rotation": 0, "flip": False} | settings).matrix(), figure.landmarks)
    outside = int(((moved < -0.5) | (moved >= 255.5)).any(1).sum())
    assert outside > 1
    assert f"; {outside} landmarks outside the crop." in said(open_figures(figure))


def test_numbers_are_there_to_read(open_figures, face):
    figure = AugmentationPlayground(face, flip=True, permute=False)
    page = open_figures(figure)
    page.get_by_text("Numbers").click()
    row = page.locator("details tbody tr").first
    row.wait_for()
    (x, y), (u, v) = figure.landmarks[60], figure.landmarks[72]
    expected = ["60, left eye 1", f"{x:.1f}, {y:.1f}", f"{255 - x:.1f}, {y:.1f}", f"{255 - u:.1f}, {v:.1f}"]
    assert row.locator("th, td").all_inner_texts() == expected


def test_everything_has_a_name(open_figures, face):
    page = open_figures(AugmentationPlayground(face))
    picture = page.locator("svg.aw-chart")
    assert picture.get_attribute("role") == "img" and len(picture.get_attribute("aria-label").split()) > 5
    labelled = page.evaluate(
        "() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length, i.labels[0]?.textContent])"
    )
    assert {name for name, count, text in labelled if count == 1 and text} == SLIDERS | BOXES
    assert page.locator(".aw-summary").get_attribute("role") == "status"
    for name in SLIDERS:
        assert slider(page, name).get_attribute("aria-valuetext")


def test_two_copies_are_independent(open_figures, face):
    page = open_figures(AugmentationPlayground(face), AugmentationPlayground(face))
    before = [spots(page, figure) for figure in (0, 1)]
    slider(page, "rotation", figure=1).fill("20")
    settle(page)
    np.testing.assert_array_equal(spots(page, 0), before[0])
    assert np.abs(spots(page, 1) - before[1]).max() > 1
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#augmentation-playground", "#augmentation-playground-2"]


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, face, width):
    page = open_figures(AugmentationPlayground(face, flip=True, permute=False), width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme, ink", [("light", "rgb(17, 17, 17)"), ("dark", "rgb(238, 238, 238)")])
def test_words_follow_the_theme_and_the_picture_does_not(open_figures, face, theme, ink):
    page = open_figures(AugmentationPlayground(face), theme=theme)
    color = "node => getComputedStyle(node).color"
    assert page.locator(".aw-summary").evaluate(color) == ink
    assert page.locator(".aw-table td").first.evaluate(color) == ink
    assert page.locator('[data-index="60"]').evaluate("node => getComputedStyle(node).fill") == "rgb(92, 196, 255)"


def test_the_link_reproduces_the_settings(open_figures, face):
    page = open_figures(AugmentationPlayground(face))
    slider(page, "rotation").fill("-33")
    slider(page, "scale").fill("1.07")
    page.get_by_label("flip", exact=True).check()
    page.get_by_label("permute the indices").uncheck()
    settle(page)
    link = page.locator("a.aw-link").get_attribute("href")
    other = open_figures(AugmentationPlayground(face), address=link)
    settle(other)
    np.testing.assert_array_equal(spots(other), spots(page))
    assert said(other) == said(page)


def test_a_bad_link_is_ignored(open_figures, face):
    page = open_figures(
        AugmentationPlayground(face), address="#augmentation-playground?rotation=99&image=x&mirror=1&scale=nan&down="
    )
    np.testing.assert_allclose(spots(page), AugmentationPlayground(face).landmarks, atol=1e-9)


def test_in_jupyter_the_link_is_a_python_call(run_module, face):
    code = run_module(
        """
const state = { rotation: -12, scale: 0.9, right: 3, down: 0, flip: true, permute: false, indices: false };
const model = { get: (name) => state[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "AugmentationPlayground", limits: LIMITS }).textContent;
""",
        source=SOURCE,
    )
    call = ast.parse(code, mode="eval").body
    assert call.func.id == "AugmentationPlayground"
    figure = AugmentationPlayground(face, **{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    assert (figure.rotation, figure.flip, figure.permute) == (-12, True, False)


def test_redraw_times_are_measured(open_figures, face, record_property):
    page = open_figures(AugmentationPlayground(face, indices=True))
    for value in range(-15, 16):
        slider(page, "rotation").fill(str(value))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"augmentation playground: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_the_widget_needs_javascript_and_says_so(face):
    assert "It needs JavaScript" in AugmentationPlayground(face).html()
