"""Films of hands, tools and machines that strike."""

from fractions import Fraction

import numpy as np

from benchmarks.films.geometry import Array, Motion, at, between, knee, point, smooth, turn
from benchmarks.films.motion import raised
from benchmarks.films.stage import Colour, Film, Stage

SKIN, STEEL, WOOD, DARK_WOOD = (0.75, 0.45, 0.32), (0.5, 0.5, 0.52), (0.5, 0.28, 0.1), (0.25, 0.12, 0.04)


def _room(stage: Stage, floor: Colour, wall: Colour, wall_y: float = 1.5) -> None:
    darker = 0.6 * np.array(floor), 0.8 * np.array(wall)
    stage.plane(30, stage.surface("noise", floor, darker[0], 2), at((0, 0, 0)))
    stage.plane(30, stage.surface("noise", wall, darker[1], 1), at((0, wall_y, 0), turn("x", np.pi / 2)))


def _arm(stage: Stage, shoulder: Array, hand: Motion, bend: Array, length: float, sleeve: Colour) -> None:
    """Upper arm and forearm, each `length` long, that follow a hand."""
    cloth, skin = stage.surface("plain", sleeve), stage.surface("plain", SKIN)

    def elbow(t: float) -> Array:
        return knee(shoulder, hand(t), length, length, bend)

    stage.limb(0.09, length, cloth, lambda t: between(shoulder, elbow(t)))
    stage.limb(0.07, length, skin, lambda t: between(elbow(t), hand(t)))
    stage.ball(0.1, skin, lambda t: at(hand(t)))


def hammer_on_anvil(stage: Stage) -> list[float]:
    """A smith's hammer, with wind-up and blow."""
    _room(stage, (0.3, 0.22, 0.16), (0.35, 0.3, 0.28))
    steel, wood = (
        stage.surface("noise", STEEL, (0.3, 0.3, 0.33), 6, metal=0.6),
        stage.surface("wood", WOOD, DARK_WOOD, 2),
    )
    stage.rod(0.45, 0.6, wood, at((0, 0, 0.3)))
    stage.box((0.5, 0.35, 0.25), steel, at((0, 0, 0.72)))
    stage.box((1.1, 0.4, 0.2), steel, at((0, 0, 0.95)))
    stage.rod(0.1, 0.5, steel, at((-0.75, 0, 0.97), turn("y", -np.pi / 2)), top=0.02)
    hot = stage.surface("plain", (1.0, 0.25, 0.03))
    stage.box((0.6, 0.1, 0.08), hot, at((-0.15, 0, 1.09)))
    blows = [0.9, 1.95, 2.8, 3.9, 4.9, 5.6, 6.4]
    pivot, reach = point(1.35, 0, 1.29), 1.35

    def hammer(t: float) -> Array:
        return at(pivot, turn("y", 1.15 * raised(t, blows, 0.17, 0.45)))

    def along(t: float, offset: Array) -> Array:
        pose = hammer(t)
        return at(pose[:3, :3] @ offset + pose[:3, 3], pose[:3, :3])

    stage.box((0.2, 0.22, 0.4), steel, lambda t: along(t, point(-reach, 0, 0.04)))
    stage.box((1.4, 0.07, 0.07), wood, lambda t: along(t, point(-reach / 2, 0, 0.04)))
    stage.ball(0.12, stage.surface("plain", SKIN), lambda t: along(t, point(-0.1, 0, 0.04)))
    stage.limb(
        0.1,
        0.6,
        stage.surface("plain", (0.15, 0.2, 0.4)),
        lambda t: along(t, point(0.3, 0, 0.04)) @ at((0, 0, 0), turn("y", np.pi / 2)),
    )
    stage.lamp((-1.5, -2.5, 3), 350)
    stage.sun((0.4, 0.8, -1), 1.5)
    stage.camera(point(-0.3, -4.2, 1.9), point(0.1, 0, 1.15), 34, hand_held=0.05)
    return blows


