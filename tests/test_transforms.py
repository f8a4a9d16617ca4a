"""Crop and augmentation: the image and its landmarks move together, by the same matrix, to a twentieth of a pixel."""

import dataclasses
import math
import pickle
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awing_lib import transforms
from awing_lib.errors import AwingError
from awing_lib.layouts import LAYOUTS, WFLW_98
from awing_lib.transforms import (
    PROTOCOLS,
    Augmentation,
    CropProtocol,
    TransformError,
    Warp,
    apply,
    compose,
    crop_matrix,
    invert,
    map_landmarks,
    to_tensor,
)

BACKGROUND, SIDE = 60, 300
BOX = (40.3, 45.7, 250.3, 259.2)  # not on whole pixels, not square
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def face_points(layout, seed=0, center=(146.0, 152.0), radius=62.0):
    """As many points as the layout has, anywhere in a disc, between pixels."""
    generator = np.random.default_rng(seed)
    angle, distance = generator.uniform(0, 2 * np.pi, layout.count), radius * generator.random(layout.count) ** 0.5
    return np.stack([center[0] + distance * np.cos(angle), center[1] + distance * np.sin(angle)], -1)


def blob_images(landmarks, side=SIDE, deviation=3.0, amplitude=180):
    """One image per three landmarks, a smooth blob for each, in a channel of its own."""
    grid = np.arange(side)
    for first in range(0, len(landmarks), 3):
        image = np.full((side, side, 3), BACKGROUND, float)
        for channel, (x, y) in enumerate(landmarks[first : first + 3]):
            across, down = (np.exp(-((grid - c) ** 2) / (2 * deviation**2)) for c in (x, y))
            image[..., channel] += amplitude * np.outer(down, across)
        yield first, np.rint(image).astype(np.uint8)


