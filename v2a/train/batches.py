"""Training windows drawn from soundtracks, with conditions left out at random."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from v2a.models.pocket.codec import N_MELS
from v2a.request import LAYERS
from v2a.train.shards import N_TOKENS, TRACKS, Soundtracks, read_soundtracks, there

_TRACK_SHARES = {"mix": 0.35, "effects": 0.37, "ambience": 0.23, "music": 0.05}
_NOTHING_GIVEN = 0.08
_NO_TEXT = 0.15
_NO_CUES = 0.1
_NO_VIDEO = 0.15
_OTHER_VIDEO = 0.15  # where cues and pixels disagree, the cues are right
# Windows by their length: the shorter, the more names of sounds a step meets; the longest teach what lasts.
_LENGTHS = {N_TOKENS // 4: 0.5, N_TOKENS // 2: 0.25, N_TOKENS: 0.25}
_AT_AN_EVENT = 0.7  # of windows begin less than a second before something strikes
_BEFORE = 20  # tokens


@dataclass(frozen=True)
class Batch:
    """Legend as in `shards`; one row a training window."""

    latents: Tensor  # (B, L, C)
    bands: Tensor  # (B,) mel bands that some recording of the row reaches
    features: Tensor  # (B, L, D)
    texts: list[str]
    strength: Tensor  # (B, L), 0 where no event is
    offset: Tensor  # (B, L)
    layer: Tensor  # (B,)
    has_video: Tensor  # (B,)
    has_cues: Tensor  # (B,)

    def to(self, device: torch.device) -> "Batch":
        """The same rows on a device."""
        fields = ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        moved: dict[str, Any] = {name: value.to(device) for name, value in fields if isinstance(value, Tensor)}
        return replace(self, **moved)


class Pool:
    """The soundtracks composed so far; grows while training goes on."""

    def __init__(self, folders: list[Path], feature_dim: int) -> None:
        self._folders = folders
        self._read: list[set[int]] = [set() for _ in folders]
        self._shards: list[Soundtracks] = []
        self._unseen = np.zeros((N_TOKENS, feature_dim), np.float16)

    def refresh(self) -> int:
        """Read new shards; returns the number of soundtracks at hand."""
        for folder, read in zip(self._folders, self._read, strict=True):
            for number in there(folder):
                if number not in read:
                    self._shards.append(read_soundtracks(folder, number))
                    read.add(number)
        return sum(len(shard.captions) for shard in self._shards)

    def pick(self, rng: np.random.Generator) -> tuple[Soundtracks, int]:
        """A soundtrack, of a shard as likely as any other."""
        shard = self._shards[rng.integers(len(self._shards))]
        return shard, int(rng.integers(len(shard.captions)))

    def features(self, shard: Soundtracks, index: int) -> npt.NDArray[np.float16]:
        """What is seen with a soundtrack (L, D); zeros where it has no film."""
        return self._unseen if shard.features is None else np.asarray(shard.features[index])


def draw_batch(rng: np.random.Generator, pool: Pool, n_tokens: int) -> Batch:
    """Windows of one length, with conditions left out at random."""
    length = int(rng.choice(list(_LENGTHS), p=list(_LENGTHS.values())))
    rows = [_draw_row(rng, pool, length) for _ in range(max(n_tokens // length, 1))]
    columns = list(zip(*rows, strict=True))

    def stacked(column: int, dtype: type = np.float32) -> Tensor:
        return torch.from_numpy(np.stack(columns[column]).astype(dtype))

    return Batch(
        latents=stacked(0), bands=stacked(1, np.int64), features=stacked(2), texts=list(columns[3]),
        strength=stacked(4), offset=stacked(5), layer=stacked(6, np.int64), has_video=stacked(7), has_cues=stacked(8),
    )  # fmt: skip


def _draw_row(rng: np.random.Generator, pool: Pool, length: int) -> tuple[object, ...]:
    shard, index = pool.pick(rng)
    start = _start(rng, shard.strength[index], length)
    span = slice(start, start + length)
    captions = shard.captions[index]
    track = str(rng.choice(TRACKS, p=[_TRACK_SHARES[name] for name in TRACKS]))
    if track != "mix" and not captions[track] and rng.random() < 0.9:
        track = "mix"  # silence is soon learnt
    k = TRACKS.index(track)
    features = pool.features(shard, index)
    has_video = shard.features is not None and rng.random() >= _NO_VIDEO
    # Ambience and music have no instants of their own: there cues are never given.
    cued = track in ("mix", "effects") and rng.random() >= _NO_CUES
    if cued and has_video and rng.random() < _OTHER_VIDEO:
        other = pool.features(*pool.pick(rng))
        features = other
    # What is off screen only words can tell: without them, nothing is to be invented.
    needs_words = bool(shard.unasked[index]) and track != "effects"
    text = captions[track] if needs_words or rng.random() >= _NO_TEXT else ""
    if rng.random() < _NOTHING_GIVEN:
        text, has_video, cued = "", False, False
    shown = 1.0 if cued else 0.0
    return (
        shard.latents[index, k, span], min(int(shard.bands[index, k]) or N_MELS, N_MELS), features[span], text,
        shard.strength[index, span] * shown, shard.offset[index, span] * shown, LAYERS.index(track),
        float(has_video), shown,
    )  # fmt: skip


def _start(rng: np.random.Generator, strength: npt.NDArray[np.float16], length: int) -> int:
    """Where a window begins: mostly a little before an event, where there is one."""
    last, struck = N_TOKENS - length, np.flatnonzero(strength)
    if len(struck) and rng.random() < _AT_AN_EVENT:
        return int(np.clip(rng.choice(struck) - rng.integers(_BEFORE), 0, last))
    return int(rng.integers(last + 1))
