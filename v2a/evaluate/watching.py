"""What can be told of a film's timing without making a sound: the baselines of the timing measures."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch

from v2a.evaluate.timing import motion_peaks
from v2a.media.source import FrameSource
from v2a.models.base import Model


def eyes(model: Model, frames: npt.NDArray[np.uint8]) -> list[float]:
    """The events that the model itself sees in frames (T, H, W, 3) at its rate, in seconds."""
    seen = model.seen_events(model.encode_video(torch.from_numpy(frames)))
    return [position / model.card.latent_rate_hz for position, _ in seen]


def motion(model: Model, frames: npt.NDArray[np.uint8]) -> list[float]:
    """Peaks of motion in the same frames, in seconds."""
    return motion_peaks(frames.mean(-1), float(model.card.frame_rate))


def watched(model: Model, source: FrameSource, start_s: Fraction, end_s: Fraction) -> npt.NDArray[np.uint8]:
    """The frames (T, H, W, 3) that the model reads of a stretch of a film: those shown at its tokens' middles."""
    n_tokens = int((end_s - start_s) * model.card.frame_rate)
    times = [start_s + (token + Fraction(1, 2)) / model.card.frame_rate for token in range(n_tokens)]
    return source.read(times, model.card.frame_size)
