"""`report.json`: what was made, from what, and what was not.

    format      1; rises when a key changes its meaning
    synthetic   true: all sound named here was generated
    software    name and version
    timeline    name, file, rate (frames a second), origin (timecode of its first frame), duration
    output      the timeline written, "" until it is
    preview     file, sha256, inputs, picture (where it comes from), warnings; null without one
    exports     format, file, losses_file, and losses: feature, text, event (null: the whole), track, samples (how far
                in time, where it is a matter of time)
    stems       reel, layer, file, sha256, start and end (record times), n_samples
    model       name, title, licence, digest
    options     takes, quality, handles, source_rate as asked for
    totals      events, done, failed, skipped, pending, reused (of those done: kept from an earlier run),
                sounds, seconds_of_sound
    warnings    about the whole
    events      one each, in record order:
        number, name, track, status (done, failed, skipped, pending), error, warnings, reused, request_id
        said        those of the warnings that the server gave with the sounds
        media       file; start and end of the stretch shown from cut to cut (timecode of the medium); speed
        record      start and end from cut to cut, from the timeline's first frame
        heard       the same with the dissolves
        file_range  the same with the handles: what the WAVs hold
        seconds     length of each WAV
        files       how many WAVs there are to be
        seed, quality
        layers      layer, prompt, negative, cues (record times)
        sounds      layer, take (from 1), file, sha256, n_samples, loudness_lufs, peak_dbfs (null: silence);
                    cues that the sound follows (record times, with strength); cues_seen: whether these are what
                    the model saw, since nobody gave any
    earlier     request_id, said and sounds of what earlier runs made and this one could not ask for (its film
                was not there, say): it is taken up again once it is asked for

Times and rates are {num, den, text}: exact seconds as a fraction, and timecode to read.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from v2a.errors import UsageError
from v2a.output import whole_file
from v2a.request import Cue
from v2a.version import __version__
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import models_pb2
from v2a_otio.events import Cut
from v2a_otio.plan import RATE_HZ, Options, Plan
from v2a_plugin.timeline import Range, timecode

log = logging.getLogger(__name__)

FORMAT = 1
FILE = "report.json"

Status = Literal["done", "failed", "skipped", "pending"]
Document = dict[str, Any]


@dataclass(frozen=True)
class SoundFile:
    """A WAV in the output folder. take: from 1. loudness, peak: None where there is too little to measure.

    cues: those that it follows, in record time; cues_seen: nobody gave them.
    """

    layer: str
    take: int
    file: str
    sha256: str
    n_samples: int
    loudness_lufs: float | None
    peak_dbfs: float | None
    cues: tuple[Cue, ...] = ()
    cues_seen: bool = False


@dataclass(frozen=True)
class Finished:
    """What a report says was made for a request."""

    request_id: str
    sounds: tuple[SoundFile, ...]
    said: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a plan.

    spec: what the server is asked for, where it can be asked. warnings: about the plan; said: the server's, about
    the sounds.
    """

    plan: Plan
    status: Status
    spec: pb.GenerationSpec | None = None
    request_id: str = ""
    sounds: tuple[SoundFile, ...] = ()
    warnings: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    error: str = ""
    reused: bool = False


@dataclass(frozen=True)
class Whole:
    """What holds for all events."""

    cut: Cut
    timeline: Path
    options: Options
    model: models_pb2.Model | None
    warnings: tuple[str, ...] = ()
    output: str = ""
    preview: Document | None = None
    earlier: tuple[Finished, ...] = ()
    exports: tuple[Document, ...] = ()
    stems: tuple[Document, ...] = ()


def document(whole: Whole, outcomes: Sequence[Outcome]) -> Document:
    """The report as JSON values."""
    cut, options, model = whole.cut, whole.options, whole.model
    states = [outcome.status for outcome in outcomes]
    seconds = sum((Fraction(sound.n_samples, RATE_HZ) for outcome in outcomes for sound in outcome.sounds), Fraction(0))
    return {
        "format": FORMAT,
        "synthetic": True,
        "software": f"v2a-studio {__version__}",
        "timeline": {
            "name": cut.name,
            "file": str(whole.timeline),
            "rate": _number(cut.rate, f"{float(cut.rate):.6g}"),
            "origin": _time(cut.origin_s, cut.rate),
            "duration": _time(cut.duration_s, cut.rate),
        },
        "output": whole.output,
        "preview": whole.preview,
        "exports": list(whole.exports),
        "stems": list(whole.stems),
        "model": None
        if model is None
        else {"name": model.name, "title": model.title, "licence": model.licence, "digest": model.digest},
        "options": {
            "takes": options.takes,
            "quality": options.quality,
            "handles": options.handles,
            "source_rate": None if options.source_rate is None else str(options.source_rate),
        },
        "totals": {
            "events": len(states),
            **{status: states.count(status) for status in ("done", "failed", "skipped", "pending")},
            "reused": sum(outcome.reused for outcome in outcomes),
            "sounds": sum(len(outcome.sounds) for outcome in outcomes),
            "seconds_of_sound": _seconds(seconds),
        },
        "warnings": list(whole.warnings),
        "events": [_event(cut, outcome) for outcome in outcomes],
        "earlier": [
            {
                "request_id": entry.request_id,
                "sounds": [_sound(sound, cut) for sound in entry.sounds],
                "said": list(entry.said),
            }
            for entry in whole.earlier
        ],
    }


