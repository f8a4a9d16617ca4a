"""Predictions as files: out and in again, from other programs, and spoilt in every way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_faces import PLAIN, made

from awing_lib.customs import EvaluationError
from awing_lib.datasets import DataError, FaceTable, SyntheticFaces
from awing_lib.datasets.synthetic.making import write_splits
from awing_lib.errors import AwingError
from awing_lib.evaluation import evaluate
from awing_lib.layouts import AFLW_19, COFW_29, WFLW_98
from awing_lib.prediction_files import read_predictions, save_predictions
from awing_lib.score_tables import text_table


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["a.png", "b/c.png", "komma, blank.png"]), min_size=1, max_size=6), st.randoms())
def test_predictions_survive_the_file_in_any_order(tmp_path_factory, names, random):
    faces = made(COFW_29, count=len(names), names=names)
    landmarks = np.random.default_rng(len(names)).normal(0, 1000, (len(names), 29, 2))
    landmarks[0, 3] = np.nan
    path = tmp_path_factory.mktemp("predictions") / "found.csv"
    save_predictions(path, faces, landmarks)
    header, *lines = path.read_text().splitlines(keepends=True)
    random.shuffle(lines)
    path.write_text(header + "".join(lines))
    found, layout = read_predictions(path, faces)
    assert layout is COFW_29
    np.testing.assert_allclose(found, landmarks, atol=0.5e-4 + 1e-9)


def lines_of(faces, landmarks=None, index=True):
    """The lines of a table of predictions, written here by hand."""
    landmarks = faces.landmarks if landmarks is None else landmarks
    columns = [f"{axis}{point}" for point in range(landmarks.shape[1]) for axis in "xy"]
    lines = [["name", *["index"] * index, *columns]]
    seen = []
    for name, points in zip(faces.names.tolist(), landmarks, strict=True):
        lines.append([name, *[str(seen.count(name))] * index, *map(str, points.ravel().tolist())])
        seen.append(name)
    return lines


def read(path, lines, faces):
    path.write_text("\n".join(",".join(line) for line in lines) + "\n")
    return read_predictions(path, faces)


def test_predictions_of_other_programs(tmp_path):
    faces = made(COFW_29, names=["a", "b", "a", "c"])
    path = tmp_path / "other.csv"
    lines = lines_of(faces, index=False)  # without an index the order counts
    np.testing.assert_allclose(read(path, lines, faces)[0], faces.landmarks, atol=1e-6)
    np.testing.assert_allclose(read(path, [lines[i] for i in (0, 4, 1, 2, 3)], faces)[0], faces.landmarks, atol=1e-6)
    swapped, _ = read(path, [lines[i] for i in (0, 3, 2, 1, 4)], faces)
    np.testing.assert_allclose(swapped, faces.landmarks[[2, 1, 0, 3]], atol=1e-6)
    # columns in another order, a byte order mark, blanks, empty lines, "nan"
    shuffled = [line[::-1] for line in lines]
    shuffled[1][0] = " NaN "
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(",".join(line) for line in shuffled).encode())
    found, _ = read_predictions(path, faces)
    assert np.isnan(found[0, 28, 1]) and not np.isnan(found[1:]).any()
    np.testing.assert_allclose(found[1:], faces.landmarks[1:], atol=1e-6)


def test_predictions_of_finer_layouts_are_known_by_their_columns(tmp_path):
    fine, faces = made(WFLW_98), made(AFLW_19)
    found, layout = read(tmp_path / "fine.csv", lines_of(fine), faces)
    assert layout is WFLW_98 and found.shape == (4, 98, 2)


def drop(place):
    return lambda lines: lines.pop(place)


def put(row, column, text):
    return lambda lines: lines[row].__setitem__(column, text)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (drop(2), r"no line for face 0 of 'b'; one that was not found has a line with empty fields"),
        (lambda lines: lines.__delitem__(slice(2, 4)), r"no line for face 0 of 'b' \(2 of 4 faces are missing\)"),
        (lambda lines: lines.append(lines[2]), r"line 6: face 0 of 'b' was in line 3 already"),
        (put(2, 0, "z"), r"line 3: 'z' is no image of the data set"),
        (put(3, 1, "2"), r"line 4: 'a' has 2 faces, so there is no face 2"),
        (put(3, 1, "-1"), r"line 4, a: index '-1', expected a whole number"),
        (put(3, 1, "one"), r"line 4, a: index 'one'"),
        (lambda lines: lines[4].pop(), r"line 5, c: 59 fields, expected 60"),
        (lambda lines: lines[4].append("7"), r"line 5, c: 61 fields, expected 60"),
        (put(1, 4, "left"), r"line 2, column x1: 'left', expected a coordinate in pixels"),
        (put(1, 5, "inf"), r"line 2, column y1: 'inf'"),
        (put(1, 5, "1e9"), r"line 2, column y1: '1e9'"),
        (put(0, 0, "image"), r"line 1: expected each of the columns name, x0, y0, x1, y1, \.\.\. once"),
        (put(0, 7, "x2"), r"line 1: expected each of the columns"),
        (put(0, 7, "score"), r"line 1: expected each of the columns"),
        (lambda lines: [line.__delitem__(slice(-2, None)) for line in lines], r"line 1: 28 points; the faces have 29"),
        (lambda lines: lines.clear(), "the file is empty"),
        (put(2, 0, '"b'), r"line 5: unexpected end of data"),
    ],
)
def test_spoilt_predictions_are_refused_by_name_and_line(tmp_path, spoil, message):
    faces = made(COFW_29, names=["a", "b", "a", "c"])
    lines = lines_of(faces)
    spoil(lines)
    with pytest.raises(AwingError, match=message) as caught:
        read(tmp_path / "found.csv", lines, faces)
    assert str(caught.value).startswith(str(tmp_path / "found.csv")) and "\n" not in str(caught.value)


def test_predictions_that_cannot_be_read_or_converted(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        read_predictions(tmp_path / "none.csv", made())
    with pytest.raises(EvaluationError, match="line 1: finds COFW-29, the faces have WFLW-98: no conversion"):
        read(tmp_path / "coarse.csv", lines_of(made(COFW_29)), made(WFLW_98))
    with pytest.raises(EvaluationError, match="landmarks of 3 faces, expected 4"):
        save_predictions(tmp_path / "found.csv", made(), np.zeros((3, 98, 2)))
    assert not (tmp_path / "found.csv").exists()


def test_a_table_of_faces_is_scored_the_same_from_a_file(tmp_path):
    write_splits(SyntheticFaces(3), tmp_path, "table", {"test": 3})
    faces = FaceTable(tmp_path, "test")
    predicted = faces.landmarks + np.random.default_rng(0).normal(0, 3, faces.landmarks.shape)
    save_predictions(tmp_path / "found.csv", faces, predicted)
    found, layout = read_predictions(tmp_path / "found.csv", faces)
    direct, read_back = evaluate("m", predicted, faces, PLAIN), evaluate("m", found, faces, PLAIN, layout=layout)
    np.testing.assert_allclose(read_back.errors, direct.errors, atol=1e-5)
    assert text_table([read_back]) == text_table([direct])


def test_boxes_and_scores_are_passed_over(tmp_path):
    faces = made(COFW_29, names=["a", "b", "a", "c"])
    extra = ["box_x0", "box_y0", "box_x1", "box_y1", "score0", "score28"]
    lines = [[*line, *(extra if number == 0 else ["?"] * 6)] for number, line in enumerate(lines_of(faces))]
    found, layout = read(tmp_path / "awing.csv", lines, faces)
    assert layout is COFW_29
    np.testing.assert_allclose(found, faces.landmarks, atol=1e-6)
    with pytest.raises(EvaluationError, match="expected each of the columns"):
        read(tmp_path / "other.csv", [[*line, "box_x2"] for line in lines_of(faces)], faces)
