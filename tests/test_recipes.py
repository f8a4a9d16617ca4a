"""Recipes: what ships holds, what is written comes back, and what does not fit is refused by its name."""

import dataclasses
import doctest
import math
import string
import types
import typing
from pathlib import Path
from typing import Annotated, Literal

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from awing_lib import recipes as module
from awing_lib.fields import Within
from awing_lib.layouts import LAYOUTS, WFLW_98
from awing_lib.recipes import (
    DATASET_LAYOUTS,
    RECIPES,
    AugmentationRecipe,
    DataRecipe,
    LossRecipe,
    NetworkRecipe,
    Recipe,
    RecipeError,
    TrainingRecipe,
    load_recipe,
    parse_settings,
)
from awing_lib.strict_yaml import LARGEST
from awing_lib.transforms import PROTOCOLS

PARTS = {
    "data": DataRecipe,
    "augmentation": AugmentationRecipe,
    "network": NetworkRecipe,
    "loss": LossRecipe,
    "training": TrainingRecipe,
}


def annotations():
    """(part, field, annotation without None, whether None is allowed) of every field of every part."""
    for part, cls in PARTS.items():
        for name, annotation in typing.get_type_hints(cls, include_extras=True).items():
            optional = typing.get_origin(annotation) in (typing.Union, types.UnionType)
            plain = typing.get_args(annotation)[0] if optional else annotation
            yield part, name, plain, optional


FIELDS = list(annotations())


def kind_and_limits(annotation):
    if typing.get_origin(annotation) is Annotated:
        return annotation.__origin__, annotation.__metadata__[0]
    return annotation, None


# -- what ships ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_every_shipped_recipe_loads_and_says_what_it_is(name):
    recipe = load_recipe(name)
    assert recipe.name == name and len(recipe.about) > 20
    network = recipe.network
    assert not network.boundary_threshold or (network.coordconv and network.boundary)  # else it says what is not so


def test_the_recipes_that_are_to_ship_do():
    rungs = ["mse", "mse-weights", "wing", "awing", "awing-weights", "boundary", "coordconv", "full"]
    paper = [f"paper-{name}" for name in ("wflw", "300w", "cofw", "aflw", "table")]
    small = {"nano-table", "faces68-nano", "faces68"}
    synthetic = {"nano-synthetic", "paper-synthetic", "synthetic98-nano", "faces68-synthetic", "faces68-mixed"}
    assert set(RECIPES) >= {*paper, *(f"ladder-{rung}" for rung in rungs), *small, *synthetic}
    assert not any(name.startswith("_") for name in RECIPES)
    with pytest.raises(RecipeError, match="no recipe '_ladder'"):
        load_recipe("_ladder")


def test_paper_wflw_holds_the_settled_numbers():
    recipe = load_recipe("paper-wflw")
    loss, network, training, augmentation = recipe.loss, recipe.network, recipe.training, recipe.augmentation
    assert (loss.loss, loss.alpha, loss.omega, loss.epsilon, loss.theta) == ("awing", 2.1, 14, 1, 0.5)
    assert (loss.weight, loss.weight_threshold) == (10, 0.2)
    assert (recipe.data.dataset, recipe.data.size, network.boundary_threshold) == ("wflw", 256, 0.05)
    assert (network.stacks, network.coordconv, network.boundary) == (4, True, True)
    assert (training.optimizer, training.momentum, training.weight_decay) == ("rmsprop", 0, 1e-5)
    assert (training.epochs, training.schedule, training.milestones) == (240, "steps", (80, 160))
    rates = [training.learning_rate * training.decay**passed for passed in range(3)]
    assert rates == pytest.approx([1e-4, 1e-5, 1e-6])
    assert (augmentation.rotation, augmentation.translation) == (50, 25)
    assert (augmentation.rescale, augmentation.flip_probability) == (0.15, 0.5)
    assert min(augmentation.blur_probability, augmentation.noise_probability, augmentation.occlusion_probability) > 0


