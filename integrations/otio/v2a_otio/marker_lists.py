"""The report as markers to import into an editor, one for each event, its colour by how the event went.

markers.edl     DaVinci Resolve: Timelines > Import > Timeline Markers from EDL
markers.txt     Avid Media Composer: Markers window > Import Markers
markers.otio    all that reads OpenTimelineIO: markers of a timeline that is otherwise empty
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from v2a.output import whole_file
from v2a_plugin.progress import printable
from v2a_plugin.timeline import timecode

EDL, AVID, OTIO = "markers.edl", "markers.txt", "markers.otio"
FILES = (EDL, AVID, OTIO)

_COLOURS = {"done": "Green", "failed": "Red", "skipped": "Cyan", "pending": "Blue"}
_DOUBTFUL = "Yellow"
_MAX_NOTE = 400


@dataclass(frozen=True)
class _Mark:
    """start, length: frames of the timeline, from its first."""

    start: int
    length: int
    name: str
    note: str
    colour: str
    facts: dict[str, Any]


def write(folder: Path, report: dict[str, Any]) -> None:
    """Write all marker lists of a report (see `report.document`). Raises StorageError."""
    rate = _fraction(report["timeline"]["rate"])
    origin = int(_fraction(report["timeline"]["origin"]) * rate)
    marks = [_mark(event, rate) for event in report["events"]]
    title = printable(report["timeline"]["name"]) or "V2A"
    _write(folder / EDL, "".join(_edl(title, marks, origin, rate)))
    _write(folder / AVID, "".join(_avid(marks, origin, rate)))
    _write(folder / OTIO, _otio(report, marks, rate).to_json_string())


def _mark(event: dict[str, Any], rate: Fraction) -> _Mark:
    start, end = (int(_fraction(event["record"][key]) * rate) for key in ("start", "end"))
    said = [event["error"]] if event["error"] else list(event["warnings"])
    said += [f"{layer['layer']}: {layer['prompt']}" for layer in event["layers"] if layer["prompt"]]
    doubtful = event["status"] == "done" and event["warnings"]
    return _Mark(
        start,
        max(end - start, 1),
        _plain(f"{event['number']:03d} {event['name']}"),
        _plain(f"V2A {event['status']}. {'; '.join(said)}")[:_MAX_NOTE],
        _DOUBTFUL if doubtful else _COLOURS[event["status"]],
        {
            "event": event["number"],
            "status": event["status"],
            "error": _text(event["error"]),
            "warnings": [_text(warning) for warning in event["warnings"]],
            "files": [sound["file"] for sound in event["sounds"]],
            "synthetic": True,
        },
    )


def _edl(title: str, marks: list[_Mark], origin: int, rate: Fraction) -> Iterator[str]:
    yield f"TITLE: {title}\nFCM: NON-DROP FRAME\n\n"
    for number, mark in enumerate(marks, start=1):
        first, then = (timecode((origin + mark.start + frame) / rate, rate) for frame in (0, 1))
        yield f"{number:03d}  001      V     C        {first} {then} {first} {then}\n"
        # The note comes first, and begins with a letter: with a figure it would look like another event.
        yield f"{mark.note} |C:ResolveColor{mark.colour} |M:{mark.name} |D:{mark.length}\n\n"


def _avid(marks: list[_Mark], origin: int, rate: Fraction) -> Iterator[str]:
    for mark in marks:
        at = timecode((origin + mark.start) / rate, rate)
        yield f"V2A\t{at}\tV1\t{mark.colour.lower()}\t{mark.name}: {mark.note}\t1\n"


def _otio(report: dict[str, Any], marks: list[_Mark], rate: Fraction) -> otio.schema.Timeline:
    hz = float(rate)
    origin = otio.opentime.RationalTime(int(_fraction(report["timeline"]["origin"]) * rate), hz)
    made = otio.schema.Timeline(_text(report["timeline"]["name"]), global_start_time=origin)
    length = otio.opentime.RationalTime(int(_fraction(report["timeline"]["duration"]) * rate), hz)
    track = otio.schema.Track("V2A events", kind=otio.schema.TrackKind.Video)
    track.append(otio.schema.Gap(source_range=otio.opentime.TimeRange(otio.opentime.RationalTime(0, hz), length)))
    made.tracks.append(track)
    for mark in marks:
        span = otio.opentime.TimeRange(
            otio.opentime.RationalTime(mark.start, hz), otio.opentime.RationalTime(mark.length, hz)
        )
        made.tracks.markers.append(
            otio.schema.Marker(
                mark.name, span, color=mark.colour.upper(), metadata={"v2a": mark.facts}, comment=mark.note
            )
        )
    return made


def _plain(text: str) -> str:
    """One line without what divides fields."""
    return " ".join(printable(_text(text)).replace("|", "/").split())


def _text(text: str) -> str:
    """Names of files that are not UTF-8 with the numbers of their bytes: OTIO takes UTF-8 alone."""
    return text.encode("utf-8", "backslashreplace").decode()


def _fraction(value: dict[str, Any]) -> Fraction:
    return Fraction(value["num"], value["den"])


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
