"""What is decided without Resolve."""

from fractions import Fraction as F
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.resolve.times import timecode_of
from v2a_resolve import decisions, times


@pytest.mark.parametrize(
    ("said", "rate"),
    [
        ("23.976", F(24000, 1001)),
        (23.976, F(24000, 1001)),
        ("23.976023976", F(24000, 1001)),
        ("23.98", F(24000, 1001)),
        ("24", F(24)),
        (24.0, F(24)),
        ("25.000", F(25)),
        ("29.97", F(30000, 1001)),
        ("29.97 DF", F(30000, 1001)),
        ("59.94 DF", F(60000, 1001)),
        (119.88, F(120000, 1001)),
        ("16", F(16)),
        ("18.182", F(200, 11)),
        (12.5, F(25, 2)),
        ("", None),
        (None, None),
        ("0", None),
        ("Interlaced", None),
    ],
)
def test_rates_are_exact(said: Any, rate: F | None) -> None:
    assert times.rate_of(said) == rate


@pytest.mark.parametrize(
    ("rate", "drop"),
    [
        (F(24), False),
        (F(24000, 1001), False),
        (F(30000, 1001), False),
        (F(30000, 1001), True),
        (F(60000, 1001), True),
    ],
)
def test_timecode_of_every_frame_around_each_minute_is_read_back(rate: F, drop: bool) -> None:
    nominal = round(rate)
    for minute in (0, 1, 9, 10, 11, 59, 60, 61, 600):
        for frame in range(max(0, minute * 60 * nominal - 70), minute * 60 * nominal + 70):
            assert times.frame_of(timecode_of(frame, rate, drop), rate, drop) == frame


@pytest.mark.parametrize(
    ("frames", "seconds", "duration", "media", "timeline", "speed", "whole"),
    [
        (96, 4.0, 96, F(24), F(24), F(1), True),
        (95, 4.0, 96, F(24), F(24), F(1), True),  # one off, as some clips are
        (48, 2.0, 96, F(24), F(24), F(1, 2), True),
        (47, 2.0, 96, F(24), F(24), F(1, 2), True),
        (-96, -4.0, 96, F(24), F(24), F(-1), True),
        (0, 0.0, 96, F(24), F(24), F(0), True),
        (120, 4.0, 96, F(30), F(24), F(1), True),
        (240, 8.0, 96, F(30), F(24), F(2), True),
        (36, None, 96, F(24), F(24), F(38, 100), True),  # without seconds, 37 or 38
        (803, 803 / 24, 1200, F(24), F(24), F(67, 100), True),
    ],
)
def test_speeds(
    frames: int, seconds: float | None, duration: int, media: F, timeline: F, speed: F, whole: bool
) -> None:
    found, is_whole = decisions.speed(frames, seconds, duration, media, timeline)
    assert is_whole is whole
    assert abs(found - speed) <= (F(1, 100) if seconds is None else 0)


def test_a_speed_that_no_dialog_gives_may_be_a_ramp() -> None:
    found, is_whole = decisions.speed(1407, 1407 / 24, 2000, F(24), F(24))
    assert not is_whole
    assert abs(found * 2000 - 1407) <= 1


def test_images_are_listed(tmp_path: Path) -> None:
    assert decisions.images_of("/scans/reel.[0998-1001].dpx") == [f"/scans/reel.{n:04}.dpx" for n in range(998, 1002)]
    assert decisions.images_of("/scans/[9-11].png") == ["/scans/9.png", "/scans/10.png", "/scans/11.png"]
    assert decisions.images_of("/films/a [1].mov") is None
    paths = [str(tmp_path / f"a.{n}.dpx") for n in range(3)]
    Path(paths[1]).touch()
    assert decisions.missing_images(paths) == ["a.0.dpx", "a.2.dpx"]
    assert decisions.missing_images([str(tmp_path / "gone" / "a.0.dpx")]) == ["a.0.dpx"]


def test_markers_that_reach_into_a_range_speak_there() -> None:
    said = decisions.markers_within(
        [
            (F(0), F(20), ["before, and into it"]),
            (F(12), F(1), ["a", "b"]),
            (F(0), F(10), ["before"]),
            (F(30), F(1), ["after"]),
        ],
        F(10),
        F(30),
        F(24),
    )
    assert said == [
        {"time": "5/12", "text": "before, and into it"},
        {"time": "1/2", "text": "a"},
        {"time": "1/2", "text": "b"},
    ]


@pytest.mark.parametrize(
    ("offset", "n_frames", "media", "timeline", "span"),
    [(48, 96, F(24), F(24), (48, 144)), (0, 96, F(25), F(24), (0, 100)), (0, 100, F(24), F(60000, 1001), (0, 41))],
)
def test_frames_of_a_wav_cover_those_of_the_timeline(
    offset: int, n_frames: int, media: F, timeline: F, span: tuple[int, int]
) -> None:
    assert decisions.media_frames({"offset": offset, "start": 10, "end": 10 + n_frames}, media, timeline) == span


def test_each_layer_has_a_colour_that_clips_may_have() -> None:
    from tests.doubles.resolve.media import CLIP_COLOURS

    colours = [decisions.colour_of(layer) for layer in ("mix", "effects", "ambience", "music", "dialogue", "new")]
    assert set(colours) <= set(CLIP_COLOURS)
    assert len(set(colours)) == 6


def test_a_sound_of_two_channels_wants_a_stereo_track() -> None:
    assert [decisions.track_type(channels) for channels in (1, 2)] == ["mono", "stereo"]
    assert decisions.reel_name("0a1b2c3d" * 8) == "V2A0A1B2"
