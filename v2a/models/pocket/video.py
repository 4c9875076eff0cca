"""Frames → what is seen moving, a feature a token.

Shape legend: B batch, T frames (= tokens, 25 a second), H = W = 32 pixels, D features.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


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


class VideoEncoder(nn.Module):
    """Grey frames with their differences to both neighbours → features, and where an event is seen."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.spatial = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1), nn.GELU(),
        )  # fmt: skip
        self.project = nn.Sequential(nn.Linear(64 * 4 * 4, dim), nn.LayerNorm(dim))
        for layer in self.spatial:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.temporal = nn.ModuleList([TemporalBlock(dim, kernel) for kernel in (7, 7, 13, 7)])
        self.norm = nn.LayerNorm(dim)
        self.onset = nn.Linear(dim, 1)

    def forward(self, grey: Tensor) -> Tensor:
        """Grey frames (B, T, H, W), 0 … 255 → features (B, T, D)."""
        frames = grey.float() / 255.0
        level = frames.mean((1, 2, 3), keepdim=True)
        spread = frames.std((1, 2, 3), keepdim=True).clamp_min(0.02)
        frames = (frames - level) / spread
        before = torch.cat([frames[:, :1], frames[:, :-1]], 1)
        after = torch.cat([frames[:, 1:], frames[:, -1:]], 1)
        seen = torch.stack([frames, 4 * (frames - before), 4 * (after - frames)], 2)  # (B, T, 3, H, W)
        n_batch = seen.shape[0]
        seen = rearrange(seen, "b t c h w -> (b t) c h w").contiguous(memory_format=torch.channels_last)
        x = self.project(rearrange(self.spatial(seen), "(b t) c h w -> b t (c h w)", b=n_batch))
        for block in self.temporal:
            x = block(x)
        out: Tensor = self.norm(x)
        return out

    def onsets(self, features: Tensor) -> Tensor:
        """Features (B, T, D) → logits (B, T) that an event is seen in the token."""
        logits: Tensor = self.onset(features)
        return logits.squeeze(-1)


def to_grey(frames: Tensor) -> Tensor:
    """RGB frames (T, H, W, 3) uint8 → luma (T, H, W), 0 … 255 (BT.601 weights)."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=frames.device)
    return frames.float() @ weights
