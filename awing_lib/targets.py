"""What the network is trained on: a batch of landmarks to heatmaps, boundary and weights, on the landmarks' device."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from awing_lib.arguments import number_above
from awing_lib.boundaries import render_boundaries
from awing_lib.heatmaps import (
    check_landmarks,
    check_size,
    checked_weighting,
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
        sigma, threshold = number_above("sigma", sigma), number_above("threshold", threshold)
        threshold, weight = checked_weighting(threshold, weight)
        self.layout, self.crop, self.size = layout, check_size(crop, "crop"), check_size(size)
        self.sigma, self.boundary, self.official = sigma, bool(boundary), bool(official)
        self.threshold, self.weight = threshold, weight
        deviation = (6 * sigma + 1) / 4 if official else sigma
        radius = deviation * math.sqrt(max(0.0, -2 * math.log(threshold))) + 1  # where a dilated Gaussian falls below
        # a pixel at that distance is this far at most from the pixel that holds the landmark
        self._window = 2 * math.floor(radius + 0.501) + 1

    @property
    def channels(self) -> int:
        """Number of channels: the landmarks, and one more if there is a boundary."""
        return self.layout.count + self.boundary

    def forward(self, landmarks: Tensor, out: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Targets of a batch.

        Args:
            landmarks: (N, L, 2), x and y in pixels of the crop, any floating dtype; they may be NaN or lie outside.
            out: what an earlier call with as many faces returned and nobody needs any more, to be written over. On
                a CPU it takes some time to get new memory.

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
        wanted = (len(landmarks), self.channels, *self.size)
        if out is None:
            both = _new_memory((2, *wanted), landmarks)
            out = both[0], both[1]
        if len(out) != 2 or any(each.shape != wanted or each.dtype != landmarks.dtype for each in out):
            raise ValueError(f"out must be two {landmarks.dtype} tensors {wanted}, what an equal call returned")
        heatmaps, weights = out
        # what is made inside cannot take part in a gradient, but what was made outside is only written to
        with torch.no_grad() if torch.compiler.is_compiling() else torch.inference_mode():
            self._draw(resize_landmarks(landmarks, self.crop, self.size), heatmaps, weights)
        return heatmaps, weights

    def _draw(self, landmarks: Tensor, heatmaps: Tensor, weights: Tensor) -> None:
        """Write the targets of landmarks (N, L, 2), in pixels of the map."""
        if self.boundary:
            boundary = render_boundaries(landmarks, self.layout, self.size, self.sigma)
            # a landmark that is missing leaves room for the boundary, so that nothing needs to be joined later
            landmarks = F.pad(landmarks, (0, 0, 0, 1), value=torch.nan)
        columns, rows = gaussian_profiles(landmarks, self.size, self.sigma, snapped=self.official)  # (N, L + 1, side)
        torch.mul(rows[..., :, None], columns[..., None, :], out=heatmaps)
        self._weigh(landmarks, columns, rows, weights)
        if self.boundary:
            threshold = self.threshold / 255 if self.official else self.threshold
            heatmaps[:, -1:] = boundary
            weights[:, -1:] = loss_weight_map(boundary, threshold, self.weight)

    def _weigh(self, landmarks: Tensor, columns: Tensor, rows: Tensor, weights: Tensor) -> None:
        """Write the weights of the heatmaps that are products of the profiles, looking only where they are not 1."""
        # dilating such a product is multiplying what is dilated, along x and along y
        windows, places = [], []
        for centre, profile in zip(landmarks.unbind(-1), (columns, rows), strict=True):
            side = profile.shape[-1]
            width = min(side, self._window)
            # the pixel that holds the landmark in the middle, if the map allows
            start = (centre + (0.5 - self._window // 2)).clamp(0, side - width).nan_to_num().long()  # (N, L + 1)
            place = start[..., None] + torch.arange(-1, width + 1, device=start.device)  # (N, L + 1, window + 2)
            values = profile.gather(-1, place.clamp(0, side - 1))
            windows.append(values[..., :-2].maximum(values[..., 1:-1]).maximum(values[..., 2:]))
            places.append(place[..., 1:-1])
        high = windows[1][..., :, None] * windows[0][..., None, :] >= self.threshold  # (N, L + 1, window, window)
        place = (places[1] * self.size[1])[..., :, None] + places[0][..., None, :]
        inside = high.to(weights.dtype).mul_(self.weight).add_(1)
        weights.fill_(1).flatten(-2).scatter_(-1, place.flatten(-2), inside.flatten(-2))

    def extra_repr(self) -> str:
        return (
            f"{self.layout.name}, crop={self.crop}, size={self.size}, sigma={self.sigma}, boundary={self.boundary}, "
            f"threshold={self.threshold}, weight={self.weight}, official={self.official}"
        )


def _new_memory(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A tensor not yet written, with the dtype and on the device of ``like``.

    On a CPU from NumPy, because it asks Linux for large pages and torch does not: getting maps in pages of 4 kB takes
    longer than computing them.
    """
    if like.device.type != "cpu":
        return like.new_empty(shape)
    return torch.from_numpy(np.empty(shape, str(like.dtype).removeprefix("torch.")))


def make_targets(landmarks: Tensor, layout: LandmarkLayout, **settings) -> tuple[Tensor, Tensor]:
    """:class:`TargetMaker` in one call: heatmaps, boundary and weights of a batch (sections 4.3 and 5 of the paper).

    Args:
        landmarks: (N, L, 2), x and y in pixels of the crop, any floating dtype; they may be NaN or lie outside.
        layout: the landmarks' layout.
        **settings: the other arguments of :class:`TargetMaker`: ``crop``, ``size``, ``sigma``, ``boundary``,
            ``threshold``, ``weight`` and ``official``.

    Returns:
        Heatmaps (N, L + 1, H, W) in [0, 1], the boundary last, and weights of the same shape, 1 or ``weight + 1``;
        float64 if the landmarks are, else float32.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> from awing_lib.layouts import IBUG_68
        >>> heatmaps, weights = make_targets(torch.rand(2, 68, 2) * 128, IBUG_68, crop=128, size=32)
        >>> heatmaps.shape, weights.unique()
        (torch.Size([2, 69, 32, 32]), tensor([ 1., 11.]))
    """
    return TargetMaker(layout, **settings)(landmarks)
