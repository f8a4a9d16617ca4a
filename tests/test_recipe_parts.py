"""What a recipe asks for, made: the faces of a run."""

import numpy as np
import pytest

from awing_lib.datasets import WFLW, ConvertedFaces, FaceTable, JoinedFaces, SyntheticFaces
from awing_lib.datasets.synthetic.writing import write_table, write_wflw
from awing_lib.layouts import AFLW_19, IBUG_68, WFLW_98
from awing_lib.recipe_parts import open_faces
from awing_lib.recipes import Recipe


def faces_of(root=None, seed=0, **data):
    return open_faces(Recipe.from_dict({"data": data, "training": {"seed": seed}}), root)


@pytest.mark.parametrize("points, layout", [(None, WFLW_98), (98, WFLW_98), (68, IBUG_68), (19, AFLW_19)])
def test_faces_made_to_order_have_the_points_that_are_asked_for(points, layout):
    faces, val_faces = faces_of(dataset="synthetic", faces=3, val_faces=2, points=points, seed=4)
    assert [type(each) for each in (faces, val_faces)] == [SyntheticFaces] * 2
    assert faces.layout is layout is val_faces.layout and (len(faces), len(val_faces)) == (3, 2)
    assert np.array_equal(faces.landmarks, SyntheticFaces(3, layout, seed=4).landmarks)


def test_wflw_with_fewer_points(tmp_path):
    for split in ("train", "test"):
        write_wflw(SyntheticFaces(2, seed=9), tmp_path, split)
    faces, val_faces = faces_of(tmp_path, dataset="wflw", points=68, val_split="test")
    for each, split in ((faces, "train"), (val_faces, "test")):
        assert each.layout is IBUG_68
        assert np.allclose(each.landmarks, ConvertedFaces(WFLW(tmp_path, split), IBUG_68).landmarks)
    assert faces_of(tmp_path, dataset="wflw", points=68)[1] is None
    joined, _ = faces_of(tmp_path, dataset="wflw", points=68, synthetic_faces=2)
    assert joined.layout is IBUG_68 and len(joined) == len(faces) + 2


def test_faces_made_to_order_are_mixed_into_those_to_train_on(tmp_path):
    for split in ("train", "test"):
        write_table(SyntheticFaces(2, AFLW_19, seed=9), tmp_path, split)
    data = {"dataset": "table", "train_split": "train", "val_split": "test"}
    photos, _ = faces_of(tmp_path, **data)
    faces, val_faces = faces_of(tmp_path, **data, synthetic_faces=3, seed=7)
    assert type(photos) is FaceTable and type(faces) is JoinedFaces and type(val_faces) is FaceTable
    made = SyntheticFaces(3, AFLW_19, seed=7)
    assert faces.names.tolist() == [*photos.names, *made.names]
    assert np.array_equal(faces.landmarks, np.concatenate([photos.landmarks, made.landmarks]))
    assert np.array_equal(faces[-1].image, made[2].image) and faces[0].name == photos[0].name