def centroid(channel, near, reach):
    """Centre of the intensity above the background, within ``reach`` pixels of a point."""
    x0, y0 = (max(0, round(float(c)) - reach) for c in near)
    part = channel[y0 : y0 + 2 * reach + 1, x0 : x0 + 2 * reach + 1].astype(float) - BACKGROUND
    down, across = np.mgrid[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
    return np.array([(across * part).sum(), (down * part).sum()]) / part.sum()


def plain(layout, **changes):
    """An augmentation that does nothing but what is asked for."""
    off = dict.fromkeys(["rotation", "translation", "rescale", "flip_probability"], 0.0)
    off |= dict.fromkeys(["blur_probability", "noise_probability", "occlusion_probability"], 0.0)
    return Augmentation(layout, **(off | {"border": "edge"} | changes))


# -- where things land ------------------------------------------------------------------------------------------------

ALONE = {
    "crop": Warp(),
    "rotation": Warp(rotation=37.3),
    "rotation the other way": Warp(rotation=-50),
    "quarter turn": Warp(rotation=90),
    "larger": Warp(scale=1.15),
    "smaller": Warp(scale=0.85),
    "shift": Warp(shift=(17.4, -25)),
    "flip": Warp(flip=True),
    "all": Warp(rotation=50, scale=1.15, shift=(11.2, -7.6), flip=True),
}


@every_layout
@pytest.mark.parametrize("warp", ALONE.values(), ids=ALONE)
def test_a_blob_lands_on_its_landmark(layout, warp):
    landmarks = face_points(layout)
    matrix = compose(crop_matrix(BOX, padding=0.1), warp.matrix())
    moved = map_landmarks(matrix, landmarks)
    worst = 0.0
    for first, image in blob_images(landmarks):
        warped, all_moved = apply(matrix, image, landmarks, border="edge")
        np.testing.assert_array_equal(all_moved, moved)
        for channel, point in enumerate(moved[first : first + 3]):
            worst = max(worst, np.abs(centroid(warped[..., channel], point, 16) - point).max())
    assert worst < 0.05


@every_layout
@pytest.mark.parametrize(
    "changes",
    [
        {"rotation": 50.0},
        {"translation": 25.0},
        {"rescale": 0.15},
        {"flip_probability": 1.0},
        {"blur_probability": 1.0},
        {"noise_probability": 1.0, "noise_deviation": (0.002, 0.004)},
        {"brightness": 0.0, "contrast": 0.0, "flip_probability": 0.5, "rotation": 50.0, "rescale": 0.15}
        | {"blur_probability": 0.5, "noise_probability": 0.5, "noise_deviation": (0.001, 0.003), "translation": 20.0},
    ],
    ids=["rotation", "translation", "rescale", "flip", "blur", "noise", "together"],
)
def test_augmentation_keeps_blobs_and_landmarks_together(layout, changes):
    landmarks, mirror = face_points(layout, radius=50), np.array(layout.mirror)
    augment = plain(layout, protocol=PROTOCOLS["WFLW"], **changes)
    worst = 0.0
    reach = 12 if "noise" in str(changes) else 20  # noise far from the blob would pull on its centroid
    for first, image in blob_images(landmarks):
        crop = augment(image, landmarks, None, BOX, np.random.default_rng(first))
        flipped = np.linalg.det(crop.matrix[:, :2]) < 0
        assert crop.landmarks.shape == (layout.count, 2)
        for channel in range(len(landmarks[first : first + 3])):
            # the blob of landmark i is now the landmark that takes its place
            place = mirror[first + channel] if flipped else first + channel
            point = crop.landmarks[place]
            worst = max(worst, np.abs(centroid(crop.image[..., channel], point, reach) - point).max())
    assert worst < 0.05


@pytest.mark.parametrize("factor", [1.0, 1.7, 2.0, 2.6, 3.5, 4.4])
def test_blobs_land_right_in_large_photos_too(factor):
    """Averaging over blocks before the warp must not move anything."""
    landmarks = face_points(WFLW_98, center=(500, 480), radius=52 * factor)
    side = 200 * factor
    box = (500 - side / 2 + 0.2, 480 - side / 2, 500 + side / 2, 480 + side / 2)
    matrix = compose(crop_matrix(box, 200), Warp(rotation=23).matrix(200))
    for first, image in blob_images(landmarks, 1001, deviation=3 * factor):
        warped, moved = apply(matrix, image, landmarks, 200)
        for channel, point in enumerate(moved[first : first + 3]):
            assert np.abs(centroid(warped[..., channel], point, 14) - point).max() < 0.05


def test_a_shrunk_photo_does_not_alias():
    """Stripes finer than the crop's pixels become grey."""
    image = np.zeros((1200, 1200, 3), np.uint8)
    image[:, ::2] = 255
    image[1::2] = image[1::2, ::-1]
    warped, _ = apply(crop_matrix((-0.5, -0.5, 1199.5, 1199.5), 256), image, [[0, 0]])
    assert np.abs(warped[2:-2, 2:-2].astype(int) - 128).max() <= 3


def test_the_whole_image_follows_the_resizing_rule():
    x = np.array([[-0.5, -0.5], [0, 0], [10, 99], [99.5, 99.5]])
    np.testing.assert_allclose(map_landmarks(crop_matrix((-0.5, -0.5, 99.5, 99.5)), x), (x + 0.5) * 2.56 - 0.5, 1e-6)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(apply(crop_matrix((-0.5, -0.5, 63.5, 63.5), 64), image, x, 64)[0], image)
    doubled = cv2.resize(image, (128, 128), interpolation=cv2.INTER_LINEAR)  # same rule for pixel centres
    ours = apply(crop_matrix((-0.5, -0.5, 63.5, 63.5), 128), image, x, 128, border="edge")[0]
    assert np.abs(ours.astype(int) - doubled).max() <= 2
    halved = image.reshape(32, 2, 32, 2, 3).mean((1, 3))
    ours = apply(crop_matrix((-0.5, -0.5, 63.5, 63.5), 32), image, x, 32)[0]
    assert np.abs(ours - halved).max() <= 1


def test_the_square_is_the_longer_side_about_the_centre():
    matrix = crop_matrix((10, 20, 110, 60), 200, padding=0.5)  # side 150 about (60, 40)
    np.testing.assert_allclose(
        map_landmarks(matrix, [[60, 40], [-15, -35], [135, 115]]), [[99.5] * 2, [-0.5] * 2, [199.5] * 2]
    )


def test_directions():
    """As the docstrings say: counter-clockwise, right and down, and last the flip."""
    right_of_centre = [[227.5, 127.5]]
    np.testing.assert_allclose(map_landmarks(Warp(rotation=90).matrix(), right_of_centre), [[127.5, 27.5]], atol=1e-4)
    np.testing.assert_allclose(map_landmarks(Warp(shift=(5, 7)).matrix(), right_of_centre), [[232.5, 134.5]])
    np.testing.assert_allclose(map_landmarks(Warp(shift=(5, 0), flip=True).matrix(), right_of_centre), [[22.5, 127.5]])
    np.testing.assert_allclose(map_landmarks(Warp(scale=1.1).matrix(), right_of_centre), [[237.5, 127.5]], atol=1e-4)


@every_layout
def test_flip_is_an_involution(layout):
    landmarks = face_points(layout).astype(np.float32)
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    flip = Warp(flip=True).matrix()
    once, moved = apply(flip, image, landmarks)
    np.testing.assert_array_equal(once, image[:, ::-1])
    np.testing.assert_allclose(moved[list(layout.mirror)], layout.flip(landmarks, 256), atol=1e-4)
    twice, back = apply(flip, once, moved)
    np.testing.assert_array_equal(twice, image)
    np.testing.assert_allclose(back, landmarks, atol=1e-4)

    augment, whole = plain(layout, flip_probability=1.0), (-0.5, -0.5, 255.5, 255.5)
    visible = np.random.default_rng(1).random(layout.count) < 0.7
    first = augment(image, landmarks, visible, whole, np.random.default_rng(2))
    assert (first.visible == visible[list(layout.mirror)]).all()
    second = augment(*first[:3], whole, np.random.default_rng(3))
    np.testing.assert_array_equal(second.image, image)
    np.testing.assert_allclose(second.landmarks, landmarks, atol=1e-4)
    np.testing.assert_array_equal(second.visible, visible)


@settings(deadline=None, max_examples=200)
@given(
    st.floats(-180, 180),
    st.floats(0.1, 10),
    st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
    st.booleans(),
    st.integers(8, 600),
    st.lists(st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)), min_size=1, max_size=9),
)
def test_the_way_back(rotation, scale, shift, flip, size, points):
    matrix = compose(crop_matrix((3, 4, 203, 154), size), Warp(rotation, scale, shift, flip).matrix(size))
    there = map_landmarks(matrix, points)
    assert there.dtype == np.float32 and there.shape == (len(points), 2)
    stretch = np.linalg.norm(invert(matrix)[:, :2], 2)
    # float32 between the two ways
    tolerance = 1e-3 + stretch * 1e-6 * np.abs(there).max()
    np.testing.assert_allclose(map_landmarks(invert(matrix), there), points, atol=tolerance, rtol=1e-6)
    assert (np.linalg.det(matrix[:, :2]) < 0) == flip


