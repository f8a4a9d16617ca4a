"""Adaptive Wing loss for robust face alignment (Wang, Bo, Fuxin, ICCV 2019): the library behind the book.

Importing this package is cheap: torch is imported when a name that needs it is first used.
"""

from importlib import import_module

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
    "export_onnx": "export",
    "numpy_landmarks": "export",
    "predict_faces": "dataset_prediction",
    "evaluate": "evaluation",
    "train": "training",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> object:
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
