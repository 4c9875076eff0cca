"""The recipe: a film and a request in, takes out, whose sound is made block by block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise, zip_longest

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from v2a.audio import Audio
from v2a.decoding import decoded, n_stretches, silence
from v2a.errors import UsageError
from v2a.features import Features, Watched
from v2a.following import cues_from, following
from v2a.media.source import FrameSource
from v2a.models.base import Model
from v2a.request import Clip, Cue, Layer, LayerName, Request
from v2a.sampling import Known, euler, guided, noise
from v2a.windows import Window, plan_windows

# Frames are read and encoded in stretches of this many tokens, each seen with some context on both sides.
_ENCODE_TOKENS = 600
_CONTEXT_TOKENS = 64
_STILL = 4  # grey levels by which a picture may flicker that is taken for still


@dataclass(frozen=True)
class Progress:
    """Where the work is: stage is "encoding", "sampling" or "decoding"; step of the stage's total, over all takes.

    Sampling and decoding take turns.
    """

    stage: str
    step: int
    total: int


@dataclass(frozen=True)
class Take:
    """One layer, one alternative: its sound, exactly as long as the clip at the model's rate.

    blocks: the sound, made while it is asked for, and given once; a few of them are in memory at a time.
    cues: those that the sound follows, ascending; cues_seen: nobody gave any, these are the events that the model saw.
    """

    layer: LayerName
    index: int
    blocks: Iterator[Audio]
    cues: tuple[Cue, ...]
    cues_seen: bool
    warnings: tuple[str, ...]

    @cached_property
    def audio(self) -> Audio:
        """The whole sound in memory, for clips that are not too long; it uses the blocks up."""
        blocks = list(self.blocks)
        return Audio(np.concatenate([block.samples for block in blocks], axis=1), blocks[0].rate_hz)


OnStep = Callable[[Progress], None]


def generate(
    model: Model,
    source: FrameSource,
    request: Request,
    on_step: OnStep,
    features: Features | None = None,
    *,
    one_by_one: bool = False,
) -> Iterator[Take]:
    """Make the takes of a request, layer by layer; each take's sound is made while its blocks are asked for.

    on_step is called before each step of the work and may raise to stop. The film is read before the first take is
    given out, and not after; where features remember what it shows, not at all. one_by_one: the model is asked for one
    thing at a time, which takes less memory and longer, and rounds otherwise.
    Raises UsageError for a layer that the model does not make, MediaError where the frames of the clip cannot be read.
    """
    clip, sampling, card = request.clip, request.sampling, model.card
    for layer in request.layers:
        if layer.name not in card.layers:
            raise UsageError(
                f"'{card.name}' does not make the layer '{layer.name}': choose from {', '.join(card.layers)}"
            )
    n_tokens = -(-clip.n_samples(card.sample_rate_hz) // card.samples_per_token)
    windows = tuple(plan_windows(n_tokens, card.window_tokens, card.overlap_tokens))
    watched = features.find(model, clip) if features else None
    if watched is None:
        watched = watch(model, source, clip, n_tokens, on_step)
        if features:
            features.keep(model, clip, watched)
    seen = cues_from(model.seen_events(watched.video), clip, card.latent_rate_hz)
    followed = {layer: following(layer, clip, seen) for layer in request.layers}
    sounding = {layer for layer in request.layers if followed[layer].sounds(layer, watched.moves)}
    n_takes = sampling.takes * len(sounding)
    n_steps = sampling.steps or card.presets[sampling.quality].steps
    on_sampling = _Counter(on_step, "sampling", n_steps * len(windows) * n_takes)
    on_decoding = _Counter(on_step, "decoding", n_stretches(n_tokens) * n_takes)
    for layer in request.layers:
        cues, warnings = followed[layer].cues, _warnings(model, layer)
        for index in range(sampling.takes):
            if layer in sounding:
                latents = _latents(model, request, layer, index, windows, watched.video, cues, on_sampling, one_by_one)
                blocks = decoded(model, latents, n_tokens, sampling.seed + index, on_decoding)
            else:
                blocks = silence(model, n_tokens)
            whole = _cut(blocks, clip.n_samples(card.sample_rate_hz))
            yield Take(layer.name, index, whole, cues or (), followed[layer].seen, warnings)


def _latents(
    model: Model,
    request: Request,
    layer: Layer,
    index: int,
    windows: Sequence[Window],
    video: Tensor,
    cues: Sequence[Cue] | None,
    on_step: Callable[[], None],
    one_by_one: bool,
) -> Iterator[Tensor]:
    """A take's latents in parts (n, C): of each window, those that the next one does not change."""
    clip, sampling, card = request.clip, request.sampling, model.card
    preset, fade = card.presets[sampling.quality], card.overlap_tokens // 2
    old, placed = video.new_empty(0, card.latent_dim), _placed(cues, clip, card.latent_rate_hz)
    for window, after in zip_longest(windows, windows[1:]):
        known = Known(old[: window.n_shared - fade]) if window.n_shared else None
        given, opposite = model.prepare(
            video[window.start : window.end],
            layer.prompt,
            layer.negative_prompt,
            _inside(window, placed),
            layer.name,
        )
        shape = (window.n_tokens, card.latent_dim)
        start = noise(sampling.seed, clip.source_digest, layer.name, index, window.index, shape)
        made = euler(
            guided(model, given, opposite, sampling.guidance or preset.guidance, one_by_one=one_by_one),
            start[None].to(video.device),
            sampling.steps or preset.steps,
            on_step,
            known,
        )
        joined = _joined(old, made[0], fade)
        n_ready = after.start - window.start if after else window.n_tokens
        old = joined[n_ready:]
        yield joined[:n_ready]


