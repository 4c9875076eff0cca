"""Tracks, stacks and nests as one row of shots: what is seen when, exactly.

OpenTimelineIO's own flattening moves retimed clips to wrong places, so it is done here, by these rules:

* the topmost enabled item is what is seen; gaps, switched-off items and sound are seen through, and so are
  generators that have transparency (titles), unless nothing lies below;
* a composition shows its source_range of what it holds, at its own speed (`retiming`); nests may hold nests;
* a shot that something above hides in the middle gives two;
* dissolves stay with a shot's own ends, and a trimmed end is a plain cut; backwards, they change sides;
* a clip's markers keep their distance from its start, whatever its speed.
"""

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import opentimelineio as otio

from v2a.errors import MediaError
from v2a_otio.retiming import Retime, retime_of
from v2a_otio.times import exact
from v2a_plugin.prompts import Marker
from v2a_plugin.timeline import Range

_ZERO = Fraction(0)
_SEEN_THROUGH = ("title", "text", "transparent", "adjustment", "caption", "subtitle")


@dataclass(frozen=True)
class Dissolve:
    """A dissolve: how long before the cut it begins, and how long after it ends. Both 0: a plain cut."""

    before_s: Fraction = _ZERO
    after_s: Fraction = _ZERO


@dataclass(frozen=True)
class Shot:
    """A stretch of a composition's time that shows one clip at constant speed.

    holders: the compositions around the clip, the nearest first. shown_s: media time at the range's start; speed:
    media seconds a second. refusal: why this cannot be followed, "" where it can.
    """

    clip: otio.core.Item
    range: Range
    shown_s: Fraction
    speed: Fraction
    holders: tuple[otio.core.Composition, ...] = ()
    opening: Dissolve = Dissolve()
    closing: Dissolve = Dissolve()
    markers: tuple[Marker, ...] = ()
    warnings: tuple[str, ...] = ()
    refusal: str = ""

    def part(self, rest: Range) -> "Shot":
        """What is left of it in a range inside its own."""
        return replace(
            self,
            range=rest,
            shown_s=self.shown_s + (rest.start_s - self.range.start_s) * self.speed,
            opening=self.opening if rest.start_s == self.range.start_s else Dissolve(),
            closing=self.closing if rest.end_s == self.range.end_s else Dissolve(),
            markers=tuple(marker for marker in self.markers if rest.start_s <= marker.time_s < rest.end_s),
        )

    def later(self, shift_s: Fraction) -> "Shot":
        """The same, a while later."""
        return replace(
            self,
            range=Range(self.range.start_s + shift_s, self.range.end_s + shift_s),
            markers=tuple(replace(marker, time_s=marker.time_s + shift_s) for marker in self.markers),
        )


def flatten(stack: otio.schema.Stack) -> list[Shot]:
    """All that is seen of a timeline's tracks, in order. Raises MediaError where positions cannot be told."""
    return _marked(_layers(stack), stack.markers, _ZERO)


def length_of(item: otio.core.Item) -> Fraction:
    """How long an item lasts on the timeline. Raises MediaError where it does not say so, or says nonsense."""
    try:
        length_s = exact(item.duration())
    except (otio.exceptions.OTIOError, ValueError) as error:
        raise MediaError(f"the timeline does not say how long '{item.name}' is: export it again") from error
    except MediaError as error:
        raise MediaError(f"'{item.name}': {error}") from error
    if length_s < 0:
        raise MediaError(
            f"'{item.name}' lasts {float(length_s):g} s, less than nothing, so that what follows has no place: export "
            "the timeline again"
        )
    return length_s


