"""What a motion is, and what all motions share.

A motion is a function (rng, canvas, t) → list of (time, strength), where t (T,) are the frames' times in seconds
from the shot's start: it paints itself and returns the instants at which the picture would be heard. Continuous
motions return no events but are heard as long as they are seen; silent motions are not heard at all.
"""

from collections.abc import Callable

import numpy as np

from v2a.train.scenes.canvas import Canvas, Track

Events = list[tuple[float, float]]
Motion = Callable[[np.random.Generator, Canvas, Track], Events]


def shades(rng: np.random.Generator, canvas: Canvas) -> tuple[float, float]:
    """A shade that stands out from the picture so far, and a second one near it."""
    mean = float(canvas.image[0].mean())
    away = rng.uniform(0.18, 0.7) * (1 if rng.random() < (0.75 if mean < 0.5 else 0.25) else -1)
    shade = float(np.clip(mean + away, 0.02, 0.98))
    return shade, float(np.clip(shade + rng.uniform(-0.2, 0.2), 0.0, 1.0))


def width_of(canvas: Canvas) -> float:
    """The picture's width in its heights: the largest x."""
    return canvas.width


def event_times(rng: np.random.Generator, duration: float, shortest: float, longest: float) -> list[float]:
    """Event times: regular, irregular, in bursts, speeding up, or only one to three of them."""
    times, now = [], rng.uniform(0.1, 0.8)
    period = rng.uniform(shortest, longest)
    kind = rng.choice(["regular", "irregular", "bursts", "drifting", "few"], p=[0.25, 0.25, 0.2, 0.1, 0.2])
    if kind == "few":
        n_events = int(rng.integers(1, 4))
        chosen = np.sort(rng.uniform(0.1, max(duration - 0.1, 0.2), n_events))
        return [float(time) for k, time in enumerate(chosen) if k == 0 or time - chosen[k - 1] > shortest]
    if rng.random() < 0.2:  # stillness before the first
        now += rng.uniform(0, 0.5) * duration
    drift = rng.uniform(0.9, 1.12)
    while now < duration - 0.02:
        times.append(float(now))
        if kind == "regular":
            step = period * rng.normal(1.0, 0.03)
        elif kind == "irregular":
            step = rng.uniform(shortest, longest)
        elif kind == "drifting":
            period = float(np.clip(period * drift, shortest, longest))
            step = period
        else:
            step = shortest * rng.uniform(1.0, 1.4) if rng.random() < 0.7 else longest * rng.uniform(1.0, 2.2)
        now += max(step, 0.1)
    return times


def around_events(t: Track, times: list[float], default: float = 10.0) -> tuple[Track, Track]:
    """For each frame, the time since the last event and until the next one."""
    edges = np.array([-default, *times, t[-1] + default], np.float32) if len(t) else np.zeros(2, np.float32)
    after = np.clip(np.searchsorted(edges, t, side="right"), 1, len(edges) - 1)
    return t - edges[after - 1], edges[after] - t


def smooth_walk(rng: np.random.Generator, t: Track, step_s: float, size: float) -> Track:
    """A smooth random track (T,) about 0 that turns about every step_s."""
    knots = np.arange(-1, t[-1] / step_s + 3)
    values = rng.normal(0, size, len(knots))
    at = t / step_s + 1
    index = np.clip(at.astype(int), 0, len(knots) - 2)
    part = at - index
    part = part * part * (3 - 2 * part)
    return np.asarray(values[index] * (1 - part) + values[index + 1] * part, np.float32)


def eased(t: Track, start: float, end: float) -> Track:
    """0 before start, 1 after end, and between them a move that starts and stops softly."""
    part = np.clip((t - start) / max(end - start, 1e-3), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)
