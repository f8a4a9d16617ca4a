"""Every reader against a plain reading of the same files, official ones where they are at hand."""

import os
import pickle
import re
import shutil
import tarfile
import time

import cv2
import numpy as np
import pytest
import scipy.io
from official_files import (
    DATA,
    OFFICIAL,
    WFLW_LIST,
    picture,
    same_faces,
    through_workers,
    wflw_line,
    write_aflw,
    write_cofw,
    write_cofw68,
    write_table,
    write_w300,
    write_wflw,
)

from awing_lib.datasets import AFLW, COFW, COFW68, W300, WFLW, DataError, FaceTable, check
from awing_lib.datasets import aflw as aflw_module
from awing_lib.layouts import AFLW_19, IBUG_68, LandmarkLayout

real = pytest.mark.skipif(not DATA.is_dir(), reason="the real annotation files are not at hand")


@pytest.fixture
def small_aflw(monkeypatch):
    monkeypatch.setattr(aflw_module, "TRAINING", 6)


def everything(root):
    """One small data set of each kind."""
    write_wflw(root / "wflw")
    write_w300(root / "300w")
    write_cofw68(root / "cofw")
    write_aflw(root / "aflw", 10)
    write_table(root / "table")
    write_table(root / "tar", tar=True)
    return [
        WFLW(root / "wflw", "test"),
        W300(root / "300w", "full"),
        COFW(root / "cofw", "test"),
        COFW68(root / "cofw"),
        AFLW(root / "aflw", "full"),
        FaceTable(root / "table"),
        FaceTable(root / "tar"),
    ]


# -- what all data sets do -------------------------------------------------------------------------------------------


def test_samples_indexing_slicing_iteration_pickling(tmp_path, small_aflw):
    for dataset in everything(tmp_path):
        count, points = len(dataset), dataset.layout.count
        samples = list(dataset)
        assert len(samples) == count > 3 and f"{count} faces" in repr(dataset)
        for sample in samples:
            assert sample.image.dtype == np.uint8 and sample.image.ndim == 3 and sample.image.shape[2] == 3
            assert sample.landmarks.dtype == np.float32 and sample.landmarks.shape == (points, 2)
            assert sample.box.dtype == np.float32 and (sample.box[2:] > sample.box[:2]).all()
            assert sample.visible.dtype == bool and sample.visible.shape == (points,)
            assert isinstance(sample.name, str) and isinstance(sample.attributes, dict)
        with pytest.raises(AttributeError):
            samples[0].name = "frozen"
        same_faces([dataset[-1], dataset[np.int64(0)]], [samples[-1], samples[0]])
        for index in (count, -count - 1):
            with pytest.raises(IndexError):
                dataset[index]
        with pytest.raises(TypeError):
            dataset["1"]
        part = dataset[1:][::-2]
        assert type(part) is type(dataset) and part.layout is dataset.layout and part.official_count is None
        same_faces(part, samples[1:][::-2])
        assert np.shares_memory(part.landmarks, dataset.landmarks)
        same_faces(dataset.select([2, 0]), [samples[2], samples[0]])
        assert len(dataset.select([])) == 0 and len(dataset[count:]) == 0
        same_faces(pickle.loads(pickle.dumps(part)), part)
        samples[0].landmarks[:] = 0
        assert dataset[0].landmarks.any()
        assert [p for p in check(part) if "outside" not in p] == []


def test_spawned_workers_read_the_same_faces(tmp_path):
    write_cofw(tmp_path)
    write_table(tmp_path, tar=True)
    for dataset in (COFW(tmp_path, "test"), FaceTable(tmp_path)):
        same_faces(through_workers(dataset[1:]), dataset[1:])


def test_memory_grows_with_annotations_only(tmp_path):
    write_wflw(tmp_path)
    write_table(tmp_path)
    for dataset in (WFLW(tmp_path, "test"), FaceTable(tmp_path)):
        before = len(pickle.dumps(dataset))
        list(dataset)
        assert len(pickle.dumps(dataset)) == before


def test_check_lists_every_problem(tmp_path):
    path = write_wflw(tmp_path)
    (tmp_path / "WFLW_images/1--Parade/a.jpg").write_bytes(b"not an image")
    (tmp_path / "WFLW_images/2--Rain/b.jpg").unlink()
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}, line 3: no image .*b\.jpg$"):
        WFLW(tmp_path, "test")
    problems = check(WFLW(tmp_path, "test", check_images=False))
    assert len(problems) == 3
    assert "4 faces, the official number is 2500" in problems[0]
    assert "a.jpg" in problems[1] and "b.jpg" in problems[2]


