"""What people eat and drink before a synthetic face, and the fingers around it."""

import cv2
import numpy as np

from awing_lib.datasets.synthetic.hands import arm_behind, fingers_around, fingers_over
from awing_lib.datasets.synthetic.outlines import (
    ANGLES,
    CIRCLE,
    bezier,
    capsules,
    ellipse,
    ellipses,
    mix,
    rounded,
    smooth_curve,
)
from awing_lib.datasets.synthetic.relief import Relief, material, solid
from awing_lib.datasets.synthetic.scene import Canvas, beside


def mug(canvas: Canvas) -> None:
    """A mug at the lips."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(-0.02, 0.15), generator.uniform(-14, 14), side
    )
    hold = beside(place, (0.16, 0.24))
    arm_behind(canvas, hold)
    colours = [
        (0.9, 0.88, 0.84),
        (0.35, 0.45, 0.5),
        (0.68, 0.32, 0.27),
        (0.24, 0.27, 0.33),
        (0.82, 0.69, 0.45),
        (0.5, 0.58, 0.48),
    ]
    colour = np.array(colours[generator.integers(len(colours))])
    ramp = material(colour, 0.6)
    ring = capsules(
        place(smooth_curve(((-0.44, 0.2), (-0.66, 0.22), (-0.74, 0.45), (-0.64, 0.68), (-0.42, 0.74)), 12)),
        np.full(13, 0.065) * unit,
    )
    solid(canvas, ring, ramp, 0.065)
    bottom = bezier((0.42, 0.92), (0, 1.12), (-0.42, 0.92), 12)
    body = np.concatenate([[(-0.46, 0.0)], bezier((-0.46, 0.0), (0, 0.16), (0.46, 0.0), 10), bottom])
    bands = [
        place(bezier((-0.46, y), (0, y + 0.17), (0.46, y), 12))
        for y in ((0.62, 0.72) if generator.random() < 0.5 else ())
    ]
    relief = solid(
        canvas,
        [place(body)],
        ramp,
        0.44,
        0.9,
        body=[place(((-0.46, -0.6), (0.46, -0.6), (0.44, 1.8), (-0.44, 1.8)))],
        shadow=0.5,
    )
    if bands and not relief.empty:
        mask = relief.strokes(bands, 0.05)
        relief.paint(
            material(mix(colour, (0.95, 0.93, 0.9) if colour.mean() < 0.6 else (0.3, 0.34, 0.4), 0.8)),
            mask=mask,
            edge=0,
        )
    rim = place(ellipse((0, 0.0), (0.46, 0.1)))
    canvas.fill([rim], mix(colour, (1, 1, 1), 0.35))
    canvas.fill([place(ellipse((0, 0.006), (0.42, 0.078)))], colour * 0.45)
    canvas.fill([place(ellipse((0, 0.03), (0.36, 0.05)))], (0.2, 0.11, 0.07))
    fingers_around(canvas, hold)


def glass(canvas: Canvas) -> None:
    """A cold drink in a glass, with a straw to the lips."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(0.0, 0.25), generator.uniform(-8, 8), side
    )
    hold = beside(place, (0.12, 0.55))
    arm_behind(canvas, hold)
    drinks = [(0.86, 0.5, 0.16), (0.75, 0.22, 0.24), (0.78, 0.72, 0.4), (0.36, 0.19, 0.1), (0.6, 0.75, 0.5)]
    drink = np.array(drinks[generator.integers(len(drinks))])
    body = place(((-0.37, 0.1), (0.37, 0.1), (0.29, 1.35), (-0.29, 1.35)))
    top = generator.uniform(0.22, 0.4)
    at = 0.37 - 0.08 * (top - 0.1) / 1.25
    filled = np.concatenate([bezier((-at, top), (0, top + 0.1), (at, top), 10), [(0.27, 1.28), (-0.27, 1.28)]])
    relief = Relief(canvas, [body])
    relief.pile([place(((-0.38, -0.5), (0.38, -0.5), (0.27, 2.0), (-0.27, 2.0)))], 0.33, rise=0.9)
    relief.cover = relief.mask([body])
    if not relief.empty:
        relief.light()
        relief.shadow(0.3)
        relief.paint(material((0.86, 0.9, 0.92), 0.8), opacity=0.28, edge=0.3)
        relief.paint(material(drink, 0.4), mask=relief.mask([place(filled)]), opacity=0.86, edge=0.15)
        relief.blend(mix(drink, (1, 1, 1), 0.35), relief.mask([place(ellipse((0, top), (at * 0.97, 0.05)))]), 0.85)
        for x, y, turn in generator.uniform((-0.2, top + 0.02, 0), (0.2, top + 0.35, 1.5), (3, 3)):  # ice
            cube = relief.mask(
                [
                    place(
                        rounded(-0.085, -0.085, 0.085, 0.085, 0.025)
                        @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
                        + (x, y)
                    )
                ]
            )
            relief.blend((0.96, 0.98, 1.0), cube, 0.35)
    tilt = generator.uniform(-0.12, 0.12)
    straw = place(((tilt - 0.035, -0.12), (tilt + 0.035, -0.12), (0.135, top + 0.1), (0.065, top + 0.1)))
    stripe = np.array([(0.8, 0.3, 0.28), (0.3, 0.42, 0.55), (0.9, 0.9, 0.88), (0.35, 0.5, 0.4)][generator.integers(4)])
    solid(canvas, [straw], material(stripe, 0.3), 0.035, shadow=0.3)
    rim = place(ellipse((0, 0.1), (0.37, 0.07)))
    window = Relief(canvas, [body], 0.05)
    if not window.empty:
        streaks = [place(((-0.29, 0.3), (-0.24, 1.15))), place(((0.27, 0.35), (0.245, 0.75)))]
        shine = cv2.max(window.strokes([rim], 0.02, closed=True), window.strokes(streaks, 0.035, 220))
        window.blend((0.98, 0.99, 1.0), cv2.GaussianBlur(shine, (3, 3), 0), 0.7)
    fingers_around(canvas, hold)


