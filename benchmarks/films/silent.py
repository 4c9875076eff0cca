"""Films in which things move, turn round and change, and nothing strikes."""

from fractions import Fraction

import numpy as np

from benchmarks.films.geometry import Array, Motion, at, between, point, smooth, turn
from benchmarks.films.motion import G
from benchmarks.films.stage import Film, Stage


def _still_room(stage: Stage) -> None:
    stage.plane(30, stage.surface("wood", (0.45, 0.28, 0.14), (0.33, 0.19, 0.09), 0.8), at((0, 0, 0)))
    stage.plane(
        30, stage.surface("checker", (0.55, 0.5, 0.4), (0.5, 0.45, 0.36), 1.5), at((0, 2, 0), turn("x", np.pi / 2))
    )
    oak = stage.surface("wood", (0.35, 0.17, 0.07), (0.2, 0.09, 0.03), 2)
    stage.box((1.8, 0.9, 0.08), oak, at((0, 0.6, 0.8)))
    for x in (-0.8, 0.8):
        stage.box((0.08, 0.8, 0.8), oak, at((x, 0.6, 0.4)))
    stage.ball(0.2, stage.surface("plain", (0.7, 0.3, 0.03)), at((0.3, 0.5, 1.04)))
    stage.rod(0.12, 0.45, stage.surface("plain", (0.1, 0.25, 0.5)), at((-0.4, 0.6, 1.06)), top=0.06)
    stage.box((1.0, 0.4, 2.2), oak, at((-3, 1.6, 1.1)))
    stage.box((1.5, 0.9, 0.5), stage.surface("noise", (0.5, 0.07, 0.07), (0.35, 0.04, 0.04), 6), at((3, 1, 0.3)))
    stage.box((1.5, 0.25, 0.9), stage.surface("plain", (0.45, 0.06, 0.06)), at((3, 1.5, 0.6)))
    stage.box((1.0, 0.05, 0.8), stage.surface("noise", (0.1, 0.3, 0.6), (0.7, 0.7, 0.6), 2), at((0.9, 1.97, 1.9)))


def pan_over_a_room(stage: Stage) -> list[float]:
    """Only the camera moves: to the right, and back."""
    _still_room(stage)
    stage.sun((0.4, 0.8, -1), 2.5)

    def target(t: float) -> Array:
        return point(-3 + 6 * smooth(t / 3.6) - 4 * smooth((t - 4.2) / 2.6), 1, 0.9)

    stage.camera(point(0, -4.2, 1.6), target, 32, hand_held=0.05)
    return []


def waving_arm(stage: Stage) -> list[float]:
    """A figure waves."""
    stage.plane(60, stage.surface("noise", (0.15, 0.3, 0.08), (0.22, 0.33, 0.12), 1), at((0, 0, 0)))
    skin, shirt = (
        stage.surface("plain", (0.7, 0.42, 0.3)),
        stage.surface("checker", (0.1, 0.2, 0.55), (0.7, 0.7, 0.7), 6),
    )
    stage.limb(0.24, 0.6, shirt, at((0, 0, 1.2)))
    stage.ball(0.2, skin, at((0, 0, 1.95)), (0.85, 1, 1.15))
    for x in (-0.12, 0.12):
        stage.limb(0.11, 0.75, stage.surface("plain", (0.05, 0.05, 0.08)), at((x, 0, 0.45)))
    stage.limb(0.07, 0.55, shirt, at((-0.36, 0, 1.2)))
    shoulder, elbow = point(0.28, -0.02, 1.55), point(0.62, -0.05, 1.62)
    stage.limb(0.075, 0.34, shirt, between(shoulder, elbow))

    def hand(t: float) -> Array:
        angle = 0.75 * np.sin(2 * np.pi * 0.9 * t + 0.4 * np.sin(0.8 * t)) + 0.1
        return elbow + 0.5 * point(np.sin(angle), 0, np.cos(angle))

    stage.limb(0.065, 0.5, skin, lambda t: between(elbow, hand(t)))
    stage.ball(0.11, skin, lambda t: at(hand(t)), (1, 0.6, 1.2))
    stage.sun((0.3, 0.9, -1), 3)
    stage.camera(point(0.6, -4.0, 1.6), point(0.2, 0, 1.35), 36, hand_held=0.04)
    return []


