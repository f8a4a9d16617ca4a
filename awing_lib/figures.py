"""Static figures of the book: drawn by matplotlib, shown as inline SVG that follows light and dark mode."""

import base64
import hashlib
import io
import os
import re
from html import escape
from pathlib import Path

import cv2
import matplotlib as mpl
import matplotlib.patheffects
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
from awing_lib.intervals import Interval
from awing_lib.layouts import WFLW_98, LandmarkLayout
from awing_lib.losses import adaptive_wing_loss, wing_loss
from awing_lib.metrics import area_under_curve, cumulative_error_distribution, failure_rate, mean_over_marked
from awing_lib.weights import write_bytes

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
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = _without_ballast(buffer.getvalue()[buffer.getvalue().index("<svg") :])
    size = r'width="([\d.]+)pt" height="[\d.]+pt"'
    svg = re.sub(size, r'style="width:100%;max-width:\1pt;height:auto"', svg, count=1)
    svg = svg.replace(_INK, "currentColor").replace("#000000", "currentColor")
    for color, css in _CSS_COLORS.items():
        svg = svg.replace(color, css)
    return HTML(f'<div class="book-figure" role="img" aria-label="{escape(alt)}">{svg}</div>')


def _without_ballast(svg: str) -> str:
    """The same picture in fewer bytes: a page of faces with many landmarks would be too heavy for a telephone."""
    svg = re.sub(r"\s*\n\s*", "\n", svg).replace("xlink:href", "href")
    svg = re.sub(r"\b([mp][0-9a-f]{6})[0-9a-f]{4}\b", r"\1", svg)  # names of markers and clips, once a landmark
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), svg)  # hundredths of a point
    return re.sub(r'(<g clip-path="[^"]*")>((?:\s*<use [^>]*/>)+\s*</g>)', _share_style, svg)


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
    """:func:`show` for figures with photos, stored as JPEG, a fifth of their PNG's size, and each photo only once."""
    seen = set()

    def once(found: re.Match) -> str:
        address, look, place = found.groups()
        name = f"photo{hashlib.sha256((alt + address + look).encode()).hexdigest()[:8]}"
        photo = "" if name in seen else f'<defs><image href="{address}" id="{name}" {look}/></defs>'
        seen.add(name)
        return f'{photo}<use href="#{name}" {place}/>'

    def as_jpeg(found: re.Match) -> str:
        png = np.frombuffer(base64.b64decode(found[1]), np.uint8)
        jpeg = cv2.imencode(".jpg", cv2.imdecode(png, cv2.IMREAD_COLOR), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
        return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()

    # photos that a figure shows pixel by pixel have a size of their own, and a transform that puts them in their place
    image = r'<image href="([^"]*)" id="[^"]*" (width="\d+" height="\d+") (transform="[^"]*" style="[^"]*")/>'
    svg = re.sub(image, once, show(figure, alt).data)
    return HTML(re.sub(r"data:image/png;base64,([\w+/=\s]+)", as_jpeg, svg))


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


# One look a model, told apart by colour and by dashes; after five they begin again.
MODEL_STYLES = [
    {"color": GREEN, "linestyle": "-"},
    {"color": RED, "linestyle": (0, (7, 3))},
    {"color": BLUE, "linestyle": (0, (2, 2))},
    {"color": PURPLE, "linestyle": (0, (9, 3, 2, 3))},
    {"color": AMBER, "linestyle": (0, (4, 2, 1, 2, 1, 2))},
]


def error_distributions(errors: dict[str, np.ndarray], limit: float = 0.10, threshold: float | None = None) -> Figure:
    """The CED of one or several models with their AUC; errors up to ``limit``.

    Args:
        errors: name of the model -> (N,) error of each face, fractions; NaN where nothing was measured.
        limit: fraction.
        threshold: from where a face has failed, fraction: a vertical line, and the failure rate beside the AUC.

    Raises:
        ValueError: a model has no measured face, or a number is out of range.
    """
    figure, axes = new_figure(7.2, 4.2)
    for index, (name, values) in enumerate(errors.items()):
        values = values[~np.isnan(values)]
        label = f"{name}, AUC {area_under_curve(values, limit):.3f}"
        if threshold is not None:
            label += f", FR {100 * failure_rate(values, threshold):.1f} %"
        x, y = cumulative_error_distribution(values, limit)
        axes.step(100 * x, 100 * y, where="post", label=label, **MODEL_STYLES[index % len(MODEL_STYLES)])
    if threshold is not None and threshold < limit:
        axes.axvline(100 * threshold, color=_INK, linewidth=1, linestyle=":")
    axes.set(xlim=(0, 100 * limit), ylim=(0, 100), xlabel="NME, %", ylabel="faces with at most that error, %")
    axes.legend(loc="lower right", frameon=False)
    return figure


def worst_and_best_faces(worst, best, *, columns: int = 4, side: float = 1.8) -> Figure:
    """Faces on which a model errs most, and least: landmarks hollow where they are, filled where they were found.

    Args:
        worst, best: faces as :func:`awing_lib.evaluation.face_crops` gives them: image (H, W, 3) uint8, truth (L, 2)
            and prediction (L, 2) in its pixels, error (a fraction).
        columns: faces in a row.
        side: size of a face, inches.

    Raises:
        ValueError: there is no face.
    """
    if not worst and not best:
        raise ValueError("worst and best: there is no face to show")
    lines = [
        (kind, list(rows[at : at + columns]))
        for kind, rows in (("worst", worst), ("best", best))
        for at in range(0, len(rows), columns)
    ]
    figure, axes = new_figure(side * columns, (side + 0.3) * len(lines), nrows=len(lines), ncols=columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for row, (kind, faces) in zip(axes, lines, strict=True):
        for panel, (image, target, predicted, error) in zip(row, faces, strict=False):
            _draw_found(panel, image, target, predicted, 0.8 + 0.8 * side)
            panel.set_title(f"{kind}: {100 * error:.1f} %" if np.isfinite(error) else "not found", fontsize=10)
    return figure


def _draw_found(panel, image: np.ndarray, target: np.ndarray, predicted: np.ndarray, size: float) -> None:
    """A photo with its landmarks (L, 2) hollow where they are, filled where they were found, and a line between."""
    height, width = image.shape[:2]
    panel.imshow(image, interpolation="none")
    # from each truth to its prediction, all as one line with gaps, which takes a fifth of the bytes of many lines
    joined = np.stack([target, predicted, np.full_like(target, np.nan)], 1).reshape(-1, 2)
    panel.plot(*joined.T, color="#ffffff", linewidth=0.6)
    truth = {"marker": "o", "markerfacecolor": "none", "markeredgecolor": "#ffb000"}
    found = {"marker": "o", "markerfacecolor": "#5cc4ff", "markeredgecolor": "#1b1b1f"}
    for points, style in ((target, truth), (predicted, found)):
        panel.plot(*points.T, linestyle="", markersize=size, markeredgewidth=0.4, **style)
    panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def landmark_errors_on_face(shape: np.ndarray, errors: dict[str, np.ndarray]) -> Figure:
    """Where on the face models err: one disc a landmark, its area in proportion to the mean error there.

    Args:
        shape: (L, 2) where to draw the landmarks, y downwards, in any unit; :func:`mean_shape`.
        errors: name of the model -> (L,) mean error of each landmark, fractions; what is NaN or infinite is a cross.
    """
    finite = np.concatenate([values[np.isfinite(values)] for values in errors.values()])
    top = finite.max() if len(finite) else 1.0
    figure, axes = new_figure(3.4 * len(errors), 3.7, ncols=len(errors), squeeze=False)
    low, high = np.nanmin(shape, 0), np.nanmax(shape, 0)
    margin = 0.12 * (high - low).max()
    for panel, (name, values) in zip(axes[0], errors.items(), strict=True):
        shown = np.isfinite(values)
        discs = panel.scatter(
            *shape[shown].T, s=100 * values[shown] / top, c=100 * values[shown], cmap="viridis", vmin=0, vmax=100 * top
        )
        panel.plot(*shape[~shown].T, linestyle="", marker="x", color=_INK)
        panel.set(xlim=(low[0] - margin, high[0] + margin), ylim=(high[1] + margin, low[1] - margin), aspect="equal")
        panel.set_title(name)
        panel.set_axis_off()
    figure.colorbar(discs, ax=axes, label="mean error, %", shrink=0.8)
    return figure


def mean_shape(landmarks: np.ndarray) -> np.ndarray:
    """Mean of faces (N, L, 2), each moved and scaled so that its tight box is about 0 and of size 1; NaN is left out.

    Returns:
        (L, 2); NaN where a landmark is marked on no face.
    """
    low, high = np.fmin.reduce(landmarks, 1)[:, None], np.fmax.reduce(landmarks, 1)[:, None]  # (N, 1, 2)
    placed = (landmarks - (low + high) / 2) / np.sqrt(np.prod(high - low, axis=-1, keepdims=True))
    return mean_over_marked(placed, 0)


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Write a figure, on white, to a file whose name ends in .png, .jpg, .svg or .pdf.

    Raises:
        ValueError: another ending.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".jpg", ".svg", ".pdf"):
        raise ValueError(f"{path}: a picture ends in .png, .jpg, .svg or .pdf")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:].lower(), dpi=150, facecolor="white")
    write_bytes(path, buffer.getvalue())


