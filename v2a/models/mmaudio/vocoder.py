"""Log-mel spectrograms → waveforms: BigVGAN (Lee et al., ICLR 2023), its first version and its second.

Modules and buffers bear the published names, with weight norm folded into the weights as they are read.
Shape legend: B batch, M mel bands, C channels, F mel frames, S samples.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from v2a.models.mmaudio.variants import VocoderConfig

_TAPS = 12  # of the filters around each activation
_REACH = _TAPS // 2 - 1  # of both of them, in samples of an activation's rate to either side
_ENDS = 7  # the length of the first and the last convolution
# What a step makes at once, in values. Few enough for a processor's caches, and enough for what tiles have in common
# with their neighbours, and is computed twice, to be little.
TILE = 1 << 20
_TINY = 1e-9
# Weight norm's two halves, by torch's old names and by its new ones.
_NORMED = re.compile(r"(?P<stem>.*\.)(?:weight_(?P<old>[gv])|parametrizations\.weight\.original(?P<new>[01]))")


class Vocoder(nn.Module):
    """Step by step a higher rate and half the channels, and at each the mean of parallel stacks of convolutions."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.tanh = config.tanh
        self.n_stacks = len(config.block_kernels)
        width = config.channels
        self.conv_pre = nn.Conv1d(config.n_bands, width, _ENDS, padding=_ENDS // 2)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(config.rates, config.kernels, strict=True):
            up = nn.ConvTranspose1d(width, width // 2, kernel, rate, padding=(kernel - rate) // 2)
            width //= 2
            self.ups.append(nn.ModuleList([up]))
            stacks = zip(config.block_kernels, config.block_dilations, strict=True)
            self.resblocks.extend(Stack(width, size, dilations) for size, dilations in stacks)
        self.activation_post = AntiAliasedSnake(width)
        self.conv_post = nn.Conv1d(width, 1, _ENDS, padding=_ENDS // 2, bias=config.final_bias)

    def forward(self, log_mel: Tensor, tile: int = TILE) -> Tensor:
        """(B, M, F) → (B, 1, F × hop), within ±1. tile: values that each step makes at once, of one row.

        Between steps signals are whole: they are small beside what a step makes of them on its way, and tiles that went
        through all steps would need far more context.
        """
        x = self.conv_pre(log_mel)
        for up, stacks in self._steps():
            rate = up.stride[0]
            higher = x.new_empty(len(x), up.out_channels, x.shape[-1] * rate)
            context = math.ceil(((up.kernel_size[0] - rate) // 2 + max(stack.reach for stack in stacks)) / rate)
            x = tiled(partial(_higher, up, stacks), x, higher, tile // (up.out_channels * rate), context)
        wave = x.new_empty(len(x), 1, x.shape[-1])
        return tiled(self._end, x, wave, tile // x.shape[1], _REACH + _ENDS // 2)

    def _steps(self) -> Iterator[tuple[nn.ConvTranspose1d, Sequence["Stack"]]]:
        for index, up in enumerate(self.ups):
            stacks = self.resblocks[index * self.n_stacks : (index + 1) * self.n_stacks]
            yield cast(nn.ModuleList, up)[0], cast(Sequence[Stack], stacks)  # type: ignore[misc]

    def _end(self, x: Tensor) -> Tensor:
        """(B, C, S) → (B, 1, S)."""
        wave: Tensor = self.conv_post(self.activation_post(x))
        return torch.tanh(wave) if self.tanh else wave.clamp(-1, 1)


def _higher(up: nn.Module, stacks: Sequence[nn.Module], x: Tensor) -> Tensor:
    """(B, C, S) → (B, C / 2, rate × S)."""
    x = up(x)
    return cast(Tensor, sum(stack(x) for stack in stacks)) / len(stacks)


def tiled(work: Callable[[Tensor], Tensor], x: Tensor, out: Tensor, length: int, context: int) -> Tensor:
    """Fill out (B, D, rate × S) with work(x) of x (B, C, S), made of `length` samples of x and their context at a time.

    context: how many samples to either side what is made of one may depend on. Where x ends, so does a tile: there work
    pads as it does in the whole.
    """
    length, rate = max(length, 1), out.shape[-1] // x.shape[-1]
    for start in range(0, x.shape[-1], length):
        stop, first = start + length, max(start - context, 0)
        made = work(x[..., first : stop + context])
        out[..., start * rate : stop * rate] = made[..., (start - first) * rate : (stop - first) * rate]
    return out


class Stack(nn.Module):
    """Residual pairs of convolutions of one kernel size, the first of each pair dilated."""

    def __init__(self, width: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        half = kernel // 2
        self.reach = sum(half * step + half + 2 * _REACH for step in dilations)  # in samples to either side
        self.convs1 = nn.ModuleList(
            nn.Conv1d(width, width, kernel, padding=half * step, dilation=step) for step in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(width, width, kernel, padding=half) for _ in dilations)
        self.activations = nn.ModuleList(AntiAliasedSnake(width) for _ in range(2 * len(dilations)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S) → (B, C, S)."""
        pairs = zip(self.convs1, self.convs2, self.activations[::2], self.activations[1::2], strict=True)
        for dilated, plain, before, between in pairs:
            x = x + plain(between(dilated(before(x))))
        return x


class AntiAliasedSnake(nn.Module):
    """A periodic activation at twice the rate, so that the overtones that it makes do not fold back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.act, self.upsample, self.downsample = SnakeBeta(width), Doubling(), Halving()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S) → (B, C, S)."""
        out: Tensor = self.downsample(self.act(self.upsample(x)))
        return out


class SnakeBeta(nn.Module):
    """x + sin²(αx) / β, channel by channel; α and β are stored as logarithms."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha, self.beta = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S) → (B, C, S)."""
        alpha, beta = self.alpha.exp()[:, None], self.beta.exp()[:, None]
        # In one copy: these are the largest tensors of all.
        return (x * alpha).sin_().square_().div_(beta + _TINY).add_(x)


class Doubling(nn.Module):
    """Twice the rate, band-limited."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", _half_band()[None, None])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, S) → (B, C, 2S)."""
        width = x.shape[1]
        padded = F.pad(x, (_REACH, _REACH), mode="replicate")
        taps = 2 * self.filter.expand(width, -1, -1)
        return F.conv_transpose1d(padded, taps, stride=2, padding=3 * _REACH, groups=width)


class LowPass(nn.Module):
    """Holds the filter under its published name."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", _half_band()[None, None])


class Halving(nn.Module):
    """Half the rate, band-limited."""

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = LowPass()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 2S) → (B, C, S)."""
        width = x.shape[1]
        padded = F.pad(x, (_REACH, _REACH + 1), mode="replicate")
        return F.conv1d(padded, self.lowpass.filter.expand(width, -1, -1), stride=2, groups=width)


def _half_band() -> Tensor:
    """A low-pass (12,) at a quarter of the rate: a sinc under a Kaiser window, of gain 1 for what does not change."""
    cutoff, transition = 0.25, 1.2  # cycles a sample; transition: in units of π
    attenuation = 2.285 * (_TAPS // 2 - 1) * math.pi * transition + 7.95
    beta = 0.1102 * (attenuation - 8.7)  # Kaiser's rule above 50 dB
    at = torch.arange(_TAPS) - (_TAPS - 1) / 2
    taps = torch.kaiser_window(_TAPS, periodic=False, beta=beta) * torch.sinc(2 * cutoff * at)
    return taps / taps.sum()


def folded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors whose weight norm is folded into plain weights: magnitude × direction, in float32.

    Halves whose other half is missing are left as they are, for the check of the keys to name.
    """
    halves: dict[str, dict[str, str]] = {}
    for name in tensors:
        if match := _NORMED.fullmatch(name):
            half = match["old"] or "gv"[int(match["new"])]
            halves.setdefault(match["stem"] + "weight", {})[half] = name
    whole = {weight: names for weight, names in halves.items() if len(names) == 2}
    used = {name for names in whole.values() for name in names.values()}
    plain = {name: value for name, value in tensors.items() if name not in used}
    for weight, names in whole.items():
        magnitude, direction = tensors[names["g"]].float(), tensors[names["v"]].float()
        norm = rearrange(direction, "n ... -> n (...)").norm(dim=1)
        plain[weight] = direction * (magnitude.flatten() / norm).reshape(-1, *[1] * (direction.ndim - 1))
    return plain
