"""Benchmarks of the library. Machines differ and share their cores, so each table gives ratios measured in one run."""

import json
import math
import statistics
import time
from collections.abc import Callable

import torch

from awing_lib.browser import chromium
from awing_lib.losses import adaptive_wing_formula, adaptive_wing_loss


def medians(
    variants: dict[str, Callable[[], object]],
    repeats: int,
    device: str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds of each variant. They take turns, so that a slow moment of the machine hits all of them alike."""
    seconds = {name: [] for name in variants}
    for repeat in range(repeats + 2):  # two rounds to warm up
        for name, run in variants.items():
            start = clock()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            if repeat >= 2:
                seconds[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def bytes_kept(loss: Callable[[], torch.Tensor]) -> int:
    """Bytes that autograd keeps between forward and backward, inputs included when they are kept."""
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(t.data_ptr(), t), lambda t: t):
        loss()
    return sum(tensor.numel() * tensor.element_size() for tensor in kept.values())


def loss_table(shape: tuple[int, int, int, int], repeats: int, device: str) -> str:
    """Forward plus backward on float32 heatmaps of ``shape`` (N, L, H, W): time against the formula, memory kept."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(shape, generator=generator) ** 8  # mostly background, a few high pixels
    prediction = (target + 0.2 * torch.randn(shape, generator=generator)).to(device).requires_grad_()
    target = target.to(device)
    losses = {
        "formula as written": lambda: adaptive_wing_formula(prediction, target).mean(),
        "adaptive_wing_loss": lambda: adaptive_wing_loss(prediction, target),
        "mse_loss": lambda: torch.nn.functional.mse_loss(prediction, target),
    }

    def step(loss):
        prediction.grad = None
        loss().backward()

    seconds = medians({name: lambda loss=loss: step(loss) for name, loss in losses.items()}, repeats, device)
    base, size = seconds["formula as written"], prediction.numel() * prediction.element_size()
    rows = [f"{'x'.join(map(str, shape))} float32, forward + backward, {device}, median of {repeats}"]
    rows.append(f"{'variant':<22}{'time':>8}{'ratio':>8}{'kept for backward':>20}")
    for name, loss in losses.items():
        kept = f"{bytes_kept(loss) / size:.2f} x input"
        rows.append(f"{name:<22}{seconds[name] * 1e3:>5.1f} ms{seconds[name] / base:>8.2f}{kept:>20}")
    return "\n".join(rows)


def data_table(side: int, repeats: int) -> str:
    """Augmented 256x256 samples per second on one core, from a square photo of ``side`` pixels in memory.

    One row per form of the photo: JPEG, PNG, and pixels, where nothing is decoded. Shares of the time: decoding; the
    warp, with drawing its parameters and moving the landmarks; the rest (occlusion, blur, noise). The ratio is to
    ``cv2.warpAffine`` of the same photo to 256x256 pixels, and nothing else. Times are the processor's, so that
    other programs do not count.
    """
    import cv2
    import numpy as np

    from awing_lib import datasets
    from awing_lib.datasets.files import decode_image
    from awing_lib.layouts import WFLW_98
    from awing_lib.transforms import CROP_SIZE, Augmentation

    rng = np.random.default_rng(0)
    # blotches and a little noise, so that the files are about as large as those of photos
    blotches = cv2.resize(rng.uniform(0, 255, (16, 16, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
    photo = np.clip(blotches + rng.normal(0, 4, blotches.shape), 0, 255).astype(np.uint8)
    files = {suffix: cv2.imencode(suffix, photo)[1].tobytes() for suffix in (".jpg", ".png")}
    box = np.array([0.2, 0.2, 0.8, 0.8]) * side
    landmarks = rng.uniform(box[0], box[2], (WFLW_98.count, 2))
    full = Augmentation(WFLW_98)
    warp = Augmentation(WFLW_98, blur_probability=0, noise_probability=0, occlusion_probability=0)
    matrix = full.protocol.matrix(box, landmarks)
    samples, made = 32, 8

    def many(augment):
        generator = np.random.default_rng(0)
        return lambda: [augment(photo, landmarks, None, box, generator) for _ in range(samples)]

    faces = iter(datasets.SyntheticFaces(made * (repeats + 2)))
    variants = {
        "bare": lambda: [cv2.warpAffine(photo, matrix, (CROP_SIZE, CROP_SIZE)) for _ in range(samples)],
        "warp": many(warp),
        "full": many(full),
        ".jpg": lambda: [decode_image(files[".jpg"], "photo") for _ in range(samples)],
        ".png": lambda: [decode_image(files[".png"], "photo") for _ in range(samples)],
        "face": lambda: [next(faces) for _ in range(made)],
    }
    threads = cv2.getNumThreads(), torch.get_num_threads()
    try:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        seconds = medians(variants, repeats, clock=time.process_time)
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
    each = {name: time / (made if name == "face" else samples) for name, time in seconds.items()}
    rows = [f"photo of {side}x{side}, samples of {CROP_SIZE}x{CROP_SIZE}, one core, median of {repeats}"]
    rows.append(f"{'photo as':<10}{'samples/s':>10}{'ratio':>8}{'decode':>9}{'warp':>7}{'rest':>7}")
    for name, decode in (("JPEG", each[".jpg"]), ("PNG", each[".png"]), ("pixels", 0.0)):
        whole = decode + each["full"]
        shares = (decode / whole, each["warp"] / whole, (each["full"] - each["warp"]) / whole)
        decoding, warping, rest = (f"{share:.0%}" for share in shares)
        rows.append(f"{name:<10}{1 / whole:>10.0f}{whole / each['bare']:>8.1f}{decoding:>9}{warping:>7}{rest:>7}")
    ratio = each["face"] / each["bare"]
    rows.append(f"{'bare warp':<10}{1 / each['bare']:>10.0f}{1:>8.1f}")
    rows.append(f"{'made face':<10}{1 / each['face']:>10.0f}{ratio:>8.1f}   (SyntheticFaces, {CROP_SIZE}x{CROP_SIZE})")
    return "\n".join(rows)


def targets_table(batch: int, repeats: int, device: str) -> str:
    """Targets of a batch of made faces with 98 points: our way against one face at a time, in two ways.

    "straightforward" follows the steps of the official loader: landmarks rounded down and a 7x7 patch each; a spline
    (SciPy) through each run, drawn on a canvas (Matplotlib) whose distance transform (OpenCV) becomes the boundary; a
    grey dilation (SciPy) of each channel for the weights. "NumPy and OpenCV" makes much the same of fewer, faster
    calls. On the CPU all of them run in one thread, and times are the processor's.

    Raises:
        RuntimeError: Matplotlib is missing.
    """
    import cv2

    from awing_lib.datasets import SyntheticFaces
    from awing_lib.layouts import WFLW_98
    from awing_lib.targets import TargetMaker

    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise RuntimeError("matplotlib is missing; pip install awing-lib[figures]") from error
    faces = SyntheticFaces(batch).landmarks
    landmarks = torch.from_numpy(faces).to(device)
    ours = TargetMaker(WFLW_98)
    old = ours(landmarks)
    variants = {
        "straightforward": lambda: [_targets_straightforward(face, WFLW_98) for face in faces],
        "NumPy and OpenCV": lambda: [_targets_with_opencv(face, WFLW_98) for face in faces],
        "TargetMaker": lambda: ours(landmarks),
        "TargetMaker, out=old": lambda: ours(landmarks, out=old),
    }
    threads = cv2.getNumThreads(), torch.get_num_threads()
    try:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        seconds = medians(variants, repeats, device, time.process_time if device == "cpu" else time.perf_counter)
        share = _share_in_operators(lambda: ours(landmarks, out=old)) if device == "cpu" else None
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
    rows = [f"targets of {batch} faces, {WFLW_98.count} points, 64x64 maps, {device}, median of {repeats}"]
    rows.append(f"{'variant':<22}{'a face':>10}{'faces/s':>10}{'ratio':>8}")
    for name, time_taken in seconds.items():
        each, ratio = time_taken / batch, seconds["straightforward"] / time_taken
        rows.append(f"{name:<22}{each * 1e3:>7.2f} ms{1 / each:>10.0f}{ratio:>8.1f}")
    if share is not None:
        rows.append(f"TargetMaker spends {share:.0%} of its time inside operators on tensors of 1000 elements or more")
    return "\n".join(rows)


def _share_in_operators(run: Callable[[], object]) -> float:
    """Share of a run's time that operators spend on tensors of 1000 elements or more; the rest is mostly calls."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profile:
        for _ in range(5):
            run()
    large = whole = 0
    for event in profile.key_averages(group_by_input_shape=True):
        sizes = [math.prod(shape) for shape in event.input_shapes if isinstance(shape, list)]
        whole += event.self_cpu_time_total
        large += event.self_cpu_time_total if max(sizes, default=0) >= 1000 else 0
    return large / whole


def _targets_straightforward(landmarks, layout, side: int = 64):
    """Heatmaps and weights (L + 1, side, side) of one face (L, 2) in pixels of a 256x256 crop, the plain way."""
    import cv2
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from scipy import interpolate, ndimage

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


def _targets_with_opencv(landmarks, layout, side: int = 64):
    """The same, and as exact as ours in the landmarks; curves as straight lines on pixels four times as fine."""
    import cv2
    import numpy as np
    from scipy.interpolate import CubicSpline

    points = (landmarks + 0.5) / 4 - 0.5
    pixels = np.arange(side, dtype=np.float32)
    columns, rows = np.exp(-0.5 * (pixels - points.T[..., None]) ** 2).astype(np.float32)  # (L, side) each
    heatmaps = np.empty((len(points) + 1, side, side), np.float32)
    np.multiply(rows[:, :, None], columns[:, None, :], out=heatmaps[:-1])
    paper = np.ones((4 * side, 4 * side), np.uint8)
    lines = []
    for run in layout.boundaries.values():
        curve = points[list(run)]
        spacing = np.maximum(np.hypot(*np.diff(curve, axis=0).T), 1e-3)
        along = np.append(0, spacing.cumsum())
        curve = CubicSpline(along, curve)(np.linspace(0, along[-1], 50))
        lines.append(np.round((curve + 0.5) * 4 - 0.5).astype(np.int32)[:, None])
    cv2.polylines(paper, lines, False, 0)
    distance = cv2.distanceTransform(paper, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = cv2.resize(distance, (side, side), interpolation=cv2.INTER_AREA) / 4
    heatmaps[-1] = np.where(distance < 3, np.exp(-0.5 * distance**2), 0)
    dilated = np.stack([cv2.dilate(heatmap, np.ones((3, 3), np.uint8)) for heatmap in heatmaps])
    return heatmaps, 10 * (dilated >= 0.2).astype(np.float32) + 1


def figures_table(moves: int) -> str:
    """Median and slowest redraw of each interactive figure in headless Chromium, in milliseconds.

    Raises:
        RuntimeError: Chromium, Playwright or the figures' own dependencies are missing.
    """
    try:
        from awing_lib.widgets.augmentation_playground import AugmentationPlayground
        from awing_lib.widgets.boundary_mask import BoundaryMask
        from awing_lib.widgets.ced_explorer import CedExplorer
        from awing_lib.widgets.decoding_playground import DecodingPlayground
        from awing_lib.widgets.heatmap_race import HeatmapRace
        from awing_lib.widgets.hourglass_builder import HourglassBuilder
        from awing_lib.widgets.layout_viewer import LayoutViewer
        from awing_lib.widgets.loss_explorer import LossExplorer
        from awing_lib.widgets.loss_shape import LossShape
        from awing_lib.widgets.pixel_types import PixelTypes
        from awing_lib.widgets.training_scrubber import TrainingScrubber
        from awing_lib.widgets.weight_map import WeightMap
    except ImportError as error:
        raise RuntimeError(f"{error.name} is missing; pip install awing-lib[figures]") from error
    rows = [f"{'figure':<23}{'redraws':>9}{'median':>10}{'slowest':>10}   (a frame at 60 Hz: 16.7 ms)"]
    with chromium() as browser:
        figures = [LossExplorer(), LossShape(), HeatmapRace(), LayoutViewer(), AugmentationPlayground()]
        figures += [PixelTypes(), DecodingPlayground(), BoundaryMask(), WeightMap(), HourglassBuilder()]
        figures += [CedExplorer(), TrainingScrubber()]
        for figure in figures:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_content(figure.html())
            page.wait_for_selector(".aw-host .aw input[type=range]")
            times = json.loads(page.evaluate(_MOVE_SLIDERS, moves))
            name = type(figure).__name__
            rows.append(f"{name:<23}{len(times):>9}{statistics.median(times):>7.1f} ms{max(times):>7.1f} ms")
    return "\n".join(rows)


# Starts what can be started, moves every slider in turn, waits for the frame; durations of the redraws that followed.
_MOVE_SLIDERS = """async (moves) => {
  [...document.querySelectorAll(".aw button")].find((button) => button.textContent === "Start")?.click();
  performance.clearMeasures();
  const sliders = [...document.querySelectorAll(".aw input[type=range]")];
  for (let i = 0; i < moves; i++) {
    const slider = sliders[i % sliders.length], share = ((i * 7) % 11) / 10;
    slider.value = Number(slider.min) + share * (slider.max - slider.min);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
  return JSON.stringify(performance.getEntriesByName("aw-redraw").map((entry) => entry.duration));
}"""
