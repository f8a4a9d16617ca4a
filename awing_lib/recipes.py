"""Recipes: everything that decides how a training run goes, as frozen dataclasses that check themselves, and as YAML.

A recipe has five parts (data, augmentation, network, loss, training). The name of a field occurs in one part only, so
``--set stacks=2`` needs no more than that. :data:`RECIPES` lists those that ship with the library; ``paper-wflw`` is
the paper's, with a remark beside each value of which the paper says nothing that we know of.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from awing_lib.errors import AwingError
from awing_lib.fields import Within, check_fields, nearest, shown
from awing_lib.layouts import AFLW_19, COFW_29, IBUG_68, LAYOUTS, WFLW_98, LandmarkLayout
from awing_lib.strict_yaml import parse_yaml, read_yaml
from awing_lib.transforms import Augmentation, CropProtocol

_FILES = Path(__file__).parent / "recipe_files"
_SHIPPED = tuple(sorted(path.stem for path in _FILES.glob("*.yaml")))
RECIPES = tuple(name for name in _SHIPPED if not name.startswith("_"))
"""Names of the recipes that ship with the library. (A file whose name starts with _ is there to be extended only.)"""

DATASET_LAYOUTS = {
    "wflw": WFLW_98,
    "300w": IBUG_68,
    "cofw": COFW_29,
    "aflw": AFLW_19,
    "table": None,
    "synthetic": WFLW_98,
}
"""Data set -> its layout; a table's follows from its columns, or from the recipe's ``layout``."""


class RecipeError(AwingError):
    """A recipe that cannot be read, or has a field that is unknown or out of range."""


@dataclass(frozen=True)
class DataRecipe:
    """Which faces, and which square of a photo is one."""

    dataset: Literal["wflw", "300w", "cofw", "aflw", "table", "synthetic"] = "wflw"
    train_split: str | None = "train"
    """None: all of a table."""
    val_split: str | None = None
    """What is looked at while training runs; None: nothing. A test set here makes its numbers choices, not results."""
    layout: str | None = None
    """YAML file of a layout of one's own, for a table; None: what the data set has. In a recipe's file it is named as
    seen from there."""
    points: Annotated[int, Within(19, 98)] | None = None
    """Train on fewer points than the data set marks, 68, 29 or 19 (:func:`awing_lib.layouts.convert`); for "wflw" and
    "synthetic", which have 98. None: all that it has."""
    faces: Annotated[int, Within(1, 10_000_000)] = 7500
    """How many faces to make for training; for "synthetic" only."""
    val_faces: Annotated[int, Within(1, 10_000_000)] = 500
    """How many for validation, from another seed; for "synthetic" only."""
    synthetic_faces: Annotated[int, Within(0, 10_000_000)] = 0
    """How many faces to make and mix into those of another data set for training, marked as those are."""
    cache: bool = False
    """Keep each image in memory once it has been read: for data sets that fit, and for faces made to order."""
    unreadable: Literal["stop", "skip"] = "stop"
    """What an image that cannot be read does: stop the run, or be skipped and counted; the next takes its place."""
    workers: Annotated[int, Within(-1, 256)] = -1
    """Processes that prepare the batches; 0: none but the run's own; -1: one per core but one, shared among a machine's
    devices, 8 at most."""
    size: Annotated[int, Within(32, 1024)] = 256
    """Side of the crop in pixels (section 6 of the paper); the maps have a quarter of it."""
    box: Literal["given", "landmarks"] = "given"
    """The data set's box, or the tight box of the true landmarks."""
    padding: Annotated[float, Within(0, 2)] = 0.1
    """Share of the box's side that is added in all."""
    official_wflw: bool = False
    """Crop as the official code does for WFLW."""
    normalizer: Literal["inter-ocular", "inter-pupil", "box", "face-box"] = "inter-ocular"
    """What NME divides by; "box" is that of the landmarks, "face-box" that of the data set."""

    def __post_init__(self) -> None:
        check_fields(self, RecipeError)
        if self.points is not None:
            counts = [layout.count for layout in LAYOUTS.values()]
            if self.points not in counts:
                raise RecipeError(f"points must be one of {', '.join(map(str, counts))}, or null, got {self.points}")
            if DATASET_LAYOUTS[self.dataset] is not WFLW_98:
                raise RecipeError(f"points is for wflw and synthetic, which have 98; {self.dataset} has its own")
        if self.synthetic_faces and self.dataset == "synthetic":
            raise RecipeError("synthetic_faces are mixed into another data set; of synthetic, faces says how many")
        if self.synthetic_faces and self.layout is not None:
            raise RecipeError("synthetic_faces have 98, 68, 29 or 19 points, and not those of a layout of one's own")
        if self.layout is None:
            return
        if self.dataset != "table":
            raise RecipeError(f"layout is for a table; {self.dataset} has its own")
        # a run writes its recipe into its folder, and is resumed from there, from wherever one happens to be
        object.__setattr__(self, "layout", os.path.abspath(self.layout))

    @property
    def protocol(self) -> CropProtocol:
        """Which square of a photo is the face."""
        return CropProtocol(padding=self.padding, box=self.box, official_wflw=self.official_wflw)


