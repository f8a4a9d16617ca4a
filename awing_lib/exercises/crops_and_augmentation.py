"""Exercises of the chapter "Crops and augmentation"."""

import numpy as np

from awing_lib.exercises import NotQuite, call, exercise, number
from awing_lib.layouts import WFLW_98
from awing_lib.transforms import crop_matrix


@exercise(
    "place-on-the-map",
    divided_by_four=50.25,
    whole_pixel=50,
    half_not_taken_back=50.375,
    halves_the_wrong_way_round=50.625,
)
def _place_on_the_map(answer: object) -> str:
    value = number(answer)
    hints = {
        50.25: "201 / 4 takes the centre of the first crop pixel to the centre of the first map pixel. But that map "
        "pixel covers the crop pixels 0 to 3: where is their middle?",
        50: "no rounding yet: a landmark may lie between two pixels of the map. And where does crop pixel 0 lie?",
        50.375: "the first half is right: x + 0.5 counts from the edge of the picture. The map counts from the centre "
        "of its first pixel.",
        50.625: "both halves are there, but each has the wrong sign. Test your rule with the edge of the picture: "
        "-0.5 must become -0.5.",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 1e-6:
            raise NotQuite(hint)
    if abs(value - 49.875) > 1e-3:
        raise NotQuite(
            f"{value:g} is not the place. Go by way of the edge: how far is the landmark from it, in pixels?"
        )
    return (
        "201.5 crop pixels from the edge are 50.375 map pixels, and the centre of map pixel 0 is half a pixel inside."
    )


@exercise(
    "error-of-the-decoder",
    one_axis_only=1.875,
    a_share_instead_of_per_cent=0.02652,
    measured_on_the_map=0.66291,
    half_a_crop_pixel=0.88388,
)
def _error_of_the_decoder(answer: object) -> str:
    value = number(answer)
    right = 100 * 1.5 * 2**0.5 / 80
    hints = {
        1.875: "that is the error along x alone. The decoder makes the same error along y; what is the distance?",
        0.02652: "this is a share. In per cent it is a hundred times as much.",
        0.66291: "this is in pixels of the map, but the 80 pixels between the eyes are pixels of the crop.",
        0.88388: "half a pixel of the crop is not it: put i = 0 into both rules and compare the results.",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 0.004 * wrong:
            raise NotQuite(hint)
    if abs(value - right) > 0.005 * right:
        raise NotQuite(
            f"{value:g} per cent is not the error. Subtract the two rules, along x and along y, and divide by 80."
        )
    return "1.5 pixels along x and along y are 2.1 pixels, for every landmark of every face. No training removes it."


def _points() -> np.ndarray:
    return np.random.default_rng(5).uniform(10, 90, (98, 2))


@exercise(
    "flip-landmarks",
    permutation_forgotten=lambda landmarks, mirror, width: landmarks * [-1, 1] + [width - 1, 0],
    edge_instead_of_centre=lambda landmarks, mirror, width: landmarks[list(mirror)] * [-1, 1] + [width, 0],
    only_permuted=lambda landmarks, mirror, width: landmarks[list(mirror)],
    upside_down=lambda landmarks, mirror, width: landmarks[list(mirror)] * [1, -1] + [0, width - 1],
)
def _flip_landmarks(answer: object) -> str:
    mirror = WFLW_98.mirror
    for width in (100, 256):
        points = _points()
        result = call(answer, points.copy(), mirror, width)
        try:
            result = np.asarray(result, float)
        except (TypeError, ValueError):
            raise NotQuite(f"landmarks (98, 2) are wanted, not {type(result).__name__}.") from None
        if result.shape != points.shape:
            raise NotQuite(f"landmarks (98, 2) are wanted, but the answer has the shape {result.shape}.")
        right = WFLW_98.flip(points, width)

        def same(other: np.ndarray, result: np.ndarray = result) -> bool:
            return np.allclose(result, other, atol=1e-4)

        if same(right):
            continue
        if same(right[list(mirror)]):
            raise NotQuite("the points lie where they should, but point 60 is now on the other eye. Use mirror.")
        if same(right + np.array([1, 0])):
            raise NotQuite(
                "all is right but for one pixel. The first and the last pixel of a row change places: which x does "
                "x = 0 become?"
            )
        if same(points[list(mirror)]):
            raise NotQuite("the indices have changed places, the points have not: x is still that of the old picture.")
        if same(points[list(mirror)] * [1, -1] + [0, width - 1]):
            raise NotQuite("this stands the face on its head. Left and right are the first coordinate, x.")
        raise NotQuite(
            f"for a picture {width} pixels wide, point 60 becomes {result[60].round(1).tolist()}. It should be the "
            "mirror image of its partner, point 72."
        )
    return "x counts from the other end, y stays, and every point takes the index of its mirror partner."


def _stretched(box):
    x0, y0, x1, y1 = box
    across, down = 256 / (x1 - x0), 256 / (y1 - y0)
    return np.array([[across, 0, -0.5 - across * x0], [0, down, -0.5 - down * y0]])


def _square(side, center):
    scale = 256 / side
    return np.array([[scale, 0, 127.5 - scale * center[0]], [0, scale, 127.5 - scale * center[1]]])


def _center(box):
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _longer(box):
    return max(box[2] - box[0], box[3] - box[1])


@exercise(
    "box-to-crop",
    stretched_instead_of_squared=_stretched,
    the_shorter_side=lambda box: _square(min(box[2] - box[0], box[3] - box[1]), _center(box)),
    half_a_pixel_off=lambda box: _square(_longer(box), _center(box)) + np.array([0, 0, 0.5]),
    hung_at_the_corner=lambda box: _square(_longer(box), (box[0] + _longer(box) / 2, box[1] + _longer(box) / 2)),
)
def _box_to_crop(answer: object) -> str:
    for box in ((30.0, 40.0, 130.0, 190.0), (-12.5, 20.0, 187.5, 100.0)):
        result = call(answer, box)
        try:
            result = np.asarray(result, float)
        except (TypeError, ValueError):
            raise NotQuite(f"a matrix of numbers is wanted, not {type(result).__name__}.") from None
        if result.shape != (2, 3):
            raise NotQuite(f"a 2x3 matrix is wanted, but the answer has the shape {result.shape}.")
        right = crop_matrix(box)
        if np.allclose(result, right, atol=1e-6):
            continue
        (a, b, _), (d, e, _) = result
        if not np.allclose([b, d], 0, atol=1e-9):
            raise NotQuite("a crop does not turn: x' must not depend on y, nor y' on x.")
        if not np.isclose(a, e):
            raise NotQuite("x and y are scaled differently, so the face becomes longer or wider. Make the box square.")
        if np.isclose(a, 256 / min(box[2] - box[0], box[3] - box[1])):
            raise NotQuite("this square has the shorter side of the box, and cuts off a part of the face.")
        if not np.isclose(a, right[0, 0]):
            raise NotQuite(f"the scale is {a:g}. A square of which side is to become 256 pixels?")
        off = result[:, 2] - right[:, 2]
        if np.allclose(off, 0.5, atol=1e-6):
            raise NotQuite("all is right but for half a pixel: the edge of the square must become -0.5, not 0.")
        raise NotQuite(
            f"the scale is right, but the centre of the box becomes {(result @ [*_center(box), 1]).tolist()}. The "
            "middle of the crop is (127.5, 127.5)."
        )
    return "a square about the box's centre, its longer side becomes 256 pixels, and its edge becomes -0.5."


@exercise("way-back", order_kept="a", inverse_of_the_wrong_order="c", not_inverted="d")
def _way_back(answer: object) -> str:
    hints = {
        "a": "each step is undone, but in the wrong order: who put on socks and then shoes takes off the shoes first.",
        "c": "the inverse is a good idea, but of which chain? The photo was cropped first and warped then.",
        "d": "nothing is undone here: this warps the photo and then crops it.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "b":
        return "the last step is undone first; invert(compose(crop, warp)) is the same matrix."
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')
