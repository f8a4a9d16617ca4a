"""The hourglass builder: choose the network's sizes and see its shape and its price."""

import traitlets

from awing_lib.widgets import BookFigure, module


class HourglassBuilder(BookFigure):
    """Sides of the maps along the network, its parameters and multiply-adds, for images of 256x256.

    They are those of :class:`awing_lib.hourglass.StackedHourglass` as :func:`awing_lib.hourglass.describe` counts them.

    Args:
        stacks: number of hourglasses, 1 to 8.
        depth: how often each halves its input, 1 to 5.
        features: channels inside, a multiple of 8 from 32 to 256.
        coordconv: the first convolution of the stem and of each stack sees coordinates.
        boundary: there is a boundary map after the maps of the 98 landmarks.

    Raises:
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("hourglass_builder")
    alternative = (
        "Interactive figure: the sides of the maps along a stacked hourglass, its parameters and its multiply-adds, "
        "for numbers of stacks, depths and features to choose. It needs JavaScript."
    )
    stacks = traitlets.Int(4, min=1, max=8).tag(sync=True)
    depth = traitlets.Int(4, min=1, max=5).tag(sync=True)
    features = traitlets.Int(256, min=32, max=256).tag(sync=True)
    coordconv = traitlets.Bool(True).tag(sync=True)
    boundary = traitlets.Bool(True).tag(sync=True)

    @traitlets.validate("features")
    def _multiple_of_8(self, proposal):
        if proposal["value"] % 8:
            raise traitlets.TraitError(f"features must be a multiple of 8, got {proposal['value']}")
        return proposal["value"]
