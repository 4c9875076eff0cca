"""Films of things that fall, bounce, topple and collide."""

from fractions import Fraction

import numpy as np

from benchmarks.films.bullet import Body, simulate
from benchmarks.films.geometry import Array, Motion, at, point, smooth, turn
from benchmarks.films.motion import Flight, G, apart, collisions, flight
from benchmarks.films.stage import Colour, Film, Stage

RED, WHITE, BLUE, YELLOW = (0.7, 0.05, 0.03), (0.85, 0.85, 0.8), (0.05, 0.15, 0.6), (0.85, 0.6, 0.05)
OAK, DARK_OAK, GREY = (0.5, 0.28, 0.1), (0.25, 0.12, 0.04), (0.35, 0.35, 0.35)


def _floor(stage: Stage, pattern: str = "noise", colour: Colour = (0.3, 0.28, 0.25), size: float = 40) -> None:
    stage.plane(size, stage.surface(pattern, colour, 0.6 * np.array(colour), 1.5), at((0, 0, 0)))


def _thrown(stage: Stage, flown: Flight, radius: float, pattern: str, colours: tuple[Colour, Colour]) -> None:
    skin = stage.surface(pattern, *colours, 1.2 / radius)
    stage.ball(radius, skin, lambda t: at(flown.position(t), turn("y", 2.5 * t) @ turn("x", 0.6)))


def ball_bounces(stage: Stage) -> list[float]:
    """One ball is dropped three times."""
    _floor(stage, "checker", (0.55, 0.5, 0.42))
    stage.sun((0.5, 0.6, -1))
    stage.camera(point(0, -5.6, 1.7), point(0, 0, 1.1), 32)
    drops = [(0.6, -1.6, 2.3), (2.7, -0.2, 2.6), (4.9, 1.4, 1.7)]
    flights = [flight(start, point(x, 0, height), point(0.15, 0, 0), 0.42, 0.68) for start, x, height in drops]
    for flown, colour in zip(flights, (RED, BLUE, YELLOW), strict=True):
        _thrown(stage, flown, 0.42, "checker", (colour, WHITE))
    return apart([strike for flown in flights for strike in flown.strikes])


def balls_of_three_sizes(stage: Stage) -> list[float]:
    """Balls of different size and bounce cross the picture, filmed from the hand."""
    _floor(stage, "brick", (0.4, 0.2, 0.14))
    stage.sun((-0.7, 0.4, -1), 3.5)
    stage.camera(point(0.5, -7, 2.2), point(0, 0, 0.8), 32, hand_held=0.15)
    strikes = []
    for start, radius, bounce, x, speed in (
        (0.3, 0.55, 0.55, -3.2, 1.0),
        (1.9, 0.2, 0.8, 3.0, -1.1),
        (4.0, 0.36, 0.7, -2.6, 1.4),
    ):
        flown = flight(start, point(x, radius * 2 - 0.6, 2.4), point(speed, 0, 0), radius, bounce)
        _thrown(stage, flown, radius, "checker", (stage.rng.uniform(0.1, 0.8, 3), (0.05, 0.05, 0.08)))
        strikes += flown.strikes
    return apart(strikes)


def ball_against_wall(stage: Stage) -> list[float]:
    """A ball is thrown against a wall and comes back over the floor."""
    _floor(stage, "noise", (0.3, 0.33, 0.3))
    wall = stage.surface("brick", (0.5, 0.2, 0.12), (0.75, 0.7, 0.65), 0.8)
    stage.plane(12, wall, at((2.2, 0, 4), turn("z", -np.pi / 2) @ turn("x", np.pi / 2)))
    stage.sun((0.6, 0.8, -1.2))
    stage.camera(point(-1.8, -6.3, 1.9), point(-0.2, 0, 1.0), 30, hand_held=0.05)
    flights = [
        flight(start, point(-3.6, 0.4 * i - 0.4, 1.2), point(speed, 0, up), 0.26, 0.68, wall_x=2.2)
        for i, (start, speed, up) in enumerate(((0.3, 6.5, 3.9), (2.5, 6.0, 4.6), (4.6, 7.5, 3.6)))
    ]
    for flown in flights:
        _thrown(stage, flown, 0.26, "checker", ((0.75, 0.8, 0.1), (0.4, 0.45, 0.05)))
    return apart([strike for flown in flights for strike in flown.strikes])


