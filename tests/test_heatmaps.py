"""Heatmaps: what is drawn, what is read back, and the weights against a brute-force dilation."""

import doctest
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from awing_lib import heatmaps
from awing_lib.heatmaps import DECODERS, decode_heatmaps, loss_weight_map, render_heatmaps, resize_landmarks
from awing_lib.layouts import LAYOUTS

seeds = st.integers(0, 10_000)
sizes = st.tuples(st.integers(12, 40), st.integers(12, 40))


def points(seed, count, size, margin=0.0, dtype=torch.float64):
    """Landmarks (count, 2) anywhere in the map, ``margin`` pixels from its edge."""
    generator = torch.Generator().manual_seed(seed)
    extent = torch.tensor([size[1], size[0]], dtype=dtype) - 2 * margin
    return torch.rand(count, 2, generator=generator, dtype=dtype) * extent + margin - 0.5


def mean_error(landmarks, size, method, noise=0.0):
    maps = render_heatmaps(landmarks, size)
    maps = maps + noise * torch.randn(maps.shape, generator=torch.Generator().manual_seed(0), dtype=maps.dtype)
    return (decode_heatmaps(maps, method)[0] - landmarks).norm(dim=-1).mean().item()


def test_examples():
    result = doctest.testmod(heatmaps, extraglobs={"torch": torch})
    assert result.attempted and not result.failed


# -- drawing ----------------------------------------------------------------------------------------------------------


def test_heatmap_is_the_gaussian_of_its_definition():
    landmarks = points(0, 5, (20, 30))
    maps = render_heatmaps(landmarks, (20, 30), sigma=1.3)
    y, x = np.mgrid[:20, :30]
    for (cx, cy), heatmap in zip(landmarks.numpy(), maps.numpy(), strict=True):
        np.testing.assert_allclose(heatmap, np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 1.3**2)), atol=1e-8)


def test_snapped_patch_is_that_of_the_official_code():
    maps = render_heatmaps(torch.tensor([[20.4, 30.6], [0.2, 62.9], [-3.0, 5.0], [-9.0, 5.0]]), 64, snapped=True)
    row = [0.2301, 0.5205, 0.8494, 1, 0.8494, 0.5205, 0.2301]
    assert maps[0, 31, 17:24].tolist() == pytest.approx(row, abs=5e-5)
    assert maps[0, 28, 17].item() == pytest.approx(0.0529, abs=5e-5)
    assert maps[0].count_nonzero() == 49 and (maps[0] >= 0.2).sum() == 29
    assert (loss_weight_map(maps[0]) == 11).sum() == 61
    # at the border the patch is cut off, and its peak stays where it belongs
    assert maps[1, 63, 0] == 1 and maps[1].count_nonzero() == 4 * 4
    assert maps[2, 5, 0].item() == pytest.approx(0.2301, abs=5e-5) and maps[3].count_nonzero() == 0


def test_snapping_goes_to_the_cell_that_holds_the_landmark():
    crop = torch.tensor([[3.4, 3.5], [103.4, 104.0]])  # cells of a crop's 4 pixels end at 3.5, 7.5, ...
    maps = render_heatmaps(resize_landmarks(crop, 256, 64), 64, snapped=True)
    assert decode_heatmaps(maps, "argmax")[0].tolist() == [[0, 1], [25, 26]]


@pytest.mark.parametrize("snapped", [False, True])
def test_missing_landmarks_give_empty_maps_and_no_gradient(snapped):
    landmarks = torch.tensor([[3.0, math.nan], [math.inf, 2.0], [1e30, 2.0], [4.0, 4.0]], requires_grad=True)
    maps = render_heatmaps(landmarks, 8, snapped=snapped)
    maps.sum().backward() if not snapped else None
    assert maps[:3].count_nonzero() == 0 and maps[3, 4, 4] == 1
    if not snapped:
        assert landmarks.grad.isfinite().all() and landmarks.grad[:3].count_nonzero() == 0


