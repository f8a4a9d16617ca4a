r"""Landmarks to heatmaps, heatmaps to landmarks, and the weight map of the loss.

A heatmap of a landmark at ``c`` holds ``exp(-|p - c|^2 / (2 sigma^2))`` at pixel ``p``. Integer coordinates are pixel
centres, so a landmark between two pixels leaves both below 1, and where it was can be read back from their ratio.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from awing_lib.arguments import as_real, as_whole, number_above

DECODERS = ("argmax", "quarter", "soft-argmax", "dark")


def resize_landmarks(landmarks: Tensor, old: int | tuple[int, int], new: int | tuple[int, int]) -> Tensor:
    """Landmarks of an image of size ``old`` as landmarks of that image resized to ``new``, and back.

    Args:
        landmarks: (..., 2), x and y in pixels of the old size.
        old: height and width, or one number for both; 256 for the crops of the paper.
        new: likewise; 64 for the heatmaps of the paper.

    Returns:
        (..., 2): ``(x + 0.5) * new / old - 0.5``, since the outer edge of the first pixel lies at -0.5 in both.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> resize_landmarks(torch.tensor([127.5, 255.5]), 256, 64)
        tensor([31.5000, 63.5000])
    """
    if not isinstance(landmarks, Tensor) or not landmarks.is_floating_point() or landmarks.shape[-1:] != (2,):
        raise ValueError(f"landmarks must be a floating torch.Tensor (..., 2), got {_described(landmarks)}")
    (old_height, old_width), (new_height, new_width) = check_size(old, "old"), check_size(new, "new")
    x, y = landmarks.unbind(-1)
    return torch.stack([(x + 0.5) * (new_width / old_width) - 0.5, (y + 0.5) * (new_height / old_height) - 0.5], dim=-1)


def render_heatmaps(
    landmarks: Tensor, size: int | tuple[int, int], sigma: float = 1.0, *, snapped: bool = False
) -> Tensor:
    """One Gaussian of amplitude 1 per landmark (the target heatmaps of section 4 of the paper).

    Args:
        landmarks: (..., L, 2), x and y in pixels of the map, which may lie outside it; any floating dtype. One that is
            NaN or infinite gives an empty map.
        size: height and width of the maps, or one number for both.
        sigma: standard deviation in pixels, > 0.
        snapped: False places the centre exactly. True is the official code's target: the centre moves to the cell
            that holds the landmark, and what is drawn is a patch of 6 sigma + 1 pixels a side whose standard deviation
            is a quarter of its side: 7x7 pixels and 1.75, not 1, at "sigma = 1". That code also draws landmarks of the
            first three rows and columns up to three pixels off; that is not reproduced.

    Returns:
        (..., L, H, W) of the dtype of ``landmarks``, values in [0, 1]. Differentiable in the landmarks; snapped, the
        derivative is 0.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> render_heatmaps(torch.tensor([[1.0, 0.5]]), (2, 3))
        tensor([[[0.5353, 0.8825, 0.5353],
                 [0.5353, 0.8825, 0.5353]]])
    """
    columns, rows = gaussian_profiles(landmarks, size, sigma, snapped=snapped)
    return (rows[..., :, None] * columns[..., None, :]).to(landmarks.dtype)  # (..., L, H, W)


def gaussian_profiles(
    landmarks: Tensor, size: int | tuple[int, int], sigma: float = 1.0, *, snapped: bool = False
) -> tuple[Tensor, Tensor]:
    """The two factors of each heatmap: along x (..., L, W), and along y (..., L, H); a Gaussian is their product.

    Arguments as for :func:`render_heatmaps`; float64 if the landmarks are, else float32, since half precision cannot
    tell coordinates of a map closer than a thirtieth of a pixel.
    """
    check_landmarks(landmarks)
    sigma = number_above("sigma", sigma)
    marked = landmarks.isfinite().all(-1, keepdim=True)  # (..., L, 1)
    # what is missing is placed far away: a NaN would reach the gradient through any mask put on later
    centres = landmarks.to(torch.promote_types(landmarks.dtype, torch.float32)).where(marked, 1e9)
    deviation = sigma
    if snapped:
        centres = (centres + 0.5).floor()
        deviation = (6 * sigma + 1) / 4
    profiles = []
    for centre, side in zip(centres.unbind(-1), reversed(check_size(size)), strict=True):
        distance = torch.arange(side, dtype=centres.dtype, device=centres.device) - centre[..., None]
        # next to 1 nothing below 1e-9 is left in a float32, and such numbers and their products become slow denormals
        profile = torch.exp(F.threshold(distance.square() * (-0.5 / deviation**2), math.log(1e-9), -math.inf))
        profiles.append(profile.where(distance.abs() <= 3 * sigma, 0.0) if snapped else profile)
    return profiles[0], profiles[1]


def decode_heatmaps(
    heatmaps: Tensor, method: str = "dark", *, sigma: float = 1.0, sharpness: float = 20.0
) -> tuple[Tensor, Tensor]:
    """Where each heatmap has its peak.

    Args:
        heatmaps: (..., L, H, W), any floating dtype, any range (a network's output need not stay in [0, 1]).
        method: how the position between the pixels is found.

            "argmax"
                It is not: the centre of the highest pixel.
            "quarter"
                A quarter of a pixel from there towards the higher neighbour, in x and in y, unless the highest pixel
                lies at the border (the official code, after the stacked hourglass paper).
            "soft-argmax"
                Mean of all pixel positions, weighted with ``softmax(sharpness * heatmap)``. The background takes part,
                and pulls the result towards the middle of the map.
            "dark"
                Newton step from the highest pixel to the maximum of the logarithm, a parabola if the peak is a
                Gaussian, after a Gaussian blur against noise (Zhang et al., CVPR 2020). At most one pixel long, and
                none where the logarithm has no maximum, as on a plateau. Near the border, where a blur would be
                lopsided, the map is taken as it is.
        sigma: for "dark", standard deviation of the blur in pixels: that of the Gaussians that the maps were trained
            on, > 0.
        sharpness: for "soft-argmax", > 0. Sharper is less pulled by the background, but nearer to "argmax".

    Returns:
        landmarks (..., L, 2), x and y in pixels of the map, and scores (..., L), the highest pixel of each map, both of
        the dtype of ``heatmaps``. Of several highest pixels the first in reading order counts. Landmarks are
        differentiable for "soft-argmax" and "dark".

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> landmarks, scores = decode_heatmaps(render_heatmaps(torch.tensor([[20.3, 41.8]]), 64))
        >>> landmarks.round(decimals=2), scores.round(decimals=2)
        (tensor([[20.3000, 41.8000]]), tensor([0.9400]))
    """
    if method not in DECODERS:
        raise ValueError(f"method must be one of {', '.join(DECODERS)}; got {method!r}")
    _check_maps(heatmaps)
    sigma, sharpness = number_above("sigma", sigma), number_above("sharpness", sharpness)
    height, width = heatmaps.shape[-2:]
    # float32 inside: half precision has no room for positions, nor for differences of logarithms
    maps = heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32)).flatten(-2)  # (..., L, H * W)
    scores, index = maps.max(-1)
    column, row = index % width, index // width  # (..., L)
    peak = torch.stack([column, row], dim=-1).to(maps.dtype)
    if method == "quarter":
        landmarks = peak + _quarter_shift(maps, column, row, height, width)
    elif method == "soft-argmax":
        landmarks = _expected_position(maps * sharpness, height, width)
    elif method == "dark":
        landmarks = peak + _newton_shift(maps, column, row, height, width, sigma)
    else:
        landmarks = peak
    return landmarks.to(heatmaps.dtype), scores.to(heatmaps.dtype)


def _quarter_shift(maps: Tensor, column: Tensor, row: Tensor, height: int, width: int) -> Tensor:
    inside = (column > 0) & (column < width - 1) & (row > 0) & (row < height - 1)
    index = (row * width + column)[..., None]
    steps = torch.tensor([1, -1, width, -width], device=maps.device)
    right, left, below, above = maps.gather(-1, (index + steps).clamp(0, height * width - 1)).unbind(-1)
    return 0.25 * torch.stack([right - left, below - above], dim=-1).sign() * inside[..., None]


def _expected_position(logits: Tensor, height: int, width: int) -> Tensor:
    probability = logits.softmax(-1).unflatten(-1, (height, width))
    x, y = (torch.arange(side, dtype=logits.dtype, device=logits.device) for side in (width, height))
    return torch.stack([probability.sum(-2) @ x, probability.sum(-1) @ y], dim=-1)


def _newton_shift(maps: Tensor, column: Tensor, row: Tensor, height: int, width: int, sigma: float) -> Tensor:
    if min(height, width) < 3:
        raise ValueError(f'heatmaps must be at least 3x3 pixels for "dark", got {height}x{width}')
    radius = max(1, round(3 * sigma))
    reach = torch.arange(-radius - 1, radius + 2, device=maps.device)  # (P,)
    offsets = torch.arange(-1, 2, device=maps.device)[:, None]  # (3, 1)
    blur = torch.exp((reach - offsets).to(maps.dtype).square() * (-0.5 / sigma**2))
    blur = blur.where((reach - offsets).abs() <= radius, 0.0)
    blur = blur / blur.sum(1, keepdim=True)  # (3, P): the blurred values left of the centre, at it, and right of it
    plain = (reach == offsets).to(maps.dtype)  # (3, P): the same three values without the blur
    indices, filters, centres = [], [], []
    for position, side in ((column, width), (row, height)):
        centre = position.clamp(1, side - 2)  # so that it has two neighbours; a parabola may be met from anywhere
        index = centre[..., None] + reach  # (..., L, P)
        interior = (index[..., 0] >= 0) & (index[..., -1] < side)
        filters.append(torch.where(interior[..., None, None], blur, plain))  # (..., L, 3, P)
        indices.append(index.clamp(0, side - 1))
        centres.append(centre)
    patch = indices[1][..., :, None] * width + indices[0][..., None, :]  # (..., L, P, P)
    patch = maps.gather(-1, patch.flatten(-2)).unflatten(-1, (len(reach), len(reach)))
    v = filters[1] @ patch @ filters[0].mT  # (..., L, 3, 3)
    v = v.clamp(min=1e-30).maximum(1e-6 * v[..., 1:2, 1:2]).log()  # noise may be negative
    x_slope, y_slope = (v[..., 1, 2] - v[..., 1, 0]) / 2, (v[..., 2, 1] - v[..., 0, 1]) / 2
    xx = v[..., 1, 2] - 2 * v[..., 1, 1] + v[..., 1, 0]
    yy = v[..., 2, 1] - 2 * v[..., 1, 1] + v[..., 0, 1]
    xy = (v[..., 2, 2] - v[..., 2, 0] - v[..., 0, 2] + v[..., 0, 0]) / 4
    determinant = xx * yy - xy.square()
    peaked = (xx < 0) & (determinant > 1e-6)  # a maximum, and no plateau or ridge
    determinant = determinant.where(peaked, 1.0)
    x_step, y_step = (xy * y_slope - yy * x_slope) / determinant, (xy * x_slope - xx * y_slope) / determinant
    shift = torch.stack([centres[0] - column + x_step, centres[1] - row + y_step], dim=-1)
    return shift.clamp(-1, 1).where(peaked[..., None], 0.0)


def loss_weight_map(heatmaps: Tensor, threshold: float = 0.2, weight: float = 10.0) -> Tensor:
    """The weight of each pixel in the loss, ``weight * M + 1`` (section 4.3 and figure 6 of the paper).

    ``M`` is 1 where the 3x3 grey dilation of the heatmap is at least ``threshold``: on foreground pixels and on the
    difficult background next to them.

    Args:
        heatmaps: (..., H, W) targets, any floating dtype.
        threshold: any number; the official code takes strictly more than it, which makes a difference only for pixels
            that are equal to it.
        weight: the paper's ``W``, >= 0.

    Returns:
        (..., H, W) of the dtype of ``heatmaps``, without gradient.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> loss_weight_map(torch.tensor([[1.0, 0.1, 0.1, 0.1]]))
        tensor([[11., 11.,  1.,  1.]])
    """
    _check_maps(heatmaps)
    threshold, weight = checked_weighting(threshold, weight)
    # dilating the mask gives what masking the dilation gives; bytes, because max pooling of floats is slow on a CPU
    mask = F.pad((heatmaps >= threshold).to(torch.uint8), (1, 1, 1, 1))
    mask = mask[..., :-2] | mask[..., 1:-1] | mask[..., 2:]
    mask = mask[..., :-2, :] | mask[..., 1:-1, :] | mask[..., 2:, :]
    return torch.add(torch.ones((), dtype=heatmaps.dtype, device=heatmaps.device), mask, alpha=weight)


def check_size(size: int | tuple[int, int], name: str = "size") -> tuple[int, int]:
    """Height and width, from both or from one number for both; ValueError unless they are whole and positive."""
    sides = [as_whole(side) for side in (size if isinstance(size, (tuple, list)) else (size, size))]
    if len(sides) != 2 or not all(side > 0 for side in sides):
        raise ValueError(f"{name} must be a positive whole number, or a pair (height, width) of them; got {size!r}")
    return sides[0], sides[1]


def checked_weighting(threshold: float, weight: float) -> tuple[float, float]:
    """Both as floats; ValueError unless they are finite and the weight is at least 0."""
    if not math.isfinite(as_real(threshold)):
        raise ValueError(f"threshold must be a finite number, got {threshold!r}")
    if not 0 <= as_real(weight) < math.inf:
        raise ValueError(f"weight must be a finite number of at least 0, got {weight!r}")
    return float(threshold), float(weight)


def check_landmarks(landmarks: Tensor, count: int | None = None) -> None:
    """ValueError unless landmarks are a floating tensor (..., L, 2), with L = ``count`` if that is given."""
    wanted = "L" if count is None else count
    if not isinstance(landmarks, Tensor) or not landmarks.is_floating_point():
        raise ValueError(f"landmarks must be a floating torch.Tensor (..., {wanted}, 2), got {_described(landmarks)}")
    if landmarks.ndim < 2 or landmarks.shape[-1] != 2 or landmarks.shape[-2] != (count or landmarks.shape[-2]):
        raise ValueError(f"landmarks must have shape (..., {wanted}, 2), got {tuple(landmarks.shape)}")


def _check_maps(heatmaps: Tensor) -> None:
    if not isinstance(heatmaps, Tensor) or not heatmaps.is_floating_point():
        raise ValueError(f"heatmaps must be a floating torch.Tensor (..., H, W), got {_described(heatmaps)}")
    if heatmaps.ndim < 2 or 0 in heatmaps.shape[-2:]:
        raise ValueError(f"heatmaps must have shape (..., H, W) with pixels in it, got {tuple(heatmaps.shape)}")


def _described(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
