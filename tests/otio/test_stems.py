"""Stems: one WAV a reel and layer, to the sample."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.otio.masters import master
from tests.otio.timelines import T, clip, dissolve, gap, span, timeline
from v2a.audio import Audio, sample_at
from v2a.delivery import read_bext, read_wav, write_wav
from v2a_otio.exports import Master
from v2a_otio.mix import mix
from v2a_otio.stems import write_stems

RATE = Fraction(30000, 1001)
NUMBER = float(RATE)


def reels(tmp_path: Path, clicks_s: list[Fraction]) -> Master:
    """Two reels, the first of them seen twice around the other, an hour into timecode."""
    shots = [
        gap(7, NUMBER),
        clip("a1", "/films/reel 1.mov", span(0, 100, NUMBER)),
        clip("b1", "/films/reel 2.mov", span(0, 50, NUMBER)),
        clip("a2", "/films/reel 1.mov", span(100, 31, NUMBER)),
    ]
    return master(timeline(shots, start=T.RationalTime(107892, NUMBER)), tmp_path, clicks_s=clicks_s)


def test_a_stem_is_as_long_as_its_reels_stretch_and_sounds_to_the_sample(tmp_path: Path) -> None:
    clicks_s = [Fraction(n) / RATE for n in (7, 60, 130, 170)]
    made = reels(tmp_path, clicks_s)
    stems = write_stems(made.plans, made.files, made.cut.origin_s, tmp_path)
    assert [(stem.reel, stem.layer, stem.file) for stem in stems] == [
        ("reel 1", "effects", "stems/reel_1_SFX.wav"),
        ("reel 1", "ambience", "stems/reel_1_AMB.wav"),
        ("reel 2", "effects", "stems/reel_2_SFX.wav"),
        ("reel 2", "ambience", "stems/reel_2_AMB.wav"),
    ]
    for stem, first, last, heard in ((stems[0], 7, 188, (7, 60, 170)), (stems[2], 107, 157, (130,))):
        samples = read_wav(tmp_path / stem.file).samples
        start = sample_at(first / RATE, 48_000)
        assert samples.shape == (1, sample_at(last / RATE, 48_000) - start)
        assert np.flatnonzero(samples[0]).tolist() == [sample_at(n / RATE, 48_000) - start for n in heard]
        bext = read_bext(tmp_path / stem.file)
        assert bext is not None
        assert bext.time_reference == sample_at(made.cut.origin_s + first / RATE, 48_000)
        assert "synthetic" in bext.description


def test_reels_whose_names_are_alike_in_ascii_do_not_share_a_file(tmp_path: Path) -> None:
    shots = [clip("a", "/films/東京.mov", span(0, 24, 24)), clip("b", "/films/大阪.mov", span(0, 24, 24))]
    made = master(timeline(shots), tmp_path, layers=["mix"])
    stems = write_stems(made.plans, made.files, made.cut.origin_s, tmp_path)
    assert [stem.file for stem in stems] == ["stems/clip_MIX.wav", "stems/clip_MIX_2.wav"]


@pytest.mark.parametrize("frames", [(3, 5), (0, 6), (1, 0)])
def test_a_mix_in_blocks_is_the_sum_with_its_dissolves_at_equal_power(tmp_path: Path, frames: tuple[int, int]) -> None:
    shots = [
        clip("a", "/films/a.mov", span(0, 300, 24)),
        dissolve(*frames, 24),
        clip("b", "/films/b.mov", span(0, 300, 24)),
    ]
    made = master(timeline(shots), tmp_path, layers=["mix"])
    noise = np.random.default_rng(1)
    for file in made.files:
        samples = noise.normal(0, 0.1, (1, file.coverage.whole.n_samples(48_000))).astype(np.float32)
        write_wav(tmp_path / file.path, Audio(samples, 48_000))
    total = np.concatenate(list(mix(made.files, tmp_path, 0, 600 * 2000)), axis=1)[0]
    wanted = np.zeros(600 * 2000)
    before, after = (count * 2000 for count in frames)
    rise = np.sin(np.linspace(0, np.pi / 2, before + after))
    for file, gain_at, gain in zip(made.files, (0, 0), (rise[::-1], rise), strict=True):
        start = sample_at(file.coverage.heard.start_s, 48_000)
        end = sample_at(file.coverage.heard.end_s, 48_000)
        whole = read_wav(tmp_path / file.path).samples[0]
        part = whole[start - sample_at(file.coverage.whole.start_s, 48_000) :][: end - start].astype(float)
        if start == 0:
            part[len(part) - len(gain) :] *= gain
        else:
            part[gain_at : len(gain)] *= gain
        wanted[start:end] += part
    assert np.abs(total - wanted).max() < 1e-6
    # What begins within a stretch is the same as there in the whole.
    middle = np.concatenate(list(mix(made.files, tmp_path, 290 * 2000 + 7, 310 * 2000)), axis=1)[0]
    assert np.array_equal(middle, total[290 * 2000 + 7 : 310 * 2000])
