"""Several data sets as one."""

import doctest
import pickle

import numpy as np
import pytest
from official_files import write_table

from awing_lib.datasets import DataError, FaceTable, JoinedFaces, SyntheticFaces
from awing_lib.datasets import joined as module
from awing_lib.layouts import AFLW_19, IBUG_68, WFLW_98


@pytest.fixture
def parts(tmp_path):
    """Four faces of a table, whose layout has 19 points, and two that are made."""
    write_table(tmp_path)
    return FaceTable(tmp_path), SyntheticFaces(2, AFLW_19, seed=4)


def same(face, other):
    arrays = all(np.array_equal(getattr(face, key), getattr(other, key)) for key in ("image", "landmarks", "box"))
    return arrays and (face.name, face.attributes) == (other.name, other.attributes)


def test_faces_follow_one_another(parts):
    table, made = parts
    both = JoinedFaces(table, made)
    assert len(both) == 6 and both.layout is AFLW_19 and repr(both) == "JoinedFaces(6 faces, AFLW-19)"
    expected = [*table, *made]
    assert all(same(both[place], face) and same(both[place - 6], face) for place, face in enumerate(expected))
    assert both.names.tolist() == [face.name for face in expected]
    for name in ("landmarks", "boxes", "visible"):
        assert np.array_equal(getattr(both, name), np.concatenate([getattr(part, name) for part in parts]))
    with pytest.raises(IndexError):
        both[6]


def test_a_part_of_them(parts):
    both = JoinedFaces(*parts)
    some = both.select([5, 0, 3])
    assert type(some) is JoinedFaces and [same(some[i], both[j]) for i, j in enumerate((5, 0, 3))] == [True] * 3
    assert np.array_equal(some.landmarks, both.landmarks[[5, 0, 3]])
    assert some.names.tolist() == both.names[[5, 0, 3]].tolist()
    assert same(both[3:][1], both[4]) and len(both[3:]) == 3
    assert len(both.select(np.arange(6) > 3)) == 2
    assert same(pickle.loads(pickle.dumps(some))[0], both[5])


def test_attributes_that_all_have(parts):
    assert parts[0].attributes and parts[1].attributes
    assert JoinedFaces(*parts).attributes == {}
    twice = JoinedFaces(parts[1], SyntheticFaces(1, AFLW_19, seed=9))
    yaw = twice.attributes["yaw"]
    assert yaw.tolist() == [face.attributes["yaw"] for face in twice] and twice.attributes["blur"].dtype == bool


def test_one_and_three_and_empty_parts():
    first, empty, last = SyntheticFaces(1, seed=0), SyntheticFaces(0), SyntheticFaces(1, seed=1)
    assert same(JoinedFaces(first)[0], first[0])
    three = JoinedFaces(first, empty, last)
    assert len(three) == 2 and same(three[0], first[0]) and same(three[1], last[0])


def test_what_cannot_be_joined():
    with pytest.raises(DataError, match="no data set to join"):
        JoinedFaces()
    with pytest.raises(DataError, match="data set 2 has iBUG-68, the first has WFLW-98; expected the same points"):
        JoinedFaces(SyntheticFaces(1, WFLW_98), SyntheticFaces(1, IBUG_68))


def test_examples():
    result = doctest.testmod(module)
    assert result.attempted and not result.failed
