"""The recipe: a film and a request in, takes out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from v2a.audio import Audio
from v2a.errors import UsageError
from v2a.media.source import FrameSource
from v2a.models.base import Model
from v2a.request import Clip, Layer, LayerName, Request
from v2a.sampling import Known, euler, guided, noise
from v2a.windows import Window, plan_windows

# Frames are read and encoded in stretches of this many tokens, each seen with some context on both sides.
_ENCODE_TOKENS = 1_500
_CONTEXT_TOKENS = 25
# Latents are turned into sound in stretches of this many tokens, cross-faded over the overlap.
_DECODE_TOKENS = 750
_DECODE_OVERLAP = 25


@dataclass(frozen=True)
class Progress:
    """Where the work is: stage is "encoding", "sampling" or "decoding"; step of total, over all takes."""

    stage: str
    step: int
    total: int


@dataclass(frozen=True)
class Take:
    """One layer, one alternative: its sound, exactly as long as the clip at the model's rate."""

    layer: LayerName
    index: int
    audio: Audio
    warnings: tuple[str, ...]


OnStep = Callable[[Progress], None]


def generate(model: Model, source: FrameSource, request: Request, on_step: OnStep) -> Iterator[Take]:
    """Make the takes of a request, layer by layer.

    on_step is called before each step of the solver and may raise to stop; nothing is kept then.
    Raises UsageError for a layer that the model does not make, MediaError where the frames of the clip cannot be read.
    """
    clip, sampling, card = request.clip, request.sampling, model.card
    for layer in request.layers:
        if layer.name not in card.layers:
            raise UsageError(
                f"'{card.name}' does not make the layer '{layer.name}': choose from {', '.join(card.layers)}"
            )
    preset = card.presets[sampling.quality]
    n_steps, guidance = sampling.steps or preset.steps, sampling.guidance or preset.guidance
    n_tokens = -(-clip.n_samples(card.sample_rate_hz) // card.samples_per_token)
    windows = list(plan_windows(n_tokens, card.window_tokens, card.overlap_tokens))
    counter = _Counter(on_step, n_steps * len(windows) * sampling.takes * len(request.layers))
    video = encode_clip(model, source, clip, n_tokens, on_step)
    for layer in request.layers:
        warnings = _warnings(model, layer)
        for index in range(sampling.takes):
            latents = video.new_empty(n_tokens, card.latent_dim)
            for window in windows:
                old = latents[window.start : window.start + window.n_shared]
                fade = card.overlap_tokens // 2
                known = Known(old[: window.n_shared - fade]) if window.n_shared else None
                given, opposite = model.prepare(
                    video[window.start : window.end],
                    layer.prompt,
                    layer.negative_prompt,
                    _cues_in(window, layer, clip, card.latent_rate_hz),
                    layer.name,
                )
                shape = (window.n_tokens, card.latent_dim)
                start = noise(sampling.seed, clip.source_digest, layer.name, index, window.index, shape)
                made = euler(
                    guided(model, given, opposite, guidance),
                    start[None].to(video.device),
                    n_steps,
                    counter.step,
                    known,
                )
                latents[window.start : window.end] = _joined(old, made[0], fade)
            on_step(Progress("decoding", index, sampling.takes))
            samples = decode_long(model, latents, sampling.seed + index)[:, : clip.n_samples(card.sample_rate_hz)]
            yield Take(layer.name, index, Audio(samples, card.sample_rate_hz), warnings)


class _Counter:
    """Counts solver steps over all windows, takes and layers."""

    def __init__(self, on_step: OnStep, total: int) -> None:
        self._on_step, self._total, self._done = on_step, total, 0

    def step(self) -> None:
        self._on_step(Progress("sampling", self._done, self._total))
        self._done += 1


def _warnings(model: Model, layer: Layer) -> tuple[str, ...]:
    warnings = []
    if layer.transcript:
        warnings.append(f"'{model.card.name}' cannot speak: the transcript was not used")
    if unknown := dict.fromkeys(model.unknown_words(layer.prompt) + model.unknown_words(layer.negative_prompt)):
        warnings.append(
            f"words '{model.card.name}' never heard in training, read by their spelling: {', '.join(unknown)}"
        )
    return tuple(warnings)


def _joined(old: Tensor, new: Tensor, fade: int) -> Tensor:
    """A window's latents (L, C): first the old ones (n, C), cross-faded into the new over the last `fade` of these."""
    n_shared = old.shape[0]
    if not n_shared:
        return new
    weight = torch.ones(len(new), 1, device=new.device)
    weight[:n_shared] = 0.0
    weight[n_shared - fade : n_shared, 0] = torch.linspace(0, 1, fade + 2, device=new.device)[1:-1]
    whole = torch.cat([old, new[n_shared:]])
    return whole + weight * (new - whole)


def _cues_in(window: Window, layer: Layer, clip: Clip, rate_hz: int) -> list[tuple[float, float]]:
    """The layer's cues as (tokens from the window's start, strength); those outside are left out."""
    placed = [(float((cue.time_s - clip.start_s) * rate_hz) - window.start, cue.strength) for cue in layer.cues]
    return [(position, strength) for position, strength in placed if 0 <= position < window.n_tokens]


def encode_clip(model: Model, source: FrameSource, clip: Clip, n_tokens: int, on_step: OnStep) -> Tensor:
    """The video features (n_tokens, Dv) of a clip as presented.

    Token k sees the frame that is shown at its middle. Long clips are encoded in stretches with some context on
    both sides, so memory does not grow with the frames.
    """
    card, parts = model.card, []
    for start in range(0, n_tokens, _ENCODE_TOKENS):
        on_step(Progress("encoding", start, n_tokens))
        end = min(start + _ENCODE_TOKENS, n_tokens)
        first, last = max(start - _CONTEXT_TOKENS, 0), min(end + _CONTEXT_TOKENS, n_tokens)
        middle = Fraction(1, 2)
        shown = [clip.start_s + (token + middle) / card.frame_rate for token in range(first, last)]
        # The last token may reach past the clip: it sees what is shown just before the end.
        times = [clip.source_at(min(time, clip.end_s - Fraction(1, card.sample_rate_hz))) for time in shown]
        frames = torch.from_numpy(source.read(times, card.frame_size))
        parts.append(model.encode_video(frames)[start - first : end - first])
    return torch.cat(parts)


def decode_long(model: Model, latents: Tensor, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Latents (L, C) → samples (channels, L × samples a token), in stretches joined by equal-power cross-fades."""
    card, n_tokens = model.card, latents.shape[0]
    out = np.zeros((card.channels, n_tokens * card.samples_per_token), np.float32)
    for start in range(0, n_tokens, _DECODE_TOKENS):
        before = _DECODE_OVERLAP if start else 0
        end = min(start + _DECODE_TOKENS, n_tokens)
        part = model.decode(latents[start - before : end], seed).cpu().numpy()
        n_fade = before * card.samples_per_token
        at = start * card.samples_per_token - n_fade
        ramp = np.sin(np.linspace(0, np.pi / 2, n_fade, dtype=np.float32))
        out[:, at : at + n_fade] = out[:, at : at + n_fade] * ramp[::-1] + part[:, :n_fade] * ramp
        out[:, at + n_fade : end * card.samples_per_token] = part[:, n_fade:]
    return out
