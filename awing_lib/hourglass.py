"""The stacked hourglass of the paper (section 5, figure 3), with CoordConv and boundaries.

The skeleton is the face alignment network of Bulat and Tzimiropoulos (ICCV 2017)::

    images (N, 3, 256, 256)
      stem      CoordConv 7x7 / 2, block, average pooling, block, block         -> (N, 256, 64, 64)
      stack 1   CoordConv 1x1, hourglass, block, conv 1x1, predict              -> (N, L + 1, 64, 64)
      stack 2   the same, its CoordConv sees the boundary that stack 1 predicts -> (N, L + 1, 64, 64)
      ...
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from awing_lib.arguments import as_whole
from awing_lib.coordconv import CoordConv2d, checked_threshold
from awing_lib.layouts import LandmarkLayout


class MultiScaleBlock(nn.Module):
    """Hierarchical, parallel, multi-scale residual block: three 3x3 convolutions in a row, all three outputs are kept.

    Their receptive fields are 3, 5 and 7 pixels wide; they give a half, a quarter and a quarter of the output channels.
    Batch norm and ReLU come before each convolution, and before the 1x1 convolution of the shortcut, which is there
    only where the number of channels changes. No convolution has a bias.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        half, quarter = out_channels // 2, out_channels // 4
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, half, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, quarter, 3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, padding=1, bias=False)
        self.shortcut = nn.Identity()
        if in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
            self.shortcut = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(), conv)

    def forward(self, x: Tensor) -> Tensor:
        a = self.conv1(F.relu(self.norm1(x)))  # (N, out / 2, H, W)
        b = self.conv2(F.relu(self.norm2(a)))  # (N, out / 4, H, W)
        c = self.conv3(F.relu(self.norm3(b)))  # (N, out / 4, H, W)
        return torch.cat([a, b, c], 1) + self.shortcut(x)


