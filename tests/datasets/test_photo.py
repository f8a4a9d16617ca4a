"""What surrounds a synthetic face, and what the camera does to it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from awing_lib.datasets.synthetic.photo import Photo, background, develop
from awing_lib.errors import AwingError

SIZE = 256


def seeded(seed) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- backgrounds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 100, 256, 301])
def test_background_is_a_picture_of_its_seed(size):
    for seed in range(25):
        picture = background(seeded(seed), size)
        assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
        assert picture.tobytes() == background(seeded(seed), size).tobytes()


def test_backgrounds_differ_in_light_and_colour():
    colours = np.array([background(seeded(seed), 64).mean((0, 1)) / 255 for seed in range(150)])
    brightness = colours.mean(1)
    assert brightness.min() < 0.2 and brightness.max() > 0.75
    assert len(np.unique(np.round(colours, 2), axis=0)) > 120


def test_backgrounds_are_out_of_focus():
    # nothing behind a head has detail at the scale of a pixel, so the face is the sharpest thing in the picture
    for seed in range(60):
        picture = background(seeded(seed)) / 255
        assert np.abs(np.diff(picture, axis=1)).mean() < 0.03


@pytest.mark.parametrize("size", [7, 4097, 256.0, "256", None, True])
def test_background_refuses_a_size(size):
    with pytest.raises(AwingError, match="size must be"):
        background(seeded(0), size)


# -- the camera -------------------------------------------------------------------------------------------------------


def scenery(seed) -> np.ndarray:
    """A picture with middle tones and edges of every strength."""
    noise = seeded(seed).random((32, 32, 3)).astype(np.float32)
    picture = 0.15 + 0.7 * cv2.resize(noise, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)
    return 0.5 * picture + 0.25


def brightness(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float64) @ (0.299, 0.587, 0.114)


@pytest.mark.parametrize("bad_light", [False, True])
@pytest.mark.parametrize("blurred", [False, True])
def test_develop_gives_the_same_bytes_for_the_same_seed(bad_light, blurred):
    image = scenery(0)
    before = image.copy()
    for seed in range(12):
        first, second = seeded(seed), seeded(seed)
        photo = Photo.sample(first, bad_light, blurred)
        assert photo == Photo.sample(second, bad_light, blurred)
        pixels = develop(image, photo, first)
        assert pixels.dtype == np.uint8 and pixels.shape == image.shape
        assert pixels.tobytes() == develop(image, photo, second).tobytes()
    assert (image == before).all()


def test_a_photo_of_defaults_changes_little():
    image = cv2.GaussianBlur(scenery(1), (0, 0), 3)
    pixels = develop(image, Photo(), seeded(0))
    assert np.abs(pixels / 255 - image).mean() < 0.01


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (601, 40)])
def test_develop_takes_any_shape(shape):
    image = np.full((*shape, 3), 0.5, np.float32)
    for photo in (
        Photo(blur=6, motion=20, angle=30, low_resolution=5, noise=0.1, vignette=0.5),
        Photo(blur=0.5, motion=4),
    ):
        assert develop(image, photo, seeded(0)).shape == image.shape


EXTREMES = [
    *(Photo(motion=length, angle=angle) for length in (0.4, 3, 9.9, 10.1, 22) for angle in (0, 17, 45, 90, 133, -60)),
    *(Photo(blur=sigma) for sigma in (0.2, 1, 1.99, 2.01, 5, 12)),
    *(Photo(low_resolution=factor) for factor in (1.01, 1.3, 2, 3.3, 5.7, 8)),
    *(Photo(exposure=stops, vignette=0.6) for stops in (-4, 3)),
    Photo(warmth=1, tint=1, saturation=2),
    Photo(warmth=-1, tint=-1, contrast=0.3, gamma=2),
    Photo(grey=True, quality=20),
    *(Photo.sample(seeded(seed), seed % 2 == 0, seed % 3 > 0) for seed in range(60)),
]


@pytest.mark.parametrize("number", range(len(EXTREMES)))
def test_develop_moves_nothing(number):
    """The centroid of a bright blob stays within 0.3 px, so landmarks stay true."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    x, y = seeded(number).uniform(100, 156, 2)
    blob = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 7**2))
    image = np.repeat((0.1 + 0.75 * blob).astype(np.float32)[..., None], 3, 2)
    # in the dark the noise itself would move a centroid: it is averaged out
    seen = np.mean([brightness(develop(image, EXTREMES[number], seeded(seed))) for seed in range(8)], 0)
    ground, top = np.median(seen), np.percentile(seen, 99.9)
    weight = np.maximum(seen - ground - 0.3 * (top - ground), 0)
    centroid = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    np.testing.assert_allclose(centroid, (x, y), atol=0.3)


COARSE = [Photo(blur=3), Photo(motion=14, angle=50), Photo(low_resolution=4), Photo(blur=4.5, noise=0.02, vignette=0.3)]


