"""Onset agreement of generated sound with a film whose impacts are known.

Each shot is generated under several conditions with the same seeds:

* `pixels`: nothing but the film;
* `shifted`: the film shown later by some time, judged against the unshifted times. A model that hears nothing in
  the picture scores alike on both;
* `cues A`, `cues B`: two sets of cues on the same film, each take judged against both sets.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from v2a.audio import Audio
from v2a.errors import MediaError
from v2a.evaluate.onsets import Score, onsets, score
from v2a.evaluate.soundtracks import cues_at, held, moving, soundtrack
from v2a.media import VideoFile
from v2a.models.base import Model
from v2a.request import Layer, Piece, Quality, Sampling


@dataclass(frozen=True)
class Shot:
    """A stretch of a film and the times in it, in source seconds, at which something strikes."""

    name: str
    start_s: Fraction
    end_s: Fraction
    impacts_s: tuple[Fraction, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table: all seeds pooled."""

    shot: str
    condition: str
    score: Score

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"shot": self.shot, "condition": self.condition, **asdict(self.score)}


def read_shots(path: Path) -> list[Shot]:
    """The shots with impacts in a file such as `examples/impacts.json`, its times decimals or fractions as text."""
    try:
        data = json.loads(path.read_text())
        shots = data["reel"]["shots"] if "reel" in data else data["shots"]
        read = [
            Shot(
                str(shot.get("shot", number)),
                Fraction(shot["start_s"]),
                Fraction(shot["end_s"]),
                tuple(Fraction(time) for time in shot["impacts_s"]),
            )
            for number, shot in enumerate(shots)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{path} is not a list of shots with impacts: {error}") from error
    return [shot for shot in read if shot.impacts_s]


def measure_sync(
    model: Model,
    film: Path,
    shots: Sequence[Shot],
    *,
    quality: Quality,
    seeds: Iterable[int],
    shift_s: Fraction,
    tolerance_s: float,
) -> list[Row]:
    """The table described above, with a line `all` for each condition at the end."""
    source, seeds = VideoFile(film), list(seeds)
    tallies: dict[tuple[str, str], list[Score]] = {}

    def tally(shot: str, condition: str, found: Sequence[float], true: Sequence[float]) -> None:
        for name in (shot, "all"):
            tallies.setdefault((name, condition), []).append(score(found, true, tolerance_s))

    for shot in shots:
        true = [float(time - shot.start_s) for time in shot.impacts_s]
        sets = _two_cue_sets(shot)
        for seed in seeds:
            tally(shot.name, "pixels", onsets(_make(model, source, shot, quality, seed)), true)
            later = onsets(_make(model, source, shot, quality, seed, shift_s=shift_s))
            tally(shot.name, f"shifted {float(shift_s):g} s", later, true)
            made = [onsets(_make(model, source, shot, quality, seed, cues=cues)) for cues in sets]
            for name, found in zip("AB", made, strict=True):
                for against, cues in zip("AB", sets, strict=True):
                    tally(shot.name, f"cues {name} against {against}", found, cues)
    names = [*dict.fromkeys(shot.name for shot in shots), "all"]
    rows = [(name, condition) for name in names for (shot, condition) in tallies if shot == name]
    return [Row(name, condition, pooled(tallies[name, condition])) for name, condition in rows]


def _two_cue_sets(shot: Shot) -> tuple[list[float], list[float]]:
    """Two sets of cue times, in seconds from the shot's start, that share none and differ from the impacts."""
    length = float(shot.end_s - shot.start_s)
    first = np.arange(0.55, length - 0.3, 1.3)
    return [float(time) for time in first], [float(time) for time in first + 0.65 if time < length - 0.3]


def _make(
    model: Model,
    source: VideoFile,
    shot: Shot,
    quality: Quality,
    seed: int,
    *,
    shift_s: Fraction = Fraction(0),
    cues: Sequence[float] = (),
) -> Audio:
    """One soundtrack of a shot. A shifted film holds its first frame for that long, and loses its end."""
    length = shot.end_s - shot.start_s
    pieces = moving(shot.start_s, shot.end_s)
    if shift_s:
        rest = Piece(shot.start_s, shot.end_s - shift_s, shift_s, length)
        pieces = (*held(shift_s, shot.start_s), rest)
    layer = Layer(name="effects", cues=cues_at((time, 1.0) for time in cues))
    return soundtrack(model, source, pieces, layer, Sampling(seed=seed, quality=quality))


def pooled(scores: Sequence[Score]) -> Score:
    """Scores over all soundtracks taken as one."""
    n_found, n_true = sum(s.n_found for s in scores), sum(s.n_true for s in scores)
    hits = sum(round(s.recall * s.n_true) for s in scores)
    return Score(
        precision=hits / n_found if n_found else 0.0,
        recall=hits / n_true if n_true else 0.0,
        f1=2 * hits / (n_found + n_true) if n_found + n_true else 1.0,
        n_found=n_found,
        n_true=n_true,
    )