@dataclass(frozen=True)
class AugmentationRecipe:
    """Ranges of the augmentation (section 6 of the paper); see :class:`awing_lib.transforms.Augmentation`."""

    rotation: Annotated[float, Within(0, 180)] = 50.0
    translation: Annotated[float, Within(0, 256)] = 25.0
    """Pixels of a crop of 256; for another size it is scaled."""
    rescale: Annotated[float, Within(0, 0.9)] = 0.15
    flip_probability: Annotated[float, Within(0, 1)] = 0.5
    blur_probability: Annotated[float, Within(0, 1)] = 0.25
    noise_probability: Annotated[float, Within(0, 1)] = 0.25
    occlusion_probability: Annotated[float, Within(0, 1)] = 0.25
    brightness: Annotated[float, Within(0, 1)] = 0.0
    contrast: Annotated[float, Within(0, 1)] = 0.0
    border: Literal["black", "edge"] = "black"

    def __post_init__(self) -> None:
        check_fields(self, RecipeError)

    def build(self, layout: LandmarkLayout, protocol: CropProtocol, size: int) -> Augmentation:
        """The augmentation for one layout, crop protocol and size of crop."""
        ranges = dataclasses.asdict(self)
        ranges["translation"] *= size / 256
        return Augmentation(layout, protocol, size, **ranges)


@dataclass(frozen=True)
class NetworkRecipe:
    """The network; see :class:`awing_lib.hourglass.StackedHourglass`."""

    stacks: Annotated[int, Within(1, 16)] = 4
    depth: Annotated[int, Within(1, 6)] = 4
    features: Annotated[int, Within(8, 1024)] = 256
    coordconv: bool = True
    boundary: bool = True
    boundary_threshold: Annotated[float, Within(1e-6, 1)] | None = 0.05
    """From where the boundary coordinates of stack 2 and later are seen; None: none are."""
    checkpointing: bool = False
    """Less memory for more time, with the same gradients."""

    def __post_init__(self) -> None:
        check_fields(self, RecipeError)
        if self.features % 8:
            raise RecipeError(f"features must be a multiple of 8, got {self.features}")


@dataclass(frozen=True)
class LossRecipe:
    """The loss on every stack's maps, and the maps themselves (section 4 of the paper)."""

    loss: Literal["awing", "wing", "mse", "l1"] = "awing"
    alpha: Annotated[float, Within(1.01, 100)] = 2.1
    omega: Annotated[float, Within(1e-6, 1e6)] = 14.0
    epsilon: Annotated[float, Within(1e-6, 1e6)] = 1.0
    theta: Annotated[float, Within(1e-6, 1e6)] = 0.5
    width: Annotated[float, Within(1e-6, 1e6)] = 10.0
    """Wing's ``w``."""
    curvature: Annotated[float, Within(1e-6, 1e6)] = 2.0
    """Wing's epsilon."""
    weight: Annotated[float, Within(0, 1e6)] = 10.0
    """The weight map's ``W`` (section 4.3 of the paper); 0: no weight map."""
    weight_threshold: Annotated[float, Within(1e-6, 1)] = 0.2
    sigma: Annotated[float, Within(0.1, 100)] = 1.0
    """Standard deviation of a target's Gaussian, pixels of the map."""
    official_targets: bool = False
    """Targets as the official code makes them; see :class:`awing_lib.targets.TargetMaker`."""
    fused: bool = False
    """Adaptive Wing in one kernel (:mod:`awing_lib.fused_loss`): the same values with less memory moved. On a CPU, and
    for other losses, nothing changes."""

    def __post_init__(self) -> None:
        check_fields(self, RecipeError)


