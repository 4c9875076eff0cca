"""FFmpeg's ffprobe and MLT's melt read what is delivered: its length, and each sound at its place."""

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tests.otio.masters import master
from tests.otio.timelines import T, clip, gap, span, timeline
from v2a.audio import sample_at
from v2a.delivery import read_wav
from v2a_otio.exports import Master, write_exports

pytestmark = pytest.mark.hosts

N_FRAMES = 544
RATE = Fraction(18)

# The rates of the melt tests, and melt's own profiles that run at them.
PROFILES = {
    Fraction(24): "atsc_720p_24",
    Fraction(25): "atsc_720p_25",
    Fraction(24000, 1001): "atsc_720p_2398",
    Fraction(30000, 1001): "atsc_720p_2997",
}
HANDLE = 24  # frames before and after each sound
MELTS = 6  # tries


@pytest.fixture
def sound(conformed: Path) -> tuple[Path, int]:
    """A WAV and its length in samples, as the report says it."""
    report = json.loads((conformed / "report.json").read_text())
    told = report["events"][0]["sounds"][0]
    return conformed / told["file"], told["n_samples"]


def probed(ffprobe: str, path: Path, *what: str) -> Any:
    arguments = [ffprobe, "-v", "error", "-of", "json", "-show_streams", "-show_format", *what, str(path)]
    return json.loads(subprocess.run(arguments, check=True, capture_output=True).stdout)


def melted(melt: str, path: Path) -> tuple[int, Fraction]:
    """Length in frames, and frames a second, as melt sees a file."""
    arguments = [melt, str(path), "-consumer", "xml"]
    done = subprocess.run(arguments, check=True, capture_output=True)
    # The file is ours, and so is the program that describes it.
    document = ET.fromstring(done.stdout)  # noqa: S314
    profile = document.find("profile")
    assert profile is not None
    rate = Fraction(int(profile.attrib["frame_rate_num"]), int(profile.attrib["frame_rate_den"]))
    length = document.find("*/property[@name='length']")
    assert length is not None
    assert length.text
    return int(length.text), rate


def test_ffprobe_sees_the_sound(sound: tuple[Path, int], program: Callable[..., str]) -> None:
    path, n_samples = sound
    seen = probed(program("ffprobe", "ffmpeg"), path)
    (stream,) = seen["streams"]
    assert (stream["codec_name"], stream["sample_rate"], stream["channels"]) == ("pcm_s24le", "48000", 1)
    assert stream["duration_ts"] == n_samples
    # The timeline starts at 01:00:00:00.
    assert int(seen["format"]["tags"]["time_reference"]) == 3600 * 48_000


def test_ffprobe_sees_the_film(conformed: Path, program: Callable[..., str]) -> None:
    seen = probed(program("ffprobe", "ffmpeg"), conformed / "preview.mp4", "-count_packets")
    picture, heard = sorted(seen["streams"], key=lambda stream: stream["codec_type"], reverse=True)
    assert picture["codec_name"] == "h264"
    assert int(picture["nb_read_packets"]) == N_FRAMES
    assert Fraction(picture["avg_frame_rate"]) == RATE
    assert heard["codec_type"] == "audio"
    assert float(heard["duration"]) == pytest.approx(N_FRAMES / RATE, abs=0.05)


def test_melt_sees_the_sound(sound: tuple[Path, int], program: Callable[..., str]) -> None:
    path, n_samples = sound
    n_frames, rate = melted(program("melt"), path)
    assert abs(n_frames / rate - Fraction(n_samples, 48_000)) <= 1 / rate


def test_melt_sees_the_film(conformed: Path, program: Callable[..., str]) -> None:
    n_frames, rate = melted(program("melt"), conformed / "preview.mp4")
    assert abs(n_frames / rate - N_FRAMES / RATE) <= 1 / rate


