"""Training windows drawn from rendered scenes, with conditions left out at random."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from v2a.request import LAYERS
from v2a.train.shards import N_TOKENS, TRACKS, Examples, read_shards

_TRACK_SHARES = {"mix": 0.4, "effects": 0.3, "ambience": 0.22, "music": 0.08}


@dataclass(frozen=True)
class Batch:
    """Legend as in `shards`; one row a training window."""

    frames: Tensor  # (B, L, 32, 32) uint8
    latents: Tensor  # (B, L, C)
    onsets: Tensor  # (B, L), 1.0 where an event is seen
    onsets_valid: Tensor  # (B,), 0.0 where the frames are another scene's
    texts: list[str]
    strength: Tensor  # (B, L)
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
    """The examples rendered so far; grows while training goes on."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._have = [0] * len(folders)
        self._parts: list[Examples] = []

    def refresh(self) -> int:
        """Read new shards; returns the number of scenes at hand."""
        for index, folder in enumerate(self._folders):
            part, self._have[index] = read_shards(folder, self._have[index])
            if part is not None:
                self._parts.append(part)
        return sum(len(part.captions) for part in self._parts)

    def pick(self, rng: np.random.Generator) -> tuple[Examples, int]:
        """A scene, all equally likely."""
        sizes = np.array([len(part.captions) for part in self._parts])
        part = self._parts[rng.choice(len(sizes), p=sizes / sizes.sum())]
        return part, int(rng.integers(len(part.captions)))


def draw_batch(rng: np.random.Generator, pool: Pool, n_tokens: int) -> Batch:
    """Windows of 8 s or (two steps in five) 4 s, with conditions left out at random."""
    length = N_TOKENS // 2 if rng.random() < 0.4 else N_TOKENS
    rows = []
    for _ in range(max(n_tokens // length, 1)):
        part, index = pool.pick(rng)
        start = int(rng.integers(N_TOKENS - length + 1))
        span = slice(start, start + length)
        captions = part.captions[index]
        track = str(rng.choice(TRACKS, p=[_TRACK_SHARES[name] for name in TRACKS]))
        if track == "music" and not captions["music"]:
            track = "mix"
        frames, valid = part.frames[index, span], 1.0
        strength, offset = part.strength[index, span], part.offset[index, span]
        cued = track in ("mix", "effects") and rng.random() < 0.4
        fate = rng.random()
        has_video = 0.0 if fate < (0.3 if cued else 0.1) else 1.0
        if cued and has_video and rng.random() < 0.3:
            # Another scene's picture: where cues and pixels disagree, the cues are right.
            other, other_index = pool.pick(rng)
            frames, valid = other.frames[other_index, span], 0.0
        text = "" if rng.random() < 0.2 else captions[track]
        if rng.random() < 0.05:
            text, has_video, cued = "", 0.0, False
        rows.append(
            (
                _worn(rng, frames), part.latents[index, TRACKS.index(track), span], strength > 0, valid, text,
                strength, offset, LAYERS.index(track), has_video, float(cued),
            )
        )  # fmt: skip
    columns = list(zip(*rows, strict=True))

    def stacked(column: int, dtype: type = np.float32) -> Tensor:
        return torch.from_numpy(np.stack(columns[column]).astype(dtype))

    return Batch(
        frames=stacked(0, np.uint8), latents=stacked(1), onsets=stacked(2), onsets_valid=stacked(3),
        texts=list(columns[4]), strength=stacked(5), offset=stacked(6), layer=stacked(7, np.int64),
        has_video=stacked(8), has_cues=stacked(9),
    )  # fmt: skip


def _worn(rng: np.random.Generator, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Mirror, invert, shift and add grain, so that one rendering is never seen twice alike."""
    if rng.random() < 0.5:
        frames = frames[:, :, ::-1]
    if rng.random() < 0.15:
        frames = 255 - frames
    dy, dx = rng.integers(-3, 4, 2)
    frames = np.roll(frames, (dy, dx), (1, 2))
    if rng.random() < 0.5:
        noise = rng.standard_normal(frames.shape, np.float32) * rng.uniform(0, 4)
        frames = np.clip(frames + noise, 0, 255).astype(np.uint8)
    return frames
