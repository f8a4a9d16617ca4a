"""``awing train`` as people use it: bad input, exit codes, several devices, and signals to real processes."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import kill_and_resume
import pytest

from awing_lib.cli import app
from awing_lib.recipes import RECIPES, load_recipe


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return kill_and_resume.write_faces(tmp_path_factory.mktemp("faces"), 16, 2)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory, data):
    """A run of many short epochs; ``epochs=1`` makes it short."""
    recipe = kill_and_resume.write_recipe(tmp_path_factory.mktemp("recipe") / "killed.yaml")
    settings = ("epochs=300", "workers=0", "save_every=0", "val_every=1000", "cache=true")
    texts = [text for setting in settings for text in ("--set", setting)]
    return ["train", "--recipe", str(recipe), "--data", str(data), "--device", "cpu", *texts]


def awing(capfd, *arguments):
    """Exit code, stdout and stderr of a command in this process."""
    code = app(list(map(str, arguments)), standalone_mode=False)
    return code or 0, *capfd.readouterr()


def test_help(capfd):
    code, out, _ = awing(capfd, "train", "--help")
    assert code == 0 and "Example: awing train --recipe paper-wflw --data data/wflw" in out
    assert "torchrun" in out and "130" in out
    assert "val_nme is the NME on the validation faces in per cent" in " ".join(out.split())


def test_recipes_are_listed_and_shown(capfd):
    code, out, _ = awing(capfd, "train", "--list")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == list(RECIPES)
    code, out, _ = awing(capfd, "train", "--recipe", "paper-wflw", "--set", "stacks=2", "--show")
    assert code == 0 and "stacks: 2" in out
    assert load_recipe("paper-wflw", {"stacks": 2}).to_yaml() == out


BAD = [
    ([], "--recipe is missing"),
    (["--resume"], "--recipe is missing"),
    (["--resume", "--out", "nowhere"], "nowhere: there is no run to go on with; --recipe begins one"),
    (["--recipe", "paper-wfwl", "--data", "."], "did you mean 'paper-wflw'?"),
    (["--recipe", "paper-wflw"], "--data is missing"),
    (["--recipe", "paper-wflw", "--data", ".", "--set", "stack=2"], "did you mean 'stacks'?"),
    (["--recipe", "paper-wflw", "--data", ".", "--set", "stacks"], "--set takes field=value"),
    (["--recipe", "paper-wflw", "--data", ".", "--device", "tpu"], "--device must be auto, cpu or cuda, got 'tpu'"),
    (["--recipe", "paper-wflw", "--data", "/nowhere", "--device", "cpu"], "/nowhere: does not exist"),
    (["--recipe", "nano-synthetic", "--data", "."], "--data has no meaning with recipe nano-synthetic"),
    (
        ["--recipe", "nano-table", "--data", ".", "--set", "data.faces=9"],
        "data.faces is for synthetic faces; table has",
    ),
    (["--recipe", "nano-synthetic", "--set", "val_split=val"], "val_split is for data sets with splits; synthetic"),
]


@pytest.mark.parametrize("bad, message", BAD, ids=[" ".join(bad) or "nothing" for bad, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(capfd, tmp_path, monkeypatch, bad, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = awing(capfd, "train", *bad)
    assert code == 2 and out == "" and len(err.splitlines()) == 1
    assert err.startswith("awing: ") and message in err
    assert not list(tmp_path.iterdir())


def test_a_run_its_repetition_and_its_resumption(capfd, arguments, tmp_path):
    run = [*arguments, "--out", str(tmp_path / "run"), "--set", "epochs=1"]
    code, out, _ = awing(capfd, *run)
    assert code == 0 and f"the network is in {tmp_path / 'run' / 'model.safetensors'}" in out
    code, _, err = awing(capfd, *run)
    assert code == 2 and err.startswith("awing: ") and "--resume goes on with it" in err
    code, _, err = awing(capfd, *run, "--resume", "--set", "batch=4")
    assert code == 2 and "with batch 8; --resume cannot make it 4" in err
    # the run's folder knows the recipe
    code, out, _ = awing(capfd, "train", "--resume", "--out", tmp_path / "run", "--data", arguments[4])
    assert code == 0 and "has reached its end already; nothing is changed" in out


def test_a_file_where_the_run_should_be_is_one_line(capfd, arguments, tmp_path):
    (tmp_path / "file").write_text("dear to me")
    for out, reason in (("file", "File exists"), ("file/run", "Not a directory")):
        code, _, err = awing(capfd, *arguments, "--out", tmp_path / out)
        assert code == 2
        assert err == f"awing: {tmp_path / out}: cannot be made a folder for the run: {reason}\n"
    assert (tmp_path / "file").read_text() == "dear to me"


def test_minutes_are_a_planned_end(capfd, arguments, tmp_path):
    code, _, err = awing(capfd, *arguments, "--out", tmp_path / "run", "--minutes", 0)
    assert code == 0 and "awing: stopped at step 1 of 600; --resume goes on from there" in err
    code, out, err = awing(capfd, *arguments, "--out", tmp_path / "run", "--minutes", 0, "--resume")
    assert code == 0 and "going on from step 1" in out and "stopped at step 2 of 600" in err


def test_a_full_disk_is_one_line_and_exit_code_2(capfd, arguments, tmp_path):
    run = [*arguments, "--out", str(tmp_path / "run"), "--set", "epochs=1"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        code, _, err = awing(capfd, *run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    line = err.splitlines()[-1]
    assert code == 2 and line.startswith("awing: checkpoint ") and "could not be written" in line
    assert "Traceback" not in err and kill_and_resume.half_written(tmp_path / "run") == []
    assert awing(capfd, *run, "--resume")[0] == 0


ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def started(arguments, out, *more):
    """``awing ARGUMENTS`` in processes of their own, warnings being errors, once it has saved a checkpoint."""
    command = [sys.executable, "-W", "error", "-m", "awing_lib.cli", *arguments, "--out", str(out), *more]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    process = subprocess.Popen(command, env=ENVIRONMENT, **options)
    while not list(out.glob("checkpoints/step-*")):
        if process.poll() is not None:
            pytest.fail("it ended early: " + process.communicate()[1])
        time.sleep(0.01)
    return process


def members(session):
    """Ids of the processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = path.read_text().rsplit(")", 1)[1].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes are counted in /proc")
def test_two_devices_leave_together_at_ctrl_c_and_when_one_dies(arguments, tmp_path):
    process = started([*arguments, "--set", "workers=1"], tmp_path / "run", "--devices", "2")
    assert len(members(process.pid)) >= 4
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert [line for line in err.splitlines() if line.startswith("awing: ")] == [
        line for line in err.splitlines() if "--resume goes on from there" in line
    ]
    assert "Traceback" not in err and "Warning" not in err
    gone(process.pid)

    process = started([*arguments, "--set", "workers=1"], tmp_path / "run", "--devices", "2", "--resume")
    process.kill()
    process.communicate()
    gone(process.pid)
    step = max(path.name for path in (tmp_path / "run").glob("checkpoints/step-*"))
    assert json.loads((tmp_path / "run" / "checkpoints" / step / "state.json").read_text())["step"] == int(step[5:])


def gone(session):
    """Wait until no process of a session is left."""
    until = time.monotonic() + 60
    while members(session):
        assert time.monotonic() < until, f"processes are left: {members(session)}"
        time.sleep(0.05)
