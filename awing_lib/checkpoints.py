"""Checkpoints of a run: safetensors + JSON, written so that a kill or a power cut at any moment leaves a good one.

Each is a folder ``step-00001234`` with ``state.safetensors`` and ``state.json``, which holds the SHA-256 of all that is
in the two. It is written under another name, synced, and renamed when it is whole; the last two are kept.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from awing_lib.errors import AwingError
from awing_lib.weights import sync_folder

KEPT = 2
"""How many checkpoints are kept."""
_TENSORS, _STATE = "state.safetensors", "state.json"


class CheckpointError(AwingError):
    """A checkpoint that could not be written or read."""


class Checkpoint(NamedTuple):
    """What a run needs to go on."""

    step: int
    """Steps that were done."""
    tensors: dict[str, Tensor]
    state: dict
    """All that is no tensor: a dict of plain values, which JSON gives back as they were."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint below ``folder`` and remove all but the last two.

    Raises:
        CheckpointError: it could not be written, for instance as the disk is full; those before it are untouched.
    """
    place = folder / f"step-{checkpoint.step:08d}"
    temporary = folder / f".{place.name}.tmp"
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            sync_folder(folder.parent)
        _remove_leftovers(folder)
        temporary.mkdir()
        save_file({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, temporary / _TENSORS)
        fields = {"step": checkpoint.step, "state": checkpoint.state}
        fields["sha256"] = _digest(temporary / _TENSORS, fields)
        (temporary / _STATE).write_text(json.dumps(fields), "utf-8")
        for file in (temporary / _TENSORS, temporary / _STATE):
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())
        sync_folder(temporary)
        if place.exists():  # the same step again: of the same run, so it holds the same
            _discard(place)
        temporary.rename(place)
        sync_folder(folder)
        for old in list_checkpoints(folder)[:-KEPT]:
            _discard(old)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        known = [each for each in list_checkpoints(folder) if each != place]
        rest = f"the one before it is {known[-1]}" if known else "there is none before it"
        raise CheckpointError(f"checkpoint {place} could not be written: {error}; {rest}") from error
    return place


def load_checkpoint(folder: Path, say: Callable[[str], None] = print) -> Checkpoint | None:
    """The last good checkpoint below ``folder``; None if there is none.

    One that is damaged is put aside under another name, so that it can be looked at; ``say`` is told.
    """
    for place in reversed(list_checkpoints(folder)):
        try:
            fields = json.loads((place / _STATE).read_text("utf-8"))
            if fields.pop("sha256") != _digest(place / _TENSORS, fields):
                raise ValueError("it is not what was written: the SHA-256 differs")
            return Checkpoint(fields["step"], load_file(place / _TENSORS), fields["state"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            aside = _free_name(place)
            place.rename(aside)
            say(f"checkpoint {place} is damaged ({' '.join(str(error).split())}); put aside as {aside.name}")
    return None


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints below ``folder``, oldest first; not looked into."""
    found = (path for path in folder.glob("step-*") if path.name[5:].isdigit() and path.is_dir())
    return sorted(found, key=lambda path: int(path.name[5:]))


def _digest(path: Path, fields: dict) -> str:
    """SHA-256 of a file and of plain values."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(fields).encode())
    return digest.hexdigest()


def _discard(place: Path) -> None:
    """Remove a checkpoint; at no moment is there a half of one that could be taken for a whole."""
    trash = place.with_name(f".{place.name}.old")
    place.rename(trash)
    shutil.rmtree(trash)


def _remove_leftovers(folder: Path) -> None:
    """What a killed process was writing or removing."""
    for path in folder.glob(".step-*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _free_name(place: Path) -> Path:
    names = (place.with_name(f"{place.name}.damaged{'' if n == 1 else f'-{n}'}") for n in range(1, 1000))
    return next(name for name in names if not name.exists())
