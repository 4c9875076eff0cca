"""A model without weights that sees what it is told to see, and sounds what it is told to follow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor

from v2a.cards import ModelCard, Preset, card
from v2a.models.base import Conditions, Frames, OnPart, Seen
from v2a.request import LayerName
from v2a.windows import Window

TOKENS_A_SECOND = 25
_EVENTS_A_TOKEN = 50
# How much a window's latents sink where its cues were not given at all.
NOT_GIVEN = -1.0


def small_card() -> ModelCard:
    """Windows of two seconds that share half a second; a step is enough."""
    return replace(
        card("pocket"),
        frame_rate=Fraction(TOKENS_A_SECOND), samples_per_token=48_000 // TOKENS_A_SECOND, latent_dim=2,
        window_tokens=50, overlap_tokens=12, guided_until=1.0, guidance_rescale=0.0,
        presets={"standard": Preset(1, 1.0)},
    )  # fmt: skip


@dataclass(frozen=True)
class WatchfulConditions(Conditions):
    """cues: (B, L) strengths a token."""

    cues: Tensor


class WatchfulModel:
    """Implements `v2a.models.base.Model`: a token's latents are its cue's strength, its sound is its latents.

    seen: (tokens from the clip's start, strength). Without noise: the velocity leads from any start to the cues.
    """

    precision = "float32"

    def __init__(self, seen: Sequence[tuple[float, float]] = ()) -> None:
        self.card = small_card()
        self.device = torch.device("cpu")
        self.seen = list(seen)

    def encode_video(self, frames: Frames, windows: Sequence[Window], on_part: OnPart) -> Iterator[Seen]:
        for window in windows:
            on_part(window.index, len(windows))
            frames(
                [token / self.card.frame_rate for token in range(window.start + window.n_shared, window.end)], (4, 4)
            )
            events = torch.zeros(window.n_tokens * _EVENTS_A_TOKEN, 2, dtype=torch.float64)
            inside = [(at - window.start, strength) for at, strength in self.seen if window.start <= at < window.end]
            for row, event in enumerate(inside):
                events[row] = torch.tensor(event, dtype=torch.float64)
            yield {"events": events}

    def seen_events(self, seen: Seen) -> list[tuple[float, float]] | None:
        return [(at, strength) for at, strength in seen["events"].tolist() if strength]

    def text_warnings(self, text: str) -> list[str]:
        return []

    def prepare(
        self,
        seen: Seen,
        window: Window,
        text: str,
        negative_text: str,
        cues: Sequence[tuple[float, float]] | None,
        layer: LayerName,
    ) -> tuple[WatchfulConditions, WatchfulConditions]:
        strength = torch.full((window.n_tokens,), NOT_GIVEN if cues is None else 0.0)
        for position, force in cues or ():
            strength[int(position)] = force
        given = WatchfulConditions(strength[None])
        return given, given

    def velocity(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        assert isinstance(conditions, WatchfulConditions)
        return (conditions.cues[..., None] - x.repeat(len(t) // len(x), 1, 1)) / (1 - t)[:, None, None]

    def decode(self, latents: Tensor, seed: int) -> Tensor:
        return latents[:, 0].repeat_interleave(self.card.samples_per_token)[None]
