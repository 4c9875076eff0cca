"""Motions whose strikes are known: blows, flights of balls between floor and wall, balls rolling into each other."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from benchmarks.films.geometry import Array, Motion, point, smooth

G = 9.81


def raised(
    t: float, blows: Sequence[float], fall_s: float, rise_s: float, springs: bool = False, rest: float = 0.35
) -> float:
    """How far a tool is lifted, 0 at each blow and 1 when drawn fully back.

    It falls ever faster in the last `fall_s` before a blow and is lifted within `rise_s` after it; one that `springs`
    leaves at once, as a stick off a drum, others stay a moment. Before the first and
    after the last blow it is at `rest`.
    """
    number = bisect_right(blows, t)
    drawn = 1.0 if number < len(blows) else rest
    if number == 0:
        lifted = rest + (1 - rest) * smooth((t - (blows[0] - fall_s - rise_s)) / rise_s)
    else:
        u = min((t - blows[number - 1]) / rise_s, 1.0)
        lifted = drawn * (1 - (1 - u) ** 2 if springs else smooth(u))
    if number == len(blows):
        return lifted
    fallen = 1 - min(max((t - blows[number] + fall_s) / fall_s, 0.0), 1.0) ** 2
    return min(lifted, fallen)


@dataclass(frozen=True)
class Flight:
    """A ball's flight: pieces of parabolas, and the times at which it struck floor or wall."""

    starts: list[tuple[float, Array, Array]]
    strikes: list[float]

    def position(self, t: float) -> Array:
        """Where its centre is; before the first piece it waits there."""
        start, where, speed = self.starts[max(bisect_right([s for s, _, _ in self.starts], t) - 1, 0)]
        since = max(t - start, 0.0)
        falling = speed[2] != 0 or where[2] > self.starts[-1][1][2] + 1e-6
        moved: Array = where + speed * since - (point(0, 0, G / 2 * since**2) if falling else 0.0)
        return moved


def flight(
    start_s: float, where: Array, speed: Array, radius: float, bounce: float = 0.75, wall_x: float = np.inf
) -> Flight:
    """Throw a ball at `start_s`; it strikes the floor z = 0 and the wall x = `wall_x` until it bounces no more."""
    starts, strikes, now = [(start_s, where, speed)], [], start_s
    while True:
        drop = where[2] - radius
        to_floor = (speed[2] + np.sqrt(speed[2] ** 2 + 2 * G * drop)) / G
        to_wall = (wall_x - radius - where[0]) / speed[0] if speed[0] > 0 else np.inf
        since = min(to_floor, to_wall)
        now += since
        where = where + speed * since - point(0, 0, G / 2 * since**2)
        speed = speed - point(0, 0, G * since)
        strikes.append(now)
        if to_wall < to_floor:
            speed = speed * point(-0.4, 1, 1)
        else:
            where[2] = radius
            speed = speed * point(0.9, 0.9, -bounce)
            if speed[2] < 0.9:
                # Lower bounces follow each other too fast, and too small to be seen: it rolls on.
                starts.append((now, where, speed * point(1, 1, 0)))
                return Flight(starts, strikes)
        starts.append((now, where, speed))


def collisions(
    where: Array, speed: Array, launches: Sequence[tuple[float, int, Array]], radius: float, duration_s: float
) -> tuple[list[Motion], list[float]]:
    """Balls rolling on a lawn, in steps of 1 ms; `launches` are blows (time, ball, speed), which strike as well.

    Gives each ball's motion (a point) and all strikes. `where` and `speed` are n × 2.
    """
    step_s, slowing = 0.001, 0.5
    path, strikes, pending = [], [time_s for time_s, _, _ in launches], sorted(launches, key=lambda each: each[0])
    for number in range(int(duration_s / step_s) + 400):
        path.append(where.copy())
        if pending and number * step_s >= pending[0][0]:
            _, ball, gained = pending.pop(0)
            speed[ball] = gained
        for a, b in combinations(range(len(where)), 2):
            line = where[b] - where[a]
            along = line / np.linalg.norm(line)
            closing = float((speed[a] - speed[b]) @ along)
            if np.linalg.norm(line) < 2 * radius and closing > 0:
                speed[a] -= 0.95 * closing * along
                speed[b] += 0.95 * closing * along
                if closing > 0.15:
                    strikes.append(number * step_s)
        pace = np.linalg.norm(speed, axis=1, keepdims=True)
        speed = speed * np.maximum(1 - slowing * step_s / np.maximum(pace, 1e-9), 0)
        where = where + speed * step_s
    track = np.array(path)

    def motion(ball: int) -> Motion:
        return lambda t: point(*track[min(round(t / step_s), len(track) - 1), ball], radius)

    return [motion(ball) for ball in range(track.shape[1])], apart(strikes)


def apart(strikes: Sequence[float], gap_s: float = 0.06) -> list[float]:
    """The strikes in order, without those that follow another within `gap_s`: they sound as one."""
    kept: list[float] = []
    for strike in sorted(strikes):
        if not kept or strike - kept[-1] >= gap_s:
            kept.append(strike)
    return kept
