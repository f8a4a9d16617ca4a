"""What is in front of a synthetic face."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from awing_lib.datasets.synthetic.occluders import KINDS, Scene, draw_occluder, sample_kind
from awing_lib.errors import AwingError

SIZE = 256


def seeded(seed) -> np.random.Generator:
    return np.random.default_rng(seed)


def scene(unit=80.0, centre=(128.0, 105.0), roll=0.0, **fields) -> Scene:
    """A plain symmetric face of 98 points seen from the front; ``centre`` is between the eyes."""

    def ring(x, y, a, b, count, start=np.pi):
        turn = start + np.linspace(0, 2 * np.pi, count, endpoint=False)
        return np.stack([x + a * np.cos(turn), y + b * np.sin(turn)], 1)

    turn = np.linspace(np.pi, 0, 33)
    jaw = np.stack([0.8 * np.cos(turn), 0.05 + 1.2 * np.sin(turn)], 1)
    brows = [ring(x, -0.22, 0.26, 0.05, 9) for x in (-0.38, 0.38)]
    nose = np.stack([np.zeros(4), np.linspace(0, 0.42, 4)], 1)
    base = np.stack([np.linspace(-0.17, 0.17, 5), np.full(5, 0.5)], 1)
    eyes = [ring(x, 0, 0.155, 0.055, 8) for x in (-0.345, 0.345)]
    lips = [ring(0, 0.76, 0.3, 0.12, 12), ring(0, 0.75, 0.25, 0.04, 8)]
    points = np.concatenate([jaw, *brows, nose, base, *eyes, *lips, [(-0.345, 0), (0.345, 0)]])
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    landmarks = points @ np.array([[cos, sin], [-sin, cos]]) * unit + centre
    fields = {"skin": np.array([0.8, 0.6, 0.5]), "light": np.array([-0.6, -0.8])} | fields
    return Scene(landmarks=landmarks.astype(np.float32), unit=unit, **fields)


def hidden(alpha: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(98,) bool: landmarks on the image whose pixel is covered."""
    points = np.rint(landmarks).astype(int)
    inside = ((points >= 0) & (points < alpha.shape[::-1])).all(1)
    x, y = np.clip(points, 0, np.array(alpha.shape[::-1]) - 1).T
    return inside & (alpha[y, x] > 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_occluder_covers_what_its_opacity_says(kind):
    for seed in range(8):
        black, white = np.zeros((SIZE, SIZE, 3), np.float32), np.ones((SIZE, SIZE, 3), np.float32)
        face = scene(roll=seeded(seed).uniform(-30, 30))
        alpha = draw_occluder(kind, black, face, seeded(seed))
        again = draw_occluder(kind, white, face, seeded(seed))
        assert alpha.shape == (SIZE, SIZE) and alpha.dtype == np.float32
        assert alpha.tobytes() == again.tobytes()
        assert alpha.min() >= 0 and alpha.max() <= 1 + 1e-6
        for image in (black, white):
            assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1 + 1e-6
        # what shines through is at most what the opacity leaves
        assert (white - black <= 1 - alpha[..., None] + 1e-4).all()
        # beyond the soft shadow nothing has changed
        reach = 2 * round(0.3 * face.unit) + 1
        near = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        assert (black[~near] == 0).all() and (white[~near] == 1).all()
        # on black, only what is covered can have become lighter
        assert (black[alpha == 0] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_occluder_hides_landmarks(kind):
    counts = []
    for seed in range(16):
        image = np.full((SIZE, SIZE, 3), 0.6, np.float32)
        face = scene(roll=seeded(seed).uniform(-25, 25))
        counts.append(hidden(draw_occluder(kind, image, face, seeded(seed)), face.landmarks).sum())
    assert np.count_nonzero(counts) >= 8
    assert min(counts) < 90, "nobody would call that a face"


@pytest.mark.parametrize("kind", KINDS)
def test_occluder_is_the_same_for_the_same_seed(kind):
    def draw(seed):
        image = np.full((SIZE, SIZE, 3), 0.6, np.float32)
        alpha = draw_occluder(kind, image, scene(), seeded(seed))
        return image.tobytes(), alpha.tobytes()

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)


@pytest.mark.parametrize("kind", KINDS)
def test_occluder_is_the_same_on_any_layout_of_the_picture(kind):
    def draw(image):
        alpha = draw_occluder(kind, image, scene(), seeded(1))
        return image.tobytes(), alpha.tobytes()

    planes = np.full((3, SIZE, SIZE), 0.6, np.float32)
    assert draw(np.full((SIZE, SIZE, 3), 0.6, np.float32)) == draw(planes.transpose(1, 2, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_occluder_may_leave_the_image(kind):
    for seed, (unit, centre, shape) in enumerate(
        [
            (80.0, (-900.0, 105.0), (SIZE, SIZE)),
            (80.0, (128.0, 1500.0), (SIZE, SIZE)),
            (80.0, (250.0, 5.0), (SIZE, SIZE)),
            (4.0, (30.0, 30.0), (64, 48)),
            (300.0, (128.0, 60.0), (SIZE, SIZE)),
            (60.0, (3.0, 3.0), (7, 5)),
        ]
    ):
        image = np.full((*shape, 3), 0.5, np.float32)
        alpha = draw_occluder(kind, image, scene(unit, centre), seeded(seed))
        assert alpha.shape == shape and np.isfinite(alpha).all() and np.isfinite(image).all()


def test_a_hand_has_the_colour_of_its_owner():
    for skin in ((0.93, 0.78, 0.7), (0.36, 0.23, 0.16)):
        image = np.full((SIZE, SIZE, 3), 0.6, np.float32)
        alpha = draw_occluder("hand before eye", image, scene(skin=np.array(skin)), seeded(1))
        centre = image[105:190][alpha[105:190] > 0.99]
        np.testing.assert_allclose(np.median(centre, 0), skin, atol=0.12)


def test_hair_has_the_colour_of_the_head():
    for hair in ((0.65, 0.5, 0.3), (0.1, 0.08, 0.07)):
        image = np.full((SIZE, SIZE, 3), 0.9, np.float32)
        alpha = draw_occluder("hair strands", image, scene(hair=np.array(hair)), seeded(2))
        np.testing.assert_allclose(np.median(image[alpha > 0.99], 0), hair, atol=0.2)


def test_hair_seen_from_the_side_grows_behind_the_face():
    # landmarks squeezed as in a view from the side: nearly all of the head lies image-left of the eyes
    frontal = scene()
    turned = frontal.landmarks.copy()
    offset = turned[:, 0] - 128
    turned[:, 0] = 150 + np.where(offset < 0, 0.9, 0.2) * offset
    for seed in range(12):
        image = np.full((SIZE, SIZE, 3), 0.9, np.float32)
        alpha = draw_occluder("hair strands", image, replace(frontal, landmarks=turned), seeded(seed))
        top = np.nonzero((alpha > 0.5).any(1))[0][0]
        roots = np.nonzero((alpha[top : top + 8] > 0.5).any(0))[0]
        assert roots.mean() < turned[33:51, 0].mean() + 12


def test_sleeves_have_the_colour_of_the_clothes():
    def greenish(cloth):
        image = np.full((SIZE, SIZE, 3), 0.6, np.float32)
        draw_occluder("hand before eye", image, scene(60.0, cloth=cloth), seeded(0))
        return np.count_nonzero((image[..., 1] > 1.3 * image[..., 0]) & (image[..., 1] > 1.3 * image[..., 2]))

    assert greenish(np.array([0.1, 0.7, 0.1])) > 200 > 5 > greenish(np.array([0.7, 0.1, 0.1]))


def test_light_comes_from_where_the_scene_says():
    def weights(light):
        image = np.full((SIZE, SIZE, 3), 0.5, np.float32)
        face = scene(light=np.array(light))
        alpha = draw_occluder("ball", image, face, seeded(11))
        columns = np.nonzero((alpha > 0.99).any(0))[0]
        middle = columns.mean()
        ball = np.where(alpha > 0.99, image.mean(2), np.nan)
        return np.nanmean(ball[:, : int(middle)]) - np.nanmean(ball[:, int(middle) :])

    assert weights((-1.0, 0.0)) > 0.05 > -0.05 > weights((1.0, 0.0))


def test_kinds_are_drawn_with_hands_and_hair_most_often():
    generator = seeded(0)
    drawn = [sample_kind(generator) for _ in range(3000)]
    assert set(drawn) == set(KINDS)
    hands = ("hand over mouth", "chin on fist", "hand on cheek", "hand before eye", "victory", "hush", "hair strands")
    assert 0.4 < np.mean([kind in hands for kind in drawn]) < 0.75
    generator = seeded(0)
    assert drawn[:50] == [sample_kind(generator) for _ in range(50)]


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
        draw_occluder("ball", image, scene(), seeded(0))


def test_unknown_kinds_and_scenes_are_refused():
    image = np.zeros((SIZE, SIZE, 3), np.float32)
    with pytest.raises(AwingError, match=r"no occluder 'ghost'.*microphone"):
        draw_occluder("ghost", image, scene(), seeded(0))
    with pytest.raises(AwingError, match=r"^scene: "):
        draw_occluder("ball", image, "a face", seeded(0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("landmarks", np.zeros((68, 2))),
        ("landmarks", np.full((98, 2), np.nan)),
        ("landmarks", "98"),
        ("unit", 0),
        ("unit", float("nan")),
        ("unit", "80"),
        ("skin", (0.5, 0.5)),
        ("skin", (200, 150, 120)),
        ("skin", None),
        ("hair", (0.5, 0.5, -0.1)),
        ("cloth", (0.5, 0.5)),
        ("light", (1.0, 1.0)),
        ("light", (0.0, 0.0, 1.0)),
        ("light", None),
    ],
)
def test_scene_refuses_a_field_by_name(name, value):
    with pytest.raises(AwingError, match=f"^{name}"):
        replace(scene(), **{name: value})
