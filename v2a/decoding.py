"""From latents to sound while both come in: stretches that are joined by equal-power cross-fades."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from v2a.audio import Audio
from v2a.models.base import Model

# Latents are turned into sound in stretches of this many tokens, cross-faded over the overlap.
_STRETCH_TOKENS = 750
_OVERLAP_TOKENS = 25


def n_stretches(n_tokens: int) -> int:
    """In how many stretches so many tokens are decoded."""
    return -(-n_tokens // _STRETCH_TOKENS)


def decoded(
    model: Model, latents: Iterable[Tensor], n_tokens: int, seed: int, on_stretch: Callable[[], None]
) -> Iterator[Audio]:
    """Latents that come in parts (n, C), n_tokens in all → their sound in blocks, about one a stretch.

    How the latents were parted makes no difference. on_stretch is called before each stretch and may raise to stop.
    """
    rate_hz, n_held = model.card.sample_rate_hz, _OVERLAP_TOKENS * model.card.samples_per_token
    ramp = np.sin(np.linspace(0, np.pi / 2, n_held, dtype=np.float32))
    end = None
    for stretch in _stretches(latents, n_tokens):
        on_stretch()
        samples = model.decode(stretch, seed).cpu().numpy()  # (channels, n)
        if end is not None:
            samples[:, :n_held] = end * ramp[::-1] + samples[:, :n_held] * ramp
            yield Audio(samples[:, :-n_held], rate_hz)
        elif samples.shape[1] > n_held:
            yield Audio(samples[:, :-n_held], rate_hz)
        end = samples[:, -n_held:]
    if end is not None:
        yield Audio(end, rate_hz)


def silence(model: Model, n_tokens: int) -> Iterator[Audio]:
    """As long, in blocks, of nothing."""
    card = model.card
    for start in range(0, n_tokens, _STRETCH_TOKENS):
        n_samples = (min(start + _STRETCH_TOKENS, n_tokens) - start) * card.samples_per_token
        yield Audio(np.zeros((card.channels, n_samples), np.float32), card.sample_rate_hz)


def _stretches(latents: Iterable[Tensor], n_tokens: int) -> Iterator[Tensor]:
    """Stretches of latents, each but the first behind the last tokens of the one before."""
    held, first = None, 0  # tokens from `first` on
    start = 0
    for part in latents:
        held = part if held is None else torch.cat([held, part])
        while start < n_tokens and (end := min(start + _STRETCH_TOKENS, n_tokens)) <= first + len(held):
            yield held[: end - first]
            held, first = held[max(end - _OVERLAP_TOKENS, 0) - first :], max(end - _OVERLAP_TOKENS, 0)
            start = end
