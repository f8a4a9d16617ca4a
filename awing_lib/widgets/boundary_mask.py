"""The boundary mask: a boundary map as a network might predict it, and the coordinates that it lets through."""

import torch
import traitlets

from awing_lib.boundaries import render_boundaries
from awing_lib.datasets import FaceSample
from awing_lib.heatmaps import resize_landmarks
from awing_lib.layouts import WFLW_98
from awing_lib.transforms import CROP_SIZE, PROTOCOLS
from awing_lib.widgets import BookFigure, module
from awing_lib.widgets.augmentation_playground import frontal_face

SIZE = 64
"""Side of the maps, pixels."""


class BoundaryMask(BookFigure):
    """Boundary coordinates (section 5 and figure 8 of the paper) under a threshold, for a good or a bad prediction.

    The coordinates are those of :func:`awing_lib.coordconv.boundary_coordinates`.

    Args:
        face: a face with the 98 points of WFLW; the boundary of its crop is shown. A synthetic one, where None.
        threshold: a pixel lets its coordinates through where the map is at least this; 0.01 to 0.9.
        spread: standard deviation of a Gaussian blur of the map, pixels; 0 to 3.
        noise: standard deviation of what is then added to each pixel; 0 to 0.2.

    Raises:
        ValueError: the face does not have 98 landmarks.
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("boundary_mask")
    alternative = (
        "Interactive figure: the boundary map of a face, and the x and y coordinates of the pixels where it reaches a "
        "threshold. Blur and noise show what a bad prediction lets through. It needs JavaScript."
    )
    boundary = traitlets.List(help="the clean boundary map, 64x64 numbers, row after row").tag(sync=True)
    threshold = traitlets.Float(0.05, min=0.01, max=0.9).tag(sync=True)
    spread = traitlets.Float(0.0, min=0.0, max=3.0).tag(sync=True)
    noise = traitlets.Float(0.0, min=0.0, max=0.2).tag(sync=True)

    def __init__(self, face: FaceSample | None = None, **settings: object) -> None:
        boundary = boundary_of(face or frontal_face())
        # four digits are more than a screen can show; 0 as a whole number keeps the page small
        values = [round(value, 4) or 0 for value in boundary.flatten().tolist()]
        super().__init__(boundary=values, **settings)


def boundary_of(face: FaceSample) -> torch.Tensor:
    """The boundary map (64, 64) of the face's crop (the protocol of WFLW).

    Raises:
        ValueError: the face does not have 98 landmarks.
    """
    if face.landmarks.shape != (WFLW_98.count, 2):
        raise ValueError(f"face: expected ({WFLW_98.count}, 2) landmarks, got {face.landmarks.shape}")
    crop = PROTOCOLS["WFLW"](face.image, face.landmarks, box=face.box)
    landmarks = resize_landmarks(torch.from_numpy(crop.landmarks).float(), CROP_SIZE, SIZE)
    return render_boundaries(landmarks, WFLW_98, SIZE)[0]
