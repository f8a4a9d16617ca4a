"""Draws a :class:`Face`: projects the head, paints the skin, sets in eyes and mouth, puts on hair and clothes."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from awing_lib.datasets.synthetic import wear
from awing_lib.datasets.synthetic.face import Face, Light
from awing_lib.datasets.synthetic.hair import Hair
from awing_lib.datasets.synthetic.head import EYEBALL, gaze_points, model, rotation
from awing_lib.datasets.synthetic.layer import blend, coverage, fill, plane, smooth_step
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
    points = np.concatenate([_on_surface(surface, _places()[:2])[0], gaze_points(eyeballs, face.gaze)])
    points[DRAWN_BY_KEYS] = keys[DRAWN_BY_KEYS]
    upright = rotation(face.yaw, face.pitch, 0)
    points[:33] = _contour(surface, upright, points[:33])
    unplaced = Geometry(keys, surface, eyeballs, turn, face.scale, face.distance, np.zeros(2), points, points[:, 0])
    pixels, depth = unplaced.project(points)
    middle = (pixels.min(0) + pixels.max(0)) / 2
    shift = (size - 1) / 2 + np.asarray(face.center) - middle
    return Geometry(keys, surface, eyeballs, turn, face.scale, face.distance, shift, pixels + shift, depth)


def _on_surface(surface: np.ndarray, texels: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Points (..., 3) of the drawn surface (3, R, C) at columns and rows (..., float32) of its grid."""
    return np.stack([cv2.remap(part, *texels, cv2.INTER_LINEAR) for part in surface], -1)


@cache
def _places() -> tuple[np.ndarray, ...]:
    """Columns and rows on the grid: of the landmarks (1, 96) twice, and of the ways from contour to nose (33, 24)."""
    angles = model().key_angles[:96]
    steps = np.linspace(0, 0.85, 24)
    paths = np.stack([angles[:33, :1] * (1 - steps), np.broadcast_to(angles[:33, 1:], (33, 24))], -1)
    found = []
    for directions in (angles[None], paths):
        texels = texel_of(directions.reshape(-1, 2)) / TEXELS
        found += [np.ascontiguousarray(axis.reshape(directions.shape[:2]), np.float32) for axis in texels.T]
    return tuple(found)


