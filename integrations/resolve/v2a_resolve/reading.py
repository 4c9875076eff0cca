"""Reads what the user means: marks, selected clips or the clip under the playhead, as jobs for the bridge."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Mapping, Sequence

from . import decisions, times
from .host import Host, Refusal, ask, can

HANDLES_S = Fraction(2)


@dataclass(frozen=True)
class Shot:
    """A clip, or a part of one: what is shown over [start, end) frames from the timeline's first.

    source_s: the medium's time that the clip's first frame shows, at clip_start. images: of a sequence.
    """

    name: str
    path: str
    images: tuple[str, ...]
    media_rate: Fraction
    n_media_frames: int
    clip_start: int
    start: int
    end: int
    source_s: Fraction
    speed: Fraction
    markers: tuple[tuple[Fraction, Fraction, Sequence[str]], ...]


@dataclass(frozen=True)
class Selection:
    """What is to get sound. project_rate: the one that a WAV takes when it is imported. notes: for the user."""

    timeline: Any
    rate: Fraction
    project_rate: Fraction
    start_frame: int
    shots: tuple[Shot, ...]
    meant: str
    notes: tuple[str, ...] = ()
    markers: tuple[tuple[Fraction, Fraction, Sequence[str]], ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)


def read(host: Host) -> Selection:
    """What the user means in the open timeline. Raises Refusal where that is nothing that has a picture."""
    timeline = host.timeline
    rate, project_rate = timeline_rate(timeline), timeline_rate(host.project)
    first = int(timeline.GetStartFrame())
    clips = visible_clips(timeline, first)
    parts, meant = _meant(timeline, rate, first, clips)
    shots: list[Shot] = []
    notes: list[str] = []
    for clip, start, end in parts:
        try:
            shots.append(_shot(clip, start, end, first, rate, notes))
        except Refusal as refusal:
            notes.append(str(refusal))
    if not shots:
        raise Refusal("\n".join(notes) or f"There is no clip with a picture in {meant}")
    return Selection(
        timeline,
        rate,
        project_rate,
        first,
        tuple(shots),
        meant,
        tuple(notes),
        tuple(_marker(frame, marker) for frame, marker in (ask(timeline, "GetMarkers") or {}).items()),
        {"project": str(ask(host.project, "GetUniqueId")), "timeline": str(ask(timeline, "GetUniqueId"))},
    )


def jobs(selection: Selection, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A job for each shot. settings: what else a job has (layers, preset, takes, seed, quality, …)."""
    return [_job(selection, shot, settings) for shot in selection.shots]


def timeline_rate(thing: Any) -> Fraction:
    """The exact rate of a timeline or project. Raises Refusal."""
    said = ask(thing, "GetSetting", "timelineFrameRate")
    rate = times.rate_of(said)
    if rate is None:
        raise Refusal(f"Resolve gives no frame rate that is known ({said!r}): check it in the project's settings")
    return rate


def is_clip(item: Any) -> bool:
    """Whether an item of a track is a clip with a medium: transitions, titles and generators are none."""
    return ask(item, "GetMediaPoolItem") is not None


def visible_clips(timeline: Any, first: int) -> list[tuple[Any, int, int]]:
    """The clips that are seen, those of higher tracks first: item, start and end from the timeline's first frame."""
    found = []
    for index in range(ask(timeline, "GetTrackCount", "video") or 0, 0, -1):
        if ask(timeline, "GetIsTrackEnabled", "video", index) is False:
            continue
        for item in ask(timeline, "GetItemListInTrack", "video", index) or []:
            if is_clip(item) and ask(item, "GetClipEnabled") is not False:
                found.append((item, int(item.GetStart()) - first, int(item.GetEnd()) - first))
    return found


def shown(clips: Sequence[tuple[Any, int, int]], start: int, end: int) -> list[tuple[Any, int, int]]:
    """Which clip is seen when in [start, end), in order: of several at a time, the one on the highest track."""
    cuts = sorted({start, end, *(at for _, *span in clips for at in span if start < at < end)})
    parts: list[tuple[Any, int, int]] = []
    for begin, stop in zip(cuts, cuts[1:]):
        top = next((item for item, left, right in clips if left <= begin and stop <= right), None)
        if top is None:
            continue
        if parts and parts[-1][0] is top and parts[-1][2] == begin:
            parts[-1] = (top, parts[-1][1], stop)
        else:
            parts.append((top, begin, stop))
    return parts


