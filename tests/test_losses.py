"""The losses against reference numbers, autograd, mathematics and abuse."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awing_lib.losses import AdaptiveWingLoss, WingLoss, adaptive_wing_formula, adaptive_wing_loss, wing_loss

DEFAULTS = {"alpha": 2.1, "omega": 14.0, "epsilon": 1.0, "theta": 0.5}

# y, exponent, A, C, value at theta, value at d = 1: computed from the definition, independently of this library
SHAPE_TABLE = [
    (0.0, 2.1, 11.1214, 2.6255, 2.9352, 8.496),
    (0.2, 1.9, 11.2423, 2.2976, 3.3235, 8.945),
    (0.5, 1.6, 11.1127, 1.5651, 3.9912, 9.548),
    (0.8, 1.3, 10.5133, 0.4849, 4.7717, 10.028),
    (1.0, 1.1, 9.7978, -0.4615, 5.3605, 10.259),
]
SLOPE_TABLE = {  # y: slope at d = .001, .01, .05, .1, .25
    0.0: (0.0147, 0.1855, 1.0875, 2.3169, 6.0684),
    0.2: (0.0531, 0.4215, 1.7885, 3.3071, 7.1272),
    0.5: (0.3550, 1.4125, 3.6817, 5.4888, 8.7933),
    0.8: (2.2910, 4.5602, 7.2612, 8.6863, 10.3074),
    1.0: (7.7144, 9.6558, 11.0056, 11.3325, 11.0102),
}
VALUE_TABLE = [  # y, prediction, loss
    (0, 1, 8.4959), (0, 0.5, 2.9352), (0, 0.25, 0.7417), (0.2, 0, 0.6428),
    (1, 0, 10.2594), (1, 0.5, 5.3605), (1, 0.75, 2.7568), (1, 0.9, 1.0701),
]  # fmt: skip

parameters = st.fixed_dictionaries(
    {
        "alpha": st.floats(2.0, 4.0),
        "omega": st.floats(0.1, 50.0),
        "epsilon": st.floats(0.05, 5.0),
        "theta": st.floats(0.05, 2.0),
    }
)


def value_and_slope(prediction, target, loss=adaptive_wing_loss, **kwargs):
    """Per-pixel loss and its derivative with respect to the prediction, in float64."""
    prediction = torch.as_tensor(prediction, dtype=torch.float64).clone().requires_grad_()
    target = torch.as_tensor(target, dtype=torch.float64).expand_as(prediction).contiguous()
    value = (
        loss(prediction, target, **kwargs)
        if loss is adaptive_wing_formula
        else loss(prediction, target, reduction="none", **kwargs)
    )
    (slope,) = torch.autograd.grad(value.sum(), prediction)
    return value.detach(), slope


@pytest.mark.parametrize("y, prediction, expected", VALUE_TABLE)
def test_reference_values(y, prediction, expected):
    loss = adaptive_wing_loss(torch.tensor([float(prediction)]), torch.tensor([float(y)]))
    assert loss.item() == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("y, exponent, A, C, at_theta, at_one", SHAPE_TABLE)
def test_reference_shape(y, exponent, A, C, at_theta, at_one):
    d = torch.tensor([0.5, 0.8, 1.0], dtype=torch.float64)
    value, slope = value_and_slope(y + d, y)
    assert DEFAULTS["alpha"] - y == pytest.approx(exponent)
    assert slope[1].item() == pytest.approx(A, abs=5e-5)
    assert (slope[1] * d[1] - value[1]).item() == pytest.approx(C, abs=5e-5)
    assert value[0].item() == pytest.approx(at_theta, abs=5e-5)
    assert value[2].item() == pytest.approx(at_one, abs=5e-4)


@pytest.mark.parametrize("y, slopes", SLOPE_TABLE.items())
def test_reference_slopes(y, slopes):
    d = torch.tensor([0.001, 0.01, 0.05, 0.1, 0.25], dtype=torch.float64)
    assert value_and_slope(y + d, y)[1].tolist() == pytest.approx(slopes, abs=6e-5)
    assert value_and_slope(y - d, y)[1].tolist() == pytest.approx([-s for s in slopes], abs=6e-5)


@settings(deadline=None, max_examples=200)
@given(parameters, st.floats(0, 1))
def test_value_and_slope_are_continuous_at_theta(params, y):
    step = 1e-9
    d = params["theta"] + torch.tensor([-step, step], dtype=torch.float64)
    value, slope = value_and_slope(y + d, y, **params)
    assert value[0].item() == pytest.approx(value[1].item(), rel=1e-6, abs=1e-7)
    assert slope[0].item() == pytest.approx(slope[1].item(), rel=1e-6, abs=1e-7)


@settings(deadline=None, max_examples=200)
@given(
    parameters,
    hnp.arrays("float64", hnp.array_shapes(max_dims=4, max_side=5), elements=st.floats(0, 1)),
    st.randoms(use_true_random=False),
)
def test_fused_equals_formula(params, target, random):
    generator = torch.Generator().manual_seed(random.getrandbits(32))
    target = torch.from_numpy(target)
    prediction = target + torch.randn(target.shape, generator=generator, dtype=torch.float64)
    fused, reference = (
        value_and_slope(prediction, target, loss, **params) for loss in (adaptive_wing_loss, adaptive_wing_formula)
    )
    torch.testing.assert_close(fused, reference, rtol=1e-9, atol=1e-9)


def test_float32_stays_near_float64():
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(4096, generator=generator, dtype=torch.float64)
    # errors of every size, from far below what a heatmap needs to far above
    error = 10 ** (torch.rand(4096, generator=generator, dtype=torch.float64) * 8 - 6)
    prediction = (target + error).float()
    exact, exact_slope = value_and_slope(prediction.double(), target.float().double())
    loss = adaptive_wing_loss(prediction.requires_grad_(), target.float(), reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), prediction)
    torch.testing.assert_close(loss.double(), exact, rtol=5e-6, atol=1e-9)
    torch.testing.assert_close(slope.double(), exact_slope, rtol=5e-6, atol=1e-6)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_gradcheck(reduction):
    generator = torch.Generator().manual_seed(1)
    target = torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64)
    prediction = (target + torch.randn(target.shape, generator=generator, dtype=torch.float64)).requires_grad_()
    weight = torch.rand(2, 1, 4, 4, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda p, w: adaptive_wing_loss(p, target, weight=w, reduction=reduction), (prediction, weight)
    )
    assert torch.autograd.gradcheck(lambda p: wing_loss(p, target, width=0.5, reduction=reduction), prediction)


def test_zero_error_has_zero_gradient_for_every_target():
    # up to alpha - 1 = 1.1 the formula agrees; beyond, where interpolation may overshoot, it gives NaN and we give 0
    target = torch.linspace(0, 2.09, 210)
    loss, slope = value_and_slope(target, target)
    assert torch.equal(loss, torch.zeros_like(loss))
    assert torch.equal(slope, torch.zeros_like(slope))
    assert value_and_slope([1.2], [1.2], adaptive_wing_formula)[1].isnan().all()


def test_values_stay_finite_everywhere():
    error = torch.tensor([0.0, 1e-38, 1e-12, 1e-3, 0.5, 1.0, 1e4, 1e30])
    for y in (0.0, 0.5, 1.0, 1.5, 2.0):
        prediction = (y + error).requires_grad_()
        loss = adaptive_wing_loss(prediction, torch.full_like(error, y), reduction="none")
        (slope,) = torch.autograd.grad(loss.sum(), prediction)
        assert loss.isfinite().all() and slope.isfinite().all()
        assert (loss >= 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    target = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=dtype).repeat(5)
    error = torch.tensor([1e-3, 0.1, 0.5, 10.0, 6e4], dtype=dtype).repeat_interleave(4)
    prediction = (target + error).clamp(max=6e4).requires_grad_()
    for reduction in ("mean", "sum"):
        loss = adaptive_wing_loss(prediction, target, reduction=reduction)
        expected = adaptive_wing_loss(prediction.float().detach(), target.float(), reduction=reduction)
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    (slope,) = torch.autograd.grad(loss, prediction)
    assert slope.dtype == dtype and slope.isfinite().all()


def test_autocast_changes_nothing():
    prediction, target = torch.rand(2, 3, 8, 8, requires_grad=True), torch.rand(2, 3, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = adaptive_wing_loss(prediction, target)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, adaptive_wing_loss(prediction, target))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside the compiler, not by us
def test_compile_gives_the_same_without_graph_breaks():
    torch.manual_seed(0)
    target, weight = torch.rand(2, 3, 8, 8), torch.rand(2, 1, 8, 8)
    gradients, losses = [], []
    for function in (adaptive_wing_loss, torch.compile(adaptive_wing_loss, fullgraph=True)):
        torch.manual_seed(1)
        prediction = torch.rand(2, 3, 8, 8, requires_grad=True)
        loss = function(prediction, target, weight=weight)
        gradients.append(torch.autograd.grad(loss, prediction)[0])
        losses.append(loss.detach())
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu():
    target, prediction = torch.rand(2, 3, 8, 8), torch.randn(2, 3, 8, 8, requires_grad=True)
    on_cuda = prediction.detach().cuda().requires_grad_()
    loss, cuda_loss = adaptive_wing_loss(prediction, target), adaptive_wing_loss(on_cuda, target.cuda())
    loss.backward()
    cuda_loss.backward()
    torch.testing.assert_close(cuda_loss.cpu(), loss)
    torch.testing.assert_close(on_cuda.grad.cpu(), prediction.grad)


def test_one_tensor_is_kept_for_the_backward_pass():
    prediction, target = torch.rand(2, 3, 8, 8, requires_grad=True), torch.rand(2, 3, 8, 8)
    weight = torch.rand(2, 1, 8, 8)
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(t.data_ptr(), t), lambda t: t):
        adaptive_wing_loss(prediction, target, weight=weight)
    kept.pop(weight.data_ptr(), None)  # the caller's own tensor, not a new one
    assert sum(t.numel() for t in kept.values()) <= prediction.numel()


def test_differentiating_twice_is_refused_by_the_loss_and_possible_with_the_formula():
    prediction, target = torch.rand(4, dtype=torch.float64, requires_grad=True), torch.zeros(4, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="adaptive_wing_formula"):
        torch.autograd.grad(adaptive_wing_loss(prediction, target), prediction, create_graph=True)
    assert torch.autograd.gradgradcheck(lambda p: adaptive_wing_formula(p, target), prediction)


def test_weight_multiplies_each_pixel_and_mean_divides_by_the_count():
    prediction, target = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    weight = 1 + 10 * (torch.rand(2, 1, 4, 4) > 0.5)  # an integer mask is fine
    per_pixel = adaptive_wing_loss(prediction, target, reduction="none")
    weighted = per_pixel * weight
    torch.testing.assert_close(adaptive_wing_loss(prediction, target, weight=weight, reduction="none"), weighted)
    torch.testing.assert_close(
        adaptive_wing_loss(prediction, target, weight=weight), weighted.sum() / per_pixel.numel()
    )
    torch.testing.assert_close(adaptive_wing_loss(prediction, target, weight=weight, reduction="sum"), weighted.sum())


def test_wing_against_hand_computed_values():
    d = torch.tensor([0.0, 1.0, 10.0, 12.0], dtype=torch.float64)
    C = 10 - 10 * math.log(1 + 10 / 2)
    expected = [0.0, 10 * math.log(1.5), 10 * math.log(6), 12 - C]
    value, slope = value_and_slope(d, 0.0, wing_loss)
    assert value.tolist() == pytest.approx(expected)
    assert slope.tolist() == pytest.approx(
        [0.0, 10 / 3, 10 / 12, 1.0]
    )  # at the joint the slope jumps from 10 / 12 to 1
    assert pytest.approx(-7.9176, abs=1e-4) == C


def test_modules_equal_functions_and_print_their_parameters():
    prediction, target, weight = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.rand(4, 4)
    module = AdaptiveWingLoss(alpha=2.2, omega=10, reduction="sum")
    expected = adaptive_wing_loss(prediction, target, alpha=2.2, omega=10, weight=weight, reduction="sum")
    assert torch.equal(module(prediction, target, weight), expected)
    assert torch.equal(WingLoss(width=5)(prediction, target), wing_loss(prediction, target, width=5))
    assert repr(module) == "AdaptiveWingLoss(alpha=2.2, omega=10.0, epsilon=1.0, theta=0.5, reduction='sum')"
    assert repr(WingLoss()) == "WingLoss(width=10.0, curvature=2.0, reduction='mean')"


def test_scalars_and_empty_batches():
    assert adaptive_wing_loss(torch.tensor(1.0), torch.tensor(0.0)).item() == pytest.approx(8.4959, abs=1e-4)
    empty = torch.zeros(0, 3, 4, 4)
    assert adaptive_wing_loss(empty, empty, reduction="sum").item() == 0
    assert adaptive_wing_loss(empty, empty, reduction="none").shape == empty.shape
    with pytest.raises(ValueError, match=r"prediction \(0, 3, 4, 4\) has no elements"):
        adaptive_wing_loss(empty, empty)


maps = torch.zeros(1, 2, 4, 4)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha": 1.0}, "alpha must be a finite number above 1, got 1.0"),
        ({"alpha": math.nan}, "alpha must be"),
        ({"omega": 0}, "omega must be a finite number above 0, got 0"),
        ({"epsilon": -1}, "epsilon must be"),
        ({"theta": math.inf}, "theta must be"),
        ({"theta": "0.5"}, "theta must be"),
        ({"reduction": "average"}, "reduction must be one of none, mean, sum; got 'average'"),
        ({"prediction": [0.0]}, "prediction must be a torch.Tensor, got list"),
        ({"prediction": maps.int()}, "prediction must have a floating dtype, got torch.int32"),
        ({"target": maps.bool()}, "target must have a floating dtype, got torch.bool"),
        ({"target": maps[:, :1]}, r"prediction \(1, 2, 4, 4\) and target \(1, 1, 4, 4\) differ in shape"),
        ({"target": maps.to("meta")}, "prediction is on cpu, target on meta"),
        ({"target": maps + 255}, "target must stay below alpha = 2.1 .* its maximum is 255"),
        ({"target": maps.clone().requires_grad_()}, "target requires grad"),
        ({"weight": 10.0}, "weight must be a torch.Tensor, got float"),
        ({"weight": torch.ones(3, 4, 4)}, r"weight \(3, 4, 4\) does not broadcast to target \(1, 2, 4, 4\)"),
        ({"weight": torch.ones(5, 1, 2, 4, 4)}, "does not broadcast"),
        ({"weight": torch.ones(4, 4, device="meta")}, "weight is on meta"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        adaptive_wing_loss(**{"prediction": maps, "target": maps} | arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"width": 0}, "width must be"),
        ({"curvature": -2}, "curvature must be"),
        ({"reduction": "no"}, "reduction must be one of"),
        ({"target": maps[..., :2]}, "differ in shape"),
    ],
)
def test_bad_wing_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        wing_loss(**{"prediction": maps, "target": maps} | arguments)
    with pytest.raises(ValueError, match="curvature must be"):
        WingLoss(curvature=0)
    with pytest.raises(ValueError, match="alpha must be"):
        AdaptiveWingLoss(alpha=0.5)
