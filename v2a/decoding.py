"""From latents to sound while both come in: stretches that are joined by cross-fades."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from v2a.audio import Audio
from v2a.cards import Fade, ModelCard
from v2a.models.base import Model


def n_stretches(card: ModelCard, n_tokens: int) -> int:
    """In how many stretches so many tokens are decoded."""
    return -(-n_tokens // card.decode_tokens)


def decoded(
    model: Model, latents: Iterable[Tensor], n_tokens: int, seed: int, on_stretch: Callable[[], None]
) -> Iterator[Audio]:
    """Latents that come in parts (n, C), n_tokens in all → their sound in blocks, about one a stretch.

    How the latents were parted makes no difference. on_stretch is called before each stretch and may raise to stop.
    """
    card = model.card
    n_held = card.decode_overlap_tokens * card.samples_per_token
    rising = _FADES[card.decode_fade](n_held)
    end = None
    for stretch, n_known in _stretches(latents, n_tokens, card):
        on_stretch()
        samples = model.decode(stretch, seed).cpu().numpy()[:, n_known * card.samples_per_token :]  # (channels, n)
        if end is not None:
            samples[:, :n_held] = end * rising[::-1] + samples[:, :n_held] * rising
        n_ready = max(samples.shape[1] - n_held, 0)
        if n_ready:
            yield Audio(samples[:, :n_ready], card.sample_rate_hz)
        end = samples[:, n_ready:]
    if end is not None:
        yield Audio(end, card.sample_rate_hz)


def silence(card: ModelCard, n_tokens: int) -> Iterator[Audio]:
    """As long, in blocks, of nothing."""
    for start in range(0, n_tokens, card.decode_tokens):
        n_samples = (min(start + card.decode_tokens, n_tokens) - start) * card.samples_per_token
        yield Audio(np.zeros((card.channels, n_samples), np.float32), card.sample_rate_hz)


def _equal_power(n_samples: int) -> npt.NDArray[np.float32]:
    return np.sin(np.linspace(0, np.pi / 2, n_samples, dtype=np.float32))


def _linear(n_samples: int) -> npt.NDArray[np.float32]:
    return np.linspace(0, 1, n_samples, dtype=np.float32)


# How a stretch comes in; the one before goes out as its mirror image.
_FADES: dict[Fade, Callable[[int], npt.NDArray[np.float32]]] = {"equal-power": _equal_power, "linear": _linear}


def _stretches(latents: Iterable[Tensor], n_tokens: int, card: ModelCard) -> Iterator[tuple[Tensor, int]]:
    """Stretches of latents, each but the first behind the last tokens of the one before.

    Where the model pads, the last one begins earlier rather than be shorter than the others. With each comes how many
    tokens it begins before those over which it is faded in.
    """
    held, first = None, 0  # tokens from `first` on
    start = n_known = 0
    for part in latents:
        held = part if held is None else torch.cat([held, part])
        while start < n_tokens and (end := min(start + card.decode_tokens, n_tokens)) <= first + len(held):
            yield held[: end - first], n_known
            faded = max(end - card.decode_overlap_tokens, 0)
            full = max(min(end + card.decode_tokens, n_tokens) - card.decode_tokens, 0)
            after = min(faded, full) if card.pads else faded
            held, first, start, n_known = held[after - first :], after, end, faded - after
