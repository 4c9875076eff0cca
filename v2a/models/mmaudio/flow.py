"""The flow transformer: latents, time and conditions → velocity. Both revisions, by their published keys.

Shape legend: b conditions, K takes of each, N latent tokens, C latent dims, D width; Tc, Ts, Tt tokens of CLIP,
Synchformer and text. Lengths are each call's own: nothing of a call stays in the module.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from v2a.models.base import Conditions
from v2a.models.mmaudio.blocks import JointBlock, Stream, SwiGlu, TokenConv, lay_out, modulated, rotation
from v2a.models.mmaudio.variants import SEGMENT_TOKENS, FlowConfig

_TIME_DIM = 256
_MAX_RATE = 10_000.0


@dataclass(frozen=True)
class Lengths:
    """Tokens of a window: latents, CLIP's and Synchformer's."""

    latents: int
    clip: int
    sync: int


@dataclass(frozen=True)
class FlowConditions(Conditions):
    """All of a window's conditions that no step changes, projected to the network's width.

    clip (b, Tc, D), text (b, Tt, D), whole (b, D) for all tokens alike. sync (R, D): what differs between latent
    tokens, each row of one condition, `of` (R,); at (b, N): the row of each latent token, of which several share one.
    latent_turn (N, d / 2) and clip_turn (Tc, d / 2), complex: rotary positions. takes: K of each condition.
    """

    clip: Tensor
    text: Tensor
    whole: Tensor
    sync: Tensor
    of: Tensor
    at: Tensor
    latent_turn: Tensor
    clip_turn: Tensor
    takes: int = 1

    def stack(self, other: Self) -> Self:
        """Both as one batch; they must be of the same lengths and takes."""
        return replace(
            self,
            clip=torch.cat([self.clip, other.clip]),
            text=torch.cat([self.text, other.text]),
            whole=torch.cat([self.whole, other.whole]),
            sync=torch.cat([self.sync, other.sync]),
            of=torch.cat([self.of, other.of + len(self.whole)]),
            at=torch.cat([self.at, other.at + len(self.sync)]),
        )

    def repeated(self, n: int) -> Self:
        """Each condition for n times as many takes. Nothing is copied: what takes share is computed once."""
        return replace(self, takes=n * self.takes)


def _rows(lengths: Lengths, n_segments: int) -> Tensor:
    """The row of each latent token, (N,), where there are rows for n_segments that stand for all segments."""
    tokens = torch.arange(lengths.sync, dtype=torch.float32, device="cpu")
    # As published, down to how float32 rounds: the nearest of Synchformer's tokens, these laid end to end.
    nearest = F.interpolate(tokens[None, None], lengths.latents, mode="nearest-exact")[0, 0].long()
    segment, token = nearest // SEGMENT_TOKENS, nearest % SEGMENT_TOKENS
    from_end = lengths.sync // SEGMENT_TOKENS - segment
    stands_in = torch.where(from_end == 1, n_segments - 1, segment.clamp_max(max(n_segments - 2, 0)))
    return SEGMENT_TOKENS * stands_in + token


class _TimeEmbedding(nn.Module):
    """The time from 0 to 1 as waves, then as the network likes it."""

    def __init__(self, width: int, n_waves: int, max_rate: float) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(n_waves, width), nn.SiLU(), nn.Linear(width, width))
        self.n_waves = n_waves
        self.max_rate = max_rate

    def forward(self, t: Tensor, dtype: torch.dtype) -> Tensor:
        """(B,) → (B, D). The waves are float32: bfloat16 cannot tell one step's fastest waves from the next one's."""
        rates = self.max_rate / _MAX_RATE ** (torch.arange(0, self.n_waves, 2, device=t.device) / self.n_waves)
        angle = t.float()[:, None] * rates
        waves = torch.cat([angle.cos(), angle.sin()], -1)
        out: Tensor = self.mlp(waves.to(dtype))
        return out


class _FinalLayer(nn.Module):
    def __init__(self, width: int, latent_dim: int) -> None:
        super().__init__()
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.conv = TokenConv(width, latent_dim, 7)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation[1](c).chunk(2, -1)
        out: Tensor = self.conv(modulated(x, shift, scale))
        return out


class FlowTransformer(nn.Module):
    """Velocity of the flow from noise (t = 0) to normalised latents (t = 1).

    `forward` takes and gives normalised latents; `denormalised` makes of them what the VAE decodes.
    """

    latent_mean: Tensor
    latent_std: Tensor
    empty_string_feat: Tensor

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        width, heads, v2 = config.width, config.heads, config.v2
        self.register_buffer("latent_mean", torch.zeros(1, 1, config.latent_dim))
        self.register_buffer("latent_std", torch.ones(1, 1, config.latent_dim))
        self.register_buffer("empty_string_feat", torch.zeros(config.text_tokens, config.text_dim))
        self.empty_clip_feat = nn.Parameter(torch.zeros(1, config.clip_dim))
        self.empty_sync_feat = nn.Parameter(torch.zeros(1, config.sync_dim))
        self.sync_pos_emb = nn.Parameter(torch.zeros(1, 1, SEGMENT_TOKENS, config.sync_dim))
        near = nn.SiLU if v2 else nn.SELU  # between the layers of what is local in time
        self.audio_input_proj = nn.Sequential(TokenConv(config.latent_dim, width, 7), near(), SwiGlu(width, 7))
        self.sync_input_proj = nn.Sequential(TokenConv(config.sync_dim, width, 7), near(), SwiGlu(width, 3))
        far = [nn.SiLU()] if v2 else []
        self.clip_input_proj = nn.Sequential(nn.Linear(config.clip_dim, width), *far, SwiGlu(width, 3))
        self.text_input_proj = nn.Sequential(nn.Linear(config.text_dim, width), *far, SwiGlu(width))
        self.clip_cond_proj = nn.Linear(width, width)
        self.text_cond_proj = nn.Linear(width, width)
        self.global_cond_mlp = SwiGlu(width)
        self.t_embed = _TimeEmbedding(width, width if v2 else _TIME_DIM, _MAX_RATE if v2 else 1.0)
        n_joint = config.depth - config.fused_depth
        self.joint_blocks = nn.ModuleList([JointBlock(width, heads, last=k == n_joint - 1) for k in range(n_joint)])
        self.fused_blocks = nn.ModuleList([Stream(width, heads, 3) for _ in range(config.fused_depth)])
        self.final_layer = _FinalLayer(width, config.latent_dim)

    def prepare(
        self, clip: Tensor | None, sync: Tensor | None, text: Tensor | None, lengths: Lengths
    ) -> FlowConditions:
        """Everything that no step changes, with b = the features' batch (1 where all of them are None).

        clip (b, Tc, clip_dim), sync (b, Ts, sync_dim) with Ts a multiple of 8, text (b, Tt, text_dim); None is the
        learned absence of pictures, and the text "". Their lengths but that of text must be those of `lengths`.
        """
        given = [features for features in (clip, sync, text) if features is not None]
        n = given[0].shape[0] if given else 1
        like, head_width = self.clip_cond_proj.weight, self.config.width // self.config.heads
        if clip is None:
            clip = self.empty_clip_feat.expand(n, lengths.clip, -1)
        n_segments = lengths.sync // SEGMENT_TOKENS
        if sync is None:  # all segments but the first and the last are alike: convolutions reach less far than one
            n_segments = min(n_segments, 3)
            sync = self.empty_sync_feat.expand(n, n_segments * SEGMENT_TOKENS, -1)
        at = _rows(lengths, n_segments).to(like.device)
        if text is None:
            text = self.empty_string_feat.expand(n, -1, -1)
        sync = rearrange(sync.to(like), "b (segment token) d -> b segment token d", token=SEGMENT_TOKENS)
        sync = rearrange(sync + self.sync_pos_emb, "b segment token d -> b (segment token) d")
        clip, text = self.clip_input_proj(clip.to(like)), self.text_input_proj(text.to(like))
        whole = self.clip_cond_proj(clip.mean(1)) + self.text_cond_proj(text.mean(1))
        return FlowConditions(
            clip=clip,
            text=text,
            whole=self.global_cond_mlp(whole),
            sync=rearrange(self.sync_input_proj(sync), "b row d -> (b row) d"),
            of=torch.arange(n, device=like.device).repeat_interleave(sync.shape[1]),
            at=at + sync.shape[1] * torch.arange(n, device=like.device)[:, None],
            latent_turn=rotation(lengths.latents, 1.0, head_width, like.device),
            clip_turn=rotation(lengths.clip, lengths.latents / lengths.clip, head_width, like.device),
        )

    def forward(self, x: Tensor, t: Tensor, given: FlowConditions) -> Tensor:
        """Normalised latents x and times t → velocity (b K, N, C), float32; rows: the takes of one condition in a row.

        x: (b K, N, C), or the latents that each b / n of the conditions share, (b K / n, N, C), as guidance's two
        halves do: they are then read once. t: (1,), (b,) or (b K,); takes of one condition share theirs.
        """
        n_conditions = given.whole.shape[0]
        dtype = given.whole.dtype
        c = self.t_embed(t if len(t) == 1 else t.view(n_conditions, -1)[:, 0], dtype) + given.whole  # (b, D)
        rows = F.silu(c.expand(n_conditions, -1)[given.of] + given.sync)  # (R, D)
        c = rearrange(F.silu(c), "b d -> b 1 1 d")
        latents = self.audio_input_proj(rearrange(x.to(dtype), "(b takes) n c -> b takes n c", takes=given.takes))
        latents = latents[None].expand(n_conditions // len(latents), -1, -1, -1, -1).flatten(0, 1)
        streams = (
            latents,
            repeat(given.clip, "b t d -> b takes t d", takes=given.takes),
            repeat(given.text, "b t d -> b takes t d", takes=given.takes),
        )
        for block in self.joint_blocks:
            streams = block(streams, c, rows, given.at, (given.latent_turn, given.clip_turn))
        latents = streams[0]
        for block in self.fused_blocks:
            latents = block(latents, rows, given.at, given.latent_turn)
        # The published network modulates its last layer by what holds for all tokens alike, without sync.
        velocity: Tensor = self.final_layer(latents, c)
        return rearrange(velocity, "b takes n c -> (b takes) n c").float()

    def for_inference(self, dtype: torch.dtype) -> "FlowTransformer":
        """Itself in a precision, its weights as its products read them. May come before the weights are loaded.

        The statistics of latents stay float32, since latents do.
        """
        statistics = self.latent_mean, self.latent_std
        self.to(dtype).eval().requires_grad_(False)
        self.latent_mean, self.latent_std = statistics
        lay_out(self)
        return self

    def normalised(self, latents: Tensor) -> Tensor:
        """The VAE's latents (…, N, C) → as the flow knows them, float32."""
        return (latents.float() - self.latent_mean[0]) / self.latent_std[0]

    def denormalised(self, latents: Tensor) -> Tensor:
        """The flow's latents (…, N, C) → as the VAE knows them, float32."""
        return latents.float() * self.latent_std[0] + self.latent_mean[0]
