"""A smith at his anvil: the hammer is raised, held for a moment, and falls; sparks fly where it strikes."""

import math

import numpy as np

from examples.reel.drawing import (
    Canvas,
    Plane,
    Point,
    block,
    clouds,
    disc,
    ease,
    ellipse,
    limb,
    polygon,
    ring,
    turned,
)
from examples.reel.shot import Shot, seconds

IMPACTS_S = seconds("1", "2.1", "3.15", "4.3", "5.3", "6.45", "7.6")

_FALL_S = 0.24  # from the top to the iron
_WIND_S = 0.22  # the extra reach back before it falls
_STAY_S = 0.07  # the hammer rests on the iron
_RAISE_S = 0.55

_STRIKE: Point = (222.0, 146.0)  # where hammer and iron meet
_HIP: Point = (84.0, 214.0)
_HANDLE = 54.0
_HEAD_HEIGHT = 36.0


def _raised(t: float) -> float:
    """How far the hammer is up: 0 on the iron, 1 at rest on top, above 1 wound up."""
    coming = [float(i) - t for i in IMPACTS_S if float(i) > t]
    gone = [t - float(i) for i in IMPACTS_S if float(i) <= t]
    to_next = coming[0] if coming else math.inf
    height = 1.0
    if gone:
        height = ease((gone[-1] - _STAY_S) / _RAISE_S)
    height += 0.12 * ease((_FALL_S + _WIND_S - to_next) / _WIND_S)
    if to_next < _FALL_S:
        height *= 1 - ((_FALL_S - to_next) / _FALL_S) ** 2
    return height


def _background(canvas: Canvas) -> None:
    stone = clouds(3, 40)

    def wall(x: Plane, y: Plane) -> Plane:
        row = np.floor(y / 17)
        across = (x + 19 * (row % 2)) % 38
        joint = np.minimum(np.minimum(across, 38 - across), np.minimum(y % 17, 17 - y % 17))
        brick: Plane = 0.07 + 0.02 * np.sin(row * 7.1 + np.floor((x + 19 * (row % 2)) / 38) * 4.3)
        brick *= (0.45 + 0.55 * np.clip(joint / 2.5, 0, 1)) * (1 + 0.6 * stone(x, y))
        return brick

    canvas.wash(wall)
    # The window, with its light on the sill and into the room.
    canvas.fill(block((262, 54), 70, 76), 0.03)
    for row in range(2):
        for column in range(2):
            pane = block((246 + 32 * column, 37 + 35 * row), 28, 31)
            canvas.fill(pane, lambda x, y: 0.62 - 0.0016 * (y - 10) + 0.10 * stone(x * 2, y * 2))
    canvas.solid(block((262, 96), 84, 7), 0.2, 3)
    beam = polygon([(228, 20), (296, 92), (236, 250), (96, 250)])
    canvas.fill(beam, lambda x, y: np.clip(0.9 - y / 420, 0, 1) + 0 * x, 0.10, 26)
    # Tools on the wall, and the floor.
    canvas.fill(ring((172, 44), 11, 5), 0.02)
    canvas.fill(block((172, 57), 12, 8), 0.07)
    for x in (196.0, 207.0):
        canvas.fill(limb((x, 26), (x + 3, 78), 2, 1.4), 0.02)
    canvas.fill(polygon([(-20, 226), (340, 218), (340, 260), (-20, 260)]), 0.045)
    # The hearth.
    canvas.fill(polygon([(-20, 108), (34, 112), (50, 132), (52, 205), (-20, 205)], 4), 0.02)
    canvas.solid(polygon([(-20, 176), (62, 176), (66, 250), (-20, 250)], 2), 0.1, 6)


def _anvil(canvas: Canvas) -> None:
    canvas.solid(block((226, 228), 86, 58, rounding=4), 0.13, 14)
    canvas.fill(block((226, 212), 88, 4), 0.03)
    body = [(184, 151), (262, 151), (306, 157), (264, 168), (246, 174), (244, 186), (258, 199), (194, 199)]
    body += [(208, 186), (206, 174), (188, 168)]
    canvas.solid(polygon(body, 1.5), 0.21, 5, gloss=0.28)
    canvas.fill(polygon([(184, 150), (262, 150), (300, 156), (262, 153.5), (184, 153.5)]), 0.5, 0.8)


def _iron(canvas: Canvas, since: float) -> None:
    heat = 0.95 + 0.5 * math.exp(-since / 0.15)
    canvas.glow((226, 146), 26, 0.22 * heat)
    canvas.fill(limb((204, 147.5), (248, 147.5), 3.2), heat)


def _arm(canvas: Canvas, shoulder: Point, hand: Point, sleeve: float, skin: float) -> None:
    """Upper arm and forearm; the elbow follows from their lengths, on the outer side."""
    upper, fore = 47.0, 45.0
    dx, dy = hand[0] - shoulder[0], hand[1] - shoulder[1]
    reach = min(math.hypot(dx, dy), upper + fore - 0.5)
    bend = math.acos((upper**2 + reach**2 - fore**2) / (2 * upper * reach))
    direction = math.atan2(dy, dx) + bend
    elbow = (shoulder[0] + upper * math.cos(direction), shoulder[1] + upper * math.sin(direction))
    canvas.solid(limb(elbow, hand, 9.5, 7), skin, 8)
    canvas.solid(limb(shoulder, elbow, 15, 11), sleeve, 11)
    canvas.solid(disc(hand, 8.5), skin * 1.1, 7)


