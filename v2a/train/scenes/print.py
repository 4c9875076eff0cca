"""The film as it is handed on: contrast, the marks of an old print, bars, fades, compression."""

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn, idctn

Film = npt.NDArray[np.float32]  # (T, H, W), 0 black … 1 white


def printed(rng: np.random.Generator, film: Film) -> Film:
    """Tone, then (often) an old print: flicker, weave, grain, scratches, dust, vignette, fades; or compression.

    Amounts are those of a print after scaling down to so few rows: grain averages out, weave is below a pixel.
    """
    n, height, width = film.shape
    film = (film - 0.5) * np.float32(rng.uniform(0.6, 1.2)) + np.float32(0.5 + rng.uniform(-0.12, 0.12))
    if rng.random() < 0.4:
        film = np.clip(film, 0, 1) ** np.float32(np.exp(np.clip(rng.normal(0, 0.2), -0.5, 0.3)))
    if rng.random() < 0.25:  # out of focus
        film = _softened(film, np.float32(rng.uniform(0.2, 1.0)))
    if rng.random() < 0.4:
        film = _aged(rng, film)
    if rng.random() < 0.12:
        film = film * _exposure(rng, n)[:, None, None]
    if rng.random() < 0.08:
        fade = np.clip(np.arange(n) / (n * rng.uniform(0.05, 0.2)), 0, 1).astype(np.float32)
        film = film * (fade if rng.random() < 0.5 else fade[::-1])[:, None, None]
    film = film + np.float32(0.03 * rng.random() ** 2) * rng.standard_normal(film.shape, np.float32)
    if rng.random() < 0.15:
        bar = int(rng.integers(3, 12))
        if rng.random() < 0.6:
            film[:, :bar], film[:, height - bar :] = 0.0, 0.0
        else:
            film[:, :, :bar], film[:, :, width - bar :] = 0.0, 0.0
    if rng.random() < 0.25:
        film = _compressed(film, rng.uniform(0.01, 0.07))
    if rng.random() < 0.5:
        film = film[:, :, ::-1]
    return np.clip(film, 0, 1)


def _softened(film: Film, amount: np.float32) -> Film:
    for axis in (1, 2):
        film = film + amount * np.float32(0.25) * (np.roll(film, 1, axis) + np.roll(film, -1, axis) - 2 * film)
    return film


def _aged(rng: np.random.Generator, film: Film) -> Film:
    n, height, width = film.shape
    film = film * (1 + rng.normal(0, rng.uniform(0, 0.04), (n, 1, 1))).astype(np.float32)
    if rng.random() < 0.6:
        film = _weave(film, rng.normal(0, rng.uniform(0, 0.4), (2, n)).astype(np.float32))
    for _ in range(int(rng.integers(0, 3))):  # scratches stay for a while
        column, first = int(rng.integers(width)), int(rng.integers(n))
        film[first : first + int(rng.integers(1, n)), :, column] += rng.choice([-0.15, 0.15])
    for index in np.flatnonzero(rng.random(n) < rng.uniform(0, 0.15)):  # dust lasts one frame
        row, left, size = rng.integers(height), rng.integers(width), rng.integers(1, 4)
        film[index, row : row + size, left : left + size] = rng.choice([0.0, 1.0])
    yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(film * (1 - rng.uniform(0, 0.4) * (xx**2 + yy**2) / 2).astype(np.float32), np.float32)


def _exposure(rng: np.random.Generator, n: int) -> npt.NDArray[np.float32]:
    """Light that jumps, flickers for a while or drifts; nothing in the picture moves, nothing is heard."""
    gain = np.ones(n, np.float32)
    kind = rng.integers(3)
    first, length = int(rng.integers(n)), int(rng.integers(1, n // 2 + 2))
    if kind == 0:
        gain[first:] = rng.uniform(0.5, 1.5)
    elif kind == 1:
        gain[first : first + length] += rng.normal(0, 0.15, len(gain[first : first + length])).astype(np.float32)
    else:
        gain += (0.3 * np.sin(np.arange(n) * rng.uniform(0.01, 0.15) + rng.uniform(0, 6))).astype(np.float32)
    return gain


def _weave(film: Film, shift: npt.NDArray[np.float32]) -> Film:
    """Shift each frame by a fraction of a pixel, down and right."""
    for axis, amounts in ((1, shift[0]), (2, shift[1])):
        part = np.abs(np.clip(amounts, -1, 1))[:, None, None]
        moved = np.where(amounts[:, None, None] > 0, np.roll(film, 1, axis), np.roll(film, -1, axis))
        film = film + part * (moved - film)
    return film


def _compressed(film: Film, step: float) -> Film:
    """Blocks of 8 × 8 with coarsely rounded frequencies, coarser the finer they are."""
    n, height, width = film.shape
    blocks = film.reshape(n, height // 8, 8, width // 8, 8)
    weights = (1 + 0.8 * np.add.outer(np.arange(8), np.arange(8))).astype(np.float32)[:, None, :] * np.float32(step)
    spectrum = dctn(blocks, axes=(2, 4), norm="ortho")
    spectrum = np.round(spectrum / weights) * weights
    return np.asarray(idctn(spectrum, axes=(2, 4), norm="ortho").reshape(film.shape), np.float32)
