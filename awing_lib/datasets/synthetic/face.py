"""All that makes one synthetic face, drawn by chance: who, with what look, seen from where, in what light."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from awing_lib.datasets.synthetic.head import IDENTITY, Expression
from awing_lib.datasets.synthetic.occluders import sample_kind
from awing_lib.datasets.synthetic.photo import Photo, clipped

SHARES = {"pose": 326, "expression": 314, "illumination": 698, "make-up": 206, "occlusion": 736, "blur": 773}
"""Faces of WFLW's test set, of 2500, with each attribute: the shares that are aimed at here."""

# Skin from light to dark, RGB; a tone between two of them is their mix.
SKIN = np.array(
    [
        (0.97, 0.85, 0.78),
        (0.93, 0.75, 0.64),
        (0.84, 0.64, 0.51),
        (0.70, 0.49, 0.36),
        (0.50, 0.33, 0.24),
        (0.33, 0.215, 0.165),
        (0.225, 0.15, 0.12),
    ]
)
HAIR = {
    "black": (0.075, 0.065, 0.065),
    "dark brown": (0.17, 0.11, 0.075),
    "brown": (0.30, 0.19, 0.115),
    "chestnut": (0.38, 0.19, 0.10),
    "red": (0.58, 0.26, 0.10),
    "dark blond": (0.52, 0.40, 0.24),
    "blond": (0.78, 0.64, 0.40),
    "grey": (0.55, 0.54, 0.53),
    "white": (0.86, 0.85, 0.83),
    "dyed": (0.45, 0.18, 0.38),
}
IRIS = [
    (0.22, 0.13, 0.07),
    (0.16, 0.09, 0.05),
    (0.36, 0.24, 0.12),
    (0.38, 0.40, 0.22),
    (0.36, 0.48, 0.60),
    (0.48, 0.54, 0.56),
]
CLOTH = [
    (0.14, 0.16, 0.22),
    (0.85, 0.84, 0.80),
    (0.20, 0.33, 0.42),
    (0.55, 0.16, 0.16),
    (0.22, 0.36, 0.27),
    (0.42, 0.40, 0.38),
]
CLOTH += [(0.76, 0.60, 0.36), (0.34, 0.22, 0.36), (0.10, 0.10, 0.11), (0.62, 0.70, 0.78)]
HAIRCUTS = ("bald", "buzz", "short", "quiff", "side", "curly", "afro", "bob", "long", "bun")
HATS = ("beanie", "cap", "headscarf", "brim", "helmet")
GLASSES = ("round", "square", "cat", "sunglasses")


@dataclass(frozen=True)
class Look:
    """Colours and what grows or is worn."""

    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    cloth: np.ndarray
    wear: np.ndarray
    """Colour of hat and glasses."""
    age: float
    """0 (young) to 1 (old): folds, thinner hair on the forehead."""
    haircut: str
    hair_shift: float
    """Moves the hairline: positive recedes, in units of 20 degrees."""
    brows: float
    """0 (plucked thin) to 1 (bushy)."""
    beard: float
    """0 (none), under 0.5 stubble, to 1 (full)."""
    freckles: float
    flush: float
    lipstick: np.ndarray | None
    shadow: np.ndarray | None
    """Colour of the eye shadow; comes with lashes and eye liner."""
    glasses: str | None
    hat: str | None


@dataclass(frozen=True)
class Light:
    """One lamp and the light from all around."""

    direction: np.ndarray
    """(3,) unit vector towards the lamp: right, down, towards the viewer."""
    lamp: np.ndarray
    around: np.ndarray


@dataclass(frozen=True)
class Face:
    """One face to be drawn; ``Face.sample`` draws one by chance. Angles in degrees."""

    identity: np.ndarray
    lips: np.ndarray
    asymmetry: np.ndarray
    expression: Expression
    gaze: tuple[float, float]
    yaw: float
    pitch: float
    roll: float
    distance: float
    """Of the camera, in units of the distance between the outer corners of the eyes."""
    scale: float
    """Pixels per such unit, where the head's centre lies."""
    center: tuple[float, float]
    """Pixels from the picture's centre."""
    look: Look
    light: Light
    photo: Photo
    occluder: str | None
    flags: dict[str, bool] = field(default_factory=dict)

    @property
    def attributes(self) -> dict:
        """The six attributes of WFLW and the pose in degrees."""
        return {
            **self.flags,
            "yaw": round(self.yaw, 2),
            "pitch": round(self.pitch, 2),
            "roll": round(self.roll, 2),
        }

    @classmethod
    def sample(cls, generator: np.random.Generator, size: int = 256) -> "Face":
        """One face by chance."""
        flags = {name: bool(generator.random() < count / 2500) for name, count in SHARES.items()}
        expression, gaze = _expression(generator, flags["expression"])
        look, occluder = _look(generator, flags["make-up"], flags["occlusion"])
        if occluder == "sunglasses":
            look, occluder = replace(look, glasses="sunglasses"), None
        yaw, pitch, roll = _pose(generator, flags["pose"])
        extent = generator.uniform(0.26, 0.36) * size
        return cls(
            identity=np.clip(generator.standard_normal(len(IDENTITY)), -2.2, 2.2),
            lips=np.clip(generator.standard_normal(3), -2, 2),
            asymmetry=0.22 * generator.standard_normal(len(IDENTITY)),
            expression=expression,
            gaze=gaze,
            yaw=yaw,
            pitch=pitch,
            roll=roll,
            distance=math.exp(generator.uniform(math.log(6), math.log(16))),
            scale=extent,
            center=tuple(generator.normal(0, 0.02 * size, 2)),
            look=look,
            light=_light(generator, flags["illumination"]),
            photo=Photo.sample(generator, bad_light=flags["illumination"], blurred=flags["blur"]),
            occluder=occluder,
            flags=flags,
        )


