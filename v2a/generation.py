"""The recipe: a film and a request in, takes out, whose sound is made block by block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import tee, zip_longest
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor

from v2a.audio import Audio
from v2a.decoding import decoded, n_stretches, silence
from v2a.errors import UsageError
from v2a.features import Features
from v2a.following import Following, following
from v2a.iterating import FailingForGood
from v2a.media.source import FrameSource
from v2a.models.base import Model
from v2a.request import Clip, Cue, Layer, LayerName, Request
from v2a.sampling import SCHEDULES, Known, euler, guided, noise
from v2a.watching import Watching
from v2a.windows import Window, plan_windows


@dataclass(frozen=True)
class Progress:
    """Where the work is: stage is "encoding", "sampling" or "decoding"; step of the stage's total, over all takes.

    The stages take turns. A step of takes that are sampled together is one step.
    """

    stage: str
    step: int
    total: int


@dataclass(frozen=True)
class Take:
    """One layer, one alternative: its sound, exactly as long as the clip at the model's rate.

    blocks: the sound, made while it is asked for, and given once; a few of them are in memory at a time. The film must
    be open meanwhile.
    """

    layer: LayerName
    index: int
    blocks: Iterator[Audio]
    following: Following
    warnings: tuple[str, ...]

    @property
    def cues(self) -> tuple[Cue, ...]:
        """Those that the sound follows, ascending, at most `MAX_CUES`: the strongest. Before the sound was made, the
        film is looked at to its end for them."""
        return self.following.all()

    @property
    def cues_seen(self) -> bool:
        """Nobody gave any: the cues are the events that the model sees."""
        return self.following.seen

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

    on_step is called before each step of the work and may raise to stop. The film is read while the first take's sound
    is made, a window ahead of it, and must be open until then; before that, it is read as far as is needed to know that
    there is something to sound. Where features remember what it shows, it is not read at all. As many takes of a layer
    as the model's card says are sampled together, while the first of them is asked for. one_by_one: the model is asked
    for one thing at a time, which takes less memory and longer, and rounds otherwise.
    Raises UsageError for a layer that the model does not make, and, while sound is asked for too, MediaError where the
    frames of the clip cannot be read.
    """
    clip, sampling, card = request.clip, request.sampling, model.card
    for layer in request.layers:
        if layer.name not in card.layers:
            raise UsageError(
                f"'{card.name}' does not make the layer '{layer.name}': choose from {', '.join(card.layers)}"
            )
    windows = tuple(plan_windows(card.n_tokens(clip), card))
    n_tokens = windows[-1].end  # those after the clip are decoded too, for what stands before them, and cut then
    watching = Watching(
        model, source, clip, windows, lambda done, total: on_step(Progress("encoding", done, total)), features
    )
    followed = {layer: following(layer, clip, watching, card) for layer in request.layers}
    silent = {layer: why for layer in request.layers if (why := followed[layer].why_silent(watching))}
    n_sounding = len(request.layers) - len(silent)
    groups = tuple(_groups(sampling.takes, 1 if one_by_one else card.takes_together))
    n_steps = sampling.steps or card.presets[sampling.quality].steps
    on_sampling = _Counter(on_step, "sampling", n_steps * len(windows) * len(groups) * n_sounding)
    on_decoding = _Counter(on_step, "decoding", n_stretches(card, n_tokens) * sampling.takes * n_sounding)
    for layer in request.layers:
        warnings = _warnings(model, layer, silent.get(layer))
        for group in groups:
            together = _latents(
                model, request, followed[layer], group, windows, watching, on_sampling, one_by_one=one_by_one
            )
            for index, parts in zip(group, _each(together, len(group)), strict=True):
                if layer in silent:
                    blocks = silence(card, card.n_tokens(clip))
                else:
                    blocks = decoded(model, parts, n_tokens, sampling.seed + index, on_decoding)
                whole = FailingForGood(_cut(blocks, clip.n_samples(card.sample_rate_hz)))
                yield Take(layer.name, index, whole, followed[layer], warnings)


