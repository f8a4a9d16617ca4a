"""The tool that makes the records of a GPU: its commands, and what it does when they end, fail or are stopped."""

import os
import re
import signal
import subprocess
import sys
import time

import gpu_records
import pytest
import typer
from gpu_records import Command, all_steps, main

from awing_lib.recipes import load_recipe, parse_settings


@pytest.fixture
def table(tmp_path):
    root = tmp_path / "table"
    root.mkdir()
    (root / "landmarks.csv").write_text("name,split,identity,x0,y0\n")
    return root


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """Steps of small Python programs; gives name -> texts of its programs, to be filled."""
    programs = {}

    def fake_steps(root, work, results, device, small, changes):
        found = {}
        for name, texts in programs.items():
            found[name] = [
                Command((sys.executable, "-c", text, str(work / f"{name}-{number}")), work / f"{name}-{number}",
                        results / f"{name}-{number}.json", timed="--minutes" in text, prints="print(" in text)
                for number, text in enumerate(texts)
            ]  # fmt: skip
        return found

    monkeypatch.setattr(gpu_records, "all_steps", fake_steps)
    return programs


WRITES = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('42')"
FAILS = "raise SystemExit(3)"
LEAVES = "import sys; '--minutes'"  # exit code 0, and nothing is there


def call(root, tmp_path, **options):
    main(root, **{"work": tmp_path / "work", "results": tmp_path / "results", "device": "cpu", **options})


def made(tmp_path):
    return {path.name: path.read_text() for path in (tmp_path / "results").glob("*")}


# -- the commands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("small", [False, True])
def test_the_commands_name_what_there_is(table, tmp_path, small):
    steps = all_steps(table, tmp_path / "work", tmp_path / "results", "cuda", small)
    assert list(steps) == ["speed", "full-table", "full-synthetic", "ladder", "domains"]
    recipes = {}
    for name, commands in steps.items():
        for command in commands:
            words = list(command.arguments)
            settings = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
            if "train" in words:
                recipes[name] = load_recipe(words[words.index("--recipe") + 1], parse_settings(settings))
            assert command.timed == ("train" in words or "ablation" in words[1])
            assert command.record.parent == tmp_path / "results"
            assert str(tmp_path / "work") in str(command.leaves)
    table_recipe, synthetic = recipes["full-table"], recipes["full-synthetic"]
    assert (table_recipe.data.train_split, table_recipe.data.val_split) == ("train", "val")  # never the test faces
    assert table_recipe.training.precision == "bf16-mixed" and table_recipe.loss.fused
    if not small:  # the paper's
        for recipe in (table_recipe, synthetic):
            assert (recipe.network.stacks, recipe.data.size, recipe.training.epochs) == (4, 256, 240)
        assert synthetic.data.faces == 7500


