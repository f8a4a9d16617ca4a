"""What an NME is divided by, of a whole data set."""

import typing

import numpy as np
import pytest
import torch
from measured_faces import made

from awing_lib.dataset_prediction import predict_faces
from awing_lib.datasets import AFLW, DataError, SyntheticFaces
from awing_lib.datasets.synthetic.making import write_splits
from awing_lib.layouts import AFLW_19, IBUG_68, NORMALIZER_KINDS, LayoutError
from awing_lib.normalizers import NORMALIZERS, face_normalizers
from awing_lib.recipe_parts import validate
from awing_lib.recipes import DataRecipe, load_recipe
from awing_lib.weights import ModelInfo


@pytest.mark.parametrize("kind", NORMALIZER_KINDS)
def test_lengths_between_landmarks_are_those_of_the_layout(kind):
    faces = made()
    faces._rows["landmarks"][1] = np.nan  # nothing is marked
    lengths = face_normalizers(faces, kind)
    assert lengths.shape == (4,) and lengths.dtype == np.float64 and np.isnan(lengths[1])
    np.testing.assert_array_equal(lengths, faces.layout.normalizer(faces.landmarks.astype(np.float64), kind))


def test_the_face_box_is_that_of_the_data_set():
    faces = made(AFLW_19)
    faces._rows["boxes"][2] = [10, 20, 40, 50]
    faces._rows["landmarks"][1] = np.nan  # that does not matter
    np.testing.assert_array_equal(face_normalizers(faces, "face-box"), [100, 100, 30, 100])  # of 200 x 50, 30 x 30


@pytest.mark.parametrize("kind", ["inter-ocular", "face-box"])
def test_a_face_without_size_is_named(kind):
    faces = made()
    faces._rows["landmarks"][2, 60] = faces._rows["landmarks"][2, 72]
    faces._rows["boxes"][2] = 7
    with pytest.raises(DataError, match=rf"^2\.png, face 2: its {kind} length is 0"):
        face_normalizers(faces, kind)


@pytest.mark.parametrize("cls", [DataRecipe, ModelInfo])
def test_recipes_and_model_files_know_every_kind(cls):
    assert typing.get_args(typing.get_type_hints(cls)["normalizer"]) == NORMALIZERS


def test_what_a_layout_does_not_have():
    with pytest.raises(LayoutError, match="no normaliser 'eyes'"):
        face_normalizers(made(IBUG_68), "eyes")


def test_validation_on_aflw_divides_by_its_boxes(tmp_path):
    write_splits(SyntheticFaces(3), tmp_path, "aflw", {"train": 1, "test": 2})
    faces = AFLW(tmp_path, "full")
    assert not np.allclose(face_normalizers(faces, "face-box"), face_normalizers(faces, "box"), rtol=0.01)
    recipe = load_recipe("paper-aflw", {"size": 64, "workers": 0, "stacks": 1, "depth": 1, "features": 8})
    network = ModelInfo.of_run(AFLW_19, recipe).build(torch.Generator().manual_seed(0))
    found, _ = predict_faces(network, faces, protocol=recipe.data.protocol, size=64)
    shares = []
    for points, face in zip(found, faces, strict=True):
        x0, y0, x1, y1 = face.box.tolist()
        shares.append(np.linalg.norm(points - face.landmarks, axis=1).mean() / ((x1 - x0) * (y1 - y0)) ** 0.5)
    assert validate(network, faces, recipe) == pytest.approx(100 * np.mean(shares))
