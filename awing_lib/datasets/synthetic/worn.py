"""What is worn before a synthetic face: scarf and mask, and hair that hangs into it."""

import cv2
import numpy as np

from awing_lib.datasets.synthetic.hands import any_cloth
from awing_lib.datasets.synthetic.outlines import bezier, bezier_weights, capsules, mix, smooth_curve
from awing_lib.datasets.synthetic.relief import Relief, material
from awing_lib.datasets.synthetic.scene import Canvas


def scarf(canvas: Canvas) -> None:
    """A scarf pulled up over chin and mouth."""
    generator, unit, points = canvas.generator, canvas.scene.unit, canvas.scene.landmarks
    colour = any_cloth(generator)
    place = canvas.frame(canvas.mouth, 0)
    left, right = ((points[[6, 26]] - canvas.mouth) @ canvas.right / unit + (-0.1, 0.1)).tolist()
    low = float((canvas.chin - canvas.mouth) @ canvas.down) / unit
    top = generator.uniform(-0.2, 0.3)
    middle = (left + right) / 2
    rim = [(left - 0.1, top - 0.12), (left + 0.2, top - 0.03), (middle, top + 0.05), (right - 0.2, top - 0.03)]
    rim.append((right + 0.1, top - 0.12))
    edge = smooth_curve(rim, 24)
    outer = ((0.32, top + 0.25), (0.38, low + 0.15), (0.75, low + 0.9), (0.8, low + 3))
    sides = [(right + x, y) for x, y in outer] + [(left - x, y) for x, y in reversed(outer)]
    body = smooth_curve([*rim, *sides], 78, closed=True)
    relief = Relief(canvas, [place(body)])
    if relief.empty:
        return
    relief.pile([place(body)], 0.12, rise=0.9)
    depth = low - top + 0.5
    for k, share in enumerate((0.16, 0.42, 0.72, 1.0)):  # folds
        tilt = generator.uniform(-0.14, 0.14)
        y = top + depth * share
        ridge = smooth_curve(
            (
                (left - 0.25, y - 0.25 + tilt),
                (middle - 0.3, y + 0.03),
                (middle + 0.3, y + 0.03),
                (right + 0.25, y - 0.25 - tilt),
            ),
            14,
        )
        ridge_shape = capsules(place(ridge), np.full(len(ridge), (0.11, 0.14, 0.12, 0.15)[k]) * unit)
        seen = relief.cover.copy()
        relief.pile(ridge_shape, 0.13, lift=0.06, rise=0.8)
        relief.cover = seen
    relief.light(0.035)
    steps = np.arange(left - 0.4, right + 0.4, 0.09)
    knit = [place(((x, top - 0.4), (x + 0.12 * np.sin(3 * x), low + 1.2))) for x in steps]
    if generator.random() < 0.6:
        relief.lines(knit, 0.07, 0.02)
    relief.shadow(0.5)
    relief.paint(material(colour, 0.0, 0.95))
    if generator.random() < 0.4:
        stripe = relief.strokes([place(np.add(edge, (0, y))) for y in (0.14, 0.26)], 0.07)
        relief.paint(
            material(mix(colour, (0.92, 0.89, 0.84) if colour.mean() < 0.5 else (0.35, 0.2, 0.22), 0.75)),
            mask=stripe,
            edge=0,
        )


def surgical_mask(canvas: Canvas) -> None:
    """A pleated mask over nose and mouth."""
    generator, unit, points = canvas.generator, canvas.scene.unit, canvas.scene.landmarks
    colour = np.array(
        [(0.6, 0.76, 0.82), (0.88, 0.9, 0.9), (0.17, 0.18, 0.2), (0.62, 0.76, 0.68)][generator.integers(4)]
    )
    bridge = mix(points[51], points[54], 0.45)
    low = points[16]
    rim = [mix(points[4], bridge, 0.12), mix(points[4], bridge, 0.55), bridge]
    rim += [mix(points[28], bridge, 0.55), mix(points[28], bridge, 0.12), points[25], mix(points[20], low, 0.3)]
    rim += [low + canvas.down * 0.06 * unit, mix(points[12], low, 0.3), points[7]]
    rim = np.array(rim)
    outline = smooth_curve(rim, 50, closed=True)
    loops = Relief(canvas, [points[[0, 32]], rim])
    if loops.empty:
        return
    ends = np.array([(rim[0], points[1]), (rim[4], points[31]), (rim[9], points[2]), (rim[5], points[30])])
    loops.blend(np.clip(colour + 0.1, 0, 0.97), loops.strokes(ends, 0.03))
    relief = Relief(canvas, [outline])
    relief.pile([outline], 0.45, rise=0.55)
    nose = capsules(np.array([bridge, points[54]]), np.array((0.06, 0.14)) * unit)
    seen = relief.cover.copy()
    relief.pile(nose, 0.16, lift=0.12, rise=0.8)
    relief.cover = cv2.min(seen, relief.cover)
    relief.light(0.05)
    pleats = [
        bezier(
            mix(rim[0], rim[9], t), mix(points[54], points[16], t) + canvas.down * 0.1 * unit, mix(rim[4], rim[5], t)
        )
        for t in (0.3, 0.55, 0.8)
    ]
    relief.lines(pleats, 0.16, 0.02)
    relief.lines([pleat + canvas.down * 0.03 * unit for pleat in pleats], -0.08, 0.02)
    hem = mix(outline, outline.mean(0), 0.07)
    relief.lines([np.concatenate([hem, hem[:1]])], 0.08, 0.012)
    relief.shadow(0.4)
    relief.paint(material(colour, 0.05, 0.8))


