"""How stiff bodies move: balls that bounce and roll, boxes that tumble and settle.

World units and seconds; gravity is in units / s². What strikes is given as (time, speed of approach), speed in
units / s.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2a.train.scenes.canvas import Track
from v2a.train.scenes.world import Path, Turn

Hits = list[tuple[float, float]]
_STEP_S = 1 / 360
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)


@dataclass(frozen=True)
class Fall:
    """A body's way through time: where it is, how it is turned, and what it strikes when."""

    position: Path
    turn: Turn
    hits: Hits


def tumble(
    t: Track,
    start_s: float,
    position: npt.ArrayLike,
    velocity: npt.ArrayLike,
    half: npt.ArrayLike,
    gravity: float,
    rng: np.random.Generator,
    restitution: float = 0.3,
    friction: float = 0.5,
    spin: float = 3.0,
    wall_z: float | None = None,
    turn: npt.NDArray[np.float64] | None = None,
) -> Fall:
    """A box let go at start_s that falls on the ground y = 0, lands on a corner, rocks and comes to rest.

    Before start_s it stays where it is. With `wall_z`, it also strikes a wall that faces +z there.
    """
    x, v, h = (np.array(value, np.float64) for value in (position, velocity, half))
    axes = _random_turn(rng) if turn is None else turn.copy()
    w = rng.normal(0, spin, 3)
    inertia = np.array([h[1] ** 2 + h[2] ** 2, h[0] ** 2 + h[2] ** 2, h[0] ** 2 + h[1] ** 2]) / 3
    planes = [(1, 0.0)] + ([(2, wall_z)] if wall_z is not None else [])
    quietest = max(0.12 * np.sqrt(gravity * h.max()), 2.5 * gravity * _STEP_S)
    n_steps = max(int((float(t[-1]) - start_s) / _STEP_S), 1)
    positions, turns, hits = [x.copy()], [axes.copy()], []
    calm = 0
    for step in range(n_steps):
        v[1] -= gravity * _STEP_S
        x += v * _STEP_S
        axes = _advance(axes, w)
        for axis, level in planes:
            arms = (_CORNERS * h) @ axes.T
            below = x[axis] + arms[:, axis] - level
            deepest = float(below.min())
            if deepest >= 0:
                continue
            x[axis] -= deepest
            touching = below < deepest + 0.02 * h.min()
            arm = arms[touching].mean(0)  # an edge or a face is struck in its middle
            at_contact = v + _cross(w, arm)
            approach = -at_contact[axis]
            if approach <= 0:
                continue
            loud = approach > quietest
            v, w = _push(v, w, arm, axes, inertia, axis, approach * (1 + (restitution if loud else 0)), friction)
            if loud:
                hits.append((start_s + (step + 1) * _STEP_S, float(approach)))
            elif axis == 1:
                v *= 0.97
                w *= 0.9
        positions.append(x.copy())
        turns.append(axes.copy())
        calm = calm + 1 if (v @ v + (w * h.max()) @ (w * h.max())) < 0.02 * gravity * h.max() else 0
        if calm > 25:
            break
    index = np.clip(np.round((t - start_s) / _STEP_S).astype(int), 0, len(positions) - 1)
    return Fall(np.array(positions, np.float32)[index], np.array(turns, np.float32)[index], _apart(hits))


