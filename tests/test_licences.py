"""What models say of their data and licence: by their runs, by their files, by their cards."""

import shutil
from dataclasses import replace

import pytest

from awing_lib.inference import SHIPPED, resolve_model
from awing_lib.licences import KEY, data_and_licence
from awing_lib.recipes import Recipe
from awing_lib.weights import load_model, save_model


@pytest.mark.parametrize(
    "changes, fine_tuned, told",
    [
        ({}, False, ["Trained on 1,234 faces of WFLW; 56 others", "For research use only: ", "than these allow."]),
        ({"dataset": "table"}, False, ["1,234 faces of `mine`; ", "For research use only, unless these photos allow"]),
        ({"dataset": "table", "synthetic_faces": 1000}, False, ["234 faces of `mine` and 1,000 made to order; "]),
        ({"dataset": "synthetic"}, False, ["1,234 faces made to order; ", "No photo", "its licence, Apache-2.0."]),
        ({"dataset": "synthetic"}, True, ["Apache-2.0. It began with the weights of another model: what holds for"]),
    ],
)
def test_what_a_run_says(changes, fine_tuned, told):
    recipe = Recipe().updated(changes).to_record()
    text = data_and_licence(recipe, {"root": "mine", "faces": {"train": 1234, "val": 56}}, fine_tuned)
    assert [part for part in told if part not in text] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_say_what_their_cards_say(name):
    path = resolve_model(name)
    text = load_model(path)[1].about[KEY]
    assert text.startswith("Trained on ") and text.endswith(".")
    assert ("research use only" if name.startswith("faces68") else "Apache-2.0") in text
    assert text in path.with_suffix(".md").read_text()


def test_a_card_counts_for_its_own_file_alone(tmp_path):
    source, path = resolve_model("faces68-nano"), tmp_path / "mine.safetensors"
    shutil.copy(source, path)
    model, info = load_model(path)
    assert KEY not in info.about  # there is no card
    card = source.with_suffix(".md").read_text()
    path.with_suffix(".md").write_text(card.replace("## Data and licence", "## Else"))
    assert KEY not in load_model(path)[1].about
    path.with_suffix(".md").write_bytes(b"\xff")
    assert KEY not in load_model(path)[1].about
    path.with_suffix(".md").write_text(card)
    assert "research use only" in load_model(path)[1].about[KEY]
    save_model(path, model.state_dict(), info)  # float32 now: another file
    assert KEY not in load_model(path)[1].about


def test_what_the_file_says_counts_more_than_the_card(tmp_path):
    model, info = load_model(resolve_model("faces68-nano"))
    save_model(tmp_path / "mine.safetensors", model.state_dict(), replace(info, about={KEY: "Anything goes."}))
    (tmp_path / "mine.md").write_text("## Data and licence\n\nNothing goes.")
    assert load_model(tmp_path / "mine.safetensors")[1].about == {KEY: "Anything goes."}