def three_shots(folder: Path, rate: Fraction, pause: int, clicks: list[int]) -> tuple[Master, list[tuple[int, int]]]:
    """Shots of 29 and 56 frames, a pause, and one of 115; clicks at frames. Also each event's start and length."""
    number = float(rate)
    shots = [
        clip("one", "/films/a.mov", span(100, 29, number)),
        clip("two", "/films/b.mov", span(200, 56, number)),
        gap(pause, number),
        clip("three", "/films/a.mov", span(300, 115, number)),
    ]
    made = timeline(shots, start=T.RationalTime(round(3600 * number), number))
    found = master(made, folder, clicks_s=[frame / rate for frame in clicks], handle_frames=HANDLE)
    return found, [(0, 29), (29, 56), (85 + pause, 115)]


def rendered(melt: str, what: list[str], out: Path) -> list[int]:
    """At which samples a timeline clicks, as melt plays it."""
    sound = ["-consumer", f"avformat:{out}", "acodec=pcm_s24le", "ar=48000", "ac=1", "vn=1", "real_time=-1"]
    for _ in range(MELTS):
        # Now and then melt 7.12 hangs before it has played anything, whatever it is given.
        with suppress(subprocess.TimeoutExpired):
            subprocess.run([melt, *what, *sound], check=True, capture_output=True, timeout=90)
        if out.is_file() and out.stat().st_size:
            break
    return [int(at) for at in np.flatnonzero(np.abs(read_wav(out).samples[0]) > 0.1)]


def by_hand(melt: str, rate: Fraction, made: Master, events: list[tuple[int, int]], out: Path) -> list[int]:
    """The same, of a timeline put together on melt's own command line."""
    what, cursor = ["-profile", PROFILES[rate]], 0
    for file, (start, length) in zip([file for file in made.files if file.layer == "effects"], events, strict=True):
        if start > cursor:
            what += ["colour:black", f"out={start - cursor - 1}", "set.test_audio=0"]
        what += [str(made.folder / file.path), f"in={HANDLE}", f"out={HANDLE + length - 1}"]
        cursor = start + length
    return rendered(melt, what, out)


@pytest.mark.parametrize("rate", PROFILES, ids=str)
def test_melt_plays_every_sound_at_its_place(tmp_path: Path, rate: Fraction, program: Callable[..., str]) -> None:
    melt = program("melt")
    clicks = [3, 28, 30, 60, 84, 113, 200]
    made, events = three_shots(tmp_path, rate, 28, clicks)
    (export,) = write_exports(["mlt"], made)
    places = [sample_at(frame / rate, 48_000) for frame in clicks]
    heard = rendered(melt, [str(tmp_path / export.file)], tmp_path / "heard.wav")
    assert len(heard) == len(places), "both layers click at once, and nothing else does"
    errors = [abs(at - place) for at, place in zip(heard, places, strict=True)]
    if max(errors) <= 1:
        return
    # At 29.97 melt plays each clip for the samples that its frames have in the clip, not in the timeline.
    hand = by_hand(melt, rate, made, events, tmp_path / "hand.wav")
    assert [abs(at - place) for at, place in zip(hand, places, strict=True)] == errors


@pytest.mark.parametrize("rate", PROFILES, ids=str)
def test_melt_plays_the_last_sound_of_three_hours_at_its_place(
    tmp_path: Path, rate: Fraction, program: Callable[..., str]
) -> None:
    melt = program("melt")
    pause = int(3 * 3600 * rate)
    clicks = [85 + pause, 85 + pause + 57, 85 + pause + 114]
    made, _ = three_shots(tmp_path, rate, pause, clicks)
    (export,) = write_exports(["mlt"], made)
    first = pause  # from here on, a few seconds are played and the hours before are not
    span_of = [f"in={first}", f"out={85 + pause + 114}"]
    heard = rendered(melt, [str(tmp_path / export.file), *span_of], tmp_path / "heard.wav")
    places = [sample_at(frame / rate, 48_000) - sample_at(first / rate, 48_000) for frame in clicks]
    assert len(heard) == len(places)
    assert max(abs(at - place) for at, place in zip(heard, places, strict=True)) <= 1
