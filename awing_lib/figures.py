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
