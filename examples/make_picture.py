"""Draws the README's picture from a conformed demo: `python -m examples.make_picture [OUTDIR] [PICTURE]`.

A strip of the film, the spectrogram of the sound made for it, and between them the true times of the impacts.
"""

import json
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from v2a.delivery import read_wav

WIDTH = 1200
_FRAMES = 8
_SOUND_HEIGHT = 200
_TICKS_HEIGHT = 14
_WINDOW = 2048
_FLOOR_DB = 75.0  # below the loudest point
# Black, violet, orange, near white: a spectrogram's usual colours, as (position, red, green, blue).
_COLOURS = np.array([(0.0, 8, 8, 20), (0.35, 86, 25, 110), (0.7, 232, 105, 50), (1.0, 252, 247, 190)])

Image = npt.NDArray[np.uint8]  # (H, WIDTH, 3)


def main(conformed: Path, picture: Path) -> None:
    """Write the picture of the first event."""
    event = json.loads((conformed / "report.json").read_text())["events"][0]
    sound = read_wav(conformed / event["sounds"][0]["file"])
    start_s = Fraction(event["heard"]["start"]["num"], event["heard"]["start"]["den"])
    told = json.loads((Path(__file__).parent / "impacts.json").read_text())
    impacts_s = [Fraction(time) - start_s for time in told["timeline"]["clips"][0]["impacts_s"]]
    rows = [
        strip(conformed / "preview.mp4", start_s, sound.duration_s),
        ticks([float(time / sound.duration_s) for time in impacts_s]),
        spectrogram(sound.samples[0]),
    ]
    picture.parent.mkdir(parents=True, exist_ok=True)
    image = av.VideoFrame.from_ndarray(np.concatenate(rows), format="rgb24")
    with av.open(str(picture), "w", format="image2", options={"update": "1"}) as file:
        stream = file.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = image.width, image.height, "rgb24"
        file.mux([*stream.encode(image), *stream.encode()])


def strip(film: Path, start_s: Fraction, duration_s: Fraction) -> Image:
    """Frames of a film, side by side, each from the middle of its part of the range."""
    wanted = [start_s + duration_s * Fraction(2 * index + 1, 2 * _FRAMES) for index in range(_FRAMES)]
    shown: list[Image] = []
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        width = WIDTH // _FRAMES
        height = width * stream.height // stream.width
        for frame in container.decode(stream):
            if len(shown) < _FRAMES and Fraction(frame.pts or 0) * (frame.time_base or 1) >= wanted[len(shown)]:
                image = frame.reformat(width=width, height=height, format="rgb24")
                shown.append(image.to_ndarray().astype(np.uint8, copy=False))
    return np.concatenate(shown, axis=1)


def ticks(positions: list[float]) -> Image:
    """A pale band with a dark mark at each position, 0 (left) … 1 (right)."""
    band = np.full((_TICKS_HEIGHT, WIDTH, 3), 238, np.uint8)
    for position in positions:
        column = round(position * WIDTH)
        band[:, max(column - 1, 0) : column + 2] = (190, 40, 30)
    return band


def spectrogram(samples: npt.NDArray[np.float32]) -> Image:
    """Loudness over time and, upwards, frequency (logarithmic, from 60 Hz to 20 kHz at 48 kHz)."""
    padded = np.pad(samples, _WINDOW // 2)
    starts = np.linspace(0, len(samples) - 1, WIDTH).astype(int)
    frames = np.stack([padded[start : start + _WINDOW] for start in starts]) * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(frames)) ** 2  # (WIDTH, bins)
    edges = np.geomspace(60, 20_000, _SOUND_HEIGHT + 1) / 48_000 * _WINDOW
    low = np.floor(edges[:-1]).astype(int)
    bands = np.stack([power[:, a : max(int(b), a + 1)].mean(axis=1) for a, b in zip(low, edges[1:], strict=True)])
    level = 10 * np.log10(bands + 1e-12)
    height = np.clip((level - level.max()) / _FLOOR_DB + 1, 0, 1)[::-1]
    colours = [np.interp(height, _COLOURS[:, 0], _COLOURS[:, channel]) for channel in (1, 2, 3)]
    return np.stack(colours, axis=-1).astype(np.uint8)


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "build/demo"),
        Path(sys.argv[2] if len(sys.argv) > 2 else "docs/images/demo.png"),
    )
