from fractions import Fraction

import pytest

from v2a.errors import UsageError
from v2a_plugin.timeline import Range, free_tracks, parse_time, timecode

NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("text", "rate", "time_s"),
    [
        ("12.5", Fraction(25), Fraction(25, 2)),
        ("0", Fraction(25), Fraction(0)),
        (".04", Fraction(25), Fraction(1, 25)),
        ("0.1", FILM, Fraction(1, 10)),
        ("120f", FILM, 120 * Fraction(1001, 24000)),
        ("7f", Fraction(16), Fraction(7, 16)),
        ("00:00:04:12", Fraction(25), Fraction(4) + Fraction(12, 25)),
        ("01:00:00:00", FILM, 86400 * Fraction(1001, 24000)),
        ("00:00:01:00", Fraction(18), Fraction(1)),
        ("00:01:00;02", NTSC, 1800 / NTSC),
        ("00:10:00;00", NTSC, 17982 / NTSC),
        ("01:00:00;00", NTSC, 107892 / NTSC),
        ("01:00:00;00", Fraction(60000, 1001), 215784 * Fraction(1001, 60000)),
    ],
)
def test_a_time_is_read_exactly(text: str, rate: Fraction, time_s: Fraction) -> None:
    assert parse_time(text, rate) == time_s


@pytest.mark.parametrize(
    "text", ["", "-1", "1e3", "nan", "1/2", "12,5", "1:2", "00:00:00:25", "00:60:00:00", "5.5f", "٣", "1_000"]
)
def test_what_is_no_time_is_refused_with_the_three_forms_or_the_limit(text: str) -> None:
    with pytest.raises(UsageError, match="timecode"):
        parse_time(text, Fraction(25))


def test_drop_frame_exists_only_where_it_is_needed() -> None:
    with pytest.raises(UsageError, match="drop-frame"):
        parse_time("00:00:01;00", Fraction(25))
    with pytest.raises(UsageError, match="leaves this number out"):
        parse_time("00:01:00;01", NTSC)


@pytest.mark.parametrize("rate", [Fraction(16), Fraction(18), FILM, Fraction(25), NTSC, Fraction(60), Fraction(120)])
def test_timecode_comes_back_as_it_was_written(rate: Fraction) -> None:
    for frame in (0, 1, 17, 1799, 1800, 86_399, 215_999):
        assert parse_time(timecode(frame / rate, rate), rate) == frame / rate


def test_timecode_names_the_frame_that_is_shown() -> None:
    assert timecode(Fraction(1) - Fraction(1, 1000), Fraction(24)) == "00:00:00:23"
    assert timecode(Fraction(3600), FILM) == "00:59:56:09"


def test_neighbouring_ranges_meet_without_gap_or_drift() -> None:
    step = Fraction(1001, 24000)
    ranges = [Range(k * step, (k + 1) * step) for k in range(2400)]
    assert sum(each.n_samples(48_000) for each in ranges) == Range(Fraction(0), 2400 * step).n_samples(48_000)


def test_handles_stop_at_the_limits() -> None:
    limits = Range(Fraction(0), Fraction(10))
    assert Range(Fraction(1), Fraction(9)).with_handles(Fraction(2), limits) == limits
    assert Range(Fraction(4), Fraction(5)).with_handles(Fraction(1), limits) == Range(Fraction(3), Fraction(6))


def test_the_first_track_that_is_free_over_the_range_is_taken() -> None:
    first, second = Range(Fraction(0), Fraction(4)), Range(Fraction(4), Fraction(8))
    assert free_tracks([], first) == 0
    assert free_tracks([[first]], second) == 0
    assert free_tracks([[first], [second]], first) == 1
    assert free_tracks([[first, second]], Range(Fraction(3), Fraction(5))) == 1
