"""The heatmap browser: a face, and over it the heatmap that a network has for one of its landmarks."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import traitlets

from awing_lib.figures import bump_shape
from awing_lib.heatmaps import render_heatmaps
from awing_lib.widgets import BookFigure, module

LARGEST_MAPS = 250_000
"""Bytes of the maps of all faces together, as text on the page."""


@dataclass(frozen=True, eq=False)
class MappedFace:
    """A face and what a network made of it; L landmarks."""

    image: np.ndarray
    """(S, S, 3) uint8, the crop that the network saw, at any size."""
    landmarks: np.ndarray
    """(L, 2) where the landmarks were found, pixels of the image."""
    heatmaps: np.ndarray
    """(L, h, w) over the whole crop; what is below 0 or above 1 is shown as 0 and 1."""


class HeatmapBrowser(BookFigure):
    """The heatmaps of up to five faces, one landmark at a time, with the height and width of its bump.

    Args:
        faces: name of the face -> :class:`MappedFace`, all of one size and layout. None: made-up ones.
        names: (L,) of the landmarks.
        face: which is shown, counted from 0.
        point: which landmark is shown, counted from 0.

    Raises:
        ValueError: shapes that do not fit, or maps too large for a page.
        traitlets.TraitError: ``face`` or ``point`` is not there.
    """

    _esm = module("heatmap_browser")
    alternative = (
        "Interactive figure: a face, and over it the heatmap of one landmark, which can be chosen; beside it the "
        "height of the peak of each landmark. It needs JavaScript."
    )
    faces = traitlets.List(traitlets.Dict(), help="name, image, maps, positions, peaks and widths").tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    size = traitlets.List(traitlets.Int(), help="height and width of the maps").tag(sync=True)
    side = traitlets.Int(1, min=1, help="of the images, pixels").tag(sync=True)
    face = traitlets.Int(0, min=0).tag(sync=True)
    point = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        faces: Mapping[str, MappedFace] | None = None,
        *,
        names: Sequence[str] = (),
        face: int = 0,
        point: int = 0,
    ) -> None:
        if faces is None:
            faces, names = _made_up()
        if not 1 <= len(faces) <= 5:
            raise ValueError(f"faces must be 1 to 5, got {len(faces)}")
        first = next(iter(faces.values()))
        side, wanted = first.image.shape[0], (len(names), *first.heatmaps.shape[1:])
        for name, each in faces.items():
            shapes = each.image.shape, each.landmarks.shape, each.heatmaps.shape
            if shapes != ((side, side, 3), (len(names), 2), wanted):
                raise ValueError(
                    f"face {name!r} must have an image ({side}, {side}, 3), landmarks ({len(names)}, 2) and heatmaps "
                    f"{wanted}, got {shapes}"
                )
        stored = {name: _face(name, each) for name, each in faces.items()}
        bytes_of_maps = sum(len(each["maps"]) for each in stored.values())
        if bytes_of_maps > LARGEST_MAPS:
            raise ValueError(f"maps need {bytes_of_maps} bytes; with {LARGEST_MAPS} at most, show fewer faces")
        super().__init__(
            faces=list(stored.values()), names=list(names), size=list(wanted[1:]), side=side, face=face, point=point
        )

    @traitlets.validate("face", "point")
    def _there(self, proposal: dict) -> int:
        name = proposal["trait"].name
        count = len(self.faces if name == "face" else self.names)
        if proposal["value"] >= max(count, 1):
            raise traitlets.TraitError(f"{name} must be below {count}, not {proposal['value']}")
        return proposal["value"]


def _face(name: str, face: MappedFace) -> dict:
    """What the page has of a face; bumps are measured on the maps as they are, before they become bytes."""
    maps = np.ascontiguousarray(face.heatmaps, np.float32)
    _, peaks, widths = bump_shape(torch.from_numpy(maps), torch.full((len(maps), 2), torch.nan))
    jpeg = cv2.imencode(".jpg", face.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return {
        "name": name,
        "image": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(),
        "maps": _text(maps),
        "positions": np.asarray(face.landmarks, float).round(2).tolist(),
        "peaks": [round(float(peak), 4) for peak in peaks],
        "widths": [round(float(width), 3) if np.isfinite(width) else None for width in widths],
    }


def _text(maps: np.ndarray) -> str:
    """Values from 0 to 1 in steps of 1/15, two in a byte, the first in its high half; base64. Enough to look at."""
    levels = (15 * np.clip(maps, 0, 1)).round().astype(np.uint8).ravel()
    levels = np.append(levels, np.zeros(levels.size % 2, np.uint8))
    return base64.b64encode((levels[0::2] << 4 | levels[1::2]).tobytes()).decode()


def _made_up(side: int = 24) -> tuple[dict[str, MappedFace], list[str]]:
    """Bumps on grey: sharp ones, and the same at half the height."""
    places = torch.tensor([[7.3, 8.1], [16.2, 8.4], [12.0, 17.5]])
    maps = render_heatmaps(places, side).numpy()
    grey = np.full((4 * side, 4 * side, 3), 128, np.uint8)
    landmarks = (places.numpy() + 0.5) * 4 - 0.5
    faces = {"sharp": MappedFace(grey, landmarks, maps), "blurred": MappedFace(grey, landmarks, maps / 2)}
    return faces, ["left eye", "right eye", "mouth"]
