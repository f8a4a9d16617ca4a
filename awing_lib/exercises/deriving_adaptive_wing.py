"""Exercises of the chapter "Deriving Adaptive Wing"."""

import math

import torch

from awing_lib.exercises import NotQuite, call, exercise, number
from awing_lib.losses import adaptive_wing_loss

# (y, alpha, omega, epsilon, theta): the paper's values first, then each parameter moved
_SETTINGS = [
    (0.0, 2.1, 14.0, 1.0, 0.5),
    (1.0, 2.1, 14.0, 1.0, 0.5),
    (0.4, 2.5, 14.0, 1.0, 0.5),
    (0.4, 2.1, 5.0, 1.0, 0.5),
    (0.8, 2.1, 14.0, 1.0, 0.3),
    (0.4, 2.1, 14.0, 0.5, 0.5),
    (1.0, 2.1, 14.0, 2.0, 0.3),
]


def _line(y: float, alpha: float, omega: float, epsilon: float, theta: float) -> tuple[float, float]:
    """A and C, read off the library's loss: the slope beyond theta, and what is missing from ``A d``."""
    d = 2 * theta
    prediction = torch.tensor([y + d], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([y], dtype=torch.float64)
    loss = adaptive_wing_loss(prediction, target, alpha=alpha, omega=omega, epsilon=epsilon, theta=theta)
    (slope,) = torch.autograd.grad(loss, prediction)
    return slope.item(), slope.item() * d - loss.item()


def _differs(a: float, b: float) -> bool:
    return not math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-6)


@exercise("deriving-alpha", the_paper_value=2.1, just_the_peak=1.5, peaks_of_one=2.0)
def _alpha(answer: object) -> str:
    value = number(answer)
    if not _differs(value, 2.1):
        raise NotQuite(
            "that is the paper's value, chosen for peaks of 1; here the exponent of the peak would be below 1."
        )
    if not _differs(value, 1.5):
        raise NotQuite("then the exponent at the peak is 0 and the loss there does not depend on the error at all.")
    if not _differs(value, 2.0):
        raise NotQuite("that is the bound for peaks of 1. Which target has the smallest exponent here?")
    if _differs(value, 2.5):
        raise NotQuite(
            f"with alpha = {value:g} the exponent at the peak is {value - 1.5:g}; which exponent is the border?"
        )
    return "the slope goes like d to the power alpha − y − 1, smallest at the peak, so alpha must exceed 1 + 1.5."


@exercise(
    "deriving-line-slope",
    no_division_by_epsilon=lambda y, alpha, omega, epsilon, theta: (
        omega * (alpha - y) * (theta / epsilon) ** (alpha - y - 1) / (1 + (theta / epsilon) ** (alpha - y))
    ),
    outer_derivative_only=lambda y, alpha, omega, epsilon, theta: omega / (1 + (theta / epsilon) ** (alpha - y)),
    slope_at_the_origin_of_wing=lambda y, alpha, omega, epsilon, theta: omega / epsilon,
)
def _slope(answer: object) -> str:
    for setting in _SETTINGS:
        y, alpha, omega, epsilon, theta = setting
        found, right = number(call(answer, *setting)), _line(*setting)[0]
        if not _differs(found, right):
            continue
        if not _differs(found, right * epsilon):
            raise NotQuite("right as long as epsilon is 1. Differentiate d / epsilon once more.")
        p, r = alpha - y, theta / epsilon
        if not _differs(found, omega / (1 + r**p)):
            raise NotQuite(
                "that is the derivative of the logarithm alone; the chain rule asks for that of the power too."
            )
        if not _differs(found, omega / epsilon):
            raise NotQuite("that is Wing's slope at zero error; the line starts at theta and should know about y.")
        raise NotQuite(
            f"at y = {y:g}, alpha = {alpha:g}, omega = {omega:g}, epsilon = {epsilon:g}, theta = {theta:g} "
            f"the line has slope {right:.4f}, yours {found:.4f}."
        )
    return (
        "the slope of the logarithm at theta, by the chain rule; the library's gradient beyond "
        "theta is the same number."
    )


