"""Exercises of the chapter "Its shape over y"."""

import math

import torch

from awing_lib.exercises import NotQuite, call, exercise, number
from awing_lib.losses import adaptive_wing_loss


def _influence(target: torch.Tensor, error: float) -> torch.Tensor:
    """Size of the library's gradient, per pixel, when each prediction is off by ``error``."""
    prediction = (target.double() + error).requires_grad_()
    return torch.autograd.grad(adaptive_wing_loss(prediction, target.double(), reduction="sum"), prediction)[0].abs()


def _pair(error: float) -> tuple[float, float]:
    """Influence of a landmark pixel (y = 1) and of a background pixel (y = 0)."""
    peak, background = _influence(torch.tensor([1.0, 0.0]), error).tolist()
    return peak, background


@exercise(
    "shape-neighbour",
    standard_deviation_one=2.1 - math.exp(-1 / 2),
    the_target_itself=math.exp(-1 / (2 * 1.75**2)),
    two_forgotten=2.1 - math.exp(-1 / 1.75**2),
)
def _neighbour(answer: object) -> str:
    value, target = number(answer), math.exp(-1 / (2 * 1.75**2))
    if abs(value - target) < 2e-3:
        raise NotQuite("that is the target of this pixel; the exponent is one step further.")
    if abs(value - (2.1 - math.exp(-1 / 2))) < 2e-3:
        raise NotQuite("that is for a standard deviation of 1 pixel; the Gaussian of the question is wider.")
    if abs(value - (2.1 - math.exp(-1 / 1.75**2))) < 2e-3:
        raise NotQuite("look at the Gaussian again: something in the denominator of its exponent is missing.")
    if abs(value - (2.1 - target)) > 2e-3:
        raise NotQuite(
            f"the exponent lies between 1.1 (centre) and 2.1 (far away) and is not {value:.4g}: find y first."
        )
    return "y is exp(−1 / (2 · 1.75²)) one pixel away from the centre, and the exponent is alpha minus that."


def _loss_ratio_is_ten() -> float:
    """The error at which the ratio of losses, not of influences, is 10 (a mistake people make)."""
    low, high = 1e-3, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        losses = [math.log1p(middle**1.1), math.log1p(middle**2.1)]
        low, high = (middle, high) if losses[0] / losses[1] > 10 else (low, middle)
    return low


@exercise("shape-ratio-ten", ratio_of_losses=_loss_ratio_is_ten(), one_over_ten=0.1, too_small=0.005)
def _ratio_ten(answer: object) -> str:
    value = number(answer)
    if value <= 0:
        raise NotQuite("the answer is an error, a number above 0.")
    if abs(value - _loss_ratio_is_ten()) < 1e-3:
        raise NotQuite("there the losses have a ratio of 10; the influences are their slopes.")
    peak, background = _pair(value)
    ratio = peak / background
    if ratio < 9.8:
        raise NotQuite(f"at this error the ratio is only {ratio:.3g}; it grows as the error shrinks.")
    if ratio > 10.2:
        raise NotQuite(f"at this error the ratio is already {ratio:.3g}; it falls as the error grows.")
    return "near zero the ratio is about (alpha − 1) / alpha divided by the error, which puts 10 close to 0.05."


@exercise("shape-largest-line", the_peak=1.0, the_background=0.0, the_middle=0.5)
def _largest_line(answer: object) -> str:
    value = number(answer)
    if not 0 <= value <= 1:
        raise NotQuite("a target lies between 0 and 1.")
    y = torch.linspace(0, 1, 1001)
    slope = _influence(y, 0.75)
    best = y[slope.argmax()].item()
    if abs(value - best) <= 0.02:
        return (
            "A rises at first and then falls with y: a smaller exponent lifts the slope near 0, but "
            "flattens it at theta."
        )
    if value == 1:
        raise NotQuite("the peak of the landmark has the smallest A of all: compare figure 4b beyond theta.")
    if value == 0:
        raise NotQuite("A rises at first when y leaves 0; go on.")
    side = "above" if value > best else "below"
    raise NotQuite(f"your target is {side} the best one; print A over a fine grid of y.")


@exercise("shape-who-pulls", the_peak="peak", no_difference="equal")
def _who_pulls(answer: object) -> str:
    word = answer.strip().lower() if isinstance(answer, str) else ""
    if word == "peak":
        raise NotQuite("true for small errors. The table of ratios goes on to large ones: read its last rows.")
    if word == "equal":
        raise NotQuite("the two are equal at one error only, which the page finds, and it is not this one.")
    if word != "background":
        raise NotQuite('the answer should be "peak", "background" or "equal".')
    peak, background = _pair(0.6)
    return f"beyond theta both lines are straight, with slopes {peak:.2f} (y = 1) and {background:.2f} (y = 0)."


@exercise(
    "shape-share",
    share_of_pixels=lambda heatmap, error: (heatmap > 0).float().mean(),
    share_of_the_loss=lambda heatmap, error: (
        adaptive_wing_loss(heatmap + error, heatmap, reduction="none")[heatmap > 0].sum()
        / adaptive_wing_loss(heatmap + error, heatmap, reduction="sum")
    ),
    ratio_instead_of_share=lambda heatmap, error: (
        _influence(heatmap, error)[heatmap > 0].sum() / _influence(heatmap, error)[heatmap == 0].sum()
    ),
)
def _share(answer: object) -> str:
    row = torch.exp(-(torch.arange(-3, 4).double() ** 2) / (2 * 1.75**2))
    wide = torch.zeros(64, 64, dtype=torch.float64)
    wide[10:17, 40:47] = torch.outer(row, row)
    small = torch.tensor([[0.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    for heatmap, error in ((wide, 0.01), (wide, 0.1), (small, 0.02), (small, 0.3)):
        influence, foreground = _influence(heatmap, error), heatmap > 0
        right = (influence[foreground].sum() / influence.sum()).item()
        found = number(call(answer, heatmap.clone(), error))
        if abs(found - right) < 1e-4 * right + 1e-6:
            continue
        if abs(found - foreground.double().mean().item()) < 1e-6:
            raise NotQuite("that is the share of the pixels; every pixel counts by its influence.")
        loss = adaptive_wing_loss(heatmap + error, heatmap, reduction="none")
        if abs(found - (loss[foreground].sum() / loss.sum()).item()) < 1e-6:
            raise NotQuite("that is the share of the loss; the optimiser sees its gradient.")
        if abs(found - right / (1 - right)) < 1e-6 + 1e-4 * found:
            raise NotQuite("that is foreground over background; a share is a part of the whole.")
        raise NotQuite(
            f"for one of the test heatmaps and an error of {error:g} the share is {right:.4f}, yours {found:.4f}."
        )
    return "this is what the optimiser sees of the landmark, and it shrinks as the errors grow."
