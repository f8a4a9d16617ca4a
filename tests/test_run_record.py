"""What the record says of where a run took place."""

import importlib.metadata
import json
import os

import pytest
import torch

from awing_lib import __version__, run_record


def test_versions_and_hardware():
    found = run_record.environment()
    assert json.loads(json.dumps(found)) == found
    assert found["awing_lib"] == __version__
    assert found["versions"]["torch"] == importlib.metadata.version("torch")
    assert found["versions"]["numpy"] == importlib.metadata.version("numpy")
    assert found["hardware"]["cores"] == os.cpu_count() and found["hardware"]["threads"] == torch.get_num_threads()
    assert found["hardware"]["cpu"]
    assert ("gpus" in found["hardware"]) == torch.cuda.is_available()


def test_no_path_and_no_name_of_a_machine():
    text = json.dumps(run_record.environment())
    for private in (os.getcwd(), os.path.expanduser("~"), os.uname().nodename, str(run_record.__file__)):
        assert private not in text


def test_commit(root):
    commit = run_record.environment()["commit"]
    if not (root / ".git").exists():
        pytest.skip("not a repository")
    assert commit is not None and len(commit.removesuffix("+")) == 40


@pytest.mark.parametrize("where", ["no repository", "no git"])
def test_without_a_commit(monkeypatch, tmp_path, where):
    if where == "no git":
        monkeypatch.setenv("PATH", str(tmp_path))
        (tmp_path / ".git").mkdir()
    monkeypatch.setattr(run_record, "__file__", str(tmp_path / "awing_lib" / "run_record.py"))
    assert run_record.environment()["commit"] is None


def test_a_package_that_is_called_otherwise(monkeypatch):
    monkeypatch.setattr(run_record, "_PACKAGES", ("torch", "opencv-of-another-name"))
    found = run_record.environment()["versions"]
    assert found["torch"] and found["opencv-of-another-name"] is None
