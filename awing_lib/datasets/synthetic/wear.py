"""What belongs to a head but is not on its skin: hair down the back, ears, glasses, brims."""

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np

from awing_lib.datasets.synthetic.face import Face
from awing_lib.datasets.synthetic.hair import COVERS_EARS
from awing_lib.datasets.synthetic.layer import blend, coverage, fill, plane, shade
from awing_lib.datasets.synthetic.surface import curve_matrix, maps

# Outline of an ear and its inner fold, away from the head and down, in units of the eye corners' distance.
EAR = [
    (0.0, -0.16),
    (0.05, -0.28),
    (0.16, -0.33),
    (0.27, -0.29),
    (0.32, -0.16),
    (0.29, 0.0),
    (0.22, 0.12),
    (0.16, 0.24),
]
EAR = np.array([*EAR, (0.08, 0.29), (0.0, 0.20)])
FOLD = np.array([(0.05, -0.10), (0.10, -0.22), (0.19, -0.24), (0.24, -0.14), (0.20, -0.01), (0.12, 0.06), (0.09, 0.13)])
_AWAY, _DOWN = np.array([(-0.50, 0, -0.866), (0.50, 0, -0.866)])[:, None], np.array([0, 0.99, 0.13])
EARS = np.concatenate([EAR, FOLD])
EARS = EARS[:, :1] * _AWAY + EARS[:, 1:] * _DOWN  # (2, 17, 3) in the head's frame: outline and fold of both
EAR_NORMALS = np.cross(_AWAY[:, 0], _DOWN)
# Half width and half height of a lens, and how round its corners are (1: an ellipse).
LENSES = {
    "round": (0.225, 0.205, 1.0),
    "square": (0.245, 0.175, 0.55),
    "cat": (0.245, 0.17, 0.75),
    "sunglasses": (0.26, 0.21, 0.7),
}


def _round(points: np.ndarray, samples: int = 48) -> np.ndarray:
    """A smooth closed outline through points (P, 2)."""
    turned = np.concatenate([points[-2:], points, points[:3]]).astype(np.float32)
    curve = curve_matrix(len(turned), samples) @ turned
    step = (samples - 1) / (len(turned) - 1)
    return curve[round(2 * step) : round((len(turned) - 3) * step) + 1]


def _light(face: Face, normal) -> np.ndarray:
    """Light (3,) on a flat piece that faces ``normal``."""
    facing = max(float(np.dot(normal, face.light.direction)), 0.0)
    return face.light.around * 0.85 + face.light.lamp * (0.15 + 0.75 * facing)


def behind(image: np.ndarray, face: Face, place) -> None:
    """Hair that hangs behind neck and shoulders, a bun, the back of a wide brim."""
    look, unit = face.look, place.scale
    if look.haircut in COVERS_EARS and look.hat != "headscarf":
        long = look.haircut == "long"
        crown = np.array(
            [[-0.95, -0.1, -0.9], [-0.80, -0.75, -0.9], [0, -1.15, -0.9], [0.80, -0.75, -0.9], [0.95, -0.1, -0.9]]
        )
        crown, _ = place.project(crown)
        hang, out = np.array([0, (2.1 if long else 1.15) * unit]), np.array([0.16 * unit, 0])
        end = np.array([0.10 * unit if long else -0.10 * unit, 0])
        left, right = crown[0], crown[-1]
        body = [*crown, right + out + 0.5 * hang, right + end + hang, (left + right) / 2 + hang * 1.04]
        body += [left - end + hang, left - out + 0.5 * hang]
        found = coverage(image.shape, _round(np.array(body), 72))
        if found is not None:
            (rows, columns), mask = found
            tone = np.float32(0.30) + np.float32(0.65) * _streaks(image.shape[-1])[rows, columns]
            shade(image[:, rows, columns], mask, look.hair * _light(face, (0, -0.2, 0.6)), tone)
    if look.haircut == "bun" and look.hat is None:
        center, _ = place.project(np.array([0, -1.28, -1.0]))
        _ball(image, center, 0.36 * unit, look.hair, face)
    if look.hat == "brim":
        fill(image, _brim(place, 0, 2 * np.pi), look.wear * 0.62 * _light(face, (0, 0.2, 0.5)))


