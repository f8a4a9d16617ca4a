"""What hands do before a synthetic face."""

import numpy as np

from awing_lib.datasets.synthetic.hands import THUMB_ACROSS, THUMB_ALONG, THUMB_OPEN, Pose, hand
from awing_lib.datasets.synthetic.scene import Canvas


def _size_of_hand(canvas) -> float:
    return float(canvas.generator.uniform(0.86, 1.02))


def over_mouth(canvas: Canvas) -> None:
    """Fingers across the mouth, thumb on the near cheek."""
    generator, side = canvas.generator, canvas.side()
    size = _size_of_hand(canvas)
    angle = generator.uniform(-82, -48)
    place = canvas.frame(canvas.mouth, angle, side, size)
    reach = place((0.0, 0.0)) - place(generator.uniform((-0.08, -0.62), (0.08, -0.4)))
    place = canvas.frame(canvas.mouth + reach, angle, side, size)
    gap = generator.uniform(0, 3)
    pose = Pose(
        (2 * gap, 0.5 * gap, -gap, -2.5 * gap),
        tuple(generator.uniform(0.03, 0.16, 4)),
        THUMB_OPEN if generator.random() < 0.6 else THUMB_ALONG,
    )
    hand(canvas, place, pose, arm=generator.uniform(-55, -20))


def under_chin(canvas: Canvas) -> None:
    """The chin rests on a fist."""
    generator, side = canvas.generator, canvas.side()
    size = _size_of_hand(canvas)
    place = canvas.frame(
        canvas.chin
        + canvas.scene.unit
        * (side * generator.uniform(-0.1, 0.25) * canvas.right + generator.uniform(-0.22, 0.02) * canvas.down),
        generator.uniform(-20, 12),
        side,
        size,
    )
    pose = Pose((3, 1, -1, -4), (0.9, 0.92, 0.92, 0.9), THUMB_ACROSS, palm=True)
    hand(canvas, place, pose, arm=generator.uniform(-15, 25))


def on_cheek(canvas: Canvas) -> None:
    """The head leans on a hand, its fingers along the cheek."""
    generator, side = canvas.generator, canvas.side()
    jaw = canvas.scene.landmarks[9 if side < 0 else 23]
    place = canvas.frame(
        jaw
        + canvas.scene.unit
        * (generator.uniform(-0.08, 0.12) * side * canvas.right + generator.uniform(-0.05, 0.2) * canvas.down),
        generator.uniform(-32, -8),
        side,
        _size_of_hand(canvas),
    )
    gap = generator.uniform(1, 7)
    pose = Pose(
        (2 * gap, gap, -0.5 * gap, -2 * gap), tuple(np.array([0.1, 0.14, 0.2, 0.3]) + generator.uniform(-0.08, 0.1)), ()
    )
    hand(canvas, place, pose, arm=generator.uniform(0, 30))


def before_eye(canvas: Canvas) -> None:
    """A hand held before one eye."""
    generator, side = canvas.generator, canvas.side()
    eye = canvas.eyes[0 if side < 0 else 1]
    angle, size = generator.uniform(-40, 5), _size_of_hand(canvas)
    place = canvas.frame(eye, angle, side, size)
    place = canvas.frame(2 * eye - place(generator.uniform((-0.1, -0.55), (0.15, 0.1))), angle, side, size)
    gap = generator.uniform(0, 9)
    pose = Pose((2 * gap, 0.6 * gap, -0.8 * gap, -2.2 * gap), tuple(generator.uniform(0.02, 0.18, 4)), THUMB_OPEN)
    hand(canvas, place, pose, arm=generator.uniform(-10, 25))


def victory(canvas: Canvas) -> None:
    """Two fingers in a V, before an eye or the cheek."""
    generator, side = canvas.generator, canvas.side()
    eye = canvas.eyes[0 if side < 0 else 1]
    angle, size = generator.uniform(-62, -15), _size_of_hand(canvas)
    place = canvas.frame(eye, angle, side, size)
    target = generator.uniform((0.12, -0.75), (0.28, -0.45))
    place = canvas.frame(2 * eye - place(target), angle, side, size)
    pose = Pose((16 + generator.uniform(-3, 5), -10, -3, -6), (0.04, 0.03, 0.92, 0.9), THUMB_ACROSS, palm=True)
    hand(canvas, place, pose, arm=generator.uniform(-10, 25))


def hush(canvas: Canvas) -> None:
    """A finger on the lips."""
    generator, side = canvas.generator, canvas.side()
    angle, size = generator.uniform(-22, 8), _size_of_hand(canvas)
    place = canvas.frame(canvas.mouth, angle, side, size)
    place = canvas.frame(2 * canvas.mouth - place((0.3, generator.uniform(-0.72, -0.5))), angle, side, size)
    pose = Pose((0, 1, -1, -4), (0.03, 0.9, 0.92, 0.9), THUMB_ACROSS, palm=True)
    hand(canvas, place, pose, arm=generator.uniform(0, 30))
