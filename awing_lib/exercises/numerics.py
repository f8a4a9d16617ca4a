"""Exercises of the chapter on numerics, and the loss with a bug that its readers hunt."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from awing_lib.exercises import NotQuite, call, exercise, number
from awing_lib.losses import adaptive_wing_formula


def suspect_loss(
    prediction: Tensor,
    target: Tensor,
    alpha: float = 2.1,
    omega: float = 14.0,
    epsilon: float = 1.0,
    theta: float = 0.5,
) -> Tensor:
    """Adaptive Wing loss per pixel, with a bug on purpose: see the chapter on numerics."""
    delta = (torch.as_tensor(target) - torch.as_tensor(prediction)).abs()
    power = alpha - torch.as_tensor(target)
    ratio = (theta / epsilon) ** power
    slope = omega * power * ratio / (theta * (1 + ratio))
    offset = theta * slope - omega * torch.log1p(ratio)
    curved = omega * torch.log1p((delta / omega) ** power)
    straight = slope * delta - offset
    return torch.where(delta < theta, curved, straight)


@exercise("largest-finite-target", uses_alpha_itself=2.1, uses_the_top_of_the_heatmap=1.0)
def _largest_finite_target(answer: object) -> str:
    value = number(answer)
    if math.isclose(value, 1.1, abs_tol=1e-6):
        return (
            "the exponent of the derivative is alpha - y - 1. At y = alpha - 1 it is 0, and a zeroth power is finite; "
            "above, it is negative, and a negative power of 0 is infinite."
        )
    if math.isclose(value, 2.1, abs_tol=1e-6):
        raise NotQuite("at y = 2.1 the exponent of the loss reaches 0, but its derivative has a smaller exponent.")
    if math.isclose(value, 1.0, abs_tol=1e-6):
        raise NotQuite("heatmaps end at 1, but the formula still survives a little above: try y = 1.05.")
    raise NotQuite("write down the power of d in the derivative of d^(alpha - y), and ask when it becomes negative.")


def _tensor(result: object) -> Tensor:
    try:
        return torch.as_tensor(result)
    except (TypeError, ValueError, RuntimeError):
        raise NotQuite(f"your function should return a tensor, not {type(result).__name__}.") from None


@exercise(
    "stable-log",
    takes_the_logarithm_of_the_sum=lambda d, p: torch.log(1 + d**p),
    hopes_that_float64_is_enough=lambda d, p: torch.log(1 + d.double() ** p),
    lets_the_power_overflow=lambda d, p: torch.log1p(d**p),
    shifts_the_error_off_zero=lambda d, p: F.softplus(p * torch.log(d + 1e-12)),
)
def _stable_log(answer: object) -> str:
    def relative_error(errors: list[float], p: float) -> float:
        d = torch.tensor(errors)
        found = _tensor(call(answer, d, p))
        if found.shape != d.shape:
            raise NotQuite(f"for {len(errors)} errors there should be {len(errors)} values, not {tuple(found.shape)}.")
        exact = F.softplus(p * d.double().log(), threshold=1000)
        return ((found.double() - exact).abs() / exact).nan_to_num(math.inf).max().item()

    if relative_error([0.1, 0.5, 1.0], 2.1) > 1e-5:
        raise NotQuite("even at d = 0.1, 0.5 and 1 the value is not ln(1 + d^p).")
    if relative_error([1e-4, 1e-3], 2.1) > 1e-3:
        raise NotQuite("at d = 1e-4, p = 2.1 the digits are gone: 1 + u forgets a small u before any logarithm.")
    if relative_error([1e-7], 2.1) > 1e-3:
        raise NotQuite("d = 1e-4 is right, d = 1e-7 is not: more digits only move the edge where 1 + u forgets u.")
    if relative_error([1e20, 1e30], 2.1) > 1e-5:
        raise NotQuite("at d = 1e20 the power overflows to infinity, though its logarithm is below 100.")
    zero = _tensor(call(answer, torch.zeros(1), 2.1))
    if (zero != 0).any():
        raise NotQuite("at d = 0 the value should be exactly 0; whatever is added to d stays visible there.")
    if relative_error([1e-6, 1e-4, 0.01, 0.3, 1e10], 1.1) > 1e-5:
        raise NotQuite("p = 2.1 works, p = 1.1 does not: keep p general and d unshifted.")
    return "right from 0 to 1e30: the power is never formed, only its logarithm."


@exercise("which-dtype", stays_in_bfloat16="a", trusts_float16="b", goes_to_float64="d")
def _which_dtype(answer: object) -> str:
    letter = str(answer).strip().lower()
    if letter == "c":
        return (
            "the network's outputs keep their half precision and their memory; only the loss's own arithmetic is "
            "float32, and the gradient goes back in the dtype of the prediction."
        )
    hints = {
        "a": "in bfloat16 each step rounds to about three digits, and the errors add up: look at the figure above.",
        "b": "float16 has more digits but a small range: the sum over a batch overflowed above.",
        "d": "float64 is accurate, but the rounding of the half-precision inputs is already thousands of times larger "
        "than float32's, and float64 is slow on most GPUs.",
    }
    raise NotQuite(hints.get(letter, "answer with one letter: 'a', 'b', 'c' or 'd'."))


def _per_pixel(jump: Callable[[Tensor, Tensor], Tensor] | None = None, theta: float = 0.5) -> Callable:
    """Adaptive Wing loss whose straight part is off by ``jump(target, error)``; right without it."""

    def loss(prediction, target):
        prediction, target = torch.as_tensor(prediction), torch.as_tensor(target)
        value = adaptive_wing_formula(prediction, target, theta=theta)
        if jump is None:
            return value
        error = prediction - target
        return torch.where(error.abs() < theta, value, value + jump(target, error))

    return loss


def _constant(target: Tensor) -> Tensor:
    """C at the default parameters."""
    p = 2.1 - target
    ratio = 0.5**p
    return 14 * (p * ratio / (1 + ratio) - torch.log1p(ratio))


def _constant_drawn_straight(target: Tensor) -> Tensor:
    """C by linear interpolation between its values at the ends."""
    ends = _constant(torch.tensor([0.0, 1.0]))
    return ends[0] + (ends[1] - ends[0]) * target


# Each: what is wrong, in words for the reader, and the jump at theta it causes.
_BROKEN = [
    (
        "accepts a loss that jumps by 0.1 at theta for every target. How large a difference do you let pass?",
        _per_pixel(lambda y, error: torch.full_like(y * error, 0.1)),
    ),
    (
        "accepts a loss whose C was computed for y = 0 and used for every target. Which targets do you look at?",
        _per_pixel(lambda y, error: _constant(y) - _constant(torch.tensor(0.0))),
    ),
    (
        "accepts a loss that is right on the background and jumps near the peak, because it never lets C be negative.",
        _per_pixel(lambda y, error: _constant(y) - _constant(y).clamp(min=0)),
    ),
    (
        "accepts a loss that is right at y = 0 and y = 1 and wrong in between. Try more targets.",
        _per_pixel(lambda y, error: _constant(y) - _constant_drawn_straight(y)),
    ),
    (
        "accepts a loss that jumps only where the prediction lies below the target. An error has two signs.",
        _per_pixel(lambda y, error: torch.where(error < 0, 1.0, 0.0)),
    ),
    (
        "accepts a loss that jumps only where the prediction lies above the target. Look on that side too.",
        _per_pixel(lambda y, error: torch.where(error > 0, 1.0, 0.0)),
    ),
]


def _continuous_if(
    targets: tuple[float, ...], tolerance: float = 0.01, signs: tuple[int, ...] = (-1, 1), at: float | None = None
) -> Callable:
    """A reader's ``is_continuous`` that looks at these targets and sides only."""

    def is_continuous(loss, theta=0.5):
        where, step = at or theta, 1e-6
        for y in (torch.tensor(t, dtype=torch.float64) for t in targets):
            for sign in signs:
                jump = loss(y + sign * (where + step), y) - loss(y + sign * (where - step), y)
                if jump.abs() > tolerance:
                    return False
        return True

    return is_continuous


