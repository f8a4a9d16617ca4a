"""The decoding playground: what each way of reading a heatmap returns for a true point that can be dragged."""

import traitlets

from awing_lib.widgets import BookFigure, module


class DecodingPlayground(BookFigure):
    """A heatmap of 21x21 pixels, its middle shown, and the place that each method of ``decode_heatmaps`` returns.

    Args:
        x, y: the true point, in pixels of the map; whole numbers are centres of pixels.
        sigma: standard deviation of the Gaussian in pixels, and of the blur of "dark".
        noise: standard deviation of what is added to each pixel.
        seed: of the noise.
        snapped: draw the Gaussian about the centre of the pixel that holds the point, as the official code does.

    Raises:
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("decoding_playground")
    alternative = (
        "Interactive figure: a small heatmap with a true point that can be dragged, and where argmax, "
        "quarter, soft-argmax and dark find it, with and without noise. It needs JavaScript."
    )
    x = traitlets.Float(10.3, min=8.0, max=12.0).tag(sync=True)
    y = traitlets.Float(9.8, min=8.0, max=12.0).tag(sync=True)
    sigma = traitlets.Float(1.0, min=0.7, max=2.0).tag(sync=True)
    noise = traitlets.Float(0.0, min=0.0, max=0.3).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=9999).tag(sync=True)
    snapped = traitlets.Bool(False).tag(sync=True)
