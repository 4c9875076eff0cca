"""`report.json`: what was made, from what, and what was not.

    format      1; rises when a key changes its meaning
    synthetic   true: all sound named here was generated
    software    name and version
    timeline    name, file, rate (frames a second), origin (timecode of its first frame), duration
    output      the timeline written, "" until it is
    preview     file, sha256, inputs, picture (where it comes from), warnings; null without one
    exports     format, file, losses_file, and losses: feature, text, event (null: the whole), track, samples (how far
                in time, where it is a matter of time)
    stems       reel, layer, file, sha256, start and end (record times), n_samples, warnings
    model       name, title, licence, digest, layers, channels
    options     takes, quality, handles, source_rate, source_rates by reel, edl_rate as asked for
    totals      events, done, failed, skipped, pending, reused (of those done: kept from an earlier run),
                sounds, seconds_of_sound, took_s (seconds of work for the sounds, as far as measured)
    warnings    about the whole
    events      one each, in record order:
        number, name, track, status (done, failed, skipped, pending), error, warnings, reused, request_id
        said        those of the warnings that came with the sounds: the server's, and doubts about the picture
        media       file, reel; start and end of the stretch shown from cut to cut (timecode of the medium); frames
                    of it, rate (frames a second), speed
        record      start and end from cut to cut, from the timeline's first frame; frames of it
        heard       the same with the dissolves
        file_range  the same with the handles: what the WAVs hold
        seconds     length of each WAV
        files       how many WAVs there are to be
        took_s      seconds that making them took; null where that is not known (the server had them already)
        seed, quality
        layers      layer, prompt, negative, cues (record times)
        sounds      layer, take (from 1), file, sha256, n_samples, loudness_lufs, peak_dbfs (null: silence);
                    cues that the sound follows (record times, with strength); cues_seen: whether these are what
                    the model saw, since nobody gave any
    earlier     request_id, said, took_s and sounds of what earlier runs made and this one could not ask for (its film
                was not there, say): it is taken up again once it is asked for

Times and rates are {num, den, text}: exact seconds as a fraction, and timecode to read.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from v2a.request import Cue
from v2a.version import __version__
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import models_pb2
from v2a_otio.events import Cut
from v2a_otio.plan import RATE_HZ, Options, Plan
from v2a_otio.stems import Stem
from v2a_plugin.timeline import Range, timecode

FORMAT = 1
FILE = "report.json"

Status = Literal["done", "failed", "skipped", "pending"]
Document = dict[str, Any]
FileStamp = tuple[int, int]  # size and time of change


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
    took_s: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a plan.

    spec: what the server is asked for, where it can be asked. warnings: about the plan; said: the server's, about
    the sounds. took_s: how long they took, where known. stamp: of the film when its digest was taken.
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
    took_s: float | None = None
    stamp: FileStamp | None = None


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
        else {
            "name": model.name,
            "title": model.title,
            "licence": model.licence,
            "digest": model.digest,
            "layers": list(model.layers),
            "channels": model.channels,
        },
        "options": {
            "takes": options.takes,
            "quality": options.quality,
            "handles": options.handles,
            "source_rate": None if options.source_rate is None else str(options.source_rate),
            "source_rates": {reel: str(rate) for reel, rate in options.source_rates},
            "edl_rate": None if options.edl_rate is None else str(options.edl_rate),
        },
        "totals": {
            "events": len(states),
            **{status: states.count(status) for status in ("done", "failed", "skipped", "pending")},
            "reused": sum(outcome.reused for outcome in outcomes),
            "sounds": sum(len(outcome.sounds) for outcome in outcomes),
            "seconds_of_sound": _seconds(seconds),
            "took_s": round(sum(outcome.took_s or 0.0 for outcome in outcomes), 3),
        },
        "warnings": list(whole.warnings),
        "events": [_event(cut, outcome) for outcome in outcomes],
        "earlier": [finished_document(entry, cut) for entry in whole.earlier],
    }


def model_of(report: Document, name: str) -> models_pb2.Model | None:
    """The model of a name as a report knows it, to tell what is there already; None where it does not."""
    model = report.get("model")
    if not isinstance(model, dict) or model.get("name") != name:
        return None
    try:
        return models_pb2.Model(
            **{key: model[key] for key in ("name", "title", "licence", "digest", "layers", "channels")}
        )
    except (KeyError, TypeError, ValueError):
        return None


def finished_document(made: Finished, cut: Cut) -> Document:
    """What a report says of a finished request that it does not speak of otherwise."""
    return {
        "request_id": made.request_id,
        "sounds": [_sound(sound, cut) for sound in made.sounds],
        "said": list(made.said),
        "took_s": made.took_s,
    }


def stem_document(stem: Stem, cut: Cut) -> Document:
    """What the report says of a stem."""
    return {
        "reel": stem.reel,
        "layer": stem.layer,
        "file": stem.file,
        "sha256": stem.sha256,
        **_range(stem.span, cut),
        "n_samples": stem.n_samples,
        "warnings": ["its sum passes full scale, and clips there"] if stem.clipped else [],
    }


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
            "file": str(film.origin) if film else event.medium.url,
            "reel": event.reel,
            "start": _time(shown[0], media_rate),
            "end": _time(shown[1], media_rate),
            "frames": max(_frames(shown[0], shown[1], media_rate), 1),  # a held frame is one, too
            "rate": _number(media_rate, f"{float(media_rate):.6g}"),
            "speed": _number(event.speed, f"{float(event.speed):g}"),
        },
        "record": {
            **_range(event.record, cut),
            "frames": _frames(event.record.start_s, event.record.end_s, cut.rate),
        },
        "heard": None if coverage is None else _range(coverage.heard, cut),
        "file_range": None if coverage is None else _range(coverage.whole, cut),
        "seconds": None if coverage is None else _seconds(coverage.whole.duration_s),
        "files": plan.n_files,
        "took_s": outcome.took_s,
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


def _frames(start_s: Fraction, end_s: Fraction, rate: Fraction) -> int:
    """Frames that begin in a stretch."""
    return int(-(-end_s * rate // 1) + (-start_s * rate) // 1)


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
