"""A timeline's events: which stretch of which medium is seen when.

The video tracks are flattened here, since OTIO's own flattening moves retimed clips to wrong places. The
topmost enabled clip is what is seen; a clip that is hidden in the middle gives two events. Times are exact
seconds; record time 0 is the timeline's first frame, media time is the medium's own timecode.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from v2a.errors import MediaError
from v2a_otio.times import exact, exact_rate
from v2a_plugin.prompts import Marker
from v2a_plugin.timeline import Range

_ZERO = Fraction(0)
# The key under which metadata speaks to us.
NOTES = "v2a"


@dataclass(frozen=True)
class Medium:
    """What the timeline says about a medium.

    url: "" where the timeline names no address. name: of the file. start_s: timecode of its first frame,
    and duration_s: its length, where said.
    """

    url: str
    name: str
    start_s: Fraction | None = None
    duration_s: Fraction | None = None


@dataclass(frozen=True)
class Dissolve:
    """A dissolve: how long before the cut it begins, and how long after it ends. Both 0: a plain cut."""

    before_s: Fraction = _ZERO
    after_s: Fraction = _ZERO


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


@dataclass(frozen=True)
class _Shown:
    """An item of a video track, before anything above hides it.

    whole: where the item lies; range: the part of it that the track's own trim leaves.
    """

    item: otio.core.Item
    whole: Range
    range: Range
    opening: Dissolve
    closing: Dissolve


def read_timeline(path: Path) -> otio.schema.Timeline:
    """Read a timeline file. Raises MediaError where it cannot be read or holds something else."""
    if not os.path.isfile(path):  # noqa: PTH113 - takes folders that are closed, too
        raise MediaError(f"there is no timeline at {path}")
    if path.suffix.lower().lstrip(".") not in otio.adapters.suffixes_with_defined_adapters(read=True):
        raise MediaError(
            f"{path.name}: no reader for '{path.suffix}' timelines is installed: export it as .otio, "
            "or pip install 'v2a-studio[adapters]'"
        )
    try:
        found = otio.adapters.read_from_file(str(path))
    except Exception as error:  # adapters are plug-ins: each raises whatever its parser does
        raise MediaError(f"{path.name} cannot be read as a timeline: {_one_line(error)}") from error
    if not isinstance(found, otio.schema.Timeline):
        raise MediaError(f"{path.name} holds no timeline ({type(found).__name__}): export a single timeline")
    return found


def read_cut(timeline: otio.schema.Timeline) -> Cut:
    """Flatten a timeline's pictures into events. Raises MediaError where positions cannot be told."""
    if timeline.tracks.source_range is not None:
        raise MediaError("the timeline's track stack is itself trimmed, which cannot be conformed: export it untrimmed")
    tracks = [track for track in timeline.video_tracks() if track.enabled]
    layout = [tuple(_walk(track)) for track in tracks]
    stretches: list[tuple[otio.schema.Track, _Shown, Range]] = []
    covered: list[Range] = []
    for track, items in reversed(list(zip(tracks, layout, strict=True))):
        stretches += [(track, shown, rest) for shown in items for rest in _outside(shown.range, covered)]
        covered += [shown.range for shown in items]
    stretches.sort(key=lambda stretch: stretch[2].start_s)
    events = tuple(
        _event(number, timeline, track, shown, rest) for number, (track, shown, rest) in enumerate(stretches, start=1)
    )
    start = timeline.global_start_time
    every = [*timeline.video_tracks(), *timeline.audio_tracks()]
    return Cut(
        name=timeline.name,
        rate=exact_rate(start.rate) if start is not None else _rate(tracks),
        origin_s=exact(start) if start is not None else _ZERO,
        duration_s=max((_length(track) for track in every), default=_ZERO),
        events=events,
    )


def _walk(track: otio.schema.Track) -> Iterator[_Shown]:
    """The enabled items of a track that show something, at their record ranges."""
    window = track.source_range
    first_s = exact(window.start_time) if window is not None else _ZERO
    last_s = first_s + exact(window.duration) if window is not None else None
    cursor_s = _ZERO
    for index, item in enumerate(track):
        if isinstance(item, otio.schema.Transition):
            continue
        end_s = cursor_s + _duration(item)
        start_s, stop_s = max(cursor_s, first_s), end_s if last_s is None else min(end_s, last_s)
        if item.enabled and not isinstance(item, otio.schema.Gap) and stop_s > start_s:
            yield _Shown(
                item,
                whole=Range(cursor_s - first_s, end_s - first_s),
                range=Range(start_s - first_s, stop_s - first_s),
                opening=_dissolve(track, index - 1) if start_s == cursor_s else Dissolve(),
                closing=_dissolve(track, index + 1) if stop_s == end_s else Dissolve(),
            )
        cursor_s = end_s


def _dissolve(track: otio.schema.Track, index: int) -> Dissolve:
    item = track[index] if 0 <= index < len(track) else None
    if not isinstance(item, otio.schema.Transition):
        return Dissolve()
    return Dissolve(max(exact(item.in_offset), _ZERO), max(exact(item.out_offset), _ZERO))


