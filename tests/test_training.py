"""The trainer: its parts against plain formulas, and everything that can happen to a run."""

import dataclasses
import json
import math
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import kill_and_resume
import pytest
import torch
from safetensors.torch import load_file

from awing_lib import recipe_parts, training
from awing_lib.checkpoints import list_checkpoints, load_checkpoint
from awing_lib.hourglass import StackedHourglass
from awing_lib.layouts import COFW_29, WFLW_98
from awing_lib.losses import adaptive_wing_formula, adaptive_wing_loss
from awing_lib.recipe_parts import (
    heatmap_loss,
    learning_rate,
    make_optimizer,
    open_faces,
    target_maker,
    to_images,
    validate,
)
from awing_lib.recipes import LossRecipe, Recipe, TrainingRecipe, load_recipe
from awing_lib.run_devices import TrainingError
from awing_lib.training import Interrupted, train
from awing_lib.weights import WeightsError, load_model, take_weights

STEPS = 3  # in an epoch


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """24 faces for training, 4 for validation."""
    return kill_and_resume.write_faces(tmp_path_factory.mktemp("faces"), 24, 4)


@pytest.fixture
def faces(data, tmp_path):
    """The same, to be damaged."""
    copy = tmp_path / "faces"
    subprocess.run(["cp", "-r", str(data), str(copy)], check=True)
    return copy


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory):
    return kill_and_resume.write_recipe(tmp_path_factory.mktemp("recipe") / "killed.yaml")


@pytest.fixture(scope="module")
def recipe(recipe_file) -> Recipe:
    return load_recipe(recipe_file, {"epochs": 2, "workers": 0, "save_every": 0, "momentum": 0.9})


def go(recipe, root, folder, **options):
    return train(recipe, root, folder, accelerator="cpu", progress=False, **options)


@pytest.fixture(scope="module")
def quiet(recipe, data, tmp_path_factory):
    """A run that nobody disturbs, and its record."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("quiet") / "run"
    return folder, go(recipe, data, folder)


def files(folder):
    """Every file of a folder with its bytes and when it was written."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


# -- parts ------------------------------------------------------------------------------------------------------------


def test_learning_rate_in_steps():
    settings = load_recipe("paper-wflw").training
    rates = {epoch: learning_rate(settings, epoch * 468, 468) for epoch in (0, 79, 80, 159, 160, 239)}
    assert rates == pytest.approx({0: 1e-4, 79: 1e-4, 80: 1e-5, 159: 1e-5, 160: 1e-6, 239: 1e-6}, rel=1e-12)
    assert learning_rate(settings, 80 * 468 - 1, 468) == 1e-4  # the last step of an epoch belongs to it


def test_learning_rate_as_a_cosine():
    settings = TrainingRecipe(epochs=10, learning_rate=0.3, schedule="cosine")
    rates = [learning_rate(settings, step, 7) for step in range(70)]
    assert rates[0] == 0.3 and rates[35] == pytest.approx(0.15) and 0 < rates[-1] < 0.001
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("warmup", [0.5, 1.0, 2.25])
def test_learning_rate_warms_up_and_never_overshoots(warmup):
    settings = TrainingRecipe(epochs=10, learning_rate=1.0, schedule="constant", warmup=warmup)
    rates = [learning_rate(settings, step, 5) for step in range(50)]
    rising = math.ceil(warmup * 5)
    assert rates == pytest.approx([min(1, (step + 1) / (warmup * 5)) for step in range(50)])
    assert all(rate == 1 for rate in rates[rising:]) and rates[0] < 1


@pytest.mark.parametrize("name, kind", [("rmsprop", "RMSprop"), ("adam", "Adam"), ("adamw", "AdamW")])
def test_optimizer(name, kind):
    settings = TrainingRecipe(optimizer=name, learning_rate=0.02, momentum=0.3, weight_decay=0.004)
    optimizer = make_optimizer([torch.nn.Parameter(torch.zeros(2))], settings)
    (group,) = optimizer.param_groups
    assert type(optimizer) is getattr(torch.optim, kind)
    assert group["lr"] == 0.02 and group["weight_decay"] == 0.004
    assert group.get("momentum", 0.3) == 0.3


