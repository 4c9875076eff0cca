"""What the shared sampler needs of a model. A model family is a folder beside this file that implements it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from v2a.cards import ModelCard
from v2a.request import LayerName


@dataclass(frozen=True)
class Conditions:
    """What a window's sampling is conditioned on. Rows of a batch may be mixed freely with `stack`.

    video: (B, L, Dv) features a token; text: (B, Tt, Dt) with text_mask (B, Tt), True where there is a word;
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

    def stack(self, other: "Conditions") -> "Conditions":
        """Both batches as one. Their shapes but the first axis must agree."""
        return Conditions(
            **{name: torch.cat([getattr(self, name), getattr(other, name)]) for name in self.__dataclass_fields__}
        )


class Model(Protocol):
    """A flow-matching model over latents (B, L, C); t runs from 0 (noise) to 1 (sound)."""

    card: ModelCard
    device: torch.device

    def encode_video(self, frames: Tensor) -> Tensor:
        """frames (T, H, W, 3) uint8 at card.frame_rate and frame_size → features (L, Dv), one row a latent token."""
        ...

    def encode_text(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Texts → (B, Tt, Dt) and mask (B, Tt), True where there is a word. An empty text is the null text."""
        ...

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text that were never heard in training, for a warning."""
        ...

    def seen_events(self, video: Tensor) -> list[tuple[float, float]]:
        """The events that are seen in features (L, Dv): (position in tokens, strength 0 … 1), ascending."""
        ...

    def prepare(
        self,
        video: Tensor,
        text: str,
        negative_text: str,
        cues: Sequence[tuple[float, float]] | None,
        layer: LayerName,
    ) -> tuple[Conditions, Conditions]:
        """A window's conditions and their guidance opposite, each with B = 1.

        video: (L, Dv); cues: (position in tokens from the window's start, strength). None: they are not given;
        an empty list: nothing strikes.
        The opposite drops video and cues and holds the negative text, or the null text where there is none.
        """
        ...

    def velocity(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """dx/dt at latents x (B, L, C) and times t (B,)."""
        ...

    def decode(self, latents: Tensor, seed: int) -> Tensor:
        """Latents (L, C) → waveform (channels, L × card.samples_per_token), float32. Same seed, same samples."""
        ...
