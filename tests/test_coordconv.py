"""Coordinate channels, boundary coordinates and CoordConv against their definitions."""

import copy
import doctest

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from awing_lib import coordconv
from awing_lib.coordconv import CoordConv2d, boundary_coordinates, coordinate_channels

sides = st.integers(1, 70)


@settings(deadline=None, max_examples=50)
@given(sides, sides)
def test_coordinates_are_their_formula(height, width):
    x, y, r = coordinate_channels(height, width, dtype=torch.float64)
    for i, j in ((0, 0), (height - 1, 0), (height // 2, width - 1), (height // 3, width // 3)):
        expected_x = 2 * j / (width - 1) - 1 if width > 1 else 0.0
        expected_y = 2 * i / (height - 1) - 1 if height > 1 else 0.0
        assert x[i, j].item() == pytest.approx(expected_x, abs=1e-12)
        assert y[i, j].item() == pytest.approx(expected_y, abs=1e-12)
        assert r[i, j].item() == pytest.approx(((expected_x**2 + expected_y**2) / 2) ** 0.5, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(sides, sides)
def test_mirroring_turns_the_sign_of_one_coordinate(height, width):
    x, y, r = coordinate_channels(height, width)
    mirrored = coordinate_channels(height, width).flip(2)
    assert torch.equal(mirrored, torch.stack([-x, y, r]))
    assert torch.equal(coordinate_channels(height, width).flip(1), torch.stack([x, -y, r]))
    assert torch.equal(coordinate_channels(width, height).mT, torch.stack([y, x, r]))


def test_ranges_and_dtypes():
    channels = coordinate_channels(64, 64)
    assert channels.shape == (3, 64, 64) and channels.dtype == torch.float32
    assert channels[:2].min() == -1 and channels[:2].max() == 1
    assert channels[2, 0, 0] == 1 and 0 < channels[2].min() < 0.02  # no pixel lies in the centre of an even image
    assert torch.equal(coordinate_channels(64, 64, radius=False), channels[:2])
    half = coordinate_channels(1, 2000, dtype=torch.float16)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), coordinate_channels(1, 2000), atol=5e-4, rtol=0)


@pytest.mark.parametrize(
    "size, name", [((0, 4), "height"), ((4, -1), "width"), ((4.0, 4), "height"), ((4, None), "width")]
)
def test_coordinates_refuse_bad_sizes(size, name):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer"):
        coordinate_channels(*size)


def test_boundary_lets_coordinates_through_from_the_threshold_on():
    values = torch.tensor([-3.0, 0.0, 0.049, 0.05, 0.051, 1.0, 7.0, float("nan")], dtype=torch.float64)
    boundary = values.expand(2, 1, 8, 8).contiguous()
    expected = coordinate_channels(8, 8, radius=False, dtype=torch.float64).clone()
    expected[:, :, [0, 1, 2, 7]] = 0  # 0.05 itself is let through, NaN is not
    result = boundary_coordinates(boundary)
    assert result.shape == (2, 2, 8, 8) and result.dtype == torch.float64
    assert torch.equal(result, expected.expand(2, -1, -1, -1))
    assert boundary_coordinates(boundary, threshold=1.0)[..., 5].any()  # values above 1 and 1 itself reach threshold 1
    assert not boundary_coordinates(boundary, threshold=1.0)[..., 4].any()


def test_boundary_masks_each_face_by_its_own_map():
    boundary = torch.zeros(2, 1, 5, 7)
    boundary[0, 0, 4, 6] = boundary[1, 0, 0, 6] = 1
    result = boundary_coordinates(boundary)
    assert result[0, :, 4, 6].tolist() == [1, 1] and result[1, :, 0, 6].tolist() == [1, -1]
    assert result.count_nonzero() == 4


def test_no_gradient_through_the_mask():
    boundary = torch.rand(1, 1, 4, 4, requires_grad=True)
    assert not boundary_coordinates(boundary).requires_grad


@pytest.mark.parametrize(
    "boundary, threshold, message",
    [
        (torch.zeros(1, 2, 4, 4), 0.05, r"boundary must be a \(N, 1, H, W\) tensor, got \(1, 2, 4, 4\)"),
        (torch.zeros(4, 4), 0.05, r"boundary must be"),
        ([[1.0]], 0.05, "boundary must be .* got list"),
        (torch.zeros(1, 1, 4, 4, dtype=torch.uint8), 0.05, "boundary must have a floating dtype, got torch.uint8"),
        (torch.zeros(1, 1, 4, 4), 0.0, r"threshold must be a number in \(0, 1\], got 0.0"),
        (torch.zeros(1, 1, 4, 4), 1.5, "threshold"),
        (torch.zeros(1, 1, 4, 4), "0.05", "threshold"),
    ],
)
def test_boundary_coordinates_refuse(boundary, threshold, message):
    with pytest.raises(ValueError, match=message):
        boundary_coordinates(boundary, threshold)


@pytest.mark.parametrize("radius", [True, False])
@pytest.mark.parametrize("with_boundary", [True, False])
def test_coordconv_is_a_convolution_of_input_and_coordinates(radius, with_boundary):
    torch.manual_seed(0)
    conv = CoordConv2d(3, 5, 3, radius=radius, boundary=with_boundary, stride=2, padding=1)
    x, boundary = torch.randn(2, 3, 9, 12), torch.rand(2, 1, 9, 12) * 0.1
    parts = [x, coordinate_channels(9, 12, radius).expand(2, -1, -1, -1)]
    if with_boundary:
        parts.append(boundary_coordinates(boundary))
    everything = torch.cat(parts, 1)
    assert conv.weight.shape == (5, 3 + 2 + radius + 2 * with_boundary, 3, 3)
    expected = F.conv2d(everything, conv.weight, conv.bias, stride=2, padding=1)
    result = conv(x, boundary) if with_boundary else conv(x)
    torch.testing.assert_close(result, expected)
    assert set(conv.state_dict()) == {"weight", "bias"}


def test_mirrored_input_with_negated_x_weights_gives_mirrored_output():
    torch.manual_seed(0)
    conv = CoordConv2d(4, 6, 1, boundary=True)
    x, boundary = torch.randn(2, 4, 8, 8), torch.rand(2, 1, 8, 8) * 0.1
    mirrored = copy.deepcopy(conv)
    with torch.no_grad():
        mirrored.weight[:, [4, 7]] *= -1  # x, and x on the boundary
    torch.testing.assert_close(mirrored(x.flip(3), boundary.flip(3)), conv(x, boundary).flip(3))
    assert not torch.allclose(conv(x.flip(3), boundary.flip(3)), conv(x, boundary).flip(3))


def test_coordconv_tells_places_apart():
    conv = CoordConv2d(1, 1, 1)
    constant = conv(torch.zeros(1, 1, 6, 6))
    assert constant.unique().numel() > 6  # a plain convolution gives one value


def test_channels_last_stays_and_changes_nothing():
    torch.manual_seed(0)
    conv = CoordConv2d(3, 8, 3, boundary=True, padding=1)
    x, boundary = torch.randn(2, 3, 8, 8), torch.rand(2, 1, 8, 8) * 0.1
    expected = conv(x, boundary)
    seen = []
    conv._conv_forward = lambda x, *rest: (seen.append(x), nn.Conv2d._conv_forward(conv, x, *rest))[1]
    result = conv(x.to(memory_format=torch.channels_last), boundary)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes(dtype):
    conv = CoordConv2d(3, 4, 1, boundary=True).to(dtype)
    result = conv(torch.rand(2, 3, 4, 6, dtype=dtype), torch.rand(2, 1, 4, 6))  # the map may have its own dtype
    assert result.dtype == dtype and result.isfinite().all()


def test_autocast():
    torch.manual_seed(0)
    conv = CoordConv2d(3, 4, 3, boundary=True, padding=1)
    x, boundary = torch.rand(2, 3, 8, 8), torch.rand(2, 1, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = conv(x, boundary)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), conv(x, boundary), atol=0.03, rtol=0.03)