def knocks_on_a_door(stage: Stage) -> list[float]:
    """A fist knocks: three times, twice, and four times fast."""
    _room(stage, (0.35, 0.3, 0.26), (0.6, 0.58, 0.5), wall_y=0.06)
    wood = stage.surface("wood", (0.35, 0.17, 0.07), (0.2, 0.09, 0.03), 1.5)
    stage.box((1.4, 0.1, 2.8), wood, at((0, 0.03, 1.4)))
    stage.ball(0.07, stage.surface("plain", (0.8, 0.65, 0.2), metal=1), at((0.55, -0.08, 1.25)))
    blows = [0.8, 1.1, 1.4, 2.9, 3.25, 4.7, 4.9, 5.1, 5.3]
    shoulder = point(-1.15, -0.75, 1.35)

    def fist(t: float) -> Array:
        away = 0.32 * raised(t, blows, 0.08, 0.12, springs=True)
        return point(-0.15 - 0.5 * away, -0.12 - away, 1.62 - 0.2 * away)

    _arm(stage, shoulder, fist, point(-0.2, -0.6, -1), 0.62, (0.1, 0.25, 0.5))
    stage.lamp((-1.5, -2.5, 3), 260)
    stage.sun((0.6, 0.8, -1), 1.2)
    stage.camera(point(1.7, -2.3, 1.75), point(-0.2, -0.1, 1.5), 36)
    return blows


def door_slams(stage: Stage) -> list[float]:
    """A door swings open and slams, three times."""
    _room(stage, (0.4, 0.33, 0.25), (0.3, 0.42, 0.45), wall_y=0.4)
    frame = stage.surface("plain", (0.75, 0.73, 0.68))
    for x in (-0.85, 0.85):
        stage.box((0.14, 0.5, 2.8), frame, at((x, 0.2, 1.4)))
    stage.box((1.84, 0.5, 0.14), frame, at((0, 0.2, 2.8)))
    stage.box((1.6, 0.02, 2.8), stage.surface("plain", (0.03, 0.03, 0.05)), at((0, 0.38, 1.4)))
    wood = stage.surface("wood", (0.55, 0.2, 0.08), (0.35, 0.1, 0.04), 1.2)
    blows = [1.7, 3.9, 6.1]

    def door(t: float, offset: Array) -> Array:
        rotation = turn("z", -1.35 * raised(t, blows, 0.4, 0.9, rest=0.0))
        return at(point(-0.77, 0, 1.36) + rotation @ offset, rotation)

    stage.box((1.54, 0.08, 2.68), wood, lambda t: door(t, point(0.77, 0, 0)))
    panel = stage.surface("plain", (0.3, 0.1, 0.04))
    stage.box((1.1, 0.03, 0.9), panel, lambda t: door(t, point(0.77, -0.045, -0.65)))
    stage.box((1.1, 0.03, 0.9), panel, lambda t: door(t, point(0.77, -0.045, 0.6)))
    stage.ball(0.07, stage.surface("plain", (0.8, 0.65, 0.2), metal=1), lambda t: door(t, point(1.4, -0.1, 0)))
    stage.sun((0.5, 0.9, -1), 2.5)
    stage.camera(point(1.0, -4.6, 1.6), point(-0.1, 0, 1.4), 33, hand_held=0.06)
    return blows


def hands_clap(stage: Stage) -> list[float]:
    """Two hands clap, at first slowly."""
    _room(stage, (0.3, 0.3, 0.3), (0.12, 0.25, 0.3), wall_y=2.0)
    blows = [0.7, 1.5, 2.3, 2.9, 3.4, 3.85, 4.3, 4.75, 5.2]
    skin = stage.surface("plain", SKIN)
    stage.limb(0.34, 0.7, stage.surface("checker", (0.6, 0.1, 0.1), (0.4, 0.05, 0.05), 4), at((0, 0.75, 1.05)))
    stage.ball(0.24, skin, at((0, 0.7, 1.98)), (0.85, 0.9, 1.15))

    def hand(side: int) -> None:
        def palm(t: float) -> Array:
            away = 0.42 * raised(t, blows, 0.16, 0.2, springs=True)
            return point(side * (0.05 + away), 0.0, 1.3 - 0.25 * away)

        def flat(t: float, offset: Array) -> Array:
            spread = turn("y", side * 0.5 * abs(palm(t)[0]))
            return at(palm(t) + spread @ offset, spread)

        def finger(y: float) -> None:
            stage.box((0.07, 0.04, 0.2), skin, lambda t: flat(t, point(0, y, 0.22)))

        stage.box((0.09, 0.2, 0.28), skin, lambda t: flat(t, point(0, 0, 0)))
        for number in range(4):
            finger(-0.075 + 0.05 * number)
        wrist = point(side * 0.03, 0.05, -0.17)
        bend = point(side * 0.5, 0, -1)
        _arm(stage, point(side * 0.45, 0.7, 1.45), lambda t: palm(t) + wrist, bend, 0.5, (0.6, 0.1, 0.1))

    hand(-1)
    hand(1)
    stage.sun((0.4, 0.9, -1), 2.5)
    stage.camera(point(0.4, -2.3, 1.6), point(0, 0.1, 1.38), 34)
    return blows