def test_check_notices_a_box_outside_its_image(tmp_path):
    line = wflw_line(0, "1--Parade/a.jpg").split()
    line[196:200] = ["900", "900", "950", "950"]
    write_wflw(tmp_path, lines=[" ".join(line)])
    assert "outside the image of 8 x 6" in check(WFLW(tmp_path, "test"))[1]


# -- WFLW ------------------------------------------------------------------------------------------------------------


def plain_wflw(path):
    lines = [line.split() for line in path.read_text().splitlines()]
    return np.array([line[:206] for line in lines], float), [line[206] for line in lines]


@pytest.mark.parametrize("split", ["train", "test"])
def test_wflw_is_its_file(tmp_path, split):
    numbers, names = plain_wflw(write_wflw(tmp_path, split))
    dataset = WFLW(tmp_path, split)
    np.testing.assert_array_equal(dataset.landmarks, numbers[:, :196].reshape(-1, 98, 2).astype(np.float32))
    np.testing.assert_array_equal(dataset.boxes, numbers[:, 196:200])
    assert dataset.names.tolist() == names and dataset.visible.all()
    np.testing.assert_array_equal(np.stack(list(dataset.attributes.values()), 1), numbers[:, 200:])
    image = cv2.imread(str(tmp_path / "WFLW_images" / names[2]))
    np.testing.assert_array_equal(dataset[2].image, image[..., ::-1])
    for place, attribute in enumerate(["pose", "expression", "illumination", "make-up", "occlusion", "blur"]):
        kept = numbers[:, 200 + place] == 1
        subset = WFLW(tmp_path, split, subset=attribute)
        np.testing.assert_array_equal(subset.landmarks, dataset.landmarks[kept])
        assert all(sample.attributes[attribute] is True for sample in subset)


def fill_with_images(root, names):
    """One stand-in image under all these names."""
    picture(root / "one.png")
    for name in dict.fromkeys(names):
        path = root / "WFLW_images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(root / "one.png", path)


@real
def test_wflw_on_the_real_annotations(tmp_path):
    source = OFFICIAL / "wflw/derived/list_98pt_rect_attr_test.partial.txt"
    target = tmp_path / WFLW_LIST.format("test")
    target.parent.mkdir(parents=True)
    shutil.copy(source, target)
    numbers, names = plain_wflw(source)
    fill_with_images(tmp_path, names)
    dataset = WFLW(tmp_path, "test")
    np.testing.assert_array_equal(dataset.landmarks, numbers[:, :196].reshape(-1, 98, 2).astype(np.float32))
    assert dataset.names.tolist() == names and len(set(names)) < len(names) == len(dataset)
    files = {"pose": "largepose", "make-up": "makeup"}
    for attribute in dataset.attributes:
        subset = WFLW(tmp_path, "test", subset=attribute)
        official = OFFICIAL / f"wflw/list_98pt_test/list_98pt_test_{files.get(attribute, attribute)}.txt"
        lines = [line.split() for line in official.read_text().splitlines()]
        assert len(subset) == len(lines) == subset.official_count
        expected = sorted((line[196], *np.float32(line[:196]).tolist()) for line in lines)
        found = zip(subset.names.tolist(), subset.landmarks.reshape(-1, 196).tolist(), strict=True)
        assert sorted((name, *points) for name, points in found) == expected


@real
def test_wflw_reads_the_official_line(tmp_path):
    line = (OFFICIAL / "wflw/list_98pt_rect_attr_train_test/first_line_of_test_list.txt").read_text().strip()
    write_wflw(tmp_path, lines=[line])
    fill_with_images(tmp_path, [line.split()[-1]])
    (sample,) = WFLW(tmp_path, "test")
    assert sample.box.tolist() == list(map(float, line.split()[196:200]))
    assert sample.name == "37--Soccer/37_Soccer_soccer_ball_37_45.jpg"


