"""What never changes on the skin, as maps over the head's grid, and the rasteriser that brings it to the picture."""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from awing_lib.datasets.synthetic.head import AZIMUTHS, ELEVATIONS, model

TEXELS = 5
"""Texture pixels per cell of the grid."""
LIP_EDGE, BROW_EDGE = 9.0, 5.0
"""Texture pixels over which the fields of lips and brows fall from 1 to 0."""


class Raster(NamedTuple):
    """What a pixel of the window shows of the head; ``column`` and ``row`` are places on the grid."""

    window: tuple[slice, slice]
    """Rows and columns of the picture."""
    column: np.ndarray  # (h, w) float32
    row: np.ndarray  # (h, w) float32
    inside: np.ndarray  # (h, w) float32 coverage, 0 to 1
    texels: tuple[np.ndarray, np.ndarray]
    """Column and row, (h, w) float32, on the textures, TEXELS pixels per cell of the grid."""

    def sample(self, *grids: np.ndarray) -> list[np.ndarray]:
        """Values (h, w) of each of up to four maps over the grid, (R, C) float32."""
        # OpenCV samples four channels at once, and nearly as fast as one
        grid = cv2.merge([*grids, *grids[-1:] * (4 - len(grids))])
        found = cv2.remap(grid, self.column, self.row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return list(cv2.split(found)[: len(grids)])

    def around(self, points: np.ndarray, margin: float) -> tuple[tuple[slice, slice], "Raster"]:
        """The part of the window around points (P, 2) of the picture: its slices of the window, and itself."""
        rows, columns = self.window
        (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()

        def part(low: float, high: float, whole: slice) -> slice:
            size = whole.stop - whole.start
            return slice(*(min(max(int(end) - whole.start, 0), size) for end in (low - margin, high + margin + 1)))

        box = part(y0, y1, rows), part(x0, x1, columns)
        window = tuple(
            slice(whole.start + some.start, whole.start + some.stop)
            for some, whole in zip(box, self.window, strict=True)
        )
        texels = self.texels[0][box], self.texels[1][box]
        return box, Raster(window, self.column[box], self.row[box], self.inside[box], texels)

    def texture(self, image: np.ndarray) -> np.ndarray:
        """Values (h, w) of a texture (H, W), or (h, w, 4) of four that are kept together."""
        return cv2.remap(image, *self.texels, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@cache
def cells() -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each cell's middle, (cells,)."""
    rows, columns = np.mgrid[0 : len(ELEVATIONS) - 1, 0 : len(AZIMUTHS) - 1] + 0.5
    return rows.ravel(), columns.ravel()


def rasterise(x: np.ndarray, y: np.ndarray, depth: np.ndarray, size: int) -> Raster | None:
    """Draw the grid with what is near over what is far.

    Args:
        x, y: (R, C) pixels.
        depth: (R, C), larger is nearer.
        size: side of the picture.

    Returns:
        the part of the picture that holds the head; None if it holds nothing of it.
    """
    x, y = _corners(x), _corners(y)  # (4, cells)
    facing = (x[2] - x[0]) * (y[3] - y[1]) - (y[2] - y[0]) * (x[3] - x[1]) > 0.2
    for values in (x, y):
        facing &= np.maximum(np.maximum(values[0], values[1]), np.maximum(values[2], values[3])) > 0
        facing &= np.minimum(np.minimum(values[0], values[1]), np.minimum(values[2], values[3])) < size - 1
    chosen = np.flatnonzero(facing)
    if len(chosen) == 0:
        return None
    chosen = chosen[np.argsort(_corners(depth).sum(0)[chosen], kind="stable")]
    x, y = x[:, chosen], y[:, chosen]
    x0, y0 = max(int(x.min()) - 2, 0), max(int(y.min()) - 2, 0)
    x1, y1 = min(int(x.max()) + 4, size), min(int(y.max()) + 4, size)
    x, y = x - np.float32(x0), y - np.float32(y0)

    # OpenCV fills float32 twice as fast as int32, and it counts as far as is needed here
    size = 2 * ((y1 - y0 + 1) // 2), 2 * ((x1 - x0 + 1) // 2)
    nothing = np.float32(len(chosen))
    numbers = np.full(size, nothing, np.float32)
    draw = cv2.fillConvexPoly
    polygons = np.empty((len(chosen), 4, 2), np.int32)
    polygons[..., 0], polygons[..., 1] = np.rint(x.T * 16), np.rint(y.T * 16)
    for number, polygon in enumerate(polygons):
        draw(numbers, polygon, number, cv2.LINE_8, 4)

    # place inside the cell: the affine map that fits its four corners best
    along_x, along_y = (x[1] + x[2] - x[0] - x[3]) / 2, (y[1] + y[2] - y[0] - y[3]) / 2
    down_x, down_y = (x[2] + x[3] - x[0] - x[1]) / 2, (y[2] + y[3] - y[0] - y[1]) / 2
    determinant = along_x * down_y - along_y * down_x
    determinant = 1 / np.where(np.abs(determinant) < 1e-3, 1e-3, determinant)
    rows, columns = (part[chosen] for part in cells())
    affine = (down_y * determinant, -down_x * determinant, -along_y * determinant, along_x * determinant)
    table = np.array([*affine, x.sum(0) / 4, y.sum(0) / 4, columns, rows], np.float32)

    # The place changes evenly over the few pixels of a cell: it is found once for two by two of them, in their middle.
    # Of several cells there the farthest counts, since OpenCV fills what a polygon touches, which favours what is near.
    coarse = np.minimum(numbers[::2], numbers[1::2])
    coarse = np.minimum(coarse[:, ::2], coarse[:, 1::2])
    hit = (coarse < nothing).astype(np.float32)
    found = np.take(table, coarse.astype(np.intp), axis=1, mode="clip")  # (8, h / 2, w / 2)
    across = np.arange(0.5, size[1], 2, dtype=np.float32) - found[4]
    downwards = np.arange(0.5, size[0], 2, dtype=np.float32)[:, None] - found[5]
    # around the head the map goes on as a mean of the places beside
    weight = np.maximum(cv2.boxFilter(hit, -1, (3, 3), borderType=cv2.BORDER_CONSTANT), np.float32(1e-6))
    place = []
    for along, down, middle in ((0, 1, 6), (2, 3, 7)):
        shift = found[along] * across + found[down] * downwards
        np.clip(shift, -0.6, 0.6, out=shift)
        shift += found[middle]
        shift *= hit
        beside = cv2.boxFilter(shift, -1, (3, 3), borderType=cv2.BORDER_CONSTANT) / weight
        shift += beside * (1 - hit)
        place.append(cv2.resize(shift, size[::-1], interpolation=cv2.INTER_LINEAR)[: y1 - y0, : x1 - x0])
    column, row = place
    # taking half a pixel back keeps the outline where it belongs
    mask = (numbers[: y1 - y0, : x1 - x0] < nothing).astype(np.float32)
    inside = cv2.GaussianBlur(mask, (3, 3), 0.8) * 2 - np.float32(0.95)
    np.clip(inside, 0, 1, out=inside)
    texels = column * np.float32(TEXELS), row * np.float32(TEXELS)
    return Raster(np.s_[y0:y1, x0:x1], column, row, inside, texels)


def _corners(values: np.ndarray) -> np.ndarray:
    """(4, cells) values at the corners of the cells of a grid (R, C), clockwise."""
    return np.stack([values[:-1, :-1], values[:-1, 1:], values[1:, 1:], values[1:, :-1]]).reshape(4, -1)


def grid_normals(surface: np.ndarray) -> np.ndarray:
    """(3, R, C) float32 unit normals that point outwards, of grid points (3, R, C)."""
    along, down = np.empty_like(surface), np.empty_like(surface)
    along[:, :, 1:-1] = surface[:, :, 2:] - surface[:, :, :-2]
    along[:, :, 0] = along[:, :, -1] = surface[:, :, 1] - surface[:, :, -2]  # the grid closes behind the head
    down[:, 1:-1] = surface[:, 2:] - surface[:, :-2]
    down[:, 0], down[:, -1] = surface[:, 1] - surface[:, 0], surface[:, -1] - surface[:, -2]
    a, b = along, down
    normals = np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    normals /= np.sqrt((normals * normals).sum(0)) + np.float32(1e-9)
    return normals


class Maps(NamedTuple):
    """Textures over the grid, (H, W) float32, 0 to 1."""

    common: np.ndarray
    """(H, W, 4), what every face has: cavities, pores, where skin is redder, strands of hair."""
    folds: np.ndarray
    beard: np.ndarray
    freckles: np.ndarray
    blush: np.ndarray
    lips: np.ndarray
    """0.5 on their edge."""
    brows: np.ndarray
    """1 on their middle line."""
    shadow: np.ndarray
    """Eye shadow."""


@cache
def maps() -> Maps:
    """The textures, made once from the neutral head."""
    head = model()
    rows, columns = head.grid.shape[:2]
    height, width = (rows - 1) * TEXELS + 1, (columns - 1) * TEXELS + 1
    across, downwards = np.meshgrid(np.arange(width) / TEXELS, np.arange(height) / TEXELS)
    across, downwards = across.astype(np.float32), downwards.astype(np.float32)
    position = cv2.remap(head.grid.astype(np.float32), across, downwards, cv2.INTER_CUBIC)
    texels = texel_of(head.key_angles)
    generator = np.random.default_rng(98)

    def blob(center, radius):
        """A soft spot around ``center`` and around its mirror image; radius is one number or (x, y, z)."""
        found = np.zeros((height, width))
        for sign in (-1, 1) if center[0] else (1,):
            distance = ((position - np.array(center) * (sign, 1, 1)) / np.asarray(radius, float)) ** 2
            found = np.maximum(found, np.exp(-distance.sum(-1) / 2))
        return found

    def polygon(outline):
        scale = 4
        mask = np.zeros((height * scale, width * scale), np.uint8)
        cv2.fillPoly(mask, [np.round((outline + 0.5) * scale * 16 - 8).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return mask

    def soft(outline, edge):
        """0.5 on the outline, to 1 inside and 0 outside over ``edge`` texels."""
        mask = polygon(outline)
        inner = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
        outer = cv2.distanceTransform((mask <= 127).astype(np.uint8), cv2.DIST_L2, 5)
        field = cv2.resize((inner - outer).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) / 4
        return np.clip(0.5 + field / edge, 0, 1)

    def noise(sigma, stretch=1.0):
        raw = generator.standard_normal((height, width)).astype(np.float32)
        raw = cv2.GaussianBlur(raw, (0, 0), sigmaX=sigma, sigmaY=sigma * stretch)
        return raw / raw.std()

    lips = np.concatenate([_smooth(texels[76:83]), _smooth(texels[[82, 83, 84, 85, 86, 87, 76]])])
    brows = np.zeros((height, width))
    for upper, lower in ((slice(33, 38), [38, 39, 40, 41]), (slice(42, 47), [47, 48, 49, 50])):
        outline = np.concatenate([texels[upper], texels[lower]])
        brows = np.maximum(brows, soft(_round(outline), BROW_EDGE * 2))
    # fine hairs: the field of the brows is torn a little along slanted lines
    brows = np.clip(brows + 0.05 * noise(0.8, 2.5) * (brows > 0), 0, 1)
    x, y, z = np.moveaxis(position, -1, 0)
    shadow = np.maximum(blob((0.345, -0.095, 0.11), (0.16, 0.05, 0.2)), blob((0.44, -0.07, 0.06), (0.1, 0.05, 0.2)))
    blush = blob((0.55, 0.33, 0.04), (0.16, 0.13, 0.3))

    lower_face = 1 / (1 + np.exp(-(y - 0.86 + 0.42 * np.abs(x)) / 0.035))  # moustache line rises to the sideburns
    sides = np.clip((np.abs(x) - 0.66 + 0.10 * y) / 0.08, 0, 1) * np.clip((y + 0.06) / 0.38, 0, 1)
    chin_strap = lower_face * (1 - blob((0.46, 0.62, 0.05), (0.17, 0.17, 0.3)))
    moustache = blob((0.10, 0.600, 0.32), (0.10, 0.030, 0.2))
    around = np.clip((y - 0.70 + 0.30 * (np.abs(x) > 0.24)) / 0.1, 0, 1) * lower_face
    beard = np.clip(np.maximum.reduce([around * chin_strap, moustache, sides]), 0, 1) * (1 - soft(lips, 3.0))
    beard *= np.clip((z + 0.85) / 0.12, 0, 1) * np.clip((1.33 - y) / 0.08, 0, 1)
    beard = cv2.GaussianBlur(beard.astype(np.float32), (0, 0), 3.0)
    cavities = 0.55 * blob((0.20, 0.02, 0.07), (0.035, 0.05, 0.1)) + 0.40 * blob(
        (0.21, -0.06, 0.12), (0.07, 0.06, 0.12)
    )
    cavities += 0.35 * blob((0.345, -0.115, 0.12), (0.17, 0.028, 0.2))
    cavities += 0.50 * blob((0.215, 0.45, 0.20), (0.022, 0.055, 0.1)) + 0.30 * blob(
        (0, 0.985, 0.25), (0.15, 0.035, 0.1)
    )
    cavities += 0.30 * blob((0.315, 0.74, 0.15), (0.03, 0.035, 0.1)) + 0.16 * blob(
        (0, 0.595, 0.33), (0.022, 0.055, 0.1)
    )
    nostril = blob((0.085, 0.497, 0.365), (0.042, 0.016, 0.06))
    upper_lip = soft(np.concatenate([_smooth(texels[76:83]), _smooth(texels[[92, 91, 90, 89, 88]])]), 4.0)
    cavities = np.clip(cavities + 0.22 * upper_lip, 0, 0.75) + 1.2 * nostril
    pores = np.clip(0.5 + 0.16 * noise(0.8) + 0.10 * noise(3.5), 0, 1)

    red = np.maximum.reduce(
        [blob((0, 0.42, 0.48), 0.12), 0.8 * blob((0.52, 0.32, 0.05), 0.18), 0.5 * blob((0, 1.16, 0.27), 0.14)]
    )
    folds = np.zeros((height, width), np.float32)
    beside_the_mouth = _smooth(np.array([(-0.235, 0.43, 0.2), (-0.30, 0.55, 0.2), (-0.37, 0.70, 0.16)]))
    lines = [beside_the_mouth, [(-0.235, 0.12, 0.13), (-0.31, 0.155, 0.12), (-0.40, 0.155, 0.09)]]
    lines += [
        [(-0.45, -0.50, 0.1), (-0.2, -0.52, 0.22), (0, -0.51, 0.24)],
        [(-0.42, -0.62, 0.05), (-0.2, -0.64, 0.18), (0, -0.63, 0.18)],
    ]
    lines += [
        [(-0.56, -0.02, -0.08), (-0.64, -0.05, -0.18)],
        [(-0.56, 0.03, -0.06), (-0.64, 0.06, -0.16)],
        [(-0.06, -0.27, 0.25), (-0.05, -0.16, 0.245)],
    ]
    for line in lines:
        for sign in (1, -1):
            rays = np.array(line) * (sign, 1, 1) - (0, 0.20, -0.62)
            angles = np.stack(
                [np.arctan2(rays[:, 0], rays[:, 2]), np.arcsin(rays[:, 1] / np.linalg.norm(rays, axis=1))], 1
            )
            path = np.round(texel_of(np.degrees(angles)) * 16).astype(np.int32)
            cv2.polylines(folds, [path], False, 1.0, 1, cv2.LINE_8, 4)
    folds = np.clip(cv2.GaussianBlur(folds, (0, 0), 1.1) * 2.4, 0, 1)
    strands = np.clip(0.5 + 0.16 * noise(0.9, 14) + 0.10 * noise(2.8, 12), 0, 1)
    spots = (noise(0.9) > 2.0).astype(np.float32) * blob((0.35, 0.25, 0.1), (0.3, 0.16, 0.4))
    freckles = cv2.GaussianBlur(spots.astype(np.float32), (0, 0), 0.7)
    common = np.stack([np.clip(cavities, 0, 1), pores, red, strands], -1)
    textures = (common, folds, beard, np.clip(freckles * 1.6, 0, 1), blush, soft(lips, LIP_EDGE), brows, shadow)
    return Maps(*(np.ascontiguousarray(texture, np.float32) for texture in textures))


def texel_of(angles: np.ndarray) -> np.ndarray:
    """(P, 2) places on the textures of directions (P, 2), azimuth and elevation in degrees."""
    column = np.interp(angles[:, 0], AZIMUTHS, np.arange(len(AZIMUTHS)))
    row = np.interp(angles[:, 1], ELEVATIONS, np.arange(len(ELEVATIONS)))
    return np.stack([column, row], 1) * TEXELS


@cache
def curve_matrix(count: int, samples: int) -> np.ndarray:
    """(samples, count) float32: a smooth curve through ``count`` points as a weighted sum of them."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(np.arange(count), np.eye(count), bc_type="natural")
    return spline(np.linspace(0, count - 1, samples)).astype(np.float32)


def _smooth(points: np.ndarray, samples: int = 24) -> np.ndarray:
    return curve_matrix(len(points), samples) @ points


def _round(points: np.ndarray) -> np.ndarray:
    """A closed smooth outline through points (P, 2)."""
    turned = np.concatenate([points[-3:], points, points[:3]])
    curve = curve_matrix(len(turned), (len(turned) - 1) * 6 + 1) @ turned
    return curve[12:-18]
