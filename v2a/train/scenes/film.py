"""Shots cut together and photographed: frame rate, shutter, cuts and dissolves."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from v2a.train.scenes.print import printed
from v2a.train.scenes.shot import Sounds, shoot

DURATION_S = 8
TOKEN_RATE_HZ = 25
SIZE = 64  # pixels, both ways: what the eyes of pocket look at
_APART_S = 0.12
_SOFTEST = 0.12

_RATES = {
    24: 0.24, 25: 0.2, 30: 0.17, 8: 0.02, 10: 0.03, 12: 0.05, 12.5: 0.04, 15: 0.05, 16: 0.04, 18: 0.04, 20: 0.04,
    50: 0.04, 60: 0.04,
}  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """A motion and the stretch of the film in which it is seen; times in seconds."""

    motion: str
    start_s: float
    end_s: float
    events: tuple[tuple[float, float], ...]  # (time, strength); empty for continuous motions


@dataclass(frozen=True)
class Scene:
    """A rendered film: frames (200, H, W) uint8, one a 40 ms token, and what in it is heard."""

    frames: npt.NDArray[np.uint8]
    heard: tuple[Heard, ...]


def render_scene(rng: np.random.Generator, size: int = SIZE) -> Scene:
    """A film of 8 s with one to four shots, `size` pixels high and wide."""
    rate = float(rng.choice(list(_RATES), p=np.array(list(_RATES.values())) / sum(_RATES.values())))
    # Only the frames that a token shows are rendered.
    index = ((np.arange(DURATION_S * TOKEN_RATE_HZ) + 0.5) / TOKEN_RATE_HZ * rate).astype(int)
    if rng.random() < 0.1:  # frames lost, the one before held
        lost = rng.random(index.max() + 1) < rng.uniform(0.02, 0.12)
        held = np.maximum.accumulate(np.where(lost, 0, np.arange(len(lost))))
        index = held[index]
    index, shown = np.unique(index, return_inverse=True)
    t = (index / rate).astype(np.float32)
    # A shutter that stays open for a part of the frame, at slow rates or by choice, as a mean of two or three.
    n_open = int(rng.choice([1, 2, 3], p=[0.75, 0.15, 0.1]))
    open_s = rng.uniform(0.3, 0.8) / rate * np.arange(n_open) / max(n_open, 1)
    exposures = (t[:, None] + open_s[None]).astype(np.float32).ravel()
    n_cuts = int(rng.choice([0, 1, 2, 3], p=[0.58, 0.25, 0.12, 0.05]))
    cuts = sorted(rng.uniform(0.8, DURATION_S - 0.8, n_cuts))
    aspect = float(rng.choice([1.0, 4 / 3, 16 / 9, 2.2], p=[0.1, 0.3, 0.55, 0.05]))
    film = np.zeros((len(exposures), size, size), np.float32)
    heard: list[Heard] = []
    for start, end in pairwise([0.0, *cuts, float(DURATION_S)]):
        dissolve = rng.uniform(0.1, 1.0) if start and rng.random() < 0.2 else 0.0
        first = int(np.searchsorted(exposures, start))
        inside = exposures[first:] - np.float32(start)
        inside = inside[inside < end - start + 1.0]  # a little longer, should the next shot dissolve in
        if len(inside) < 2:
            continue
        image, sounds = shoot(rng, inside, size, aspect)
        if dissolve:
            weight = np.clip(inside / dissolve, 0, 1)[:, None, None]
            image = film[first : first + len(inside)] * (1 - weight) + image * weight
        film[first : first + len(inside)] = image
        heard += _within(sounds, start, end)
    if n_open > 1:
        film = film.reshape(len(t), n_open, size, size).mean(1, dtype=np.float32)
    film = printed(rng, film)
    return Scene(np.round(film * 255).astype(np.uint8)[shown], tuple(heard))


def _within(sounds: Sounds, start: float, end: float) -> list[Heard]:
    """A shot's sounds in film time, without what would happen after its end."""
    heard = []
    for name, events in sounds:
        inside = [
            (float(start + time), float(min(strength, 1.0)))
            for time, strength in events
            if 0 <= time < end - start - 0.02
        ]
        if kept := told_apart(inside):
            heard.append(Heard(name, start, end, kept))
        elif not events:
            heard.append(Heard(name, start, end, ()))
    return heard


def told_apart(events: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The events (time, strength) that are heard each by itself, in order.

    What rattles or settles touches dozens of times a second. A contact near a harder one is a part of its sound: ears
    tell apart what lies about a tenth of a second apart (Fastl & Zwicker 2007, ch. 4), and the model little less.
    """
    kept: list[tuple[float, float]] = []
    for time, strength in sorted(events, key=lambda event: -event[1]):
        if strength >= _SOFTEST and all(abs(time - other) >= _APART_S for other, _ in kept):
            kept.append((time, strength))
    return tuple(sorted(kept))
