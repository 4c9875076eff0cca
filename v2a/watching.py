"""A clip's frames as presented, for a model to look at, and whether anything in them moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from v2a.features import Watched
from v2a.media.source import FrameSource
from v2a.models.base import Model, OnPart
from v2a.request import Clip
from v2a.windows import Window

_STILL = 4  # grey levels by which a picture may flicker that is taken for still
_SMALL = 128  # pixels, both ways, at which that is told: at full size, grain alone flickers more


def watch(model: Model, source: FrameSource, clip: Clip, windows: Sequence[Window], on_part: OnPart) -> Watched:
    """Let a model look at a clip, and look along whether anything moves. on_part: see Model.encode_video."""
    presented = _Presented(source, clip, Fraction(1, model.card.sample_rate_hz))
    seen = model.encode_video(presented, windows, on_part)
    return Watched(seen, presented.moves)


@dataclass
class _Presented:
    """Implements `v2a.models.base.Frames`. moment_s: how long before its end a clip is looked at last."""

    source: FrameSource
    clip: Clip
    moment_s: Fraction
    moves: bool = False
    _last: tuple[Fraction, npt.NDArray[np.uint8]] | None = None

    def __call__(
        self, times_s: Sequence[Fraction], size: tuple[int, int] | None, within_s: Fraction = Fraction(0)
    ) -> Tensor:
        """See Frames."""
        clip = self.clip
        presented = [min(clip.start_s + time_s, clip.end_s - self.moment_s) for time_s in times_s]
        ranges = [clip.source_range(time_s, within_s) for time_s in presented]
        pictures = self.source.read(
            [start for start, _ in ranges], size or self._own_size(), [end for _, end in ranges]
        )
        self.moves = self.moves or self._some_move(times_s, pictures)
        return torch.from_numpy(pictures)

    def _own_size(self) -> tuple[int, int]:
        return self.source.info.height, self.source.info.width

    def _some_move(self, times_s: Sequence[Fraction], pictures: npt.NDArray[np.uint8]) -> bool:
        """Also from the last picture of the call before to the first of this, where the clip went on between them."""
        small = [_small(picture) for picture in pictures]
        if self._last is not None and self._last[0] <= times_s[0]:
            small.insert(0, self._last[1])
        self._last = times_s[-1], small[-1]
        return any(
            bool((np.maximum(before, after) - np.minimum(before, after)).max() > _STILL)
            for before, after in pairwise(small)
        )


def _small(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(H, W, 3) → no more than _SMALL each way, by averaging areas."""
    if max(picture.shape[:2]) <= _SMALL:
        return picture
    upright = rearrange(torch.from_numpy(picture), "h w c -> 1 c h w").float()
    averaged = F.interpolate(upright, (_SMALL, _SMALL), mode="area").round().to(torch.uint8)
    return averaged[0].numpy()
