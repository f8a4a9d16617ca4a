"""The loss explorer: Adaptive Wing beside MSE, L1 and Wing, with its four parameters and the target on sliders."""

import traitlets

from awing_lib.widgets import BookFigure, module


class LossExplorer(BookFigure):
    """Loss and gradient over the error of one pixel (figure 4 of the paper, with every number movable).

    Args:
        alpha, omega, epsilon, theta: parameters of the loss, see :func:`awing_lib.losses.adaptive_wing_loss`.
        y: target of the pixel, in [0, 1].
        error: prediction minus target, in [-1, 1], at which the values are read off.
        bug: also draw the formula of published copies, which divide by omega where epsilon belongs.
        mse, l1, wing: show that loss for comparison; Wing has width 10 and curvature 2.

    Raises:
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("loss_explorer")
    alternative = (
        "Interactive figure: loss and gradient of Adaptive Wing, MSE, L1 and Wing over the prediction error of one "
        "pixel. It needs JavaScript."
    )
    alpha = traitlets.Float(2.1, min=1.2, max=4.0).tag(sync=True)
    omega = traitlets.Float(14.0, min=1.0, max=30.0).tag(sync=True)
    epsilon = traitlets.Float(1.0, min=0.1, max=3.0).tag(sync=True)
    theta = traitlets.Float(0.5, min=0.05, max=1.0).tag(sync=True)
    y = traitlets.Float(1.0, min=0.0, max=1.0).tag(sync=True)
    error = traitlets.Float(0.1, min=-1.0, max=1.0).tag(sync=True)
    bug = traitlets.Bool(False).tag(sync=True)
    mse = traitlets.Bool(True).tag(sync=True)
    l1 = traitlets.Bool(True).tag(sync=True)
    wing = traitlets.Bool(True).tag(sync=True)
