"""New sound for a film: several layers become one sound, and the picture is copied."""

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from v2a.audio import Audio
from v2a.delivery import read_wav, write_wav
from v2a.media import mux

_CEILING = 10 ** (-1 / 20)  # −1 dBFS, as delivered files keep it


def add_sound(film: Path, sounds: Sequence[Path], out: Path, *, keep_sound: bool, at_s: Fraction) -> None:
    """Write the film with the sum of the sounds, which start at source time at_s (seconds).

    keep_sound: the film's own sound stays as a further stream. Raises as `v2a.media.mux` does.
    """
    if len(sounds) == 1:
        mux(film, sounds, out, keep_sound=keep_sound, at_s=at_s)
        return
    with tempfile.TemporaryDirectory(prefix="v2a-") as folder:
        mixed = Path(folder) / "mix.wav"
        write_wav(mixed, mix_down([read_wav(sound) for sound in sounds]), 24, None)
        mux(film, [mixed], out, keep_sound=keep_sound, at_s=at_s)


def mix_down(sounds: Sequence[Audio]) -> Audio:
    """The sum of sounds of one shape and rate, turned down where its peak would pass −1 dBFS."""
    samples = np.stack([sound.samples for sound in sounds]).sum(axis=0)  # (channels, n_samples)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > _CEILING:
        samples *= _CEILING / peak
    return Audio(samples, sounds[0].rate_hz)