@pytest.mark.parametrize("number", range(len(COARSE)))
def test_a_coarse_photo_needs_half_the_size_only(number):
    photo = replace(COARSE[number], quality=100)
    assert photo.coarse
    image = scenery(number)
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    whole, halved = develop(image, photo, seeded(0)), develop(small, photo, seeded(0), halved=True)
    assert whole.shape == halved.shape
    assert np.abs(whole.astype(int) - halved).mean() < 1


def test_an_ordinary_photo_is_not_coarse():
    photos = [Photo.sample(seeded(seed), seed % 2 == 0, False) for seed in range(40)]
    assert not any(photo.coarse for photo in [*photos, Photo()])
    assert any(Photo.sample(seeded(seed), False, True).coarse for seed in range(5))


def test_bad_light_changes_light_and_colour():
    def change(bad_light):
        """How far from the scene's large-scale colours the photos are: mean over draws, display values."""
        totals = []
        for seed in range(120):
            image = scenery(seed)
            pixels = develop(image, Photo.sample(seeded(seed), bad_light, False), seeded(seed))
            totals.append(np.abs(cv2.resize(pixels / 255 - image, (4, 4), interpolation=cv2.INTER_AREA)).mean())
        return np.array(totals)

    ordinary, bad = change(False), change(True)
    assert bad.mean() > 2 * ordinary.mean()
    # a flat photo keeps the mean colour: every other kind of bad light departs from it
    assert (bad > np.percentile(ordinary, 75)).mean() > 0.7


def test_bad_light_has_dark_bright_coloured_and_flat_photos():
    means, spreads, casts = [], [], []
    for seed in range(150):
        pixels = develop(scenery(seed), Photo.sample(seeded(seed), True, False), seeded(seed))
        means.append(pixels.mean())
        spreads.append(brightness(cv2.blur(pixels, (5, 5))).std())
        casts.append(np.ptp(pixels.mean((0, 1))))
    assert min(means) < 60 and max(means) > 200
    assert min(spreads) < 8
    assert max(casts) > 80


def test_blurred_photos_lack_fine_detail():
    def detail(blurred):
        image = scenery(3)
        energies = []
        for seed in range(60):
            # without noise and file, whose detail is not the scene's
            photo = replace(Photo.sample(seeded(seed), False, blurred), noise=0, quality=100)
            energies.append((cv2.Laplacian(brightness(develop(image, photo, seeded(seed))), cv2.CV_64F) ** 2).mean())
        return np.array(energies)

    ordinary, blurred = detail(False), detail(True)
    assert np.median(blurred) < 0.25 * np.median(ordinary)
    assert blurred.max() < np.median(ordinary)


@pytest.mark.parametrize(
    ("field", "effect"),
    [
        ({"exposure": 1.0}, lambda one, other: other.mean() > 1.2 * one.mean()),
        ({"gamma": 1.5}, lambda one, other: other.mean() < one.mean()),
        ({"contrast": 0.5}, lambda one, other: other.std() < 0.6 * one.std()),
        ({"warmth": 0.5}, lambda one, other: other[..., 0].mean() > one[..., 0].mean() > other[..., 2].mean()),
        ({"tint": 0.5}, lambda one, other: other[..., 1].mean() < one[..., 1].mean()),
        ({"saturation": 0.0}, lambda one, other: np.ptp(other.astype(int), axis=2).mean() < 2),
        ({"grey": True}, lambda one, other: (np.ptp(other, axis=2) == 0).all()),
        ({"noise": 0.1}, lambda one, other: 15 < (other - one.astype(float)).std() < 35),
        ({"quality": 5}, lambda one, other: np.abs(other - one.astype(float)).mean() > 3),
        ({"vignette": 0.8}, lambda one, other: other[:20, :20].mean() < 0.7 * other[118:138, 118:138].mean()),
    ],
)
def test_each_setting_has_its_effect(field, effect):
    image = scenery(5)
    assert effect(develop(image, Photo(), seeded(0)), develop(image, Photo(**field), seeded(0)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exposure", 9),
        ("contrast", 0),
        ("gamma", float("nan")),
        ("warmth", "1"),
        ("tint", 2),
        ("saturation", -0.1),
        ("grey", 1),
        ("blur", -1),
        ("motion", 23),
        ("angle", float("inf")),
        ("low_resolution", 0.5),
        ("noise", None),
        ("quality", 90.5),
        ("quality", 0),
        ("vignette", True),
    ],
)
def test_photo_refuses_a_setting_by_name(name, value):
    with pytest.raises(AwingError, match=f"^{name} must be"):
        Photo(**{name: value})


@pytest.mark.parametrize(
    "image",
    [
        None,
        [[0.5]],
        np.zeros((8, 8, 3)),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((8, 8), np.float32),
        np.zeros((8, 8, 4), np.float32),
        np.zeros((0, 8, 3), np.float32),
    ],
)
def test_images_of_another_kind_are_refused(image):
    with pytest.raises(AwingError, match=r"^image: "):
        develop(image, Photo(), seeded(0))


def test_develop_refuses_what_is_no_photo():
    with pytest.raises(AwingError, match=r"^photo: "):
        develop(np.zeros((8, 8, 3), np.float32), {"blur": 1}, seeded(0))