def drifting_clouds(stage: Stage) -> list[float]:
    """Large soft shapes drift over hills."""
    stage.plane(200, stage.surface("noise", (0.13, 0.25, 0.07), (0.25, 0.3, 0.12), 0.1), at((0, 0, 0)))
    for middle, height in ((-22, 5), (4, 7), (25, 4)):
        hill = stage.surface("noise", (0.1, 0.2, 0.08), (0.16, 0.26, 0.1), 0.3)
        stage.ball(height, hill, at((middle, 45, 0)), (3, 1, 1))
    for _ in range(7):
        x, z, pace = stage.rng.uniform(-30, 16), stage.rng.uniform(11, 22), stage.rng.uniform(1.2, 2.6)
        for _ in range(3):
            shift, radius = stage.rng.uniform(-3, 3, 3) * (1.2, 1, 0.3), stage.rng.uniform(1.5, 3)

            def puff(t: float, x: float = x, z: float = z, pace: float = pace, shift: Array = shift) -> Array:
                return at(point(x + pace * t, 38, z) + shift)

            stage.ball(radius, stage.surface("plain", (0.9, 0.9, 0.92)), puff, (1.6, 1, 0.7))
    stage.sun((0.5, 0.6, -1), 2.5)
    stage.camera(point(0, -10, 3), point(0, 30, 10.5), 33)
    return []


def through_columns(stage: Stage) -> list[float]:
    """The camera travels through two rows of columns."""
    stage.plane(80, stage.surface("checker", (0.55, 0.5, 0.42), (0.25, 0.22, 0.2), 1), at((0, 0, 0)))
    stone = stage.surface("noise", (0.65, 0.58, 0.45), (0.5, 0.44, 0.34), 3)
    for y in range(-2, 34, 3):
        for x in (-1.9, 1.9):
            stage.rod(0.35, 4, stone, at((x, y, 2)), top=0.28)
            stage.box((1, 1, 0.3), stone, at((x, y, 0.15)))
    stage.sun((-0.9, 0.3, -1), 3.2)
    stage.camera(lambda t: point(0.4 * np.sin(0.7 * t), -5 + 2.3 * t, 1.6), lambda t: point(0, 4 + 2.3 * t, 1.5), 28)
    return []


def curtain(stage: Stage) -> list[float]:
    """A curtain moves before a window."""
    stage.plane(
        20, stage.surface("noise", (0.5, 0.42, 0.35), (0.45, 0.38, 0.3), 2), at((0, 1, 0), turn("x", np.pi / 2))
    )
    stage.plane(20, stage.surface("wood", (0.4, 0.25, 0.12), (0.3, 0.18, 0.08), 1), at((0, 0, 0)))
    stage.box((1.7, 0.1, 1.9), stage.surface("plain", (0.75, 0.85, 0.95)), at((0.5, 0.98, 1.7)))
    cloth = stage.surface("checker", (0.6, 0.12, 0.1), (0.75, 0.6, 0.35), 3)

    def shape(t: float, u: Array, v: Array) -> Array:
        free = 1 - v
        blown = free**1.5 * (0.45 * np.sin(1.3 * t + 2 * u) + 0.2 * np.sin(2.9 * t - 3 * u))
        folds = 0.09 * np.sin(24 * u + 0.8 * np.sin(1.1 * t))
        return np.stack([-1.3 + 2.3 * u + 0.3 * blown * free, 0.2 + folds - blown, 0.35 + 2.6 * v], axis=1)

    stage.sheet((48, 24), cloth, shape)
    stage.rod(0.05, 3.4, stage.surface("plain", (0.2, 0.2, 0.2)), at((-0.1, 0.2, 2.97), turn("y", np.pi / 2)))
    stage.sun((0.4, 0.9, -1), 2.6)
    stage.camera(point(1.0, -4.0, 1.8), point(0, 0.4, 1.55), 33)
    return []


