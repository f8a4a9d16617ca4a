"""Exercises of the chapter "Making it fast"."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from awing_lib.exercises import NotQuite, call, exercise, number
from awing_lib.heatmaps import render_heatmaps

_PIXELS = 32 * 99 * 64 * 64


@exercise(
    "bytes-of-the-loss",
    no_weights=3 * 4 * _PIXELS,
    values_instead_of_bytes=4 * _PIXELS,
    the_loss_is_written_pixel_by_pixel=5 * 4 * _PIXELS,
    one_face=16 * _PIXELS // 32,
    the_gradient_is_multiplied_by_one=6 * 4 * _PIXELS,
)
def _bytes_of_the_loss(answer: object) -> str:
    value = number(answer)
    if value == 16 * _PIXELS:
        return "three maps are read and one is written, 16 bytes a pixel in all; the sum itself is a few bytes."
    passes = {
        3: "this is three maps. Name all that the kernel has to read, and what it leaves for the backward pass.",
        5: "the loss of each pixel is added up inside of the kernel. It need not be written.",
        6: "the incoming gradient is 1, so the backward pass has nothing to multiply: it hands out what is there.",
        1: "these are values. Each of them is a float32.",  # as many as one map has bytes
        1 / 8: "this is one face. The batch has 32.",
    }
    hints = {4 * count * _PIXELS: hint for count, hint in passes.items()}
    if value in hints:
        raise NotQuite(hints[value])
    raise NotQuite(f"{value:,.0f} is {value / _PIXELS:.3g} bytes a pixel. Count the maps that are read or written.")


@exercise(
    "amdahl",
    the_limit=1 / 0.6,
    the_share_times_the_factor=0.4 * 8,
    the_factor=8,
    the_time_that_is_left=0.65,
    the_rest_is_made_faster=1 / (0.4 + 0.6 / 8),
)
def _amdahl(answer: object) -> str:
    value = number(answer)
    right = 1 / (0.6 + 0.4 / 8)
    if abs(value - right) < 0.005:
        return "of 100 ms, 60 stay and 40 become 5. No speedup of this part alone can bring the step below 60 ms."
    wrong = {
        1 / 0.6: "this is the limit, which is reached if the targets take no time at all.",
        3.2: "shares and factors do not multiply. Take a step of 100 ms: how many are left?",
        8: "only a part of the step is eight times as fast.",
        0.65: "this is the time of the new step, if that of the old one is 1. How many times as fast is that?",
        1 / (0.4 + 0.6 / 8): "this makes the rest faster, and leaves the targets as they are.",
    }
    for mistake, hint in wrong.items():
        if abs(value - mistake) < 0.005:
            raise NotQuite(hint)
    raise NotQuite(f"{value:g} is not it. Take a step of 100 ms: how many of them are left?")


@exercise("held-by-memory", the_large_maps="a", the_small_kernel="c", the_matrices="d")
def _held_by_memory(answer: object) -> str:
    hints = {
        "a": "each weight of this layer is used at 4096 places of 8 images. It makes hundreds of operations a byte.",
        "c": "this one is close, with a ninth of the operations of a 3x3 kernel. But it is above 50: per value of the "
        "input it makes 512 operations, and moves little more than 8 bytes.",
        "d": "a product of n×n matrices makes 2n³ operations on 3n² values. For large n that is a lot.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "b":
        return (
            "the weights are nearly all there is to move, and each is used at only 16 places: about 8 operations a "
            "byte. The depth of an hourglass is full of such layers, and a larger batch helps them."
        )
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')


def _one_at_a_time(landmarks: torch.Tensor, size: int) -> torch.Tensor:
    pixels = torch.arange(size)
    maps = []
    for x, y in landmarks:
        maps.append(torch.exp(-0.5 * (pixels - y) ** 2)[:, None] * torch.exp(-0.5 * (pixels - x) ** 2))
    return torch.stack(maps)


def _whole_plane(landmarks: torch.Tensor, size: int) -> torch.Tensor:
    pixels = torch.arange(size)
    x, y = landmarks[:, 0, None, None], landmarks[:, 1, None, None]
    return torch.exp(-0.5 * ((pixels - x) ** 2 + (pixels[:, None] - y) ** 2))


def _separable(landmarks: torch.Tensor, size: int, scale: float = 0.5, swapped: bool = False) -> torch.Tensor:
    columns, rows = torch.exp(-scale * (torch.arange(size) - landmarks.T[..., None]) ** 2)
    return columns[:, :, None] * rows[:, None] if swapped else rows[:, :, None] * columns[:, None]


class _Count(TorchDispatchMode):
    """How many operators ran, and how many values exponentials and powers were taken of."""

    def __init__(self) -> None:
        super().__init__()
        self.operators = self.powers = 0

    def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
        result = operator(*arguments, **(keywords or {}))
        self.operators += 1
        if any(name in str(operator) for name in ("exp", "pow")) and "expand" not in str(operator):
            self.powers += result.numel()
        return result


@exercise(
    "separable-targets",
    one_landmark_at_a_time=_one_at_a_time,
    an_exponential_for_each_pixel=_whole_plane,
    x_along_the_rows=lambda landmarks, size: _separable(landmarks, size, swapped=True),
    no_half_in_the_exponent=lambda landmarks, size: _separable(landmarks, size, scale=1.0),
    added_instead_of_multiplied=lambda landmarks, size: (
        _separable(landmarks, size).amax(1)[:, None] + _separable(landmarks, size).amax(2)[:, :, None]
    ),
)
def _separable_targets(answer: object) -> str:
    generator = torch.Generator().manual_seed(0)
    used = {}
    for count, size in ((4, 16), (40, 16), (7, 24)):
        landmarks = size * torch.rand(count, 2, generator=generator)
        with _Count() as counter:
            maps = call(answer, landmarks.clone(), size)
        if not isinstance(maps, torch.Tensor):
            raise NotQuite(f"the answer should be a torch tensor, not {type(maps).__name__}.")
        if tuple(maps.shape) != (count, size, size):
            raise NotQuite(f"for {count} landmarks and size {size} the shape is {tuple(maps.shape)}.")
        right = render_heatmaps(landmarks, size)
        if not torch.allclose(maps.float(), right, atol=1e-5):
            if torch.allclose(maps.float(), right.mT, atol=1e-5):
                raise NotQuite("x and y are exchanged: x runs along the columns, and is the last axis of the maps.")
            if torch.allclose(maps.float(), right**2, atol=1e-5):
                raise NotQuite("the bumps are too narrow. A Gaussian has a half in its exponent.")
            off = float((maps - right).abs().max())
            raise NotQuite(f"the maps differ from those of render_heatmaps by up to {off:.2g}.")
        used[count, size] = counter
    if used[40, 16].operators > used[4, 16].operators:
        raise NotQuite(
            "the maps are right, but for ten times as many landmarks it starts more operators. Let one operator work "
            "on all landmarks: landmarks[:, 0, None] is a column of all x."
        )
    if used[40, 16].powers > 4 * 40 * 16:
        raise NotQuite(
            "the maps are right, but it takes an exponential for each pixel. One for each row and one for each column "
            "is enough; their products are the pixels."
        )
    return "2 × size exponentials a landmark instead of size × size, and as many operators for 40 landmarks as for 4."
