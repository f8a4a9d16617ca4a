"""Things in front of a synthetic face: hands, hair, and what people hold up, wear or look past."""

from collections.abc import Callable

import numpy as np

from awing_lib.datasets.synthetic import food, gestures, held, near, worn
from awing_lib.datasets.synthetic.scene import Canvas, OccluderError, Scene


def draw_occluder(kind: str, image: np.ndarray, scene: Scene, generator: np.random.Generator) -> np.ndarray:
    """Draw one thing in front of the face, with its shadow.

    Args:
        kind: one of :data:`KINDS`.
        image: (H, W, 3) float32 RGB in [0, 1]; drawn on in place.
        scene: the face and its light.
        generator: source of all randomness; the same state draws the same thing.

    Returns:
        (H, W) float32 opacity of what was drawn, in [0, 1]; landmarks where it is above 0.5 are hidden. The soft shadow
        around it is not part of it.

    Raises:
        OccluderError: the kind is unknown, or the image or the scene is of another kind.
    """
    if kind not in _DRAWERS:
        raise OccluderError(f"no occluder {kind!r}; there are {', '.join(KINDS)}")
    if not isinstance(image, np.ndarray) or image.dtype != np.float32 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise OccluderError(f"image: expected float32 RGB (H, W, 3), got {found}")
    if 0 in image.shape:
        raise OccluderError(f"image: {image.shape} has no pixels")
    if not isinstance(scene, Scene):
        raise OccluderError(f"scene: expected a Scene, got {type(scene).__name__}")
    canvas = Canvas(image.transpose(2, 0, 1), scene, generator)
    _DRAWERS[kind][0](canvas)
    return canvas.alpha


def sample_kind(generator: np.random.Generator) -> str:
    """A kind of occluder, hands and hair most often."""
    shares = np.cumsum([share for _, share in _DRAWERS.values()])
    return KINDS[int(np.searchsorted(shares / shares[-1], generator.random()))]


_DRAWERS: dict[str, tuple[Callable, float]] = {
    "hair strands": (worn.hair_strands, 9),
    "hand over mouth": (gestures.over_mouth, 5),
    "chin on fist": (gestures.under_chin, 4),
    "hand on cheek": (gestures.on_cheek, 4),
    "hand before eye": (gestures.before_eye, 4),
    "victory": (gestures.victory, 2.5),
    "hush": (gestures.hush, 2),
    "microphone": (held.microphone, 4),
    "phone": (held.phone, 3),
    "scarf": (worn.scarf, 2.5),
    "mask": (worn.surgical_mask, 2),
    "person in front": (near.person, 3),
    "leaves": (near.leaves, 2),
    "mug": (food.mug, 2),
    "glass": (food.glass, 1.5),
    "ice cream": (food.ice_cream, 1.5),
    "bouquet": (held.bouquet, 1.5),
    "book": (held.book, 1.5),
    "camera": (held.camera, 1.5),
    "ball": (held.ball, 1.5),
    "burger": (food.burger, 1),
}


KINDS: tuple[str, ...] = tuple(_DRAWERS)
"""What :func:`draw_occluder` can draw."""