def _contour(surface: np.ndarray, upright: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The contour (33, 3) as it is annotated: where the far cheek hides the jaw line, the point on the cheek's rim."""
    angles = model().key_angles[:33, :1]
    found = _on_surface(surface, _places()[2:])  # (33, 24, 3)
    best = ((found - VIEW_CENTER) @ upright[0] * np.sign(angles)).argmax(1)
    best[np.abs(angles[:, 0]) < 12] = 0  # the chin's own outline does not move sideways
    moved = np.take_along_axis(found, best[:, None, None], 1)[:, 0]
    return np.where(best[:, None] > 0, moved, points)


def draw(face: Face, generator: np.random.Generator, size: int = 256) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a face.

    Returns:
        image (size, size, 3) uint8 RGB, landmarks (98, 2) float32 in pixels, and visible (98,) bool: neither hidden by
        the head itself nor by hair, hat, dark glasses or what is in front of the face.
    """
    place = geometry(face, size)
    look, light = face.look, face.light
    hair = Hair.of(look)
    image = np.stack(cv2.split(background(generator, size)))
    image *= plane(light.around + 0.5 * light.lamp) * np.float32(0.95)

    shell = place.surface + hair.thickness * model().outwards
    x, y, depth = place.project_grid(shell)
    raster = rasterise(x, y, depth, size)
    hidden = np.zeros(98, bool)
    if raster is not None:
        wear.behind(image, face, place)
        _neck(image, face, place)
        seen = np.full((size, size), FAR, np.float32)
        rows, columns = raster.window
        seen[rows, columns] = np.where(raster.inside > 0.3, raster.sample(depth), np.float32(FAR))
        blend(image[:, rows, columns], _paint(face, place, hair, raster, shell), raster.inside)
        wear.ears(image, face, place, seen)
        for eye in (0, 1):
            _eye(image, face, place, seen, eye)
        _mouth(image, face, place, seen)
        hidden = _behind(place, seen, size)
        for box, alpha in wear.before(image, face, place, seen):
            hidden |= _under(alpha, place.landmarks - (box[1].start, box[0].start))
    if face.occluder is not None:
        unit = max(
            float(np.linalg.norm(place.landmarks[60] - place.landmarks[72])), np.ptp(place.landmarks[:, 1]) / 2.2
        )
        towards = light.direction[:2] / max(np.linalg.norm(light.direction[:2]), 1e-6)
        lit = np.clip(look.skin * (light.around + 0.6 * light.lamp), 0, 1)
        scene = Scene(place.landmarks, unit, skin=lit, light=towards, hair=look.hair, cloth=look.cloth)
        alpha = draw_occluder(face.occluder, image.transpose(1, 2, 0), scene, generator)
        hidden |= _under(alpha, place.landmarks)
    # the camera's automatic exposure makes up for part of a dark or a bright scene
    image *= np.float32(np.clip((0.40 / (image[:, ::4, ::4].mean() + 1e-3)) ** 0.45, 0.8, 1.5))
    np.clip(image, 0, 1, out=image)
    return develop(cv2.merge(list(image)), face.photo, generator), place.landmarks.astype(np.float32), ~hidden


def _behind(place: Geometry, seen: np.ndarray, size: int) -> np.ndarray:
    """(98,) whether the drawn surface lies clearly in front of the landmark."""
    x, y = np.clip(np.round(place.landmarks).astype(int), 0, size - 1).T
    before = seen[y, x]
    # the contour runs along the rim, where the next pixel may lie much nearer: the farthest of 3 x 3 counts
    before[:33] = cv2.erode(seen, np.ones((3, 3), np.uint8))[y[:33], x[:33]]
    return before > place.depth + TOLERANCE


def _under(alpha: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(98,) whether the landmark lies where ``alpha`` is opaque."""
    x, y = np.round(landmarks).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < alpha.shape[1]) & (y < alpha.shape[0])
    return inside & (alpha[np.clip(y, 0, alpha.shape[0] - 1), np.clip(x, 0, alpha.shape[1] - 1)] > 0.5)


def _paint(face: Face, place: Geometry, hair: Hair, raster: Raster, shell: np.ndarray) -> np.ndarray:
    """Colours (3, h, w) of the head in the raster's window."""
    look, light = face.look, face.light
    textures = maps()
    cavity, pores, strands = map(raster.texture, (textures.cavities, textures.pores, textures.strands))
    flush = np.float32(0.5 * look.flush) * raster.texture(textures.red)
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
    for channel, gain in enumerate((0.10, -0.20, -0.20)):
        np.multiply(1 + np.float32(gain) * flush, np.float32(look.skin[channel]) * dark, out=albedo[channel])
    albedo[1:] *= ruddy
    rough = np.full(dark.shape, 0.16 + 0.05 * look.flush, np.float32)
    if look.beard:
        full = np.float32(np.clip((look.beard - 0.45) / 0.3, 0, 1))
        beard = raster.texture(textures.beard)
        density = smooth_step(beard + np.float32(0.35) * (pores - np.float32(0.5)), 0.25, 0.75)
        stubble = (1 - full) * np.float32(0.5 * look.beard / 0.4) * (np.float32(0.55) + np.float32(0.6) * pores)
        tone = np.float32(0.62) + np.float32(0.55) * strands
        blend(albedo, plane(look.hair) * tone, density * (np.float32(0.85) * full + stubble))
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

    covered = hair.cover(raster, strands)
    if covered is not None:
        alpha, colour = covered
        if hair.casts:
            rim = smooth_step(hair.field_of(raster), 0.30, 0.50)
            albedo *= 1 - np.float32(0.30) * rim * (1 - alpha)
        blend(albedo, colour, alpha)
        rough += alpha * (np.float32(hair.gloss) - rough)

    rough *= 1 - np.float32(0.6) * cavity
    *lit, shine = cv2.split(raster.sample(_lighting(light, place.turn, shell)))
    rough *= shine
    for channel in range(3):
        albedo[channel] *= lit[channel]
        albedo[channel] += np.float32(light.lamp[channel]) * rough
    return albedo


