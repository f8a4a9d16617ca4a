"""Checkpoints: damage of every kind, full disks, and what a kill leaves lying about."""

import json
import resource
import shutil
from contextlib import contextmanager

import pytest
import torch

from awing_lib import checkpoints
from awing_lib.checkpoints import Checkpoint, CheckpointError, list_checkpoints, load_checkpoint, save_checkpoint


def checkpoint(step):
    generator = torch.Generator().manual_seed(step)
    tensors = {
        "network.weight": torch.randn(40, 30, generator=generator),
        "optimizer.0.step": torch.tensor(float(step)),
        "network.channels_last": torch.randn(2, 3, 4, 5, generator=generator).to(memory_format=torch.channels_last),
        "network.count": torch.tensor(step),
    }
    return Checkpoint(step, tensors, {"losses": [[step, 1 / 3, 1e-4]], "epochs": [], "skipped": {"ü.png": 2}})


def assert_equal(found, expected):
    assert found.step == expected.step and found.state == expected.state
    assert found.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype and torch.equal(found.tensors[name], tensor)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_is_loaded(tmp_path):
    place = save_checkpoint(tmp_path / "run" / "checkpoints", checkpoint(12))
    assert place.name == "step-00000012"
    assert names(place) == ["state.json", "state.safetensors"]
    assert_equal(load_checkpoint(place.parent), checkpoint(12))


def test_there_is_none_at_first(tmp_path):
    assert load_checkpoint(tmp_path) is None
    assert load_checkpoint(tmp_path / "nowhere") is None


def test_the_last_two_are_kept(tmp_path):
    for step in (5, 10, 99_999_999, 100_000_000):
        save_checkpoint(tmp_path, checkpoint(step))
    assert names(tmp_path) == ["step-100000000", "step-99999999"]
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-99999999", "step-100000000"]
    assert load_checkpoint(tmp_path).step == 100_000_000


def truncate(place):
    path = place / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_byte(place):
    path = place / "state.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def change_a_digit(place):
    path = place / "state.json"
    text = path.read_text("utf-8")
    assert '"step": 20' in text
    path.write_text(text.replace('"step": 20', '"step": 21'), "utf-8")


def forget_the_digest(place):
    path = place / "state.json"
    fields = json.loads(path.read_text("utf-8"))
    del fields["sha256"]
    path.write_text(json.dumps(fields), "utf-8")


DAMAGE = {
    "truncated": truncate,
    "flipped byte": flip_a_byte,
    "changed digit": change_a_digit,
    "no digest": forget_the_digest,
    "no tensors": lambda place: (place / "state.safetensors").unlink(),
    "no state": lambda place: (place / "state.json").unlink(),
    "empty tensors": lambda place: (place / "state.safetensors").write_bytes(b""),
    "broken JSON": lambda place: (place / "state.json").write_text('{"step": 20,'),
    "JSON of another kind": lambda place: (place / "state.json").write_text("[1, 2]"),
    "no text": lambda place: (place / "state.json").write_bytes(b"\xff\xfe\x00"),
    "empty folder": lambda place: [path.unlink() for path in place.iterdir()],
    "folder for a file": lambda place: ((place / "state.json").unlink(), (place / "state.json").mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_instead_of_a_damaged_one_the_one_before_is_used(tmp_path, damage):
    for step in (10, 20):
        save_checkpoint(tmp_path, checkpoint(step))
    damage(tmp_path / "step-00000020")
    said = []
    assert_equal(load_checkpoint(tmp_path, said.append), checkpoint(10))
    assert len(said) == 1 and "\n" not in said[0]
    assert f"{tmp_path / 'step-00000020'} is damaged" in said[0] and "step-00000020.damaged" in said[0]
    assert names(tmp_path) == ["step-00000010", "step-00000020.damaged"]

    # the run does the step again, and the second disaster has its own place
    save_checkpoint(tmp_path, checkpoint(20))
    assert_equal(load_checkpoint(tmp_path), checkpoint(20))
    truncate(tmp_path / "step-00000020")
    assert load_checkpoint(tmp_path, said.append).step == 10
    assert names(tmp_path) == ["step-00000010", "step-00000020.damaged", "step-00000020.damaged-2"]


def test_all_damaged(tmp_path):
    for step in (10, 20):
        truncate(save_checkpoint(tmp_path, checkpoint(step)))
    said = []
    assert load_checkpoint(tmp_path, said.append) is None
    assert len(said) == 2
    assert names(tmp_path) == ["step-00000010.damaged", "step-00000020.damaged"]


def test_leftovers_of_a_kill_are_removed_and_never_loaded(tmp_path):
    save_checkpoint(tmp_path, checkpoint(10))
    shutil.copytree(tmp_path / "step-00000010", tmp_path / ".step-00000020.tmp")
    shutil.copytree(tmp_path / "step-00000010", tmp_path / ".step-00000005.old")
    (tmp_path / ".step-file").write_text("")
    (tmp_path / "notes.txt").write_text("mine")
    assert load_checkpoint(tmp_path).step == 10
    save_checkpoint(tmp_path, checkpoint(20))
    assert names(tmp_path) == ["notes.txt", "step-00000010", "step-00000020"]


@contextmanager
def files_of_at_most(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_those_before(tmp_path):
    for step in (10, 20):
        save_checkpoint(tmp_path, checkpoint(step))
    with files_of_at_most(1000), pytest.raises(CheckpointError, match=r"step-00000030 could not .*step-00000020$"):
        save_checkpoint(tmp_path, checkpoint(30))
    assert names(tmp_path) == ["step-00000010", "step-00000020"]
    assert_equal(load_checkpoint(tmp_path), checkpoint(20))
    save_checkpoint(tmp_path, checkpoint(30))
    assert_equal(load_checkpoint(tmp_path), checkpoint(30))


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "checkpoints").write_text("no folder")
    with pytest.raises(CheckpointError, match=r"step-00000030 could not be written: .*there is none before it"):
        save_checkpoint(tmp_path / "checkpoints", checkpoint(30))
    assert (tmp_path / "checkpoints").read_text() == "no folder"


@pytest.mark.parametrize("moment", ["save_file", "_digest", "sync_folder"])
def test_a_death_at_any_moment_leaves_a_good_one(tmp_path, monkeypatch, moment):
    class Killed(BaseException):
        """Nothing cleans up after it."""

    def die(*_):
        raise Killed

    save_checkpoint(tmp_path, checkpoint(10))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(checkpoints, moment, die)
        save_checkpoint(tmp_path, checkpoint(20))
    assert names(tmp_path) == [".step-00000020.tmp", "step-00000010"]
    assert_equal(load_checkpoint(tmp_path), checkpoint(10))
    save_checkpoint(tmp_path, checkpoint(20))
    assert names(tmp_path) == ["step-00000010", "step-00000020"]
