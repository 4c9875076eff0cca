import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import opentimelineio as otio
import pytest

from tests.otio.timelines import T, clip, dissolve, gap, seconds, span, timeline
from v2a.errors import MediaError
from v2a_otio.events import Dissolve, Event, read_cut


def nest(
    *items: otio.core.Composable,
    used: otio.opentime.TimeRange | None = None,
    speed: float | None = None,
) -> otio.schema.Stack:
    """A stack of one track, used from a range at a speed."""
    track = otio.schema.Track("inner", children=list(items), kind=otio.schema.TrackKind.Video)
    made = otio.schema.Stack("nest", children=[track], source_range=used)
    if speed is not None:
        made.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
    return made


def places(events: tuple[Event, ...], rate: int = 24) -> list[tuple[Any, ...]]:
    """(name, record start and end, media at both), in frames."""
    return [
        (
            event.name,
            event.record.start_s * rate,
            event.record.end_s * rate,
            event.media_at(event.record.start_s) * rate,
            event.media_at(event.record.end_s) * rate,
        )
        for event in events
    ]


def test_each_clip_of_a_nest_is_an_event_within_the_nests_own_range() -> None:
    inner = [clip("one", "a.mov", span(100, 24, 24)), gap(12, 24), clip("two", "b.mov", span(0, 24, 24))]
    cut = read_cut(timeline([clip("before", "c.mov", span(0, 10, 24)), nest(*inner, used=span(12, 36, 24))]))
    assert places(cut.events) == [
        ("before", 0, 10, 0, 10),
        ("one", 10, 22, 112, 124),
        ("two", 34, 46, 0, 12),
    ]
    assert cut.events[1].track == "V1"


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (2.0, [("one", 0, 12, 0, 24), ("two", 12, 24, 50, 74)]),
        (0.5, [("one", 0, 24, 0, 12)]),
        (-1.0, [("one", 0, 24, 24, 0)]),
        (-2.0, [("two", 0, 12, 74, 50), ("one", 12, 24, 24, 0)]),
        (0.0, [("one", 0, 24, 0, 0)]),
    ],
)
def test_a_nests_speed_is_that_of_all_it_holds(speed: float, expected: list[tuple[str, int, int, int, int]]) -> None:
    inner = [clip("one", "a.mov", span(0, 24, 24)), clip("two", "b.mov", span(50, 24, 24))]
    events = read_cut(timeline([nest(*inner, used=span(0, 24, 24), speed=speed)])).events
    assert places(events) == expected


def test_speeds_of_nests_in_nests_multiply() -> None:
    inmost = clip("one", "a.mov", span(0, 96, 24), effects=[otio.schema.LinearTimeWarp(time_scalar=2.0)])
    made = nest(nest(inmost, used=span(0, 48, 24), speed=0.5), used=span(6, 24, 24), speed=-3.0)
    (event,) = read_cut(timeline([made])).events
    assert event.speed == 2 * Fraction(1, 2) * -3
    assert places((event,)) == [("one", 10, 24, 48, 6)]


def test_dissolves_of_a_nest_that_plays_backwards_change_sides() -> None:
    inner = [clip("one", "a.mov", span(0, 24, 24)), dissolve(4, 8, 24), clip("two", "b.mov", span(50, 24, 24))]
    two, one = read_cut(timeline([nest(*inner, speed=-2.0, used=span(0, 24, 24))])).events
    assert two.closing == one.opening == Dissolve(Fraction(4, 24), Fraction(2, 24))


def test_a_nests_own_dissolve_is_that_of_its_outer_shots() -> None:
    inner = [clip("one", "a.mov", span(0, 24, 24)), clip("two", "b.mov", span(50, 24, 24))]
    events = read_cut(timeline([nest(*inner), dissolve(6, 6, 24), clip("after", "c.mov", span(0, 24, 24))])).events
    assert [bool(event.closing.after_s) for event in events] == [False, True, False]
    assert events[2].opening == events[1].closing


def test_layers_inside_a_nest_hide_each_other() -> None:
    made = nest(clip("under", "a.mov", span(0, 48, 24)))
    upper = otio.schema.Track(kind=otio.schema.TrackKind.Video)
    upper.extend([gap(12, 24), clip("over", "b.mov", span(0, 12, 24))])
    sound = otio.schema.Track(kind=otio.schema.TrackKind.Audio)
    sound.append(clip("sound", "c.wav", span(0, 48, 24)))
    made.extend([upper, sound])
    assert [place[:3] for place in places(read_cut(timeline([made])).events)] == [
        ("under", 0, 12),
        ("over", 12, 24),
        ("under", 24, 48),
    ]


def test_a_whole_tracks_speed_is_followed() -> None:
    made = timeline([clip("one", "a.mov", span(0, 24, 24)), clip("two", "b.mov", span(0, 24, 24))])
    made.tracks[0].effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    made.tracks[0].source_range = span(0, 24, 24)
    assert places(read_cut(made).events) == [("one", 0, 12, 0, 24), ("two", 12, 24, 0, 24)]


