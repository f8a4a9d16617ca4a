"""The shape of Adaptive Wing over the target: from like MSE on the background to like Wing at the landmark."""

import traitlets

from awing_lib.widgets import BookFigure, module


class LossShape(BookFigure):
    """A fan of Adaptive Wing curves for targets from 0 to 1, and how much harder a landmark pixel pulls.

    The paper's figure 5 drawn for eleven targets, with the ratio of the slopes at y = 1 and y = 0 beside it.

    Args:
        y: target of the highlighted curve, in [0, 1].
        error: absolute error, in [0.001, 1], at which slopes and their ratio are read off.
        alpha: parameter of the loss; omega, epsilon and theta are the paper's.
        gradient: the fan shows gradients instead of losses.

    Raises:
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("loss_shape")
    alternative = (
        "Interactive figure: Adaptive Wing for targets from 0 to 1, and the ratio of slopes of a landmark pixel and "
        "a background pixel over the error. It needs JavaScript."
    )
    y = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)
    error = traitlets.Float(0.1, min=0.001, max=1.0).tag(sync=True)
    alpha = traitlets.Float(2.1, min=1.2, max=4.0).tag(sync=True)
    gradient = traitlets.Bool(False).tag(sync=True)
