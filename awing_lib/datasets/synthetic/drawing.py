"""Draws a :class:`Face`: projects the head, paints the skin, sets in eyes and mouth, puts on hair and clothes."""

import math
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

from awing_lib.datasets.synthetic import wear
from awing_lib.datasets.synthetic.face import Face, Light
from awing_lib.datasets.synthetic.hair import Hair
from awing_lib.datasets.synthetic.head import EYEBALL, gaze_points, model, rotation
from awing_lib.datasets.synthetic.layer import Cel, blend, coverage, fill, ink, plane, shade, smooth_step
from awing_lib.datasets.synthetic.occluders import Scene, draw_occluder
from awing_lib.datasets.synthetic.photo import background, develop
from awing_lib.datasets.synthetic.surface import TEXELS, Raster, curve_matrix, grid_normals, maps, rasterise, texel_of

VIEW_CENTER = np.array([0.0, 0.40, -0.30])
TOLERANCE = 0.07
"""How far behind the drawn surface a landmark may lie and still count as seen."""
FAR = -1e3
DRAWN_BY_KEYS = [*range(60, 76), *range(88, 96)]
"""Landmarks of the eyes and of the inner lips: what they bound is drawn through them, not on the surface's grid."""
CIRCLE = np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)], 1)
# Outlines as weights: of top, base, half width of the neck and a unit down; of base, half width, shoulders and down.
NECK = [(1, 0, -1, 0), (0, 1, -1.04, -0.4), (0, 1, -1.35, 0), (0, 1, -0.8, 0.5)]
NECK = np.array([*NECK, (0, 1, 0.8, 0.5), (0, 1, 1.35, 0), (0, 1, 1.04, -0.4), (1, 0, 1, 0)])
BODY = [(1, -1.25, 0, -0.12), (1, 0, -0.75, 0.19), (1, 0, -1.2, 1.52), (1, 0, -1.3, 6), (1, 0, 1.3, 6)]
BODY += [(1, 0, 1.2, 1.52), (1, 0, 0.75, 0.19), (1, 1.25, 0, -0.12), (1, 0.7, 0, 0.12), (1, 0, 0, 0.22)]
BODY = np.array([*BODY, (1, -0.7, 0, 0.12), BODY[0]])
SQUARE = np.array([(-0.7, -0.7), (0.7, -0.7), (0.7, 0.7), (-0.7, 0.7)])
# From the upper lid to the fold above it, from the upper lip to its teeth's edge, from the lower to the tongue.
LID_FOLD = np.array([[0, -0.012, 0], [0, -0.034, 0], [0, -0.040, 0], [0, -0.034, 0], [0, -0.010, 0]])
TEETH = np.array([[0, 0.02, -0.05], [0, 0.085, -0.03], [0, 0.105, -0.02], [0, 0.085, -0.03], [0, 0.02, -0.05]])
TONGUE = np.array([[0, -0.08, -0.06], [0, -0.13, -0.06], [0, -0.15, -0.06], [0, -0.13, -0.06], [0, -0.08, -0.06]])
LIP_CURVES = np.array([[0, 1, 2, 3, 4], [4, 5, 6, 7, 0], [8, 9, 10, 11, 12], [13, 14, 15, 16, 17]])
LID_CURVES = LIP_CURVES[:3]
IRIS = 0.066 * np.array([1.0, 0.86, 0.44])[:, None, None]
IRIS = IRIS, np.sqrt(EYEBALL**2 - IRIS**2)
"""Radii of the rim of the iris, the iris and the pupil, (3, 1, 1), and how far they lie before the eyeball's centre."""
AROUND = np.mgrid[-1:2, -1:2].reshape(2, 9).T[:, None]
TOOTH_GAPS = np.array([3, 5, 7, 8, 10, 12])


