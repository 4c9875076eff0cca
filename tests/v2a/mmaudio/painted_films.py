"""Films painted by code: a coloured square that moves, with a sound that belongs to it."""

from pathlib import Path

import av
import numpy as np

_RATE_HZ = 16_000


def paint_film(
    path: Path, kind: int, duration_s: float = 8.0, *, sound: bool = True, silent: bool = False, late_s: float = 0.0
) -> None:
    """kind: the colour, the way and the pitch. late_s: how much later than the picture the sound begins."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        audio = container.add_stream("pcm_s16le", rate=_RATE_HZ, layout="mono") if sound else None
        for number in range(round(duration_s * 25)):
            picture = np.full((64, 64, 3), 40 * kind, np.uint8)
            at = (number * (kind + 1)) % 48
            picture[at : at + 16, 24:40, kind % 3] = 255
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode(None))
        if audio:
            time = np.arange(round((duration_s - late_s) * _RATE_HZ)) / _RATE_HZ
            wave = 0.3 * np.sin(2 * np.pi * 200 * (kind + 1) * time) * (np.sin(2 * np.pi * (kind + 1) * time) > 0)
            frame = av.AudioFrame.from_ndarray((wave * (not silent) * 32_767).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.pts = _RATE_HZ, round(late_s * _RATE_HZ)
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
