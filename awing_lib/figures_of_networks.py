"""Static figures of the stacked hourglass (figure 3 of the paper), drawn from the modules of a model."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from awing_lib.figure_style import AMBER, BLUE, CSS_COLORS, GREEN, INK, PURPLE, RED, new_figure
from awing_lib.hourglass import Hourglass, StackedHourglass, describe

_TEAL = "#067082"  # between the palette's blue and green; each theme mixes its own
CSS_COLORS[_TEAL] = f"color-mix(in oklch, {CSS_COLORS[BLUE]} 50%, {CSS_COLORS[GREEN]})"

# what a part is called in the drawings, and its colour: figure 3 of the paper has convolutions in yellow, CoordConv in
# red, pooling in green and hourglasses in teal. Norms are not drawn.
_PART_STYLES = {
    "Conv2d": ("conv", AMBER),
    "MultiScaleBlock": ("block", AMBER),
    "CoordConv2d": ("Coord\nConv", RED),
    "AvgPool2d": ("pool", GREEN),
    "Hourglass": ("hourglass", _TEAL),
}


class _Plan:
    """A drawing in points, y downwards, on a figure without axes: boxes, lines and words."""

    def __init__(self, width: float, height: float) -> None:
        self.figure, self.axes = new_figure(width / 72, height / 72)
        self.figure.set_layout_engine("none")
        self.axes.set_position((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.set_axis_off()

    def box(
        self, x: float, y: float, width: float, height: float, color: str, text: str = "", size: float = 10
    ) -> None:
        """Centred on (x, y)."""
        shape = {"xy": (x - width / 2, y - height / 2), "width": width, "height": height}
        self.axes.add_patch(mpl.patches.Rectangle(**shape, facecolor=color, alpha=0.2, linewidth=0))
        self.axes.add_patch(mpl.patches.Rectangle(**shape, facecolor="none", edgecolor=color, linewidth=1.4))
        self.words(x, y, text, 11, va="center")

    def words(self, x: float, y: float, text: str, size: float = 10, **style: object) -> None:
        self.axes.text(x, y, text, **{"fontsize": size, "ha": "center", "va": "top", "linespacing": 1.1, **style})

    def line(self, *points: tuple[float, float], color: str = INK, head: bool = True, **style: object) -> None:
        self.axes.plot(*zip(*points, strict=True), color=color, **{"lw": 1.1, "solid_capstyle": "butt", **style})
        if head:
            (x0, y0), (x1, y1) = points[-2:]
            marker = {(True, False): ">", (False, False): "<"}.get((x1 > x0, x1 == x0), "v" if y1 > y0 else "^")
            back = {">": (-2, 0), "<": (2, 0), "v": (0, -2), "^": (0, 2)}[marker]
            self.axes.plot(x1 + back[0], y1 + back[1], marker, color=color, markersize=4, markeredgewidth=0)

    def plus(self, x: float, y: float) -> None:
        self.axes.plot(x, y, "o", markersize=9, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1)
        self.axes.plot(x, y, "+", markersize=6, color=INK, markeredgewidth=1)

    def hourglass(self, x: float, y: float, width: float, height: float, sides: list[int]) -> None:
        """One bar per size on the way down and up."""
        steps = np.linspace(x - width / 2, x + width / 2, len(sides))
        for place, side in zip(steps, sides, strict=True):
            share = (1 + np.log2(side / min(sides))) / (1 + np.log2(max(sides) / min(sides)))
            self.box(place, y, min(6, 0.7 * width / len(sides)), height * share, _TEAL)


def hourglass_sides(model: StackedHourglass, side: int) -> list[int]:
    """Sides of the maps inside an hourglass that takes maps of this side, from the first down to the last up."""
    hourglass, down = model.stacks[0].hourglass, [side]
    while isinstance(hourglass, Hourglass):
        down.append(down[-1] // 2)
        hourglass = hourglass.inner
    return down + down[-2::-1]


def figure_3(model: StackedHourglass, size: tuple[int, int] = (256, 256)) -> Figure:
    """Figure 3 of the paper: the network, drawn from what ``describe`` measures on this very model.

    Args:
        model: the model to draw, of any size and with any options.
        size: height and width of the images, pixels.

    Raises:
        ValueError: the size does not fit the model.
    """
    rows: dict[str, dict] = {}
    for part in describe(model, size):  # "stacks.0.top" is drawn as "top" in the row "stacks.0"
        row, name = part.name.rsplit(".", 1)
        if part.kind in _PART_STYLES:
            rows.setdefault(row, {})[name] = part
    stem, *stacks = rows.values()
    first, step = 174, 130  # from the top to the first stack, and from stack to stack
    last = first + step * (len(stacks) - 1)
    plan = _Plan(374, last + 92)
    _draw_stem(plan, list(stem.values()), size, first)
    for index, (parts, stack) in enumerate(zip(stacks, model.stacks, strict=True)):
        sides, y = hourglass_sides(model, parts["hourglass"].shape[1]), first + step * index
        _draw_stack(plan, index, parts, sides, y, model.boundary)
        if stack.sees_boundary:  # from the maps of the stack above
            top = first + step * (index - 1)
            path = [(358, top), (368, top), (368, top + 92), (40, top + 92), (40, first + step * index - 22)]
            plan.line(*path, color=PURPLE, linestyle=(0, (4, 2)))
            plan.words(364, top + 95, "boundary map", color=PURPLE, ha="right")
    kinds = {part.kind for parts in rows.values() for part in parts.values()}
    names = {"Conv2d": "convolutions", "CoordConv2d": "CoordConv", "AvgPool2d": "pooling", "Hourglass": "hourglass"}
    shown = [(name, _PART_STYLES[kind][1]) for kind, name in names.items() if kind in kinds]
    for x, (name, color) in zip(np.linspace(14, 296, len(shown)), shown, strict=True):
        plan.box(x, last + 74, 14, 14, color)
        plan.words(x + 11, last + 74, name, 10, ha="left", va="center")
    return plan.figure


def _draw_stem(plan: _Plan, parts: list, size: tuple[int, int], first: float) -> None:
    """One box a part, its height for its output's; the sides halve, so the scale is logarithmic."""
    y, places = 62, np.linspace(28, 346, len(parts) + 1)
    plan.words(6, 4, "stem", 11, ha="left", fontweight="bold")
    plan.box(places[0], y, 42, 74, INK, "image")
    plan.words(places[0], y + 40, f"3\n{size[0]}×{size[1]}")
    for x, before, part in zip(places[1:], places, parts, strict=False):
        text, color = _PART_STYLES[part.kind]
        plan.line((before + 21, y), (x - 21, y))
        plan.box(x, y, 42, 74 + 15 * np.log2(part.shape[1] / size[0]), color, text)
        plan.words(x, y + 40, f"{part.shape[0]}\n{part.shape[1]}×{part.shape[2]}")
    plan.line((places[-1] + 21, y), (371, y), (371, first - 46), (8, first - 46), (8, first), (21, first))


