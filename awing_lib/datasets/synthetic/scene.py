"""The face that something is drawn in front of, and the picture it is drawn on."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from awing_lib.arguments import as_real
from awing_lib.datasets.synthetic.layer import blend, coverage
from awing_lib.errors import AwingError


class OccluderError(AwingError):
    """A kind, image or scene that nothing can be drawn from."""


@dataclass(frozen=True)
class Scene:
    """The face that something is drawn in front of.

    Attributes:
        landmarks: (98, 2) of the WFLW layout, pixels.
        unit: distance of the outer eye corners seen from the front, pixels (in profile: the face's size / 2.2).
        skin: (3,) RGB in [0, 1], the colour of the person's hands.
        light: (2,) unit vector in the image, y down, to where the light comes from.
        hair: (3,) RGB in [0, 1], or None for any plausible colour.
        cloth: (3,) RGB in [0, 1], the colour of the sleeves, or None for any restrained colour.

    Raises:
        OccluderError: a field has another shape or values out of range.
    """

    landmarks: np.ndarray
    unit: float
    skin: np.ndarray
    light: np.ndarray
    hair: np.ndarray | None = None
    cloth: np.ndarray | None = None

    def __post_init__(self):
        colours = {"skin": self.skin, "hair": self.hair, "cloth": self.cloth}
        colours = {name: value for name, value in colours.items() if name == "skin" or value is not None}
        for name, value, shape in (
            ("landmarks", self.landmarks, (98, 2)),
            ("light", self.light, (2,)),
            *((name, value, (3,)) for name, value in colours.items()),
        ):
            try:
                array = np.asarray(value, np.float64)
            except (TypeError, ValueError) as error:
                raise OccluderError(f"{name}: expected numbers {shape}, got {type(value).__name__}") from error
            if array.shape != shape or not np.isfinite(array).all():
                raise OccluderError(f"{name}: expected finite numbers {shape}, got {value!r}")
            if name in colours and not ((array >= 0) & (array <= 1)).all():
                raise OccluderError(f"{name}: expected RGB from 0 to 1, got {array.tolist()}")
            object.__setattr__(self, name, array)
        if not 4 <= as_real(self.unit) <= 4096:
            raise OccluderError(f"unit must be from 4 to 4096 pixels, got {self.unit!r}")
        if not abs(np.hypot(*self.light) - 1) < 1e-3:
            raise OccluderError(f"light must be a vector of length 1, got {self.light.tolist()}")


def beside(place: Callable, offset: tuple[float, float]) -> Callable:
    """The frame ``place``, moved by ``offset`` units of its own."""
    return lambda points: place(np.add(points, offset))


class Canvas:
    """The picture (3, H, W), what of it is covered, and the face's own directions."""

    def __init__(self, image: np.ndarray, scene: Scene, generator: np.random.Generator):
        self.image, self.scene, self.generator = image, scene, generator
        self.alpha = np.zeros(image.shape[1:], np.float32)
        points = scene.landmarks
        self.eyes = points[60:68].mean(0), points[68:76].mean(0)
        self.mouth, self.chin, self.nose = points[76:88].mean(0), points[16], points[54]
        down = self.mouth - (self.eyes[0] + self.eyes[1]) / 2
        self.down = down / max(math.hypot(*down), 1e-6)
        self.right = np.array([self.down[1], -self.down[0]])

    def frame(self, anchor, angle: float = 0.0, side: int = 1, scale: float = 1.0) -> Callable:
        """Maps points (..., 2), in units, to pixels: turned by ``angle`` degrees, mirrored for side -1, face-wise."""
        size = self.scene.unit * scale
        cos, sin = size * math.cos(math.radians(angle)), size * math.sin(math.radians(angle))
        # row vectors: (x, y) @ matrix
        matrix = np.stack([side * cos * self.right + sin * self.down, cos * self.down - side * sin * self.right])
        anchor = np.asarray(anchor, float)
        return lambda points: np.asarray(points, float) @ matrix + anchor

    def side(self) -> int:
        """Image-left (-1) or image-right (1), by chance."""
        return 1 if self.generator.random() < 0.5 else -1

    def darken(self, box: tuple[slice, slice], shadow: np.ndarray, strength: float, red: float = 0.85) -> None:
        """Take ``strength`` of the light where ``shadow`` (uint8) is 255; skin lets some of the red through."""
        loss = shadow * np.float32(strength / 255)
        image = self.image[:, *box]
        image[1:] *= 1 - loss
        if red:
            loss *= np.float32(red)
            image[0] *= 1 - loss

    def blend(self, box: tuple[slice, slice], colour, share: np.ndarray) -> None:
        """Cover the picture with a colour, (3,) or (3, h, w), with opacity (h, w)."""
        blend(self.image[:, *box], colour, share)
        alpha = self.alpha[box]
        alpha += share * (1 - alpha)

    def fill(self, outlines, colour, opacity: float = 1.0) -> None:
        """Cover what the outlines enclose."""
        for outline in outlines:
            found = coverage(self.alpha.shape, outline)
            if found is not None:
                box, share = found
                if opacity != 1:
                    share *= np.float32(opacity)
                self.blend(box, colour, share)