_HAIR = np.array(
    [
        (0.11, 0.08, 0.07),
        (0.22, 0.14, 0.1),
        (0.36, 0.22, 0.13),
        (0.62, 0.45, 0.26),
        (0.5, 0.22, 0.12),
        (0.55, 0.53, 0.52),
    ]
)


def hair_strands(canvas: Canvas) -> None:
    """Locks that the wind has blown across the face, or that hang into it."""
    generator, unit, points = canvas.generator, canvas.scene.unit, canvas.scene.landmarks
    brows = points[33:51].mean(0)
    place, axes = canvas.frame(brows), np.stack([canvas.right, canvas.down], 1)
    # hair grows where there is head: seen from the side, only behind the face
    left, right = -(points[0] - brows) @ canvas.right, (points[32] - brows) @ canvas.right
    side = canvas.side() if max(left, right) < 1.7 * min(left, right) else (-1 if left > right else 1)
    temple = (points[0 if side < 0 else 32] - brows) @ axes / unit
    goal = (points[generator.integers(5, 28)] - brows) @ axes / unit
    nose = (canvas.nose - brows) @ axes / unit
    hair = _HAIR[generator.integers(len(_HAIR))] if canvas.scene.hair is None else canvas.scene.hair
    # one gesture for all: from the parting or the temple to a cheek, the mouth or past the chin
    root = mix((0.0, -0.72), temple - (0.12 * side, 0.72), generator.uniform(0.0, 0.7))
    root[1] -= generator.uniform(0, 0.15)
    end = mix(goal, nose, generator.uniform(0.0, 0.5))
    belly = mix(root, end, 0.5) + generator.uniform((-0.15, -0.3), (0.4, 0.1)) * (side, 1)
    t = np.linspace(0, 1, 24)
    count = int(generator.integers(4, 8))
    fan, drift = generator.normal(0, 1, (count, 2)), generator.normal(0, 1, (count, 4))
    shift = (np.arange(count)[:, None] - (count - 1) / 2) * (0.075, 0.02)
    nodes = np.stack([root + 0.45 * shift, belly + 1.6 * shift + 0.06 * drift[:, :2], end + 2.4 * shift + 0.1 * fan], 1)
    locks = bezier_weights(24) @ nodes
    locks[..., 0] += 0.035 * drift[:, 2:3] * np.sin(2 * np.pi * t) * t
    slope = np.gradient(locks, axis=1)
    slope /= np.maximum(np.hypot(slope[..., 0], slope[..., 1]), 1e-6)[..., None]
    width = (0.062 + 0.016 * drift[:, 3:]) * ((1 - t**2.2) ** 0.8 * (0.2 + 1.1 * np.sin(1.9 * t + 0.25) ** 0.8))
    over = slope[..., ::-1] * (-1, 1) * width[..., None]
    one, other = place(locks + over), place(locks - over)
    outlines = np.concatenate([one, other[:, ::-1]], 1)
    relief = Relief(canvas, outlines, 0.12)
    if relief.empty:
        return
    for outline, lift in zip(outlines, generator.uniform(0, 0.05, count), strict=True):
        relief.pile([outline], 0.07, lift=lift, rise=0.7)
    relief.light(0.015)

    def along(shares) -> list[np.ndarray]:
        return [mix(one, other, 0.5 + 0.5 * share) for share in shares]

    dark, pale = generator.uniform(-0.9, 0.9, 4), generator.uniform(-0.8, 0.8, 3)
    relief.lines(along(dark), 0.2, 0.008)
    relief.lines(along(pale), -0.12, 0.008)
    start = int(generator.integers(5, 9))
    relief.lines([path[:, start : start + 5] for path in along((-0.5, 0.0, 0.5))], -0.15, 0.03)
    relief.shadow(0.35, 0.05)
    relief.paint(material(hair, 0.25), edge=0.12)
    stray = generator.normal(0, 1, (count, 2, 3)).transpose(1, 2, 0)[..., None, None]
    sway = (t**1.6 * 0.11 * unit)[:, None]
    loose = [mix(one, other, 0.5 + share) + sway * np.concatenate([x, y], 2) for share, x, y in stray]
    relief.blend(hair * 0.95, relief.strokes(loose, 0, 200), 0.7)