def _smith(canvas: Canvas, height: float) -> None:
    lean = 0.10 * (1 - height)

    def body(x: float, y: float) -> Point:
        return turned((x - _HIP[0], y - _HIP[1]), lean, _HIP)

    # Far arm with the tongs that hold the iron.
    canvas.solid(limb((166, 158), (208, 148), 2.4, 1.8), 0.2, 2, gloss=0.2)
    _arm(canvas, body(118, 126), (164, 160), 0.2, 0.26)
    canvas.solid(limb((70, 216), (62, 262), 19), 0.05, 14)
    canvas.solid(limb((98, 216), (106, 262), 19), 0.06, 14)
    canvas.solid(limb(body(86, 206), body(104, 134), 27, 29), 0.4, 24)
    canvas.solid(polygon([body(90, 122), body(122, 124), body(124, 168), (122, 250), (82, 250)], 5), 0.09, 9)
    canvas.fill(limb(body(88, 118), body(96, 104), 2.5), 0.09)
    # Head: neck, skull, nose, beard, cap.
    canvas.solid(limb(body(112, 104), body(117, 90), 10), 0.34, 8)
    canvas.solid(ellipse(body(124, 76), 17, 20), 0.46, 15)
    canvas.solid(disc(body(141, 79), 4.2), 0.46, 4)
    canvas.solid(polygon([body(117, 84), body(139, 87), body(138, 98), body(128, 106), body(118, 99)], 3), 0.12, 5)
    canvas.fill(limb(body(132, 71), body(137, 71), 1.3), 0.05)
    canvas.solid(ellipse(body(121, 61), 20, 10), 0.2, 8)
    canvas.solid(limb(body(126, 64), body(148, 67), 2.6), 0.16, 3)

    shoulder = body(98, 122)
    down = _STRIKE[0] - _HANDLE, _STRIKE[1] - _HEAD_HEIGHT / 2
    up = body(78, 60)
    hand = _between(down, up, height, body(98, 122))
    swing = math.radians(-128) * height
    grip_end = turned((-12, 0), swing, hand)
    head = turned((_HANDLE, 0), swing, hand)
    canvas.solid(limb(grip_end, head, 3.2, 2.8), 0.3, 3)
    canvas.solid(block(head, 22, _HEAD_HEIGHT, swing, 3), 0.3, 7, gloss=0.5)
    canvas.solid(block(turned((0, 12), swing, head), 25, 10, swing, 2), 0.34, 4, gloss=0.5)
    _arm(canvas, shoulder, hand, 0.5, 0.5)


def _between(down: Point, up: Point, height: float, pivot: Point) -> Point:
    """The hand's way: an arc about the shoulder."""
    low = math.atan2(down[1] - pivot[1], down[0] - pivot[0])
    high = math.atan2(up[1] - pivot[1], up[0] - pivot[0])
    near, far = math.dist(down, pivot), math.dist(up, pivot)
    angle, radius = low + (high - low) * height, near + (far - near) * height
    return pivot[0] + radius * math.cos(angle), pivot[1] + radius * math.sin(angle)


def _sparks(canvas: Canvas, t: float) -> None:
    for number, impact in enumerate(IMPACTS_S):
        since = t - float(impact)
        if not 0 <= since < 0.7:
            continue
        canvas.glow(_STRIKE, 34, 0.9 * math.exp(-since / 0.07))
        canvas.glow(_STRIKE, 150, 0.16 * math.exp(-since / 0.12))
        chance = np.random.default_rng([17, number])
        for _ in range(34):
            angle, speed = chance.uniform(-math.pi * 1.02, 0.02), chance.uniform(70, 330)
            life, size = chance.uniform(0.18, 0.65), chance.uniform(0.7, 1.5)
            if since > life:
                continue
            start, end = (
                (
                    _STRIKE[0] + math.cos(angle) * speed * s,
                    _STRIKE[1] + math.sin(angle) * speed * s + 330 * s * s,
                )
                for s in (max(since - 0.022, 0.0), since)
            )
            canvas.fill(limb(start, end, size), 1.6 * (1 - since / life) + 0.3, 0.95)


def _draw(canvas: Canvas, t: float) -> None:
    breath = 0.8 + 0.12 * math.sin(t * 9.1) + 0.08 * math.sin(t * 23.7 + 1)
    canvas.glow((18, 172), 40, 0.4 * breath)
    canvas.glow((30, 150), 120, 0.10 * breath)
    for ember in range(9):
        x, phase = 2 + 6 * ember, math.sin(t * (5 + ember % 4) + ember * 2.3)
        canvas.fill(ellipse((x, 171 - 4 * phase), 4, 11 + 6 * phase), 0.9, 0.6, 7)
    _smith(canvas, _raised(t))
    _anvil(canvas)
    since = min((t - float(i) for i in IMPACTS_S if float(i) <= t), default=9.0)
    _iron(canvas, since)
    _sparks(canvas, t)


SMITHY = Shot("smithy", 162, IMPACTS_S, _background, _draw)