def test_render_is_differentiable():
    landmarks = points(1, 3, (6, 7)).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: render_heatmaps(c, (6, 7)), landmarks)


@settings(deadline=None, max_examples=40)
@given(seeds, sizes, st.integers(-3, 3), st.integers(-3, 3), st.booleans())
def test_render_and_decode_follow_a_shift(seed, size, right, down, snapped):
    landmarks, shift = points(seed, 4, size, margin=3.5), torch.tensor([right, down])
    maps = render_heatmaps(landmarks, size, snapped=snapped)
    wide = render_heatmaps(landmarks + shift + 3, (size[0] + 6, size[1] + 6), snapped=snapped)
    top, left = 3 + down, 3 + right
    torch.testing.assert_close(wide[:, top : top + size[0], left : left + size[1]], maps)
    for method in ("argmax", "quarter", "dark"):
        there, here = (decode_heatmaps(each, method)[0] for each in (wide, maps))
        # near a border dark leaves out its blur, which moves a clean peak by less than a thousandth
        torch.testing.assert_close(there - shift - 3, here, atol=2e-3 if method == "dark" else 1e-6, rtol=0)


@settings(deadline=None, max_examples=40)
@given(seeds, sizes, st.sampled_from(DECODERS))
def test_decode_follows_a_flip(seed, size, method):
    landmarks = points(seed, 6, size, margin=1.0)
    maps = render_heatmaps(landmarks, size)
    maps = maps + 0.02 * torch.rand(maps.shape, generator=torch.Generator().manual_seed(seed), dtype=maps.dtype)
    here, scores = decode_heatmaps(maps, method)
    there, mirrored_scores = decode_heatmaps(maps.flip(-1), method)
    torch.testing.assert_close(size[1] - 1 - there[:, 0], here[:, 0])
    torch.testing.assert_close(there[:, 1], here[:, 1])
    assert torch.equal(scores, mirrored_scores)
    turned = decode_heatmaps(maps.mT, method)[0].flip(-1)
    torch.testing.assert_close(turned, here)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_flipping_landmarks_flips_and_permutes_the_maps(layout):
    landmarks = points(2, layout.count, (24, 32))
    maps = render_heatmaps(landmarks, (24, 32))
    flipped = render_heatmaps(layout.flip(landmarks, 32), (24, 32))
    torch.testing.assert_close(flipped, maps[list(layout.mirror)].flip(-1))


# -- reading ----------------------------------------------------------------------------------------------------------


def test_dark_reads_a_clean_map_to_a_hundredth_of_a_pixel_everywhere():
    anywhere, border = points(3, 500, (64, 64)), points(4, 500, (64, 64))
    border[:, 0] = border[:, 0] / 64 * 2 - 0.5  # in the first two columns
    assert mean_error(anywhere, 64, "dark") < 0.01
    assert mean_error(border, 64, "dark") < 0.01
    assert mean_error(border.flip(-1), 64, "dark") < 0.01
    assert mean_error(63 - border, 64, "dark") < 0.01


def test_decoders_rank_as_their_rules_say():
    landmarks = points(5, 500, (64, 64))
    clean = {method: mean_error(landmarks, 64, method) for method in DECODERS}
    noisy = {method: mean_error(landmarks, 64, method, noise=0.05) for method in DECODERS}
    # uniform in a pixel: 0.3826 from its centre, half of it from the centre of its quarter
    assert clean["argmax"] == pytest.approx(0.3826, abs=0.02) and clean["quarter"] == pytest.approx(0.2, abs=0.02)
    for errors in (clean, noisy):
        assert errors["dark"] < errors["quarter"] < errors["argmax"]
    assert noisy["dark"] < 0.1


