"""The tool that writes model cards: its numbers are those of the records, and parts of two models are refused."""

import dataclasses
import hashlib
import json

import model_card
import numpy as np
import pytest
import torch

from awing_lib.customs import make_protocol, open_faces
from awing_lib.evaluation import evaluate
from awing_lib.layouts import IBUG_68
from awing_lib.recipes import load_recipe
from awing_lib.score_tables import as_json
from awing_lib.weights import ModelInfo, save_model

SETTINGS = {"depth": 1, "features": 8, "size": 64}


def run_record(recipe, root, **changes):
    """What a run leaves, as far as a card reads it."""
    environment = {
        "awing_lib": "0.0", "commit": "abc+", "python": "3.11", "versions": {"torch": "2.13.0"},
        "hardware": {"cpu": "a chip", "cores": 8, "threads": 2},
    }  # fmt: skip
    data = {"root": root, "layout": "iBUG-68", "faces": {"train": 1234, "val": 56}}
    sessions = [{"seconds": 90.0}, {"seconds": 60.0}]
    record = {"recipe": recipe.to_record(), "data": data, "devices": 1, "device": "cpu", "environment": environment}
    record |= {"finished": "2026-01-02", "steps": 77, "sessions": sessions, "epochs": [{}] * 3}
    return record | {"final": {"val_nme": 4.567}, "fine_tuned": False} | changes


def errors_of(faces, name, worse=None):
    """An evaluation in which every landmark of a face is off by a share of its normaliser; in one subset by more."""
    shares = np.full(len(faces), 0.03) + (0 if worse is None else 0.2 * faces.attributes[worse].astype(bool))
    ocular = IBUG_68.normalizer(faces.landmarks)
    off = (shares * ocular)[:, None, None] * np.array([0.6, 0.8])
    off = off * np.where(np.arange(68) == 8, 3, 1)[:, None]  # the chin by three times as much
    protocol = make_protocol(open_faces("synthetic", count=1)[1], "box of the true landmarks")
    return evaluate(name, faces.landmarks + off, faces, protocol, resamples=50)


@pytest.fixture
def parts(tmp_path):
    """A model file, its run's folder and its evaluation, in which the blurred faces are worse."""
    recipe = load_recipe("faces68-nano", SETTINGS)
    info = ModelInfo.of_run(IBUG_68, recipe)
    weights = info.build(torch.Generator().manual_seed(0)).state_dict()
    (tmp_path / "run").mkdir()
    save_model(tmp_path / "run/model.safetensors", weights, info)
    save_model(tmp_path / "mine.safetensors", weights, info, torch.float16)
    (tmp_path / "run/run.json").write_text(json.dumps(run_record(recipe, "photos")))
    faces, _ = open_faces("synthetic", layout=IBUG_68, count=40)
    evaluation = errors_of(faces, "mine", worse="blur")
    (tmp_path / "test.json").write_text(as_json([evaluation]))
    (tmp_path / "notes.md").write_text("The photos come from a far country.\n")
    return tmp_path, evaluation


def write(folder, *more):
    arguments = ["--run", folder / "run", "--evaluation", folder / "test.json", "--out", folder / "mine.md", *more]
    return model_card.main([str(each) for each in (folder / "mine.safetensors", *arguments)])


def test_every_number_is_read(parts):
    folder, evaluation = parts
    assert write(folder, "--notes", folder / "notes.md") == 0
    card = (folder / "mine.md").read_text()
    file = (folder / "mine.safetensors").read_bytes()
    full, blur = evaluation.scores["full"], evaluation.scores["blur"]
    told = [
        "# mine\n", "68 landmarks of iBUG-68", f"{len(file):,} bytes", hashlib.sha256(file).hexdigest(),
        "1,234 faces of `photos`; 56 others", "research use only", "3 epochs, 77 steps of 16 faces, 2.5 minutes",
        "(a chip, 2 of 8 cores)", "looked at: 4.57 %", "commit abc and changes that are not in it",
        "learning_rate 0.003", str(full.protocol),
        f"| full | 40 | {100 * full.nme.value:.2f} ({100 * full.nme.low:.2f} to ",
        f"| blur | {blur.faces} | {100 * blur.nme.value:.2f} (", "The photos come from a far country.",
        f"NME of all faces: blur ({100 * blur.nme.value:.2f} %)", "landmarks, worst first: contour 9 (",
    ]  # fmt: skip
    assert [text for text in told if text not in card] == []
    assert blur.nme.low > full.nme.value > 0.03  # so that it is worth naming


def test_faces_made_to_order_may_be_used_freely(parts):
    folder, _ = parts
    recipe = load_recipe("faces68-nano", {**SETTINGS, "dataset": "synthetic"})
    info = ModelInfo.of_run(IBUG_68, recipe)
    save_model(folder / "mine.safetensors", info.build(torch.Generator()).state_dict(), info)
    (folder / "run/model.safetensors").unlink()
    (folder / "run/run.json").write_text(json.dumps(run_record(recipe, None)))
    assert write(folder) == 0
    card = (folder / "mine.md").read_text()
    assert "1,234 faces made to order" in card and "Apache-2.0" in card and "research use only" not in card


def test_of_several_models_the_one_that_is_meant_is_read(parts):
    folder, evaluation = parts
    other = dataclasses.replace(evaluation, name="other", scores=dict.fromkeys(evaluation.scores))
    (folder / "test.json").write_text(as_json([other, evaluation]))
    assert write(folder) == 0 and "| blur |" in (folder / "mine.md").read_text()


def other_recipe(folder):
    record = run_record(load_recipe("faces68-nano", {**SETTINGS, "seed": 1}), "photos")
    (folder / "run/run.json").write_text(json.dumps(record))


def other_weights(folder):
    info = ModelInfo.of_run(IBUG_68, load_recipe("faces68-nano", SETTINGS))
    save_model(folder / "mine.safetensors", info.build(torch.Generator().manual_seed(1)).state_dict(), info)


@pytest.mark.parametrize(
    "spoil, told",
    [
        (other_recipe, "was not made by the run"),
        (other_weights, "differs"),
        (lambda folder: (folder / "test.json").write_text('{"models": []}'), "expected what awing evaluate"),
        (lambda folder: (folder / "run/run.json").unlink(), "cannot be read as JSON"),
        (lambda folder: (folder / "mine.safetensors").unlink(), "no such file"),
    ],
)
def test_what_does_not_belong_together_is_refused(parts, capsys, spoil, told):
    folder, _ = parts
    spoil(folder)
    assert write(folder) == 2
    assert told in capsys.readouterr().err and not (folder / "mine.md").exists()
