"""The catalogue of data sets, and ``awing data``: what it says, finds, complains of and writes."""

import os
import shutil
import sys
from pathlib import Path

import cv2
import pytest
import torch
from made_faces import MadeFaces, face
from official_files import write_aflw, write_cofw68, write_table, write_w300, write_wflw

from awing_lib import cli, datasets
from awing_lib.datasets import aflw as aflw_module
from awing_lib.datasets import catalogue, wflw
from awing_lib.datasets.catalogue import CATALOGUE, describe, examine
from awing_lib.datasets.synthetic import making, writing
from awing_lib.layouts import LandmarkLayout

README = Path(__file__).resolve().parents[2] / "data" / "README.md"


@pytest.fixture
def awing(monkeypatch, capsys):
    """Runs a command line in this process; gives exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["awing", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def made(monkeypatch):
    """Random faces in the place of drawn ones, and a small AFLW."""
    monkeypatch.setattr(datasets, "SyntheticFaces", MadeFaces, raising=False)
    monkeypatch.setattr(aflw_module, "TRAINING", 12)


def write_all(root: Path) -> None:
    write_wflw(root / "wflw")
    write_w300(root / "300w")
    write_cofw68(root / "cofw")
    write_aflw(root / "aflw", 10)
    write_table(root / "faces")


# -- list ---------------------------------------------------------------------------------------------------------


def blocks_of(text: str) -> dict[str, list[str]]:
    return {block.partition(":")[0]: block.splitlines() for block in text.strip().split("\n\n")}


def test_list_says_terms_source_and_tree_of_each(tmp_path):
    blocks = blocks_of(describe(tmp_path))
    assert list(blocks) == list(CATALOGUE) == ["wflw", "300w", "cofw", "cofw68", "aflw", "table"]
    for name, lines in blocks.items():
        assert [line[:10].strip() for line in lines[1:5]] == ["faces", "terms", "ask", "expect"]
        assert lines[-1] == f"  found   nothing in {tmp_path}"
        if name != "table":
            assert "non-commercial research" in lines[2]
        assert "http" not in "".join(lines)


def test_the_catalogue_agrees_with_the_readme():
    """Folders, files and numbers that the catalogue expects stand in data/README.md, which people read."""
    text = README.read_text("utf-8")
    for part in ("train", "test"):
        text += f"\nlist_98pt_rect_attr_{part}.txt"
    for entry in CATALOGUE.values():
        for pattern in entry.tree:
            start = pattern.split("*")[0].rstrip("/").split("/")
            assert start[0] in text and start[-1] in text, pattern
        for number in filter(None, entry.tree.values()):
            assert number == 1 or str(number) in text


def test_the_catalogue_expects_what_the_readers_open(tmp_path, made):
    """What synthesize writes in full is found in full, but for images that may be in a tar."""
    for layout in making.LAYOUTS:
        making.write_splits(MadeFaces(18), tmp_path / layout, layout, making.plan_splits(layout, 12, 6))
        absent = [
            pattern for pattern, count in catalogue.found(CATALOGUE[layout], tmp_path / layout).items() if not count
        ]
        assert absent == (["images.tar"] if layout == "table" else [])
    assert all(catalogue.found(CATALOGUE["cofw68"], tmp_path / "cofw").values())


def test_list_finds_sets_in_root_and_one_folder_below(tmp_path, awing):
    write_all(tmp_path)
    code, text, errors = awing("data", "list", tmp_path)
    assert (code, errors) == (0, "")
    blocks = blocks_of(text)
    for name, folder in {"wflw": "wflw", "300w": "300w", "cofw68": "cofw", "aflw": "aflw", "table": "faces"}.items():
        assert f"  found   ROOT = {tmp_path / folder}" in blocks[name]
    lines = [line.split() for line in blocks["300w"]]
    assert ["2", "of", "337", "afw/*.jpg"] in lines
    assert ["missing", "COFW_train_color.mat"] in [line.split() for line in blocks["cofw"]]
    assert f"  found   ROOT = {tmp_path / 'cofw'}" in blocks_of(awing("data", "list", tmp_path / "cofw")[1])["cofw"]
    (tmp_path / "faces/landmarks.csv").unlink()  # a folder images alone is no table of faces
    assert "nothing" in blocks_of(awing("data", "list", tmp_path)[1])["table"][-1]


def test_list_of_a_folder_that_does_not_exist(tmp_path, awing, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text, _ = awing("data", "list")
    assert code == 0 and "nothing in data, which does not exist" in text
    (tmp_path / "data").write_text("")
    code, text, errors = awing("data", "list")
    assert (code, text, errors) == (2, "", "awing: data: is not a folder\n")


# -- check --------------------------------------------------------------------------------------------------------


def test_check_of_a_complete_set_is_0(tmp_path, awing, monkeypatch):
    faces = [face(seed) for seed in range(6)]
    for split, part in (("train", faces[:4]), ("test", faces[4:])):
        writing.write_wflw(part, tmp_path, split)
    for split, size in (("train", 4), ("test", 2)):
        monkeypatch.setitem(wflw.COUNTS, split, size)
    for attribute in wflw.ATTRIBUTES:
        monkeypatch.setitem(wflw.SUBSET_COUNTS, attribute, sum(sample.attributes[attribute] for sample in faces[4:]))
    code, text, _ = awing("data", "check", "wflw", tmp_path)
    assert code == 0
    assert text.splitlines() == ["train: 4 faces, no problems", "test: 2 faces, no problems"]
    monkeypatch.setitem(wflw.SUBSET_COUNTS, "blur", 77)
    code, text, _ = awing("data", "check", "wflw", tmp_path)
    assert code == 1 and "test: subset blur: " in text and "the official number is 77" in text


def test_check_lists_all_that_is_missing_or_broken(tmp_path, awing):
    writing.write_table([face(seed) for seed in range(8)], tmp_path, "train")
    assert awing("data", "check", "table", tmp_path)[0] == 0
    images = sorted((tmp_path / "images/train").iterdir())
    for path in images[:2]:
        path.unlink()
    images[2].write_bytes(images[2].read_bytes()[:200])
    images[3].write_bytes(b"no image")
    code, text, _ = awing("data", "check", "table", tmp_path)
    assert code == 1
    lines = text.splitlines()
    assert lines[0] == "all: 8 faces, 4 problems" and len(lines) == 5
    for path, line in zip(images, lines[1:], strict=False):
        assert str(path) in line and line.startswith("all: ")


def test_check_of_a_table_with_a_layout_of_ones_own(tmp_path, awing):
    write_table(tmp_path, points=4)
    layout = tmp_path / "mine.yaml"
    layout.write_text("name: my-4\npoints: [left eye, right eye, nose, chin]\nmirror_pairs: [[0, 1]]\n")
    code, text, _ = awing("data", "check", "table", tmp_path)
    assert code == 1 and "4 points; without a layout of one's own" in text
    assert awing("data", "check", "table", tmp_path, "--layout", layout) == (0, "all: 4 faces, no problems\n", "")
    (tmp_path / "images/person 2.jpg").write_bytes(b"no image")
    code, text, _ = awing("data", "check", "table", tmp_path, "--layout", layout)
    assert code == 1 and "person 2.jpg" in text.splitlines()[1]
    layout.write_text("name: my-3\npoints: [left eye, right eye, nose]\nmirror_pairs: [[0, 1]]\n")
    code, text, _ = awing("data", "check", "table", tmp_path, "--layout", layout)
    assert code == 1 and text.startswith("all: cannot be opened, 1 problem\n")
    with pytest.raises(datasets.DataError, match="layout is for a table; wflw has its own"):
        examine("wflw", tmp_path, layout=LandmarkLayout.from_yaml(layout))


@pytest.mark.parametrize(
    "name, splits",
    [
        ("wflw", ["train", "test"]),
        ("300w", ["train", "common", "challenging", "test"]),
        ("cofw", ["train", "test"]),
        ("cofw68", ["test"]),
        ("aflw", ["train", "full"]),
    ],
)
def test_check_compares_with_the_official_numbers(tmp_path, monkeypatch, name, splits):
    monkeypatch.setattr(aflw_module, "TRAINING", 4)
    write_all(tmp_path)
    said = []
    problems = examine(name, tmp_path / name.replace("68", ""), say=said.append)
    assert [line.partition(":")[0] for line in said] == splits
    official = [line for line in problems if "the official number is" in line]
    unreadable = [line for line in said if "cannot be opened" in line]
    assert len(official) >= len(splits) - len(unreadable) > 0
    assert {line.partition(":")[0] for line in problems} == set(splits)
    assert len(unreadable) == (name in ("wflw", "cofw"))  # these have no training file here


def test_check_goes_through_every_face(tmp_path):
    write_w300(tmp_path)
    seen = []
    examine("300w", tmp_path, progress=lambda indices, split: seen.extend((split, i) for i in indices) or indices)
    assert len(seen) == 16  # two faces in each of eight folders


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("check", "wlfw", "."), "data set 'wlfw' is unknown; there are wflw, 300w, cofw, cofw68, aflw, table"),
        (("check", "wflw", "nowhere"), "nowhere: does not exist"),
        (("check", "wflw"), "Missing argument 'ROOT'"),
        (("check", "wflw", ".", "--layout", "mine.yaml"), "--layout is for a table; wflw has its own"),
        (("check", "table", ".", "--layout", "mine.yaml"), "mine.yaml: cannot be read: No such file or directory"),
        (("synthesize", "new", "--layout", "98"), "layout '98' is unknown; there are wflw, 300w, cofw, aflw, table"),
        (("synthesize", "new", "--count", "-1"), "--count"),
        (("synthesize", "new", "--count", "many"), "--count"),
        (("synthesize", "new", "--workers", "0"), "--workers"),
        (("synthesize", "new", "--count", "0", "--test-count", "0"), "too few"),
        (("synthesize", "new", "--layout", "300w", "--count", "2"), "too few"),
        (("synthesize",), "Missing argument 'ROOT'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, awing, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, text, errors = awing("data", *arguments)
    assert (code, text) == (2, "") and len(errors.splitlines()) == 1
    assert message in errors and os.listdir(tmp_path) == []


# -- synthesize ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", making.LAYOUTS)
def test_synthesize_writes_what_its_last_lines_open(tmp_path, awing, made, layout):
    root = tmp_path / "new"
    code, text, errors = awing(
        "data", "synthesize", root, "--layout", layout, "--count", 12, "--test-count", 6, "--workers", 1
    )
    assert (code, errors) == (0, "")
    total = 0
    for line in text.splitlines():
        said, _, python = line.partition(" faces: ")
        names = {}
        exec(python, names)
        assert len(names["faces"]) == int(said.removeprefix("wrote "))
        total += len(names["faces"])
        names["faces"][0]
    assert total == 18
    code, text, errors = awing("data", "synthesize", root, "--layout", layout, "--count", 12, "--test-count", 6)
    assert (code, text) == (2, "") and "exists already" in errors and len(errors.splitlines()) == 1
    assert awing("data", "synthesize", root, "--layout", layout, "--count", 12, "--overwrite")[0] == 0


def test_synthesize_shows_its_progress(tmp_path, awing, made, monkeypatch):
    import tqdm

    bars = []

    def without_delay(items, **options):
        assert options.pop("delay") <= 2
        bars.append(tqdm.std.tqdm(items, **options))
        return bars[-1]

    monkeypatch.setattr(tqdm, "tqdm", without_delay)
    _, _, errors = awing("data", "synthesize", tmp_path / "new", "--count", 7, "--test-count", 3)
    assert [bar.n for bar in bars] == [7, 3] and "face/s" in errors


def test_synthesized_sets_fail_the_check_by_their_numbers_only(tmp_path, awing, made):
    awing("data", "synthesize", tmp_path / "new", "--layout", "300w", "--count", 8, "--test-count", 8)
    code, text, _ = awing("data", "check", "300w", tmp_path / "new")
    problems = text.splitlines()[4:]
    assert code == 1 and len(problems) == 4
    assert all("the official number is" in line for line in problems)
    shutil.rmtree(tmp_path / "new" / "ibug")
    _, text, _ = awing("data", "check", "300w", tmp_path / "new")
    assert "challenging: cannot be opened, 1 problem" in text and "ibug" in text.splitlines()[-2]


# -- benchmark ----------------------------------------------------------------------------------------------------


def test_benchmark_gives_shares_of_the_whole_and_leaves_threads_as_they_were(awing, made, monkeypatch):
    before = cv2.getNumThreads(), torch.get_num_threads()
    inside = []
    monkeypatch.setattr(MadeFaces, "__getitem__", lambda self, index: inside.append(cv2.getNumThreads()))
    code, text, _ = awing("benchmark", "data", "--photo", 64, "--repeats", 3)
    assert code == 0
    rows = {line[:10].strip(): line[10:].split() for line in text.splitlines()[2:7]}
    assert list(rows) == ["JPEG", "PNG", "pixels", "bare warp", "made face"]
    for name in ("JPEG", "PNG", "pixels"):
        _, _, speed, ratio, *shares = rows[name][:7]  # after them the floor, and how much of it was reached
        assert float(speed) > 0 and float(ratio) > 0
        shares = [int(share.removesuffix("%")) for share in shares]
        assert abs(sum(shares) - 100) <= 2 and (shares[0] == 0) == (name == "pixels")
    assert rows["bare warp"][3] == "1.0"
    assert set(inside) == {1} and (cv2.getNumThreads(), torch.get_num_threads()) == before
