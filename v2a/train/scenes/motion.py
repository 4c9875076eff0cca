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
    away = rng.uniform(0.25, 0.7) * (1 if rng.random() < (0.75 if mean < 0.5 else 0.25) else -1)
    shade = float(np.clip(mean + away, 0.02, 0.98))
    return shade, float(np.clip(shade + rng.uniform(-0.2, 0.2), 0.0, 1.0))


def width_of(canvas: Canvas) -> float:
    """The picture's width in its heights: the largest x."""
    return float(canvas.image.shape[2] / canvas.image.shape[1])


def event_times(rng: np.random.Generator, duration: float, shortest: float, longest: float) -> list[float]:
    """Event times: regular, irregular, or in bursts."""
    times, now = [], rng.uniform(0.1, 0.8)
    period = rng.uniform(shortest, longest)
    kind = rng.integers(3)
    while now < duration - 0.02:
        times.append(float(now))
        if kind == 0:
            step = period * rng.normal(1.0, 0.03)
        elif kind == 1:
            step = rng.uniform(shortest, longest)
        else:
            step = shortest * rng.uniform(1.0, 1.4) if rng.random() < 0.7 else longest * rng.uniform(1.0, 1.8)
        now += max(step, 0.1)
    return times


def around_events(t: Track, times: list[float], default: float = 10.0) -> tuple[Track, Track]:
    """For each frame, the time since the last event and until the next one."""
    edges = np.array([-default, *times, t[-1] + default], np.float32) if len(t) else np.zeros(2, np.float32)
    after = np.clip(np.searchsorted(edges, t, side="right"), 1, len(edges) - 1)
    return t - edges[after - 1], edges[after] - t
