r"""The losses of heatmap regression: Adaptive Wing (Wang, Bo, Fuxin, ICCV 2019) and Wing (Feng et al., CVPR 2018).

For one heatmap pixel with target ``y``, prediction ``ŷ`` and error ``d = |y - ŷ|``, the paper (section 4) defines

.. math::

    \mathrm{AWing}(y, \hat y) = \begin{cases}
        \omega \ln\left(1 + (d / \epsilon)^{\alpha - y}\right) & d < \theta \\
        A d - C & d \ge \theta \end{cases}

    A = \frac{\omega}{\epsilon} \frac{(\alpha - y) (\theta / \epsilon)^{\alpha - y - 1}}
             {1 + (\theta / \epsilon)^{\alpha - y}}, \qquad
    C = \theta A - \omega \ln\left(1 + (\theta / \epsilon)^{\alpha - y}\right)

``A`` is the slope and ``A theta - C`` the value of the first branch at ``d = theta``: value and slope are continuous.
:func:`adaptive_wing_formula` is these lines as they stand; :func:`adaptive_wing_loss` is the one to train with.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from awing_lib.arguments import number_above

_REDUCTIONS = ("none", "mean", "sum")


def adaptive_wing_loss(
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
    r"""Adaptive Wing loss (section 4 of the paper; with ``weight`` also the weighted loss map of its section 4.3).

    Args:
        prediction: any shape, usually (N, L, H, W) heatmaps; any floating dtype, any range.
        target: same shape as ``prediction``; heatmaps in [0, 1]. It is a constant: detach it if it was computed.
        alpha: exponent base, > 1. The exponent is ``alpha - y``. Take it slightly above 2, so that even at the
            peak (y = 1) the exponent stays above 1 and the gradient goes to 0 with the error.
        omega: scale of the loss, > 0.
        epsilon: curvature, > 0; a smaller one raises the influence of small errors.
        theta: error at which the logarithm hands over to the straight line, > 0.
        weight: multiplies the per-pixel loss; any shape that broadcasts to ``target`` (``W * M + 1`` of section 4.3).
        reduction: ``"mean"`` divides by the number of elements (not by the sum of weights), ``"sum"``, or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``target`` for ``"none"``; float64 if an input is float64, else float32.

    Raises:
        ValueError: names the bad argument. Targets at or above ``alpha`` (heatmaps left at 0..255, say) are refused on
            the CPU; on a GPU the look would stall the stream, so there such targets give a meaningless loss.

    The gradient with respect to ``prediction`` is 0 at zero error for every target, also where the formula gives NaN
    (``y > alpha - 1``). It is computed in the forward pass, and only it is kept for the backward pass. Differentiating
    a second time raises an error; :func:`adaptive_wing_formula` supports that.

    Example:
        >>> prediction = torch.zeros(1, 1, 2, 2, requires_grad=True)
        >>> target = torch.tensor([[[[0.0, 0.5], [0.5, 1.0]]]])
        >>> round(adaptive_wing_loss(prediction, target).item(), 4)
        4.5605
    """
    alpha, omega, epsilon, theta = checked_shape(alpha, omega, epsilon, theta)
    _check_pair(prediction, target, reduction)
    if target.requires_grad:
        raise ValueError("target requires grad, but the loss treats it as a constant; pass target.detach()")
    # float32 inside: in half precision the exponents lose small errors and the sum over a batch overflows
    dtype = _working_dtype(prediction, target)
    y = target.to(dtype)
    if not torch.compiler.is_compiling() and y.device.type == "cpu" and y.numel() and y.max() >= alpha:
        raise ValueError(
            f"target must stay below alpha = {alpha} (heatmaps live in [0, 1]), its maximum is {y.max():g}"
        )
    loss = _AdaptiveWing.apply(prediction.to(dtype), y, alpha, omega, epsilon, theta)
    return _reduce(_apply_weight(loss, weight), reduction)


class _AdaptiveWing(torch.autograd.Function):
    r"""Per-pixel Adaptive Wing loss whose forward pass already finishes the gradient.

    Three rewritings of the definition make it short and safe. With ``t = (alpha - y) ln(d / epsilon)``:
    ``ln(1 + (d / epsilon)^(alpha - y)) = softplus(t)``, which neither underflows nor overflows; its slope in ``d`` is
    ``(alpha - y) sigmoid(t) / d``; and the straight part is the tangent at theta, so clamping ``d`` at theta gives
    ``A`` as the slope and ``slope * (d - theta)`` as what is missing from the value. No ``where``, and no ``C``.
    """

    @staticmethod
    def forward(ctx, prediction, target, alpha, omega, epsilon, theta):
        error = prediction - target
        d = error.abs()
        clamped = d.clamp(max=theta)
        exponent = alpha - target
        t = (clamped / epsilon).log_().mul_(exponent)  # -inf at zero error, where softplus and sigmoid give 0
        slope = t.sigmoid().mul_(exponent).mul_(omega).div_(clamped.clamp(min=1e-30))  # 0, not 0 / 0
        loss = F.softplus(t).mul_(omega).addcmul_(slope, d.sub_(clamped))
        ctx.save_for_backward(slope.mul_(error.sign_()))  # sign(0) = 0: no gradient at zero error
        return loss

    @staticmethod
    def backward(ctx, grad_loss):
        # create_graph=True runs this with gradients on; without the error it would quietly return a constant
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():
            raise RuntimeError("adaptive_wing_loss cannot be differentiated twice; use adaptive_wing_formula")
        (gradient,) = ctx.saved_tensors
        return grad_loss * gradient, None, None, None, None, None


def adaptive_wing_formula(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 2.1,
    omega: float = 14.0,
    epsilon: float = 1.0,
    theta: float = 0.5,
) -> Tensor:
    """The definition as it is written, per pixel: the readable reference, differentiable as often as you like.

    Nothing is checked. The gradient at zero error is NaN where ``target > alpha - 1``: the power's derivative is
    infinite there, and infinity times sign(0) is NaN.

    Args:
        prediction: any shape, any floating dtype, any range.
        target: same shape and dtype as ``prediction``; heatmaps in [0, 1].
        alpha, omega, epsilon, theta: as for :func:`adaptive_wing_loss`.

    Returns:
        A tensor of the shape and dtype of ``target``.
    """
    d = (target - prediction).abs()
    p = alpha - target
    r = (theta / epsilon) ** p
    A = omega * (1 / (1 + r)) * p * (theta / epsilon) ** (p - 1) * (1 / epsilon)
    C = theta * A - omega * torch.log1p(r)
    return torch.where(d < theta, omega * torch.log1p((d / epsilon) ** p), A * d - C)


class AdaptiveWingLoss(nn.Module):
    """:func:`adaptive_wing_loss` as a module (section 4 of the paper).

    Args:
        alpha: exponent base, > 1; take it slightly above 2.
        omega: scale of the loss, > 0.
        epsilon: curvature, > 0; a smaller one raises the influence of small errors.
        theta: error at which the logarithm hands over to the straight line, > 0.
        reduction: ``"mean"`` (over all elements, whatever their weight), ``"sum"`` or ``"none"``.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> criterion = AdaptiveWingLoss()
        >>> round(criterion(torch.tensor([0.0]), torch.tensor([1.0]), weight=torch.tensor([11.0])).item(), 2)
        112.85
    """

    def __init__(
        self,
        *,
        alpha: float = 2.1,
        omega: float = 14.0,
        epsilon: float = 1.0,
        theta: float = 0.5,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.alpha, self.omega, self.epsilon, self.theta = checked_shape(alpha, omega, epsilon, theta)
        _check_reduction(reduction)
        self.reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch.

        Args:
            prediction: any shape, usually (N, L, H, W) heatmaps; any floating dtype, any range.
            target: same shape as ``prediction``; heatmaps in [0, 1], without gradient.
            weight: multiplies the per-pixel loss (``W * M + 1`` of section 4.3); any shape that broadcasts to
                ``target``. None: all pixels count alike.

        Returns:
            A scalar, or a tensor of the shape of ``target`` for ``"none"``; float64 if an input is, else float32.

        Raises:
            ValueError: names the bad argument; see :func:`adaptive_wing_loss`.
        """
        return adaptive_wing_loss(
            prediction,
            target,
            alpha=self.alpha,
            omega=self.omega,
            epsilon=self.epsilon,
            theta=self.theta,
            weight=weight,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        return (
            f"alpha={self.alpha}, omega={self.omega}, epsilon={self.epsilon}, theta={self.theta}, "
            f"reduction={self.reduction!r}"
        )


def wing_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    width: float = 10.0,
    curvature: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Wing loss (Feng et al., CVPR 2018), which the Adaptive Wing paper starts from.

    With ``d = |prediction - target|``: ``width * ln(1 + d / curvature)`` where ``d < width``, else ``d - C`` with
    ``C = width - width * ln(1 + width / curvature)``. Made for landmark *coordinates* in pixels, where its defaults
    come from; its slope jumps from ``-width / curvature`` to ``+width / curvature`` at zero error.

    Args:
        prediction: any shape, any floating dtype.
        target: same shape as ``prediction``.
        width: error at which the logarithm hands over to slope 1, > 0 (``w`` in the paper).
        curvature: > 0 (``epsilon`` in the paper).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``target`` for ``"none"``; float64 if an input is float64, else float32.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> round(wing_loss(torch.tensor([1.0]), torch.tensor([0.0])).item(), 4)
        4.0547
    """
    width, curvature = number_above("width", width), number_above("curvature", curvature)
    _check_pair(prediction, target, reduction)
    dtype = _working_dtype(prediction, target)
    d = (prediction.to(dtype) - target.to(dtype)).abs()
    inside = d.clamp(max=width)  # the straight part has slope 1, so it is what lies beyond `width`
    loss = width * torch.log1p(inside / curvature) + (d - inside)
    return _reduce(loss, reduction)


class WingLoss(nn.Module):
    """:func:`wing_loss` as a module (Feng et al., CVPR 2018).

    Args:
        width: error at which the logarithm hands over to slope 1, > 0 (``w`` in the paper).
        curvature: > 0 (``epsilon`` in the paper).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> round(WingLoss()(torch.tensor([1.0]), torch.tensor([0.0])).item(), 4)
        4.0547
    """

    def __init__(self, *, width: float = 10.0, curvature: float = 2.0, reduction: str = "mean") -> None:
        super().__init__()
        self.width, self.curvature = number_above("width", width), number_above("curvature", curvature)
        _check_reduction(reduction)
        self.reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            prediction: any shape, any floating dtype.
            target: same shape as ``prediction``.

        Returns:
            A scalar, or a tensor of the shape of ``target`` for ``"none"``; float64 if an input is, else float32.

        Raises:
            ValueError: names the bad argument.
        """
        return wing_loss(prediction, target, width=self.width, curvature=self.curvature, reduction=self.reduction)

    def extra_repr(self) -> str:
        return f"width={self.width}, curvature={self.curvature}, reduction={self.reduction!r}"


def checked_shape(alpha: float, omega: float, epsilon: float, theta: float) -> tuple[float, float, float, float]:
    """The four parameters as floats; ValueError names the one that is out of range."""
    return (
        number_above("alpha", alpha, 1),  # keeps the exponent alpha - y positive for every y in [0, 1]
        number_above("omega", omega),
        number_above("epsilon", epsilon),
        number_above("theta", theta),
    )


def _check_reduction(reduction: str) -> None:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(_REDUCTIONS)}; got {reduction!r}")


