"""Synthetic faces: the same on every call, true to their labels, and of the shapes that real faces have."""

import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest

from awing_lib.datasets import DataError, SyntheticFaces
from awing_lib.datasets.synthetic.drawing import draw, geometry
from awing_lib.datasets.synthetic.face import SHARES, Face
from awing_lib.datasets.synthetic.head import Expression, model
from awing_lib.datasets.synthetic.surface import TEXELS, rasterise, texel_of
from awing_lib.layouts import AFLW_19, COFW_29, IBUG_68, WFLW_98, LandmarkLayout, convert

SKIN = [*range(33, 60), *range(76, 88)]
"""Landmarks that are painted on the skin: brows, nose, outer lips."""


def plain(number: int, **changes) -> tuple[Face, np.random.Generator]:
    """A face that nothing but its own head hides, seen sharply; some of its parameters changed."""
    generator = np.random.default_rng([5, number])
    face = Face.sample(generator)
    ordinary = type(face.photo)()
    look = replace(face.look, haircut="short", hat=None, glasses=None, beard=0.0, hair_shift=0.0)
    settings = {"photo": ordinary, "look": look, "occluder": None, "yaw": 0.0, "pitch": 0.0, "roll": 0.0}
    return replace(face, **(settings | changes)), generator


def test_a_face_depends_on_seed_and_number_alone():
    faces, more = SyntheticFaces(6, seed=3), SyntheticFaces(100, seed=3)
    last = faces[5]
    again = more[5]
    assert np.array_equal(last.image, again.image)
    assert np.array_equal(last.landmarks, again.landmarks)
    assert np.array_equal(last.visible, again.visible)
    assert last.attributes == again.attributes
    assert last.name == again.name == "synthetic/000005.png"
    assert not np.array_equal(last.image, faces[4].image)
    assert not np.array_equal(last.image, SyntheticFaces(6, seed=4)[5].image)


def test_a_face_is_the_same_on_any_machine():
    # recorded once; a change of the generator, of its order of calls or of the head moves these by whole pixels
    faces = SyntheticFaces(3, seed=0)
    recorded = [[137.9, 110.0], [122.1, 106.6], [150.6, 108.2]]
    assert faces.landmarks[:, [0, 16, 54, 60, 72, 97]].mean(1) == pytest.approx(np.array(recorded), abs=0.1)


def test_is_a_data_set():
    faces = SyntheticFaces(5, seed=1)
    assert len(faces) == 5
    assert repr(faces) == "SyntheticFaces(5 faces, WFLW-98)"
    part = faces[1:4:2]
    assert part.names.tolist() == ["synthetic/000001.png", "synthetic/000003.png"]
    assert np.array_equal(part[1].image, faces[3].image)
    assert np.array_equal(faces.select([4])[0].image, faces[-1].image)
    assert np.array_equal(pickle.loads(pickle.dumps(part))[0].image, faces[1].image)
    with pytest.raises(IndexError):
        faces[5]
    for index, sample in enumerate(faces):
        assert sample.image.shape == (256, 256, 3)
        assert sample.image.dtype == np.uint8
        assert sample.landmarks.dtype == sample.box.dtype == np.float32
        assert sample.landmarks.shape == (98, 2)
        assert sample.visible.dtype == bool
        assert np.allclose(sample.landmarks, faces.landmarks[index], atol=1e-4)
        assert np.allclose(sample.box, [*sample.landmarks.min(0), *sample.landmarks.max(0)])
        assert sample.attributes == {key: values[index] for key, values in faces.attributes.items()}
    assert np.array_equal(faces.visible, [sample.visible for sample in faces])
    assert len(SyntheticFaces(0)) == len(SyntheticFaces(0).landmarks) == 0


@pytest.mark.parametrize("layout", [IBUG_68, COFW_29, AFLW_19])
def test_other_layouts_are_made_from_the_98_points(layout):
    fine, coarse = SyntheticFaces(2)[1], SyntheticFaces(2, layout)[1]
    assert coarse.landmarks.shape == (layout.count, 2)
    assert coarse.visible.shape == (layout.count,)
    assert np.allclose(coarse.landmarks, convert(fine.landmarks, WFLW_98, layout), atol=1e-4)
    assert np.array_equal(coarse.image, fine.image)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"count": -1}, "count"),
        ({"count": 2.5}, "count"),
        ({"count": True}, "count"),
        ({"count": 3, "seed": -1}, "seed"),
        ({"count": 3, "seed": "a"}, "seed"),
        ({"count": 3, "layout": "WFLW-98"}, "layout"),
        ({"count": 3, "layout": LandmarkLayout("own", ("a", "b"), ((0, 1),))}, "layout"),
    ],
)
def test_refuses(arguments, named):
    with pytest.raises(DataError, match=named):
        SyntheticFaces(**arguments)


