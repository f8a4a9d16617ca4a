"""Hands before a synthetic face.

They are chains of tapering segments in the proportions of anatomy: the outer corners of the eyes are about 9 cm apart,
so a unit is 9 cm. A hand has its own frame, in units: fingers point to -y, the knuckles lie about y = 0, the wrist at
y = 1; the thumb is on the side of +x. Fingers come in the order index, middle, ring, little finger.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from awing_lib.datasets.synthetic.outlines import bezier, capsules, ellipses, mix, smooth_curve
from awing_lib.datasets.synthetic.relief import Relief, material
from awing_lib.datasets.synthetic.scene import Canvas

_KNUCKLES = np.array([(0.30, 0.01), (0.10, -0.045), (-0.105, -0.01), (-0.295, 0.085)])
_BONES = np.array([(0.45, 0.27, 0.19), (0.50, 0.31, 0.20), (0.46, 0.29, 0.20), (0.36, 0.21, 0.17)])
_BENDS = np.radians((80, 185, 240))  # of the three bones, at full curl
_RADII = np.array(
    [
        (0.108, 0.102, 0.088, 0.070),
        (0.110, 0.105, 0.090, 0.072),
        (0.104, 0.099, 0.085, 0.068),
        (0.092, 0.084, 0.074, 0.060),
    ]
)
_PALM = np.array(
    ((0.40, 0.0), (0.28, -0.09), (0.08, -0.13), (-0.14, -0.09), (-0.34, 0.01), (-0.405, 0.16), (-0.36, 0.55),
     (-0.255, 0.90), (-0.245, 1.06), (0.245, 1.06), (0.27, 0.88), (0.385, 0.6), (0.415, 0.28))
)  # fmt: skip
THUMB_OPEN = ((0.20, 0.80), (0.45, 0.46), (0.60, 0.16), (0.66, -0.10))
THUMB_ALONG = ((0.20, 0.80), (0.43, 0.44), (0.47, 0.12), (0.42, -0.14))
THUMB_ACROSS = ((0.22, 0.78), (0.44, 0.46), (0.24, 0.30), (-0.02, 0.26))


@dataclass(frozen=True)
class Pose:
    """How a hand is held: each finger's sideways angle (degrees, positive to the thumb), and its curl from 0 to 1."""

    spread: tuple
    curl: tuple
    thumb: tuple  # joints (4, 2) in the hand's frame; empty: hidden
    palm: bool = False  # whether its inner side is seen