def _check_pair(prediction: Tensor, target: Tensor, reduction: str) -> None:
    _check_reduction(reduction)
    for name, tensor in (("prediction", prediction), ("target", target)):
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
        if not tensor.is_floating_point():
            raise ValueError(f"{name} must have a floating dtype, got {tensor.dtype}")
    if prediction.shape != target.shape:
        raise ValueError(f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ in shape")
    if prediction.device != target.device:
        raise ValueError(f"prediction is on {prediction.device}, target on {target.device}")
    if reduction == "mean" and not prediction.numel():
        raise ValueError(f"prediction {tuple(prediction.shape)} has no elements, so it has no mean")


def _working_dtype(prediction: Tensor, target: Tensor) -> torch.dtype:
    return torch.float64 if torch.float64 in (prediction.dtype, target.dtype) else torch.float32


def _apply_weight(loss: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return loss
    if not isinstance(weight, Tensor):
        raise ValueError(f"weight must be a torch.Tensor, got {type(weight).__name__}")
    if weight.device != loss.device:
        raise ValueError(f"weight is on {weight.device}, target on {loss.device}")
    try:
        fits = torch.broadcast_shapes(weight.shape, loss.shape) == loss.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(f"weight {tuple(weight.shape)} does not broadcast to target {tuple(loss.shape)}")
    return loss * weight.to(loss.dtype)


def _reduce(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()
