"""The fused loss: the fallback everywhere, the kernel on a GPU or, slowly, in Triton's interpreter on the CPU."""

import doctest
import functools
import importlib.util
import os
import subprocess
import sys

import pytest
import torch

from awing_lib import fused_loss
from awing_lib.fused_loss import _layout, fused_adaptive_wing_loss
from awing_lib.losses import adaptive_wing_formula, adaptive_wing_loss

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
TRITON = importlib.util.find_spec("triton") is not None
CUDA = torch.cuda.is_available()

PARAMETERS = [
    {},
    {"alpha": 2.2, "omega": 10.0, "epsilon": 0.5, "theta": 0.25},
    {"alpha": 3, "omega": 5, "epsilon": 0.05, "theta": 1},  # integers; and theta > epsilon
]
ERRORS = [0.0, 1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.25 - 1e-6, 0.25, 0.4, 0.5 - 1e-6, 0.5, 0.5 + 1e-6, 1.0, 10.0, 1e4, 1e30]

# the logarithm of zero error is meant to be -inf, and NumPy, on which the interpreter computes, remarks on it
quiet = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value|overflow) encountered:RuntimeWarning")


@pytest.fixture(
    params=[
        pytest.param(
            "cpu",
            id="interpreter",
            marks=pytest.mark.skipif(not (INTERPRETED and TRITON), reason="needs Triton and TRITON_INTERPRET=1"),
        ),
        pytest.param("cuda", id="cuda", marks=pytest.mark.skipif(not (CUDA and TRITON), reason="needs a CUDA device")),
    ]
)
def device(request, monkeypatch):
    """Where the kernel runs. Whatever a test computes there with the fused loss, it did not come from the fallback."""
    if request.param == "cuda" and INTERPRETED:
        pytest.skip("TRITON_INTERPRET=1 keeps the kernel off the GPU")

    def fallback(*args, **kwargs):
        raise AssertionError("the kernel was to be used")

    monkeypatch.setattr(fused_loss, "adaptive_wing_loss", fallback)
    return request.param


