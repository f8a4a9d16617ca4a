"""The loss, forward and backward, in several ways."""

import warnings
from collections.abc import Callable, Iterable

import torch
from torch.nn import functional as F

from awing_lib.benchmarks.floors import Floors, measure_floors
from awing_lib.benchmarks.table import Column, Row, Table, show_seconds
from awing_lib.benchmarks.timing import bytes_kept, medians
from awing_lib.losses import adaptive_wing_formula, adaptive_wing_loss

_AWING_OPERATIONS, _MSE_OPERATIONS, _WEIGHT_OPERATIONS = 22, 5, 2
"""For each pixel, forward and backward, as :mod:`awing_lib.losses` does it: each arithmetic operation is one, and so is
each function, such as a logarithm; a weight is multiplied by on both ways."""


def loss_table(
    shape: tuple[int, int, int, int],
    repeats: int,
    device: str,
    *,
    weighted: bool = False,
    compiled: bool = False,
    floors: Floors | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Table:
    """Forward plus backward of the loss: time against the formula as it is written, and memory kept between the two.

    The least that any way must move: prediction, target and weight are read once, the gradient is written once. The
    fused kernel (:mod:`awing_lib.fused_loss`) is there on a GPU, where Triton is. In a record, ``more`` of a row has
    ``kept_bytes``.

    Args:
        shape: of the float32 heatmaps, (N, L, H, W).
        repeats: timed runs of each way; the median counts.
        device: "cpu" or "cuda".
        weighted: with a map of weights, as in training.
        compiled: also the formula under ``torch.compile``, where that works.
        floors: what the machine can do; None: it is measured.
        progress: wraps the rounds, such as ``tqdm``.
    """
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(shape, generator=generator) ** 8  # mostly background, a few high pixels
    prediction = (target + 0.2 * torch.randn(shape, generator=generator)).to(device).requires_grad_()
    weight = (1 + 10 * (target >= 0.2).float()).to(device) if weighted else None
    target = target.to(device)

    def formula(prediction, target, weight=None):
        each = adaptive_wing_formula(prediction, target)
        return (each if weight is None else each * weight).mean()

    def squares(prediction, target, weight=None):
        if weight is None:
            return F.mse_loss(prediction, target)
        return (F.mse_loss(prediction, target, reduction="none") * weight).mean()

    ways, notes = {"formula as written": formula, "adaptive_wing_loss": adaptive_wing_loss}, []
    if compiled:
        reason = why_not_compiled(device)
        if reason:
            notes.append(f"torch.compile does not work here: {reason}")
        else:
            ways["compiled formula"] = torch.compile(formula)
    fused, reason = find_fused_loss(device)
    if fused:
        ways["fused kernel"] = fused
    elif device == "cuda":
        notes.append(f"no fused kernel here: {reason}")
    ways["mse_loss"] = squares

    def step(way):
        prediction.grad = None
        way(prediction, target, weight=weight).backward()

    runs = {name: lambda way=way: step(way) for name, way in ways.items()}
    seconds = medians(runs, repeats, device, progress=progress)
    floors = floors or measure_floors(device)
    count, size = prediction.numel(), prediction.numel() * prediction.element_size()
    rows = []
    for name, way in ways.items():
        each = (_MSE_OPERATIONS if name == "mse_loss" else _AWING_OPERATIONS) + weighted * _WEIGHT_OPERATIONS
        rows.append(
            Row.measured(
                name,
                seconds[name],
                seconds["formula as written"],
                floors,
                bytes=(3 + weighted) * size,
                operations=each * count,
                more={"kept_bytes": bytes_kept(lambda way=way: way(prediction, target, weight=weight))},
            )
        )
    notes.append(f"floor: prediction, target{', weight' * weighted} are read once, the gradient is written once")
    return Table(
        name="loss",
        title=f"{'x'.join(map(str, shape))} float32{', weighted' * weighted}, forward + backward, median of {repeats}",
        per="call",
        floors=floors,
        settings={"shape": list(shape), "repeats": repeats, "weighted": weighted, "compiled": compiled},
        rows=tuple(rows),
        columns=(
            Column("time", 11, lambda row: show_seconds(row.seconds)),
            Column("ratio", 8, lambda row: f"{row.ratio:.2f}"),
            Column("kept for backward", 20, lambda row: f"{row.more['kept_bytes'] / size:.2f} x input"),
        ),
        notes=tuple(notes),
    )


def find_fused_loss(device: str) -> tuple[Callable[..., torch.Tensor] | None, str]:
    """The loss as one kernel; if there is none that works here, None and the reason."""
    if device != "cuda":
        return None, "it runs on a GPU"
    try:
        import triton  # noqa: F401  without it the call below would quietly be that of adaptive_wing_loss

        from awing_lib.fused_loss import fused_adaptive_wing_loss

        maps = torch.zeros(1, 1, 8, 8, device=device, requires_grad=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # what it says before it goes on without the kernel
            fused_adaptive_wing_loss(maps, maps.detach()).backward()
    except (ImportError, RuntimeError, RuntimeWarning) as error:
        return None, _in_a_line(error)
    return fused_adaptive_wing_loss, ""


def why_not_compiled(device: str) -> str:
    """What keeps ``torch.compile`` from working here, in a line; nothing if it works."""
    try:
        torch.compile(lambda x: x * 2 + 1)(torch.zeros(8, device=device))
    except Exception as error:  # of each backend its own kind: no C++ compiler, no Triton, a Python that is too new
        return _in_a_line(error)
    return ""


def _in_a_line(error: Exception | Warning) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
