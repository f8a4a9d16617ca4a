"""Static figures of the book: drawn by matplotlib, shown as inline SVG that follows light and dark mode."""

import base64
import io
import re
from html import escape

import cv2
import matplotlib as mpl
import numpy as np
import torch
from IPython.display import HTML
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from torch.nn import functional as F

from awing_lib.coordconv import boundary_coordinates, coordinate_channels
from awing_lib.heatmaps import loss_weight_map
from awing_lib.hourglass import Hourglass, StackedHourglass, describe
from awing_lib.layouts import WFLW_98, LandmarkLayout
from awing_lib.losses import adaptive_wing_loss, wing_loss

# One colour a loss, the same in the interactive figures (widgets/figure.css); safe for colour-blind readers and always
# paired with a dash pattern. The names are the CSS variables that carry each theme's shade.
RED, BLUE, AMBER, GREEN, PURPLE = "#c1440e", "#0b6cb0", "#b57500", "#00785a", "#8b2c8f"
_CSS_COLORS = {
    color: f"var(--aw-{name}, {color})"
    for color, name in {RED: "red", BLUE: "blue", AMBER: "amber", GREEN: "green", PURPLE: "purple"}.items()
}
LOSS_STYLES = {
    "MSE": {"color": RED, "linestyle": (0, (7, 3))},
    "L1": {"color": BLUE, "linestyle": (0, (2, 3))},
    "Wing": {"color": AMBER, "linestyle": (0, (9, 3, 2, 3))},
    "AWing": {"color": GREEN, "linestyle": "-"},
}
_INK = "#010203"  # stands for the text colour of the page
_STYLE = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 11,
    "axes.titlesize": 12,
    "lines.linewidth": 2,
    "svg.fonttype": "path",
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), _INK
    ),
}


def new_figure(width: float = 7.2, height: float = 3.2, **subplots: object) -> tuple[Figure, object]:
    """A figure and its axes in the book's style; size in inches, ``subplots`` as for ``Figure.subplots``."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(**subplots)


def show(figure: Figure, alt: str) -> HTML:
    """The figure as inline SVG with ``alt``, what a reader who cannot see it should know.

    Raises:
        ValueError: ``alt`` is too short to be useful.
    """
    if len(alt.split()) < 6:
        raise ValueError(f"alt should describe what the figure shows, got {alt!r}")
    _follow_page(figure)
    buffer = io.StringIO()
    # the salt keeps the ids inside the SVG the same in every build and different between the figures of a page
    with mpl.rc_context({**_STYLE, "svg.hashsalt": alt}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = re.sub(r"\s*\n\s*", "\n", buffer.getvalue()[buffer.getvalue().index("<svg") :])  # without indentation
    svg = re.sub(r'(<g clip-path="[^"]*")>((?:\s*<use [^>]*/>)+\s*</g>)', _share_style, svg)
    size = r'width="([\d.]+)pt" height="[\d.]+pt"'
    svg = re.sub(size, r'style="width:100%;max-width:\1pt;height:auto"', svg, count=1)
    svg = svg.replace(_INK, "currentColor").replace("#000000", "currentColor")
    for color, css in _CSS_COLORS.items():
        svg = svg.replace(color, css)
    return HTML(f'<div class="book-figure" role="img" aria-label="{escape(alt)}">{svg}</div>')


def _share_style(group: re.Match) -> str:
    """Markers with one style for all of them instead of one each, at tenths of a point: a third of the size."""
    styles = set(re.findall(r' style="[^"]*"', group[2]))
    if len(styles) != 1:
        return group[0]
    (style,) = styles
    return f"{group[1]}{style}>" + re.sub(r"(\.\d)\d+", r"\1", group[2].replace(style, ""))


def _follow_page(figure: Figure) -> None:
    """Give what was added after :func:`new_figure` (legends, notes, colour bars) the page's colours too."""
    for legend in figure.findobj(Legend):
        legend.set_frame_on(False)
    for text in figure.findobj(Text):
        if mpl.colors.to_hex(text.get_color()) == "#000000":
            text.set_color(_INK)


def pixel_losses() -> dict[str, object]:
    """The losses that the book compares, per pixel: name -> function of (prediction, target), both (N,)."""
    return {
        "MSE": lambda p, y: F.mse_loss(p, y, reduction="none"),
        "L1": lambda p, y: F.l1_loss(p, y, reduction="none"),
        "Wing": lambda p, y: wing_loss(p, y, reduction="none"),
        "AWing": lambda p, y: adaptive_wing_loss(p, y, reduction="none"),
    }


