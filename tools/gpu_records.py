"""All records of data/results that want a GPU, one after the other.

    python tools/gpu_records.py ROOT --minutes 9

ROOT is a table of faces (see awing_lib.datasets.FaceTable) with 68 points, the splits train, val and test, and a column
`identity` that says who is on each photo. What is measured, in this order:

    speed             the library's speed, and whether the fast training step learns what the plain one does
    full-table        the paper's recipe on the photos
    full-synthetic    the same on 7500 faces made to order, tested on 2500
    ladder            the paper's ablation in eight rungs, small: two stacks, 128 pixels, 60 epochs
    domains           trained on photos, on faces made to order, and on both

With --minutes it stops by itself after so many, with exit code 0, and the same command goes on; so it does after Ctrl-C
or a crash. A record that is there is not made again. What fails is told and does not keep the others from their turn.

--show prints the commands instead of running them. --small takes toy sizes, for a try on any machine; it writes to a
folder of its own, and nothing that comes of it is a result.
"""

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer

from awing_lib.weights import write_bytes

ABLATION = Path(__file__).with_name("ablation.py")
AWING = (sys.executable, "-m", "awing_lib.cli")
FAST = ("precision=bf16-mixed", "channels_last=true", "fused=true", "cache=true")
LABEL_PIXEL = "label_pixel"
"""Column of the table that is taken for ``--label-pixels`` of tools/ablation.py, if there is one."""
SMALL = ("size=64", "stacks=2", "depth=1", "features=8", "epochs=1", "batch=8", "workers=0")


@dataclass(frozen=True)
class Command:
    """One command of a step."""

    arguments: tuple[str, ...]
    leaves: Path
    """A file that is there once it has run to its end."""
    record: Path
    """Where that file is copied to."""
    timed: bool = False
    """It takes ``--minutes``, and may leave before it has come to its end, with exit code 0."""
    prints: bool = False
    """What it prints is what it leaves."""

    def __str__(self) -> str:
        return " ".join(self.arguments) + (f" > {self.leaves}" if self.prints else "")


def all_steps(
    root: Path, work: Path, results: Path, device: str, small: bool, changes: tuple[str, ...] = ()
) -> dict[str, list[Command]]:
    """Name -> the commands that make its records, in the order in which they need each other."""

    def settings(*more: str) -> tuple[str, ...]:
        return tuple(
            word for setting in (*FAST, *more, *changes, *(SMALL if small else ())) for word in ("--set", setting)
        )

    def full(name: str, recipe: str, data: tuple, of_training: tuple, of_test: tuple) -> list[Command]:
        folder = work / name
        train = (*AWING, "train", "--recipe", recipe, *data, "--out", str(folder), "--resume", "--device", device)
        test = (*AWING, "evaluate", str(folder), "--dataset", recipe.removeprefix("paper-"), *data, *of_test)
        return [
            Command((*train, *settings(*of_training)), folder / "run.json", results / f"{name}-run.json", timed=True),
            Command(
                (*test, "--device", device, "--format", "json"),
                work / f"{name}.json",
                results / f"{name}.json",
                prints=True,
            ),
        ]

    def ablation(preset: str, *more: str) -> list[Command]:
        out = work / f"{preset}.json"
        how = (str(root), "--out", str(out), "--work", str(work / preset), "--accelerator", device, *more)
        with open(root / "landmarks.csv", encoding="utf-8") as table:
            if LABEL_PIXEL in table.readline().rstrip().split(","):
                how += ("--label-pixels", LABEL_PIXEL)
        few = ("--seeds", "1", "--rates", "1e-3", "--tuning-epochs", "1") if small else ("--jobs", "4")
        arguments = (sys.executable, str(ABLATION), preset, *how, *few, *settings())
        return [Command(arguments, out, results / out.name, timed=True)]

    speed = work / f"speed-{device}.json"
    checks = ("--quick", "--check-steps", "4") if small else ("--check-steps", "200")
    benchmark = (*AWING, "benchmark", "all", "--device", device, "--json", str(speed), *checks, "--profile")
    splits = ("train_split=train", "val_split=val")
    return {
        "speed": [Command(benchmark, speed, results / speed.name)],
        "full-table": full(
            "full-table", "paper-table", ("--data", str(root)), splits, ("--split", "test", "--group", "identity")
        ),
        "full-synthetic": full(
            "full-synthetic",
            "paper-synthetic",
            (),
            ("faces=32", "val_faces=8") if small else (),
            ("--count", "8" if small else "2500"),
        ),
        "ladder": ablation("ladder"),
        "domains": ablation("domains", "--recipe", "ladder-full"),
    }


