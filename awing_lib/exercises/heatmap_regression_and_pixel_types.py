"""Exercises of the chapter "Heatmap regression and pixel types"."""

import math

import numpy as np

from awing_lib.exercises import NotQuite, call, exercise, number


@exercise(
    "there-and-back",
    corner_instead_of_centre=3.6056,
    in_pixels_of_the_map=0.3953,
    half_a_pixel_too_far=math.hypot(0, 1),
    one_axis_only=1.5,
)
def _there_and_back(answer: object) -> str:
    value = number(answer)
    hints = {
        3.6056: "4 i is the first crop pixel of the cell. Read off at the centre of the cell instead.",
        0.3953: "the cells are right, but this is in pixels of the map. Each of them is 4 pixels of the crop.",
        1.0: "the middle of the crop pixels 88, 89, 90 and 91 is not 90. Count from the edge of the picture.",
        1.5: "that is the error along y alone. What is it along x, and what is the distance?",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 0.002:
            raise NotQuite(hint)
    if abs(value - math.sqrt(2.5)) > 0.005:
        raise NotQuite(f"{value:g} is not the distance. Which four crop pixels does the cell cover, along x and y?")
    return "the cells are 22 and 36, read off at (89.5, 145.5): off by 0.5 and 1.5, which no decoder can know."


@exercise(
    "foreground-count",
    without_the_diagonals=5,
    without_the_mode=8,
    radius_of_two=13,
    whole_patch=49,
    difficult_background_too=25,
)
def _foreground_count(answer: object) -> str:
    value = number(answer)
    hints = {
        5: "the four diagonal neighbours are at a distance of 1.41. What is the bell there?",
        8: "the mode is foreground, too.",
        13: "two pixels away the bell is exp(-2). Is that at least 0.2?",
        49: "that is the whole patch of the official code, which also has another width.",
        25: "these are foreground and difficult background together: a 3x3 dilation has been added.",
    }
    if value in hints:
        raise NotQuite(hints[value])
    if value != 9:
        raise NotQuite(f"{value:g} is not the number. Up to which distance is exp(-d²/2) at least 0.2?")
    return "up to a distance of 1.79 the bell is at least 0.2: the mode and its eight neighbours, a square of 3x3."


_ROWS = (
    [0.0, 0.2, 0.9, 0.5, 0.1],
    [0.0, 0.6, 0.9, 0.5, 0.1],
    [0.1, 0.3, 0.8, 0.3, 0.0, 0.0],
    [0.9, 0.5, 0.1],
    [0.0, 0.1, 0.4, 0.8],
)
_QUARTERS = (2.25, 1.75, 2.0, 0.0, 3.0)


def _peak(row):
    return int(np.argmax(row))


def _pair(row):
    """The neighbours of the highest pixel, left and right; the row's own end where there is none."""
    return row[max(_peak(row) - 1, 0)], row[min(_peak(row) + 1, len(row) - 1)]


def _quarter(row, size=0.25):
    inside = 0 < _peak(row) < len(row) - 1
    left, right = _pair(row)
    return _peak(row) + size * np.sign(right - left) * inside


@exercise(
    "quarter-decoder",
    always_to_the_right=lambda row: _peak(row) + 0.25 * (0 < _peak(row) < len(row) - 1),
    towards_the_lower_neighbour=lambda row: _quarter(row, -0.25),
    half_a_pixel=lambda row: _quarter(row, 0.5),
    border_forgotten=lambda row: _peak(row) + 0.25 * np.sign(_pair(row)[1] - _pair(row)[0]),
    no_step=_peak,
    step_when_equal=lambda row: (
        _peak(row) + (0.25 if _pair(row)[1] >= _pair(row)[0] else -0.25)
        if 0 < _peak(row) < len(row) - 1
        else _peak(row)
    ),
)
def _quarter_decoder(answer: object) -> str:
    found = []
    for row in _ROWS:
        value = call(answer, list(row))
        try:
            found.append(float(value))
        except (TypeError, ValueError):
            raise NotQuite(f"one number is wanted for a row, not {type(value).__name__}.") from None

    def same(other) -> bool:
        return np.allclose(found, other, atol=1e-6)

    if same(_QUARTERS):
        return "from the highest pixel a quarter towards the higher neighbour; at the border and in a tie it stays."
    if same([_peak(row) for row in _ROWS]):
        raise NotQuite("this is argmax: it never leaves the centre of the highest pixel.")
    right, left, tie, first, last = found
    if np.allclose([right, left], [1.75, 2.25]):
        raise NotQuite("the step goes to the lower neighbour. Which sign has H[i + 1] - H[i - 1]?")
    if np.allclose([right, left], [2.25, 2.25]):
        raise NotQuite("the step always goes to the right. Which neighbour is the higher one?")
    if np.allclose([right, left], [2.5, 1.5]):
        raise NotQuite("the direction is right, but the step is half a pixel long.")
    if np.allclose([right, left], [2.25, 1.75]) and not np.isclose(tie, 2):
        raise NotQuite("if both neighbours are equal, there is no higher one, and no step.")
    if np.allclose([right, left, tie], [2.25, 1.75, 2]) and not np.allclose([first, last], [0, 3]):
        raise NotQuite("at the first and at the last pixel there is only one neighbour: no step there.")
    raise NotQuite(f"for the row {_ROWS[0]} your function returns {right:g}. Where is the peak, and who is higher?")


def _newton(left, middle, right):
    return (math.log(right) - math.log(left)) / 2 / -(math.log(right) - 2 * math.log(middle) + math.log(left))


@exercise(
    "dark-step",
    without_the_logarithm=lambda left, middle, right: (right - left) / 2 / (2 * middle - left - right),
    to_the_wrong_side=lambda left, middle, right: -_newton(left, middle, right),
    half_forgotten=lambda left, middle, right: 2 * _newton(left, middle, right),
    only_a_quarter=lambda left, middle, right: 0.25 * np.sign(right - left),
)
def _dark_step(answer: object) -> str:
    cases = [(shift, sigma) for sigma in (0.8, 1.0, 1.75) for shift in (0.3, -0.45, 0.1)]
    bells = [[math.exp(-((p - shift) ** 2) / (2 * sigma**2)) for p in (-1, 0, 1)] for shift, sigma in cases]
    found = []
    for bell in bells:
        value = call(answer, *bell)
        try:
            found.append(float(value))
        except (TypeError, ValueError):
            raise NotQuite(f"one number is wanted, not {type(value).__name__}.") from None
    right = np.array([shift for shift, _ in cases])
    if np.allclose(found, right, atol=1e-4):
        return "the logarithm of a bell is a parabola, so one Newton step lands on its top, whatever the width."
    if np.allclose(found, -right, atol=1e-4):
        raise NotQuite("the length is right and the side is not: the curvature at a peak is negative.")
    if np.allclose(found, 2 * right, atol=1e-4):
        raise NotQuite("twice too far: the neighbours are two pixels apart, so the slope is half their difference.")
    if np.allclose(found, [(c - a) / 2 / (2 * b - a - c) for a, b, c in bells], atol=1e-4):
        raise NotQuite("this takes the bell itself for a parabola. Its logarithm is one.")
    if np.allclose(np.abs(found), 0.25):
        raise NotQuite("that is the quarter step: it looks only at which neighbour is higher, not by how much.")
    raise NotQuite(
        f"for a bell of width {cases[0][1]:g} whose top is at {cases[0][0]:g} your function returns {found[0]:g}."
    )


@exercise("snapped-decoder", quarter_helps="a", dark_helps="b", sharp_enough="c")
def _snapped_decoder(answer: object) -> str:
    hints = {
        "a": "which neighbour of the mode is the higher one in a snapped target?",
        "b": "dark computes the top of the bell, and does it well. But where is the top of a snapped bell?",
        "c": "the sharper it is, the nearer it comes to argmax, and a snapped bell is symmetric anyway.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "d":
        return "what the target does not hold, no decoder finds: all landmarks of one pixel share one target."
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')