def value_and_slope(loss: object, error: np.ndarray, y: float) -> tuple[np.ndarray, np.ndarray]:
    """A per-pixel loss and its derivative, by autograd, at the predictions ``y + error`` (N,) for the target ``y``."""
    target = torch.full((len(error),), float(y), dtype=torch.float64)
    prediction = (target + torch.from_numpy(error)).requires_grad_()
    value = loss(prediction, target)
    (slope,) = torch.autograd.grad(value.sum(), prediction)
    return value.detach().numpy(), slope.numpy()


# Figure 4 of the paper names these colours: y = 0 purple beside MSE in red, y = 1 green beside Wing in yellow.
# Its axes and the parameters of its Wing curve are not given, so both are this book's.
_FIGURE_4 = [
    ("MSE", "MSE", 0.0, LOSS_STYLES["MSE"]),
    ("Wing", "Wing (width 10,\ncurvature 2)", 0.0, LOSS_STYLES["Wing"]),
    ("AWing", "AWing, y = 0", 0.0, {"color": PURPLE, "linestyle": "-"}),
    ("AWing", "AWing, y = 1", 1.0, {"color": GREEN, "linestyle": "-"}),
]


def _figure_4(part: int, ylabel: str) -> Figure:
    figure, axes = new_figure(5.6, 3.6)
    error = np.linspace(-1, 1, 801)
    for name, label, y, style in _FIGURE_4:
        curve = value_and_slope(pixel_losses()[name], error, y)[part]
        if part == 1 and name == "Wing":
            curve[error == 0] = np.nan  # a jump, not a steep line
        axes.plot(error, curve, label=label, **style)
    axes.set(xlabel="prediction − target", ylabel=ylabel, xticks=np.linspace(-1, 1, 5))
    # the one free place of each part: above the valley, and left of the rise
    axes.legend(loc=["upper center", "upper left"][part], handlelength=2.8, fontsize=10)
    return figure


def figure_4a() -> Figure:
    """Figure 4a of the paper: loss over the error for MSE, Wing and Adaptive Wing at y = 0 and y = 1; axes are ours."""
    return _figure_4(0, "loss")


def figure_4b() -> Figure:
    """Figure 4b of the paper: the gradients of the losses of figure 4a; axes are ours."""
    return _figure_4(1, "gradient")


def figure_5(targets: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)) -> Figure:
    """Figure 5 of the paper: the logarithmic part of Adaptive Wing, |error| < theta, for several y; axes are ours."""
    figure, axes = new_figure(5.6, 3.6)
    error = np.linspace(-0.5, 0.5, 501)
    dashes = ["-", (0, (8, 2)), (0, (5, 2)), (0, (3, 2)), (0, (1, 1.2))]
    for index, y in reversed(list(enumerate(targets))):  # so that the legend has the order of the curves
        loss, _ = value_and_slope(pixel_losses()["AWing"], error, y)
        axes.plot(error, loss, label=f"y = {y:g}", color=target_color(y), linestyle=dashes[index % len(dashes)])
    axes.set(xlabel="prediction − target", ylabel="loss", xticks=np.linspace(-0.5, 0.5, 5))
    axes.legend(loc="upper center", handlelength=2.8, fontsize=10)
    return figure


def target_color(y: float) -> str:
    """The colour of a target: purple for y = 0 and green for y = 1 as in figure 4 of the paper, mixtures between."""
    color = mpl.colors.to_hex((1 - y) * np.array(mpl.colors.to_rgb(PURPLE)) + y * np.array(mpl.colors.to_rgb(GREEN)))
    mixture = f"color-mix(in oklch, {_CSS_COLORS[GREEN]} {100 * y:g}%, {_CSS_COLORS[PURPLE]})"
    _CSS_COLORS.setdefault(color, mixture)  # the page mixes its own theme's shades, as the interactive figures do
    return color


