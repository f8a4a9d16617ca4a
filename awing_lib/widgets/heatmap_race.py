"""The heatmap race: one noisy heatmap fitted under MSE, L1, Wing and Adaptive Wing at once."""

import traitlets

from awing_lib.widgets import BookFigure, module


class HeatmapRace(BookFigure):
    """Gradient descent on the pixels of four 64x64 maps, one loss each, towards the same noisy targets.

    The landmark is a Gaussian with standard deviation 1.75 px (as in the official code) and peak 1. Each step draws
    a new target: the Gaussian moved by label noise, plus pixel noise, cut off to [0, 1]. The same seed and settings
    give the same maps.

    Args:
        step_size: how far one step goes, times the slope of the loss.
        speed: steps in one frame of the animation.
        label_noise: standard deviation of the landmark's place, in pixels, for x and for y.
        pixel_noise: standard deviation of what is added to each pixel of a target.
        equal_slopes: divide each loss's slope by its steepest for errors up to 1, so that no loss is merely louder.
        seed: of the noise.
    """

    _esm = module("heatmap_race")
    alternative = (
        "Interactive figure: one noisy heatmap fitted pixel by pixel by gradient descent under MSE, L1, Wing and "
        "Adaptive Wing, with the central row of each map. It needs JavaScript."
    )
    step_size = traitlets.Float(0.02, min=0.001, max=0.2).tag(sync=True)
    speed = traitlets.Int(5, min=1, max=20).tag(sync=True)
    label_noise = traitlets.Float(1.0, min=0.0, max=3.0).tag(sync=True)
    pixel_noise = traitlets.Float(0.1, min=0.0, max=0.3).tag(sync=True)
    equal_slopes = traitlets.Bool(True).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=2**31 - 1).tag(sync=True)