def drum_sticks(stage: Stage) -> list[float]:
    """Two sticks on a drum, single strokes and a faster bar."""
    _room(stage, (0.25, 0.2, 0.2), (0.2, 0.12, 0.1))
    shell = stage.surface("plain", (0.6, 0.05, 0.04))
    head = stage.surface("noise", (0.9, 0.88, 0.8), (0.8, 0.77, 0.7), 3)
    rim = stage.surface("plain", (0.6, 0.6, 0.62), metal=1)
    stage.rod(0.75, 0.7, shell, at((0, 0, 0.6)))
    stage.rod(0.78, 0.06, rim, at((0, 0, 0.95)))
    stage.rod(0.72, 0.02, head, at((0, 0, 0.98)))
    left, right = [0.6, 1.6, 2.6, 3.6, 4.1, 4.6, 5.1, 5.6], [1.1, 2.1, 3.1, 3.85, 4.35, 4.85, 5.35, 6.1]
    wood, skin = stage.surface("wood", (0.8, 0.6, 0.35), (0.65, 0.45, 0.25), 4), stage.surface("plain", SKIN)

    def stick(side: int, blows: list[float]) -> None:
        tip, hand = point(side * 0.2, -0.05, 1.01), point(side * 1.05, -0.35, 1.3)

        def reach(t: float) -> Array:
            lift = raised(t, blows, 0.11, 0.13, springs=True)
            raised_tip = tip + lift * point(side * 0.15, 0, 0.62)
            line = raised_tip - hand
            end: Array = hand + line * np.linalg.norm(tip - hand) / np.linalg.norm(line)
            return end

        length = float(np.linalg.norm(tip - hand))
        stage.limb(0.03, length, wood, lambda t: between(hand, reach(t)))
        stage.ball(0.055, wood, lambda t: at(reach(t)))
        stage.ball(0.12, skin, at(hand))
        stage.limb(0.09, 0.6, skin, at(hand) @ between(point(0, 0, 0), point(side * 0.6, -0.2, 0.1)))

    stick(-1, left)
    stick(1, right)
    stage.lamp((1.5, -2, 3), 300)
    stage.sun((0.5, 0.7, -1), 1.2)
    stage.camera(point(0.2, -3.2, 2.3), point(0, 0, 1.0), 34)
    return sorted(left + right)


