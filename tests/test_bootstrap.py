"""Setting up: what goes wrong is said in one clear line, and nothing is done twice."""

import subprocess
import sys
from collections import namedtuple

import bootstrap
import pytest


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A project folder of its own for the set-up, so that the real .venv stays as it is."""
    for name, path in {"ROOT": "", "VENV": ".venv", "READY": ".venv/ready", "LOG": ".venv/setup.log"}.items():
        monkeypatch.setattr(bootstrap, name, str(tmp_path / path))
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", str(tmp_path / ".venv/bin/python"))
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / "tools").mkdir()
    for name in ("pyproject.toml", "requirements.lock", "tools/bootstrap.py"):
        (tmp_path / name).write_text(name)
    return tmp_path


def stopped(capsys, function, *arguments):
    with pytest.raises(SystemExit) as stop:
        function(*arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_an_old_python_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    line = stopped(capsys, bootstrap.use_new_enough_python)
    assert line == "setup: this is Python 3.9; the book needs 3.11 or newer"


def test_a_newer_python_beside_an_old_one_is_used(monkeypatch):
    started = []
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "/bin/" + name if name == "python3.12" else None)
    monkeypatch.setattr(bootstrap.os, "execv", lambda path, arguments: started.append(path))
    monkeypatch.setattr(bootstrap, "stop", lambda message: None)
    bootstrap.use_new_enough_python()
    assert started[0] == "/bin/python3.12"


def test_a_full_disk_is_named_before_anything_is_installed(elsewhere, monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda path: usage(1, 1, int(1e9)))
    assert "less than 4 GB free" in stopped(capsys, bootstrap.main)


@pytest.mark.parametrize(
    "output, message",
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("... NewConnectionError(...): [Errno -3] Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: No matching distribution found for torch==2.13.0", "No matching distribution found for torch"),
    ],
)
def test_what_pip_says_becomes_one_line(capsys, output, message):
    assert message in stopped(capsys, bootstrap.explain, "many lines\n" + output + "\n")


def test_no_network_is_named(elsewhere, capsys, monkeypatch):
    # a real pip that is pointed at a closed port of this machine
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", sys.executable)
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    closed = [
        "--retries",
        "1",
        "--index-url",
        "http://127.0.0.1:9/simple",
        "--no-cache-dir",
        "no-such-package-anywhere",
    ]
    assert "cannot be reached" in stopped(capsys, bootstrap.install, "a package", closed)


def test_nothing_is_done_when_up_to_date(elsewhere, monkeypatch, capsys):
    (elsewhere / ".venv/bin/python").symlink_to(sys.executable)
    (elsewhere / ".venv/ready").write_text(bootstrap.fingerprint())
    monkeypatch.setattr(bootstrap, "install", lambda *arguments: pytest.fail("installed again"))
    bootstrap.main()
    assert capsys.readouterr().out == ""
    (elsewhere / "pyproject.toml").write_text("changed")
    assert not bootstrap.up_to_date(bootstrap.fingerprint())


def test_make_without_python_is_one_line(root):
    result = subprocess.run(
        ["make", "setup", "PYTHON=no-such-python"], cwd=root, capture_output=True, text=True, check=False
    )
    assert result.returncode and "no-such-python not found; install Python 3.11 or newer" in result.stderr