def test_the_official_way_loses_one_and_a_half_pixels_of_the_crop():
    crop = points(6, 4000, (256, 256))
    maps = render_heatmaps(resize_landmarks(crop, 256, 64), 64, snapped=True)
    lost = resize_landmarks(decode_heatmaps(maps, "argmax")[0], 64, 256) - crop
    assert lost.norm(dim=-1).mean().item() == pytest.approx(1.53, abs=0.03)


def test_quarter_goes_to_the_higher_neighbour_and_stays_put_at_the_border():
    maps = torch.zeros(3, 5, 6)
    maps[0, 2, 3], maps[0, 2, 4], maps[0, 1, 3] = 1, 0.5, 0.3
    maps[1, 0, 3], maps[1, 0, 4] = 1, 0.5
    maps[2, 3, 5], maps[2, 2, 5] = 1, 0.5
    landmarks, scores = decode_heatmaps(maps, "quarter")
    assert landmarks.tolist() == [[3.25, 1.75], [3, 0], [5, 3]] and scores.tolist() == [1, 1, 1]


def test_plateaus_ridges_and_empty_maps_stay_at_the_highest_pixel():
    maps = torch.zeros(6, 9, 9)
    maps[1] = 1.0
    maps[2, 3:6, 3:6] = 1.0
    maps[3, 4] = 1.0
    maps[4] = -1.0
    maps[5] = -torch.rand(9, 9, generator=torch.Generator().manual_seed(0))
    peaks, scores = decode_heatmaps(maps, "argmax")
    landmarks, _ = decode_heatmaps(maps, "dark")
    assert landmarks.isfinite().all() and ((landmarks - peaks).abs() <= 1).all()
    assert torch.equal(landmarks[[0, 1, 3, 4]], peaks[[0, 1, 3, 4]])
    assert scores[4] == -1 and peaks[0].tolist() == [0, 0]


@pytest.mark.parametrize("method", ["soft-argmax", "dark"])
def test_decode_is_differentiable_where_it_says(method):
    maps = render_heatmaps(points(7, 3, (9, 9), margin=2), 9).requires_grad_()
    (gradient,) = torch.autograd.grad(decode_heatmaps(maps, method)[0].sum(), maps)
    assert gradient.isfinite().all() and gradient.count_nonzero() > 0


def test_resizing_landmarks_keeps_the_edges_and_comes_back():
    landmarks = points(8, 9, (256, 200))
    there = resize_landmarks(landmarks, (256, 200), (64, 50))
    torch.testing.assert_close(resize_landmarks(there, (64, 50), (256, 200)), landmarks)
    assert resize_landmarks(torch.tensor([-0.5, 255.5]), 256, 64).tolist() == [-0.5, 63.5]


