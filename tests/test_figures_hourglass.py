"""The drawings of the network show what the network does: boxes, shapes and links follow from the model."""

import pytest
import torch
from matplotlib.colors import to_rgba

from awing_lib import figures
from awing_lib.hourglass import Hourglass, MultiScaleBlock, StackedHourglass, describe


def shapes_only(*arguments, **options):
    with torch.device("meta"):
        return StackedHourglass(*arguments, **options).eval()


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def boxes(figure, color):
    """Number of boxes of a colour; what fills them has no outline."""
    edge = to_rgba(color)
    return sum(patch.get_linewidth() > 0 and patch.get_edgecolor() == edge for patch in figure.axes[0].patches)


def dashed(figure):
    return [line for line in figure.axes[0].lines if line.get_color() == figures.PURPLE and line.is_dashed()]


@pytest.mark.parametrize("stacks, depth, features, side", [(4, 4, 256, 256), (1, 3, 32, 128), (2, 2, 16, 64)])
def test_figure_3_has_one_box_a_part_and_its_shape(stacks, depth, features, side):
    model = shapes_only(98, stacks, depth, features)
    figure, parts = figures.figure_3(model, (side, side)), describe(model, (side, side))
    shown = words(figure)
    assert [text for text in shown if text.startswith("stack ")] == [f"stack {n + 1}" for n in range(stacks)]
    legend = 1
    for kind, text in (("Conv2d", "conv"), ("MultiScaleBlock", "block"), ("CoordConv2d", "Coord\nConv")):
        assert shown.count(text) == sum(part.kind == kind for part in parts)
    assert boxes(figure, figures.RED) == stacks + 1 + legend
    assert boxes(figure, figures.GREEN) == 1 + legend
    for part in parts:
        if (part.name.startswith("stem") and part.kind != "BatchNorm2d") or part.name.endswith("predict"):
            assert f"{part.shape[0]}\n{part.shape[1]}×{part.shape[2]}" in shown
    assert len(dashed(figure)) == stacks - 1


@pytest.mark.parametrize(
    "options", [{"coordconv": False}, {"boundary": False}, {"boundary_threshold": None}, {"stacks": 1}]
)
def test_figure_3_draws_only_what_the_model_has(options):
    model = shapes_only(5, **{"stacks": 3, "depth": 2, "features": 16, **options})
    figure = figures.figure_3(model, (64, 64))
    assert not dashed(figure) and "boundary map" not in words(figure)
    assert ("CoordConv" in words(figure)) == ("Coord\nConv" in words(figure)) == options.get("coordconv", True)
    assert f"{5 + model.boundary}\n16×16" in words(figure)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must be divisible by 64"):
        figures.figure_3(shapes_only(5, 1, 4, 16), (200, 200))


@pytest.mark.parametrize("depth", [1, 3])
def test_the_sides_inside_an_hourglass_are_those_that_run(depth):
    model, seen = StackedHourglass(5, 1, depth, 8).eval(), []
    for module in model.stacks[0].hourglass.modules():
        if isinstance(module, Hourglass):
            module.down.register_forward_hook(lambda _, inputs, output: seen.append(output.shape[-1]))
            module.register_forward_hook(lambda _, inputs, output: seen.append(output.shape[-1]))
    model(torch.zeros(1, 3, 64, 64))
    assert figures.hourglass_sides(model, 16) == [16, *seen]
    figure = figures.inside_hourglass(model, 64)
    levels = [text for text in words(figure) if "\n" in text]
    assert levels == [f"8\n{16 // 2**level}×{16 // 2**level}" for level in range(depth + 1)]
    blocks = sum(isinstance(module, MultiScaleBlock) for module in model.stacks[0].hourglass.modules())
    legend = 1
    assert boxes(figure, figures.AMBER) == blocks + legend
    assert boxes(figure, figures.GREEN) == depth + legend


def test_the_drawings_follow_the_theme():
    html = figures.show(figures.figure_3(shapes_only(5, 2, 2, 16), (64, 64)), "a small network drawn part by part").data
    for name in ("red", "green", "amber", "blue", "purple"):  # teal is mixed of blue and green
        assert f"var(--aw-{name}" in html
    assert "#067082" not in html and "#010203" not in html


@pytest.mark.parametrize("size", [(256, 256), (128, 192)])
def test_nothing_is_cut_off(size):
    for figure in (
        figures.figure_3(shapes_only(98, 2, 4, 16), size),
        figures.inside_hourglass(shapes_only(5, 1, 4, 16)),
    ):
        figure.canvas.draw()
        page = figure.bbox
        for text in figure.axes[0].texts:
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= page.x1 and box.y1 <= page.y1, text.get_text()