def test_opening_all_of_wflw_is_fast(tmp_path):
    lines = [wflw_line(seed % 50, f"{seed % 61}--Event/{seed}.png") for seed in range(10_000)]
    for split, part in (("train", lines[:7500]), ("test", lines[7500:])):
        write_wflw(tmp_path, split, part)
    fill_with_images(tmp_path, [line.split()[-1] for line in lines])
    times = []
    for _ in range(2):
        start = time.perf_counter()
        assert len(WFLW(tmp_path, "train")) + len(WFLW(tmp_path, "test")) == 10_000
        times.append(time.perf_counter() - start)
    assert min(times) < 2, times


# -- 300W ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "folders"),
    [
        ("train", ("afw", "helen/trainset", "lfpw/trainset")),
        ("common", ("helen/testset", "lfpw/testset")),
        ("challenging", ("ibug",)),
        ("full", ("helen/testset", "lfpw/testset", "ibug")),
        ("test", ("300W/01_Indoor", "300W/02_Outdoor")),
    ],
)
def test_w300_splits_and_origin(tmp_path, split, folders):
    faces = write_w300(tmp_path)
    dataset = W300(tmp_path, split)
    assert dataset.names.tolist() == [name for folder in folders for name in faces if name.startswith(folder + "/")]
    expected = np.stack([faces[name] for name in dataset.names]) - 1
    np.testing.assert_allclose(dataset.landmarks, expected, atol=1e-4)
    np.testing.assert_allclose(dataset.boxes, np.concatenate([expected.min(1), expected.max(1)], 1), atol=1e-4)
    assert dataset.visible.all()


@real
def test_w300_on_the_real_files(tmp_path):
    write_w300(tmp_path)
    shutil.rmtree(tmp_path / "lfpw/trainset")
    shutil.copytree(OFFICIAL / "300w/lfpw/trainset", tmp_path / "lfpw/trainset")
    dataset = W300(tmp_path, "train")[-5:]
    assert check(dataset) == []
    mat = scipy.io.loadmat(OFFICIAL / "300w/raw_300W_release.mat")
    rows = {str(name[0][0]): row.astype(float) for name, row in zip(mat["nameList"], mat["data"], strict=True)}
    for sample in dataset:
        text = (tmp_path / sample.name.replace(".png", ".pts")).read_text()
        plain = np.array(re.findall(r"-?\d+\.\d+", text), float).reshape(68, 2)
        np.testing.assert_allclose(sample.landmarks + 1, plain, atol=1e-4)
        rounded = rows[sample.name.replace("lfpw", "LFPW68")].reshape(2, 68).T
        assert np.abs(sample.landmarks + 1 - rounded).max() < 0.51
        assert (sample.landmarks < sample.image.shape[1::-1]).all()


# -- COFW ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test"])
def test_cofw_is_its_file(tmp_path, split):
    written = write_cofw(tmp_path, split)
    dataset = COFW(tmp_path, split)
    for k, sample in enumerate(dataset):
        phis, (left, top, width, height) = written["phis"][:, k], written["bboxes"][:, k]
        expected = [[phis[i] - 1, phis[29 + i] - 1] for i in range(29)]
        np.testing.assert_allclose(sample.landmarks, expected, atol=1e-4)
        assert sample.visible.tolist() == [flag == 0 for flag in phis[58:]]
        assert sample.box.tolist() == [left - 1, top - 1, left - 1 + width, top - 1 + height]
        stored = written["images"][k]
        if stored.ndim == 2:
            assert all((sample.image[..., channel] == stored.T).all() for channel in range(3))
        else:
            assert (sample.image == np.moveaxis(stored.swapaxes(1, 2), 0, 2)).all()
        assert sample.name == f"{split}/{k + 1}"


def test_cofw68_is_its_files(tmp_path):
    written = write_cofw68(tmp_path)
    for k, sample in enumerate(COFW68(tmp_path)):
        np.testing.assert_allclose(sample.landmarks, written["points"][k] - 1, atol=1e-4)
        np.testing.assert_array_equal(sample.visible, written["occluded"][k][0] == 0)
        left, top, width, height = written["boxes68"][k].astype(float)
        assert sample.box.tolist() == [left - 1, top - 1, left - 1 + width, top - 1 + height]
        assert (sample.image == COFW(tmp_path, "test")[k].image).all()


