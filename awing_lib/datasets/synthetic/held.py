"""Things that people hold up before a synthetic face, and the fingers around them."""

import numpy as np

from awing_lib.datasets.synthetic.hands import arm_behind, fingers_around, fingers_over
from awing_lib.datasets.synthetic.outlines import CIRCLE, bezier, capsules, ellipse, ellipses, mix, rounded
from awing_lib.datasets.synthetic.relief import Relief, material, solid
from awing_lib.datasets.synthetic.scene import Canvas, beside


def _lens(canvas: Canvas, centres: np.ndarray, radius: float) -> None:
    """Glass lenses: rings, a deep pupil with a coloured sheen, and a highlight."""
    size, light = radius * canvas.scene.unit, canvas.scene.light
    for share, colour in (
        (1.0, (0.34, 0.35, 0.37)),
        (0.88, (0.07, 0.07, 0.08)),
        (0.66, (0.13, 0.14, 0.18)),
        (0.52, (0.05, 0.06, 0.1)),
    ):
        canvas.fill(ellipses(centres, (share * size,) * 2), colour)
    canvas.fill(ellipses(centres - 0.2 * size * light, (0.26 * size,) * 2), (0.25, 0.3, 0.5), 0.6)
    canvas.fill(ellipses(centres + 0.32 * size * light, (0.14 * size, 0.1 * size)), (0.97, 0.98, 1.0), 0.9)


def phone(canvas: Canvas) -> None:
    """A phone held up to take a picture: its back and the fingers around it."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    goal = [canvas.eyes[0 if side < 0 else 1], canvas.mouth, canvas.nose][generator.integers(3)]
    place = canvas.frame(goal + generator.normal(0, 0.06, 2) * unit, generator.uniform(-14, 14), side)
    hold = canvas.frame(place((0.26, 0.18)), 0, side)
    arm_behind(canvas, hold)
    colour = np.array(
        [(0.13, 0.14, 0.16), (0.86, 0.86, 0.85), (0.24, 0.3, 0.4), (0.72, 0.58, 0.54), (0.2, 0.3, 0.27)][
            generator.integers(5)
        ]
    )
    body = place(rounded(-0.40, -0.62, 0.40, 0.98, 0.11))
    sheen = [place(((-0.42, 0.5), (0.42, -0.15))), place(((-0.42, 0.62), (0.42, -0.03)))]
    solid(canvas, [body], material(colour, 0.5), 0.05, 0.7, lines=((sheen, -0.09, 0.05),), shadow=0.5)
    island = place(rounded(-0.36, -0.58, -0.02, -0.20, 0.08))
    solid(canvas, [island], material(colour * 0.9 + 0.03, 0.4), 0.03, 0.7, shadow=0.25)
    eyes = place(((-0.27, -0.47), (-0.27, -0.31), (-0.11, -0.39)))
    _lens(canvas, eyes[:2], 0.066)
    canvas.fill(ellipses(eyes[2:], (0.028 * unit,) * 2), (0.93, 0.9, 0.82))
    rows = 0.12 + 0.2 * np.arange(4)
    fingers_over(
        canvas, place, [((0.46, y + 0.03), (0.36, y), (0.20 + 0.02 * (k % 2), y - 0.02)) for k, y in enumerate(rows)]
    )
    fingers_over(canvas, place, [((-0.50, 0.62), (-0.42, 0.42), (-0.30, 0.28))])


def camera(canvas: Canvas) -> None:
    """A camera before one eye, held from both sides."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    eye = canvas.eyes[0 if side < 0 else 1]
    place = canvas.frame(eye, generator.uniform(-8, 8), side)
    colour = np.array([(0.13, 0.13, 0.14), (0.16, 0.15, 0.15), (0.42, 0.3, 0.22)][generator.integers(3)])
    hold = canvas.frame(place((0.62, 0.1)), -20, side)
    arm_behind(canvas, hold)
    top = place(rounded(-0.22, -0.52, 0.26, -0.1, 0.08))
    solid(canvas, [top], material((0.2, 0.2, 0.21), 0.3), 0.08, 0.8)
    body = place(rounded(-0.78, -0.34, 0.78, 0.5, 0.12))
    seams = [place(((-0.76, -0.17), (0.76, -0.17))), place(((-0.76, 0.4), (0.76, 0.4)))]
    solid(canvas, [body], material(colour, 0.25), 0.08, 0.8, lines=((seams, 0.25, 0.015),))
    plate = place(rounded(-0.78, -0.34, 0.78, -0.17, 0.07))
    silver = (0.66, 0.66, 0.66) if generator.random() < 0.5 else (0.2, 0.2, 0.21)
    solid(canvas, [plate], material(silver, 0.5), 0.05, 0.8, shadow=0)
    button = place(rounded(-0.66, -0.42, -0.48, -0.33, 0.03))
    solid(canvas, [button], material((0.6, 0.6, 0.6), 0.5), 0.03, shadow=0)
    barrel = ellipse(place((0, 0.1)), (0.4 * unit,) * 2)
    solid(canvas, [barrel], material((0.17, 0.17, 0.18), 0.4), 0.12, 0.9)
    _lens(canvas, place((0, 0.1)), 0.31)
    fingers_over(canvas, place, [((0.92, y + 0.02), (0.74, y), (0.56, y + 0.02)) for y in (-0.08, 0.12, 0.32)])