def maps_and_targets(missing=False):
    recipe = load_recipe("paper-wflw", {"size": 64, "weight": 7, "sigma": 1.5})
    landmarks = 64 * torch.rand(3, 29, 2, generator=torch.Generator().manual_seed(0))
    if missing:
        landmarks[1, 4] = torch.nan
    targets = target_maker(COFW_29, recipe)(landmarks)
    maps = torch.randn(3, 30, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
    return maps, targets, landmarks


PLAIN = {
    "awing": lambda p, t: adaptive_wing_formula(p, t, alpha=2.2, omega=9.0, epsilon=0.8, theta=0.4),
    "wing": lambda p, t: torch.where(
        (p - t).abs() < 3, 3 * torch.log(1 + (p - t).abs() / 0.7), (p - t).abs() - (3 - 3 * math.log(1 + 3 / 0.7))
    ),
    "mse": lambda p, t: (p - t) ** 2,
    "l1": lambda p, t: (p - t).abs(),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("weight", [0, 7])
@pytest.mark.parametrize("missing", [False, True])
def test_heatmap_loss(name, weight, missing):
    maps, targets, landmarks = maps_and_targets(missing)
    shape = {"alpha": 2.2, "omega": 9.0, "epsilon": 0.8, "theta": 0.4, "width": 3.0, "curvature": 0.7}
    found = heatmap_loss(maps, targets, landmarks, not missing, LossRecipe(loss=name, weight=weight, **shape))
    each = PLAIN[name](maps, targets[0]) * (targets[1] if weight else 1)
    counted = torch.ones_like(each)
    if missing:
        counted[1, 4] = 0
    torch.testing.assert_close(found, (each * counted).mean(), rtol=2e-5, atol=0)
    found.backward()
    assert maps.grad.isfinite().all()
    assert (maps.grad[1, 4] == 0).all() == missing  # a landmark that nobody marked teaches nothing
    assert (maps.grad[1, -1] != 0).any()  # the boundary still does


@pytest.mark.parametrize("name", PLAIN)
def test_the_fused_loss_is_that_of_adaptive_wing(monkeypatch, name):
    calls = []

    def fused(*arguments, **settings):
        calls.append(arguments)
        return adaptive_wing_loss(*arguments, **settings)

    monkeypatch.setattr(recipe_parts, "fused_adaptive_wing_loss", fused)
    maps, targets, landmarks = maps_and_targets(missing=True)
    recipe = LossRecipe(loss=name, alpha=2.2, omega=9.0, epsilon=0.8, theta=0.4)
    losses = [
        heatmap_loss(maps, targets, landmarks, False, dataclasses.replace(recipe, fused=choice))
        for choice in (False, True)
    ]
    assert torch.equal(*losses)
    assert len(calls) == (name == "awing")


def test_targets_are_weighted_by_the_recipe():
    _, (heatmaps, weights), _ = maps_and_targets()
    assert heatmaps.shape == weights.shape == (3, 30, 16, 16)
    assert set(weights.unique().tolist()) == {1.0, 8.0}


def test_to_images():
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(2, 3, 1, 1)
    images = to_images(pixels)
    assert images.dtype == torch.float32 and images.is_contiguous() and pixels.dtype == torch.uint8
    assert torch.equal(images, pixels / 255)
    last = to_images(pixels, channels_last=True)
    assert torch.equal(last, images) and last.is_contiguous(memory_format=torch.channels_last)


def test_synthetic_faces_for_validation_are_others():
    faces, val_faces = open_faces(
        Recipe.from_dict({"data": {"dataset": "synthetic", "faces": 3, "val_faces": 2}}), None
    )
    assert len(faces) == 3 and len(val_faces) == 2
    for face in faces:
        assert all((face.landmarks != other.landmarks).any() for other in val_faces)


# -- a run and its record ---------------------------------------------------------------------------------------------


def test_what_a_run_leaves(quiet, recipe, data):
    folder, record = quiet
    names = {path.name for path in folder.iterdir()}
    assert names == {".lock", "recipe.yaml", "checkpoints", "log.csv", "tensorboard", "model.safetensors", "run.json"}
    assert load_recipe(folder / "recipe.yaml") == recipe
    assert json.loads((folder / "run.json").read_text("utf-8")) == record
    assert record["recipe"] == recipe.to_dict() and record["recipe"]["training"]["seed"] == 0
    assert record["steps"] == 2 * STEPS and record["devices"] == 1 and record["device"] == "cpu"
    assert record["environment"]["versions"]["torch"] and record["environment"]["hardware"]["cpu"]
    assert "commit" in record["environment"]
    assert record["data"] == {"root": data.name, "layout": WFLW_98.name, "faces": {"train": 24, "val": 4}}
    assert [row["epoch"] for row in record["epochs"]] == [1, 2]
    assert [step for step, _, _ in record["losses"]] == list(range(1, 2 * STEPS + 1))
    assert record["final"] == record["epochs"][-1] and record["final"]["val_nme"] > 0
    assert record["skipped"] == {}
    (session,) = record["sessions"]
    assert session["from_step"] == 0 and session["to_step"] == 2 * STEPS and session["seconds"] > session["waited"] > 0
    for epoch, row in enumerate(record["epochs"]):
        steps = [loss for _, loss, _ in record["losses"][STEPS * epoch : STEPS * (epoch + 1)]]
        assert row["loss"] == pytest.approx(sum(steps) / STEPS, rel=1e-6)
    lines = (folder / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,step,learning_rate,loss,val_nme" and len(lines) == 3
    assert float(lines[2].split(",")[3]) == record["final"]["loss"]


def test_a_record_tells_no_paths(data, recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.yaml").write_text(json.dumps(open_faces(recipe, data)[0].layout.to_dict()))
    own = recipe.updated({"layout": str(tmp_path / "points.yaml"), "epochs": 1})
    go(own, data, tmp_path / "run")
    text = (tmp_path / "run" / "run.json").read_text("utf-8")
    assert str(tmp_path) not in text and str(data.parent) not in text
    assert '"layout": "points.yaml"' in text


def test_the_network_of_a_run_is_what_was_trained(quiet, recipe, data):
    folder, record = quiet
    model, info = load_model(folder / "model.safetensors")
    saved = load_checkpoint(folder / "checkpoints").tensors
    assert all(torch.equal(tensor, saved[f"network.{name}"]) for name, tensor in model.state_dict().items())
    assert info.size == 64 and info.about["val_nme"] == record["final"]["val_nme"]
    assert info.about["recipe"] == recipe.to_dict()
    assert info.about["data_and_licence"].startswith(f"Trained on 24 faces of `{data.name}`; 4 others were looked at")


def test_curves_for_tensorboard(quiet):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, record = quiet
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    found = [(event.step, event.value) for event in events.Scalars("loss")]
    assert found == [(step, pytest.approx(loss, rel=1e-6)) for step, loss, _ in record["losses"]]
    assert len(events.Scalars("val_nme")) == 2


def test_a_seed_decides(quiet, recipe, data, tmp_path):
    assert go(recipe, data, tmp_path / "same")["losses"] == quiet[1]["losses"]
    assert go(recipe.updated({"seed": 1}), data, tmp_path / "other")["losses"] != quiet[1]["losses"]


def test_callback_and_its_network(recipe, data, tmp_path):
    seen = []

    def look(epoch, network, row):
        seen.append((epoch, network.training, row["epoch"], set(row) >= {"loss", "val_nme"}))

    go(recipe, data, tmp_path / "run", on_epoch=look)
    assert seen == [(1, False, 1, True), (2, False, 2, True)]


def test_validation_now_and_then_and_at_the_end(recipe, data, tmp_path):
    record = go(recipe.updated({"epochs": 4, "val_every": 3}), data, tmp_path / "run")
    assert ["val_nme" in row for row in record["epochs"]] == [False, False, True, True]


# -- a run that is refused --------------------------------------------------------------------------------------------


def test_a_folder_holds_one_run(quiet, recipe, data):
    folder, _ = quiet
    before = files(folder)
    with pytest.raises(TrainingError, match="holds a run already; --resume goes on with it"):
        go(recipe, data, folder)
    for field, value in (("learning_rate", 0.5), ("stacks", 2), ("seed", 7), ("loss", "mse"), ("epochs", 9)):
        known, wanted = (r.to_dict() for r in (recipe, recipe.updated({field: value})))
        old = next(part[field] for part in known.values() if isinstance(part, dict) and field in part)
        with pytest.raises(TrainingError, match=rf"with {field} {old!r}; --resume cannot make it {value!r}"):
            go(recipe.updated({field: value}), data, folder, resume=True)
        assert known != wanted
    assert files(folder) == before


def test_a_finished_run_is_left_as_it_is(quiet, recipe, data, capsys):
    folder, record = quiet
    before = files(folder)
    assert train(recipe.updated({"workers": 1}), data, folder, accelerator="cpu", resume=True) == record
    assert files(folder) == before
    assert "has reached its end already; nothing is changed" in capsys.readouterr().out


def test_a_folder_of_other_things(recipe, data, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(TrainingError, match="is not empty, and holds no run"):
            go(recipe, data, tmp_path, resume=resume)
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="File exists"):
        go(recipe, data, tmp_path / "file")


def test_batches_must_fit(recipe, data, tmp_path):
    with pytest.raises(TrainingError, match="batch 25 is more than the 24 faces"):
        go(recipe.updated({"batch": 25}), data, tmp_path / "run")
    with pytest.raises(TrainingError, match="batch 8 cannot be split into accumulate 1 x 3 devices equal parts"):
        go(recipe, data, tmp_path / "run", devices=3)
    assert not (tmp_path / "run").exists()


def test_gpus_that_are_not_there(recipe, data, tmp_path):
    count = torch.cuda.device_count()
    with pytest.raises(TrainingError, match=f"{count + 1} GPUs are wanted, PyTorch finds {count} here"):
        train(recipe.updated({"batch": 24}), data, tmp_path, accelerator="cuda", devices=count + 1)


def test_resume_on_an_empty_folder_begins_at_the_start(quiet, recipe, data, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".recipe.yaml.123.tmp").write_text("half")  # killed as early as can be
    record = train(recipe, data, tmp_path / "run", accelerator="cpu", resume=True)
    assert record["losses"] == quiet[1]["losses"]
    assert "no checkpoint to go on from: the run begins at the start" in capsys.readouterr().out
    assert not (tmp_path / "run" / ".recipe.yaml.123.tmp").exists()


def test_two_runs_in_one_folder(recipe, data, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('locked'); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-u", "-c", code, str(folder / ".lock")], **pipes) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(TrainingError, match="another process trains in this folder"):
            go(recipe, data, folder)
        other.kill()
    go(recipe.updated({"epochs": 1}), data, folder)


# -- stopped, and going on --------------------------------------------------------------------------------------------


def resumed_equals(quiet, folder, record):
    assert kill_and_resume.differences(quiet, folder) == []
    assert record["sessions"][-1]["from_step"] > 0


@pytest.mark.parametrize(
    "settings",
    [{}, {"optimizer": "adam", "ema": 0.8, "accumulate": 2, "clip": 0.5, "schedule": "cosine", "channels_last": True}],
    ids=["momentum", "adam, average, accumulation"],
)
def test_a_run_stopped_after_each_step_ends_bit_equal(recipe, data, tmp_path, settings):
    recipe = recipe.updated(settings)
    go(recipe, data, tmp_path / "quiet")
    for step in range(1, 2 * STEPS):
        with pytest.raises(Interrupted, match=rf"stopped at step {step} of {2 * STEPS}; --resume") as caught:
            go(recipe, data, tmp_path / "run", minutes=0, resume=step > 1)
        assert caught.value.planned
    record = go(recipe, data, tmp_path / "run", resume=True)
    resumed_equals(tmp_path / "quiet", tmp_path / "run", record)
    assert [session["from_step"] for session in record["sessions"]] == list(range(2 * STEPS))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves(quiet, recipe, data, tmp_path, number, capfd):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(Interrupted, match=r"stopped at step 4 of 6; --resume goes on from there") as caught:
        train(recipe, data, tmp_path / "run", accelerator="cpu", on_epoch=lambda *_: os.kill(os.getpid(), number))
    assert not caught.value.planned
    assert "leaving after this step, with a checkpoint" in capfd.readouterr().err
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert [path.name for path in list_checkpoints(tmp_path / "run" / "checkpoints")] == [
        "step-00000003",
        "step-00000004",
    ]
    resumed_equals(quiet[0], tmp_path / "run", go(recipe, data, tmp_path / "run", resume=True))


def test_a_second_ctrl_c_leaves_at_once(recipe, data, tmp_path):
    def twice(*_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)  # the same key press, handed on by a launcher
        time.sleep(1.05)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        go(recipe.updated({"workers": 1}), data, tmp_path / "run", on_epoch=twice)
    assert not list_checkpoints(tmp_path / "run" / "checkpoints")
    assert not multiprocessing.active_children()


def test_ctrl_c_reaches_helpers_too_and_the_step_is_still_ended(recipe, data, tmp_path):
    def press(*_):
        for each in [child.pid for child in multiprocessing.active_children()] + [os.getpid()]:
            os.kill(each, signal.SIGINT)
            os.kill(each, signal.SIGTERM)

    with pytest.raises(Interrupted):
        go(recipe.updated({"workers": 1, "accumulate": 2}), data, tmp_path / "run", on_epoch=press)
    assert not multiprocessing.active_children()


def test_a_damaged_checkpoint_costs_an_epoch_and_nothing_else(quiet, recipe, data, tmp_path, capsys):
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        go(recipe, data, folder, on_epoch=lambda *_: os.kill(os.getpid(), signal.SIGINT))
    path = folder / "checkpoints" / "step-00000004" / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    record = train(recipe, data, folder, accelerator="cpu", resume=True)
    said = capsys.readouterr().out
    assert "step-00000004 is damaged" in said and "going on from step 3" in said
    resumed_equals(quiet[0], folder, record)


def test_a_data_set_that_grew(recipe, data, faces, tmp_path):
    with pytest.raises(Interrupted):
        go(recipe, faces, tmp_path / "run", minutes=0)
    table = faces / "landmarks.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, lines[1]]) + "\n")
    with pytest.raises(TrainingError, match="began with 24 faces, and the data set has 25 now"):
        go(recipe, faces, tmp_path / "run", resume=True)


def test_killed_three_times(recipe_file, data, tmp_path):
    arguments = ["--recipe", recipe_file, "--data", data, "--device", "cpu"]
    settings = ("epochs=3", "workers=0", "optimizer=adam", "ema=0.9", "cache=true")
    arguments += [text for setting in settings for text in ("--set", setting)]
    outcome = kill_and_resume.kill_and_resume(arguments, tmp_path / "runs", kills=3, seed=1)
    assert outcome.kills == 3 and outcome.differences == []


# -- what goes wrong on the way ---------------------------------------------------------------------------------------


def break_image(faces):
    path = sorted((faces / "images" / "train").iterdir())[5]
    path.write_bytes(path.read_bytes()[:300])
    return f"images/train/{path.name}"


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_breaks_on_the_way_is_skipped_and_counted(recipe, faces, tmp_path, workers):
    recipe = recipe.updated({"epochs": 4, "unreadable": "skip", "workers": workers})
    record = go(recipe, faces, tmp_path / "run", on_epoch=lambda epoch, *_: break_image(faces) if epoch == 2 else None)
    ((text, count),) = record["skipped"].items()
    assert text.startswith(break_image(faces) + ": ") and 1 <= count <= 2  # some may have been read ahead
    assert str(faces) not in json.dumps(record)


def test_an_image_that_breaks_on_the_way_stops_the_run(recipe, faces, tmp_path):
    with pytest.raises(
        training.AwingError, match=r"train/.*; mend it or take it out, or .* --set unreadable=skip$"
    ) as caught:
        go(recipe.updated({"epochs": 3}), faces, tmp_path / "run", on_epoch=lambda *_: break_image(faces))
    assert "\n" not in str(caught.value)
    record = go(recipe.updated({"epochs": 3, "unreadable": "skip"}), faces, tmp_path / "run", resume=True)
    assert sum(record["skipped"].values()) == 2 and record["sessions"][-1]["from_step"] == STEPS


def test_a_broken_image_for_validation_costs_a_number_or_the_run(recipe, faces, tmp_path):
    path = sorted((faces / "images" / "test").iterdir())[0]
    path.write_bytes(b"")
    with pytest.raises(training.AwingError, match=f"{path.name}: the file is empty.*--set unreadable=skip$"):
        go(recipe, faces, tmp_path / "run")
    record = go(recipe.updated({"unreadable": "skip"}), faces, tmp_path / "run", resume=True)
    ((text, count),) = record["skipped"].items()
    assert text.startswith(f"no validation: images/test/{path.name}: ") and count == 2
    assert not any("val_nme" in row for row in record["epochs"])


def test_a_network_that_has_diverged_is_validated_like_any_other(recipe, data):
    """The loss stops a run; a number that means nothing does not."""

    class Diverged(torch.nn.Module):
        def forward(self, images):
            return [torch.full((len(images), 99, 16, 16), torch.nan)]

    assert math.isfinite(validate(Diverged(), open_faces(recipe, data)[1], recipe))


def test_a_broken_image_of_a_cached_data_set_is_known_at_once(recipe, faces, tmp_path):
    name = break_image(faces)
    with pytest.raises(training.AwingError, match=name):
        go(recipe.updated({"cache": True}), faces, tmp_path / "run")
    record = go(recipe.updated({"cache": True, "unreadable": "skip"}), faces, tmp_path / "run", resume=True)
    assert sum(record["skipped"].values()) == 2


def test_counts_go_on_with_the_run(recipe, faces, tmp_path):
    break_image(faces)
    recipe = recipe.updated({"unreadable": "skip"})
    for step in range(1, 2 * STEPS):
        with pytest.raises(Interrupted):
            go(recipe, faces, tmp_path / "run", minutes=0, resume=step > 1)
    assert sum(go(recipe, faces, tmp_path / "run", resume=True)["skipped"].values()) == 2


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_no_number_stops_the_run_and_keeps_batch_and_checkpoint(recipe, data, tmp_path, monkeypatch, kind):
    plain, calls = heatmap_loss, []

    def broken(maps, *rest):
        calls.append(1)
        loss = plain(maps, *rest)
        if len(calls) < 5:
            return loss
        zero = (maps * 0).sum()
        return loss * torch.nan if kind == "loss" else loss + zero.sqrt()  # the slope of a root at 0 is infinite

    monkeypatch.setattr(training, "heatmap_loss", broken)
    folder = tmp_path / "run"
    with pytest.raises(
        TrainingError, match=r"at step 5; its batch is in .*bad-batch-step-5.safetensors; try"
    ) as caught:
        go(recipe.updated({"save_every": 1, "clip": 1}), data, folder)
    assert "\n" not in str(caught.value)
    batch = load_file(folder / "bad-batch-step-5.safetensors")
    assert batch["images"].shape == (8, 3, 64, 64) and batch["landmarks"].shape == (8, 98, 2)
    checkpoint = load_checkpoint(folder / "checkpoints")
    assert checkpoint.step == 4 and all(tensor.isfinite().all() for tensor in checkpoint.tensors.values())
    monkeypatch.undo()
    assert go(recipe.updated({"save_every": 1, "clip": 1}), data, folder, resume=True)["steps"] == 6


def test_a_batch_of_several_rounds_is_kept_whole(recipe, data, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "heatmap_loss", lambda maps, *_: maps.mean() * torch.inf)
    with pytest.raises(TrainingError, match="at step 1"):
        go(recipe.updated({"accumulate": 4}), data, tmp_path)
    assert load_file(tmp_path / "bad-batch-step-1.safetensors")["images"].shape == (8, 3, 64, 64)


def test_steps_far_too_long_end_in_one_clear_line(recipe, data, tmp_path):
    with pytest.raises(TrainingError, match="try a smaller learning_rate") as caught:
        go(recipe.updated({"learning_rate": 1000, "loss": "mse", "weight_decay": 10, "epochs": 20}), data, tmp_path)
    assert "\n" not in str(caught.value)
    checkpoint = load_checkpoint(tmp_path / "checkpoints")
    assert checkpoint is None or all(tensor.isfinite().all() for tensor in checkpoint.tensors.values())


def test_weights_that_are_no_numbers_are_never_saved(recipe, data, tmp_path):
    def poison(epoch, network, row):
        if epoch == 2:
            next(network.parameters()).data.view(-1)[0] = torch.inf

    with pytest.raises(TrainingError, match=r"network\..* is no longer finite at step 6, so that is not saved"):
        go(recipe, data, tmp_path / "run", on_epoch=poison)
    assert load_checkpoint(tmp_path / "run" / "checkpoints").step == 3
    assert not (tmp_path / "run" / "model.safetensors").exists()


@contextmanager
def files_of_at_most(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [20_000, 60])
def test_a_full_disk(quiet, recipe, data, tmp_path, size):
    folder = tmp_path / "run"
    with (
        files_of_at_most(size) as fill,
        pytest.raises(training.AwingError, match=r"run.*could not be|run: .*File too large") as caught,
    ):
        go(recipe, data, folder, on_epoch=lambda epoch, *_: fill() if epoch == 2 else None)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    assert [path.name for path in list_checkpoints(folder / "checkpoints")] == ["step-00000003"]
    resumed_equals(quiet[0], folder, go(recipe, data, folder, resume=True))


def test_a_helper_that_dies_is_one_line(quiet, recipe, data, tmp_path):
    def shoot(*_):
        for child in multiprocessing.active_children():
            child.kill()
            child.join()

    recipe = recipe.updated({"workers": 1, "val_split": None, "epochs": 20})
    with pytest.raises(TrainingError, match=r"a process that prepares batches has died .*; --resume") as caught:
        go(recipe, data, tmp_path / "run", on_epoch=shoot)
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()


def test_other_errors_are_not_dressed_up(recipe, data, tmp_path):
    def fail(*_):
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match=r"^a bug$"):
        go(recipe, data, tmp_path / "run", on_epoch=fail)


# -- two processes ----------------------------------------------------------------------------------------------------


def launch(arguments, folder, count=2):
    """``awing ARGUMENTS`` in processes that see what torchrun tells them."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    told = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    told |= {"TORCHELASTIC_RUN_ID": "test", "GROUP_RANK": 0, "OMP_NUM_THREADS": 1}
    processes = []
    for rank in range(count):
        environment = {name: str(value) for name, value in (told | {"RANK": rank, "LOCAL_RANK": rank}).items()}
        processes.append(kill_and_resume.start(arguments, folder / f"said-{rank}.txt", environment))
    return processes


def exit_codes(processes):
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def read(folder):
    return json.loads((folder / "run.json").read_text("utf-8"))


def close(one, other):
    """Whether two runs saw the same losses."""
    assert [step for step, *_ in one["losses"]] == [step for step, *_ in other["losses"]]
    pairs = [(mine, theirs) for (_, mine, _), (_, theirs, _) in zip(one["losses"], other["losses"], strict=True)]
    return max(abs(mine - theirs) / abs(theirs) for mine, theirs in pairs) < 1e-5


@pytest.fixture(scope="module")
def two(recipe_file, data):
    """Arguments of a run of four steps whose step length lets differences of rounding stay small."""
    settings = ("epochs=2", "batch=12", "workers=0", "learning_rate=1e-5", "val_split=null", "save_every=1")
    texts = [text for setting in settings for text in ("--set", setting)]
    return ["train", "--recipe", recipe_file, "--data", data, "--device", "cpu", *texts]


def test_two_processes_are_one_and_survive_a_kill(two, tmp_path):
    assert kill_and_resume.run([*two, "--out", tmp_path / "one"], tmp_path / "one.txt") == 0
    assert exit_codes(launch([*two, "--out", tmp_path / "two"], tmp_path)) == [0, 0]
    assert close(read(tmp_path / "two"), read(tmp_path / "one"))
    assert read(tmp_path / "two")["devices"] == 2
    assert "the network is in" in (tmp_path / "said-0.txt").read_text()
    assert (tmp_path / "said-1.txt").read_text() == ""  # one speaks, and one writes

    processes = launch([*two, "--out", tmp_path / "killed"], tmp_path)
    while not (tmp_path / "killed" / "checkpoints" / "step-00000001").exists():
        assert all(process.is_alive() for process in processes)
        time.sleep(0.001)
    processes[1].kill()
    codes = exit_codes(processes)
    assert codes == [2, -signal.SIGKILL] or codes[0] == 0  # it may have been too late
    if codes[0] == 2:
        last = (tmp_path / "said-0.txt").read_text().splitlines()[-1]
        assert last.startswith("awing: another process of this run has failed or is gone; --resume goes on")
    assert exit_codes(launch([*two, "--out", tmp_path / "killed", "--resume"], tmp_path)) == [0, 0]
    assert kill_and_resume.differences(tmp_path / "two", tmp_path / "killed") == []


def test_two_rounds_are_two_processes_without_synced_norms(two, tmp_path):
    alone = [*two, "--out", tmp_path / "one", "--set", "accumulate=2"]
    assert kill_and_resume.run(alone, tmp_path / "one.txt") == 0
    apart = [*two, "--out", tmp_path / "two", "--set", "sync_batch_norm=false"]
    assert exit_codes(launch(apart, tmp_path)) == [0, 0]
    assert close(read(tmp_path / "two"), read(tmp_path / "one"))


def test_what_fails_on_the_first_is_said_once(two, data, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    assert exit_codes(launch([*two, "--out", tmp_path / "run"], tmp_path)) == [2, 0]
    (line,) = (tmp_path / "said-0.txt").read_text().splitlines()
    assert "is not empty" in line
    assert (tmp_path / "said-1.txt").read_text() == ""


# -- fine-tuning ------------------------------------------------------------------------------------------------------


def test_fine_tuning_starts_from_the_weights_of_a_model(quiet, recipe, data, tmp_path):
    still = recipe.updated({"learning_rate": 0.0, "epochs": 1, "seed": 1})  # the weights stay where they begin
    go(still, data, tmp_path / "run", start_from=quiet[0] / "model.safetensors")
    weights, begun = (
        load_model(folder / "model.safetensors")[0].state_dict() for folder in (quiet[0], tmp_path / "run")
    )
    changed = {name for name in weights if not torch.equal(weights[name], begun[name])}
    assert all(name.endswith(("running_mean", "running_var", "num_batches_tracked")) for name in changed)


def test_fine_tuning_to_other_landmarks_keeps_all_but_the_map_layers(quiet, tmp_path):
    path = quiet[0] / "model.safetensors"
    model, info = load_model(path)
    other = StackedHourglass(COFW_29, **dataclasses.asdict(info.network))
    new = take_weights(other, COFW_29, path)
    assert new and all(".predict." in name or ".carry_maps." in name for name in new)
    own, theirs = other.state_dict(), model.state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in own if name not in new)
    with pytest.raises(WeightsError, match="no convolution of it fits"):
        take_weights(StackedHourglass(COFW_29, stacks=1, depth=1, features=8 * 17), COFW_29, path)


def test_a_run_that_is_resumed_remembers_what_it_was_fine_tuned_from(quiet, recipe, data, tmp_path):
    tuned, start = recipe.updated({"epochs": 1, "seed": 2}), quiet[0] / "model.safetensors"
    go(tuned, data, tmp_path / "at-once", start_from=start)
    with pytest.raises(Interrupted):
        go(tuned, data, tmp_path / "in-two", start_from=start, minutes=0)
    shutil.rmtree(tmp_path / "in-two" / "checkpoints")  # killed before its first checkpoint
    assert go(tuned, data, tmp_path / "in-two", resume=True)["fine_tuned"]
    names = [tmp_path / run / "model.safetensors" for run in ("at-once", "in-two")]
    one, two = (load_model(name)[0].state_dict() for name in names)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_fine_tuning_from_what_is_no_model_leaves_no_run_behind(recipe, data, tmp_path):
    (tmp_path / "no.safetensors").write_bytes(b"no")
    with pytest.raises(WeightsError, match=r"no\.safetensors"):
        go(recipe, data, tmp_path / "run", start_from=tmp_path / "no.safetensors")
    assert not (tmp_path / "run" / "recipe.yaml").exists()
