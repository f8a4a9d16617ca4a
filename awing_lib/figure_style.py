"""The look of the static figures, and how a notebook shows them: inline SVG that follows light and dark mode."""

import base64
import hashlib
import io
import os
import re
from html import escape
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from IPython.display import HTML
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from awing_lib.weights import write_bytes

# One colour a loss, the same in the interactive figures (widgets/figure.css); safe for colour-blind readers and always
# paired with a dash pattern. The names are the CSS variables that carry each theme's shade.
RED, BLUE, AMBER, GREEN, PURPLE = "#c1440e", "#0b6cb0", "#b57500", "#00785a", "#8b2c8f"

CSS_COLORS = {
    color: f"var(--aw-{name}, {color})"
    for color, name in {RED: "red", BLUE: "blue", AMBER: "amber", GREEN: "green", PURPLE: "purple"}.items()
}

LOSS_STYLES = {
    "MSE": {"color": RED, "linestyle": (0, (7, 3))},
    "L1": {"color": BLUE, "linestyle": (0, (2, 3))},
    "Wing": {"color": AMBER, "linestyle": (0, (9, 3, 2, 3))},
    "AWing": {"color": GREEN, "linestyle": "-"},
}

# One look a model, told apart by colour and by dashes; after five they begin again.
MODEL_STYLES = [
    {"color": GREEN, "linestyle": "-"},
    {"color": RED, "linestyle": (0, (7, 3))},
    {"color": BLUE, "linestyle": (0, (2, 2))},
    {"color": PURPLE, "linestyle": (0, (9, 3, 2, 3))},
    {"color": AMBER, "linestyle": (0, (4, 2, 1, 2, 1, 2))},
]

INK = "#010203"  # stands for the text colour of the page

STYLE = {
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
        ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK
    ),
}


def new_figure(width: float = 7.2, height: float = 3.2, **subplots: object) -> tuple[Figure, object]:
    """A figure and its axes in the book's style; size in inches, ``subplots`` as for ``Figure.subplots``."""
    with mpl.rc_context(STYLE):
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
    with mpl.rc_context({**STYLE, "svg.hashsalt": alt}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = _without_ballast(buffer.getvalue()[buffer.getvalue().index("<svg") :])
    size = r'width="([\d.]+)pt" height="[\d.]+pt"'
    svg = re.sub(size, r'style="width:100%;max-width:\1pt;height:auto"', svg, count=1)
    svg = svg.replace(INK, "currentColor").replace("#000000", "currentColor")
    for color, css in CSS_COLORS.items():
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
            text.set_color(INK)


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
