"""Hair and hats as a shell over the head: how thick, where its edge runs, what colour a pixel has."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from awing_lib.datasets.synthetic.face import Look
from awing_lib.datasets.synthetic.head import AZIMUTHS, ELEVATIONS, model
from awing_lib.datasets.synthetic.layer import smooth_step
from awing_lib.datasets.synthetic.surface import TEXELS, Raster

# thickness at the sides and on top, in units of the eye corners' distance
CUTS = {
    "bald": (0.0, 0.0),
    "buzz": (0.015, 0.02),
    "short": (0.05, 0.13),
    "quiff": (0.04, 0.26),
    "side": (0.07, 0.19),
    "curly": (0.15, 0.25),
    "afro": (0.38, 0.46),
    "bob": (0.14, 0.16),
    "long": (0.12, 0.15),
    "bun": (0.035, 0.06),
}
HATS = {
    "beanie": (0.09, 0.20),
    "cap": (0.07, 0.17),
    "headscarf": (0.09, 0.12),
    "brim": (0.07, 0.20),
    "helmet": (0.16, 0.22),
}
COVERS_EARS = ("bob", "long")

# where the edge runs: elevation in degrees (y down) over azimuth in degrees
EDGES = {
    "short": ([0, 20, 40, 55, 66, 74, 82, 88, 100, 112, 180], [-50, -50, -48, -42, -28, -4, 4, -8, -10, 22, 34]),
    "long": ([0, 20, 40, 52, 60, 66, 73, 82, 110, 180], [-50, -50, -46, -36, -14, 14, 36, 44, 47, 50]),
    "hat": ([0, 30, 60, 90, 120, 180], [-38, -37, -31, -20, -6, 4]),
    "scarf": ([0, 15, 35, 50, 60, 66, 180], [-42, -42, -38, -26, -4, 90, 90]),
}


@dataclass(frozen=True)
class Hair:
    """The shell of one head."""

    look: Look
    field: np.ndarray
    """(R, C) float32 of the hair: 0.5 on its edge, 1 twenty degrees inside."""
    hat_field: np.ndarray | None
    thickness: np.ndarray
    """(R, C) float32."""
    gloss: float

    @property
    def casts(self) -> bool:
        """Whether the edge throws a shadow on the forehead."""
        return self.look.haircut not in ("bald", "buzz") or self.hat_field is not None

    @property
    def fields(self) -> list[np.ndarray]:
        """The field of the hair, and that of the hat if there is one."""
        return [self.field] if self.hat_field is None else [self.field, self.hat_field]

    @classmethod
    def of(cls, look: Look) -> "Hair":
        azimuth, elevation, waves = _grid()
        edge, receding = ("long", 0.2) if look.haircut in COVERS_EARS else ("short", 0.5)
        forehead, upper, nape = _parts()
        field = _field(edge) - np.float32(receding * look.hair_shift) * forehead
        sides, top = CUTS[look.haircut]
        thickness = sides + (top - sides) * upper
        if look.haircut == "quiff":
            thickness += 0.12 * upper * np.clip(1 - np.abs(azimuth) / 70, 0, 1)
        if look.haircut == "side":
            thickness *= 1 + 0.25 * np.sin(np.radians(azimuth)) * upper
        thickness *= 1 + (0.16 if look.haircut in ("curly", "afro") else 0.07) * waves
        if look.haircut in COVERS_EARS:
            thickness += 0.22 * nape
        if look.hat is not None:
            np.minimum(thickness, 0.10, out=thickness)
        shell = thickness * smooth_step(field, 0.47, 0.66)
        hat_field = None
        if look.hat is not None:
            sides, top = HATS[look.hat]
            hat_field = _field("scarf" if look.hat == "headscarf" else "hat")
            if look.hat == "headscarf":
                hat_field = np.maximum(hat_field, 0.5 + (elevation - 58) / 40)
            wide = sides + (top - sides) * upper
            shell = np.maximum(shell, wide * smooth_step(hat_field, 0.46, 0.56))
        gloss = {"afro": 0.06, "curly": 0.14}.get(look.haircut, 0.22)
        return cls(look, field, hat_field, shell, gloss)

    def layers(
        self, raster: Raster, strands: np.ndarray, fields: list[np.ndarray]
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Opacity (h, w), colour (3,) and tone (h, w) of the hair, then of the hat; of none on a bare head.

        ``fields`` are the pixels' values (h, w) of :attr:`fields`, ``strands`` those of that texture.
        """
        look, found = self.look, []
        if look.haircut != "bald":
            if look.haircut in ("curly", "afro"):
                grain = raster.texture(_curls())
                torn = 0.05
            else:
                grain, torn = strands, 0.05 if look.haircut in COVERS_EARS else 0.09
            alpha = smooth_step(fields[0] + torn * (grain - 0.5), 0.455, 0.51)
            if look.haircut == "buzz":
                alpha *= 0.62 + 0.25 * (grain - 0.5)
            found.append((alpha, look.hair, 0.55 + 0.9 * grain))
        if len(fields) > 1:
            alpha = smooth_step(fields[1], 0.485, 0.515)
            found.append((alpha, look.wear, _weave(look.hat, raster, fields[1])))
        return found