def interval_rows(intervals: dict[str, dict[str, Interval]], xlabel: str) -> Figure:
    """Values with their intervals, in per cent: one line a name, and on it one bar for each kind of interval.

    Args:
        intervals: name -> kind -> fraction with its interval; the same kinds, at most five, for each name.
        xlabel: what the axis shows.
    """
    kinds = list(next(iter(intervals.values())))
    figure, axes = new_figure(5.2, 0.55 * len(intervals) + 0.9)
    for index, kind in enumerate(kinds):
        shift = 0.28 * (index - (len(kinds) - 1) / 2)
        each = [rows[kind] for rows in intervals.values()]
        value, low, high = (100 * np.array([getattr(i, end) for i in each]) for end in ("value", "low", "high"))
        place, color = np.arange(len(each)) + shift, MODEL_STYLES[index]["color"]
        axes.hlines(place, low, high, color=color, lw=3)
        axes.plot(value, place, "osD^v"[index], markersize=8, color=color, label=kind)
    axes.set(
        xlabel=xlabel, yticks=range(len(intervals)), yticklabels=list(intervals), ylim=(len(intervals) - 0.5, -0.5)
    )
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(kinds))
    return figure


def relative_changes(changes: dict[str, float], published: dict[str, float], xlabel: str) -> Figure:
    """Relative changes as bars, with those published below them in another colour; fractions, drawn in per cent."""
    figure, axes = new_figure(5.2, 0.7 + 0.34 * (len(changes) + len(published)))
    everything = {**changes, **published}
    values = 100 * np.array(list(everything.values()))
    hatch = [""] * len(changes) + ["///"] * len(published)
    colors = [BLUE] * len(changes) + [AMBER] * len(published)
    axes.barh(range(len(values)), values, color=colors, hatch=hatch, edgecolor=_INK, linewidth=0.5, height=0.7)
    for row, value in enumerate(values):
        text = f"{value:+.1f}".replace("-", "−")
        axes.annotate(text, (value, row), (4 if value >= 0 else -4, 0), textcoords="offset points",
                      va="center", ha="left" if value >= 0 else "right", fontsize=10)  # fmt: skip
    axes.axvline(0, color=_INK, linewidth=1)
    axes.set(xlabel=xlabel, yticks=range(len(values)), yticklabels=list(everything), ylim=(len(values) - 0.4, -0.6))
    axes.margins(x=0.3)
    return figure


