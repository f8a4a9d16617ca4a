"""Exercises of the chapter "Your own data and layouts"."""

import numpy as np

from awing_lib.exercises import NotQuite, NotYet, call, exercise, number


@exercise(
    "own-mirror-pairs",
    by_place_in_each_eye=[(1, 3), (2, 4), (5, 6)],
    neighbours_in_the_list=[(1, 2), (3, 4), (5, 6)],
    counted_from_1=[(2, 5), (3, 4), (6, 7)],
    midline_paired_with_itself=[(0, 0), (1, 4), (2, 3), (5, 6)],
    mouth_forgotten=[(1, 4), (2, 3)],
    the_permutation=[0, 4, 3, 2, 1, 6, 5],
)
def _own_mirror_pairs(answer: object) -> str:
    if isinstance(answer, list | tuple) and (not answer or any(item is ... or item is None for item in answer)):
        raise NotYet
    try:
        given = [tuple(sorted(map(int, pair))) for pair in answer]
    except (TypeError, ValueError):
        raise NotQuite("a list of pairs is wanted, such as [(0, 1), (2, 3)], not a permutation.") from None
    if any(len(pair) != 2 for pair in given):
        raise NotQuite("each pair has two points.")
    pairs, right = set(given), {(1, 4), (2, 3), (5, 6)}
    if pairs == right and len(given) == 3:
        return "outer with outer, inner with inner, corner with corner. The nose tip is on the midline and has no pair."
    if any(first == second for first, second in pairs):
        raise NotQuite("a point on the midline stays where it is: it is in no pair, not in one with itself.")
    if pairs == {(2, 5), (3, 4), (6, 7)}:
        raise NotQuite("right, but counted from 1. The nose tip is point 0.")
    if {(1, 3), (2, 4)} <= pairs:
        raise NotQuite("the first point of each eye is not the same point: one is an outer corner, one an inner.")
    if (1, 2) in pairs:
        raise NotQuite("1 and 2 belong to one eye. In the mirrored photo, where does the outer corner of it lie?")
    if pairs < right:
        raise NotQuite("these are right. What else is there on both sides of the face?")
    raise NotQuite("say for each point which one it becomes in the mirrored photo, and write each such two once.")


@exercise(
    "own-origin",
    width_without_the_1=lambda x, mirrored, width: (x + mirrored - width) / 2,
    not_halved=lambda x, mirrored, width: x + mirrored - (width - 1),
    difference_of_the_two=lambda x, mirrored, width: (x - mirrored) / 2,
    wrong_sign=lambda x, mirrored, width: (width - 1 - x - mirrored) / 2,
    always_one=lambda x, mirrored, width: 1,
)
def _own_origin(answer: object) -> str:
    for origin in (0.0, 1.0, 0.5, -3.0):
        for true, width in ((100.0, 640), (20.25, 57)):
            x, mirrored = true + origin, width - 1 - true + origin
            value = number(call(answer, x, mirrored, width))
            if abs(value - origin) < 1e-9:
                continue
            raise NotQuite(_origin_hint(value, origin, x, mirrored, width))
    return (
        "the two are x + c and W - 1 - x + c, so half of what their sum has over W - 1 is c. One photo and its mirror "
        "image tell you what no manual says."
    )


def _origin_hint(value: float, origin: float, x: float, mirrored: float, width: int) -> str:
    if abs(value - (x - mirrored) / 2) < 1e-9:
        return "the difference of the two still depends on where the point lies. Which combination does not?"
    if abs(value - origin + 0.5) < 1e-9:
        return "half a pixel too little: the mirror image of x is not W - x where integers are pixel centres."
    if value == 1:
        return (
            f"many tools count from 1, but not all: a tool that wrote {x:g} and {mirrored:g} at width {width} does not."
        )
    if abs(value - 2 * origin) < 1e-9:
        return "twice too much: the shift is in both of the numbers that you have added."
    if abs(value + origin) < 1e-9:
        return "the sign is turned around: a tool that counts from 1 writes too much, not too little."
    return f"for x {x:g}, mirrored {mirrored:g} and width {width} the tool counts from {origin:g}, not {value:g}."


@exercise(
    "own-box-size",
    diagonal=lambda points: np.linalg.norm(np.nanmax(points, 0) - np.nanmin(points, 0)),
    area=lambda points: np.prod(np.nanmax(points, 0) - np.nanmin(points, 0)),
    longer_side=lambda points: np.max(np.nanmax(points, 0) - np.nanmin(points, 0)),
    mean_of_the_sides=lambda points: np.mean(np.nanmax(points, 0) - np.nanmin(points, 0)),
    stumbles_over_nan=lambda points: np.sqrt(np.prod(points.max(0) - points.min(0))),
)
def _own_box_size(answer: object) -> str:
    generator = np.random.default_rng(0)
    for missing in (False, True):
        for count in (3, 12):
            points = generator.uniform(0, 200, (count, 2)) * [1, 0.6]
            if missing:
                points[0] = np.nan
            size = np.nanmax(points, 0) - np.nanmin(points, 0)
            result = call(answer, points.copy())
            if missing and isinstance(result, float) and np.isnan(result):
                raise NotQuite("right as long as all points are marked. One that is not marked is NaN: pass over it.")
            value = number(result)
            if abs(value - np.sqrt(size.prod())) < 1e-6:
                continue
            hints = {
                float(np.linalg.norm(size)): "that is the diagonal, which stays long when the box becomes a line.",
                float(size.prod()): "that is an area. A length is wanted, so that pixels are divided by pixels.",
                float(size.max()): "that is the longer side alone. Both sides should count alike.",
                float(size.mean()): "that is the mean of the sides. Here their product counts: the geometric mean.",
            }
            for wrong, hint in hints.items():
                if abs(value - wrong) < 1e-6:
                    raise NotQuite(hint)
            raise NotQuite(f"a box of {size[0]:.1f} x {size[1]:.1f} pixels has the size {np.sqrt(size.prod()):.1f}.")
    return "a square of this side has the area of the box. It needs no eyes, and only two points that are marked."


@exercise("own-flip", a="a", b="b")
def _own_flip(answer: object) -> str:
    if not isinstance(answer, str):
        raise NotQuite("the answer should be one of the letters 'a', 'b' and 'c', in quotes.")
    letter = answer.strip().lower().strip("()")
    if letter == "c":
        return (
            "in the mirrored photo the marked eye is a right one, and no point of the layout is a right eye. The flip "
            "would teach that left and right do not matter, the very thing that your layout is about."
        )
    if letter == "a":
        raise NotQuite("each of these points has its twin, so the mirrored photo is a face with correct labels.")
    if letter == "b":
        raise NotQuite("the mirrored faces look the other way, and their labels are correct. You even gain views.")
    raise NotQuite("choose one of the letters 'a', 'b' and 'c'.")
