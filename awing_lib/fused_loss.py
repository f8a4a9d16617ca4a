r"""The Adaptive Wing loss as one GPU kernel: value and gradient of ``losses.py`` with far less memory moved.

On a GPU the loss costs what moving its tensors costs: a pixel needs a few dozen operations and up to 16 bytes, and
memory is the slower of the two. PyTorch runs the definition as a dozen kernels, and each of them reads and writes maps.
Here one kernel reads a pixel once, computes its loss and the gradient, writes the gradient, and adds up the loss.

Bytes per pixel, forward and backward together, when the loss is what ``backward()`` is called on:

==========================================  ===================================  ======
prediction, target, weight                  read + written                       bytes
==========================================  ===================================  ======
float32, float32, none                      4 + 4, 4                             12
float32, float32, float32                   4 + 4 + 4, 4                         16
bfloat16, float32, float32                  2 + 4 + 4, 2                         12
bfloat16, float32, none                     2 + 4, 2                             8
==========================================  ===================================  ======

No implementation that reads these tensors can move less, so this times the number of pixels, over the measured
bandwidth of a copy (which also reads and writes), is the floor for its time. Where the incoming gradient is not 1, as
after ``loss / 4``, the backward pass reads and writes the gradient once more: 8 bytes in float32, 4 in bfloat16.

The kernel is written in Triton, which comes with PyTorch for CUDA and is no requirement of this library.
"""

from __future__ import annotations  # the kernels name Triton's types, and Triton is imported when it is needed

import functools
import math
import os
import warnings

import torch
from torch import Tensor

from awing_lib.losses import adaptive_wing_loss, checked_shape

