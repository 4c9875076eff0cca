"""What the shared sampler needs of a model. A model family is a folder beside this file that implements it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Protocol, Self

import torch
from torch import Tensor

from v2a.cards import ModelCard
from v2a.request import LayerName
from v2a.windows import Window

# What a model saw of a window, under names of its own: of all windows in the same shapes. It can be stored and read
# again, and may be on any device: a model moves what it uses.
Seen = Mapping[str, Tensor]

# Called before each part of some work, with how much is done and how much there is; may raise to stop.
OnPart = Callable[[int, int], None]


class Frames(Protocol):
    """A clip's frames, as presented."""

    def __call__(
        self, times_s: Sequence[Fraction], size: tuple[int, int] | None, within_s: Fraction = Fraction(0)
    ) -> Tensor:
        """The frames shown at times from the clip's start → (T, H, W, 3) uint8 on the CPU.

        Before the start the first frame is shown, from the end on the last. size: (H, W) to scale to, by averaging
        areas; None for the film's own size. within_s: the first frame that begins so soon after a time is preferred to
        the one that is being shown.
        """
        ...


@dataclass(frozen=True)
class Conditions:
    """What a window's sampling is conditioned on: tensors that a family names, each with a batch axis first."""

    def stack(self, other: Self) -> Self:
        """Both batches as one. Their shapes but the first axis must agree."""
        return type(self)(
            **{part.name: torch.cat([getattr(self, part.name), getattr(other, part.name)]) for part in fields(self)}
        )

    def repeated(self, n: int) -> Self:
        """Each row n times: (B, …) → (B n, …)."""
        return type(self)(**{part.name: getattr(self, part.name).repeat_interleave(n, 0) for part in fields(self)})


class Model(Protocol):
    """A flow-matching model over latents (B, L, C); t runs from 0 (noise) to 1 (sound).

    A family is a folder with a module that has `load(card, device, precision) -> Model`, named in `v2a.models`.
    """

    card: ModelCard
    device: torch.device

    @property
    def precision(self) -> str:
        """What it computes in, for the file that is written: "float32", "bfloat16" or "float16"."""
        ...

    def encode_video(self, frames: Frames, windows: Sequence[Window], on_part: OnPart) -> Iterator[Seen]:
        """Look at a clip, once for all takes and layers: window by window, and no further than the next one needs.

        windows: all that will be sampled; token k starts `card.token_s(k)` after the clip's start. With `card.pads` the
        only window of a short clip reaches past the clip's end. Whether anything moves at all is told from the frames
        that are asked for.
        """
        ...

    def seen_events(self, seen: Seen) -> list[tuple[float, float]] | None:
        """The events that are seen: (position in tokens from the window's start, strength 0 … 1), ascending.

        Of tokens that two windows share, both say the same. None: this model does not look for events.
        """
        ...

    def text_warnings(self, text: str) -> list[str]:
        """What the user should know of how a text is read; a text may be empty."""
        ...

    def prepare(
        self,
        seen: Seen,
        window: Window,
        text: str,
        negative_text: str,
        cues: Sequence[tuple[float, float]] | None,
        layer: LayerName,
    ) -> tuple[Conditions, Conditions]:
        """A window's conditions and their guidance opposite, each with B = 1.

        seen: of this window. cues: (position in tokens from the window's start, strength). None: they are not given; an
        empty list: nothing strikes. The opposite drops what is seen and cues, and holds the negative text, or the null
        text where there is none.
        """
        ...

    def velocity(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """dx/dt at latents x (B, L, C) under n B conditions, at their times t (n B,) → (n B, L, C); all float32.

        conditions: rows of `prepare`'s, stacked; each B of them have the latents x. So guidance, n = 2, need not have
        them read twice.
        """
        ...

    def decode(self, latents: Tensor, seed: int) -> Tensor:
        """Latents (L, C) → waveform (channels, L × card.samples_per_token), float32. Same seed, same samples."""
        ...