def run(command: Command, minutes: float) -> int:
    """The command's exit code. When it is stopped from outside it saves what it has; this waits for it."""
    arguments = [*command.arguments, *(("--minutes", f"{minutes:.2f}") if command.timed and minutes < math.inf else ())]
    printed = subprocess.PIPE if command.prints else None
    with subprocess.Popen(arguments, stdout=printed, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as process:
        handlers = {
            signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),  # Ctrl-C reaches the command, too
            signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
        }
        try:
            text = process.communicate()[0]
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    if command.prints and process.returncode == 0:
        write_bytes(command.leaves, text)
    return process.returncode


def main(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The table of faces.")],
    minutes: Annotated[float, typer.Option(min=0, help="Stop after so many, to go on another time.")] = math.inf,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="This one; as often as you like.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Of each recipe that is trained.")
    ] = None,
    device: Annotated[str, typer.Option(help="cuda or cpu; cuda where there is one if left out.")] = "auto",
    work: Annotated[Path | None, typer.Option(help="Where runs live; else data/runs/records.")] = None,
    results: Annotated[Path | None, typer.Option(help="Where records go; else data/results.")] = None,
    small: Annotated[bool, typer.Option("--small", help="Toy sizes, to see that all works.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the commands that are left, and leave.")] = False,
) -> None:
    """Make the records that want a GPU.

    Exit code 0: all that was asked for is there, or the time is up; 1: something failed; 2: there was nothing to begin
    with; 130: it was stopped.
    """
    deadline = time.monotonic() + 60 * minutes
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    work = work or Path("data/runs/records-small" if small else "data/runs/records")
    results = results or (work / "results" if small else Path("data/results"))
    if not (root / "landmarks.csv").is_file():
        typer.echo(f"gpu_records: {root} is no table of faces: it has no landmarks.csv", err=True)
        raise typer.Exit(2)
    steps = all_steps(root, work, results, device, small, tuple(changes or ()))
    if unknown := sorted(set(only or ()) - set(steps)):
        typer.echo(f"gpu_records: --only {unknown[0]!r} is unknown; there are {', '.join(steps)}", err=True)
        raise typer.Exit(2)
    chosen = {name: commands for name, commands in steps.items() if not only or name in only}
    if show:
        typer.echo(
            "\n".join(str(each) for commands in chosen.values() for each in commands if not each.record.exists())
        )
        return
    work.mkdir(parents=True, exist_ok=True)
    results.mkdir(parents=True, exist_ok=True)

    failed, left = [], []
    for name, commands in chosen.items():
        for command in commands:
            if command.record.exists():
                typer.echo(f"{name}: {command.record} is there")
                continue
            remaining = (deadline - time.monotonic()) / 60
            if remaining <= 0:
                left.append(name)
                break
            typer.echo(f"{name}: {command}")
            code = run(command, remaining)
            if code in (130, -signal.SIGINT, 143, -signal.SIGTERM):
                typer.echo("stopped; the same command goes on", err=True)
                raise typer.Exit(130)
            if code:
                typer.echo(f"{name}: failed with exit code {code}", err=True)
                failed.append(name)
                break
            if not command.leaves.exists():
                if command.timed and remaining < math.inf:  # its time was up
                    left.append(name)
                else:
                    typer.echo(f"{name}: ended without {command.leaves}, which it should leave: {command}", err=True)
                    failed.append(name)
                break
            shutil.copyfile(command.leaves, command.record)
    if left:
        typer.echo(f"the time is up; left: {', '.join(left)}; the same command goes on")
    if failed:
        typer.echo(f"gpu_records: failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
