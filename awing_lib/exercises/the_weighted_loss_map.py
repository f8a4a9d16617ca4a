"""Exercises of the chapter "The weighted loss map"."""

import torch

from awing_lib.exercises import NotQuite, NotYet, call, exercise, number
from awing_lib.heatmaps import loss_weight_map, render_heatmaps


@exercise(
    "share-of-the-weight",
    share_of_the_pixels=25 / 4096,
    undilated_mask=99 / 4186,
    ten_instead_of_eleven=250 / 4321,
    divided_by_the_pixels=275 / 4096,
    in_per_cent=100 * 275 / 4346,
)
def _share_of_the_weight(answer: object) -> str:
    value = number(answer)
    hints = {
        25 / 4096: "that is the share of the pixels. Each of the 25 counts as much as eleven others.",
        99 / 4186: "nine pixels reach the threshold. How many are marked after the 3x3 dilation?",
        250 / 4321: "W is 10, but a marked pixel counts W M + 1 times.",
        275 / 4096: "the numerator is right. The 4096 is the number of pixels, and you need the sum of their weights.",
        100 * 275 / 4346: "right in per cent, but a share is asked for: a number between 0 and 1.",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 0.004 * wrong:
            raise NotQuite(hint)
    if abs(value - 275 / 4346) > 0.004 * 275 / 4346:
        raise NotQuite(f"{value:g} is not the share. Add the weights inside the mask, and then those of the whole map.")
    return "25 pixels of weight 11 are 275, the other 4071 pixels have weight 1: 275 of 4346, one part in sixteen."


def _box(heatmaps: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.max_pool2d(heatmaps, 3, stride=1, padding=1)


@exercise(
    "write-the-weight-map",
    no_dilation=lambda h, threshold, weight: weight * (h >= threshold) + 1,
    one_forgotten=lambda h, threshold, weight: weight * (_box(h) >= threshold).float(),
    strictly_more=lambda h, threshold, weight: weight * (_box(h) > threshold) + 1,
    one_mask_for_all_channels=lambda h, threshold, weight: (
        weight * (_box(h).amax(-3, keepdim=True) >= threshold).expand_as(h) + 1
    ),
    five_by_five=lambda h, threshold, weight: weight * (_box(_box(h)) >= threshold) + 1,
    no_padding=lambda h, threshold, weight: weight * (torch.nn.functional.max_pool2d(h, 3, 1) >= threshold) + 1,
)
def _write_the_weight_map(answer: object) -> str:
    landmarks = torch.tensor([[[5.3, 4.0], [15.0, 11.2]], [[0.0, 0.0], [9.0, 15.6]]])
    heatmaps = render_heatmaps(landmarks, 16, 1.2)
    heatmaps[0, 0, 12, 3] = 0.25  # exactly the threshold below
    for threshold, weight in ((0.25, 10.0), (0.6, 3.0)):
        result = call(answer, heatmaps.clone(), threshold, weight)
        try:
            result = torch.as_tensor(result).float()
        except (TypeError, ValueError, RuntimeError):
            raise NotQuite(f"a tensor of weights is wanted, not {type(result).__name__}.") from None
        if result.shape != heatmaps.shape:
            raise NotQuite(f"the weights have the shape {tuple(result.shape)}, the heatmaps {tuple(heatmaps.shape)}.")
        right = loss_weight_map(heatmaps, threshold, weight)
        if torch.allclose(result, right, atol=1e-5):
            continue
        marked = right > 1
        if torch.allclose(result, right - 1, atol=1e-5):
            raise NotQuite(
                "the mask is right, but pixels outside of it have the weight 0: nothing would hold them down."
            )
        bare = heatmaps >= threshold
        if torch.equal(result > 1, bare):
            raise NotQuite("these are the pixels at or above the threshold. The 3x3 dilation is missing.")
        if torch.equal(result > 1, marked.any(-3, keepdim=True).expand_as(marked)):
            raise NotQuite("all channels have the same mask here. Each landmark has a map and a mask of its own.")
        if torch.equal(result > 1, marked):
            raise NotQuite("the mask is right, but not the weights: W on the mask and 1 more everywhere.")
        if (result > 1).sum() < marked.sum():
            raise NotQuite(
                "a pixel that is exactly as large as the threshold belongs to the mask, with its neighbours."
            )
        raise NotQuite(
            f"{int((result > 1).sum())} pixels are marked, it should be {int(marked.sum())}. How far is 3x3?"
        )
    return "dilate each channel, compare with >=, and add 1, so that the background keeps its voice."


@exercise(
    "same-step",
    unchanged=0.1,
    doubled_instead_of_halved=0.2,
    divided_by_eleven=0.1 / 11,
    divided_by_twenty_two=0.1 / 22,
)
def _same_step(answer: object) -> str:
    value = number(answer)
    hints = {
        0.1: "that would be right if the mean divided by the sum of the weights. It divides by the number of pixels.",
        0.2: "the gradient has become twice as long. Must the learning rate grow or shrink?",
        0.1 / 11: "11 is how much a marked pixel counts before the change. What has changed?",
        0.1 / 22: "22 is the new weight of a marked pixel. By which factor has each pixel's gradient changed?",
    }
    for wrong, hint in hints.items():
        if abs(value - wrong) < 1e-3 * wrong:
            raise NotQuite(hint)
    if abs(value - 0.05) > 1e-4:
        raise NotQuite(f"{value:g} does not give the same steps. A step is the learning rate times the gradient.")
    return "every weight has doubled, and with it the gradient of the mean; half the learning rate gives the same step."


@exercise("stored-boundary", as_in_the_paper="a", one_fifth_of_255="b", everything="d")
def _stored_boundary(answer: object) -> str:
    hints = {
        "a": "0.2 of the full scale would be 51 of 255. But the code compares the stored numbers themselves with 0.2.",
        "b": "the stored numbers are compared with 0.2, not with 51. Which whole numbers are above 0.2?",
        "d": "pixels far from every line are stored as 0, and 0 is not above 0.2.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    if choice == "c":
        return "the smallest whole number above 0.2 is 1, so all that is not 0 is marked, and the neighbours with it."
    if choice is None or choice is ...:
        raise NotYet
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')
