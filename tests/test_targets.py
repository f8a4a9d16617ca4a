"""Targets of a batch: equal to what their parts give, and the official way where asked for."""

import doctest
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from awing_lib import targets
from awing_lib.boundaries import render_boundaries
from awing_lib.datasets import SyntheticFaces
from awing_lib.heatmaps import loss_weight_map, render_heatmaps, resize_landmarks
from awing_lib.layouts import COFW_29, LAYOUTS, WFLW_98
from awing_lib.targets import TargetMaker, make_targets


def landmarks(layout, count=3, seed=0):
    """Anywhere in the crop and a little beyond it."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, layout.count, 2, generator=generator) * 300 - 22


def test_example():
    result = doctest.testmod(targets, extraglobs={"torch": torch})
    assert result.attempted and not result.failed


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(list(LAYOUTS.values())),
    st.sampled_from([64, (20, 33), 7, (2, 5)]),
    st.floats(0.3, 3.0),
    st.floats(0.01, 1.2),
    st.booleans(),
    st.integers(0, 1000),
)
def test_targets_equal_their_parts(layout, size, sigma, threshold, official, seed):
    faces = landmarks(layout, seed=seed)
    faces[0, 1] = math.nan
    heatmaps, weights = make_targets(
        faces, layout, size=size, sigma=sigma, threshold=threshold, weight=4, official=official
    )
    placed = resize_landmarks(faces, 256, size)
    assert torch.equal(heatmaps[:, :-1], render_heatmaps(placed, size, sigma, snapped=official))
    assert torch.equal(heatmaps[:, -1:], render_boundaries(placed, layout, size, sigma))
    assert torch.equal(weights[:, :-1], loss_weight_map(heatmaps[:, :-1], threshold, 4))
    boundary_threshold = threshold / 255 if official else threshold
    assert torch.equal(weights[:, -1:], loss_weight_map(heatmaps[:, -1:], boundary_threshold, 4))
    assert heatmaps[0, 1].count_nonzero() == 0 and (weights[0, 1] == 1).all()


def test_the_official_boundary_weighs_wherever_it_is_not_zero():
    faces = torch.from_numpy(SyntheticFaces(2, seed=1).landmarks)
    heatmaps, weights = make_targets(faces, WFLW_98, official=True)
    ours = make_targets(faces, WFLW_98)[1]
    assert torch.equal(weights[:, -1:], loss_weight_map((heatmaps[:, -1:] > 0).float()))
    assert (weights[:, -1] >= ours[:, -1]).all() and weights[:, -1].sum() > 1.2 * ours[:, -1].sum()
    # an inner landmark of the official code has 61 pixels of weight 11
    inner = resize_landmarks(faces, 256, 64)[:, 51]
    assert ((inner > 5) & (inner < 58)).all()
    assert ((weights[:, 51] == 11).sum((-1, -2)) == 61).all()


def test_without_boundary_there_is_one_channel_less():
    maker, faces = TargetMaker(COFW_29, boundary=False), landmarks(COFW_29)
    whole, part = make_targets(faces, COFW_29), maker(faces)
    assert maker.channels == 29 and TargetMaker(COFW_29).channels == 30
    for full, bare in zip(whole, part, strict=True):
        assert torch.equal(bare, full[:, :-1])


def test_the_memory_of_an_earlier_call_can_be_written_over():
    maker = TargetMaker(COFW_29)
    old = maker(landmarks(COFW_29, seed=1))
    addresses = [each.data_ptr() for each in old]
    again = maker(landmarks(COFW_29, seed=2), out=old)
    for new, expected, address in zip(again, maker(landmarks(COFW_29, seed=2)), addresses, strict=True):
        assert torch.equal(new, expected) and new.data_ptr() == address
    with pytest.raises(ValueError, match=r"out must be two .* tensors \(2, 30, 64, 64\)"):
        maker(landmarks(COFW_29, count=2), out=old)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_flipping_landmarks_flips_and_permutes_the_targets(layout):
    faces = landmarks(layout, 2) * 0.8 + 20
    mirror = [*layout.mirror, layout.count]
    heatmaps, weights = make_targets(faces, layout)
    flipped, flipped_weights = make_targets(layout.flip(faces, 256), layout)
    torch.testing.assert_close(flipped, heatmaps[:, mirror].flip(-1), atol=0.05, rtol=0)
    # weights jump at the threshold, so a pixel at it may fall on either side
    assert (flipped_weights != weights[:, mirror].flip(-1)).float().mean() < 1e-3


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_dtypes_empty_batches_and_no_gradient(dtype):
    maker = TargetMaker(COFW_29)
    for count in (0, 2):
        faces = torch.full((count, 29, 2), 100.0, dtype=dtype, requires_grad=True)
        for each in maker(faces):
            assert each.shape == (count, 30, 64, 64) and not each.requires_grad
            assert each.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_targets_can_be_trained_on():
    maker, faces = TargetMaker(COFW_29), landmarks(COFW_29, 2)
    heatmaps, weights = maker(faces)
    prediction = torch.rand_like(heatmaps).requires_grad_()
    (weights * (prediction - heatmaps).square()).sum().backward()
    torch.testing.assert_close(prediction.grad, 2 * weights * (prediction.detach() - heatmaps))
    # and each can be changed without the other
    before = weights.clone()
    heatmaps.add_(1)
    assert torch.equal(weights, before)


def test_batches_equal_faces_one_at_a_time_and_runs_repeat():
    maker, faces = TargetMaker(WFLW_98), torch.from_numpy(SyntheticFaces(3, seed=2).landmarks)
    heatmaps, weights = maker(faces)
    for first, second in zip((heatmaps, weights), maker(faces), strict=True):
        assert torch.equal(first, second)
    alone = [maker(face[None]) for face in faces]
    torch.testing.assert_close(heatmaps, torch.cat([each for each, _ in alone]))
    torch.testing.assert_close(weights, torch.cat([each for _, each in alone]))


def test_it_says_what_it_makes():
    assert repr(TargetMaker(WFLW_98)) == (
        "TargetMaker(WFLW-98, crop=(256, 256), size=(64, 64), sigma=1.0, boundary=True, threshold=0.2, weight=10.0, "
        "official=False)"
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside the compiler, not by us
def test_compiles_without_graph_breaks():
    maker, faces = TargetMaker(COFW_29, size=32), landmarks(COFW_29, 2)
    for compiled, plain in zip(torch.compile(maker, fullgraph=True)(faces), maker(faces), strict=True):
        assert ((compiled - plain).abs() > 1e-4).float().mean() < 1e-4  # a weight at the threshold may flip


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu():
    maker, faces = TargetMaker(WFLW_98), torch.from_numpy(SyntheticFaces(2).landmarks)
    for there, here in zip(maker(faces.cuda()), maker(faces), strict=True):
        assert there.is_cuda and ((there.cpu() - here).abs() > 1e-3).float().mean() < 1e-4


good = torch.zeros(1, 98, 2)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: TargetMaker(98), "layout must be a LandmarkLayout, got int"),
        (lambda: TargetMaker(WFLW_98, crop=0), "crop must be"),
        (lambda: TargetMaker(WFLW_98, size=(64,)), "size must be"),
        (lambda: TargetMaker(WFLW_98, sigma=-1), "sigma must be"),
        (lambda: TargetMaker(WFLW_98, threshold=0), "threshold must be a finite number above 0, got 0"),
        (lambda: TargetMaker(WFLW_98, weight=math.nan), "weight must be"),
        (lambda: make_targets(good[0], WFLW_98), r"landmarks must have shape \(N, 98, 2\), got \(98, 2\)"),
        (lambda: make_targets(good[:, :68], WFLW_98), r"landmarks must have shape \(..., 98, 2\), got \(1, 68, 2\)"),
        (lambda: make_targets(good.long(), WFLW_98), "landmarks must be a floating torch.Tensor"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