@pytest.mark.parametrize(
    "name, normalizer",
    [("wflw", "inter-ocular"), ("300w", "inter-ocular"), ("cofw", "inter-pupil"), ("aflw", "face-box")],
)
def test_paper_recipes_differ_in_the_data_alone(name, normalizer):
    recipe, wflw = load_recipe(f"paper-{name}"), load_recipe("paper-wflw")
    assert recipe.data.dataset == name and recipe.data.protocol == PROTOCOLS[name.upper()]
    assert recipe.data.normalizer == normalizer
    assert recipe.data.val_split is None  # else it is a test set: they have no other
    for part in ("augmentation", "network", "loss", "training"):
        assert getattr(recipe, part) == getattr(wflw, part)


def test_faces_made_to_order_change_the_data_alone():
    paper, synthetic = load_recipe("paper-wflw"), load_recipe("paper-synthetic")
    assert (synthetic.data.dataset, synthetic.data.faces, synthetic.data.points) == ("synthetic", 7500, None)
    assert synthetic.updated({"val_every": 1}).training == paper.training
    assert all(getattr(synthetic, part) == getattr(paper, part) for part in ("augmentation", "network", "loss"))
    made = differences("faces68-nano", "faces68-synthetic")
    splits = {"train_split": None, "val_split": None}
    assert made == {"dataset": "synthetic", "points": 68, "faces": 3000, "val_faces": 300, **splits}
    assert differences("faces68-nano", "faces68-mixed") == {"synthetic_faces": 3000}


def differences(lower: str, upper: str) -> dict:
    first, second = (load_recipe(name).to_dict() for name in (lower, upper))
    return {
        name: second[part][name] for part in PARTS for name in first[part] if first[part][name] != second[part][name]
    }


def test_each_rung_of_the_ladder_differs_by_what_it_is_called_after():
    assert differences("ladder-mse", "ladder-mse-weights") == {"weight": 10}
    assert differences("ladder-mse", "ladder-wing") == {"loss": "wing", "width": 0.5, "curvature": 0.1}
    assert differences("ladder-mse", "ladder-awing") == {"loss": "awing"}
    assert differences("ladder-awing", "ladder-awing-weights") == {"weight": 10}
    assert differences("ladder-awing-weights", "ladder-boundary") == {"boundary": True}
    assert differences("ladder-boundary", "ladder-coordconv") == {"coordconv": True}
    assert differences("ladder-coordconv", "ladder-full") == {"boundary_threshold": 0.05}
    lowest, full, paper = load_recipe("ladder-mse"), load_recipe("ladder-full"), load_recipe("paper-wflw")
    assert lowest.loss.weight == 0 and not lowest.network.boundary and not lowest.network.coordconv
    assert full.loss == paper.loss and full.network.stacks > 1  # stack 1 has no boundary before it
    assert (lowest.data.dataset, lowest.data.val_split) == ("table", "val")


def test_layouts_of_the_data_sets():
    assert typing.get_args(typing.get_type_hints(DataRecipe)["dataset"]) == tuple(DATASET_LAYOUTS)
    assert [layout.name for layout in DATASET_LAYOUTS.values() if layout] == [*LAYOUTS, "WFLW-98"]


# -- YAML out and in -------------------------------------------------------------------------------------------------


def values(annotation):
    kind, limits = kind_and_limits(annotation)
    if typing.get_origin(kind) is Literal:
        return st.sampled_from(kind.__args__)
    if kind is bool:
        return st.booleans()
    if kind is str:
        return st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl")), min_size=1, max_size=20)
    if kind is int:
        return st.integers(limits.low, limits.high)
    if kind is float:
        return st.floats(limits.low, limits.high)
    return st.sets(st.integers(limits.low, limits.high), max_size=4).map(sorted)  # milestones


