"""Kill training runs with SIGKILL at random moments, resume them, and compare with one that nobody disturbed.

    python tools/kill_and_resume.py --kills 20          (some minutes on one core)

Every other kill waits until a checkpoint is being written. After each the run goes on with ``awing train --resume``; at
its end weights, optimiser, log and curves must be those of the undisturbed run, bit by bit. Exit code 0: they are.
"""

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RECIPE = {
    "data": {"train_split": "train", "val_split": "test", "size": 64, "box": "landmarks", "padding": 0.25},
    "network": {"stacks": 1, "depth": 2, "features": 8},
    "training": {"batch": 8, "learning_rate": 1e-3, "milestones": [2, 4], "save_every": 2},
}
"""A run of six steps an epoch on the 48 faces of :func:`write_faces`; small, but with all that a run has."""
SCENARIOS = {
    "RMSprop with momentum": ("momentum=0.9", "workers=0", "cache=true"),
    "Adam, moving average": ("optimizer=adam", "ema=0.9", "workers=0", "cache=true", "schedule=cosine", "warmup=0.5"),
    "two processes prepare": ("optimizer=adamw", "momentum=0.9", "workers=2", "accumulate=2", "clip=1"),
}


class Outcome(NamedTuple):
    """What came of killing a run."""

    kills: int
    """Sessions that were killed."""
    writing: int
    """Of these, how many left a file or a checkpoint half written."""
    rounds: int
    """Runs that reached their end and were compared."""
    differences: list[str]
    """What differs from the undisturbed run; nothing, if all is well."""


def write_faces(root: Path, train: int = 48, test: int = 8) -> Path:
    """A table of synthetic faces in photos of 128x128."""
    from awing_lib.datasets import SyntheticFaces
    from awing_lib.datasets.synthetic.writing import write_table

    faces = SyntheticFaces(train + test, seed=3)
    write_table(faces[:train], root, "train")
    write_table(faces[train:], root, "test")
    return root


def write_recipe(path: Path) -> Path:
    """The recipe of these runs as a file."""
    path.write_text(json.dumps({"extends": "paper-table", "name": "killed", **RECIPE}), "utf-8")  # JSON is YAML
    return path


