"""The command line: answers, bad input, and nothing heavy imported for --help."""

import subprocess
import sys

import pytest

from awing_lib import cli
from awing_lib.browser import find_browser
from awing_lib.inference import SHIPPED


def awing(*arguments):
    code = "import sys; from awing_lib.cli import main; sys.argv[0] = 'awing'; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("benchmark",),
        ("benchmark", "loss"),
        ("benchmark", "figures"),
        ("benchmark", "data"),
        ("benchmark", "targets"),
        ("benchmark", "train"),
        ("benchmark", "all"),
        ("data",),
        ("data", "list"),
        ("data", "check"),
        ("data", "synthesize"),
        ("train",),
        ("evaluate",),
        ("predict",),
        ("export",),
    ],
)
def test_help_has_an_example(command):
    result = awing(*command, "--help")
    assert result.returncode == 0
    assert "Example: awing" in result.stdout


@pytest.mark.parametrize("command", ["benchmark loss", "data synthesize", "train", "evaluate", "predict", "export"])
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys; from awing_lib.cli import app\n"
        f"try: app([*{command.split()}, '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'matplotlib', 'anywidget', 'cv2', 'h5py', 'tqdm', 'yaml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_models_by_name_are_named_in_the_help():
    """They are written out there, since --help imports nothing heavy."""
    help_text = cli._MODEL
    assert all(name in help_text.removesuffix(".").split(": ")[1].split(", ") for name in SHIPPED)


def test_version():
    assert awing("--version").stdout.startswith("awing 0.")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("nothing",), "No such command 'nothing'"),
        (("benchmark", "loss", "--shape", "3x4"), "--shape must look like 8x69x64x64, got '3x4'"),
        (("benchmark", "loss", "--shape", "0x1x1x1"), "--shape must look like"),
        (("benchmark", "loss", "--repeats", "two"), "--repeats"),
        (("benchmark", "loss", "--device", "tpu"), "--device must be cpu or cuda, got 'tpu'"),
        (("benchmark", "loss", "--colour"), "--colour"),
        (("benchmark", "data", "--photo", "3"), "--photo"),
        (("data", "nothing"), "No such command 'nothing'"),
        (("benchmark", "targets", "--as", "mine"), "--as has no meaning without --json"),
        (("benchmark", "loss", "--shape", "999999999x999999x99x99"), "is too large for the memory of any machine"),
        (("data", "check", "nothing", "."), "data set 'nothing' is unknown"),
        (("data", "check", "wflw", "/nowhere"), "/nowhere: does not exist"),
        (("data", "synthesize", "/nowhere", "--layout", "99"), "layout '99' is unknown"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message):
    result = awing(*arguments)
    assert result.returncode == 2
    assert result.stdout == "" and len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_benchmark_loss_prints_ratios_and_memory():
    result = awing("benchmark", "loss", "--shape", "1x2x16x16", "--repeats", "3")
    assert result.returncode == 0, result.stderr
    rows = {line[:22].strip(): line for line in result.stdout.splitlines()}
    assert " 1.00 " in rows["formula as written"]
    assert " 1.00 x input " in rows["adaptive_wing_loss"]  # one tensor kept for the backward pass


@pytest.mark.skipif(not find_browser(), reason="no Chromium is installed")
def test_benchmark_figures_measures_each_figure():
    result = awing("benchmark", "figures", "--moves", "10")  # a slider of few steps does not move each time
    assert result.returncode == 0, result.stderr
    redraws = {line.split()[0]: int(line.split()[1]) for line in result.stdout.splitlines()[1:]}
    figures = {"LossExplorer", "LossShape", "HeatmapRace", "LayoutViewer", "AugmentationPlayground"}
    figures |= {"PixelTypes", "DecodingPlayground", "WeightMap", "BoundaryMask", "HourglassBuilder"}
    figures |= {"CedExplorer", "TrainingScrubber", "HeatmapBrowser", "SpeedExplorer"}
    assert set(redraws) == figures and min(redraws.values()) >= 5


def test_benchmark_figures_without_a_browser_is_one_line(monkeypatch):
    monkeypatch.setenv("PATH", "")
    result = awing("benchmark", "figures")
    assert result.returncode == 2 and result.stderr.startswith("awing: no Chromium found")


def test_data_list_answers():
    result = awing("data", "list", "/nowhere")
    assert result.returncode == 0, result.stderr
    assert "wflw: WFLW" in result.stdout and "nothing in /nowhere, which does not exist" in result.stdout


def test_data_synthesize_then_check(tmp_path):
    result = awing("data", "synthesize", str(tmp_path), "--layout", "table", "--count", "2", "--test-count", "1")
    assert result.returncode == 0, result.stderr
    assert f"from awing_lib.datasets import FaceTable; faces = FaceTable({str(tmp_path)!r}, 'train')" in result.stdout
    result = awing("data", "check", "table", str(tmp_path))
    assert (result.returncode, result.stdout) == (0, "all: 3 faces, no problems\n")
    next((tmp_path / "images/test").iterdir()).write_bytes(b"")
    result = awing("data", "check", "table", str(tmp_path))
    assert result.returncode == 1 and "images/test/" in result.stdout.splitlines()[1]


def test_benchmark_targets_prints_ratios():
    result = awing("benchmark", "targets", "--batch", "1", "--repeats", "3")
    assert result.returncode == 0, result.stderr
    rows = {line[:22].strip(): line for line in result.stdout.splitlines()}
    assert " 1.0 " in rows["straightforward"]
    assert {"NumPy and OpenCV", "TargetMaker", "TargetMaker, out=old"} <= set(rows)
    assert "of its time inside operators" in result.stdout
    assert "profiler" not in result.stderr  # which would say when it began and ended
