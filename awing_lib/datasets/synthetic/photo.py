"""What surrounds a synthetic face in its photo, and what camera and file do to the picture.

:func:`background` draws the out-of-focus scene behind the head; :class:`Photo` holds one choice of light, lens, sensor
and file, and :func:`develop` applies it. Nothing here moves a pixel: every kernel is centred, so landmarks stay true.

Images are RGB; float32 ones hold display values (what a screen is sent, not linear light) in [0, 1].
"""

import math
from collections.abc import Callable
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from awing_lib.arguments import as_real, as_whole
from awing_lib.errors import AwingError

DISPLAY_GAMMA = 2.2
"""Display value = linear light ** (1 / DISPLAY_GAMMA): a stop of light is a factor 2 ** (1 / 2.2) of display value."""

_SCENE = 128  # side at which backgrounds are drawn; they are out of focus, so enlarging them loses nothing
_NOISE_TILE = 512


class PhotoError(AwingError):
    """An image, a size or a setting of the camera that no picture can be made from."""


# -- backgrounds ------------------------------------------------------------------------------------------------------


def background(generator: np.random.Generator, size: int = 256) -> np.ndarray:
    """The out-of-focus scene behind a portrait: studio, room, foliage, skyline, street at night, stage, stands, ...

    Args:
        generator: source of all randomness; the same state gives the same picture.
        size: side of the square picture, pixels.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        PhotoError: the size is not a whole number from 8 to 4096.
    """
    if not 8 <= as_whole(size) <= 4096:
        raise PhotoError(f"size must be a whole number of pixels from 8 to 4096, got {size!r}")
    scenes, chances = _scenes()
    scene, (low, high) = scenes[np.searchsorted(chances, generator.random())]
    picture = scene(generator)
    sigma = generator.uniform(low, high)
    if sigma > 2:  # a wide blur leaves nothing that half the pixels could not hold
        picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        sigma /= 2
    picture = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)


@cache
def _scenes() -> tuple[list[tuple[Callable, tuple[float, float]]], np.ndarray]:
    """Scenes with their range of blur (pixels at the size they are drawn), and their cumulative chances."""
    table = [
        (_studio, (1.0, 2.0), 5),
        (_room, (1.2, 4.5), 5),
        (_foliage, (1.0, 3.0), 4),
        (_skyline, (1.2, 4.0), 3),
        (_coast, (1.2, 4.0), 2),
        (_street_lights, (0.7, 1.3), 2.5),
        (_stage, (1.5, 3.5), 2.5),
        (_stands, (1.2, 2.4), 2.5),
        (_wallpaper, (0.6, 2.5), 2),
        (_press_wall, (0.6, 1.8), 2.5),
        (_bookshelf, (1.2, 3.0), 1.5),
    ]
    chances = np.cumsum([weight for *_, weight in table])
    return [entry[:2] for entry in table], chances / chances[-1]


def clipped(value: float, low: float, high: float) -> float:
    """``np.clip`` of one number, ten times as fast."""
    return min(max(float(value), low), high)


def _pick(generator: np.random.Generator, options: list):
    return options[int(generator.integers(len(options)))]