def _event(number: int, timeline: otio.schema.Timeline, track: otio.schema.Track, shown: _Shown, rest: Range) -> Event:
    item = shown.item
    speed, warnings, refusal = _speed(item.effects)
    if any(isinstance(effect, otio.schema.TimeEffect) for effect in track.effects):
        refusal = f"the whole track '{track.name}' is retimed, which cannot be conformed yet: retime its clips"
    medium, omission = Medium("", ""), ""
    shown_s = _ZERO
    if isinstance(item, otio.schema.Clip):
        used = item.trimmed_range()
        medium, omission, unusable = _medium(item)
        refusal = refusal or unusable
        # The range holds the media that is used, so a clip that plays backwards starts at its end.
        shown_s = exact(used.start_time) - min(speed, _ZERO) * (shown.whole.end_s - shown.whole.start_s)
        shown_s += speed * (rest.start_s - shown.whole.start_s)
    else:
        refusal = f"a nested {type(item).__name__.lower()} cannot be conformed yet: flatten it in the editor"
    return Event(
        number=number,
        name=item.name or medium.name or f"event {number}",
        track=track.name,
        record=rest,
        opening=shown.opening if rest.start_s == shown.range.start_s else Dissolve(),
        closing=shown.closing if rest.end_s == shown.range.end_s else Dissolve(),
        shown_s=shown_s,
        speed=speed,
        medium=medium,
        markers=tuple(_markers(timeline, track, shown, rest)),
        warnings=warnings,
        refusal=refusal,
        omission=omission,
        notes=tuple(
            plain(holder.metadata[NOTES])
            for holder in (item, track, timeline.tracks, timeline)
            if NOTES in holder.metadata
        ),
    )


def plain(value: Any) -> Any:
    """Metadata as plain values: OTIO's own die with the object that holds them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def _speed(effects: Sequence[otio.schema.Effect]) -> tuple[Fraction, tuple[str, ...], str]:
    """The constant speed of a clip's effects, what to warn of, and why it cannot be followed."""
    speed = Fraction(1)
    others = []
    for effect in effects:
        if isinstance(effect, otio.schema.LinearTimeWarp):
            if not math.isfinite(effect.time_scalar):
                return Fraction(1), (), f"its speed is {effect.time_scalar}, which means nothing"
            speed *= Fraction(effect.time_scalar).limit_denominator(10_000)
        elif isinstance(effect, otio.schema.TimeEffect) or not isinstance(effect, otio.schema.Effect):
            named = effect.effect_name if isinstance(effect, otio.schema.Effect) else type(effect).__name__
            return (
                Fraction(1),
                (),
                f"its time effect '{named}' is not a constant speed: render the clip in the editor",
            )
        else:
            others.append(effect.effect_name or effect.name or "effect")
    if others:
        return speed, (f"heard without its picture effects: {', '.join(sorted(set(others)))}",), ""
    return speed, (), ""


def _medium(clip: otio.schema.Clip) -> tuple[Medium, str, str]:
    """What a clip's media reference names, why no sound is wanted for it, why none can be made."""
    reference = clip.media_reference
    available = reference.available_range if reference is not None else None
    start_s = exact(available.start_time) if available is not None else None
    name = reference.name if reference is not None else ""
    if isinstance(reference, otio.schema.ExternalReference):
        url = reference.target_url or ""
        length_s = exact(available.duration) if available is not None else None
        return Medium(url, url.replace("\\", "/").rsplit("/", 1)[-1] or name or clip.name, start_s, length_s), "", ""
    if isinstance(reference, otio.schema.GeneratorReference):
        kind = reference.generator_kind or "picture"
        return Medium("", name, start_s), f"a generated {kind} has nothing to hear", ""
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return (
            Medium("", name, start_s),
            "",
            "image sequences cannot be read yet: wrap it as a film in the editor",
        )
    # Some exports know a film by its name alone.
    return Medium("", name or clip.name, start_s), "", ""


def _markers(timeline: otio.schema.Timeline, track: otio.schema.Track, shown: _Shown, rest: Range) -> Iterator[Marker]:
    item = shown.item
    own_start = item.trimmed_range().start_time
    window = track.source_range
    shift_s = -exact(window.start_time) if window is not None else _ZERO
    for markers, shift in (
        (item.markers, shown.whole.start_s - exact(own_start)),
        (track.markers, shift_s),
        (timeline.tracks.markers, _ZERO),
    ):
        for marker in markers:
            time_s = exact(marker.marked_range.start_time) + shift
            if rest.start_s <= time_s < rest.end_s:
                yield Marker(time_s, marker.name, marker.comment)


def _duration(item: otio.core.Item) -> Fraction:
    try:
        return max(exact(item.duration()), _ZERO)
    except otio.exceptions.OTIOError as error:
        raise MediaError(f"the timeline does not say how long '{item.name}' is: export it again") from error


def _length(track: otio.schema.Track) -> Fraction:
    if track.source_range is not None:
        return exact(track.source_range.duration)
    items = [item for item in track if not isinstance(item, otio.schema.Transition)]
    return sum((_duration(item) for item in items), _ZERO)


def _rate(tracks: Sequence[otio.schema.Track]) -> Fraction:
    """The rate of the first item, where the timeline itself names none."""
    for track in tracks:
        for item in track:
            if not isinstance(item, otio.schema.Transition):
                return exact_rate(item.duration().rate)
    raise MediaError("the timeline has no pictures: there is nothing to make sound for")


def _outside(wanted: Range, covered: Sequence[Range]) -> list[Range]:
    """The parts of a range that none of the covered ranges hide."""
    rest = [wanted]
    for cover in covered:
        rest = [
            part
            for left in rest
            for start_s, end_s in (
                (left.start_s, min(left.end_s, cover.start_s)),
                (max(left.start_s, cover.end_s), left.end_s),
            )
            if start_s < end_s
            for part in (Range(start_s, end_s),)
        ]
    return rest


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