def _lighting(light: Light, turn: np.ndarray, shell: np.ndarray) -> np.ndarray:
    """What points of the grid send on of the light, (R, C, 4): red, green, blue, and the mirror-like part."""
    right, down, near = _turn(turn, grid_normals(shell))
    x, y, z = light.direction.astype(np.float32)
    facing = x * right + y * down + z * near
    around = (np.float32(0.80) - np.float32(0.20) * down) * (np.float32(0.72) + np.float32(0.28) * near)
    half = light.direction + np.array([0, 0, 1.0])
    x, y, z = (half / np.linalg.norm(half)).astype(np.float32)
    shine = np.float32(0.55) * np.clip(x * right + y * down + z * near, 0, 1) ** 16
    lit = []
    # light that enters the skin comes out a little farther on, red most of all: shadows have a soft and warm border
    for channel, wrap in enumerate((0.50, 0.36, 0.30)):
        diffuse = np.clip((facing + np.float32(wrap)) * np.float32(1 / (1 + wrap)), 0, None)
        diffuse *= np.float32(0.78) + np.float32(0.22) * diffuse
        lit.append(np.float32(light.lamp[channel]) * diffuse + np.float32(light.around[channel]) * around)
    return cv2.merge([*lit, shine])


def _neck(image: np.ndarray, face: Face, place: Geometry) -> None:
    """Neck and shoulders: they stay upright while the head turns."""
    look, light, unit = face.look, face.light, place.scale
    (top, chin, low), _ = place.project(np.array([[0.0, 0.95, -0.70], place.keys[16], [0.0, 2.0, -0.8]]))
    lean = 0.35 * (low - top)[0]
    base = top + np.array([lean, 0.95 * unit])
    width = (0.49 + 0.09 * (look.beard > 0) + 0.03 * face.identity[1]) * unit
    side, spread = np.array([width, 0]), np.array([1.75 * unit, 0])
    down, slope = np.array([0, unit]), np.array([0, 0.38 * unit])
    outline = [top - side, base - 1.04 * side - 0.4 * down, base - 1.35 * side, base - 0.8 * side + 0.5 * down]
    outline += [base + 0.8 * side + 0.5 * down, base + 1.35 * side, base + 1.04 * side - 0.4 * down, top + side]
    found = coverage(image.shape, np.array(outline))
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
    body = [
        base - 1.25 * side - 0.12 * down,
        base - 0.75 * spread + 0.5 * slope,
        base - 1.2 * spread + 4 * slope,
        base - 1.3 * spread + 6 * down,
    ]
    body += [base + 1.3 * spread + 6 * down, base + 1.2 * spread + 4 * slope, base + 0.75 * spread + 0.5 * slope]
    body += [
        base + 1.25 * side - 0.12 * down,
        base + 0.7 * side + 0.12 * down,
        base + 0.22 * down,
        base - 0.7 * side + 0.12 * down,
    ]
    shade = light.around + light.lamp * max(0.25, light.direction[2] * 0.8)
    fill(image, curve_matrix(len(body) + 1, 60) @ np.array([*body, body[0]]).astype(np.float32), cloth * shade)
    collar = np.array([*body[-4:], body[0]], np.float32)
    fill(image, curve_matrix(5, 24) @ collar, cloth * shade * 0.72, 0.8, width=0.05 * unit)


def _ruled(pixels: np.ndarray, depth: np.ndarray, box: tuple) -> np.ndarray | float:
    """Depth over the pixels of ``box``, running from one corner of eye or mouth (point 0) to the other (point 4)."""
    along = pixels[4] - pixels[0]
    if abs(depth[4] - depth[0]) < 0.05:
        return depth.max()
    y, x = np.ogrid[box]
    share = ((x - pixels[0, 0]) * along[0] + (y - pixels[0, 1]) * along[1]) / max(along @ along, 1.0)
    bulge = max(depth.mean() - (depth[0] + depth[4]) / 2, 0)
    return depth[0] + (depth[4] - depth[0]) * np.clip(share, 0, 1) + bulge