def test_the_commands_are_accepted_by_their_programs(table, tmp_path):
    """No option is misspelt: each program gets as far as to look for data, which are not there."""
    steps = all_steps(table, tmp_path / "work", tmp_path / "results", "cpu", True)
    (tmp_path / "work").mkdir()
    for command in (steps["full-table"][0], steps["ladder"][0]):
        done = subprocess.run(command.arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "landmarks.csv" in done.stderr, done.stderr


def test_settings_reach_each_training(table, tmp_path):
    steps = all_steps(table, tmp_path, tmp_path, "cuda", False, ("compile=true",))
    assert ["compile=true" in commands[0].arguments for commands in steps.values()] == [False] + 4 * [True]


def test_rounded_labels_are_told_of(table, tmp_path):
    def arguments():
        return all_steps(table, tmp_path, tmp_path, "cpu", False)["ladder"][0].arguments

    assert "--label-pixels" not in arguments()
    (table / "landmarks.csv").write_text("name,split,label_pixel,x0,y0\n")
    assert arguments()[arguments().index("--label-pixels") + 1] == "label_pixel"


# -- one after the other ----------------------------------------------------------------------------------------------


def test_records_are_made_once(table, tmp_path, steps, capfd):
    steps |= {"one": [WRITES, "print('{\"a\": 1}')"], "two": [WRITES]}
    call(table, tmp_path)
    assert made(tmp_path) == {"one-0.json": "42", "one-1.json": '{"a": 1}\n', "two-0.json": "42"}
    for name in steps:
        steps[name] = [FAILS] * len(steps[name])
    call(table, tmp_path)  # none of these is run
    assert capfd.readouterr().out.count("is there") == 3


def test_only_what_is_asked_for(table, tmp_path, steps, capfd):
    steps |= {"one": [WRITES], "two": [WRITES], "three": [WRITES]}
    call(table, tmp_path, only=["two", "three"])
    assert set(made(tmp_path)) == {"two-0.json", "three-0.json"}
    with pytest.raises(typer.Exit) as left:
        call(table, tmp_path, only=["for"])
    assert left.value.exit_code == 2
    assert "'for' is unknown; there are one, two, three" in capfd.readouterr().err


def test_show_runs_nothing(table, tmp_path, steps, capfd):
    steps |= {"one": [WRITES], "two": ["print(1)"]}
    call(table, tmp_path, only=["one"])
    call(table, tmp_path, show=True)
    assert re.fullmatch(r"\S*python\S* -c print\(1\) \S*two-0 > \S*two-0", capfd.readouterr().out.splitlines()[-1])
    assert set(made(tmp_path)) == {"one-0.json"}


def test_what_fails_does_not_keep_the_others(table, tmp_path, steps, capfd):
    steps |= {"one": [FAILS, WRITES], "two": [WRITES]}
    with pytest.raises(typer.Exit) as left:
        call(table, tmp_path)
    assert left.value.exit_code == 1
    assert set(made(tmp_path)) == {"two-0.json"}  # what needs the failed one is not tried
    assert "one: failed with exit code 3" in capfd.readouterr().err


def test_the_time_is_up(table, tmp_path, steps, capfd):
    steps |= {"one": [LEAVES, WRITES], "two": [WRITES]}
    call(table, tmp_path, minutes=5)
    assert set(made(tmp_path)) == {"two-0.json"}
    shown = capfd.readouterr().out
    assert "left: one; the same command goes on" in shown
    steps["one"][0] = WRITES
    call(table, tmp_path, minutes=0)
    assert "left: one;" in capfd.readouterr().out
    call(table, tmp_path)
    assert set(made(tmp_path)) == {"one-0.json", "one-1.json", "two-0.json"}


def test_a_command_that_ends_without_its_file_has_failed(table, tmp_path, steps, capfd):
    """Only one that was told to stop after some minutes may leave nothing."""
    steps |= {"one": ["pass"], "two": [LEAVES], "three": [WRITES]}
    for minutes, failed in ((float("inf"), ["one", "two"]), (5, ["one"])):
        with pytest.raises(typer.Exit) as left:
            call(table, tmp_path, minutes=minutes)
        assert left.value.exit_code == 1
        shown, errors = capfd.readouterr()
        assert ("the time is up; left: two;" in shown) == ("two" not in failed)
        assert f"failed: {', '.join(failed)}" in errors
        for name in failed:
            missing = tmp_path / "work" / f"{name}-0"
            assert re.search(rf"{name}: ended without {missing}, .*: \S*python\S* -c ", errors)
    assert set(made(tmp_path)) == {"three-0.json"}


def test_minutes_reach_the_command(table, tmp_path, steps):
    steps["one"] = ["import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(' '.join(sys.argv[2:])) or '--minutes'"]
    call(table, tmp_path, minutes=7)
    assert re.fullmatch(r"--minutes (6\.9\d|7\.00)", made(tmp_path)["one-0.json"])


def test_a_table_is_needed(tmp_path, steps, capfd):
    with pytest.raises(typer.Exit) as left:
        call(tmp_path / "nowhere", tmp_path)
    assert left.value.exit_code == 2
    assert "nowhere is no table of faces: it has no landmarks.csv" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_from_outside_it_waits_for_the_command(table, tmp_path, number):
    """The command is asked to leave, saves what it has, and only then the tool leaves, with 130."""
    text = """
import pathlib, signal, sys, time
def leave(*_):
    time.sleep(1)
    pathlib.Path("saved").touch()
    sys.exit(130)
signal.signal(signal.SIGINT, leave)
signal.signal(signal.SIGTERM, leave)
pathlib.Path("began").touch()
time.sleep(60)
"""
    (tmp_path / "slow.py").write_text(text)
    (tmp_path / "tool.py").write_text(
        "import sys, pathlib, gpu_records, typer\n"
        "command = gpu_records.Command((sys.executable, 'slow.py'), pathlib.Path('x'), pathlib.Path('y'))\n"
        "gpu_records.all_steps = lambda *_: {'one': [command], 'two': [command]}\n"
        "typer.run(gpu_records.main)\n"
    )
    environment = {"PYTHONPATH": str(gpu_records.ABLATION.parent)}
    with subprocess.Popen(
        [sys.executable, "tool.py", str(table), "--work", "work", "--results", "results"],
        cwd=tmp_path, env=os.environ | environment, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        while not (tmp_path / "began").exists():
            assert process.poll() is None
            time.sleep(0.05)
        if number == signal.SIGINT:  # Ctrl-C reaches all that the terminal runs
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        shown = process.communicate(timeout=120)[1]
    assert process.returncode == 130, shown
    assert (tmp_path / "saved").exists() and "stopped; the same command goes on" in shown
