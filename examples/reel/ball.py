"""Two balls in a yard, one thrown across, one dropped: gravity, restitution, a squash at each bounce."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from examples.reel.drawing import Canvas, Plane, block, clouds, ellipse, limb, polygon
from examples.reel.shot import Shot, seconds

_GRAVITY = 760.0  # pixels/s²
_CONTACT_S = Fraction(1, 18)  # how long the ball is pressed to the ground: a frame, so that each is seen
_COMING_S = 1.5
_RADIUS = 26.0
_GROUND = 208.0


@dataclass(frozen=True)
class Bounces:
    """A ball's way: the first impact, and the flights after it, each shorter by the restitution.

    x: where it first touches the ground; speed across in pixels/s and spin in radians/s.
    """

    first_s: Fraction
    flights_s: tuple[Fraction, ...]
    x: float
    speed: float
    spin: float

    @property
    def impacts_s(self) -> tuple[Fraction, ...]:
        """When it touches the ground: each impact, its contact, then the flight to the next."""
        times = [self.first_s]
        for flight in self.flights_s:
            times.append(times[-1] + _CONTACT_S + flight)
        return tuple(times)

    def height(self, t: float) -> tuple[float, float]:
        """Height over the ground in pixels and squash, 0 (round) … 1, at a time."""
        impacts = [float(i) for i in self.impacts_s]
        if t < impacts[0]:
            flight = _COMING_S  # it comes down as if out of one more, higher flight
            return _parabola(flight - (impacts[0] - t), flight), 0.0
        last = max(i for i, impact in enumerate(impacts) if impact <= t)
        since = t - impacts[last]
        flight = float(self.flights_s[last]) if last < len(self.flights_s) else 0.0
        contact = float(_CONTACT_S)
        if since < contact:
            strength = min(1.0, (flight + 0.15) / 0.8)
            return 0.0, strength * math.sin(math.pi * since / contact)
        return _parabola(since - contact, flight), 0.0


def _parabola(t: float, flight: float) -> float:
    return 0.5 * _GRAVITY * t * (flight - t)


_THROWN = Bounces(
    first_s=Fraction("0.7"), flights_s=seconds("1.05", "0.86", "0.71", "0.58"), x=58.0, speed=84.0, spin=3.1
)
_DROPPED = Bounces(
    first_s=Fraction("4.6"),
    flights_s=seconds("0.95", "0.7", "0.52", "0.385", "0.285"),
    x=172.0,
    speed=-9.0,
    spin=-0.5,
)
IMPACTS_S = (*_THROWN.impacts_s[:4], *_DROPPED.impacts_s)  # the thrown one's fifth is out of the picture


def _background(canvas: Canvas) -> None:
    grain, stain = clouds(5, 22), clouds(6, 90)

    def yard(x: Plane, y: Plane) -> Plane:
        board = np.floor(x / 29)
        across = x % 29
        shade = 0.20 + 0.035 * np.sin(board * 5.3 + 1)
        veins = 0.02 * np.sin(across * 1.3 + 5 * grain(x * 0.7, y * 0.08)) + 0.05 * grain(x * 2.2, y * 0.15)
        fence = (shade + veins) * (0.35 + 0.65 * np.clip(np.minimum(across, 29 - across) / 1.6, 0, 1))
        depth = np.clip((y - 168) / 72, 0, 1)
        slabs = (x - 160) / (0.35 + depth) / 44 + 0.5
        joint = np.minimum(slabs % 1, 1 - slabs % 1) * 44 * (0.35 + depth)
        rows = np.log2(1 + 7 * depth) * 1.6
        joint = np.minimum(joint, np.minimum(rows % 1, 1 - rows % 1) * 26 * (0.3 + depth))
        stone = (0.40 + 0.16 * depth + 0.07 * grain(x * 1.4, y * 2)) * (0.72 + 0.28 * np.clip(joint / 1.8, 0, 1))
        light = 1 + 0.35 * stain(x, y) + 0.25 * np.clip((220 - x) / 320, -1, 1)
        return np.where(y < 168, fence, stone) * light

    canvas.wash(yard)
    for y in (38.0, 128.0):  # the fence's rails
        canvas.fill(block((160, y + 6), 400, 6), 0.08, 0.6, 4)
        canvas.solid(block((160, y), 400, 10), 0.22, 4)
    canvas.fill(block((160, 171), 400, 8), 0.05, 0.6, 7)
    # A watering can in the corner, and the shade of a tree.
    canvas.fill(ellipse((282, 181), 34, 5), 0.06, 0.6, 6)
    canvas.solid(polygon([(264, 146), (296, 146), (299, 180), (261, 180)], 2), 0.15, 16, gloss=0.2)
    canvas.solid(limb((264, 172), (240, 146), 3.5, 2.5), 0.15, 3)
    canvas.solid(block((238, 144), 12, 7, 0.7), 0.17, 3)
    for start, end in (((268, 145), (276, 128)), ((276, 128), (292, 130)), ((292, 130), (296, 148))):
        canvas.solid(limb(start, end, 2), 0.13, 2)
    leaves = np.random.default_rng(8)
    for _ in range(60):
        x, y = leaves.uniform(-30, 120), leaves.uniform(-30, 60)
        canvas.fill(ellipse((x, y * 0.8 - x * 0.25), leaves.uniform(6, 13), leaves.uniform(4, 8)), 0.05, 0.35, 6)


def _ball(canvas: Canvas, ball: Bounces, t: float) -> None:
    if t < float(ball.first_s) - _COMING_S / 2:
        return  # still on its way up, out of sight
    height, squash = ball.height(t)
    x = ball.x + ball.speed * (t - float(ball.first_s))
    rx, ry = _RADIUS * (1 + 0.16 * squash), _RADIUS * (1 - 0.24 * squash)
    centre = x, _GROUND - height - ry
    near = 1 / (1 + height / 60)
    canvas.fill(ellipse((x + 6 + height * 0.12, _GROUND + 1), rx * (0.75 + 0.25 * near), 6), 0.03, 0.85 * near, 5)
    turn = ball.spin * (t - float(ball.first_s))

    def painted(px: Plane, py: Plane) -> Plane:
        u, v = (px - centre[0]) / rx, (py - centre[1]) / ry
        depth = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
        lit = np.clip(-0.5 * u - 0.68 * v + 0.54 * depth, 0, 1)
        a, b = u * math.cos(turn) + v * math.sin(turn), v * math.cos(turn) - u * math.sin(turn)
        sectors = np.sin(6 * np.arctan2(b, 0.75 * depth + 0.66 * a))
        paint = 0.46 + 0.42 * np.clip(sectors * 6, -1, 1)
        light: Plane = paint * (0.16 + 1.0 * lit) + 0.7 * lit**22
        return light

    canvas.fill(ellipse(centre, rx, ry), painted)


def _draw(canvas: Canvas, t: float) -> None:
    for ball in (_THROWN, _DROPPED):
        _ball(canvas, ball, t)


BALL = Shot("ball", 153, IMPACTS_S, _background, _draw)
