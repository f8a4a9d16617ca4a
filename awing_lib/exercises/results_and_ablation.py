"""Exercises of the chapter "Results and ablation"."""

import numpy as np

from awing_lib.exercises import NotQuite, call, exercise, number
from awing_lib.intervals import bootstrap_interval, paired_difference


def _made_up(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors (N,) of two models on the same faces, and who is on them: what is hard is hard for both."""
    generator = np.random.default_rng(seed)
    people = np.repeat(np.arange(20), 4)
    hard = 0.04 * np.exp(0.4 * generator.standard_normal(20)[people] + 0.2 * generator.standard_normal(80))
    return (*(hard * np.exp(0.05 * generator.standard_normal((2, 80)))), people)


def _apart(errors, other, people):
    one, two = bootstrap_interval(errors, groups=people), bootstrap_interval(other, groups=people)
    return (one.high - two.low) - (one.low - two.high)


def _width(interval):
    return interval.high - interval.low


@exercise(
    "how-much-narrower",
    upside_down=lambda e, o, p: _width(paired_difference(e, o, groups=p)) / _apart(e, o, p),
    faces_drawn=lambda e, o, p: (
        (_width(bootstrap_interval(e)) + _width(bootstrap_interval(o))) / _width(paired_difference(e, o))
    ),
    one_interval_only=lambda e, o, p: (
        _width(bootstrap_interval(e, groups=p)) / _width(paired_difference(e, o, groups=p))
    ),
    both_ways_not_paired=lambda e, o, p: _apart(e, o, p) / _apart(e, o, p),
)
def _how_much_narrower(answer: object) -> str:
    for seed in (0, 1):
        errors, other, people = _made_up(seed)
        value = number(call(answer, errors.copy(), other.copy(), people.copy()))
        apart, paired = _apart(errors, other, people), _width(paired_difference(errors, other, groups=people))
        drawn = _width(bootstrap_interval(errors)) + _width(bootstrap_interval(other))
        hints = {
            paired / apart: "this is the share that is left. How many times as wide is the other one?",
            drawn / _width(paired_difference(errors, other)): "here faces were drawn. Pictures of one person belong "
            "together: pass people as groups, in all three places.",
            _width(bootstrap_interval(errors, groups=people)) / paired: "one interval was compared with the paired "
            "one. A difference has two ends that can both be wrong: the widths of both intervals count.",
            1.0: "both widths are the same. The second should come from paired_difference.",
        }
        right = apart / paired
        if abs(value - right) < 1e-6 * right:
            continue
        for wrong, hint in hints.items():
            if abs(value - wrong) < 1e-6:
                raise NotQuite(hint)
        raise NotQuite(
            f"for one pair of models the answer is {value:g}, and should be {right:g}. From two intervals, a "
            "difference lies between low minus high and high minus low."
        )
    return "two intervals know nothing of each other, and the pair knows that a hard face is hard for both."


@exercise(
    "people-needed",
    in_proportion=150,
    root_of_the_ratio=50 * 3**0.5,
    only_the_new_ones=400,
    fewer_people=50 / 9,
    cube_of_the_ratio=1350,
)
def _people_needed(answer: object) -> str:
    value = number(answer)
    hints = {
        150: "three times as many people make the interval narrower by the root of three only.",
        50 * 3**0.5: "the root is on the other side: to shrink by a factor, take its square in people.",
        400: "these are the people that have to come. How many are there then?",
        50 / 9: "with fewer people the interval becomes wider.",
        1350: "the width shrinks with the square root of the number of people, not with the cube root.",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 0.02 * wrong:
            raise NotQuite(hint)
    if abs(value - 450) > 0.5:
        raise NotQuite(f"{value:g} is not it. By which factor must the interval shrink, and what does that take?")
    return "a third of the width takes nine times as many people. Small differences are expensive."


def _allowed(rate, faces, slack):
    return bool(abs(rate * faces / 100 - round(rate * faces / 100)) <= slack)


@exercise(
    "whole-failures",
    exact_equality=lambda rate, faces: _allowed(rate, faces, 0),
    a_fifth_of_a_face=lambda rate, faces: _allowed(rate, faces, 0.2),
    a_twentieth_of_a_face=lambda rate, faces: _allowed(rate, faces, 0.05),
    cut_off=lambda rate, faces: bool(abs(100 * int(rate * faces / 100) / faces - rate) <= 0.00501),
)
def _whole_failures(answer: object) -> str:
    cases = (
        (13.50, 326, True, "44 of 326 faces are 13.497 %, which is printed so. Allow for the rounding of the rate."),
        (13.55, 326, False, "44 of 326 faces are 13.50 % and 45 are 13.80 %. Allow for rounding, and for no more."),
        (2.37, 3000, True, "71 of 3000 faces are printed so. Half a unit of the last digit is 0.15 faces there: "
                           "compare rates, not numbers of faces."),
        (33.33, 3, True, "that is one of three. The rate times the faces is just below 1: round it, do not cut it."),
        (2.85, 2500, False, "71 of 2500 faces are 2.84 % and 72 are 2.88 %."),
        (0.97, 206, True, "2 of 206 faces are printed so."),
        (0.00, 17, True, "none of 17 faces failed."),
        (100.00, 17, True, "all of 17 faces failed."),
    )  # fmt: skip
    for rate, faces, right, hint in cases:
        result = call(answer, rate, faces)
        if not isinstance(result, bool | np.bool_):
            raise NotQuite(f"the function should return True or False, not {type(result).__name__}.")
        if bool(result) is not right:
            raise NotQuite(f"{rate:.2f} % of {faces} faces should be {right}: {hint}")
    return "failures are whole faces, so a small test set allows few rates, and a slip of the pen is seen at once."


@exercise("two-kinds-of-luck", the_interval_excludes_zero="a", nothing_at_all="c", anywhere="d")
def _two_kinds_of_luck(answer: object) -> str:
    hints = {
        "a": "the interval is about other people in front of these six networks. Compare the seeds of one loss.",
        "c": "there is something: on other people, too, these networks would come out in this order.",
        "d": "one kind of network on one data set was tried. Nothing in the numbers reaches beyond.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "b":
        return "people are accounted for, seeds are not: those of one loss differ by more than the two means do."
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')