def _turn(matrix: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A grid of vectors (3, R, C) float32, turned by a matrix (3, 3)."""
    return np.einsum("ij,jrc->irc", matrix.astype(np.float32), grid)


def _box(points: np.ndarray, margin: float, size: int):
    """Slices of the picture around points (P, 2); None where they lie outside of it."""
    x0, y0 = np.clip(np.floor(points.min(0) - margin).astype(int), 0, size)
    x1, y1 = np.clip(np.ceil(points.max(0) + margin + 1).astype(int), 0, size)
    return np.s_[y0:y1, x0:x1] if x1 > x0 and y1 > y0 else None


def _eye(image: np.ndarray, face: Face, place: Geometry, seen: np.ndarray, eye: int) -> None:
    """Eyeball, iris, lids and lashes of one eye (0: image-left), drawn inside the outline of its eight points."""
    look, light, unit = face.look, face.light, place.scale
    first = 60 + 8 * eye
    keys = place.keys[first : first + 8]
    lids, depth = place.project(keys)
    (x, y), (next_x, next_y) = lids.T, lids[[1, 2, 3, 4, 5, 6, 7, 0]].T
    area = (x * next_y - y * next_x).sum()
    box = _box(lids, 0.14 * unit, image.shape[-1])
    if area < max(0.004 * unit**2, 2) or box is None:
        return
    rows, columns = box
    origin = np.array([columns.start, rows.start])
    free = (seen[box] < _ruled(lids, depth, box) + 0.10).astype(np.float32)
    window = image[:, rows, columns]
    upper = curve_matrix(5, 16) @ lids[:5].astype(np.float32) - origin
    lower = curve_matrix(5, 16) @ lids[[4, 5, 6, 7, 0]].astype(np.float32) - origin
    opening = np.zeros(free.shape, np.float32)
    (inner_rows, inner_columns), mask = coverage(window.shape, np.concatenate([upper, lower]))
    opening[inner_rows, inner_columns] = mask
    opening *= free

    # white of the eye: a ball lit like the skin, darker under the upper lid
    brightness = light.around + light.lamp * max(0.15, 0.75 * light.direction[2] + 0.2)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(lids[:, 1].min())
    height = max(lids[:, 1].max() - lids[:, 1].min(), 1.0)
    lid_shadow = np.float32(0.60) + np.float32(0.40) * np.clip(y / np.float32(0.55 * height), 0, 1)
    shape = (3, *free.shape)
    blend(window, np.broadcast_to(plane(np.array([0.93, 0.91, 0.89]) * brightness) * lid_shadow, shape), opening)
    center = place.eyeballs[eye]
    looking = (gaze_points(place.eyeballs, face.gaze)[eye] - center) / EYEBALL
    flat = np.hypot(looking[0], looking[2])
    right = np.array([looking[2] / flat, 0, -looking[0] / flat])
    up = np.array([-looking[1] * looking[0] / flat, flat, -looking[1] * looking[2] / flat])
    ring = CIRCLE[:, :1] * right + CIRCLE[:, 1:] * up
    radius = 0.066
    for part, colour in ((1.0, look.iris * 0.45), (0.86, look.iris * 1.05), (0.44, np.array([0.02, 0.02, 0.025]))):
        circle, _ = place.project(center + looking * np.sqrt(EYEBALL**2 - (part * radius) ** 2) + ring * radius * part)
        fill(window, circle - origin, colour * (brightness * 0.86 if part > 0.5 else 1.0), clip=opening)
    glint, _ = place.project(center + EYEBALL * looking + np.array([0.30 * light.direction[0], -0.28, 0]) * radius)
    dot = glint - origin + max(0.016 * unit, 0.6) * np.array([(-0.7, -0.7), (0.7, -0.7), (0.7, 0.7), (-0.7, 0.7)])
    fill(window, dot, np.ones(3), 0.9, clip=opening)

    painted = look.shadow is not None
    line = look.skin * (0.08 if painted else 0.28)
    lash = max(0.020 * unit * (1.8 if painted else 1.0), 0.7)
    fill(window, upper, line * brightness, 0.95 if painted else 0.80, width=lash, clip=free)
    fill(window, lower, look.skin * 0.5 * brightness, 0.55, width=max(0.012 * unit, 0.6), clip=free)
    if painted:  # the line is drawn out beyond the outer corner
        outer, inner = (0, 4) if eye == 0 else (4, 0)
        wing = keys[outer] + (keys[outer] - keys[inner]) * np.array([0.16, 0, 0.16]) + np.array([0, -0.045, -0.02])
        tip, _ = place.project(np.stack([keys[outer], wing]))
        fill(window, tip - origin, line * brightness, 0.9, width=lash, clip=free)
    if height > 0.05 * unit:
        fold, _ = place.project(
            keys[:5] + np.array([[0, -0.012, 0], [0, -0.034, 0], [0, -0.040, 0], [0, -0.034, 0], [0, -0.010, 0]])
        )
        crease = curve_matrix(5, 16) @ fold.astype(np.float32) - origin
        colour = look.skin * np.array([0.55, 0.45, 0.42]) * brightness
        fill(window, crease, colour, 0.42, width=max(0.013 * unit, 0.6), clip=free)


def _mouth(image: np.ndarray, face: Face, place: Geometry, seen: np.ndarray) -> None:
    """What the inner edges of the lips leave open: teeth, tongue and dark."""
    unit = place.scale
    lips, depth = place.project(place.keys[88:96])
    box = _box(lips, 0.04 * unit, image.shape[-1])
    if box is None:
        return
    rows, columns = box
    origin = np.array([columns.start, rows.start])
    window = image[:, rows, columns]
    free = (seen[box] < _ruled(lips, depth, box) + 0.16).astype(np.float32)
    upper = curve_matrix(5, 16) @ lips[:5].astype(np.float32) - origin
    lower = curve_matrix(5, 16) @ lips[[4, 5, 6, 7, 0]].astype(np.float32) - origin
    gap = np.linalg.norm(lips[2] - lips[6])
    brightness = face.light.around + face.light.lamp * max(0.1, 0.7 * face.light.direction[2])
    line, strength = (upper + lower[::-1]) / 2, 0.75
    if gap > 0.035 * unit:
        found = coverage(window.shape, np.concatenate([upper, lower]))
        opening = np.zeros(free.shape, np.float32)
        if found is not None:
            opening[found[0]] = found[1]
        opening *= free
        blend(window, np.array([0.22, 0.055, 0.06]) * brightness, opening)
        if gap > 0.30 * unit:
            back = np.array(
                [[0, -0.08, -0.06], [0, -0.13, -0.06], [0, -0.15, -0.06], [0, -0.13, -0.06], [0, -0.08, -0.06]]
            )
            tongue, _ = place.project(place.keys[[92, 93, 94, 95, 88]] + back)
            tongue = curve_matrix(5, 16) @ tongue.astype(np.float32) - origin
            fill(
                window,
                np.concatenate([lower, tongue[::-1]]),
                np.array([0.62, 0.26, 0.26]) * brightness,
                0.9,
                clip=opening,
            )
        # the upper teeth stay with the skull; the gap shows more or less of them
        edge = np.array([[0, 0.02, -0.05], [0, 0.085, -0.03], [0, 0.105, -0.02], [0, 0.085, -0.03], [0, 0.02, -0.05]])
        rim, _ = place.project(place.keys[88:93] + edge)
        rim = curve_matrix(5, 16) @ rim.astype(np.float32) - origin
        fill(window, np.concatenate([upper, rim[::-1]]), np.array([0.93, 0.90, 0.84]) * brightness, 0.95, clip=opening)
        comb = np.concatenate([[upper[k], rim[k], upper[k]] for k in (3, 5, 7, 8, 10, 12)])
        fill(window, comb, np.array([0.70, 0.62, 0.56]) * brightness, 0.35, width=0.6, clip=opening)
        line, strength = upper, 0.5
    dark = face.look.skin * np.array([0.42, 0.26, 0.26]) if face.look.lipstick is None else face.look.lipstick * 0.4
    fill(window, line, dark * brightness, strength, width=max(0.020 * unit, 0.8), clip=free)
