"""MMAudio behind the shared interface of `v2a.models.base`: a window's sound from what CLIP and Synchformer see of it,
and from words where there are any."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from v2a.cards import ModelCard, Precision
from v2a.errors import GenerationError, NotFoundError, UsageError
from v2a.models.base import Conditions, Frames, OnPart, Seen
from v2a.models.mmaudio.clip import Clip, n_tokens
from v2a.models.mmaudio.flow import FlowConditions, FlowTransformer, Lengths
from v2a.models.mmaudio.parts import PARTS, blank, build, fill
from v2a.models.mmaudio.seeing import Eyes, n_parts
from v2a.models.mmaudio.synchformer import Synchformer
from v2a.models.mmaudio.turns import Turns
from v2a.models.mmaudio.vae import Vae
from v2a.models.mmaudio.variants import VARIANTS, Variant
from v2a.models.mmaudio.vocoder import Vocoder
from v2a.models.mmaudio.weights import StoredTensors, random_weights
from v2a.request import LayerName
from v2a.windows import Window

_SEED = 1  # of weights at random
_TEXTS = 16  # remembered: every window of a layer has the same


@dataclass(frozen=True)
class Networks:
    """All of a model. flow, sync and clip are in its precision; vae and vocoder, whose rounding would be heard as
    noise, in float32."""

    flow: FlowTransformer
    vae: Vae
    vocoder: Vocoder
    sync: Synchformer
    clip: Clip


class MMAudioModel:
    """Implements `v2a.models.base.Model`. Nothing of a request stays in it, so that several may run at once."""

    def __init__(
        self,
        card: ModelCard,
        device: torch.device,
        precision: Precision,
        room_bytes: float | None = None,
    ) -> None:
        """room_bytes: of the device, see `Turns`. Raises as `load`."""
        self.card, self.device = card, device
        self.precision: str = precision
        dtype, variant = getattr(torch, precision), _variant(card)
        blanks = {part: _ready(part, blank(part, variant), dtype) for part in PARTS}
        self.networks = networks = Networks(**blanks)  # type: ignore[arg-type]
        part_of = {network: part for part, network in blanks.items()}
        self.eyes = Eyes(networks.clip, networks.sync, variant.clip.image_size, variant.sync.crop)
        self._turns = Turns(
            device,
            {
                "seeing": (networks.clip, networks.sync),
                "sounding": (networks.vae, networks.vocoder, networks.flow),
            },
            lambda network: _network(card, part_of[network], dtype),
            room_bytes,
        )
        self._remembered_words = lru_cache(maxsize=_TEXTS)(self._words)

    @torch.inference_mode()
    def encode_video(self, frames: Frames, windows: Sequence[Window], on_part: OnPart) -> Iterator[Seen]:
        """See Model.encode_video: clip (64, D) and sync (192, D), in the processor's memory.

        Where the device cannot hold all networks, all windows are looked at in one turn: each turn costs moving them.
        """
        a_window = n_parts(self.device)

        def see(window: Window) -> Seen:
            on_window = _Counted(on_part, window.index * a_window, len(windows) * a_window)
            clip, sync = self.eyes.see(frames, self.card.token_s(window.start), on_window)
            return {"clip": clip.cpu(), "sync": sync.cpu()}

        for together in (windows,) if self._turns.taken else ([window] for window in windows):
            with self._turns.of("seeing"):
                seen = deque(see(window) for window in together)
            while seen:
                yield seen.popleft()

    def seen_events(self, seen: Seen) -> list[tuple[float, float]] | None:
        """See Model.seen_events: events are not looked for."""
        return None

    def text_warnings(self, text: str) -> list[str]:
        """See Model.text_warnings."""
        n, most = n_tokens(text), VARIANTS[self.card.variant].clip.text_tokens
        if n <= most:
            return []
        return [f"'{self.card.name}' reads {most} tokens of a text, and '{_beginning(text)}' has {n}: shorten it"]

    @torch.inference_mode()
    def prepare(
        self,
        seen: Seen,
        window: Window,
        text: str,
        negative_text: str,
        cues: Sequence[tuple[float, float]] | None,
        layer: LayerName,
    ) -> tuple[FlowConditions, FlowConditions]:
        """See Model.prepare. Cues are not followed."""
        clip, sync = (seen[name][None].to(self.device) for name in ("clip", "sync"))
        lengths = Lengths(window.n_tokens, clip.shape[1], sync.shape[1])
        words, negative_words = (self._remembered_words(words) if words else None for words in (text, negative_text))
        with self._turns.of("sounding"):
            return (
                self.networks.flow.prepare(clip, sync, words, lengths),
                self.networks.flow.prepare(None, None, negative_words, lengths),
            )

    def _words(self, text: str) -> Tensor:
        with self._turns.of("seeing"):
            return self.networks.clip.words([text])

    @torch.inference_mode()
    def velocity(self, x: Tensor, t: Tensor, conditions: Conditions) -> Tensor:
        """See Model.velocity."""
        with self._turns.of("sounding"):
            out: Tensor = self.networks.flow(x, t, cast(FlowConditions, conditions))
        return out

    @torch.inference_mode()
    def decode(self, latents: Tensor, seed: int) -> Tensor:
        """See Model.decode. Nothing in it is drawn."""
        with self._turns.of("sounding"):
            mel = self.networks.vae.decode(self.networks.flow.denormalised(latents)[None])
            wave: Tensor = self.networks.vocoder(mel)
        return wave[0]


class _Counted:
    """Counts the parts of a window's work among those of all windows."""

    def __init__(self, on_part: OnPart, done: int, total: int) -> None:
        self._on_part, self._done, self._total = on_part, done, total

    def __call__(self) -> None:
        self._on_part(self._done, self._total)
        self._done += 1


