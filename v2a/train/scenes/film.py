"""Shots cut together and photographed: camera, frame rate, shutter and the marks of an old print."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from v2a.train.scenes.canvas import Canvas, Track, texture
from v2a.train.scenes.impacts import IMPACTS
from v2a.train.scenes.ongoing import CONTINUOUS, SILENT

DURATION_S = 8
TOKEN_RATE_HZ = 25
SIZE = 32  # pixels, both ways: what the pocket model reads
_RENDER = 56  # rows rendered before scaling down


@dataclass(frozen=True)
class Heard:
    """A motion and the stretch of the film in which it is seen; times in seconds."""

    motion: str
    start_s: float
    end_s: float
    events: tuple[tuple[float, float], ...]  # (time, strength); empty for continuous motions


@dataclass(frozen=True)
class Scene:
    """A rendered film: frames (200, 32, 32) uint8, one a 40 ms token, and what in it is heard."""

    frames: npt.NDArray[np.uint8]
    heard: tuple[Heard, ...]


def render_scene(rng: np.random.Generator) -> Scene:
    """A film of 8 s with one to three shots."""
    rate = float(rng.choice([8, 10, 12, 12.5, 15, 16, 18, 20, 24, 25, 30, 50]))
    n_frames = int(DURATION_S * rate) + 1
    t = (np.arange(n_frames) / rate).astype(np.float32)
    n_cuts = int(rng.choice([0, 1, 2], p=[0.65, 0.25, 0.1]))
    cuts = sorted(rng.uniform(1.0, DURATION_S - 1.0, n_cuts))
    edges = [0.0, *cuts, float(DURATION_S)]
    width = int(_RENDER * rng.choice([1.0, 4 / 3, 16 / 9]))
    parts, heard = [], []
    for start, end in pairwise(edges):
        inside = t[(t >= start) & (t < end)]
        if not len(inside):
            continue
        image, sounds = _shot(rng, inside - np.float32(start), width, end - start)
        parts.append(image)
        heard += [
            Heard(name, start, end, tuple((start + time, strength) for time, strength in events))
            for name, events in sounds
        ]
    film = _print(rng, np.concatenate(parts))
    shown = np.clip(
        ((np.arange(DURATION_S * TOKEN_RATE_HZ) + 0.5) / TOKEN_RATE_HZ * rate).astype(int), 0, len(film) - 1
    )
    return Scene(_scale(film)[shown], tuple(heard))


def _shot(
    rng: np.random.Generator, t: Track, width: int, duration: float
) -> tuple[npt.NDArray[np.float32], list[tuple[str, list[tuple[float, float]]]]]:
    """One shot (T, H, W) and its motions with their events in shot time."""
    roughness, contrast = rng.uniform(0, 1), rng.uniform(0.0, 0.12)
    wide = texture(rng, _RENDER + 16, width + 16, roughness) * contrast + rng.uniform(0.15, 0.8)
    slope = np.linspace(-0.5, 0.5, _RENDER + 16)[:, None] * rng.uniform(-0.4, 0.4)
    background = np.clip(wide + slope, 0.02, 0.98).astype(np.float32)[8 : 8 + _RENDER, 8 : 8 + width]
    canvas = Canvas(background, len(t))
    kind = rng.choice(
        ["impact", "impact+", "continuous", "both", "silent", "empty"], p=[0.5, 0.1, 0.15, 0.1, 0.1, 0.05]
    )
    names: list[str] = []
    if rng.random() < 0.25 or kind == "silent":
        names.append(str(rng.choice(list(SILENT))))
    if kind in ("continuous", "both"):
        names.append(str(rng.choice(list(CONTINUOUS))))
    if kind in ("impact", "impact+", "both"):
        names.append(str(rng.choice(list(IMPACTS))))
    if kind == "impact+":
        names.append(str(rng.choice(list(IMPACTS))))
    sounds = []
    for name in names:
        motion = IMPACTS.get(name) or CONTINUOUS.get(name) or SILENT[name]
        events = [(time, strength) for time, strength in motion(rng, canvas, t) if 0.0 <= time < duration - 0.02]
        if name not in SILENT:
            sounds.append((name, events))
    image = canvas.image
    if rng.random() < 0.15:
        image = _camera(rng, image, t)
    return image, sounds


def _camera(rng: np.random.Generator, image: npt.NDArray[np.float32], t: Track) -> npt.NDArray[np.float32]:
    """A pan, or a hand-held camera, by whole pixels; edges repeat."""
    _, height, width = image.shape
    if rng.random() < 0.5:
        dx, dy = rng.uniform(-3, 3) * t, rng.uniform(-1, 1) * t
    else:
        knots = np.arange(0, t[-1] + 1.0, 0.4)
        dx, dy = (np.interp(t, knots, rng.normal(0, 1.5, len(knots))) for _ in range(2))
    rows = np.clip(np.arange(height)[None] + np.round(dy).astype(int)[:, None], 0, height - 1)
    columns = np.clip(np.arange(width)[None] + np.round(dx).astype(int)[:, None], 0, width - 1)
    return np.asarray(image[np.arange(len(t))[:, None, None], rows[:, :, None], columns[:, None, :]], np.float32)


def _print(rng: np.random.Generator, film: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Shutter blur, then (often) an old print: flicker, weave, grain, scratches, dust, vignette, fades.

    Amounts are those of a print after scaling down to so few rows: grain averages out, weave is below a pixel.
    """
    n, height, width = film.shape
    if rng.random() < 0.2:  # the shutter was open for half of the last frame
        film = np.concatenate([film[:1], np.float32(0.5) * (film[1:] + film[:-1])]).astype(np.float32)
    film = (film - 0.5) * rng.uniform(0.6, 1.2) + 0.5 + rng.uniform(-0.15, 0.15)
    if rng.random() < 0.5:
        film = film * (1 + rng.normal(0, rng.uniform(0, 0.04), (n, 1, 1)))
        film = _weave(film, rng.normal(0, rng.uniform(0, 0.3), (2, n)))
        for _ in range(int(rng.integers(0, 3))):  # scratches stay for a while
            column, first = int(rng.integers(width)), int(rng.integers(n))
            film[first : first + int(rng.integers(1, n)), :, column] += rng.choice([-0.15, 0.15])
        for index in np.flatnonzero(rng.random(n) < rng.uniform(0, 0.15)):  # dust lasts one frame
            film[index, rng.integers(height), rng.integers(width)] = rng.choice([0.0, 1.0])
        yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        film = film * (1 - rng.uniform(0, 0.4) * (xx**2 + yy**2) / 2)
    if rng.random() < 0.08:
        fade = np.clip(np.arange(n) / (n * rng.uniform(0.05, 0.2)), 0, 1)
        film = film * (fade if rng.random() < 0.5 else fade[::-1])[:, None, None]
    if rng.random() < 0.1:  # doubled frames
        held = np.arange(n)
        held[1:][rng.random(n - 1) < 0.1] -= 1
        film = film[held]
    grain = rng.uniform(0, 0.03)
    return np.clip(film + grain * rng.standard_normal(film.shape), 0, 1).astype(np.float32)


