"""A job's film: read as it was when its digest was made, or not at all."""

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from v2a.errors import ConflictError
from v2a.media import VideoFile, source_digest
from v2a.media.source import VideoInfo

CHANGED = "the film has changed since this was asked for: ask again"


class Film:
    """A `FrameSource` that opens its film when a frame is asked for: what was seen of it may be remembered.

    state: of the file, when its digest was made. It is read while sound is made: where it changes meanwhile, `read`
    raises ConflictError.
    """

    def __init__(self, path: Path, rate: Fraction | None, state: tuple[int, ...]) -> None:
        self._path, self._rate, self._state = path, rate, state
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def _film(self) -> VideoFile:
        return self._stack.enter_context(VideoFile(self._path, self._rate))

    @property
    def info(self) -> VideoInfo:
        """See FrameSource."""
        return self._film.info

    def read(
        self, times_s: Sequence[Fraction], size: tuple[int, int], until_s: Sequence[Fraction] | None = None
    ) -> npt.NDArray[np.uint8]:
        """See FrameSource."""
        frames = self._film.read(times_s, size, until_s)
        if state_of(self._path) != self._state:
            raise ConflictError(CHANGED)
        return frames


def state_of(path: Path) -> tuple[int, ...]:
    """Changes with the file; nothing where it cannot be looked at, of which `source_digest` says why."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=256)
def digest(path: Path, _: tuple[int, ...], start_s: Fraction, end_s: Fraction, rate: Fraction | None) -> str:
    """`source_digest` of a film in some state: a re-roll does not read through it again."""
    return source_digest(path, start_s, end_s, rate)
