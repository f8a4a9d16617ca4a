"""Variants of a recipe, compared on photos: step sizes chosen alike, several seeds, tested once, intervals by person.

    python tools/ablation.py PRESET ROOT --out data/results/NAME.json

ROOT is a table of faces (see awing_lib.datasets.FaceTable) with the splits train, val and test and a column that says
who is on each photo. A variant, or rung, is one recipe with some fields changed; PRESET says which rungs there are:

    losses      MSE and Adaptive Wing loss, each without and with the weight map
    ladder      the paper's ablation in eight rungs, from MSE to everything; needs two stacks or more
    domains     trained on the photos, on as many faces made to order, and on both

For each rung, short runs with every step size of one list are measured on what its recipe validates with, and the best
goes on; then the recipe is run with each seed, and its last network is measured on test, once. (A rung that trains on
faces made to order alone also chooses by such faces: it sees no photo before the test.)

Runs live in --work. What is there is not repeated, so this command can be stopped in any way and given again; with
--minutes it stops by itself, says what is left, and exits with 0. On a large GPU several runs side by side (--jobs)
take little more time than one.
"""

import io
import json
import math
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from tqdm import tqdm

from awing_lib.customs import column_of
from awing_lib.dataset_prediction import predict_faces
from awing_lib.datasets import FaceDataset, FaceTable
from awing_lib.errors import AwingError
from awing_lib.intervals import bootstrap_interval, paired_difference
from awing_lib.loading import worker_count
from awing_lib.metrics import (
    area_under_curve,
    failure_rate,
    group_errors,
    landmark_errors,
    landmark_regions,
    mean_over_marked,
    normalized_mean_error,
)
from awing_lib.normalizers import face_normalizers
from awing_lib.recipe_parts import open_faces
from awing_lib.recipes import Recipe, load_recipe, parse_settings
from awing_lib.run_devices import TrainingError
from awing_lib.run_record import environment
from awing_lib.training import Interrupted, train
from awing_lib.weights import load_model, write_bytes

TUNING_SEED = 1000
"""Of the short runs; none that results are shown of."""
LADDER = {
    "MSE": "mse",
    "MSE + weights": "mse-weights",
    "Wing": "wing",
    "AWing": "awing",
    "AWing + weights": "awing-weights",
    "+ boundary": "boundary",
    "+ CoordConv": "coordconv",
    "full": "full",
}
"""Rung -> the shipped recipe that it is the difference of, without "ladder-"."""


class AblationError(AwingError):
    """Settings that make no comparison."""


# -- rungs: name -> fields of the recipe that it changes --------------------------------------------------------------


def losses(base: Recipe, faces: FaceDataset) -> dict[str, dict[str, Any]]:
    """The loss alone differs."""
    return {
        "MSE": {"loss": "mse", "weight": 0},
        "MSE + weights": {"loss": "mse", "weight": 10},
        "AWing": {"loss": "awing", "weight": 0},
        "AWing + weights": {"loss": "awing", "weight": 10},
    }


def ladder(base: Recipe, faces: FaceDataset) -> dict[str, dict[str, Any]]:
    """What the shipped rungs differ in, written out for each, so that it can be put on any recipe."""
    if base.network.stacks < 2:
        raise AblationError("the ladder needs stacks of 2 or more: the first one has no boundary to look at")
    rungs = {name: load_recipe(f"ladder-{file}").to_dict() for name, file in LADDER.items()}
    first = next(iter(rungs.values()))
    places = [(part, field) for part, fields in first.items() if isinstance(fields, dict) for field in fields]
    differ = [
        (part, field) for part, field in places if any(r[part][field] != first[part][field] for r in rungs.values())
    ]
    return {name: {field: rung[part][field] for part, field in differ} for name, rung in rungs.items()}


def domains(base: Recipe, faces: FaceDataset) -> dict[str, dict[str, Any]]:
    """Other training faces; ``faces`` are the photos, and as many are made to order.

    Both together are twice as many, and an epoch has twice the steps: so there is a rung of photos alone that has too.
    """
    made = {"dataset": "synthetic", "points": faces.layout.count, "faces": len(faces)}
    return {
        "real": {},
        "real, twice the epochs": {"epochs": 2 * base.training.epochs},
        "synthetic": made | {"train_split": None, "val_split": None},
        "real + synthetic": {"synthetic_faces": len(faces)},
    }


