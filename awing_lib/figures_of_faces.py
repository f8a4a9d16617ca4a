"""Static figures of faces and landmarks: given, found, and both."""

import matplotlib as mpl
import matplotlib.patheffects
import numpy as np
import torch
from matplotlib.figure import Figure

from awing_lib.figure_style import INK, new_figure
from awing_lib.layouts import WFLW_98, LandmarkLayout
from awing_lib.metrics import mean_over_marked

# Landmarks by the half of the face that their index means; the same in widgets/augmentation_playground.js. A photo has
# no dark mode, so these are plain colours, with a dark rim that keeps them apart from any skin.
LANDMARK_STYLES = {
    "left": {"marker": "o", "markerfacecolor": "#5cc4ff"},
    "right": {"marker": "s", "markerfacecolor": "#ffb000"},
    "middle": {"marker": "D", "markerfacecolor": "#ffffff"},
}


def draw_face(panel, image: np.ndarray, landmarks: np.ndarray, *, layout: LandmarkLayout = WFLW_98) -> None:
    """A photo (H, W, 3) uint8 with its landmarks (L, 2), pixels: left half, right half and midline by their index."""
    height, width = image.shape[:2]
    panel.imshow(image, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    sides = np.full(layout.count, "middle")
    for left, right in layout.mirror_pairs:  # the image's left comes first
        sides[left], sides[right] = "left", "right"
    for side, style in LANDMARK_STYLES.items():
        points = landmarks[sides == side]
        size = {"markersize": 3, "markeredgecolor": "#1b1b1f", "markeredgewidth": 0.4}
        panel.plot(*points.T, linestyle="", **style, **size)
    panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    panel.set_axis_off()


def face_grid(images, landmarks, titles, *, layout: LandmarkLayout = WFLW_98, columns: int | None = None) -> Figure:
    """Photos with their landmarks side by side, see :func:`draw_face`; display with :func:`show_photos`."""
    columns = columns or len(images)
    rows, width = -(-len(images) // columns), min(2.4, 7.2 / columns)
    height = (width + 0.32 * any(titles)) * rows
    figure, axes = new_figure(width * columns, height, nrows=rows, ncols=columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, image, points, title in zip(axes.flat, images, landmarks, titles, strict=False):
        draw_face(panel, image, points, layout=layout)
        panel.set_title(title, fontsize=14)  # a telephone shows the figure half as large
    return figure


def numbered_faces(images, landmarks, titles, *, layout: LandmarkLayout, columns: int = 3) -> Figure:
    """Photos with the number of each landmark and the curves of the layout, where a wrong order or pair shows.

    Args:
        images: photos (H, W, 3) uint8.
        landmarks: for each photo (L, 2), pixels; one that is NaN is not drawn.
        titles: what to write above each photo.
        layout: of the landmarks.
        columns: photos in a row. Display with :func:`show_photos`.
    """
    figure = face_grid(images, landmarks, titles, layout=layout, columns=columns)
    rim = [mpl.patheffects.withStroke(linewidth=2, foreground="#1b1b1f")]
    for panel, points in zip(figure.axes, landmarks, strict=False):
        for run in layout.boundaries.values():
            panel.plot(*points[list(run)].T, color="#ffffff", linewidth=0.9, zorder=1.5)
        points_a_pixel = 72 * min(2.4, 7.2 / columns) / max(panel.images[0].get_array().shape[:2])
        for index, (across, up) in _places_of_numbers(points * [points_a_pixel, -points_a_pixel]).items():
            look = {"fontsize": 9, "color": "#ffffff", "path_effects": rim, "ha": "center", "va": "center"}
            if max(abs(across), abs(up)) > 10:  # a stroke says whose number it is
                look["arrowprops"] = {"arrowstyle": "-", "color": "#ffffff", "linewidth": 0.5, "shrinkA": 4}
            panel.annotate(str(index), points[index], (across, up), textcoords="offset points", **look)
    return figure


def _places_of_numbers(points: np.ndarray) -> dict[int, tuple[float, float]]:
    """Where the middle of each number of 9 points stands beside its landmark (L, 2), in points, y upwards.

    Near it where that is free, else a little further away, else where it covers least.
    """
    shown = [index for index, place in enumerate(points) if np.isfinite(place).all()]
    taken = [(*points[index], 3.0, 3.0) for index in shown]  # middle and half of the sides of a box
    found = {}
    for index in shown:
        half = 3 * len(str(index))
        angles = np.radians([45, 135, 0, 180, 90, 270, 315, 225])
        rings = [((half + ring) * np.cos(angle), (4 + ring) * np.sin(angle)) for ring in (3, 10) for angle in angles]
        boxes = [(*(points[index] + shift), half, 4.0) for shift in rings]
        covered = [sum(_shared_area(box, other) for other in taken) for box in boxes]
        best = int(np.argmin(np.array(covered).round(3)))
        found[index] = tuple(map(float, rings[best]))
        taken.append(boxes[best])
    return found


def _shared_area(one: tuple, other: tuple) -> float:
    """Area, up to a factor, that two boxes share: middle and half of the sides each."""
    shared = [min(one[i + 2], other[i + 2], (one[i + 2] + other[i + 2] - abs(one[i] - other[i])) / 2) for i in (0, 1)]
    return max(shared[0], 0) * max(shared[1], 0)


def face_sheet(samples, *, columns: int = 4, side: float = 1.8, titles: tuple[str, ...] = ()) -> Figure:
    """Faces of a data set (:class:`FaceSample`) with their landmarks, hidden ones hollow; for :func:`show_photos`.

    Args:
        samples: the faces.
        columns: faces in a row.
        side: size of a face, inches.
        titles: what to write above each face, if anything.
    """
    rows = -(-len(samples) // columns)
    height = side + 0.3 * bool(titles)
    figure, axes = new_figure(side * columns, height * rows, nrows=rows, ncols=columns, squeeze=False)
    look = {"linestyle": "", "marker": "o", "markersize": 0.8 + 1.1 * side}
    filled = {"markerfacecolor": "#5cc4ff", "markeredgecolor": "#1b1b1f", "markeredgewidth": 0.3}
    hollow = {"markerfacecolor": "none", "markeredgecolor": "#ffb000", "markeredgewidth": 0.7}
    for panel in axes.flat:
        panel.set_axis_off()
    for place, (panel, sample) in enumerate(zip(axes.flat, samples, strict=False)):
        pixels_down, pixels_across = sample.image.shape[:2]
        panel.imshow(sample.image, interpolation="none")  # as it is, for screens with more pixels than a figure has
        for shown, style in ((sample.visible, filled), (~sample.visible, hollow)):
            panel.plot(*sample.landmarks[shown].T, **look, **style)
        panel.set(xlim=(-0.5, pixels_across - 0.5), ylim=(pixels_down - 0.5, -0.5))
        if titles:
            panel.set_title(titles[place], fontsize=max(10, 2 * side * columns))  # a telephone shrinks a wide figure
    return figure


def worst_and_best_faces(worst, best, *, columns: int = 4, side: float = 1.8) -> Figure:
    """Faces on which a model errs most, and least: landmarks hollow where they are, filled where they were found.

    Args:
        worst, best: faces as :func:`awing_lib.evaluation.face_crops` gives them: image (H, W, 3) uint8, truth (L, 2)
            and prediction (L, 2) in its pixels, error (a fraction).
        columns: faces in a row.
        side: size of a face, inches.

    Raises:
        ValueError: there is no face.
    """
    if not worst and not best:
        raise ValueError("worst and best: there is no face to show")
    lines = [
        (kind, list(rows[at : at + columns]))
        for kind, rows in (("worst", worst), ("best", best))
        for at in range(0, len(rows), columns)
    ]
    figure, axes = new_figure(side * columns, (side + 0.3) * len(lines), nrows=len(lines), ncols=columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for row, (kind, faces) in zip(axes, lines, strict=True):
        for panel, (image, target, predicted, error) in zip(row, faces, strict=False):
            _draw_found(panel, image, target, predicted, 0.8 + 1.1 * side)
            panel.set_title(f"{kind}: {100 * error:.1f} %" if np.isfinite(error) else "not found", fontsize=10)
    return figure


def found_faces(faces, titles, *, columns: int = 3, side: float = 2.4) -> Figure:
    """Faces with what a network found on them, as figure 7 of the paper has them, and here with the truth as well.

    Args:
        faces: as :func:`awing_lib.evaluation.face_crops` gives them: image (H, W, 3) uint8, truth (L, 2) and prediction
            (L, 2) in its pixels, error (a fraction). The truth is hollow, the prediction filled.
        titles: what each face shows; its error is written after it.
        columns: faces in a row.
        side: size of a face, inches. Display with :func:`show_photos`.
    """
    rows = -(-len(faces) // columns)
    figure, axes = new_figure(side * columns, (side + 0.35) * rows, nrows=rows, ncols=columns, squeeze=False)
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, (image, target, predicted, error), title in zip(axes.flat, faces, titles, strict=False):
        _draw_found(panel, image, target, predicted, 0.8 + 1.1 * side)
        panel.set_title(f"{title}\n{100 * error:.1f} %", fontsize=14)  # a telephone shows the figure half as large
    return figure


def _draw_found(panel, image: np.ndarray, target: np.ndarray, predicted: np.ndarray, size: float) -> None:
    """A photo with its landmarks (L, 2) hollow where they are, filled where they were found, and a line between."""
    height, width = image.shape[:2]
    panel.imshow(image, interpolation="none")
    # from each truth to its prediction, all as one line with gaps, which takes a fifth of the bytes of many lines
    joined = np.stack([target, predicted, np.full_like(target, np.nan)], 1).reshape(-1, 2)
    panel.plot(*joined.T, color="#ffffff", linewidth=0.6)
    truth = {"marker": "o", "markerfacecolor": "none", "markeredgecolor": "#ffb000"}
    found = {"marker": "o", "markerfacecolor": "#5cc4ff", "markeredgecolor": "#1b1b1f"}
    for points, style in ((target, truth), (predicted, found)):
        panel.plot(*points.T, linestyle="", markersize=size, markeredgewidth=0.4, **style)
    panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def layout_rows(images, rows: dict[str, tuple[LandmarkLayout, list[np.ndarray]]]) -> Figure:
    """The same faces once for each layout, as figures 9 and 10 of the paper have rows for each data set.

    Args:
        images: F photos (H, W, 3) uint8.
        rows: name of the row -> its layout, and for each photo its landmarks (L, 2), pixels. Display with
            :func:`show_photos`.
    """
    count = len(images)
    figure, axes = new_figure(1.8 * count + 0.3, 1.85 * len(rows), nrows=len(rows), ncols=count, squeeze=False)
    for line, (name, (layout, landmarks)) in zip(axes, rows.items(), strict=True):
        for panel, image, points in zip(line, images, landmarks, strict=True):
            draw_face(panel, image, points, layout=layout)
            panel.images[0].set_interpolation("none")  # as it is, for screens with more pixels than a figure has
        line[0].text(-0.04, 0.5, name, transform=line[0].transAxes, rotation=90, va="center", ha="right", fontsize=13)
    return figure


def landmark_errors_on_face(shape: np.ndarray, errors: dict[str, np.ndarray]) -> Figure:
    """Where on the face models err: one disc a landmark, its area in proportion to the mean error there.

    Args:
        shape: (L, 2) where to draw the landmarks, y downwards, in any unit; :func:`mean_shape`.
        errors: name of the model -> (L,) mean error of each landmark, fractions; what is NaN or infinite is a cross.
    """
    finite = np.concatenate([values[np.isfinite(values)] for values in errors.values()])
    top = finite.max() if len(finite) else 1.0
    figure, axes = new_figure(3.4 * len(errors), 3.7, ncols=len(errors), squeeze=False)
    low, high = np.nanmin(shape, 0), np.nanmax(shape, 0)
    margin = 0.12 * (high - low).max()
    for panel, (name, values) in zip(axes[0], errors.items(), strict=True):
        shown = np.isfinite(values)
        discs = panel.scatter(
            *shape[shown].T, s=100 * values[shown] / top, c=100 * values[shown], cmap="viridis", vmin=0, vmax=100 * top
        )
        panel.plot(*shape[~shown].T, linestyle="", marker="x", color=INK)
        panel.set(xlim=(low[0] - margin, high[0] + margin), ylim=(high[1] + margin, low[1] - margin), aspect="equal")
        panel.set_title(name)
        panel.set_axis_off()
    figure.colorbar(discs, ax=axes, label="mean error, %", shrink=0.8)
    return figure


def mean_shape(landmarks: np.ndarray) -> np.ndarray:
    """Mean of faces (N, L, 2), each moved and scaled so that its tight box is about 0 and of size 1; NaN is left out.

    Returns:
        (L, 2); NaN where a landmark is marked on no face.
    """
    low, high = np.fmin.reduce(landmarks, 1)[:, None], np.fmax.reduce(landmarks, 1)[:, None]  # (N, 1, 2)
    placed = (landmarks - (low + high) / 2) / np.sqrt(np.prod(high - low, axis=-1, keepdims=True))
    return mean_over_marked(placed, 0)


# Heatmaps and boundary over a photo, plain colours as those of LANDMARK_STYLES, told apart by every kind of eye.
OVERLAY_COLORS = {"heatmaps": "#ffe14d", "boundary": "#2f8fff"}


def overlay_heatmaps(image: np.ndarray, heatmaps: np.ndarray, *, layout: LandmarkLayout = WFLW_98) -> np.ndarray:
    """A photo (H, W, 3) uint8 with heatmaps laid over it, the more opaque the higher they are.

    Args:
        image: the photo or crop, any size.
        heatmaps: (L, h, w), or (L + 1, h, w) with the boundary last, targets or a network's; numbers outside [0, 1]
            count as 0 and 1, NaN as 0. The maps cover the whole image, so for 64x64 maps of a 256x256 crop the map's
            pixel (i, j) covers 4x4 pixels, the first of them (4 i, 4 j). Landmarks are merged by the maximum.
        layout: which says what L is.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: the heatmaps have another shape.
    """
    if heatmaps.ndim != 3 or len(heatmaps) - layout.count not in (0, 1) or 0 in heatmaps.shape:
        count = layout.count
        raise ValueError(f"heatmaps must have shape ({count} or {count + 1}, h, w), got {tuple(heatmaps.shape)}")
    rows, columns = (
        np.arange(side) * small // side for side, small in zip(image.shape, heatmaps.shape[1:], strict=False)
    )
    blended = image.astype(float)
    parts = {"boundary": heatmaps[layout.count :], "heatmaps": heatmaps[: layout.count]}  # the last on top
    for name, maps in parts.items():
        if len(maps):
            height = np.nan_to_num(np.asarray(maps, float)).clip(0, 1).max(0)[np.ix_(rows, columns)]
            opacity = 0.8 * height[..., None]  # the face stays visible at the peak
            blended += opacity * (255 * np.array(mpl.colors.to_rgb(OVERLAY_COLORS[name])) - blended)
    return blended.round().astype(np.uint8)


def face_overlay(
    image: np.ndarray,
    landmarks: np.ndarray | None = None,
    heatmaps: np.ndarray | torch.Tensor | None = None,
    *,
    layout: LandmarkLayout = WFLW_98,
) -> Figure:
    """A face with its heatmaps, boundary and landmarks, each if it is given; display with :func:`show_photos`.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (L, 2), pixels of the image.
        heatmaps: as for :func:`overlay_heatmaps`, or a tensor of them.
        layout: of landmarks and heatmaps.

    Raises:
        ValueError: the heatmaps do not fit the layout.
    """
    if heatmaps is not None:
        heatmaps = heatmaps.detach().cpu().float().numpy() if isinstance(heatmaps, torch.Tensor) else heatmaps
        image = overlay_heatmaps(image, heatmaps, layout=layout)
    figure, panel = new_figure(4.2, 4.2)
    draw_face(panel, image, np.full((layout.count, 2), np.nan) if landmarks is None else landmarks, layout=layout)
    return figure