def microphone(canvas: Canvas) -> None:
    """A singer's microphone in a fist."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(0.0, 0.22), generator.uniform(-38, -8), side
    )
    dark = np.array([(0.14, 0.14, 0.15), (0.14, 0.14, 0.15), (0.62, 0.63, 0.65)][generator.integers(3)])
    hold = beside(place, (0.0, 0.62))
    arm_behind(canvas, hold)
    handle = place(((-0.15, 0.2), (0.15, 0.2), (0.10, 1.75), (-0.10, 1.75)))
    long_ = place(((-0.16, -0.2), (0.16, -0.2), (0.10, 2.6), (-0.10, 2.6)))
    solid(canvas, [handle], material(dark, 0.35), 0.14, body=[long_])
    collar = place(rounded(-0.2, 0.17, 0.2, 0.27, 0.04))
    solid(canvas, [collar], material((0.6, 0.6, 0.62), 0.7), 0.08, shadow=0.2)
    ball = place(ellipse((0, -0.02), (0.25, 0.27)))
    mesh = [place(bezier((-0.27, y - 0.02), (0, y + 0.09), (0.27, y - 0.02), 9)) for y in np.linspace(-0.25, 0.16, 8)]
    mesh += [place(bezier((0.6 * x, -0.3), (1.5 * x, 0), (0.6 * x, 0.26), 9)) for x in np.linspace(-0.24, 0.24, 9)]
    metal = (0.42, 0.43, 0.45) if generator.random() < 0.6 else (0.2, 0.2, 0.21)
    solid(canvas, [ball], material(metal, 0.5), 0.25, lines=((mesh, 0.2, 0.012),))
    band = place(((-0.25, -0.035), (0.25, -0.035), (0.25, 0.035), (-0.25, 0.035)))
    solid(
        canvas,
        [band],
        material((0.62, 0.62, 0.63), 0.6),
        0.25,
        body=[place(((-0.25, -0.5), (0.25, -0.5), (0.25, 0.5), (-0.25, 0.5)))],
        shadow=0,
    )
    fingers_around(canvas, hold)


def ball(canvas: Canvas) -> None:
    """A ball in front of the face, or flying past it."""
    generator, unit = canvas.generator, canvas.scene.unit
    goal = canvas.nose + generator.normal(0, 0.5, 2) * unit
    place = canvas.frame(goal, generator.uniform(0, 360))
    kind, size = generator.integers(4), generator.uniform(0.5, 0.85)
    colour = [(0.9, 0.9, 0.88), (0.85, 0.48, 0.22), (0.8, 0.83, 0.35), (0.85, 0.82, 0.76)][kind]
    outline = place(CIRCLE * size)
    seams, patches = [], []
    if kind == 0:  # football: a dark pentagon in the middle, five at the edge
        turns = np.linspace(0, 2 * np.pi, 5, endpoint=False)
        star = np.stack([np.cos(turns), np.sin(turns)], 1)
        patches = [place(0.33 * size * star)]
        for corner in star:
            over = np.array([-corner[1], corner[0]])
            rim = [
                0.76 * corner,
                0.86 * corner + 0.26 * over,
                1.02 * corner + 0.2 * over,
                1.02 * corner - 0.2 * over,
                0.86 * corner - 0.26 * over,
            ]
            patches.append(place(size * np.array(rim)))
            seams.append(place(size * np.array([0.33 * corner, 0.76 * corner])))
    elif kind == 1:  # basketball
        seams = [place(size * np.array(line)) for line in (((-1, 0), (1, 0)), ((0, -1), (0, 1)))]
        seams += [place(size * bezier((s * 0.75, -0.7), (s * 0.1, 0), (s * 0.75, 0.7))) for s in (-1, 1)]
    elif kind == 2:  # tennis, seen near
        seams = [place(size * bezier((s * 0.9, -0.5), (-s * 0.1, 0.0), (s * 0.9, 0.5))) for s in (-1, 1)]
    else:  # volleyball
        seams = [place(size * bezier((-0.9, y - 0.25), (0, y * 0.4), (0.9, y - 0.25))) for y in (-0.4, 0.1, 0.6)]
        seams += [place(size * bezier((x, -0.1), (x * 1.2, 0.5), (x * 0.6, 1.0))) for x in (-0.35, 0.35)]
    relief = Relief(canvas, [outline])
    if relief.empty:
        return
    relief.pile([outline], size)
    relief.light(0.02)
    relief.shadow(0.5, 0.12)
    relief.lines(seams, -0.3 if kind == 2 else 0.35, 0.03 if kind != 2 else 0.045)
    relief.paint(material(colour, 0.15 if kind == 2 else 0.35))
    if patches:
        relief.paint(material((0.16, 0.16, 0.18), 0.35), mask=relief.mask(patches), edge=0)


def bouquet(canvas: Canvas) -> None:
    """Flowers held before the face: one large blossom or several, with leaves."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(mix(canvas.mouth, canvas.chin, generator.uniform(0, 0.6)), generator.uniform(-15, 15), side)
    leaf = material((0.3, 0.45, 0.26), 0.15)
    stems = [capsules(place(((0.25 * x, 0.0), (0.05 * x, 1.8))), np.full(2, 0.03) * unit)[0] for x in (-1, 0, 1)]
    solid(canvas, stems, leaf, 0.03, shadow=0.3)
    leaves, veins = [], []
    for x, y, angle in generator.uniform((-0.3, 0.2, -2.6), (0.3, 0.6, -0.5), (5, 3)):
        ahead = np.array((np.cos(angle), np.sin(angle)))
        over = np.array((-ahead[1], ahead[0])) * 0.14
        tip = (x, y) + ahead * 0.6
        middle = (x, y) + ahead * 0.28
        leaves.append(
            place(
                np.concatenate(
                    [bezier((x, y), middle + 1.6 * over, tip, 9), bezier(tip, middle - 1.6 * over, (x, y), 9)]
                )
            )
        )
        veins.append(place(((x, y), tip)))
    solid(canvas, leaves, leaf, 0.1, 0.6, lines=((veins, -0.15, 0.015),))
    palettes = [
        ((0.86, 0.45, 0.48), (0.95, 0.8, 0.6)),
        ((0.93, 0.9, 0.84), (0.9, 0.72, 0.3)),
        ((0.9, 0.7, 0.3), (0.45, 0.26, 0.14)),
        ((0.62, 0.5, 0.72), (0.93, 0.83, 0.5)),
    ]
    petals, heart = palettes[generator.integers(len(palettes))]
    count = int(generator.integers(1, 4))
    spots = ((0, 0),) if count == 1 else ((-0.3, 0.06), (0.32, 0.1), (0.02, -0.22))[:count]
    for spot in spots:
        number, size, turn = int(generator.integers(6, 11)), (0.5 if count == 1 else 0.36), generator.uniform(0, 6)
        for ring, share in ((1.0, 1.0), (0.62, 0.72)):
            angles = turn * ring + np.linspace(0, 2 * np.pi, number, endpoint=False)
            centres = np.array(spot) + 0.56 * ring * size * np.stack([np.cos(angles), np.sin(angles)], 1)
            outlines = place(ellipses(centres, (0.46 * size * share, 1.7 * size * share / number), angles))
            relief = Relief(canvas, [outlines])
            for outline, lift in zip(outlines, np.tile((0.0, 0.03), number)[:number], strict=True):
                relief.pile([outline], 0.12 * share, lift=lift, rise=0.7)
            relief.light(0.02)
            relief.shadow(0.35)
            relief.paint(material(np.array(petals) * (0.94 if ring == 1 else 1.0), 0.05, 0.75), edge=0.15)
        solid(canvas, [place(ellipse(spot, (0.2 * size,) * 2))], material(heart, 0.1), 0.09, shadow=0.3)


