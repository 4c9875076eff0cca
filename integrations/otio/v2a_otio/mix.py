"""One sound out of many: the layers of a cut at their record positions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2a.audio import Audio, sample_at
from v2a.delivery import read_wav, wav_info
from v2a_otio.events import Dissolve
from v2a_otio.plan import RATE_HZ
from v2a_otio.tracks import PlacedFile


def mix(files: Sequence[PlacedFile], folder: Path, n_samples: int) -> Audio:
    """Sum WAVs at their record positions → (channels, n_samples). Dissolves fade at equal power."""
    channels = max((wav_info(folder / file.path).channels for file in files), default=1)
    total = np.zeros((channels, n_samples), np.float32)
    for file in files:
        coverage = file.coverage
        first, start, end = (
            sample_at(at_s, RATE_HZ) for at_s in (coverage.whole.start_s, coverage.heard.start_s, coverage.heard.end_s)
        )
        part = read_wav(folder / file.path).samples[:, start - first : end - first].copy()
        if file.opening != Dissolve():
            opened = sample_at(coverage.placed.start_s + file.opening.after_s, RATE_HZ) - start
            part[:, :opened] *= _rise(opened)[: end - start]
        if file.closing != Dissolve():
            leaving = end - sample_at(coverage.placed.end_s - file.closing.before_s, RATE_HZ)
            part[:, ::-1][:, :leaving] *= _rise(leaving)[: end - start]
        # A last dissolve may reach beyond the end of the cut.
        total[:, start:end] += part[:, : max(n_samples - start, 0)]
    return Audio(total, RATE_HZ)


def _rise(n_samples: int) -> npt.NDArray[np.float32]:
    """A fade-in at equal power; of no samples where the film ends at the cut."""
    return np.sin(np.linspace(0, np.pi / 2, n_samples, dtype=np.float32))
