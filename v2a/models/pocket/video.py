"""Frames → what is seen moving, a feature a token, and the events that are seen.

Shape legend: B batch, T frames (= tokens, 25 a second), H = W = 64 pixels, D features.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

FRAME_SIZE = 64  # pixels, both ways

# An event is where the network is surer than this (best on new films of the training renderer) and surer than two
# tokens either side.
_SEEN = 0.35
_APART = 2


class TemporalBlock(nn.Module):
    """Depthwise convolution over time, then a two-layer network; residual."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(dim, dim, (1, kernel), padding=(0, kernel // 2), groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 2 * dim)
        self.down = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) → (B, T, D)."""
        # As an image of height 1 whose channels lie last in memory: many times faster than Conv1d on a CPU.
        mixed = rearrange(self.mix(rearrange(x, "b t d -> b d 1 t")), "b d 1 t -> b t d")
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(mixed))))
        return out


class CellBlock(nn.Module):
    """As `TemporalBlock`, for each cell of the picture by itself and with the same weights: what a reversal of motion
    looks like does not depend on where it is."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(dim, dim, (kernel, 1), padding=(kernel // 2, 0), groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, n_batch: int) -> Tensor:
        """(B T, C, H, W), channels last in memory → the same."""
        cells = rearrange(x, "(b t) c h w -> b c t (h w)", b=n_batch)
        mixed = rearrange(self.mix(cells), "b c t s -> b t s c")
        mixed = rearrange(self.out(F.relu(self.norm(mixed))), "b t (h w) c -> (b t) c h w", h=x.shape[2])
        out: Tensor = x + mixed
        return out


@dataclass(frozen=True)
class Sight:
    """What the event head says a token, each (B, T): logit that an event lies in it, where in it (0 … 1) and how
    strong it is (0 … 1)."""

    logit: Tensor
    offset: Tensor
    strength: Tensor


class VideoEncoder(nn.Module):
    """Grey frames with their differences to both neighbours → features, and where an event is seen."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        # Plain rectifiers: on a CPU, smooth ones cost a quarter of the time at these sizes.
        self.near = nn.Sequential(
            nn.Conv2d(3, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.near_cells = nn.ModuleList([CellBlock(64, 5), CellBlock(64, 7)])
        self.far = nn.Sequential(nn.Conv2d(64, 96, 3, stride=2, padding=1), nn.ReLU())
        self.far_cells = nn.ModuleList([CellBlock(96, 7), CellBlock(96, 7)])
        self.project = nn.Sequential(nn.Linear(96 * (4 * 4 + 2), dim), nn.LayerNorm(dim))
        for layer in (*self.near, *self.far):
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.temporal = nn.ModuleList([TemporalBlock(dim, kernel) for kernel in (5, 7, 13, 7, 5)])
        self.norm = nn.LayerNorm(dim)
        self.event = nn.Linear(dim, 3)

    def forward(self, grey: Tensor) -> Tensor:
        """Grey frames (B, T, H, W), 0 … 255 → features (B, T, D)."""
        frames = _levelled(grey.float() / 255.0)
        before = torch.cat([frames[:, :1], frames[:, :-1]], 1)
        after = torch.cat([frames[:, 1:], frames[:, -1:]], 1)
        seen = torch.stack([frames, 3 * (frames - before), 3 * (after - frames)], 2)  # (B, T, 3, H, W)
        n_batch = seen.shape[0]
        seen = rearrange(seen, "b t c h w -> (b t) c h w").contiguous(memory_format=torch.channels_last)
        x = self.near(seen)
        for block in self.near_cells:
            x = block(x, n_batch)
        x = self.far(x)
        for block in self.far_cells:
            x = block(x, n_batch)
        # Where it is, and that it is somewhere.
        x = torch.cat([x.flatten(1), x.amax((2, 3)), x.mean((2, 3))], 1)
        x = self.project(rearrange(x, "(b t) d -> b t d", b=n_batch))
        for block in self.temporal:
            x = block(x)
        out: Tensor = self.norm(x)
        return out

    def see(self, features: Tensor) -> Sight:
        """Features (B, T, D) → what the event head says of each token."""
        logit, offset, strength = self.event(features).float().unbind(-1)
        return Sight(logit, offset.sigmoid(), strength.sigmoid())


def _levelled(frames: Tensor) -> Tensor:
    """Frames (B, T, H, W) about their mean and in units of their contrast, both over 2 s around each frame, so that
    it does not matter how long the film is that a frame stands in."""

    def around(values: Tensor) -> Tensor:  # (B, T) → (B, T)
        return F.avg_pool1d(values[:, None], 51, stride=1, padding=25, count_include_pad=False)[:, 0]

    level = around(frames.mean((2, 3)))
    power = around(frames.square().mean((2, 3)))
    spread = (power - level.square()).clamp_min(0.02**2).sqrt()
    return (frames - level[..., None, None]) / spread[..., None, None]


def seen_events(sight: Sight) -> list[list[tuple[float, float]]]:
    """For each of the B films, the events (position in tokens, strength), in order."""
    certainty = sight.logit.sigmoid()
    highest = F.max_pool1d(certainty[:, None], 2 * _APART + 1, stride=1, padding=_APART)[:, 0]
    is_event = (certainty > _SEEN) & (certainty == highest)
    position = torch.arange(certainty.shape[1], device=certainty.device) + sight.offset
    return [
        list(zip(at[here].tolist(), strength[here].tolist(), strict=True))
        for at, strength, here in zip(position, sight.strength, is_event, strict=True)
    ]


def to_grey(frames: Tensor) -> Tensor:
    """RGB frames (T, H, W, 3) uint8 → luma (T, H, W), 0 … 255 (BT.601 weights)."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=frames.device)
    return frames.float() @ weights
