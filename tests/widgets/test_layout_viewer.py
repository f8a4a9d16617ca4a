"""The layout viewer as a reader meets it, on a page without a kernel."""

import ast
import re
import statistics

import numpy as np
import pytest
import traitlets

from awing_lib import widgets
from awing_lib.layouts import LAYOUTS, WFLW_98, LandmarkLayout, LayoutError, convert
from awing_lib.widgets.layout_viewer import LayoutViewer, neutral_face, on_face

from .figure_pages import press, pressed, redraw_times, settle, slider

FLAGS = {"picture", "boundaries", "numbers", "ocular", "pupil", "box"}


def dots(page, figure=0):
    """Index -> [x, y] of each landmark that is drawn, in pixels of the screen."""
    return {
        int(index): [float(x), float(y)]
        for index, x, y in page.locator(".aw")
        .nth(figure)
        .evaluate(
            "el => [...el.querySelectorAll('[data-point]')].map(d => ['data-point', 'cx', 'cy'].map(a => d.getAttribute(a)))"
        )
    }


def heading(page, figure=0):
    return page.locator(".aw h4").nth(figure).inner_text()


def at(page, index):
    """Where a landmark is on the page."""
    box, (x, y) = page.locator("svg.aw-pick").bounding_box(), dots(page)[index]
    return box["x"] + x, box["y"] + y


def curves(page):
    return page.evaluate("() => [...document.querySelectorAll('[data-curve]')].map(c => c.dataset.curve)")


def read_table(page):
    page.get_by_text("Numbers").click()
    page.locator("details tbody tr").first.wait_for()
    return page.evaluate(
        "() => [...document.querySelectorAll('details tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )


def flipped_order(layout):
    """Which point of the face becomes point i when the library flips it."""
    numbered = np.stack([np.zeros(layout.count), np.arange(layout.count)], -1)
    return layout.flip(numbered, 1)[:, 1].astype(int).tolist()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=str)
def test_each_layout_is_drawn_where_its_landmarks_are(open_figures, layout):
    page = open_figures(LayoutViewer(layout.count))
    drawn = np.array([dots(page)[index] for index in range(layout.count)])
    landmarks = convert(neutral_face(), WFLW_98, layout)
    # the same picture up to one scale and one shift
    scale = np.ptp(drawn[:, 0]) / np.ptp(landmarks[:, 0])
    np.testing.assert_allclose(drawn - drawn.mean(0), scale * (landmarks - landmarks.mean(0)), atol=0.1)
    assert curves(page) == list(layout.boundaries)
    assert pressed(page)[0] == layout.name


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=str)
def test_partners_are_those_of_the_librarys_flip(open_figures, layout):
    rows = read_table(open_figures(LayoutViewer(layout.count)))
    assert [int(row[0]) for row in rows] == list(range(layout.count))
    assert tuple(row[1] for row in rows) == layout.points
    assert [int(row[2]) for row in rows] == flipped_order(layout)
    for index, row in enumerate(rows):
        assert row[3] == (", ".join(n for n, run in layout.boundaries.items() if index in run) or "none")


def test_the_chosen_point_and_its_partner_are_marked_and_joined(open_figures):
    layout = LAYOUTS["COFW-29"]
    page = open_figures(LayoutViewer(29))
    middle = np.mean([x for x, _ in dots(page).values()])
    for index, partner in enumerate(flipped_order(layout)):
        slider(page, "point").fill(str(index))
        settle(page)
        assert heading(page) == f"{index}: {layout.points[index]}"
        rings = page.evaluate("() => [...document.querySelectorAll('[data-ring]')].map(r => Number(r.dataset.ring))")
        assert set(rings) == {index, partner}
        joined = [node.get_attribute("data-partner") for node in page.locator("[data-partner]").all()]
        assert joined == ([] if partner == index else [str(partner)])
        # the neutral face is symmetric, so partners lie opposite each other
        (x, y), (px, py) = dots(page)[index], dots(page)[partner]
        assert (x + px) / 2 == pytest.approx(middle, abs=0.5) and y == pytest.approx(py, abs=0.5)


