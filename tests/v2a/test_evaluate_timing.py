"""Timing measures on onsets, films and soundtracks whose answer is known."""

from fractions import Fraction

import numpy as np
import pytest

from v2a.audio import Audio
from v2a.evaluate.results import Result, ratio, result
from v2a.evaluate.scenes import audible
from v2a.evaluate.timing import Trial, false_onsets, level_dbfs, motion_peaks, random_times, shifts, timing

RATE = 48_000
TRUE = [0.5, 1.23, 2.0, 3.1]


def value(results: list[Result], measure: str) -> float:
    return next(one.value for one in results if one.measure == measure)


def test_an_interval_covers_the_mean_and_a_single_unit_has_none() -> None:
    values = np.random.default_rng(1).normal(5.0, 1.0, 50)
    whole = result("t", "s", "m", values)
    assert whole.value == pytest.approx(values.mean())
    assert whole.low is not None
    assert whole.high is not None
    assert 4.0 < whole.low < whole.value < whole.high < 6.0
    assert result("t", "s", "m", [1.0]).low is None
    assert np.isnan(result("t", "s", "m", np.zeros((0, 2)), ratio).value)


def test_late_onsets_keep_f1_and_show_as_a_difference() -> None:
    late = [Trial([time + 0.02 for time in TRUE], TRUE, 4.0)]
    measured = timing("t", "s", [late, late])
    assert value(measured, "F1 ±50 ms") == 1.0
    assert value(measured, "difference, ms") == pytest.approx(20)
    mixed = [Trial([TRUE[0] - 0.03, TRUE[1] + 0.03, 3.7], TRUE, 4.0)]
    measured = timing("t", "s", [mixed])
    assert value(measured, "difference, ms") == pytest.approx(0, abs=1e-6)
    assert value(measured, "absolute difference, ms") == pytest.approx(30)
    assert value(measured, "precision ±100 ms") == pytest.approx(2 / 3)
    assert value(measured, "recall ±100 ms") == pytest.approx(1 / 2)


def test_what_may_or_may_not_be_heard_counts_neither_way() -> None:
    measured = timing("t", "s", [[Trial([*TRUE, 2.6], TRUE, 4.0, optional=[2.61, 3.6])]])
    assert value(measured, "F1 ±50 ms") == 1.0


def test_only_what_follows_the_film_falls_when_the_truth_is_shifted() -> None:
    follows = [[Trial(TRUE, TRUE, 4.0)]] * 3
    assert value(shifts("t", "s", follows), "falls") == 1.0
    guesses = [[Trial(np.arange(0, 4, 0.1).tolist(), TRUE, 4.0)]] * 3
    assert value(shifts("t", "s", guesses), "falls") == 0.0
    assert random_times(5, 4.0, 0) != random_times(5, 4.0, 1)


def test_false_onsets_are_counted_a_second_and_silence_in_decibels() -> None:
    assert false_onsets("t", "s", [[Trial([1.0, 2.0], [], 4.0)], [Trial([], [], 4.0)]]).value == 0.25
    assert level_dbfs(Audio(np.zeros((1, 100), np.float32), RATE)) == -120
    assert level_dbfs(Audio(np.full((1, 100), 0.1, np.float32), RATE)) == pytest.approx(-20, abs=0.01)


def test_motion_peaks_are_where_things_jump() -> None:
    frames = np.zeros((100, 16, 16))
    for index in range(100):
        row = 2 if index < 30 else 9 if index < 70 else 4
        frames[index, row : row + 4, 4:8] = 255
    assert motion_peaks(frames, Fraction(25)) == [30 / 25, 70 / 25]
    assert motion_peaks(np.zeros((100, 16, 16)), Fraction(25)) == []


def test_masked_faint_and_crowded_events_are_not_asked_for() -> None:
    rng = np.random.default_rng(0)
    sound = np.zeros(4 * RATE, np.float32)

    def strike(time: float, gain: float, decay_s: float = 0.05) -> None:
        n = RATE // 2
        start = round(time * RATE)
        sound[start : start + n] += gain * rng.standard_normal(n) * np.exp(-np.arange(n) / RATE / decay_s)

    strike(0.0, 0.5)
    strike(0.5, 0.5)
    strike(0.54, 0.5)  # too close to the last
    strike(1.5, 0.5, decay_s=0.5)
    strike(1.7, 0.05)  # hidden in its tail
    strike(2.5, 0.002)  # 48 dB down
    strike(3.2, 0.2)
    events = [(time, 1.0) for time in (0.0, 0.5, 0.54, 1.5, 1.7, 2.5, 3.2)]
    heard, others = audible(events, Audio(sound[None], RATE))
    assert [time for time, _ in heard] == [0.0, 0.5, 1.5, 3.2]
    assert [time for time, _ in others] == [0.54, 1.7, 2.5]