class Hourglass(nn.Module):
    """A block at full size plus two at half size, and between those two the next hourglass, ``depth`` times."""

    def __init__(self, depth: int, features: int) -> None:
        super().__init__()
        self.skip = MultiScaleBlock(features, features)
        self.down = MultiScaleBlock(features, features)
        self.inner = Hourglass(depth - 1, features) if depth > 1 else MultiScaleBlock(features, features)
        self.up = MultiScaleBlock(features, features)

    def forward(self, x: Tensor) -> Tensor:
        low = self.up(self.inner(self.down(F.avg_pool2d(x, 2))))  # (N, features, H / 2, W / 2)
        return self.skip(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")


class Stem(nn.Module):
    """From the image to features at a quarter of its size."""

    def __init__(self, features: int, coordconv: bool) -> None:
        super().__init__()
        conv = CoordConv2d if coordconv else nn.Conv2d
        self.conv = conv(3, features // 4, 7, stride=2, padding=3)
        self.norm = nn.BatchNorm2d(features // 4)
        self.block1 = MultiScaleBlock(features // 4, features // 2)
        self.pool = nn.AvgPool2d(2)
        self.block2 = MultiScaleBlock(features // 2, features // 2)
        self.block3 = MultiScaleBlock(features // 2, features)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu(self.norm(self.conv(images)))  # (N, features / 4, H / 2, W / 2)
        x = self.pool(self.block1(x))  # (N, features / 2, H / 4, W / 4)
        return self.block3(self.block2(x))  # (N, features, H / 4, W / 4)


class Stack(nn.Module):
    """One hourglass with its CoordConv and prediction, and what hands features and prediction to the next stack."""

    def __init__(
        self,
        channels: int,
        depth: int,
        features: int,
        *,
        coordconv: bool,
        threshold: float | None,
        last: bool,
    ) -> None:
        super().__init__()
        self.sees_boundary = coordconv and threshold is not None
        if self.sees_boundary:
            self.entry = CoordConv2d(features, features, 1, boundary=True, threshold=threshold)
        else:
            self.entry = (CoordConv2d if coordconv else nn.Conv2d)(features, features, 1)
        self.hourglass = Hourglass(depth, features)
        self.top = MultiScaleBlock(features, features)
        self.mix = nn.Conv2d(features, features, 1)
        self.norm = nn.BatchNorm2d(features)
        self.predict = nn.Conv2d(features, channels, 1)
        self.carry_features = None if last else nn.Conv2d(features, features, 1)
        self.carry_maps = None if last else nn.Conv2d(channels, features, 1)

    def forward(self, x: Tensor, boundary: Tensor | None) -> tuple[Tensor, Tensor]:
        """Input of the next stack (N, features, h, w), and the heatmaps of this one (N, channels, h, w)."""
        y = self.entry(x, boundary) if self.sees_boundary else self.entry(x)  # (N, features, h, w)
        y = self.top(self.hourglass(y))
        y = F.relu(self.norm(self.mix(y)))
        maps = self.predict(y)
        if self.carry_features is not None:
            x = x + self.carry_features(y) + self.carry_maps(maps)
        return x, maps


class StackedHourglass(nn.Module):
    """The network of the paper (section 5, figure 3): images to landmark heatmaps and a boundary map, stack by stack.

    With 98 landmarks, 4 stacks and images of 256x256 it has 24.153 M parameters and 26.71 G multiply-adds, as the
    official model. ``StackedHourglass(98, stacks=1, depth=3, features=32)`` has 0.086 M parameters and trains on a CPU.

    Args:
        layout_or_count: a :class:`LandmarkLayout`, or the number of landmarks L.
        stacks: number of hourglasses, each with its own prediction, at least 1.
        depth: how often each hourglass halves its input, at least 1.
        features: channels inside, a multiple of 8; the stem starts with a quarter of it.
        coordconv: give the first convolution of the stem and of each stack coordinates; else they are plain
            convolutions.
        boundary: predict one boundary map after the L landmark heatmaps.
        boundary_threshold: from stack 2 on, CoordConv also gets boundary coordinates, from where the previous stack's
            boundary map is at least this. None: no boundary coordinates. Plays no part without ``coordconv`` and
            ``boundary``.
        checkpointing: while training, keep only the inputs of the stem and of each stack for the backward pass, which
            computes the rest again: much less memory for the time of a second forward pass. Same gradients, and
            running statistics that count each batch once.
        generator: draws the weights; None draws them from torch's global one.

    Raises:
        ValueError: names the bad argument.

    All weights and biases of convolutions start uniform in ±1 / sqrt(fan in), as PyTorch does by default; batch norms
    start as the identity. Nothing bounds the output: a prediction may leave [0, 1].
    """

    def __init__(
        self,
        layout_or_count: LandmarkLayout | int,
        stacks: int = 4,
        depth: int = 4,
        features: int = 256,
        coordconv: bool = True,
        boundary: bool = True,
        *,
        boundary_threshold: float | None = 0.05,
        checkpointing: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        count = layout_or_count.count if isinstance(layout_or_count, LandmarkLayout) else layout_or_count
        for name, value in (("layout_or_count", count), ("stacks", stacks), ("depth", depth), ("features", features)):
            if not as_whole(value) >= 1:
                kind = "a LandmarkLayout or a positive integer" if name == "layout_or_count" else "a positive integer"
                raise ValueError(f"{name} must be {kind}, got {value!r}")
        count, stacks, depth, features = int(count), int(stacks), int(depth), int(features)
        if features % 8:
            raise ValueError(f"features must be a multiple of 8, got {features}")
        if boundary_threshold is not None:
            boundary_threshold = checked_threshold(boundary_threshold, "boundary_threshold")
        self.depth, self.boundary, self.checkpointing = depth, bool(boundary), checkpointing
        self.stem = Stem(features, coordconv)
        self.stacks = nn.ModuleList(
            Stack(
                count + self.boundary,
                depth,
                features,
                coordconv=coordconv,
                threshold=boundary_threshold if self.boundary and index else None,  # stack 1 has no boundary before it
                last=index == stacks - 1,
            )
            for index in range(stacks)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                bound = module.weight[0].numel() ** -0.5
                for parameter in module.parameters():
                    nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Heatmaps of every stack; the last are the prediction, all are trained.

        Args:
            images: (N, 3, H, W), any floating dtype, RGB in [0, 1]; H and W multiples of ``4 * 2**depth``. The paper's
                are 256x256.

        Returns:
            One (N, L + 1, H / 4, W / 4) tensor per stack, the boundary map last; (N, L, H / 4, W / 4) without it.

        Raises:
            ValueError: the images have another type or shape, or a size that does not fit.
        """
        if not isinstance(images, Tensor) or not images.is_floating_point():
            found = images.dtype if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(f"images must be a floating tensor in [0, 1], got {found}")
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"images must be (N, 3, H, W), got {tuple(images.shape)}")
        step = 4 * 2**self.depth
        for name, side in (("height", images.shape[2]), ("width", images.shape[3])):
            if side % step:
                raise ValueError(
                    f"{name} of the images must be divisible by {step} (4 * 2**depth, depth {self.depth}), got {side}"
                )
        x, boundary, outputs = self._run(self.stem, images), None, []  # (N, features, H / 4, W / 4)
        for stack in self.stacks:
            x, maps = self._run(stack, x, boundary)
            outputs.append(maps)  # (N, L + 1, H / 4, W / 4)
            boundary = maps[:, -1:]  # (N, 1, H / 4, W / 4), looked at only by stacks that take boundary coordinates
        return outputs

    def _run(self, part: nn.Module, *inputs: Tensor | None):
        if not (self.checkpointing and self.training and torch.is_grad_enabled()):
            return part(*inputs)
        options = {"use_reentrant": False, "preserve_rng_state": False}  # nothing in here is random
        if not torch.compiler.is_compiling():  # compiled code updates the statistics once, whatever it computes twice
            options["context_fn"] = lambda: (nullcontext(), _running_statistics_kept(part))
        return checkpoint(part, *inputs, **options)


@contextmanager
def _running_statistics_kept(module: nn.Module) -> Iterator[None]:
    """Batch norms leave their running statistics alone: the second forward pass of a batch must not count it again."""
    norms = [norm for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    try:
        for norm in norms:
            norm.momentum, norm.num_batches_tracked = 0.0, None  # None: nothing to count
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count


class Part(NamedTuple):
    """One part of the network, as it ran."""

    name: str
    """Its name in the model, for example ``stacks.0.hourglass``."""
    kind: str
    """Its class, for example ``Hourglass``."""
    shape: tuple[int, ...]
    """Shape of its output for one image, (channels, height, width)."""
    parameters: int
    multiply_adds: int
    """Multiplications (each with its addition) in its convolutions for one image. Nothing else is counted."""


def describe(model: StackedHourglass, size: tuple[int, int] = (256, 256)) -> list[Part]:
    """The parts of the stem and of each stack in the order in which they run, measured on the model itself.

    Args:
        model: on any device, in any mode; it is left as it is, and nothing is computed but shapes.
        size: height and width of the images, pixels.

    Returns:
        One row per part. Their parameters and multiply-adds sum to the model's.

    Raises:
        ValueError: the size does not fit the model.

    Example:
        >>> model = StackedHourglass(98, stacks=1, depth=3, features=32)
        >>> part = describe(model, (128, 128))[0]
        >>> part.name, part.kind, part.shape, part.parameters, part.multiply_adds
        ('stem.conv', 'CoordConv2d', (8, 64, 64), 2360, 9633792)
    """
    parts, multiply_adds, hooks = [], dict.fromkeys(model.modules(), 0), []

    def count(conv: nn.Conv2d, _, output: Tensor) -> None:
        multiply_adds[conv] += output[0].numel() * conv.weight[0].numel()

    def note(name: str, part: nn.Module, _, output: Tensor) -> None:
        parameters = sum(parameter.numel() for parameter in part.parameters())
        cost = sum(multiply_adds[module] for module in part.modules())
        parts.append(Part(name, type(part).__name__, tuple(output.shape[1:]), parameters, cost))

    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    shapes = {name: tensor.detach().to("meta") for name, tensor in tensors.items()}
    # two images, because batch norm in training mode refuses a single value per channel
    images = torch.empty(2, 3, *size, device="meta", dtype=model.stem.conv.weight.dtype)
    try:
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                hooks.append(module.register_forward_hook(count))
        for prefix, owner in (("stem", model.stem), *((f"stacks.{i}", stack) for i, stack in enumerate(model.stacks))):
            for name, part in owner.named_children():
                hooks.append(part.register_forward_hook(partial(note, f"{prefix}.{name}")))
        with torch.no_grad():
            torch.func.functional_call(model, shapes, (images,))
    finally:
        for hook in hooks:
            hook.remove()
    return parts