def _shots(item: otio.core.Item) -> list[Shot]:
    """What an item shows, in its presented time, which starts at 0."""
    # First what is inside: where a length is missing, its own name helps more than its track's.
    inner = _inside(item) if isinstance(item, otio.core.Composition) else []
    length_s = length_of(item)
    if not length_s:
        return []
    retime = retime_of(item)
    whole = Range(_ZERO, length_s)
    try:
        start_s = _start(item, retime)
    except MediaError as error:
        return [Shot(item, whole, _ZERO, Fraction(1), refusal=str(error))]
    if isinstance(item, otio.schema.Clip):
        # The range holds the media that is used, so a clip that plays backwards starts at its end.
        shown_s = start_s - min(retime.speed, _ZERO) * length_s
        shots = [Shot(item, whole, shown_s, retime.speed, warnings=retime.warnings, refusal=retime.refusal)]
    elif retime.refusal:
        shots = [Shot(item, whole, _ZERO, Fraction(1), refusal=retime.refusal)]
    elif isinstance(item, otio.core.Composition) and not len(item):
        refusal = f"the nest '{item.name}' holds nothing, or its reader found nothing in it: flatten it in the editor"
        return [Shot(item, whole, _ZERO, Fraction(1), refusal=refusal)]
    elif isinstance(item, otio.core.Composition):
        shots = sorted(_through(inner, whole, start_s, retime), key=lambda shot: shot.range.start_s)
        shots = [replace(shot, holders=(*shot.holders, item)) for shot in shots]
    else:
        return [Shot(item, whole, _ZERO, Fraction(1), refusal=f"a {type(item).__name__} cannot be conformed")]
    marked_from_s = exact(item.trimmed_range().start_time) if len(item.markers) else _ZERO
    return _marked(shots, item.markers, marked_from_s)


def _inside(item: otio.core.Composition) -> list[Shot]:
    return _sequence(item) if isinstance(item, otio.schema.Track) else _layers(item)


def _start(item: otio.core.Item, retime: Retime) -> Fraction:
    """The media time, or a composition's own time, that an item's range starts at."""
    if item.source_range is None and isinstance(item, otio.core.Composition):
        return _ZERO
    start_s = exact(item.trimmed_range().start_time)
    if not retime.scales_start:
        return start_s
    reference = item.media_reference if isinstance(item, otio.schema.Clip) else None
    available = reference.available_range if reference is not None else None
    first_s = exact(available.start_time) if available is not None else _ZERO
    return first_s + (start_s - first_s) * retime.speed


def _sequence(track: otio.schema.Track) -> list[Shot]:
    """What the items of a track show, one after the other."""
    shots: list[Shot] = []
    cursor_s = _ZERO
    items = list(track)
    for index, item in enumerate(items):
        if isinstance(item, otio.schema.Transition):
            continue
        end_s = cursor_s + length_of(item)
        if _is_on(item) and not isinstance(item, otio.schema.Gap):
            for shot in _shots(item):
                placed = shot.later(cursor_s)
                if placed.range.start_s == cursor_s:
                    placed = replace(placed, opening=_dissolve(items, index - 1) or placed.opening)
                if placed.range.end_s == end_s:
                    placed = replace(placed, closing=_dissolve(items, index + 1) or placed.closing)
                shots.append(placed)
        cursor_s = end_s
    return shots


def _dissolve(items: Sequence[otio.core.Composable], index: int) -> Dissolve | None:
    item = items[index] if 0 <= index < len(items) else None
    if not isinstance(item, otio.schema.Transition):
        return None
    return Dissolve(max(exact(item.in_offset), _ZERO), max(exact(item.out_offset), _ZERO))


def _layers(stack: otio.core.Composition) -> list[Shot]:
    """What is seen of items that lie above each other, the last on top."""
    seen: list[Shot] = []
    through: list[Shot] = []
    covered = _Cover()
    for item in reversed(list(stack)):
        is_sound = isinstance(item, otio.schema.Track) and item.kind != otio.schema.TrackKind.Video
        if not isinstance(item, otio.core.Item) or is_sound or isinstance(item, otio.schema.Gap) or not _is_on(item):
            continue
        shots = _shots(item)
        through += [shot for shot in shots if _is_transparent(shot.clip)]
        opaque = [shot for shot in shots if not _is_transparent(shot.clip)]
        seen += [shot.part(rest) for shot in opaque for rest in covered.outside(shot.range)]
        covered.add(shot.range for shot in opaque)
    for shot in through:
        seen += [shot.part(rest) for rest in covered.outside(shot.range)]
        covered.add([shot.range])
    return sorted(seen, key=lambda shot: shot.range.start_s)


def _is_on(item: otio.core.Item) -> bool:
    """Whether an item is switched on; FCP7 XML's reader says it in metadata."""
    noted = item.metadata.get("fcp_xml") if len(item.metadata) else None
    return bool(item.enabled) and (noted is None or str(noted.get("enabled", "TRUE")).upper() != "FALSE")


def _is_transparent(item: otio.core.Item) -> bool:
    """Whether an item is a generator that lets through what lies below."""
    reference = item.media_reference if isinstance(item, otio.schema.Clip) else None
    if not isinstance(reference, otio.schema.GeneratorReference):
        return False
    alpha = item.metadata.get("fcp_xml", {}).get("alphatype", "none")
    words = f"{reference.generator_kind} {reference.name} {item.name}".lower()
    return alpha not in ("none", "") or any(word in words for word in _SEEN_THROUGH)


