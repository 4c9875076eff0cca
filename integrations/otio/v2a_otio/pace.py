"""How long the making of sound takes: measured where it was measured, else from a benchmark, and said as such."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

# Seconds of sound made in a second, whole commands on a warm server: 8 s clips in benchmarks/speed.md.
_BENCHMARKS = {
    ("pocket", "preview"): (8 / 0.99, "2 cores of an AMD EPYC"),
    ("pocket", "standard"): (8 / 1.27, "2 cores of an AMD EPYC"),
    ("pocket", "best"): (8 / 1.86, "2 cores of an AMD EPYC"),
}


@dataclass(frozen=True)
class Pace:
    """Seconds of work for a second of sound. source: where this is known from, to be said beside any estimate."""

    ratio: float
    source: str

    def seconds_for(self, sound_s: Fraction | float) -> float:
        """How long so much sound takes."""
        return self.ratio * float(sound_s)


def measured_pace(report: Mapping[str, Any], model: str, quality: str) -> Pace | None:
    """The pace of the events that a report says the time of; None where there are none of this model and quality."""
    if ((report.get("model") or {}).get("name"), (report.get("options") or {}).get("quality")) != (model, quality):
        return None
    work_s = sound_s = 0.0
    for event in _timed(report.get("events", ())):
        work_s += event["took_s"]
        sound_s += event["files"] * event["seconds"]["num"] / event["seconds"]["den"]
    return Pace(work_s / sound_s, "what earlier runs into this folder took") if sound_s and work_s else None


def known_pace(model: str, quality: str) -> Pace | None:
    """The benchmark of a model; None where there is none."""
    if (model, quality) not in _BENCHMARKS:
        return None
    speed, machine = _BENCHMARKS[model, quality]
    return Pace(1 / speed, f"a benchmark on {machine}, not measured here")


def _timed(events: Iterable[Any]) -> Iterable[Mapping[str, Any]]:
    for event in events:
        try:
            if event["took_s"] and event["seconds"] and event["files"]:
                yield event
        except (TypeError, KeyError):
            continue  # a report of an earlier version
