"""The tool that compares variants of a recipe: its rungs, what it chooses, what it repeats, what it records."""

import csv
import json
import math
import subprocess
import sys
import time

import ablation
import cv2
import numpy as np
import pytest
import torch
import typer
from ablation import AblationError, Means, TimeIsUp, compare, domains, ladder, losses, rounding_floor

from awing_lib.datasets import FaceTable
from awing_lib.recipes import load_recipe
from awing_lib.run_devices import TrainingError
from awing_lib.weights import ModelInfo

SMALL = {"size": 32, "depth": 1, "features": 8, "epochs": 1, "batch": 4, "workers": 0}
RUNGS = {"MSE": {"loss": "mse", "weight": 0}, "+ AWing": {"loss": "awing", "weight": 0}}


@pytest.fixture
def table(tmp_path):
    """Faces of 19 points around one shape: 4 of train, 2 of val, 6 of three people of test."""
    root = tmp_path / "table"
    (root / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    shape = generator.uniform(8, 40, (19, 2))
    cv2.imwrite(str(root / "images/a.png"), generator.integers(0, 255, (48, 48, 3), dtype=np.uint8))
    splits = ["train"] * 4 + ["val"] * 2 + ["test"] * 6
    with open(root / "landmarks.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "split", "identity", *(f"{axis}{point}" for point in range(19) for axis in "xy")])
        for place, split in enumerate(splits):
            points = shape + generator.normal(0, 1, (19, 2))
            writer.writerow(["a.png", split, f"person {place // 2}", *np.round(points.ravel(), 3)])
    return root


@pytest.fixture
def base():
    return load_recipe("faces68-nano", SMALL)


# -- rungs ------------------------------------------------------------------------------------------------------------


def test_the_ladder_is_that_of_the_shipped_recipes():
    bottom = load_recipe("ladder-mse")
    rungs = ladder(bottom, None)
    assert len(rungs) == 8 and list(rungs) == list(ablation.LADDER)
    for name, changes in rungs.items():
        shipped = load_recipe(f"ladder-{ablation.LADDER[name]}")
        assert bottom.updated(changes | {"name": shipped.name, "about": shipped.about}) == shipped


def test_rungs_share_all_but_what_they_are_about():
    other = load_recipe("faces68-nano", {"stacks": 2, "epochs": 3})  # a base that has everything the ladder adds
    lowest, *_, top = (other.updated(changes) for changes in ladder(other, None).values())
    assert (lowest.loss.loss, lowest.loss.weight) == ("mse", 0)
    assert not lowest.network.boundary and not lowest.network.coordconv
    assert top == other  # the ladder leads to the paper's loss and network, and changes nothing else
    assert (lowest.data, lowest.training, lowest.augmentation) == (other.data, other.training, other.augmentation)
    made = {name: other.updated(changes).loss for name, changes in losses(other, None).items()}
    assert {(loss.loss, loss.weight) for loss in made.values()} == {
        ("mse", 0),
        ("mse", 10),
        ("awing", 0),
        ("awing", 10),
    }
    with pytest.raises(AblationError, match="stacks of 2 or more"):
        ladder(load_recipe("faces68-nano"), None)


def test_domains_take_as_many_faces_made_to_order_as_there_are_photos(table, base):
    rungs = domains(base, FaceTable(table, "train"))
    recipes = {name: base.updated(changes) for name, changes in rungs.items()}
    data = recipes["synthetic"].data
    assert (data.dataset, data.points, data.faces) == ("synthetic", 19, 4)
    assert recipes["real + synthetic"].data.synthetic_faces == 4 and recipes["real"] == base
    assert recipes["real, twice the epochs"].training.epochs == 2 * base.training.epochs


# -- baselines --------------------------------------------------------------------------------------------------------


def test_rounding_floor_is_what_rounding_costs():
    generator = np.random.default_rng(0)
    distances = generator.uniform(20, 80, 200)
    labels = generator.uniform(0, 200, (200, 500, 2))
    cost = np.linalg.norm(labels - np.round(labels), axis=-1).mean(1) / distances
    assert rounding_floor(distances, np.ones(200)) == pytest.approx(cost.mean(), rel=0.01)
    pixels = generator.uniform(0.5, 3, 200)[:, None, None]  # of the pictures that labels were made on
    cost = np.linalg.norm(labels - pixels * np.round(labels / pixels), axis=-1).mean(1) / distances
    assert rounding_floor(distances, pixels.ravel()) == pytest.approx(cost.mean(), rel=0.01)


def test_the_mean_shape_fits_faces_that_differ_in_place_and_size_alone(table):
    faces = FaceTable(table, "test")
    moved = faces.select([0] * 3)
    scale, shift = np.array([1, 2, 0.5])[:, None, None], np.array([0, 10, -4])[:, None, None]
    moved._rows["landmarks"] = moved.landmarks * scale + shift
    moved._rows["boxes"] = moved.boxes * scale[:, 0] + shift[:, 0]
    assert ablation.mean_shape_errors(moved, moved, "inter-ocular") == pytest.approx(np.zeros(3), abs=1e-6)
    assert (ablation.mean_shape_errors(moved, faces, "inter-ocular")[1:] > 0.01).all()


# -- the comparison ---------------------------------------------------------------------------------------------------


def told(monkeypatch, val, errors):
    """Runs that end as they are told to: val of (loss, rate), errors on test of (loss, seed). Gives what was run."""
    done = []

    def run(recipe, folder, *rest):
        rate = recipe.training.learning_rate
        done.append((recipe.loss.loss, rate, recipe.training.seed, recipe.training.epochs))
        nme = val[recipe.loss.loss, rate]
        if nme is None:
            return {"diverged": "the loss is nan"}
        return {"final": {"val_nme": nme}, "sessions": [{"seconds": 2.0}, {"seconds": 3.0}], "environment": {"a": 1}}

    def measure(recipe, folder, *rest):
        return np.full((6, 19), errors[recipe.loss.loss, recipe.training.seed])

    monkeypatch.setattr(ablation, "run", run)
    monkeypatch.setattr(ablation, "measure", measure)
    return done


def test_the_best_step_size_on_val_is_the_one_that_goes_on(monkeypatch, table, base, tmp_path):
    val = {("mse", 0.1): 9.0, ("mse", 0.2): 8.0, ("awing", 0.1): 5.0, ("awing", 0.2): None}
    errors = {("mse", 0): 0.08, ("mse", 1): 0.12, ("awing", 0): 0.05, ("awing", 1): 0.05}
    done = told(monkeypatch, val, errors)
    record = compare(base, RUNGS, tmp_path / "work", [0.1, 0.2], 2, 2, "identity", Means(table))
    tuning = ablation.TUNING_SEED
    assert done[:4] == [
        ("mse", 0.1, tuning, 2),
        ("mse", 0.2, tuning, 2),
        ("awing", 0.1, tuning, 2),
        ("awing", 0.2, tuning, 2),
    ]
    assert done[4:] == [("mse", 0.2, 0, 1), ("awing", 0.1, 0, 1), ("mse", 0.2, 1, 1), ("awing", 0.1, 1, 1)]
    mse, awing = record["rungs"]["MSE"], record["rungs"]["+ AWing"]
    assert mse["rate"] == 0.2 and mse["rates"] == {0.1: 9.0, 0.2: 8.0}
    assert awing["rate"] == 0.1 and awing["rates"] == {0.1: 5.0, 0.2: None}
    assert mse["nme"] == pytest.approx({"value": 0.1, "low": 0.1, "high": 0.1})  # all faces are equally hard here
    assert [row["test_nme"] for row in mse["seeds"]] == pytest.approx([8, 12])
    assert [row["test_fr10"] for row in mse["seeds"]] == [0, 100] and mse["seeds"][1]["seconds"] == 5
    assert record["differences"] == {"+ AWing - MSE": pytest.approx({"value": -0.05, "low": -0.05, "high": -0.05})}
    assert mse["regions"] == pytest.approx(dict.fromkeys(mse["regions"], 0.1)) and "eyes" in mse["regions"]
    assert record["data"] == {"root": "table", "train_faces": 4, "test_faces": 6, "test_people": 3}
    assert record["run_environments"] == [{"a": 1}] and record["rounding_floor"] > 0
    assert {"recipe", "environment", "tuning", "jobs", "mean_shape"} <= set(record)
    json.dumps(record)


def test_without_any_number_there_is_nothing_to_choose(monkeypatch, table, base, tmp_path):
    told(monkeypatch, {("mse", 0.1): None, ("awing", 0.1): 5.0}, {})
    with pytest.raises(AblationError, match=r"rung MSE: no number came of any step size of \[0.1\]"):
        compare(base, RUNGS, tmp_path, [0.1], 1, 1, "identity", Means(table))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"val_split": None}, "rung other: its recipe has no val_split"),
        ({"dataset": "synthetic", "points": 68}, "rung other: trains on iBUG-68, the test faces have AFLW-19"),
    ],
)
def test_rungs_that_cannot_be_compared_are_refused_before_the_work(
    monkeypatch, table, base, tmp_path, changes, message
):
    done = told(monkeypatch, {}, {})
    with pytest.raises(AblationError, match=message):
        compare(base, {"real": {}, "other": changes}, tmp_path, [0.1], 1, 1, "identity", Means(table))
    assert not done