# Heatmaps and boundary over a photo, plain colours as those of LANDMARK_STYLES, told apart by every kind of eye.
OVERLAY_COLORS = {"heatmaps": "#ffe14d", "boundary": "#2f8fff"}


def overlay_heatmaps(image: np.ndarray, heatmaps: np.ndarray, *, layout: LandmarkLayout = WFLW_98) -> np.ndarray:
    """A photo (H, W, 3) uint8 with heatmaps laid over it, the more opaque the higher they are.

    Args:
        image: the photo or crop, any size.
        heatmaps: (L, h, w), or (L + 1, h, w) with the boundary last, targets or a network's; numbers outside [0, 1]
            count as 0 and 1, NaN as 0. The maps cover the whole image, so for 64x64 maps of a 256x256 crop the map's
            pixel (i, j) covers 4x4 pixels, the first of them (4 i, 4 j). Landmarks are merged by the maximum.
        layout: which says what L is.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: the heatmaps have another shape.
    """
    if heatmaps.ndim != 3 or len(heatmaps) - layout.count not in (0, 1) or 0 in heatmaps.shape:
        count = layout.count
        raise ValueError(f"heatmaps must have shape ({count} or {count + 1}, h, w), got {tuple(heatmaps.shape)}")
    rows, columns = (
        np.arange(side) * small // side for side, small in zip(image.shape, heatmaps.shape[1:], strict=False)
    )
    blended = image.astype(float)
    parts = {"boundary": heatmaps[layout.count :], "heatmaps": heatmaps[: layout.count]}  # the last on top
    for name, maps in parts.items():
        if len(maps):
            height = np.nan_to_num(np.asarray(maps, float)).clip(0, 1).max(0)[np.ix_(rows, columns)]
            opacity = 0.8 * height[..., None]  # the face stays visible at the peak
            blended += opacity * (255 * np.array(mpl.colors.to_rgb(OVERLAY_COLORS[name])) - blended)
    return blended.round().astype(np.uint8)


