"""Delivery: exact lengths, honest levels, and files that say what they are."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import pytest
import wavinfo

from v2a.audio import Audio, sample_at
from v2a.delivery import (
    Delivered,
    Origin,
    deliver,
    loudness_lufs,
    read_bext,
    read_ixml,
    read_wav,
    resample,
    wav_info,
)
from v2a.delivery.resample import resampled
from v2a.errors import GenerationError, UsageError
from v2a.request import Delivery

ORIGIN = Origin("pocket", "ab" * 32, "Apache-2.0", "float32", "effects", seed=7, take=1)
RATES = [
    Fraction(16),
    Fraction(18),
    Fraction(24),
    Fraction(24_000, 1001),
    Fraction(25),
    Fraction(30_000, 1001),
]


def tone(duration_s: Fraction, rate_hz: int = 48_000, peak: float = 0.1, channels: int = 1, hz: float = 997) -> Audio:
    wave = peak * np.sin(2 * np.pi * hz * np.arange(sample_at(duration_s, rate_hz)) / rate_hz)
    return Audio(np.tile(wave.astype(np.float32), (channels, 1)), rate_hz)


def give(audio: Audio, path: Path, delivery: Delivery | None = None, **times: Fraction) -> Delivered:
    start_s = times.get("start_s", Fraction(0))
    end_s = times.get("end_s", start_s + audio.duration_s)
    return deliver([audio], path, delivery or Delivery(), start_s=start_s, end_s=end_s, origin=ORIGIN)


def n_between(start_s: Fraction, end_s: Fraction, rate_hz: int) -> int:
    return sample_at(end_s, rate_hz) - sample_at(start_s, rate_hz)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("made_hz", "rate_hz"), [(48_000, 44_100), (48_000, 48_000), (48_000, 96_000), (44_100, 48_000), (16_000, 48_000)]
)
def test_lengths_are_rounded_boundaries_and_neighbours_meet(
    tmp_path: Path, rate: Fraction, made_hz: int, rate_hz: int
) -> None:
    bounds = [7 / rate, 30 / rate, 41 / rate]
    total = 0
    for start_s, end_s in pairwise(bounds):
        # As generated: the model's own rate, its own rounding.
        audio = Audio(tone(Fraction(3), made_hz).samples[:, : n_between(start_s, end_s, made_hz)], made_hz)
        done = give(audio, tmp_path / "a.wav", Delivery(rate_hz=rate_hz), start_s=start_s, end_s=end_s)
        expected = n_between(start_s, end_s, rate_hz)
        assert done.n_samples == wav_info(tmp_path / "a.wav").n_samples == expected
        assert wav_info(tmp_path / "a.wav").rate_hz == rate_hz
        total += done.n_samples
    assert total == n_between(bounds[0], bounds[-1], rate_hz)


def test_time_reference_is_the_first_sample_on_the_timecode_clock(tmp_path: Path) -> None:
    delivery = Delivery(timecode_origin_s=Fraction(3600))
    start_s = 100 / Fraction(24_000, 1001)
    give(tone(Fraction(1)), tmp_path / "a.wav", delivery, start_s=start_s)
    expected = sample_at(3600 + start_s, 48_000)
    assert wavinfo.WavInfoReader(str(tmp_path / "a.wav")).bext.time_reference == expected


def test_timecode_begins_anew_at_midnight(tmp_path: Path) -> None:
    give(
        tone(Fraction(1)),
        tmp_path / "a.wav",
        Delivery(timecode_origin_s=Fraction(86_399)),
        start_s=Fraction(2),
    )
    bext = read_bext(tmp_path / "a.wav")
    assert bext is not None
    assert bext.time_reference == 48_000


def test_the_file_says_that_it_is_synthetic(tmp_path: Path) -> None:
    give(tone(Fraction(1)), tmp_path / "a.wav", Delivery(description="reel 3, rain & <wind>"))
    bext = read_bext(tmp_path / "a.wav")
    assert bext is not None
    assert bext.description.startswith("AI-generated (synthetic) sound, V2A Studio, model pocket.")
    assert "reel 3, rain & <wind>" in bext.description
    assert "synthetic" in bext.coding_history
    assert "F=48000,W=24,M=mono" in bext.coding_history
    ixml = ET.fromstring((read_ixml(tmp_path / "a.wav") or "").encode())  # noqa: S314 - our own file
    assert ixml.findtext("SCENE") == "effects"
    assert ixml.findtext("TAKE") == "2"
    note = ixml.findtext("NOTE") or ""
    assert "AI-generated (synthetic)" in note
    assert "rain & <wind>" in note
    assert "licence: Apache-2.0" in note
    assert wavinfo.WavInfoReader(str(tmp_path / "a.wav")).ixml.project == "V2A Studio"


def test_the_same_sound_has_the_same_bytes_and_another_one_another_name(tmp_path: Path) -> None:
    first = give(tone(Fraction(1)), tmp_path / "a.wav")
    again = give(tone(Fraction(1)), tmp_path / "b.wav")
    other = give(tone(Fraction(1), hz=500), tmp_path / "c.wav")
    assert first == again
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert first.size_bytes == (tmp_path / "a.wav").stat().st_size
    assert other.sha256 != first.sha256
    names = [read_bext(tmp_path / name) for name in ("a.wav", "c.wav")]
    assert names[0] is not None
    assert names[1] is not None
    assert names[0].originator_reference != names[1].originator_reference


def test_a_sound_can_be_heard_while_it_comes_in(tmp_path: Path) -> None:
    whole = tone(Fraction(3), peak=0.99)
    halves = [Audio(whole.samples[:, :50_000], 48_000), Audio(whole.samples[:, 50_000:143_900], 48_000)]
    growing, seen = tmp_path / "growing.wav", []

    def more(n_samples: int) -> None:
        data_bytes = growing.stat().st_size - (growing.read_bytes().index(b"data") + 8)
        seen.append((n_samples, data_bytes))

    delivered = deliver(
        halves, tmp_path / "a.wav", Delivery(), start_s=Fraction(0), end_s=Fraction(3), origin=ORIGIN,
        growing=(growing, more),
    )  # fmt: skip
    assert seen == [(50_000, 150_000), (143_900, 431_700), (144_000, 432_000)]
    assert wav_info(growing) == wav_info(tmp_path / "a.wav")
    np.testing.assert_allclose(read_wav(growing).samples[:, :143_900], whole.samples[:, :143_900], atol=2**-23)
    # The finished file is the same but for its level and labels.
    assert delivered.warnings
    heard = read_wav(growing).samples
    lowered = heard * (10 ** (-1 / 20) / heard.max())
    np.testing.assert_allclose(read_wav(tmp_path / "a.wav").samples, lowered, atol=1e-6)
    said = read_bext(growing)
    assert said is not None
    assert "AI-generated" in said.description


def test_the_level_is_left_alone_unless_asked(tmp_path: Path) -> None:
    done = give(tone(Fraction(2), peak=0.1), tmp_path / "a.wav")
    assert done.peak_dbfs == pytest.approx(-20, abs=0.01)
    assert done.loudness_lufs == pytest.approx(-23, abs=0.1)  # BS.1770: a 997 Hz tone of −20 dBFS in one channel
    assert done.warnings == ()
    asked = give(tone(Fraction(2), peak=0.1), tmp_path / "b.wav", Delivery(loudness_lufs=-30.0))
    assert asked.loudness_lufs == pytest.approx(-30, abs=0.05)
    bext = read_bext(tmp_path / "b.wav")
    assert bext is not None
    assert bext.loudness_lufs == pytest.approx(-30, abs=0.05)


def test_peaks_are_held_below_the_ceiling_with_a_warning(tmp_path: Path) -> None:
    done = give(tone(Fraction(1), peak=2.0), tmp_path / "a.wav")
    assert done.peak_dbfs == pytest.approx(-1, abs=0.01)
    assert np.abs(read_wav(tmp_path / "a.wav").samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert len(done.warnings) == 1
    assert "lowered by 7.0 dB" in done.warnings[0]


def test_silence_has_neither_loudness_nor_peak(tmp_path: Path) -> None:
    silence = Audio(np.zeros((1, 48_000), np.float32), 48_000)
    done = give(silence, tmp_path / "a.wav", Delivery(loudness_lufs=-23.0))
    assert done.loudness_lufs is None
    assert done.peak_dbfs is None
    assert "too little sound" in done.warnings[0]
    assert loudness_lufs(tone(Fraction(1, 10))) is None


def test_mono_for_stereo_is_doubled_and_said(tmp_path: Path) -> None:
    done = give(tone(Fraction(1)), tmp_path / "a.wav", Delivery(channels=2))
    left, right = read_wav(tmp_path / "a.wav").samples
    np.testing.assert_array_equal(left, right)
    assert "both channels hold the same sound" in done.warnings[0]


def test_stereo_for_mono_is_mixed_and_said(tmp_path: Path) -> None:
    done = give(tone(Fraction(1), channels=2), tmp_path / "a.wav")
    assert wav_info(tmp_path / "a.wav").channels == 1
    assert "mixed to mono" in done.warnings[0]


def test_up_to_a_token_is_filled_and_more_is_an_error(tmp_path: Path) -> None:
    done = give(tone(Fraction(97, 100)), tmp_path / "a.wav", end_s=Fraction(1))
    assert done.n_samples == 48_000
    assert done.warnings == ()
    assert not read_wav(tmp_path / "a.wav").samples[0, -1_000:].any()
    with pytest.raises(GenerationError, match=r"0\.900 s of sound for 1\.000 s"):
        give(tone(Fraction(9, 10)), tmp_path / "b.wav", end_s=Fraction(1))
    long = give(tone(Fraction(2)), tmp_path / "c.wav", end_s=Fraction(1))
    assert "its end was cut" in long.warnings[0]
    assert not (tmp_path / "b.wav").exists()


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    broken = tone(Fraction(1))
    broken.samples[0, 5] = np.nan
    with pytest.raises(GenerationError, match="not finite"):
        give(broken, tmp_path / "a.wav")
    with pytest.raises(UsageError, match="empty"):
        give(tone(Fraction(1)), tmp_path / "a.wav", start_s=Fraction(1), end_s=Fraction(1))
    assert list(tmp_path.iterdir()) == []


def test_16_bit_delivery(tmp_path: Path) -> None:
    give(tone(Fraction(1)), tmp_path / "a.wav", replace(Delivery(), bit_depth=16))
    assert wav_info(tmp_path / "a.wav").bit_depth == 16


@pytest.mark.parametrize("made_hz", [16_000, 44_100])
def test_a_sound_in_blocks_is_at_48_khz_where_it_was(made_hz: int) -> None:
    """A band-limited click near the beginning, on a second, and off the samples of the new rate."""
    clicks, n_made = (1_000, 5 * made_hz, 20 * made_hz + 3), 21 * made_hz + 7

    def clicking(time: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        return np.asarray([sum(np.sinc((time - click) / 2) for click in clicks)], np.float32)

    made, n_wanted = clicking(np.arange(n_made, dtype=np.float64)), sample_at(Fraction(n_made, made_hz), 48_000)
    expected = clicking(np.arange(n_wanted, dtype=np.float64) * (made_hz / 48_000))
    for n_block in (1_024, 102_400, n_made):
        blocks = (Audio(made[:, first : first + n_block], made_hz) for first in range(0, n_made, n_block))
        there = np.concatenate([block.samples for block in resampled(blocks, 48_000)], axis=1)
        assert there.shape == (1, n_wanted)
        assert np.abs(there - expected)[:, 500:-500].max() < 1e-5


def test_resampling_keeps_the_tone_in_place_and_drops_what_cannot_be_held() -> None:
    there = resample(tone(Fraction(1), 48_000, hz=1_000), 44_100)
    assert there.n_samples == 44_100
    expected = tone(Fraction(1), 44_100, hz=1_000).samples
    assert np.abs(there.samples - expected)[:, 1_000:-1_000].max() < 1e-4
    above = resample(tone(Fraction(1), 96_000, hz=30_000), 48_000)
    assert np.abs(above.samples[:, 1_000:-1_000]).max() < 1e-4