def test_the_curves_of_the_chosen_point_stand_out(open_figures):
    page = open_figures(LayoutViewer(point=60))
    lit = page.evaluate("() => [...document.querySelectorAll('[data-lit]')].map(c => c.dataset.lit)")
    assert set(lit) == {"left upper lid", "left lower lid"}
    assert "lies on the curves left upper lid and left lower lid" in page.locator(".aw-summary").inner_text()
    page.get_by_label("boundary curves").uncheck()
    settle(page)
    assert curves(page) == [] and page.locator("[data-lit]").count() == 0


def test_pupils_are_on_no_curve(open_figures):
    page = open_figures(LayoutViewer(point=96))
    assert "lies on no boundary curve" in page.locator(".aw-summary").inner_text()
    assert "an end of the inter-pupil distance" in page.locator(".aw-summary").inner_text()


def test_a_mouse_that_passes_by_reads_off_points(open_figures):
    page = open_figures(LayoutViewer(point=60))
    page.mouse.move(*at(page, 16))
    settle(page)
    assert heading(page) == "16: contour 17"
    assert "stays where it is when the face is flipped" in page.locator(".aw-summary").inner_text()
    page.mouse.move(5, 5)
    settle(page)
    assert heading(page).startswith("60: ")


def test_a_click_chooses_and_the_arrow_keys_go_on(open_figures):
    page = open_figures(LayoutViewer(point=60))
    x, y = at(page, 8)
    page.mouse.click(x - 6, y + 5)  # the nearest point wins
    page.mouse.move(5, 5)
    settle(page)
    assert heading(page).startswith("8: ")
    for key, expected in (("ArrowRight", 9), ("ArrowLeft", 8), ("ArrowLeft", 7), ("End", 97), ("Home", 0)):
        page.keyboard.press(key)
        settle(page)
        assert heading(page).split(":")[0] == str(expected)


def test_a_finger_chooses_the_nearest_point(open_figures):
    page = open_figures(LayoutViewer(point=60), width=400, has_touch=True)
    press(page, "Nose and mouth")
    x, y = at(page, 85)
    page.touchscreen.tap(x + 2, y + 18)  # well below it, where there is nothing else
    settle(page)
    assert heading(page).startswith("85: ")
    press(page, "Eyes and brows")
    page.touchscreen.tap(*at(page, 74))
    settle(page)
    assert heading(page).startswith("74: ")


def test_points_out_of_view_cannot_be_hit(open_figures):
    page = open_figures(LayoutViewer())
    press(page, "Eyes and brows")
    box = page.locator("svg.aw-pick").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 1)
    page.mouse.move(5, 5)
    settle(page)
    _, y = dots(page)[int(heading(page).split(":")[0])]
    assert y <= box["height"]


def test_a_part_of_the_face_is_larger_and_has_more_indices(open_figures):
    page = open_figures(LayoutViewer(), width=400)

    def look():
        here = dots(page)
        written = page.evaluate(
            "() => [...document.querySelectorAll('[data-label]')].map(t => Number(t.dataset.label))"
        )
        return np.hypot(*np.subtract(here[88], here[92])), sum(76 <= index < 96 for index in written)

    width, written = look()
    press(page, "Nose and mouth")
    near_width, near_written = look()
    assert near_width > 1.5 * width and near_written > written
    assert near_written == 20  # all points of the mouth


def test_a_change_of_layout_stays_at_the_place(open_figures):
    page = open_figures(LayoutViewer(point=72))
    place = dots(page)[72]
    for name, expected in (("iBUG-68", 45), ("COFW-29", 9), ("AFLW-19", 11), ("WFLW-98", 72)):
        press(page, name)
        assert pressed(page)[0] == name
        assert heading(page) == f"{expected}: {LAYOUTS[name].points[expected]}"
        assert dots(page)[expected] == pytest.approx(place, abs=0.1)


def test_normalisers_are_drawn_and_measured_as_in_the_library(open_figures):
    for layout in LAYOUTS.values():
        page = open_figures(LayoutViewer(layout.count, ocular=False))
        landmarks = convert(neutral_face(), WFLW_98, layout)
        for label in ("inter-ocular", "inter-pupil", "box"):
            page.get_by_label(label, exact=True).check()
            settle(page)
            assert page.locator(f'[data-normalizer="{label}"]').count() == 1
            (told,) = re.findall(rf"{label} ([\d.]+) px", page.locator(".aw-facts").inner_text())
            assert float(told) == pytest.approx(float(layout.normalizer(landmarks, label)), rel=6e-3)
            page.get_by_label(label, exact=True).uncheck()
            settle(page)
            assert page.locator("[data-normalizer]").count() == 0


