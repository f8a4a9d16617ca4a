"""Numbers of NumPy do what Python's do, everywhere; what is no number is refused."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from awing_lib.arguments import as_real, as_whole, number_above
from awing_lib.boundaries import render_boundaries
from awing_lib.coordconv import CoordConv2d, boundary_coordinates, coordinate_channels
from awing_lib.datasets import SyntheticFaces
from awing_lib.detection import CascadeDetector, DetectionError
from awing_lib.fused_loss import fused_adaptive_wing_loss
from awing_lib.heatmaps import decode_heatmaps, loss_weight_map, render_heatmaps, resize_landmarks
from awing_lib.hourglass import StackedHourglass
from awing_lib.inference import FaceAligner, InferenceError
from awing_lib.layouts import WFLW_98, LandmarkLayout
from awing_lib.losses import AdaptiveWingLoss, WingLoss, adaptive_wing_loss, wing_loss
from awing_lib.metrics import area_under_curve, failure_rate
from awing_lib.recipes import NetworkRecipe
from awing_lib.scores import Protocol, Scores, summarize
from awing_lib.targets import TargetMaker
from awing_lib.weights import ModelInfo

NO_NUMBERS = (True, np.True_, "1", None, math.nan, np.float32("nan"), 1j, np.array(1.0), torch.tensor(1.0))


@pytest.mark.parametrize("value", [3, 3.0, np.float16(3), np.float32(3), np.float64(3), np.uint8(3), Fraction(3)])
def test_a_number_becomes_a_float(value):
    assert type(as_real(value)) is float and as_real(value) == number_above("x", value, 2) == 3


@pytest.mark.parametrize("value", [3, np.uint8(3), np.int64(3)])
def test_a_whole_number_becomes_an_int(value):
    assert type(as_whole(value)) is int and as_whole(value) == 3


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_in_no_range(value):
    assert math.isnan(as_real(value)) and math.isnan(as_whole(value))
    with pytest.raises(ValueError, match="omega must be a finite number above 0, got "):
        number_above("omega", value)


def test_neither_parts_nor_too_many_digits():
    assert math.isnan(as_whole(3.0)) and math.isnan(as_real(10**400)) and as_whole(10**400) == 10**400


landmarks = torch.tensor([[3.25, 4.5], [6.0, 1.75]])
maps = render_heatmaps(landmarks, 8)
pair = LandmarkLayout("pair", ("start", "end"), (), {"line": (0, 1)})
SHAPE = {"alpha": 2.5, "omega": 10, "epsilon": 0.5, "theta": 0.75}


def networks(convert):
    """Output of a tiny network with weights from a fixed seed."""
    sizes = {name: convert(value) for name, value in {"stacks": 2, "depth": 1, "features": 8}.items()}
    generator = torch.Generator().manual_seed(0)
    model = StackedHourglass(convert(2), **sizes, boundary_threshold=convert(0.5), generator=generator)
    return model.eval()(torch.linspace(0, 1, 3 * 16 * 16).reshape(1, 3, 16, 16))


@pytest.mark.parametrize(
    "call",
    [
        lambda c: adaptive_wing_loss(maps, maps / 2, **{name: c(value) for name, value in SHAPE.items()}),
        lambda c: AdaptiveWingLoss(**{name: c(value) for name, value in SHAPE.items()})(maps, maps / 2),
        lambda c: fused_adaptive_wing_loss(maps, maps / 2, **{name: c(value) for name, value in SHAPE.items()}),
        lambda c: wing_loss(maps, maps / 2, width=c(0.25), curvature=c(2)),
        lambda c: WingLoss(width=c(0.25), curvature=c(2))(maps, maps / 2),
        lambda c: resize_landmarks(landmarks, c(8), (c(4), c(16))),
        lambda c: render_heatmaps(landmarks, c(8), c(1.5)),
        lambda c: render_heatmaps(landmarks, [c(8), c(9)], c(1), snapped=True),
        lambda c: decode_heatmaps(maps, sigma=c(0.75)),
        lambda c: decode_heatmaps(maps, "soft-argmax", sharpness=c(10)),
        lambda c: loss_weight_map(maps, c(0.25), c(3)),
        lambda c: render_boundaries(landmarks, pair, c(8), c(1.5)),
        lambda c: TargetMaker(pair, crop=c(8), size=(c(8), c(9)), sigma=c(1.5), threshold=c(0.25), weight=c(3))(
            landmarks[None]
        ),
        lambda c: coordinate_channels(c(3), c(4)),
        lambda c: boundary_coordinates(maps[:, None], c(0.5)),
        lambda c: torch.tensor(CoordConv2d(1, 1, 1, threshold=c(0.5)).threshold),
        networks,
        lambda c: torch.tensor([failure_rate([0.1, 0.5], c(0.25)), area_under_curve([0.1, 0.5], c(0.25))]),
    ],
)
def test_numpy_numbers_do_what_python_numbers_do(call):
    def of_numpy(value):  # 8 bits where they hold the value: what is computed with them overflows
        return np.uint8(value) if isinstance(value, int) else np.float32(value)

    torch.testing.assert_close(call(of_numpy), call(lambda value: value), rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside the compiler, not by us
def test_a_module_made_with_numpy_numbers_holds_floats_and_compiles():
    module = AdaptiveWingLoss(omega=np.float64(10), theta=np.float32(0.5))
    assert repr(module) == "AdaptiveWingLoss(alpha=2.1, omega=10.0, epsilon=1.0, theta=0.5, reduction='mean')"
    prediction = maps.clone().requires_grad_()
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    loss = compiled(prediction, maps / 2)
    loss.backward()
    torch.testing.assert_close(loss, adaptive_wing_loss(maps, maps / 2, omega=10))
    assert prediction.grad.any()


def test_scores_made_with_numpy_numbers_go_to_json():
    protocol = Protocol(data="made", split="test", crop="box", failure_threshold=np.float32(0.25), auc_limit=np.int8(1))
    scores = summarize([0.1, 0.5], protocol, level=np.float32(0.5), resamples=np.int64(20), seed=np.uint8(3))
    assert Scores.from_dict(json.loads(json.dumps(scores.as_dict()))) == scores


def test_a_layout_made_with_numpy_numbers_is_the_same():
    def layout(pairs):
        return LandmarkLayout(
            "x", ("a", "b"), pairs, {"line": pairs[0]}, {"inter-ocular": [pairs[0][:1], pairs[0][1:]]}
        )

    assert layout(np.array([[0, 1]])) == layout([[0, 1]])
    assert json.loads(json.dumps(layout(np.array([[0, 1]])).to_dict())) == layout([[0, 1]]).to_dict()


def test_counts_of_the_aligner_and_the_detector():
    info = ModelInfo(WFLW_98, NetworkRecipe())
    aligner = FaceAligner(torch.nn.Identity(), info, device="cpu", batch=np.int64(3))
    assert type(aligner.batch) is int
    with pytest.raises(InferenceError, match=r"batch must be a whole number of at least 1, got np\.float64\(3"):
        FaceAligner(torch.nn.Identity(), info, device="cpu", batch=np.float64(3))
    pytest.importorskip("skimage")
    assert CascadeDetector(np.float32(0.5), np.int64(3)).smallest == 0.5
    with pytest.raises(DetectionError, match="smallest must be"):
        CascadeDetector(True)


def test_synthetic_faces_of_a_numpy_seed():
    faces = SyntheticFaces(np.uint8(3), seed=np.int32(4))
    assert len(faces) == 3 and faces.seed == 4


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda: adaptive_wing_loss(maps, maps, omega=True), "omega"),
        (lambda: WingLoss(curvature=True), "curvature"),
        (lambda: render_heatmaps(landmarks, 8, True), "sigma"),
        (lambda: render_heatmaps(landmarks, (8, True)), "size"),
        (lambda: loss_weight_map(maps, threshold=True), "threshold"),
        (lambda: loss_weight_map(maps, weight=True), "weight"),
        (lambda: coordinate_channels(True, 4), "height"),
        (lambda: boundary_coordinates(maps[:, None], True), "threshold"),
        (lambda: summarize([0.1], Protocol(data="a", split="b", crop="c"), level="0.95"), "level"),
    ],
)
def test_what_looks_like_a_number_is_refused_by_name(call, name):
    with pytest.raises(ValueError, match=f"{name} must be "):
        call()