_GRID = tuple(i / 10 for i in range(11))


@exercise(
    "continuous-at-theta",
    believes_everything=lambda loss, theta=0.5: True,
    looks_at_y_0_only=_continuous_if((0.0,)),
    looks_at_the_background_only=_continuous_if((0.0, 0.25, 0.5)),
    looks_at_the_ends_only=_continuous_if((0.0, 1.0)),
    looks_above_the_target_only=_continuous_if(_GRID, signs=(1,)),
    looks_below_the_target_only=_continuous_if(_GRID, signs=(-1,)),
    lets_too_much_pass=_continuous_if(_GRID, tolerance=1.0),
    asks_for_equality=_continuous_if(_GRID, tolerance=0.0),
    ignores_theta=_continuous_if(_GRID, at=0.5),
)
def _continuous_at_theta(answer: object) -> str:
    def says_continuous(loss: Callable, theta: float = 0.5) -> bool:
        try:
            return bool(call(answer, loss, theta))
        except (RuntimeError, ValueError):
            raise NotQuite("your function should return one True or False, for all targets together.") from None

    for theta in (0.5, 0.3):
        if not says_continuous(_per_pixel(theta=theta), theta):
            raise NotQuite(
                "your test rejects a loss that is right. Two points beside theta never have quite the same value: "
                "allow a little more than slope times step, with a slope of about 11."
            )
    if says_continuous(suspect_loss):
        raise NotQuite("your test lets suspect_loss pass. Compare its value just below and just above theta.")
    for what, loss in _BROKEN:
        if says_continuous(loss):
            raise NotQuite(f"your test catches suspect_loss, but {what}")
    if says_continuous(_per_pixel(lambda y, error: torch.full_like(y * error, 1.0), theta=0.3), 0.3):
        raise NotQuite("your test misses a loss that jumps at theta = 0.3. Does it use its argument theta?")
    return f"your test accepts the right loss and catches suspect_loss and {len(_BROKEN) + 1} other broken ones."


