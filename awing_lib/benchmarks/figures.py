"""How long the interactive figures take to redraw."""

import json
import statistics

from awing_lib.browser import chromium


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
        from awing_lib.widgets.heatmap_browser import HeatmapBrowser
        from awing_lib.widgets.heatmap_race import HeatmapRace
        from awing_lib.widgets.hourglass_builder import HourglassBuilder
        from awing_lib.widgets.layout_viewer import LayoutViewer
        from awing_lib.widgets.loss_explorer import LossExplorer
        from awing_lib.widgets.loss_shape import LossShape
        from awing_lib.widgets.pixel_types import PixelTypes
        from awing_lib.widgets.speed_explorer import SpeedExplorer
        from awing_lib.widgets.training_scrubber import TrainingScrubber
        from awing_lib.widgets.weight_map import WeightMap
    except ImportError as error:
        raise RuntimeError(f"{error.name} is missing; pip install awing-lib[figures]") from error
    rows = [f"{'figure':<23}{'redraws':>9}{'median':>10}{'slowest':>10}   (a frame at 60 Hz: 16.7 ms)"]
    with chromium() as browser:
        figures = [LossExplorer(), LossShape(), HeatmapRace(), LayoutViewer(), AugmentationPlayground()]
        figures += [PixelTypes(), DecodingPlayground(), BoundaryMask(), WeightMap(), HourglassBuilder()]
        figures += [CedExplorer(), TrainingScrubber(), HeatmapBrowser(), SpeedExplorer()]
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
