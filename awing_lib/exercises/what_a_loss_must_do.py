"""Exercises of the chapter "What a loss must do"."""

import torch
from torch.nn import functional as F

from awing_lib.exercises import NotQuite, NotYet, call, exercise, number


def _pair(answer: object) -> tuple[float, float]:
    """Both numbers of an answer (under MSE, under L1)."""
    try:
        under_mse, under_l1 = answer
    except (TypeError, ValueError):
        raise NotQuite("the answer should be two numbers: (under_mse, under_l1).") from None
    if any(part is None or part is ... for part in (under_mse, under_l1)):
        raise NotYet
    return number(under_mse), number(under_l1)


def _close(value: float, expected: float) -> bool:
    return abs(value - expected) <= 0.005 * max(1.0, abs(expected))


@exercise(
    "best-constant",
    swapped=(0.0, 0.3),
    the_mean_twice=(0.3, 0.3),
    the_more_frequent_value_twice=(0.0, 0.0),
    half_way=(0.5, 0.0),
)
def _best_constant(answer: object) -> str:
    mse, l1 = _pair(answer)
    if _close(mse, 0) and _close(l1, 0.3):
        raise NotQuite(
            "both numbers belong here, but each to the other loss. Which of the two lets the minority count?"
        )
    if _close(mse, 0.3) and _close(l1, 0.3):
        raise NotQuite("MSE is right. For L1, move the constant a little: how many samples gain, and how many lose?")
    if _close(mse, 0) and _close(l1, 0):
        raise NotQuite("L1 is right. Under MSE the influence at a constant c is 2(c - y): does it cancel at c = 0?")
    if not _close(mse, 0.3):
        raise NotQuite(
            f"under MSE, {mse:g} is not where the influences 2(c - y) of all samples cancel. Count how often y is 1."
        )
    if not _close(l1, 0):
        raise NotQuite(f"MSE is right. Under L1 each sample pulls with strength 1; at {l1:g} the pulls do not balance.")
    return (
        "MSE is smallest at the mean of the targets, L1 at their median. More than half of the targets are 0, so L1 "
        "ignores the others completely: this is how it stalls at the all-zero map."
    )


@exercise(
    "smooth-l1-influence",
    value_instead_of_slope=lambda prediction, target: F.smooth_l1_loss(prediction, target, reduction="none"),
    sign_forgotten=lambda prediction, target: (prediction - target).abs().clamp(max=1),
    turned_around=lambda prediction, target: (target - prediction).clamp(-1, 1),
    no_clamp=lambda prediction, target: prediction - target,
    only_the_sign=lambda prediction, target: (prediction - target).sign(),
    averaged=lambda prediction, target: (prediction - target).clamp(-1, 1) / prediction.numel(),
)
def _smooth_l1_influence(answer: object) -> str:
    # errors of both signs, small and large, and a second shape that is not symmetric
    for prediction, target in (
        (torch.tensor([-2.0, -0.5, 0.0, 0.25, 0.75, 3.0]), torch.zeros(6)),
        (torch.tensor([[0.1, 2.5], [0.9, -1.0]]), torch.tensor([[1.0, 0.5], [0.2, 1.0]])),
    ):
        moving = prediction.clone().requires_grad_()
        value = F.smooth_l1_loss(moving, target, reduction="none")
        (slope,) = torch.autograd.grad(value.sum(), moving)
        _compare_influence(call(answer, prediction, target), prediction - target, slope, value.detach())
    return "inside |error| < 1 the slope is the error itself, as for half an MSE; outside it is -1 or +1, as for L1."


def _compare_influence(result: object, error: torch.Tensor, slope: torch.Tensor, value: torch.Tensor) -> None:
    result = torch.as_tensor(result, dtype=slope.dtype) if isinstance(result, (float, int, list)) else result
    if not isinstance(result, torch.Tensor) or result.shape != slope.shape:
        shape = tuple(result.shape) if isinstance(result, torch.Tensor) else type(result).__name__
        raise NotQuite(
            f"one influence for each pixel is wanted: a tensor {tuple(slope.shape)}, but the answer gave {shape}."
        )

    def same(other: torch.Tensor) -> bool:
        return torch.allclose(result.detach().to(slope.dtype), other, atol=1e-5)

    if same(slope):
        return
    if same(value):
        raise NotQuite("this is the loss itself. The influence is its slope: differentiate each of the two cases.")
    if same(slope.abs()):
        raise NotQuite(
            "the size is right, but not the sign: a prediction below its target must be pushed the other way."
        )
    if same(-slope):
        raise NotQuite(
            "the sign is turned around. The slope is with respect to the prediction: too high means positive."
        )
    if same(error):
        raise NotQuite(
            "right for small errors. For errors above 1 the loss is a straight line: what is its slope there?"
        )
    if same(error.sign()):
        raise NotQuite(
            "right for errors above 1. For smaller ones the loss is a parabola, whose slope shrinks with the error."
        )
    if same(slope / slope.numel()):
        raise NotQuite("this is divided by the number of pixels. We look at each pixel on its own, without the mean.")
    wrong = int((result.detach() - slope).abs().argmax())
    raise NotQuite(
        f"at the error {error.flatten()[wrong]:g} your influence is {result.flatten()[wrong]:g}, not the slope."
    )


@exercise(
    "background-balance",
    values_compared_instead_of_slopes=(900, 30),
    the_same_for_both=(30, 30),
    swapped=(1, 30),
    ratio_turned_around=(1 / 30, 1),
)
def _background_balance(answer: object) -> str:
    mse, l1 = _pair(answer)
    if _close(mse, 900):
        raise NotQuite(
            "900 pixels have the same squared error, that is, the same loss. What pulls is the slope of the loss."
        )
    if _close(mse, 30) and _close(l1, 30):
        raise NotQuite(
            "MSE is right. For L1, what is the influence of an error of 0.3, and what that of an error of 0.01?"
        )
    if _close(mse, 1) and _close(l1, 30):
        raise NotQuite("the two are exchanged: which loss pulls with the same strength whatever the error is?")
    if 0 < mse < 1:
        raise NotQuite(
            "the ratio is upside down: the background errors are smaller, so it takes more of these pixels, not fewer."
        )
    if not _close(mse, 30):
        raise NotQuite(f"under MSE an error d has the influence 2d; {mse:g} times that of 0.01 is not that of 0.3.")
    if not _close(l1, 1):
        raise NotQuite(
            f"MSE is right. Under L1, {l1:g} is not the ratio of the influences: look at the flat parts of the plot."
        )
    return (
        "under MSE it takes 30 background pixels, under L1 a single one. With thousands of background pixels on a map, "
        "neither is a fair fight, and under L1 it is the less fair one."
    )


@exercise("influence-jump", those_that_pass_through_zero="a", Wing_forgotten="c", L1_forgotten="d")
def _influence_jump(answer: object) -> str:
    hints = {
        "a": "both are parabolas around zero, and the slope of a parabola passes through 0 without a jump.",
        "c": "L1 jumps, but it is not alone. What is the slope of w ln(1 + d / epsilon) just beside d = 0?",
        "d": "Wing jumps, but it is not alone. Which other loss has a kink at zero?",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "b":
        return (
            "both losses have a kink at zero. L1 jumps from -1 to +1, Wing from -w / epsilon to +w / epsilon, which is "
            "five times as much with our values."
        )
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')
