"""Things that people hold up before a synthetic face, and the fingers around them."""

import cv2
import numpy as np

from awing_lib.datasets.synthetic.hands import fingers_over, grip
from awing_lib.datasets.synthetic.outlines import (
    ANGLES,
    CIRCLE,
    bezier,
    capsules,
    ellipse,
    ellipses,
    fixed,
    mix,
    smooth_curve,
)
from awing_lib.datasets.synthetic.relief import Relief, material, solid
from awing_lib.datasets.synthetic.scene import Canvas


def _rounded(x0, y0, x1, y1, radius) -> np.ndarray:
    """Outline of a rectangle with round corners."""
    corners = np.array(
        ((x1 - radius, y1 - radius), (x0 + radius, y1 - radius), (x0 + radius, y0 + radius), (x1 - radius, y0 + radius))
    )
    turn = np.linspace(0, np.pi / 2, 6)
    arcs = [
        corner + radius * np.stack([np.cos(turn + k * np.pi / 2), np.sin(turn + k * np.pi / 2)], 1)
        for k, corner in enumerate(corners)
    ]
    return np.concatenate(arcs)


def _lens(canvas, centres, radius: float) -> None:
    """Glass lenses: rings, a deep pupil with a coloured sheen, and a highlight."""
    unit = canvas.scene.unit
    centres = np.atleast_2d(centres)
    size = radius * unit
    window = Relief(canvas, [ellipses(centres, (size, size)).reshape(-1, 2)], 0.05)
    light = canvas.scene.light
    for share, colour in (
        (1.0, (0.34, 0.35, 0.37)),
        (0.88, (0.07, 0.07, 0.08)),
        (0.66, (0.13, 0.14, 0.18)),
        (0.52, (0.05, 0.06, 0.1)),
    ):
        window.blend(colour, window.mask(ellipses(centres, (share * size,) * 2)))
    window.blend((0.25, 0.3, 0.5), window.mask(ellipses(centres - 0.2 * size * light, (0.26 * size,) * 2)), 0.6)
    window.blend(
        (0.97, 0.98, 1.0), window.mask(ellipses(centres + 0.32 * size * light, (0.14 * size, 0.1 * size))), 0.9
    )


def phone(canvas: Canvas) -> None:
    """A phone held up to take a picture: its back and the fingers around it."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    goal = [canvas.eyes[0 if side < 0 else 1], canvas.mouth, canvas.nose][generator.integers(3)]
    place = canvas.frame(goal + generator.normal(0, 0.06, 2) * unit, generator.uniform(-14, 14), side)
    hold = canvas.frame(place((0.26, 0.18)), 0, side)
    grip(canvas, hold, front=False)
    colour = np.array(
        [(0.13, 0.14, 0.16), (0.86, 0.86, 0.85), (0.24, 0.3, 0.4), (0.72, 0.58, 0.54), (0.2, 0.3, 0.27)][
            generator.integers(5)
        ]
    )
    body = place(_rounded(-0.40, -0.62, 0.40, 0.98, 0.11))
    sheen = [place(((-0.42, 0.5), (0.42, -0.15))), place(((-0.42, 0.62), (0.42, -0.03)))]
    solid(canvas, [body], material(colour, 0.5), 0.05, 0.7, lines=((sheen, -0.09, 0.05),), shadow=0.5)
    island = place(_rounded(-0.36, -0.58, -0.02, -0.20, 0.08))
    solid(canvas, [island], material(colour * 0.9 + 0.03, 0.4), 0.03, 0.7, shadow=0.25)
    eyes = place(((-0.27, -0.47), (-0.27, -0.31), (-0.11, -0.39)))
    _lens(canvas, eyes[:2], 0.066)
    flash = Relief(canvas, [eyes[2:]])
    flash.blend((0.93, 0.9, 0.82), flash.mask(ellipses(eyes[2:], (0.028 * unit,) * 2)))
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
    grip(canvas, hold, front=False)
    top = place(_rounded(-0.22, -0.52, 0.26, -0.1, 0.08))
    solid(canvas, [top], material((0.2, 0.2, 0.21), 0.3), 0.08, 0.8)
    body = place(_rounded(-0.78, -0.34, 0.78, 0.5, 0.12))
    seams = [place(((-0.76, -0.17), (0.76, -0.17))), place(((-0.76, 0.4), (0.76, 0.4)))]
    solid(canvas, [body], material(colour, 0.25), 0.08, 0.8, lines=((seams, 0.25, 0.015),))
    plate = place(_rounded(-0.78, -0.34, 0.78, -0.17, 0.07))
    silver = (0.66, 0.66, 0.66) if generator.random() < 0.5 else (0.2, 0.2, 0.21)
    solid(canvas, [plate], material(silver, 0.5), 0.05, 0.8, shadow=0)
    button = place(_rounded(-0.66, -0.42, -0.48, -0.33, 0.03))
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
    hold = lambda points: place(np.add(points, (0.0, 0.62)))  # noqa: E731
    grip(canvas, hold, front=False)
    handle = place(((-0.15, 0.2), (0.15, 0.2), (0.10, 1.75), (-0.10, 1.75)))
    long_ = place(((-0.16, -0.2), (0.16, -0.2), (0.10, 2.6), (-0.10, 2.6)))
    solid(canvas, [handle], material(dark, 0.35), 0.14, body=[long_])
    collar = place(_rounded(-0.2, 0.17, 0.2, 0.27, 0.04))
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
    grip(canvas, hold, front=True)


def mug(canvas: Canvas) -> None:
    """A mug at the lips."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(-0.02, 0.15), generator.uniform(-14, 14), side
    )
    hold = lambda points: place(np.add(points, (0.16, 0.24)))  # noqa: E731
    grip(canvas, hold, front=False)
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
        mask = np.zeros_like(relief.cover)
        cv2.polylines(
            mask,
            [fixed(band, relief.origin) for band in bands],
            False,
            255,
            max(1, round(0.05 * unit)),
            cv2.LINE_AA,
            4,
        )
        relief.paint(
            material(mix(colour, (0.95, 0.93, 0.9) if colour.mean() < 0.6 else (0.3, 0.34, 0.4), 0.8)),
            mask=mask,
            edge=0,
        )
    rim = place(ellipse((0, 0.0), (0.46, 0.1)))
    window = Relief(canvas, [rim], 0.05)
    window.blend(mix(colour, (1, 1, 1), 0.35), window.mask([rim]))
    window.blend(colour * 0.45, window.mask([place(ellipse((0, 0.006), (0.42, 0.078)))]))
    window.blend((0.2, 0.11, 0.07), window.mask([place(ellipse((0, 0.03), (0.36, 0.05)))]))
    grip(canvas, hold, front=True)


