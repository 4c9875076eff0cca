"""New sound for a film: several layers become one sound, and the picture is copied."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2a.delivery import wav_blocks, wav_info, write_wav_blocks
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
        peak = max((float(np.abs(block).max(initial=0.0)) for block in _sums(sounds)), default=0.0)
        gain, warnings = below_ceiling(peak)
        write_wav_blocks(mixed, replace(wav_info(sounds[0]), bit_depth=24), (block * gain for block in _sums(sounds)))
        mux(film, [mixed], out, keep_sound=keep_sound, at_s=at_s)
    return warnings


def _sums(sounds: Sequence[Path]) -> "Iterator[npt.NDArray[np.float32]]":
    """The sum of all sounds in blocks (channels, n), so that an hour fits into memory."""
    for blocks in zip(*map(wav_blocks, sounds), strict=True):
        yield np.sum([block.samples for block in blocks], axis=0)


def below_ceiling(peak: float) -> tuple[np.float32, list[str]]:
    """The gain for a sum of layers, which turns it down where its peak would pass −1 dBFS, and what to say of it."""
    if peak <= _CEILING:
        return np.float32(1), []
    down_db = 20 * math.log10(peak / _CEILING)
    return np.float32(_CEILING / peak), [
        f"the layers are too loud together: in the film they are {down_db:.1f} dB lower"
    ]
