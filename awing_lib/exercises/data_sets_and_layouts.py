"""Exercises of the chapter "Data sets and layouts"."""

import numpy as np

from awing_lib.exercises import NotQuite, NotYet, call, exercise, number


@exercise(
    "origin-price",
    one_axis_only=2.5,
    both_axes_added=5.0,
    a_share_instead_of_percent=np.sqrt(2) / 40,
    the_origin_cancels=0.0,
)
def _origin_price(answer: object) -> str:
    value = number(answer)
    if abs(value - 100 * np.sqrt(2) / 40) < 0.01:
        return "each landmark is off by the diagonal of a pixel, and 40 px between the eyes make that a visible error."
    if abs(value - 2.5) < 0.005:
        raise NotQuite("that is the shift along one axis. The files count both x and y from 1.")
    if abs(value - 5) < 0.005:
        raise NotQuite("an error is the distance between two points. One to the right and one down: how far is that?")
    if abs(value - np.sqrt(2) / 40) < 0.0005:
        raise NotQuite("right as a share. The question asks for per cent.")
    if value == 0:
        raise NotQuite("a perfect network finds the true place, and the labels of your test set are not there.")
    raise NotQuite(f"{value:g} is not it: how far is a label from the true place, in pixels, and what divides that?")


def _array(result: object, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The reader's result as float64 of this shape; a hint if it has another one."""
    try:
        array = np.asarray(result, dtype=float)
    except (TypeError, ValueError):
        raise NotQuite(f"the answer should give {what}, not {type(result).__name__}.") from None
    if array.shape != shape:
        raise NotQuite(f"the answer should give {what}, shape {shape}; yours has shape {array.shape}.")
    return array


@exercise(
    "cofw-row",
    read_as_pairs=lambda row: row[:58].reshape(29, 2) - 1,
    origin_forgotten=lambda row: row[:58].reshape(2, 29).T,
    y_first=lambda row: row[:58].reshape(2, 29)[::-1].T - 1,
    added_instead_of_subtracted=lambda row: row[:58].reshape(2, 29).T + 1,
    not_turned=lambda row: row[:58].reshape(2, 29) - 1,
    the_last_58=lambda row: row[29:].reshape(2, 29).T - 1,
)
def _cofw_row(answer: object) -> str:
    generator = np.random.default_rng(0)
    for _ in range(2):
        x, y = generator.uniform(1, 300, (2, 29))
        row = np.concatenate([x, y, generator.integers(0, 2, 29)])
        expected = np.stack([x, y], -1) - 1
        result = _array(call(answer, row.copy()), (29, 2), "29 landmarks")
        if np.allclose(result, expected):
            continue
        if np.allclose(result, expected + 1):
            raise NotQuite("the order is right. Where is the centre of the top-left pixel in the file, and where here?")
        if np.allclose(result, expected + 2):
            raise NotQuite("the order is right, but the 1 goes the other way: (1, 1) in the file is (0, 0) here.")
        if np.allclose(result, expected[:, ::-1]):
            raise NotQuite("x and y are exchanged: the first 29 numbers are x.")
        if np.allclose(result, row[:58].reshape(29, 2) - 1):
            raise NotQuite("that takes neighbours in the row as x and y. The row has all x first, then all y.")
        raise NotQuite("these are not the landmarks. Which places of the row hold x, which y, and which the flags?")
    return "two lines of 29, turned, and counted from 0. The last 29 numbers say which points are hidden."


def _wrapping_corners(row):
    left, right, top, bottom = row - row.dtype.type(1)
    return left, top, right, bottom


def _corners(row, order=(0, 2, 1, 3), shift=-1):
    return row.astype(float)[list(order)] + shift


@exercise(
    "aflw-box",
    wraps_around=_wrapping_corners,
    order_of_the_file_kept=lambda row: _corners(row, order=(0, 1, 2, 3)),
    origin_forgotten=lambda row: _corners(row, shift=0),
    width_and_height=lambda row: (row[0] - 1.0, row[2] - 1.0, float(row[1]) - row[0], float(row[3]) - row[2]),
    y_first=lambda row: _corners(row, order=(2, 0, 3, 1)),
)
def _aflw_box(answer: object) -> str:
    for kind in (np.float64, np.int16, np.uint16, np.uint8):  # the wrap shows last, after the other mistakes
        for left, right, top, bottom in ((30, 130, 20, 140), (0, 101, 0, 77)):
            row = np.array([left, right, top, bottom], kind)
            with np.errstate(over="ignore"):
                result = _array(call(answer, row.copy()), (4,), "four numbers")
            expected = np.array([left, top, right, bottom]) - 1.0
            if np.allclose(result, expected):
                continue
            _explain_box(result, expected, kind)
    return "a type with a sign, then the order, then the origin. A box that starts at 0 in the file starts at -1 here."


def _explain_box(result: np.ndarray, expected: np.ndarray, kind: type) -> None:
    x0, y0, x1, y1 = expected
    if np.allclose(result, [x0, x1, y0, y1]):
        raise NotQuite("that is still the order of the file: left, right, top, bottom. Wanted is x0, y0, x1, y1.")
    if np.allclose(result, [y0, x0, y1, x1]):
        raise NotQuite("x and y are exchanged: x0 is the left side.")
    if np.allclose(result, expected + 1):
        raise NotQuite("the order is right. The file counts from 1, and the answer should count from 0.")
    if np.allclose(result, [x0, y0, x1 - x0, y1 - y0]):
        raise NotQuite("that is corner and size. Wanted are two corners.")
    if np.abs(result - expected).max() > 200 and np.issubdtype(kind, np.unsignedinteger):
        raise NotQuite(f"right for numbers with a sign. For a row of {np.dtype(kind).name}, what is 0 - 1?")
    raise NotQuite(f"for x0, y0, x1, y1 = {expected.tolist()} your function gives {result.tolist()}.")


@exercise(
    "mirror-list",
    nothing_changes=[0, 1, 2, 3, 4, 5, 6],
    turned_around=[6, 5, 4, 3, 2, 1, 0],
    only_the_pairs=[(1, 2), (3, 4)],
    only_the_points_that_move=[2, 1, 4, 3],
    ears_forgotten=[0, 2, 1, 3, 4, 5, 6],
    counted_from_1=[1, 3, 2, 5, 4, 6, 7],
)
def _mirror_list(answer: object) -> str:
    try:
        given = [tuple(map(int, item)) if isinstance(item, list | tuple) else int(item) for item in answer]
    except (TypeError, ValueError):
        if isinstance(answer, list | tuple) and any(item is ... or item is None for item in answer):
            raise NotYet from None
        raise NotQuite("the answer should be a list of seven indices, such as [0, 1, 2, 3, 4, 5, 6].") from None
    if not given:
        raise NotYet
    if given == [0, 2, 1, 4, 3, 5, 6]:
        return (
            "the two pairs change places, chin, nose tip and forehead stay. Done twice, it is the order you began with."
        )
    if given == [0, 1, 2, 3, 4, 5, 6]:
        raise NotQuite("with this one, the left eye of the mirrored face would still be called the left one.")
    if given == [6, 5, 4, 3, 2, 1, 0]:
        raise NotQuite("that turns the list around. Which point of the face becomes the chin of the mirrored one?")
    if given == [0, 2, 1, 3, 4, 5, 6]:
        raise NotQuite("the eyes are right. What else has a left and a right one?")
    if given == [1, 3, 2, 5, 4, 6, 7]:
        raise NotQuite("right, but counted from 1. The chin is point 0.")
    if any(isinstance(item, tuple) for item in given):
        raise NotQuite("these are pairs. A permutation says for each of the seven points where it comes from.")
    if len(given) != 7:
        raise NotQuite(f"a permutation has as many entries as there are points, 7, and yours has {len(given)}.")
    raise NotQuite("at place i stands the point of the face that becomes point i of the mirrored face.")
