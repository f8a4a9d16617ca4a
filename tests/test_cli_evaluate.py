"""``awing evaluate``: every data set, several models, pictures and files, and what it says to bad input."""

import json
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from awing_lib import cli
from awing_lib.datasets import WFLW, SyntheticFaces
from awing_lib.datasets.synthetic.making import write_splits
from awing_lib.inference import SHIPPED
from awing_lib.layouts import COFW_29, IBUG_68, WFLW_98, LandmarkLayout
from awing_lib.prediction_files import save_predictions
from awing_lib.recipes import NetworkRecipe
from awing_lib.weights import ModelInfo, load_model, save_model

SPLITS = {
    "wflw": {"test": 3},
    "300w": {"common": 2, "challenging": 1},
    "cofw": {"test": 2},
    "aflw": {"train": 1, "test": 2},
    "table": {"train": 1, "test": 2},
}


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A folder with tiny untrained models and a few faces in every official layout."""
    root = tmp_path_factory.mktemp("evaluate")
    for name, sizes in SPLITS.items():
        write_splits(SyntheticFaces(sum(sizes.values())), root / name, name, sizes)
    own = LandmarkLayout("own-29", [f"p{i}" for i in range(29)], [(0, 1)], eyes={"inter-ocular": [[8], [9]]})
    for name, layout in (("a98", WFLW_98), ("b98", WFLW_98), ("c68", IBUG_68), ("d29", COFW_29), ("own", own)):
        info = ModelInfo(layout, NetworkRecipe(stacks=1, depth=1, features=8), size=64)
        weights = info.build(torch.Generator().manual_seed(layout.count + len(name))).state_dict()
        save_model(root / f"{name}.safetensors", weights, info)
    (root / "run").mkdir()
    shutil.copy(root / "a98.safetensors", root / "run/model.safetensors")
    (root / "broken.safetensors").write_bytes(b"not a model")
    return root


@pytest.fixture
def awing(there, monkeypatch, capsys):
    """Runs the command line in the folder; exit code, stdout, stderr."""
    monkeypatch.chdir(there)
    monkeypatch.setattr(cli, "_progress", lambda items, **options: items)  # a busy machine would show the bar

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["awing", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return run


def scores(output):
    """Rows of the table of scores: {(subset, model): faces}."""
    rows = [line.split() for line in output.split("\n\n")[1].splitlines()[1:]]
    return {(row[0], row[1]): int(row[2]) for row in rows}


@pytest.mark.parametrize(
    "model, dataset, head, rows",
    [
        ("a98", "wflw", "WFLW test, NME by inter-ocular, FR > 10 %", {"full": 3}),
        ("c68", "300w", "300W full, NME by inter-ocular", {"common": 2, "challenging": 1, "full": 3}),
        ("d29", "cofw", "COFW test, NME by inter-pupil", {"full": 2}),
        ("a98", "aflw", "AFLW full, NME by face-box", {"full": 2}),
        ("a98", "table", "table test, NME by inter-ocular", {"full": 2}),
        ("own", "cofw", None, None),
    ],
)
def test_every_data_set_by_its_custom(awing, model, dataset, head, rows):
    code, out, err = awing(f"{model}.safetensors", "--dataset", dataset, "--data", dataset)
    if head is None:  # 29 points, but other ones
        assert code == 2 and "own: finds own-29, the faces have COFW-29: no conversion" in err and not out
        return
    assert code == 0, err
    assert out.startswith(head)
    found = scores(out)
    assert rows.items() <= {subset: faces for (subset, _), faces in found.items()}.items()
    if dataset == "wflw":
        attributes = ["pose", "expression", "illumination", "make-up", "occlusion", "blur"]
        assert [subset for subset, _ in found] == ["full", *attributes]
        kept = WFLW("wflw", "test").attributes
        assert all(found[name, "a98"] == kept[name].sum() for name in attributes)


def test_models_side_by_side_with_pictures_and_json(awing, there):
    pictures = {name: there / f"{name}.png" for name in ("ced", "landmarks")}
    options = [part for name, path in pictures.items() for part in (f"--{name}", path)]
    code, out, err = awing(
        "run", "b98.safetensors", "--dataset", "wflw", "--data", "wflw", "--format", "json", *options
    )
    assert code == 0, err
    models = json.loads(out)["models"]
    assert [model["name"] for model in models] == ["run", "b98"]
    assert all(set(model["scores"]) >= {"full", "pose", "blur"} for model in models)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures.values())
    code, out, err = awing("run", "--dataset", "wflw", "--data", "wflw", "--format", "markdown", "--flip-test")
    assert code == 0 and "| full | run | 3 |" in out and "crop: given box + 10 %, flip test" in out


def test_predictions_go_out_and_come_back(awing, there):
    where = ["--dataset", "wflw", "--data", "wflw"]
    code, direct, err = awing(
        "a98.safetensors",
        *where,
        "--save-predictions",
        "found.csv",
        "--faces",
        "faces.svg",
        "--normalizer",
        "inter-pupil",
    )
    assert code == 0, err
    assert (there / "faces.svg").read_text().count("<image") == 2  # of three faces the worst and the best
    code, scored, err = awing("--predictions", "found.csv", *where, "--normalizer", "inter-pupil")
    assert code == 0, err
    assert "crop: not known (found.csv), flip test not known" in " ".join(scored.split())  # over two lines
    cells = [[line.split()[2:] for line in out.split("\n\n")[1].splitlines()[1:]] for out in (direct, scored)]
    assert cells[0] == cells[1] and cells[0][0][0] == "3"


@pytest.mark.parametrize("model, columns", [("a98", 29), ("c68", 68)])
def test_converted_predictions_score_the_same_from_a_file(awing, there, model, columns):
    """29 of WFLW's 98 points are COFW's; 68 points lack four of the 29, so all 68 are kept."""
    where = ["--dataset", "cofw", "--data", "cofw"]
    code, direct, err = awing(f"{model}.safetensors", *where, "--save-predictions", "found.csv")
    assert code == 0, err
    header = (there / "found.csv").read_text().partition("\n")[0].split(",")
    assert header[:3] == ["name", "index", "x0"] and header[-1] == f"y{columns - 1}"
    code, scored, err = awing("--predictions", "found.csv", *where)
    assert code == 0, err
    rows = [out.split("\n\n")[1].splitlines()[1].split()[2:] for out in (direct, scored)]
    assert rows[0] == rows[1] and "inf" not in rows[0]


def score_rows(output):
    """{subset: its cells} of one model, without its name: a long one moves columns to a second table."""
    rows = {}
    for table in output.split("\n\n"):
        if table.startswith("subset"):
            for line in table.splitlines()[1:]:
                subset, _, *cells = line.split()
                rows[subset] = rows.get(subset, []) + cells
    assert rows, output
    return rows


@pytest.mark.parametrize("name", SHIPPED)
def test_predictions_of_shipped_models_on_synthetic_faces_are_scored_again_as_one_is_told(awing, there, name):
    code, direct, err = awing(
        *(name, "--dataset", "synthetic", "--count", 3, "--seed", 5, "--threshold", 7),
        *("--save-predictions", "their own.csv"),
    )
    assert code == 0, err
    told = err.splitlines()[-1].removeprefix("to score them again: awing evaluate ")
    assert "--count 3 --seed 5 --threshold 7" in told and "'their own.csv'" in told
    code, again, err = awing(*shlex.split(told))
    assert code == 0, err
    assert score_rows(again.replace("their own.csv", "it")) == score_rows(direct)


def test_predictions_of_several_layouts_on_synthetic_faces(awing):
    """All are measured on the points that the coarsest has, as several models are."""
    where = ["--dataset", "synthetic", "--count", "2"]
    for name in ("a98", "c68"):
        assert awing(f"{name}.safetensors", *where, "--save-predictions", f"{name}.csv")[0] == 0
    for first in (["--predictions", "a98.csv"], ["a98.safetensors"]):
        code, out, err = awing(*first, "--predictions", "c68.csv", *where)
        assert code == 0, err
        assert "converted from WFLW-98" in out
    for count, message in ((1, "line 3: 'synthetic/000001.png' is no image"), (3, "no line for face 0 of ")):
        code, _, err = awing("--predictions", "c68.csv", "--dataset", "synthetic", "--count", count)
        assert code == 2 and message in err and err.endswith("; give --count and --seed as when it was saved\n")
    Path("c68.csv").write_text("name,x0,y0\n")
    code, out, err = awing("--predictions", "c68.csv", *where)
    assert code == 2 and "c68.csv, line 1: 1 points; the faces have 98, of WFLW-98" in err


def test_perfect_predictions_of_another_program(awing, there):
    faces = WFLW(there / "wflw", "test")
    save_predictions(there / "perfect.csv", faces, faces.landmarks)
    code, out, err = awing("--predictions", "perfect.csv", "--dataset", "wflw", "--data", "wflw", "--by", "pose")
    assert code == 0, err
    full, below = (part.splitlines()[1] for part in out.split("\n\n")[1:3])
    assert full.split()[:3] == ["full", "perfect.csv", "3"] and full.endswith("0.00 [0.00, 0.00]  0.00 [0.00, 0.00]")
    assert below.split(maxsplit=2) == ["full", "perfect.csv", "1.0000 [1.0000, 1.0000]"]
    assert {subset for subset, _ in scores(out)} <= {"full", "pose=yes", "pose=no"}


def test_settings_are_in_the_protocol(awing):
    code, out, err = awing(
        *("c68.safetensors", "--dataset", "300w", "--data", "300w", "--split", "challenging", "--padding", "0.25"),
        *("--threshold", "8", "--limit", "7.5", "--normalizer", "box", "--decode", "argmax", "--batch", "1"),
    )
    assert code == 0, err
    crop = "crop: box of the true landmarks + 25 %, no flip test"
    told = out.split("\n\n")[0].replace("\n", " ")
    assert told == f"300W challenging, NME by box, FR > 8 %, AUC to 7.5 %, {crop}"
    code, out, err = awing("a98.safetensors", "--dataset", "wflw", "--data", "wflw", "--box", "official-wflw")
    assert code == 0 and "crop: given box + 10 %, grown by the official code's rule" in out.replace("\n", " "), err


def test_synthetic_faces_need_no_data(awing):
    code, out, err = awing(
        "c68.safetensors", "--dataset", "synthetic", "--count", "2", "--seed", "5", "--group", "pose"
    )
    assert code == 0, err
    assert out.startswith("SyntheticFaces seed 5, NME by inter-ocular") and scores(out)["full", "c68"] == 2
    assert "people with all their faces" in out


def test_synthetic_faces_have_the_points_of_the_model_with_the_fewest(awing):
    models = ["a98", "d29", "c68"]
    code, out, err = awing(*(f"{name}.safetensors" for name in models), "--dataset", "synthetic", "--count", "6")
    assert code == 0, err
    rows = scores(out)
    assert {name for _, name in rows} == set(models) and all(rows["full", name] == 6 for name in models)
    subsets = {subset for subset, _ in rows} - {"full"}
    assert subsets and subsets <= {"pose", "expression", "illumination", "make-up", "occlusion", "blur"}
    assert "without the 4 of 29 points" in out  # the brow edges, which 68 points do not mark


def test_intervals_by_person_and_own_layout(awing, there, tmp_path):
    names = ["left", "right", "nose"]
    layout = tmp_path / "mine.yaml"
    layout.write_text(f"name: mine\npoints: {names}\nmirror_pairs: [[0, 1]]\neyes: {{inter-ocular: [[0], [1]]}}\n")
    shutil.copytree(there / "table/images", tmp_path / "images")
    images = [path.relative_to(tmp_path / "images") for path in sorted((tmp_path / "images").rglob("*.*"))]
    rows = [f"{name},{person},90,100,160,100,125,140" for name, person in zip(images, "aab", strict=True)]
    (tmp_path / "landmarks.csv").write_text("\n".join(["name,identity,x0,y0,x1,y1,x2,y2", *rows]))
    where = ["--dataset", "table", "--data", tmp_path, "--group", "identity"]
    columns = "name,x0,y0,x1,y1,x2,y2"
    lines = [f"{name},90,100,160,107,125,140" for name in images]  # one point of three is a tenth off
    (tmp_path / "found.csv").write_text("\n".join([columns, *lines]))
    code, out, err = awing("--predictions", tmp_path / "found.csv", *where, "--layout", layout)
    assert code == 0, err
    assert f"{tmp_path.name} all, NME by inter-ocular" in out and " 3.33 [3.33, 3.33]" in out
    assert "2 people with all their faces" in out
    code, out, err = awing("--predictions", tmp_path / "found.csv", *where)
    assert code == 2 and "3 points; without a layout of one's own" in err

    info = ModelInfo(LandmarkLayout.from_yaml(layout), NetworkRecipe(stacks=1, depth=1, features=8), size=64)
    save_model(tmp_path / "mine.safetensors", info.build().state_dict(), info)  # the model knows its layout
    code, out, err = awing(tmp_path / "mine.safetensors", *where)
    assert code == 0 and scores(out) == {("full", "mine"): 3}, err
    code, _, err = awing(tmp_path / "mine.safetensors", *where, "--save-predictions", tmp_path / "again.csv")
    assert code == 0 and err.endswith(f"--data {tmp_path} --layout mine.yaml\n")  # a table alone does not know it
    code, again, err = awing("--predictions", tmp_path / "again.csv", *where, "--layout", layout)
    assert code == 0 and score_rows(again) == score_rows(out), err


WHERE = ("--dataset", "wflw", "--data", "wflw")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("a98.safetensors",), "Missing option '--dataset'"),
        (WHERE, "nothing to measure: name a MODEL, or a table with --predictions"),
        (("a98.safetensors", "--dataset", "wfwl"), "data set 'wfwl' is unknown; there are wflw"),
        (("a98.safetensors", "--dataset", "wflw"), "--data is missing: the folder of data set wflw"),
        (("a98.safetensors", *WHERE, "--count", "500"), "--count has no meaning with data set wflw"),
        (("a98.safetensors", *WHERE, "--seed", "0"), "--seed has no meaning with data set wflw"),
        (("a98.safetensors", "--dataset", "synthetic", "--data", "wflw"), "--data has no meaning with synthetic faces"),
        (("--predictions", "f.csv", *WHERE, "--decode", "dark"), "--decode has no meaning without a MODEL"),
        (("--predictions", "f.csv", *WHERE, "--flip-test"), "--flip-test has no meaning without a MODEL"),
        (("--predictions", "f.csv", *WHERE, "--save-predictions", "g.csv"), "--save-predictions has no meaning"),
        (("a98.safetensors", "--dataset", "wflw", "--data", "nowhere"), "nowhere: does not exist"),
        (("a98.safetensors", *WHERE, "--split", "train"), "list_98pt_rect_attr_train.txt: cannot be read"),
        (("a98.safetensors", *WHERE, "--split", "val"), "split 'val' is unknown; there are train, test"),
        (("nothing", *WHERE), "model 'nothing': no such file or folder"),
        (("faces68-nan", *WHERE), "did you mean 'faces68-nano'?"),
        (("broken.safetensors", *WHERE), "broken.safetensors: cannot be read as safetensors"),
        (("wflw", *WHERE), "wflw: no model.safetensors in it"),
        (("c68.safetensors", *WHERE), "c68: finds iBUG-68, the faces have WFLW-98: no conversion"),
        (("a98.safetensors", *WHERE, "--by", "age"), "no column 'age'; it has pose, expression"),
        (("a98.safetensors", *WHERE, "--group", "who"), "no column 'who'"),
        (("a98.safetensors", *WHERE, "--normalizer", "eyes"), "normalizer 'eyes' is unknown"),
        (("a98.safetensors", *WHERE, "--threshold", "0"), "--threshold"),
        (("a98.safetensors", *WHERE, "--format", "html"), "--format must be one of text, markdown, json, got 'html'"),
        (("a98.safetensors", *WHERE, "--decode", "mean"), "--decode must be one of argmax"),
        (("a98.safetensors", *WHERE, "--box", "tight"), "--box must be one of given, landmarks"),
        (("a98.safetensors", *WHERE, "--padding", "9"), "--padding"),
        (("a98.safetensors", *WHERE, "--device", "tpu"), "--device must be cpu or cuda, got 'tpu'"),
        (("a98.safetensors", *WHERE, "--layout", "x.yaml"), "--layout is for a table; wflw has its own"),
        (("a98.safetensors", *WHERE, "--ced", "ced.bmp"), "--ced ced.bmp: a picture ends in .png"),
        (("a98.safetensors", *WHERE, "--faces", "no/faces.png"), "--faces no/faces.png: there is no folder"),
        (("a98.safetensors", "b98.safetensors", *WHERE, "--faces", "f.png"), "--faces takes one model at a time"),
        (("--predictions", "none.csv", *WHERE), "none.csv: cannot be read: No such file"),
        (("--predictions", "table/landmarks.csv", *WHERE), "line 1: expected each of the columns name, x0, y0"),
        (("a98.safetensors", "--dataset", "synthetic", "--split", "test"), "synthetic faces have no split 'test'"),
        (("a98.safetensors", "--dataset", "table", "--data", "table", "--split", "val"), "no faces in split 'val'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(awing, monkeypatch, arguments, message):
    def never(*arguments, **options):
        raise AssertionError("nothing is predicted before everything is known to fit")

    monkeypatch.setattr("awing_lib.dataset_prediction.predict_faces", never)
    code, out, err = awing(*arguments)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1, err
    assert err.startswith("awing: ") and message in err


def test_a_broken_photo_is_one_line(awing, there, tmp_path):
    shutil.copytree(there / "wflw", tmp_path / "wflw")
    next(path for path in sorted((tmp_path / "wflw/WFLW_images").rglob("*")) if path.is_file()).write_bytes(b"broken")
    code, out, err = awing("a98.safetensors", "--dataset", "wflw", "--data", tmp_path / "wflw")
    assert code == 2 and out == "" and len(err.splitlines()) == 1 and "expected a JPEG, PNG, BMP or WebP image" in err


def test_a_network_that_has_diverged_is_not_scored(awing, there, tmp_path):
    model, info = load_model(there / "a98.safetensors")
    torch.nn.init.constant_(next(model.parameters()), torch.nan)
    save_model(tmp_path / "diverged.safetensors", model.state_dict(), info)
    code, out, err = awing("a98.safetensors", tmp_path / "diverged.safetensors", *WHERE)
    assert (code, out) == (2, "")
    assert err == "awing: diverged: the network's maps are not finite: its weights are broken\n"


def test_a_full_disk_does_not_lose_the_table(awing, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("awing_lib.prediction_files.write_bytes", full)
    code, out, err = awing("a98.safetensors", *WHERE, "--save-predictions", "full.csv")
    assert code == 2 and scores(out)["full", "a98"] == 3
    assert err == "awing: full.csv: cannot be written: No space left on device\n" and not Path("full.csv").exists()


def test_pictures_without_their_packages_are_one_line(awing, monkeypatch):
    monkeypatch.delattr("awing_lib.figures", raising=False)
    monkeypatch.setitem(sys.modules, "awing_lib.figures", None)
    code, out, err = awing("a98.safetensors", *WHERE, "--ced", "ced.png")
    assert code == 2 and out == "" and "pip install 'awing-lib[figures]'" in err


def test_help_has_an_example(awing):
    code, out, _ = awing("--help")
    assert code == 0 and "Example: awing evaluate" in out
    assert np.all([f"--{option}" in out for option in ("by", "group", "flip-test", "ced", "faces", "save-predictions")])