def heatmap_grid(maps: list[np.ndarray], titles: list[str], *, columns: int | None = None, limits=(0.0, 1.0)) -> Figure:
    """Heatmaps (H, W), or images (H, W, 3) in [0, 1], side by side on one common colour scale given by ``limits``."""
    columns = columns or len(maps)
    rows = -(-len(maps) // columns)
    figure, axes = new_figure(1.75 * columns, 2.1 * rows, nrows=rows, ncols=columns, squeeze=False)
    for index, panel in enumerate(axes.flat):
        panel.set_axis_off()
        if index < len(maps):
            panel.imshow(maps[index], vmin=limits[0], vmax=limits[1], cmap="magma", interpolation="nearest")
            panel.set_title(titles[index], fontsize=10)
    return figure


# Landmarks by the half of the face that their index means; the same in widgets/augmentation_playground.js. A photo has
# no dark mode, so these are plain colours, with a dark rim that keeps them apart from any skin.
LANDMARK_STYLES = {
    "left": {"marker": "o", "markerfacecolor": "#5cc4ff"},
    "right": {"marker": "s", "markerfacecolor": "#ffb000"},
    "middle": {"marker": "D", "markerfacecolor": "#ffffff"},
}


def draw_face(panel, image: np.ndarray, landmarks: np.ndarray, *, layout: LandmarkLayout = WFLW_98) -> None:
    """A photo (H, W, 3) uint8 with its landmarks (L, 2), pixels: left half, right half and midline by their index."""
    height, width = image.shape[:2]
    panel.imshow(image, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    sides = np.full(layout.count, "middle")
    for left, right in layout.mirror_pairs:  # the image's left comes first
        sides[left], sides[right] = "left", "right"
    for side, style in LANDMARK_STYLES.items():
        points = landmarks[sides == side]
        size = {"markersize": 2.2, "markeredgecolor": "#1b1b1f", "markeredgewidth": 0.3}
        panel.plot(*points.T, linestyle="", **style, **size)
    panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    panel.set_axis_off()


def face_grid(images, landmarks, titles, *, layout: LandmarkLayout = WFLW_98, columns: int | None = None) -> Figure:
    """Photos with their landmarks side by side, see :func:`draw_face`; display with :func:`show_photos`."""
    columns = columns or len(images)
    rows, width = -(-len(images) // columns), min(2.4, 7.2 / columns)
    height = (width + 0.32 * any(titles)) * rows
    figure, axes = new_figure(width * columns, height, nrows=rows, ncols=columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, image, points, title in zip(axes.flat, images, landmarks, titles, strict=False):
        draw_face(panel, image, points, layout=layout)
        panel.set_title(title, fontsize=14)  # a telephone shows the figure half as large
    return figure


def show_photos(figure: Figure, alt: str) -> HTML:
    """:func:`show` for figures with photos, which it stores as JPEG: a fifth of their PNG's size."""

    def as_jpeg(found: re.Match) -> str:
        png = np.frombuffer(base64.b64decode(found[1]), np.uint8)
        jpeg = cv2.imencode(".jpg", cv2.imdecode(png, cv2.IMREAD_COLOR), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
        return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()

    return HTML(re.sub(r"data:image/png;base64,([\w+/=\s]+)", as_jpeg, show(figure, alt).data))


def face_sheet(samples, *, columns: int = 4, side: float = 1.8, titles: tuple[str, ...] = ()) -> Figure:
    """Faces of a data set (:class:`FaceSample`) with their landmarks, hidden ones hollow; for :func:`show_photos`.

    Args:
        samples: the faces.
        columns: faces in a row.
        side: size of a face, inches.
        titles: what to write above each face, if anything.
    """
    rows = -(-len(samples) // columns)
    height = side + 0.3 * bool(titles)
    figure, axes = new_figure(side * columns, height * rows, nrows=rows, ncols=columns, squeeze=False)
    look = {"linestyle": "", "marker": "o", "markersize": 0.8 + 0.8 * side}
    filled = {"markerfacecolor": "#5cc4ff", "markeredgecolor": "#1b1b1f", "markeredgewidth": 0.3}
    hollow = {"markerfacecolor": "none", "markeredgecolor": "#ffb000", "markeredgewidth": 0.7}
    for panel in axes.flat:
        panel.set_axis_off()
    for place, (panel, sample) in enumerate(zip(axes.flat, samples, strict=False)):
        pixels_down, pixels_across = sample.image.shape[:2]
        panel.imshow(sample.image, interpolation="none")  # as it is, for screens with more pixels than a figure has
        for shown, style in ((sample.visible, filled), (~sample.visible, hollow)):
            panel.plot(*sample.landmarks[shown].T, **look, **style)
        panel.set(xlim=(-0.5, pixels_across - 0.5), ylim=(pixels_down - 0.5, -0.5))
        if titles:
            panel.set_title(titles[place], fontsize=10)
    return figure


# Pixel types (figure 1 of the paper), with the numbers that :func:`pixel_types` gives them; colours and shapes are the
# same in widgets/pixel_types.js.
PIXEL_TYPES = {"background": 0, "difficult background": 1, "foreground": 2, "mode": 3}


def pixel_types(heatmap: torch.Tensor, threshold: float = 0.2) -> np.ndarray:
    """The type of each pixel (H, W) of a target heatmap (H, W), as numbers of ``PIXEL_TYPES``.

    Foreground is what is at least ``threshold``, difficult background its neighbours (what the mask of
    :func:`loss_weight_map` adds to it), and the mode the highest pixel; of several the first in reading order.
    """
    types = (loss_weight_map(heatmap, threshold, 1.0) > 1).long() + (heatmap >= threshold).long()
    types.view(-1)[heatmap.argmax()] = PIXEL_TYPES["mode"]
    return types.numpy()


def figure_1(heatmap: torch.Tensor, threshold: float = 0.2, *, reach: int = 8) -> Figure:
    """Pixel types, as figure 1 of the paper names them, on a heatmap (H, W); drawing and counts are ours."""
    types = pixel_types(heatmap, threshold)
    row, column = np.argwhere(types == PIXEL_TYPES["mode"])[0]
    box = (column - reach - 0.5, row - reach - 0.5)
    figure, (whole, close) = new_figure(6.2, 4.3, ncols=2)
    whole.imshow(heatmap.numpy(), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
    frame = {"edgecolor": "white", "facecolor": "none", "linestyle": (0, (3, 2))}
    whole.add_patch(mpl.patches.Rectangle(box, 2 * reach + 1, 2 * reach + 1, **frame))
    whole.set_title(f"target heatmap, {heatmap.shape[1]}×{heatmap.shape[0]}")
    looks = {
        "background": ("o", 1.4, _INK, "all others"),
        "difficult background": ("s", 5.2, AMBER, "next to the foreground"),
        "foreground": ("s", 9.8, GREEN, f"at least {threshold:g}; the mode not counted"),
        "mode": ("D", 7.6, RED, "the highest pixel"),
    }
    for name, number in reversed(PIXEL_TYPES.items()):
        marker, size, color, words = looks[name]
        rows, columns = np.nonzero(types == number)
        near = (abs(rows - row) <= reach) & (abs(columns - column) <= reach)
        label = f"{name}: {len(rows)} px, {100 * len(rows) / types.size:.2f} %\n{words}"
        style = {"marker": marker, "markersize": size, "color": color, "linestyle": "", "markeredgewidth": 0}
        close.plot(columns[near], rows[near], label=label, **style)
    close.set(xlim=(box[0], box[0] + 2 * reach + 1), ylim=(box[1] + 2 * reach + 1, box[1]), aspect="equal")
    close.set_title("inside the frame")
    figure.legend(loc="outside lower center", ncols=2, fontsize=10, handletextpad=0.4, labelspacing=0.9)
    for panel in (whole, close):
        panel.set_axis_off()
    return figure


_TEAL = "#067082"  # between the palette's blue and green; each theme mixes its own
_CSS_COLORS[_TEAL] = f"color-mix(in oklch, {_CSS_COLORS[BLUE]} 50%, {_CSS_COLORS[GREEN]})"
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

    def line(self, *points: tuple[float, float], color: str = _INK, head: bool = True, **style: object) -> None:
        self.axes.plot(*zip(*points, strict=True), color=color, **{"lw": 1.1, "solid_capstyle": "butt", **style})
        if head:
            (x0, y0), (x1, y1) = points[-2:]
            marker = {(True, False): ">", (False, False): "<"}.get((x1 > x0, x1 == x0), "v" if y1 > y0 else "^")
            back = {">": (-2, 0), "<": (2, 0), "v": (0, -2), "^": (0, 2)}[marker]
            self.axes.plot(x1 + back[0], y1 + back[1], marker, color=color, markersize=4, markeredgewidth=0)

    def plus(self, x: float, y: float) -> None:
        self.axes.plot(x, y, "o", markersize=9, markerfacecolor="none", markeredgecolor=_INK, markeredgewidth=1)
        self.axes.plot(x, y, "+", markersize=6, color=_INK, markeredgewidth=1)

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
    plan.box(places[0], y, 42, 74, _INK, "image")
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
        plan.box(334 + back, y - 4 + back, 36, 36, PURPLE if back == 8 and boundary else _INK)
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
            for x, start, end, color in ((fork, y, below - 12, GREEN), (total, below - 12, y + 5, _INK)):
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
    legend = (("block", AMBER, 24), ("average pooling", GREEN, 94), ("each pixel becomes 2×2", _INK, 216))
    for name, color, x in legend:
        plan.box(x, step * depth + 60, 14, 12, color)
        plan.words(x + 11, step * depth + 60, name, 10, ha="left", va="center")
    return plan.figure


# Coordinates from -1 (blue) over 0 (grey) to 1 (amber), as in widgets/boundary_mask.js; where there is none, nothing.
_COORDINATE_COLORS = mpl.colors.LinearSegmentedColormap.from_list(
    "coordinates", ["#146ebe", "#6e9ec8", "#969696", "#cda04b", "#dc9100"]
)


def coordinate_grid(maps: list[np.ndarray], titles: list[str], *, columns: int | None = None) -> Figure:
    """Coordinate channels (H, W) from -1 to 1 side by side; pixels that are NaN show the page.

    A map of booleans is drawn plainly: what is true, in the colour of the text.
    """
    columns = columns or len(maps)
    rows = -(-len(maps) // columns)
    figure, axes = new_figure(1.75 * columns, 1.95 * rows + 0.55, nrows=rows, ncols=columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, values, title in zip(axes.flat, maps, titles, strict=False):
        _draw_coordinates(panel, values)
        panel.set_title(title, fontsize=12)
    _coordinate_bar(figure, axes)
    return figure


def _draw_coordinates(panel, values: np.ndarray) -> None:
    if values.dtype == bool:
        solid = mpl.colors.ListedColormap(["#8a8a8a"])  # one grey for both themes
        panel.imshow(np.where(values, 1.0, np.nan), cmap=solid, interpolation="nearest")
    else:
        panel.imshow(values, vmin=-1, vmax=1, cmap=_COORDINATE_COLORS, interpolation="nearest")
    panel.set_axis_on()
    panel.set(xticks=[], yticks=[])
    for spine in panel.spines.values():
        spine.set(visible=True, linewidth=0.6)


def _coordinate_bar(figure: Figure, axes: np.ndarray) -> None:
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(-1, 1), _COORDINATE_COLORS)
    bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.5, aspect=30, ticks=[-1, 0, 1], pad=0.02)
    bar.outline.set_visible(False)


def figure_8(boundary: torch.Tensor, threshold: float = 0.05) -> Figure:
    """Figure 8 of the paper: a boundary map (H, W), and x and y before and after it masks them.

    In the paper the map is what the previous hourglass predicts. A masked pixel is 0; here it shows the page, because
    the grey of 0 could not be told from a pixel of the boundary in the middle of the map.
    """
    height, width = boundary.shape
    x, y = coordinate_channels(height, width, radius=False, dtype=torch.float64).numpy()
    passes = (boundary >= threshold).numpy()
    masked = boundary_coordinates(boundary[None, None], threshold)[0].double().numpy()
    on_boundary = [np.where(passes, channel, np.nan) for channel in masked]
    titles = ["boundary", "x", "y", f"boundary ≥ {threshold:g}", "x on the boundary", "y on the boundary"]
    figure = coordinate_grid([np.full(boundary.shape, np.nan), x, y, passes, *on_boundary], titles, columns=3)
    figure.axes[0].imshow(boundary.numpy(), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
    return figure


def figure_6(image: np.ndarray, heatmaps: torch.Tensor, threshold: float = 0.2) -> Figure:
    """Figure 6 of the paper: heatmaps (L, H, W), their 3x3 dilation and the mask of the loss, the maximum of all
    channels each, as the paper shows them; before them the face (H', W', 3) uint8 that they belong to.
    """
    dilated = F.max_pool2d(heatmaps, 3, stride=1, padding=1)
    mask = loss_weight_map(heatmaps, threshold, 1.0) - 1
    maps = [part.amax(0).numpy() for part in (heatmaps, dilated, mask)]
    titles = ["face", "heatmap", "3×3 dilation", f"at least {threshold:g}"]
    figure = heatmap_grid([image / 255, *maps], titles, columns=2)
    figure.set_size_inches(5, 5.5)
    return figure
