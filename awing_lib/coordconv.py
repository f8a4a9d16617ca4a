r"""Coordinates as input channels: CoordConv (Liu et al., NeurIPS 2018) with boundary information (section 5, figure 8).

A convolution sees the same everywhere and cannot tell where it is. CoordConv tells it, with three constant channels:

.. math::

    x = \frac{2 j}{W - 1} - 1, \qquad y = \frac{2 i}{H - 1} - 1, \qquad r = \frac{\sqrt{x^2 + y^2}}{\sqrt 2}

for the pixel in row ``i`` and column ``j``. The paper adds two more, which tell it where the *face* is: ``x`` and ``y``
where a predicted boundary map is at least 0.05, and 0 elsewhere.
"""

import torch
from torch import Tensor, nn

from awing_lib.arguments import as_real, as_whole


def coordinate_channels(
    height: int,
    width: int,
    radius: bool = True,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Where each pixel lies in its image.

    Args:
        height, width: size of the image, pixels, at least 1.
        radius: add the distance to the centre.
        device, dtype: of the result; torch's default device and float32 where not given.

    Returns:
        (3, H, W): ``x`` along the columns and ``y`` along the rows, from -1 in the centre of the first pixel to 1 in
        the centre of the last (0 where there is only one), and the radius, 0 in the centre and 1 in the corners.
        (2, H, W) without ``radius``. Mirroring the image changes the sign of ``x`` and nothing else.

    Raises:
        ValueError: a size is not a positive integer.

    Example:
        >>> coordinate_channels(2, 3, radius=False).tolist()
        [[[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]], [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]]
    """
    dtype = dtype or torch.float32
    axes = []
    for name, given in (("height", height), ("width", width)):
        side = given if isinstance(given, torch.SymInt) else as_whole(given)  # a symbol must stay one
        if not side >= 1:
            raise ValueError(f"{name} must be a positive integer, got {given!r}")
        # float32 inside, since half precision cannot count the pixels of a large image
        steps = torch.arange(1 - side, side, 2, device=device, dtype=torch.promote_types(dtype, torch.float32))
        axes.append(steps / max(side - 1, 1))
    y, x = torch.meshgrid(*axes, indexing="ij")  # (H, W) each
    channels = [x, y, ((x * x + y * y) / 2).sqrt()] if radius else [x, y]
    return torch.stack(channels).to(dtype)


def boundary_coordinates(boundary: Tensor, threshold: float = 0.05) -> Tensor:
    """The coordinates that a predicted boundary map lets through (section 5 and figure 8 of the paper).

    Args:
        boundary: (N, 1, H, W) boundary map, any floating dtype, any range: values above 1 count as 1, below 0 as 0.
        threshold: in (0, 1]; a pixel belongs to the boundary at or above it. The official code asks for strictly above.

    Returns:
        (N, 2, H, W), dtype of ``boundary``: ``x`` and ``y`` of :func:`coordinate_channels` on the boundary, else 0. It
        is constant between jumps: no gradient flows back to ``boundary``.

    Raises:
        ValueError: names the bad argument.

    Example:
        >>> boundary_coordinates(torch.tensor([[[[0.04, 0.9, 0.06]]]]))[:, 0]
        tensor([[[0., 0., 1.]]])
    """
    threshold = checked_threshold(threshold)
    if not isinstance(boundary, Tensor) or boundary.ndim != 4 or boundary.shape[1] != 1:
        found = tuple(boundary.shape) if isinstance(boundary, Tensor) else type(boundary).__name__
        raise ValueError(f"boundary must be a (N, 1, H, W) tensor, got {found}")
    if not boundary.is_floating_point():
        raise ValueError(f"boundary must have a floating dtype, got {boundary.dtype}")
    height, width = boundary.shape[-2:]
    xy = coordinate_channels(height, width, radius=False, device=boundary.device, dtype=boundary.dtype)  # (2, H, W)
    # with a threshold in (0, 1] this equals clamping to [0, 1] first
    return torch.where(boundary >= threshold, xy, 0.0)  # (N, 2, H, W)


class CoordConv2d(nn.Conv2d):
    """A convolution that also sees coordinates: an ``nn.Conv2d`` on the input and, after it, ``x, y[, r][, bx, by]``.

    The coordinates are made anew in each call, so any input size works and the state dict holds ``weight`` and ``bias``
    only; ``weight`` has ``in_channels`` plus 2 to 5 input channels.

    Args:
        in_channels: channels of the input, without the coordinates.
        out_channels, kernel_size: as for ``nn.Conv2d``.
        radius: give it the radius as well.
        boundary: give it boundary coordinates as well; the call then needs a boundary map.
        threshold: of :func:`boundary_coordinates`.
        **options: the other arguments of ``nn.Conv2d`` but ``groups``. Padding pads the coordinates too.

    Raises:
        ValueError: names the bad argument.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        radius: bool = True,
        boundary: bool = False,
        threshold: float = 0.05,
        **options,
    ) -> None:
        if options.get("groups", 1) != 1:
            raise ValueError(f"groups must be 1, since every output sees the coordinates; got {options['groups']}")
        threshold = checked_threshold(threshold)
        super().__init__(in_channels + 2 + bool(radius) + 2 * bool(boundary), out_channels, kernel_size, **options)
        self.radius, self.boundary, self.threshold = bool(radius), bool(boundary), threshold

    def forward(self, input: Tensor, boundary: Tensor | None = None) -> Tensor:
        """The convolution of the input and its coordinates.

        Args:
            input: (N, C, H, W), any floating dtype.
            boundary: (N, 1, H, W) boundary map, any range and floating dtype, if the module was made with
                ``boundary=True``; else None.

        Returns:
            What ``nn.Conv2d`` gives: (N, out_channels, H', W').

        Raises:
            ValueError: there is a boundary map too many or too few, or a shape does not fit.
        """
        if self.boundary != (boundary is not None):
            needed = "must be given" if self.boundary else "must not be given"
            raise ValueError(f"boundary {needed}: this CoordConv2d was made with boundary={self.boundary}")
        if input.ndim != 4:
            raise ValueError(f"input must have shape (N, C, H, W), got {tuple(input.shape)}")
        count, _, height, width = input.shape
        coordinates = coordinate_channels(height, width, self.radius, device=input.device, dtype=input.dtype)
        parts = [input, coordinates.expand(count, -1, -1, -1)]  # (N, C, H, W), (N, 2 or 3, H, W)
        if boundary is not None:
            if boundary.shape[0] != count or boundary.shape[2:] != input.shape[2:]:
                raise ValueError(f"boundary {tuple(boundary.shape)} does not fit input {tuple(input.shape)}")
            parts.append(boundary_coordinates(boundary, self.threshold).to(input.dtype))  # (N, 2, H, W)
        if input.is_contiguous(memory_format=torch.channels_last):
            # cat returns channels last only if all its inputs are; else it would transpose the large one
            parts[1:] = [part.contiguous(memory_format=torch.channels_last) for part in parts[1:]]
        return super().forward(torch.cat(parts, 1))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, radius={self.radius}, boundary={self.boundary}"


def checked_threshold(threshold: float, name: str = "threshold") -> float:
    """The threshold as a float; ValueError unless it is in (0, 1], and so separates the values of a boundary map."""
    number = as_real(threshold)
    if not 0 < number <= 1:
        raise ValueError(f"{name} must be a number in (0, 1], got {threshold!r}")
    return number
