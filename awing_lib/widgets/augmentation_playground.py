"""The augmentation playground: a face and its 98 landmarks under rotation, rescaling, translation and flip."""

import base64
from functools import cache

import cv2
import numpy as np
import traitlets

from awing_lib.datasets import FaceSample, SyntheticFaces
from awing_lib.layouts import WFLW_98
from awing_lib.transforms import CROP_SIZE, PROTOCOLS
from awing_lib.widgets import BookFigure, module

DIFFICULT = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
"""WFLW's six attributes."""
LARGEST_IMAGE = 30_000
"""Bytes of the embedded picture: a page holds more than this one."""


class AugmentationPlayground(BookFigure):
    """The paper's geometric augmentation (section 6) on sliders, its matrix, and what a forgotten permutation costs.

    The matrix is that of :meth:`awing_lib.transforms.Warp.matrix`; the flip comes last.

    Args:
        face: a face with the 98 points of WFLW; its crop is shown. A synthetic one, where None.
        rotation: degrees, positive is counter-clockwise as one sees it; -50 to 50.
        scale: 1.1 shows the face a tenth larger; 0.85 to 1.15.
        right, down: the shift, pixels of the crop; -25 to 25.
        flip: left to right.
        permute: let the landmarks of a flipped face change places, as they must.
        indices: show the index of every landmark, not only of the outer eye corners.

    Raises:
        ValueError: the face does not have 98 landmarks, all marked.
        traitlets.TraitError: a value is outside of its slider.
    """

    _esm = module("augmentation_playground")
    alternative = (
        "Interactive figure: a drawn face with its 98 landmarks under rotation, scale, shift and flip. A flip that "
        "does not permute the indices puts the landmarks of the left eye on the right eye. It needs JavaScript."
    )
    image = traitlets.Unicode(help="the crop, 256x256, as a data URI").tag(sync=True)
    landmarks = traitlets.List(help="(98, 2) pixels of the crop").tag(sync=True)
    mirror_pairs = traitlets.List(help="landmarks that change places in a flip; image-left first").tag(sync=True)
    points = traitlets.List(help="names of the landmarks").tag(sync=True)
    rotation = traitlets.Float(0.0, min=-50.0, max=50.0).tag(sync=True)
    scale = traitlets.Float(1.0, min=0.85, max=1.15).tag(sync=True)
    right = traitlets.Float(0.0, min=-25.0, max=25.0).tag(sync=True)
    down = traitlets.Float(0.0, min=-25.0, max=25.0).tag(sync=True)
    flip = traitlets.Bool(False).tag(sync=True)
    permute = traitlets.Bool(True).tag(sync=True)
    indices = traitlets.Bool(False).tag(sync=True)

    def __init__(self, face: FaceSample | None = None, **settings: object) -> None:
        face = face or frontal_face()
        if face.landmarks.shape != (WFLW_98.count, 2) or np.isnan(face.landmarks).any():
            raise ValueError(f"face: expected ({WFLW_98.count}, 2) marked landmarks, got {face.landmarks.shape}")
        crop = PROTOCOLS["WFLW"](face.image, face.landmarks, box=face.box)
        super().__init__(
            image=_jpeg(crop.image),
            landmarks=crop.landmarks.astype(float).round(2).tolist(),
            mirror_pairs=[list(pair) for pair in WFLW_98.mirror_pairs],
            points=list(WFLW_98.points),
            **settings,
        )


@cache
def frontal_face(seed: int = 0) -> FaceSample:
    """The first synthetic face of a seed that is turned a little, tilted hardly, and has none of WFLW's six attributes.

    A little turned, so that the face and its mirror image differ.
    """
    faces = SyntheticFaces(300, WFLW_98, seed)
    found = faces.attributes
    yaw, pitch, roll = (np.abs(found[name]) for name in ("yaw", "pitch", "roll"))
    fits = (yaw > 5) & (yaw < 15) & (pitch < 8) & (roll < 6) & ~np.any([found[name] for name in DIFFICULT], axis=0)
    return faces[int(fits.argmax())]


def _jpeg(image: np.ndarray) -> str:
    """The image (256, 256, 3) uint8 as a data URI, in the best quality that fits."""
    assert image.shape == (CROP_SIZE, CROP_SIZE, 3)
    for quality in range(90, 0, -5):
        data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
        if len(uri) <= LARGEST_IMAGE:
            break
    return uri
