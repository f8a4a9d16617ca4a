"""The targets of a batch: all at once, and one face at a time as most loaders make them."""

import math
import time
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import torch
from scipy import interpolate, ndimage

from awing_lib.benchmarks.floors import Floors, measure_floors
from awing_lib.benchmarks.table import Column, Row, Table, show_seconds
from awing_lib.benchmarks.timing import medians, profiled, threads
from awing_lib.datasets import SyntheticFaces
from awing_lib.errors import AwingError
from awing_lib.layouts import WFLW_98, LandmarkLayout
from awing_lib.targets import TargetMaker

_OURS = ("TargetMaker", "TargetMaker, out=old")


def targets_table(
    batch: int,
    repeats: int,
    device: str,
    *,
    floors: Floors | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Table:
    """Targets of a batch of made faces with 98 points: our way against one face at a time, in two ways.

    "straightforward" follows the steps of the official loader: landmarks rounded down and a 7x7 patch each; a spline
    (SciPy) through each run, drawn on a canvas (Matplotlib) whose distance transform (OpenCV) becomes the boundary; a
    grey dilation (SciPy) of each channel for the weights. "NumPy and OpenCV" makes much the same of fewer, faster
    calls. On the CPU all of them run in one thread, and times are the processor's. With a GPU, ours runs there and the
    others on the CPU still.

    The least that any way must move: the landmarks are read, heatmaps and weights are written. In a record, ``more`` of
    a row has ``per_second``, and that of the table, on a CPU, ``share_in_operators``.

    Args:
        batch: faces.
        repeats: timed runs of each way; the median counts.
        device: "cpu" or "cuda".
        floors: what the machine can do, on a CPU with one thread; None: it is measured.
        progress: wraps the rounds, such as ``tqdm``.

    Raises:
        AwingError: Matplotlib is missing.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise AwingError("matplotlib is missing; pip install awing-lib[figures]") from error
    faces = SyntheticFaces(batch).landmarks
    landmarks = torch.from_numpy(faces).to(device)
    ours = TargetMaker(WFLW_98)
    old = ours(landmarks)
    variants = {
        "straightforward": lambda: [_targets_straightforward(face, WFLW_98) for face in faces],
        "NumPy and OpenCV": lambda: [targets_with_opencv(face, WFLW_98) for face in faces],
        "TargetMaker": lambda: ours(landmarks),
        "TargetMaker, out=old": lambda: ours(landmarks, out=old),
    }
    with threads(1):
        on_host = variants.keys() - _OURS
        seconds = medians(variants, repeats, device, time.process_time, on_host, progress)
        share = _share_in_operators(lambda: ours(landmarks, out=old)) if device == "cpu" else None
        floors = floors or measure_floors(device, 1)
    moved = (landmarks.nbytes + sum(maps.nbytes for maps in old)) // batch  # of a face
    rows = []
    for name, taken in seconds.items():
        own = floors if device == "cpu" or name in _OURS else None
        each, baseline = taken / batch, seconds["straightforward"] / batch
        rows.append(Row.measured(name, each, baseline, own, bytes=moved, more={"per_second": 1 / each}))
    notes = ["floor: the landmarks are read, heatmaps and weights are written"]
    if share is not None:
        large = "tensors of 1000 elements or more"
        notes.insert(0, f"TargetMaker spends {share:.0%} of its time inside operators on {large}")
    return Table(
        name="targets",
        title=f"targets of {batch} faces, {WFLW_98.count} points, 64x64 maps, median of {repeats}",
        per="face",
        floors=floors,
        settings={"batch": batch, "repeats": repeats, "points": WFLW_98.count, "map": 64},
        rows=tuple(rows),
        columns=(
            Column("a face", 11, lambda row: show_seconds(row.seconds)),
            Column("faces/s", 10, lambda row: f"{row.more['per_second']:.0f}"),
            Column("faster", 9, lambda row: f"{1 / row.ratio:.1f}"),
        ),
        notes=tuple(notes),
        more={} if share is None else {"share_in_operators": share},
    )


def _share_in_operators(run: Callable[[], object]) -> float:
    """Share of a run's time that operators spend on tensors of 1000 elements or more; the rest is mostly calls."""
    large = whole = 0
    for event in profiled(run, 5, shapes=True):
        sizes = [math.prod(shape) for shape in event.input_shapes if isinstance(shape, list)]
        whole += event.self_cpu_time_total
        large += event.self_cpu_time_total if max(sizes, default=0) >= 1000 else 0
    return large / whole


def _targets_straightforward(landmarks, layout, side: int = 64):
    """Heatmaps and weights (L + 1, side, side) of one face (L, 2) in pixels of a 256x256 crop, the plain way."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cells = np.floor((landmarks + 0.5) / 4)
    heatmaps = np.zeros((len(cells) + 1, side, side), np.float32)
    for heatmap, (x, y) in zip(heatmaps, cells.astype(int), strict=False):
        around = np.arange(-3, 4)
        patch = np.exp(-(around[:, None] ** 2 + around**2) / (2 * 1.75**2))
        left, top, right, bottom = max(x - 3, 0), max(y - 3, 0), min(x + 4, side), min(y + 4, side)
        if left < right and top < bottom:
            heatmap[top:bottom, left:right] = patch[top - y + 3 : bottom - y + 3, left - x + 3 : right - x + 3]
    figure = Figure(figsize=(1, 1), dpi=side)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, side)
    axes.set_ylim(side, 0)
    for run in layout.boundaries.values():
        points = cells[list(run)]
        points = points[np.append(True, (np.diff(points, axis=0) != 0).any(1))]
        if len(points) == 1:
            points = np.concatenate([points, points + 0.001])
        spline, _ = interpolate.splprep(points.T, s=0, k=min(3, len(points) - 1))
        axes.plot(*interpolate.splev(np.arange(0, 1, 0.01), spline), color="black", linewidth=1)
    canvas.draw()
    paper = (np.asarray(canvas.buffer_rgba())[..., 0] >= 128).astype(np.uint8)
    distance = cv2.distanceTransform(paper, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    heatmaps[-1] = np.where(distance < 3, np.exp(-(distance**2) / 2), 0)
    dilated = [ndimage.grey_dilation(heatmap, size=(3, 3)) for heatmap in heatmaps]
    return heatmaps, 10 * (np.stack(dilated) >= 0.2).astype(np.float32) + 1


def targets_with_opencv(
    landmarks: np.ndarray,
    layout: LandmarkLayout,
    side: int = 64,
    *,
    sigma: float = 1.0,
    boundary: bool = True,
    threshold: float = 0.2,
    weight: float = 10.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Heatmaps and weights (L + 1, side, side) of one face (L, 2) in pixels of a crop four times as wide as the maps.

    As exact as ours in the landmarks; curves are straight lines on pixels four times as fine. Arguments as of
    :class:`~awing_lib.targets.TargetMaker`.
    """
    points = (landmarks + 0.5) / 4 - 0.5
    pixels = np.arange(side, dtype=np.float32)
    # (L, side) each
    columns, rows = np.exp(-0.5 * ((pixels - points.T[..., None]) / sigma) ** 2).astype(np.float32)
    heatmaps = np.empty((len(points) + boundary, side, side), np.float32)
    np.multiply(rows[:, :, None], columns[:, None, :], out=heatmaps[: len(points)])
    if boundary:
        paper = np.ones((4 * side, 4 * side), np.uint8)
        lines = []
        for run in layout.boundaries.values():
            curve = points[list(run)]
            spacing = np.maximum(np.hypot(*np.diff(curve, axis=0).T), 1e-3)
            along = np.append(0, spacing.cumsum())
            curve = interpolate.CubicSpline(along, curve)(np.linspace(0, along[-1], 50))
            lines.append(np.round((curve + 0.5) * 4 - 0.5).astype(np.int32)[:, None])
        cv2.polylines(paper, lines, False, 0)
        distance = cv2.distanceTransform(paper, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        distance = cv2.resize(distance, (side, side), interpolation=cv2.INTER_AREA) / (4 * sigma)
        heatmaps[-1] = np.where(distance < 3, np.exp(-0.5 * distance**2), 0)
    dilated = np.stack([cv2.dilate(heatmap, np.ones((3, 3), np.uint8)) for heatmap in heatmaps])
    return heatmaps, weight * (dilated >= threshold).astype(np.float32) + 1
