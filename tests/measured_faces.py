"""Faces without pictures, predictions for them, and a plain protocol: for the tests of what is measured."""

import numpy as np

from awing_lib.customs import CUSTOMS, make_protocol
from awing_lib.datasets import FaceDataset
from awing_lib.layouts import WFLW_98

PLAIN = make_protocol(CUSTOMS["wflw"], "given box")


def made(layout=WFLW_98, cls=FaceDataset, count=4, names=None, visible=None, **attributes):
    """Faces without pictures: outer eye corners 100 pixels apart, boxes of 200 x 50 pixels."""
    landmarks = np.random.default_rng(0).uniform(0, 100, (count, layout.count, 2))
    left, right = layout.eyes["inter-ocular"]
    landmarks[:, left[0]], landmarks[:, right[0]] = [0, 50], [100, 50]
    faces = cls.__new__(cls)
    faces.layout = layout
    names = names or [f"{index}.png" for index in range(count)]
    boxes = np.tile(np.float32([0, 0, 200, 50]), (count, 1))
    faces._fill(names, landmarks, boxes, visible, attributes)
    return faces


def off_by(faces, *pixels):
    """Predictions that are so many pixels off, at every landmark of a face."""
    return faces.landmarks + np.array(pixels, float)[:, None, None] * [0.6, -0.8]
