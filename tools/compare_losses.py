"""Compare losses on real faces: the step size of each chosen in the same way, several seeds, intervals by person.

    python tools/compare_losses.py ROOT --out data/results/real-faces.json

ROOT is a table of faces (see awing_lib.datasets.FaceTable) with the splits train, val and test and a column "identity".
For each loss, short runs with every step size of one list are measured on val, and the best goes on; then the recipe is
run with each seed, and its last network is measured on test, once. Runs live in --work and are not repeated when they
are there already, so this command can be stopped and started again.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from awing_lib.dataset_prediction import predict_faces
from awing_lib.datasets import FaceTable
from awing_lib.intervals import bootstrap_interval, paired_difference
from awing_lib.metrics import area_under_curve, failure_rate, normalized_mean_error
from awing_lib.normalizers import face_normalizers
from awing_lib.recipes import Recipe, load_recipe, parse_settings
from awing_lib.run_record import environment
from awing_lib.training import train
from awing_lib.weights import load_model, write_bytes

LOSSES = {
    "MSE": {"loss": "mse", "weight": 0},
    "MSE + weights": {"loss": "mse", "weight": 10},
    "AWing": {"loss": "awing", "weight": 0},
    "AWing + weights": {"loss": "awing", "weight": 10},
}


def run(recipe: Recipe, root: Path, folder: Path, alone: bool) -> dict:
    """The record of a run, which is gone on with or left alone if it is there already."""
    return train(recipe, root, folder, resume=(folder / "recipe.yaml").exists(), progress=alone)


def run_all(recipes: dict[Path, Recipe], root: Path, jobs: int) -> dict[Path, dict]:
    """Folder -> the record of its run, ``jobs`` of them at a time, which share the cores."""
    threads = max(1, torch.get_num_threads() // jobs)
    # spawned, not forked: PyTorch's threads do not survive a fork
    with ProcessPoolExecutor(jobs, get_context("spawn"), torch.set_num_threads, (threads,)) as pool:
        runs = {folder: pool.submit(run, recipe, root, folder, jobs == 1) for folder, recipe in recipes.items()}
        for folder, each in runs.items():
            typer.echo(f"{folder}: val NME {each.result()['final']['val_nme']:.2f} %")
    return {folder: each.result() for folder, each in runs.items()}


def test_errors(folder: Path, faces: FaceTable, recipe: Recipe) -> np.ndarray:
    """(N,) NME of a run's network on faces, fractions."""
    model, info = load_model(folder / "model.safetensors")
    protocol = recipe.data.protocol
    predicted, _ = predict_faces(model, faces, protocol=protocol, size=info.size, sigma=info.sigma)
    return normalized_mean_error(predicted, faces.landmarks, face_normalizers(faces, recipe.data.normalizer))


def mean_shape_errors(root: Path, faces: FaceTable, recipe: Recipe) -> np.ndarray:
    """(N,) NME of the mean shape of the training faces as it lies in their boxes, put into the boxes of the faces."""

    def square(boxes):
        """Centre (N, 1, 2) and side (N, 1, 1) of the squares that are cropped."""
        corner, opposite = boxes[:, None, :2], boxes[:, None, 2:]
        return (corner + opposite) / 2, (opposite - corner).max(-1, keepdims=True)

    trained = FaceTable(root, "train", check_images=False)
    centre, side = square(trained.boxes)
    mean = ((trained.landmarks - centre) / side).mean(0)
    centre, side = square(faces.boxes)
    normalizer = face_normalizers(faces, recipe.data.normalizer)
    return normalized_mean_error(centre + mean * side, faces.landmarks, normalizer)


def main(
    root: Annotated[Path, typer.Argument(help="The table of faces.")],
    out: Annotated[Path, typer.Option(help="The record to write.")],
    work: Annotated[Path, typer.Option(help="Where the runs live.")] = Path("data/runs/compare-losses"),
    recipe: Annotated[str, typer.Option(help="What is run for each loss.")] = "faces68-nano",
    rates: Annotated[str, typer.Option(help="Step sizes to choose from.")] = "1e-3,3e-3,1e-2",
    tuning_epochs: Annotated[int, typer.Option(min=1, help="Epochs of the short runs.")] = 3,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each loss.")] = 3,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time; they share the cores.")] = 1,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE")] = None,
) -> None:
    base = load_recipe(recipe, parse_settings(settings or ()))
    faces = FaceTable(root, "test")
    people = np.unique(faces.attributes["identity"], return_inverse=True)[1]
    place = {name: work / name.replace(" + ", "-").lower() for name in LOSSES}

    # a seed that is none of those that results are shown of
    short = {"epochs": tuning_epochs, "seed": seeds}
    rates = [float(rate) for rate in rates.split(",")]
    tuning = {
        place[name] / f"rate-{rate:g}": base.updated(loss | short | {"learning_rate": rate})
        for name, loss in LOSSES.items()
        for rate in rates
    }
    tuned = run_all(tuning, root, jobs)
    tried = {
        name: {rate: tuned[place[name] / f"rate-{rate:g}"]["final"]["val_nme"] for rate in rates} for name in LOSSES
    }
    best = {name: min(tried[name], key=tried[name].get) for name in LOSSES}
    recipes = {
        place[name] / f"seed-{seed}": base.updated(loss | {"learning_rate": best[name], "seed": seed})
        for seed in range(seeds)
        for name, loss in LOSSES.items()
    }
    ran = run_all(recipes, root, jobs)

    record = {
        "recipe": base.to_record(),
        "data": {"root": root.resolve().name, "test_faces": len(faces), "test_people": int(people.max()) + 1},
        "environment": environment(),
        "tuning": {"epochs": tuning_epochs, "rates": rates},
        "jobs": jobs,
        "mean_shape": bootstrap_interval(mean_shape_errors(root, faces, base), groups=people).as_dict(),
        "losses": {},
    }
    mean_errors = {}
    for name in LOSSES:
        rows, errors = [], []
        for seed in range(seeds):
            folder = place[name] / f"seed-{seed}"
            errors.append(test_errors(folder, faces, base))
            rows.append(
                {
                    "seed": seed,
                    "val_nme": ran[folder]["final"]["val_nme"],
                    "test_nme": 100 * errors[-1].mean(),
                    "test_fr10": 100 * failure_rate(errors[-1]),
                    "test_auc10": area_under_curve(errors[-1]),
                    "seconds": sum(session["seconds"] for session in ran[folder]["sessions"]),
                }
            )
        mean_errors[name] = np.mean(errors, 0)  # (N,) over the seeds
        nme = bootstrap_interval(mean_errors[name], groups=people)
        record["losses"][name] = {"rates": tried[name], "rate": best[name], "seeds": rows, "nme": nme.as_dict()}
        typer.echo(f"{name}: rate {best[name]:g}, test NME over {seeds} seeds {100 * nme.value:.2f} %")
    record["differences"] = {
        f"{one} - {other}": paired_difference(mean_errors[one], mean_errors[other], groups=people).as_dict()
        for number, one in enumerate(mean_errors)
        for other in list(mean_errors)[:number]
    }
    write_bytes(out, (json.dumps(record, indent=1) + "\n").encode())


if __name__ == "__main__":
    typer.run(main)