def test_runs_are_real_go_on_and_are_not_repeated(monkeypatch, table, base, tmp_path):
    out, work = tmp_path / "out.json", tmp_path / "work"
    monkeypatch.setitem(ablation.PRESETS, "losses", (lambda *_: {"MSE": RUNGS["MSE"]}, "faces68-nano"))
    settings = [f"{name}={value}" for name, value in SMALL.items()]

    def go(minutes=None):
        fixed = {"recipe": None, "jobs": 1, "accelerator": "cpu", "group": "identity", "tuning_epochs": 1, "seeds": 1}
        ablation.main("losses", table, out, work, settings=settings, rates="1e-3", minutes=minutes, **fixed)

    go(minutes=0)
    assert not out.exists() and not list(work.rglob("run.json"))
    go()
    record = json.loads(out.read_text("utf-8"))
    assert record["preset"] == "losses" and record["losses"]["MSE"]["rate"] == 1e-3
    assert record["losses"]["MSE"]["seeds"][0]["test_nme"] == pytest.approx(
        100 * record["losses"]["MSE"]["nme"]["value"]
    )
    files = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}

    monkeypatch.setattr(ablation, "train", None)
    monkeypatch.setattr(ablation, "predict_faces", None)
    go(minutes=0)
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()} == files
    assert json.loads(out.read_text("utf-8"))["losses"] == record["losses"]