# -- augmentation -----------------------------------------------------------------------------------------------------

everything = {"blur_probability": 0.5, "noise_probability": 0.5, "occlusion_probability": 0.5, "contrast": 0.2}


@every_layout
def test_the_same_seed_gives_the_same_sample(layout):
    image = next(blob_images(face_points(layout)))[1]
    augment = Augmentation(layout, **everything, brightness=0.2)
    copy = pickle.loads(pickle.dumps(augment))  # as a DataLoader's worker gets it
    assert copy == augment
    seen = []
    for seed in range(8):
        first = augment(image, face_points(layout), None, BOX, np.random.default_rng(seed))
        np.random.seed(1)  # global state has no say
        cv2.setRNGSeed(seed)
        second = copy(image, face_points(layout), None, BOX, np.random.default_rng(seed))
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a, b)
        seen.append(first.landmarks)
    assert len(np.unique(np.stack(seen)[:, 0, 0])) == 8


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.sampled_from(list(LAYOUTS)), st.data())
def test_count_order_and_ranges(seed, name, data):
    layout = LAYOUTS[name]
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (120, 150, 3), dtype=np.uint8)
    landmarks = generator.uniform(-30, 180, (layout.count, 2))
    landmarks[generator.random(layout.count) < 0.2] = np.nan
    visible = generator.random(layout.count) < 0.8
    before = image.copy(), landmarks.copy(), visible.copy()
    augment = Augmentation(
        layout,
        protocol=data.draw(st.sampled_from([PROTOCOLS["WFLW"], PROTOCOLS["COFW"]])),
        rotation=data.draw(st.floats(0, 180)),
        translation=data.draw(st.floats(0, 256)),
        rescale=data.draw(st.floats(0, 0.9)),
        **everything,
    )
    crop = augment(image, landmarks, visible, (-20.5, 10, 100, 140.25), generator)
    for kept, given_array in zip(before, (image, landmarks, visible), strict=True):
        np.testing.assert_array_equal(kept, given_array)  # the caller's arrays are left alone
    assert crop.image.shape == (256, 256, 3) and crop.image.dtype == np.uint8
    assert crop.landmarks.shape == (layout.count, 2) and crop.landmarks.dtype == np.float32
    assert crop.visible.shape == (layout.count,) and crop.visible.dtype == bool and crop.matrix.shape == (2, 3)
    flipped = np.linalg.det(crop.matrix[:, :2]) < 0
    order = list(layout.mirror) if flipped else slice(None)
    np.testing.assert_array_equal(crop.landmarks, map_landmarks(crop.matrix, landmarks)[order])
    np.testing.assert_array_equal(np.isnan(crop.landmarks), np.isnan(landmarks)[order])  # NaN stays NaN
    assert not (crop.visible & ~visible[order]).any()
    shown = crop.landmarks[crop.visible]
    assert (shown >= -0.5).all() and (shown < 255.5).all()


