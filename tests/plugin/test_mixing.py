import numpy as np
import pytest

from v2a.audio import Audio
from v2a_plugin.mixing import below_ceiling


def test_what_is_quiet_enough_stays_as_it_is() -> None:
    mix = Audio(np.full((1, 4), 0.5, np.float32), 48_000)
    assert below_ceiling(mix) == (mix, [])


def test_a_sum_that_would_pass_minus_one_dbfs_is_turned_down_and_said() -> None:
    mixed, warnings = below_ceiling(Audio(np.full((2, 3), 1.5, np.float32), 48_000))
    assert mixed.samples.max() == pytest.approx(10 ** (-1 / 20))
    assert warnings == ["the layers are too loud together: in the film they are 4.5 dB lower"]
