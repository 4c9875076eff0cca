"""New sound for a film: several layers become one sound, and the picture is copied."""

import math
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from v2a.audio import Audio
from v2a.delivery import read_wav, write_wav
from v2a.media import mux

_CEILING = 10 ** (-1 / 20)  # −1 dBFS, as delivered files keep it


def add_sound(film: Path, sounds: Sequence[Path], out: Path, *, keep_sound: bool, at_s: Fraction) -> list[str]:
    """Write the film with the sum of the sounds, which have one shape and start at source time at_s (seconds).

    keep_sound: the film's own sound stays as a further stream. Returns what the user should know. Raises as
    `v2a.media.mux` does.
    """
    if len(sounds) == 1:
        mux(film, sounds, out, keep_sound=keep_sound, at_s=at_s)
        return []
    with tempfile.TemporaryDirectory(prefix="v2a-") as folder:
        mixed = Path(folder) / "mix.wav"
        layers = [read_wav(sound) for sound in sounds]
        total = np.sum([layer.samples for layer in layers], axis=0)  # (channels, n_samples)
        audio, warnings = below_ceiling(Audio(total, layers[0].rate_hz))
        write_wav(mixed, audio, 24, None)
        mux(film, [mixed], out, keep_sound=keep_sound, at_s=at_s)
    return warnings


def below_ceiling(mix: Audio) -> tuple[Audio, list[str]]:
    """A sum of layers, turned down where its peak would pass −1 dBFS, and what to say about that."""
    peak = float(np.abs(mix.samples).max(initial=0.0))
    if peak <= _CEILING:
        return mix, []
    down_db = 20 * math.log10(peak / _CEILING)
    quieter = Audio(mix.samples * np.float32(_CEILING / peak), mix.rate_hz)
    return quieter, [f"the layers are too loud together: in the film they are {down_db:.1f} dB lower"]
