"""The pocket model: its networks, its weights, and the shared interface of `v2a.models.base`."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import torch
from safetensors import safe_open
from torch import Tensor, nn

from v2a.cards import ModelCard, Precision
from v2a.errors import GenerationError
from v2a.models.base import Conditions, Frames, OnPart, Seen
from v2a.models.pocket.codec import Codec
from v2a.models.pocket.flow import WIDTH, FlowTransformer, PocketConditions
from v2a.models.pocket.meanings import Meanings
from v2a.models.pocket.text import TextEncoder, words_of
from v2a.models.pocket.video import APART, WATCHED_SIZE, Sight, VideoEncoder, seen_events, to_grey, watched
from v2a.request import LAYERS, LayerName
from v2a.windows import Window

# Training mixes are hot, to keep quiet tails above the codec's floor; a track should leave room for its neighbours.
_LEVEL = 0.45
# Single blows peak far above everything else. Bent above the knee, they do not force the whole track down.
_KNEE, _CEILING = 0.5, 0.8
# Frames are read and encoded in stretches of this many tokens, each seen with some context on both sides.
_ENCODE_TOKENS = 600
_CONTEXT_TOKENS = 64


class Networks(nn.Module):
    """All that is trained, under the names of the weights file."""

    def __init__(self) -> None:
        super().__init__()
        self.codec = Codec()
        self.video = VideoEncoder(WIDTH)
        self.text = TextEncoder(WIDTH)
        self.flow = FlowTransformer()


class PocketModel:
    """Implements `v2a.models.base.Model`."""

    precision = "float32"

    def __init__(self, card: ModelCard, networks: Networks, known_words: frozenset[str]) -> None:
        self.card = card
        self.networks = networks.eval().requires_grad_(False)
        self.device = next(networks.parameters()).device
        self._known_words = known_words

    @torch.inference_mode()
    def encode_video(self, frames: Frames, windows: Sequence[Window], on_part: OnPart) -> Iterator[Seen]:
        """See Model.encode_video: video (L, D) and events (L, 2). Token k sees the frame that is shown at its middle.

        Clips are encoded in stretches with some context on both sides, so memory does not grow with the frames.
        """
        n_tokens = windows[-1].end
        rows = torch.empty(0, WIDTH + 3, device=self.device)  # of the tokens from `held` on
        held = encoded = 0
        for window in windows:
            # An event is one only beside its neighbours, which may lie outside the window.
            first, last = max(window.start - APART, 0), min(window.end + APART, n_tokens)
            rows, held = rows[first - held :], first
            while encoded < last:
                on_part(encoded, n_tokens)
                end = min(encoded + _ENCODE_TOKENS, n_tokens)
                rows, encoded = torch.cat([rows, self._watched(frames, encoded, end, n_tokens)]), end
            near = rows[: last - held]
            inner = slice(window.start - held, window.end - held)
            events = seen_events(Sight(*near[None, :, WIDTH:].unbind(-1)))[0]
            yield {"video": near[inner, :WIDTH].clone(), "events": events[inner].clone()}

    def _watched(self, frames: Frames, start: int, end: int, n_tokens: int) -> Tensor:
        """What is seen of tokens [start, end), a row each."""
        first, last = max(start - _CONTEXT_TOKENS, 0), min(end + _CONTEXT_TOKENS, n_tokens)
        middles = [(token + Fraction(1, 2)) / self.card.latent_rate for token in range(first, last)]
        shown = frames(middles, (WATCHED_SIZE, WATCHED_SIZE)).to(self.device)
        return watched(self.networks.video, to_grey(shown))[start - first : end - first]

    def seen_events(self, seen: Seen) -> list[tuple[float, float]]:
        """See Model.seen_events."""
        offset, strength = seen["events"].cpu().unbind(-1)
        tokens = strength.nonzero()[:, 0].tolist()
        return [(token + offset[token].item(), strength[token].item()) for token in tokens]

    def text_warnings(self, text: str) -> list[str]:
        """See Model.text_warnings."""
        unknown = dict.fromkeys(word for word in words_of(text) if word not in self._known_words)
        if not unknown:
            return []
        return [f"words '{self.card.name}' never heard in training, read by their spelling: {', '.join(unknown)}"]

    @torch.inference_mode()
    def prepare(
        self,
        seen: Seen,
        window: Window,
        text: str,
        negative_text: str,
        cues: Sequence[tuple[float, float]] | None,
        layer: LayerName,
    ) -> tuple[PocketConditions, PocketConditions]:
        """See Model.prepare."""
        words, mask = self.networks.text([text, negative_text])
        video = seen["video"][None].to(self.device)
        strength, offset = place_cues(cues or (), window.n_tokens)
        layer_index = torch.tensor([LAYERS.index(layer)], device=self.device)
        one, zero = torch.ones(1, device=self.device), torch.zeros(1, device=self.device)

        def given(row: int, has: bool) -> PocketConditions:
            return PocketConditions(
                video=video,
                text=words[row : row + 1],
                text_mask=mask[row : row + 1],
                cues=strength[None].to(self.device) * (1.0 if has else 0.0),
                cue_offsets=offset[None].to(self.device),
                layer=layer_index,
                has_video=one if has else zero,
                has_cues=one if has and cues is not None else zero,
            )

        return given(0, True), given(1, False)

    @torch.inference_mode()
    def velocity(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """See Model.velocity."""
        out: Tensor = self.networks.flow(x.repeat(len(t) // len(x), 1, 1), t, cast(PocketConditions, conditions))
        return out

    @torch.inference_mode()
    def decode(self, latents: Tensor, seed: int) -> Tensor:
        """See Model.decode."""
        return _bent(_LEVEL * self.networks.codec.decode(latents, seed)[None])


def _bent(samples: Tensor) -> Tensor:
    """Untouched up to the knee, then towards the ceiling, smoothly: a limiter without memory."""
    size, room = samples.abs(), _CEILING - _KNEE
    bent = size.clamp_max(_KNEE) + room * torch.tanh((size - _KNEE).clamp_min(0) / room)
    return torch.copysign(bent, samples)


def place_cues(cues: Sequence[tuple[float, float]], n_tokens: int) -> tuple[Tensor, Tensor]:
    """Cues (position in tokens, strength) → strength (L,) and offset inside the token (L,). The strongest wins."""
    strength, offset = torch.zeros(n_tokens), torch.zeros(n_tokens)
    for position, force in cues:
        token = int(position // 1)
        if 0 <= token < n_tokens and force > strength[token]:
            strength[token], offset[token] = force, position - token
    return strength, offset


def _read(path: Path) -> tuple[dict[str, Tensor], frozenset[str]]:
    """The tensors and the words heard in training."""
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        known = (file.metadata() or {}).get("known_words", "").split()
    return weights, frozenset(known)


def load(card: ModelCard, device: torch.device, _precision: Precision) -> PocketModel:
    """Read the weights that belong to a card, in float32. Raises GenerationError where they do not fit."""
    networks = Networks()
    weights, known = _read(card.part("weights").file)
    networks.text.meanings = Meanings.from_tensors(weights)
    weights = {name: value.float() for name, value in weights.items() if not name.startswith("meanings.")}
    missing, unexpected = networks.load_state_dict(weights, strict=False)
    if missing or unexpected:
        raise GenerationError(f"the weights of '{card.name}' do not fit this version: install it again")
    return PocketModel(card, networks.to(device), known)