PRESETS = {"losses": (losses, "faces68-nano"), "ladder": (ladder, "ladder-mse"), "domains": (domains, "faces68-nano")}
"""Name -> its rungs, and the recipe that they change if none is named."""


# -- work on the folder of one run, perhaps in a process of its own; None: the time is up -----------------------------


_leaving = False  # this process has been told to stop; what already waits for it in a queue is not begun


def run(recipe: Recipe, folder: Path, root: Path, accelerator: str, deadline: float, alone: bool) -> dict | None:
    """The record of a run, which is gone on with; of one that came to no number, ``{"diverged": why}``."""
    global _leaving
    if _leaving:
        raise KeyboardInterrupt
    diverged = folder / "diverged.txt"
    if diverged.exists():
        return {"diverged": diverged.read_text("utf-8")}
    minutes = (deadline - time.time()) / 60
    if minutes <= 0:
        return None
    going_on = (folder / "recipe.yaml").exists()
    try:
        return train(recipe, root, folder, resume=going_on, accelerator=accelerator, minutes=minutes, progress=alone)
    except Interrupted as error:
        if not error.planned:
            _leaving = True
            raise KeyboardInterrupt from None
        return None
    except TrainingError as error:
        if "smaller learning_rate" not in str(error):
            raise
        write_bytes(diverged, f"{error}\n".encode())
        return {"diverged": str(error)}


def measure(
    recipe: Recipe, folder: Path, root: Path, accelerator: str, deadline: float, alone: bool
) -> np.ndarray | None:
    """(N, L) errors of a run's network on the test faces, fractions; kept in its folder."""
    if time.time() >= deadline:
        return None
    faces = FaceTable(root, "test")
    model, info = load_model(folder / "model.safetensors")
    found, _ = predict_faces(
        model.to("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"),
        faces,
        protocol=recipe.data.protocol,
        size=info.size,
        decode=recipe.training.decode,
        sigma=info.sigma,
        workers=worker_count(recipe.data.workers),
        refuse_broken=False,  # it is compared with the others all the same
        progress=partial(tqdm, desc=str(folder), unit="face", delay=2, disable=not alone),
    )
    errors = landmark_errors(found, faces.landmarks, face_normalizers(faces, recipe.data.normalizer))
    file = io.BytesIO()
    np.save(file, errors)
    write_bytes(errors_file(folder), file.getvalue())
    return errors


def finished(recipe: Recipe, folder: Path) -> dict | None:
    """The record of a run that has reached its end, if it is one of this recipe.

    Raises:
        RecipeError: the record is of a recipe with fields that there are not.
    """
    path = folder / "run.json"
    if not path.exists():
        return None
    record = json.loads(path.read_text("utf-8"))
    ran = Recipe.from_dict(record["recipe"])  # fields that have come since then are as they were before
    wanted = recipe.updated({"workers": ran.data.workers})  # makes no other faces
    return record if ran.to_record() == wanted.to_record() else None


def measured(recipe: Recipe, folder: Path) -> np.ndarray | None:
    """What :func:`measure` has kept."""
    path = errors_file(folder)
    return np.load(path, allow_pickle=False) if path.exists() else None


def errors_file(folder: Path) -> Path:
    """Where :func:`measure` keeps them."""
    return folder / "test-errors.npy"


# -- many of them -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Means:
    """With what the runs are done."""

    root: Path
    jobs: int = 1
    accelerator: str = "auto"
    deadline: float = math.inf
    """By ``time.time()``."""


class TimeIsUp(Exception):
    """Not all has been done; the message says what is left."""


def work_through(what: str, known: Callable, work: Callable, recipes: dict[Path, Recipe], means: Means) -> dict:
    """Folder -> what is known of it already, or else comes of the work; some at a time, which share the cores.

    Raises:
        TimeIsUp: the deadline has passed, and some are left.
    """
    results = {folder: known(recipe, folder) for folder, recipe in recipes.items()}
    todo = {folder: recipe for folder, recipe in recipes.items() if results[folder] is None}
    for folder, result in _worked(work, todo, means):
        results[folder] = result
        if result is not None:
            typer.echo(f"{folder}: {_in_words(result)}")
    left = sum(result is None for result in results.values())
    if left:
        raise TimeIsUp(f"{left} of {len(recipes)} {what} are left")
    return results


