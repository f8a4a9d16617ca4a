"""The speed explorer: what memory lets a layer reach (roofline), and what a faster part does for the whole (Amdahl)."""

import traitlets

from awing_lib.widgets import BookFigure, module


class SpeedExplorer(BookFigure):
    """A roofline with three kinds of layers on it, and Amdahl's law beside it.

    Args:
        features: channels of the layers, a multiple of 8 from 8 to 256.
        side: of their square maps, pixels, a multiple of 4 from 4 to 128.
        batch: images at a time, 1 to 64.
        half: True counts 2 bytes a value, as in bfloat16; False counts 4.
        ridge: operations a byte at which a machine's memory and arithmetic are in balance, 1 to 1000.
        share: of the whole time that a part takes, 0 to 0.99.
        factor: how many times faster that part is made, 1 to 100.

    Raises:
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("speed_explorer")
    alternative = (
        "Interactive figure: a roofline, on which the layers of a network move with features, map size and batch, and "
        "Amdahl's law, with the share and the speedup of a part to choose. It needs JavaScript."
    )
    features = traitlets.Int(256, min=8, max=256).tag(sync=True)
    side = traitlets.Int(64, min=4, max=128).tag(sync=True)
    batch = traitlets.Int(8, min=1, max=64).tag(sync=True)
    half = traitlets.Bool(False).tag(sync=True)
    ridge = traitlets.Float(50.0, min=1, max=1000).tag(sync=True)
    share = traitlets.Float(0.8, min=0, max=0.99).tag(sync=True)
    factor = traitlets.Float(10.0, min=1, max=100).tag(sync=True)

    @traitlets.validate("features", "side")
    def _multiple(self, proposal: dict) -> int:
        name, step = proposal["trait"].name, {"features": 8, "side": 4}[proposal["trait"].name]
        if proposal["value"] % step:
            raise traitlets.TraitError(f"{name} must be a multiple of {step}, got {proposal['value']}")
        return proposal["value"]


def convolution_cost(features: int, side: int, batch: int, width: int, kernel: int) -> tuple[int, int]:
    """Operations and bytes of a convolution with as many channels out as in, without bias.

    Args:
        features, side, batch: the maps are (batch, features, side, side), before and after.
        width: bytes of a value.
        kernel: side of the square kernels, odd; the padding keeps the side.

    Returns:
        Operations, where a multiply-add counts as two and the padding is not left out; and bytes, if each value of
        input, weights and output is moved exactly once.
    """
    maps, weights = batch * features * side**2, (features * kernel) ** 2
    return 2 * maps * features * kernel**2, width * (2 * maps + weights)


def relu_cost(features: int, side: int, batch: int, width: int) -> tuple[int, int]:
    """Operations and bytes of a ReLU: one operation a value, each read once and written once."""
    maps = batch * features * side**2
    return maps, width * 2 * maps


def attainable(intensity: float, ridge: float) -> float:
    """Share of a machine's peak rate that the roofline allows at ``intensity``, both in operations a byte."""
    return min(1.0, intensity / ridge)


def amdahl(share: float, factor: float) -> float:
    """Speedup of the whole if the part with ``share`` of the time becomes ``factor`` times as fast (Amdahl's law)."""
    return 1 / (1 - share + share / factor)
