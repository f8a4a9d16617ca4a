"""Exercises of the chapter "The stacked hourglass"."""

import math

import torch

from awing_lib.exercises import NotQuite, call, exercise, number
from awing_lib.losses import adaptive_wing_loss


@exercise(
    "image-side",
    stem_forgotten=208,
    hourglass_forgotten=204,
    only_one_level=240,
    the_side_of_the_map=56,
    next_power_of_two=256,
)
def _image_side(answer: object) -> str:
    value = number(answer)
    hints = {
        208: "the hourglass could halve this three times, but the stem has divided it by four before.",
        204: "the stem divides this by four without a rest. But then the hourglass halves the maps as well.",
        240: "240 / 4 is 60. Halve it three times: does every step give whole pixels?",
        56: "that is the side of the maps. How many pixels of the image is it?",
        256: "this fits, but it need not be a power of two: is there nothing smaller?",
    }
    for wrong, hint in hints.items():
        if value == wrong:
            raise NotQuite(hint)
    if value < 200:
        raise NotQuite(f"{value:g} is less than 200, so the crop would lose pixels.")
    if value % 32:
        raise NotQuite(f"{value:g} pixels leave {value / 4:g} after the stem. Halve that three times.")
    if value != 224:
        raise NotQuite(f"{value:g} fits, but a smaller side fits too.")
    return "the stem divides by 4 and the hourglass by 2 three times, so the side is a multiple of 32."


def _grown(layers, *, start=1, step_after=True, use_stride=True):
    width, step = start, 1
    for kernel, stride in layers:
        if not step_after:
            step *= stride
        width += (kernel - 1) * (step if use_stride else 1)
        if step_after:
            step *= stride
    return width


@exercise(
    "receptive-field",
    strides_forgotten=lambda layers: _grown(layers, use_stride=False),
    stride_too_early=lambda layers: _grown(layers, step_after=False),
    starts_from_nothing=lambda layers: _grown(layers, start=0),
    kernels_added_up=lambda layers: sum(kernel for kernel, _ in layers),
)
def _receptive_field(answer: object) -> str:
    cases = ([(3, 1)], [(3, 1), (3, 1)], [(2, 2), (3, 1)], [(7, 2), (3, 1), (2, 2), (3, 1), (3, 1)])
    for layers in cases:
        value, right = number(call(answer, list(layers))), _grown(layers)
        if value == right:
            continue
        if value == _grown(layers, start=0):
            raise NotQuite("one pixel is missing: with no layer at all, an output pixel sees one input pixel.")
        if value == _grown(layers, use_stride=False) and layers is not cases[0]:
            raise NotQuite(
                f"for {layers} you say {value:g}. After a stride of 2, neighbours are two input pixels apart, "
                "and a kernel reaches twice as far."
            )
        if value == _grown(layers, step_after=False):
            raise NotQuite(
                f"for {layers} you say {value:g}. A layer's stride spreads what comes after it, not the layer itself."
            )
        if value == sum(kernel for kernel, _ in layers):
            raise NotQuite(
                "two 3x3 convolutions in a row see 5 pixels, not 6: their windows overlap. What does each layer add?"
            )
        raise NotQuite(f"for {layers} you say {value:g}. Begin with one pixel, and ask what each layer adds.")
    return "each layer adds (kernel - 1) steps, and a step is the product of all strides before it."


def _loss(prediction, target):
    return adaptive_wing_loss(prediction, target)


@exercise(
    "supervise-every-stack",
    only_the_last=lambda outputs, target, loss: loss(outputs[-1], target),
    mean_of_the_maps=lambda outputs, target, loss: loss(sum(outputs) / len(outputs), target),
    sum_of_the_maps=lambda outputs, target, loss: loss(sum(outputs), target),
    mean_of_the_losses=lambda outputs, target, loss: sum(loss(o, target) for o in outputs) / len(outputs),
    first_forgotten=lambda outputs, target, loss: sum(loss(o, target) for o in outputs[1:]),
)
def _supervise(answer: object) -> str:
    generator = torch.Generator().manual_seed(0)
    for stacks in (3, 2, 4):
        outputs = [torch.rand(2, 3, 4, 4, generator=generator) for _ in range(stacks)]
        target = torch.rand(2, 3, 4, 4, generator=generator)
        value = number(call(answer, list(outputs), target, _loss))
        each = [float(_loss(output, target)) for output in outputs]

        def same(other: float, value: float = value) -> bool:
            return math.isclose(value, float(other), rel_tol=1e-5)

        if same(sum(each)):
            continue
        if same(each[-1]):
            raise NotQuite("this trains the last stack only. What tells the first what its maps should show?")
        if same(sum(each) / stacks):
            raise NotQuite(
                "every stack is there, but with four stacks each would count a quarter. The losses are summed."
            )
        if same(sum(each[1:])):
            raise NotQuite("the first stack is missing. Python counts from 0.")
        if same(_loss(sum(outputs) / stacks, target)):
            raise NotQuite(
                "this averages the maps and takes one loss. The errors of two stacks could cancel. One loss per stack."
            )
        if same(_loss(sum(outputs), target)):
            raise NotQuite("this adds up the maps before the loss. Each stack's maps alone should equal the target.")
        raise NotQuite(f"with {stacks} stacks you return {value:g}. Take the loss of each stack's maps, and add.")
    return "every stack is held to the same target, and all losses are added."


@exercise("save-memory", half_the_batch="b", no_supervision="c", smaller_images="d")
def _save_memory(answer: object) -> str:
    hints = {
        "b": "memory falls by half. But batch norm takes its mean over the batch, and the mean of 4 images is not that "
        "of 8, so the gradients change.",
        "c": "the first stacks' maps are kept all the same, since the next stacks read them. And a loss that is left "
        "out changes the gradients.",
        "d": "memory falls to a quarter. But the network sees other pixels, and the maps become smaller.",
    }
    choice = answer.strip().lower() if isinstance(answer, str) else answer
    if choice == "a":
        return "checkpointing computes the same numbers again instead of keeping them; it costs time and nothing else."
    if isinstance(choice, str) and choice in hints:
        raise NotQuite(hints[choice])
    raise NotQuite('the answer should be one of "a", "b", "c", "d".')