@exercise(
    "deriving-line-offset",
    sign_turned=lambda y, A, alpha, omega, epsilon, theta: (
        omega * math.log1p((theta / epsilon) ** (alpha - y)) - theta * A
    ),
    value_at_theta_only=lambda y, A, alpha, omega, epsilon, theta: omega * math.log1p((theta / epsilon) ** (alpha - y)),
    omega_forgotten=lambda y, A, alpha, omega, epsilon, theta: theta * A - math.log1p((theta / epsilon) ** (alpha - y)),
)
def _offset(answer: object) -> str:
    for setting in _SETTINGS:
        y, _, omega, epsilon, theta = setting
        slope, right = _line(*setting)
        found = number(call(answer, y, slope, *setting[1:]))
        if not _differs(found, right):
            continue
        value = slope * theta - right
        if not _differs(found, -right):
            raise NotQuite("the size is right, the sign is not: the line is A d minus C, not plus.")
        if not _differs(found, value):
            raise NotQuite("that is the value both branches share at theta. How far below A theta is it?")
        if not _differs(found, theta * slope - value / omega):
            raise NotQuite("the logarithm needs its scale in front.")
        raise NotQuite(
            f"at y = {y:g}, omega = {omega:g}, epsilon = {epsilon:g}, theta = {theta:g} the line misses the "
            f"end of the logarithm by {abs(found - right):.4f}."
        )
    return "A theta − C is now the logarithm's value at theta, so the two branches meet; at y = 1 C is negative."


@exercise(
    "deriving-steepest",
    beyond_theta=lambda y: (1.1 - y) ** (1 / (2.1 - y)),
    always_theta=lambda y: 0.5,
    root_forgotten=lambda y: min(1.1 - y, 0.5),
)
def _steepest(answer: object) -> str:
    for y in (1.0, 0.9, 0.8, 0.75, 0.6, 0.3, 0.0):
        # the steepest error by search, from the library's gradient
        error = torch.linspace(0, 0.5, 20001, dtype=torch.float64)
        prediction = (y + error).requires_grad_()
        loss = adaptive_wing_loss(prediction, torch.full_like(error, y), reduction="sum")
        right = error[torch.autograd.grad(loss, prediction)[0].argmax()].item()
        found = number(call(answer, y))
        if abs(found - right) < 1e-3:
            continue
        if found > 0.5:
            raise NotQuite(f"at y = {y:g} your error is {found:.3f}, where the loss is a straight line already.")
        if abs(found - 0.5) < 1e-6:
            raise NotQuite(f"at y = {y:g} the influence has its peak before theta: compare it at 0.2 and at 0.5.")
        if abs(found - (1.1 - y)) < 1e-6:
            raise NotQuite("that is (d / epsilon) to the power p at the peak, not yet d.")
        raise NotQuite(f"at y = {y:g} the library's gradient peaks at an error of {right:.3f}, yours at {found:.3f}.")
    return "the condition (d / epsilon)^p = p − 1 gives d*, and beyond theta the slope no longer changes."


@exercise("deriving-theta-to-zero", l1="a", mse="c")
def _theta(answer: object) -> str:
    if not isinstance(answer, str):
        raise NotQuite('the answer should be "a", "b" or "c".')
    letter = answer.strip().lower()
    if letter == "a":
        raise NotQuite("a straight line, yes, but look at its slope A for theta = 0.1, 0.01, 0.001.")
    if letter == "c":
        raise NotQuite("the curved part ends at theta, so it goes away with theta; what is left of the loss?")
    if letter != "b":
        raise NotQuite('the answer should be "a", "b" or "c".')
    return (
        "A goes like theta to the power p − 1 and p > 1, so the line lies down: theta and "
        "smoothness at 0 belong together."
    )