def hand(canvas: Canvas, place: Callable, pose: Pose, arm: float = 0.0) -> None:
    """Draw a hand and its forearm; ``arm`` is the bend of the wrist, degrees."""
    generator, unit = canvas.generator, canvas.scene.unit
    jitter = generator.normal(0, 1, (4, 4))
    curls = np.minimum(np.maximum(pose.curl + 0.02 * jitter[:, 1], 0), 1)
    bends = curls[:, None] * _BENDS
    turns = np.radians(pose.spread + 1.5 * jitter[:, 0])[:, None] + np.radians(1.5) * jitter[:, 2:3] * np.arange(3)
    steps = np.stack([np.sin(turns), -np.cos(turns)], 2) * (_BONES * np.cos(bends))[..., None]
    joints = np.concatenate([_KNUCKLES[:, None], _KNUCKLES[:, None] + np.cumsum(steps, 1)], 1)
    # what folds away behind the hand is not seen
    seen = [4] * 4 if pose.palm else (2 + (bends[:, 1:] < np.pi / 2).sum(1)).tolist()
    tips = []
    if not pose.palm:
        straight = np.flatnonzero(np.cos(bends[:, 2]) > 0.3)
        tips = [(joints[k, seen[k] - 2], joints[k, seen[k] - 1], _RADII[k, seen[k] - 1]) for k in straight]
    scale = math.hypot(*(place((0.0, 1.0)) - place((0.0, 0.0)))) / unit  # a hand's units in the face's

    bend = np.radians(arm)
    forearm = np.array(
        [(0.0, 1.0), (np.sin(bend) * 1.1, 1.0 + 1.1 * np.cos(bend)), (np.sin(bend) * 3, 1.0 + 3 * np.cos(bend))]
    )
    arm_outline = capsules(place(forearm), np.array([0.245, 0.29, 0.40]) * scale * unit)
    palm_outline = smooth_curve(place(_PALM), 52, closed=True)
    folded = pose.palm & (curls > 0.6)
    sizes = _RADII * (scale * unit * np.where(folded, 1.1, 1))[:, None]  # folded fingers press against each other
    joints = place(joints)
    shapes = [shape[: count - 1] for shape, count in zip(capsules(joints, sizes), seen, strict=True)]
    thumb = np.array(pose.thumb) if pose.thumb else None
    if thumb is not None:
        thumb = thumb + generator.normal(0, 0.012, (4, 2)) * ((0,), (0.5,), (1,), (1,))
        thumb_radii = np.array([0.19, 0.135, 0.108, 0.078])
        thumb_shape = capsules(place(thumb), thumb_radii * scale * unit)

    relief = Relief(canvas, [palm_outline, *shapes, *([thumb_shape] if thumb is not None else []), *arm_outline])
    if relief.empty:
        return
    relief.pile(arm_outline, 0.28 * scale, rise=0.6)
    relief.pile([palm_outline], 0.26 * scale, rise=0.66)  # as high as the forearm, so that no step shows
    for which in (3, 2, 1, 0):
        relief.pile(shapes[which], 0.105 * scale, lift=(0.16 if folded[which] else 0.085) * scale)
    if thumb is not None:
        across = pose.palm and pose.thumb is THUMB_ACROSS
        if across:
            relief.pile(thumb_shape[1:], 0.115 * scale, lift=0.30 * scale)
            relief.pile(thumb_shape[:1], 0.17 * scale, lift=0.12 * scale)
        else:
            relief.pile(thumb_shape, 0.125 * scale, lift=0.07 * scale)
            tips.append((thumb[-2], thumb[-1], thumb_radii[-1]))
    if not pose.palm:
        relief.bump(place(np.add(_KNUCKLES, (0.0, 0.02))), 0.08 * scale, 0.05 * scale)
        valleys = (_KNUCKLES[:-1] + _KNUCKLES[1:]) / 2
        relief.bump(place(valleys), 0.045 * scale, -0.03 * scale)
    relief.light(smooth=0.02 * scale)

    wrinkles = []
    if pose.palm:
        wrinkles += [
            place(bezier((0.36, 0.12), (0.12, 0.24), (-0.2, 0.40))),
            place(bezier((-0.38, 0.22), (-0.1, 0.2), (0.12, 0.04))),
        ]
        wrinkles.append(place(bezier((0.34, 0.16), (0.02, 0.45), (0.08, 0.92))))
    folds = []  # joint, the one after it, the one before it, radius there, shift along the finger in radii
    for which in np.flatnonzero(curls <= 0.5):
        for joint in range(1, seen[which] - 1):
            before, here, after = joints[which, joint - 1 : joint + 2]
            shifts = (-0.22, 0.22) if joint == 1 else (0.0,)
            folds += [(*here, *after, *before, _RADII[which, joint], shift) for shift in shifts]
    if folds:
        folds = np.array(folds)
        along = folds[:, 2:4] - folds[:, 4:6]
        along /= np.maximum(np.hypot(*along.T), 1e-6)[:, None]
        along, over = along[:, None], (along[:, ::-1] * (-1, 1))[:, None]
        shift, width = folds[:, 7, None, None], folds[:, 6, None, None] * scale * unit
        t = np.linspace(-1, 1, 5)[:, None]
        reach = (0.62 - np.abs(shift)) * t
        wrinkles.append(folds[:, None, :2] + width * (over * reach + along * shift * (1 - 0.5 * t**2)))
    relief.lines(wrinkles, 0.13, 0.011)
    relief.shadow(0.5)
    skin = canvas.scene.skin
    relief.paint(material(skin, 0.05))
    # blood shows at knuckles and fingertips
    spots = np.concatenate([joints[:, 1], joints[np.arange(4), np.array(seen) - 1]])
    knuckles = relief.part(spots, 0.15)
    if not knuckles.empty:
        flush = cv2.blur(knuckles.mask(ellipses(spots, (0.085 * scale * unit,) * 2)), relief.square(0.12))
        canvas.darken(knuckles.box, cv2.min(flush, knuckles.cover), 0.12, red=0.0)
    _nails(canvas, relief, place, tips, scale)
    if generator.random() < 0.65:
        _sleeve(canvas, place, forearm, scale)