def _hand_gradient(prediction, target, sign=True, beyond=True, at_zero=True):
    """The gradient by hand; each switch leaves out one thing that readers leave out."""
    error, p = prediction - target, 2.1 - target
    d = error.abs()
    c = d.clamp(max=0.5) if beyond else d
    slope = 14 * p * c ** (p - 1) / (1 + c**p)
    slope = slope * error.sign() if sign else slope
    return torch.where(d == 0, 0.0, slope) if at_zero else slope


@exercise(
    "hand-gradient",
    forgets_the_sign=lambda prediction, target: _hand_gradient(prediction, target, sign=False),
    differentiates_by_the_target=lambda prediction, target: -_hand_gradient(prediction, target),
    forgets_the_straight_part=lambda prediction, target: _hand_gradient(prediction, target, beyond=False),
    is_not_a_number_at_zero=lambda prediction, target: _hand_gradient(prediction, target, at_zero=False),
)
def _gradient_by_hand(answer: object) -> str:
    def compare(errors: list[float]) -> tuple[Tensor, Tensor]:
        error, target = torch.meshgrid(
            torch.tensor(errors, dtype=torch.float64), torch.linspace(0, 1, 6, dtype=torch.float64), indexing="ij"
        )
        prediction = (target + error).requires_grad_()
        (exact,) = torch.autograd.grad(adaptive_wing_formula(prediction, target).sum(), prediction)
        found = _tensor(call(answer, prediction.detach(), target))
        if found.shape != exact.shape:
            raise NotQuite(f"the gradient should have the shape of the prediction, {tuple(exact.shape)}.")
        return found.double(), exact

    def close(a: Tensor, b: Tensor) -> bool:
        return torch.allclose(a, b, rtol=1e-4, atol=1e-6)

    curved = [1e-3, 0.05, 0.2, 0.45]
    found, exact = compare(curved + [-e for e in curved])
    if close(found, -exact):
        raise NotQuite("every sign is reversed: this is the derivative with respect to the target.")
    if close(found, exact.abs()):
        raise NotQuite("right in size, but never negative: which way should a prediction below its target move?")
    if not close(found, exact):
        raise NotQuite("below theta it differs from autograd. Differentiate omega ln(1 + d^p), chain rule included.")
    found, exact = compare([0.55, 0.8, 2.0, -0.55, -0.8, -2.0])
    if not close(found, exact):
        raise NotQuite("below theta it agrees with autograd. From theta on the loss is straight: what is its slope?")
    targets = torch.tensor([0.0, 0.5, 1.0, 1.2])
    at_zero = _tensor(call(answer, targets, targets))
    if at_zero.isnan().any():
        raise NotQuite("right everywhere but at zero error, where a target of 1.2 gives NaN: infinity times sign(0).")
    if at_zero.abs().max() > 0:
        raise NotQuite("at zero error the gradient should be exactly 0.")
    return "equal to autograd on both branches and both sides, and 0 where autograd through the formula gives NaN."