def write(path: Path, report: Document) -> None:
    """Write the report atomically. Raises StorageError."""
    with whole_file(path) as temporary:
        # A file name that is not UTF-8 becomes what JSON, too, writes for it.
        text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def read(path: Path) -> Document:
    """An earlier report; empty where there is none or it cannot be used, since then all is to be made."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be used: %s", path, error)
        return {}
    return found if isinstance(found, dict) and found.get("format") == FORMAT else {}


def finished(report: Mapping[str, Any]) -> dict[str, Finished]:
    """What a report says was made, by request_id; entries that make no sense are passed over."""
    made = {}
    for entry in [*report.get("earlier", ()), *report.get("events", ())]:
        try:
            if entry["sounds"]:
                sounds = tuple(_sound_file(sound) for sound in entry["sounds"])
                made[entry["request_id"]] = Finished(entry["request_id"], sounds, tuple(entry["said"]))
        except (TypeError, KeyError, ValueError, ArithmeticError, UsageError) as error:
            log.warning("an entry of the earlier report cannot be used: %r", error)
    return made


def _event(cut: Cut, outcome: Outcome) -> Document:
    plan = outcome.plan
    event, film, coverage = plan.event, plan.film, plan.coverage
    shown = sorted((event.media_at(event.record.start_s), event.media_at(event.record.end_s)))
    media_rate = film.info.rate if film else cut.rate
    return {
        "number": event.number,
        "name": event.name,
        "track": event.track,
        "status": outcome.status,
        "error": outcome.error,
        "warnings": [*outcome.warnings, *outcome.said],
        "said": list(outcome.said),
        "reused": outcome.reused,
        "request_id": outcome.request_id,
        "media": {
            "file": str(film.info.path) if film else event.medium.url,
            "start": _time(shown[0], media_rate),
            "end": _time(shown[1], media_rate),
            "speed": _number(event.speed, f"{float(event.speed):g}"),
        },
        "record": _range(event.record, cut),
        "heard": None if coverage is None else _range(coverage.heard, cut),
        "file_range": None if coverage is None else _range(coverage.whole, cut),
        "seconds": None if coverage is None else _seconds(coverage.whole.duration_s),
        "files": len(plan.layers) * plan.sampling.takes if plan.wanted else 0,
        "seed": plan.sampling.seed,
        "quality": plan.sampling.quality,
        "layers": [
            {
                "layer": layer.name,
                "prompt": layer.prompt,
                "negative": layer.negative_prompt,
                "cues": [_time(cue.time_s, cut.rate, cut.origin_s) for cue in layer.cues],
            }
            for layer in plan.layers
        ],
        "sounds": [_sound(sound, cut) for sound in outcome.sounds],
    }


def _sound(sound: SoundFile, cut: Cut) -> Document:
    cues = [{**_time(cue.time_s, cut.rate, cut.origin_s), "strength": cue.strength} for cue in sound.cues]
    return {**asdict(sound), "cues": cues}


def _sound_file(facts: Mapping[str, Any]) -> SoundFile:
    cues = tuple(Cue(Fraction(cue["num"], cue["den"]), cue["strength"]) for cue in facts.get("cues", ()))
    return SoundFile(**{**facts, "cues": cues})


def _range(span: Range, cut: Cut) -> Document:
    return {
        "start": _time(span.start_s, cut.rate, cut.origin_s),
        "end": _time(span.end_s, cut.rate, cut.origin_s),
    }


def _time(time_s: Fraction, rate: Fraction, origin_s: Fraction = Fraction(0)) -> Document:
    """An exact time, and the timecode it has where the clock shows origin_s at 0."""
    shown_s = time_s + origin_s
    return _number(time_s, timecode(shown_s, rate) if shown_s >= 0 else f"{float(shown_s):.3f} s")


def _seconds(duration_s: Fraction) -> Document:
    return _number(duration_s, f"{float(duration_s):.3f}")


def _number(value: Fraction, text: str) -> Document:
    return {"num": value.numerator, "den": value.denominator, "text": text}
