"""The CED explorer: error distributions of several models, with a threshold that FR and AUC follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import traitlets

from awing_lib.datasets import SyntheticFaces
from awing_lib.datasets.sample import tight_boxes
from awing_lib.heatmaps import decode_heatmaps, render_heatmaps, resize_landmarks
from awing_lib.layouts import WFLW_98
from awing_lib.metrics import normalized_mean_error
from awing_lib.transforms import CROP_SIZE, PROTOCOLS, map_landmarks
from awing_lib.widgets import BookFigure, module

MAP_SIZE = 64


class CedExplorer(BookFigure):
    """The share of faces below each error, for several models at once; NME, FR and AUC of each beside it.

    Args:
        errors: name -> (N,) errors as fractions, infinite where a face was not found. None: those of small
            :func:`stand_ins`.
        threshold: where faces fail and the AUC ends, a fraction.
        left_out: share of each model's faces, the worst ones, that nobody counts.
        shaded: the model whose area is shown, counted from 0.

    Raises:
        ValueError: there are no models or more than five, or errors that are not (N,), NaN or negative.
        traitlets.TraitError: a setting is outside of its slider.
    """

    _esm = module("ced_explorer")
    alternative = (
        "Interactive figure: the cumulative error distributions of several models, and a threshold that their failure "
        "rates and areas under the curve follow. It needs JavaScript."
    )
    models = traitlets.List(traitlets.Dict()).tag(sync=True)
    threshold = traitlets.Float(0.10, min=0.01, max=0.15).tag(sync=True)
    left_out = traitlets.Float(0.0, min=0.0, max=0.1).tag(sync=True)
    shaded = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(self, errors: Mapping[str, np.ndarray] | None = None, **settings: object) -> None:
        errors = stand_ins(12, 5).errors() if errors is None else errors
        if not 1 <= len(errors) <= 5:
            raise ValueError(f"errors must be of 1 to 5 models, got {len(errors)}")
        models = []
        for name, values in errors.items():
            values = np.sort(np.asarray(values, np.float64))
            if values.ndim != 1 or not len(values) or not (values >= 0).all():
                raise ValueError(f"errors of {name!r} must be (N,), 0 or more and not NaN, got {values.shape}")
            # JSON has no infinity
            models.append({"name": name, "errors": [round(v, 6) if np.isfinite(v) else None for v in values.tolist()]})
        super().__init__(models=models, **settings)

    @traitlets.validate("shaded")
    def _one_of_the_models(self, proposal: dict) -> int:
        if proposal["value"] >= max(len(self.models), 1):
            raise traitlets.TraitError(f"shaded must be below {len(self.models)}, not {proposal['value']}")
        return proposal["value"]


def without_worst(errors: np.ndarray, share: float) -> np.ndarray:
    """Errors (N,) without the largest ``share`` of them, rounded down: what a table shows that leaves faces out."""
    errors = np.sort(errors)
    return errors[: len(errors) - int(share * len(errors) + 1e-9)]


@dataclass(frozen=True)
class StandIns:
    """What models that we made up say of synthetic faces; see :func:`stand_ins`."""

    target: np.ndarray
    """(N, 98, 2), pixels of the 256x256 crop."""
    predicted: dict[str, np.ndarray]
    """Name -> (N, 98, 2), pixels of the crop."""
    people: np.ndarray
    """(N,) number of the person on each picture."""

    def errors(self) -> dict[str, np.ndarray]:
        """Name -> (N,) inter-ocular NME of each face, a fraction."""
        normalizer = WFLW_98.normalizer(self.target)
        return {name: normalized_mean_error(found, self.target, normalizer) for name, found in self.predicted.items()}


@cache
def stand_ins(people: int = 60, pictures: int = 5, slip: float = 3.5, noise: float = 0.03, seed: int = 0) -> StandIns:
    """Stand-ins for trained networks, which err as we tell them to: no result of theirs says anything about a method.

    A stand-in believes each landmark at a place that is off by a normal slip, draws a Gaussian there on a 64x64 map
    with noise on it, and reads the map. "argmax", "quarter" and "dark" read the same maps in three ways. Their slips
    are larger for some people than for others, and for some pictures of one person, in a log-normal way. "steady"
    reads as "dark" does, but its slips are the same share of the distance of the eyes on every face, and it is as good
    as "dark" in the mean.

    Args:
        people, pictures: how many, and how many of each. What the pictures of one person share is how hard they are;
            the faces are drawn independently.
        slip: median standard deviation of the slips along x and along y, in pixels of the crop.
        noise: standard deviation of what is added to each pixel of a map.
        seed: of everything.
    """
    landmarks = SyntheticFaces(people * pictures, WFLW_98, seed).landmarks
    matrices = [PROTOCOLS["WFLW"].matrix(box) for box in tight_boxes(landmarks)]
    target = np.stack([map_landmarks(*pair) for pair in zip(matrices, landmarks, strict=True)]).astype(float)
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), pictures)
    hardness = 0.4 * generator.standard_normal(people)[person] + 0.25 * generator.standard_normal(len(person))
    directions = generator.standard_normal(target.shape)
    slips, normalizer = slip * np.exp(hardness), WFLW_98.normalizer(target)
    even = normalizer * (slips / normalizer).mean()  # the same share of the eyes' distance everywhere
    noise_of = torch.Generator().manual_seed(seed)
    predicted = {name: np.empty_like(target) for name in ("argmax", "quarter", "dark", "steady")}
    for index in range(len(target)):  # one face at a time: all maps together would fill the memory
        shake = noise * torch.randn(WFLW_98.count, MAP_SIZE, MAP_SIZE, generator=noise_of)
        for size, readings in (
            (slips, {"argmax": "argmax", "quarter": "quarter", "dark": "dark"}),
            (even, {"steady": "dark"}),
        ):
            believed = torch.from_numpy(target[index] + size[index] * directions[index]).float()
            maps = render_heatmaps(resize_landmarks(believed, CROP_SIZE, MAP_SIZE), MAP_SIZE) + shake
            for name, method in readings.items():
                found, _ = decode_heatmaps(maps, method)
                predicted[name][index] = resize_landmarks(found, MAP_SIZE, CROP_SIZE)
    return StandIns(target, predicted, person)