@real
def test_cofw68_on_the_real_files(tmp_path):
    shutil.copytree(OFFICIAL / "cofw/COFW68_Data", tmp_path / "COFW68_Data")
    write_cofw(tmp_path, "test", 507)
    dataset = COFW68(tmp_path)
    assert len(dataset) == dataset.official_count == 507 and dataset.layout is IBUG_68
    for k in range(507):
        plain = scipy.io.loadmat(tmp_path / f"COFW68_Data/test_annotations/{k + 1}_points.mat")
        np.testing.assert_allclose(dataset.landmarks[k] + 1, plain["Points"], atol=1e-4)
        np.testing.assert_array_equal(~dataset.visible[k], plain["Occ"][0])
    assert round(100 * (~dataset.visible).mean(), 1) == 22.9
    # the landmarks lie in the official boxes, about: the order of the four numbers is right
    centre = (dataset.boxes[:, :2] + dataset.boxes[:, 2:]) / 2
    size = (dataset.boxes[:, 2:] - dataset.boxes[:, :2]).mean(1)
    assert np.percentile(np.linalg.norm(dataset.landmarks.mean(1) - centre, axis=1) / size, 95) < 0.3


# -- AFLW ------------------------------------------------------------------------------------------------------------


def test_aflw_is_its_file(tmp_path):
    written = write_aflw(tmp_path, 20_008)
    order = written["ra"][0].astype(int) - 1
    visible = written["mask_new"] == 1
    splits = {"train": order[:20_000], "full": order[20_000:]}
    splits["frontal"] = [row for row in splits["full"] if visible[row].all()]
    for split, rows in splits.items():
        dataset = AFLW(tmp_path, split)
        assert len(dataset) == len(rows) > 0
        assert dataset.names.tolist() == [written["nameList"][row, 0] for row in rows]
        x, y = written["data"][rows, :19] - 1, written["data"][rows, 19:] - 1
        np.testing.assert_allclose(dataset.landmarks, np.stack([x, y], -1), atol=1e-4)
        left, right, top, bottom = written["bbox"][rows].astype(float).T - 1
        np.testing.assert_array_equal(dataset.boxes, np.stack([left, top, right, bottom], 1))
        np.testing.assert_array_equal(dataset.visible, visible[rows])
    assert AFLW(tmp_path, "train").official_count == 20_000


# -- FaceTable -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tar", [False, True])
def test_table_is_its_file(tmp_path, tar):
    landmarks = write_table(tmp_path, tar=tar)
    dataset = FaceTable(tmp_path)
    assert dataset.layout is AFLW_19 and dataset.official_count is None
    np.testing.assert_allclose(dataset.landmarks, landmarks, atol=1e-4)
    assert dataset[1].attributes == {"identity": "Zoë 1", "split": "test"} and dataset[1].name == "person 1.jpg"
    same_faces(FaceTable(tmp_path, "test"), dataset[1::2])
    assert check(dataset) == []


def test_folder_and_tar_hold_the_same_images(tmp_path):
    write_table(tmp_path / "folder")
    write_table(tmp_path / "tar", tar=True)
    same_faces(FaceTable(tmp_path / "folder"), FaceTable(tmp_path / "tar"))


def test_table_with_a_layout_of_ones_own(tmp_path):
    write_table(tmp_path, points=3)
    with pytest.raises(DataError, match="3 points; without a layout"):
        FaceTable(tmp_path)
    layout = LandmarkLayout("three", ("left", "right", "tip"), ((0, 1),))
    assert FaceTable(tmp_path, layout=layout)[0].landmarks.shape == (3, 2)
    with pytest.raises(DataError, match="no column x3; layout AFLW-19 has 19 points"):
        FaceTable(tmp_path, layout=AFLW_19)


@real
def test_table_on_real_photos():
    root = DATA / "youtube-faces-68"
    rows = [line.split(",") for line in (root / "landmarks.csv").read_text("utf-8").splitlines()[1:]]
    for split, count in (("train", 2944), ("val", 627), ("test", 654)):
        dataset = FaceTable(root, split)
        expected = [row for row in rows if row[2] == split]
        assert len(dataset) == len(expected) == count and dataset.layout is IBUG_68
        np.testing.assert_array_equal(dataset.landmarks.reshape(count, -1), np.float32([row[3:] for row in expected]))
        assert dataset.attributes["identity"].tolist() == [row[1] for row in expected]
    with tarfile.open(root / "images.tar") as tar:
        for sample in dataset[::40]:
            data = tar.extractfile("images/" + sample.name).read()
            plain = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
            np.testing.assert_array_equal(sample.image, plain)
    assert check(dataset[:100]) == []
