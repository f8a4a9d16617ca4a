"""The training scrubber: heatmaps of one face through the epochs of several runs, with what was measured beside."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import traitlets

from awing_lib.heatmaps import render_heatmaps
from awing_lib.widgets import BookFigure, module

LARGEST_MAPS = 120_000
"""Bytes of all maps together, as text on the page."""


@dataclass(frozen=True)
class Film:
    """One run, as the figure shows it; E epochs, K views of one face."""

    maps: np.ndarray
    """(E, K, H, W): what the network predicts for the face; what is below 0 or above 1 is shown as 0 and 1."""
    nme: Sequence[float]
    """(E,) mean over the held-out faces, a fraction."""
    height: Sequence[float]
    """(E,) mean value at the true landmark; see :func:`awing_lib.figures.bump_shape`."""
    width: Sequence[float]
    """(E,) mean width of the bumps, pixels; NaN where there are none."""


class TrainingScrubber(BookFigure):
    """Heatmaps through the epochs of up to five runs, side by side, with the error of each epoch.

    Args:
        films: name of the run -> its :class:`Film`. None: made-up ones, which say nothing about any loss.
        target: (K, H, W) the true maps of the views.
        views: K names of what the maps show. A view of one landmark has its peak and width computed.
        places: for each view the true landmark (x, y), pixels of the map, or None if it shows several.
        face: (S, S, 3) uint8, the crop.
        epochs: (E,) numbers of the epochs; None: 1 to E.
        epoch: which is shown, counted from 0; None: the last.
        view: which is shown, counted from 0.

    Raises:
        ValueError: shapes that do not fit, or maps too large for a page.
        traitlets.TraitError: ``epoch`` or ``view`` is not there.
    """

    _esm = module("training_scrubber")
    alternative = (
        "Interactive figure: the heatmaps that several networks predict for one face, and their errors, epoch by epoch "
        "of their training. It needs JavaScript."
    )
    runs = traitlets.List(traitlets.Dict(), help="name, nme, height and width of each run").tag(sync=True)
    epochs = traitlets.List(traitlets.Int()).tag(sync=True)
    views = traitlets.List(traitlets.Unicode()).tag(sync=True)
    places = traitlets.List(help="(x, y) or null for each view").tag(sync=True)
    size = traitlets.List(traitlets.Int(), help="height and width of the maps").tag(sync=True)
    maps = traitlets.Unicode(help="base64 of uint8 (runs, epochs, views, height, width)").tag(sync=True)
    target = traitlets.Unicode(help="base64 of uint8 (views, height, width)").tag(sync=True)
    image = traitlets.Unicode(help="the crop as a data URI").tag(sync=True)
    epoch = traitlets.Int(0, min=0).tag(sync=True)
    view = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        films: Mapping[str, Film] | None = None,
        *,
        target: np.ndarray | None = None,
        views: Sequence[str] = (),
        places: Sequence[Sequence[float] | None] = (),
        face: np.ndarray | None = None,
        epochs: Sequence[int] | None = None,
        epoch: int | None = None,
        view: int = 0,
    ) -> None:
        if films is None:
            films, target, views, places, face = _made_up()
        if not 1 <= len(films) <= 5:
            raise ValueError(f"films must be of 1 to 5 runs, got {len(films)}")
        target = np.asarray(target)
        if target.ndim != 3 or not len(target) == len(views) == len(places):
            found = f"{target.shape} with {len(views)} views and {len(places)} places"
            raise ValueError(f"target must be (K, H, W) with K views and K places, got {found}")
        first = next(iter(films.values()))
        wanted = (len(first.nme), *target.shape)
        for name, film in films.items():
            lengths = {len(film.nme), len(film.height), len(film.width)}
            if film.maps.shape != wanted or lengths != {wanted[0]}:
                raise ValueError(f"film {name!r} must have maps {wanted} and {wanted[0]} rows, got {film.maps.shape}")
        epochs = list(range(1, wanted[0] + 1)) if epochs is None else [int(number) for number in epochs]
        if len(epochs) != wanted[0]:
            raise ValueError(f"epochs must be {wanted[0]}, one for each map, got {len(epochs)}")
        maps = _text(np.stack([film.maps for film in films.values()]))
        if len(maps) > LARGEST_MAPS:
            raise ValueError(f"maps need {len(maps)} bytes; with {LARGEST_MAPS} at most, show fewer epochs or views")
        super().__init__(
            runs=[
                {"name": name, **{key: _plain(getattr(film, key)) for key in ("nme", "height", "width")}}
                for name, film in films.items()
            ],
            epochs=epochs,
            views=list(views),
            places=[None if place is None else [round(float(each), 3) for each in place] for place in places],
            size=list(target.shape[1:]),
            maps=maps,
            target=_text(target),
            image=_jpeg(face),
            epoch=len(epochs) - 1 if epoch is None else epoch,
            view=view,
        )

    @traitlets.validate("epoch", "view")
    def _there(self, proposal: dict) -> int:
        name = proposal["trait"].name
        count = len(self.epochs if name == "epoch" else self.views)
        if proposal["value"] >= max(count, 1):
            raise traitlets.TraitError(f"{name} must be below {count}, not {proposal['value']}")
        return proposal["value"]


def _text(maps: np.ndarray) -> str:
    return base64.b64encode((255 * np.clip(maps, 0, 1)).round().astype(np.uint8).tobytes()).decode()


def _plain(values: Sequence[float]) -> list[float | None]:
    """JSON knows no infinity, and no NaN."""
    return [round(float(value), 5) if np.isfinite(value) else None for value in values]


def _jpeg(image: np.ndarray) -> str:
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _made_up(epochs: int = 6, side: int = 24) -> tuple:
    """Bumps that grow from epoch to epoch, each run's a little higher than those of the one before."""
    places = torch.tensor([[7.3, 8.1], [16.2, 8.4], [12.0, 17.5]])
    target = render_heatmaps(places, side).numpy()
    views = np.concatenate([target.max(0, keepdims=True), target])
    films = {}
    for index, name in enumerate(("MSE", "MSE + weights", "AWing", "AWing + weights")):
        heights = (index + 2) / 6 * np.linspace(0.2, 1, epochs)
        maps = heights[:, None, None, None] * views
        films[name] = Film(maps, 0.3 - 0.2 * heights, heights, np.full(epochs, 2.4))
    names = ["all landmarks", "one", "another", "a third"]
    return films, views, names, [None, *places.tolist()], np.full((96, 96, 3), 128, np.uint8)
