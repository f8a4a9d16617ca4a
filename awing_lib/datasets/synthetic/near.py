"""What a synthetic face is seen past: too near to the camera, and out of focus."""

from collections.abc import Callable

import cv2
import numpy as np

from awing_lib.datasets.synthetic.hands import any_cloth
from awing_lib.datasets.synthetic.outlines import bezier, ellipse, fixed, mix, smooth_curve
from awing_lib.datasets.synthetic.scene import Canvas


def _out_of_focus(canvas: Canvas, draw: Callable, sigma: float) -> None:
    """What is too near for the lens: ``draw(colour (h, w, 3) uint8, cover (h, w) uint8)`` at half the size, blurred."""
    height, width = canvas.alpha.shape
    size = (width + 1) // 2, (height + 1) // 2
    colour, cover = np.zeros((size[1], size[0], 3), np.uint8), np.zeros(size[::-1], np.uint8)
    draw(colour, cover)
    if not cover.any():
        return
    pad = cv2.merge([*cv2.split(colour), cover])
    pad = cv2.GaussianBlur(pad, (0, 0), max(0.5, sigma * canvas.scene.unit / 2), borderType=cv2.BORDER_REPLICATE)
    layer = cv2.resize(pad, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)[:height, :width]
    share = layer[..., 3] * np.float32(1 / 255)
    canvas.image *= cv2.merge(
        [1 - share] * 3
    )  # the blurred colour is black where nothing is: it counts as weighted already
    canvas.image += layer[..., :3] * np.float32(1 / 255)
    np.minimum(canvas.image, 1, out=canvas.image)
    canvas.alpha += share * (1 - canvas.alpha)


def _bytes(colour) -> tuple[float, ...]:
    return tuple(float(part) * 255 for part in np.clip(colour, 0, 1))


def _polygon(colour_layer, cover, outline, colour) -> None:
    """Fill on a half-size layer; ``outline`` in pixels of the full image."""
    points = [fixed((np.asarray(outline) + 0.5) / 2 - 0.5, (0, 0))]
    cv2.fillPoly(colour_layer, points, _bytes(colour), cv2.LINE_AA, 4)
    cv2.fillPoly(cover, points, 255, cv2.LINE_AA, 4)


def leaves(canvas: Canvas) -> None:
    """A branch between camera and face, out of focus."""
    generator, side = canvas.generator, canvas.side()
    goal = canvas.scene.landmarks[generator.integers(98)]
    place = canvas.frame(goal, 0, side)
    green = np.array(
        [(0.3, 0.46, 0.24), (0.22, 0.38, 0.26), (0.5, 0.55, 0.25), (0.62, 0.4, 0.2)][generator.integers(4)]
    )
    tilt = generator.uniform(-0.9, 0.5)
    along = np.array((np.cos(tilt), np.sin(tilt)))

    def draw(colour, cover):
        start, end = -0.25 * along, 3.2 * along
        twig = bezier(start, np.add(mix(start, end, 0.5), (0.0, 0.3)), end, 12)
        _polygon(
            colour,
            cover,
            place(np.concatenate([np.add(twig, (0, 0.02)), np.subtract(twig[::-1], (0, 0.03))])),
            (0.3, 0.22, 0.15),
        )
        for k in range(2, 12):
            for sign in (-1, 1):
                base = mix(start, end, (k - 1.7) / 11)
                turn = np.pi + tilt + sign * generator.uniform(0.4, 1.1)
                ahead = np.array((np.cos(turn), np.sin(turn))) * generator.uniform(0.55, 0.85)
                over = ahead[::-1] * (-1, 1) * 0.28
                tip, middle = base + ahead, base + 0.45 * ahead
                lit = generator.uniform(0.75, 1.3)
                for wing, tone in ((over, 1.0), (-over, 0.82)):
                    _polygon(
                        colour,
                        cover,
                        place(np.concatenate([bezier(base, middle + wing, tip, 8), bezier(tip, middle, base, 4)])),
                        green * lit * tone,
                    )

    _out_of_focus(canvas, draw, generator.uniform(0.025, 0.06))


def person(canvas: Canvas) -> None:
    """The head and shoulder of somebody nearer, seen from behind, out of focus."""
    generator, side = canvas.generator, canvas.side()
    jaw = canvas.scene.landmarks[8 if side < 0 else 24]
    inwards = generator.uniform((-1.1, -0.6), (-0.5, 0.1)) * (side, 1)
    place = canvas.frame(jaw + canvas.scene.unit * inwards, generator.uniform(-6, 6), side)
    hair = np.array([(0.1, 0.08, 0.07), (0.2, 0.14, 0.1), (0.4, 0.28, 0.18), (0.34, 0.33, 0.33)][generator.integers(4)])
    skin = np.array([(0.86, 0.68, 0.57), (0.7, 0.5, 0.38), (0.42, 0.28, 0.2)][generator.integers(3)])
    cloth = any_cloth(generator) * 0.9
    light = canvas.scene.light * (side, 1)

    def draw(colour, cover):
        shoulders = ((-0.5, 3.2), (-0.2, 2.1), (0.5, 1.75), (1.1, 1.6), (2.2, 1.7), (3.2, 2.4), (3.3, 4), (-0.6, 4))
        neck = ((0.62, 1.2), (0.68, 1.85), (1.3, 2.0), (1.95, 1.85), (1.95, 1.2))
        layers = [(smooth_curve(shoulders, 40, True), cloth), (smooth_curve(neck, 20, True), skin * 0.8)]
        layers += [(ellipse((0.28, 0.95), (0.15, 0.26)), skin * 0.9), (ellipse((1.25, 0.7), (1.0, 1.12)), hair)]
        for outline, tone in layers:
            middle = outline.mean(0)
            for step in range(3):  # rounder towards the light
                shrunk = middle + (outline - middle) * (1 - 0.2 * step) + light * 0.1 * step
                _polygon(colour, cover, place(shrunk), tone * (0.8 + 0.22 * step))

    _out_of_focus(canvas, draw, generator.uniform(0.05, 0.1))
