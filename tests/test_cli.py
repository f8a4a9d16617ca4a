"""The command line: answers, bad input, and nothing heavy imported for --help."""

import subprocess
import sys

import pytest

from awing_lib.browser import find_browser


def awing(*arguments):
    code = "import sys; from awing_lib.cli import main; sys.argv[0] = 'awing'; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("command", [(), ("benchmark",), ("benchmark", "loss"), ("benchmark", "figures")])
def test_help_has_an_example(command):
    result = awing(*command, "--help")
    assert result.returncode == 0
    assert "Example: awing" in result.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from awing_lib.cli import app\n"
        "try: app(['benchmark', 'loss', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'matplotlib', 'anywidget'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


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
    assert rows["adaptive_wing_loss"].endswith("1.00 x input")  # one tensor kept for the backward pass


@pytest.mark.skipif(not find_browser(), reason="no Chromium is installed")
def test_benchmark_figures_measures_each_figure():
    result = awing("benchmark", "figures", "--moves", "5")
    assert result.returncode == 0, result.stderr
    redraws = {line.split()[0]: int(line.split()[1]) for line in result.stdout.splitlines()[1:]}
    assert set(redraws) == {"LossExplorer", "LossShape", "HeatmapRace"} and min(redraws.values()) >= 5


def test_benchmark_figures_without_a_browser_is_one_line(monkeypatch):
    monkeypatch.setenv("PATH", "")
    result = awing("benchmark", "figures")
    assert result.returncode == 2 and result.stderr.startswith("awing: no Chromium found")
