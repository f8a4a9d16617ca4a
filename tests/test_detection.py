"""The detector that needs no download: where it finds the astronaut, and that its boxes are those of landmarks."""

import sys

import cv2
import numpy as np
import pytest

from awing_lib.datasets import FaceTable
from awing_lib.detection import WINDOW_EXTENT, WINDOW_SHIFT, CascadeDetector, DetectionError, merge_windows

skimage_data = pytest.importorskip("skimage.data")

ASTRONAUT = np.array([176, 86, 278, 187])  # tight box of the landmarks, marked by eye: brows, jaw, chin


@pytest.fixture(scope="module")
def detector():
    return CascadeDetector()


def overlap(box, other):
    """Intersection over union."""
    area = [np.prod(each[2:] - each[:2]) for each in (box, other)]
    common = np.prod(np.clip(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0, None))
    return common / (sum(area) - common)


def test_the_astronaut_has_one_face_where_its_landmarks_are(detector):
    image = skimage_data.astronaut()
    assert len(detector.windows(image)) > 5  # which are one face
    boxes = detector(image)
    assert boxes.dtype == np.float32 and boxes.shape == (1, 4)
    assert overlap(boxes[0], ASTRONAUT) > 0.75


@pytest.mark.parametrize("scale", [0.4, 1.7, 3])
def test_the_box_follows_the_picture_at_any_size(detector, scale):
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(skimage_data.astronaut(), None, fx=scale, fy=scale, interpolation=how)
    boxes = detector(image)
    assert len(boxes) == 1 and overlap(boxes[0], (ASTRONAUT + 0.5) * scale - 0.5) > 0.65


def test_two_faces_are_two(detector):
    image = skimage_data.astronaut()[:300, 60:400]
    pair = np.concatenate([image, image[:, ::-1]], 1)
    boxes = detector(pair)
    boxes = boxes[np.argsort(boxes[:, 0])]
    mirrored = (2 * 340 - 1) - boxes[1][[2, 1, 0, 3]] * [1, -1, 1, -1]
    mirrored[[1, 3]] = boxes[1][[1, 3]]
    assert len(boxes) == 2 and overlap(boxes[0], mirrored) > 0.75


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((23, 500, 3), np.uint8),
        np.zeros((24, 24, 3), np.uint8),
        np.full((400, 300, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8),
    ],
    ids=["one pixel", "strip", "window", "white", "noise"],
)
def test_no_face(detector, image):
    boxes = detector(image)
    assert boxes.shape == (0, 4) and boxes.dtype == np.float32


def test_a_view_of_an_image_will_do(detector):
    image = skimage_data.astronaut()
    view = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    assert np.array_equal(detector(view), detector(image))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"smallest": 0}, "smallest must be a share from 0.02 to 1, got 0"),
        ({"smallest": float("nan")}, "smallest"),
        ({"smallest": "big"}, "smallest"),
        ({"support": 0}, "support must be a whole number of at least 1, got 0"),
        ({"support": 2.5}, "support"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(DetectionError, match=message):
        CascadeDetector(**options)


def test_settings_do_what_they_say(detector):
    image = skimage_data.astronaut()
    assert len(CascadeDetector(smallest=0.5)(image)) == 0  # the face is a fifth of the photo
    assert len(CascadeDetector(support=1000)(image)) == 0
    assert len(CascadeDetector(support=1)(image)) > 1


def test_without_scikit_image_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(DetectionError, match="pip install scikit-image"):
        CascadeDetector()


def test_merging_takes_the_median_of_each_heap():
    first = np.array([[100, 100, 40], [102, 101, 40], [104, 99, 44], [98, 100, 36], [101, 140, 40]])  # and one astray
    second = np.array([[300, 50, 80], [302, 50, 90], [298, 51, 84]])
    merged = merge_windows(np.concatenate([second, first]), 3)
    assert merged.tolist() == [[101, 100, 40], [300, 50, 84]]  # the larger heap first
    assert merge_windows(np.concatenate([second, first]), 4).tolist() == [[101, 100, 40]]
    assert merge_windows(np.empty((0, 3)), 1).shape == (0, 3)


def test_merging_keeps_one_of_overlapping_heaps():
    windows = np.array([[100, 100, 40]] * 5 + [[112, 100, 40]] * 3 + [[100, 104, 90]] * 3)
    assert merge_windows(windows, 2).tolist() == [[100, 100, 40]]


def test_the_rule_from_window_to_box_is_that_of_real_faces(root, detector):
    """How :data:`WINDOW_SHIFT` and :data:`WINDOW_EXTENT` were found, here on a few faces of other people."""
    folder = root.parent / "shared/data/youtube-faces-68"
    if not folder.is_dir():
        pytest.skip("the real faces are not at hand")
    faces = FaceTable(folder, "val")
    rules = []
    for index in range(0, len(faces), 20):
        face = faces[index]
        center, size = (face.box[:2] + face.box[2:]) / 2, face.box[2:] - face.box[:2]
        for *middle, side in merge_windows(detector.windows(face.image), detector.support):
            if np.abs(middle - center).max() < 0.35 * size.max() and 0.5 < side / size.max() < 2:
                rules.append([*(center - middle) / side, *size / side])
    assert len(rules) > 0.6 * len(range(0, len(faces), 20))
    assert np.median(rules, 0) == pytest.approx([0, WINDOW_SHIFT, *WINDOW_EXTENT], abs=0.06)
