"""Measures of timing, pooled over soundtracks: when things sound against when they should. Torch-free.

* onset precision, recall and F1 at ±50 and ±100 ms: one-to-one matching, the convention of onset evaluation (Dixon
  2006; `mir_eval.onset`, Raffel et al. 2014);
* onset difference: found minus true over the pairs matched at ±100 ms, signed (is it late?) and absolute;
* F1 against shifted truth: a soundtrack that follows the film fits the film better than the film shifted; one that
  only has the right number of onsets fits both alike. A rhythm fits again when shifted by its period;
* false onsets a second, where nothing should sound;
* level, where nothing should sound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from v2a.audio import Audio
from v2a.evaluate.onsets import matched
from v2a.evaluate.results import Numbers, Result, ratio, result

NEAR_S, FAR_S = 0.05, 0.1
SHIFTS_S = (0.0, 0.1, 0.2, 0.5)
_QUIETEST_DB = -120.0
_GRAIN = 0.2  # mean absolute difference, of 255, below which nothing moves
_PROMINENCE = 0.5


@dataclass(frozen=True)
class Trial:
    """One soundtrack's onsets and the truth, in seconds. What is found at one of `optional` counts neither way."""

    found: Sequence[float]
    true: Sequence[float]
    duration_s: float
    optional: Sequence[float] = field(default=())


# Trials of one film: they are drawn again together.
Unit = Sequence[Trial]


def timing(table: str, subject: str, units: Sequence[Unit]) -> list[Result]:
    """F1 at both tolerances, precision, recall, differences and counts."""
    near, far = _counts(units, NEAR_S), _counts(units, FAR_S)
    gaps = [[b - a for trial in unit for a, b in _pairs(trial, FAR_S)] for unit in units]
    signed = [(1_000 * sum(gap), len(gap)) for gap in gaps]
    absolute = [(1_000 * sum(map(abs, gap)), len(gap)) for gap in gaps]
    n_trials = np.array([[len(unit)] for unit in units])
    per_film = np.concatenate([far, n_trials], 1)
    return [
        result(table, subject, "F1 ±50 ms", near, f1),
        result(table, subject, "F1 ±100 ms", far, f1),
        result(table, subject, "precision ±100 ms", far[:, [0, 1]], ratio),
        result(table, subject, "recall ±100 ms", far[:, [0, 2]], ratio),
        result(table, subject, "difference, ms", signed, ratio),
        result(table, subject, "absolute difference, ms", absolute, ratio),
        result(table, subject, "onsets a film", per_film[:, [1, 3]], ratio),
        result(table, subject, "true onsets a film", per_film[:, [2, 3]], ratio),
    ]


def shifts(table: str, subject: str, units: Sequence[Unit]) -> list[Result]:
    """F1 ±50 ms against the truth, later by each shift; and the share of resamplings in which every shift lowers it."""
    counts = np.stack([_counts(units, NEAR_S, shift) for shift in SHIFTS_S], 1)  # (n, shifts, 3)

    def falls(sums: Numbers) -> Numbers:
        scores = f1(sums.reshape(*sums.shape[:-1], len(SHIFTS_S), 3))
        return np.asarray((scores[..., :1] > scores[..., 1:]).all(-1), np.float64)

    columns = [
        result(table, subject, f"truth {shift:g} s later" if shift else "truth", counts[:, k], f1)
        for k, shift in enumerate(SHIFTS_S)
    ]
    return [*columns, result(table, subject, "falls", counts.reshape(len(counts), -1), falls)]


def false_onsets(table: str, subject: str, units: Sequence[Unit]) -> Result:
    """Onsets a second where nothing should sound."""
    rows = [(sum(len(t.found) for t in unit), sum(t.duration_s for t in unit)) for unit in units]
    return result(table, subject, "false onsets a second", rows, ratio)


def f1(sums: Numbers) -> Numbers:
    """Sums (…, 3) of hits, found and true → harmonic mean of precision and recall."""
    return np.asarray(2 * sums[..., 0] / (sums[..., 1] + sums[..., 2]))


def _counts(units: Sequence[Unit], tolerance_s: float, shift_s: float = 0.0) -> Numbers:
    """Hits, found and true of each unit, (n, 3)."""
    return np.array([np.sum([_count(t, tolerance_s, shift_s) for t in unit], 0) for unit in units], np.float64).reshape(
        -1, 3
    )


def _count(trial: Trial, tolerance_s: float, shift_s: float) -> tuple[int, int, int]:
    true = [time + shift_s for time in trial.true if time + shift_s < trial.duration_s]
    hits = matched(trial.found, true, tolerance_s)
    hit = {i for i, _ in hits}
    rest = [time for i, time in enumerate(trial.found) if i not in hit]
    excused = matched(rest, trial.optional, tolerance_s)
    return len(hits), len(trial.found) - len(excused), len(true)


def _pairs(trial: Trial, tolerance_s: float) -> list[tuple[float, float]]:
    """(true, found) of each match."""
    return [(trial.true[j], trial.found[i]) for i, j in matched(trial.found, trial.true, tolerance_s)]


def level_dbfs(audio: Audio) -> float:
    """RMS of the whole, not below −120 dBFS."""
    power = float((audio.samples.astype(np.float64) ** 2).mean()) if audio.n_samples else 0.0
    return max(float(10 * np.log10(power + 1e-30)), _QUIETEST_DB)


def random_times(n: int, duration_s: float, seed: int) -> list[float]:
    """As many onsets as there should be, anywhere: what F1 is worth without looking."""
    return sorted(np.random.default_rng([seed, n]).uniform(0, duration_s, n).tolist())


def motion_peaks(frames: Numbers, rate: Fraction) -> list[float]:
    """Times at which a film moves most, in seconds: peaks of the mean absolute frame difference.

    frames: (T, H, W), 0 … 255, at `rate` frames a second. The obvious guess without any learning; a peak stands out by
    half of the mean difference in the two seconds around, and is 0.12 s from the next.
    """
    from scipy.signal import find_peaks

    energy = np.abs(np.diff(frames.astype(np.float64), axis=0)).mean((1, 2))
    if not len(energy) or energy.max() < _GRAIN:
        return []
    around = round(rate)
    mean = np.convolve(np.pad(energy, around, mode="edge"), np.full(2 * around + 1, 1 / (2 * around + 1)), "valid")
    padded = np.concatenate([[0.0], energy / np.maximum(mean, _GRAIN), [0.0]])
    peaks, _ = find_peaks(padded, prominence=_PROMINENCE, distance=max(round(0.12 * rate), 1))
    return [float(int(k) / rate) for k in peaks]  # frame k − 1 gives way to frame k at k / rate