def ice_cream(canvas: Canvas) -> None:
    """A cone with one to three scoops."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(0.1, 0.3), generator.uniform(-24, 10), side
    )
    hold = beside(place, (0.05, 0.78))
    arm_behind(canvas, hold)
    cone = place(((-0.3, 0.25), (0.3, 0.25), (0.04, 1.45), (-0.04, 1.45)))
    waffle = [place(((-0.4 + 0.13 * k, 0.2), (-0.1 + 0.13 * k, 1.5))) for k in range(-2, 6)]
    waffle += [place(((0.4 - 0.13 * k, 0.2), (0.1 - 0.13 * k, 1.5))) for k in range(-2, 6)]
    solid(canvas, [cone], material((0.85, 0.62, 0.36), 0.1), 0.22, 0.8, lines=((waffle, 0.16, 0.016),))
    flavours = [
        (0.95, 0.88, 0.74),
        (0.9, 0.62, 0.64),
        (0.42, 0.26, 0.18),
        (0.72, 0.84, 0.68),
        (0.72, 0.6, 0.74),
        (0.96, 0.8, 0.5),
    ]
    chosen = generator.permutation(len(flavours))
    spots = [((0.0, 0.06), (-0.02, -0.24)), ((0.0, 0.06),), ((-0.16, 0.08), (0.16, 0.08), (0.0, -0.2))][
        generator.integers(3)
    ]
    for spot, which in zip(spots, chosen, strict=False):
        wobble = 0.31 * (1 + 0.035 * np.cos(5 * ANGLES + which) + 0.02 * np.cos(9 * ANGLES))
        scoop = place(np.array(spot) + CIRCLE * wobble[:, None] * (1.0, 0.95))
        skirt = [place(ellipse((spot[0] + x, spot[1] + 0.2), (0.1, 0.09))) for x in (-0.22, -0.08, 0.08, 0.22)]
        solid(canvas, [scoop, *skirt], material(flavours[which], 0.25, 0.8), 0.28, 0.9, shadow=0.35, edge=0.15)
    fingers_around(canvas, hold)


def burger(canvas: Canvas) -> None:
    """A burger on its way to the mouth, in two hands."""
    generator, unit = canvas.generator, canvas.scene.unit
    place = canvas.frame(canvas.mouth + canvas.down * unit * generator.uniform(0.0, 0.25), generator.uniform(-10, 10))
    crust = material((0.8, 0.54, 0.27), 0.2)
    solid(canvas, [place(rounded(-0.6, 0.2, 0.6, 0.5, 0.13))], crust, 0.16)
    wave = np.stack([np.linspace(-0.66, 0.66, 40), 0.17 + 0.035 * np.sin(np.linspace(0, 22, 40))], 1)
    solid(canvas, [place(rounded(-0.61, 0.1, 0.61, 0.3, 0.09))], material((0.33, 0.18, 0.12), 0.15), 0.09)
    solid(
        canvas,
        capsules(place(wave - (0, 0.05)), np.full(40, 0.05) * unit),
        material((0.5, 0.65, 0.3), 0.1),
        0.05,
        shadow=0.2,
    )
    solid(
        canvas,
        [place(((-0.58, 0.07), (0.58, 0.07), (0.3, 0.2), (-0.1, 0.12), (-0.35, 0.22)))],
        material((0.93, 0.7, 0.25), 0.1),
        0.03,
        0.6,
        shadow=0.2,
    )
    dome = np.concatenate(
        [
            smooth_curve(
                ((-0.62, 0.05), (-0.56, -0.2), (-0.3, -0.36), (0, -0.4), (0.3, -0.36), (0.56, -0.2), (0.62, 0.05)), 30
            ),
            [(0.5, 0.1), (-0.5, 0.1)],
        ]
    )
    solid(canvas, [place(dome)], crust, 0.3, 0.8)
    seeds = generator.uniform((-0.42, -0.3), (0.42, -0.06), (14, 2))
    canvas.fill(place(ellipses(seeds, (0.03, 0.018), 0.4)), (0.97, 0.9, 0.72))
    for sign in (-1, 1):
        fingers = [((0.82, y + 0.12), (0.62, y + 0.02), (0.36, y)) for y in (-0.14, 0.06, 0.26)]
        fingers_over(canvas, place, np.array(fingers) * (sign, 1))
        back = capsules(
            place(np.array(((0.86, 0.12), (0.98, 0.6), (1.3, 2.6))) * (sign, 1)), np.array((0.24, 0.27, 0.36)) * unit
        )
        solid(canvas, back, material(canvas.scene.skin, 0.05), 0.26, 0.7, smooth=0.03)