def test_markers_inside_a_nest_come_at_record_times_and_follow_its_speed() -> None:
    inner = clip("one", "a.mov", span(100, 48, 24))
    inner.markers.append(otio.schema.Marker("cue", marked_range=span(124, 0, 24)))
    made = nest(inner, used=span(0, 24, 24), speed=2.0)
    made.markers.append(otio.schema.Marker("own", marked_range=span(6, 0, 24)))
    (event,) = read_cut(timeline([gap(24, 24), made])).events
    assert {(marker.name, marker.time_s) for marker in event.markers} == {
        ("cue", Fraction(36, 24)),
        ("own", Fraction(30, 24)),
    }


def test_titles_are_seen_through_and_count_where_nothing_lies_below() -> None:
    title = otio.schema.Clip(
        "title", otio.schema.GeneratorReference(generator_kind="Title"), source_range=span(0, 48, 24)
    )
    events = read_cut(timeline([clip("film", "a.mov", span(0, 24, 24))], [title])).events
    assert [(event.name, bool(event.omission)) for event in events] == [("film", False), ("title", True)]


@pytest.mark.parametrize("scalar", [math.nan, math.inf, -math.inf, 1e9])
def test_speeds_without_meaning_are_refused_on_their_event(scalar: float) -> None:
    bad = clip("bad", "a.mov", span(0, 24, 24), effects=[otio.schema.LinearTimeWarp(time_scalar=scalar)])
    one, two = read_cut(timeline([bad, clip("good", "b.mov", span(0, 24, 24))])).events
    assert "means nothing" in one.refusal
    assert two.refusal == ""
    assert two.record.start_s == 1


def test_a_start_without_meaning_is_refused_on_its_event() -> None:
    bad = clip("bad", "a.mov", T.TimeRange(T.RationalTime(math.nan, 24), T.RationalTime(24, 24)))
    one, two = read_cut(timeline([bad, clip("good", "b.mov", span(0, 24, 24))])).events
    assert "means nothing" in one.refusal
    assert two.record.start_s == 1


@pytest.mark.parametrize(
    "used",
    [
        T.TimeRange(T.RationalTime(0, 24), T.RationalTime(-24, 24)),
        T.TimeRange(T.RationalTime(0, 24), T.RationalTime(math.inf, 24)),
        T.TimeRange(T.RationalTime(0, 24), T.RationalTime(24, 0)),
        T.TimeRange(T.RationalTime(0, 24), T.RationalTime(24, math.nan)),
        T.TimeRange(T.RationalTime(0, 24), T.RationalTime(24, -24)),
    ],
)
def test_lengths_without_meaning_spoil_all_that_follows_and_are_named(used: otio.opentime.TimeRange) -> None:
    with pytest.raises(MediaError, match=r"'bad'"):
        read_cut(timeline([clip("bad", "a.mov", used), clip("good", "b.mov", span(0, 24, 24))]))


def remapped(speed: str, reverse: str = "FALSE", variable: str = "0") -> otio.schema.Clip:
    """A clip as the reader of FCP7 XML gives it: the remap in an effect's metadata, the start in presented frames."""
    parameters = [
        {"parameterid": "speed", "value": speed},
        {"parameterid": "reverse", "value": reverse},
        {"parameterid": "variablespeed", "value": variable},
    ]
    remap = otio.schema.Effect("Time Remap", metadata={"fcp_xml": {"effectid": "timeremap", "parameter": parameters}})
    return clip("one", "a.mov", span(1024, 24, 24), span(1000, 480, 24), effects=[remap])


def test_a_time_remap_of_fcp7_scales_the_clips_start_too() -> None:
    (event,) = read_cut(timeline([remapped("200")])).events
    assert places((event,)) == [("one", 0, 24, 1048, 1096)]
    (plain,) = read_cut(timeline([remapped("100")])).events
    assert places((plain,)) == [("one", 0, 24, 1024, 1048)]
    assert plain.warnings == ()


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (remapped("100", reverse="TRUE"), "backwards"),
        (remapped("108.451", variable="1"), "changes within the clip"),
        (remapped("0.25"), "may be meant as a factor"),
        (remapped("fast"), "is no number"),
    ],
)
def test_remaps_that_fcp7_xml_does_not_make_clear_are_refused(item: otio.schema.Clip, reason: str) -> None:
    (event,) = read_cut(timeline([item.deepcopy()])).events
    assert reason in event.refusal


def test_clips_that_fcp7_switches_off_in_metadata_are_seen_through() -> None:
    off = clip("off", "b.mov", span(0, 24, 24))
    off.metadata["fcp_xml"] = {"enabled": "FALSE"}
    assert [event.name for event in read_cut(timeline([clip("on", "a.mov", span(0, 24, 24))], [off])).events] == ["on"]


def test_a_thousand_clips_hidden_by_a_thousand_are_flattened_exactly() -> None:
    lower: list[otio.core.Composable] = [clip(f"l{n}", "a.mov", span(n, 24, 24)) for n in range(1000)]
    upper: list[otio.core.Composable] = []
    for n in range(1000):
        upper += [gap(12, 24), clip(f"u{n}", "b.mov", span(n, 12, 24))]
    events = read_cut(timeline(lower, upper)).events
    assert len(events) == 2000
    assert all(one.record.end_s == two.record.start_s for one, two in pairwise(events))
    assert [event.name for event in events[:4]] == ["l0", "u0", "l1", "u1"]
    assert (events[-1].record.start_s, events[-1].record.end_s) == seconds(Fraction(1999, 2), 1000)