# -- weights ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 9), st.integers(1, 9), st.floats(-0.5, 1.5), st.floats(0, 20))
def test_weights_equal_a_brute_force_dilation(seed, height, width, threshold, weight):
    maps = np.random.default_rng(seed).random((2, height, width)).round(1)
    expected = np.ones_like(maps)
    for n, i, j in np.ndindex(maps.shape):
        around = maps[n, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        expected[n, i, j] += weight * (around.max() >= threshold)
    weights = loss_weight_map(torch.from_numpy(maps), threshold, weight)
    np.testing.assert_allclose(weights.numpy(), expected)


# -- every kind of input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (0,), (2, 0)])
def test_shapes_and_dtypes_are_kept(dtype, leading):
    landmarks = torch.full((*leading, 5, 2), 4.25, dtype=dtype)
    maps = render_heatmaps(landmarks, (9, 12))
    assert maps.shape == (*leading, 5, 9, 12) and maps.dtype == dtype
    assert loss_weight_map(maps).shape == maps.shape and loss_weight_map(maps).dtype == dtype
    for method in DECODERS:
        decoded, scores = decode_heatmaps(maps, method)
        assert decoded.shape == landmarks.shape and scores.shape == landmarks.shape[:-1]
        assert decoded.dtype == scores.dtype == dtype
    assert decode_heatmaps(maps[..., :0, :, :])[0].shape == (*leading, 0, 2)


def test_batches_equal_faces_one_at_a_time_and_runs_repeat():
    landmarks = points(9, 12, (16, 20)).unflatten(0, (3, 4))
    together, again = (render_heatmaps(landmarks, (16, 20)) for _ in range(2))
    assert torch.equal(together, again)
    assert torch.equal(together, torch.stack([render_heatmaps(face, (16, 20)) for face in landmarks]))
    for method in DECODERS:
        alone = torch.stack([decode_heatmaps(maps, method)[0] for maps in together])
        torch.testing.assert_close(decode_heatmaps(together, method)[0], alone)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # raised inside the compiler, not by us
def test_compiles_without_graph_breaks():
    def there_and_back(landmarks):
        maps = render_heatmaps(landmarks, 16)
        return decode_heatmaps(maps)[0], loss_weight_map(maps)

    landmarks = points(10, 4, (16, 16), dtype=torch.float32)
    for compiled, plain in zip(
        torch.compile(there_and_back, fullgraph=True)(landmarks), there_and_back(landmarks), strict=True
    ):
        torch.testing.assert_close(compiled, plain, atol=1e-4, rtol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu():
    landmarks = points(11, 20, (64, 64), dtype=torch.float32)
    maps, cuda_maps = render_heatmaps(landmarks, 64), render_heatmaps(landmarks.cuda(), 64)
    torch.testing.assert_close(cuda_maps.cpu(), maps)
    torch.testing.assert_close(loss_weight_map(maps.cuda()).cpu(), loss_weight_map(maps))
    for method in DECODERS:
        torch.testing.assert_close(decode_heatmaps(maps.cuda(), method)[0].cpu(), decode_heatmaps(maps, method)[0])


two, maps = torch.zeros(3, 2), torch.zeros(3, 8, 8)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: render_heatmaps([[0, 0]], 8), "landmarks must be a floating torch.Tensor .* got list"),
        (lambda: render_heatmaps(two.int(), 8), r"landmarks must be .* got torch.int32 \(3, 2\)"),
        (lambda: render_heatmaps(two.T, 8), r"landmarks must have shape \(..., L, 2\), got \(2, 3\)"),
        (lambda: render_heatmaps(two, 0), "size must be a positive whole number, or a pair .* got 0"),
        (lambda: render_heatmaps(two, (8, 8.5)), "size must be"),
        (lambda: render_heatmaps(two, 8, sigma=0), "sigma must be a finite number above 0, got 0"),
        (lambda: render_heatmaps(two, 8, sigma=math.nan), "sigma must be"),
        (lambda: decode_heatmaps(maps, "mean"), "method must be one of argmax, quarter, soft-argmax, dark; got 'mean'"),
        (lambda: decode_heatmaps(maps.int()), "heatmaps must be a floating torch.Tensor"),
        (lambda: decode_heatmaps(maps[:, :0]), r"heatmaps must have shape \(..., H, W\) with pixels in it"),
        (lambda: decode_heatmaps(maps[:, :2]), 'heatmaps must be at least 3x3 pixels for "dark", got 2x8'),
        (lambda: decode_heatmaps(maps, sigma=-1), "sigma must be"),
        (lambda: decode_heatmaps(maps, "soft-argmax", sharpness=0), "sharpness must be"),
        (lambda: loss_weight_map(maps, weight=-1), "weight must be a finite number of at least 0, got -1"),
        (lambda: loss_weight_map(maps, threshold=math.inf), "threshold must be a finite number, got inf"),
        (lambda: loss_weight_map(3), "heatmaps must be a floating torch.Tensor"),
        (lambda: resize_landmarks(two, 256, (1, 2, 3)), "new must be"),
        (lambda: resize_landmarks(torch.zeros(3), 256, 64), "landmarks must be"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
