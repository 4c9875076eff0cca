"""Films of a walking figure: the heels strike."""

from fractions import Fraction

import numpy as np

from benchmarks.films.geometry import Array, Motion, at, between, knee, point, smooth, turn
from benchmarks.films.stage import Film, Stage

HIP_M, THIGH_M, SHIN_M, ANKLE_M = 0.86, 0.42, 0.42, 0.08
FORWARD = point(1, 0, 0)


def walker(stage: Stage, start_s: float, step_s: float, step_m: float, n_steps: int, x0: float) -> list[float]:
    """A figure of capsules walks along x, from x0 − one step at time 0; when its heels strike.

    It begins in mid-walk; steps strike at start_s, start_s + step_s, … on alternating feet.
    """
    pace = step_m / step_s
    skin, shirt = stage.surface("plain", (0.7, 0.42, 0.3)), stage.surface("plain", (0.65, 0.12, 0.08))
    trousers, shoes = stage.surface("plain", (0.07, 0.1, 0.25)), stage.surface("plain", (0.02, 0.02, 0.02))

    def hip_x(t: float) -> float:
        return x0 + pace * (t - start_s)

    def phase(t: float, side: int) -> tuple[float, float]:
        """Which of its own strikes came last, and how far (0…1) the foot is in its swing."""
        since = (t - start_s) / step_s - side
        cycle = np.floor(since / 2)
        return start_s + (2 * cycle + side) * step_s, max((since - 2 * cycle - 1.15) / 0.85, 0.0)

    def foot(t: float, side: int) -> Array:
        struck, swing = phase(t, side)
        stands = hip_x(struck) + 0.58 * step_m
        # The foot comes down at speed and stops at once: that is the heel strike.
        return point(stands + 2 * step_m * smooth(swing), (side - 0.5) * 0.22, ANKLE_M + 0.13 * np.sin(np.pi * swing))

    def hip(t: float, side: int) -> Array:
        bob = 0.02 * np.cos(2 * np.pi * (t - start_s) / step_s + np.pi)
        return point(hip_x(t), (side - 0.5) * 0.2, HIP_M + bob)

    def hand(t: float, side: int) -> Array:
        return hip(t, side) + point(
            0.3 * np.cos(np.pi * (t - start_s) / step_s + np.pi * side), (side - 0.5) * 0.34, 0.02
        )

    def bone(radius: float, length: float, material: object, start: Motion, end: Motion) -> None:
        stage.limb(radius, length, material, lambda t: between(start(t), end(t)))

    def half(side: int) -> None:
        """One leg and one arm."""

        def joint(t: float) -> Array:
            return knee(hip(t, side), foot(t, side), THIGH_M, SHIN_M, FORWARD)

        def shoe(t: float) -> Array:
            _, swing = phase(t, side)
            pitch = turn("y", 0.5 * np.sin(2 * np.pi * swing) if swing > 0 else 0.0)
            return at(foot(t, side) + pitch @ point(0.07, 0, -0.03), pitch)

        bone(0.09, THIGH_M, trousers, lambda t: hip(t, side), joint)
        bone(0.07, SHIN_M, trousers, joint, lambda t: foot(t, side))
        stage.box((0.28, 0.1, 0.09), shoes, shoe)
        shoulder = point(0.02, (side - 0.5) * 0.24, 0.52)
        bone(0.05, 0.52, shirt, lambda t: hip(t, side) + shoulder, lambda t: hand(t, side))
        stage.ball(0.07, skin, lambda t: at(hand(t, side)))

    half(0)
    half(1)
    stage.limb(0.16, 0.4, shirt, lambda t: at(hip(t, 0) + point(0.02, 0.11, 0.3)))
    stage.ball(0.14, skin, lambda t: at(hip(t, 0) + point(0.05, 0.11, 0.76)), (1, 0.85, 1.15))
    return [start_s + number * step_s for number in range(n_steps)]


def _street(stage: Stage) -> None:
    stage.plane(80, stage.surface("brick", (0.35, 0.33, 0.3), (0.2, 0.19, 0.18), 0.9), at((0, 0, 0)))
    for number in range(9):
        height, colour = stage.rng.uniform(2.5, 5), stage.rng.uniform(0.2, 0.7, 3)
        house = stage.surface("checker", colour, (0.35, 0.33, 0.3), 1.3)
        stage.box((2.6, 2, height), house, at((number * 2.8 - 6, 3.2, height / 2)))
    stage.sun((0.5, 0.7, -1.0), 3.2)


def walk_from_the_side(stage: Stage) -> list[float]:
    """The camera moves along with the walker."""
    _street(stage)
    strikes = walker(stage, 0.35, 0.58, 0.62, 13, 0.0)
    stage.camera(lambda t: point(1.05 * t, -3.6, 1.0), lambda t: point(1.05 * t - 0.15, 0, 0.72), 32, hand_held=0.04)
    return strikes


def walk_from_the_front(stage: Stage) -> list[float]:
    """The walker comes towards the camera."""
    _street(stage)
    strikes = walker(stage, 0.2, 0.66, 0.58, 11, 0.0)
    stage.camera(point(10.0, -1.2, 1.1), point(2, 0.1, 0.75), 42)
    return strikes


FILMS = [
    Film("walk-from-the-side", "a figure walks, camera moves along", Fraction(24), 7.5, walk_from_the_side),
    Film(
        "walk-from-the-front", "a figure comes nearer, archive film", Fraction(18), 7, walk_from_the_front, archive=True
    ),
]