def test_draws_fill_their_ranges():
    augment, generator = Augmentation(WFLW_98), np.random.default_rng(0)
    warps = [augment.sample(generator) for _ in range(4000)]
    rotation, scale = (np.array([getattr(w, name) for w in warps]) for name in ("rotation", "scale"))
    shift = np.array([w.shift for w in warps])
    for values, low, high in ((rotation, -50, 50), (scale, 0.85, 1.15), (shift[:, 0], -25, 25), (shift[:, 1], -25, 25)):
        reach = (high - low) * 0.01
        assert low <= values.min() < low + reach and high - reach < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 3 * reach
    assert 0.47 < np.mean([w.flip for w in warps]) < 0.53


def test_occlusion_hides_but_moves_nothing():
    landmarks = face_points(WFLW_98)
    image = np.full((SIDE, SIDE, 3), 200, np.uint8)
    hidden = 0
    for seed in range(30):
        free = plain(WFLW_98, rotation=20.0)(image, landmarks, None, BOX, np.random.default_rng(seed))
        behind = plain(WFLW_98, rotation=20.0, occlusion_probability=1.0)(
            image, landmarks, None, BOX, np.random.default_rng(seed)
        )
        np.testing.assert_array_equal(free.landmarks, behind.landmarks)
        changed = (free.image != behind.image).any(-1)
        assert 0 < changed.mean() <= 2 * 0.36**2
        at = np.rint(free.landmarks).astype(int)
        np.testing.assert_array_equal(free.visible & ~behind.visible, changed[at[:, 1], at[:, 0]])
        hidden += (~behind.visible).sum()
    assert hidden > 100


def test_photometric_steps_do_what_they_are_called():
    landmarks = face_points(WFLW_98)
    image = np.random.default_rng(0).integers(60, 200, (SIDE, SIDE, 3), dtype=np.uint8)
    whole = (-0.5, -0.5, SIDE - 0.5, SIDE - 0.5)

    def crop(**changes):
        augment = plain(WFLW_98, size=SIDE, **changes)
        return augment(image, landmarks, None, whole, np.random.default_rng(0)).image.astype(float)

    np.testing.assert_array_equal(crop(), image)
    blurred = crop(blur_probability=1.0, blur_sigma=(1.0, 1.0))
    np.testing.assert_allclose(blurred, cv2.GaussianBlur(image, (0, 0), 1.0), atol=2)
    noise = crop(noise_probability=1.0, noise_deviation=(0.04, 0.04)) - image
    assert abs(noise.std() / (0.04 * 255) - 1) < 0.05 and abs(noise.mean()) < 0.6  # it is cut to whole numbers
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.02
    assert 0 < np.abs(crop(brightness=0.3) - image).max() <= 0.3 * 255 + 1
    assert (crop(contrast=0.3) != image).any()


def test_borders():
    image = np.full((100, 100, 3), 90, np.uint8)
    matrix = crop_matrix((-100.5, -0.5, 99.5, 99.5), 200)  # the photo is the right half, in the middle of the height
    black, edge = (apply(matrix, image, [[0, 0]], 200, border)[0] for border in ("black", "edge"))
    assert (black[52:148, 102:] == 90).all() and not black[:, :98].any() and not black[:48].any()
    assert (edge == 90).all()
    outside = crop_matrix((500, 500, 600, 600))
    assert (
        not apply(outside, image, [[0, 0]])[0].any() and (apply(outside, image, [[0, 0]], border="edge")[0] == 90).all()
    )