def boxes_tumble(stage: Stage) -> list[float]:
    """Wooden boxes drop one after the other and tumble over each other."""
    _floor(stage, "noise", (0.4, 0.4, 0.38))
    floor = stage.box((30, 30, 1), stage.surface("plain", GREY), at((0, 0, -0.501)))
    stage.sun((0.6, 0.5, -1.1), 3.2)
    stage.camera(point(1.2, -5.6, 2.3), point(0, 0, 0.7), 33)
    bodies = [Body(floor, 0)]
    # Two rows above the picture, far enough apart not to touch while they hang.
    for release, x, z in ((0.3, -1.0, 3.9), (1.7, 1.0, 3.9), (3.2, -0.8, 5.4), (4.8, 0.8, 5.4)):
        edges = stage.rng.uniform(0.5, 0.8, 3)
        tilt = turn("x", stage.rng.uniform(0.2, 0.7)) @ turn("y", stage.rng.uniform(-0.7, 0.7))
        wood = stage.surface("wood", OAK, DARK_OAK, 2)
        box = stage.box(edges, wood, at((x, 0, z), tilt))
        bodies.append(Body(box, 1, release, bounce=0.15, friction=0.5))
    return simulate(stage, bodies, 7.5, 0.8)


def dominoes(stage: Stage) -> list[float]:
    """Big dominoes topple in a row; the camera goes along."""
    _floor(stage, "wood", (0.45, 0.3, 0.18))
    floor = stage.box((40, 30, 1), stage.surface("plain", GREY), at((0, 0, -0.501)))
    stage.sun((0.4, 0.8, -1.0))
    bodies = [Body(floor, 0)]
    spacing = 0.85
    for number in range(9):
        colour = (RED, WHITE, BLUE, YELLOW)[number % 4]
        slab = stage.surface("plain", colour)
        tilt = 0.16 if number == 0 else 0.0
        # Tilted about its lower edge, so that it begins by falling and not by a jolt.
        centre = turn("y", tilt) @ point(-0.1, 0, 0.8) + point(0.1 + number * spacing, 0, 0.003)
        body = stage.box((0.2, 0.8, 1.6), slab, at(centre, turn("y", tilt)))
        bodies.append(Body(body, 1, 0.9 if number == 0 else 0.0, bounce=0.05, friction=0.7))

    def track(t: float) -> float:
        return 0.3 + 5.2 * smooth((t - 0.8) / 4.5)

    stage.camera(lambda t: point(track(t), -6.2, 2.0), lambda t: point(track(t) + 0.6, 0, 0.7), 32)
    return simulate(stage, bodies, 6.5, 0.45)


def die_is_cast(stage: Stage) -> list[float]:
    """Giant dice fall into a tray and bounce at shrinking intervals."""
    _floor(stage, "noise", (0.05, 0.3, 0.12))
    table = stage.box((30, 30, 1), stage.surface("plain", GREY), at((0, 0, -0.501)))
    stage.lamp((-2.5, -3, 5), 900)
    stage.sun((0.5, 0.5, -1), 1.0)
    stage.camera(point(0, -5.0, 3.2), point(0, 0, 0.4), 33)
    bodies = [Body(table, 0, bounce=0.7)]
    rim = stage.surface("wood", OAK, DARK_OAK, 2)
    for size, place in (((4.4, 0.15, 1), (0, 1.6)), ((0.15, 3, 1), (-2.2, 0.1)), ((0.15, 3, 1), (2.2, 0.1))):
        bodies.append(Body(stage.box(size, rim, at((*place, 0.5))), 0, bounce=0.5))
    for release, x, y in ((0.3, -1.1, 0.2), (2.4, 1.1, 0.3), (4.5, 0.0, 0.1)):
        spin = turn("x", stage.rng.uniform(0.3, 1.2)) @ turn("y", stage.rng.uniform(0.3, 1.2))
        die = stage.box((0.6, 0.6, 0.6), stage.surface("checker", RED, WHITE, 3.4), at((x, y, 3.4), spin))
        bodies.append(Body(die, 1, release, bounce=0.7, friction=0.4))
    return simulate(stage, bodies, 7.0, 0.8)


def bottles_shatter(stage: Stage) -> list[float]:
    """Bottles fall off a shelf and shatter."""
    _floor(stage, "checker", (0.5, 0.48, 0.45))
    wood = stage.surface("wood", OAK, DARK_OAK, 2)
    stage.box((4.2, 0.6, 0.1), wood, at((0, 0.5, 1.95)))
    stage.plane(
        14, stage.surface("noise", (0.6, 0.55, 0.45), (0.5, 0.45, 0.36), 2), at((0, 1, 3), turn("x", np.pi / 2))
    )
    stage.sun((0.3, 1.0, -1.2))
    stage.camera(point(0.2, -4.3, 1.5), point(0, 0.2, 1.15), 31)
    strikes = []
    for x, tips in ((-1.1, 0.7), (0.2, 2.8), (1.3, 5.0)):
        strikes.append(_bottle(stage, x, tips))
    return strikes