def test_coordconv_refuses():
    with pytest.raises(ValueError, match=r"groups must be 1, .* got 2"):
        CoordConv2d(4, 4, 1, groups=2)
    with pytest.raises(ValueError, match="threshold"):
        CoordConv2d(4, 4, 1, boundary=True, threshold=-1)
    x = torch.zeros(2, 4, 8, 8)
    with pytest.raises(ValueError, match=r"input must have shape \(N, C, H, W\), got \(4, 8, 8\)"):
        CoordConv2d(4, 4, 1)(x[0])
    with pytest.raises(ValueError, match="boundary must be given"):
        CoordConv2d(4, 4, 1, boundary=True)(x)
    with pytest.raises(ValueError, match="boundary must not be given"):
        CoordConv2d(4, 4, 1)(x, x[:, :1])
    with pytest.raises(ValueError, match=r"boundary \(2, 1, 4, 8\) does not fit input \(2, 4, 8, 8\)"):
        CoordConv2d(4, 4, 1, boundary=True)(x, torch.zeros(2, 1, 4, 8))


def test_compiles_without_graph_breaks():
    conv = CoordConv2d(3, 4, 3, boundary=True, padding=1)
    compiled = torch.compile(conv, fullgraph=True, backend="eager")
    for side in (8, 12):  # the second size makes the sides symbols
        x, boundary = torch.rand(2, 3, side, side), torch.rand(2, 1, side, side) * 0.1
        torch.testing.assert_close(compiled(x, boundary), conv(x, boundary))


def test_examples():
    result = doctest.testmod(coordconv, extraglobs={"torch": torch})
    assert result.attempted and not result.failed


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_agrees_with_cpu():
    torch.manual_seed(0)
    conv = CoordConv2d(3, 4, 1, boundary=True)
    x, boundary = torch.rand(2, 3, 8, 8), torch.rand(2, 1, 8, 8) * 0.1
    expected = conv(x, boundary)
    torch.testing.assert_close(conv.cuda()(x.cuda(), boundary.cuda()).cpu(), expected, atol=1e-3, rtol=1e-3)
