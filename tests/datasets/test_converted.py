"""Faces with fewer points than their data set marks."""

import doctest
import pickle

import numpy as np
import pytest
from official_files import write_wflw

from awing_lib.datasets import WFLW, ConvertedFaces, FaceSample, SyntheticFaces
from awing_lib.datasets import converted as module
from awing_lib.layouts import AFLW_19, COFW_29, IBUG_68, WFLW_98, LayoutError, convert, convert_visible


@pytest.fixture
def wide(tmp_path):
    write_wflw(tmp_path)
    return WFLW(tmp_path, "test")


@pytest.mark.parametrize("layout", [WFLW_98, IBUG_68, COFW_29, AFLW_19], ids=lambda layout: layout.name)
def test_points_are_converted_and_all_else_stays(wide, layout):
    faces = ConvertedFaces(wide, layout)
    assert faces.layout is layout and len(faces) == len(wide) and faces.landmarks.dtype == np.float32
    assert np.allclose(faces.landmarks, convert(wide.landmarks, WFLW_98, layout), atol=1e-4)
    assert np.array_equal(faces.visible, convert_visible(wide.visible, WFLW_98, layout))
    assert np.array_equal(faces.boxes, wide.boxes) and np.array_equal(faces.names, wide.names)
    assert all(np.array_equal(faces.attributes[key], wide.attributes[key]) for key in wide.attributes)
    for place, face in enumerate(faces):
        assert isinstance(face, FaceSample) and np.array_equal(face.image, wide[place].image)
        assert np.array_equal(face.landmarks, faces.landmarks[place]) and face.landmarks.dtype == np.float32
        assert np.array_equal(face.visible, faces.visible[place])
        assert np.array_equal(face.box, wide.boxes[place]) and face.attributes == wide[place].attributes


def test_made_faces_are_those_that_are_made_with_fewer_points():
    faces, made = ConvertedFaces(SyntheticFaces(2, seed=7), IBUG_68), SyntheticFaces(2, IBUG_68, seed=7)
    assert np.allclose(faces.landmarks, made.landmarks) and np.array_equal(faces[1].visible, made[1].visible)


def test_is_a_data_set(wide):
    faces = ConvertedFaces(wide, COFW_29)
    assert repr(faces) == f"ConvertedFaces({len(wide)} faces, COFW-29)"
    part = faces.select([2, 0])
    assert type(part) is ConvertedFaces and part.layout is COFW_29
    assert part.names.tolist() == wide.names[[2, 0]].tolist()
    assert np.array_equal(part[0].landmarks, faces[2].landmarks)
    assert np.array_equal(faces[-1:][0].image, faces[-1].image)
    assert np.array_equal(pickle.loads(pickle.dumps(part)).landmarks, part.landmarks)
    with pytest.raises(IndexError):
        faces[len(faces)]


def test_no_way_back():
    with pytest.raises(LayoutError, match="no conversion iBUG-68 -> WFLW-98"):
        ConvertedFaces(SyntheticFaces(1, IBUG_68), WFLW_98)


def test_examples():
    result = doctest.testmod(module)
    assert result.attempted and not result.failed