def _groups(n_takes: int, together: int) -> Iterator[range]:
    """The takes that are sampled together: as many as may be."""
    for start in range(0, n_takes, together):
        yield range(start, min(start + together, n_takes))


def _each(together: Iterator[Tensor], n_takes: int) -> list[Iterator[Tensor]]:
    """Parts (K, n, C) of takes that are sampled together → each take's own (n, C).

    They are sampled when the first take asks for them, and wait in memory for the others: a few numbers a token.
    """
    return [map(itemgetter(row), parts) for row, parts in enumerate(tee(FailingForGood(together), n_takes))]


def _latents(
    model: Model,
    request: Request,
    followed: Following,
    takes: Sequence[int],
    windows: Sequence[Window],
    watching: Watching,
    on_step: Callable[[], None],
    *,
    one_by_one: bool,
) -> Iterator[Tensor]:
    """The takes' latents in parts (K, n, C): of each window, those that the next one does not change."""
    clip, sampling, card, layer = request.clip, request.sampling, model.card, followed.layer
    preset, fade = card.presets[sampling.quality], card.overlap_tokens // 2
    times = SCHEDULES[card.schedule](sampling.steps or preset.steps)
    old = torch.empty(len(takes), 0, card.latent_dim, device=model.device)
    for window, after in zip_longest(windows, windows[1:]):
        known = Known(old[:, : window.n_shared - fade]) if window.n_shared else None
        seen = watching.seen(window)
        cues = _placed(followed, window, clip, card.latent_rate)
        given, opposite = model.prepare(seen, window, layer.prompt, layer.negative_prompt, cues, layer.name)
        shape = (window.n_tokens, card.latent_dim)
        drawn = [noise(sampling.seed, clip.source_digest, layer.name, take, window.index, shape) for take in takes]
        made = euler(
            guided(
                model,
                given.repeated(len(takes)),
                opposite.repeated(len(takes)),
                sampling.guidance or preset.guidance,
                one_by_one=one_by_one,
            ),
            torch.stack(drawn).to(model.device),
            times,
            on_step,
            known,
        )
        joined = _joined(old, made, fade)
        n_ready = after.start - window.start if after else window.n_tokens
        old = joined[:, n_ready:]
        yield joined[:, :n_ready].clone()  # a view would keep the rest too, while it waits


def _cut(blocks: Iterator[Audio], n_samples: int) -> Iterator[Audio]:
    """The first n_samples of a sound; its last tokens may reach past the clip."""
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


def _warnings(model: Model, layer: Layer, why_silent: str | None) -> tuple[str, ...]:
    warnings, name = [why_silent] if why_silent else [], model.card.name
    if layer.transcript:
        warnings.append(f"'{name}' cannot speak: the transcript was not used")
    if layer.cues and not model.card.follows_cues:
        warnings.append(f"'{name}' follows the picture, and cannot be given cues: they were not used")
    warnings += model.text_warnings(layer.prompt) + model.text_warnings(layer.negative_prompt)
    return tuple(dict.fromkeys(warnings))


def _joined(old: Tensor, new: Tensor, fade: int) -> Tensor:
    """A window's latents (K, L, C): first the old ones (K, n, C), cross-faded into the new over the last `fade`."""
    n_shared = old.shape[1]
    if not n_shared:
        return new
    weight = torch.ones(new.shape[1], 1, device=new.device)
    weight[:n_shared] = 0.0
    weight[n_shared - fade : n_shared, 0] = torch.linspace(0, 1, fade + 2, device=new.device)[1:-1]
    whole = torch.cat([old, new[:, n_shared:]], 1)
    return whole + weight * (new - whole)


def _placed(followed: Following, window: Window, clip: Clip, latent_rate: Fraction) -> list[tuple[float, float]] | None:
    """The cues that lie in a window, as (tokens from its start, strength)."""
    start_s, end_s = (clip.start_s + token / latent_rate for token in (window.start, window.end))
    cues = followed.between(start_s, end_s)
    return None if cues is None else [(float((cue.time_s - start_s) * latent_rate), cue.strength) for cue in cues]
