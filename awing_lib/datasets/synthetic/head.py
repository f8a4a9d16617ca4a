"""A head in three dimensions with the 98 points of WFLW on its surface.

The neutral face is designed: a few dozen key points and the curves through them, in units of the distance between the
outer corners of the eyes. x points to the image's right, y down, z towards the viewer; 0 lies between the eyes.
Identity and expression move the key points, and a spline carries a grid of surface points along.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline, RBFInterpolator

from awing_lib.layouts import WFLW_98

CENTER = np.array([0.0, 0.20, -0.62])
"""The point from which all of the surface is seen without folds."""
EYEBALL = 0.135
"""Radius of the eyeball."""

# Grid of directions from CENTER, in degrees: dense on the face, coarse behind it.
AZIMUTHS = np.r_[np.linspace(-180, -84, 9)[:-1], np.linspace(-84, 84, 35), np.linspace(84, 180, 9)[1:]]
ELEVATIONS = np.r_[np.linspace(-90, -50, 7)[:-1], np.linspace(-50, 56, 28), np.linspace(56, 90, 5)[1:]]  # y down


def _spaced(points, count: int) -> np.ndarray:
    """``count`` points (count, 3) at equal distances along a smooth curve through ``points`` (K, 3)."""
    points = np.asarray(points, float)
    steps = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    fine = CubicSpline(steps, points)(np.linspace(0, steps[-1], 400))
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))]
    wanted = np.linspace(0, along[-1], count)
    return np.stack([np.interp(wanted, along, fine[:, axis]) for axis in range(3)], 1)


def _design() -> tuple[np.ndarray, np.ndarray]:
    """The neutral face: landmarks (98, 3), and further key points (K, 3) that shape the rest of the head."""
    face = np.full((98, 3), np.nan)
    jaw = [(-0.845, -0.06, -0.78), (-0.835, 0.25, -0.74), (-0.785, 0.585, -0.62), (-0.63, 0.88, -0.36)]
    jaw += [(-0.385, 1.115, -0.04), (-0.20, 1.245, 0.13), (0, 1.28, 0.17)]
    face[:17] = _spaced(jaw, 17)
    face[33:36] = (-0.63, -0.145, -0.10), (-0.495, -0.235, 0.08), (-0.36, -0.248, 0.165)
    face[36:38] = (-0.25, -0.222, 0.205), (-0.158, -0.20, 0.225)
    face[38:42] = _spaced([(-0.155, -0.140, 0.225), (-0.38, -0.170, 0.155), (-0.515, -0.160, 0.055)], 4)
    face[51:55] = _spaced([(0, 0.02, 0.205), (0, 0.15, 0.30), (0, 0.28, 0.405), (0, 0.415, 0.50)], 4)
    face[55:58] = (-0.18, 0.475, 0.235), (-0.09, 0.505, 0.315), (0, 0.525, 0.355)
    face[60:65] = (
        (-0.5, 0, -0.02),
        (-0.435, -0.048, 0.055),
        (-0.345, -0.068, 0.10),
        (-0.255, -0.046, 0.105),
        (-0.19, 0.012, 0.075),
    )
    face[65:68] = (-0.26, 0.045, 0.09), (-0.345, 0.056, 0.085), (-0.432, 0.042, 0.04)
    face[76:80] = (-0.305, 0.735, 0.165), (-0.185, 0.678, 0.275), (-0.065, 0.645, 0.335), (0, 0.662, 0.343)
    face[85:88] = (0, 0.888, 0.312), (-0.112, 0.868, 0.300), (-0.212, 0.818, 0.252)
    face[88:91] = (-0.275, 0.738, 0.185), (-0.14, 0.733, 0.285), (0, 0.738, 0.318)
    face[94:96] = (0, 0.768, 0.312), (-0.14, 0.758, 0.282)
    face[96] = (-0.345, -0.005, 0.115)
    mirrored = face * (-1, 1, 1)
    for index, partner in enumerate(WFLW_98.mirror):
        if np.isnan(face[index, 0]):
            face[index] = mirrored[partner]

    middle = [(0, -0.20, 0.255), (0, -0.42, 0.245), (0, -0.68, 0.14), (0, -0.92, -0.08), (0, -1.16, -0.45)]
    middle += [(0, -1.26, -0.85), (0, -1.10, -1.40), (0, -0.70, -1.78), (0, -0.20, -1.88), (0, 0.35, -1.72)]
    middle += [
        (0, 0.85, -1.45),
        (0, 1.25, -1.15),
        (0, 1.29, -0.40),
        (0, 1.32, -0.02),
        (0, 1.13, 0.275),
        (0, 0.985, 0.255),
    ]
    middle += [(0, 0.475, 0.46), (0, 0.585, 0.325)]
    side = [
        (-0.20, -0.47, 0.225),
        (-0.45, -0.50, 0.10),
        (-0.62, -0.45, -0.10),
        (-0.70, -0.25, -0.28),
        (-0.34, -0.75, 0.03),
    ]
    side += [
        (-0.58, -0.72, -0.22),
        (-0.34, -1.02, -0.32),
        (-0.66, -0.85, -0.60),
        (-0.36, -1.14, -0.85),
        (-0.70, -0.85, -1.15),
    ]
    side += [
        (-0.80, -0.45, -0.70),
        (-0.83, -0.30, -1.10),
        (-0.66, -0.35, -1.55),
        (-0.60, 0.25, -1.50),
        (-0.80, 0.15, -1.10),
    ]
    side += [
        (-0.72, 0.60, -1.0),
        (-0.50, 0.80, -1.25),
        (-0.55, 0.98, -0.75),
        (-0.33, 1.18, -0.30),
        (-0.50, 1.20, -1.05),
    ]
    side += [
        (-0.57, 0.20, 0.02),
        (-0.345, 0.175, 0.115),
        (-0.17, 0.13, 0.125),
        (-0.43, 0.40, 0.135),
        (-0.70, 0.25, -0.32),
    ]
    side += [(-0.60, 0.58, -0.10), (-0.40, 0.68, 0.10), (-0.27, 0.50, 0.175), (-0.42, 0.93, 0.02), (-0.20, 1.03, 0.195)]
    side += [
        (-0.085, 0.06, 0.165),
        (-0.085, 0.20, 0.245),
        (-0.115, 0.34, 0.325),
        (-0.075, 0.43, 0.435),
        (-0.16, 0.41, 0.29),
    ]
    side += [
        (-0.35, -0.12, 0.13),
        (-0.20, -0.07, 0.13),
        (-0.50, -0.09, 0.04),
        (-0.14, 0.59, 0.275),
        (-0.60, -0.02, -0.12),
    ]
    side = np.array(side)
    return face, np.concatenate([middle, side, side * (-1, 1, 1)])


def _bumps(points: np.ndarray, center, radius: float, move) -> np.ndarray:
    """Displacement (P, 3) that moves what lies near ``center`` by ``move``, and the mirror image of it likewise."""
    shift = np.zeros_like(points)
    center, move = np.asarray(center, float), np.asarray(move, float)
    for sign in (-1, 1) if center[0] else (1,):
        weight = np.exp(-((points - center * (sign, 1, 1)) ** 2).sum(1) / (2 * radius**2))
        shift += weight[:, None] * move * (sign, 1, 1)
    return shift


# What makes a face this person's: name -> (standard deviation, [(center, radius, move), ...]), x on the image's right.
IDENTITY = {
    "face width": (0.055, [((0.8, 0.5, -0.5), 0.55, (1, 0, 0))]),
    "jaw width": (0.075, [((0.62, 0.95, -0.3), 0.32, (1, 0, 0))]),
    "temple width": (0.03, [((0.75, -0.3, -0.4), 0.4, (1, 0, 0))]),
    "chin length": (0.09, [((0, 1.35, 0.1), 0.40, (0, 1, 0))]),
    "chin width": (0.05, [((0.25, 1.25, 0.1), 0.22, (1, 0, 0))]),
    "chin forward": (0.05, [((0, 1.15, 0.25), 0.28, (0, 0, 1))]),
    "cheekbones": (0.04, [((0.6, 0.25, 0), 0.25, (0.7, 0, 0.7))]),
    "full cheeks": (0.05, [((0.5, 0.65, 0), 0.28, (0.8, 0, 0.6))]),
    "forehead": (0.06, [((0, -0.9, -0.2), 0.45, (0, -1, 0.3))]),
    "brow ridge": (0.02, [((0.3, -0.2, 0.2), 0.2, (0, 0, 1))]),
    "brow height": (0.028, [((0.38, -0.24, 0.12), 0.2, (0, -1, 0))]),
    "brow slope": (0.028, [((0.62, -0.2, -0.05), 0.15, (0, -1, 0)), ((0.15, -0.2, 0.2), 0.13, (0, 0.6, 0))]),
    "brow distance": (0.018, [((0.16, -0.18, 0.22), 0.12, (1, 0, 0))]),
    "eye distance": (0.018, [((0.34, 0, 0.08), 0.24, (1, 0, 0))]),
    "eye width": (0.014, [((0.19, 0.01, 0.08), 0.09, (-1, 0, 0)), ((0.5, 0, 0), 0.09, (1, 0, 0))]),
    "eye opening": (0.014, [((0.345, -0.07, 0.1), 0.085, (0, -1, 0)), ((0.345, 0.06, 0.085), 0.085, (0, 0.35, 0))]),
    "eye slant": (0.016, [((0.5, 0, 0), 0.14, (0, -1, 0)), ((0.19, 0.01, 0.08), 0.1, (0, 0.6, 0))]),
    "nose length": (0.042, [((0, 0.46, 0.4), 0.2, (0, 1, 0))]),
    "nose width": (0.024, [((0.18, 0.47, 0.24), 0.11, (1, 0, 0))]),
    "nose bridge": (0.03, [((0, 0.13, 0.28), 0.16, (0, 0, 1))]),
    "nose tip": (0.05, [((0, 0.43, 0.5), 0.16, (0, -0.4, 1))]),
    "mouth height": (0.030, [((0, 0.77, 0.3), 0.26, (0, 1, 0))]),
    "mouth width": (0.035, [((0.3, 0.74, 0.17), 0.14, (1, 0, 0))]),
    "mouth forward": (0.03, [((0, 0.76, 0.3), 0.25, (0, 0, 1))]),
    "corners up": (0.02, [((0.3, 0.74, 0.17), 0.12, (0, -1, 0))]),
}
UPPER_LIP, LOWER_LIP = [76, 77, 78, 79, 80, 81, 82], [83, 84, 85, 86, 87]
UPPER_INNER, LOWER_INNER = [88, 89, 90, 91, 92], [93, 94, 95]
LIDS = np.array([(61, 67), (62, 66), (63, 65), (69, 75), (70, 74), (71, 73)])
"""Points of the upper lid with those of the lower lid below them."""
INNER_LIPS = np.array([UPPER_INNER[1:-1], LOWER_INNER[::-1]])
"""The same of the lips' inner edges."""


