"""Exercises of the chapter "Metrics"."""

import numpy as np

from awing_lib.exercises import NotQuite, call, exercise, number
from awing_lib.metrics import area_under_curve


@exercise(
    "nme-by-hand",
    a_fraction=0.05,
    pixels=4,
    unmarked_counted_as_right=3.75,
    sum_instead_of_mean=15,
    only_those_that_are_off=7.5,
    root_of_the_mean_square=100 * 30**0.5 / 80,
)
def _nme_by_hand(answer: object) -> str:
    value = number(answer)
    hints = {
        0.05: "this is a fraction. In per cent it is a hundred times as much.",
        4: "these are pixels. How large are they beside the 80 pixels between the eyes?",
        3.75: "the landmark that is not marked was counted as if it had been found exactly. Leave it out.",
        15: "this is the sum over the landmarks. The M of NME stands for mean.",
        7.5: "a landmark that was found exactly is marked too, and its error of 0 counts.",
        100 * 30**0.5 / 80: "no squares here: each distance counts as it is.",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 0.005 * wrong:
            raise NotQuite(hint)
    if abs(value - 5) > 0.01:
        raise NotQuite(f"{value:g} per cent is not it. Take the mean over the marked landmarks, and divide by 80.")
    return "three landmarks are marked, their mean distance is 4 pixels, and 4 of 80 are 5 per cent."


_ERRORS = ((0.01, 0.03, 0.05), (0.02, 0.07, 0.2, np.inf), (0.0, 0.3, 0.1, 0.04))


@exercise(
    "write-the-auc",
    not_cut_off=lambda errors, limit: 1 - np.mean(errors) / limit,
    not_divided_by_the_limit=lambda errors, limit: limit - np.mean(np.minimum(errors, limit)),
    area_above_the_curve=lambda errors, limit: np.mean(np.minimum(errors, limit)) / limit,
    failed_faces_left_out=lambda errors, limit: 1 - np.mean([e for e in errors if e <= limit]) / limit,
    end_of_the_curve=lambda errors, limit: np.mean(np.array(errors) <= limit),
)
def _write_the_auc(answer: object) -> str:
    for errors in _ERRORS:
        for limit in (0.10, 0.05):
            errors = np.array(errors)
            with np.errstate(all="ignore"):  # what infinity makes of a wrong answer is met by a hint, not a warning
                result = call(answer, errors.copy(), limit)
            if isinstance(result, float) and not np.isfinite(result):
                raise NotQuite(
                    f"for {errors.tolist()} the answer is {result}. What is the most that one face can cost?"
                )
            value = number(result)
            right = area_under_curve(errors, limit)
            if abs(value - right) < 1e-6:
                continue
            if abs(value - limit * right) < 1e-6:
                raise NotQuite(
                    "this area has the unit of the errors. Divide by the limit, so that a perfect model has 1."
                )
            if abs(value - (1 - right)) < 1e-6:
                raise NotQuite("this is the area above the curve: a perfect model would get 0.")
            if abs(value - np.mean(errors <= limit)) < 1e-6:
                raise NotQuite("this is where the curve ends, one minus the failure rate. The area is wanted.")
            if np.any(errors <= limit) and abs(value - 1 + errors[errors <= limit].mean() / limit) < 1e-6:
                raise NotQuite("the faces that failed are gone. They add no area, but they count as faces.")
            raise NotQuite(
                f"for {errors.tolist()} and a limit of {limit:g} the answer is {value:g}, and should be {right:g}. How "
                "much area does a face add whose error is above the limit?"
            )
    return "an error beyond the limit costs as much as the limit, an infinite one too, and no curve is needed."


@exercise("impossible-row", a_failure_rate_below_the_rest="a", no_failures="b", more_than_the_limit="d")
def _impossible_row(answer: object) -> str:
    hints = {
        "a": "this one can be: 0.56 lies between the least that its NME allows and the most that its failures allow.",
        "b": "nothing failed, so no error is cut off, and the AUC is fixed by the NME alone. Compute it.",
        "d": "an NME above the limit is possible, since a few faces may be far off. Its failures need no more than it "
        "has, and leave room for this AUC.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "c":
        return "an NME of 5 % guarantees an AUC of at least 0.50, whatever the failure rate."
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')


@exercise(
    "draw-people",
    each_once=lambda errors, people, drawn: errors[np.isin(people, drawn)].mean(),
    mean_of_means=lambda errors, people, drawn: np.mean([errors[people == p].mean() for p in drawn]),
    not_resampled=lambda errors, people, drawn: errors.mean(),
    sum_of_errors=lambda errors, people, drawn: sum(errors[people == p].sum() for p in drawn),
)
def _draw_people(answer: object) -> str:
    errors = np.array([0.02, 0.04, 0.09, 0.03, 0.08, 0.05])
    people = np.array(["ann", "ann", "bob", "cem", "ann", "cem"])
    for drawn in (["bob", "bob", "ann"], ["cem", "ann", "cem"], ["bob", "bob", "bob"]):
        value = number(call(answer, errors.copy(), people.copy(), list(drawn)))
        pictures = [errors[people == person] for person in drawn]
        right = np.concatenate(pictures).mean()
        if abs(value - right) < 1e-9:
            continue
        hints = {
            errors[np.isin(people, drawn)].mean(): f"{drawn} has somebody twice. Who was drawn twice counts twice.",
            np.mean([own.mean() for own in pictures]): "this is the mean over people of their means. An NME is a mean "
            "over pictures, so who has more of them counts for more.",
            errors.mean(): "this is the mean over all pictures, whoever was drawn.",
            sum(own.sum() for own in pictures): "this is a sum. Divide by the number of pictures, not by that of all.",
        }
        for wrong, hint in hints.items():
            if abs(value - wrong) < 1e-9:
                raise NotQuite(hint)
        raise NotQuite(f"for {drawn} the answer is {value:g}, and should be {right:g}.")
    return "people are drawn with all their pictures, and the mean goes over the pictures."
