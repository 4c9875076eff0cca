from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.otio.timelines import T, clip, dissolve, gap, save, seconds, span, timeline
from v2a.errors import MediaError
from v2a_otio.events import Dissolve, read_cut, read_timeline
from v2a_otio.times import exact, exact_rate


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (24.0, Fraction(24)),
        (24000 / 1001, Fraction(24000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (16.0, Fraction(16)),
        (18.0, Fraction(18)),
        (200 / 11, Fraction(200, 11)),
        (18.18, Fraction(200, 11)),
        (21.82, Fraction(240, 11)),
        (12.5, Fraction(25, 2)),
        (48000.0, Fraction(48000)),
    ],
)
def test_a_float_rate_means_an_exact_one(written: float, meant: Fraction) -> None:
    assert exact_rate(written) == meant


def test_an_hour_of_ntsc_film_is_exact() -> None:
    assert exact(T.RationalTime(86400, 24000 / 1001)) == Fraction(86400 * 1001, 24000)


@pytest.mark.parametrize("time", [T.RationalTime(1, 0), T.RationalTime(float("nan"), 24), T.RationalTime(1, -24)])
def test_times_without_meaning_are_refused(time: otio.opentime.RationalTime) -> None:
    with pytest.raises(MediaError, match="means nothing"):
        exact(time)


def test_clips_gaps_and_dissolves_have_exact_places() -> None:
    rate = 24000 / 1001
    cut = read_cut(
        timeline(
            [
                clip("one", "a.mov", span(86400, 48, rate)),
                gap(12, rate),
                clip("two", "b.mov", span(10, 36, rate)),
                dissolve(6, 8, rate),
                clip("three", "a.mov", span(100, 24, rate)),
            ],
            start=T.RationalTime(86400, rate),
        )
    )
    frame = Fraction(1001, 24000)
    assert cut.rate == 1 / frame
    assert cut.origin_s == 86400 * frame
    assert cut.duration_s == 120 * frame
    one, two, three = cut.events
    assert [(event.number, event.name) for event in cut.events] == [(1, "one"), (2, "two"), (3, "three")]
    assert (one.record.start_s, one.record.end_s) == seconds(0, 48 * frame)
    assert (two.record.start_s, two.record.end_s) == (60 * frame, 96 * frame)
    assert two.opening == Dissolve()
    assert two.closing == three.opening == Dissolve(6 * frame, 8 * frame)
    assert one.media_at(one.record.end_s) == 86448 * frame
    assert three.media_at(three.record.start_s) == 100 * frame


@pytest.mark.parametrize(
    ("effect", "first", "last"),
    [
        (None, 20, 44),
        (otio.schema.LinearTimeWarp(time_scalar=0.5), 20, 32),
        (otio.schema.LinearTimeWarp(time_scalar=2.0), 20, 68),
        (otio.schema.LinearTimeWarp(time_scalar=-1.0), 44, 20),
        (otio.schema.LinearTimeWarp(time_scalar=-2.0), 68, 20),
        (otio.schema.FreezeFrame(), 20, 20),
    ],
)
def test_a_retimed_clip_uses_its_record_length_times_its_speed(
    effect: otio.schema.Effect | None, first: int, last: int
) -> None:
    cut = read_cut(timeline([clip("one", "a.mov", span(20, 24, 24), effects=[effect] if effect else [])]))
    (event,) = cut.events
    assert event.refusal == ""
    assert event.record.duration_s == 1
    assert event.media_at(event.record.start_s) == Fraction(first, 24)
    assert event.media_at(event.record.end_s) == Fraction(last, 24)


def test_what_is_on_top_is_seen_and_a_clip_hidden_in_the_middle_gives_two_events() -> None:
    cut = read_cut(
        timeline(
            [clip("under", "a.mov", span(100, 96, 24))],
            [gap(24, 24), clip("over", "b.mov", span(0, 24, 24))],
        )
    )
    assert [(event.name, event.record.start_s, event.record.end_s) for event in cut.events] == [
        ("under", *seconds(0, 1)),
        ("over", *seconds(1, 2)),
        ("under", *seconds(2, 4)),
    ]
    assert cut.events[2].media_at(Fraction(2)) == Fraction(148, 24)


