"""The VAE between log-mel spectrograms and latents: a 1-D network that preserves magnitudes.

Written from the equations of EDM2 (Karras et al. 2024, "Analyzing and improving the training dynamics of diffusion
models"), whose numbers stand beside what they define. Shape legend: B batch, F frames, L = F / 2 tokens, D channels;
channels come last inside, and between the bands where the published shapes have them outside.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from v2a.models.mmaudio.blocks import TokenConv, lay_out
from v2a.models.mmaudio.variants import VaeConfig

_TINY = 1e-4
_SILU_GAIN = 0.596  # of SiLU on normal numbers (eq. 81)
_BALANCE = 0.3  # of a residual branch
_BALANCED = math.hypot(1 - _BALANCE, _BALANCE)  # the magnitude of the weighted sum
_LIMIT = 256.0
_LEVELS = (1, 2, 4)  # widths, in hidden_dim


def _normalised(x: Tensor) -> Tensor:
    """x with its last axis brought to a root mean square of 1 (the pixel norm), measured in float32."""
    size = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32) / x.shape[-1] ** 0.5
    return torch.div(x, (size + _TINY).to(x.dtype))


def _silu(x: Tensor) -> Tensor:
    return F.silu(x) / _SILU_GAIN


def _sum(x: Tensor, branch: Tensor) -> Tensor:
    """The weighted sum that keeps the magnitude of unrelated parts (eq. 88)."""
    return torch.lerp(x, branch, _BALANCE).div(_BALANCED)


class _Residual(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv1 = TokenConv(n_in, n_out, 3, bias=False)
        self.conv2 = TokenConv(n_out, n_out, 3, bias=False)
        self.nin_shortcut = TokenConv(n_in, n_out, 1, bias=False) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = _normalised(x)
        branch = self.conv2(_silu(self.conv1(_silu(x))))
        return _sum(self.nin_shortcut(x), branch).clamp(-_LIMIT, _LIMIT)


class _Attention(nn.Module):
    """Of one head, with normalised queries, keys and values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = TokenConv(width, 3 * width, 1, bias=False)
        self.proj_out = TokenConv(width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (_normalised(part) for part in rearrange(self.qkv(x), "b l (d three) -> three b 1 l d", three=3))
        attended = F.scaled_dot_product_attention(q, k, v)
        return _sum(x, self.proj_out(rearrange(attended, "b 1 l d -> b l d")))


class _Middle(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.block_1 = _Residual(width, width)
        self.attn_1 = _Attention(width)
        self.block_2 = _Residual(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block_2(self.attn_1(self.block_1(x)).clamp(-_LIMIT, _LIMIT))
        return out


class _Down(nn.Module):
    """Half as many frames."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = TokenConv(width, width, 1, bias=False)
        self.conv2 = TokenConv(width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = rearrange(self.conv1(x), "b (l two) d -> two b l d", two=2).mean(0)
        out: Tensor = self.conv2(x)
        return out


class _Up(nn.Module):
    """Twice as many frames."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = TokenConv(width, width, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(repeat(x, "b l d -> b (l two) d", two=2))
        return out


class _Level(nn.Module):
    """Residual blocks of one width, and what changes the number of frames after them."""

    def __init__(
        self, n_in: int, n_out: int, n_blocks: int, downsample: _Down | None = None, upsample: _Up | None = None
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList([_Residual(n_in if k == 0 else n_out, n_out) for k in range(n_blocks)])
        self.downsample = downsample
        self.upsample = upsample

    def forward(self, x: Tensor) -> Tensor:
        for part in (*self.block, self.downsample, self.upsample):
            x = x if part is None else part(x)
        return x


class _Encoder(nn.Module):
    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        narrow, middle, wide = (config.hidden_dim * level for level in _LEVELS)
        self.learnable_gain = nn.Parameter(torch.zeros([]))
        self.conv_in = TokenConv(config.data_dim, narrow, 3, bias=False)
        self.down = nn.ModuleList(
            [_Level(narrow, narrow, 2, downsample=_Down(narrow)), _Level(narrow, middle, 2), _Level(middle, wide, 2)]
        )
        self.mid = _Middle(wide)
        self.conv_out = TokenConv(wide, 2 * config.embed_dim, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        out: Tensor = self.conv_out(_silu(self.mid(x))) * (self.learnable_gain + 1)
        return out


class _Decoder(nn.Module):
    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        narrow, middle, wide = (config.hidden_dim * level for level in _LEVELS)
        self.learnable_gain = nn.Parameter(torch.zeros([]))
        self.conv_in = TokenConv(config.embed_dim, wide, 3, bias=False)
        self.mid = _Middle(wide)
        # From the last to the first: the published network counts them from the spectrogram.
        self.up = nn.ModuleList(
            [_Level(middle, narrow, 3), _Level(wide, middle, 3, upsample=_Up(middle)), _Level(wide, wide, 3)]
        )
        self.conv_out = TokenConv(narrow, config.data_dim, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        out: Tensor = self.conv_out(_silu(x)) * (self.learnable_gain + 1)
        return out


@torch.no_grad()
def _normalise_weights(vae: nn.Module) -> None:
    """Each filter to a magnitude that keeps that of its input (eqs. 47 and 66)."""
    for part in vae.modules():
        if isinstance(part, TokenConv):
            filters = rearrange(part.weight, "o i k -> o (i k)")
            part.weight.copy_((_normalised(filters) / filters.shape[-1] ** 0.5).view_as(part.weight))


class Vae(nn.Module):
    """Mel spectrograms ↔ latents.

    Its weights are as they are published until `for_inference` normalises them: without that it gives other numbers.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.register_buffer("data_mean", torch.zeros(1, config.data_dim, 1))
        self.register_buffer("data_std", torch.ones(1, config.data_dim, 1))
        self.encoder = _Encoder(config)
        self.decoder = _Decoder(config)

    data_mean: Tensor
    data_std: Tensor

    def for_inference(self, dtype: torch.dtype, *, encodes: bool = False) -> "Vae":
        """Itself with normalised weights in a precision and, unless it shall encode, without its encoder, half of it.

        To be called once, after the weights are loaded in float32. The statistics of spectrograms stay float32, as
        these do.
        """
        statistics = self.data_mean, self.data_std
        if not encodes:
            del self.encoder
        _normalise_weights(self)
        self.to(dtype).eval().requires_grad_(False)
        self.data_mean, self.data_std = statistics
        lay_out(self)
        return self

    def encode(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel (B, bands, F), F even → mean and standard deviation of latents, (B, L, embed_dim) each, float32."""
        x = (log_mel.float() - self.data_mean) / self.data_std
        out = self.encoder(rearrange(x, "b d f -> b f d").to(self.encoder.conv_in.weight.dtype)).float()
        mean, log_variance = out.chunk(2, -1)
        return mean, torch.exp(0.5 * log_variance.clamp(-30.0, 20.0))

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, L, embed_dim) → log-mel (B, bands, F), float32."""
        out = self.decoder(latents.to(self.decoder.conv_in.weight.dtype)).float()
        return torch.addcmul(self.data_mean, rearrange(out, "b f d -> b d f"), self.data_std)
