"""Timing on new scenes of the training renderer, with recordings never trained on, and silence where it is due.

Scenes have seeds never used in training; the truth is those of their events that are audible in the `effects` layer
composed for them. Lines of the table `timing`:

* `real recordings`: the composed soundtrack itself, and so what the onset detector can reach at best;
* `pixels`, `pixels, words`, `pixels, words, cues`: what is given, the words being the soundtrack's caption;
* `cues, still`: the first frame held, no words;
* `black`: no picture, no words: what is left of the timing is chance;
* `eyes`, `motion peaks`, `random times`: no sound made (see `v2a.evaluate.films`).

Scenes in which things move that nobody hears tell false onsets; the still first frame of every scene, without words
or cues, tells the silence floor.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from v2a.audio import Audio
from v2a.evaluate.onsets import onsets
from v2a.evaluate.results import Result, result
from v2a.evaluate.soundtracks import Pictures, black, cues_at, held, moving, soundtrack
from v2a.evaluate.timing import Trial, false_onsets, level_dbfs, random_times, shifts, timing
from v2a.evaluate.watching import without_sound
from v2a.models.base import Model
from v2a.request import Layer, Quality, Sampling
from v2a.train.recordings import RATE_HZ, SoundBank
from v2a.train.scenes import Scene, render_scene
from v2a.train.scenes.film import DURATION_S, TOKEN_RATE_HZ
from v2a.train.soundtrack import compose

NOTES = {
    "timing": "Scenes with two to sixteen audible events on the layer `effects`, pooled; intervals by drawing scenes "
    "again. `real recordings` is the ceiling of the onset detector.",
    "shifted truth": "F1 ±50 ms against the true times moved later: what follows the film must fall. `falls` is the "
    "share of resamplings in which every shift lowers it.",
    "silent motion": "Scenes in which things move that make no sound.",
    "silence": "Level where nothing happens and nothing was asked: the first frame of each scene held, no words, no "
    "cues. Below −70 dBFS is silence.",
}

log = logging.getLogger(__name__)

_SEED = 1 << 40
_SIZE = 128  # pixels, both ways
_FEWEST, _MOST = 2, 16
_RANDOM_DRAWS = 20
_LENGTH = Fraction(DURATION_S)
_FILM, _STILL = moving(Fraction(0), _LENGTH), held(_LENGTH)

_WITHIN_DB = 25.0  # of the scene's loudest event
_RISE_DB = 4.0  # above what sounded just before: else it is masked
_APART_S = 0.08

Event = tuple[float, float]


@dataclass(frozen=True)
class HeardScene:
    """A scene, the sound of its `effects`, the caption, and its events (time, strength): audible and others."""

    scene: Scene
    effects: Audio
    caption: str
    audible: tuple[Event, ...]
    inaudible: tuple[Event, ...]


def audible(events: Sequence[Event], sound: Audio) -> tuple[list[Event], list[Event]]:
    """Split a sound's events into those a listener could tell apart and the others.

    Audible is what reaches, within 60 ms, a level at most 25 dB below the scene's loudest event and 4 dB above the
    level of the 50 ms before (else the tail of an earlier sound hides it: simultaneous and forward masking, Fastl &
    Zwicker 2007, ch. 4, taken crudely); of events less than 80 ms apart, the first.
    """
    hop = sound.rate_hz // 200
    mono = sound.samples.mean(0).astype(np.float64)
    power = (mono[: len(mono) // hop * hop].reshape(-1, hop) ** 2).mean(1)
    levels = 10 * np.log10(np.concatenate([power, np.zeros(12)]) + 1e-12)  # of each 5 ms
    times = sorted(events)
    reached, before = [], []
    for time, _ in times:
        at = int(time * 200)
        earlier = 10 ** (levels[max(at - 11, 0) : max(at - 1, 0)] / 10)
        reached.append(float(levels[at : at + 12].max()))
        before.append(10 * float(np.log10(earlier.mean())) if len(earlier) else -120.0)
    loudest = max(reached, default=0.0)
    heard: list[Event] = []
    others: list[Event] = []
    for event, level, hidden_by in zip(times, reached, before, strict=True):
        loud = level >= loudest - _WITHIN_DB and level >= hidden_by + _RISE_DB
        apart = not heard or event[0] - heard[-1][0] >= _APART_S
        (heard if loud and apart else others).append(event)
    return heard, others


def measure_scenes(model: Model, bank: SoundBank, *, n_scenes: int, n_silent: int, quality: Quality) -> list[Result]:
    """The four tables of `NOTES`. bank: of held-out recordings."""
    struck: dict[str, list[list[Trial]]] = {}
    levels: dict[str, list[float]] = {"still": [], "black": []}
    for number, heard in enumerate(_scenes_with_events(bank, n_scenes)):
        log.info("scene %d of %d", number + 1, n_scenes)
        found, quiet = _listen(model, heard, Sampling(seed=number, quality=quality))
        true, optional = [time for time, _ in heard.audible], [time for time, _ in heard.inaudible]
        for line, times in found.items():
            struck.setdefault(line, []).append([Trial(one, true, DURATION_S, optional) for one in times])
        for line, level in quiet.items():
            levels[line].append(level)
    silent: dict[str, list[list[Trial]]] = {}
    loud: dict[str, list[float]] = {"pixels": []}
    for number, scene in enumerate(_silent_scenes(n_silent)):
        log.info("silent scene %d of %d", number + 1, n_silent)
        source = _film(scene)
        made = soundtrack(model, source, _FILM, Layer("effects"), Sampling(seed=number, quality=quality))
        loud["pixels"].append(level_dbfs(made))
        lines = {"pixels": onsets(made), **without_sound(model, source, _LENGTH)}
        for line, heard_at in lines.items():
            silent.setdefault(line, []).append([Trial(heard_at, [], DURATION_S)])
    return [
        *(one for line, units in struck.items() for one in timing("timing", line, units)),
        *(one for line, units in struck.items() for one in shifts("shifted truth", line, units)),
        *(false_onsets("silent motion", line, units) for line, units in silent.items()),
        *(result("silent motion", line, "level, dBFS", values) for line, values in loud.items()),
        *(one for line, values in levels.items() for one in _floor(line, values)),
    ]


def _floor(line: str, levels: Sequence[float]) -> list[Result]:
    below = [float(level < -70) for level in levels]
    return [
        result("silence", line, "level, dBFS", levels),
        result("silence", line, "share below −70 dBFS", below),
    ]


def _listen(
    model: Model, heard: HeardScene, sampling: Sampling
) -> tuple[dict[str, list[list[float]]], dict[str, float]]:
    """Onsets found in each line of the table, and the level of what should be silent."""
    film = _film(heard.scene)
    cues = cues_at(heard.audible)
    true = [time for time, _ in heard.audible]

    still = soundtrack(model, film, _STILL, Layer("effects"), sampling)
    dark = soundtrack(model, black(), _STILL, Layer("effects"), sampling)
    sounds = {
        "real recordings": heard.effects,
        "pixels": soundtrack(model, film, _FILM, Layer("effects"), sampling),
        "pixels, words": soundtrack(model, film, _FILM, Layer("effects", heard.caption), sampling),
        "pixels, words, cues": soundtrack(model, film, _FILM, Layer("effects", heard.caption, cues=cues), sampling),
        "cues, still": soundtrack(model, film, _STILL, Layer("effects", cues=cues), sampling),
        "black": dark,
    }
    found = {line: [onsets(audio)] for line, audio in sounds.items()}
    found |= {line: [times] for line, times in without_sound(model, film, _LENGTH).items()}
    found["random times"] = [random_times(len(true), DURATION_S, draw) for draw in range(_RANDOM_DRAWS)]
    return found, {"still": level_dbfs(still), "black": level_dbfs(dark)}


def _film(scene: Scene) -> Pictures:
    return Pictures(scene.frames, TOKEN_RATE_HZ)


def _scenes_with_events(bank: SoundBank, n: int) -> Iterator[HeardScene]:
    number = found = 0
    while found < n:
        rng = np.random.default_rng([_SEED, number])
        number += 1
        scene = render_scene(rng, _SIZE)
        track = compose(rng, scene.heard, bank)
        effects = Audio(np.asarray(track.layers["effects"], np.float32)[None], RATE_HZ)
        heard, others = audible(track.events, effects)
        if _FEWEST <= len(heard) <= _MOST:
            found += 1
            yield HeardScene(scene, effects, track.captions["effects"], tuple(heard), tuple(others))


def _silent_scenes(n: int) -> Iterator[Scene]:
    """Scenes in which something moves, and nothing that is heard."""
    number = found = 0
    while found < n:
        scene = render_scene(np.random.default_rng([_SEED + 1, number]), _SIZE)
        number += 1
        if not scene.heard and _moves(scene.frames):
            found += 1
            yield scene


def _moves(frames: npt.NDArray[np.uint8]) -> bool:
    """More than grain: within half a second, a hundredth of the picture changes by a tenth of the range."""
    seldom = frames[:: TOKEN_RATE_HZ // 2].astype(np.float64)
    return bool((np.abs(np.diff(seldom, axis=0)) > 25).mean((1, 2)).max(initial=0.0) > 0.01)