def _push(
    v: npt.NDArray[np.float64], w: npt.NDArray[np.float64], arm: npt.NDArray[np.float64],
    axes: npt.NDArray[np.float64], inertia: npt.NDArray[np.float64], axis: int, change: float, friction: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:  # fmt: skip
    """The velocities after a plane has pushed at `arm`, so that the speed there along its normal grows by `change`."""
    normal = np.zeros(3)
    normal[axis] = 1.0
    spun = axes @ ((axes.T @ _cross(arm, normal)) / inertia)
    impulse = change / (1 + _cross(spun, arm)[axis])
    slip = v + _cross(w, arm)
    slip[axis] = 0
    speed = float(np.sqrt(slip @ slip))
    push = impulse * normal
    if speed > 1e-6:
        along = slip / speed
        give = 1 + _cross(axes @ ((axes.T @ _cross(arm, along)) / inertia), arm) @ along
        push = push - along * min(friction * impulse, speed / give)
    return v + push, w + axes @ ((axes.T @ _cross(arm, push)) / inertia)


def _cross(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A cross product of two vectors (3,); `np.cross` takes ten times as long."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _advance(axes: npt.NDArray[np.float64], w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The axes after one step of turning with angular velocity w, kept square."""
    x, y, z = w * _STEP_S
    axes = axes + np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ axes
    first = axes[:, 0] / np.sqrt(axes[:, 0] @ axes[:, 0])
    second = axes[:, 1] - first * (first @ axes[:, 1])
    second /= np.sqrt(second @ second)
    return np.stack([first, second, _cross(first, second)], 1)


def _random_turn(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    q, _ = np.linalg.qr(rng.normal(0, 1, (3, 3)))
    return np.asarray(q * np.sign(np.linalg.det(q)), np.float64)


def _apart(hits: Hits) -> Hits:
    """Contacts within 50 ms are one, as hard as the hardest."""
    merged: Hits = []
    for time, speed in hits:
        if merged and time - merged[-1][0] < 0.05:
            merged[-1] = (merged[-1][0], max(speed, merged[-1][1]))
        else:
            merged.append((time, speed))
    return merged


def ricochet(
    t: Track,
    start_s: float,
    position: npt.ArrayLike,
    velocity: npt.ArrayLike,
    radius: float,
    gravity: float,
    restitution: float,
    planes: tuple[tuple[int, float, int], ...] = ((1, 0.0, 1),),
) -> tuple[Path, Hits]:
    """A ball thrown at start_s between planes, each (axis, level, side it is on: 1 above, −1 below); then it rolls."""
    x, v = (list(np.asarray(value, float)) for value in (position, velocity))
    n_steps = max(int((float(t[-1]) - start_s) / _STEP_S), 1)
    positions, hits = [tuple(x)], []
    quietest = max(0.1 * np.sqrt(gravity * radius), 2.5 * gravity * _STEP_S)
    for step in range(n_steps):
        v[1] -= gravity * _STEP_S
        for axis in range(3):
            x[axis] += v[axis] * _STEP_S
        for axis, level, side in planes:
            below = radius - side * (x[axis] - level)
            if below < 0 or side * v[axis] >= 0:
                continue
            approach = -side * v[axis]
            x[axis] += side * below
            if approach > quietest:
                hits.append((start_s + (step + 1) * _STEP_S - min(below / approach, _STEP_S), approach))
                v = [speed * 0.97 for speed in v]
                v[axis] = side * approach * restitution
            else:
                v[axis] = 0.0
                v = [speed * (1 - 0.5 * _STEP_S) for speed in v]
        positions.append(tuple(x))
    index = np.clip(np.round((t - start_s) / _STEP_S).astype(int), 0, len(positions) - 1)
    return np.array(positions, np.float32)[index], _apart(hits)


def table(
    t: Track, places: npt.ArrayLike, velocities: npt.ArrayLike, radius: float, drag: float, edge: float
) -> tuple[list[npt.NDArray[np.float32]], Hits]:
    """Balls that roll on a table and strike each other and its edges at ± edge; N ways (T, 2), and the hits."""
    x, v = np.array(places, np.float64), np.array(velocities, np.float64)
    n, step_s = len(x), 1 / 250
    ways, hits = [x.copy()], []
    for step in range(int(float(t[-1]) / step_s) + 1):
        x += v * step_s
        v *= 1 - drag * step_s
        over = (np.abs(x) > edge - radius) & (x * v > 0)
        if over.any():
            hits.append((step * step_s, float(np.abs(v[over]).max())))
            v[over] *= -0.8
        for i in range(n):
            for j in range(i):
                gap = x[i] - x[j]
                away = float(gap @ gap)
                if away > 4 * radius**2:
                    continue
                normal = gap / max(np.sqrt(away), 1e-6)
                approach = float((v[j] - v[i]) @ normal)
                if approach > 0:
                    v[i] += 0.97 * approach * normal
                    v[j] -= 0.97 * approach * normal
                    hits.append((step * step_s, approach))
        ways.append(x.copy())
    index = np.clip(np.round(t / step_s).astype(int), 0, len(ways) - 1)
    every = np.array(ways, np.float32)[index]
    return [every[:, k] for k in range(n)], _apart([hit for hit in hits if hit[1] > 0.05])