def _pick(generator: np.random.Generator, options, shares=None):
    """One of the options; ``shares`` says how often each comes, in any unit."""
    if shares is None:
        return options[int(generator.random() * len(options))]
    steps = np.cumsum(shares)
    return options[int(np.searchsorted(steps, generator.random() * steps[-1], side="right"))]


def _pose(generator: np.random.Generator, large: bool) -> tuple[float, float, float]:
    """Yaw, pitch, roll; large ones leave the range that the eyes of both halves are seen well in."""
    if large:
        kind = _pick(generator, range(3), [0.70, 0.15, 0.15])
        sign = _pick(generator, (-1, 1))
        yaw = sign * generator.uniform(42, 75) if kind == 0 else generator.normal(0, 18)
        pitch = sign * generator.uniform(24, 35) if kind == 1 else generator.normal(0, 8)
        roll = sign * generator.uniform(28, 40) if kind == 2 else generator.normal(0, 10)
    else:
        yaw, pitch, roll = generator.normal(0, 17), generator.normal(0, 8), generator.normal(0, 8)
        yaw, pitch, roll = clipped(yaw, -40, 40), clipped(pitch, -22, 22), clipped(roll, -26, 26)
    return clipped(yaw, -75, 75), clipped(pitch, -35, 35), clipped(roll, -40, 40)


def _expression(generator: np.random.Generator, strong: bool) -> tuple[Expression, tuple[float, float]]:
    uniform = generator.uniform
    blink = 1.0 if uniform() < 0.05 else clipped(generator.normal(0, 0.13), 0, 0.5)
    gaze = (clipped(generator.normal(0, 11), -28, 28), clipped(generator.normal(0, 6), -16, 18))
    moves: dict[str, float] = {"close_left": blink, "close_right": blink, "skew": generator.normal(0, 0.12)}
    if strong:
        kind = _pick(generator, ("surprise", "laugh", "shout", "kiss", "disgust", "wink", "grief", "yawn"))
        much = uniform(0.7, 1.0)
        moves |= {
            "surprise": {"jaw_open": much, "brow_raise": much, "wide": much, "close_left": 0, "close_right": 0},
            "laugh": {"smile": much, "teeth": 0.9 * much, "jaw_open": uniform(0.2, 0.7), "squint": uniform(0.3, 0.9)},
            "shout": {"jaw_open": much, "teeth": 0.6, "frown": much, "squint": 0.4},
            "kiss": {"pout": much, "press": 0.2, "close_left": uniform(0, 1), "skew": uniform(-0.5, 0.5)},
            "disgust": {
                "upper_lip": much,
                "frown": much,
                "squint": 0.6,
                "skew": uniform(-0.8, 0.8),
                "teeth": uniform(0, 0.5),
            },
            "wink": {
                "close_left": 1.0,
                "close_right": 0.0,
                "smile": much,
                "skew": uniform(-0.8, 0.8),
                "teeth": uniform(0, 0.8),
            },
            "grief": {"sad": much, "frown": 0.5, "press": uniform(0, 0.8), "squint": 0.5, "jaw_open": uniform(0, 0.3)},
            "yawn": {"jaw_open": 1.0, "close_left": 0.9, "close_right": 0.9, "frown": 0.4},
        }[kind]
        if kind == "wink" and uniform() < 0.5:
            moves["close_left"], moves["close_right"] = moves["close_right"], moves["close_left"]
        if kind == "kiss":
            moves["close_right"] = moves["close_left"]
    else:
        smile = uniform() < 0.55
        moves |= {
            "smile": uniform(0.15, 0.85) if smile else 0.0,
            "teeth": uniform(0.25, 0.75) if smile and uniform() < 0.55 else 0.0,
            "jaw_open": abs(generator.normal(0, 0.10)),
            "press": uniform(0, 0.6) if uniform() < 0.25 else 0.0,
            "sad": uniform(0, 0.35) if uniform() < 0.15 else 0.0,
            "pout": uniform(0, 0.3) if uniform() < 0.1 else 0.0,
            "brow_raise": clipped(generator.normal(0, 0.25), -0.35, 0.6),
            "frown": uniform(0, 0.5) if uniform() < 0.2 else 0.0,
            "wide": uniform(0, 0.5) if uniform() < 0.2 else 0.0,
            "squint": uniform(0, 0.6) if uniform() < 0.3 else 0.0,
        }
    return Expression(**{name: float(value) for name, value in moves.items()}), gaze