def _meant(
    timeline: Any, rate: Fraction, first: int, clips: Sequence[tuple[Any, int, int]]
) -> tuple[list[tuple[Any, int, int]], str]:
    """The clips that the user means, or parts of them, and what to call them. Raises Refusal."""
    last = int(timeline.GetEndFrame()) - first
    marks = (ask(timeline, "GetMarkInOut") or {}).get("video") or {}
    if "in" in marks or "out" in marks:
        start, end = int(marks.get("in", 0)), int(marks.get("out", last - 1)) + 1  # marks are frames that play
        if end > start:
            return shown(clips, start, end), "the marked range"
    selected = {_unique(item) for item in ask(timeline, "GetSelectedClips") or [] if is_clip(item)}
    parts = sorted((clip for clip in clips if _unique(clip[0]) in selected), key=lambda clip: clip[1])
    if parts:
        return parts, "the selected clips"
    drop = times.is_drop_frame(
        ask(timeline, "GetSetting", "timelineFrameRate"), ask(timeline, "GetSetting", "timelineDropFrameTimecode")
    )
    playhead = times.frame_of(ask(timeline, "GetCurrentTimecode"), rate, drop)
    under = [] if playhead is None else shown(clips, playhead - first, playhead - first + 1)
    if under:
        return [clip for clip in clips if clip[0] is under[0][0]], "the clip under the playhead"
    ways = ["mark a range with I and O"] if can(timeline, "GetMarkInOut") else []
    ways += ["select clips"] if can(timeline, "GetSelectedClips") else []
    said = ", or ".join([*ways, "put the playhead on a clip"])
    raise Refusal(f"Nothing is selected, and there is no clip under the playhead: {said}, and run this again")


def _unique(item: Any) -> Any:
    return ask(item, "GetUniqueId") or id(item)


def _shot(item: Any, start: int, end: int, first: int, rate: Fraction, notes: list[str]) -> Shot:
    """A clip's part [start, end). Raises Refusal where it has no film that can be read."""
    medium, name = item.GetMediaPoolItem(), str(ask(item, "GetName") or "clip")
    properties = ask(medium, "GetClipProperty") or {}
    path = str(properties.get("File Path") or "")
    if not path:
        kind = str(properties.get("Type") or "something else")
        raise Refusal(f"'{name}' is no film, but {kind}: render it in place (right-click, Render in Place) first")
    media_rate = times.rate_of(properties.get("FPS"))
    if media_rate is None:
        raise Refusal(
            f"'{name}' has no frame rate that is known ({properties.get('FPS')!r}): set it in Clip Attributes"
        )
    images = decisions.images_of(path)
    missing = decisions.missing_images(images) if images else []
    if len(missing) == len(images) if images else not Path(path).is_file():
        raise Refusal(f"'{name}': {path} is not on the disk: connect the drive, or relink the clip")
    n_frames = int(Fraction(str(properties.get("Frames") or len(images or ()))))
    clip_start, duration = int(item.GetStart()) - first, int(item.GetDuration())
    source_s, speed = _source(item, name, duration, n_frames, media_rate, rate, notes)
    return Shot(
        name,
        path,
        tuple(images or ()),
        media_rate,
        n_frames,
        clip_start,
        start,
        end,
        source_s,
        speed,
        tuple(_clip_markers(item, clip_start, source_s, speed, media_rate, rate)),
    )


def _source(
    item: Any, name: str, duration: int, n_frames: int, media_rate: Fraction, rate: Fraction, notes: list[str]
) -> tuple[Fraction, Fraction]:
    """The medium's time at the clip's first frame, and the clip's speed. Raises Refusal where Resolve hides it."""
    left = int(ask(item, "GetLeftOffset") or 0)
    if not can(item, "GetSourceStartFrame"):
        length = left + duration + int(ask(item, "GetRightOffset") or 0)
        if n_frames and abs(length - n_frames * rate / media_rate) > 2:
            raise Refusal(
                f"'{name}' seems to play faster or slower, and this version of Resolve does not tell how fast: "
                "update to Resolve 19 or newer, or render the clip in place first"
            )
        return left / rate, Fraction(1)
    begin = int(item.GetSourceStartFrame())
    speed, is_whole = decisions.speed(
        int(item.GetSourceEndFrame()) - begin, source_seconds(item), duration, media_rate, rate
    )
    if not is_whole:
        notes.append(
            f"'{name}' plays at {float(speed * 100):.2f} % on average. If that is a speed ramp, which Resolve does not "
            "tell, render the clip in place first: the sound would not follow it"
        )
    return source_start_s(left, begin, speed, media_rate, rate), speed