# Pixels of a block. Each of the 128 threads of 4 warps has 16 of them: enough loads on the way to keep memory busy with
# the few hundred threads that a multiprocessor holds, and few enough that 10 million pixels make thousands of blocks.
_TILE = 2048
_WARPS = 4
_PREDICTIONS = (torch.float32, torch.bfloat16, torch.float16)
_WEIGHTS = (*_PREDICTIONS, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

# What the kernels find under these names, once the first call has imported it: triton.language and its own libdevice
tl = libdevice = None
_broken = False  # Triton is there, but does not work


def fused_adaptive_wing_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 2.1,
    omega: float = 14.0,
    epsilon: float = 1.0,
    theta: float = 0.5,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r""":func:`~awing_lib.losses.adaptive_wing_loss` in one kernel on a GPU, and that function itself elsewhere.

    Arguments, result and errors are the same. The kernel takes a prediction and target of float32, bfloat16 or float16
    (computed in float32) and a weight of these, integers or bool, in any dense layout that is made of at most three
    regular steps: contiguous, channels_last, and one of each. A weight that broadcasts is read as it is, never
    written out in full. Fastest is one layout for all.

    Everything else goes to :func:`~awing_lib.losses.adaptive_wing_loss`: tensors on a CPU, float64, ``"none"``, a
    weight that requires grad, other layouts, 2^31 elements and more, calls inside ``torch.compile`` (which fuses on its
    own), machines without Triton. If Triton is there but does not work, a ``RuntimeWarning`` says so once.

    Equal inputs give equal bits: each block adds up its pixels in float32 in a fixed order, and ``torch.sum`` the
    blocks, also in float32.

    The gradient is kept in the dtype of ``prediction`` and already divided for ``"mean"``. The backward pass multiplies
    it in place by the incoming gradient, and touches no memory if that is 1, which the GPU finds out by itself. If the
    graph is retained it makes a new tensor instead. In bfloat16 this rounds twice where ``adaptive_wing_loss`` rounds
    once, unless the incoming gradient is a power of two. A float16 gradient is kept before the division, since it would
    underflow before a loss scaler could help, and needs the multiplication always; ``omega / epsilon`` times the weight
    must stay well below 65504 there.

    Example:
        >>> prediction = torch.zeros(1, 1, 2, 2, requires_grad=True)
        >>> target = torch.tensor([[[[0.0, 0.5], [0.5, 1.0]]]])
        >>> round(fused_adaptive_wing_loss(prediction, target).item(), 4)
        4.5605
    """
    alpha, omega, epsilon, theta = checked_shape(alpha, omega, epsilon, theta)
    parameters = {"alpha": alpha, "omega": omega, "epsilon": epsilon, "theta": theta}
    if not _broken and _fits(prediction, target, weight, reduction) and (kernels := _kernels()):
        fused = _run(kernels, prediction, target, weight, reduction, **parameters)
        if fused is not None:
            return fused
    return adaptive_wing_loss(prediction, target, **parameters, weight=weight, reduction=reduction)


def _fits(prediction: Tensor, target: Tensor, weight: Tensor | None, reduction: str) -> bool:
    """Whether the kernel can take these. What is wrong with arguments that are wrong is said by the other path."""
    if torch.compiler.is_compiling() or reduction not in ("mean", "sum"):
        return False
    if not isinstance(prediction, Tensor) or not isinstance(target, Tensor) or not isinstance(weight, Tensor | None):
        return False
    # Triton's interpreter runs kernels on the CPU, for tests
    if prediction.device.type != "cuda" and not (prediction.device.type == "cpu" and _interpreted()):
        return False
    if prediction.dtype not in _PREDICTIONS or target.dtype not in _PREDICTIONS or target.requires_grad:
        return False
    if prediction.shape != target.shape or prediction.device != target.device or not prediction.numel():
        return False
    if weight is None:
        return True
    if weight.dtype not in _WEIGHTS or weight.requires_grad or weight.device != prediction.device:
        return False
    missing = prediction.ndim - weight.ndim
    return missing >= 0 and all(w in (1, n) for w, n in zip(weight.shape, prediction.shape[missing:], strict=True))


def _interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET") == "1"


def _run(kernels, prediction, target, weight, reduction, *, alpha, omega, epsilon, theta) -> Tensor | None:
    """The loss of tensors that fit, ready for the backward pass; None where their layout does not or Triton fails."""
    wants_gradient = torch.is_grad_enabled() and prediction.requires_grad
    maps = [prediction.detach(), target]
    # a weight that is not there and a gradient that nobody wants still need a place among the arguments: never touched
    maps.append(maps[0] if weight is None else weight.expand(prediction.shape))
    if maps[2].dtype == torch.bool:
        maps[2] = maps[2].view(torch.uint8)
    maps.append(torch.empty_like(maps[0]) if wants_gradient else maps[0])
    layout = _layout(prediction.shape, *(each.stride() for each in maps))
    if layout is None:
        return None
    sizes, steps = layout
    columns = min(_TILE, _power_of_two(sizes[2]))
    rows = min(_TILE // columns, _power_of_two(sizes[1]))
    blocks = sizes[0] * math.ceil(sizes[1] / rows) * math.ceil(sizes[2] / columns)
    sums = torch.empty(blocks, dtype=torch.float32, device=prediction.device)
    share = 1 / prediction.numel() if reduction == "mean" else 1.0
    later = share if prediction.dtype == torch.float16 else 1.0  # what of it the backward pass multiplies by
    fast = not _interpreted() and torch.version.hip is None  # these instructions are NVIDIA's
    loss_kernel, scale_kernel = kernels
    try:
        with torch.cuda.device_of(prediction):
            loss_kernel[(blocks,)](
                *maps, sums, *sizes[1:], *steps,
                alpha, omega * share / later, epsilon, theta, later,
                WEIGHTED=weight is not None, GRADIENT=wants_gradient, FAST=fast,
                ROWS=rows, COLUMNS=columns, num_warps=_WARPS, enable_fp_fusion=True,
            )  # fmt: skip
    except Exception as error:  # no C compiler for its launcher, a driver that is too old, ...
        _give_up(error)
        return None
    return _KeptGradient.apply(prediction, maps[3], sums, later, scale_kernel) if wants_gradient else sums.sum()


class _KeptGradient(torch.autograd.Function):
    """Adds up the blocks' sums, and hands out the finished gradient when it is asked for."""

    @staticmethod
    def forward(ctx, prediction, gradient, sums, later, scale_kernel):
        ctx.save_for_backward(gradient)
        ctx.later, ctx.scale_kernel = later, scale_kernel
        return sums.sum()

    @staticmethod
    def backward(ctx, grad_loss):
        if torch.is_grad_enabled():  # create_graph=True; as in adaptive_wing_loss
            raise RuntimeError("fused_adaptive_wing_loss cannot be differentiated twice; use adaptive_wing_formula")
        (gradient,) = ctx.saved_tensors
        if not _released(ctx):
            return gradient * (grad_loss * ctx.later), None, None, None, None
        pixels = gradient.numel()
        with torch.cuda.device_of(gradient):
            ctx.scale_kernel[(math.ceil(pixels / _TILE),)](
                gradient, grad_loss, ctx.later, pixels, TILE=_TILE, num_warps=_WARPS, enable_fp_fusion=True
            )
        return gradient, None, None, None, None


def _released(ctx) -> bool:
    """Let go of the kept gradient early, unless the graph is retained and will ask for it again.

    Then it may be written over, and become ``prediction.grad`` without a copy.
    """
    if not all(hasattr(type(ctx), name) for name in ("maybe_clear_saved_tensors", "_raw_saved_tensors")):
        return False  # they are in no manual, and may be gone in another version
    ctx.maybe_clear_saved_tensors()
    try:
        ctx._raw_saved_tensors  # noqa: B018 - it raises once they are gone, and unpacks nothing
    except RuntimeError:
        return True
    return False


@functools.lru_cache(maxsize=256)
def _layout(shape, *strides) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Sizes of three axes that hold all pixels, and each tensor's three strides along them one after the other.

    From the outside in, as the last tensor (the gradient) lies in memory. Axes that follow each other in memory in all
    tensors become one; if all lie alike there is one axis of all pixels. None if more than three axes remain, or if an
    offset does not fit into 31 bits.
    """
    sizes, steps = [], []
    for axis in sorted(range(len(shape)), key=lambda axis: strides[-1][axis], reverse=True):
        step = [stride[axis] for stride in strides]
        if shape[axis] == 1:
            continue
        if sizes and all(outer == inner * shape[axis] for outer, inner in zip(steps[-1], step, strict=True)):
            sizes[-1] *= shape[axis]
            steps[-1] = step
        else:
            sizes.append(shape[axis])
            steps.append(step)
    missing = 3 - len(sizes)
    if missing < 0:
        return None
    sizes, steps = [1] * missing + sizes, [[0] * len(strides)] * missing + steps
    lasts = [sum((n - 1) * step for n, step in zip(sizes, each, strict=True)) for each in zip(*steps, strict=True)]
    if max(math.prod(sizes), *lasts) >= 2**31 - _TILE:
        return None
    return tuple(sizes), tuple(step for each in zip(*steps, strict=True) for step in each)


def _power_of_two(count: int) -> int:
    """The smallest that is not below ``count``: blocks of Triton have such sides."""
    return 1 << (count - 1).bit_length()


@functools.cache
def _kernels():
    """Both kernels; None where Triton is missing, or does not even load."""
    global tl, libdevice
    try:
        import triton
        from triton import language
        from triton.language.extra import libdevice as instructions

        tl, libdevice = language, instructions
        return triton.jit(_loss_kernel), triton.jit(_scale_kernel)
    except Exception as error:  # a library that does not fit the system raises almost anything
        if not (isinstance(error, ModuleNotFoundError) and error.name == "triton"):
            _give_up(error)
        return None


def _give_up(error: Exception) -> None:
    global _broken
    _broken = True
    warnings.warn(
        f"Triton does not work here, so the Adaptive Wing loss runs without its fused kernel: "
        f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}",
        RuntimeWarning,
        stacklevel=4,
    )


# -- kernels: compiled by Triton, never called as Python ---------------------------------------------------------------


def _loss_kernel(
    prediction, target, weight, gradient, sums, size1, size2,
    p0, p1, p2, t0, t1, t2, w0, w1, w2, g0, g1, g2,
    alpha, omega, epsilon, theta, later,
    WEIGHTED: tl.constexpr, GRADIENT: tl.constexpr, FAST: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Loss and gradient of ROWS x COLUMNS pixels of the last two axes; the strides are those of ``_layout``."""
    block = tl.program_id(0)
    blocks2 = tl.cdiv(size2, COLUMNS)
    blocks1 = tl.cdiv(size1, ROWS)
    i = block // (blocks1 * blocks2)
    j = (block // blocks2 % blocks1) * ROWS + tl.arange(0, ROWS)[:, None]
    k = (block % blocks2) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (j < size1) & (k < size2)  # outside, zeros make an error of 0 and a loss of 0

    y = tl.load(target + (i * t0 + j * t1 + k * t2), mask=inside, other=0).to(tl.float32)
    error = tl.load(prediction + (i * p0 + j * p1 + k * p2), mask=inside, other=0).to(tl.float32) - y
    d = tl.abs(error)
    clamped = tl.minimum(d, theta, propagate_nan=tl.PropagateNan.ALL)
    exponent = alpha - y

    # softplus(t) and sigmoid(t) of t = (alpha - y) ln(d / epsilon), as in losses.py, but t in powers of 2, for which a
    # GPU has instructions. power = exp(-|t|) in [0, 1] cannot overflow; no error makes t = -inf and power = 0.
    scaled = clamped * (1 / epsilon)
    t = exponent * (libdevice.fast_log2f(scaled) if FAST else tl.log2(scaled))
    power = tl.exp2(-tl.abs(t))
    # softplus needs power / (2 + power) and the slope sigmoid(t) / clamped: one division for both
    one, two = 1 + power, 2 + power
    bounded = tl.maximum(clamped, 1e-30)  # 0, not 0 / 0
    product = one * two * bounded
    inverse = libdevice.fast_dividef(1.0, product) if FAST else 1 / product
    # ln(1 + power) = 2 artanh(power / (2 + power)): a short series, since the ratio is at most 1/3. The GPU's logarithm
    # of 1 + power would lose the small powers, and in a trained network most pixels have one.
    ratio = (power * one) * (bounded * inverse)
    z = ratio * ratio
    series = 1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z / 11))))
    softplus = tl.maximum(t, 0) * (omega * 0.6931471805599453) + (ratio * (2 * omega)) * series  # times omega
    slope = (omega * exponent) * tl.where(t > 0, 1.0, power) * (two * inverse)
    loss = softplus + slope * (d - clamped)  # the straight part is the tangent at theta

    if WEIGHTED:
        factor = tl.load(weight + (i * w0 + j * w1 + k * w2), mask=inside, other=0).to(tl.float32)
        loss *= factor
        slope *= factor
    tl.store(sums + block, tl.sum(tl.sum(loss, axis=1), axis=0) * later)
    if GRADIENT:
        signed = tl.where(error < 0, -slope, slope)
        tl.store(gradient + (i * g0 + j * g1 + k * g2), signed.to(gradient.dtype.element_ty), mask=inside)


def _scale_kernel(gradient, grad_loss, later, pixels, TILE: tl.constexpr):
    """``gradient *= grad_loss * later`` in place; nothing if that is a multiplication by 1."""
    scale = tl.load(grad_loss) * later
    if scale != 1:
        place = tl.program_id(0) * TILE + tl.arange(0, TILE)
        value = tl.load(gradient + place, mask=place < pixels).to(tl.float32) * scale
        tl.store(gradient + place, value.to(gradient.dtype.element_ty), mask=place < pixels)
