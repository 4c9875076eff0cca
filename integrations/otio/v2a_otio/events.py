"""A timeline's events: which stretch of which medium is seen when.

Times are exact seconds; record time 0 is the timeline's first frame, media time is the medium's own timecode.
How tracks and nests become one row of shots stands in `flattening`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from v2a.errors import MediaError
from v2a_otio.flattening import Dissolve, Shot, flatten, length_of
from v2a_otio.naming import Medium, medium_of, reel_of
from v2a_otio.reading import read
from v2a_otio.times import exact, exact_rate
from v2a_plugin.prompts import Marker
from v2a_plugin.timeline import Range

__all__ = ["NOTES", "Cut", "Dissolve", "Event", "Medium", "plain", "read_cut", "read_timeline"]

_ZERO = Fraction(0)
# The key under which metadata speaks to us.
NOTES = "v2a"


@dataclass(frozen=True)
class Event:
    """A stretch of the cut that shows one medium at constant speed.

    number: 1 for the first in record order. record: from cut to cut. opening, closing: the dissolves at its
    cuts. shown_s: media time seen at record.start_s; speed: media seconds a record second, negative
    backwards, 0 for a held frame. markers: of the clip, its track and the timeline, at record times.
    refusal: why no sound can be made; omission: why none is wanted; empty otherwise. reel: of the medium, ""
    where the timeline does not say. notes: metadata under "v2a" of the clip, its track and the timeline, the
    nearest first.
    """

    number: int
    name: str
    track: str
    record: Range
    opening: Dissolve
    closing: Dissolve
    shown_s: Fraction
    speed: Fraction
    medium: Medium
    markers: tuple[Marker, ...] = ()
    warnings: tuple[str, ...] = ()
    refusal: str = ""
    omission: str = ""
    reel: str = ""
    notes: tuple[Any, ...] = ()

    def media_at(self, record_s: Fraction) -> Fraction:
        """The media time seen at a record time."""
        return self.shown_s + (record_s - self.record.start_s) * self.speed


@dataclass(frozen=True)
class Cut:
    """A whole timeline. rate: its frames a second; origin_s: timecode of its first frame."""

    name: str
    rate: Fraction
    origin_s: Fraction
    duration_s: Fraction
    events: tuple[Event, ...]


def read_timeline(path: Path) -> otio.schema.Timeline:
    """Read a timeline file. Raises MediaError where it cannot be read or holds something else."""
    return read(path).timeline


def read_cut(timeline: otio.schema.Timeline) -> Cut:
    """Flatten a timeline's pictures into events. Raises MediaError where positions cannot be told."""
    if timeline.tracks.source_range is not None or len(timeline.tracks.effects):
        raise MediaError(
            "the timeline's track stack is itself trimmed or has effects, which cannot be conformed: export it without"
        )
    start = timeline.global_start_time
    every = [*timeline.video_tracks(), *timeline.audio_tracks()]
    events = tuple(_event(number, timeline, shot) for number, shot in enumerate(flatten(timeline.tracks), start=1))
    return Cut(
        name=timeline.name,
        rate=exact_rate(start.rate) if start is not None else _rate(timeline.video_tracks()),
        origin_s=exact(start) if start is not None else _ZERO,
        duration_s=max((_length(track) for track in every), default=_ZERO),
        events=events,
    )


def _event(number: int, timeline: otio.schema.Timeline, shot: Shot) -> Event:
    medium, omission, refusal = Medium("", ""), "", shot.refusal
    if isinstance(shot.clip, otio.schema.Clip):
        try:
            medium, omission = medium_of(shot.clip)
        except MediaError as error:
            refusal = refusal or str(error)
    return Event(
        number=number,
        name=shot.clip.name or medium.name or f"event {number}",
        track=shot.holders[-1].name if shot.holders else "",
        record=shot.range,
        opening=shot.opening,
        closing=shot.closing,
        shown_s=shot.shown_s,
        speed=shot.speed,
        medium=medium,
        markers=shot.markers,
        warnings=shot.warnings,
        refusal="" if omission else refusal,
        omission=omission,
        reel=reel_of(shot.clip),
        notes=tuple(_notes(shot.clip, *shot.holders, timeline.tracks, timeline)),
    )


def _notes(*holders: otio.core.SerializableObjectWithMetadata) -> Iterator[Any]:
    for holder in holders:
        if len(holder.metadata) and NOTES in holder.metadata:
            yield plain(holder.metadata[NOTES])


def plain(value: Any) -> Any:
    """Metadata as plain values: OTIO's own die with the object that holds them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def _length(track: otio.schema.Track) -> Fraction:
    if track.source_range is not None:
        return exact(track.source_range.duration)
    items = [item for item in track if not isinstance(item, otio.schema.Transition)]
    return sum((length_of(item) for item in items), _ZERO)


def _rate(tracks: Sequence[otio.schema.Track]) -> Fraction:
    """The rate of the first item, where the timeline itself names none."""
    for track in tracks:
        for item in track:
            if not isinstance(item, otio.schema.Transition):
                return exact_rate(item.duration().rate)
    raise MediaError("the timeline has no pictures: there is nothing to make sound for")
