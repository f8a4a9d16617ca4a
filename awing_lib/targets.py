"""What the network is trained on: a batch of landmarks to heatmaps, boundary and weights, on the landmarks' device."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from awing_lib.boundaries import render_boundaries
from awing_lib.heatmaps import (
    check_landmarks,
    check_positive,
    check_size,
    check_weighting,
    gaussian_profiles,
    loss_weight_map,
    resize_landmarks,
)
from awing_lib.layouts import LandmarkLayout


class TargetMaker(nn.Module):
    """Landmarks of a batch of crops to target heatmaps and loss weights.

    The targets are constants: they carry no gradient. Each equals what :func:`~awing_lib.heatmaps.render_heatmaps`,
    :func:`~awing_lib.boundaries.render_boundaries` and :func:`~awing_lib.heatmaps.loss_weight_map` give.

    Args:
        layout: the landmarks' layout, whose curves make the boundary (section 5 of the paper).
        crop: side of the square image that the landmarks are given in, pixels.
        size: height and width of the maps, or one number for both.
        sigma: standard deviation of landmarks and boundary, pixels of the map.
        boundary: whether there is a boundary channel, after those of the landmarks.
        threshold: of the weights (section 4.3 of the paper).
        weight: the paper's ``W``.
        official: True makes targets as the official code makes them: landmarks snapped to pixels, with its wider patch,
            and a boundary that weighs ``weight + 1`` wherever it is not 0 and next to it, because there the threshold
            meets the channel while its values are still 0..255. The boundary itself stays exact.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> from awing_lib.layouts import WFLW_98
        >>> heatmaps, weights = TargetMaker(WFLW_98)(torch.rand(2, 98, 2) * 256)
        >>> heatmaps.shape, weights.shape
        (torch.Size([2, 99, 64, 64]), torch.Size([2, 99, 64, 64]))
    """

    def __init__(
        self,
        layout: LandmarkLayout,
        *,
        crop: int = 256,
        size: int | tuple[int, int] = 64,
        sigma: float = 1.0,
        boundary: bool = True,
        threshold: float = 0.2,
        weight: float = 10.0,
        official: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(layout, LandmarkLayout):
            raise ValueError(f"layout must be a LandmarkLayout, got {type(layout).__name__}")
        check_positive("sigma", sigma)
        check_positive("threshold", threshold)
        check_weighting(threshold, weight)
        self.layout, self.crop, self.size = layout, check_size(crop, "crop"), check_size(size)
        self.sigma, self.boundary, self.official = sigma, bool(boundary), bool(official)
        self.threshold, self.weight = threshold, weight
        deviation = (6 * sigma + 1) / 4 if official else sigma
        radius = deviation * math.sqrt(max(0.0, -2 * math.log(threshold))) + 1  # where a dilated Gaussian falls below
        self._window = 2 * math.ceil(radius) + 1

    @property
    def channels(self) -> int:
        """Number of channels: the landmarks, and one more if there is a boundary."""
        return self.layout.count + self.boundary

    @torch.no_grad()
    def forward(self, landmarks: Tensor, out: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Targets of a batch.

        Args:
            landmarks: (N, L, 2), x and y in pixels of the crop, any floating dtype; they may be NaN or lie outside.
            out: what an earlier call with as many faces returned and nobody needs any more, to be written over. On
                a CPU new memory can take as long to get as the targets take to compute.

        Returns:
            Heatmaps (N, L + 1, H, W) in [0, 1], the boundary last, and weights of the same shape, 1 or ``weight + 1``;
            float64 if the landmarks are, else float32. A landmark that is NaN has an empty heatmap and weights of 1.

        Raises:
            ValueError: shape or dtype of the landmarks, or of ``out``, is wrong.
        """
        check_landmarks(landmarks, self.layout.count)
        if landmarks.ndim != 3:
            raise ValueError(f"landmarks must have shape (N, {self.layout.count}, 2), got {tuple(landmarks.shape)}")
        # float32, whatever the landmarks were stored in: targets are compared with float32 predictions
        landmarks = landmarks.to(torch.promote_types(landmarks.dtype, torch.float32))
        placed = resize_landmarks(landmarks, self.crop, self.size)
        if self.boundary:
            # a landmark that is missing leaves room for the boundary, so that nothing needs to be joined later
            placed = F.pad(placed, (0, 0, 0, 1), value=torch.nan)
        columns, rows = gaussian_profiles(placed, self.size, self.sigma, snapped=self.official)  # (N, L + 1, W), ..., H
        if out is None:
            out = [columns.new_empty(*columns.shape[:2], *self.size) for _ in range(2)]  # (N, L + 1, H, W) each
        wanted = (*columns.shape[:2], *self.size)
        if len(out) != 2 or any(each.shape != wanted or each.dtype != columns.dtype for each in out):
            raise ValueError(f"out must be two {columns.dtype} tensors of shape {wanted}, what an equal call returned")
        heatmaps, weights = out
        torch.mul(rows[..., :, None], columns[..., None, :], out=heatmaps)
        self._weigh(columns, rows, weights)
        if self.boundary:
            boundary = render_boundaries(placed[:, :-1], self.layout, self.size, self.sigma)
            threshold = self.threshold / 255 if self.official else self.threshold
            heatmaps[:, -1:] = boundary
            weights[:, -1:] = loss_weight_map(boundary, threshold, self.weight)
        return heatmaps, weights

    def _weigh(self, columns: Tensor, rows: Tensor, weights: Tensor) -> None:
        """Write the weights of the heatmaps that are products of the profiles, looking only where they are not 1."""
        # dilating such a product is multiplying what is dilated, along x and along y
        windows, places = [], []
        for profile in (columns, rows):
            profile = F.max_pool1d(profile, 3, stride=1, padding=1)  # (N, L + 1, side)
            side = profile.shape[-1]
            width = min(side, self._window)
            start = (profile >= self.threshold).to(torch.uint8).argmax(-1, keepdim=True).clamp(max=side - width)
            places.append(start + torch.arange(width, device=profile.device))  # (N, L + 1, window)
            windows.append(profile.gather(-1, places[-1]))
        high = windows[1][..., :, None] * windows[0][..., None, :] >= self.threshold  # (N, L + 1, window, window)
        place = places[1][..., :, None] * self.size[1] + places[0][..., None, :]
        weights.fill_(1).flatten(-2).scatter_(
            -1, place.flatten(-2), high.flatten(-2).to(weights.dtype) * self.weight + 1
        )

    def extra_repr(self) -> str:
        return (
            f"{self.layout.name}, crop={self.crop}, size={self.size}, sigma={self.sigma}, boundary={self.boundary}, "
            f"threshold={self.threshold}, weight={self.weight}, official={self.official}"
        )


def make_targets(landmarks: Tensor, layout: LandmarkLayout, **settings) -> tuple[Tensor, Tensor]:
    """:class:`TargetMaker` in one call: ``make_targets(landmarks, layout, size=64, official=False, ...)``."""
    return TargetMaker(layout, **settings)(landmarks)
