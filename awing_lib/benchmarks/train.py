"""One training step, from plain PyTorch up a ladder whose every rung makes one thing faster."""

import dataclasses
import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from awing_lib.benchmarks.floors import Floors, measure_floors
from awing_lib.benchmarks.loss import find_fused_loss, why_not_compiled
from awing_lib.benchmarks.table import Column, Row, Table, show_seconds
from awing_lib.benchmarks.targets import targets_with_opencv
from awing_lib.benchmarks.timing import Moment, between, bytes_kept, moment, profiled
from awing_lib.datasets import SyntheticFaces
from awing_lib.layouts import IBUG_68, LandmarkLayout
from awing_lib.recipe_parts import heatmap_loss, make_optimizer, target_maker, to_images
from awing_lib.recipes import DATASET_LAYOUTS, Recipe, RecipeError
from awing_lib.weights import ModelInfo

PARTS = ("targets", "forward", "loss", "backward", "optimizer")
_KINDS = {  # the first kind that has a word of the operator's or kernel's name
    "batch norm": ("batch_norm", "batchnorm", "bn_"),
    "compiled elementwise": ("triton", "cpp_fused"),
    "convolutions": ("conv", "gemm", "gemv", "addmm", "cutlass", "cudnn", "xmma", "mkldnn", "winograd"),
    "optimizer": ("foreach", "multi_tensor", "addcdiv"),
}
_TAIL = 50
"""Steps at the end of a curve that are compared, at most; a quarter of the steps if that is fewer."""


@dataclass(frozen=True)
class Ways:
    """How a step is taken."""

    device_targets: bool = False
    """All targets of a batch at once on the device; else one face at a time on the host (NumPy and OpenCV)."""
    channels_last: bool = False
    bf16: bool = False
    """The network runs under autocast to bfloat16."""
    compile: bool = False
    fused: bool = False
    """The loss as one kernel."""