def glass(canvas: Canvas) -> None:
    """A cold drink in a glass, with a straw to the lips."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(0.0, 0.25), generator.uniform(-8, 8), side
    )
    hold = lambda points: place(np.add(points, (0.12, 0.55)))  # noqa: E731
    grip(canvas, hold, front=False)
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
                        _rounded(-0.085, -0.085, 0.085, 0.085, 0.025)
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
    mask = np.zeros_like(window.cover)
    if not window.empty:
        cv2.polylines(mask, [fixed(rim, window.origin)], True, 255, max(1, round(0.02 * unit)), cv2.LINE_AA, 4)
        streaks = [place(((-0.29, 0.3), (-0.24, 1.15))), place(((0.27, 0.35), (0.245, 0.75)))]
        cv2.polylines(
            mask,
            [fixed(line, window.origin) for line in streaks],
            False,
            220,
            max(1, round(0.035 * unit)),
            cv2.LINE_AA,
            4,
        )
        window.blend((0.98, 0.99, 1.0), cv2.GaussianBlur(mask, (3, 3), 0), 0.7)
    grip(canvas, hold, front=True)


def ice_cream(canvas: Canvas) -> None:
    """A cone with one to three scoops."""
    generator, side, unit = canvas.generator, canvas.side(), canvas.scene.unit
    place = canvas.frame(
        canvas.mouth + canvas.down * unit * generator.uniform(0.1, 0.3), generator.uniform(-24, 10), side
    )
    hold = lambda points: place(np.add(points, (0.05, 0.78)))  # noqa: E731
    grip(canvas, hold, front=False)
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
    grip(canvas, hold, front=True)


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
        star = np.stack([np.cos(_FIVE), np.sin(_FIVE)], 1)
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


_FIVE = np.linspace(0, 2 * np.pi, 5, endpoint=False)


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
        window = Relief(canvas, [inner])
        bars = [
            place(
                np.array(((0.26, y), (half - 0.24, y - 0.03), (half - 0.24, y + h - 0.03), (0.26, y + h))) * (sign, 1)
            )
            for y, h in ((0.42, 0.1), (0.58, 0.05))
        ]
        if sign > 0 or generator.random() < 0.5:
            window.blend(ink, window.mask(bars), 0.9)
    spine = place(_rounded(-0.05, 0.13, 0.05, tall + 0.1, 0.04))
    solid(canvas, [spine], material(colour * 0.9, 0.2), 0.05, shadow=0)
    for sign in (-1, 1):
        rows = generator.uniform(0.45, 0.75) + 0.2 * np.arange(4)
        fingers = [((half + 0.14, y + 0.05), (half - 0.02, y), (half - 0.24, y - 0.03)) for y in rows]
        fingers_over(canvas, place, np.array(fingers) * (sign, 1))


def burger(canvas: Canvas) -> None:
    """A burger on its way to the mouth, in two hands."""
    generator, unit = canvas.generator, canvas.scene.unit
    place = canvas.frame(canvas.mouth + canvas.down * unit * generator.uniform(0.0, 0.25), generator.uniform(-10, 10))
    crust = material((0.8, 0.54, 0.27), 0.2)
    solid(canvas, [place(_rounded(-0.6, 0.2, 0.6, 0.5, 0.13))], crust, 0.16)
    wave = np.stack([np.linspace(-0.66, 0.66, 40), 0.17 + 0.035 * np.sin(np.linspace(0, 22, 40))], 1)
    solid(canvas, [place(_rounded(-0.61, 0.1, 0.61, 0.3, 0.09))], material((0.33, 0.18, 0.12), 0.15), 0.09)
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
    window = Relief(canvas, [place(dome)])
    window.blend((0.97, 0.9, 0.72), window.mask(place(ellipses(seeds, (0.03, 0.018), 0.4))))
    for sign in (-1, 1):
        fingers = [((0.82, y + 0.12), (0.62, y + 0.02), (0.36, y)) for y in (-0.14, 0.06, 0.26)]
        fingers_over(canvas, place, np.array(fingers) * (sign, 1))
        back = capsules(
            place(np.array(((0.86, 0.12), (0.98, 0.6), (1.3, 2.6))) * (sign, 1)), np.array((0.24, 0.27, 0.36)) * unit
        )
        solid(canvas, back, material(canvas.scene.skin, 0.05), 0.26, 0.7, smooth=0.03)