def _weave(hat: str, raster: Raster, field: np.ndarray) -> np.ndarray:
    """Lightness of the cloth: ribs of a beanie, seams of a cap, folds of a scarf; a seam along the edge."""
    seam = 1 - 0.25 * np.exp(-(((field - 0.52) / 0.02) ** 2))
    if hat == "beanie":
        cuff = smooth_step(field, 0.66, 0.69)
        return (
            seam
            * (0.88 + 0.10 * np.cos(raster.column * 2 * np.pi * 1.5))
            * (1 - 0.14 * np.exp(-(((field - 0.67) / 0.02) ** 2)))
            * (1.04 - 0.06 * cuff)
        )
    if hat == "headscarf":
        return seam * (0.92 + 0.10 * np.sin(raster.column * 0.9 + 3 * np.sin(raster.row * 0.22)))
    if hat == "brim":
        return seam * (1 - 0.45 * smooth_step(field, 0.50, 0.52) * (1 - smooth_step(field, 0.62, 0.64)))
    return seam * (1 - 0.18 * np.exp(-((np.sin(raster.column * np.pi / 7.5) / 0.05) ** 2)))


@cache
def _field(edge: str) -> np.ndarray:
    """(R, C) float32: 0.5 on an edge, 1 twenty degrees inside."""
    azimuth, elevation, _ = _grid()
    angle, edge = np.abs(azimuth), EDGES[edge]
    steepness = (np.interp(angle + 2, *edge) - np.interp(angle - 2, *edge)) / 4
    # dividing by the slope makes it a distance from the edge, however steep it runs
    distance = (np.interp(angle, *edge) - elevation) / np.sqrt(1 + steepness**2)
    return (0.5 + distance / 40).astype(np.float32)


@cache
def _parts() -> tuple[np.ndarray, ...]:
    """(R, C) float32 each, 0 to 1: the forehead, where hair recedes; what is up on the head; what hangs behind it."""
    azimuth, elevation, _ = _grid()
    return tuple(
        np.clip(part, 0, 1).astype(np.float32)
        for part in (1.2 - np.abs(azimuth) / 60, (-elevation - 5) / 45, (elevation - 5) / 50)
    )


@cache
def _grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(R, C) float32 each: azimuth and elevation in degrees, and waves of unit variance."""
    azimuth, elevation = np.meshgrid(AZIMUTHS, ELEVATIONS)
    generator = np.random.default_rng(29)
    # a sum of waves in space: bumps of one size all over the head, and no seam behind it
    wave = np.tensordot(generator.standard_normal((24, 3)) * 5, model().outwards, 1)
    waves = np.sin(wave + generator.uniform(0, 2 * np.pi, (24, 1, 1))).sum(0)
    return azimuth.astype(np.float32), elevation.astype(np.float32), (waves / waves.std()).astype(np.float32)


@cache
def _curls() -> np.ndarray:
    """(H, W) float32 texture of small curls, 0 to 1."""
    azimuth, _, _ = _grid()
    height, width = (azimuth.shape[0] - 1) * TEXELS + 1, (azimuth.shape[1] - 1) * TEXELS + 1
    generator = np.random.default_rng(68)
    raw = generator.standard_normal((height, width)).astype(np.float32)
    rings = cv2.GaussianBlur(raw, (0, 0), 1.6) - cv2.GaussianBlur(raw, (0, 0), 3.2)
    return np.clip(0.5 + 0.17 * rings / rings.std(), 0, 1)
