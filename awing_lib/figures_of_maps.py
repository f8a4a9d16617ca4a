"""Static figures of heatmaps, weight maps, boundaries and coordinates (figures 1, 2, 6 and 8 of the paper)."""

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from awing_lib.coordconv import boundary_coordinates, coordinate_channels
from awing_lib.figure_style import AMBER, GREEN, INK, RED, new_figure
from awing_lib.heatmaps import loss_weight_map


def heatmap_grid(maps: list[np.ndarray], titles: list[str], *, columns: int | None = None, limits=(0.0, 1.0)) -> Figure:
    """Heatmaps (H, W), or images (H, W, 3) in [0, 1], side by side on one common colour scale given by ``limits``."""
    columns = columns or len(maps)
    rows = -(-len(maps) // columns)
    figure, axes = new_figure(1.75 * columns, 2.1 * rows, nrows=rows, ncols=columns, squeeze=False)
    for index, panel in enumerate(axes.flat):
        panel.set_axis_off()
        if index < len(maps):
            panel.imshow(maps[index], vmin=limits[0], vmax=limits[1], cmap="magma", interpolation="nearest")
            panel.set_title(titles[index], fontsize=10)
    return figure


# Pixel types (figure 1 of the paper), with the numbers that :func:`pixel_types` gives them; colours and shapes are the
# same in widgets/pixel_types.js.
PIXEL_TYPES = {"background": 0, "difficult background": 1, "foreground": 2, "mode": 3}


def pixel_types(heatmap: torch.Tensor, threshold: float = 0.2) -> np.ndarray:
    """The type of each pixel (H, W) of a target heatmap (H, W), as numbers of ``PIXEL_TYPES``.

    Foreground is what is at least ``threshold``, difficult background its neighbours (what the mask of
    :func:`loss_weight_map` adds to it), and the mode the highest pixel; of several the first in reading order.
    """
    types = (loss_weight_map(heatmap, threshold, 1.0) > 1).long() + (heatmap >= threshold).long()
    types.view(-1)[heatmap.argmax()] = PIXEL_TYPES["mode"]
    return types.numpy()


def figure_1(heatmap: torch.Tensor, threshold: float = 0.2, *, reach: int = 8) -> Figure:
    """Pixel types, as figure 1 of the paper names them, on a heatmap (H, W); drawing and counts are ours."""
    types = pixel_types(heatmap, threshold)
    row, column = np.argwhere(types == PIXEL_TYPES["mode"])[0]
    box = (column - reach - 0.5, row - reach - 0.5)
    figure, (whole, close) = new_figure(6.2, 4.3, ncols=2)
    whole.imshow(heatmap.numpy(), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
    frame = {"edgecolor": "white", "facecolor": "none", "linestyle": (0, (3, 2))}
    whole.add_patch(mpl.patches.Rectangle(box, 2 * reach + 1, 2 * reach + 1, **frame))
    whole.set_title(f"target heatmap, {heatmap.shape[1]}×{heatmap.shape[0]}")
    looks = {
        "background": ("o", 1.4, INK, "all others"),
        "difficult background": ("s", 5.2, AMBER, "next to the foreground"),
        "foreground": ("s", 9.8, GREEN, f"at least {threshold:g}; the mode not counted"),
        "mode": ("D", 7.6, RED, "the highest pixel"),
    }
    for name, number in reversed(PIXEL_TYPES.items()):
        marker, size, color, words = looks[name]
        rows, columns = np.nonzero(types == number)
        near = (abs(rows - row) <= reach) & (abs(columns - column) <= reach)
        label = f"{name}: {len(rows)} px, {100 * len(rows) / types.size:.2f} %\n{words}"
        style = {"marker": marker, "markersize": size, "color": color, "linestyle": "", "markeredgewidth": 0}
        close.plot(columns[near], rows[near], label=label, **style)
    close.set(xlim=(box[0], box[0] + 2 * reach + 1), ylim=(box[1] + 2 * reach + 1, box[1]), aspect="equal")
    close.set_title("inside the frame")
    figure.legend(loc="outside lower center", ncols=2, fontsize=10, handletextpad=0.4, labelspacing=0.9)
    for panel in (whole, close):
        panel.set_axis_off()
    return figure


def bump_shape(heatmaps: torch.Tensor, landmarks: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How high and how wide the bumps of heatmaps are.

    Args:
        heatmaps: (..., L, H, W), one bump each.
        landmarks: (..., L, 2) true landmarks, pixels of the map.

    Returns:
        Each (..., L): the value at the true landmark, that is in the pixel which holds it (NaN where that is outside
        of the map or not marked); the peak, which is the highest value of the map; and the width in pixels, the
        diameter of a disc with as large an area as the pixels above half of the peak (NaN where no value is above 0).
        The first and the second differ where the peak is at a wrong place.
    """
    height, width = heatmaps.shape[-2:]
    flat = heatmaps.flatten(-2).double().numpy()  # (..., L, H * W)
    peak = flat.max(-1)
    area = (flat > peak[..., None] / 2).sum(-1)
    column, row = np.floor(np.moveaxis(landmarks.double().numpy(), -1, 0) + 0.5)  # (..., L) each
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)  # False for NaN
    place = np.where(inside, row * width + column, 0).astype(int)
    at_landmark = np.where(inside, np.take_along_axis(flat, place[..., None], -1)[..., 0], np.nan)
    return at_landmark, peak, np.where(peak > 0, 2 * np.sqrt(area / np.pi), np.nan)


def figure_2(
    image: np.ndarray,
    target: torch.Tensor,
    predicted: dict[str, torch.Tensor],
    errors: dict[str, float],
    *,
    columns: int = 3,
) -> Figure:
    """What figure 2 of the paper shows, for one's own models: a face, its true heatmap, and what each model predicts.

    Args:
        image: the crop (S, S, 3) uint8.
        target: (L, H, W); of target and predictions the maximum of all channels is shown.
        predicted: name of the model -> (L, H, W).
        errors: name of the model -> NME on this face, a fraction.
        columns: panels in a row.
    """
    maps = [image / 255, *(each.amax(0).numpy() for each in (target, *predicted.values()))]
    titles = ["face", "target", *(f"{name}\nNME {100 * errors[name]:.1f} %" for name in predicted)]
    figure = heatmap_grid(maps, titles, columns=columns)
    figure.set_size_inches(1.9 * columns, 2.5 * -(-len(maps) // columns))
    for panel in figure.axes:
        panel.title.set_fontsize(12)  # a telephone shows the figure half as large
    return figure


def faces_above_heatmaps(images, heatmaps, titles) -> Figure:
    """Crops of a face, and below each the heatmaps that a network has for it, as figure 2 of the paper has them.

    Args:
        images: crops (S, S, 3) uint8.
        heatmaps: for each crop (L, h, w); the maximum over the landmarks is drawn, on one scale from 0 to 1.
        titles: what to write above each crop. Display with :func:`show_photos`.
    """
    figure, axes = new_figure(2.4 * len(images), 5.3, nrows=2, ncols=len(images), squeeze=False)
    for (above, below), image, maps, title in zip(axes.T, images, heatmaps, titles, strict=True):
        above.imshow(image, interpolation="none")
        above.set_title(title, fontsize=14)
        below.imshow(maps.max(0), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
        for panel in (above, below):
            panel.set_axis_off()
    return figure


def figure_6(image: np.ndarray, heatmaps: torch.Tensor, threshold: float = 0.2) -> Figure:
    """Figure 6 of the paper: heatmaps (L, H, W), their 3x3 dilation and the mask of the loss, the maximum of all
    channels each, as the paper shows them; before them the face (H', W', 3) uint8 that they belong to.
    """
    dilated = F.max_pool2d(heatmaps, 3, stride=1, padding=1)
    mask = loss_weight_map(heatmaps, threshold, 1.0) - 1
    maps = [part.amax(0).numpy() for part in (heatmaps, dilated, mask)]
    titles = ["face", "heatmap", "3×3 dilation", f"at least {threshold:g}"]
    figure = heatmap_grid([image / 255, *maps], titles, columns=2)
    figure.set_size_inches(5, 5.5)
    return figure


def figure_8(boundary: torch.Tensor, threshold: float = 0.05) -> Figure:
    """Figure 8 of the paper: a boundary map (H, W), and x and y before and after it masks them.

    In the paper the map is what the previous hourglass predicts. A masked pixel is 0; here it shows the page, because
    the grey of 0 could not be told from a pixel of the boundary in the middle of the map.
    """
    height, width = boundary.shape
    x, y = coordinate_channels(height, width, radius=False, dtype=torch.float64).numpy()
    passes = (boundary >= threshold).numpy()
    masked = boundary_coordinates(boundary[None, None], threshold)[0].double().numpy()
    on_boundary = [np.where(passes, channel, np.nan) for channel in masked]
    titles = ["boundary", "x", "y", f"boundary ≥ {threshold:g}", "x on the boundary", "y on the boundary"]
    figure = coordinate_grid([np.full(boundary.shape, np.nan), x, y, passes, *on_boundary], titles, columns=3)
    figure.axes[0].imshow(boundary.numpy(), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
    return figure


# Coordinates from -1 (blue) over 0 (grey) to 1 (amber), as in widgets/boundary_mask.js; where there is none, nothing.
_COORDINATE_COLORS = mpl.colors.LinearSegmentedColormap.from_list(
    "coordinates", ["#146ebe", "#6e9ec8", "#969696", "#cda04b", "#dc9100"]
)


def coordinate_grid(maps: list[np.ndarray], titles: list[str], *, columns: int | None = None) -> Figure:
    """Coordinate channels (H, W) from -1 to 1 side by side; pixels that are NaN show the page.

    A map of booleans is drawn plainly: what is true, in the colour of the text.
    """
    columns = columns or len(maps)
    rows = -(-len(maps) // columns)
    figure, axes = new_figure(1.75 * columns, 1.95 * rows + 0.55, nrows=rows, ncols=columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, values, title in zip(axes.flat, maps, titles, strict=False):
        _draw_coordinates(panel, values)
        panel.set_title(title, fontsize=12)
    _coordinate_bar(figure, axes)
    return figure


def _draw_coordinates(panel, values: np.ndarray) -> None:
    if values.dtype == bool:
        solid = mpl.colors.ListedColormap(["#8a8a8a"])  # one grey for both themes
        panel.imshow(np.where(values, 1.0, np.nan), cmap=solid, interpolation="nearest")
    else:
        panel.imshow(values, vmin=-1, vmax=1, cmap=_COORDINATE_COLORS, interpolation="nearest")
    panel.set_axis_on()
    panel.set(xticks=[], yticks=[])
    for spine in panel.spines.values():
        spine.set(visible=True, linewidth=0.6)


def _coordinate_bar(figure: Figure, axes: np.ndarray) -> None:
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(-1, 1), _COORDINATE_COLORS)
    bar = figure.colorbar(scale, ax=axes, location="bottom", shrink=0.5, aspect=30, ticks=[-1, 0, 1], pad=0.02)
    bar.outline.set_visible(False)
