"""A sound of any length on disk, between the pass that measures it and the one that writes it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt

from v2a.delivery.loudness import Meter
from v2a.output import storage_error

_BLOCK = 1 << 18  # samples a channel in memory at a time


class Spool:
    """The first n_samples of a sound, measured while they come in; a context manager.

    beside: its file, which has no name, lies on the disk of this path. n_given: samples a channel that came in.

    Raises StorageError where that disk is full or cannot be written, MissingExtraError.
    """

    def __init__(self, beside: Path, rate_hz: int, channels: int, n_samples: int) -> None:
        self.meter = Meter(rate_hz, channels)
        self.n_given = 0
        self._beside, self._channels, self._missing = beside, channels, n_samples
        self._digest = hashlib.sha256()
        with self._storing():
            self._file = TemporaryFile(dir=beside.parent)  # noqa: SIM115 - closed when the context ends

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Take in the samples (channels, n) that follow; what goes beyond n_samples is only counted."""
        self.n_given += samples.shape[1]
        samples = samples[:, : self._missing]
        self._missing -= samples.shape[1]
        for start in range(0, samples.shape[1], _BLOCK):
            block = samples[:, start : start + _BLOCK]
            self.meter.add(block)
            frames = block.T.astype("<f4").tobytes()
            self._digest.update(frames)
            with self._storing():
                self._file.write(frames)

    def fill(self) -> None:
        """Let silence follow where samples are missing."""
        while self._missing:
            n_given = self.n_given
            self.add(np.zeros((self._channels, min(self._missing, _BLOCK)), np.float32))
            self.n_given = n_given

    def sha256(self) -> str:
        """What names the sound."""
        return self._digest.hexdigest()

    def blocks(self, gain_db: float) -> Iterator[npt.NDArray[np.float32]]:
        """All samples, louder by gain_db, in blocks (channels, n)."""
        with self._storing():
            self._file.seek(0)
        gain = np.float32(10 ** (gain_db / 20))
        while True:
            with self._storing():
                frames = self._file.read(_BLOCK * self._channels * 4)
            if not frames:
                return
            samples = np.frombuffer(frames, "<f4").reshape(-1, self._channels).T
            yield samples * gain if gain_db else samples

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage_error(self._beside, error) from error
