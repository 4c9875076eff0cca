"""Soundtracks to be measured: one take for pieces of a film or for pictures in memory."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2a.audio import Audio
from v2a.generation import Take, generate
from v2a.media.source import FrameSource, VideoInfo
from v2a.models.base import Model
from v2a.request import Clip, Cue, Layer, Piece, Request, Sampling

NO_DIGEST = "0" * 64  # nothing is stored, so nothing needs a name


class Pictures:
    """Grey frames in memory, (T, H, W) uint8, as a film. After the last one, it stays."""

    def __init__(self, frames: npt.NDArray[np.uint8], rate: int) -> None:
        self._frames, (_, height, width) = frames, frames.shape
        self.info = VideoInfo(
            Path("pictures"), Fraction(rate), Fraction(len(frames), rate), width, height, "none", False, None
        )

    def read(
        self, times_s: Sequence[Fraction], size: tuple[int, int], until_s: Sequence[Fraction] | None = None
    ) -> npt.NDArray[np.uint8]:
        """See FrameSource.read."""
        rate, last = self.info.rate, len(self._frames) - 1
        begun = [min(ceil(time * rate), last) for time in times_s]
        shown = [
            first if first < until * rate else int(time * rate)
            for time, until, first in zip(times_s, until_s or times_s, begun, strict=True)
        ]
        frames = self._frames[[min(index, last) for index in shown]]
        if frames.shape[1:] != size:
            frames = _scaled(frames, size)
        return np.repeat(frames[..., None], 3, axis=-1)


def _scaled(frames: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """By area, as the film reader does."""
    down, across = (_overlaps(old, new) for old, new in zip(frames.shape[1:], size, strict=True))
    return np.round(down @ frames.astype(np.float64) @ across.T).astype(np.uint8)


def _overlaps(n_old: int, n_new: int) -> npt.NDArray[np.float64]:
    """Which share of each new cell (row) each old one (column) covers."""
    edges = np.linspace(0, n_old, n_new + 1)[:, None]
    old = np.arange(n_old)
    covered = np.clip(np.minimum(edges[1:], old + 1) - np.maximum(edges[:-1], old), 0, None)
    return np.asarray(covered / covered.sum(1, keepdims=True))


def black() -> Pictures:
    """A film that shows nothing."""
    return Pictures(np.zeros((1, 16, 16), np.uint8), 1)


def moving(start_s: Fraction, end_s: Fraction) -> tuple[Piece, ...]:
    """That stretch of the film, presented from 0."""
    return (Piece(start_s, end_s, Fraction(0), end_s - start_s),)


def held(length_s: Fraction, at_s: Fraction = Fraction(0)) -> tuple[Piece, ...]:
    """A still: the frame at that time, shown for that long."""
    return (Piece(at_s, at_s, Fraction(0), length_s),)


def cues_at(events: Iterable[tuple[float, float]]) -> tuple[Cue, ...]:
    """Events (presented time in seconds, strength) as cues."""
    return tuple(Cue(Fraction(time).limit_denominator(10_000), min(max(force, 0.01), 1.0)) for time, force in events)


def soundtrack(model: Model, source: FrameSource, pieces: tuple[Piece, ...], layer: Layer, sampling: Sampling) -> Audio:
    """The first take of one layer."""
    request = Request(Clip(NO_DIGEST, pieces), model.card.name, model.card.digest, (layer,), sampling)
    return collected(next(generate(model, source, request, lambda _: None)))


def collected(take: Take) -> Audio:
    """All of a take's sound."""
    return take.audio
