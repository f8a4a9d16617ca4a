"""Every data set by its name."""

import pytest
from official_files import write_aflw, write_cofw, write_cofw68, write_table, write_w300, write_wflw

from awing_lib.datasets import AFLW, COFW, COFW68, W300, WFLW, DataError, FaceTable, SyntheticFaces
from awing_lib.datasets import aflw as aflw_module
from awing_lib.datasets.opening import DATASETS, open_dataset
from awing_lib.layouts import AFLW_19, COFW_29, IBUG_68, WFLW_98, LandmarkLayout

FILES = {
    "wflw": (write_wflw, WFLW, "test", WFLW_98),
    "300w": (write_w300, W300, "full", IBUG_68),
    "cofw": (write_cofw, COFW, "test", COFW_29),
    "cofw68": (write_cofw68, COFW68, None, IBUG_68),
    "aflw": (lambda root: write_aflw(root, 10), AFLW, "full", AFLW_19),
    "table": (write_table, FaceTable, None, AFLW_19),
}


@pytest.fixture(autouse=True)
def small_aflw(monkeypatch):
    monkeypatch.setattr(aflw_module, "TRAINING", 6)


def test_every_name_is_tried_here():
    assert set(DATASETS) == {*FILES, "synthetic"}


@pytest.mark.parametrize("name", FILES)
def test_files_open_by_name(tmp_path, name):
    write, reader, split, layout = FILES[name]
    write(tmp_path)
    faces = open_dataset(name, str(tmp_path), split)
    assert type(faces) is reader and faces.layout is layout and len(faces) >= 4
    expected = reader(tmp_path, split) if split else reader(tmp_path)
    assert faces.names.tolist() == expected.names.tolist()
    assert (faces.landmarks == expected.landmarks).all()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_folder_is_named(tmp_path, name):
    split = FILES[name][2]
    with pytest.raises(DataError, match=f"data set {name} needs the folder"):
        open_dataset(name, None, split)
    with pytest.raises(DataError, match="nowhere"):
        open_dataset(name, tmp_path / "nowhere", split)


@pytest.mark.parametrize("name", ["wflw", "300w", "cofw", "aflw"])
def test_a_split_is_needed_and_must_be_known(tmp_path, name):
    with pytest.raises(DataError, match=f"data set {name} needs a split"):
        open_dataset(name, tmp_path)
    with pytest.raises(DataError, match="split 'val' is unknown"):
        open_dataset(name, tmp_path, "val")


def test_a_table_takes_a_layout_and_a_split(tmp_path):
    write_table(tmp_path, points=3)
    dots = LandmarkLayout("dots", ("a", "b", "c"), mirror_pairs=())
    assert open_dataset("table", tmp_path, layout=dots).layout is dots
    parts = [open_dataset("table", tmp_path, split, layout=dots) for split in (None, "train", "test")]
    assert [len(part) for part in parts] == [4, 2, 2]
    with pytest.raises(DataError, match="no faces in split 'val'; there are 'test', 'train'"):
        open_dataset("table", tmp_path, "val", layout=dots)


def test_faces_made_to_order_need_no_folder():
    faces = open_dataset("synthetic")
    assert type(faces) is SyntheticFaces and (len(faces), faces.layout, faces.seed) == (1000, WFLW_98, 0)
    faces = open_dataset("synthetic", "anything", count=3, layout=IBUG_68, seed=2**31)
    assert (len(faces), faces.layout, faces.seed) == (3, IBUG_68, 2**31)


def test_names_that_there_are_not():
    for name in ("WFLW", "", "lfw"):
        with pytest.raises(DataError, match=f"data set '{name}' is unknown; there are wflw, 300w, "):
            open_dataset(name, ".")
