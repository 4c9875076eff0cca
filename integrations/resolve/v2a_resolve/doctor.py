"""V2A Doctor: what works in this Resolve, and what to do about the rest."""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator

from v2a_host import finding
from v2a_host.bridge_client import BridgeError

from . import VERSION, memory, probing, reading, times
from .host import Host, Refusal, ask, can, constant
from .session import Session

# What newer versions have, with the object that has it, and what is missed without it.
_NEWER = (
    ("TimelineItem.GetSourceStartFrame", "19.0", "clips that play faster or slower are refused"),
    ("Timeline.GetMarkInOut", "19.1", "marks are not read: put the playhead on the clip"),
    ("TimelineItem.SetName", "20.2", "sounds are named by their files"),
    ("Timeline.GetSelectedClips", "21.0.4", "selected clips are not read: use marks or the playhead"),
)


def examine(host: Host) -> str:
    """What was found, a line each; those that need the user say what to do."""
    lines = [
        _worded(*line)
        for part in (_program, _rates, _windows, _methods, _appending, _export, _bridge)
        for line in part(host)
    ]
    return "\n".join(["what works here, and what does not:", *lines])


def _worded(what: str, found: str, advice: str = "") -> str:
    return f"  {'problem' if advice else 'ok':8}{what}: {found}" + (f". {advice}" if advice else "")


def _program(host: Host) -> Iterator[tuple[str, ...]]:
    old = "Resolve 18.6 or newer is needed: update it" if host.version < (18, 6) else ""
    edition = "Studio" if host.is_studio else "free edition"
    yield "resolve", f"{host.product} {host.version_text}, {edition}", old
    yield "python", f"{platform.python_version()}, {sys.executable or 'in Resolve'}, V2A scripts {VERSION}"


def _rates(host: Host) -> Iterator[tuple[str, ...]]:
    try:
        timeline = host.timeline
        rate, project_rate = reading.timeline_rate(timeline), reading.timeline_rate(host.project)
    except Refusal as refusal:
        yield "timeline", "none is open", str(refusal)
        return
    drop = times.is_drop_frame(
        ask(timeline, "GetSetting", "timelineFrameRate"), ask(timeline, "GetSetting", "timelineDropFrameTimecode")
    )
    said = f"{rate} frames a second{', drop-frame' if drop else ''}, starts at frame {int(timeline.GetStartFrame())}"
    advice = ""
    if rate != project_rate:
        advice = (
            f"The project runs at {project_rate}, and a sound takes the project's rate when it is imported: "
            "it gets no handles, and may end up to a frame after the picture"
        )
    yield "timeline", said, advice


def _windows(host: Host) -> Iterator[tuple[str, ...]]:
    if not host.windows_allowed():
        yield "windows", "the free edition has none since 19.1: options are a page in your browser"
    else:
        yield (
            "windows",
            "there are" if host.windows() is not None else "there are none: options are a page in your browser",
        )


def _methods(host: Host) -> Iterator[tuple[str, ...]]:
    try:
        timeline = host.timeline
    except Refusal:
        return
    clips = reading.visible_clips(timeline, int(timeline.GetStartFrame()))
    objects: dict[str, Any] = {"Timeline": timeline, "TimelineItem": clips[0][0] if clips else None}
    for name, since, without in _NEWER:
        kind, _, method = name.partition(".")
        if objects[kind] is not None and not can(objects[kind], method):
            yield "missing", f"{method}, which came with {since}: {without}"


def _appending(host: Host) -> Iterator[tuple[str, ...]]:
    try:
        inclusive = probing.end_is_inclusive(host)
    except Refusal as refusal:
        yield "placing", "could not be tried", str(refusal)
        return
    yield "placing", f"a scratch timeline took a sound; its end frame is {'played' if inclusive else 'not played'}"


def _export(host: Host) -> Iterator[tuple[str, ...]]:
    """Whole timelines go to `v2a conform` as OTIO."""
    kind = constant(host.resolve, "EXPORT_OTIO")
    if kind is None:
        yield "export", "this version writes no OTIO: for whole timelines, export FCP 7 XML for v2a conform"
        return
    try:
        timeline = host.timeline
    except Refusal:
        return
    with tempfile.TemporaryDirectory(prefix="v2a-probe-") as place:
        path = Path(place) / "timeline.otio"
        ask(timeline, "Export", str(path), kind, constant(host.resolve, "EXPORT_NONE"))
        written = path.is_file()
    if written:
        yield "export", "this timeline can be written as OTIO, for v2a conform"
    else:
        yield "export", "Resolve wrote no OTIO of this timeline", "For v2a conform, export FCP 7 XML instead"


def _bridge(host: Host) -> Iterator[tuple[str, ...]]:
    yield "settings", f"kept in {memory.folder()}"
    try:
        with Session(host) as session:
            yield "bridge", f"V2A Studio {session.hello['software']}"
            models = session.ask("models")["models"]
            status = session.ask("server.status")
            yield (
                "server",
                f"{status['state']} at {status['address']}, {status.get('device') or 'device not known yet'}",
            )
            names = ", ".join(model["name"] for model in models)
            yield "models", names or "none", "" if names else "Install v2a-studio again: it ships a model"
    except finding.NotFoundError as error:
        yield "bridge", "not found", str(error)
    except BridgeError as error:
        yield "server", "no answer", str(error)
