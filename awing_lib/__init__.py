"""Adaptive Wing loss for robust face alignment (Wang, Bo, Fuxin, ICCV 2019): the library behind the book.

Importing this package is cheap: torch is imported when a name that needs it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# public name -> module that defines it
_PUBLIC = {
    "adaptive_wing_loss": "losses",
    "wing_loss": "losses",
    "AdaptiveWingLoss": "losses",
    "WingLoss": "losses",
    "resize_landmarks": "heatmaps",
    "render_heatmaps": "heatmaps",
    "decode_heatmaps": "heatmaps",
    "loss_weight_map": "heatmaps",
    "render_boundaries": "boundaries",
    "TargetMaker": "targets",
    "make_targets": "targets",
    "coordinate_channels": "coordconv",
    "boundary_coordinates": "coordconv",
    "CoordConv2d": "coordconv",
    "normalized_mean_error": "metrics",
    "failure_rate": "metrics",
    "cumulative_error_distribution": "metrics",
    "area_under_curve": "metrics",
    "StackedHourglass": "hourglass",
    "Recipe": "recipes",
    "load_recipe": "recipes",
    "FaceAligner": "inference",
    "Face": "inference",
    "export_onnx": "export",
    "numpy_landmarks": "export",
    "predict_faces": "dataset_prediction",
    "evaluate": "evaluation",
    "train": "training",
    "AwingError": "errors",
}
__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:  # the same for editors and type checkers, which do not look into the dictionary
    from awing_lib.boundaries import render_boundaries as render_boundaries
    from awing_lib.coordconv import CoordConv2d as CoordConv2d
    from awing_lib.coordconv import boundary_coordinates as boundary_coordinates
    from awing_lib.coordconv import coordinate_channels as coordinate_channels
    from awing_lib.dataset_prediction import predict_faces as predict_faces
    from awing_lib.errors import AwingError as AwingError
    from awing_lib.evaluation import evaluate as evaluate
    from awing_lib.export import export_onnx as export_onnx
    from awing_lib.export import numpy_landmarks as numpy_landmarks
    from awing_lib.heatmaps import decode_heatmaps as decode_heatmaps
    from awing_lib.heatmaps import loss_weight_map as loss_weight_map
    from awing_lib.heatmaps import render_heatmaps as render_heatmaps
    from awing_lib.heatmaps import resize_landmarks as resize_landmarks
    from awing_lib.hourglass import StackedHourglass as StackedHourglass
    from awing_lib.inference import Face as Face
    from awing_lib.inference import FaceAligner as FaceAligner
    from awing_lib.losses import AdaptiveWingLoss as AdaptiveWingLoss
    from awing_lib.losses import WingLoss as WingLoss
    from awing_lib.losses import adaptive_wing_loss as adaptive_wing_loss
    from awing_lib.losses import wing_loss as wing_loss
    from awing_lib.metrics import area_under_curve as area_under_curve
    from awing_lib.metrics import cumulative_error_distribution as cumulative_error_distribution
    from awing_lib.metrics import failure_rate as failure_rate
    from awing_lib.metrics import normalized_mean_error as normalized_mean_error
    from awing_lib.recipes import Recipe as Recipe
    from awing_lib.recipes import load_recipe as load_recipe
    from awing_lib.targets import TargetMaker as TargetMaker
    from awing_lib.targets import make_targets as make_targets
    from awing_lib.training import train as train
else:

    def __getattr__(name: str) -> object:
        if name in _PUBLIC:
            return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
