"""``awing export``: what it hands to the library, what it prints, and what it says to bad input."""

import sys
from pathlib import Path

import pytest

from awing_lib import cli, export
from awing_lib.datasets import SyntheticFaces
from awing_lib.datasets.synthetic.making import write_splits
from awing_lib.export import Exported, ExportError
from awing_lib.hourglass import StackedHourglass
from awing_lib.layouts import COFW_29, LandmarkLayout
from awing_lib.recipes import NetworkRecipe
from awing_lib.weights import ModelInfo, save_model

OWN = LandmarkLayout("own-29", [f"p{i}" for i in range(29)], [(0, 1)])
SHAPES = {"images": ("batch", 3, 64, 64)}, {"heatmaps": ("batch", 30, 16, 16)}


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A folder with a model file, the folder of a run, a broken file and a small table of faces."""
    root = tmp_path_factory.mktemp("export")
    write_splits(SyntheticFaces(4, COFW_29), root / "table", "table", {"train": 4})
    (root / "run").mkdir()
    for name, layout in (("tiny.safetensors", COFW_29), ("run/model.safetensors", OWN)):
        info = ModelInfo(layout, NetworkRecipe(stacks=1, depth=1, features=8), size=64)
        save_model(root / name, info.build().state_dict(), info)
    (root / "broken.safetensors").write_bytes(b"not a model")
    (root / "there.onnx").write_bytes(b"before")
    (root / "folder.onnx").mkdir()
    return root


@pytest.fixture
def awing(there, monkeypatch, capsys):
    """Runs the command line in the folder; exit code, stdout, stderr, and what the library was asked for."""
    monkeypatch.chdir(there)

    def run(*arguments, difference=2e-6, shifts=(None, None), error=None):
        asked = {}

        def export_onnx(model, path, *, say, **options):
            asked.update(model=model, path=path, **options)
            if error:
                raise error
            say("exporting")
            return Exported(path, 1_234_567, 18, *SHAPES, difference, *shifts)

        monkeypatch.setattr(export, "export_onnx", export_onnx)
        monkeypatch.setattr(sys, "argv", ["awing", "export", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, *capsys.readouterr(), asked

    return run


def test_a_model_file(awing):
    code, out, err, asked = awing("tiny.safetensors")
    assert (code, err) == (0, "exporting ...\n")
    assert out.splitlines() == [
        "tiny.onnx: 1.23 MB, opset 18",
        "  images (batch, 3, 64, 64)",
        "  heatmaps (batch, 30, 16, 16)",
        "  heatmaps differ from PyTorch's by at most 2e-06",
    ]
    assert isinstance(asked.pop("model"), StackedHourglass) and asked.pop("info").layout == COFW_29
    assert asked == {"path": Path("tiny.onnx"), "dynamic_batch": True, "int8": False, "calibration": None}


def test_a_run_takes_the_name_of_its_folder(awing):
    _, out, _, asked = awing("run", "--batch", "fixed", difference=None)
    assert asked["path"] == Path("run.onnx") and asked["dynamic_batch"] is False
    assert "not compared with PyTorch, since onnxruntime is missing; pip install 'awing-lib[export]'" in out


@pytest.mark.parametrize("model, layout", [("tiny.safetensors", COFW_29), ("run", OWN)])
def test_int8_says_what_it_costs(awing, model, layout):
    cost = {"difference": None, "shifts": (0.437, 6.128)}
    code, out, err, asked = awing(model, "x.onnx", "--int8", "--calibrate", "table", **cost)
    assert code == 0, err
    assert out.endswith("  8 bits move the landmarks by 0.44 of the crop's 64 pixels on average, by 6.13 at most\n")
    assert asked["int8"] and len(asked["calibration"]) == 4 and asked["calibration"].layout == layout


def test_a_file_that_exists_is_kept_unless_asked(awing):
    code, out, err, asked = awing("tiny.safetensors", "there.onnx")
    assert (code, out, asked) == (2, "", {}) and err == "awing: there.onnx exists; --overwrite replaces it\n"
    assert awing("tiny.safetensors", "there.onnx", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "Missing argument 'MODEL'"),
        (("nothing",), "model 'nothing': no such file or folder"),
        (("broken.safetensors",), "broken.safetensors: cannot be read as safetensors"),
        (("tiny.safetensors", "nowhere/x.onnx"), "nowhere/x.onnx: there is no folder"),
        (("tiny.safetensors", "folder.onnx", "--overwrite"), "folder.onnx: cannot be written: there is a folder of"),
        (("tiny.safetensors", "x.pt"), "x.pt: an ONNX file ends in .onnx"),
        (("tiny.safetensors", "--batch", "3"), "--batch must be any or fixed, got '3'"),
        (("tiny.safetensors", "--calibrate", "table"), "--calibrate is for --int8"),
        (("tiny.safetensors", "--int8", "--calibrate", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(awing, arguments, message):
    code, out, err, asked = awing(*arguments)
    assert (code, out, asked) == (2, "", {}) and len(err.splitlines()) == 1
    assert message in err


@pytest.mark.parametrize(
    "error, message",
    [
        (ExportError("onnx is missing; pip install 'awing-lib[export]'"), "onnx is missing; pip install"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_what_the_library_refuses_is_one_line(awing, error, message):
    code, out, err, _ = awing("tiny.safetensors", "--overwrite", error=error)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and message in err