def face_overlay(
    image: np.ndarray,
    landmarks: np.ndarray | None = None,
    heatmaps: np.ndarray | torch.Tensor | None = None,
    *,
    layout: LandmarkLayout = WFLW_98,
) -> Figure:
    """A face with its heatmaps, boundary and landmarks, each if it is given; display with :func:`show_photos`.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (L, 2), pixels of the image.
        heatmaps: as for :func:`overlay_heatmaps`, or a tensor of them.
        layout: of landmarks and heatmaps.

    Raises:
        ValueError: the heatmaps do not fit the layout.
    """
    if heatmaps is not None:
        heatmaps = heatmaps.detach().cpu().float().numpy() if isinstance(heatmaps, torch.Tensor) else heatmaps
        image = overlay_heatmaps(image, heatmaps, layout=layout)
    figure, panel = new_figure(4.2, 4.2)
    draw_face(panel, image, np.full((layout.count, 2), np.nan) if landmarks is None else landmarks, layout=layout)
    return figure


def learning_rates(rates: dict[str, np.ndarray], xlabel: str = "epoch") -> Figure:
    """Learning rates (E,) over the epochs of one or several recipes, on a logarithmic axis; what is 0 is not drawn."""
    figure, axes = new_figure(6.2, 3.2)
    for index, (name, values) in enumerate(rates.items()):
        epochs = np.arange(len(values) + 1)  # the last value holds to the end
        heights = np.where(values > 0, values, np.nan)
        axes.step(epochs, [*heights, heights[-1]], where="post", label=name, **MODEL_STYLES[index % len(MODEL_STYLES)])
    axes.set(xlabel=xlabel, ylabel="learning rate", yscale="log", xlim=(0, max(map(len, rates.values()))))
    axes.minorticks_off()
    if len(rates) > 1:
        axes.legend(loc="lower left", frameon=False)
    return figure