@settings(deadline=None, max_examples=100)
@given(st.floats(-180, 180), st.floats(0.6, 3), st.tuples(st.floats(-90, 90), st.floats(-90, 90)), st.booleans())
def test_the_part_that_is_cut_out_is_large_enough(rotation, scale, shift, flip):
    """Warping only what the crop shows is the same as warping the whole photo."""
    across, down = np.meshgrid(np.arange(310), np.arange(290))
    image = np.stack([across % 256, down % 256, (across + down) % 256], -1).astype(np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2)  # a slope whose rounding stays within one grey level
    matrix = compose(crop_matrix((60, 50, 150, 140), 90), Warp(rotation, scale, shift, flip).matrix(90))
    whole = cv2.warpAffine(image, matrix, (90, 90), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(apply(matrix, image, [[0, 0]], 90, "edge")[0].astype(int) - whole).max() <= 3


def noise(height, width):
    """No two blocks of pixels have the same mean."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None, max_examples=100)
@given(
    st.floats(-180, 180),
    st.floats(0.1, 1.2),
    st.tuples(st.floats(-120, 120), st.floats(-120, 120)),
    st.sampled_from([(703, 411), (411, 703), (3, 500)]),
    st.sampled_from(["black", "edge"]),
)
def test_the_part_that_is_halved_is_as_of_the_whole_photo(rotation, scale, shift, shape, border):
    image = noise(*shape)
    matrix = compose(crop_matrix((150, 140, 290, 280), 60), Warp(rotation, scale, shift).matrix(60))
    small, to_crop = image, matrix
    while np.linalg.norm(to_crop[:, :2], 2) <= 0.5 and min(small.shape[:2]) > 1:
        rows, columns = (side // 2 for side in small.shape[:2])
        small = cv2.resize(small[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
        to_crop = compose([[2, 0, 0.5], [0, 2, 0.5]], to_crop)
    flags = {"flags": cv2.INTER_LINEAR, "borderMode": transforms.BORDERS[border]}
    whole = cv2.warpAffine(small, to_crop, (60, 60), **flags)
    assert np.abs(apply(matrix, image, [[0, 0]], 60, border)[0].astype(int) - whole).max() <= 1  # by rounding


@pytest.mark.parametrize("side, block", [(270, 2), (500, 4), (1000, 8)])
def test_the_crop_does_not_depend_on_what_else_the_photo_shows(side, block):
    """More or less of it on any side, on the left and above by whole blocks: the same crop."""
    world, crop = noise(1700, 1800), CropProtocol(padding=0.1)
    for place in (401, 402, 403, 404.5):
        box = np.array([place, place + 30, place + side, place + side - 50])
        shown = crop(world, box=box, size=128)
        beside, above, _ = (int(each) // block * block for each in square_of(shown.matrix, 128))  # the least there is
        for left, top, right, bottom in ((64, 48, 1789, 1695), (beside, 0, 1800, 1699), (256, above, 1603, 1601)):
            moved = crop(world[top:bottom, left:right], box=box - [left, top, left, top], size=128)
            assert np.abs(moved.image - shown.image.astype(int)).max() <= 1  # by rounding


@settings(deadline=None, max_examples=200)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(*[st.floats(-1e6, 1e6)] * 4),
    st.sampled_from(["black", "edge"]),
    st.sampled_from([8, 64, 257]),
    st.floats(-180, 180),
)
def test_any_box_gives_a_crop_or_a_named_error(shape, box, border, size, rotation):
    image = np.full((*shape, 3), 77, np.uint8)
    try:
        matrix = compose(crop_matrix(box, size), Warp(rotation=rotation).matrix(size))
    except TransformError as error:
        assert str(error).startswith("box: ")
        return
    warped, landmarks = apply(matrix, image, [[0.0, 0.0], [np.nan, np.nan]], size, border)
    assert warped.shape == (size, size, 3) and np.isfinite(landmarks[0]).all() and np.isnan(landmarks[1]).all()
    assert warped.max() <= 77 and (border == "black" or (warped == 77).all())


def test_unusual_memory():
    """Reversed channels, read-only arrays and images wider than OpenCV's warp takes."""
    image = np.random.default_rng(0).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    matrix = crop_matrix((5, 5, 75, 75), 64)
    expected = apply(matrix, image, [[0, 0]], 64)[0]
    image.flags.writeable = False
    np.testing.assert_array_equal(apply(matrix, image, [[0, 0]], 64)[0], expected)
    np.testing.assert_array_equal(apply(matrix, image[..., ::-1], [[0, 0]], 64)[0], expected[..., ::-1])
    np.testing.assert_array_equal(apply(matrix, np.asfortranarray(image), [[0, 0]], 64)[0], expected)
    wide = np.full((3, 40_000, 3), 50, np.uint8)
    assert apply(crop_matrix((0, 0, 40_000, 3), 64), wide, [[0, 0]], 64, "edge")[0].min() == 50
    assert not to_tensor(expected[:, ::-1]).isnan().any()


# -- crop protocols ---------------------------------------------------------------------------------------------------


def square_of(matrix, size=256):
    """x0, y0 and side of the photo's square that a crop shows."""
    (x0, y0), (x1, _) = map_landmarks(invert(matrix), [[-0.5, -0.5], [size - 0.5, size - 0.5]]).tolist()
    return x0, y0, x1 - x0


def test_protocols():
    box, landmarks = (100, 100, 200, 180), np.array([[120.0, 110], [180, 190], [np.nan, np.nan]])
    assert square_of(PROTOCOLS["COFW"].matrix(box)) == pytest.approx((100, 90, 100), abs=1e-3)
    assert square_of(PROTOCOLS["AFLW"].matrix(box)) == pytest.approx((100, 90, 100), abs=1e-3)
    assert square_of(PROTOCOLS["WFLW"].matrix(box)) == pytest.approx((95, 85, 110), abs=1e-3)
    # landmarks span 60 x 80 about (150, 150), whatever the box
    expected = pytest.approx((106, 106, 88), abs=1e-3)
    assert square_of(PROTOCOLS["300W"].matrix(box, landmarks)) == expected
    assert square_of(PROTOCOLS["300W"].matrix(None, landmarks)) == expected


def test_official_wflw_protocol():
    protocol, box = PROTOCOLS["WFLW-official"], (100, 100, 200, 180)
    near = np.array([[120.0, 110], [180, 170]])
    # padded by int(2.5) and int(2) on each side: 104 x 84; 0.8 * 188 = 150.4 is 450 px; the middle 360 are shown
    side = 150.4 * 360 / 450
    assert square_of(protocol.matrix(box, near))[2] == pytest.approx(side, abs=1e-3)
    assert side == pytest.approx(1.28 * (104 + 84) / 2)
    # a landmark at 65 px from the centre is inside 10..440 of the 450, but outside 5..250 of the 256: all 450
    assert square_of(protocol.matrix(box, [[150 + 65.0, 140]]))[2] == pytest.approx(150.4, abs=1e-3)
    # one further out still is shown, at the 10th pixel of 450
    far = protocol.matrix(box, [[150 + 150.0, 140]])
    assert map_landmarks(far, [[300.0, 140]])[0, 0] == pytest.approx(440 * 256 / 450 - 0.5, abs=1e-3)


@every_layout
def test_protocols_crop_without_augmentation(layout):
    landmarks = face_points(layout)
    landmarks[3] = np.nan
    image = next(blob_images(np.nan_to_num(landmarks)))[1]
    for protocol in PROTOCOLS.values():
        crop = protocol(image, landmarks, None, BOX)
        np.testing.assert_array_equal(crop.landmarks, map_landmarks(crop.matrix, landmarks))
        np.testing.assert_allclose(map_landmarks(invert(crop.matrix), crop.landmarks), landmarks, atol=1e-3)
        assert not crop.visible[3] and crop.visible.sum() == layout.count - 1
    bare = CropProtocol()(image, box=BOX, size=64)
    assert bare.image.shape == (64, 64, 3) and bare.landmarks.shape == (0, 2) and bare.visible.shape == (0,)


# -- named errors -----------------------------------------------------------------------------------------------------

IMAGE, POINTS = np.zeros((50, 60, 3), np.uint8), face_points(WFLW_98, center=(30, 25), radius=20)
WHOLE = (0, 0, 50, 50)


@pytest.mark.parametrize(
    "box",
    [
        (10, 10, 10, 40),
        (10, 10, 40, 10),
        (40, 10, 10, 40),
        (10, 10, math.nan, 40),
        (10, 10, math.inf, 40),
        (0, 0, 1e7, 1e7),
        (10, 10, 10.5, 10.5),
        (1, 2, 3),
        ((1, 2), (3, 4)),
        "face",
        None,
        ("a", "b", "c", "d"),
        (500, 500, 600, 600),
        (-300, 0, -200, 50),
    ],
    ids=str,
)
def test_bad_boxes(box):
    for call in (
        lambda: Augmentation(WFLW_98)(IMAGE, POINTS, None, box, np.random.default_rng(0)),
        lambda: CropProtocol()(IMAGE, POINTS, None, box),
    ):
        with pytest.raises(TransformError, match=r"^box: "):
            call()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((50, 60), np.uint8), "grey image"),
        (np.zeros((50, 60, 1), np.uint8), "grey image"),
        (np.zeros((50, 60, 4), np.uint8), r"\(50, 60, 4\)"),
        (np.zeros((3, 50, 60), np.uint8), r"\(3, 50, 60\)"),
        (np.zeros((0, 60, 3), np.uint8), r"\(0, 60, 3\)"),
        (np.zeros((50, 60, 3), np.float32), "float32"),
        (np.zeros((50, 60, 3), np.int64), "int64"),
        ([[1, 2, 3]], "list"),
        (None, "NoneType"),
    ],
)
def test_bad_images(image, words):
    for call in (
        lambda: Augmentation(WFLW_98)(image, POINTS, None, WHOLE, np.random.default_rng(0)),
        lambda: CropProtocol()(image, POINTS, None, WHOLE),
        lambda: apply(crop_matrix(WHOLE), image, POINTS),
        lambda: to_tensor(image),
    ):
        with pytest.raises(TransformError, match=f"^image: expected uint8 RGB .*{words}"):
            call()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"landmarks": POINTS[:68]}, r"landmarks: WFLW-98 has 98 points.*\(68, 2\)"),
        ({"landmarks": POINTS.T}, r"landmarks: expected \(L, 2\)"),
        ({"landmarks": POINTS[None]}, r"landmarks: expected \(L, 2\)"),
        ({"landmarks": np.full((98, 2), np.inf)}, "landmarks: point 0 is"),
        ({"landmarks": np.full((98, 2), 1e30)}, "landmarks: point 0 is"),
        ({"landmarks": "nose"}, "landmarks: expected"),
        ({"landmarks": None}, "landmarks: expected"),
        ({"landmarks": [[1, 2], [3]]}, "landmarks: expected"),
        ({"visible": np.ones(97, bool)}, r"visible: expected bool \(98,\)"),
        ({"visible": np.ones(98)}, "visible: expected bool .* float64"),
        ({"generator": 0}, "generator must be a numpy.random.Generator, got int"),
        ({"generator": None}, "generator"),
    ],
)
def test_bad_arguments(arguments, words):
    given_arguments = {
        "image": IMAGE,
        "landmarks": POINTS,
        "visible": None,
        "box": WHOLE,
        "generator": np.random.default_rng(0),
    }
    with pytest.raises(TransformError, match=words):
        Augmentation(WFLW_98)(**(given_arguments | arguments))


