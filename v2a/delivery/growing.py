"""A WAV file that can be heard while its sound is still being made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2a.delivery.bext import Bext
from v2a.delivery.wav import WavInfo, encode, head
from v2a.output import storage_error

_BLOCK = 1 << 18  # samples a channel that are converted at once


class GrowingWav:
    """Writes a head that promises the whole sound, and then samples as they come; a context manager.

    on_more: told how many samples a channel can be read from the file.

    Raises StorageError where `path` cannot be written.
    """

    def __init__(self, path: Path, on_more: Callable[[int], None], info: WavInfo, bext: Bext, ixml: str) -> None:
        self._path, self._info, self._on_more = path, info, on_more
        self._head = head(info, bext, ixml)
        self._n_samples = 0
        with self._storing():
            self._file = FileIO(path, "wb")

    def __enter__(self) -> "GrowingWav":
        with self._storing():
            self._file.write(self._head)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Append samples (channels, n); what goes beyond the promised length is left out."""
        samples = samples[:, : self._info.n_samples - self._n_samples]
        for start in range(0, samples.shape[1], _BLOCK):
            rest = memoryview(encode(samples[:, start : start + _BLOCK], self._info.bit_depth))
            with self._storing():
                while rest:
                    rest = rest[self._file.write(rest) :]
        self._n_samples += samples.shape[1]
        if samples.shape[1]:
            self._on_more(self._n_samples)

    def fill(self) -> None:
        """Let silence follow where samples are missing."""
        while missing := self._info.n_samples - self._n_samples:
            self.add(np.zeros((self._info.channels, min(missing, _BLOCK)), np.float32))

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage_error(self._path, error) from error
