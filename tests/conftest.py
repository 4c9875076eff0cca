"""Small films made by code, for the tests of every room."""

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does

Painter = Callable[[int], npt.NDArray[np.uint8]]

_BITS = 12
_TICK = Fraction(1, 90_000)


@pytest.fixture(scope="session")
def make_film() -> Callable[..., Path]:
    """The function `write_film`."""
    return write_film


@pytest.fixture(scope="session")
def frame_number() -> Callable[[npt.NDArray[np.uint8]], int]:
    """Reads the number that `write_film` paints on a frame, at whatever size (H, W ≥ 24, 3) it was read."""
    return read_number


def write_film(
    path: Path,
    rate: Fraction = Fraction(25),
    n_frames: int = 50,
    size: tuple[int, int] = (48, 96),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    painter: Painter | None = None,
    sound_hz: float | None = None,
    start_s: Fraction = Fraction(0),
    durations: Sequence[Fraction] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a film; the container follows from the suffix of `path`.

    size: (height, width). painter: frame index → (H, W, 3) RGB; by default each frame shows its own number.
    options: of the encoder; by default key frames every 12 frames and two B-frames where the codec has them.
    sound_hz: adds a sine of that frequency over the whole film, AAC or Opus as the container wants. start_s:
    presentation time of the first frame; where it is negative and the container is MP4 or MOV, the frames
    before zero are cut off by an edit list. durations: seconds each frame is shown, instead of 1 / rate.
    """
    height, width = size
    painter = painter or (lambda index: paint_number(index, size))
    shown_s = list(durations) if durations is not None else [1 / rate] * n_frames
    if options is None:
        options = {"g": "12", "bf": "2"} if codec in ("libx264", "mpeg4") else {"g": "12"}
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        video = container.add_stream(codec, rate=rate, options=options)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        # A coarse encoder clock would round the stamps of odd rates and of offsets.
        video.codec_context.time_base = 1 / rate if durations is None and (start_s * rate).denominator == 1 else _TICK
        sound = _add_sound(container, path) if sound_hz else None
        time_s = start_s
        for index in range(n_frames):
            frame = av.VideoFrame.from_ndarray(painter(index), format="rgb24")
            frame.time_base = video.codec_context.time_base
            frame.pts = round(time_s / frame.time_base)
            frame.duration = round(shown_s[index] / frame.time_base)
            container.mux(video.encode(frame))
            time_s += shown_s[index]
        container.mux(video.encode(None))
        if sound is not None:
            assert sound_hz is not None
            for audio_frame in _sine(sound_hz, start_s, sum(shown_s, Fraction(0))):
                container.mux(sound.encode(audio_frame))
            container.mux(sound.encode(None))
    return path


def paint_number(index: int, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The frame number in binary, as black and white bars, low bit first."""
    height, width = size
    bits = [(index >> bit) & 1 for bit in range(_BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 255, width // _BITS)
    row = np.pad(row, (0, width - len(row)))
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def read_number(picture: npt.NDArray[np.uint8]) -> int:
    """What `paint_number` painted."""
    height, width, _ = picture.shape
    row = picture[height // 4 : -height // 4].mean(axis=(0, 2))
    middles = [int((bit + 0.5) * (width / _BITS)) for bit in range(_BITS)]
    return sum(1 << bit for bit, middle in enumerate(middles) if row[middle] > 127)


def _add_sound(container: av.container.OutputContainer, path: Path) -> av.AudioStream:
    stream = container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48_000)
    assert isinstance(stream, av.AudioStream)
    stream.codec_context.layout = "mono"
    return stream


def _sine(hz: float, start_s: Fraction, duration_s: Fraction) -> list[av.AudioFrame]:
    n_samples = round(duration_s * 48_000)
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(n_samples) / 48_000)
    frames = []
    for start in range(0, n_samples, 4_800):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 4_800].astype(np.float32), "flt", "mono")
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = round(start_s * 48_000) + start
        frames.append(frame)
    return frames