def _through(shots: Sequence[Shot], whole: Range, start_s: Fraction, retime: Retime) -> Iterator[Shot]:
    """A composition's shots as it presents them: its window of them, at its speed."""
    speed, length_s = retime.speed, whole.duration_s
    if speed == 1 and not start_s and not retime.others and (not shots or shots[-1].range.end_s <= length_s):
        yield from shots
        return
    used = Range(start_s, start_s + (abs(speed) * length_s or Fraction(1, 10**9)))
    for shot in shots:
        if not shot.range.overlaps(used):
            continue
        shot = replace(shot, warnings=(*retime.warnings, *shot.warnings))
        if speed == 0:
            held = shot.shown_s + (max(start_s, shot.range.start_s) - shot.range.start_s) * shot.speed
            yield replace(
                shot, range=whole, shown_s=held, speed=_ZERO, opening=Dissolve(), closing=Dissolve(), markers=()
            )
            return
        kept = shot.part(Range(max(shot.range.start_s, used.start_s), min(shot.range.end_s, used.end_s)))
        yield _at_speed(kept, used, speed)


def _at_speed(shot: Shot, used: Range, speed: Fraction) -> Shot:
    """A shot of [used) of a composition's own time, in presented time from 0."""
    if speed > 0:
        times = [(time_s - used.start_s) / speed for time_s in (shot.range.start_s, shot.range.end_s)]
        opening, closing, shown_s = shot.opening, shot.closing, shot.shown_s
    else:
        times = [(time_s - used.end_s) / speed for time_s in (shot.range.end_s, shot.range.start_s)]
        opening = Dissolve(shot.closing.after_s, shot.closing.before_s)
        closing = Dissolve(shot.opening.after_s, shot.opening.before_s)
        shown_s = shot.shown_s + shot.range.duration_s * shot.speed
    fast = abs(speed)
    base_s = used.start_s if speed > 0 else used.end_s
    return replace(
        shot,
        range=Range(times[0], times[1]),
        shown_s=shown_s,
        speed=shot.speed * speed,
        opening=Dissolve(opening.before_s / fast, opening.after_s / fast),
        closing=Dissolve(closing.before_s / fast, closing.after_s / fast),
        markers=tuple(replace(marker, time_s=(marker.time_s - base_s) / speed) for marker in shot.markers),
    )


def _marked(shots: list[Shot], markers: Sequence[otio.schema.Marker], from_s: Fraction) -> list[Shot]:
    """Shots, in order, with the markers that fall into them added. from_s: the markers' time at 0."""
    starts = [shot.range.start_s for shot in shots]
    for marker in markers:
        time_s = exact(marker.marked_range.start_time) - from_s
        index = bisect_right(starts, time_s) - 1
        if index >= 0 and time_s < shots[index].range.end_s:
            found = Marker(time_s, marker.name, marker.comment)
            shots[index] = replace(shots[index], markers=(*shots[index].markers, found))
    return shots


class _Cover:
    """Stretches of time that are hidden, disjoint and in order."""

    def __init__(self) -> None:
        self._ranges: list[tuple[Fraction, Fraction]] = []

    def outside(self, wanted: Range) -> list[Range]:
        """The parts of a range that are not hidden."""
        rest = []
        start_s = wanted.start_s
        first = max(bisect_right(self._ranges, (start_s, start_s)) - 1, 0)
        for index in range(first, len(self._ranges)):
            begin_s, end_s = self._ranges[index]
            if begin_s >= wanted.end_s:
                break
            if begin_s > start_s:
                rest.append(Range(start_s, begin_s))
            start_s = max(start_s, end_s)
        if start_s < wanted.end_s:
            rest.append(Range(start_s, wanted.end_s))
        return rest

    def add(self, ranges: "Iterator[Range] | Sequence[Range]") -> None:
        """Hide these, too."""
        for new in list(ranges):
            for part in self.outside(new):
                insort(self._ranges, (part.start_s, part.end_s))
        merged: list[tuple[Fraction, Fraction]] = []
        for begin_s, end_s in self._ranges:
            if merged and merged[-1][1] == begin_s:
                merged[-1] = (merged[-1][0], end_s)
            else:
                merged.append((begin_s, end_s))
        self._ranges = merged
