"""The pocket model: its networks, its weights, and the shared interface of `v2a.models.base`."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from v2a.cards import ModelCard
from v2a.errors import GenerationError
from v2a.models.base import Conditions
from v2a.models.pocket.codec import Codec
from v2a.models.pocket.flow import WIDTH, FlowTransformer
from v2a.models.pocket.meanings import Meanings
from v2a.models.pocket.text import TextEncoder, words_of
from v2a.models.pocket.video import Sight, VideoEncoder, seen_events, to_grey, watched
from v2a.request import LAYERS, LayerName

# Training mixes are hot, to keep quiet tails above the codec's floor; a track should leave room for its neighbours.
_LEVEL = 0.45
# Single blows peak far above everything else. Bent above the knee, they do not force the whole track down.
_KNEE, _CEILING = 0.5, 0.8


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

    def __init__(self, card: ModelCard, networks: Networks, known_words: frozenset[str]) -> None:
        self.card = card
        self.networks = networks.eval().requires_grad_(False)
        self.device = next(networks.parameters()).device
        self._known_words = known_words

    @classmethod
    def load(cls, card: ModelCard, device: torch.device) -> "PocketModel":
        """Read the weights that belong to a card. Raises GenerationError where they do not fit."""
        networks = Networks()
        weights, known = _read(card.weights)
        networks.text.meanings = Meanings.from_tensors(weights)
        weights = {name: value.float() for name, value in weights.items() if not name.startswith("meanings.")}
        missing, unexpected = networks.load_state_dict(weights, strict=False)
        if missing or unexpected:
            raise GenerationError(f"the weights of '{card.name}' do not fit this version: install it again")
        return cls(card, networks.to(device), known)

    @torch.inference_mode()
    def encode_video(self, frames: Tensor) -> Tensor:
        """See Model.encode_video."""
        return watched(self.networks.video, to_grey(frames.to(self.device)))

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """See Model.encode_text."""
        words, mask = self.networks.text(texts)
        return words, mask

    def unknown_words(self, text: str) -> list[str]:
        """See Model.unknown_words."""
        return [word for word in words_of(text) if word not in self._known_words]

    @torch.inference_mode()
    def seen_events(self, video: Tensor) -> list[tuple[float, float]]:
        """See Model.seen_events."""
        return seen_events(Sight(*video[None, :, WIDTH:].unbind(-1)))[0]

    def prepare(
        self,
        video: Tensor,
        text: str,
        negative_text: str,
        cues: Sequence[tuple[float, float]] | None,
        layer: LayerName,
    ) -> tuple[Conditions, Conditions]:
        """See Model.prepare."""
        words, mask = self.encode_text([text, negative_text])
        n_tokens = video.shape[0]
        strength, offset = place_cues(cues or (), n_tokens)
        layer_index = torch.tensor([LAYERS.index(layer)], device=self.device)
        one, zero = torch.ones(1, device=self.device), torch.zeros(1, device=self.device)

        def given(row: int, has: bool) -> Conditions:
            return Conditions(
                video=video[None, :, :WIDTH],
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
        out: Tensor = self.networks.flow(x, t, conditions)
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