def pendulum(stage: Stage) -> list[float]:
    """A pendulum swings to and fro, and touches nothing."""
    stage.plane(
        20, stage.surface("noise", (0.3, 0.35, 0.4), (0.25, 0.3, 0.34), 1.5), at((0, 1.2, 0), turn("x", np.pi / 2))
    )
    stage.plane(20, stage.surface("wood", (0.4, 0.25, 0.12), (0.3, 0.18, 0.08), 1), at((0, 0, 0)))
    oak, brass = (
        stage.surface("wood", (0.3, 0.14, 0.06), (0.2, 0.09, 0.03), 2),
        stage.surface("plain", (0.8, 0.55, 0.15)),
    )
    stage.box((0.15, 0.15, 3), oak, at((-1.7, 0.4, 1.5)))
    stage.box((2.2, 0.15, 0.15), oak, at((-0.75, 0.4, 3.0)))
    top, length = point(0, 0.2, 2.95), 2.1

    def bob(t: float) -> Array:
        angle = 0.6 * np.cos(np.sqrt(G / length) * t)
        return top + length * point(np.sin(angle), 0, -np.cos(angle))

    stage.limb(0.03, length, oak, lambda t: between(top, bob(t)))
    stage.ball(0.3, brass, lambda t: at(bob(t)))
    stage.sun((0.5, 0.8, -1), 2.8)
    stage.camera(point(0.6, -4.8, 1.8), point(-0.1, 0, 1.6), 33)
    return []


def light_changes(stage: Stage) -> list[float]:
    """Evening comes to a still room and a lamp moves, in an old film."""
    _still_room(stage)
    stage.sky(lambda t: 0.65 + 0.35 * float(np.cos(0.9 * t)))
    lamp: Motion = lambda t: point(2.5 * np.sin(0.8 * t), -0.6, 2.6)  # noqa: E731
    stage.lamp(lamp, lambda t: 120 + 100 * float(np.sin(0.7 * t)))
    stage.camera(point(0.3, -4.6, 1.7), point(0.2, 1, 0.9), 30)
    return []


def balloon(stage: Stage) -> list[float]:
    """A balloon on a string floats up and down; it turns round softly, well above the ground."""
    stage.plane(60, stage.surface("brick", (0.45, 0.42, 0.38), (0.25, 0.23, 0.2), 0.8), at((0, 0, 0)))
    stage.box((9, 1, 1.2), stage.surface("checker", (0.12, 0.3, 0.08), (0.08, 0.2, 0.05), 2), at((0, 5, 0.6)))
    red, string = stage.surface("plain", (0.75, 0.04, 0.05)), stage.surface("plain", (0.8, 0.8, 0.75))

    def place(t: float) -> Array:
        return point(0.9 * np.sin(0.6 * t), 0.3 * np.sin(1.1 * t), 1.9 + 0.75 * np.cos(1.9 * t))

    def tilt(t: float) -> Array:
        return turn("y", 0.2 * np.cos(0.6 * t + 0.4))

    stage.ball(0.45, red, lambda t: at(place(t), tilt(t)), (1, 1, 1.2))
    stage.rod(0.015, 0.6, string, lambda t: at(place(t) + tilt(t) @ point(0, 0, -0.84), tilt(t)))
    stage.sun((0.5, 0.7, -1), 3)
    stage.camera(point(0.5, -5.6, 1.5), lambda t: point(0.5 * np.sin(0.6 * t), 0, 1.65), 33, hand_held=0.06)
    return []


FILMS = [
    Film("pan-over-a-room", "camera pans over a still room, hand-held", Fraction(24), 7, pan_over_a_room),
    Film("waving-arm", "a figure waves", Fraction(25), 6, waving_arm),
    Film("drifting-clouds", "large soft shapes drift", Fraction(24000, 1001), 6, drifting_clouds),
    Film("through-columns", "camera travels between columns", Fraction(30), 6, through_columns),
    Film("curtain", "a curtain moves", Fraction(25), 6, curtain),
    Film("pendulum", "a pendulum touches nothing", Fraction(24), 6, pendulum),
    Film("light-changes", "light changes, archive film", Fraction(18), 6.5, light_changes, archive=True),
    Film("balloon", "a balloon floats up and down", Fraction(25), 6, balloon),
]
