"""Looking at a clip as far as its sound needs it: what a model sees, which events, and whether anything moves."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from v2a.features import Features, Watched
from v2a.iterating import FailingForGood
from v2a.media.source import FrameSource
from v2a.models.base import Model, OnPart, Seen
from v2a.request import Clip, Cue
from v2a.windows import Window

_STILL = 4  # grey levels by which a picture may flicker that is taken for still
_SMALL = 128  # pixels, both ways, at which that is told: at full size, grain alone flickers more
# Events seen get times and strengths on these grids, so that they can be written in few digits, and sent back as
# cues mean the very same.
_TIMES_A_SECOND = 10_000
_STRENGTHS = 1_024


class Watching:
    """A clip that a model looks at window by window, each once, for all takes and layers.

    What is asked for is looked at then, and everything before it. Not for several threads at once.
    """

    def __init__(
        self,
        model: Model,
        source: FrameSource,
        clip: Clip,
        windows: Sequence[Window],
        on_part: OnPart,
        features: Features | None = None,
    ) -> None:
        """on_part: see Model.encode_video. features: where all is found if it was seen before, and kept in the end."""
        self._model, self._clip, self._windows, self._features = model, clip, windows, features
        self._presented = _Presented(source, clip, Fraction(1, model.card.sample_rate_hz))
        self._seen: dict[str, Tensor] = {}
        self._n_seen = 0
        self._cues: list[Cue] | None = []
        self._coming: Iterator[Seen] | None = None
        if found := features.find(model, clip) if features else None:
            self._seen, self._presented.moves = dict(found.seen), found.moves
            for _ in windows:
                self._collect_cues()
        else:
            self._coming = FailingForGood(model.encode_video(self._presented, windows, on_part))

    def seen(self, window: Window) -> Seen:
        """What the model sees of a window."""
        while self._n_seen <= window.index and self._look():
            pass
        return _of_window(self._seen, window.index)

    def moves(self) -> bool:
        """Whether anything moves: the clip is looked at until something does."""
        while not self._presented.moves and self._look():
            pass
        return self._presented.moves

    def finds_events(self) -> bool:
        """Whether the model looks for events at all: the first window tells."""
        self.seen(self._windows[0])
        return self._cues is not None

    def strikes(self) -> bool:
        """Whether an event is seen: the clip is looked at until one is."""
        while self.finds_events() and not self._cues and self._look():
            pass
        return bool(self._cues)

    @property
    def cues(self) -> Sequence[Cue]:
        """The events, as cues, of what was looked at so far, ascending."""
        return self._cues or ()

    def whole(self) -> Watched:
        """The clip, looked at to its end."""
        while self._look():
            pass
        return Watched(self._seen, self._presented.moves)

    @torch.inference_mode()  # what is filled by and by must be so in one mode
    def _look(self) -> bool:
        """At the next window; False: there is none."""
        if self._coming is None:
            return False
        for name, value in next(self._coming).items():
            if name not in self._seen:
                # One piece for all windows: kept one by one, between all that is made and thrown away beside them, they
                # would leave holes in the memory that grow with the film.
                self._seen[name] = value.new_empty((len(self._windows), *value.shape), device="cpu")
            self._seen[name][self._n_seen] = value
        self._collect_cues()
        if self._n_seen == len(self._windows):
            self._coming = None  # it may hold on to much
            if self._features:
                self._features.keep(self._model, self._clip, self.whole())
        return True

    def _collect_cues(self) -> None:
        """Those of one more window."""
        window = self._windows[self._n_seen]
        self._n_seen += 1
        events = self._model.seen_events(self.seen(window))
        if events is None or self._cues is None:
            self._cues = None
            return
        new = [(window.start + position, strength) for position, strength in events if position >= window.n_shared]
        self._cues += cues_from(new, self._clip, self._model.card.latent_rate)


def _of_window(seen: Seen, index: int) -> Seen:
    return {name: value[index] for name, value in seen.items()}


def cues_from(events: Iterable[tuple[float, float]], clip: Clip, latent_rate: Fraction) -> Iterator[Cue]:
    """Events seen, (tokens from the clip's start, strength), as cues."""
    for position, strength in events:
        exact_s = clip.start_s + Fraction(position) / latent_rate
        # Up, so that an event of the first instant does not fall before the clip.
        time_s = Fraction(ceil(exact_s * _TIMES_A_SECOND), _TIMES_A_SECOND)
        step = min(round(strength * _STRENGTHS), _STRENGTHS)
        if step > 0 and clip.start_s <= time_s < clip.end_s:
            yield Cue(time_s, step / _STRENGTHS)


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