class Expression(NamedTuple):
    """How far each movement goes, 0 (neutral) to 1; those that are signed say so."""

    jaw_open: float = 0.0
    smile: float = 0.0
    sad: float = 0.0
    pout: float = 0.0
    press: float = 0.0
    teeth: float = 0.0
    upper_lip: float = 0.0
    brow_raise: float = 0.0
    frown: float = 0.0
    wide: float = 0.0
    squint: float = 0.0
    close_left: float = 0.0
    close_right: float = 0.0
    skew: float = 0.0
    """-1 to 1: the mouth pulled to one side."""


@cache
def model() -> "_Model":
    """The head's constants, computed once."""
    return _Model()


class _Model:
    def __init__(self) -> None:
        face, rest = _design()
        self.landmarks = face
        self.pupils = face[96:]
        self.keys = np.concatenate([face[:96], rest])  # (K, 3); pupils lie on the eyeballs, not on the skin
        azimuth, elevation = np.meshgrid(np.radians(AZIMUTHS), np.radians(ELEVATIONS))
        directions = np.stack(
            [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)], -1
        )
        rays = self.keys - CENTER
        distance = np.linalg.norm(rays, axis=1)
        radius = RBFInterpolator(rays / distance[:, None], distance, kernel="thin_plate_spline", smoothing=1e-6)
        self.grid = CENTER + directions * radius(directions.reshape(-1, 3)).reshape(*azimuth.shape, 1)
        # how a displacement of the key points moves the grid: (K, R * C)
        carried = RBFInterpolator(self.keys, np.eye(len(self.keys)), kernel="thin_plate_spline", smoothing=1e-6)
        self.carry = np.ascontiguousarray(carried(self.grid.reshape(-1, 3)).T.astype(np.float32))
        self.planes = np.ascontiguousarray(np.moveaxis(self.grid, -1, 0).astype(np.float32))
        self.outwards = np.ascontiguousarray(np.moveaxis(directions, -1, 0).astype(np.float32))
        unit = rays / distance[:, None]
        self.key_angles = np.degrees(np.stack([np.arctan2(unit[:, 0], unit[:, 2]), np.arcsin(unit[:, 1])], 1))
        identity = np.stack(
            [deviation * sum(_bumps(self.keys, *bump) for bump in bumps) for deviation, bumps in IDENTITY.values()]
        )
        # displacements of the key points, (M, K * 3): of identity, lips, expression and asymmetry
        one_sided = identity * np.tanh(self.keys[:, :1] / 0.2)
        modes = np.concatenate([identity, self._lip_modes(), self._expression_modes(), one_sided])
        self.modes = modes.reshape(len(modes), -1)
        # weights of the 16 points of the eyes in x, y and z of their eyeballs: (2, 3, 16)
        self.sockets = np.zeros((2, 3, 16))
        for eye in (0, 1):
            corners, lids, rim = (np.array(part) + 8 * eye for part in ([0, 4], [2, 6], [1, 3, 5, 7]))
            self.sockets[eye, 0, corners] = 1 / 2
            self.sockets[eye, 1, [*corners, *lids]] = 1 / 4
            self.sockets[eye, 2, rim] = 1 / 4

    def _lip_modes(self) -> np.ndarray:
        """Fullness of the upper and of the lower lip, length of the upper lip's bow: (3, K, 3)."""
        modes = np.zeros((3, *self.keys.shape))
        profile = 1 - (self.keys[:, 0] / 0.32) ** 2
        upper, lower = UPPER_LIP[1:-1], LOWER_LIP
        modes[0, upper, 1] = -0.020 * profile[upper]
        modes[0, upper, 2] = 0.010 * profile[upper]
        modes[1, lower, 1] = 0.022 * profile[lower]
        modes[1, lower, 2] = 0.010 * profile[lower]
        modes[2, [78, 80], 1] = -0.012
        return modes

    def _expression_modes(self) -> np.ndarray:
        """(len(Expression), K, 3); of closing the lids, which is no straight movement, 0."""
        keys = self.keys
        modes = {name: np.zeros_like(keys) for name in Expression._fields}
        x, y, z = keys.T

        # the jaw turns about its joints; what lies below the mouth goes along, corners and cheeks follow in part
        below = 1 / (1 + np.exp(-(y - 0.86) / 0.05))
        front = np.clip((z + 0.75) / 0.6, 0, 1)
        below *= front
        below[[*LOWER_INNER, *LOWER_LIP]] = [1, 1, 1, 0.88, 1, 1, 1, 0.88]
        below[UPPER_LIP] = [0.42, 0.12, 0, 0, 0, 0.12, 0.42]
        below[UPPER_INNER] = [0.47, 0.06, 0, 0.06, 0.47]
        arm = keys - (0, 0.25, -0.80)
        angle = 0.30
        modes["jaw_open"][:, 1] = below * (arm[:, 1] * (np.cos(angle) - 1) + arm[:, 2] * np.sin(angle))
        modes["jaw_open"][:, 2] = below * (arm[:, 2] * (np.cos(angle) - 1) - arm[:, 1] * np.sin(angle))
        corners = below[76] * 0.06
        modes["jaw_open"][[76, 88], 0] += corners
        modes["jaw_open"][[82, 92], 0] -= corners

        corner = ((0.29, 0.74, 0.17), 0.13)
        modes["smile"] = _bumps(keys, *corner, (0.10, -0.10, -0.05)) + _bumps(
            keys, (0.5, 0.32, 0.05), 0.16, (0.03, -0.05, 0.05)
        )
        modes["smile"] += _bumps(keys, (0.345, 0.056, 0.09), 0.1, (0, -0.022, 0)) + _bumps(
            keys, (0, 0.89, 0.3), 0.12, (0, -0.02, 0)
        )
        modes["smile"] += _bumps(keys, (0.16, 0.47, 0.24), 0.08, (0.02, -0.012, 0))
        modes["sad"] = _bumps(keys, *corner, (0.01, 0.07, -0.01)) + _bumps(keys, (0, 0.87, 0.3), 0.12, (0, -0.03, 0.03))
        modes["sad"] += _bumps(keys, (0.18, -0.2, 0.2), 0.12, (-0.01, -0.06, 0)) + _bumps(
            keys, (0.55, -0.2, 0), 0.12, (0, 0.02, 0)
        )
        modes["pout"] = _bumps(keys, (0.28, 0.74, 0.18), 0.14, (-0.13, 0, 0.05)) + _bumps(
            keys, (0, 0.77, 0.32), 0.16, (0, 0, 0.09)
        )
        mouth = [*UPPER_LIP, *LOWER_LIP, *UPPER_INNER, *LOWER_INNER]
        modes["press"][mouth, 1] = (0.745 - y[mouth]) * 0.55
        modes["teeth"][[89, 90, 91], 1] = -0.035
        modes["teeth"][[77, 78, 79, 80, 81], 1] = -0.03
        modes["teeth"][[93, 94, 95], 1] = 0.06
        modes["teeth"][[83, 84, 85, 86, 87], 1] = [0.045, 0.055, 0.055, 0.055, 0.045]
        modes["teeth"] += _bumps(keys, *corner, (0.04, 0, -0.02))
        modes["upper_lip"][[77, 78, 79, 80, 81, 89, 90, 91], 1] = [
            -0.06,
            -0.07,
            -0.07,
            -0.07,
            -0.06,
            -0.06,
            -0.065,
            -0.06,
        ]
        modes["upper_lip"] += _bumps(keys, (0.17, 0.46, 0.25), 0.09, (0.02, -0.045, 0)) + _bumps(
            keys, (0.3, 0.13, 0.12), 0.1, (0, -0.03, 0.02)
        )
        modes["brow_raise"] = _bumps(keys, (0.36, -0.46, 0.12), 0.15, (0, -0.07, 0))
        modes["brow_raise"] += _bumps(keys, (0.345, -0.068, 0.1), 0.06, (0, -0.012, 0))
        left_brow = [-0.075, -0.105, -0.115, -0.11, -0.10, -0.10, -0.11, -0.11, -0.10]
        modes["brow_raise"][33:42, 1] = left_brow
        modes["brow_raise"][[WFLW_98.mirror[index] for index in range(33, 42)], 1] = left_brow
        modes["frown"] = _bumps(keys, (0.16, -0.18, 0.22), 0.12, (-0.045, 0.07, 0.015)) + _bumps(
            keys, (0.35, -0.2, 0.13), 0.1, (-0.01, 0.035, 0)
        )
        modes["wide"] = _bumps(keys, (0.345, -0.068, 0.1), 0.07, (0, -0.035, 0)) + _bumps(
            keys, (0.345, 0.056, 0.085), 0.06, (0, 0.012, 0)
        )
        modes["squint"] = _bumps(keys, (0.345, -0.068, 0.1), 0.07, (0, 0.03, 0)) + _bumps(
            keys, (0.345, 0.056, 0.085), 0.07, (0, -0.03, 0)
        )
        weight = np.exp(-((keys - (0, 0.8, 0.3)) ** 2).sum(1) / (2 * 0.26**2))
        modes["skew"][:, 0] = 0.10 * weight
        modes["skew"][:, 1] = -0.16 * weight * x
        return np.stack(list(modes.values()))

    def shape(
        self, identity: np.ndarray, lips: np.ndarray, asymmetry: np.ndarray, expression: Expression
    ) -> np.ndarray:
        """Key points (K, 3) of a face.

        Args:
            identity: (len(IDENTITY),) in standard deviations.
            lips: (3,) fullness of the upper and the lower lip and its bow, in standard deviations.
            asymmetry: (len(IDENTITY),) in standard deviations, applied to one half more than to the other.
            expression: the movements.
        """
        moved = np.einsum("i,iv->v", np.concatenate([identity, lips, expression, asymmetry]), self.modes)
        keys = self.keys + moved.reshape(self.keys.shape)
        y = keys[:, 1]
        # the upper lid comes down to the lower one, which rises a little to meet it
        upper, lower = LIDS.T
        gap = np.maximum(y[lower] - y[upper], 0) * ([expression.close_left] * 3 + [expression.close_right] * 3)
        y[upper] += 0.80 * gap
        y[lower] -= 0.16 * gap
        # lips cannot pass through each other: whatever the movements add up to, the inner edges do not cross
        upper, lower = y[INNER_LIPS[0]], y[INNER_LIPS[1]]
        y[INNER_LIPS] = np.where(lower < upper, (upper + lower) / 2, (upper, lower))
        return keys

    def surface(self, keys: np.ndarray) -> np.ndarray:
        """(3, R, C) float32 grid of surface points, x, y and z, of the face with these key points (K, 3)."""
        # einsum, not @: a matrix product would wake the threads of a library whose help costs more than it saves
        moved = np.einsum("ka,kv->av", (keys - self.keys).astype(np.float32), self.carry)
        return self.planes + moved.reshape(self.planes.shape)

    def eyeballs(self, keys: np.ndarray) -> np.ndarray:
        """(2, 3) centres of the two eyeballs, image-left first."""
        return np.einsum("eai,ia->ea", self.sockets, keys[60:76]) + np.array([0, 0, 0.015 - EYEBALL])


def gaze_points(centers: np.ndarray, gaze: tuple[float, float]) -> np.ndarray:
    """(2, 3) centres of the pupils on eyeballs at ``centers`` (2, 3); gaze is (right, down) in degrees."""
    right, down = np.radians(gaze)
    direction = np.array([np.sin(right) * np.cos(down), np.sin(down), np.cos(right) * np.cos(down)])
    return centers + EYEBALL * direction


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) rotation by angles in degrees: yaw turns to the image's right, pitch down, roll clockwise in the image."""
    yaw, pitch, roll = np.radians([yaw, pitch, roll])
    cos, sin = np.cos, np.sin
    turn = np.array([[cos(yaw), 0, sin(yaw)], [0, 1, 0], [-sin(yaw), 0, cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
    tilt = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
    return tilt @ nod @ turn