@cache
def _streaks(size: int) -> np.ndarray:
    """(size, size) float32, 0 to 1: hair that hangs down."""
    return cv2.resize(maps().common[:80, :180, 3], (size, size), interpolation=cv2.INTER_LINEAR)


def _ball(image: np.ndarray, center: np.ndarray, radius: float, colour: np.ndarray, face: Face) -> None:
    angle = np.linspace(0, 2 * np.pi, 33)
    found = coverage(image.shape, center + radius * np.stack([np.cos(angle), np.sin(angle)], 1))
    if found is None:
        return
    (rows, columns), mask = found
    y, x = np.ogrid[rows, columns]
    across, down = (x - center[0]) / radius, (y - center[1]) / radius
    front = np.sqrt(np.clip(1 - across**2 - down**2, 0, 1))
    facing = across * face.light.direction[0] + down * face.light.direction[1] + front * face.light.direction[2]
    tone = (0.6 + 0.25 * np.sin(9 * across + 4 * down)).astype(np.float32)
    light = plane(face.light.around * 0.8) + plane(face.light.lamp) * np.clip(facing, 0, 1).astype(np.float32)
    blend(image[:, rows, columns], plane(colour) * tone * light, mask)


def _brim(place, start: float, stop: float) -> np.ndarray:
    """(P, 2) pixels of a wide brim's edge from one angle to the other, 0 in front."""
    angle = np.linspace(start, stop, 49)
    return place.project(
        np.stack([1.42 * np.sin(angle), -0.62 + 0.06 * np.cos(angle), -0.70 + 1.42 * np.cos(angle)], 1)
    )[0]


def ears(image: np.ndarray, face: Face, place, seen: np.ndarray) -> None:
    """Both ears, where hair or scarf leave them free and the head is not in front."""
    look, unit = face.look, place.scale
    if look.haircut in (*COVERS_EARS, "afro") or look.hat in ("headscarf", "helmet"):
        return
    roots = np.array([(side * (0.79 + 0.055 * face.identity[0]), 0.16, -0.86) for side in (-1, 1)])[:, None]
    points, depths = place.project(roots + EARS)  # (2, 17, 2)
    near = depths[:, : len(EAR)].max(1) + 0.02
    for outline, depth, normal in zip(points, near, EAR_NORMALS @ place.turn.T, strict=True):
        found = coverage(image.shape, _round(outline[: len(EAR)]))
        if found is None:
            continue
        (rows, columns), mask = found
        mask *= seen[rows, columns] < depth
        if not mask.any():
            continue  # on the far side
        light = _light(face, normal if normal[2] > 0 else -normal)
        skin = look.skin * np.array([1.0, 0.88, 0.86]) * light
        window = image[:, rows, columns]
        blend(window, skin, mask)
        path = curve_matrix(7, 24) @ outline[len(EAR) :].astype(np.float32) - (columns.start, rows.start)
        fill(window, path, skin * np.array([0.62, 0.50, 0.48]), 0.7, width=max(0.045 * unit, 1), clip=mask)