def _draw_stack(plan: _Plan, index: int, parts: dict, sides: list[int], y: float, boundary: bool) -> None:
    """One row: entry, hourglass, block, two convolutions, maps; below it what goes to the next stack, if any."""
    plan.words(46, y - 25, f"stack {index + 1}", 11, ha="left", va="bottom", fontweight="bold")
    for name, x, width in (("entry", 40, 38), ("top", 180, 38), ("mix", 228, 34), ("predict", 276, 34)):
        text, color = _PART_STYLES[parts[name].kind]
        plan.box(x, y, width, 44, color, text)
    plan.hourglass(110, y, 76, 44, sides)
    channels, height, width = parts["predict"].shape
    for back in (8, 4, 0):
        plan.box(334 + back, y - 4 + back, 36, 36, PURPLE if back == 8 and boundary else INK)
    for start, end in ((59, 68), (152, 161), (199, 211), (245, 259), (293, 316)):
        plan.line((start, y), (end, y))
    plan.words(110, y + 25, f"{sides[0]} → {min(sides)} → {sides[-1]}")
    for x, shape in ((40, parts["entry"].shape), (180, parts["top"].shape), (338, (channels, height, width))):
        plan.words(x, y + 25, f"{shape[0]}\n{shape[1]}×{shape[2]}")
    if "carry_features" in parts:
        for name, x in (("carry_features", 252), ("carry_maps", 302)):
            plan.line((x, y), (x, y + 47))
            plan.box(x, y + 57, 34, 20, _PART_STYLES[parts[name].kind][1], _PART_STYLES[parts[name].kind][0])
            plan.line((x, y + 67), (x, y + 80), (13, y + 80), head=x < 300)
        plan.line((8, y), (8, y + 75))
        plan.plus(8, y + 80)
        plan.line((8, y + 85), (8, y + 130), (21, y + 130))


def inside_hourglass(model: StackedHourglass, side: int = 256) -> Figure:
    """The first hourglass of a model for square images of this side: one row a size, and the blocks that work there."""
    part = next(part for part in describe(model, (side, side)) if part.kind == "Hourglass")
    sides = hourglass_sides(model, part.shape[1])
    depth, step = len(sides) // 2, 48
    places = np.linspace(90, 342, 2 * depth + 1)  # the way down, the middle, the way up
    plan = _Plan(374, step * depth + 76)
    for level in range(depth + 1):
        y, below = 20 + step * level, 20 + step * (level + 1)
        plan.words(4, y, f"{part.shape[0]}\n{sides[level]}×{sides[level]}", ha="left", va="center")
        blocks = [places[level - 1], places[depth], places[-level]] if level else [places[depth]]
        ends = [blocks[0] + 12, blocks[-1] - 12] if level else [56, 370]
        if level < depth:  # a fork, and a sum above the next row's last block
            fork, total = places[level], places[-1 - level]
            for x, start, end, color in ((fork, y, below - 12, GREEN), (total, below - 12, y + 5, INK)):
                plan.line((x, start), (x, end))
                plan.box(x, (y + below) / 2, 18, 11, color)
            plan.plus(total, y)
            plan.line((ends[0], y), (places[depth] - 12, y))
            plan.line((places[depth] + 12, y), (total - 5, y))
            plan.line((total + 5, y), (ends[1], y))
        else:
            plan.line((ends[0], y), (places[depth] - 12, y))
            plan.line((places[depth] + 12, y), (ends[1], y))
        for x in blocks:
            plan.box(x, y, 24, 24, AMBER)
    legend = (("block", AMBER, 24), ("average pooling", GREEN, 94), ("each pixel becomes 2×2", INK, 216))
    for name, color, x in legend:
        plan.box(x, step * depth + 60, 14, 12, color)
        plan.words(x + 11, step * depth + 60, name, 10, ha="left", va="center")
    return plan.figure