def bump_shape(heatmaps: torch.Tensor, landmarks: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How high and how wide the bumps of heatmaps are.

    Args:
        heatmaps: (..., L, H, W), one bump each.
        landmarks: (..., L, 2) true landmarks, pixels of the map.

    Returns:
        Each (..., L): the value at the true landmark, that is in the pixel which holds it (NaN where that is outside
        of the map or not marked); the peak, which is the highest value of the map; and the width in pixels, the
        diameter of a disc with as large an area as the pixels above half of the peak (NaN where no value is above 0).
        The first and the second differ where the peak is at a wrong place.
    """
    height, width = heatmaps.shape[-2:]
    flat = heatmaps.flatten(-2).double().numpy()  # (..., L, H * W)
    peak = flat.max(-1)
    area = (flat > peak[..., None] / 2).sum(-1)
    column, row = np.floor(np.moveaxis(landmarks.double().numpy(), -1, 0) + 0.5)  # (..., L) each
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)  # False for NaN
    place = np.where(inside, row * width + column, 0).astype(int)
    at_landmark = np.where(inside, np.take_along_axis(flat, place[..., None], -1)[..., 0], np.nan)
    return at_landmark, peak, np.where(peak > 0, 2 * np.sqrt(area / np.pi), np.nan)


def figure_2(
    image: np.ndarray,
    target: torch.Tensor,
    predicted: dict[str, torch.Tensor],
    errors: dict[str, float],
    *,
    columns: int = 3,
) -> Figure:
    """What figure 2 of the paper shows, for one's own models: a face, its true heatmap, and what each model predicts.

    Args:
        image: the crop (S, S, 3) uint8.
        target: (L, H, W); of target and predictions the maximum of all channels is shown.
        predicted: name of the model -> (L, H, W).
        errors: name of the model -> NME on this face, a fraction.
        columns: panels in a row.
    """
    maps = [image / 255, *(each.amax(0).numpy() for each in (target, *predicted.values()))]
    titles = ["face", "target", *(f"{name}\nNME {100 * errors[name]:.1f} %" for name in predicted)]
    figure = heatmap_grid(maps, titles, columns=columns)
    figure.set_size_inches(1.9 * columns, 2.5 * -(-len(maps) // columns))
    for panel in figure.axes:
        panel.title.set_fontsize(12)  # a telephone shows the figure half as large
    return figure


def numbered_faces(images, landmarks, titles, *, layout: LandmarkLayout, columns: int = 3) -> Figure:
    """Photos with the number of each landmark and the curves of the layout, where a wrong order or pair shows.

    Args:
        images: photos (H, W, 3) uint8.
        landmarks: for each photo (L, 2), pixels; one that is NaN is not drawn.
        titles: what to write above each photo.
        layout: of the landmarks.
        columns: photos in a row. Display with :func:`show_photos`.
    """
    figure = face_grid(images, landmarks, titles, layout=layout, columns=columns)
    rim = [mpl.patheffects.withStroke(linewidth=2, foreground="#1b1b1f")]
    for panel, points in zip(figure.axes, landmarks, strict=False):
        for run in layout.boundaries.values():
            panel.plot(*points[list(run)].T, color="#ffffff", linewidth=0.9, zorder=1.5)
        for index, place in enumerate(points):
            if np.isfinite(place).all():
                look = {"fontsize": 9, "color": "#ffffff", "path_effects": rim}
                panel.annotate(str(index), place, (3, 2), textcoords="offset points", **look)
    return figure


def intervals_and_seeds(intervals: dict[str, Interval], seeds: dict[str, list[float]], xlabel: str) -> Figure:
    """Means over runs, with an interval each, and the single runs as rings below it; fractions, drawn in per cent.

    If anything is below 0, these are differences, and a line marks 0.

    Args:
        intervals: name -> mean over the runs, with its interval.
        seeds: name -> the value of each run.
        xlabel: what the axis shows.
    """
    figure, axes = new_figure(5.2, 0.5 * len(intervals) + 1.3)
    places = np.arange(len(intervals))
    value, low, high = (
        100 * np.array([getattr(each, end) for each in intervals.values()]) for end in ("value", "low", "high")
    )
    axes.hlines(places - 0.12, low, high, color=BLUE, lw=3, label="interval by person")
    axes.plot(value, places - 0.12, "o", markersize=6, color=BLUE, label="mean of the seeds")
    single = [(100 * each, place + 0.2) for place, name in zip(places, intervals, strict=True) for each in seeds[name]]
    axes.plot(*zip(*single, strict=True), "o", markersize=6, color=RED, fillstyle="none", mew=1.5, label="single seeds")
    ends = np.concatenate([low, high, [x for x, _ in single]])
    if ends.min() < 0:
        axes.axvline(0, color=_INK, linewidth=1)
    axes.set(xlabel=xlabel, yticks=places, yticklabels=list(intervals), ylim=(len(intervals) - 0.5, -0.6))
    axes.locator_params(axis="x", nbins=6)  # more of them would touch where differences are below -10
    figure.legend(loc="outside upper center", ncols=2)
    return figure


# Parts of a bar in their order, with hatches: colour alone does not tell parts apart for everybody.
_SHARE_STYLES = [(RED, ""), (BLUE, "///"), (AMBER, "---"), (GREEN, "\\\\\\"), (PURPLE, "xxx")]


def speed_ladder(rows: list[dict], names: list[str] | None = None, title: str = "") -> Figure:
    """Times of a benchmark relative to its baseline, one bar a row, divided into its shares.

    Args:
        rows: of a table in the record of the benchmarks: each has ``name``, ``seconds`` and ``ratio``, and may have
            ``floor_seconds`` and ``more["shares"]``, without which its bar is one piece.
        names: the rows to show, in this order, those that were not measured included; None: the measured ones.
        title: above the figure.

    A stroke beside or in a bar is the floor: the time that the machine's memory or arithmetic needs at least.
    """
    measured = {row["name"]: row for row in rows}
    names = list(measured) if names is None else names
    figure, axes = new_figure(5.6, 1.7 + 0.42 * len(names))
    figure.suptitle(title, fontsize=11)
    parts = list(dict.fromkeys(part for row in rows for part in row.get("more", {}).get("shares") or {}))
    for place, name in enumerate(names):
        if name not in measured:
            axes.annotate("not measured", (0, place), (5, 0), textcoords="offset points", va="center", style="italic")
            continue
        row = measured[name]
        end = 0.0
        for part, share in (row.get("more", {}).get("shares") or {None: 1.0}).items():
            color, hatch = (BLUE, "") if part is None else _SHARE_STYLES[parts.index(part)]
            style = {"color": color, "hatch": hatch, "edgecolor": _INK, "linewidth": 0.5, "height": 0.66}
            axes.barh(place, share * row["ratio"], left=end, **style)
            end += share * row["ratio"]
        if row.get("floor_seconds") is not None:
            floor = row["floor_seconds"] / row["seconds"] * row["ratio"]
            axes.vlines(floor, place - 0.45, place + 0.45, color=_INK, linewidth=2.5)
            end = max(end, floor)
        faster = "" if row["ratio"] == 1 else f"{1 / row['ratio']:.3g}×"
        axes.annotate(faster, (end, place), (6, 0), textcoords="offset points", va="center")
    axes.set(
        xlabel="time, that of the row marked 1 is 1", yticks=range(len(names)), ylim=(len(names) - 0.4, -0.6), xlim=0
    )
    axes.set_yticklabels([f"{name} (1)" if measured.get(name, {}).get("ratio") == 1 else name for name in names])
    axes.margins(x=0.16)
    patches = [
        mpl.patches.Patch(facecolor=color, hatch=hatch, edgecolor=_INK, linewidth=0.5, label=part)
        for part, (color, hatch) in zip(parts, _SHARE_STYLES, strict=False)
    ]
    if any(measured.get(name, {}).get("floor_seconds") is not None for name in names):
        patches.append(mpl.lines.Line2D([], [], color=_INK, linewidth=2.5, label="floor"))
    if patches:
        axes.legend(handles=patches, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=10)
    return figure


def roofline(floors: dict, rows: dict[str, dict], title: str = "") -> Figure:
    """Operations a second over operations a byte: the roof of a machine, and what was measured under it.

    Args:
        floors: what a record of the benchmarks says of the machine: ``bytes_per_second``, and
            ``operations_per_second`` of each precision.
        rows: label -> row of such a record, at most ten; those without ``bytes`` or ``operations`` are not drawn. A
            thin line goes from each point up to the roof of the row's ``precision``.
        title: above the figure.
    """
    figure, axes = new_figure(5.6, 4.8)
    figure.suptitle(title, fontsize=11)
    bandwidth, peaks = floors["bytes_per_second"], floors["operations_per_second"]
    shown = {label: row for label, row in rows.items() if row.get("bytes") and row.get("operations")}
    places = [row["operations"] / row["bytes"] for row in shown.values()]
    places += [peak / bandwidth for peak in peaks.values()]
    low, high = min(places) / 3, max(places) * 6
    highest_first, above = sorted(peaks.items(), key=lambda item: -item[1]), np.inf
    for (precision, peak), dash in zip(highest_first, ("-", "--", ":"), strict=False):
        ridge = peak / bandwidth
        axes.plot([low, ridge, high], [low * bandwidth, peak, peak], color=_INK, linestyle=dash, linewidth=1.5)
        axes.plot([low, ridge], [peak, peak], color=_INK, linewidth=0.5, alpha=0.5)  # from its name to the roof
        # under its line where the line above is near
        shift, side = ((2, 3), "bottom") if above > 2.5 * peak else ((2, -4), "top")
        name = f"{precision}, {_rate(peak)}"
        axes.annotate(name, (low, peak), shift, textcoords="offset points", va=side, fontsize=10)
        above = peak
    for index, (label, row) in enumerate(shown.items()):
        intensity, rate = row["operations"] / row["bytes"], row["operations"] / row["seconds"]
        color = MODEL_STYLES[index % 5]["color"]
        style = {"marker": "osD^vP*Xhp"[index], "markersize": 9, "linestyle": "", "markeredgecolor": _INK}
        # a row's precision can be one of which the machine's rate is not known: then the best of those known
        roof = min(intensity * bandwidth, peaks.get(row["precision"], max(peaks.values())))
        axes.plot([intensity, intensity], [rate, roof], color=color, linewidth=1, zorder=1)
        axes.plot(intensity, rate, color=color, label=label, markeredgewidth=0.5, **style)
    axes.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="operations a second", xlim=(low, high))
    axes.minorticks_off()
    if shown:
        figure.legend(loc="outside lower center", ncols=2, fontsize=10)
    return figure


def _rate(operations: float) -> str:
    size, unit = (1e12, "TFLOP/s") if operations >= 1e12 else (1e9, "GFLOP/s")
    return f"{operations / size:.3g} {unit}"


def found_faces(faces, titles, *, columns: int = 3, side: float = 2.4) -> Figure:
    """Faces with what a network found on them, as figure 7 of the paper has them, and here with the truth as well.

    Args:
        faces: as :func:`awing_lib.evaluation.face_crops` gives them: image (H, W, 3) uint8, truth (L, 2) and prediction
            (L, 2) in its pixels, error (a fraction). The truth is hollow, the prediction filled.
        titles: what each face shows; its error is written after it.
        columns: faces in a row.
        side: size of a face, inches. Display with :func:`show_photos`.
    """
    rows = -(-len(faces) // columns)
    figure, axes = new_figure(side * columns, (side + 0.35) * rows, nrows=rows, ncols=columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, (image, target, predicted, error), title in zip(axes.flat, faces, titles, strict=False):
        _draw_found(panel, image, target, predicted, 0.8 + 0.8 * side)
        panel.set_title(f"{title}\n{100 * error:.1f} %", fontsize=14)  # a telephone shows the figure half as large
    return figure


def faces_above_heatmaps(images, heatmaps, titles) -> Figure:
    """Crops of a face, and below each the heatmaps that a network has for it, as figure 2 of the paper has them.

    Args:
        images: crops (S, S, 3) uint8.
        heatmaps: for each crop (L, h, w); the maximum over the landmarks is drawn, on one scale from 0 to 1.
        titles: what to write above each crop. Display with :func:`show_photos`.
    """
    figure, axes = new_figure(2.4 * len(images), 5.3, nrows=2, ncols=len(images), squeeze=False)
    for (above, below), image, maps, title in zip(axes.T, images, heatmaps, titles, strict=True):
        above.imshow(image, interpolation="none")
        above.set_title(title, fontsize=14)
        below.imshow(maps.max(0), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
        for panel in (above, below):
            panel.set_axis_off()
    return figure


def layout_rows(images, rows: dict[str, tuple[LandmarkLayout, list[np.ndarray]]]) -> Figure:
    """The same faces once for each layout, as figures 9 and 10 of the paper have rows for each data set.

    Args:
        images: F photos (H, W, 3) uint8.
        rows: name of the row -> its layout, and for each photo its landmarks (L, 2), pixels. Display with
            :func:`show_photos`.
    """
    count = len(images)
    figure, axes = new_figure(1.8 * count + 0.3, 1.85 * len(rows), nrows=len(rows), ncols=count, squeeze=False)
    for line, (name, (layout, landmarks)) in zip(axes, rows.items(), strict=True):
        for panel, image, points in zip(line, images, landmarks, strict=True):
            draw_face(panel, image, points, layout=layout)
            panel.images[0].set_interpolation("none")  # as it is, for screens with more pixels than a figure has
        line[0].text(-0.04, 0.5, name, transform=line[0].transAxes, rotation=90, va="center", ha="right", fontsize=13)
    return figure