def _nails(canvas, relief, place, tips, scale: float, painted: bool | None = None) -> None:
    """Nails at the tips: (joint, tip, radius there); ``painted`` None: by chance."""
    generator, skin = canvas.generator, canvas.scene.skin
    painted = generator.random() < 0.25 if painted is None else painted
    colour = mix(skin, (1.0, 0.84, 0.82), 0.32)
    if painted:
        colour = np.array(
            [(0.62, 0.1, 0.16), (0.75, 0.35, 0.4), (0.3, 0.08, 0.14), (0.85, 0.6, 0.58)][generator.integers(4)]
        )
    unit = canvas.scene.unit
    if not tips or relief.empty:
        return
    ends = place(np.array([(joint, tip) for joint, tip, _ in tips]))
    heading = ends[:, 1] - ends[:, 0]
    heading /= np.maximum(np.hypot(*heading.T), 1e-6)[:, None]
    size = np.array([radius for *_, radius in tips])[:, None] * scale * unit
    angles = np.arctan2(heading[:, 1], heading[:, 0])
    centres = ends[:, 1] + heading * (0.28 if painted else 0.12) * size
    beds = ellipses(centres, (0.82, 0.66) * size, angles)
    plates = ellipses(centres + 0.04 * size * heading, (0.72, 0.56) * size, angles)
    over = heading[:, ::-1] * (-1, 1)
    gleams = centres + over * np.sign(over @ canvas.scene.light)[:, None] * 0.2 * size
    nails = relief.part(beds.reshape(-1, 2))
    if nails.empty:
        return
    bed = nails.mask(beds)
    nails.shade(bed, 0.16)
    nails.paint(material(skin), mask=bed, edge=0, opacity=0.75)
    nails.shade(bed, -0.2)
    nails.lines(gleams[:, None] + heading[:, None] * size[:, None] * [[-0.35], [0.35]], -0.3, 0.02)
    nails.paint(material(colour, 0.5), mask=nails.mask(plates), edge=0.1)


def _sleeve(canvas: Canvas, place: Callable, forearm: np.ndarray, scale: float) -> None:
    """A cuff and the sleeve behind it."""
    generator = canvas.generator
    start = generator.uniform(0.25, 0.7)
    along = forearm[-1] - forearm[0]
    along /= np.hypot(*along)
    over = np.array([along[1], -along[0]])
    edge = forearm[0] + along * start
    wide = 0.33 + 0.03 * start
    outline = np.array(
        [
            edge - over * wide,
            edge + along * 0.06,
            edge + over * wide,
            *(edge + along * 3 + over * wide * s for s in (1.7, -1.7)),
        ]
    )
    body = np.concatenate([place(bezier(outline[0], outline[1] + along * 0.04, outline[2], 9)), place(outline[3:])])
    relief = Relief(canvas, [body])
    if relief.empty:
        return
    relief.pile([body], 0.30 * scale, rise=0.8)
    folds = []
    for shift in generator.uniform(0.25, 1.4, 4):
        spot = edge + along * shift + over * generator.uniform(-0.3, 0.3) * wide
        folds.append(place(bezier(spot - over * 0.3, spot + along * 0.12, spot + over * 0.3 + along * 0.1, 8)))
    relief.light(smooth=0.03)
    relief.lines(folds, 0.2, 0.035)
    relief.lines(
        [place(bezier(*(point + along * 0.09 for point in (outline[0], outline[1], outline[2])), 9))], 0.2, 0.012
    )
    relief.shadow(0.45)
    cloth = canvas.scene.cloth
    relief.paint(material(any_cloth(generator) if cloth is None else cloth, 0.0, 0.9))


