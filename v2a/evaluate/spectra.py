"""Measures of the sound itself, on mono samples (n,). Torch-free.

* `log_mel`: levels in 64 mel bands (HTK scale) of frames 10 ms apart, 40 ms long;
* `spectral_distance`: mean difference, over the bands, of two long-term spectra, their loudness set aside;
* `roughness`: how grainy the spectrogram is. Noise is: the power of its short-time spectrum is exponentially
  distributed, 5.6 dB about its mean. Decoders trained on mean errors smooth it into a wash, and log-spectral
  distances reward them for that, so it needs a measure of its own. It is taken at two resolutions, 21 and 85 ms,
  neither of them a codec's: phase recovery makes the spectrogram it works on smoother than any other of its sound;
* `rolloff_hz`: below it lie 99 % of the power;
* `log_spectral_distance`: Gray & Markel 1976, on bins within 60 dB of the loudest;
* `attack`: the steepest rise of a 5 ms envelope: what a codec's smearing takes away;
* `true_peak_dbtp`: the peak after fourfold oversampling (ITU-R BS.1770-5, annex 2).
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter
from scipy.signal import resample_poly

_WINDOW_S = 0.04
HOP_S = _WINDOW_S / 4
N_BANDS = 64
_LOWEST_HZ = 40.0
_EPSILON = 1e-12
_WITHIN_DB = 60.0
_ROUGHNESS_WINDOWS_S = (0.0213, 0.0853)

Samples = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]


def power_spectra(samples: Samples, rate_hz: int, window_s: float = _WINDOW_S) -> Numbers:
    """Short-time power spectra (frames, bins), Hann windows, a quarter of a window apart.

    A sound shorter than a window is filled up with silence.
    """
    size = round(window_s * rate_hz)
    hop = size // 4
    padded = np.pad(samples.astype(np.float64), (0, max(size - len(samples), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size)
    return np.asarray(np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 / (window**2).sum() / size)


def log_mel(samples: Samples, rate_hz: int) -> Numbers:
    """Levels (frames, bands), dB."""
    return np.asarray(10 * np.log10(power_spectra(samples, rate_hz) @ _mel_filters(rate_hz) + _EPSILON))


def _mel_filters(rate_hz: int) -> Numbers:
    """Triangles (bins, bands) between 40 Hz and half the rate."""
    hz = np.fft.rfftfreq(round(_WINDOW_S * rate_hz), 1 / rate_hz)
    edges = 700 * (10 ** (np.linspace(_mel(_LOWEST_HZ), _mel(min(rate_hz / 2, 20_000.0)), N_BANDS + 2) / 2595) - 1)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (hz[:, None] - low) / (middle - low), (high - hz[:, None]) / (high - middle)
    # The lowest bands are narrower than a bin: let none be empty.
    nearest = np.abs(hz[:, None] - middle).argmin(0)
    filters = np.clip(np.minimum(rising, falling), 0, None)
    filters[nearest, np.arange(N_BANDS)] = np.maximum(filters[nearest, np.arange(N_BANDS)], 1e-1)
    return np.asarray(filters)


def _mel(hz: float) -> float:
    return 2595 * float(np.log10(1 + hz / 700))


def long_term(samples: Samples, rate_hz: int) -> Numbers:
    """The mean power in each band, dB about their mean; never more than 60 dB below the loudest."""
    power = (power_spectra(samples, rate_hz) @ _mel_filters(rate_hz)).mean(0)
    levels = 10 * np.log10(power + _EPSILON)
    levels = np.maximum(levels, levels.max() - _WITHIN_DB)
    return np.asarray(levels - levels.mean())


def spectral_distance(a: Numbers, b: Numbers) -> float:
    """Mean absolute difference of two long-term spectra, dB."""
    return float(np.abs(a - b).mean())


def roughness(samples: Samples, rate_hz: int) -> float:
    """Standard deviation, in dB, of the spectrogram about its mean over 9 × 9 bins, where it is not near silence."""
    found = []
    for window_s in _ROUGHNESS_WINDOWS_S:
        levels = 10 * np.log10(power_spectra(samples, rate_hz, window_s) + _EPSILON)
        smooth = uniform_filter(levels, 9, mode="nearest")
        found.append(float((levels - smooth)[smooth > smooth.max() - _WITHIN_DB].std()))
    return float(np.mean(found))


def rolloff_hz(samples: Samples, rate_hz: int, share: float = 0.99) -> float:
    """The frequency below which that share of the power lies."""
    power = power_spectra(samples, rate_hz).mean(0).cumsum()
    return float(np.searchsorted(power, share * power[-1]) / round(_WINDOW_S * rate_hz) * rate_hz)


def log_spectral_distance(a: Samples, b: Samples, rate_hz: int) -> float:
    """Root mean square difference of two spectrograms over bins within 60 dB of the first's loudest, dB."""
    n = min(len(a), len(b))
    first, second = (10 * np.log10(power_spectra(x[:n], rate_hz) + _EPSILON) for x in (a, b))
    floor = first.max() - _WITHIN_DB
    difference = np.maximum(first, floor) - np.maximum(second, floor)
    return float(np.sqrt((difference[first > floor] ** 2).mean()))


def mel_distance(a: Samples, b: Samples, rate_hz: int) -> float:
    """Mean absolute difference of two log-mel spectrograms within 60 dB of the first's loudest, dB."""
    n = min(len(a), len(b))
    first, second = log_mel(a[:n], rate_hz), log_mel(b[:n], rate_hz)
    floor = first.max() - _WITHIN_DB
    return float(np.abs(np.maximum(first, floor) - np.maximum(second, floor)).mean())


def attack(samples: Samples, rate_hz: int) -> float:
    """The largest rise of the RMS from one 5 ms to the next."""
    hop = rate_hz // 200
    n = len(samples) // hop
    envelope = np.sqrt((samples[: n * hop].astype(np.float64).reshape(n, hop) ** 2).mean(1))
    return float(np.diff(envelope, prepend=0.0).max(initial=0.0))


def true_peak_dbtp(samples: Samples) -> float:
    """The highest value between samples, dB re full scale; at least −120."""
    peak = float(np.abs(resample_poly(samples.astype(np.float64), 4, 1)).max(initial=0.0))
    return 20 * float(np.log10(max(peak, 1e-6)))
