"""What SciPy's compiled reader would crash on is refused before it sees it. Only the look at the file runs here."""

import io
import struct

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from awing_lib.datasets.matlab5 import check_structure

NAMES = ("nameList", "data", "flags")
VARIABLES = {
    "nameList": np.array([["0/a.jpg"], ["2/b c.jpg"]], object),
    "data": np.arange(6.0).reshape(2, 3),
    "flags": np.ones((2, 19), np.uint8),
}


def written(compressed=False, **more) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, VARIABLES | more, do_compression=compressed)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
def test_whole_files_pass(compressed):
    check_structure(written(compressed), NAMES)
    check_structure(written(compressed, other={"a": 1}, few=np.zeros((0, 2)), words=np.array(["ab", "cd"])), NAMES)


def test_a_variable_of_another_kind_passes_unless_it_is_wanted():
    data = written(box={"a": 1})
    check_structure(data, NAMES)
    with pytest.raises(ValueError, match="class 2, expected numbers, text or cells"):
        check_structure(data, ("box",))


def test_unknown_types_of_numbers_are_refused():
    # SciPy looks the type up in a table of 20 without asking how long the table is
    data = bytearray(written())
    place = data.index(struct.pack("<II", 9, 48))  # six doubles
    for kind in (0, 8, 10, 14, 15, 19, 20, 99, 2**16 - 1):
        data[place : place + 4] = struct.pack("<I", kind)
        with pytest.raises(ValueError, match=r"variable at byte \d+: byte \d+: 48 bytes of type"):
            check_structure(bytes(data), NAMES)


@pytest.mark.parametrize("shape", [(2, 4), (-2, -3), (2**31 - 1, 2**31 - 1), (0, 0)])
def test_sizes_that_do_not_fit_the_numbers_are_refused(shape):
    data = written()
    wrong = data.replace(struct.pack("<IIii", 5, 8, 2, 3), struct.pack("<IIii", 5, 8, *shape))
    assert wrong != data
    with pytest.raises(ValueError, match="variable at byte"):
        check_structure(wrong, NAMES)


@pytest.mark.parametrize("compressed", [False, True])
def test_files_that_are_cut_off_are_refused(compressed):
    data = written(compressed)
    complete = set()  # cut between two variables, a file is a whole one with fewer of them
    at = 128
    while at < len(data):
        complete.add(at)
        at += 8 + struct.unpack_from("<I", data, at + 4)[0]
    for length in set(range(len(data))) - complete:
        with pytest.raises(ValueError, match=r"byte \d+|header"):
            check_structure(data[:length], NAMES)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damage_is_refused_or_harmless(data):
    good = bytearray(written(data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(120, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_structure(bytes(good), NAMES)
    except ValueError as error:
        assert str(error)
