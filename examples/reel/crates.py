"""A quay: crates come down one after the other and land on the stones and on each other."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from examples.reel.drawing import Canvas, Plane, Point, block, clouds, ease, ellipse, limb, polygon, turned
from examples.reel.shot import Shot

_GRAVITY = 1050.0  # pixels/s²
_FALL_S = 0.7  # from above the picture
_GROUND = 214.0
_SIZE = 62.0


@dataclass(frozen=True)
class Crate:
    """A crate: when it lands, where its middle rests, and how it was turned while it fell (radians)."""

    lands_s: Fraction
    rest: Point
    tilt: float
    tone: float


def _crate(lands: str, x: float, storey: int, tilt: float, tone: float) -> Crate:
    return Crate(Fraction(lands), (x, _GROUND - _SIZE * (storey + 0.5)), tilt, tone)


CRATES = (
    _crate("0.95", 96, 0, 0.10, 0.34),
    _crate("2.2", 232, 0, -0.08, 0.26),
    _crate("3.3", 163, 0, 0.06, 0.40),
    _crate("4.65", 126, 1, -0.12, 0.30),
    _crate("5.85", 196, 1, 0.09, 0.36),
    _crate("7.2", 158, 2, -0.07, 0.28),
)
IMPACTS_S = tuple(crate.lands_s for crate in CRATES)


def _background(canvas: Canvas) -> None:
    sky, stone = clouds(21, 120), clouds(22, 26)

    def quay(x: Plane, y: Plane) -> Plane:
        air = 0.50 + 0.20 * np.clip(y / 170, 0, 1) + 0.14 * sky(x, y * 1.8)
        water = 0.34 + 0.10 * np.sin(y * 1.9 + 3 * stone(x * 0.3, y)) * np.clip((y - 168) / 12, 0, 1)
        depth = np.clip((y - 190) / 50, 0, 1)
        slab = (x - 160) / (0.6 + depth) / 52
        joint = np.minimum(slab % 1, 1 - slab % 1) * 52 * (0.6 + depth)
        ground = (0.30 + 0.10 * stone(x, y * 2)) * (0.7 + 0.3 * np.clip(joint / 2, 0, 1)) * (0.75 + 0.4 * depth)
        return np.where(y < 168, air, np.where(y < 190, water, ground))

    canvas.wash(quay)
    # In the haze: the far shore with its chimneys, and a ship at anchor.
    canvas.fill(
        polygon([(-20, 168), (-20, 150), (40, 146), (90, 152), (150, 149), (210, 156), (340, 158), (340, 168)]),
        0.42,
    )
    for x, top in ((22.0, 118.0), (34.0, 124.0), (70.0, 130.0)):
        canvas.fill(block((x, (top + 152) / 2), 5, 152 - top), 0.42)
        canvas.fill(ellipse((x + 14, top - 8), 18, 6), 0.5, 0.6, 9)
    canvas.fill(polygon([(244, 158), (316, 155), (306, 174), (256, 174)], 2), 0.2)
    for x in (262.0, 284.0, 302.0):
        canvas.fill(limb((x, 158), (x, 96), 1.3, 0.9), 0.24)
        canvas.fill(limb((x - 11, 112), (x + 11, 112), 0.7), 0.26)
        canvas.fill(limb((x, 98), (x + 18, 156), 0.35), 0.3, 0.8)
    canvas.fill(block((160, 190), 400, 3), 0.12)
    # A bollard with its rope, and the leg of the crane the crates come from.
    canvas.solid(block((30, 200), 17, 28, rounding=3), 0.12, 8, gloss=0.2)
    canvas.solid(ellipse((30, 186), 12, 5), 0.14, 5, gloss=0.2)
    for turn in range(3):
        canvas.solid(limb((21, 199 + 4 * turn), (39, 197 + 4 * turn), 1.8), 0.45, 2)
    canvas.solid(polygon([(296, 240), (304, -20), (318, -20), (314, 240)]), 0.1, 5)
    for brace in range(6):
        canvas.fill(limb((301, 10 + 40 * brace), (315, 44 + 40 * brace), 1.2), 0.3)


def _state(crate: Crate, t: float) -> tuple[Point, float]:
    """Middle and turn of a crate at a time: a free fall, then a short rocking as it settles."""
    since = t - float(crate.lands_s)
    if since < 0:
        fallen = max(_FALL_S + since, 0.0)
        height = 0.5 * _GRAVITY * (_FALL_S**2 - fallen**2)
        return (crate.rest[0], crate.rest[1] - height), crate.tilt * ease(-since / 0.12)
    rock = 0.05 * math.copysign(1, crate.tilt) * math.exp(-since / 0.10) * math.sin(since * 34)
    return crate.rest, rock


def _wood(canvas: Canvas, middle: Point, turn: float, tone: float) -> None:
    def at(x: float, y: float) -> Point:
        return turned((x, y), turn, middle)

    canvas.fill(block(middle, _SIZE + 3, _SIZE + 3, turn, 1), 0.03, 0.8, 3)
    canvas.solid(block(middle, _SIZE, _SIZE, turn, 1), tone * 0.45, 2)
    for board in range(4):
        canvas.solid(block(at(0, -21 + 14 * board), 56, 12.5, turn), tone * (0.55 + 0.09 * (board % 3)), 2)
    canvas.solid(limb(at(-22, 22), at(22, -22), 4.5), tone * 0.85, 2)
    for side in (-1, 1):
        canvas.solid(block(at(side * 26, 0), 10, _SIZE, turn, 1), tone, 2)
        canvas.solid(block(at(0, side * 26), _SIZE - 18, 10, turn, 1), tone, 2)
        for corner in (-1, 1):
            canvas.fill(ellipse(at(side * 26, corner * 26), 1.6, 1.6), 0.03)


def _dust(canvas: Canvas, crate: Crate, since: float) -> None:
    if not 0 <= since < 0.9:
        return
    chance = np.random.default_rng([31, int(crate.rest[0])])
    foot = crate.rest[1] + _SIZE / 2
    for puff in range(14):
        side = -1 if puff % 2 else 1
        speed, size, rise = chance.uniform(12, 62), chance.uniform(4, 9), chance.uniform(4, 26)
        spread = 1 - math.exp(-since / 0.25)
        x = crate.rest[0] + side * (_SIZE * 0.46 + speed * spread)
        y = foot - 2 - rise * spread
        radius = size * (0.5 + 1.6 * spread)
        canvas.fill(ellipse((x, y), radius * 1.2, radius), 0.85, 0.55 * (1 - since / 0.9), radius * 1.2)


def _draw(canvas: Canvas, t: float) -> None:
    for crate in CRATES:
        middle, turn = _state(crate, t)
        gap = crate.rest[1] - middle[1]
        if gap < 200:
            foot = crate.rest[0] + 5, crate.rest[1] + _SIZE / 2
            canvas.fill(ellipse(foot, _SIZE * 0.62, 6), 0.05, 0.75 * (1 - gap / 200), 7)
        _wood(canvas, middle, turn, crate.tone)
    for crate in CRATES:
        _dust(canvas, crate, t - float(crate.lands_s))


QUAY = Shot("crates", 153, IMPACTS_S, _background, _draw)