def source_seconds(item: Any) -> float | None:
    """How much of its medium a clip shows, in seconds: each of the two is counted from the medium's timecode."""
    start, end = ask(item, "GetSourceStartTime"), ask(item, "GetSourceEndTime")
    return None if start is None or end is None else float(end) - float(start)


def source_start_s(left: int, begin: int, speed: Fraction, media_rate: Fraction, rate: Fraction) -> Fraction:
    """The medium's time at a clip's first frame: the source frame is one off for some clips, the left offset is not.

    But the offset counts frames of the timeline as the clip plays, so it serves at the medium's own speed alone, and
    where the source frame agrees: a short clip may play a little faster and show it nowhere else.
    """
    serves = speed == 1 and abs(left * media_rate / rate - begin) <= 1
    return left / rate if serves else begin / media_rate


def _clip_markers(
    item: Any, clip_start: int, source_s: Fraction, speed: Fraction, media_rate: Fraction, rate: Fraction
) -> list[tuple[Fraction, Fraction, Sequence[str]]]:
    """A clip's own markers, which count from the medium's first frame, as frames of the timeline."""
    if not speed:
        return []
    found = []
    for frame, marker in (ask(item, "GetMarkers") or {}).items():
        at, length, texts = _marker(frame, marker)
        found.append((clip_start + (at / media_rate - source_s) / speed * rate, length / abs(speed), texts))
    return found


def _marker(frame: Any, marker: Mapping[str, Any]) -> tuple[Fraction, Fraction, Sequence[str]]:
    return Fraction(frame), Fraction(marker.get("duration") or 1), decisions.marker_texts(marker)


def _job(selection: Selection, shot: Shot, settings: Mapping[str, Any]) -> dict[str, Any]:
    rate = selection.rate
    available = reach(shot, rate)
    tail = decisions.tail_frames(rate, selection.project_rate)
    room = available[1] - shot.end
    same_rate = rate == selection.project_rate
    # Handles hide frames of the timeline, which are no whole frames of a WAV that counts at another rate.
    handles_s = max(Fraction(str(settings.get("handles", HANDLES_S))), tail / rate) if same_rate else Fraction(0)
    more = 0 if same_rate and room >= tail else tail
    real = min(more, room)
    pieces = [_piece(shot, shot.start, shot.end + real, rate)]
    if more > real:  # the medium ends: its last frame is held
        last_s = pieces[0]["source"][1]
        pieces.append({"source": [last_s, last_s], "presented": _seconds(shot.end + real, shot.end + more, rate)})
    source: dict[str, Any] = {"film": shot.path, "rate": str(shot.media_rate)}
    if shot.images:
        source = {"images": list(shot.images), "rate": str(shot.media_rate)}
    words = {key: value for key, value in settings.items() if key != "handles"}
    return {
        **words,
        "name": Path(shot.name).stem or "clip",
        "source": source,
        "pieces": pieces,
        "range": _seconds(shot.start, shot.end + more, rate),
        "available": _seconds(available[0], max(available[1], shot.end + more), rate),
        "handles": str(handles_s),
        "rate": str(rate),
        "markers": decisions.markers_within(
            [*selection.markers, *shot.markers], Fraction(shot.start), Fraction(shot.end), rate
        ),
        "origin": str(selection.start_frame / rate),
        "tag": {**selection.ids, "tail": more, "shot": uuid.uuid4().hex},
    }


def reach(shot: Shot, rate: Fraction) -> tuple[int, int]:
    """Frames [start, end) that the clip's medium could fill at its speed; those of the part where that is unknown."""
    if not shot.speed or not shot.n_media_frames:
        return shot.start, shot.end
    ends_s = (Fraction(0), shot.n_media_frames / shot.media_rate)
    low, high = sorted(shot.clip_start + (end_s - shot.source_s) / shot.speed * rate for end_s in ends_s)
    return max(0, min(shot.start, -int(-low // 1))), max(shot.end, int(high // 1))


def _piece(shot: Shot, start: int, end: int, rate: Fraction) -> dict[str, Any]:
    source = [shot.source_s + (frame - shot.clip_start) / rate * shot.speed for frame in (start, end)]
    return {"source": [str(max(Fraction(0), at)) for at in source], "presented": _seconds(start, end, rate)}


def _seconds(start: int, end: int, rate: Fraction) -> list[str]:
    return [str(start / rate), str(end / rate)]
