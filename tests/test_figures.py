"""The static figures: drawn from the library, readable without seeing them, in both themes."""

import numpy as np
import pytest

from awing_lib import figures
from awing_lib.datasets import SyntheticFaces
from awing_lib.losses import adaptive_wing_loss


@pytest.mark.parametrize("draw", [figures.figure_4a, figures.figure_4b, figures.figure_5])
def test_figures_of_the_paper_have_axes_labels_and_a_legend(draw):
    (axes,) = draw().axes
    assert axes.get_xlabel() == "prediction − target" and axes.get_ylabel()
    assert len(axes.get_legend().texts) == len(axes.lines) >= 4


def test_figure_4_draws_what_the_library_computes():
    import torch

    (axes,) = figures.figure_4a().axes
    curve = next(line for line in axes.lines if line.get_label() == "AWing, y = 1")
    error = torch.from_numpy(np.asarray(curve.get_xdata()))
    expected = adaptive_wing_loss(1 + error, torch.ones_like(error), reduction="none")
    np.testing.assert_allclose(curve.get_ydata(), expected, rtol=1e-12)


def test_figure_4_has_the_colours_that_the_paper_names():
    (axes,) = figures.figure_4b().axes
    colors = {line.get_label().split(" (")[0]: line.get_color() for line in axes.lines}
    assert colors["MSE"] == figures.RED and colors["Wing"] == figures.AMBER  # a yellow that can be read on white
    assert colors["AWing, y = 0"] == figures.PURPLE and colors["AWing, y = 1"] == figures.GREEN


def test_shown_figures_follow_the_theme_and_are_the_same_in_every_build():
    alt = "the gradients of four losses over the error"
    html = figures.show(figures.figure_4b(), alt).data
    assert html == figures.show(figures.figure_4b(), alt).data
    assert f'aria-label="{alt}"' in html and "currentColor" in html
    assert "var(--aw-green" in html and "#010203" not in html


def test_a_useless_text_alternative_is_refused():
    with pytest.raises(ValueError, match="alt should describe"):
        figures.show(figures.figure_5(), "a plot")


def test_heatmap_grid_keeps_one_scale():
    figure = figures.heatmap_grid([np.zeros((4, 4)), np.ones((4, 4))], ["low", "high"])
    assert [panel.images[0].get_clim() for panel in figure.axes] == [(0, 1), (0, 1)]
    assert [panel.get_title() for panel in figure.axes] == ["low", "high"]


def test_landmarks_on_photos_are_coloured_by_their_index():
    from matplotlib.colors import to_hex

    from awing_lib.layouts import WFLW_98

    landmarks = np.random.default_rng(0).uniform(0, 20, (98, 2))
    figure = figures.face_grid([np.zeros((20, 30, 3), np.uint8)] * 3, [landmarks] * 3, ["a", "b", "c"], columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c", ""]
    left, right, middle = figure.axes[0].lines
    pairs = np.array(WFLW_98.mirror_pairs)
    for line, indices in ((left, sorted(pairs[:, 0])), (right, sorted(pairs[:, 1]))):
        np.testing.assert_array_equal(line.get_xydata(), landmarks[indices])
    assert len(middle.get_xydata()) == 98 - pairs.size
    assert len({(to_hex(line.get_markerfacecolor()), line.get_marker()) for line in (left, right, middle)}) == 3
    assert figure.axes[0].get_xlim() == (-0.5, 29.5) and figure.axes[0].get_ylim() == (19.5, -0.5)


def test_photos_are_stored_as_jpeg_and_look_the_same():
    import base64
    import re

    import cv2

    photo = np.zeros((64, 64, 3), np.uint8)
    photo[..., 0], photo[..., 1] = (
        np.arange(64) * 4,
        np.arange(64)[:, None] * 4,
    )  # redder to the right, greener downwards
    alt = "a photo that gets redder to the right"
    figure = figures.face_grid([photo], [np.full((98, 2), -9.0)], [""])
    html = figures.show_photos(figure, alt).data
    assert "image/png" not in html and f'aria-label="{alt}"' in html
    (data,) = re.findall(r"data:image/jpeg;base64,([^\"]+)", html)
    # matplotlib stores pictures upside down and turns them by a transform
    stored = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)[::-1, :, ::-1]
    expected = cv2.resize(photo, stored.shape[1::-1], interpolation=cv2.INTER_AREA)
    inside = (slice(4, -4), slice(4, -4))
    assert np.abs(stored[inside].astype(int) - expected[inside]).mean() < 6


def test_a_photo_that_a_figure_shows_often_is_stored_once():
    import re

    one, other = (sample.image for sample in SyntheticFaces(2, seed=1))
    figure, axes = figures.new_figure(4, 4, nrows=2, ncols=2)
    for panel, image in zip(axes.flat, (one, other, one, one), strict=True):
        panel.imshow(image, interpolation="none")
    html = figures.show_photos(figure, "one face three times and another one").data
    stored = re.findall(r'<image href="data:image/jpeg;base64,[^"]*" id="(\w+)"', html)
    assert len(set(stored)) == 2 and html.count("base64") == 2
    used = re.findall(r'<use href="#(\w+)" (transform="[^"]*")', html)
    photos = [(name, place) for name, place in used if name in stored]
    first, second = stored
    assert [name for name, _ in photos] == [first, second, first, first] and len({place for _, place in photos}) == 4


def test_figures_carry_no_ballast():
    figure, axes = figures.new_figure(3, 2)
    angles = np.linspace(0, 9, 200)
    axes.plot(angles, np.sin(angles) / 3, "o-")
    html = figures.show(figure, "a wave of many dots with lines between").data
    assert "<metadata" not in html and "xlink:href" not in html
    paths = [part.split('"')[0] for part in html.split(' d="')[1:]]
    assert max(len(number.partition(".")[2]) for path in paths for number in path.split()) == 2
    names = [part.split('"')[0] for part in html.split(' id="')[1:]]
    assert len(names) == len(set(names))
    assert all(part.split('"')[0] in names for part in html.split('href="#')[1:])


def test_markers_share_their_style():
    figure, axes = figures.new_figure(3, 2)
    axes.plot(range(50), range(50), "o", color=figures.BLUE)
    html = figures.show(figure, "fifty blue dots on a rising line")
    dots = html.data.split('<g clip-path="')[1].split("</g>")[0]
    assert dots.count("<use") == 50 and dots.count("style=") == dots.count("var(--aw-blue") // 2 == 1
    assert dots.index("style=") < dots.index("<use")


def test_a_sheet_of_faces_draws_hidden_landmarks_hollow():
    samples = list(SyntheticFaces(5, seed=1))
    figure = figures.face_sheet(samples, columns=3, titles=tuple("abcde"))
    panels = figure.axes
    assert len(panels) == 6 and [panel.get_title() for panel in panels] == [*"abcde", ""]
    for panel, sample in zip(panels, samples, strict=False):
        seen, hidden = panel.lines
        assert len(seen.get_xdata()) == sample.visible.sum() and len(hidden.get_xdata()) == (~sample.visible).sum()
        assert hidden.get_markerfacecolor() == "none" != seen.get_markerfacecolor()
        assert np.array_equal(np.asarray(panel.images[0].get_array()), sample.image)
