"""The boundary map against a slow reference, for good faces and for any landmarks at all."""

import doctest
import math

import numpy as np
import pytest
import scipy.interpolate
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from awing_lib import boundaries
from awing_lib.boundaries import render_boundaries
from awing_lib.datasets import SyntheticFaces
from awing_lib.heatmaps import resize_landmarks
from awing_lib.layouts import LAYOUTS, WFLW_98, LandmarkLayout, convert

layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
POSITIONS = np.arange(-4, 20, 0.25)  # on a grid, so that points that are not equal are well apart


def line(count):
    return LandmarkLayout("line", tuple(map(str, range(count))), (), {"line": tuple(range(count))})


def reference(landmarks, layout, height, width, sigma=1.0):
    """One face (L, 2) float64 -> (H, W): SciPy's splines in 200 pieces a landmark, and the distance to each piece."""
    y, x = (axis.ravel() for axis in np.mgrid[:height, :width])
    nearest = np.full(height * width, np.inf)
    for run in layout.boundaries.values():
        points = landmarks[list(run)]
        points = points[np.isfinite(points).all(1)]
        if len(points) < 2:
            continue
        points = points[np.append(True, np.hypot(*np.diff(points, axis=0).T) > 1e-3)]
        curve = np.repeat(points, 2, axis=0)
        if len(points) > 1:
            spline, knots = scipy.interpolate.splprep(points.T, s=0, k=min(3, len(points) - 1))
            times = np.union1d(knots, np.linspace(0, 1, 200 * (len(points) - 1)))
            curve = np.stack(scipy.interpolate.splev(times, spline), axis=-1)
        start, along = curve[:-1], np.diff(curve, axis=0)
        low, high = np.minimum(curve[:-1], curve[1:]) - 3 * sigma, np.maximum(curve[:-1], curve[1:]) + 3 * sigma
        seen = (high >= 0).all(1) & (low <= [width - 1, height - 1]).all(1)
        for (px, py), (ax, ay) in zip(start[seen], along[seen], strict=True):
            t = ((x - px) * ax + (y - py) * ay) / max(ax * ax + ay * ay, 1e-18)
            t = t.clip(0, 1)
            np.minimum(nearest, (x - px - t * ax) ** 2 + (y - py - t * ay) ** 2, out=nearest)
    value = np.where(nearest < (3 * sigma) ** 2, np.exp(-nearest / (2 * sigma**2)), 0)
    return value.reshape(height, width)


def faces(layout, count=2):
    landmarks = SyntheticFaces(count, seed=3).landmarks.astype(float)
    return resize_landmarks(torch.from_numpy(convert(landmarks, WFLW_98, layout)), 256, 64)


def error(landmarks, layout, size, sigma=1.0):
    drawn = render_boundaries(landmarks, layout, size, sigma)[..., 0, :, :].double().numpy()
    expected = [reference(face, layout, *size, sigma) for face in landmarks.double().numpy()]
    return np.abs(drawn - np.stack(expected))


def test_example():
    result = doctest.testmod(boundaries, extraglobs={"torch": torch})
    assert result.attempted and not result.failed


@layouts
def test_faces_agree_with_the_slow_reference(layout):
    difference = error(faces(layout).float(), layout, (64, 64))
    assert difference.mean() < 1e-4 and difference.max() < 0.02


@layouts
def test_random_landmarks_agree_with_the_slow_reference(layout):
    landmarks = torch.rand(2, layout.count, 2, generator=torch.Generator().manual_seed(0)) * 60 - 10
    difference = error(landmarks, layout, (40, 48), sigma=1.3)
    assert difference.mean() < 2e-3


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(POSITIONS), st.sampled_from(POSITIONS)), min_size=2, max_size=7), st.data())
def test_degenerate_landmarks_agree_with_the_slow_reference(points, data):
    """Points repeated, missing and outside, on runs of every length."""
    points = np.array(points)
    for index in range(len(points)):
        fate = data.draw(st.sampled_from(["stay", "stay", "stay", "repeat", "nan", "infinite"]))
        if fate == "repeat":
            points[index] = points[index - 1]
        elif fate != "stay":
            points[index, data.draw(st.integers(0, 1))] = math.nan if fate == "nan" else math.inf
    layout, landmarks = line(len(points)), torch.from_numpy(points)[None].requires_grad_()
    drawn = render_boundaries(landmarks, layout, (16, 16))
    expected = reference(points, layout, 16, 16)
    assert np.abs(drawn.detach().numpy()[0, 0] - expected).mean() < 0.005
    drawn.sum().backward()
    assert landmarks.grad.isfinite().all()
    assert landmarks.grad[~landmarks.isfinite().all(-1)].count_nonzero() == 0


def test_what_is_left_of_a_run_is_drawn():
    nan = math.nan
    layout, two = line(3), torch.tensor([[2.0, 3.0], [nan, 9.0], [8.0, 3.0]])
    drawn = render_boundaries(two, layout, (8, 12))[0]
    assert torch.equal(drawn[3], drawn[3, [*range(10, -1, -1), 11]].where(torch.arange(12) < 11, drawn[3]))
    assert (drawn[3, 2:9] == 1).all() and drawn[7].count_nonzero() == 0  # straight from the first to the third
    assert render_boundaries(torch.tensor([[2.0, 3.0], [nan, nan], [nan, nan]]), layout, 8).count_nonzero() == 0
    assert render_boundaries(torch.full((3, 2), nan), layout, 8).count_nonzero() == 0
    dot = render_boundaries(torch.full((3, 2), 4.0), layout, 9)[0]
    assert dot[4, 4] == 1 and dot[4, 5].item() == pytest.approx(math.exp(-0.5)) and dot[4, 7] == 0


