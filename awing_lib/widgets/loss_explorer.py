"""The loss explorer: Adaptive Wing beside MSE, L1 and Wing, with its four parameters and the target on sliders."""

import traitlets

from awing_lib.widgets import BookFigure, module


class LossExplorer(BookFigure):
    """Loss and gradient over the prediction for one target value (figure 4 of the paper, with every number movable).

    Args:
        alpha, omega, epsilon, theta: parameters of the loss, see :func:`awing_lib.losses.adaptive_wing_loss`.
        y: target of the pixel, in [0, 1].
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
    bug = traitlets.Bool(False, help="divide by omega instead of epsilon, as published copies do").tag(sync=True)
