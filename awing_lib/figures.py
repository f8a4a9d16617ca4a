"""Static figures of the book: drawn by matplotlib, shown as inline SVG that follows light and dark mode."""

import io
import re
from html import escape

import matplotlib as mpl
from IPython.display import HTML
from matplotlib.figure import Figure

# One colour a loss, the same in the interactive figures (widgets/figure.css); safe for colour-blind readers and always
# paired with a dash pattern. The names are the CSS variables that carry each theme's shade.
RED, BLUE, AMBER, GREEN, PURPLE = "#c1440e", "#0b6cb0", "#b57500", "#00785a", "#8b2c8f"
_CSS_NAMES = {RED: "red", BLUE: "blue", AMBER: "amber", GREEN: "green", PURPLE: "purple"}
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
    "legend.framealpha": 0.0,
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
    buffer = io.StringIO()
    # the salt keeps the ids inside the SVG the same in every build and different between the figures of a page
    with mpl.rc_context({**_STYLE, "svg.hashsalt": alt}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()[buffer.getvalue().index("<svg") :]
    svg = re.sub(r'<svg width="([\d.]+)pt" height="[\d.]+pt"', r'<svg style="width:100%;max-width:\1pt;height:auto"', svg, count=1)
    svg = svg.replace(_INK, "currentColor")
    for color, name in _CSS_NAMES.items():
        svg = svg.replace(color, f"var(--aw-{name}, {color})")
    return HTML(f'<div class="book-figure" role="img" aria-label="{escape(alt)}">{svg}</div>')