def _look(generator: np.random.Generator, painted: bool, hidden: bool) -> tuple[Look, str | None]:
    uniform = generator.uniform
    tone = uniform(0, len(SKIN) - 1)
    step = min(int(tone), len(SKIN) - 2)
    skin = SKIN[step] + (tone - step) * (SKIN[step + 1] - SKIN[step])
    skin = np.clip(skin * (1 + generator.normal(0, 0.025, 3)), 0, 1)
    age = float(generator.beta(1.3, 2.0))
    bearded = not painted and uniform() < 0.5
    light_skin = tone < 2.2
    names = list(HAIR)
    weights = (
        np.array([4, 4, 3, 1.5, 0.7, 1.2, 1.0, 0, 0, 0.25])
        if light_skin
        else np.array([9, 3, 0.6, 0.2, 0, 0, 0.1, 0, 0, 0.2])
    )
    if age > 0.55:
        weights[7:9] += (6 * (age - 0.35), 5 * (age - 0.5))
    hair = np.clip(np.array(HAIR[_pick(generator, names, weights)]) * uniform(0.85, 1.15), 0, 1)
    cuts = (
        np.array([0.5, 1, 3, 1.6, 1.8, 1, 0.5, 0.2, 0.4, 0.2])
        if bearded
        else np.array([0.2, 0.5, 1.6, 0.8, 1.0, 1.0, 0.7, 2.2, 3.2, 1.4])
    )
    if tone > 3.2:
        cuts[[5, 6]] += 2.0
    haircut = _pick(generator, HAIRCUTS, cuts)
    iris = np.array(_pick(generator, IRIS, [0.28, 0.14, 0.14, 0.14, 0.2, 0.1] if light_skin else [0.4, 0.5, 0.1]))
    glasses = _pick(generator, GLASSES[:3]) if uniform() < 0.14 else None
    hat = None
    occluder = None
    if hidden:
        occluder = "sunglasses" if uniform() < 0.2 else sample_kind(generator)
    if uniform() < 0.13:
        hat = _pick(generator, HATS, [0.28, 0.28, 0.2, 0.18, 0.06])
    if occluder == "hair strands" and (hat is not None or haircut in ("bald", "buzz")):
        occluder = "hand over mouth"  # there is no hair to fall into the face
    lipstick = shadow = None
    red = np.array([(0.70, 0.10, 0.16), (0.55, 0.06, 0.14), (0.80, 0.30, 0.34), (0.62, 0.22, 0.24), (0.35, 0.06, 0.16)])
    dust = np.array(
        [(0.30, 0.20, 0.28), (0.45, 0.28, 0.20), (0.20, 0.28, 0.42), (0.55, 0.35, 0.40), (0.16, 0.13, 0.14)]
    )
    if painted:
        lipstick, shadow = red[generator.integers(5)], dust[generator.integers(5)]
    elif not bearded and uniform() < 0.3:
        lipstick = 0.6 * skin + 0.4 * red[3]
    look = Look(
        skin=skin,
        hair=hair,
        iris=iris,
        cloth=np.array(CLOTH[generator.integers(len(CLOTH))]),
        wear=np.array(CLOTH[generator.integers(len(CLOTH))]),
        age=age,
        haircut=haircut,
        hair_shift=clipped(generator.normal(0.0 + 0.25 * age * bearded, 0.12), -0.25, 0.7),
        brows=clipped(generator.normal(0.62 if bearded else 0.42, 0.2), 0.05, 1),
        beard=(uniform(0.12, 0.4) if uniform() < 0.5 else uniform(0.6, 1.0)) if bearded else 0.0,
        freckles=uniform(0.4, 1.0) if light_skin and uniform() < 0.2 else 0.0,
        flush=uniform(0.1, 0.5) + (0.3 if painted else 0),
        lipstick=lipstick,
        shadow=shadow,
        glasses=glasses,
        hat=hat,
    )
    return look, occluder


def _light(generator: np.random.Generator, hard: bool) -> Light:
    uniform = generator.uniform
    side = generator.normal(0, 1.0) if hard else generator.normal(0, 0.55)
    direction = np.array(
        [side, uniform(-1.1, 0.1) if not hard else uniform(-1.5, 0.9), uniform(0.2, 1.0) if hard else uniform(0.7, 1.2)]
    )
    direction /= np.linalg.norm(direction)
    warm = generator.normal(0, 0.05)
    lamp = np.array([1 + warm, 1.0, 1 - warm]) * (uniform(0.55, 1.1) if hard else uniform(0.54, 0.80))
    cool = generator.normal(0, 0.04)
    around = np.array([1 - cool, 1.0, 1 + cool]) * (uniform(0.15, 0.45) if hard else uniform(0.42, 0.58))
    return Light(direction, lamp, around)