def maps(*shape, device="cpu", seed=0):
    """Prediction and target with errors of many sizes."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(shape, generator=generator) ** 4
    prediction = target + torch.randn(shape, generator=generator) * 10 ** (
        torch.rand(shape, generator=generator) * 4 - 3
    )
    return prediction.to(device), target.to(device)


def value_and_gradient(loss, prediction, target, factor=None, **kwargs):
    """The loss and the gradient of ``factor`` times the loss."""
    prediction = prediction.detach().requires_grad_()
    value = loss(prediction, target, **kwargs)
    (value if factor is None else value * factor).backward()
    return value.detach(), prediction.grad


def assert_equals_library(prediction, target, factor=None, rtol=1e-5, **kwargs):
    value, gradient = value_and_gradient(fused_adaptive_wing_loss, prediction, target, factor, **kwargs)
    wanted, wanted_gradient = value_and_gradient(adaptive_wing_loss, prediction, target, factor, **kwargs)
    assert value.dtype == torch.float32 and gradient.dtype == prediction.dtype
    torch.testing.assert_close(value, wanted, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, wanted_gradient, rtol=rtol, atol=1e-6 * wanted_gradient.abs().max().item())
    return gradient


# -- the fallback -----------------------------------------------------------------------------------------------------


@pytest.fixture
def without_kernel(monkeypatch):
    """As on a machine without Triton."""
    monkeypatch.setattr(fused_loss, "_kernels", lambda: None)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_fallback_is_the_library(reduction, dtype, without_kernel):
    prediction, target = (each.to(dtype) for each in maps(2, 3, 8, 8))
    weight = 1 + 10 * (torch.rand(2, 1, 8, 8) > 0.5)
    results = []
    for loss in (fused_adaptive_wing_loss, adaptive_wing_loss):
        leaf = prediction.clone().requires_grad_()
        value = loss(leaf, target, alpha=2.2, omega=10, epsilon=2, theta=0.4, weight=weight, reduction=reduction)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), leaf)))
    (value, gradient), (wanted, wanted_gradient) = results
    assert value.dtype == wanted.dtype
    assert torch.equal(value, wanted) and torch.equal(gradient, wanted_gradient)


def test_a_weight_may_require_grad():
    prediction, target = maps(2, 3, 4, 4)
    gradients = []
    for loss in (fused_adaptive_wing_loss, adaptive_wing_loss):
        weight = torch.ones(3, 1, 1, requires_grad=True)
        loss(prediction, target, weight=weight).backward()
        gradients.append(weight.grad)
    assert torch.equal(*gradients) and gradients[0].abs().sum() > 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"alpha": 1.0}, "alpha must be a finite number above 1"),
        ({"theta": "0.5"}, "theta must be"),
        ({"reduction": "average"}, "reduction must be one of none, mean, sum; got 'average'"),
        ({"prediction": [0.0]}, "prediction must be a torch.Tensor, got list"),
        ({"target": torch.zeros(1, 2, 4, 4, dtype=torch.int32)}, "target must have a floating dtype"),
        ({"target": torch.zeros(1, 1, 4, 4)}, "differ in shape"),
        ({"target": torch.zeros(1, 2, 4, 4, device="meta")}, "target on meta"),
        ({"target": torch.zeros(1, 2, 4, 4, requires_grad=True)}, "target requires grad"),
        ({"weight": 10.0}, "weight must be a torch.Tensor, got float"),
        ({"weight": torch.ones(3, 4, 4)}, r"weight \(3, 4, 4\) does not broadcast to target"),
        ({"weight": torch.ones(5, 1, 2, 4, 4)}, "does not broadcast"),
        ({"weight": torch.ones(4, 4, device="meta")}, "weight is on meta"),
        ({"prediction": torch.zeros(0, 3), "target": torch.zeros(0, 3)}, "has no elements"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    # also where the kernel could run: what does not fit it goes the other way, whose message it is
    tensors = {"prediction": torch.zeros(1, 2, 4, 4), "target": torch.zeros(1, 2, 4, 4)}
    with pytest.raises(ValueError, match=message):
        fused_adaptive_wing_loss(**tensors | arguments)


def test_compiled_code_gets_the_library(monkeypatch):
    # the compiler itself is not started, which takes seconds: only the question it answers is
    monkeypatch.setattr(fused_loss, "_interpreted", lambda: True)
    prediction, target = maps(4)
    assert fused_loss._fits(prediction, target, None, "mean")
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert not fused_loss._fits(prediction, target, None, "mean")


@pytest.fixture
def fresh(monkeypatch):
    """As if nobody had asked for the kernels yet, on a machine where they would be used."""
    monkeypatch.setattr(fused_loss, "_interpreted", lambda: True)
    monkeypatch.setattr(fused_loss, "_broken", False)
    for name in [name for name in sys.modules if name.startswith("triton.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "triton", None)  # importing it raises ModuleNotFoundError
    for name in ("tl", "libdevice"):
        monkeypatch.setattr(fused_loss, name, None)
    monkeypatch.setattr(fused_loss, "_kernels", functools.cache(fused_loss._kernels.__wrapped__))
    return monkeypatch


def test_without_triton_there_is_no_remark(fresh):
    prediction, target = maps(5)
    assert torch.equal(fused_adaptive_wing_loss(prediction, target), adaptive_wing_loss(prediction, target))


@pytest.mark.parametrize(
    "source, message",
    [
        ("raise OSError('libcuda.so.1: cannot open shared object file')", "OSError: libcuda.so.1: cannot open"),
        ("raise RuntimeError()", "RuntimeError: $"),
        ("import a_part_of_triton_that_is_missing", "ModuleNotFoundError: No module named 'a_part_of"),
        ("", "ImportError: cannot import name 'language'"),  # another package of that name
    ],
)
def test_a_triton_that_does_not_load_is_remarked_on_once(fresh, tmp_path, source, message):
    (tmp_path / "triton").mkdir()
    (tmp_path / "triton/__init__.py").write_text(source)
    fresh.syspath_prepend(tmp_path)
    fresh.delitem(sys.modules, "triton")
    prediction, target = maps(5)
    wanted = adaptive_wing_loss(prediction, target)
    with pytest.warns(RuntimeWarning, match=f"Triton does not work here.* {message}") as record:
        assert torch.equal(fused_adaptive_wing_loss(prediction, target), wanted)
    assert len(record) == 1 and record[0].filename == __file__
    assert torch.equal(fused_adaptive_wing_loss(prediction, target), wanted)  # a second warning would be an error


def test_a_kernel_that_does_not_start_is_remarked_on_once(fresh):
    class Kernel:
        def __getitem__(self, grid):
            raise RuntimeError("Failed to find C compiler.\nPlease specify via CC environment variable")

    fresh.setattr(fused_loss, "_kernels", lambda: (Kernel(), Kernel()))
    prediction, target = maps(2, 3, 4, 4)
    wanted = value_and_gradient(adaptive_wing_loss, prediction, target)
    with pytest.warns(RuntimeWarning, match=r"RuntimeError: Failed to find C compiler\.$") as record:
        first = value_and_gradient(fused_adaptive_wing_loss, prediction, target)
    assert len(record) == 1 and record[0].category is RuntimeWarning
    second = value_and_gradient(fused_adaptive_wing_loss, prediction, target)
    assert all(torch.equal(*pair) for found in (first, second) for pair in zip(found, wanted, strict=True))


def test_axes_that_follow_each_other_become_one():
    shape = torch.Size([2, 3, 4, 5])
    plain, last = (60, 20, 5, 1), (60, 1, 15, 3)
    assert _layout(shape, plain, plain) == ((1, 1, 120), (0, 0, 1, 0, 0, 1))
    assert _layout(shape, last, last) == ((1, 1, 120), (0, 0, 1, 0, 0, 1))
    assert _layout(shape, plain, last) == ((2, 20, 3), (60, 1, 20, 60, 3, 1))  # as the last tensor lies
    assert _layout(shape, (20, 0, 5, 1), plain) == ((2, 3, 20), (20, 0, 1, 60, 20, 1))  # a weight per pixel
    assert _layout(shape, (0, 0, 0, 0), plain) == ((1, 1, 120), (0, 0, 0, 0, 0, 1))  # one weight
    assert _layout(torch.Size([1, 1]), (7, 9), (1, 1)) == ((1, 1, 1), (0, 0, 0, 0, 0, 0))
    assert _layout(torch.Size([]), (), ()) == ((1, 1, 1), (0, 0, 0, 0, 0, 0))
    assert _layout(shape, (60, 0, 0, 0), (0, 20, 0, 0), (0, 0, 5, 0), plain) is None  # four axes
    assert _layout(torch.Size([2**31]), (1,)) is None and _layout(torch.Size([3]), (2**30,)) is None


@quiet
def test_examples():
    result = doctest.testmod(fused_loss, extraglobs={"torch": torch})
    assert result.attempted and not result.failed


@pytest.mark.skipif(INTERPRETED or CUDA, reason="this process runs the kernel itself")
@pytest.mark.skipif(not TRITON, reason="needs Triton")
def test_the_kernel_in_a_process_of_its_own():
    """Triton decides when it is imported whether it interprets, so this process cannot."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", __file__]
    result = subprocess.run(
        [*command, "-k", "interpreter"], env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


# -- the kernel -------------------------------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("parameters", PARAMETERS, ids=["paper", "other", "wide"])
def test_values_and_gradients_against_the_formula(device, parameters):
    d = torch.tensor([*ERRORS, *(-d for d in ERRORS)]).repeat(3)
    target = torch.tensor([0.0, 0.3, 1.0]).repeat_interleave(2 * len(ERRORS))
    prediction = target + d
    exact = prediction.double().requires_grad_()
    wanted = adaptive_wing_formula(exact, target.double(), **parameters)
    (wanted_gradient,) = torch.autograd.grad(wanted.sum(), exact)
    # the kernel gives sums: here of what is found over what is wanted, 1 if that is not almost 0
    wanted = wanted.detach()
    weight = (1 / wanted.clamp(min=1e-6)).float().to(device)
    shares = (wanted / wanted.clamp(min=1e-6)).float()
    prediction, target = prediction.to(device), target.to(device)
    _, gradient = value_and_gradient(fused_adaptive_wing_loss, prediction, target, reduction="sum", **parameters)
    torch.testing.assert_close(gradient.double().cpu(), wanted_gradient, rtol=1e-5, atol=1e-6)
    # a GPU takes pixel by pixel; for the interpreter that would be long, and one pixel wrong by 0.1 % shows in the sum
    for part in torch.arange(len(d)).split(1 if device == "cuda" else len(d)):
        found = fused_adaptive_wing_loss(
            prediction[part], target[part], weight=weight[part], reduction="sum", **parameters
        )
        assert found.item() == pytest.approx(shares[part].sum().item(), rel=1e-5, abs=1e-6)


@quiet
def test_the_gradient_is_the_slope_of_the_value(device):
    prediction, target = (each.to(device) for each in (torch.linspace(-1, 1.5, 40), torch.linspace(0, 1, 40)))
    weight = torch.linspace(1, 11, 40, device=device)
    _, gradient = value_and_gradient(fused_adaptive_wing_loss, prediction, target, weight=weight, reduction="sum")
    step = 2**-8 * (1 - torch.linspace(0, 2, 40, device=device)) ** 3
    above, below = (
        fused_adaptive_wing_loss(each, target, weight=weight, reduction="sum").item()
        for each in (prediction + step, prediction - step)
    )
    assert 2 * (gradient * step).sum().item() == pytest.approx(above - below, rel=1e-3)


@quiet
def test_zero_error_has_zero_loss_and_zero_gradient_for_every_target(device):
    target = torch.linspace(0, 2.09, 210, device=device)
    loss, gradient = value_and_gradient(fused_adaptive_wing_loss, target, target)
    assert loss.item() == 0 and not gradient.any()


@quiet
def test_values_stay_finite_and_what_is_not_finite_stays_visible(device):
    d = torch.tensor([0.0, 1e-45, 1e-38, 1e-30, 1e-12, 1e4, 1e30], device=device).repeat(3)
    target = torch.tensor([0.0, 1.0, 2.0], device=device).repeat_interleave(7)
    loss, gradient = value_and_gradient(fused_adaptive_wing_loss, target + d, target, reduction="sum")
    assert loss.isfinite() and gradient.isfinite().all()
    for bad in (torch.nan, torch.inf):
        prediction = torch.tensor([bad, 0.2], device=device)
        loss, gradient = value_and_gradient(fused_adaptive_wing_loss, prediction, torch.zeros(2, device=device))
        assert not loss.isfinite() and gradient[1].isfinite()
        assert torch.equal(gradient[0].isnan(), prediction[0].isnan())


def _last(tensor):
    return tensor.contiguous(memory_format=torch.channels_last)


@quiet
@pytest.mark.parametrize("shape", [(), (1,), (5, 3), (2, 3, 7, 5), (2, 99, 8, 8), (1, 2, 33, 65)], ids=str)
def test_shapes(device, shape):
    prediction, target = maps(*shape, device=device)
    assert_equals_library(prediction, target)
    assert_equals_library(prediction, target, reduction="sum", weight=1 + 10 * target)


@quiet
@pytest.mark.parametrize(
    "change_prediction, change_target",
    [
        (_last, _last),
        (_last, lambda t: t),
        (lambda t: t, _last),
        (lambda t: t[:, 1:], lambda t: t[:, 1:].clone()),
        (lambda t: t[:, :1].expand(-1, 3, -1, -1), lambda t: t[:, 1:]),
        (lambda t: t.permute(3, 2, 1, 0), lambda t: t.permute(3, 2, 1, 0)),
        (lambda t: t[..., ::2], lambda t: t[..., 1::2]),
    ],
    ids=["channels last", "one of each", "the other way round", "sliced", "expanded", "permuted", "stepped"],
)
def test_layouts(device, change_prediction, change_target):
    prediction, target = maps(2, 4, 6, 40, device=device)
    weight = 1 + 10 * change_target(target > 0.2)
    prediction, target = change_prediction(prediction), change_target(target)
    gradient = assert_equals_library(prediction, target, weight=weight)
    assert gradient.stride() == torch.empty_like(prediction).stride()


@quiet
@pytest.mark.parametrize("shape", [(2, 1, 6, 40), (6, 40), (1, 4, 1, 1), (2, 4, 1, 1), (1, 1, 6, 1), (1,), ()], ids=str)
@pytest.mark.parametrize("change", [lambda t: t, _last], ids=["contiguous", "channels last"])
def test_weights_that_broadcast(device, shape, change):
    prediction, target = (change(each) for each in maps(2, 4, 6, 40, device=device))
    weight = torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(device)
    assert_equals_library(prediction, target, weight=weight)


@quiet
@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.bfloat16, torch.float16], ids=lambda dtype: str(dtype)[6:]
)
def test_weights_of_other_dtypes(device, dtype):
    prediction, target = maps(2, 4, 6, 40, device=device)
    assert_equals_library(prediction, target, weight=(10 * target).to(dtype))