def axe_chops(stage: Stage) -> list[float]:
    """An axe chops a log; the blade stays in the wood for a moment."""
    stage.plane(60, stage.surface("noise", (0.12, 0.25, 0.06), (0.2, 0.17, 0.08), 1.5), at((0, 0, 0)))
    bark, wood = (
        stage.surface("wood", (0.3, 0.18, 0.1), (0.15, 0.08, 0.04), 2),
        stage.surface("wood", WOOD, DARK_WOOD, 2),
    )
    for x in (-5.0, -2.6, 2.2, 4.4):
        stage.rod(0.3, 7, bark, at((x, 4.5 + 0.3 * x, 3.5)), top=0.2)
    stage.rod(0.3, 2.2, bark, at((-0.4, 0, 0.45), turn("y", np.pi / 2)))
    stage.box((0.5, 0.9, 0.3), bark, at((-0.4, 0, 0.1)))
    steel = stage.surface("plain", (0.55, 0.56, 0.6), metal=0.5)
    blows = [1.2, 2.8, 4.3, 5.7]
    pivot, reach = point(1.25, 0, 1.15), 1.55
    down = -0.14

    def axe(t: float, offset: Array) -> Array:
        rotation = turn("y", down + 1.5 * raised(t, blows, 0.28, 0.8))
        return at(pivot + rotation @ offset, rotation)

    stage.box((1.6, 0.07, 0.08), wood, lambda t: axe(t, point(-0.75, 0, 0)))
    stage.box((0.2, 0.09, 0.42), steel, lambda t: axe(t, point(-reach, 0, -0.12)))
    skin, shirt = stage.surface("plain", SKIN), stage.surface("checker", (0.5, 0.05, 0.05), (0.1, 0.02, 0.02), 5)
    shoulder = point(1.75, 0.1, 1.55)

    def grip(along: float) -> None:
        stage.ball(0.1, skin, lambda t: axe(t, point(along, 0, 0)))
        stage.limb(0.08, 0.5, shirt, lambda t: between(shoulder, axe(t, point(along, 0, 0))[:3, 3]))

    grip(-0.15)
    grip(-0.45)
    stage.limb(0.26, 0.6, shirt, at((1.85, 0.1, 1.2)))
    stage.ball(0.2, skin, at((1.75, 0.1, 1.95)))
    for y in (-0.1, 0.3):
        stage.limb(0.13, 0.7, stage.surface("plain", (0.08, 0.08, 0.12)), at((1.9, y, 0.45)))
    stage.sun((-0.4, 0.8, -1), 3)
    stage.camera(point(0.3, -4.4, 1.7), point(0.55, 0, 1.15), 34, hand_held=0.06)
    return blows


def stamping_press(stage: Stage) -> list[float]:
    """A press stamps parts that a belt brings in steps."""
    _room(stage, (0.25, 0.25, 0.25), (0.35, 0.38, 0.35), wall_y=1.2)
    green, steel = (
        stage.surface("noise", (0.08, 0.3, 0.2), (0.06, 0.22, 0.15), 2),
        stage.surface("plain", STEEL, metal=0.6),
    )
    for x in (-0.75, 0.75):
        stage.box((0.3, 0.5, 2.3), green, at((x, 0.2, 1.15)))
    stage.box((1.9, 0.7, 0.5), green, at((0, 0.2, 2.4)))
    stage.box((7, 0.6, 0.3), stage.surface("plain", (0.05, 0.05, 0.05)), at((0, 0, 0.6)))
    stage.box((0.9, 0.7, 0.6), green, at((0, 0.1, 0.3)))
    period, first = 0.95, 0.55
    blows = [first + period * number for number in range(7)]

    def ram(t: float) -> Array:
        return at((0, 0, 1.2 + 0.62 * raised(t, blows, 0.2, 0.35)))

    stage.box((0.85, 0.5, 0.55), stage.surface("checker", (0.8, 0.6, 0.05), (0.05, 0.05, 0.05), 5), ram)
    stage.rod(0.14, 1.2, steel, lambda t: ram(t) @ at((0, 0, 0.85)))

    for number in range(-2, 10):
        brass = stage.surface("plain", (0.75, 0.4, 0.12), metal=0.3)

        def part(t: float, number: int = number) -> Array:
            cycle, rest = divmod((t - first) / period, 1)
            # The belt moves while the ram is up.
            return at((cycle + smooth((rest - 0.3) / 0.4) - number, 0, 0.835))

        stage.box((0.42, 0.4, 0.17), brass, part)
    stage.lamp((1.5, -2.5, 3), 320)
    stage.sun((0.5, 0.8, -1), 1.2)
    stage.camera(point(1.4, -4.3, 1.9), point(0, 0, 1.25), 33)
    return blows


NTSC = Fraction(24000, 1001)
FILMS = [
    Film("hammer-on-anvil", "a hammer on an anvil, hand-held camera", NTSC, 7, hammer_on_anvil),
    Film("knocks-on-a-door", "a fist knocks on a door", Fraction(30), 6, knocks_on_a_door),
    Film("door-slams", "a door opens and slams", Fraction(25), 7, door_slams),
    Film("hands-clap", "two hands clap", Fraction(30), 6, hands_clap),
    Film("drum-sticks", "two sticks on a drum", NTSC, 6.5, drum_sticks),
    Film("axe-chops", "an axe chops a log, archive film", Fraction(16), 7, axe_chops, archive=True),
    Film("stamping-press", "a press stamps parts on a belt", Fraction(24), 7, stamping_press),
]