@st.composite
def recipes(draw):
    fields = {part: {} for part in PARTS}
    for part, name, annotation, optional in FIELDS:
        fields[part][name] = draw(st.none() | values(annotation) if optional else values(annotation))
    # what concerns several fields at once
    fields["data"]["size"] = 256 * draw(st.integers(1, 4))
    fields["network"]["features"] = 8 * draw(st.integers(1, 128))
    fields["training"]["batch"] = fields["training"]["accumulate"] * draw(st.integers(1, 100))
    data = fields["data"]
    if data["dataset"] != "table" or data["synthetic_faces"]:
        data["layout"] = None
    if data["dataset"] == "synthetic":
        data["synthetic_faces"] = 0
    wide = data["dataset"] in ("wflw", "synthetic")
    data["points"] = draw(st.sampled_from([None, 98, 68, 29, 19])) if wide else None
    name = draw(st.text(string.ascii_letters + "-_ +.", min_size=1).map(lambda text: f"a{text}"))
    return Recipe.from_dict({"name": name, "about": draw(values(str)), **fields})


@settings(deadline=None, max_examples=30)
@given(recipe=recipes())
def test_yaml_round_trip(recipe, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "round-trip.yaml"
    path.write_text(recipe.to_yaml(), "utf-8")
    assert load_recipe(path) == recipe == Recipe.from_dict(recipe.to_dict())
    assert recipe.updated({}) == recipe


def test_numbers_come_out_as_they_are_meant():
    recipe = Recipe().updated({"learning_rate": 1, "milestones": [3, 5]})
    assert isinstance(recipe.training.learning_rate, float) and recipe.training.milestones == (3, 5)
    assert yaml.safe_load(recipe.to_yaml())["training"]["milestones"] == [3, 5]


def test_parts_say_what_others_need_of_them():
    recipe = load_recipe("paper-300w", {"size": 128, "rotation": 10})
    built = recipe.augmentation.build(WFLW_98, recipe.data.protocol, recipe.data.size)
    assert built.translation == 12.5 and built.rotation == 10 and built.size == 128  # half of 25 pixels of 256
    assert built.protocol == PROTOCOLS["300W"]


def test_limits_of_the_augmentation_are_those_of_the_transforms():
    for end in ("low", "high"):
        extreme = {
            name: getattr(kind_and_limits(annotation)[1], end)
            for part, name, annotation, _ in FIELDS
            if part == "augmentation" and kind_and_limits(annotation)[1]
        }
        for size in (32, 256, 1024):
            AugmentationRecipe(**extreme).build(WFLW_98, PROTOCOLS["WFLW"], size)


# -- extends ---------------------------------------------------------------------------------------------------------


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_extends_goes_through_files_to_what_ships(tmp_path):
    write(tmp_path / "base.yaml", "extends: nano-table\nname: base\nnetwork: {stacks: 2, features: 48}\n")
    write(tmp_path / "middle.yml", "extends: base.yaml\nnetwork: {features: 64}\nloss: {loss: mse}\n")
    top = write(tmp_path / "below" / "top.yaml", "extends: ../middle.yml\ntraining: {epochs: 3}\n")
    recipe, shipped = load_recipe(top), load_recipe("nano-table")
    expected = shipped.updated({"name": "base", "stacks": 2, "features": 64, "loss": "mse", "epochs": 3})
    assert recipe == expected and recipe.network.depth == shipped.network.depth
    assert load_recipe(str(top), {"epochs": 4}) == expected.updated({"epochs": 4})


@pytest.mark.parametrize(
    "text, message",
    [
        ("extends: mine.yaml\n", r"mine\.yaml: extends itself"),
        ("extends: other.yaml\n", r"mine\.yaml: extends itself"),
        ("extends: ./below/../mine.yaml\n", "extends itself"),
        ("extends: paper-wflv\n", "no recipe 'paper-wflv', did you mean 'paper-wflw'"),
        ("extends: missing.yaml\n", r"missing\.yaml: cannot be read: No such file"),
        ("extends: [paper-wflw]\n", "extends must name a recipe, got a list"),
        ('extends: "a\\0.yaml"\n', "cannot be read"),
    ],
)
def test_extends_that_leads_nowhere(tmp_path, text, message):
    (tmp_path / "below").mkdir()
    write(tmp_path / "other.yaml", "extends: mine.yaml\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path / "mine.yaml", text))


def test_a_layout_is_named_as_seen_from_the_file_and_found_from_anywhere(tmp_path, monkeypatch):
    path = write(tmp_path / "mine" / "a.yaml", "extends: nano-table\ndata: {layout: dots.yaml}\n")
    recipe = load_recipe(path)
    assert recipe.data.layout == str(tmp_path / "mine" / "dots.yaml")
    saved = write(tmp_path / "run" / "recipe.yaml", recipe.to_yaml())
    monkeypatch.chdir(tmp_path / "run")
    assert load_recipe(saved) == recipe
    assert load_recipe("nano-table", {"layout": "x.yaml"}).data.layout == str(tmp_path / "run" / "x.yaml")
    record = recipe.to_record()
    assert record["data"].pop("layout") == "dots.yaml" and str(tmp_path) not in str(record)
    assert Recipe().to_record() == Recipe().to_dict()


# -- what is refused -------------------------------------------------------------------------------------------------


def test_a_field_has_one_part_only_and_none_is_left_unchecked():
    names = [name for _, name, _, _ in FIELDS]
    assert len(set(names)) == len(names) and not set(names) & {"name", "about", "extends"}
    for _, name, annotation, _ in FIELDS:
        kind, limits = kind_and_limits(annotation)
        if kind in (int, float) or typing.get_origin(kind) is tuple:
            assert isinstance(limits, Within), f"{name} has no limits"
        else:
            assert kind in (bool, str) or typing.get_origin(kind) is Literal, name


def wrong_values(annotation, optional):
    """Values that a field must refuse."""
    kind, limits = kind_and_limits(annotation)
    wrong = [{"a": 1}, b"bytes", object()] + ([] if optional else [None])
    if kind is str:
        return [*wrong, 3, True, "two\nlines", "\ud800", ["a"]]
    if typing.get_origin(kind) is Literal:
        return [*wrong, "", "AWING", 3, True, ["awing"]]
    if kind is bool:
        return [*wrong, 0, 1, "true", 1.0]
    if typing.get_origin(kind) is tuple:
        bad = [limits.low - 1, limits.high + 1, 1.5, True, None, "1"]
        return [*wrong, 80, "80", *([each] for each in bad), [2, 1], [1, 1]]
    wrong += ["1", [1], True, math.nan, math.inf, -math.inf, 10**400, -(10**5000)]
    step = 1 if kind is int else 1e-9 * max(1, abs(limits.high))
    return [*wrong, limits.low - step, limits.high + step, *([1.5, 2.0] if kind is int else [])]


@pytest.mark.parametrize("part, name, annotation, optional", FIELDS, ids=[name for _, name, _, _ in FIELDS])
def test_every_field_is_checked_and_named(part, name, annotation, optional):
    for value in wrong_values(annotation, optional):
        for attempt in (
            lambda value=value: PARTS[part](**{name: value}),
            lambda value=value: Recipe().updated({name: value}),
            lambda value=value: Recipe.from_dict({part: {name: value}}),
        ):
            with pytest.raises(RecipeError, match=rf"^{name} must ") as caught:
                attempt()
            assert len(str(caught.value)) < 400
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(PARTS[part](), name, None)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"stacks": 17}, "^stacks must be a whole number from 1 to 16, got 17$"),
        ({"seed": -1}, "^seed must be a whole number from 0 to 1,073,741,823, got -1$"),
        ({"boundary_threshold": 0}, "^boundary_threshold must be a number from 1e-06 to 1, or null, got 0$"),
        ({"loss": "awings"}, "^loss must be one of awing, wing, mse, l1, got 'awings', did you mean 'awing'"),
        ({"about": "a" * 50 + "\n" + "b" * 200}, "^about must be one line of text, got 'a+.n" + "b" * 40),
        ({"features": 36}, "features must be a multiple of 8, got 36"),
        ({"size": 96}, "size must be a multiple of 64 for a network of depth 4, got 96"),
        ({"batch": 16, "accumulate": 3}, "batch 16 cannot be split into accumulate 3 equal rounds"),
        ({"milestones": [160, 80]}, r"milestones must rise, got \[160, 80\]"),
        ({"layout": "mine.yaml"}, "layout is for a table; wflw has its own"),
        ({"points": 21}, "^points must be one of 98, 68, 29, 19, or null, got 21$"),
        ({"points": 68, "dataset": "table"}, "points is for wflw and synthetic, which have 98; table has its own"),
        ({"points": 68, "dataset": "300w"}, "points is for wflw and synthetic, which have 98; 300w has its own"),
        ({"synthetic_faces": 1, "dataset": "synthetic"}, "synthetic_faces are mixed into another data set; of synth"),
        ({"synthetic_faces": 1, "dataset": "table", "layout": "a.yaml"}, "synthetic_faces have 98, 68, 29 or 19 poi"),
        ({"name": "../../etc"}, "name must be at most 100 letters"),
        ({"name": ""}, "name must be"),
        ({"name": 3}, "name must be one line of text, got 3"),
        ({"stack": 2}, "no field 'stack', did you mean 'stacks'"),
        ({"networks.stacks": 2}, r"no part 'networks', did you mean 'network'\?; there are data, "),
        ({"loss.stacks": 2}, "no field 'loss.stacks'"),
        ({"network.name": "a"}, "no field 'network.name'"),
        ({"network": {}}, "no field 'network'"),
        ({"": 1}, "no field ''"),
    ],
)
def test_refused_settings(changes, message):
    with pytest.raises(RecipeError, match=message):
        Recipe().updated(changes)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"trainings": {}}, r"recipe has no field 'trainings', did you mean 'training'\?; it has name, about, data"),
        ({"network": {"stakcs": 2}}, r"network has no field 'stakcs', did you mean 'stacks'\?; it has stacks, depth"),
        ({"network": {3: 2}}, "network has no field 3; it has"),
        ({"network": {None: 2}}, "network has no field None"),
        ({"network": None}, "network must hold fields, got None"),
        ({"network": [1]}, "network must hold fields, got a list"),
        ([], "recipe must hold fields, got a list"),
    ],
)
def test_refused_structure(fields, message):
    with pytest.raises(RecipeError, match=message):
        Recipe.from_dict(fields)


