"""Static figures of losses as functions of the error (figures 4 and 5 of the paper)."""

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from awing_lib.figure_style import CSS_COLORS, GREEN, LOSS_STYLES, PURPLE, new_figure
from awing_lib.losses import adaptive_wing_loss, wing_loss


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
    mixture = f"color-mix(in oklch, {CSS_COLORS[GREEN]} {100 * y:g}%, {CSS_COLORS[PURPLE]})"
    CSS_COLORS.setdefault(color, mixture)  # the page mixes its own theme's shades, as the interactive figures do
    return color