@quiet
def test_what_does_not_fit_goes_to_the_library(device, monkeypatch):
    asked = []
    monkeypatch.setattr(fused_loss, "adaptive_wing_loss", lambda *args, **kwargs: asked.append(kwargs))
    prediction, target = maps(2, 3, 4, 5, device=device)
    weight = torch.rand(2, 1, 4, 1, device=device)
    others = [
        (prediction, target, weight, "mean"),  # four axes
        (prediction.double(), target, None, "mean"),
        (prediction, target.double(), None, "mean"),
        (prediction, target, target.double(), "mean"),
        (prediction, target, target.clone().requires_grad_(), "mean"),
        (prediction, target, None, "none"),
    ]
    for prediction, target, weight, reduction in others:
        fused_adaptive_wing_loss(prediction, target, weight=weight, reduction=reduction)
    assert len(asked) == len(others)


@quiet
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("target_dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(device, dtype, target_dtype):
    prediction, target = maps(2, 3, 8, 8, device=device)
    prediction, target = prediction.to(dtype), target.to(target_dtype)
    step = torch.finfo(dtype).eps  # what one rounding may do, where the two results straddle a boundary
    assert_equals_library(prediction, target, weight=1 + 10 * target, rtol=step)
    if target_dtype == torch.float32:
        assert_equals_library(prediction, target, 0.25, reduction="sum", rtol=step)
        assert_equals_library(prediction, target, 0.3, rtol=2 * step)


@quiet
def test_a_loss_scaler_saves_the_small_gradients_of_float16(device):
    prediction, target = (each.expand(4, 64, 64).contiguous() for each in maps(64, device=device))
    prediction = prediction.half()
    _, gradient = value_and_gradient(fused_adaptive_wing_loss, prediction, target, 2.0**16)
    _, wanted = value_and_gradient(adaptive_wing_loss, prediction, target, 2.0**16)
    assert (wanted != 0).float().mean() > 0.9  # of which fewer would be left had they been halves before the scaling
    torch.testing.assert_close(gradient, wanted, rtol=2e-3, atol=1e-6)


@quiet
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_changes_nothing(device, dtype):
    prediction, target = maps(2, 3, 8, 8, device=device)
    prediction = prediction.to(dtype)
    wanted = value_and_gradient(fused_adaptive_wing_loss, prediction, target)
    with torch.autocast(device, dtype=torch.bfloat16):
        found = value_and_gradient(fused_adaptive_wing_loss, prediction, target)
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


@quiet
def test_behind_a_network_under_autocast(device):
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 5, 1).to(device, memory_format=torch.channels_last)
    images, target = _last(torch.rand(2, 3, 8, 8, device=device)), torch.rand(2, 5, 8, 8, device=device)
    gradients = []
    for loss in (fused_adaptive_wing_loss, adaptive_wing_loss):
        with torch.autocast(device, dtype=torch.bfloat16):
            prediction = network(images)
            assert prediction.dtype == torch.bfloat16
            value = sum(loss(maps, target, weight=1 + 10 * (target > 0.2)) for maps in (prediction, prediction / 2))
        network.zero_grad()
        (value / 2).backward()
        gradients.append(network.weight.grad.clone())
    torch.testing.assert_close(*gradients, rtol=2e-2, atol=2e-2 * gradients[1].abs().max().item())