def any_cloth(generator) -> np.ndarray:
    """A restrained colour of clothing."""
    colours = [(0.16, 0.2, 0.3), (0.82, 0.8, 0.76), (0.2, 0.2, 0.22), (0.46, 0.2, 0.2), (0.32, 0.4, 0.36)]
    colours += [(0.55, 0.47, 0.38), (0.38, 0.48, 0.6), (0.7, 0.55, 0.5), (0.62, 0.6, 0.58)]
    return np.clip(np.array(colours[generator.integers(len(colours))]) + generator.normal(0, 0.02, 3), 0.05, 0.95)


def arm_behind(canvas: Canvas, place: Callable) -> None:
    """Arm and back of a hand around something upright, to be drawn before it.

    In the frame of ``place`` the axis of the thing is x = 0, and the hand comes from +x.
    """
    unit = canvas.scene.unit
    arm = capsules(place(((0.42, 0.35), (0.62, 1.0), (1.1, 3.2))), np.array((0.33, 0.27, 0.4)) * unit)
    back = capsules(place(((0.36, 0.08), (0.40, 0.5))), np.array((0.24, 0.27)) * unit)
    relief = Relief(canvas, [arm, back])
    relief.pile(arm, 0.28, rise=0.6)
    relief.pile(back, 0.22, lift=0.02, rise=0.7)
    relief.light(0.03)
    relief.shadow(0.45)
    relief.paint(material(canvas.scene.skin, 0.05))
    _sleeve(canvas, place, np.array(((0.55, 0.7), (0.62, 1.0), (1.1, 3.2))), 1.0)


def fingers_around(canvas: Canvas, place: Callable) -> None:
    """Fingers and thumb of that hand, to be drawn after the thing."""
    unit, jitter = canvas.scene.unit, canvas.generator.normal(0, 0.02, (4, 2))
    joints = np.empty((4, 3, 2))
    joints[..., 0] = 0.44, 0.10, -0.13
    joints[..., 1] = 0.02 + 0.195 * np.arange(4)[:, None] + (0, -0.02, 0.015)
    joints[:, 1, 1] += jitter[:, 0]
    joints[:, 2, 0] += jitter[:, 1]
    tips = [((0.10, end[1] - 0.015), end, 0.085) for end in joints[:, 2]]
    shapes = capsules(place(joints), np.full((4, 1), unit) * (0.115, 0.105, 0.088))
    thumb = capsules(place(((0.36, 0.02), (0.12, -0.2), (-0.03, -0.30))), np.array((0.16, 0.11, 0.08)) * unit)
    relief = Relief(canvas, [shapes, thumb])
    for shape in shapes:
        relief.pile(shape, 0.1, lift=0.05)
    relief.pile(thumb, 0.11, lift=0.1)
    relief.light(0.02)
    relief.shadow(0.5)
    relief.paint(material(canvas.scene.skin, 0.05))
    _nails(canvas, relief, place, [*tips, ((0.12, -0.2), (-0.03, -0.30), 0.08)], 1.0)


def fingers_over(canvas: Canvas, place: Callable, fingers) -> None:
    """Fingers that reach over an edge: each three joints in the frame of ``place``, from the knuckle to the tip."""
    unit, fingers = canvas.scene.unit, np.asarray(fingers, float)
    shapes = capsules(place(fingers), np.full((len(fingers), 1), unit) * (0.11, 0.104, 0.086))
    relief = Relief(canvas, shapes)
    for shape in shapes:
        relief.pile(shape, 0.1)
    relief.light(0.02)
    relief.shadow(0.45)
    relief.paint(material(canvas.scene.skin, 0.05))
    _nails(canvas, relief, place, [(joints[1], joints[2], 0.083) for joints in fingers], 1.0, False)
