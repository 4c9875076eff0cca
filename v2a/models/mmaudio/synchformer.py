"""Segments of film → tokens that say when things happen: the video branch of Synchformer (Iashin et al., ICASSP 2024).

Attention is divided: over time, then over space, as in Motionformer (Patrick et al., NeurIPS 2021). Modules bear the
published names.

Shape legend: B segments, T = 16 frames, H = W = 224 pixels, t = 8 tubelets in time and n = 196 in space, D features.
"""

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from v2a.models.mmaudio.variants import SEGMENT_TOKENS, SyncConfig

_EPS = 1e-6


class Synchformer(nn.Module):
    """The name under which the published file holds the video branch."""

    def __init__(self, config: SyncConfig) -> None:
        super().__init__()
        self.vfeat_extractor = VideoBranch(config)

    def forward(self, segments: Tensor) -> Tensor:
        """(B, T, 3, H, W) in ±1 → (B, t, D)."""
        tokens: Tensor = self.vfeat_extractor(segments)
        return tokens


class VideoBranch(nn.Module):
    """Tubelets, blocks of divided attention, and of each moment one token."""

    def __init__(self, config: SyncConfig) -> None:
        super().__init__()
        width, patch = config.width, config.patch
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (config.crop // patch) ** 2, width))
        self.temp_embed = nn.Parameter(torch.zeros(1, SEGMENT_TOKENS, width))
        self.patch_embed = PatchEmbedding(nn.Conv2d(3, width, patch, patch))  # published, and not used
        tubelet = (config.tubelet, patch, patch)
        self.patch_embed_3d = PatchEmbedding(nn.Conv3d(3, width, tubelet, tubelet))
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width, eps=_EPS)
        self.spatial_attn_agg = Gathering(width, config.heads)

    def forward(self, segments: Tensor) -> Tensor:
        """(B, T, 3, H, W) in ±1 → (B, t, D)."""
        cells = self.patch_embed_3d.proj(rearrange(segments, "b t c h w -> b c t h w"))
        x = rearrange(cells, "b d t h w -> b t (h w) d") + self.pos_embed[:, None, 1:] + self.temp_embed[:, :, None]
        first = repeat(self.cls_token + self.pos_embed[:, :1], "1 1 d -> b 1 d", b=len(x))
        x = torch.cat([first, rearrange(x, "b t n d -> b (t n) d")], 1)  # (B, 1 + t n, D)
        for block in self.blocks:
            x = block(x)
        gathered: Tensor = self.spatial_attn_agg(
            rearrange(self.norm(x)[:, 1:], "b (t n) d -> (b t) n d", t=SEGMENT_TOKENS)
        )
        return rearrange(gathered, "(b t) d -> b t d", t=SEGMENT_TOKENS)


class PatchEmbedding(nn.Module):
    """Holds the convolution under its published name."""

    def __init__(self, proj: nn.Module) -> None:
        super().__init__()
        self.proj = proj


class Block(nn.Module):
    """What happened at the same place, then what is elsewhere at the same time, then each token by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width, eps=_EPS) for _ in range(3))
        self.attn, self.timeattn = DividedAttention(width, heads), DividedAttention(width, heads)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1 + t n, D) → the same."""
        x = x + self.timeattn(self.norm3(x), over_time=True)
        x = x + self.attn(self.norm1(x), over_time=False)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class DividedAttention(nn.Module):
    """The first token attends to all; each other one to the first and to those of its own place, or of its own time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, *, over_time: bool) -> Tensor:
        """(B, 1 + t n, D) → the same."""
        q, k, v = rearrange(self.qkv(x), "b l (s h d) -> s b h l d", s=3, h=self.heads)
        first = F.scaled_dot_product_attention(q[:, :, :1], k, v)  # (B, h, 1, d)
        apart = "b h (t n) d -> (b n) h t d" if over_time else "b h (t n) d -> (b t) h n d"
        together = "(b n) h t d -> b h (t n) d" if over_time else "(b t) h n d -> b h (t n) d"
        t, n = SEGMENT_TOKENS, (x.shape[1] - 1) // SEGMENT_TOKENS
        n_groups = n if over_time else t

        def grouped(y: Tensor) -> Tensor:
            return rearrange(y[:, :, 1:], apart, t=t)

        def with_first(y: Tensor) -> Tensor:
            return torch.cat([repeat(y[:, :, :1], "b h 1 d -> (b g) h 1 d", g=n_groups), grouped(y)], 2)

        rest = F.scaled_dot_product_attention(grouped(q), with_first(k), with_first(v))
        rest = rearrange(rest, together, b=len(x))
        out: Tensor = self.proj(rearrange(torch.cat([first, rest], 2), "b h l d -> b l (h d)"))
        return out


class Mlp(nn.Module):
    """Two layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) → (…, D)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Gathering(nn.TransformerEncoderLayer):
    """One token a moment, which attends to all that is in the picture then."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(
            width,
            heads,
            4 * width,
            dropout=0.0,
            activation=F.gelu,
            layer_norm_eps=_EPS,
            batch_first=True,
            norm_first=True,
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(B t, n, D) → (B t, D)."""
        first = repeat(self.cls_token, "1 1 d -> b 1 d", b=len(x))
        out: Tensor = super().forward(torch.cat([first, x], 1))[:, 0]
        return out