def train_table(
    recipe: Recipe,
    batch: int,
    steps: int,
    device: str,
    *,
    channels_last: bool = True,
    bf16: bool | None = None,
    compiled: bool | None = None,
    fused: bool | None = None,
    check_steps: int = 0,
    profile: bool = False,
    floors: Floors | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Table:
    """Images per second of one training step, from eager float32 up the ladder; each row adds one thing.

    The rows: "eager float32", "+ targets on the device", "+ channels_last", "+ bf16 autocast", "+ torch.compile",
    "+ fused loss". Random images and the landmarks of made faces lie in memory, so no data set is read or waited for.
    On a GPU "float32" is what PyTorch does unless told otherwise: convolutions in TF32, if the GPU has it. Rows take
    turns on a CPU; a GPU takes each row's steps one after the other, without waiting in between.

    The least that any way must do: the operations are the convolutions' forward and backward
    (``torch.utils.flop_counter``), the bytes are images, weights, gradients and the optimizer's states, each read and
    written as often as a step needs. So ``reached`` is in effect the share of the measured matrix rate. What lies
    between the convolutions is not in the floor, as in principle they could be computed in one go.

    In a record, ``more`` of a row has ``images_per_second``, ``shares`` of the step (targets, forward, loss, backward,
    optimizer; the sum is 1), ``peak_bytes`` of device memory (null on a CPU) and ``with`` (:class:`Ways`). That of the
    table has ``parameters``, ``kept_bytes`` (by autograd, for the first row), ``time_by_kind`` and ``busy`` (null
    without ``profile``: what the last row's device time goes to, and on a GPU the share of the step in which it is
    doing anything), and ``check`` (null without ``check_steps``)::

        {"steps": 200, "tail": 50,
         "curves": {"eager float32": [...], "+ fused loss": [...], "eager float32, another seed": [...]},
         "means": {...}, "tail_means": {...},      of each curve; the second over its last ``tail`` steps
         "difference": 0.003,                      of the tail means of the first and the last row, relative
         "noise": 0.012}                           of the tail means of the two seeds, relative

    Args:
        recipe: which network, loss and optimizer. A table's landmarks are taken to be 68.
        batch: images in a step.
        steps: timed steps of each row, after some to warm up; the median counts.
        device: "cpu" or "cuda".
        channels_last: whether there is a row for it.
        bf16: the same; None: on a GPU.
        compiled: the same; None: on a GPU.
        fused: the same; None: on a GPU.
        check_steps: train the first and the last row for so many steps, from the same seed on the same made faces.
        profile: say what the time of the last row goes to.
        floors: what the machine can do; None: it is measured.
        progress: wraps the rounds, such as ``tqdm``.

    Raises:
        RecipeError: the recipe's targets are the official ones, which cannot be made one face at a time here.
    """
    if recipe.loss.official_targets:
        raise RecipeError(f"recipe {recipe.name}: official_targets must be false here, got true")
    gpu = device == "cuda"
    layout = DATASET_LAYOUTS[recipe.data.dataset] or IBUG_68
    bf16, compiled, fused = (gpu if each is None else each for each in (bf16, compiled, fused))
    notes = []
    if compiled and (reason := why_not_compiled(device)):
        compiled, _ = False, notes.append(f"torch.compile does not work here: {reason}")
    if fused:
        reason = find_fused_loss(device)[1] if recipe.loss.loss == "awing" else f"the loss is {recipe.loss.loss}"
        if reason:
            fused, _ = False, notes.append(f"no fused loss here: {reason}")
    ladder = _ladder(channels_last, bf16, compiled, fused)

    floors = floors or measure_floors(device)
    operations, kept, parameters = _counted(recipe, layout, batch)
    images, landmarks = _random_batch(recipe, layout, batch)
    seed = recipe.training.seed
    trainers = {name: _Trainer(recipe, layout, ways, device, seed) for name, ways in ladder.items()}
    moments, peaks = _timed(trainers, images, landmarks, steps, gpu, progress)
    seconds = {name: statistics.median(between(each[0], each[-1]) for each in taken) for name, taken in moments.items()}
    rows = []
    for name, trainer in trainers.items():
        more = {"images_per_second": batch / seconds[name], "shares": _shares(moments[name])}
        more |= {"peak_bytes": peaks.get(name), "with": dataclasses.asdict(ladder[name])}
        # weights and the optimizer's states are read and written, gradients are written and read
        moved = images.nbytes + 2 * (2 * trainer.bytes_of_weights + trainer.bytes_of_states)
        least = {"bytes": moved, "operations": operations, "precision": _precision(ladder[name], gpu)}
        rows.append(Row.measured(name, seconds[name], seconds["eager float32"], floors, **least, more=more))
    amount = f"{operations / 1e9:,.0f}" if operations > 1e11 else f"{operations / 1e9:.3g}"
    notes.append(f"floor: {amount} GFLOP in convolutions, forward and backward")
    more = {"parameters": parameters, "kept_bytes": kept, "time_by_kind": None, "busy": None, "check": None}
    if profile:
        kinds, busy = _time_by_kind(trainers[rows[-1].name], images, landmarks, gpu)
        more |= {"time_by_kind": kinds, "busy": busy / seconds[rows[-1].name] if gpu else None}
        notes.append(f"time of {rows[-1].name}: " + ", ".join(f"{kind} {share:.0%}" for kind, share in kinds.items()))
        if gpu:
            notes.append(f"the GPU works for {more['busy']:.0%} of that step")
    if check_steps:
        trainers.clear()
        more["check"] = _check(recipe, layout, ladder, batch, check_steps, device, progress)
        far = "the last row's loss differs from the first's by {difference:.2%}, another seed's by {noise:.2%}"
        notes.append(f"after {check_steps} steps " + far.format(**more["check"]))
    size = recipe.data.size
    peak = Column("peak", 10, lambda row: f"{row.more['peak_bytes'] / 1e9:.2f} GB")
    return Table(
        name="train",
        title=f"{recipe.name}: a step of {batch} images {size}x{size}, {layout.count} points, median of {steps}",
        per="step",
        floors=floors,
        settings={
            **{"recipe": recipe.name, "batch": batch, "steps": steps, "size": size, "points": layout.count},
            **{"network": dataclasses.asdict(recipe.network), "optimizer": recipe.training.optimizer},
        },
        rows=tuple(rows),
        columns=(
            Column("a step", 11, lambda row: show_seconds(row.seconds)),
            Column("images/s", 10, lambda row: f"{row.more['images_per_second']:.1f}"),
            Column("faster", 8, lambda row: f"{1 / row.ratio:.2f}"),
            *(Column(part, len(part) + 2, lambda row, part=part: f"{row.more['shares'][part]:.0%}") for part in PARTS),
            *([peak] if gpu else []),
        ),
        notes=tuple(notes),
        more=more,
    )


def _ladder(channels_last: bool, bf16: bool, compiled: bool, fused: bool) -> dict[str, Ways]:
    """Row -> how its step is taken; each adds one thing to the one before."""
    rungs = [("+ targets on the device", "device_targets", True), ("+ channels_last", "channels_last", channels_last)]
    rungs += [("+ bf16 autocast", "bf16", bf16), ("+ torch.compile", "compile", compiled)]
    rungs += [("+ fused loss", "fused", fused)]
    ladder = {"eager float32": Ways()}
    for name, way, wanted in rungs:
        if wanted:
            ladder[name] = dataclasses.replace(list(ladder.values())[-1], **{way: True})
    return ladder


class _Trainer:
    """A network with all that trains it, in one of the ways."""

    def __init__(self, recipe: Recipe, layout: LandmarkLayout, ways: Ways, device: str, seed: int) -> None:
        self.recipe, self.layout, self.ways, self.device = recipe, layout, ways, device
        generator = torch.Generator().manual_seed(seed)
        self.memory_format = torch.channels_last if ways.channels_last else torch.contiguous_format
        network = ModelInfo.of_run(layout, recipe).build(generator)
        network = network.to(device, memory_format=self.memory_format).train()
        self.network = torch.compile(network) if ways.compile else network
        self.optimizer = make_optimizer(network.parameters(), recipe.training)
        self.make_targets, self.targets = target_maker(layout, recipe), None
        self.loss = dataclasses.replace(recipe.loss, fused=ways.fused)

    def step(self, images: Tensor, landmarks: Tensor) -> tuple[Tensor, list[Moment]]:
        """Train on images (N, 3, S, S) on the device and landmarks (N, L, 2) on the host.

        Returns:
            the loss, and the moments before, between and after the parts of the step.
        """
        moments = [moment(self.device)]
        if self.ways.device_targets:
            self.targets = self.make_targets(landmarks.to(self.device, non_blocking=True), out=self.targets)
        else:
            self.targets = self._targets_on_host(landmarks)
        moments.append(moment(self.device))
        with torch.autocast(self.device, torch.bfloat16, enabled=self.ways.bf16):
            outputs = self.network(images)
        moments.append(moment(self.device))
        loss = sum(heatmap_loss(maps, self.targets, landmarks, True, self.loss) for maps in outputs)
        moments.append(moment(self.device))
        loss.backward()
        moments.append(moment(self.device))
        self.optimizer.step()
        self.optimizer.zero_grad()
        moments.append(moment(self.device))
        return loss.detach(), moments

    def on_device(self, images: Tensor) -> Tensor:
        """Images as this network takes them."""
        return images.to(self.device, memory_format=self.memory_format)

    @property
    def bytes_of_weights(self) -> int:
        return sum(each.nbytes for group in self.optimizer.param_groups for each in group["params"])

    @property
    def bytes_of_states(self) -> int:
        """Of the optimizer, once it has taken a step."""
        states = [each for state in self.optimizer.state.values() for each in state.values()]
        return sum(each.nbytes for each in states if isinstance(each, Tensor))

    def _targets_on_host(self, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        loss, side = self.recipe.loss, self.recipe.data.size // 4
        how = {"sigma": loss.sigma, "threshold": loss.weight_threshold, "weight": loss.weight}
        how["boundary"] = self.recipe.network.boundary
        faces = [targets_with_opencv(face, self.layout, side, **how) for face in landmarks.numpy()]
        heatmaps, weights = (torch.from_numpy(np.stack(maps)).to(self.device) for maps in zip(*faces, strict=True))
        return heatmaps, weights


def _timed(
    trainers: dict[str, _Trainer], images: Tensor, landmarks: Tensor, steps: int, gpu: bool, progress: Callable
) -> tuple[dict[str, list[list[Moment]]], dict[str, int]]:
    """Moments of each timed step of each row, and on a GPU the most memory that a row needs."""
    ready = {name: trainer.on_device(images) for name, trainer in trainers.items()}
    moments, peaks = {name: [] for name in trainers}, {}
    burst, rounds = (steps, 1) if gpu else (1, steps)
    for repeat in progress(range(rounds + 2)):  # two rounds to warm up, in which what is to be compiled is
        for name, trainer in trainers.items():
            if gpu:  # other rows' weights lie in memory too: what counts is what the steps need beyond all that
                torch.cuda.synchronize()
                before = torch.cuda.memory_allocated()
                torch.cuda.reset_peak_memory_stats()
            taken = [trainer.step(ready[name], landmarks)[1] for _ in range(burst)]
            if gpu:
                own = trainer.bytes_of_weights + trainer.bytes_of_states
                peaks[name] = torch.cuda.max_memory_allocated() - before + own
            if repeat >= 2:
                moments[name] += taken
    return moments, peaks


def _shares(moments: list[list[Moment]]) -> dict[str, float]:
    """Of each part in the time of the steps."""
    seconds = np.array([[between(a, b) for a, b in pairwise(step)] for step in moments]).sum(0)
    return {part: float(share) for part, share in zip(PARTS, seconds / seconds.sum(), strict=True)}


def _precision(ways: Ways, gpu: bool) -> str:
    if ways.bf16:
        return "bfloat16"
    return "tf32" if gpu and torch.backends.cudnn.allow_tf32 else "float32"


def _counted(recipe: Recipe, layout: LandmarkLayout, batch: int) -> tuple[int, int, int]:
    """Operations of a step forward and backward, bytes kept between the two, parameters; nothing is computed."""
    network = ModelInfo.of_run(layout, recipe).build().to("meta").train()
    images, outputs = torch.empty(batch, 3, recipe.data.size, recipe.data.size, device="meta"), []
    with FlopCounterMode(display=False) as counter:
        kept = bytes_kept(lambda: outputs.extend(network(images)))
        sum(maps.sum() for maps in outputs).backward()
    return counter.get_total_flops(), kept, sum(each.numel() for each in network.parameters())


def _random_batch(recipe: Recipe, layout: LandmarkLayout, batch: int) -> tuple[Tensor, Tensor]:
    """Images (N, 3, S, S) of noise, and landmarks (N, L, 2) of made faces."""
    size = recipe.data.size
    images = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    return images, _resized(SyntheticFaces(batch, layout).landmarks, 256, size)


def _resized(landmarks: np.ndarray, side: int, size: int) -> Tensor:
    """Pixels of an image of one side as those of another."""
    return torch.from_numpy(((landmarks + 0.5) * (size / side) - 0.5).astype(np.float32))


def _time_by_kind(trainer: _Trainer, images: Tensor, landmarks: Tensor, gpu: bool) -> tuple[dict[str, float], float]:
    """What the device's time goes to, as shares, the largest first, and the seconds that a step keeps it busy."""
    taken, repeats, images = Counter(), 3, trainer.on_device(images)
    for event in profiled(lambda: trainer.step(images, landmarks), repeats, gpu):
        kind = next((kind for kind, words in _KINDS.items() if any(word in event.key for word in words)), "the rest")
        if not gpu:
            taken[kind] += event.self_cpu_time_total
        elif event.device_type == torch.autograd.DeviceType.CUDA and not getattr(event, "is_user_annotation", False):
            taken[kind] += event.self_device_time_total  # of a kernel; annotations span kernels that count already
    whole = sum(taken.values())
    return {kind: value / whole for kind, value in taken.most_common()}, whole / 1e6 / repeats


def _check(
    recipe: Recipe,
    layout: LandmarkLayout,
    ladder: dict[str, Ways],
    batch: int,
    steps: int,
    device: str,
    progress: Callable[[Iterable], Iterable],
) -> dict:
    """Loss curves of the first and the last row, and of the first from another seed: how much is noise."""
    size, seed = recipe.data.size, recipe.training.seed
    faces = SyntheticFaces(8 * batch, layout, seed)
    # the edges of the image stay its edges, as the landmarks' pixels are counted
    pixels = [cv2.resize(face.image, (size, size), interpolation=cv2.INTER_AREA) for face in progress(faces)]
    images = to_images(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2))  # (8 N, 3, S, S)
    landmarks = _resized(faces.landmarks, 256, size)

    def curve(ways: Ways, seed: int) -> list[float]:
        trainer, generator = _Trainer(recipe, layout, ways, device, seed), torch.Generator().manual_seed(seed)
        losses = []
        for _ in progress(range(steps)):
            chosen = torch.randperm(len(images), generator=generator)[:batch]
            losses.append(trainer.step(trainer.on_device(images[chosen]), landmarks[chosen])[0])
        return torch.stack(losses).tolist()

    first, last = next(iter(ladder)), list(ladder)[-1]
    other = f"{first}, another seed"
    curves = {first: curve(ladder[first], seed), last: curve(ladder[last], seed), other: curve(ladder[first], seed + 1)}
    tail = max(1, min(_TAIL, steps // 4))
    tail_means = {name: statistics.fmean(losses[-tail:]) for name, losses in curves.items()}
    far = {name: abs(mean - tail_means[first]) / tail_means[first] for name, mean in tail_means.items()}
    means = {name: statistics.fmean(losses) for name, losses in curves.items()}
    both = {"curves": curves, "means": means, "tail_means": tail_means}
    return {"steps": steps, "tail": tail, **both, "difference": far[last], "noise": far[other]}
