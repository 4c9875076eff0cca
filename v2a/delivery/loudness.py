"""Loudness by ITU-R BS.1770, and peaks, of a sound as it goes by."""

import numpy as np
import numpy.typing as npt

from v2a.audio import Audio
from v2a.extras import require

# A measuring block lasts 400 ms, and one begins every 100 ms.
_HOPS_A_SECOND = 10
_HOPS_A_BLOCK = 4
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0


class Meter:
    """Measures one or two channels block by block; what it remembers grows by 80 bytes a second.

    Raises MissingExtraError where the `server` extra is not installed.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        require("server", "pyloudnorm", "scipy")
        from pyloudnorm import IIRfilter  # it loads scipy, which callers that only read files do not need

        # The K weighting, as pyloudnorm's own meter sets it: the head's effect, then the ear's.
        shelf = IIRfilter(4.0, 0.5**0.5, 1500.0, rate_hz, "high_shelf")
        high_pass = IIRfilter(0.0, 0.5, 38.0, rate_hz, "high_pass")
        self._filters = [(stage.b, stage.a) for stage in (shelf, high_pass)]
        self._states = [np.zeros((channels, 2)) for _ in self._filters]
        self._hop = rate_hz // _HOPS_A_SECOND
        self._rest: npt.NDArray[np.float64] = np.empty(0)
        self._powers: list[npt.NDArray[np.float64]] = []
        self._peak = 0.0

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Measure the samples (channels, n) that follow."""
        from scipy.signal import lfilter

        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))
        weighted: npt.NDArray[np.float64] = samples.astype(np.float64)
        for index, (b, a) in enumerate(self._filters):
            weighted, self._states[index] = lfilter(b, a, weighted, axis=1, zi=self._states[index])
        power = np.concatenate([self._rest, np.square(weighted).sum(axis=0)])
        n_hops = len(power) // self._hop
        self._powers.append(power[: n_hops * self._hop].reshape(n_hops, self._hop).mean(axis=1))
        self._rest = power[n_hops * self._hop :]

    def loudness_lufs(self, gain_db: float = 0.0) -> float | None:
        """Integrated loudness in LUFS, were the sound louder by gain_db.

        None for silence, or for less than a measuring block.
        """
        hops = np.concatenate([np.empty(0), *self._powers]) * 10 ** (gain_db / 10)
        if len(hops) < _HOPS_A_BLOCK:
            return None
        blocks = np.convolve(hops, np.full(_HOPS_A_BLOCK, 1 / _HOPS_A_BLOCK), "valid")
        blocks = blocks[_lufs(blocks) >= _ABSOLUTE_GATE_LUFS]
        if not len(blocks):
            return None
        gate = float(_lufs(blocks.mean())) + _RELATIVE_GATE_LU
        return float(_lufs(blocks[_lufs(blocks) > gate].mean()))

    def peak_dbfs(self, gain_db: float = 0.0) -> float | None:
        """The highest sample in dBFS, were the sound louder by gain_db; None for digital silence."""
        return 20 * float(np.log10(self._peak)) + gain_db if self._peak else None


def loudness_lufs(audio: Audio) -> float | None:
    """Integrated loudness in LUFS; None for silence, or for less than a measuring block of 400 ms.

    Raises MissingExtraError where the `server` extra is not installed.
    """
    meter = Meter(audio.rate_hz, audio.samples.shape[0])
    meter.add(audio.samples)
    return meter.loudness_lufs()


def _lufs(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(-0.691 + 10 * np.log10(power))
