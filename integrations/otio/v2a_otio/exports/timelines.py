"""Exports as OTIO timelines: the copy handed to an adapter, and what an adapter reads back."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from v2a_otio.exports.addresses import path_of, url
from v2a_otio.exports.readback import Found
from v2a_otio.exports.turnover import Item, Lane, Turnover, printable
from v2a_otio.times import exact

_KINDS = {"picture": otio.schema.TrackKind.Video, "sound": otio.schema.TrackKind.Audio}


def as_timeline(turnover: Turnover, lanes: Sequence[Lane], *, urls: bool = True) -> otio.schema.Timeline:
    """Plain clips and gaps with integer times at the grid's rate. urls: files as file:// addresses, else as paths."""
    made = otio.schema.Timeline(turnover.name)
    made.global_start_time = otio.opentime.RationalTime(turnover.origin, float(turnover.rate))
    for lane in lanes:
        track = otio.schema.Track(lane.name, kind=_KINDS[lane.kind])
        cursor = 0
        for item in lane.items:
            if item.start > cursor:
                track.append(otio.schema.Gap(source_range=span(0, item.start - cursor, turnover.grid)))
            track.append(_clip(item, turnover.grid, urls=urls))
            cursor = item.end
        made.tracks.append(track)
    return made


def span(start: int, length: int, grid: Fraction) -> otio.opentime.TimeRange:
    """[start, start + length) units of a grid."""
    rate = float(grid)
    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(length, rate))


def found(track: otio.schema.Track, start_s: Fraction = Fraction(0)) -> Iterator[Found]:
    """The clips of a track, which begins at start_s, as a reader gives it."""
    cursor_s = start_s
    for item in track:
        if isinstance(item, otio.schema.Transition):
            continue
        end_s = cursor_s + exact(item.duration())
        if isinstance(item, otio.schema.Clip):
            yield Found(address(item), cursor_s, end_s, source_s(item))
        cursor_s = end_s


def address(clip: otio.schema.Clip) -> str:
    """The path of a clip's file; empty where it has none."""
    reference = clip.media_reference
    return path_of(reference.target_url) if isinstance(reference, otio.schema.ExternalReference) else ""


def source_s(clip: otio.schema.Clip) -> Fraction:
    """Where in its file a clip begins."""
    available: Any = clip.media_reference.available_range
    first_s = exact(available.start_time) if available is not None else Fraction(0)
    return exact(clip.trimmed_range().start_time) - first_s


def _clip(item: Item, grid: Fraction, *, urls: bool) -> otio.schema.Clip:
    available = span(item.first, item.length, grid)
    file = item.plan.file
    if file:
        reference: otio.core.MediaReference = otio.schema.ExternalReference(url(file) if urls else file, available)
    else:
        reference = otio.schema.MissingReference(available_range=available)
    reference.name = printable(Path(file).name)
    return otio.schema.Clip(
        item.plan.name,
        media_reference=reference,
        source_range=span(item.first + item.source, item.end - item.start, grid),
    )