def before(image: np.ndarray, face: Face, place, seen: np.ndarray) -> Iterator[tuple[tuple, np.ndarray]]:
    """Glasses and the front of brims; yields box and opacity of what hides the landmarks below it."""
    look, unit = face.look, place.scale
    if look.glasses is not None:
        yield from _glasses(image, face, place, seen)
    if look.hat not in ("cap", "brim"):
        return
    if look.hat == "cap":
        angle = np.radians(np.linspace(-62, 62, 15))
        inner = np.stack([0.80 * np.sin(angle), -0.60 + 0.05 * np.abs(angle), -0.62 + 0.90 * np.cos(angle)], 1)
        reach = 0.95 * np.cos(angle) + 0.62 * np.cos(angle * 1.35).clip(0)
        outer = np.stack([0.84 * np.sin(angle), -0.54 + 0.10 * np.abs(angle), -0.62 + reach], 1)
        outline, _ = place.project(np.concatenate([inner, outer[::-1]]))
    else:
        angle = np.linspace(np.pi / 2, -np.pi / 2, 20)
        band, _ = place.project(np.stack([0.88 * np.sin(angle), np.full(20, -0.60), -0.70 + 0.98 * np.cos(angle)], 1))
        outline = np.concatenate([_brim(place, -np.pi / 2, np.pi / 2), band])
    found = coverage(image.shape, outline)
    if found is None:
        return
    (rows, columns), mask = found
    colour = look.wear * _light(face, (0, -0.5, 0.6))
    blend(image[:, rows, columns], colour * 0.85, mask)
    fill(image, outline, colour * 0.45, 0.6, width=max(0.03 * unit, 1))
    yield found


def _glasses(image: np.ndarray, face: Face, place, seen: np.ndarray) -> Iterator[tuple[tuple, np.ndarray]]:
    look, unit = face.look, place.scale
    dark = look.glasses == "sunglasses"
    wide, high, power = LENSES[look.glasses]
    angle = np.linspace(0, 2 * np.pi, 41)
    cos, sin = np.cos(angle), np.sin(angle)
    across, down = wide * np.sign(cos) * np.abs(cos) ** power, high * np.sign(sin) * np.abs(sin) ** power
    light = _light(face, (0, -0.2, 0.9))
    frame = np.clip(look.wear, 0.03, 0.6) * (0.5 if dark else 0.8) * light
    thick = max(0.032 * unit, 1.0)
    eyes = place.keys[[60, 64, 68, 72]].reshape(2, 2, 3).mean(1)
    bridge = place.keys[51, 2] + 0.045
    for side, eye in zip((-1, 1), eyes, strict=True):
        x = side * 0.30 + across
        tilt = -0.05 * side * across / wide * high if look.glasses == "cat" else 0
        points = np.stack([x, eye[1] + 0.035 + down + tilt, bridge - 0.55 * x**2], 1)
        outline, depth = place.project(points)
        found = coverage(image.shape, outline)
        if found is None:
            continue
        (rows, columns), lens = found
        # the nose hides part of the far lens
        free = (seen < depth.mean() + 0.12 + 0.2 * dark).astype(np.float32)
        lens *= free[rows, columns]
        window = image[:, rows, columns]
        if dark:
            y = np.linspace(0, 1, lens.shape[0], dtype=np.float32)[:, None]
            tint = plane(np.array([0.05, 0.05, 0.06]) * light) + plane(np.array([0.16, 0.128, 0.096]) * light) * y
            blend(window, np.broadcast_to(tint, window.shape), lens * np.float32(0.95))
            yield found
        else:
            blend(window, np.array([0.90, 0.95, 1.0]) * light, lens * np.float32(0.07))
        glare = outline[[22, 26, 29, 18]] - (columns.start, rows.start)
        fill(window, glare, light, 0.16 if dark else 0.12, clip=lens)
        fill(image, outline, frame, width=thick, clip=free)
        hinge = points[0 if side > 0 else 20]
        line, depth = place.project(np.linspace(hinge, (side * 0.84, hinge[1] - 0.03, -0.80), 14))
        x, y = np.clip(np.round(line).astype(int), 0, image.shape[-1] - 1).T
        shown = np.flatnonzero(seen[y, x] < depth + 0.05)
        if len(shown) > 1:
            fill(image, line[shown.min() : shown.max() + 1], frame, width=thick)
    x = np.linspace(-0.07, 0.07, 7)
    nose = np.stack([x, np.full(7, eyes[:, 1].mean() - 0.01), bridge + 0.02 - 3 * x**2], 1)
    fill(image, place.project(nose)[0], frame, width=thick)