@pytest.mark.parametrize(
    "matrix", [np.eye(3), np.zeros((2, 3)), [[1, 0, np.nan], [0, 1, 0]], [[1, 1, 0], [1, 1, 0]], "x"]
)
def test_bad_matrices(matrix):
    for call in (invert, compose, lambda m: map_landmarks(m, POINTS), lambda m: apply(m, IMAGE, POINTS)):
        with pytest.raises(TransformError, match=r"^matrix: "):
            call(matrix)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Augmentation, {"layout": "WFLW"}),
        (Augmentation, {"protocol": "WFLW"}),
        (Augmentation, {"size": 0}),
        (Augmentation, {"size": 256.0}),
        (Augmentation, {"border": "mirror"}),
        (Augmentation, {"rotation": -1}),
        (Augmentation, {"rotation": 181}),
        (Augmentation, {"translation": math.nan}),
        (Augmentation, {"rescale": 1.0}),
        (Augmentation, {"flip_probability": 1.1}),
        (Augmentation, {"blur_probability": "often"}),
        (Augmentation, {"noise_probability": None}),
        (Augmentation, {"occlusion_probability": -0.1}),
        (Augmentation, {"blur_sigma": 2.0}),
        (Augmentation, {"blur_sigma": (2.0, 1.0)}),
        (Augmentation, {"blur_sigma": (0, 1)}),
        (Augmentation, {"noise_deviation": (0, 1, 2)}),
        (Augmentation, {"occlusion_size": (0.5, 1.5)}),
        (Augmentation, {"occlusion_count": 0}),
        (Augmentation, {"occlusion_count": 1.5}),
        (Augmentation, {"brightness": 2}),
        (Augmentation, {"contrast": True}),
        (CropProtocol, {"padding": -0.1}),
        (CropProtocol, {"box": "detector"}),
        (CropProtocol, {"official_wflw": "yes"}),
        (Warp, {"rotation": math.inf}),
        (Warp, {"scale": 0}),
        (Warp, {"shift": 3}),
        (Warp, {"shift": (1, math.nan)}),
        (Warp, {"flip": "no"}),
    ],
)
def test_settings_are_checked_when_they_are_made(kind, fields):
    good = {"layout": WFLW_98} if kind is Augmentation else {}
    with pytest.raises(AwingError, match=f"^{next(iter(fields))} must be"):
        kind(**(good | fields))