def _weave(film: npt.NDArray[np.floating], shift: npt.NDArray[np.float64]) -> npt.NDArray[np.floating]:
    """Shift each frame by a fraction of a pixel, down and right."""
    for axis, amounts in ((1, shift[0]), (2, shift[1])):
        part = np.abs(np.clip(amounts, -1, 1))[:, None, None]
        moved = np.where(amounts[:, None, None] > 0, np.roll(film, 1, axis), np.roll(film, -1, axis))
        film = film + part * (moved - film)
    return film


def _scale(film: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """(T, H, W) 0 … 1 → (T, 32, 32) uint8 by area, as the film reader scales."""
    film = _area(film, 1)
    return np.round(_area(film, 2) * 255).astype(np.uint8)


def _area(film: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Average one axis down to SIZE cells; cells may share a pixel."""
    length = film.shape[axis]
    edges = np.linspace(0, length, SIZE + 1)
    weights = np.zeros((length, SIZE), np.float32)
    for cell in range(SIZE):
        covered = np.minimum(np.arange(length) + 1, edges[cell + 1]) - np.maximum(np.arange(length), edges[cell])
        weights[:, cell] = np.clip(covered, 0, None) / (edges[cell + 1] - edges[cell])
    return np.moveaxis(np.tensordot(film, weights, ([axis], [0])), -1, axis).astype(np.float32)
