"""The weighted loss map on sliders: which pixels count more, and what share of the weight they carry."""

import traitlets

from awing_lib.widgets import BookFigure, module


class WeightMap(BookFigure):
    """The paper's weighted loss map (section 4.3) of one landmark on a 64x64 map, with its share of the whole weight.

    The weights are those of :func:`awing_lib.heatmaps.loss_weight_map`, whose dilation reaches 1 pixel; the landmark
    lies on the centre of a pixel.

    Args:
        threshold: targets of at least this are foreground, in [0.01, 0.99].
        dilation: how far the mask grows, in pixels, 0 to 3; 1 is the 3x3 dilation of the paper.
        weight: the paper's W, in [0, 100]; a marked pixel counts W + 1 times.
        sigma: standard deviation of the target in pixels, in [0.5, 4]; that of the official code is 1.75.

    Raises:
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("weight_map")
    alternative = (
        "Interactive figure: the target of one landmark, the mask of its pixels at or above a threshold, dilated, and "
        "the share of the loss's weight that these pixels carry. It needs JavaScript."
    )
    threshold = traitlets.Float(0.2, min=0.01, max=0.99).tag(sync=True)
    dilation = traitlets.Int(1, min=0, max=3).tag(sync=True)
    weight = traitlets.Float(10.0, min=0.0, max=100.0).tag(sync=True)
    sigma = traitlets.Float(1.75, min=0.5, max=4.0).tag(sync=True)