def test_a_backward_clip_that_is_partly_hidden_keeps_its_frames() -> None:
    backwards = clip("under", "a.mov", span(0, 96, 24), effects=[otio.schema.LinearTimeWarp(time_scalar=-1.0)])
    cut = read_cut(timeline([backwards], [clip("over", "b.mov", span(0, 24, 24))]))
    under = cut.events[1]
    assert under.media_at(Fraction(1)) == 3
    assert under.media_at(Fraction(4)) == 0


def test_disabled_clips_and_tracks_are_seen_through() -> None:
    made = timeline(
        [clip("bottom", "a.mov", span(0, 24, 24))],
        [clip("off", "b.mov", span(0, 24, 24))],
        [clip("off too", "c.mov", span(0, 24, 24))],
    )
    made.tracks[1][0].enabled = False
    made.tracks[2].enabled = False
    assert [event.name for event in read_cut(made).events] == ["bottom"]


def test_a_trimmed_track_shows_its_window() -> None:
    made = timeline([clip("one", "a.mov", span(0, 48, 24)), clip("two", "b.mov", span(0, 48, 24))])
    made.tracks[0].source_range = span(24, 36, 24)
    one, two = read_cut(made).events
    assert (one.record.start_s, one.record.end_s, one.shown_s) == seconds(0, 1, 1)
    assert (two.record.start_s, two.record.end_s, two.shown_s) == seconds(1, Fraction(3, 2), 0)


def test_what_cannot_be_conformed_is_refused_by_event_with_the_reason() -> None:
    warped = clip("warped", "a.mov", span(0, 24, 24), effects=[otio.schema.TimeEffect("ramp", "SpeedRamp")])
    black = otio.schema.Clip(
        "black", otio.schema.GeneratorReference(generator_kind="black"), source_range=span(0, 24, 24)
    )
    lost = otio.schema.Clip("lost", source_range=span(0, 24, 24))
    graded = clip("graded", "a.mov", span(0, 24, 24), effects=[otio.schema.Effect("grade", "Colour")])
    events = read_cut(timeline([warped, black, lost, graded])).events
    assert "SpeedRamp" in events[0].refusal
    assert "black" in events[1].omission
    assert events[1].refusal == ""
    assert (events[2].medium.url, events[2].medium.name) == ("", "lost")
    assert events[3].refusal == ""
    assert "Colour" in events[3].warnings[0]


def test_markers_come_at_record_times() -> None:
    item = clip("one", "a.mov", span(100, 48, 24))
    item.markers.append(otio.schema.Marker("v2a-cue", marked_range=span(112, 1, 24)))
    made = timeline([gap(24, 24), item])
    made.tracks.markers.append(otio.schema.Marker("v2a: rain", marked_range=span(30, 1, 24), comment="soft"))
    made.tracks.markers.append(otio.schema.Marker("before", marked_range=span(3, 1, 24)))
    (event,) = read_cut(made).events
    assert {(marker.time_s, marker.name, marker.comment) for marker in event.markers} == {
        (Fraction(36, 24), "v2a-cue", ""),
        (Fraction(30, 24), "v2a: rain", "soft"),
    }


def test_unreadable_timelines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no timeline at"):
        read_timeline(tmp_path / "none.otio")
    (tmp_path / "bad.otio").write_text("{ not json")
    with pytest.raises(MediaError, match="cannot be read as a timeline"):
        read_timeline(tmp_path / "bad.otio")
    (tmp_path / "empty.otio").write_bytes(b"")
    with pytest.raises(MediaError, match="cannot be read as a timeline"):
        read_timeline(tmp_path / "empty.otio")
    (tmp_path / "clip.otio").write_text(otio.schema.Clip("alone").to_json_string())
    with pytest.raises(MediaError, match="holds no timeline"):
        read_timeline(tmp_path / "clip.otio")
    (tmp_path / "cut.xyz").write_text("")
    with pytest.raises(MediaError, match=r"v2a-studio\[adapters\]"):
        read_timeline(tmp_path / "cut.xyz")
    with pytest.raises(MediaError, match="no pictures"):
        read_cut(read_timeline(save(otio.schema.Timeline("empty"), tmp_path / "no.otio")))
    with pytest.raises(MediaError, match="how long 'open'"):
        read_cut(timeline([otio.schema.Clip("open")]))
