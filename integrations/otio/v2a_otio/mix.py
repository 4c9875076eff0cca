"""One sound out of many: sounds of a cut at their record positions, block by block, so that hours fit into memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2a.audio import sample_at
from v2a.delivery import wav_blocks, wav_info
from v2a_otio.events import Dissolve
from v2a_otio.plan import RATE_HZ
from v2a_otio.tracks import PlacedFile

_BLOCK = 1 << 18  # samples that are summed at once

Samples = npt.NDArray[np.float32]


def mix(files: Sequence[PlacedFile], folder: Path, start: int, end: int) -> Iterator[Samples]:
    """The sum of WAVs over record samples [start, end), in blocks (channels, n). Dissolves fade at equal power."""
    n_channels = channels(files, folder)
    waiting = sorted((_Part.of(file, folder) for file in files), key=lambda part: part.start, reverse=True)
    playing: list[_Part] = []
    for at in range(start, end, _BLOCK):
        until = min(at + _BLOCK, end)
        while waiting and waiting[-1].start < until:
            playing.append(waiting.pop())
        playing = [part for part in playing if part.end > at]
        total = np.zeros((n_channels, until - at), np.float32)
        for part in playing:
            first, last = max(part.start, at), min(part.end, until)
            if first < last:
                total[:, first - at : last - at] += part.read(first, last)
        yield total


def channels(files: Sequence[PlacedFile], folder: Path) -> int:
    """Channels of a mix: those of the widest file."""
    return max((wav_info(folder / file.path).channels for file in files), default=1)


class _Reader:
    """Stretches of a WAV, read forwards."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: Iterator[Samples] | None = None
        self._held: Samples = np.zeros((1, 0), np.float32)
        self._at = 0

    def read(self, start: int, end: int) -> Samples:
        """Samples [start, end), each stretch after the one before it."""
        if self._blocks is None:
            self._blocks = (audio.samples for audio in wav_blocks(self._path))
            self._held = next(self._blocks)
        while self._at + self._held.shape[1] < end:
            left = self._held[:, max(start - self._at, 0) :]
            self._at += self._held.shape[1] - left.shape[1]
            self._held = np.concatenate([left, next(self._blocks)], axis=1)
        return self._held[:, start - self._at : end - self._at].copy()


@dataclass(frozen=True)
class _Part:
    """A WAV in a mix. start, end: record samples that are heard; first: that of the WAV's first sample.

    opened: samples from start in which it fades in; leaving: those before end in which it fades out.
    """

    reader: _Reader
    start: int
    end: int
    first: int
    opened: int
    leaving: int

    @classmethod
    def of(cls, file: PlacedFile, folder: Path) -> "_Part":
        coverage = file.coverage
        first, start, end = (
            sample_at(at_s, RATE_HZ) for at_s in (coverage.whole.start_s, coverage.heard.start_s, coverage.heard.end_s)
        )
        opened = leaving = 0
        if file.opening != Dissolve():
            opened = sample_at(coverage.placed.start_s + file.opening.after_s, RATE_HZ) - start
        if file.closing != Dissolve():
            leaving = end - sample_at(coverage.placed.end_s - file.closing.before_s, RATE_HZ)
        return cls(_Reader(folder / file.path), start, end, first, opened, leaving)

    def read(self, start: int, end: int) -> Samples:
        """Record samples [start, end), faded."""
        samples = self.reader.read(start - self.first, end - self.first)
        if start - self.start < self.opened:
            samples *= _rise(np.arange(start - self.start, end - self.start), self.opened)
        if self.end - end < self.leaving:
            samples *= _rise(np.arange(self.end - 1 - start, self.end - 1 - end, -1), self.leaving)
        return samples


def _rise(at: npt.NDArray[np.int64], n_samples: int) -> Samples:
    """A fade-in at equal power over n_samples, at some of its samples; 1 after it."""
    return np.sin(np.minimum(at / max(n_samples - 1, 1), 1.0) * (np.pi / 2)).astype(np.float32)
