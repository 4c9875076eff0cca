"""FFmpeg's ffprobe and MLT's melt read what is delivered, and see its right length."""

import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.hosts

N_FRAMES = 544
RATE = Fraction(18)


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