def _tone(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    """A colour as OpenCV draws it: RGB, 0 to 255; hue in turns, taken modulo 1."""
    saturation, value = min(max(saturation, 0), 1), min(max(value, 0), 1)
    return tuple(255 * part for part in hsv_to_rgb(hue % 1, saturation, value))


def _at(x: float, y: float) -> tuple[int, int]:
    """A point in sixteenths of a pixel, for drawing with ``shift=4``; x and y in shares of the scene's side."""
    return round((x * _SCENE - 0.5) * 16), round((y * _SCENE - 0.5) * 16)


def _rectangle(picture: np.ndarray, x0: float, y0: float, x1: float, y1: float, colour) -> None:
    # the blur that follows smooths its edges
    cv2.rectangle(picture, _at(x0, y0), _at(x1, y1), colour, -1, cv2.LINE_8, 4)


def _disc(picture: np.ndarray, x: float, y: float, radius: float, colour, thickness: int = -1) -> None:
    cv2.circle(picture, _at(x, y), round(radius * _SCENE * 16), colour, thickness, cv2.LINE_AA, 4)


def _blend(corners: list) -> np.ndarray:
    """A grid of colours (rows of RGB triples), smoothly blended over the whole scene."""
    grid = np.asarray(corners, np.float32)
    rows, columns = grid.shape[:2]
    # the outermost colours belong on the border of the scene, not half a cell inside
    matrix = np.array([[(columns - 1) / (_SCENE - 1), 0, 0], [0, (rows - 1) / (_SCENE - 1), 0]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(grid, matrix, (_SCENE, _SCENE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cv2.add(picture, (0.0, 0.0, 0.0, 0.0), dtype=cv2.CV_8U)


@cache
def _clouds() -> np.ndarray:
    """(256, 256) uint8, mean 128: noise of many sizes, the same on every run."""
    generator = np.random.default_rng(98)
    total = np.zeros((256, 256), np.float32)
    for cells in (6, 12, 24, 48, 96):
        noise = generator.standard_normal((cells, cells)).astype(np.float32)
        total += cv2.resize(noise, (256, 256), interpolation=cv2.INTER_CUBIC) * (6 / cells) ** 0.7
    total -= total.mean()
    return np.clip(128 + total * (45 / total.std()), 0, 255).astype(np.uint8)


def _mottle(generator: np.random.Generator, picture: np.ndarray, strength: float, zoom: float = 1.0) -> np.ndarray:
    """The picture with soft light and dark patches; a larger zoom makes larger patches."""
    side = round(128 / zoom)
    x, y = generator.integers(0, 256 - side, 2, endpoint=True)
    patch = cv2.resize(_clouds()[y : y + side, x : x + side], (_SCENE, _SCENE), interpolation=cv2.INTER_LINEAR)
    return cv2.addWeighted(picture, 1, cv2.merge([patch, patch, patch]), strength, -128 * strength)


def _bokeh(generator, picture, count: int, radius: tuple[float, float], colours: list, top=0.0, bottom=1.0):
    """Lights out of focus: discs with a brighter rim, added as light adds."""
    for _ in range(2):  # two layers, so that discs that overlap add up
        layer = np.zeros_like(picture)
        count = (count + 1) // 2
        places = generator.uniform((0, top, radius[0], 0.35), (1, bottom, radius[1], 1), (count, 4)).tolist()
        for (x, y, size, strength), which in zip(places, generator.integers(0, len(colours), count), strict=True):
            colour = [part * strength for part in colours[which]]
            _disc(layer, x, y, size, [0.8 * part for part in colour])
            _disc(layer, x, y, size, colour, thickness=1)
        picture = cv2.add(picture, layer)
    return picture


def _studio(generator):
    """A seamless backdrop, or a painted canvas, lit from one side."""
    neutral = generator.random() < 0.5
    hue = _pick(generator, [0.58, 0.08, 0.55, 0.45, 0.95, 0.12]) + generator.normal(0, 0.02)
    saturation = generator.uniform(0, 0.12) if neutral else generator.uniform(0.15, 0.5)
    value = generator.uniform(0.2, 0.95)
    x, y = generator.uniform((0.2, 0.1), (0.8, 0.7))
    columns, rows = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5))
    light = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / generator.uniform(0.3, 1.2))
    values = value * (0.45 + 0.6 * light)
    picture = _blend([[_tone(hue, saturation * (1.15 - 0.3 * v), v) for v in row] for row in values])
    return _mottle(generator, picture, _pick(generator, [0.0, 0.05, 0.25]), zoom=1.0)


def _room(generator):
    """A wall with what hangs on it or stands before it: windows, pictures, a lamp, a door, a plant."""
    hue = _pick(generator, [0.09, 0.11, 0.55, 0.35, 0.06]) + generator.normal(0, 0.02)
    saturation, value = generator.uniform(0.03, 0.3), generator.uniform(0.4, 0.9)
    wall = _tone(hue, saturation, value)
    dim = _tone(hue, saturation * 1.2, value * generator.uniform(0.55, 0.9))
    picture = _blend([[wall, dim], [wall, dim]] if generator.random() < 0.5 else [[dim, wall], [dim, wall]])
    if generator.random() < 0.45:
        floor = generator.uniform(0.72, 0.95)
        _rectangle(picture, -0.1, floor, 1.1, 1.1, _tone(0.07, 0.35, value * 0.55))
        _rectangle(picture, -0.1, floor - 0.02, 1.1, floor + 0.01, _tone(hue, 0.05, value * 1.05))
    for side in generator.permutation(2)[: generator.integers(1, 3)]:
        x = generator.uniform(0.0, 0.16) + 0.62 * side
        [_window, _frames, _lamp, _door, _plant][generator.integers(5)](generator, picture, x, value)
    return _mottle(generator, picture, 0.06, zoom=1.5)


def _window(generator, picture, x, value):
    top, bottom, width = generator.uniform(0.02, 0.15), generator.uniform(0.6, 0.9), generator.uniform(0.25, 0.4)
    sky = generator.uniform(0.85, 1.0)
    _rectangle(picture, x - 0.02, top - 0.02, x + width + 0.02, bottom + 0.02, _tone(0.1, 0.06, min(1, value * 1.12)))
    _rectangle(picture, x, top, x + width, bottom, _tone(0.57, generator.uniform(0.03, 0.2), sky))
    _rectangle(picture, x, bottom - 0.2, x + width, bottom, _tone(0.3, 0.25, sky * 0.8))
    for bar in (x + width / 2, x + width):
        _rectangle(picture, bar - 0.012, top, bar + 0.012, bottom, _tone(0.1, 0.05, value))
    middle = (top + bottom) / 2
    _rectangle(picture, x, middle - 0.01, x + width, middle + 0.01, _tone(0.1, 0.05, value))


def _frames(generator, picture, x, value):
    y = generator.uniform(0.05, 0.2)
    for _ in range(generator.integers(1, 4)):
        width, height = generator.uniform(0.15, 0.3, 2)
        _rectangle(picture, x, y, x + width, y + height, _tone(0.08, generator.uniform(0, 0.5), 0.2 + 0.3 * value))
        _rectangle(picture, x + 0.02, y + 0.02, x + width - 0.02, y + height - 0.02, _tone(0.12, 0.05, 0.92))
        art = _tone(generator.random(), 0.35, 0.6)
        _rectangle(picture, x + 0.05, y + 0.05, x + width - 0.05, y + height - 0.05, art)
        y += height + generator.uniform(0.04, 0.1)


def _lamp(generator, picture, x, value):
    x, y = x + 0.12, generator.uniform(0.15, 0.45)
    glow = np.zeros_like(picture)
    _disc(glow, x, y + 0.08, 0.3, _tone(0.1, 0.5, 0.35))
    cv2.add(picture, cv2.blur(glow, (41, 41)), dst=picture)
    _rectangle(picture, x - 0.012, y, x + 0.012, 1.1, _tone(0.08, 0.3, 0.25))
    shade = [_at(x - 0.07, y), _at(x + 0.07, y), _at(x + 0.13, y + 0.18), _at(x - 0.13, y + 0.18)]
    cv2.fillConvexPoly(picture, np.array(shade, np.int32), _tone(0.11, 0.28, 1.0), cv2.LINE_AA, 4)


def _door(generator, picture, x, value):
    hue, width, top = _pick(generator, [0.07, 0.1, 0.55]), generator.uniform(0.25, 0.35), generator.uniform(0, 0.12)
    saturation = generator.uniform(0.1, 0.5)
    _rectangle(picture, x - 0.025, top - 0.025, x + width + 0.025, 1.1, _tone(hue, saturation * 0.7, value * 0.95))
    _rectangle(picture, x, top, x + width, 1.1, _tone(hue, saturation, value * 0.75))
    for y in (top + 0.05, 0.58):
        _rectangle(picture, x + 0.05, y, x + width - 0.05, y + 0.36, _tone(hue, saturation, value * 0.68))
    _disc(picture, x + 0.03, 0.56, 0.018, _tone(0.12, 0.4, 0.85))


def _plant(generator, picture, x, value):
    x = x + 0.12
    hue = generator.uniform(0.24, 0.38)
    for angle, length, shade in generator.uniform((-1.2, 0.25, 0.25), (1.2, 0.5, 0.6), (12, 3)):
        tip = x + length * math.sin(angle), 0.78 - length * math.cos(angle)
        centre = _at((x + tip[0]) / 2, (0.78 + tip[1]) / 2)
        axes = round(length * _SCENE * 8), round(0.035 * _SCENE * 16)
        turn = math.degrees(angle) - 90
        cv2.ellipse(picture, centre, axes, turn, 0, 360, _tone(hue, 0.45, shade), -1, cv2.LINE_AA, 4)
    _rectangle(picture, x - 0.1, 0.76, x + 0.1, 1.1, _tone(0.05, 0.45, 0.7 * value))


def _foliage(generator):
    """Leaves and grass with the light coming through."""
    hue = _pick(generator, [0.27, 0.3, 0.22, 0.12]) + generator.normal(0, 0.02)
    value = generator.uniform(0.3, 0.6)
    bright, dark = _tone(hue - 0.04, 0.5, value * 1.35), _tone(hue + 0.05, 0.55, value * 0.55)
    middle = _tone(hue, 0.5, value)
    picture = _blend([[bright, middle, bright], [middle, dark, middle], [dark, middle, dark]])
    picture = _mottle(generator, picture, generator.uniform(0.3, 0.6), zoom=generator.uniform(0.6, 1.4))
    lights = [_tone(hue - 0.07, 0.35, 0.5), _tone(hue - 0.1, 0.2, 0.6), _tone(hue, 0.45, 0.4)]
    if generator.random() < 0.3:
        lights.append(_tone(_pick(generator, [0.93, 0.0, 0.14, 0.75]), 0.45, 0.6))  # blossoms
    return _bokeh(generator, picture, int(generator.integers(12, 28)), (0.012, 0.06), lights, bottom=0.8)


def _skyline(generator):
    """Houses or hills under a sky."""
    evening = generator.random() < 0.35
    top = _tone(0.62, 0.45, 0.5) if evening else _tone(0.58, generator.uniform(0.15, 0.5), generator.uniform(0.7, 0.95))
    low = _tone(0.07, 0.45, 0.95) if evening else _tone(0.57, 0.08, generator.uniform(0.85, 0.98))
    picture = _blend([[top, top], [low, low]])
    picture = _mottle(generator, picture, generator.uniform(0.05, 0.25), zoom=1.2)
    horizon = generator.uniform(0.4, 0.75)
    hue = _pick(generator, [0.6, 0.07, 0.65]) if generator.random() < 0.7 else generator.uniform(0.25, 0.4)
    for depth in range(3):  # the farther, the paler
        value = (0.62 - 0.14 * depth) * (0.6 if evening else 1.0)
        x = -0.05
        for width, height, lift in generator.uniform((0.08, -0.12, -0.05), (0.22, 0.12, 0.05), (9, 3)).tolist():
            shade = _tone(hue, 0.1 + 0.08 * depth, value + lift)
            _rectangle(picture, x, horizon + 0.09 * depth + height, x + width + 0.02, 1.1, shade)
            x += width
        if evening and depth:
            for u, v in generator.uniform((0, horizon + 0.09 * depth), (1, 1), (14, 2)).tolist():
                _rectangle(picture, u, v, u + 0.015, v + 0.02, _tone(0.11, 0.45, 0.9))
    return picture


def _coast(generator):
    """Sky, sea and sand, or a field."""
    warm = generator.random() < 0.3
    sky = [_tone(0.04, 0.4, 0.95), _tone(0.11, 0.4, 1.0)] if warm else [_tone(0.57, 0.45, 0.85), _tone(0.55, 0.1, 0.97)]
    picture = _blend([[sky[0], sky[0]], [sky[1], sky[1]], [sky[1], sky[1]]])
    picture = _mottle(generator, picture, generator.uniform(0.0, 0.2), zoom=0.8)
    horizon = generator.uniform(0.35, 0.7)
    land = generator.random() < 0.4
    first = _tone(0.27, 0.4, 0.5) if land else _tone(0.53 if not warm else 0.6, 0.45, generator.uniform(0.4, 0.65))
    second = _tone(0.2, 0.4, 0.6) if land else _tone(0.5, 0.3, 0.75)
    shore = horizon + generator.uniform(0.12, 0.3)
    _rectangle(picture, -0.1, horizon, 1.1, 1.1, first)
    _rectangle(picture, -0.1, (horizon + shore) / 2, 1.1, 1.1, second)
    _rectangle(picture, -0.1, shore, 1.1, 1.1, _tone(0.24, 0.4, 0.62) if land else _tone(0.1, 0.25, 0.85))
    return _mottle(generator, picture, 0.06, zoom=0.6)


def _street_lights(generator):
    """A street after dark."""
    hue = _pick(generator, [0.62, 0.66, 0.58, 0.05])
    high, low = _tone(hue, 0.5, generator.uniform(0.08, 0.2)), _tone(hue - 0.1, 0.35, generator.uniform(0.15, 0.3))
    picture = _mottle(generator, _blend([[high, high], [low, high], [high, low]]), 0.15)
    lights = [_tone(0.09, 0.55, 0.75), _tone(0.11, 0.35, 0.8), _tone(0.05, 0.65, 0.6), _tone(0.55, 0.35, 0.6)]
    if generator.random() < 0.5:
        lights += [_tone(0.0, 0.7, 0.6), _tone(0.42, 0.45, 0.5), _tone(0.85, 0.4, 0.5)]
    picture = _bokeh(generator, picture, int(generator.integers(10, 22)), (0.025, 0.075), lights, 0.1, 0.75)
    return _bokeh(generator, picture, 10, (0.008, 0.02), lights, 0.3, 0.7)


def _stage(generator):
    """Spotlights in haze."""
    hue = _pick(generator, [0.6, 0.7, 0.8, 0.98, 0.08, 0.5])
    low = _tone(hue, 0.6, generator.uniform(0.1, 0.3))
    picture = _blend([[_tone(hue, 0.7, 0.08)] * 2, [low] * 2])
    for _ in range(generator.integers(2, 6)):
        x, end, width, strength = generator.uniform((-0.1, -0.4, 0.08, 0.2), (1.1, 1.4, 0.3, 0.6))
        beam = np.zeros_like(picture)
        colour = _tone(hue + _pick(generator, [0, 0, 0.08, 0.5]), generator.uniform(0.2, 0.6), strength)
        corners = [_at(x - 0.02, -0.05), _at(x + 0.02, -0.05), _at(end + width, 1.1), _at(end - width, 1.1)]
        cv2.fillConvexPoly(beam, np.array(corners, np.int32), colour, cv2.LINE_AA, 4)
        _disc(beam, x, -0.02, 0.06, _tone(hue, 0.1, 0.95))
        picture = cv2.add(picture, beam)
    return _mottle(generator, picture, 0.1, zoom=1.5)


def _stands(generator):
    """Spectators in rows."""
    hue = _pick(generator, [0.6, 0.0, 0.13, 0.35, 0.55, 0.08])  # of the team that they came to see
    picture = _blend([[_tone(0.6, 0.25, 0.15)] * 2, [_tone(0.6, 0.2, 0.35)] * 2])
    rows = int(generator.integers(4, 6))
    for row in range(rows):
        step = 0.17 * (0.65 + 0.6 * row / rows)  # the nearer, the larger
        looks = generator.random((int(1.1 / step) + 1, 5)).tolist()
        for column, (shift, kind, value, skin, lift) in enumerate(looks):
            x = (column + 0.5 * (row % 2) + 0.5 * (shift - 0.5)) * step
            y = 1.1 * row / rows + 0.06 * lift
            shirt = (
                _tone(hue, 0.5, 0.3 + 0.4 * value)
                if kind < 0.35
                else _tone(0.6 + 0.1 * kind, 0.12, 0.15 + 0.65 * value)
            )
            _disc(picture, x, y + 0.75 * step, 0.46 * step, shirt)
            _disc(picture, x, y, 0.27 * step, _tone(0.06, 0.42, 0.3 + 0.5 * skin))
            _disc(picture, x, y - 0.13 * step, 0.22 * step, _tone(0.07, 0.4, 0.12 + 0.25 * value))
    return _mottle(generator, picture, 0.15, zoom=1.2)


def _wallpaper(generator):
    """A patterned wall: stripes, dots, diamonds, tiles or bricks."""
    hue = _pick(generator, [0.02, 0.08, 0.12, 0.3, 0.42, 0.55, 0.6, 0.95]) + generator.normal(0, 0.02)
    saturation, value = generator.uniform(0.04, 0.28), generator.uniform(0.4, 0.9)
    ground, ink = _tone(hue, saturation, value), _tone(hue + 0.03, saturation * 1.3, value * 0.8)
    picture = _blend([[ground, ground], [_tone(hue, saturation, value * 0.85)] * 2])
    kind, step = generator.integers(4), generator.uniform(0.08, 0.2)
    count = int(1 / step) + 2
    for row in range(count if kind else 1):
        for column in range(count):
            x, y = (column + 0.5 * (row % 2)) * step, row * step
            if kind == 0:
                _rectangle(picture, x, -0.1, x + step / 2, 1.1, ink)
            elif kind == 1:
                _disc(picture, x, y, 0.25 * step, ink)
            elif kind == 2:
                points = [
                    _at(x - 0.3 * step, y),
                    _at(x, y - 0.45 * step),
                    _at(x + 0.3 * step, y),
                    _at(x, y + 0.45 * step),
                ]
                cv2.fillConvexPoly(picture, np.array(points, np.int32), ink, cv2.LINE_AA, 4)
            else:
                brick = _tone(hue + 0.01, saturation * 1.2, value * generator.uniform(0.75, 0.9))
                _rectangle(picture, x - 0.47 * step, y * 0.5, x + 0.47 * step, y * 0.5 + 0.44 * step, brick)
                _rectangle(picture, x - 0.47 * step, y * 0.5 + 0.5, x + 0.47 * step, y * 0.5 + 0.5 + 0.44 * step, brick)
    return _mottle(generator, picture, 0.08, zoom=1.5)


def _press_wall(generator):
    """A wall of sponsors at a premiere: two abstract marks in turn, on a plain ground."""
    hue = _pick(generator, [0.6, 0.0, 0.55, 0.13, 0.35]) + generator.normal(0, 0.02)
    light = generator.random() < 0.6
    ground = _tone(hue, 0.04, 0.92) if light else _tone(hue, 0.5, 0.25)
    picture = _blend([[ground, ground], [[0.85 * part for part in ground]] * 2])
    inks = [_tone(hue, 0.6, 0.5), _tone(0.6, 0.15, 0.3)] if light else [_tone(hue, 0.05, 0.95), _tone(0.12, 0.4, 0.9)]
    step = generator.uniform(0.28, 0.42)
    marks = generator.permutation(4)[:2]
    start = generator.uniform(-0.2, 0, 2)
    for row in range(int(1.2 / (0.6 * step)) + 1):
        for column in range(int(1.2 / step) + 1):
            x, y, turn = start[0] + column * step, start[1] + row * 0.6 * step, (row + column) % 2
            ink, mark = inks[turn], marks[turn]
            if mark == 0:
                _disc(picture, x, y, 0.17 * step, ink)
                _disc(picture, x, y, 0.09 * step, ground)
            elif mark == 1:
                for bar in range(3):
                    _rectangle(picture, x - 0.3 * step, y + (bar * 0.11 - 0.16) * step,
                               x + (0.3 - 0.1 * bar) * step, y + (bar * 0.11 - 0.1) * step, ink)  # fmt: skip
            elif mark == 2:
                corners = [
                    _at(x - 0.16 * step, y + 0.14 * step),
                    _at(x, y - 0.18 * step),
                    _at(x + 0.16 * step, y + 0.14 * step),
                ]
                cv2.fillConvexPoly(picture, np.array(corners, np.int32), ink, cv2.LINE_AA, 4)
                _rectangle(picture, x + 0.18 * step, y, x + 0.4 * step, y + 0.1 * step, ink)
            else:
                _rectangle(picture, x - 0.33 * step, y - 0.12 * step, x + 0.33 * step, y + 0.12 * step, ink)
                _rectangle(picture, x - 0.24 * step, y - 0.04 * step, x + 0.24 * step, y + 0.04 * step, ground)
    return picture


def _bookshelf(generator):
    """Spines on shelves."""
    wood = generator.uniform(0.2, 0.55)
    picture = _blend([[_tone(0.07, 0.45, wood * 0.5)] * 2] * 2)
    hue, step = _pick(generator, [0.0, 0.06, 0.1, 0.55]), generator.uniform(0.3, 0.42)
    top = generator.uniform(-0.2, 0)
    while top < 1:
        x = -0.02
        for width, height, kind, value in generator.uniform(
            (0.035, 0.6, 0, 0.2), (0.09, 0.88, 1, 0.75), (18, 4)
        ).tolist():
            colour = (
                _tone(hue + 0.1 * kind, 0.4, value) if kind < 0.5 else _tone(0.1 + 0.5 * (kind > 0.85), 0.22, value)
            )
            if kind < 0.95:  # else a gap
                _rectangle(picture, x, top + step * (1 - height), x + width - 0.008, top + step, colour)
            x += width
        _rectangle(picture, -0.1, top + step, 1.1, top + step + 0.03, _tone(0.07, 0.4, wood))
        top += step + 0.03
    return _mottle(generator, picture, 0.12, zoom=1.5)


# -- the camera -------------------------------------------------------------------------------------------------------

_RAMP = np.linspace(0, 1, 256, dtype=np.float32)
_RANGES = {
    "exposure": (-8, 8),
    "contrast": (0.05, 4),
    "gamma": (0.2, 5),
    "warmth": (-1, 1),
    "tint": (-1, 1),
    "saturation": (0, 3),
    "blur": (0, 12),
    "motion": (0, 22),
    "angle": (-360, 360),
    "low_resolution": (1, 8),
    "noise": (0, 0.5),
    "quality": (1, 100),
    "vignette": (0, 1),
}


@dataclass(frozen=True)
class Photo:
    """What light, lens, sensor and file do to a picture; the defaults do nothing but save it as a good JPEG.

    Attributes:
        exposure: stops; +1 is twice the light.
        contrast: slope of the tone curve at middle grey.
        gamma: exponent of the tone curve; above 1 darkens the middle tones.
        warmth: colour of the light from blue (-1) over white (0) to orange (+1).
        tint: colour of the light from green (-1) over white (0) to magenta (+1).
        saturation: 0 is grey, 1 leaves colours as they are.
        grey: whether the file has a single channel (all three of the result are equal).
        blur: standard deviation of the lens blur, pixels.
        motion: length of the path of the camera during the exposure, pixels.
        angle: direction of that path, degrees from the x axis.
        low_resolution: how many pixels of the picture make one of the sensor's, along a side.
        noise: standard deviation of the sensor's noise, display values.
        quality: of the JPEG file, 1 to 99; 100 leaves the picture as it is.
        vignette: share of the light that the corners lack.

    Raises:
        PhotoError: a value is not of its kind, or out of range.
    """

    exposure: float = 0.0
    contrast: float = 1.0
    gamma: float = 1.0
    warmth: float = 0.0
    tint: float = 0.0
    saturation: float = 1.0
    grey: bool = False
    blur: float = 0.0
    motion: float = 0.0
    angle: float = 0.0
    low_resolution: float = 1.0
    noise: float = 0.0
    quality: int = 95
    vignette: float = 0.0

    def __post_init__(self):
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            number = as_whole(value) if name == "quality" else as_real(value)
            if not low <= number <= high:
                what = "a whole number" if name == "quality" else "a number"
                raise PhotoError(f"{name} must be {what} from {low:g} to {high:g}, got {value!r}")
        if not isinstance(self.grey, bool | np.bool_):
            raise PhotoError(f"grey must be True or False, got {self.grey!r}")

    @property
    def coarse(self) -> bool:
        """Whether nothing finer than two pixels is left: then half the size is enough to draw the picture at."""
        return self.blur > 2 or self.motion > 10 or self.low_resolution > 2

    @classmethod
    def sample(cls, generator: np.random.Generator, bad_light: bool, blurred: bool) -> "Photo":
        """A plausible photo; extreme light (WFLW's "illumination") and lack of sharpness ("blur") only where asked for.

        Args:
            generator: source of all randomness.
            bad_light: far too dark, over-exposed, strongly coloured, or flat.
            blurred: out of focus, moved, or enlarged from few pixels.
        """
        normal, uniform = generator.normal, generator.uniform
        values = {
            "exposure": clipped(normal(0, 0.25), -0.6, 0.5),
            "contrast": clipped(normal(1.02, 0.07), 0.85, 1.2),
            "gamma": clipped(normal(1, 0.07), 0.85, 1.18),
            "warmth": clipped(normal(0.02, 0.09), -0.2, 0.25),
            "tint": clipped(normal(0, 0.03), -0.08, 0.08),
            "saturation": clipped(normal(1, 0.13), 0.6, 1.3),
            "grey": bool(generator.random() < 0.06),
            "blur": uniform(0, 0.7),
            "angle": uniform(0, 180),
            "low_resolution": uniform(1, 1.3),
            "noise": uniform(0.003, 0.018),
            "quality": int(generator.integers(72, 98)),
            "vignette": uniform(0, 0.3),
        }
        if values["quality"] >= 90:  # of a good file, a face that is cut out of a larger photo and shrunk shows nothing
            values["quality"] = 100
        if bad_light:
            kind = generator.choice(["dark", "bright", "coloured", "flat"], p=[0.4, 0.2, 0.25, 0.15])
            if kind == "dark":
                values |= {
                    "exposure": uniform(-3.4, -1.9),
                    "noise": uniform(0.012, 0.03),
                    "vignette": uniform(0.1, 0.6),
                }
                values["contrast"] = uniform(1.03, 1.1)  # a flat tone curve would lift the blacks
            elif kind == "bright":
                values |= {"exposure": uniform(1.3, 2.4), "contrast": uniform(1.0, 1.25)}
            elif kind == "coloured":
                colour = _pick(generator, [(-0.9, -0.1), (0.9, 0.0), (-0.4, 0.8), (0.3, -0.7), (0.6, 0.6)])
                strength = uniform(0.75, 1.0)
                values |= {"warmth": float(colour[0] * strength), "tint": float(colour[1] * strength)}
                values |= {"exposure": uniform(-1.6, 0.2), "grey": False, "contrast": uniform(1, 1.25)}
            else:
                values |= {
                    "contrast": uniform(0.26, 0.46),
                    "gamma": uniform(0.7, 1.35),
                    "saturation": uniform(0.4, 0.9),
                }
        if blurred:
            kind = generator.choice(["focus", "motion", "pixels"], p=[0.4, 0.3, 0.3])
            if kind == "focus":
                values["blur"] = uniform(2.2, 5)
            elif kind == "motion":
                values |= {"motion": uniform(9, 21), "blur": uniform(0.3, 1.2)}
            else:
                values |= {"low_resolution": uniform(3.2, 6.5), "quality": int(generator.integers(40, 85))}
        return cls(**values)


def develop(image: np.ndarray, photo: Photo, generator: np.random.Generator, halved: bool = False) -> np.ndarray:
    """The picture as the file shows it: light, then lens, then sensor, then tone curve, then JPEG.

    Args:
        image: (H, W, 3) float32 RGB in [0, 1]; left as it is.
        photo: what to do to it.
        generator: source of the noise.
        halved: whether the image has half the size of the photo, which does for a :attr:`Photo.coarse` one.

    Returns:
        (H, W, 3) uint8 RGB, or (2 H, 2 W, 3) if ``halved``; every edge and blob where it was.

    Raises:
        PhotoError: the image is of another kind, or ``photo`` is no :class:`Photo`.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.float32 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise PhotoError(f"image: expected float32 RGB (H, W, 3), got {found}")
    if 0 in image.shape:
        raise PhotoError(f"image: {image.shape} has no pixels")
    if not isinstance(photo, Photo):
        raise PhotoError(f"photo: expected a Photo, got {type(photo).__name__}")
    height, width = image.shape[:2]
    picture = cv2.transform(image, _colour_of_light(photo))
    if photo.vignette > 0:
        picture *= _falloff(height, width, round(photo.vignette * 20) / 20)  # in steps, to keep few of them
    pixel = 1.0  # of the photo, in pixels of the picture
    if photo.coarse:
        if not halved:
            half = max(1, width // 2), max(1, height // 2)
            picture = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
        pixel = 0.5
    if halved:
        height, width = 2 * height, 2 * width
    if photo.motion > 0:
        picture = _move(picture, photo.motion * pixel, photo.angle)
    # shrinking and enlarging blur by themselves
    sigma = photo.blur if pixel == 1 else math.sqrt(max(photo.blur**2 - 0.8, 0)) / 2
    if sigma > 0.25:  # below it a pixel would get a thousandth of its neighbours
        reach = 2 * math.ceil(2 * sigma) + 1
        picture = cv2.GaussianBlur(picture, (reach, reach), sigma, borderType=cv2.BORDER_REPLICATE)
    size = width, height
    if photo.low_resolution > 1.1:  # less than that is not to be seen
        size = tuple(max(1, round(side / photo.low_resolution)) for side in size)
    if size != picture.shape[1::-1]:
        few = photo.low_resolution > 1.6  # means over areas are slow, and next to nothing is lost without them
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if few else cv2.INTER_LINEAR)
    if photo.noise > 0:
        # the display's gamma makes the noise of counted photons about equally strong in dark and bright
        cv2.scaleAdd(_noise(generator, *picture.shape[:2]), photo.noise, picture, picture)
    if picture.shape[:2] != (height, width):
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)

    cv2.threshold(picture, 0, 0, cv2.THRESH_TOZERO, picture)
    pixels = cv2.convertScaleAbs(picture, alpha=255)  # rounds, and clips what is too bright
    pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY if photo.grey else cv2.COLOR_RGB2BGR)
    tones = (_RAMP ** np.float32(photo.gamma) - 0.5) * np.float32(photo.contrast) + np.float32(0.5)
    pixels = cv2.LUT(pixels, np.rint(np.minimum(np.maximum(tones, 0), 1) * 255).astype(np.uint8))
    if photo.quality < 100:
        _, file = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, int(photo.quality)))
        pixels = cv2.imdecode(file, cv2.IMREAD_COLOR)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB)


def _colour_of_light(photo: Photo) -> np.ndarray:
    """(3, 3) matrix: exposure, white balance and saturation at once, as all of them are linear."""
    gain = 2 ** (photo.exposure / DISPLAY_GAMMA)
    warmth, tint = photo.warmth, photo.tint
    light = np.array(
        [1 + 0.35 * warmth + 0.2 * tint, 1 - 0.1 * abs(warmth) - 0.4 * tint, 1 - 0.55 * warmth + 0.2 * tint]
    )
    weights = np.array([0.299, 0.587, 0.114])
    light /= weights @ light  # coloured, but no brighter
    mixing = photo.saturation * np.eye(3) + (1 - photo.saturation) * weights
    return (gain * light[:, None] * mixing).astype(np.float32)


@cache
def _falloff(height: int, width: int, vignette: float) -> np.ndarray:
    """(H, W, 3) float32 share of the light that arrives."""
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1 - vignette * ((rows**2 + columns**2) / 2) ** 1.5
    return (np.clip(light, 0, 1) ** (1 / DISPLAY_GAMMA)).astype(np.float32)[..., None].repeat(3, 2)


def _move(picture: np.ndarray, length: float, angle: float) -> np.ndarray:
    """The picture smeared along a path whose middle is the place it had."""
    kernel = np.zeros((13, 13), np.uint8)
    step = length / 2 * np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    first, last = (np.rint((6 + sign * step) * 16).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, first, last, 255, 1, cv2.LINE_AA, 4)
    weights = kernel.astype(np.float32) + kernel[::-1, ::-1]  # exactly centred, however the line was rounded
    if not weights.any():
        return picture
    used = 6 - int(np.flatnonzero(weights.any(0) | weights.any(1))[0])
    weights = weights[6 - used : 7 + used, 6 - used : 7 + used]
    return cv2.filter2D(picture, -1, weights / weights.sum(), borderType=cv2.BORDER_REPLICATE)


@cache
def _noise_tile() -> np.ndarray:
    """(tile, tile, 3) float32 of unit variance, a third of it common to the channels; the same on every run."""
    generator = np.random.default_rng(29)
    shared = generator.standard_normal((_NOISE_TILE, _NOISE_TILE, 1), dtype=np.float32)
    own = generator.standard_normal((_NOISE_TILE, _NOISE_TILE, 3), dtype=np.float32)
    return np.float32(math.sqrt(1 / 3)) * shared + np.float32(math.sqrt(2 / 3)) * own


def _noise(generator: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(height, width, 3) float32: a piece of the tile, from a random place."""
    tile = _noise_tile()
    if max(height, width) > _NOISE_TILE:
        return generator.standard_normal((height, width, 3), dtype=np.float32)
    x, y = generator.integers(0, _NOISE_TILE - np.array([width, height]), endpoint=True)
    return tile[y : y + height, x : x + width]
