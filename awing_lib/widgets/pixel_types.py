"""The pixel types of a heatmap: foreground, difficult background, background and mode, under a landmark that moves."""

import traitlets

from awing_lib.widgets import BookFigure, module


class PixelTypes(BookFigure):
    """The target heatmap of one landmark, 64x64, and the type of each of its pixels.

    The heatmap is that of :func:`awing_lib.heatmaps.render_heatmaps`, the types those of
    :func:`awing_lib.figures.pixel_types`.

    Args:
        x, y: the landmark, in pixels of the map; whole numbers are centres of pixels.
        sigma: standard deviation of the Gaussian in pixels.
        threshold: a pixel is foreground from this target value on.
        snapped: draw the official code's target of "sigma = 1" instead: 7x7 pixels about the cell that holds the
            landmark, with a standard deviation of 1.75 pixels.

    Raises:
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("pixel_types")
    alternative = (
        "Interactive figure: the heatmap of a landmark that can be moved, and which of its pixels are foreground, "
        "difficult background, background and mode, with their counts and shares. It needs JavaScript."
    )
    x = traitlets.Float(31.7, min=0.0, max=63.0).tag(sync=True)
    y = traitlets.Float(30.4, min=0.0, max=63.0).tag(sync=True)
    sigma = traitlets.Float(1.75, min=0.5, max=4.0).tag(sync=True)
    threshold = traitlets.Float(0.2, min=0.05, max=0.6).tag(sync=True)
    snapped = traitlets.Bool(False).tag(sync=True)
