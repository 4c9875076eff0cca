"""Beside a running steam engine: wheels and rods turn steadily while the ground rushes past."""

import math

import numpy as np

from examples.reel.drawing import Canvas, Plane, Point, block, clouds, disc, ellipse, limb, polygon, ring
from examples.reel.shot import Shot

_TURN_S = 1.8  # seconds a turn of the wheels
_RADIUS = 66.0
_CRANK = 25.0
_AXLES: tuple[Point, ...] = ((94.0, 146.0), (236.0, 146.0))
_RAIL = 214.0
_SPOKES = 11


def _background(canvas: Canvas) -> None:
    meadow = clouds(41, 60)
    canvas.wash(lambda x, y: 0.26 + 0.12 * meadow(x * 0.3, y))
    # Boiler, running board and frame of the engine.
    canvas.solid(block((160, -14), 420, 88, rounding=2), 0.15, 44, gloss=0.35)
    for x in (58.0, 170.0, 282.0):
        canvas.solid(block((x, -14), 8, 89), 0.2, 3, gloss=0.2)
    canvas.solid(block((160, 50), 420, 12), 0.24, 4, gloss=0.2)
    for rivet in range(24):
        canvas.solid(disc((-6 + 15 * rivet, 50), 1.7), 0.4, 1.7)
    canvas.fill(block((160, 60), 420, 6), 0.04, 0.7, 6)
    canvas.fill(polygon([(-20, 64), (340, 64), (340, 206), (-20, 206)]), 0.05, 0.85, 14)
    canvas.solid(block((160, 112), 420, 26), 0.1, 4)
    canvas.solid(limb((-20, 80), (340, 80), 2.5), 0.22, 2.5, gloss=0.3)


def _ground(canvas: Canvas, t: float) -> None:
    speed = 2 * math.pi * _RADIUS / _TURN_S
    gravel = clouds(42, 9, 3)

    def bed(x: Plane, y: Plane) -> Plane:
        stones: Plane = 0.22 + 0.14 * gravel(x + speed * t, y * 1.4) - 0.0016 * (y - 200)
        return stones

    canvas.fill(polygon([(-20, 216), (340, 216), (340, 260), (-20, 260)]), bed)
    pitch = 58.0
    for sleeper in range(-1, 8):
        x = sleeper * pitch - (speed * t) % pitch
        canvas.solid(polygon([(x, 222), (x + 28, 222), (x + 26, 234), (x - 4, 234)], 1), 0.3, 3)
    canvas.solid(block((160, 218), 400, 7), 0.5, 3, gloss=0.4)


def _wheel(canvas: Canvas, axle: Point, angle: float) -> None:
    canvas.fill(disc(axle, _RADIUS - 4), 0.03, 0.6)
    weight = [_on(axle, angle + math.pi + a, r) for r, a in _crescent()]
    canvas.solid(polygon(weight), 0.3, 4)
    for spoke in range(_SPOKES):
        turn = angle + 2 * math.pi * (spoke + 0.5) / _SPOKES
        canvas.solid(limb(_on(axle, turn, 10), _on(axle, turn, _RADIUS - 8), 4.2, 2.8), 0.32, 3)
    canvas.solid(ring(axle, _RADIUS - 5, 10), 0.4, 4, gloss=0.35)
    canvas.solid(ring(axle, _RADIUS + 1, 3), 0.55, 1.5, gloss=0.4)
    canvas.solid(limb(axle, _on(axle, angle, _CRANK), 14, 9), 0.36, 6)
    canvas.solid(disc(axle, 7), 0.45, 5, gloss=0.4)


def _crescent() -> list[tuple[float, float]]:
    """The counterweight, as (radius, angle): between the rim and a chord."""
    half = 0.72
    rim = [(_RADIUS - 9, half * (k / 6 - 1)) for k in range(13)]
    return [*rim, (_RADIUS - 32, half * 0.6), (_RADIUS - 32, -half * 0.6)]


def _on(centre: Point, angle: float, radius: float) -> Point:
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def _rods(canvas: Canvas, angle: float) -> None:
    pins = [_on(axle, angle, _CRANK) for axle in _AXLES]
    # The crosshead slides on its bar, at the main rod's length from the leading pin.
    length, guide = 128.0, _AXLES[0][1]
    crosshead = pins[0][0] - math.sqrt(length**2 - (pins[0][1] - guide) ** 2), guide
    canvas.solid(limb((-30, guide - 12), (6, guide - 12), 3), 0.35, 3, gloss=0.4)
    canvas.solid(block(crosshead, 26, 20, rounding=3), 0.5, 5, gloss=0.5)
    canvas.solid(limb(crosshead, pins[0], 5.5, 6.5), 0.66, 4, gloss=0.6)
    canvas.fill(limb(pins[0], pins[1], 7.5), 0.03, 0.5, 5)
    canvas.solid(limb(pins[0], pins[1], 6.5), 0.74, 4, gloss=0.6)
    for pin in pins:
        canvas.solid(disc(pin, 10.5), 0.7, 5, gloss=0.6)
        canvas.solid(disc(pin, 4.5), 0.2, 3, gloss=0.3)


def _steam(canvas: Canvas, t: float) -> None:
    """Puffs from the cylinder cock in front, carried back along the engine."""
    life = 2.2
    for puff in range(16):
        age = (t / life + puff / 16) % 1
        birth = math.floor(t / life + puff / 16)
        chance = np.random.default_rng([43, puff, birth + 1])
        x = -16 + 250 * age + chance.uniform(-8, 8)
        y = 196 - 60 * age + chance.uniform(-9, 9)
        radius = 8 + 30 * age
        canvas.fill(ellipse((x, y), radius * 1.25, radius), 0.95, 0.24 * (1 - age) ** 1.3, radius * 1.4)


def _draw(canvas: Canvas, t: float) -> None:
    angle = 2 * math.pi * t / _TURN_S
    _ground(canvas, t)
    canvas.fill(ellipse((165, _RAIL + 3), 190, 7), 0.04, 0.5, 9)
    for axle in _AXLES:
        _wheel(canvas, axle, angle)
    _rods(canvas, angle)
    _steam(canvas, t)


ENGINE = Shot("engine", 144, (), _background, _draw)