def book(canvas: Canvas) -> None:
    """An open book before the lower half of the face, held from below or from the sides."""
    generator, unit = canvas.generator, canvas.scene.unit
    place = canvas.frame(canvas.mouth + canvas.down * unit * generator.uniform(-0.3, 0.1), generator.uniform(-8, 8))
    colours = [
        (0.5, 0.18, 0.18),
        (0.18, 0.27, 0.4),
        (0.2, 0.36, 0.3),
        (0.72, 0.56, 0.32),
        (0.3, 0.25, 0.3),
        (0.82, 0.78, 0.7),
    ]
    colour = np.array(colours[generator.integers(len(colours))])
    ink = mix(colour, (0.95, 0.9, 0.78) if colour.mean() < 0.5 else (0.25, 0.2, 0.2), 0.85)
    half, tall = generator.uniform(0.85, 1.05), generator.uniform(1.25, 1.5)
    pages = place(
        ((-half + 0.05, 0.0), (0, 0.09), (half - 0.05, 0.0), (half - 0.05, 0.3), (0, 0.4), (-half + 0.05, 0.3))
    )
    solid(canvas, [pages], material((0.93, 0.9, 0.82)), 0.03, 0.5, shadow=0.5)
    for sign in (-1, 1):
        board = place(np.array(((0.035, 0.13), (half, 0.035), (half, tall), (0.035, tall + 0.1))) * (sign, 1))
        inner = place(
            np.array(((0.14, 0.24), (half - 0.12, 0.16), (half - 0.12, tall - 0.12), (0.14, tall - 0.04))) * (sign, 1)
        )
        lines = [np.concatenate([inner, inner[:1]])]
        solid(
            canvas,
            [board],
            material(colour * (1 if sign * canvas.scene.light[0] > 0 else 0.86), 0.15),
            0.05,
            0.5,
            lines=((lines, -0.14, 0.014),),
            shadow=0.35 if sign < 0 else 0,
        )
        bars = [
            place(
                np.array(((0.26, y), (half - 0.24, y - 0.03), (half - 0.24, y + h - 0.03), (0.26, y + h))) * (sign, 1)
            )
            for y, h in ((0.42, 0.1), (0.58, 0.05))
        ]
        if sign > 0 or generator.random() < 0.5:
            canvas.fill(bars, ink, 0.9)
    spine = place(rounded(-0.05, 0.13, 0.05, tall + 0.1, 0.04))
    solid(canvas, [spine], material(colour * 0.9, 0.2), 0.05, shadow=0)
    for sign in (-1, 1):
        rows = generator.uniform(0.45, 0.75) + 0.2 * np.arange(4)
        fingers = [((half + 0.14, y + 0.05), (half - 0.02, y), (half - 0.24, y - 0.03)) for y in rows]
        fingers_over(canvas, place, np.array(fingers) * (sign, 1))
