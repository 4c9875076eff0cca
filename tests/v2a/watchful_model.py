"""A model without weights that sees what it is told to see, and sounds what it is told to follow."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from v2a.cards import ModelCard, Preset, card
from v2a.models.base import Conditions
from v2a.request import LAYERS, LayerName

TOKENS_A_SECOND = 25
# How much a window's latents sink where its cues were not given at all.
NOT_GIVEN = -1.0


def small_card() -> ModelCard:
    """Windows of two seconds that share half a second; a step is enough."""
    return replace(
        card("pocket"),
        frame_rate=Fraction(TOKENS_A_SECOND), frame_size=(4, 4), latent_rate_hz=TOKENS_A_SECOND, latent_dim=2,
        window_tokens=50, overlap_tokens=12, guided_until=1.0, guidance_rescale=0.0,
        presets={"standard": Preset(1, 1.0)},
    )  # fmt: skip


class WatchfulModel:
    """Implements `v2a.models.base.Model`: a token's latents are its cue's strength, its sound is its latents.

    seen: (tokens from the clip's start, strength). Without noise: the velocity leads from any start to the cues.
    """

    def __init__(self, seen: Sequence[tuple[float, float]] = ()) -> None:
        self.card = small_card()
        self.device = torch.device("cpu")
        self.seen = list(seen)

    def encode_video(self, frames: Tensor) -> Tensor:
        return torch.zeros(len(frames), 1)

    def encode_text(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(texts), 1, 1), torch.zeros(len(texts), 1, dtype=torch.bool)

    def unknown_words(self, text: str) -> list[str]:
        return []

    def seen_events(self, video: Tensor) -> list[tuple[float, float]]:
        return self.seen

    def prepare(
        self,
        video: Tensor,
        text: str,
        negative_text: str,
        cues: Sequence[tuple[float, float]] | None,
        layer: LayerName,
    ) -> tuple[Conditions, Conditions]:
        strength = torch.zeros(len(video)) if cues is not None else torch.full((len(video),), NOT_GIVEN)
        for position, force in cues or ():
            strength[int(position)] = force
        words, mask = self.encode_text([text])
        given = Conditions(
            video=video[None], text=words, text_mask=mask, cues=strength[None], cue_offsets=strength[None],
            layer=torch.tensor([LAYERS.index(layer)]), has_video=torch.ones(1), has_cues=torch.ones(1),
        )  # fmt: skip
        return given, given

    def velocity(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        return (conditions.cues[..., None] - x) / (1 - t)[:, None, None]

    def decode(self, latents: Tensor, seed: int) -> Tensor:
        return latents[:, 0].repeat_interleave(self.card.samples_per_token)[None]
