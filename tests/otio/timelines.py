"""Timelines made by code."""

from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

T = otio.opentime


def span(start: float, length: float, rate: float) -> otio.opentime.TimeRange:
    """[start, start + length) in frames at a rate."""
    return T.TimeRange(T.RationalTime(start, rate), T.RationalTime(length, rate))


def clip(
    name: str,
    url: str,
    used: otio.opentime.TimeRange,
    available: otio.opentime.TimeRange | None = None,
    effects: list[otio.schema.Effect] | None = None,
) -> otio.schema.Clip:
    reference = otio.schema.ExternalReference(target_url=url, available_range=available)
    return otio.schema.Clip(name, media_reference=reference, source_range=used, effects=effects or [])


def seconds(*times_s: Fraction | int) -> tuple[Fraction, ...]:
    """Exact times."""
    return tuple(Fraction(time_s) for time_s in times_s)


def gap(length: float, rate: float) -> otio.schema.Gap:
    return otio.schema.Gap(source_range=span(0, length, rate))


def dissolve(before: float, after: float, rate: float) -> otio.schema.Transition:
    return otio.schema.Transition(
        transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
        in_offset=T.RationalTime(before, rate),
        out_offset=T.RationalTime(after, rate),
    )


def timeline(
    *tracks: list[otio.core.Composable], start: otio.opentime.RationalTime | None = None
) -> otio.schema.Timeline:
    """Video tracks V1, V2 … from the bottom up."""
    made = otio.schema.Timeline("cut", global_start_time=start)
    for number, items in enumerate(tracks, start=1):
        track = otio.schema.Track(f"V{number}", kind=otio.schema.TrackKind.Video)
        track.extend(items)
        made.tracks.append(track)
    return made


def save(made: otio.schema.Timeline, path: Path) -> Path:
    path.write_text(made.to_json_string(), encoding="utf-8")
    return path