@dataclass(frozen=True)
class TrainingRecipe:
    """Optimiser, schedule, and what else there is to a run."""

    epochs: Annotated[int, Within(1, 1_000_000)] = 240
    batch: Annotated[int, Within(1, 1_000_000)] = 16
    """Faces that one step of the optimiser sees, over all devices and all rounds of accumulation. The paper's is not
    known to us."""
    accumulate: Annotated[int, Within(1, 10_000)] = 1
    """Rounds that a batch is split into, for cards with little memory. Batch norm sees one round at a time."""
    optimizer: Literal["rmsprop", "adam", "adamw"] = "rmsprop"
    learning_rate: Annotated[float, Within(0, 1e3)] = 1e-4
    momentum: Annotated[float, Within(0, 1)] = 0.0
    weight_decay: Annotated[float, Within(0, 10)] = 1e-5
    schedule: Literal["steps", "cosine", "constant"] = "steps"
    milestones: Annotated[tuple[int, ...], Within(1, 1_000_000)] = (80, 160)
    """Epochs from which on the learning rate is ``decay`` times what it was; for "steps"."""
    decay: Annotated[float, Within(0, 1)] = 0.1
    warmup: Annotated[float, Within(0, 1_000_000)] = 0.0
    """Epochs over which the learning rate rises from 0."""
    clip: Annotated[float, Within(0, 1e9)] = 0.0
    """Gradients longer than this (over all weights) are shortened to it; 0: never."""
    ema: Annotated[float, Within(0, 0.999999)] = 0.0
    """Decay of a moving average of the weights, which is then what is validated and kept; 0: none."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    channels_last: bool = False
    compile: bool = False
    """Have torch.compile make the network faster: a minute or more before the first step."""
    sync_batch_norm: bool = True
    """With several devices: batch norm sees the faces of all of them."""
    seed: Annotated[int, Within(0, 2**30 - 1)] = 0
    """Of weights, order, augmentation and faces made to order, whose validation faces have this seed + 2**30."""
    decode: Literal["argmax", "quarter", "soft-argmax", "dark"] = "dark"
    """How validation reads landmarks from maps; see :func:`awing_lib.heatmaps.decode_heatmaps`."""
    val_every: Annotated[int, Within(1, 1_000_000)] = 1
    """Epochs from one validation to the next; the last epoch always has one."""
    save_every: Annotated[int, Within(0, 1_000_000_000)] = 0
    """Steps from one checkpoint to the next; there is one at the end of each epoch anyway. 0: only those."""

    def __post_init__(self) -> None:
        check_fields(self, RecipeError)
        if self.batch % self.accumulate:
            raise RecipeError(f"batch {self.batch} cannot be split into accumulate {self.accumulate} equal rounds")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise RecipeError(f"milestones must rise, got {list(self.milestones)}")


@dataclass(frozen=True)
class Recipe:
    """One training run: ``name`` and ``about`` for people, and five parts, each a dataclass of its own.

    Raises:
        RecipeError: a field is unknown, of the wrong kind or out of range; the message names it.

    Example:
        >>> recipe = load_recipe("paper-wflw", {"stacks": 2})
        >>> recipe.network.stacks, recipe.training.learning_rate
        (2, 0.0001)
    """

    name: str = "unnamed"
    about: str = ""
    """One line for people."""
    data: DataRecipe = field(default_factory=DataRecipe)
    augmentation: AugmentationRecipe = field(default_factory=AugmentationRecipe)
    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    loss: LossRecipe = field(default_factory=LossRecipe)
    training: TrainingRecipe = field(default_factory=TrainingRecipe)

    def __post_init__(self) -> None:
        check_fields(self, RecipeError)
        if not re.fullmatch(r"\w[\w.+ -]{0,99}", self.name):  # a run's folder is called so
            raise RecipeError(f"name must be at most 100 letters, digits and . + - _, got {shown(self.name)}")
        step = 4 * 2**self.network.depth
        if self.data.size % step:
            depth = self.network.depth
            raise RecipeError(f"size must be a multiple of {step} for a network of depth {depth}, got {self.data.size}")

    def to_dict(self) -> dict:
        """Plain values, for YAML and JSON; :meth:`from_dict` leads back."""
        fields = dataclasses.asdict(self)
        fields["training"]["milestones"] = list(self.training.milestones)
        return fields

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Recipe":
        """A recipe from nested plain values; what is left out is as the dataclasses have it.

        Raises:
            RecipeError: a field is unknown (the nearest known one is named), of the wrong kind or out of range.
        """
        _check_names(fields, [part.name for part in dataclasses.fields(cls)], "recipe")
        given = dict(fields)
        for name, part in _PARTS.items():
            if name in given:
                _check_names(given[name], [each.name for each in dataclasses.fields(part)], name)
                given[name] = part(**given[name])
        return cls(**given)

    def to_record(self) -> dict:
        """As :meth:`to_dict`, for what is shown to others: without the folder that the layout's file lies in."""
        fields = self.to_dict()
        if self.data.layout is not None:
            fields["data"]["layout"] = os.path.basename(self.data.layout)
        return fields

    def to_yaml(self) -> str:
        """The whole recipe as YAML, every field written out."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    def updated(self, settings: Mapping[str, Any]) -> "Recipe":
        """The recipe with some fields changed, each named by itself ("stacks") or with its part ("network.stacks").

        Raises:
            RecipeError: no such field, or the value does not fit.
        """
        fields = self.to_dict()
        for name, value in settings.items():
            part, field_name = _find(name)
            (fields[part] if part else fields)[field_name] = value
        return Recipe.from_dict(fields)


_PARTS = {
    "data": DataRecipe,
    "augmentation": AugmentationRecipe,
    "network": NetworkRecipe,
    "loss": LossRecipe,
    "training": TrainingRecipe,
}


def load_recipe(name_or_path: str | os.PathLike, settings: Mapping[str, Any] | None = None) -> Recipe:
    """A shipped recipe by its name, or one's own from a YAML file, with some fields changed.

    A file names what it changes of another recipe, ``extends: paper-wflw`` (a shipped name, or a file beside it).

    Args:
        name_or_path: one of :data:`RECIPES`, or a file that ends in .yaml or .yml.
        settings: field -> value, as :meth:`Recipe.updated` takes them.

    Returns:
        The recipe, each field of it checked.

    Raises:
        RecipeError: no such recipe, not readable, or a field is wrong; the message names file and field.
    """
    fields = _read(os.fspath(name_or_path), ())
    try:
        return Recipe.from_dict(fields).updated(settings or {})
    except RecipeError as error:
        raise RecipeError(f"recipe {name_or_path}: {error}") from error


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """``["stacks=2", "network.boundary=false"]`` as fields and values; values are read as YAML.

    Raises:
        RecipeError: one is not ``field=value``.
    """
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise RecipeError(f"--set takes field=value, got {text!r}")
        try:
            settings[name.strip()] = parse_yaml(value)
        except ValueError as error:
            raise RecipeError(f"--set {name.strip()}: cannot be read as YAML: {error}") from error
    return settings


def check_settings(recipe: Recipe, settings: Mapping[str, Any]) -> None:
    """Refuse changes of a recipe that its data set does not look at: who makes one expects something of it.

    Raises:
        RecipeError: naming the field.
    """
    dataset = recipe.data.dataset
    idle, why = ("faces", "val_faces"), f"is for synthetic faces; {dataset} has its own"
    if dataset == "synthetic":
        idle, why = ("train_split", "val_split"), "is for data sets with splits; synthetic faces have none"
    for name, value in settings.items():
        if name.rpartition(".")[2] in idle and value is not None:
            raise RecipeError(f"recipe {recipe.name}: {name} {why}")


def _read(name: str, inside: tuple[str, ...]) -> dict:
    """Fields of a recipe, over those of the one that it extends; ``inside`` the files that extend this one."""
    path = Path(name)
    if not _is_file_name(name):
        if name not in (_SHIPPED if inside else RECIPES):
            raise RecipeError(f"no recipe {shown(name)}{nearest(name, RECIPES)}; there are {', '.join(RECIPES)}")
        path = _FILES / f"{name}.yaml"
    try:
        place = os.path.realpath(path)
        fields = None if place in inside else read_yaml(path)
    except OSError as error:
        raise RecipeError(f"recipe {name}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"recipe {name}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if place in inside:
        raise RecipeError(f"recipe {name}: extends itself")
    if not isinstance(fields, dict):
        raise RecipeError(f"recipe {name}: expected parts such as network: and training:, found {shown(fields)}")

    data = fields.get("data")
    if isinstance(data, dict) and isinstance(data.get("layout"), str):
        data["layout"] = str(path.parent / data["layout"])
    base = fields.pop("extends", None)
    if base is None:
        return fields
    if not isinstance(base, str):
        raise RecipeError(f"recipe {name}: extends must name a recipe, got {shown(base)}")
    below = _read(str(path.parent / base) if _is_file_name(base) else base, (*inside, place))
    for key, value in fields.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        below[key] = {**below[key], **value} if both else value
    return below


def _is_file_name(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _find(name: str) -> tuple[str | None, str]:
    """The part that a field belongs to (None: the recipe itself), and the field."""
    part, _, field_name = name.rpartition(".")
    if part and part not in _PARTS:
        raise RecipeError(f"no part {shown(part)}{nearest(part, _PARTS)}; there are {', '.join(_PARTS)}")
    places = {"name": None, "about": None} if not part else {}
    for owner in [part] if part else _PARTS:
        places |= dict.fromkeys(_PARTS[owner].__dataclass_fields__, owner)
    if field_name not in places:
        raise RecipeError(f"no field {shown(name)}{nearest(field_name, places)}")
    return places[field_name], field_name


def _check_names(fields: Any, known: list[str], what: str) -> None:
    if not isinstance(fields, Mapping):
        raise RecipeError(f"{what} must hold fields, got {shown(fields)}")
    for name in fields:
        if name not in known:
            close = nearest(name, known) if isinstance(name, str) else ""
            raise RecipeError(f"{what} has no field {shown(name)}{close}; it has {', '.join(known)}")