def test_lists_from_a_recipe_file_will_do():
    augment = Augmentation(WFLW_98, blur_sigma=[0.5, 1.0])
    assert augment == dataclasses.replace(augment, blur_sigma=(0.5, 1.0)) and augment.blur_sigma == (0.5, 1.0)


def test_protocols_that_need_landmarks_say_so():
    for name in ("300W", "WFLW-official"):
        with pytest.raises(TransformError, match="pass landmarks"):
            PROTOCOLS[name].matrix(WHOLE)
        with pytest.raises(TransformError, match="none is marked"):
            PROTOCOLS[name].matrix(WHOLE, np.full((5, 2), np.nan))
    with pytest.raises(TransformError, match=r"^box: .* empty"):
        PROTOCOLS["300W"].matrix(None, [[3.0, 4.0]])  # one point has no extent
    with pytest.raises(TransformError, match="border must be"):
        apply(crop_matrix(WHOLE), IMAGE, POINTS, border="wrap")
    with pytest.raises(TransformError, match="padding must be"):
        crop_matrix(WHOLE, padding=-1)


def test_to_tensor():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    tensor = to_tensor(image)
    assert tensor.shape == (3, 5, 7) and str(tensor.dtype) == "torch.float32" and tensor.is_contiguous()
    np.testing.assert_array_equal(tensor.numpy().transpose(1, 2, 0), (image / 255).astype(np.float32))


