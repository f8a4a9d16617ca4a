"""Benchmarks of the library. Machines differ and share their cores, so each table gives ratios measured in one run."""

import json
import statistics
import time
from collections.abc import Callable

import torch

from awing_lib.browser import chromium
from awing_lib.losses import adaptive_wing_formula, adaptive_wing_loss


def medians(variants: dict[str, Callable[[], object]], repeats: int, device: str = "cpu") -> dict[str, float]:
    """Median seconds of each variant. They take turns, so that a slow moment of the machine hits all of them alike."""
    seconds = {name: [] for name in variants}
    for repeat in range(repeats + 2):  # two rounds to warm up
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            if repeat >= 2:
                seconds[name].append(time.perf_counter() - start)
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


def figures_table(moves: int) -> str:
    """Median and slowest redraw of each interactive figure in headless Chromium, in milliseconds.

    Raises:
        RuntimeError: Chromium, Playwright or the figures' own dependencies are missing.
    """
    try:
        from awing_lib.widgets.heatmap_race import HeatmapRace
        from awing_lib.widgets.loss_explorer import LossExplorer
        from awing_lib.widgets.loss_shape import LossShape
    except ImportError as error:
        raise RuntimeError(f"{error.name} is missing; pip install awing-lib[figures]") from error
    rows = [f"{'figure':<16}{'redraws':>9}{'median':>10}{'slowest':>10}   (a frame at 60 Hz: 16.7 ms)"]
    with chromium() as browser:
        for figure in (LossExplorer(), LossShape(), HeatmapRace()):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_content(figure.html())
            page.wait_for_selector(".aw-host .aw input[type=range]")
            times = json.loads(page.evaluate(_MOVE_SLIDERS, moves))
            name = type(figure).__name__
            rows.append(f"{name:<16}{len(times):>9}{statistics.median(times):>7.1f} ms{max(times):>7.1f} ms")
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