@quiet
def test_two_runs_give_the_same_bits(device):
    prediction, target = maps(3, 5, 32, 32, device=device)
    runs = [value_and_gradient(fused_adaptive_wing_loss, prediction, target, weight=1 + target) for _ in range(2)]
    assert all(torch.equal(*pair) for pair in zip(*runs, strict=True))


@quiet
@pytest.mark.parametrize("factor", [None, 0.25, 0.3, 0.0])
def test_the_incoming_gradient(device, factor):
    prediction, target = maps(2, 3, 20, 20, device=device)
    assert_equals_library(prediction, target, factor)


@quiet
def test_the_kept_gradient_becomes_the_result_without_a_copy(device):
    prediction, target = maps(2, 3, 8, 8, device=device)
    prediction.requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()) or t, lambda t: t):
        loss = fused_adaptive_wing_loss(prediction, target, weight=1 + target)
    loss.backward()
    assert kept == [prediction.grad.data_ptr()]  # one tensor is kept


@quiet
def test_a_retained_graph_can_be_walked_again(device):
    prediction, target = maps(2, 3, 8, 8, device=device)
    prediction.requires_grad_()
    loss = fused_adaptive_wing_loss(prediction, target)
    runs = [
        torch.autograd.grad(loss, prediction, torch.tensor(f, device=device), retain_graph=f < 4)
        for f in (2.0, 3.0, 4.0)
    ]
    for factor, (gradient,) in zip((2.0, 3.0, 4.0), runs, strict=True):
        torch.testing.assert_close(gradient, value_and_gradient(adaptive_wing_loss, prediction, target, factor)[1])
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    with pytest.raises(RuntimeError, match="adaptive_wing_formula"):
        torch.autograd.grad(fused_adaptive_wing_loss(prediction, target), prediction, create_graph=True)


