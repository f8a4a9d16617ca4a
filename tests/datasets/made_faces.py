"""Small random faces to write, and a data set of them that worker processes can be sent."""

import os

import cv2
import numpy as np

from awing_lib.datasets import FaceDataset, FaceSample
from awing_lib.datasets.wflw import ATTRIBUTES
from awing_lib.layouts import WFLW_98


def face(seed: int, points: int = 98, **changes) -> FaceSample:
    """A face with random landmarks on a smooth random picture, which JPEG hardly changes."""
    rng = np.random.default_rng([seed, points])
    height, width = rng.integers(40, 60, 2).tolist()
    picture = cv2.resize(rng.uniform(0, 255, (4, 4, 3)), (width, height), interpolation=cv2.INTER_LINEAR)
    fields = {
        "image": picture.astype(np.uint8),
        "landmarks": rng.uniform(1, 39, (points, 2)).astype(np.float32),
        "box": np.array([2.25, 3.5, 35.75, 38], np.float32),
        "visible": rng.random(points) > 0.2,
        "name": f"made/{seed:06d}.png",
        "attributes": dict(zip(ATTRIBUTES, rng.random(6) < 0.5, strict=True)) | {"yaw": round(rng.uniform(-75, 75), 3)},
    }
    return FaceSample(**fields | changes)


def odd_faces(points: int = 98) -> list[FaceSample]:
    """Eight faces with all that the formats must stand."""
    faces = [face(seed, points) for seed in range(8)]
    grey = np.repeat(faces[1].image[..., :1], 3, 2)
    faces[1] = face(1, points, image=grey)
    landmarks = faces[2].landmarks.copy()
    landmarks[0], landmarks[-1] = (-17.640625, -3), (848.28125, 120.5)  # outside the image
    faces[2] = face(2, points, landmarks=landmarks)
    faces[3] = face(3, points, box=np.array([-4.25, -3, 30, 41], np.float32))
    visible = np.ones(points, bool)
    faces[4] = face(4, points, visible=visible)
    faces[5] = face(5, points, visible=~visible)
    faces[6] = face(6, points, image=faces[7].image, name="a b/image_092 _01.jpg")  # two faces of one image
    faces[7] = face(7, points, name="a b/image_092 _01.jpg")
    return faces


class MadeFaces(FaceDataset):
    """Random faces without files."""

    layout = WFLW_98

    def __init__(self, count, layout=WFLW_98, seed=0):
        self.count, self.seed = count, seed

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        return face(1000 * self.seed + index)


class DeadlyFaces(MadeFaces):
    """Ends the process that asks for a face."""

    def __getitem__(self, index):
        os._exit(3)
