"""Band-limited change of sample rate."""

from fractions import Fraction

import numpy as np

from v2a.audio import Audio, sample_at
from v2a.extras import require


def resample(audio: Audio, rate_hz: int) -> Audio:
    """The same sound at another rate, n_samples × rate_hz / audio.rate_hz samples long, halves rounded up.

    Raises MissingExtraError where the `server` extra is not installed.
    """
    if rate_hz == audio.rate_hz:
        return audio
    length = sample_at(Fraction(audio.n_samples, audio.rate_hz), rate_hz)
    require("server", "soxr")
    import soxr  # only what makes sound needs it, not what reads files

    samples = soxr.resample(audio.samples.T, audio.rate_hz, rate_hz, quality="HQ").T
    return with_length(Audio(samples.astype(np.float32, copy=False), rate_hz), length)


def with_length(audio: Audio, n_samples: int) -> Audio:
    """The same sound, cut or followed by silence at its end to be n_samples long."""
    missing = n_samples - audio.n_samples
    if missing <= 0:
        return Audio(audio.samples[:, :n_samples], audio.rate_hz)
    return Audio(np.pad(audio.samples, ((0, 0), (0, missing))), audio.rate_hz)