def test_attributes_have_about_the_shares_of_wflw():
    count = 3000
    attributes = SyntheticFaces(count, seed=2).attributes
    for name, expected in SHARES.items():
        share = expected / 2500
        spread = np.sqrt(share * (1 - share) / count)
        assert abs(attributes[name].mean() - share) < 4 * spread, name
    large = attributes["pose"]
    assert np.abs(attributes["yaw"]).max() <= 75
    assert np.abs(attributes["pitch"]).max() <= 35
    assert np.abs(attributes["roll"]).max() <= 40
    assert np.abs(attributes["yaw"][large]).mean() > 2 * np.abs(attributes["yaw"][~large]).mean()


def test_attributes_follow_from_the_parameters():
    faces = SyntheticFaces(300, seed=8)
    for face in map(faces.face, range(len(faces))):
        turned = abs(face.yaw) > 40 or abs(face.pitch) > 22 or abs(face.roll) > 26
        assert face.attributes["pose"] == turned
        assert face.attributes["occlusion"] == (face.occluder is not None or face.look.glasses == "sunglasses")
        assert face.attributes["make-up"] == (face.look.shadow is not None)


def test_landmarks_lie_where_the_skin_is_painted():
    # a spot painted on the skin at a landmark's place must show up where the landmark is said to be
    height, width = ((side - 1) * TEXELS + 1 for side in model().planes.shape[1:])
    apart = []
    for number in range(12):
        face, _ = plain(number, yaw=8.0 * (number % 5 - 2), pitch=5.0 * (number % 3 - 1), roll=4.0 * (number % 4))
        place = geometry(face, 256)
        raster = rasterise(*place.project_grid(place.surface), 256)
        for index in SKIN[:: 5 + number % 3]:
            texel = texel_of(model().key_angles[[index]])[0]
            across, down = np.meshgrid(np.arange(width), np.arange(height))
            spot = np.exp(-((across - texel[0]) ** 2 + (down - texel[1]) ** 2) / (2 * 3.0**2)).astype(np.float32)
            shown = np.zeros((256, 256))
            shown[raster.window] = raster.texture(spot) * raster.inside
            if shown.max() < 0.85:
                continue  # turned away, or small in the picture
            # the brightest pixel and its neighbours, as a parabola, give the spot's middle
            y, x = np.unravel_index(shown.argmax(), shown.shape)
            around = np.log(shown[y - 1 : y + 2, x - 1 : x + 2] + 1e-9)
            offset = [
                (line[2] - line[0]) / (2 * (2 * line[1] - line[0] - line[2])) for line in (around[1], around[:, 1])
            ]
            apart.append(np.hypot(*(np.array([x, y]) + offset - place.landmarks[index])))
    assert len(apart) > 50
    assert np.median(apart) < 0.25
    assert np.quantile(apart, 0.95) < 0.6  # cells that an expression presses together are smaller than a pixel


def test_pupils_are_dark_and_where_the_landmark_says():
    for number in range(8):
        look = replace(plain(number)[0].look, iris=np.array([0.1, 0.1, 0.1]))
        face, generator = plain(number, expression=Expression(wide=0.6), gaze=(10.0 * (number % 3 - 1), 0.0), look=look)
        image, landmarks, visible = draw(replace(face, scale=110.0), generator)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)
        assert visible[[96, 97]].all()
        for pupil, eye in ((96, slice(60, 68)), (97, slice(68, 76))):
            x0, y0 = np.floor(landmarks[eye].min(0)).astype(int)
            x1, y1 = np.ceil(landmarks[eye].max(0)).astype(int)
            x, y = np.round(landmarks[pupil]).astype(int)
            assert np.median(grey[y - 2 : y + 3, x - 2 : x + 3]) < 0.5 * np.quantile(grey[y0:y1, x0:x1], 0.9)