def test_time_and_numbers_run_out(monkeypatch, base, tmp_path):
    with pytest.raises(TimeIsUp, match="1 of 1 runs are left"):
        ablation.work_through("runs", ablation.finished, ablation.run, {tmp_path: base}, Means(tmp_path, deadline=0))

    def fail(message):
        def train(*_, **__):
            raise TrainingError(message)

        monkeypatch.setattr(ablation, "train", train)
        return ablation.run(base, tmp_path, tmp_path, "cpu", math.inf, False)

    with pytest.raises(TrainingError, match="no memory"):
        fail("no memory")
    found = fail("the loss is nan; try a smaller learning_rate, or clip")
    assert "the loss is nan" in found["diverged"]
    monkeypatch.setattr(ablation, "train", None)  # is not asked again
    assert "the loss is nan" in ablation.run(base, tmp_path, tmp_path, "cpu", math.inf, False)["diverged"]


def test_a_network_that_has_diverged_is_measured_like_any_other(monkeypatch, table, base, tmp_path):
    class Diverged(torch.nn.Module):
        def forward(self, images):
            return [torch.full((len(images), 20, 8, 8), torch.nan)]

    info = ModelInfo(FaceTable(table, "test").layout, base.network, size=32)
    monkeypatch.setattr(ablation, "load_model", lambda path: (Diverged(), info))
    errors = ablation.measure(base, tmp_path, table, "cpu", math.inf, False)
    assert errors.shape == (6, 19) and np.isfinite(errors).all()
    np.testing.assert_array_equal(errors, ablation.measured(base, tmp_path))


def test_a_record_of_another_recipe_is_not_taken(base, tmp_path):
    assert ablation.finished(base, tmp_path) is None
    (tmp_path / "run.json").write_text(json.dumps({"recipe": base.to_record()}))
    assert ablation.finished(base.updated({"workers": 3}), tmp_path)["recipe"] == base.to_record()
    assert ablation.finished(base.updated({"stacks": 2}), tmp_path) is None
    old = base.to_record()
    del old["data"]["synthetic_faces"]  # written before there was such a field
    (tmp_path / "run.json").write_text(json.dumps({"recipe": old}))
    assert ablation.finished(base, tmp_path)["recipe"] == old
    assert ablation.finished(base.updated({"synthetic_faces": 5}), tmp_path) is None


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"preset": "loss"}, "preset 'loss' is unknown; there are losses, ladder, domains"),
        ({"accelerator": "gpu"}, "--accelerator must be auto, cpu or cuda, got 'gpu'"),
        ({"rates": "1e-3;1"}, "--rates must be numbers with commas between them, got '1e-3;1'"),
        ({"recipe": "nano"}, "no recipe 'nano'"),
        ({"group": "person"}, "the data set has no column 'person'"),
        ({"label_pixels": "identity"}, "column 'identity' must hold the sizes of pixels: could not convert"),
        ({"preset": "ladder", "recipe": "faces68-nano"}, "the ladder needs stacks of 2 or more"),
    ],
)
def test_bad_input_is_one_line(table, tmp_path, capsys, changes, message):
    fields = {"preset": "losses", "root": table, "out": tmp_path / "a.json", "work": tmp_path, "recipe": None}
    fields |= {"rates": "1e-3", "tuning_epochs": 1, "seeds": 1, "jobs": 1, "accelerator": "cpu", "group": "identity"}
    with pytest.raises(typer.Exit) as left:
        ablation.main(**fields | {"minutes": None, "settings": None, "label_pixels": None} | changes)
    shown = capsys.readouterr().err
    assert left.value.exit_code == 2 and message in shown and shown.count("\n") == 1


def test_stopped_it_begins_nothing_more(table, tmp_path):
    """Two runs side by side save what they have and leave; those that wait in a queue do not begin."""
    small = [word for name, value in (SMALL | {"epochs": 1}).items() for word in ("--set", f"{name}={value}")]
    work = tmp_path / "work"
    command = [sys.executable, ablation.__file__, "losses", str(table), "--out", str(tmp_path / "record.json")]
    command += ["--work", str(work), "--jobs", "2", "--accelerator", "cpu", "--tuning-epochs", "1000000", *small]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while len(list(work.glob("*/*/checkpoints/step-*"))) < 2:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        process.terminate()
        process.communicate(timeout=120)
    assert process.returncode == 143
    assert len(list(work.glob("*/*/recipe.yaml"))) == 2