@dataclass(frozen=True)
class Geometry:
    """Where everything of a face lies, before anything is drawn. Lengths are in units of the eye corners' distance."""

    keys: np.ndarray
    surface: np.ndarray
    """(3, R, C) skin in the head's frame."""
    eyeballs: np.ndarray
    turn: np.ndarray
    scale: float
    distance: float
    shift: np.ndarray
    landmarks: np.ndarray
    """(98, 2) pixels."""
    depth: np.ndarray
    """(98,) towards the viewer."""

    def halved(self) -> "Geometry":
        """The same in a picture of half the size."""
        shift, landmarks = ((pixels + 0.5) / 2 - 0.5 for pixels in (self.shift, self.landmarks))
        return replace(self, scale=self.scale / 2, shift=shift, landmarks=landmarks)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (..., 2) and depth (...) of points (..., 3) in the head's frame."""
        turned = (points - VIEW_CENTER) @ self.turn.T
        size = self.scale * self.distance / (self.distance - turned[..., 2])
        return turned[..., :2] * size[..., None] + self.shift, turned[..., 2]

    def project_grid(self, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels x and y (R, C) and depth (R, C), float32, of a grid of points (3, R, C)."""
        x, y, depth = _turn(self.turn, grid - plane(VIEW_CENTER))
        size = np.float32(self.scale * self.distance) / (np.float32(self.distance) - depth)
        return x * size + np.float32(self.shift[0]), y * size + np.float32(self.shift[1]), depth


def geometry(face: Face, size: int) -> Geometry:
    """Project the 98 landmarks of a face into a picture of ``size`` pixels, its face in the middle."""
    head = model()
    keys = head.shape(face.identity, face.lips, face.asymmetry, face.expression)
    surface = head.surface(keys)
    eyeballs = head.eyeballs(keys)
    turn = rotation(face.yaw, face.pitch, face.roll)
    places = np.stack([cv2.remap(part, *_places(), cv2.INTER_LINEAR)[0] for part in surface], -1)
    points = np.concatenate([places[:96], gaze_points(eyeballs, face.gaze)])
    points[DRAWN_BY_KEYS] = keys[DRAWN_BY_KEYS]
    points[:33] = _contour(places[96:].reshape(33, -1, 3), rotation(face.yaw, face.pitch, 0), points[:33])
    unplaced = Geometry(keys, surface, eyeballs, turn, face.scale, face.distance, np.zeros(2), points, points[:, 0])
    pixels, depth = unplaced.project(points)
    middle = (pixels.min(0) + pixels.max(0)) / 2
    shift = (size - 1) / 2 + np.asarray(face.center) - middle
    return Geometry(keys, surface, eyeballs, turn, face.scale, face.distance, shift, pixels + shift, depth)


@cache
def _places() -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows (1, P) float32 on the grid: of the 96 landmarks, and 24 on each way from the contour inwards."""
    angles = model().key_angles[:96]
    steps = np.linspace(0, 0.85, 24)
    paths = np.stack([angles[:33, :1] * (1 - steps), np.broadcast_to(angles[:33, 1:], (33, 24))], -1)
    texels = texel_of(np.concatenate([angles, paths.reshape(-1, 2)])) / TEXELS
    return tuple(np.ascontiguousarray(texels.T[:, None], np.float32))


def _contour(paths: np.ndarray, upright: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The contour (33, 3) as it is annotated: where the far cheek hides the jaw line, the point on the cheek's rim.

    ``paths`` (33, S, 3) are points on the ways from the contour inwards, over the cheeks.
    """
    angles = model().key_angles[:33, :1]
    best = ((paths - VIEW_CENTER) @ upright[0] * np.sign(angles)).argmax(1)
    best[np.abs(angles[:, 0]) < 12] = 0  # the chin's own outline does not move sideways
    return np.where(best[:, None] > 0, paths[np.arange(33), best], points)


def draw(face: Face, generator: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a face.

    Returns:
        image (size, size, 3) uint8 RGB, landmarks (98, 2) float32 in pixels, and visible (98,) bool: neither hidden by
        the head itself nor by hair, hat, dark glasses or what is in front of the face.
    """
    place = geometry(face, size)
    landmarks = place.landmarks.astype(np.float32)
    halved = face.photo.coarse and size % 2 == 0
    if halved:
        place, size = place.halved(), size // 2
    look, light = face.look, face.light
    hair = Hair.of(look)
    image = np.empty((3, size, size), np.float32)
    lit = np.float32(0.95 / 255) * (light.around + 0.5 * light.lamp).astype(np.float32)
    for channel, scene in enumerate(cv2.split(background(generator, size))):
        np.multiply(scene, lit[channel], out=image[channel])

    shell = place.surface + hair.thickness * model().outwards
    x, y, depth = place.project_grid(shell)
    raster = rasterise(x, y, depth, size)
    hidden = np.zeros(98, bool)
    if raster is not None:
        wear.behind(image, face, place)
        _neck(image, face, place)
        seen = np.full((size, size), FAR, np.float32)
        near, *fields = raster.sample(depth, *hair.fields)
        seen[raster.window] = np.where(raster.inside > 0.3, near, np.float32(FAR))
        blend(image[:, *raster.window], _paint(face, place, hair, raster, shell, fields), raster.inside)
        wear.ears(image, face, place, seen)
        _eyes(image, face, place, seen)
        _mouth(image, face, place, seen)
        hidden = _behind(place, seen, 0.75 if halved else 1.0)  # at half the size this hides as many
        for box, alpha in wear.before(image, face, place, seen):
            hidden |= _under(alpha, place.landmarks - (box[1].start, box[0].start))
    if face.occluder is not None:
        points = place.landmarks
        unit = max(math.dist(points[60], points[72]), float(np.ptp(points[:, 1])) / 2.2)
        towards = light.direction[:2] / max(math.hypot(*light.direction[:2]), 1e-6)
        lit = np.minimum(look.skin * (light.around + 0.6 * light.lamp), 1)
        scene = Scene(place.landmarks, unit, skin=lit, light=towards, hair=look.hair, cloth=look.cloth)
        alpha = draw_occluder(face.occluder, image.transpose(1, 2, 0), scene, generator)
        hidden |= _under(alpha, place.landmarks)
    # the camera's automatic exposure makes up for part of a dark or a bright scene
    gain = np.float32(min(max((0.40 / (float(image[:, ::8, ::8].mean()) + 1e-3)) ** 0.45, 0.8), 1.5))
    for part in image:
        part *= gain
        np.clip(part, 0, 1, out=part)
    return develop(cv2.merge(list(image)), face.photo, generator, halved), landmarks, ~hidden


def _behind(place: Geometry, seen: np.ndarray, reach: float) -> np.ndarray:
    """(98,) whether the drawn surface lies clearly before the landmark (contour: ``reach`` pixels around it)."""
    last = seen.shape[0] - 1
    x, y = np.clip(np.rint(place.landmarks).astype(int), 0, last).T
    before = seen[y, x]
    # the contour runs along the rim, where the next pixel may lie much nearer: the farthest of 3x3 counts
    x, y = np.clip(np.rint(place.landmarks[:33] + AROUND * reach).astype(int), 0, last).transpose(2, 0, 1)  # (9, 33)
    before[:33] = seen[y, x].min(0)
    return before > place.depth + TOLERANCE


def _under(alpha: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(98,) whether the landmark lies where ``alpha`` is opaque."""
    x, y = np.rint(landmarks).astype(int).T
    height, width = alpha.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return inside & (alpha[np.where(inside, y, 0), np.where(inside, x, 0)] > 0.5)


def _paint(
    face: Face, place: Geometry, hair: Hair, raster: Raster, shell: np.ndarray, fields: list[np.ndarray]
) -> np.ndarray:
    """Colours (3, h, w) of the head in the raster's window; ``fields`` are those of the hair there."""
    look, light = face.look, face.light
    textures = maps()
    cavity, pores, red, strands = cv2.split(raster.texture(textures.common))
    flush = np.float32(0.5 * look.flush) * red
    painted = look.shadow is not None
    if painted:
        flush += np.float32(0.7 * look.flush) * raster.texture(textures.blush)
    dark = 1.05 - np.float32(0.10) * pores - np.float32(0.62) * cavity
    ruddy = 1 - np.float32(0.25) * cavity  # skin in shade turns red
    if look.age > 0.15:
        dark -= np.float32(0.05 + 0.30 * look.age**1.5) * raster.texture(textures.folds)
    if look.freckles:
        spots = np.float32(look.freckles) * raster.texture(textures.freckles)
        dark -= np.float32(0.35) * spots
        ruddy -= np.float32(0.12) * spots
    albedo = np.empty((3, *dark.shape), np.float32)
    np.multiply(np.float32(look.skin[0]) * dark, 1 + np.float32(0.10) * flush, out=albedo[0])
    dark *= ruddy
    dark *= 1 - np.float32(0.20) * flush
    np.multiply(dark, plane(look.skin[1:]), out=albedo[1:])
    rough = np.full(dark.shape, 0.16 + 0.05 * look.flush, np.float32)
    if look.beard:
        full = np.float32(min(max((look.beard - 0.45) / 0.3, 0), 1))
        beard = raster.texture(textures.beard)
        density = smooth_step(beard + np.float32(0.35) * (pores - np.float32(0.5)), 0.25, 0.75)
        stubble = (1 - full) * np.float32(0.5 * look.beard / 0.4) * (np.float32(0.55) + np.float32(0.6) * pores)
        tone = np.float32(0.62) + np.float32(0.55) * strands
        shade(albedo, density * (np.float32(0.85) * full + stubble), look.hair, tone)
    box, part = raster.around(place.landmarks[33:76], 0.12 * place.scale)  # brows and eyes
    if painted:
        blend(albedo[:, *box], look.shadow, np.float32(0.75) * part.texture(textures.shadow))
    ink = look.hair * (0.58 if look.hair.mean() > 0.3 else 0.8)
    edge = 0.62 - 0.34 * look.brows
    brows = smooth_step(part.texture(textures.brows), edge - 0.10, edge + 0.16)
    blend(albedo[:, *box], ink, brows * np.float32(0.62 + 0.30 * look.brows))
    box, part = raster.around(place.landmarks[76:96], 0.12 * place.scale)
    mouth = smooth_step(part.texture(textures.lips), 0.36, 0.64)
    natural = look.skin * np.array([0.88, 0.64, 0.64]) + np.array([0.06, 0.0, 0.01])
    blend(albedo[:, *box], natural if look.lipstick is None else look.lipstick, mouth * np.float32(0.85))
    rough[box] += np.float32(0.30) * mouth

    layers = hair.layers(raster, strands, fields)
    if layers:
        alpha = layers[0][0] if len(layers) == 1 else np.maximum(layers[0][0], layers[1][0])
        if hair.casts:
            rim = smooth_step(fields[0] if len(fields) == 1 else np.maximum(*fields), 0.30, 0.50)
            albedo *= 1 - np.float32(0.30) * rim * (1 - alpha)
        for layer in layers:
            shade(albedo, *layer)
        rough += alpha * (np.float32(hair.gloss) - rough)

    rough *= 1 - np.float32(0.6) * cavity
    *lit, shine = raster.sample(*_lighting(light, place.turn, shell))
    rough *= shine
    for channel in range(3):
        albedo[channel] *= lit[channel]
        albedo[channel] += np.float32(light.lamp[channel]) * rough
    return albedo


def _lighting(light: Light, turn: np.ndarray, shell: np.ndarray) -> list[np.ndarray]:
    """What points of the grid send on of the light, (R, C) each: red, green, blue, and the mirror-like part."""
    half = light.direction + np.array([0, 0, 1.0])
    # the axes of the picture, the lamp, and halfway from it to the viewer: how far the skin faces each of them
    directions = np.stack([turn[1], turn[2], light.direction @ turn, half @ turn / np.linalg.norm(half)])
    down, near, facing, mirror = _turn(directions, grid_normals(shell))
    around = (np.float32(0.80) - np.float32(0.20) * down) * (np.float32(0.72) + np.float32(0.28) * near)
    shine = np.maximum(mirror, 0, out=mirror)
    for _ in range(4):  # to the power of 16
        shine *= shine
    shine *= np.float32(0.55)
    lit = []
    # light that enters the skin comes out a little farther on, red most of all: shadows have a soft and warm border
    for channel, wrap in enumerate((0.50, 0.36, 0.30)):
        diffuse = (facing + np.float32(wrap)) * np.float32(1 / (1 + wrap))
        np.maximum(diffuse, 0, out=diffuse)
        diffuse *= np.float32(0.78) + np.float32(0.22) * diffuse
        lit.append(np.float32(light.lamp[channel]) * diffuse + np.float32(light.around[channel]) * around)
    return [*lit, shine]


def _neck(image: np.ndarray, face: Face, place: Geometry) -> None:
    """Neck and shoulders: they stay upright while the head turns."""
    look, light, unit = face.look, face.light, place.scale
    (top, chin, low), _ = place.project(np.array([[0.0, 0.95, -0.70], place.keys[16], [0.0, 2.0, -0.8]]))
    lean = 0.35 * (low - top)[0]
    base = top + np.array([lean, 0.95 * unit])
    width = (0.49 + 0.09 * (look.beard > 0) + 0.03 * face.identity[1]) * unit
    side, spread, down = (width, 0), (1.75 * unit, 0), (0, unit)
    found = coverage(image.shape, NECK @ np.array([top, base, side, down]))
    if found is not None:
        (rows, columns), neck = found
        # light changes slowly along a neck: a sixteenth of its pixels is enough to know it
        y = np.arange(rows.start, rows.stop + 4, 4, dtype=np.float32)[:, None]
        x = np.arange(columns.start, columns.stop + 4, 4, dtype=np.float32)
        axis = np.float32(top[0]) + np.float32(lean / (0.95 * unit)) * (y - np.float32(top[1]))
        across = np.clip((x - axis) / np.float32(width), -1, 1)
        facing = across * np.float32(light.direction[0]) + np.sqrt(1 - across**2) * np.float32(light.direction[2])
        facing = np.clip(facing * np.float32(0.8) + np.float32(0.25), 0, None)
        under = (1 - 0.55 * np.exp(-np.maximum(y - chin[1], 0) / (0.40 * unit))).astype(np.float32)  # the chin's shadow
        around = np.broadcast_to(np.float32(0.4) + np.float32(0.5) * under, facing.shape)
        skin = look.skin * np.array([0.96, 0.92, 0.92])
        tone = plane(skin * light.lamp * 0.9) * (facing * under) + plane(skin * light.around) * around
        size = (4 * x.size, 4 * y.size)
        tone = np.stack([cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in tone])
        blend(image[:, rows, columns], tone[:, : neck.shape[0], : neck.shape[1]], neck)
    cloth = look.wear if look.hat == "headscarf" else look.cloth
    body = (BODY @ np.array([base, side, spread, down])).astype(np.float32)
    shade = light.around + light.lamp * max(0.25, light.direction[2] * 0.8)
    fill(image, curve_matrix(len(body), 60) @ body, cloth * shade)
    fill(image, curve_matrix(5, 24) @ body[-5:], cloth * shade * 0.72, 0.8, width=0.05 * unit)


def _free(seen: np.ndarray, box: tuple, pixels: np.ndarray, depth: np.ndarray, nearer: float) -> np.ndarray:
    """(h, w) float32 over ``box``: 1 where no part of the head lies clearly before eye or mouth, else 0.

    Their depth runs from one corner (point 0) to the other (point 4); ``nearer`` is what the skin may be before it.
    """
    first, last = float(depth[0]), float(depth[4])
    if abs(last - first) < 0.05:
        return (seen[box] < float(depth.max()) + nearer).astype(np.float32)
    (x0, y0), (x1, y1) = pixels[0].tolist(), pixels[4].tolist()
    square = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1.0)
    x = (np.arange(box[1].start, box[1].stop) - x0) * ((x1 - x0) / square)
    y = (np.arange(box[0].start, box[0].stop) - y0) * ((y1 - y0) / square)
    share = x + y[:, None]
    np.minimum(np.maximum(share, 0, out=share), 1, out=share)
    share *= last - first
    bulge = max(float(depth.mean()) - (first + last) / 2, 0)
    return (seen[box] - share < first + bulge + nearer).astype(np.float32)


def _turn(matrix: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A grid of vectors (3, R, C) float32, turned by a matrix (3, 3)."""
    return np.einsum("ij,jrc->irc", matrix.astype(np.float32), grid)


def _box(points: np.ndarray, margin: float, size: int):
    """Slices of the picture around points (P, 2); None where they lie outside of it."""
    (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
    x0, y0 = max(math.floor(x0 - margin), 0), max(math.floor(y0 - margin), 0)
    x1, y1 = min(math.ceil(x1 + margin) + 1, size), min(math.ceil(y1 + margin) + 1, size)
    return np.s_[y0:y1, x0:x1] if x1 > x0 and y1 > y0 else None


def _eyes(image: np.ndarray, face: Face, place: Geometry, seen: np.ndarray) -> None:
    """Eyeball, iris, lids and lashes of both eyes, drawn inside the outline of its eight points."""
    look, light, unit = face.look, face.light, place.scale
    keys, centers = place.keys[60:76].reshape(2, 8, 3), place.eyeballs[:, None]
    looking = (gaze_points(place.eyeballs, face.gaze)[0] - place.eyeballs[0]) / EYEBALL
    x, y, z = looking.tolist()
    flat = math.hypot(x, z)
    right, up = (z / flat, 0, -x / flat), (-y * x / flat, flat, -y * z / flat)
    rings = looking * IRIS[1] + IRIS[0] * (CIRCLE @ np.array([right, up]))  # rim of the iris, iris, pupil
    glint = EYEBALL * looking + (0.066 * 0.30 * light.direction[0], -0.066 * 0.28, 0)
    outer, inner = keys[(0, 1), (0, 4)], keys[(0, 1), (4, 0)]
    wings = outer + (outer - inner) * (0.16, 0, 0.16) + (0, -0.045, -0.02)
    points = [keys, keys[:, :5] + LID_FOLD, wings[:, None], centers + rings.reshape(-1, 3), centers + glint]
    points, depth = place.project(np.concatenate(points, 1))  # (2, 87, 2)
    points, glints = points[:, :-1], points[:, -1:] + max(0.016 * unit, 0.6) * SQUARE
    curves = curve_matrix(5, 16) @ points[:, LID_CURVES].astype(np.float32)  # (2, 3, 16, 2)

    # white of the eye: a ball lit like the skin, darker under the upper lid
    brightness = light.around + light.lamp * max(0.15, 0.75 * light.direction[2] + 0.2)
    top = max(float(brightness.max()), 1.0)
    white, skin = np.array([0.93, 0.91, 0.89]) * brightness, look.skin * brightness
    painted = look.shadow is not None
    lash = max(0.020 * unit * (1.8 if painted else 1.0), 0.7)
    line = skin * (0.08 if painted else 0.28)
    circles = [ink(look.iris * brightness * share, top) for share in (0.39, 0.90)]
    circles += [ink(np.array([0.02, 0.02, 0.025]), top)]
    light, crease = ink(np.ones(3), top), ink(skin * np.array([0.55, 0.45, 0.42]), top, 0.42)
    below, above, ink_wing = ink(skin * 0.5, top, 0.55), ink(line, top, 0.95 if painted else 0.80), ink(line, top, 0.9)
    for eye in (0, 1):
        lids = points[eye, :8]
        box = _box(lids, 0.14 * unit, image.shape[-1])
        if box is None or cv2.contourArea(lids.astype(np.float32), True) < max(0.002 * unit**2, 1):
            continue
        high = float(lids[:, 1].min())
        height = max(float(lids[:, 1].max()) - high, 1.0)
        y = (np.arange(box[0].start, box[0].stop) - high) * (0.40 / (0.55 * height))
        cel = Cel(box)
        paths, (upper, lower, fold) = cel.paths(points[eye]), cel.paths(curves[eye])
        cel.pixels[:] = (0.60 + np.clip(y, 0, 0.40))[:, None, None] * ink(white, top)
        for ring, colour in zip(paths[14:].reshape(3, -1, 2), circles, strict=True):
            cel.fill(ring, colour)
        cel.pixels[..., 3] = 255
        cel.fill(cel.paths(glints[eye]), light)
        cel.cut(np.concatenate([upper, lower]))
        window, free = image[:, *box], _free(seen, box, lids, depth[eye, :8], 0.10)
        cel.lay(window, free, top)

        cel = Cel(box)
        if height > 0.05 * unit:
            cel.line(fold, crease, max(0.013 * unit, 0.6))
        cel.line(lower, below, max(0.012 * unit, 0.6))
        if painted:  # the line is drawn out beyond the outer corner
            cel.line(paths[[4 * eye, 13]], ink_wing, lash)
        cel.line(upper, above, lash)
        cel.lay(window, free, top)


def _mouth(image: np.ndarray, face: Face, place: Geometry, seen: np.ndarray) -> None:
    """What the inner edges of the lips leave open: teeth, tongue and dark."""
    unit, keys, light = place.scale, place.keys[88:96], face.light
    points, depth = place.project(np.concatenate([keys, keys[:5] + TEETH, keys[[4, 5, 6, 7, 0]] + TONGUE]))
    lips = points[:8]
    box = _box(lips, 0.04 * unit, image.shape[-1])
    if box is None:
        return
    upper, lower, rim, tongue = curve_matrix(5, 16) @ points[LIP_CURVES].astype(np.float32)  # (4, 16, 2)
    gap = math.dist(lips[2], lips[6])
    window, free = image[:, *box], _free(seen, box, lips, depth[:8], 0.16)
    brightness = light.around + light.lamp * max(0.1, 0.7 * light.direction[2])
    line, strength = (upper + lower[::-1]) / 2, 0.75
    if gap > 0.035 * unit:
        top, cel = float(brightness.max()), Cel(box)
        lips, teeth, tongue = cel.paths(np.concatenate([upper, lower])), cel.paths(rim[::-1]), cel.paths(tongue[::-1])
        cel.pixels[:] = ink(np.array([0.22, 0.055, 0.06]) * brightness, top)
        if gap > 0.30 * unit:
            cel.fill(np.concatenate([lips[16:], tongue]), ink(np.array([0.58, 0.24, 0.24]) * brightness, top))
        cel.fill(np.concatenate([lips[:16], teeth]), ink(np.array([0.90, 0.86, 0.80]) * brightness, top))
        comb = np.stack([lips[TOOTH_GAPS], teeth[15 - TOOTH_GAPS], lips[TOOTH_GAPS]], 1).reshape(-1, 2)
        cel.line(comb, ink(np.array([0.85, 0.80, 0.74]) * brightness, top))
        cel.cut(lips)
        cel.lay(window, free, top)
        line, strength = upper, 0.5
    dark = face.look.skin * np.array([0.42, 0.26, 0.26]) if face.look.lipstick is None else face.look.lipstick * 0.4
    width = max(0.020 * unit, 0.8)
    fill(window, line - (box[1].start, box[0].start), dark * brightness, strength, width=width, clip=free)