def _beginning(text: str) -> str:
    return text if len(text) <= 24 else text[:24].rstrip() + " …"


def load(card: ModelCard, device: torch.device, precision: Precision) -> MMAudioModel:
    """Read the parts that belong to a card, or make them up where it has none: its weights are random.

    Raises NotFoundError for a variant that is not known, GenerationError where the card is not the variant's, or a part
    is missing or does not fit.
    """
    chosen = automatic_precision(device) if precision == "auto" else precision
    return MMAudioModel(card, device, chosen)


def automatic_precision(device: torch.device) -> Precision:
    """The fastest that a device computes natively, as its kind says: the same on every run."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return "bfloat16" if any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")) else "float32"


def load_part(card: ModelCard, part: str, dtype: torch.dtype) -> nn.Module:
    """The network of a part on the CPU, from its file or, where the card has no parts, at random. Raises as `load`."""
    return _part(card, part, lambda network: network.to(dtype))


def _part(card: ModelCard, part: str, ready: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """ready: gives the network, before it is filled, its precision, so that no more is in memory than is needed."""
    variant = _variant(card)
    if not card.parts:
        with random_weights(_SEED):
            return ready(build(part, variant))
    network = ready(blank(part, variant))
    try:
        fill(part, network, StoredTensors(card.part(part).file), f"its part '{part}'")
    except (OSError, SafetensorError, NotFoundError, UsageError) as error:
        raise GenerationError(f"'{card.name}' cannot be loaded: {error}: install it again") from error
    return network


def _variant(card: ModelCard) -> Variant:
    """The configuration that a card names. Windows and latents are made as the card says, so it must say the same."""
    if card.variant not in VARIANTS:
        known = ", ".join(VARIANTS)
        raise NotFoundError(f"this version cannot run '{card.name}' (variant '{card.variant}'); it can run: {known}")
    variant = VARIANTS[card.variant]
    needed = {
        "sample_rate_hz": variant.sample_rate_hz,
        "samples_per_token": variant.samples_per_token,
        "latent_dim": variant.flow.latent_dim,
        "window_tokens": variant.window_tokens,
    }
    wrong = [f"{name} {getattr(card, name)} instead of {n}" for name, n in needed.items() if getattr(card, name) != n]
    if wrong:
        raise GenerationError(f"'{card.name}' cannot be loaded: its card says {', '.join(wrong)}: install it again")
    return variant


def _network(card: ModelCard, part: str, dtype: torch.dtype) -> nn.Module:
    """The network of a part, with its numbers, as it is used."""
    if part == "vae":  # its weights are normalised in the precision of its file
        return _ready(part, load_part(card, part, torch.float32), dtype)
    return _part(card, part, lambda network: _ready(part, network, dtype))


def _ready(part: str, network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A network as it is used, whether it has its numbers or not."""
    if part == "flow":
        return cast(FlowTransformer, network).for_inference(dtype)
    if part == "vae":
        return cast(Vae, network).for_inference(torch.float32)
    return network.to(torch.float32 if part == "vocoder" else dtype).eval().requires_grad_(False)
