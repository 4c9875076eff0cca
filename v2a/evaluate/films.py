"""Timing on films: does the sound begin when the picture says so, better than by guessing?

Lines of the tables, all judged against the same true times:

* `pixels`: generated from the film alone, without words or cues;
* `still`: generated from the film's first frame, held;
* `eyes`: the events the model sees, without any sound made;
* `motion peaks`: where the frame difference peaks;
* `random times`: as many as there are true ones, anywhere.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from v2a.audio import Audio
from v2a.errors import MediaError
from v2a.evaluate.onsets import onsets
from v2a.evaluate.results import Result
from v2a.evaluate.soundtracks import held, moving, soundtrack
from v2a.evaluate.timing import Trial, Unit, false_onsets, random_times, shifts, timing
from v2a.evaluate.watching import without_sound
from v2a.media import VideoFile
from v2a.media.film import reading
from v2a.models.base import Model
from v2a.request import Layer, LayerName, Quality, Sampling

_RATE_HZ = 48_000
_RANDOM_DRAWS = 20
_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".m4v"}
_LONGEST_S = 60  # of a film; the rest is left out
_MODEL_LINES = ("pixels", "still")

NOTES = {
    "timing": "All films in which something strikes, pooled; intervals by drawing films again.",
    "shifted truth": "F1 ±50 ms against the true times moved later: what follows the film must fall. `falls` is the "
    "share of resamplings in which every shift lowers it.",
    "silent films": "Films in which things move and nothing should sound.",
    "films": "Each film by itself.",
    "silent, by film": "Each silent film by itself.",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TimedFilm:
    """A film and the times, in seconds, at which something should sound; none for a film that should be silent."""

    path: Path
    impacts_s: tuple[float, ...]


def read_films(folder: Path) -> list[TimedFilm]:
    """The films that `films.json` in the folder names, or all films in it that have sound, timed by their own.

    Raises MediaError where there is none, or the list cannot be read.
    """
    index = folder / "films.json"
    if index.exists():
        try:
            films = [
                TimedFilm(
                    folder / film["file"],
                    tuple(float(Fraction(str(time))) for time in film.get("impacts_s", ())),
                )
                for film in json.loads(index.read_text())["films"]
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MediaError(f"{index} is not a list of films: {error}") from error
    else:
        sounds = {path: read_sound(path) for path in sorted(folder.glob("*")) if path.suffix.lower() in _SUFFIXES}
        films = [TimedFilm(path, tuple(onsets(sound))) for path, sound in sounds.items() if sound]
    if not films:
        raise MediaError(f"no film with sound in {folder}: give a folder of films, or one with films.json")
    return films


def read_sound(path: Path) -> Audio | None:
    """A film's sound, mono, from the first frame's presentation on; None where it has none.

    Raises MediaError where the file cannot be read.
    """
    with reading(path), av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler("flt", "mono", _RATE_HZ)
        starts = [
            (stream.start_time or 0) * (stream.time_base or Fraction(1))
            for stream in (container.streams.audio[0], *container.streams.video[:1])
        ]
        blocks = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        blocks += [out.to_ndarray()[0] for out in resampler.resample(None)]
    samples = np.concatenate([np.zeros(0, np.float32), *blocks])
    late = round((starts[0] - starts[-1]) * _RATE_HZ)
    samples = np.pad(samples, (late, 0)) if late > 0 else samples[-late:]
    return Audio(samples[None], _RATE_HZ)


def measure_films(
    model: Model, films: Sequence[TimedFilm], *, seeds: Iterable[int], quality: Quality, layer: LayerName
) -> list[Result]:
    """The tables `timing`, `shifted truth`, `silent films` and one line a film in `films`."""
    seeds = list(seeds)
    struck: dict[str, list[Unit]] = {}
    silent: dict[str, list[Unit]] = {}
    results = []
    for film in films:
        log.info("%s", film.path.name)
        unit = _listen(model, film, seeds, quality, layer)
        for line, trials in unit.items():
            (struck if film.impacts_s else silent).setdefault(line, []).append(trials)
        if film.impacts_s:
            results += [
                one
                for line in ("pixels", "eyes")
                if line in unit
                for one in timing("films", f"{film.path.stem}, {line}", [unit[line]])
            ]
        else:
            results += [false_onsets("silent, by film", f"{film.path.stem}, {line}", [unit[line]]) for line in unit]
    pooled = [one for line, units in struck.items() for one in timing("timing", line, units)]
    moved = [one for line, units in struck.items() for one in shifts("shifted truth", line, units)]
    quiet = [false_onsets("silent films", line, units) for line, units in silent.items()]
    return [*pooled, *moved, *quiet, *results]


def _listen(model: Model, film: TimedFilm, seeds: Sequence[int], quality: Quality, layer: LayerName) -> dict[str, Unit]:
    """The trials of each line of the tables."""
    with VideoFile(film.path) as source:
        length = min(source.info.duration_s, Fraction(_LONGEST_S))
        duration = float(length)
        true = [time for time in film.impacts_s if time < duration]
        made = {
            line: [
                onsets(soundtrack(model, source, pieces, Layer(layer), Sampling(seed=seed, quality=quality)))
                for seed in seeds
            ]
            for line, pieces in zip(_MODEL_LINES, (moving(Fraction(0), length), held(length)), strict=True)
        }
        made |= {line: [times] for line, times in without_sound(model, source, length).items()}
    if true:
        made["random times"] = [random_times(len(true), duration, draw) for draw in range(_RANDOM_DRAWS)]
    return {line: [Trial(found, true, duration) for found in all_found] for line, all_found in made.items()}