@pytest.mark.parametrize("far", [1e3, 1e6, 1e20, 1e38])
def test_far_away_landmarks_stay_finite(far):
    landmarks = torch.rand(1, 98, 2, generator=torch.Generator().manual_seed(1)) * 64
    landmarks[0, ::3] *= far
    landmarks.requires_grad_()
    drawn = render_boundaries(landmarks, WFLW_98, 64)
    drawn.sum().backward()
    assert drawn.isfinite().all() and landmarks.grad.isfinite().all()
    assert drawn.min() >= 0 and drawn.max() <= 1


def test_the_map_is_the_same_whether_a_gradient_is_wanted():
    for layout, landmarks in ((WFLW_98, faces(WFLW_98)), (line(2), torch.tensor([[[3.2, 3.0], [9.0, 5.5]]]).double())):
        drawn = render_boundaries(landmarks, layout, 64)
        torch.testing.assert_close(render_boundaries(landmarks.requires_grad_(), layout, 64), drawn, atol=1e-6, rtol=0)


def test_gradient():
    landmarks = torch.tensor([[1.3, 2.1], [4.2, 5.7], [7.9, 3.4], [9.8, 6.6], [6.1, 9.2]], dtype=torch.float64)
    for count in (2, 3, 4, 5):
        some = landmarks[:count].clone().requires_grad_()
        drawn = render_boundaries(some, line(count), 12)
        inside = drawn > 0.3  # near one curve: half-way between two, and at 3 sigma, there is no derivative
        (gradient,) = torch.autograd.grad(drawn[inside].sum(), some)
        for index in np.ndindex(*some.shape):
            step = torch.zeros_like(some)
            step[index] = 1e-3
            ahead, behind = (
                render_boundaries((some + s).detach(), line(count), 12)[inside].sum() for s in (step, -step)
            )
            expected = (ahead - behind).item() / 2e-3
            assert gradient[index].item() == pytest.approx(expected, rel=0.02, abs=0.02)


@layouts
def test_flipping_landmarks_flips_the_map(layout):
    landmarks = faces(layout)
    drawn = render_boundaries(landmarks, layout, 64)
    difference = (render_boundaries(layout.flip(landmarks, 64), layout, 64) - drawn.flip(-1)).abs()
    # half-way between two curves the search may take either for the nearest
    assert difference.max() < 0.05 and difference.mean() < 1e-4


@settings(deadline=None, max_examples=20)
@given(st.integers(-3, 3), st.integers(-3, 3))
def test_shifting_landmarks_shifts_the_map(right, down):
    landmarks = faces(WFLW_98, 1)
    drawn = render_boundaries(landmarks, WFLW_98, 64)
    wide = render_boundaries(landmarks + torch.tensor([right + 3, down + 3]), WFLW_98, 70)
    torch.testing.assert_close(wide[..., 3 + down : 67 + down, 3 + right : 67 + right], drawn, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (0,), (2, 0)])
def test_shapes_and_dtypes_are_kept(dtype, leading):
    landmarks = torch.arange(5, dtype=dtype)[:, None].expand(*leading, 5, 2)
    drawn = render_boundaries(landmarks, line(5), (6, 7))
    assert drawn.shape == (*leading, 1, 6, 7) and drawn.dtype == dtype
    assert drawn.numel() == 0 or drawn.max() > 0.99


def test_batches_equal_faces_one_at_a_time_and_runs_repeat():
    landmarks = faces(WFLW_98, 4)
    together, again = (render_boundaries(landmarks, WFLW_98, 64) for _ in range(2))
    assert torch.equal(together, again)
    alone = torch.stack([render_boundaries(face, WFLW_98, 64) for face in landmarks])
    torch.testing.assert_close(together, alone)
    bare = LandmarkLayout("bare", ("a", "b"), ())
    assert render_boundaries(torch.ones(2, 2), bare, 8).count_nonzero() == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside the compiler, not by us
def test_compiles_without_graph_breaks():
    landmarks = faces(LAYOUTS["COFW-29"], 2).float()
    compiled = torch.compile(lambda points: render_boundaries(points, LAYOUTS["COFW-29"], 32), fullgraph=True)
    torch.testing.assert_close(compiled(landmarks), render_boundaries(landmarks, LAYOUTS["COFW-29"], 32))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu():
    landmarks = faces(WFLW_98).float()
    on_cuda = landmarks.cuda().requires_grad_()
    drawn = render_boundaries(on_cuda, WFLW_98, 64)
    torch.testing.assert_close(drawn.cpu(), render_boundaries(landmarks, WFLW_98, 64), atol=1e-3, rtol=0)
    drawn.sum().backward()
    assert on_cuda.grad.isfinite().all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"landmarks": torch.zeros(4, 2)}, r"landmarks must have shape \(..., 5, 2\), got \(4, 2\)"),
        ({"landmarks": torch.zeros(5, 2).int()}, "landmarks must be a floating torch.Tensor"),
        ({"size": -3}, "size must be"),
        ({"sigma": 0.0}, "sigma must be"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_boundaries(**{"landmarks": torch.zeros(5, 2), "layout": line(5), "size": 8} | arguments)


def test_a_layout_is_no_name():
    with pytest.raises(ValueError, match="layout must be a LandmarkLayout, got str"):
        render_boundaries(torch.zeros(98, 2), "WFLW-98", 64)
