"""Training of the eyes: frames in, events out, on rendered films alone. No sound is needed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from v2a.models.pocket.video import VideoEncoder
from v2a.train.loop import Settings, train
from v2a.train.shards import N_TOKENS, Films, events_on_tokens, read_films, there

_STRETCH = N_TOKENS // 2  # tokens of a film at a time: twice the films a step
_NEIGHBOUR = 0.3  # what the tokens beside an event's are worth: where frames are few, nobody can tell them apart
_EVENT_WEIGHT = 4.0
_BESIDE_WEIGHT = 0.5  # of where and how strong, against whether


class Cinema:
    """The films at hand; grows while training goes on."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._films: dict[tuple[Path, int], Films] = {}

    def refresh(self) -> int:
        """Look for new shards; returns the number of films at hand."""
        for folder in self._folders:
            for number in there(folder):
                if (folder, number) not in self._films:
                    self._films[folder, number] = read_films(folder, number)
        return sum(len(films.heard) for films in self._films.values())

    def pick(
        self, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Half of a random film: frames (L, 64, 64), and strength and offset of their events (L,)."""
        films = self._films[list(self._films)[rng.integers(len(self._films))]]
        k, start = int(rng.integers(len(films.heard))), int(rng.integers(N_TOKENS - _STRETCH + 1))
        strength, offset = events_on_tokens(sorted(event for heard in films.heard[k] for event in heard.events))
        part = slice(start, start + _STRETCH)
        return films.frames[k, part], strength[part], offset[part]


def train_eyes(folder: Path, eyes: VideoEncoder, cinema: Cinema, tokens: int, settings: Settings) -> None:
    """Train the eyes in place; log and checkpoint in `folder`. tokens: frames a step."""

    def loss(step: int, device: torch.device) -> dict[str, Tensor]:
        rng = np.random.default_rng([2, step])
        parts = [cinema.pick(rng) for _ in range(max(tokens // _STRETCH, 1))]
        frames = torch.from_numpy(np.stack([worn(rng, frames) for frames, _, _ in parts])).to(device)
        strength, offset = (torch.from_numpy(np.stack([part[k] for part in parts])).to(device) for k in (1, 2))
        return sight_loss(eyes, frames, strength, offset)

    train(folder, {"video": eyes}, loss, settings, cinema.refresh)


def sight_loss(eyes: VideoEncoder, frames: Tensor, strength: Tensor, offset: Tensor) -> dict[str, Tensor]:
    """Frames (B, L, H, W), strength (B, L), 0 where no event is, and offset (B, L) → the parts of the loss."""
    sight = eyes.see(eyes(frames))
    here = (strength > 0).float()
    target = torch.maximum(here, _NEIGHBOUR * F.max_pool1d(here[:, None], 3, stride=1, padding=1)[:, 0])
    weight = 1 + _EVENT_WEIGHT * target
    whether = (F.binary_cross_entropy_with_logits(sight.logit, target, reduction="none") * weight).mean()
    n_events = here.sum().clamp_min(1)
    where = ((sight.offset - offset).abs() * here).sum() / n_events
    how = ((sight.strength - strength).abs() * here).sum() / n_events
    return {"whether": whether, "where": _BESIDE_WEIGHT * where, "how": _BESIDE_WEIGHT * how}


def worn(rng: np.random.Generator, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Mirror, invert, shift and add grain, so that one rendering is never seen twice alike."""
    if rng.random() < 0.5:
        frames = frames[:, :, ::-1]
    if rng.random() < 0.1:
        frames = 255 - frames
    if rng.random() < 0.7:
        frames = np.roll(frames, tuple(rng.integers(-6, 7, 2)), (1, 2))
    if rng.random() < 0.4:
        noise = rng.standard_normal(frames.shape, np.float32) * np.float32(rng.uniform(0, 5))
        frames = np.clip(frames + noise, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(frames)