def _cut(blocks: Iterator[Audio], n_samples: int) -> Iterator[Audio]:
    """The first n_samples of a sound; its last token may reach past the clip."""
    for block in blocks:
        yield Audio(block.samples[:, :n_samples], block.rate_hz)
        n_samples -= min(block.n_samples, n_samples)


class _Counter:
    """Counts the steps of a stage over all takes and layers."""

    def __init__(self, on_step: OnStep, stage: str, total: int) -> None:
        self._on_step, self._stage, self._total, self._done = on_step, stage, total, 0

    def __call__(self) -> None:
        self._on_step(Progress(self._stage, self._done, self._total))
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


def _placed(cues: Sequence[Cue] | None, clip: Clip, rate_hz: int) -> list[tuple[float, float]] | None:
    """Cues as (tokens from the clip's start, strength)."""
    return None if cues is None else [(float((cue.time_s - clip.start_s) * rate_hz), cue.strength) for cue in cues]


def _inside(window: Window, placed: Sequence[tuple[float, float]] | None) -> list[tuple[float, float]] | None:
    """The placed cues that lie in a window, counted from its start."""
    if placed is None:
        return None
    return [(at - window.start, strength) for at, strength in placed if window.start <= at < window.end]


def watch(model: Model, source: FrameSource, clip: Clip, n_tokens: int, on_step: OnStep) -> Watched:
    """Read and encode a clip as presented.

    Token k sees the frame that is shown at its middle. Long clips are encoded in stretches with some context on
    both sides, so memory does not grow with the frames.
    """
    card, parts, moves = model.card, [], False
    for start in range(0, n_tokens, _ENCODE_TOKENS):
        on_step(Progress("encoding", start, n_tokens))
        end = min(start + _ENCODE_TOKENS, n_tokens)
        first, last = max(start - _CONTEXT_TOKENS, 0), min(end + _CONTEXT_TOKENS, n_tokens)
        middle = Fraction(1, 2)
        shown = [clip.start_s + (token + middle) / card.frame_rate for token in range(first, last)]
        # The last token may reach past the clip: it sees what is shown just before the end.
        times = [clip.source_at(min(time, clip.end_s - Fraction(1, card.sample_rate_hz))) for time in shown]
        frames = source.read(times, card.frame_size)
        moves = moves or _moves(frames)
        parts.append(model.encode_video(torch.from_numpy(frames))[start - first : end - first])
    return Watched(torch.cat(parts), moves)


def _moves(frames: npt.NDArray[np.uint8]) -> bool:
    """Whether any pixel of (T, H, W, 3) changes by more than a coder's noise."""
    return any(
        bool((np.maximum(before, after) - np.minimum(before, after)).max() > _STILL)
        for before, after in pairwise(frames)
    )