def _bottle(stage: Stage, x: float, tips_s: float) -> float:
    """A bottle that tips over the shelf's edge at `tips_s`; when it breaks."""
    glass = stage.surface("noise", (0.03, 0.35, 0.1), (0.1, 0.5, 0.2), 6)
    falls_s, height = tips_s + 0.5, 1.75
    breaks_s = falls_s + float(np.sqrt(2 * height / G))
    gone = at((0, 0, -50))

    def bottle(t: float, offset: float) -> Array:
        if t >= breaks_s:
            return gone
        tilt = 1.2 * smooth((t - tips_s) / 0.5) + 1.6 * max(t - falls_s, 0.0)
        forward = 0.35 * smooth((t - tips_s) / 0.5) + 0.5 * max(t - falls_s, 0.0)
        rotation = turn("x", tilt)
        centre = point(x, 0.35 - forward, 2.28 - 0.28 * smooth((t - tips_s) / 0.5))
        return at(centre - point(0, 0, G / 2 * max(t - falls_s, 0.0) ** 2) + rotation @ point(0, 0, offset), rotation)

    stage.rod(0.17, 0.45, glass, lambda t: bottle(t, -0.05))
    stage.rod(0.17, 0.12, glass, lambda t: bottle(t, 0.235), top=0.06)
    stage.rod(0.06, 0.2, glass, lambda t: bottle(t, 0.39))
    ground = point(x, 0.0 - 0.5 * (breaks_s - falls_s), 0.05)
    for _ in range(14):
        angle, pace, spin = stage.rng.uniform(0, 2 * np.pi), stage.rng.uniform(0.8, 3.2), stage.rng.uniform(-12, 12)
        edges = stage.rng.uniform(0.08, 0.22, 3) * (1, 1, 0.3)

        def shard(t: float, angle: float = angle, pace: float = pace, spin: float = spin) -> Array:
            since = t - breaks_s
            if since < 0:
                return gone
            # Shards slide along the floor and come to rest.
            way = pace * 0.3 * (1 - np.exp(-since / 0.3))
            return at(ground + point(np.cos(angle) * way, np.sin(angle) * way, -0.02), turn("z", spin * way))

        stage.box(edges, glass, shard)
    return breaks_s


def croquet(stage: Stage) -> list[float]:
    """Balls roll over a lawn into each other, seen from above, in an old film."""
    _floor(stage, "noise", (0.1, 0.4, 0.08))
    stage.sun((0.7, 0.3, -1))
    stage.camera(point(0, -4.2, 4.6), point(0, 0.1, 0), 33)
    where = np.array([[-2.6, -0.3], [-0.2, -0.2], [1.3, 0.05], [2.2, -1.0], [0.4, 1.1]])
    launches = [
        (0.8, 0, np.array([3.2, 0.12])),
        (3.2, 3, np.array([-2.6, 1.0])),
        (5.2, 4, np.array([-1.2, -2.0])),
    ]
    motions, strikes = collisions(where, np.zeros((5, 2)), launches, 0.24, 7.5)
    for motion, colour in zip(motions, (RED, BLUE, YELLOW, WHITE, (0.02, 0.02, 0.02)), strict=True):
        _croquet_ball(stage, motion, colour)
    for time_s, ball, speed in launches:
        _mallet(stage, time_s, motions[ball](time_s), speed)
    return strikes


def _croquet_ball(stage: Stage, motion: Motion, colour: Colour) -> None:
    stage.ball(0.24, stage.surface("plain", colour), lambda t: at(motion(t)))


def _mallet(stage: Stage, time_s: float, home: Array, speed: Array) -> None:
    """A mallet that comes from outside the picture, strikes the ball at `home`, and goes."""
    wood = stage.surface("wood", (0.75, 0.6, 0.4), OAK, 3)
    heading = turn("z", float(np.arctan2(speed[1], speed[0])))

    def mallet(t: float, lift: float) -> Array:
        since = t - time_s
        swing = -0.9 * np.sin(min(-since / 0.6, 1) * np.pi / 2) if since < 0 else 0.25 * smooth(since / 0.3)
        away = 6 * smooth((abs(since) - 0.6) / 0.6)
        pivot = home + heading @ point(-0.24 - 0.3 - away, 0, 1.6)
        rotation = heading @ turn("y", -swing)
        return at(pivot + rotation @ point(0, 0, -1.6 + lift), rotation)

    stage.box((0.6, 0.22, 0.22), wood, lambda t: mallet(t, 0.0))
    stage.rod(0.04, 1.6, wood, lambda t: mallet(t, 0.8))


FILMS = [
    Film("ball-bounces", "three balls dropped one after the other", Fraction(25), 7, ball_bounces),
    Film("balls-of-three-sizes", "three balls, hand-held camera", Fraction(24), 7, balls_of_three_sizes),
    Film("ball-against-wall", "balls thrown against a wall", Fraction(25), 7, ball_against_wall),
    Film("boxes-tumble", "wooden boxes dropped and tumbling", Fraction(25), 7, boxes_tumble),
    Film("dominoes", "big dominoes topple, camera moves along", Fraction(24), 6, dominoes),
    Film("dice", "giant dice bounce in a tray", Fraction(30), 7, die_is_cast),
    Film("bottles-shatter", "bottles fall off a shelf", Fraction(25), 7, bottles_shatter),
    Film("croquet", "balls struck and colliding, archive film", Fraction(18), 7, croquet, archive=True),
]
