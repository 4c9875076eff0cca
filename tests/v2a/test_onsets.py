"""The onset detector and the score on signals whose answer is known."""

import numpy as np
import pytest

from v2a.audio import Audio
from v2a.evaluate.onsets import onsets, score

RATE = 48_000


def test_finds_clicks_in_noise_and_nothing_in_silence() -> None:
    rng = np.random.default_rng(0)
    samples = 0.002 * rng.standard_normal((1, 3 * RATE)).astype(np.float32)
    true = [0.4, 1.0, 1.65, 2.5]
    for time in true:
        start = round(time * RATE)
        decay = np.exp(-np.arange(4_800) / 800)
        samples[0, start : start + 4_800] += (0.5 * rng.standard_normal(4_800) * decay).astype(np.float32)
    found = onsets(Audio(samples, RATE))
    assert score(found, true, 0.02).f1 == 1.0
    assert onsets(Audio(np.zeros((1, RATE), np.float32), RATE)) == []
    assert onsets(Audio(np.zeros((1, 10), np.float32), RATE)) == []


def test_score_matches_one_to_one() -> None:
    result = score([1.0, 1.01, 5.0], [1.0, 2.0], 0.05)
    assert result.precision == pytest.approx(1 / 3)
    assert result.recall == pytest.approx(1 / 2)
    assert result.f1 == pytest.approx(0.4)
    assert score([], [], 0.1).f1 == 1.0
    assert score([], [1.0], 0.1).f1 == 0.0
