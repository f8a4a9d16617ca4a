"""The JavaScript losses of the figures against the library, autograd and formulas written down here."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from awing_lib.losses import adaptive_wing_loss, wing_loss

TOLERANCE = 1e-6
SETTINGS = [
    {"alpha": 2.1, "omega": 14.0, "epsilon": 1.0, "theta": 0.5},
    {"alpha": 2.0, "omega": 14.0, "epsilon": 1.0, "theta": 0.5},
    {"alpha": 1.2, "omega": 1.0, "epsilon": 0.1, "theta": 0.05},
    {"alpha": 4.0, "omega": 30.0, "epsilon": 3.0, "theta": 1.0},
    {"alpha": 2.5, "omega": 5.0, "epsilon": 0.5, "theta": 0.3},
]
TARGETS = [round(0.1 * i, 1) for i in range(11)]
PREDICTIONS = [-1.0, -0.3, -1e-3, 0.0, 1e-6, 0.05, 0.2, 0.37, 0.5, 0.62, 0.85, 0.999, 1.0, 1.1, 2.0]
# Both branches of Wing and of smooth L1, but not the kink between them, where there is no slope to agree on.
LARGE = [-30.0, -9.97, -9.87, -1.13, -0.47, 0.0, 0.73, 1.0, 1.52, 9.99, 10.42, 30.0]

SCRIPT = """
const pairs = (ys, ps, loss) => ys.flatMap((y) => ps.map((p) => loss(y, p)));
result = {
  adaptiveWing: data.settings.map((s) => pairs(data.targets, data.predictions, (y, p) => adaptiveWing(y, p, s))),
  omegaForEpsilon: data.settings.map((s) => pairs(data.targets, data.predictions, (y, p) => omegaForEpsilon(y, p, s))),
  constants: data.settings.map((s) => data.targets.map((y) => adaptiveWingConstants(y, s))),
  steepest: data.settings.map((s) => data.targets.map((y) => steepestError(y, s))),
  defaults: adaptiveWing(1, 0.9), wing: pairs(data.targets, data.large, wing), mse: pairs(data.targets, data.large, mse),
  narrowWing: pairs(data.targets, data.large, (y, p) => wing(y, p, { width: 0.55, curvature: 0.1 })),
  l1: pairs(data.targets, data.large, l1), smoothL1: pairs(data.targets, data.large, smoothL1),
};
"""


@pytest.fixture(scope="module")
def javascript(run_module):
    data = {"settings": SETTINGS, "targets": TARGETS, "predictions": PREDICTIONS, "large": LARGE}
    return run_module(SCRIPT, data)


def grid(predictions):
    pairs = torch.tensor(list(itertools.product(TARGETS, predictions)), dtype=torch.float64)
    return pairs[:, 0].contiguous(), pairs[:, 1].clone().requires_grad_()


def value_and_slope(loss, predictions=PREDICTIONS):
    """(N, 2): the loss and, by autograd, its slope on the grid, in float64."""
    target, prediction = grid(predictions)
    value = loss(prediction, target)
    (slope,) = torch.autograd.grad(value.sum(), prediction)
    return torch.stack([value.detach(), slope], dim=1).numpy()


@pytest.mark.parametrize("index", range(len(SETTINGS)))
def test_adaptive_wing_is_the_librarys(javascript, index):
    expected = value_and_slope(lambda p, y: adaptive_wing_loss(p, y, reduction="none", **SETTINGS[index]))
    np.testing.assert_allclose(javascript["adaptiveWing"][index], expected, rtol=0, atol=TOLERANCE)


def test_defaults_are_the_papers(javascript):
    expected = adaptive_wing_loss(torch.tensor([0.9], dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    assert javascript["defaults"][0] == pytest.approx(expected.item(), abs=TOLERANCE)


@pytest.mark.parametrize(
    "name, loss",
    [
        ("wing", lambda p, y: wing_loss(p, y, reduction="none")),
        ("narrowWing", lambda p, y: wing_loss(p, y, width=0.55, curvature=0.1, reduction="none")),
        ("mse", lambda p, y: F.mse_loss(p, y, reduction="none")),
        ("l1", lambda p, y: F.l1_loss(p, y, reduction="none")),
        ("smoothL1", lambda p, y: F.smooth_l1_loss(p, y, reduction="none")),
    ],
)
def test_other_losses_are_torchs(javascript, name, loss):
    np.testing.assert_allclose(javascript[name], value_and_slope(loss, LARGE), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("index", range(len(SETTINGS)))
def test_published_copies_have_omega_only_in_the_logarithm(javascript, index):
    """Inside theta the copy is omega ln(1 + (d / omega)^p); outside it is the right loss."""
    target, prediction = (tensor.detach().numpy() for tensor in grid(PREDICTIONS))
    omega, theta, p = SETTINGS[index]["omega"], SETTINGS[index]["theta"], SETTINGS[index]["alpha"] - target
    d, right = np.abs(target - prediction), np.array(javascript["adaptiveWing"][index])
    inside, sign = d < theta, np.sign(prediction - target)
    value = omega * np.log(1 + (d / omega) ** p)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(d > 0, sign * omega * p * d ** (p - 1) / (omega**p + d**p), 0.0)
    expected = np.where(inside[:, None], np.stack([value, slope], axis=1), right)
    np.testing.assert_allclose(javascript["omegaForEpsilon"][index], expected, rtol=0, atol=TOLERANCE)
    if SETTINGS[index]["omega"] != SETTINGS[index]["epsilon"]:
        assert np.abs(np.array(javascript["omegaForEpsilon"][index]) - right).max() > 0.01


@pytest.mark.parametrize("index", range(len(SETTINGS)))
def test_constants(javascript, index):
    """A is the slope and A d - C the value of the library's loss beyond theta."""
    settings = SETTINGS[index]
    for y, constants in zip(TARGETS, javascript["constants"][index], strict=True):
        prediction = torch.tensor([y + 1.5], dtype=torch.float64, requires_grad=True)
        loss = adaptive_wing_loss(prediction, torch.full_like(prediction, y, requires_grad=False), **settings)
        loss.backward()
        assert constants["exponent"] == pytest.approx(settings["alpha"] - y)
        assert constants["A"] == pytest.approx(prediction.grad.item(), abs=TOLERANCE)
        assert constants["A"] * 1.5 - constants["C"] == pytest.approx(loss.item(), abs=TOLERANCE)


@pytest.mark.parametrize("index", range(len(SETTINGS)))
def test_steepest_error(javascript, index):
    """No error has a steeper slope than the one named; where the slope is steepest next to zero error, 0 is named."""
    settings = SETTINGS[index]
    errors = torch.logspace(-6, 0, 20001, dtype=torch.float64)
    for y, steepest in zip(TARGETS, javascript["steepest"][index], strict=True):
        d = torch.cat([torch.tensor([steepest]).double(), errors]).requires_grad_()
        loss = adaptive_wing_loss(y + d, torch.full_like(d, y, requires_grad=False), **settings, reduction="none")
        (slope,) = torch.autograd.grad(loss.sum(), d)
        if settings["alpha"] - y <= 1:
            assert steepest == 0
            assert slope[1:].argmax() == 0
        else:
            assert 0 < steepest <= settings["theta"]
            assert slope[1:].max() <= slope[0] * (1 + 1e-6)