def _worked(work: Callable, recipes: dict[Path, Recipe], means: Means) -> Iterator[tuple[Path, Any]]:
    arguments = (means.root, means.accelerator, means.deadline)
    if means.jobs == 1 or not recipes:
        yield from ((folder, work(recipe, folder, *arguments, True)) for folder, recipe in recipes.items())
        return
    threads = max(1, torch.get_num_threads() // means.jobs)
    # spawned, not forked: neither PyTorch's threads nor a GPU survive a fork
    with ProcessPoolExecutor(means.jobs, get_context("spawn"), _prepare, (threads, os.getpid())) as pool:
        try:
            running = {
                pool.submit(work, recipe, folder, *arguments, False): folder for folder, recipe in recipes.items()
            }
            yield from ((running[each], each.result()) for each in as_completed(running))
        except BaseException:
            # those that run save a checkpoint and leave; the others do not begin
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            raise


def _in_words(result: dict | np.ndarray) -> str:
    if isinstance(result, np.ndarray):
        return f"test NME {100 * mean_over_marked(result, 1).mean():.2f} %"
    return "no number came of it" if "diverged" in result else f"val NME {result['final']['val_nme']:.2f} %"


def _prepare(threads: int, parent: int) -> None:
    """Set up a process that works on runs: it leaves when the one that started it tells it to, or is gone."""
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; a run that is under way listens by itself
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


# -- what the networks are compared with ------------------------------------------------------------------------------


def mean_shape_errors(trained: FaceDataset, faces: FaceDataset, normalizer: str) -> np.ndarray:
    """(N,) NME of the mean shape of the training faces as it lies in their boxes, put into the boxes of the faces."""

    def square(boxes):
        """Centre (N, 1, 2) and side (N, 1, 1) of the squares that are cropped."""
        corner, opposite = boxes[:, None, :2], boxes[:, None, 2:]
        return (corner + opposite) / 2, (opposite - corner).max(-1, keepdims=True)

    centre, side = square(trained.boxes)
    mean = ((trained.landmarks - centre) / side).mean(0)
    centre, side = square(faces.boxes)
    return normalized_mean_error(centre + mean * side, faces.landmarks, face_normalizers(faces, normalizer))


def rounding_floor(normalizers: np.ndarray, pixels: np.ndarray) -> float:
    """The NME that labels cost which are right but for being rounded to whole pixels, a fraction.

    Rounding moves x and y by up to half a pixel, all equally likely. So a label lies anywhere in a square of side 1
    around the truth, on average (sqrt(2) + asinh(1)) / 6 = 0.383 pixels away. Labels made on a picture of another size
    have pixels of another size: ``pixels`` (N,), in those of the photos.
    """
    return float(np.mean((math.sqrt(2) + math.asinh(1)) / 6 * pixels / normalizers))


# -- the comparison ----------------------------------------------------------------------------------------------------


def row_of(seed: int, record: dict, errors: np.ndarray) -> dict:
    """One run of a rung: per cent, but for the AUC."""
    per_face = mean_over_marked(errors, 1)
    return {
        "seed": seed,
        "val_nme": record["final"]["val_nme"],
        "test_nme": 100 * float(per_face.mean()),
        "test_fr10": 100 * failure_rate(per_face),
        "test_auc10": area_under_curve(per_face),
        "seconds": sum(session["seconds"] for session in record["sessions"]),
    }


def regions_of(errors: list[np.ndarray], faces: FaceDataset) -> dict[str, float]:
    """Region of the face -> NME over its landmarks, the mean over faces and seeds, a fraction."""
    each = [group_errors(one, landmark_regions(faces.layout)) for one in errors]
    return {region: float(np.mean([mean_over_marked(one[region], 0) for one in each])) for region in each[0]}


def compare(
    base: Recipe,
    rungs: dict[str, dict],
    work: Path,
    rates: list[float],
    epochs: int,
    seeds: int,
    group: str,
    means: Means,
    label_pixels: str | None = None,
) -> dict:
    """All runs of all rungs, and what there is to say of them.

    Args:
        base: the recipe.
        rungs: name -> what it changes.
        work: where the runs live.
        rates: step sizes to choose from.
        epochs: of the short runs.
        seeds: how many runs of each rung.
        group: column of who is on each photo.
        means: data and machine.
        label_pixels: column of how large a pixel was on which the labels were rounded; None: as those of the photos.

    Raises:
        TimeIsUp: the deadline has passed; what has been done is kept.
        AwingError: what data, recipes and training raise.
    """
    trained, faces = FaceTable(means.root, "train", check_images=False), FaceTable(means.root, "test")
    people = np.unique(column_of(faces, group), return_inverse=True)[1]
    try:
        pixels = np.ones(len(faces)) if label_pixels is None else column_of(faces, label_pixels).astype(float)
    except ValueError as error:
        raise AblationError(f"column {label_pixels!r} must hold the sizes of pixels: {error}") from None
    # side by side, none has more helpers than its share of the cores
    shared = base.updated({"workers": worker_count(base.data.workers, beside=means.jobs)})
    recipes = {name: shared.updated(changes) for name, changes in rungs.items()}
    check_faces(recipes, means.root, faces)
    place = {name: work / re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in rungs}

    # for each rung the step size that is best on val
    tuning = {"epochs": epochs, "seed": TUNING_SEED}
    short = {
        place[name] / f"rate-{rate:g}": recipe.updated(tuning | {"learning_rate": rate})
        for name, recipe in recipes.items()
        for rate in rates
    }
    tuned = work_through("short runs", finished, run, short, means)
    tried, best = {}, {}
    for name in rungs:
        ends = {rate: tuned[place[name] / f"rate-{rate:g}"].get("final") for rate in rates}
        tried[name] = {rate: end and end["val_nme"] for rate, end in ends.items()}
        best[name] = min((rate for rate in rates if ends[rate]), key=tried[name].get, default=None)
        if best[name] is None:
            raise AblationError(f"rung {name}: no number came of any step size of {rates}; try smaller ones")

    # the runs, one seed of each rung after another, and their networks on test
    full = {
        place[name] / f"seed-{seed}": recipe.updated({"learning_rate": best[name], "seed": seed})
        for seed in range(seeds)
        for name, recipe in recipes.items()
    }
    ran = work_through("runs", finished, run, full, means)
    for folder, record in ran.items():
        if "diverged" in record:
            raise AblationError(f"{folder}: {record['diverged'].strip()}; leave its step size out of the list")
    tested = work_through("tests", measured, measure, full, means)
    for folder, errors in tested.items():
        if len(errors) != len(faces):
            raise AblationError(f"{errors_file(folder)} is of {len(errors)} faces, there are {len(faces)}; delete it")

    normalizers = face_normalizers(faces, base.data.normalizer)
    baseline = mean_shape_errors(trained, faces, base.data.normalizer)
    systems = {json.dumps(record["environment"]): record["environment"] for record in ran.values()}
    entries, mean_errors = {}, {}
    for name, changes in rungs.items():
        folders = [place[name] / f"seed-{seed}" for seed in range(seeds)]
        errors = [tested[folder] for folder in folders]
        mean_errors[name] = np.mean([mean_over_marked(each, 1) for each in errors], 0)  # (N,) over the seeds
        nme = bootstrap_interval(mean_errors[name], groups=people)
        entries[name] = {
            "changes": changes,
            "rates": tried[name],
            "rate": best[name],
            "seeds": [row_of(seed, ran[folder], tested[folder]) for seed, folder in enumerate(folders)],
            "nme": nme.as_dict(),
            "regions": regions_of(errors, faces),
        }
        typer.echo(f"{name}: rate {best[name]:g}, test NME over {seeds} seeds {100 * nme.value:.2f} %")
    return {
        "recipe": base.to_record(),
        "data": {
            "root": means.root.resolve().name,
            "train_faces": len(trained),
            "test_faces": len(faces),
            "test_people": int(people.max()) + 1,
        },
        "environment": environment(),
        "run_environments": list(systems.values()),
        "tuning": {"epochs": epochs, "rates": rates, "seed": TUNING_SEED},
        "jobs": means.jobs,
        "mean_shape": bootstrap_interval(baseline, groups=people).as_dict(),
        "rounding_floor": rounding_floor(normalizers, pixels),
        "rungs": entries,
        "differences": {
            f"{one} - {other}": paired_difference(mean_errors[one], mean_errors[other], groups=people).as_dict()
            for number, one in enumerate(mean_errors)
            for other in list(mean_errors)[:number]
        },
    }


def check_faces(recipes: dict[str, Recipe], root: Path, faces: FaceDataset) -> None:
    """See now, and not after hours of work, that each rung has faces to validate on, marked as the test faces are."""
    seen = set()
    for name, recipe in recipes.items():
        if recipe.data in seen:
            continue
        seen.add(recipe.data)
        trained, val_faces = open_faces(recipe, root)
        if val_faces is None:
            raise AblationError(f"rung {name}: its recipe has no val_split, by which its step size would be chosen")
        if trained.layout.points != faces.layout.points:
            raise AblationError(
                f"rung {name}: trains on {trained.layout.name}, the test faces have {faces.layout.name}"
            )


def main(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="losses, ladder or domains.")],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The table of faces.")],
    out: Annotated[Path, typer.Option(help="The record to write.")],
    work: Annotated[Path | None, typer.Option(help="Where the runs live; else data/runs/ablation-PRESET.")] = None,
    recipe: Annotated[str | None, typer.Option(help="What is run for each rung; a preset has its own.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Of the recipe.")] = None,
    rates: Annotated[str, typer.Option(help="Step sizes to choose from.")] = "1e-3,3e-3,1e-2,3e-2",
    tuning_epochs: Annotated[int, typer.Option(min=1, help="Epochs of the short runs.")] = 3,
    seeds: Annotated[int, typer.Option(min=1, max=TUNING_SEED, help="Runs of each rung.")] = 3,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time; they share cores and GPU.")] = 1,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after so many, to go on another time.")] = None,
    group: Annotated[str, typer.Option(help="Column of the table that says who is on each photo.")] = "identity",
    label_pixels: Annotated[
        str | None,
        typer.Option(help="Column: the size of the pixels that labels were rounded to, in those of the photo."),
    ] = None,
) -> None:
    """Compare variants of a recipe on a table of faces.

    Example: python tools/ablation.py ladder data/mine --out data/results/ladder.json --minutes 9
    """
    try:
        if preset not in PRESETS:
            raise AblationError(f"preset {preset!r} is unknown; there are {', '.join(PRESETS)}")
        if accelerator not in ("auto", "cpu", "cuda"):
            raise AblationError(f"--accelerator must be auto, cpu or cuda, got {accelerator!r}")
        try:
            step_sizes = [float(rate) for rate in rates.split(",")]
        except ValueError:
            raise AblationError(f"--rates must be numbers with commas between them, got {rates!r}") from None
        if not out.absolute().parent.is_dir():
            raise AblationError(f"--out {out}: there is no folder {out.absolute().parent}")
        make_rungs, usual = PRESETS[preset]
        base = load_recipe(recipe or usual, parse_settings(settings or ()))
        record = compare(
            base,
            make_rungs(base, FaceTable(root, "train", check_images=False)),
            work or Path("data/runs") / f"ablation-{preset}",
            step_sizes,
            tuning_epochs,
            seeds,
            group,
            Means(root, jobs, accelerator, math.inf if minutes is None else time.time() + 60 * minutes),
            label_pixels,
        )
        entries = record.pop("rungs")
        write_bytes(out, (json.dumps({"preset": preset} | record | {preset: entries}, indent=1) + "\n").encode())
    except TimeIsUp as error:
        typer.echo(f"the time is up: {error}; the same command goes on")
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on", err=True)
        raise typer.Exit(130) from None
    except (AwingError, OSError, BrokenProcessPool) as error:
        typer.echo(f"ablation: {error}", err=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves as Ctrl-C does, with checkpoints
    typer.run(main)
