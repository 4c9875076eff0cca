"""One sound out of many: the layers of a cut at their record positions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from v2a.audio import Audio, sample_at
from v2a.delivery import read_wav
from v2a_otio.events import Dissolve
from v2a_otio.plan import RATE_HZ
from v2a_otio.tracks import PlacedFile


def mix(files: Sequence[PlacedFile], folder: Path, n_samples: int) -> Audio:
    """Sum WAVs at their record positions → (channels, n_samples). Dissolves fade at equal power."""
    sounds = [read_wav(folder / file.path) for file in files]
    channels = max((sound.samples.shape[0] for sound in sounds), default=1)
    total = np.zeros((channels, n_samples), np.float32)
    for file, sound in zip(files, sounds, strict=True):
        coverage = file.coverage
        start, end = (
            min(sample_at(at_s, RATE_HZ), n_samples) for at_s in (coverage.heard.start_s, coverage.heard.end_s)
        )
        first = sample_at(coverage.whole.start_s, RATE_HZ)
        part = sound.samples[:, start - first : end - first].copy()
        if file.opening != Dissolve():
            opened = sample_at(coverage.placed.start_s + file.opening.after_s, RATE_HZ) - start
            part[:, :opened] *= np.sin(np.linspace(0, np.pi / 2, opened, dtype=np.float32))[: part.shape[1]]
        if file.closing != Dissolve():
            length = end - sample_at(coverage.placed.end_s - file.closing.before_s, RATE_HZ)
            part[:, -length:] *= np.cos(np.linspace(0, np.pi / 2, length, dtype=np.float32))[-part.shape[1] :]
        total[:, start:end] += part
    return Audio(total, RATE_HZ)
