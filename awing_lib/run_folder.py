"""The folder of a run: whose it is, what its checkpoints hold, and the table of its epochs."""

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor, nn

from awing_lib.checkpoints import Checkpoint
from awing_lib.recipes import Recipe, load_recipe
from awing_lib.run_devices import TrainingError
from awing_lib.weights import load_model, write_bytes

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two runs from one folder
    fcntl = None

START = "start.safetensors"
"""What a run was fine-tuned from."""


_FREE_TO_CHANGE = (
    "about",
    "cache",
    "channels_last",
    "checkpointing",
    "compile",
    "save_every",
    "unreadable",
    "val_every",
    "workers",
)
"""Fields that a resumed run may have otherwise: they change how it goes, not what it strives for."""


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the folder; what a killed one had locked is free."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be made a folder for the run: {error.strerror}") from error
    with open(folder / ".lock", "a") as file:
        try:
            if fcntl:  # lockf, not flock: processes that we start do not hold it on when we are gone
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise TrainingError(f"{folder}: another process trains in this folder") from error
        except OSError:  # a file system that knows no locks
            pass
        yield


def claim(folder: Path, recipe: Recipe, resume: bool, start_from: str | os.PathLike | None) -> dict | None:
    """See that the folder is new, or holds this very run; its record, if that has reached its end."""
    for leftover in folder.glob(".*.tmp"):  # of a file that a killed process was writing
        leftover.unlink()
    path = folder / "recipe.yaml"
    if not path.exists():
        if any(each.name not in (".lock", START) for each in folder.iterdir()):
            raise TrainingError(f"{folder} is not empty, and holds no run; choose another folder")
        (folder / START).unlink(missing_ok=True)
        if start_from is not None:
            load_model(start_from)  # says what is wrong with it
            write_bytes(folder / START, Path(start_from).read_bytes())
        write_bytes(path, recipe.to_yaml().encode())
        return None
    if not resume:
        raise TrainingError(f"{folder} holds a run already; --resume goes on with it, or choose another folder")
    known, wanted = load_recipe(path).to_dict(), recipe.to_dict()
    for part, fields in known.items():
        for name, value in fields.items() if isinstance(fields, dict) else [(part, fields)]:
            now = wanted[part][name] if isinstance(fields, dict) else wanted[part]
            if now != value and name not in _FREE_TO_CHANGE:
                raise TrainingError(f"{folder} holds a run with {name} {value!r}; --resume cannot make it {now!r}")
    finished = folder / "run.json"
    return json.loads(finished.read_text("utf-8")) if finished.exists() else None


def checkpoint_of(step: int, network: nn.Module, optimizer, average, history: dict) -> Checkpoint:
    """All that a run needs to go on from a step.

    Raises:
        TrainingError: something of it is no longer finite.
    """
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items() if value is not None}
    if average:
        tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    tensors = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise TrainingError(
                f"{name} is no longer finite at step {step}, so that is not saved; try a smaller learning_rate"
            )
    return Checkpoint(step, tensors, history)


def restore(checkpoint: Checkpoint, network: nn.Module, optimizer, average) -> dict:
    """Put a checkpoint's state back in place; its history."""

    def under(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): t for name, t in checkpoint.tensors.items() if name.startswith(prefix)}

    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in under("optimizer.").items():
        index, key = name.split(".", 1)
        states.setdefault(int(index), {})[key] = tensor
    try:
        network.load_state_dict(under("network."))
        if average:
            average.load_state_dict(under("average."))
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    except (RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise TrainingError(f"the checkpoint of step {checkpoint.step} is of another network: {text}") from error
    return checkpoint.state


def as_csv(rows: list[dict]) -> bytes:
    """The epochs of a run as a table."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["epoch", "step", "learning_rate", "loss", "val_nme"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
