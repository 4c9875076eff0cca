"""Band-limited change of sample rate."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from v2a.audio import Audio, sample_at
from v2a.extras import require


def resample(audio: Audio, rate_hz: int) -> Audio:
    """The same sound at another rate, n_samples × rate_hz / audio.rate_hz samples long, halves rounded up.

    Raises MissingExtraError where the `server` extra is not installed.
    """
    if rate_hz == audio.rate_hz:
        return audio
    length = sample_at(Fraction(audio.n_samples, audio.rate_hz), rate_hz)
    samples = np.concatenate([block.samples for block in resampled([audio], rate_hz)], axis=1)
    missing = max(length - samples.shape[1], 0)
    return Audio(np.pad(samples, ((0, 0), (0, missing)))[:, :length], rate_hz)


def resampled(blocks: Iterable[Audio], rate_hz: int) -> Iterator[Audio]:
    """The blocks of one sound at another rate; how it was cut into blocks makes no difference.

    Raises MissingExtraError where the `server` extra is not installed.
    """
    stream = None
    for block in blocks:
        if block.rate_hz == rate_hz:
            yield block
            continue
        if stream is None:
            require("server", "soxr")
            import soxr  # only what makes sound needs it, not what reads files

            stream = soxr.ResampleStream(block.rate_hz, rate_hz, block.samples.shape[0], "float32", "HQ")
        yield _sound(stream.resample_chunk(np.ascontiguousarray(block.samples.T)), rate_hz)
    if stream is not None:
        yield _sound(stream.resample_chunk(np.empty((0, block.samples.shape[0]), np.float32), last=True), rate_hz)


def _sound(frames: np.ndarray[tuple[int, ...], np.dtype[np.float32]], rate_hz: int) -> Audio:
    return Audio(frames.T, rate_hz)
