"""The flow-matching transformer: latents, time and conditions → velocity.

Shape legend: B batch, L tokens, W words, C latent dims, D width, N = W + L. Time, video, cues and layer enter by
modulating the normalisation of each token (adaLN, Peebles & Xie 2023); words are further tokens of the sequence.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from v2a.models.base import Conditions
from v2a.models.pocket.codec import LATENT_DIM
from v2a.request import LAYERS

WIDTH = 192
DEPTH = 8
HEADS = 4


@dataclass(frozen=True)
class PocketConditions(Conditions):
    """What the flow is conditioned on.

    video: (B, L, D) features a token; text: (B, W, D) with text_mask (B, W), True where there is a word;
    cues: (B, L) strength of an event inside each token and cue_offsets (B, L), where in the token it lies, 0 … 1;
    layer: (B,) index into `v2a.request.LAYERS`;
    has_video, has_cues: (B,) 1.0 where the condition is given, 0.0 where it is dropped.
    """

    video: Tensor
    text: Tensor
    text_mask: Tensor
    cues: Tensor
    cue_offsets: Tensor
    layer: Tensor
    has_video: Tensor
    has_cues: Tensor


class Block(nn.Module):
    """Attention, a short convolution over time, and a feed-forward network, each modulated a token."""

    def __init__(self) -> None:
        super().__init__()
        self.modulate = nn.Linear(WIDTH, 6 * WIDTH)  # by what holds for the whole sound
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.near = nn.Conv2d(WIDTH, WIDTH, (1, 5), padding=(0, 2), groups=WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(
        self, x: Tensor, whole: Tensor, modulation: Tensor, rotation: Tensor, keep: Tensor, n_words: int
    ) -> Tensor:
        """x (B, N, D), whole (B, D), modulation (B, N, 6D), keep (B, 1, 1, N) True where attended → (B, N, D)."""
        modulation = modulation + self.modulate(whole)[:, None]
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = modulation.chunk(6, -1)
        y = F.layer_norm(x, (WIDTH,)) * (1 + scale_a) + shift_a
        q, k, v = rearrange(self.qkv(y), "b n (three h d) -> three b h n d", three=3, h=HEADS)
        y = F.scaled_dot_product_attention(_rotate(q, rotation), _rotate(k, rotation), v, attn_mask=keep)
        x = x + gate_a * self.out(rearrange(y, "b h n d -> b n (h d)"))
        y = F.layer_norm(x, (WIDTH,)) * (1 + scale_m) + shift_m
        near = rearrange(self.near(rearrange(y[:, n_words:], "b l d -> b d 1 l")), "b d 1 l -> b l d")
        y = y + F.pad(near, (0, 0, n_words, 0))
        out: Tensor = x + gate_m * self.down(F.gelu(self.up(y)))
        return out


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021): x (B, H, N, d), rotation (N, d / 2, 2) as cosine and sine."""
    a, b = x.float().chunk(2, -1)
    cos, sin = rotation[..., 0], rotation[..., 1]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


def _rotation(n_words: int, n_tokens: int, device: torch.device) -> Tensor:
    """Words have no position; tokens count from 0."""
    half = WIDTH // HEADS // 2
    position = torch.cat([torch.zeros(n_words), torch.arange(n_tokens)]).to(device)
    angle = position[:, None] / 1_000.0 ** (torch.arange(half, device=device) / half)
    return torch.stack([angle.cos(), angle.sin()], -1)


def _waves(value: Tensor, n: int) -> Tensor:
    """A number in 0 … 1 as n sines and cosines, (…,) → (…, n)."""
    rates = 2 * math.pi * torch.exp(torch.linspace(0, math.log(100.0), n // 2, device=value.device))
    angle = value[..., None] * rates
    return torch.cat([angle.sin(), angle.cos()], -1)


class FlowTransformer(nn.Module):
    """Velocity of the flow from noise (t = 0) to latents (t = 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.take_in = nn.Linear(LATENT_DIM, WIDTH)
        self.time = nn.Sequential(nn.Linear(64, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.layer = nn.Embedding(len(LAYERS), WIDTH)
        self.pooled_words = nn.Linear(WIDTH, WIDTH)
        self.meant = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )
        self.when = nn.LayerNorm(WIDTH)
        self.video = nn.Linear(WIDTH, WIDTH)
        self.no_video = nn.Parameter(torch.zeros(WIDTH))
        self.cue = nn.Sequential(nn.Linear(2 + 16, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.near_cues = nn.Conv2d(WIDTH, WIDTH, (1, 7), padding=(0, 3), groups=WIDTH)
        self.no_cues = nn.Parameter(torch.zeros(WIDTH))
        self.modulate = nn.Linear(WIDTH, 6 * WIDTH)
        self.blocks = nn.ModuleList([Block() for _ in range(DEPTH)])
        self.modulate_out = nn.Linear(WIDTH, 2 * WIDTH)
        self.put_out = nn.Linear(WIDTH, LATENT_DIM)
        nn.init.zeros_(self.put_out.weight)
        nn.init.zeros_(self.put_out.bias)

    def forward(self, x: Tensor, t: Tensor, given: PocketConditions) -> Tensor:
        """Latents x (B, L, C), times t (B,) → velocity (B, L, C)."""
        n_words, n_tokens = given.text.shape[1], x.shape[1]
        n_said = given.text_mask.sum(1, keepdim=True)
        pooled = (given.text * given.text_mask[..., None]).sum(1) / n_said.clamp_min(1)  # (B, D)
        at = self.time(_waves(t, 64)) + self.layer(given.layer)  # (B, D)
        # Time and layer, grown large, would drown the words: both are brought to one size before they are added.
        whole = F.silu(self.when(at) + (n_said > 0) * self.meant(pooled))
        token = (at + self.pooled_words(pooled))[:, None] + self._seen_and_cued(given)  # (B, L, D)
        modulation = self.modulate(F.silu(torch.cat([at[:, None].expand(-1, n_words, -1), token], 1)))
        keep = F.pad(given.text_mask, (0, n_tokens), value=True)[:, None, None]
        rotation = _rotation(n_words, n_tokens, x.device)
        h = torch.cat([given.text.to(x.dtype), self.take_in(x)], 1)
        for block in self.blocks:
            h = block(h, whole, modulation, rotation, keep, n_words)
        shift, scale = self.modulate_out(F.silu(token)).chunk(2, -1)
        velocity: Tensor = self.put_out(F.layer_norm(h[:, n_words:], (WIDTH,)) * (1 + scale) + shift)
        return velocity

    def _seen_and_cued(self, given: PocketConditions) -> Tensor:
        """What differs from token to token, (B, L, D)."""
        has_video, has_cues = given.has_video[:, None, None], given.has_cues[:, None, None]
        seen = has_video * self.video(given.video) + (1 - has_video) * self.no_video
        there = (given.cues > 0).to(given.cues.dtype)[..., None]
        cue = self.cue(torch.cat([there, given.cues[..., None], there * _waves(given.cue_offsets, 16)], -1))
        cue = cue + rearrange(self.near_cues(rearrange(cue, "b l d -> b d 1 l")), "b d 1 l -> b l d")
        cued: Tensor = seen + has_cues * cue + (1 - has_cues) * self.no_cues
        return cued