def fork_server() -> multiprocessing.context.ForkServerContext:
    """Starts processes that have imported everything already."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask for newer versions of itself
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["awing_lib.training", "albumentations", "torch.utils.tensorboard"])
    return context


def start(arguments: list[str], log: Path, environment: dict[str, str] | None = None) -> multiprocessing.Process:
    """``awing ARGUMENTS`` as a process of its own, which need not import everything again; what it says goes to a file.

    Its exit code is ``process.exitcode`` after ``process.join()``, negative if it was killed.
    """
    process = fork_server().Process(target=_awing, args=(list(map(str, arguments)), str(log), environment or {}))
    process.start()
    return process


def _awing(arguments: list[str], log: str, environment: dict[str, str]) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.update(environment)
    import torch

    from awing_lib.cli import main

    torch.set_num_threads(1)
    multiprocessing.set_start_method("fork", force=True)  # as if it were no child of a fork server
    sys.argv = ["awing", *arguments]
    main()


def run(arguments: list[str], log: Path, environment: dict[str, str] | None = None) -> int:
    """The exit code of ``awing ARGUMENTS``."""
    process = start(arguments, log, environment)
    process.join()
    return process.exitcode


def half_written(folder: Path) -> list[Path]:
    """What was being written, or removed, when a run was killed."""
    return [*folder.glob(".*.tmp"), *folder.glob("checkpoints/.step-*")]


def differences(one: Path, other: Path) -> list[str]:
    """In what the outcome of two runs differs."""
    import torch
    from safetensors.torch import load_file

    found = []
    last = max(path.name for path in one.glob("checkpoints/step-*"))
    for name in ("model.safetensors", f"checkpoints/{last}/state.safetensors"):
        if not (other / name).exists():
            found.append(f"{name} is missing")
            continue
        tensors, others = load_file(one / name), load_file(other / name)
        if tensors.keys() != others.keys():
            found.append(f"names in {name}")
        found += [
            f"{key} in {name}"
            for key, tensor in tensors.items()
            if key in others
            and not torch.equal(tensor.view(-1).view(torch.uint8), others[key].view(-1).view(torch.uint8))
        ]
    if (one / "log.csv").read_bytes() != (other / "log.csv").read_bytes():
        found.append("log.csv")
    records = [json.loads((folder / "run.json").read_text("utf-8")) for folder in (one, other)]
    found += [
        f"{key} in run.json" for key in ("epochs", "losses", "skipped", "final") if records[0][key] != records[1][key]
    ]
    return found


def kill_and_resume(arguments: list[str], folder: Path, kills: int, seed: int, say=print) -> Outcome:
    """Run ``awing train`` undisturbed once, then again with kills, from the start once more if it comes to its end.

    Args:
        arguments: of ``awing train``, without ``--out`` and ``--resume``.
        folder: to work in; it must not exist.
        kills: how many.
        seed: of the moments.
        say: takes a line about each kill.
    """
    generator = random.Random(seed)
    folder.mkdir()
    quiet = folder / "quiet"
    began = time.monotonic()
    if code := run(["train", *arguments, "--out", quiet], folder / "quiet.txt"):
        raise SystemExit(f"the undisturbed run ended with exit code {code}:\n{(folder / 'quiet.txt').read_text()}")
    longest = (time.monotonic() - began) / 3
    killed = writing = rounds = 0
    found: list[str] = []
    while True:
        rounds += 1
        out, log = folder / f"killed-{rounds}", folder / f"killed-{rounds}.txt"
        ended = False
        while not ended:
            process = start(["train", *arguments, "--out", out, "--resume"], log)
            if killed < kills:
                until = time.monotonic() + generator.uniform(0, longest)
                while time.monotonic() < until and process.is_alive():
                    time.sleep(0.001)
                if killed % 2:
                    while process.is_alive() and not half_written(out):
                        pass
                    time.sleep(generator.uniform(0, 0.004))
                process.kill()
            process.join()
            ended = process.exitcode == 0
            if process.exitcode == -9:
                killed += 1
                caught = half_written(out)
                writing += bool(caught)
                step = max((path.name for path in out.glob("checkpoints/step-*")), default="no checkpoint")
                half = f", writing {caught[0].name}" if caught else ""
                say(f"kill {killed}: after {step}{half}")
            elif not ended:
                raise SystemExit(f"the run ended with exit code {process.exitcode}:\n{log.read_text()}")
        found += [f"{each}, round {rounds}" for each in differences(quiet, out)]
        if killed >= kills:
            return Outcome(killed, writing, rounds, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="in all scenarios together")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    all_kills = all_writing = 0
    equal = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recipe, data = write_recipe(folder / "killed.yaml"), write_faces(folder / "faces")
        for place, (name, settings) in enumerate(SCENARIOS.items()):
            kills = options.kills * (place + 1) // len(SCENARIOS) - options.kills * place // len(SCENARIOS)
            arguments = ["--recipe", recipe, "--data", data, "--device", "cpu", "--set", f"epochs={options.epochs}"]
            arguments += [text for setting in settings for text in ("--set", setting)]
            print(f"{name}: {', '.join(settings)}", flush=True)
            outcome = kill_and_resume(
                arguments, folder / str(place), kills, options.seed + place, lambda text: print("  " + text, flush=True)
            )
            for difference in outcome.differences:
                print(f"  differs: {difference}")
            all_kills, all_writing = all_kills + outcome.kills, all_writing + outcome.writing
            equal &= not outcome.differences
    print(f"kills survived: {all_kills}, of these while writing: {all_writing}, bit-equal: {'yes' if equal else 'no'}")
    sys.exit(not equal)


if __name__ == "__main__":
    main()
