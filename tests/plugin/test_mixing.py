import numpy as np
import pytest

from v2a.audio import Audio
from v2a_plugin.mixing import mix_down


def test_layers_are_summed() -> None:
    mixed = mix_down([Audio(np.full((1, 4), level, np.float32), 48_000) for level in (0.25, -0.125)])
    assert mixed.rate_hz == 48_000
    assert mixed.samples.tolist() == [[0.125] * 4]


def test_a_sum_that_would_pass_minus_one_dbfs_is_turned_down() -> None:
    mixed = mix_down([Audio(np.full((2, 3), 0.75, np.float32), 48_000)] * 2)
    assert mixed.samples.max() == pytest.approx(10 ** (-1 / 20))