def test_parts_must_be_parts():
    with pytest.raises(RecipeError, match="network must be a NetworkRecipe, got a LossRecipe"):
        Recipe(network=LossRecipe())


BILLION_LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"name: a\nname: b\n", "'name' occurs twice"),
        (b"network: {stacks: 1, stacks: 2}\n", "'stacks' occurs twice.*line 1"),
        (BILLION_LAUGHS.encode(), "aliases are not taken"),
        (b"network: &n {stacks: *n}\n", "aliases are not taken"),
        (b"network: &n {stacks: 1}\nloss: {<<: *n}\n", "aliases are not taken"),
        (b"name: a\n" + b"# more\n" * LARGEST, f"longer than {LARGEST} bytes"),
        (b"[" * 1000, "cannot be read as YAML"),
        (b"name: \xff\xfe\x00", "cannot be read as YAML"),
        (bytes(range(256)), "cannot be read as YAML"),
        (b"\0\0\0", "cannot be read as YAML"),
        (b"training: {epochs: " + b"9" * 5000 + b"}\n", "cannot be read as YAML"),
        (b"training: {learning_rate: " + b"1:" * 300 + b"1.0}\n", "cannot be read as YAML|learning_rate must be"),
        (b"training: {epochs: 0x" + b"f" * 5000 + b"}\n", "epochs must be .* got a number of more than 20 digits"),
        (b"about: 2001-13-45\n", "cannot be read as YAML"),
        (b"name: a\n---\nname: b\n", "cannot be read as YAML"),
        (b"name: !!python/object/apply:os.getcwd []\n", "cannot be read as YAML"),
        (b"? [a]\n: b\n", "a key must be a word"),
        (b"name: [a\n", "cannot be read as YAML"),
        (b"", "expected parts such as network: and training:, found None"),
        (b"just text\n", "found 'just text'"),
        (b"network:\n", "network must hold fields, got None"),
        (b"network: {stakcs: 2}\n", r"mine\.yaml: network has no field 'stakcs', did you mean 'stacks'"),
    ],
)
def test_files_that_are_no_recipes(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(path)
    assert "mine.yaml" in str(caught.value) and len(str(caught.value)) < 600 and "\n" not in str(caught.value)


def test_a_recipe_must_be_a_file_or_a_name(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    for name, message in (
        (tmp_path / "folder.yaml", "it is not a file"),
        (tmp_path / "none.yaml", "No such file"),
        ("/dev/zero.yaml", "No such file"),
        ("paper_wflw", r"no recipe 'paper_wflw', did you mean 'paper-wflw'\?; there are faces68, faces68-mixed, "),
        ("", "no recipe ''"),
    ):
        with pytest.raises(RecipeError, match=message):
            load_recipe(name)


# -- --set -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, name, value",
    [
        ("stacks=2", "stacks", 2),
        ("network.boundary=false", "network.boundary", False),
        ("learning_rate=1e-4", "learning_rate", 1e-4),
        ("learning_rate=3E+2", "learning_rate", 300.0),
        ("learning_rate=1.5e-4", "learning_rate", 1.5e-4),
        ("boundary_threshold=null", "boundary_threshold", None),
        ("val_split=", "val_split", None),
        ("milestones=[20, 40]", "milestones", [20, 40]),
        ("about=a=b", "about", "a=b"),
        (" ema = 0.999 ", "ema", 0.999),
        ("seed=0x10", "seed", 16),
        ("val_split='1e-4'", "val_split", "1e-4"),
        ("about=1e-4x", "about", "1e-4x"),
        ("about=e5", "about", "e5"),
    ],
)
def test_settings_from_the_command_line(text, name, value):
    found = parse_settings([text])
    assert found == {name: value} and type(found[name]) is type(value)
    field = name.rpartition(".")[2]
    recipe = load_recipe("paper-wflw", found).to_dict()
    assert next(part[field] for part in (*(recipe[p] for p in PARTS), recipe) if field in part) == value


def test_the_last_setting_counts():
    assert parse_settings(["stacks=2", "stacks=3"]) == {"stacks": 3}
    assert parse_settings([]) == {}


@pytest.mark.parametrize(
    "text, message",
    [
        ("stacks", "--set takes field=value, got 'stacks'"),
        ("=2", "--set takes field=value, got '=2'"),
        ("stacks=[1", "--set stacks: cannot be read as YAML"),
        ("stacks=*a", "--set stacks: cannot be read as YAML: aliases are not taken"),
        ("stacks=" + "[" * 1000, "--set stacks: cannot be read"),
    ],
)
def test_settings_that_are_none(text, message):
    with pytest.raises(RecipeError, match=message):
        parse_settings([text])


def test_a_network_is_built_at_every_corner_of_its_limits():
    from awing_lib.hourglass import StackedHourglass

    for changes in (
        {"stacks": 1, "depth": 6, "features": 1024},
        {"stacks": 1, "depth": 1, "features": 8, "boundary_threshold": 1e-6},
        {"boundary": False, "coordconv": False, "boundary_threshold": None, "stacks": 2},
    ):
        with torch.device("meta"):
            StackedHourglass(WFLW_98, **dataclasses.asdict(NetworkRecipe(**changes)))


def test_examples():
    result = doctest.testmod(module)
    assert result.attempted and not result.failed
