"""Motions that go on: heard as long as they are seen."""

import numpy as np

from v2a.train.scenes.canvas import Canvas, Track
from v2a.train.scenes.motion import Events, Motion, shades, width_of


def turning_wheel(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A spoked wheel that turns steadily."""
    x, y, radius = rng.uniform(0.4, width_of(canvas) - 0.4), rng.uniform(0.4, 0.6), rng.uniform(0.2, 0.4)
    turns = rng.uniform(0.3, 2.0) * (1 if rng.random() < 0.5 else -1)
    shade, other = shades(rng, canvas)
    canvas.disc(x, y, radius, shade)
    canvas.disc(x, y, radius * 0.85, other)
    n_spokes = int(rng.integers(3, 9))
    for spoke in range(n_spokes):
        angle = 2 * np.pi * (turns * t + spoke / n_spokes)
        canvas.capsule(x, y, x + 0.9 * radius * np.cos(angle), y + 0.9 * radius * np.sin(angle), 0.02, shade)
    if rng.random() < 0.5:  # a rod on a crank
        crank_x, crank_y = (
            x + 0.6 * radius * np.cos(2 * np.pi * turns * t),
            y + 0.6 * radius * np.sin(2 * np.pi * turns * t),
        )
        canvas.capsule(crank_x, crank_y, crank_x + 0.6, y, 0.025, float(np.clip(shade + 0.2, 0, 1)))
    return []


def raining(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Streaks that fall all over the picture."""
    slant, speed, width = rng.uniform(-0.2, 0.2), rng.uniform(1.2, 3.0), width_of(canvas)
    for _ in range(int(rng.integers(10, 26))):
        x, start = rng.uniform(0, width), rng.uniform(0, 1)
        y = (start + speed * rng.uniform(0.8, 1.2) * t) % 1.3 - 0.15
        canvas.capsule(x + slant * y, y, x + slant * (y + 0.09), y + 0.09, 0.006, 0.8, opacity=0.6)
    return []


def waving_water(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A stream or sea: bands of light that run."""
    level, speed = rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.5)
    canvas.box(width_of(canvas) / 2, level + 0.5, 2.0, 0.5, rng.uniform(0.15, 0.45))
    for band in range(int(rng.integers(4, 9))):
        y = level + (band + 0.5) * (1 - level) / 8
        for _ in range(3):
            x = (rng.uniform(0, 2) + speed * t * rng.uniform(0.7, 1.3)) % (width_of(canvas) + 0.4) - 0.2
            shimmer = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(0.3, 1.5) * t + rng.uniform()))
            canvas.capsule(x, y, x + 0.15, y + 0.01 * shimmer, 0.012, 0.85, opacity=0.2 + 0.6 * shimmer)
    return []


def burning(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A fire: tongues that lick and flicker."""
    x, y, size = rng.uniform(0.3, width_of(canvas) - 0.3), rng.uniform(0.6, 0.85), rng.uniform(0.08, 0.2)
    for tongue in range(int(rng.integers(4, 9))):
        wander = np.interp(
            t, np.arange(0, t[-1] + 0.3, 0.11), rng.uniform(0.3, 1.0, len(np.arange(0, t[-1] + 0.3, 0.11)))
        )
        dx = (tongue - 3) * size * 0.3
        canvas.capsule(
            x + dx,
            y,
            x + dx * 0.5,
            y - 2.2 * size * wander,
            size * 0.3 * wander,
            0.6 + 0.06 * tongue,
            opacity=0.8,
        )
    return []


def passing(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """A vehicle that crosses the picture again and again."""
    speed, y = rng.uniform(0.2, 0.8) * (1 if rng.random() < 0.5 else -1), rng.uniform(0.5, 0.8)
    size, span = rng.uniform(0.08, 0.2), width_of(canvas) + 1.0
    x = (rng.uniform(0, span) + speed * t) % span - 0.5
    shade, other = shades(rng, canvas)
    canvas.box(x, y, size * 2, size * 0.7, shade)
    canvas.box(x, y - size * 0.8, size, size * 0.4, other)
    for sign in (-1, 1):
        canvas.disc(x + sign * size * 1.2, y + size * 0.7, size * 0.4, 0.1)
    return []


def swaying(rng: np.random.Generator, canvas: Canvas, t: Track) -> Events:
    """Trees or grass in the wind."""
    gust = 0.5 + 0.5 * np.sin(2 * np.pi * (rng.uniform(0.1, 0.4) * t + rng.uniform()))
    shade, _ = shades(rng, canvas)
    for _ in range(int(rng.integers(4, 12))):
        x, height = rng.uniform(0, width_of(canvas)), rng.uniform(0.15, 0.6)
        lean = 0.12 * height * np.sin(2 * np.pi * (rng.uniform(0.4, 1.2) * t + rng.uniform())) * (0.3 + gust)
        canvas.capsule(x, 1.0, x + lean, 1.0 - height, 0.015, shade)
        canvas.disc(x + lean, 1.0 - height, rng.uniform(0.02, 0.1), shade)
    return []


CONTINUOUS: dict[str, Motion] = {
    "wheel": turning_wheel,
    "rain": raining,
    "water": waving_water,
    "fire": burning,
    "vehicle": passing,
    "wind": swaying,
}
