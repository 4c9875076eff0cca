"""Loudness by ITU-R BS.1770."""

import numpy as np

from v2a.audio import Audio
from v2a.extras import require

_BLOCK_S = 0.4


def loudness_lufs(audio: Audio) -> float | None:
    """Integrated loudness in LUFS; None for silence, or for less than a measuring block of 400 ms.

    Raises MissingExtraError where the `server` extra is not installed.
    """
    if audio.n_samples < _BLOCK_S * audio.rate_hz:
        return None
    require("server", "pyloudnorm")
    import pyloudnorm  # it loads scipy, which callers that only read files do not need

    with np.errstate(divide="ignore", invalid="ignore"):
        measured = float(pyloudnorm.Meter(audio.rate_hz, block_size=_BLOCK_S).integrated_loudness(audio.samples.T))
    return measured if np.isfinite(measured) else None


def peak_dbfs(audio: Audio) -> float | None:
    """The highest sample in dBFS; None for digital silence."""
    peak = float(np.abs(audio.samples).max(initial=0.0))
    return 20 * float(np.log10(peak)) if peak else None
