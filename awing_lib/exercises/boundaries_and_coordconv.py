"""Exercises of the chapter "Boundaries and CoordConv"."""

import math

import torch

from awing_lib.coordconv import boundary_coordinates, coordinate_channels
from awing_lib.exercises import NotQuite, call, exercise, number


@exercise(
    "x-of-a-column",
    divided_by_the_width=2 * 40 / 64 - 1,
    centre_of_the_column_between_the_edges=2 * 40.5 / 64 - 1,
    from_zero_to_one=40 / 63,
    one_not_taken_off=2 * 40 / 63,
    counted_from_one=2 * 39 / 63 - 1,
)
def _x_of_a_column(answer: object) -> str:
    value = number(answer)
    hints = {
        2 * 40 / 64
        - 1: "with 64 below, the last column, 63, would not reach 1. How many steps lead from column 0 to it?",
        2 * 40.5 / 64 - 1: "this puts -1 and 1 on the outer edges of the map. Here they lie in the centres of its "
        "first and last pixel.",
        40 / 63: "this goes from 0 to 1. The channel starts at -1.",
        2 * 40 / 63: "this goes from 0 to 2. The channel starts at -1.",
        2 * 39 / 63 - 1: "this is column 39: the first column is column 0.",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 1e-4:
            raise NotQuite(hint)
    if abs(value - (2 * 40 / 63 - 1)) > 1e-3:
        raise NotQuite(f"{value:g} is not it. Put column 0 and column 63 into your formula: they must give -1 and 1.")
    return "column 40 is 40 of 63 steps on the way from -1 to 1, a little right of the middle."


@exercise(
    "reach-of-the-mask",
    both_sides=2 * math.sqrt(2 * math.log(20)),
    root_forgotten=2 * math.log(20),
    two_forgotten=math.sqrt(math.log(20)),
    where_the_map_is_cut_off=3,
)
def _reach_of_the_mask(answer: object) -> str:
    value = number(answer)
    hints = {
        2 * math.sqrt(2 * math.log(20)): "this is the width of the whole band. How far is its edge from the curve?",
        2 * math.log(20): "this is the square of the distance.",
        math.sqrt(math.log(20)): "the Gaussian has a 2 under the square: exp(-d^2 / 2).",
        3: "at 3 sigma the map is cut off to 0; it was below 0.05 before that.",
        -math.sqrt(2 * math.log(20)): "a distance is not negative.",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 0.01:
            raise NotQuite(hint)
    if abs(value - math.sqrt(2 * math.log(20))) > 0.01:
        raise NotQuite(f"at a distance of {value:g} pixels the map is {math.exp(-value * value / 2):.3g}, not 0.05.")
    return "exp(-d^2 / 2) = 0.05 at d = 2.448 pixels, so each curve lets a band nearly five pixels wide through."


def _xy(boundary: torch.Tensor) -> torch.Tensor:
    return coordinate_channels(*boundary.shape, radius=False)


@exercise(
    "mask-the-coordinates",
    strictly_above=lambda boundary: _xy(boundary) * (boundary > 0.05),
    weighted_by_the_map=lambda boundary: _xy(boundary) * boundary.clamp(0, 1),
    x_and_y_swapped=lambda boundary: _xy(boundary).flip(0) * (boundary >= 0.05),
    inverted=lambda boundary: _xy(boundary) * (boundary < 0.05),
    radius_kept=lambda boundary: coordinate_channels(*boundary.shape) * (boundary >= 0.05),
    not_masked=_xy,
)
def _mask_the_coordinates(answer: object) -> str:
    generator = torch.Generator().manual_seed(2)
    for height, width in ((6, 9), (8, 8)):
        boundary = torch.rand(height, width, generator=generator) * 0.12 - 0.01
        boundary[1, 2], boundary[3, 4] = 0.05, 1.2
        result = call(answer, boundary.clone())
        try:
            result = torch.as_tensor(result).float()
        except (TypeError, ValueError, RuntimeError):
            raise NotQuite(f"a tensor (2, H, W) is wanted, not {type(result).__name__}.") from None
        if result.shape == (3, height, width):
            raise NotQuite("there is one channel too many: the radius takes no part in this.")
        if result.shape != (2, height, width):
            raise NotQuite(
                f"a tensor (2, {height}, {width}) is wanted, but the answer has the shape {tuple(result.shape)}."
            )
        right, xy = boundary_coordinates(boundary[None, None])[0], _xy(boundary)

        def same(other: torch.Tensor, result: torch.Tensor = result) -> bool:
            return torch.allclose(result, other, atol=1e-5)

        if same(right):
            continue
        if same(xy):
            raise NotQuite("all coordinates come through; where the boundary is below 0.05 they should be 0.")
        if same(xy * (boundary > 0.05)):
            raise NotQuite("a pixel that is exactly 0.05 should pass here; it is the official code that keeps it out.")
        if same(xy * boundary) or same(xy * boundary.clamp(0, 1)):
            raise NotQuite("the map's height scales the coordinates. A pixel lets its coordinates through, or not.")
        if same(right.flip(0)):
            raise NotQuite("the right pixels pass, but x should come first, and it grows from left to right.")
        if same(xy - right):
            raise NotQuite("the mask is the wrong way round: the face is gone and the background is left.")
        raise NotQuite(f"on a map of {height}x{width} pixels, {int((result != right).any(0).sum())} pixels are wrong.")
    return "x and y pass unchanged where the boundary is at least 0.05, and all other pixels are 0."


@exercise("second-output", the_name_is_trusted="a", as_for_later_stacks="c", constants_have_no_weights="d")
def _second_output(answer: object) -> str:
    hints = {
        "a": "the output is called so, but it is taken from the input of CoordConv. Which of its inputs come last?",
        "c": "that is what later stacks return. The first stack has no boundary before it that could mask anything.",
        "d": "the output is taken before CoordConv's weights see it.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "b":
        return "the first stack returns a coordinate and the radius, which are constants; no gradient reaches a weight."
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')


def _reordered(weight: torch.Tensor, features: int, order: list[int]) -> torch.Tensor:
    order = [k for k in order if features + k < weight.shape[1]]
    return weight[:, [*range(features), *(features + k for k in order)]]


@exercise(
    "official-to-ours",
    left_as_it_is=lambda weight, features: weight,
    only_the_first_pair=lambda weight, features: _reordered(weight, features, [1, 0, 2, 3, 4]),
    radius_moved=lambda weight, features: weight[:, [*range(features), *reversed(range(features, weight.shape[1]))]],
    coordinates_in_front=lambda weight, features: weight[:, [1, 0, *range(2, weight.shape[1])]],
    outputs_swapped=lambda weight, features: weight[[1, 0, *range(2, weight.shape[0])]],
)
def _official_to_ours(answer: object) -> str:
    generator = torch.Generator().manual_seed(1)
    for features, coordinates, side in ((3, 3, 7), (6, 5, 1)):
        weight = torch.rand(4, features + coordinates, side, side, generator=generator)
        result = call(answer, weight.clone(), features)
        try:
            result = torch.as_tensor(result).float()
        except (TypeError, ValueError, RuntimeError):
            raise NotQuite(f"a tensor is wanted, not {type(result).__name__}.") from None
        if result.shape != weight.shape:
            raise NotQuite(f"the shape must stay {tuple(weight.shape)}, but it became {tuple(result.shape)}.")
        if torch.allclose(result, _reordered(weight, features, [1, 0, 2, 4, 3])):
            continue
        if torch.equal(result, weight):
            raise NotQuite("nothing has moved. Our first coordinate is x, and the official code's is y.")
        if torch.equal(result, _reordered(weight, features, [1, 0, 2, 3, 4])):
            raise NotQuite("x and y are right. From the second stack on there are two coordinates more.")
        inputs = weight.unbind(1)
        if not all(any(torch.equal(found, given) for given in inputs) for found in result.unbind(1)):
            raise NotQuite("something else changed places. The coordinates are *input* channels: the second dimension.")
        if not torch.equal(result[:, :features], weight[:, :features]):
            raise NotQuite("the features moved, and they should not. The coordinates come after them.")
        if not torch.equal(result[:, features + 2], weight[:, features + 2]):
            raise NotQuite("the radius moved. It comes third in both orders.")
        raise NotQuite(f"with {features} features and {coordinates} coordinates the order is not yet right.")
    return "x and y change places, and so do the two boundary coordinates; features and radius stay."
