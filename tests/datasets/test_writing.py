"""Written data sets: read back by our readers, and by a plain second reading that shares no code with them."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
from made_faces import DeadlyFaces, MadeFaces, face, odd_faces

from awing_lib.datasets import AFLW, COFW, COFW68, W300, WFLW, FaceTable, SyntheticFaces
from awing_lib.datasets import aflw as aflw_module
from awing_lib.datasets.synthetic import making, staging, writing
from awing_lib.datasets.synthetic.staging import WritingError
from awing_lib.errors import AwingError
from awing_lib.layouts import AFLW_19, COFW_29, CONVERSIONS, IBUG_68, WFLW_98, LandmarkLayout, convert

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
WFLW_LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"


def tree(root) -> dict[str, bytes]:
    """Every file below ``root``, hidden ones too."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


def as_read(path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def look_alike(first, second) -> None:
    """The same picture, up to JPEG."""
    assert first.shape == second.shape
    assert np.abs(first.astype(int) - second).mean() < 4


def landmarks_of(faces, layout) -> np.ndarray:
    return np.array([convert(sample.landmarks, WFLW_98, layout) for sample in faces])


def visible_of(faces, layout) -> np.ndarray:
    """Point by point: all that it is made from must be visible."""
    matrix = CONVERSIONS["WFLW-98", layout.name]
    return np.array([[sample.visible[np.flatnonzero(row)].all() for row in matrix] for sample in faces])


# -- each layout --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test"])
def test_wflw(tmp_path, split):
    faces = odd_faces()
    writing.write_wflw(faces, tmp_path, split)

    text = (tmp_path / WFLW_LIST.format(split)).read_bytes().decode("ascii")
    assert text.endswith("\n") and "\r" not in text
    lines = [line.split(" ") for line in text.splitlines()]
    assert [len(line) for line in lines] == [207] * 8
    for line, sample in zip(lines, faces, strict=True):
        assert all(re.fullmatch(r"-?\d+\.\d{6}", number) for number in line[:196])
        assert all(re.fullmatch(r"-?\d+", number) for number in line[196:200])
        np.testing.assert_allclose(np.array(line[:196], float).reshape(98, 2), sample.landmarks, rtol=0, atol=6e-7)
        assert np.abs(np.array(line[196:200], int) - sample.box).max() <= 0.5
        assert line[200:206] == [str(int(sample.attributes[key])) for key in ATTRIBUTES]
        assert re.fullmatch(r"\w+/[\w.-]+\.jpg", line[206], re.ASCII)
        look_alike(as_read(tmp_path / "WFLW_images" / line[206]), sample.image)
    assert int(lines[3][196]) < 0
    assert lines[6][206] == lines[7][206] and len({line[206] for line in lines}) == 7  # two faces of one image

    opened = WFLW(tmp_path, split)
    for sample, other in zip(opened, faces, strict=True):
        np.testing.assert_allclose(sample.landmarks, other.landmarks, rtol=0, atol=1e-6)
        assert np.abs(sample.box - other.box).max() <= 0.5
        assert sample.attributes == {key: other.attributes[key] for key in ATTRIBUTES}
        look_alike(sample.image, other.image)


def test_wflw_subset_lists(tmp_path):
    faces = odd_faces()
    writing.write_wflw(faces[:4], tmp_path, "train")
    assert not (tmp_path / "WFLW_annotations/list_98pt_test").exists()
    writing.write_wflw(faces, tmp_path, "test")
    lines = [line.split(" ") for line in (tmp_path / WFLW_LIST.format("test")).read_text().splitlines()]
    official = ["largepose", "expression", "illumination", "makeup", "occlusion", "blur"]
    files = sorted(path.name for path in (tmp_path / "WFLW_annotations/list_98pt_test").iterdir())
    assert files == sorted(f"list_98pt_test_{name}.txt" for name in official)
    for place, name in enumerate(official):
        text = (tmp_path / f"WFLW_annotations/list_98pt_test/list_98pt_test_{name}.txt").read_text()
        expected = [line[:196] + line[206:] for line in lines if line[200 + place] == "1"]
        assert 0 < len(expected) < 8
        assert [line.split(" ") for line in text.splitlines()] == expected


def test_wflw_attributes_that_are_missing_are_0(tmp_path):
    writing.write_wflw([face(0, attributes={"blur": np.True_})], tmp_path, "test")
    assert WFLW(tmp_path, "test")[0].attributes == dict.fromkeys(ATTRIBUTES, False) | {"blur": True}


def plain_pts(path) -> np.ndarray:
    version, points, brace, *rows, end = path.read_text("ascii").strip().splitlines()
    assert (version, points.split(), brace, end) == ("version: 1", ["n_points:", "68"], "{", "}")
    return np.array([row.split(" ") for row in rows], float)


@pytest.mark.parametrize(
    "split, folders",
    [
        ("train", {"afw": "jpg", "helen/trainset": "jpg", "lfpw/trainset": "png"}),
        ("common", {"helen/testset": "jpg", "lfpw/testset": "png"}),
        ("challenging", {"ibug": "jpg"}),
        ("test", {"300W/01_Indoor": "png", "300W/02_Outdoor": "png"}),
    ],
)
def test_300w(tmp_path, split, folders):
    faces = odd_faces()
    expected = landmarks_of(faces, IBUG_68)
    writing.write_300w(faces, tmp_path, split)

    assert {path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == set(folders)
    found = []
    for folder, suffix in folders.items():
        points = sorted((tmp_path / folder).glob("*.pts"))
        assert points
        for path in points:
            found.append((plain_pts(path), path.with_suffix(f".{suffix}"), path.read_bytes()))
    for (points, image, text), sample, wanted in zip(found, faces, expected, strict=True):
        private = "300W" in str(image)
        np.testing.assert_allclose(points - 1, wanted, rtol=0, atol=5.1e-4 if private else 4e-6)
        assert text.startswith(b"version: 1\nn_points: 68\n{\n" if private else b"version: 1\nn_points:  68\n{\n")
        assert text.endswith(b"\n}\n" if private else b"\n}")
        assert re.search(rb"\n-?\d+\.\d{3} " if private else rb"\n-?\d+\.\d{6} ", text)
        if image.suffix == ".png":
            np.testing.assert_array_equal(as_read(image), sample.image)
        else:
            look_alike(as_read(image), sample.image)

    opened = W300(tmp_path, split)
    np.testing.assert_allclose(opened.landmarks, expected, rtol=0, atol=5.1e-4)
    for sample, other in zip(opened, faces, strict=True):
        look_alike(sample.image, other.image)


def test_300w_shares_out_as_the_official_folders(tmp_path):
    writing.write_300w(MadeFaces(40), tmp_path, "train")
    found = [len(list((tmp_path / folder).glob("*.pts"))) for folder in ("afw", "helen/trainset", "lfpw/trainset")]
    assert sum(found) == 40
    for number, official in zip(found, (337, 2000, 811), strict=True):
        assert abs(number - 40 * official / 3148) <= 1


@pytest.mark.parametrize("split, suffix", [("train", "Tr"), ("test", "T")])
@pytest.mark.parametrize("points", [98, 29])
def test_cofw(tmp_path, split, suffix, points):
    faces = odd_faces(points)
    expected = landmarks_of(faces, COFW_29) if points == 98 else np.array([sample.landmarks for sample in faces])
    visible = visible_of(faces, COFW_29) if points == 98 else np.array([sample.visible for sample in faces])
    writing.write_cofw(faces, tmp_path, split)
    path = tmp_path / f"COFW_{split}_color.mat"

    block = path.read_bytes()[:512]
    assert block.startswith(b"MATLAB 7.3 MAT-file") and block[124:128] == b"\x00\x02IM"
    with pytest.raises(NotImplementedError):  # as it does for the official file
        scipy.io.loadmat(path)
    with h5py.File(path, "r") as file:
        assert file.userblock_size == 512
        assert set(file) == {"#refs#", f"Is{suffix}", f"phis{suffix}", f"bboxes{suffix}"}
        cells, phis, boxes = (file[name + suffix] for name in ("Is", "phis", "bboxes"))
        assert (cells.shape, phis.shape, boxes.shape) == ((1, 8), (87, 8), (4, 8))
        assert phis.dtype == boxes.dtype == np.float64
        kinds = [dataset.attrs["MATLAB_class"] for dataset in (cells, phis, boxes, file[cells[0, 0]])]
        assert kinds == [b"cell", b"double", b"double", b"uint8"]
        for index, sample in enumerate(faces):
            pixels = file[cells[0, index]][()]
            assert pixels.dtype == np.uint8
            if index == 1:
                np.testing.assert_array_equal(pixels.T, sample.image[..., 0])  # grey: two axes
            else:
                np.testing.assert_array_equal(pixels.transpose(2, 1, 0), sample.image)
            np.testing.assert_allclose(phis[:29, index] - 1, expected[index, :, 0], rtol=0, atol=1e-4)
            np.testing.assert_allclose(phis[29:58, index] - 1, expected[index, :, 1], rtol=0, atol=1e-4)
            np.testing.assert_array_equal(phis[58:, index], 1 - visible[index])
            left, top, width, height = boxes[:, index]
            np.testing.assert_array_equal(
                [left - 1, top - 1, left - 1 + width, top - 1 + height], sample.box.astype(float)
            )

    opened = COFW(tmp_path, split)
    np.testing.assert_allclose(opened.landmarks, expected, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(opened.visible, visible)
    for sample, other in zip(opened, faces, strict=True):
        np.testing.assert_array_equal(sample.image, other.image)
        np.testing.assert_array_equal(sample.box, other.box)
    assert (tmp_path / "COFW68_Data").exists() == (points == 98 and split == "test")


def test_cofw_68(tmp_path):
    faces = odd_faces()
    expected, visible = landmarks_of(faces, IBUG_68), visible_of(faces, IBUG_68)
    writing.write_cofw(faces, tmp_path, "test")
    folder = tmp_path / "COFW68_Data"
    boxes = scipy.io.loadmat(folder / "cofw68_test_bboxes.mat")["bboxes"]
    assert boxes.dtype == np.int16 and boxes.shape == (8, 4)
    assert len(list((folder / "test_annotations").iterdir())) == 8
    for index, sample in enumerate(faces):
        found = scipy.io.loadmat(folder / f"test_annotations/{index + 1}_points.mat")
        assert (found["Points"].dtype, found["Occ"].dtype, found["Occ"].shape) == (np.float64, np.uint8, (1, 68))
        np.testing.assert_allclose(found["Points"] - 1, expected[index], rtol=0, atol=1e-4)
        np.testing.assert_array_equal(found["Occ"][0], 1 - visible[index])
        x0, y0, x1, y1 = sample.box
        assert np.abs(boxes[index] - [x0 + 1, y0 + 1, x1 - x0, y1 - y0]).max() <= 0.5
    opened = COFW68(tmp_path)
    np.testing.assert_allclose(opened.landmarks, expected, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(opened.visible, visible)


def check_aflw(root, faces, tests, trained):
    """The file as scipy gives it, against the faces; ``trained`` rows are for training."""
    found = scipy.io.loadmat(root / "AFLWinfo_release.mat")
    count = trained + len(tests)
    assert found["nameList"].shape == (count, 1) and found["data"].shape == (count, 38)
    assert found["bbox"].shape == (count, 4) and found["mask_new"].shape == (count, 19)
    assert found["ra"].shape == (1, count) and (found["ra"].dtype, found["mask_new"].dtype) == (np.uint16, np.uint8)
    order = found["ra"][0].astype(int) - 1
    assert sorted(order) == list(range(count)) and (order != np.arange(count)).any()
    for given, rows in ((faces, order[:trained]), (tests, order[trained:])):
        landmarks, visible = landmarks_of(given, AFLW_19), visible_of(given, AFLW_19)
        for place, row in enumerate(rows):
            at = place % len(given)
            np.testing.assert_allclose(found["data"][row, :19] - 1, landmarks[at, :, 0], rtol=0, atol=1e-4)
            np.testing.assert_allclose(found["data"][row, 19:] - 1, landmarks[at, :, 1], rtol=0, atol=1e-4)
            x0, y0, x1, y1 = given[at].box.astype(float)
            np.testing.assert_array_equal(found["bbox"][row] - 1, [x0, x1, y0, y1])
            np.testing.assert_array_equal(found["mask_new"][row], visible[at])
            if place < len(given):
                name = found["nameList"][row, 0][0]
                assert re.fullmatch(r"[023]/image\d{5}\.jpg", name)
                look_alike(as_read(root / "flickr" / name), given[at].image)
    assert len(list((root / "flickr").glob("*/*.jpg"))) == len(faces) + len(tests)


def test_aflw(tmp_path, monkeypatch):
    monkeypatch.setattr(aflw_module, "TRAINING", 20)
    faces = odd_faces()
    tests = [face(seed) for seed in range(20, 25)]
    writing.write_aflw(faces, tests, tmp_path)
    check_aflw(tmp_path, faces, tests, 20)
    for split, given in (("train", faces), ("full", tests)):
        opened = AFLW(tmp_path, split)
        for sample, other in zip(opened[: len(given)], given, strict=True):
            np.testing.assert_allclose(sample.landmarks, convert(other.landmarks, WFLW_98, AFLW_19), rtol=0, atol=1e-4)
            np.testing.assert_array_equal(sample.box, other.box)
            np.testing.assert_array_equal(sample.visible, visible_of([other], AFLW_19)[0])
            look_alike(sample.image, other.image)
    assert len(AFLW(tmp_path, "train")) == 20 and len(AFLW(tmp_path, "full")) == 5


def test_aflw_of_official_size(tmp_path):
    """Programs that take the first 20000 faces for training find all faces for testing after them."""
    tests = [face(seed, visible=np.ones(98, bool)) for seed in range(20, 23)]
    writing.write_aflw([face(seed) for seed in range(3)], tests, tmp_path)
    ra = scipy.io.loadmat(tmp_path / "AFLWinfo_release.mat")["ra"][0]
    assert len(ra[20000:]) == 3
    assert len(AFLW(tmp_path, "train")) == 20000
    expected = [convert(sample.landmarks, WFLW_98, AFLW_19) for sample in tests]
    for split in ("full", "frontal"):
        np.testing.assert_allclose(AFLW(tmp_path, split).landmarks, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("points", [98, 68, 29, 19])
def test_table(tmp_path, points):
    faces = odd_faces(points)
    writing.write_table(faces, tmp_path, "train")
    writing.write_table([face(20, points)], tmp_path, "val")
    with open(tmp_path / "landmarks.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["train"] * 8 + ["val"]
    for row, sample in zip(rows, [*faces, face(20, points)], strict=True):
        numbers = [[row[f"x{index}"], row[f"y{index}"]] for index in range(points)]
        np.testing.assert_array_equal(np.array(numbers, np.float32), sample.landmarks)  # to the last bit
        assert row["blur"] == str(int(sample.attributes["blur"])) and float(row["yaw"]) == sample.attributes["yaw"]
        look_alike(as_read(tmp_path / "images" / row["name"]), sample.image)
    opened = FaceTable(tmp_path, "train")
    assert len(opened) == 8 and opened.layout.count == points
    for sample, other in zip(opened, faces, strict=True):
        np.testing.assert_array_equal(sample.landmarks, other.landmarks)
        look_alike(sample.image, other.image)


def test_table_of_a_layout_of_ones_own(tmp_path):
    own = LandmarkLayout("own", ("a", "b", "c"), ((0, 2),))

    class Own(MadeFaces):
        layout = own

        def __getitem__(self, index):
            return face(index, 3)

    writing.write_table(Own(2), tmp_path, "train")
    np.testing.assert_array_equal(FaceTable(tmp_path, "train", own).landmarks[1], face(1, 3).landmarks)


def test_table_keeps_the_lines_that_it_does_not_replace(tmp_path):
    writing.write_table([face(0), face(1)], tmp_path, "train")
    writing.write_table([face(2)], tmp_path, "test")
    before = tree(tmp_path)
    with pytest.raises(WritingError, match="exists already"):
        writing.write_table([face(3)], tmp_path, "train")
    assert tree(tmp_path) == before
    writing.write_table([face(3)], tmp_path, "train", overwrite=True)
    np.testing.assert_array_equal(FaceTable(tmp_path, "test").landmarks[0], face(2).landmarks)
    np.testing.assert_array_equal(FaceTable(tmp_path, "train").landmarks, [face(3).landmarks])
    assert len(list((tmp_path / "images/train").iterdir())) == 1


@pytest.mark.parametrize(
    "text, message",
    [
        ("name,split,x0,y0\na.jpg,test,1,2\n", "columns"),
        ("name,x0,y0\na.jpg,1,2\n", "no column split"),
        ("name,split\na.jpg\n", "1 fields, expected 2"),
        ("", "no table that can be added to"),
        ("name,split\n\xe9\n", "UTF-8"),
    ],
)
def test_a_table_that_cannot_be_added_to_is_left_alone(tmp_path, text, message):
    (tmp_path / "landmarks.csv").write_bytes(text.encode("latin-1"))
    before = tree(tmp_path)
    with pytest.raises(WritingError, match=message):
        writing.write_table([face(0)], tmp_path, "train")
    assert tree(tmp_path) == before


def test_a_tar_of_images_is_not_hidden_by_a_folder(tmp_path):
    (tmp_path / "images.tar").write_bytes(b"")
    with pytest.raises(WritingError, match=r"images\.tar"):
        writing.write_table([face(0)], tmp_path, "train")


def test_a_data_set_that_was_read_can_be_written(tmp_path):
    writing.write_wflw(odd_faces(), tmp_path / "first", "test")
    writing.write_wflw(WFLW(tmp_path / "first", "test")[2:7], tmp_path / "second", "train")
    first, second = WFLW(tmp_path / "first", "test")[2:7], WFLW(tmp_path / "second", "train")
    np.testing.assert_array_equal(first.landmarks, second.landmarks)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    assert first.attributes["pose"].tolist() == second.attributes["pose"].tolist()


# -- conversion ---------------------------------------------------------------------------------------------------


def test_a_converted_point_is_visible_if_all_that_it_is_made_from_are():
    hidden = np.ones(98, bool)
    hidden[41] = False  # with 34, the middle of a brow's second point
    reduced = writing.converted(face(0, visible=hidden), WFLW_98, IBUG_68)
    assert np.flatnonzero(~reduced.visible).tolist() == [18]
    np.testing.assert_allclose(reduced.landmarks[18], face(0).landmarks[[34, 41]].mean(0), atol=1e-5)
    hidden[:] = True
    hidden[1] = False  # between two of the 17 points of a contour: none is made from it
    assert writing.converted(face(0, visible=hidden), WFLW_98, IBUG_68).visible.all()


def test_sharing_out():
    assert writing.share_out(3148, [337, 2000, 811]) == [337, 2000, 811]
    for total in range(3, 60):
        parts = writing.share_out(total, [337, 2000, 811])
        assert sum(parts) == total and min(parts) >= 1
    assert writing.share_out(5, [554, 135, 600], [2, 1, 2]) == [2, 1, 2]
    with pytest.raises(WritingError, match="at least 5"):
        writing.share_out(4, [554, 135, 600], [2, 1, 2])


# -- what is refused ----------------------------------------------------------------------------------------------

WRITERS = {
    "wflw": lambda faces, root, **options: writing.write_wflw(faces, root, "test", **options),
    "300w": lambda faces, root, **options: writing.write_300w(faces, root, "common", **options),
    "cofw": lambda faces, root, **options: writing.write_cofw(faces, root, "test", **options),
    "aflw": lambda faces, root, **options: writing.write_aflw(faces, faces, root, **options),
    "table": lambda faces, root, **options: writing.write_table(faces, root, "test", **options),
}
every_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


def nan_landmark():
    landmarks = face(1).landmarks.copy()
    landmarks[7, 1] = np.nan
    return landmarks


@every_writer
@pytest.mark.parametrize(
    "changes, message",
    [
        ({"landmarks": nan_landmark()}, "landmarks"),
        ({"landmarks": np.full((98, 2), 1e9, np.float32)}, "landmarks"),
        ({"landmarks": np.zeros((68, 2), np.float32)}, r"\(68, 2\), expected \(98, 2\)"),
        ({"visible": np.ones(97, bool)}, "visible"),
        ({"visible": np.ones(98)}, "visible"),
        ({"box": np.array([3, 3, 3, 9], np.float32)}, "box"),
        ({"box": np.array([0, np.nan, 3, 9], np.float32)}, "box"),
        ({"box": np.zeros(3, np.float32)}, "box"),
        ({"image": np.zeros((4, 5, 3), np.float32)}, "image"),
        ({"image": np.zeros((4, 5), np.uint8)}, "image"),
        ({"image": np.zeros((0, 5, 3), np.uint8)}, "image"),
    ],
)
def test_a_face_that_does_not_fit_is_named(tmp_path, write, changes, message):
    faces = [face(0), face(1, **changes), face(2)]
    with pytest.raises(WritingError, match=rf"face 1 \('made/000001.png'\): .*{message}"):
        write(faces, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@every_writer
def test_no_faces(tmp_path, write):
    with pytest.raises(WritingError, match="faces"):
        write([], tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "name, points", [("wflw", 68), ("wflw", 29), ("300w", 29), ("cofw", 68), ("cofw", 19), ("aflw", 29), ("wflw", 5)]
)
def test_points_that_do_not_determine_the_layout(tmp_path, name, points):
    with pytest.raises(WritingError, match=r"points|layout"):
        WRITERS[name]([face(seed, points) for seed in range(3)], tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "write, message",
    [
        (lambda root: writing.write_wflw([face(0)], root, "val"), "split 'val' .* train, test"),
        (lambda root: writing.write_300w([face(0)], root, "full"), "split 'full'"),
        (lambda root: writing.write_cofw([face(0)], root, ""), "split ''"),
        (lambda root: writing.write_table([face(0)], root, "../up"), "split '../up'"),
        (lambda root: writing.write_300w([face(0), face(1)], root, "train"), "at least 3"),
        (lambda root: writing.write_aflw(MadeFaces(20001), [face(0)], root), "room for 20000"),
        (lambda root: writing.write_aflw([face(0)], [], root), "no faces"),
        (
            lambda root: writing.write_wflw([face(0, attributes={"pose": "yes"})], root, "test"),
            "attribute pose is 'yes', expected True or False",
        ),
        (
            lambda root: writing.write_wflw([face(0, box=np.array([1, 1, 1.2, 9], np.float32))], root, "test"),
            "whole pixels",
        ),
        (lambda root: writing.write_wflw([face(0), face(1, name=face(0).name)], root, "test"), "another image"),
        (lambda root: writing.write_table([face(0), face(1, attributes={})], root, "test"), "columns"),
        (lambda root: writing.write_table([face(0, attributes={"x0": 1})], root, "test"), "each once"),
        (
            lambda root: writing.write_cofw([face(0, box=np.array([0, 0, 40000, 9], np.float32))], root, "test"),
            "16 bits",
        ),
        (
            lambda root: writing.write_wflw([face(0, image=np.zeros((2, 70000, 3), np.uint8))], root, "test"),
            "cannot be written as .jpg",
        ),
    ],
)
def test_refusals(tmp_path, write, message):
    with pytest.raises(WritingError, match=message):
        write(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@every_writer
def test_what_exists_is_kept_unless_it_shall_be_replaced(tmp_path, write, monkeypatch):
    monkeypatch.setattr(aflw_module, "TRAINING", 6)
    write([face(seed) for seed in range(5)], tmp_path)
    (tmp_path / "other.txt").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(WritingError, match="exists already"):
        write([face(seed) for seed in range(10, 13)], tmp_path)
    assert tree(tmp_path) == before
    write([face(seed) for seed in range(10, 13)], tmp_path, overwrite=True)
    write([face(seed) for seed in range(10, 13)], tmp_path / "fresh")
    after = tree(tmp_path)
    fresh = {name.removeprefix("fresh/"): data for name, data in after.items() if name.startswith("fresh/")}
    rest = {name: data for name, data in after.items() if not name.startswith("fresh/")}
    assert rest == fresh | {"other.txt": b"mine"}  # nothing of the first five is left


@every_writer
@pytest.mark.parametrize("error", [RuntimeError("no face"), KeyboardInterrupt(), OSError(28, "No space left")])
def test_a_failure_in_the_middle_changes_nothing(tmp_path, write, monkeypatch, error):
    monkeypatch.setattr(aflw_module, "TRAINING", 6)

    class Failing(MadeFaces):
        def __getitem__(self, index):
            if index == 3:
                raise error
            return super().__getitem__(index)

    write([face(seed) for seed in range(5)], tmp_path / "old")
    before = tree(tmp_path)
    expected = AwingError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write(Failing(5, seed=1), tmp_path / "old", overwrite=True)
    with pytest.raises(expected):
        write(Failing(5, seed=1), tmp_path / "new")
    assert tree(tmp_path) == before and not (tmp_path / "new").exists()


@every_writer
@pytest.mark.parametrize("call", range(1, 6))
def test_a_failure_while_files_move_changes_nothing(tmp_path, write, monkeypatch, call):
    monkeypatch.setattr(aflw_module, "TRAINING", 6)
    write([face(seed) for seed in range(5)], tmp_path)
    before = tree(tmp_path)
    rename, calls = os.rename, []

    def failing(source, target):
        calls.append(source)
        if len(calls) == call:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(staging.os, "rename", failing)
    try:
        write([face(seed) for seed in range(10, 15)], tmp_path, overwrite=True)
    except WritingError as error:
        assert "Input/output error" in str(error) and tree(tmp_path) == before
    else:
        assert len(calls) < call  # this layout has fewer files to move


@every_writer
def test_a_root_that_cannot_be_made(tmp_path, write):
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(WritingError, match="cannot be written"):
            write([face(seed) for seed in range(3)], root)
    assert tree(tmp_path) == {"file": b""}


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    """A limit on the size of files stands in for the full disk."""
    code = """
import resource, sys
from made_faces import face
from test_writing import WRITERS, WritingError, tree
faces = [face(seed) for seed in range(5)]
for limit in (700, 1500, 20000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    for name, write in WRITERS.items():
        try:
            write(faces, sys.argv[1])
        except WritingError as error:
            assert str(error) == sys.argv[1] + ": cannot be written: File too large; nothing was changed there"
            assert not [name for name in tree(sys.argv[1]) if ".writing-" in name]
            print(limit, name)
"""
    here = Path(__file__).parent
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=here, capture_output=True, text=True, timeout=100
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    refused = [line.split() for line in result.stdout.splitlines()]
    small = [[limit, name] for limit in ("700", "1500") for name in WRITERS]
    assert refused[:10] == small and {"cofw", "aflw"} <= {name for _, name in refused[10:]}


# -- made by workers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["wflw", "cofw"])
def test_the_files_do_not_depend_on_the_number_of_workers(tmp_path, layout):
    sizes = making.plan_splits(layout, 70, 20)
    assert sizes == {"train": 70, "test": 20}
    shown = []
    making.write_splits(MadeFaces(90, seed=3), tmp_path / "one", layout, sizes)
    making.write_splits(
        MadeFaces(90, seed=3), tmp_path / "two", layout, sizes, workers=2, progress=lambda p: shown.append(len(p)) or p
    )
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert shown == [70, 20]
    making.write_splits(MadeFaces(90, seed=4), tmp_path / "other", layout, sizes)
    assert tree(tmp_path / "one") != tree(tmp_path / "other")


def test_no_face_is_in_two_splits(tmp_path):
    sizes = making.plan_splits("300w", 10, 12)
    assert list(sizes) == ["train", "common", "challenging", "test"] and sum(sizes.values()) == 22
    making.write_splits(MadeFaces(22), tmp_path, "300w", sizes)
    found = np.concatenate([W300(tmp_path, split).landmarks for split in sizes])
    np.testing.assert_allclose(found, landmarks_of(MadeFaces(22), IBUG_68), rtol=0, atol=5.1e-4)


@pytest.mark.parametrize("layout", making.LAYOUTS)
def test_the_line_that_is_printed_opens_what_was_written(tmp_path, layout, monkeypatch):
    monkeypatch.setattr(aflw_module, "TRAINING", 6)
    sizes = making.plan_splits(layout, 6)
    making.write_splits(MadeFaces(sum(sizes.values())), tmp_path / "a 'b'", layout, sizes)
    for split, size in sizes.items():
        names = {}
        exec(making.opening_line(tmp_path / "a 'b'", layout, split), names)
        assert len(names["faces"]) == size


def test_a_split_that_exists_is_noticed_before_a_face_is_made(tmp_path):
    class Untouchable(MadeFaces):
        def __getitem__(self, index):
            raise AssertionError("a face was made")

    making.write_splits(MadeFaces(5), tmp_path, "wflw", {"test": 5})
    with pytest.raises(WritingError, match="exists already"):
        making.write_splits(Untouchable(10), tmp_path, "wflw", {"train": 5, "test": 5})
    assert not (tmp_path / "WFLW_images/train").exists()


def test_a_worker_that_dies_is_one_line(tmp_path):
    with pytest.raises(WritingError, match="died"):
        making.write_splits(DeadlyFaces(100), tmp_path / "new", "wflw", {"train": 100}, workers=2)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "arguments", [("wlfw", 10), ("wflw", 0, 0), ("aflw", 10, 0), ("aflw", 0, 10), ("300w", 2, 10), ("300w", 10, 4)]
)
def test_plans_that_cannot_be(arguments):
    with pytest.raises(WritingError):
        making.plan_splits(*arguments)


# -- drawn faces --------------------------------------------------------------------------------------------------


def test_synthetic_faces_come_back_from_every_layout(tmp_path):
    faces = SyntheticFaces(6, seed=5)
    given = list(faces)
    writing.write_wflw(faces, tmp_path, "test")
    writing.write_300w(faces, tmp_path, "common")
    writing.write_cofw(faces, tmp_path, "test")
    writing.write_aflw(faces[:4], faces[4:], tmp_path)
    writing.write_table(faces, tmp_path, "train")
    for opened, size, atol in (
        (WFLW(tmp_path, "test"), 6, 1e-5),
        (W300(tmp_path, "common"), 6, 1e-5),
        (COFW(tmp_path, "test"), 6, 5e-5),
        (COFW68(tmp_path), 6, 5e-5),
        (AFLW(tmp_path, "train"), 4, 5e-5),
        (FaceTable(tmp_path, "train"), 6, 0),
    ):
        layout = opened.layout
        expected = landmarks_of(given, layout) if layout != WFLW_98 else np.array([face.landmarks for face in given])
        np.testing.assert_allclose(opened.landmarks[:size], expected[:size], rtol=0, atol=atol)
        for sample, other in zip(opened[:size], given, strict=False):
            look_alike(sample.image, other.image)
            if isinstance(opened, COFW | COFW68 | AFLW):
                np.testing.assert_array_equal(sample.visible, visible_of([other], layout)[0])
    attributes = WFLW(tmp_path, "test").attributes
    for key in ATTRIBUTES:
        assert attributes[key].tolist() == [sample.attributes[key] for sample in given]