# -- albumentations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [None, "0"])
def test_nothing_is_asked_of_the_network(setting):
    """albumentations asks pypi.org for its newest version when imported; here it must not, whatever the environment."""
    script = f"""
        import os, socket, sys, urllib.request
        switch, setting = "NO_ALBUMENTATIONS_UPDATE", {setting!r}
        os.environ.pop(switch, None)
        if setting is not None:
            os.environ[switch] = setting
        asked = []
        def refuse(*arguments, **more):
            asked.append(arguments)
            raise OSError("no network in this test")
        socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
        urllib.request.OpenerDirector.open = refuse

        import awing_lib.transforms as transforms
        assert not {{"albumentations", "torch"}} & set(sys.modules), "imported before it is needed"
        transforms._albumentations()
        assert "albumentations" in sys.modules and not asked, asked
        assert os.environ.get(switch) == setting, "the environment is left as it was"
        print("quiet")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.strip() == "quiet", done.stderr
    assert "warn" not in done.stderr.lower()


def test_no_geometry_loads_albumentations(monkeypatch):
    """Cropping for evaluation does without it."""
    monkeypatch.setattr(transforms, "_albumentations", lambda: pytest.fail("imported"))
    transforms._photometric.cache_clear()
    CropProtocol()(IMAGE, POINTS, None, WHOLE)
    plain(WFLW_98, rotation=50.0)(IMAGE, POINTS, None, WHOLE, np.random.default_rng(0))
