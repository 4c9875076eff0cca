import pytest

from v2a_plugin.mixing import below_ceiling


def test_what_is_quiet_enough_stays_as_it_is() -> None:
    gain, warnings = below_ceiling(0.5)
    assert float(gain) == 1.0
    assert warnings == []


def test_a_sum_that_would_pass_minus_one_dbfs_is_turned_down_and_said() -> None:
    gain, warnings = below_ceiling(1.5)
    assert gain * 1.5 == pytest.approx(10 ** (-1 / 20))
    assert warnings == ["the layers are too loud together: in the film they are 4.5 dB lower"]