@quiet
def test_without_a_gradient_there_is_none(device):
    prediction, target = maps(2, 3, 8, 8, device=device)
    wanted = adaptive_wing_loss(prediction, target)
    with torch.inference_mode():
        target = target + 0  # targets are made in inference mode
        found = [fused_adaptive_wing_loss(prediction, target)]
    found.append(fused_adaptive_wing_loss(prediction, target))
    with torch.no_grad():
        found.append(fused_adaptive_wing_loss(prediction.requires_grad_(), target))
    for loss in found:
        assert not loss.requires_grad and loss.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert_equals_library(prediction, target)


@pytest.mark.skipif(not CUDA, reason="needs a CUDA device")
@pytest.mark.parametrize("change", [lambda t: t, _last], ids=["contiguous", "channels last"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cuda_maps_of_a_training_step(device, dtype, change):
    if device == "cpu":
        pytest.skip("13 million pixels are for a GPU")
    torch.manual_seed(0)
    target = torch.rand(32, 99, 64, 64, device=device) ** 8
    prediction = change(target + 0.1 * torch.randn_like(target)).to(dtype)
    weight = 1 + 10 * (target > 0.2)
    exact = prediction.double().requires_grad_()
    wanted = (adaptive_wing_formula(exact, target.double()) * weight).mean()
    (wanted_gradient,) = torch.autograd.grad(wanted, exact)
    for factor in (weight.float(), change(weight.float()), weight.to(torch.uint8)):
        for each in (target, change(target)):
            loss, gradient = value_and_gradient(fused_adaptive_wing_loss, prediction, each, weight=factor)
            assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
            rtol = 1e-5 if dtype == torch.float32 else torch.finfo(dtype).eps
            torch.testing.assert_close(
                gradient.double(), wanted_gradient, rtol=rtol, atol=1e-6 * wanted_gradient.abs().max().item()
            )


@pytest.mark.skipif(not CUDA, reason="needs a CUDA device")
def test_cuda_never_waits_for_the_gpu(device):
    if device == "cpu":
        pytest.skip("for a GPU")
    prediction, target = maps(4, 5, 32, 32, device=device)
    factor = torch.tensor(0.3, device=device)
    value_and_gradient(fused_adaptive_wing_loss, prediction, target, factor)  # compiles
    torch.cuda.set_sync_debug_mode("error")
    try:
        value_and_gradient(fused_adaptive_wing_loss, prediction, target, factor)
        value_and_gradient(fused_adaptive_wing_loss, prediction, target)
    finally:
        torch.cuda.set_sync_debug_mode("default")