def test_a_turned_head_hides_its_far_eye():
    left, right = [60, 61, 62, 67], [72, 71, 70, 73]
    for number in range(6):
        seen = {}
        for yaw in (-72.0, 0.0, 72.0):
            face, generator = plain(number, yaw=yaw)
            _, _, visible = draw(face, generator)
            seen[yaw] = visible
        assert seen[0.0][[*left, *right]].all()
        assert seen[-72.0][right].all()  # the head turns to the image's left: its image-left eye goes out of sight
        assert seen[-72.0][left].sum() <= 1  # a lid may show above a flat bridge of the nose
        assert seen[72.0][left].all()
        assert seen[72.0][right].sum() <= 1


def test_dark_glasses_hide_the_eyes_and_nothing_of_the_mouth():
    for number in range(4):
        base, _ = plain(number)
        face, generator = plain(number, look=replace(base.look, glasses="sunglasses"), expression=Expression())
        _, _, visible = draw(face, generator)
        assert visible[60:76].mean() < 0.15
        assert not visible[96:].any()
        assert visible[76:].sum() == 20


def test_expressions_move_what_they_name():
    def heights(**moves):
        face, _ = plain(0, expression=Expression(**moves))
        points = geometry(face, 256).landmarks
        unit = np.linalg.norm(points[60] - points[72])
        return {
            "mouth": (points[94, 1] - points[90, 1]) / unit,
            "left eye": (points[66, 1] - points[62, 1]) / unit,
            "right eye": (points[74, 1] - points[70, 1]) / unit,
            "corners": (points[[76, 82], 1].mean() - points[57, 1]) / unit,
            "brows": (points[62, 1] - points[35, 1]) / unit,
        }

    neutral = heights()
    assert heights(jaw_open=1)["mouth"] > neutral["mouth"] + 0.2
    assert heights(smile=1)["corners"] < neutral["corners"] - 0.05
    assert heights(brow_raise=1)["brows"] > neutral["brows"] + 0.05
    closed = heights(close_left=1)
    assert closed["left eye"] < 0.3 * neutral["left eye"]
    assert closed["right eye"] == pytest.approx(neutral["right eye"], abs=0.01)


# -- held against real faces -------------------------------------------------------------------------------------------


def aligned(shapes: np.ndarray, mean: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Generalised Procrustes: shapes (N, L, 2) moved, turned and scaled onto their mean, and the mean (L, 2)."""
    shapes = shapes - shapes.mean(1, keepdims=True)
    shapes = shapes / np.sqrt((shapes**2).sum((1, 2), keepdims=True))
    target = shapes[0] if mean is None else mean
    for _ in range(5):
        left, _, right = np.linalg.svd(np.einsum("nij,ik->njk", shapes, target))
        left[:, :, -1] *= np.sign(np.linalg.det(left @ right))[:, None]
        shapes = shapes @ (left @ right)
        if mean is None:
            target = shapes.mean(0) / np.linalg.norm(shapes.mean(0))
    return shapes, target


def facing(shapes: np.ndarray) -> np.ndarray:
    """(N,) whether the tip of the nose lies below the middle between the eyes: the face is seen from the front."""
    middle, across = (shapes[:, 60] + shapes[:, 72]) / 2, shapes[:, 72] - shapes[:, 60]
    aside = ((shapes[:, 54] - middle) * across).sum(1) / (across**2).sum(1)
    return np.abs(aside) < 0.08


def test_the_mean_face_is_that_of_real_faces(real_faces):
    shapes, made = real_faces("wflw"), SyntheticFaces(2000, seed=7).landmarks.astype(float)
    _, expected = aligned(shapes[facing(shapes)])
    _, found = aligned(made[facing(made)])
    left, scale, right = np.linalg.svd(found.T @ expected)
    moved = scale.sum() / (found**2).sum() * found @ (left @ right)
    apart = np.linalg.norm(moved - expected, axis=1) / np.linalg.norm(expected[60] - expected[72])
    assert apart.max() < 0.04, f"worst points {np.argsort(-apart)[:5]}"


def test_twenty_components_explain_real_shapes(real_faces):
    shapes = real_faces("wflw")
    made, mean = aligned(SyntheticFaces(2000, seed=7).landmarks.astype(float))
    made = made.reshape(len(made), -1)
    components = np.linalg.svd(made - made.mean(0), full_matrices=False)[2][:20]
    moved = aligned(shapes, mean)[0].reshape(len(shapes), -1)
    moved -= moved.mean(0)
    rest = moved - moved @ components.T @ components
    assert 1 - (rest**2).sum() / (moved**2).sum() >= 0.90