def test_the_ends_of_the_inter_ocular_distance_are_the_outer_corners(open_figures):
    page = open_figures(LayoutViewer(ocular=True))
    d = page.locator('[data-normalizer="inter-ocular"]').get_attribute("d")
    numbers = [float(text) for text in re.findall(r"-?[\d.]+", d)]
    assert numbers[:4] == pytest.approx([*dots(page)[60], *dots(page)[72]], abs=0.01)


def test_the_face_lies_under_its_landmarks(open_figures):
    page = open_figures(LayoutViewer())
    for label in ("Whole face", "Nose and mouth"):
        press(page, label)
        picture = page.locator("svg.aw-pick image")
        x, y, width, height = (float(picture.get_attribute(name)) for name in ("x", "y", "width", "height"))
        assert width == height
        # integer coordinates are pixel centres, so the picture's corner has the coordinates -0.5
        expected = (neutral_face() + 0.5) * width / 256 + [x, y]
        np.testing.assert_allclose([dots(page)[index] for index in range(98)], expected, atol=0.02 * width / 256)
    page.get_by_label("face", exact=True).uncheck()
    settle(page)
    assert picture.count() == 0 and len(dots(page)) == 98


def test_indices_do_not_overlap(open_figures):
    page = open_figures(LayoutViewer(), width=400)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('[data-label]')].filter(t => t.style.visibility !== "hidden").map(t => t.getBBox()).map(b => [b.x, b.y, b.width, b.height])"""
    )
    assert len(boxes) > 30
    # a line of text is a little taller than its digits
    middles = [(x + w / 2, y + h / 2, w, h * 0.6) for x, y, w, h in boxes]
    for i, (x, y, w, h) in enumerate(middles):
        for ox, oy, ow, oh in middles[:i]:
            assert abs(x - ox) > (w + ow) / 2 - 2 or abs(y - oy) > (h + oh) / 2 - 2


def test_everything_has_a_name(open_figures):
    page = open_figures(LayoutViewer())
    figure = page.locator("svg.aw-pick")
    assert figure.get_attribute("role") == "img" and "98 landmarks of WFLW-98" in figure.get_attribute("aria-label")
    labelled = page.evaluate(
        "() => [...document.querySelectorAll('input')].map(i => [i.name, i.labels.length, i.labels[0]?.textContent])"
    )
    assert {name for name, count, text in labelled if count == 1 and text} == FLAGS | {"point"}
    assert page.locator(".aw-summary").get_attribute("role") == "status"
    assert slider(page, "point").get_attribute("aria-valuetext") == "60, left eye 1"
    assert "It needs JavaScript" in LayoutViewer().html()


def test_two_copies_are_independent(open_figures):
    page = open_figures(LayoutViewer(), LayoutViewer(68, point=3))
    press(page, "AFLW-19", figure=1)
    slider(page, "point", figure=1).fill("18")
    settle(page)
    assert [len(dots(page, figure)) for figure in (0, 1)] == [98, 19]
    assert [heading(page, figure) for figure in (0, 1)] == ["60: left eye 1", "18: chin"]
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(ids) == len(set(ids))
    links = [link.get_attribute("href").split("?")[0] for link in page.locator("a.aw-link").all()]
    assert links == ["#layout-viewer", "#layout-viewer-2"]


@pytest.mark.parametrize("width", [400, 320])
def test_fits_a_telephone(open_figures, width):
    page = open_figures(LayoutViewer(box=True), width=width)
    for label in ("Whole face", "Eyes and brows", "Nose and mouth"):
        press(page, label)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.locator("svg.aw-pick").bounding_box()["width"] > 0.7 * width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_follow_the_theme(open_figures, theme):
    page = open_figures(LayoutViewer(), theme=theme)
    fills = page.evaluate("() => [...document.querySelectorAll('[data-point]')].map(p => getComputedStyle(p).fill)")
    left, midline, right = {
        "light": ("rgb(11, 108, 176)", "rgb(139, 44, 143)", "rgb(181, 117, 0)"),
        "dark": ("rgb(109, 184, 242)", "rgb(224, 139, 228)", "rgb(240, 184, 64)"),
    }[theme]
    assert [fills[index] for index in (60, 0, 16, 72, 32)] == [left, left, midline, right, right]


def test_the_link_reproduces_the_settings(open_figures):
    page = open_figures(LayoutViewer())
    press(page, "iBUG-68")
    slider(page, "point").fill("36")
    page.get_by_label("box", exact=True).check()
    page.get_by_label("indices").uncheck()
    settle(page)
    link = page.locator("a.aw-link").get_attribute("href")
    other = open_figures(LayoutViewer(), address=link)
    assert other.locator("a.aw-link").get_attribute("href") == link
    assert other.locator("svg.aw-pick").inner_html() == page.locator("svg.aw-pick").inner_html()
    assert other.locator(".aw-summary").inner_text() == page.locator(".aw-summary").inner_text()


@pytest.mark.parametrize(
    "query, chosen", [("count=50", 60), ("count=19&point=97", 18), ("point=-1&count=nan", 60), ("point=3.4", 3)]
)
def test_a_bad_link_does_no_harm(open_figures, query, chosen):
    page = open_figures(LayoutViewer(), address=f"#layout-viewer?{query}")
    assert heading(page).split(":")[0] == str(chosen)
    drawn = re.sub('href="data:[^"]*"', "", page.locator(".aw").inner_html())  # a picture may spell anything
    assert "NaN" not in drawn and "Infinity" not in drawn


def test_ones_own_layout_can_be_looked_at(open_figures):
    layout = LandmarkLayout("mine", ("left eye", "right eye", "chin"), ((0, 1),), {"side": (0, 2)})
    page = open_figures(LayoutViewer(layouts=[on_face(layout, np.array([[80, 90], [160, 90], [120, 190]]))], point=0))
    assert len(dots(page)) == 3 and heading(page) == "0: left eye"
    assert page.get_by_role("group", name="Part of the face").get_by_role("button").all_inner_texts() == ["Whole face"]
    assert "NaN" not in page.locator(".aw").inner_html()
    assert [text.split()[0] for text in page.locator(".aw-facts li").all_inner_texts()] == ["box"]
    # there is no picture of this face, and no eye corner to measure from
    names = page.evaluate("() => [...document.querySelectorAll('input[type=checkbox]')].map(i => i.name)")
    assert set(names) == {"boundaries", "numbers", "box"}


def test_redraw_times_are_measured(open_figures, record_property):
    page = open_figures(LayoutViewer())
    for value in range(30):
        slider(page, "point").fill(str(3 * value))
        settle(page)
    times = redraw_times(page)
    record_property("median redraw, ms", statistics.median(times))
    print(f"layout viewer: median redraw {statistics.median(times):.2f} ms of {len(times)}")
    assert len(times) >= 30


def test_a_count_that_no_layout_has_is_refused():
    with pytest.raises(traitlets.TraitError, match=r"one of \[98, 68, 29, 19\], not 5"):
        LayoutViewer(5)


def test_landmarks_that_do_not_belong_to_the_layout_are_refused():
    landmarks = convert(convert(neutral_face(), WFLW_98, LAYOUTS["iBUG-68"]), LAYOUTS["iBUG-68"], LAYOUTS["COFW-29"])
    for wrong in (landmarks, np.zeros((28, 2))):  # brow edges that 68 points do not determine; too few
        with pytest.raises(LayoutError, match=r"'COFW-29': expected finite landmarks \(29, 2\), got"):
            on_face(LAYOUTS["COFW-29"], wrong)


def test_html_is_the_same_in_every_build():
    first, second = (LayoutViewer().html() for _ in range(2))
    assert (
        first.split("const state")[1].split("figure.render")[0]
        == second.split("const state")[1].split("figure.render")[0]
    )


def test_in_jupyter_the_link_is_a_python_call(run_module):
    figure = LayoutViewer(29, point=7, box=True)
    names = ("layouts", "count", "point", *sorted(FLAGS))
    code = run_module(
        """
const model = { get: (name) => data[name], on() {} };
result = settingsLink(model, {}, { anchor: "a", call: "LayoutViewer", limits: LIMITS }).textContent;
""",
        {name: getattr(figure, name) for name in names},
        source=widgets.module("layout_viewer"),
    )
    call = ast.parse(code, mode="eval").body
    assert call.func.id == "LayoutViewer"
    again = LayoutViewer(**{k.arg: ast.literal_eval(k.value) for k in call.keywords})
    assert [getattr(again, name) for name in names] == [getattr(figure, name) for name in names]
