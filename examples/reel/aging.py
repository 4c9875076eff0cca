"""Eighty years in a tin: what the lens, the stock, the projector and the decades do to a frame."""

import math

import numpy as np

from examples.reel.drawing import HEIGHT, MARGIN, WIDTH, Plane

_SEED = 1931
_CONTRAST = 2.0


def develop(light: Plane, frame: int, seed: int = _SEED) -> Plane:
    """Linear light of a canvas → an 8-bit-scaled picture (HEIGHT, WIDTH), 0 … 255, of reel frame `frame`.

    Each frame's accidents follow from its number alone, so that a cut shows the very frames of the reel.
    """
    chance = np.random.default_rng([seed, frame])
    light = _through_gate(np.maximum(light, 0), *_weave(frame))
    light = light + 0.14 * _blur(np.clip(light - 0.55, 0, None), 7) + 0.03 * _blur(light, 17)
    tone = (1 - np.exp(-2.3 * light * _flicker(frame, chance))) ** (1 / 1.5)
    tone = 0.5 + np.tanh((tone - 0.5) * _CONTRAST) / (2 * math.tanh(0.5 * _CONTRAST))
    tone = 0.045 + 0.90 * tone * _vignette()
    tone = tone + _grain(chance) * (0.35 + 2.6 * tone * (1 - tone))
    tone = _wear(tone, frame, chance)
    return np.clip(tone * _gate(), 0, 1) * 255


def _weave(frame: int) -> tuple[float, float]:
    """The film's unsteadiness in the gate: a slow drift and a step from frame to frame, in pixels."""
    jitter = np.random.default_rng([_SEED, 7, frame]).normal(size=2)
    x = 0.9 * math.sin(frame * 0.23) + 0.5 * math.sin(frame * 0.071 + 1) + 0.35 * jitter[0]
    y = 0.7 * math.sin(frame * 0.19 + 2) + 0.45 * jitter[1]
    return float(np.clip(x, -3, 3)), float(np.clip(y, -3, 3))


def _through_gate(light: Plane, dx: float, dy: float) -> Plane:
    left, top = math.floor(dx), math.floor(dy)
    a, b = dx - left, dy - top
    window = light[MARGIN + top : MARGIN + top + HEIGHT + 1, MARGIN + left : MARGIN + left + WIDTH + 1]
    rows = window[:-1] * (1 - b) + window[1:] * b
    shifted: Plane = rows[:, :-1] * (1 - a) + rows[:, 1:] * a
    return shifted


def _blur(plane: Plane, radius: int) -> Plane:
    """Two passes of a moving mean, near enough to a bell."""
    for _ in range(2):
        for axis in (0, 1):
            padded = np.pad(plane, [(radius + 1, radius) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
            total = np.cumsum(padded, axis=axis, dtype=np.float64)
            n = plane.shape[axis]
            high, low = (np.take(total, np.arange(start, start + n), axis=axis) for start in (2 * radius + 1, 0))
            plane = ((high - low) / (2 * radius + 1)).astype(np.float32)
    return plane


def _flicker(frame: int, chance: np.random.Generator) -> float:
    """An uneven hand on the crank: exposure wanders by a few per cent."""
    return float(1 + 0.035 * math.sin(frame * 0.9) + 0.025 * math.sin(frame * 0.37 + 1) + 0.03 * chance.normal())


def _grain(chance: np.random.Generator) -> Plane:
    return _blur(chance.normal(size=(HEIGHT, WIDTH)).astype(np.float32), 1) * 0.085


def _vignette() -> Plane:
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    r2 = ((x - WIDTH / 2) / (WIDTH / 2)) ** 2 + ((y - HEIGHT / 2) / (HEIGHT / 2)) ** 2
    return (1 - 0.30 * np.clip(r2 / 2, 0, 1) ** 1.2).astype(np.float32)


def _gate() -> Plane:
    """The camera's aperture: a dark frame with round corners."""
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    dx = np.abs(x + 0.5 - WIDTH / 2) - (WIDTH / 2 - 18)
    dy = np.abs(y + 0.5 - HEIGHT / 2) - (HEIGHT / 2 - 18)
    distance = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - 14
    return np.clip(0.5 - distance / 3, 0, 1).astype(np.float32)


def _wear(tone: Plane, frame: int, chance: np.random.Generator) -> Plane:
    """Scratches that stay for a while, and specks that are gone with the frame."""
    x = np.arange(WIDTH)
    for scratch in range(40):
        fate = np.random.default_rng([_SEED, 11, scratch])
        first, last = (int(v) for v in np.cumsum(fate.integers([0, 8], [620, 50])))
        place, drift, depth = (
            fate.uniform(10, WIDTH - 10),
            fate.uniform(-0.5, 0.5),
            fate.choice([0.16, 0.12, -0.14]),
        )
        if first <= frame < last:
            at = place + drift * (frame - first) + 0.4 * math.sin(frame * 1.7 + scratch)
            fade = chance.uniform(0.3, 1)
            tone = tone + depth * fade * np.exp(-(((x - at) / 0.7) ** 2))
    y = np.arange(HEIGHT)[:, None]
    for _ in range(chance.poisson(0.9)):
        cx, cy = chance.uniform(0, WIDTH), chance.uniform(0, HEIGHT)
        rx, ry = chance.uniform(0.6, 2.2, 2)
        tone = tone + chance.choice([0.4, -0.35]) * np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)
    worn: Plane = tone.astype(np.float32)
    return worn
