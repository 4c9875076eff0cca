"""What CLIP and Synchformer see of a window: pictures read once for both, in order, a few at a time.

Shape legend: T pictures, N of them for CLIP (64 a window), S segments for Synchformer (24 a window), D features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import torch
from einops import rearrange
from torch import Tensor

from v2a.models.base import Frames
from v2a.models.mmaudio.clip import Clip
from v2a.models.mmaudio.frames import centre, for_clip, for_sync, squashed
from v2a.models.mmaudio.synchformer import Synchformer
from v2a.models.mmaudio.variants import CLIP_RATE_HZ, SEGMENT_FRAMES, SEGMENT_STRIDE, SYNC_RATE_HZ, WINDOW_S

# Pictures in memory at their own size: 200 MB where they are 4K.
_READ_TOGETHER = 8
# What is encoded at once. A processor gains nothing by more than one, and can be stopped after each.
_TOGETHER = {"cpu": (1, 1)}
_TOGETHER_ELSEWHERE = (16, 8)


@dataclass(frozen=True)
class Views:
    """A window as both encoders want it: clip (N, 3, side, side) and sync (T, 3, side, side), uint8."""

    clip: Tensor
    sync: Tensor


@dataclass(frozen=True)
class Eyes:
    """Both encoders."""

    clip: Clip
    sync: Synchformer
    clip_side: int
    sync_side: int

    def see(self, frames: Frames, start_s: Fraction, on_part: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """The window that begins start_s after the clip → CLIP's features (N, D) and Synchformer's (8 S, D).

        on_part is called before each of the `n_parts` parts of the work, or fewer where the picture stands still, and
        may raise to stop.
        """
        parameter = next(self.sync.parameters())
        dtype, n_together = parameter.dtype, _together(parameter.device)
        views = self.look(frames, start_s, on_part)
        segments = views.sync.unfold(0, SEGMENT_FRAMES, SEGMENT_STRIDE)  # (S, 3, side, side, 16)
        segments = rearrange(segments, "s c h w t -> s t c h w")
        pictures = _encoded(lambda x: self.clip.pictures(for_clip(x, dtype)), views.clip, n_together[0], on_part)
        moments = _encoded(lambda x: self.sync(for_sync(x, dtype)), segments, n_together[1], on_part)
        return pictures.to(dtype), rearrange(moments, "s t d -> (s t) d")

    def look(self, frames: Frames, start_s: Fraction, on_part: Callable[[], None]) -> Views:
        """The window that begins start_s after the clip. on_part: see `see`."""
        device = next(self.sync.parameters()).device
        scaling = device if device.type == "cuda" else torch.device("cpu")  # other devices may not know the filter
        seen: dict[int, list[Tensor]] = {CLIP_RATE_HZ: [], SYNC_RATE_HZ: []}
        times = _times()
        for first in range(0, len(times), _READ_TOGETHER):
            on_part()
            wanted = times[first : first + _READ_TOGETHER]
            pictures = frames([start_s + time for time in wanted], None, Fraction(1, SYNC_RATE_HZ)).to(scaling)
            for rate_hz, scaled, side in (
                (CLIP_RATE_HZ, squashed, self.clip_side),
                (SYNC_RATE_HZ, centre, self.sync_side),
            ):
                due = [index for index, time in enumerate(wanted) if (time * rate_hz).denominator == 1]
                if due:
                    seen[rate_hz].append(scaled(pictures[due], side))
        clip, sync = (torch.cat(seen[rate_hz]).to(device) for rate_hz in (CLIP_RATE_HZ, SYNC_RATE_HZ))
        return Views(clip, sync)


def n_parts(device: torch.device) -> int:
    """In how many parts a window is read and encoded."""
    n_pictures, n_segments = WINDOW_S * CLIP_RATE_HZ, (WINDOW_S * SYNC_RATE_HZ - SEGMENT_FRAMES) // SEGMENT_STRIDE + 1
    works = zip((len(_times()), n_pictures, n_segments), (_READ_TOGETHER, *_together(device)), strict=True)
    return sum(-(-n // n_together) for n, n_together in works)


def _together(device: torch.device) -> tuple[int, int]:
    """How many pictures CLIP encodes at once, and how many segments Synchformer."""
    return _TOGETHER.get(device.type, _TOGETHER_ELSEWHERE)


def _times() -> list[Fraction]:
    """Where in a window pictures are looked at, ascending."""
    rates = (CLIP_RATE_HZ, SYNC_RATE_HZ)
    return sorted({Fraction(index, rate_hz) for rate_hz in rates for index in range(WINDOW_S * rate_hz)})


def _encoded(encode: Callable[[Tensor], Tensor], views: Tensor, n_together: int, on_part: Callable[[], None]) -> Tensor:
    """Views, encoded a few at a time; one that is as the one before (the picture is held) costs nothing."""
    new = torch.tensor([True, *(not torch.equal(before, after) for before, after in pairwise(views))])
    parts = []
    for some in torch.split(views[new.to(views.device)], n_together):
        on_part()
        parts.append(encode(some))
    return torch.cat(parts)[(new.cumsum(0) - 1).to(views.device)]
