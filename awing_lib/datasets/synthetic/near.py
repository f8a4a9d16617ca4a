"""What a synthetic face is seen past: too near to the camera, and out of focus."""

import cv2
import numpy as np

from awing_lib.datasets.synthetic.hands import any_cloth
from awing_lib.datasets.synthetic.outlines import bezier, bounds, ellipse, fixed, mix, smooth_curve
from awing_lib.datasets.synthetic.scene import Canvas


def _out_of_focus(canvas: Canvas, shapes: list[tuple[np.ndarray, np.ndarray]], sigma: float) -> None:
    """What is too near for the lens: outlines in pixels and their colours, drawn at half the size and blurred."""
    height, width = canvas.alpha.shape
    sigma = max(0.5, sigma * canvas.scene.unit / 2)
    polygons = [fixed((outline + 0.5) / 2 - 0.5, 0) for outline, _ in shapes]
    x0, y0, x1, y1 = bounds(polygons, 4 * sigma + 2, ((height + 1) // 2, (width + 1) // 2))
    if x1 <= x0 or y1 <= y0:
        return
    layer = np.zeros((y1 - y0, x1 - x0, 4), np.uint8)
    for polygon, (_, colour) in zip(polygons, shapes, strict=True):
        value = (*(255 * np.minimum(colour, 1)).tolist(), 255)
        cv2.fillPoly(layer, [polygon], value, cv2.LINE_AA, 4, (-16 * x0, -16 * y0))
    layer = cv2.GaussianBlur(layer, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    layer = cv2.resize(layer, (2 * (x1 - x0), 2 * (y1 - y0)), interpolation=cv2.INTER_LINEAR)
    box = slice(2 * y0, min(2 * y1, height)), slice(2 * x0, min(2 * x1, width))
    *colours, share = cv2.split(layer[: box[0].stop - 2 * y0, : box[1].stop - 2 * x0])
    share = share * np.float32(1 / 255)
    left = 1 - share
    # the blurred colour is black where nothing is: it counts as weighted already
    for plane, colour in zip(canvas.image[:, *box], colours, strict=True):
        plane *= left
        plane += colour * np.float32(1 / 255)
        np.minimum(plane, 1, out=plane)
    canvas.alpha[box] = share


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

    start, end = -0.25 * along, 3.2 * along
    twig = bezier(start, np.add(mix(start, end, 0.5), (0.0, 0.3)), end, 12)
    bark = np.concatenate([np.add(twig, (0, 0.02)), np.subtract(twig[::-1], (0, 0.03))])
    shapes, sigma = [(place(bark), np.array((0.3, 0.22, 0.15)))], generator.uniform(0.025, 0.06)
    turns, lengths, lights = generator.uniform((0.4, 0.55, 0.75), (1.1, 0.85, 1.3), (20, 3)).T
    turns = np.pi + tilt + np.tile((-1, 1), 10) * turns
    ahead = lengths[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)
    for k in range(20):
        base = mix(start, end, (k // 2 + 0.3) / 11)
        over, tip, middle = ahead[k, ::-1] * (-0.28, 0.28), base + ahead[k], base + 0.45 * ahead[k]
        for wing, tone in ((over, 1.0), (-over, 0.82)):
            leaf = np.concatenate([bezier(base, middle + wing, tip, 8), bezier(tip, middle, base, 4)])
            shapes.append((place(leaf), green * lights[k] * tone))
    _out_of_focus(canvas, shapes, sigma)


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

    shoulders = ((-0.5, 3.2), (-0.2, 2.1), (0.5, 1.75), (1.1, 1.6), (2.2, 1.7), (3.2, 2.4), (3.3, 4), (-0.6, 4))
    neck = ((0.62, 1.2), (0.68, 1.85), (1.3, 2.0), (1.95, 1.85), (1.95, 1.2))
    layers = [(smooth_curve(shoulders, 40, True), cloth), (smooth_curve(neck, 20, True), skin * 0.8)]
    layers += [(ellipse((0.28, 0.95), (0.15, 0.26)), skin * 0.9), (ellipse((1.25, 0.7), (1.0, 1.12)), hair)]
    shapes = []
    for outline, tone in layers:
        middle = outline.mean(0)
        for step in range(3):  # rounder towards the light
            shrunk = middle + (outline - middle) * (1 - 0.2 * step) + light * 0.1 * step
            shapes.append((place(shrunk), tone * (0.8 + 0.22 * step)))
    _out_of_focus(canvas, shapes, generator.uniform(0.05, 0.1))
