"""What the family's networks are made of. Everywhere channels come last, (…, L, D): no layout changes on the way.

Shape legend: b conditions, K takes of each, L tokens, D width, H heads, d = D / H their width.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

# The epsilon of float32 in every precision: that of bfloat16, 0.008, would change what a network computes.
_EPS = torch.finfo(torch.float32).eps


class TokenConv(nn.Conv1d):
    """A convolution of odd length over tokens, zero beyond both ends, as one matrix product.

    On CPUs the product is as fast as any convolution and spares the change of layout; on GPUs it is the kernel that
    is tuned best for so few tokens.
    """

    def __init__(self, n_in: int, n_out: int, length: int, bias: bool = True) -> None:
        super().__init__(n_in, n_out, length, padding=length // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(…, L, n_in) → (…, L, n_out)."""
        return F.linear(near(x, self.kernel_size[0]), rearrange(self.weight, "o i k -> o (k i)"), self.bias)


def near(x: Tensor, length: int) -> Tensor:
    """Each token with its neighbours around it, (…, L, D) → (…, L, length × D), zero beyond both ends."""
    if length == 1:
        return x
    n_tokens = x.shape[-2]
    x = F.pad(x, (0, 0, length // 2, length // 2))
    return torch.cat([x[..., k : k + n_tokens, :] for k in range(length)], -1)


def lay_out(module: nn.Module) -> None:
    """Store convolutions' weights as their matrix product reads them, for inference: shapes and keys stay."""
    for part in module.modules():
        if isinstance(part, TokenConv):
            stored = rearrange(part.weight.data, "o i k -> o k i").contiguous()
            part.weight.data = rearrange(stored, "o k i -> o i k")


class SwiGlu(nn.Module):
    """A gated feed-forward network (Shazeer 2020), of linear layers or, where length > 1, of convolutions."""

    def __init__(self, width: int, length: int = 1) -> None:
        super().__init__()
        hidden = -(-(8 * width // 3) // 256) * 256
        self.w1 = project(width, hidden, length, bias=False)
        self.w2 = project(hidden, width, length, bias=False)
        self.w3 = project(width, hidden, length, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(…, L, D) → (…, L, D)."""
        out: Tensor = self.w2(F.silu(self.w1(x)) * self.w3(x))
        return out


def project(n_in: int, n_out: int, length: int, bias: bool = True) -> nn.Module:
    """A linear layer of each token, or of it and its neighbours."""
    return nn.Linear(n_in, n_out, bias) if length == 1 else TokenConv(n_in, n_out, length, bias)


def rotation(n_tokens: int, step: float, head_width: int, device: torch.device) -> Tensor:
    """Rotary positions (Su et al. 2021) 0, step, 2 step …, (n_tokens, d / 2), complex numbers of float32.

    Computed on the CPU, so that they are the same on every device.
    """
    rates = 1.0 / 10_000.0 ** (torch.arange(0, head_width, 2, dtype=torch.float32, device="cpu") / head_width)
    angle = torch.arange(n_tokens, dtype=torch.float32, device="cpu")[:, None] * (rates * step)
    return torch.polar(torch.ones_like(angle), angle).to(device)


class Attention(nn.Module):
    """Queries, keys and values; attention itself is the block's, since streams meet in it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.RMSNorm(width // heads, _EPS)
        self.k_norm = nn.RMSNorm(width // heads, _EPS)

    def forward(self, x: Tensor, turn: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """(b, K, L, D) → three of (b K, H, L, d); queries and keys normalised and turned, if there is a turn.

        This is done in float32, for both at once.
        """
        pattern = "b takes l (h d three) -> three (b takes) l h d"  # as published
        qkv = rearrange(self.qkv(x), pattern, three=3, h=self.heads).contiguous()
        gain = torch.stack([self.q_norm.weight, self.k_norm.weight]).float()
        both = F.rms_norm(qkv[:2].float(), gain.shape[1:], eps=_EPS) * rearrange(gain, "two d -> two 1 1 1 d")
        if turn is not None:  # neighbouring numbers are a complex one
            both = torch.view_as_complex(rearrange(both, "... (pair two) -> ... pair two", two=2))
            both = torch.view_as_real(both * turn[:, None]).flatten(-2)
        q, k = rearrange(both.to(x.dtype), "two b l h d -> two b h l d")
        return q, k, qkv[2].transpose(1, 2)


def attend(q: Tensor, k: Tensor, v: Tensor, n_conditions: int) -> Tensor:
    """Three of (b K, H, L, d) → (b, K, L, D)."""
    out = F.scaled_dot_product_attention(q, k, v)
    return rearrange(out, "(b takes) h l d -> b takes l (h d)", b=n_conditions)


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """x normalised by its own mean and spread, then moved as the condition says (adaLN, Peebles & Xie 2023)."""
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:]), 1 + scale)


class Stream(nn.Module):
    """One kind of token in a block. before_only: it is attended to for the last time and goes no further.

    What modulates is given after its SiLU, and all takes share it: (b, 1, 1, D) for all tokens alike; or rows (R, D)
    and `at` (b, L), the row of each token. Tokens have fewer rows than there are of them, so rows come first.
    """

    def __init__(self, width: int, heads: int, length: int, before_only: bool = False) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, (2 if before_only else 6) * width))
        if not before_only:
            self.linear1 = project(width, width, length)
            self.ffn = SwiGlu(width, length)

    def before(
        self, x: Tensor, c: Tensor, at: Tensor | None, turn: Tensor | None
    ) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, ...]]:
        """Queries, keys and values of x (b, K, L, D), and what `after` needs of the modulation."""
        modulation: Tensor = self.adaLN_modulation[1](c)
        if at is not None:
            modulation = F.embedding(at, modulation)[:, None]
        shift, scale, *rest = modulation.chunk(modulation.shape[-1] // x.shape[-1], -1)
        return self.attn(modulated(x, shift, scale), turn), tuple(rest)

    def after(self, x: Tensor, attended: Tensor, rest: tuple[Tensor, ...]) -> Tensor:
        """x with what attention and the feed-forward network add, (b, K, L, D)."""
        gate, shift, scale, ffn_gate = rest
        x = torch.addcmul(x, self.linear1(attended), gate)
        return torch.addcmul(x, self.ffn(modulated(x, shift, scale)), ffn_gate)

    def forward(self, x: Tensor, c: Tensor, at: Tensor, turn: Tensor) -> Tensor:
        """The block of a single stream, (b, K, L, D) → (b, K, L, D)."""
        qkv, rest = self.before(x, c, at, turn)
        return self.after(x, attend(*qkv, n_conditions=x.shape[0]), rest)


class JointBlock(nn.Module):
    """Latents, pictures and words, each by its own weights, attend to each other."""

    def __init__(self, width: int, heads: int, last: bool) -> None:
        super().__init__()
        self.latent_block = Stream(width, heads, 3)
        self.clip_block = Stream(width, heads, 3, before_only=last)
        self.text_block = Stream(width, heads, 1, before_only=last)
        self.last = last

    def forward(
        self,
        streams: tuple[Tensor, Tensor, Tensor],
        c: Tensor,
        rows: Tensor,
        at: Tensor,
        turns: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Latents, pictures and words (b, K, …, D) → the same. turns: those of latents and of pictures.

        Rows modulate latents, c pictures and words.
        """
        latents, clip, text = streams
        latent_qkv, latent_rest = self.latent_block.before(latents, rows, at, turns[0])
        clip_qkv, clip_rest = self.clip_block.before(clip, c, None, turns[1])
        text_qkv, text_rest = self.text_block.before(text, c, None, None)
        q, k, v = (torch.cat(parts, 2) for parts in zip(latent_qkv, clip_qkv, text_qkv, strict=True))
        lengths = [stream.shape[2] for stream in streams]
        to_latents, to_clip, to_text = torch.split_with_sizes(attend(q, k, v, latents.shape[0]), lengths, 2)
        latents = self.latent_block.after(latents, to_latents, latent_rest)
        if not self.last:
            clip = self.clip_block.after(clip, to_clip, clip_rest)
            text = self.text_block.after(text, to_text, text_rest)
        return latents, clip, text
