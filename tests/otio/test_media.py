from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.otio.timelines import clip, dissolve, gap, seconds, span, timeline
from v2a.errors import MediaError
from v2a.request import Piece
from v2a_otio.events import Event, read_cut
from v2a_otio.media import Coverage, Library, cover

ZERO = Fraction(0)


def covered(
    made: otio.schema.Timeline,
    folder: Path,
    number: int = 1,
    handle_s: Fraction = ZERO,
    earliest_s: Fraction = ZERO,
    source_rate: Fraction | None = None,
) -> Coverage:
    event = read_cut(made).events[number - 1]
    return cover(event, Library(folder, source_rate=source_rate).find(event), handle_s, earliest_s)


@pytest.mark.parametrize("form", ["reel.mp4", "{folder}/reel.mp4", "file://{folder}/reel.mp4", "file:reel.mp4"])
def test_a_film_is_found_beside_the_timeline_or_by_its_address(reel: Path, form: str) -> None:
    made = timeline([clip("one", form.format(folder=reel.parent), span(0, 18, 18))])
    event = read_cut(made).events[0]
    assert Library(reel.parent).find(event).info.path == reel.resolve()


def test_an_escaped_name_is_found(tmp_path: Path, reel: Path) -> None:
    (tmp_path / "my reel #1.mp4").write_bytes(reel.read_bytes())
    for url in ("my%20reel%20%231.mp4", "my reel #1.mp4", f"file://localhost{tmp_path}/my%20reel%20%231.mp4"):
        event = read_cut(timeline([clip("one", url, span(0, 18, 18))])).events[0]
        assert Library(tmp_path).find(event).info.path.name == "my reel #1.mp4"


def named(name: str, available: otio.opentime.TimeRange | None = None, reel: str = "") -> Event:
    """The event of a clip whose film is not where the timeline says, nor anywhere near."""
    item = clip(name, f"D:\\rushes\\day 1\\{name}", span(0, 18, 18), available)
    if reel:
        item.metadata["cmx_3600"] = {"reel": reel}
    return read_cut(timeline([item])).events[0]


def test_name_and_duration_find_a_film_and_the_name_alone_does_not(tmp_path: Path, reel: Path) -> None:
    roots = (tmp_path,)
    event = named("A001.mp4", span(0, 72, 18))
    with pytest.raises(MediaError, match=r"A001\.mp4 was not found.*--media-root"):
        Library(tmp_path, roots).find(event)
    first = tmp_path / "a" / "A001.mp4"
    first.parent.mkdir()
    first.write_bytes(reel.read_bytes())
    assert Library(tmp_path, roots).find(event).info.path == first.resolve()
    assert Library(tmp_path, (tmp_path, tmp_path / "a")).find(event).info.path == first.resolve()
    with pytest.raises(MediaError, match=r"not linked.*a/A001\.mp4 \(agrees by name\)"):
        Library(tmp_path, roots).find(named("A001.mp4"))
    with pytest.raises(MediaError, match=r"it is 4\.000 s long, not 5\.000 s"):
        Library(tmp_path, roots).find(named("A001.mp4", span(0, 90, 18)))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "A001.mp4").write_bytes(reel.read_bytes())
    with pytest.raises(MediaError, match=r"there 2 times: .*a/A001\.mp4 \(agrees by name and duration\), .*b/A001"):
        Library(tmp_path, roots).find(event)


def test_timecode_tells_takes_of_one_name_apart(tmp_path: Path, make_film: Callable[..., Path]) -> None:
    for folder, timecode in (("a", "01:00:00:00"), ("b", "02:00:00:00")):
        (tmp_path / folder).mkdir()
        make_film(tmp_path / folder / "T1.mov", rate=Fraction(24), n_frames=48, metadata={"timecode": timecode})
    item = otio.schema.Clip("T1", source_range=span(2 * 86400 + 6, 24, 24))
    event = read_cut(timeline([item])).events[0]
    film = Library(tmp_path, (tmp_path,)).find(event)
    assert film.info.path == (tmp_path / "b" / "T1.mov").resolve()
    coverage = cover(event, film, ZERO, ZERO)
    assert (coverage.piece.source_start_s, coverage.warnings) == (Fraction(1, 4), ())


def test_a_reel_stands_in_for_a_name_that_changed(tmp_path: Path, make_film: Callable[..., Path]) -> None:
    tc = {"timecode": "01:00:00:00"}
    make_film(tmp_path / "ZZ100_501.mov", rate=Fraction(24), n_frames=48, metadata=tc)
    make_film(tmp_path / "ZZ100_502.mov", rate=Fraction(24), n_frames=48, metadata={"timecode": "03:00:00:00"})
    item = otio.schema.Clip("take 7", source_range=span(86400, 24, 24))
    item.metadata["cmx_3600"] = {"reel": "ZZ100_50"}  # edit lists keep eight characters
    event = read_cut(timeline([item])).events[0]
    assert Library(tmp_path, (tmp_path,)).find(event).info.path.name == "ZZ100_501.mov"
    make_film(tmp_path / "ZZ100_503.mov", rate=Fraction(24), n_frames=48, metadata=tc)
    with pytest.raises(MediaError, match="there 2 times"):
        Library(tmp_path, (tmp_path,)).find(event)


def test_a_film_where_the_timeline_says_is_taken_and_doubted_where_its_timecode_is_another(
    tmp_path: Path, make_film: Callable[..., Path]
) -> None:
    make_film(tmp_path / "T1.mov", rate=Fraction(24), n_frames=48, metadata={"timecode": "01:00:00:00"})
    said = clip("one", "T1.mov", span(2 * 86400, 24, 24), available=span(2 * 86400, 48, 24))
    assert "begins at timecode 01:00:00:00" in covered(timeline([said]), tmp_path).warnings[0]


def test_each_reel_may_have_its_own_rate(tmp_path: Path, reel: Path) -> None:
    (tmp_path / "R1.mp4").write_bytes(reel.read_bytes())
    (tmp_path / "R2.mp4").write_bytes(reel.read_bytes())
    items = [clip("one", "R1.mp4", span(0, 16, 16)), clip("two", "R2.mp4", span(0, 16, 16))]
    items[1].metadata["cmx_3600"] = {"reel": "B7"}
    events = read_cut(timeline(items)).events
    library = Library(tmp_path, source_rate=Fraction(20), source_rates={"b7": Fraction(16)})
    assert [library.find(event).info.rate for event in events] == [20, 16]
    library = Library(tmp_path, source_rates={"R1": Fraction(200, 11)})
    assert [library.find(event).info.rate for event in events] == [Fraction(200, 11), 18]


def test_no_address_is_ever_fetched(tmp_path: Path) -> None:
    event = read_cut(timeline([clip("one", "http://127.0.0.1:9/x.mp4", span(0, 18, 18))])).events[0]
    with pytest.raises(MediaError, match="was not found"):
        Library(tmp_path).find(event)


def test_a_range_in_timecode_is_read_from_the_first_frames_timecode(reel: Path) -> None:
    # An hour of 24-frame timecode, on a film that starts there.
    used, available = span(86400 + 24, 24, 24), span(86400, 96, 24)
    coverage = covered(timeline([clip("one", "reel.mp4", used, available)]), reel.parent)
    assert coverage.piece == Piece(Fraction(1), Fraction(2), ZERO, Fraction(1))


def test_a_films_own_timecode_stands_in_where_the_timeline_says_none(
    tmp_path: Path, make_film: Callable[..., Path]
) -> None:
    make_film(tmp_path / "tc.mov", rate=Fraction(24), n_frames=48, metadata={"timecode": "01:00:00:00"})
    inside = covered(timeline([clip("one", "tc.mov", span(86424, 24, 24))]), tmp_path)
    assert (inside.piece.source_start_s, inside.piece.source_end_s) == seconds(1, 2)
    from_zero = covered(timeline([clip("one", "tc.mov", span(24, 24, 24))]), tmp_path)
    assert from_zero.piece == inside.piece


def test_a_cut_that_the_film_does_not_hold_is_refused(reel: Path) -> None:
    with pytest.raises(MediaError, match=r"which is 4\.000 s long"):
        covered(timeline([clip("one", "reel.mp4", span(60, 18, 18))]), reel.parent)
    # Less than a frame over is an editor's rounding.
    coverage = covered(timeline([clip("one", "reel.mp4", span(80, 17, 24))]), reel.parent)
    assert coverage.piece.source_end_s == 4


def test_handles_and_dissolves_reach_as_far_as_the_film(reel: Path) -> None:
    made = timeline(
        [
            gap(36, 18),
            clip("one", "reel.mp4", span(9, 36, 18)),
            dissolve(6, 9, 18),
            clip("two", "reel.mp4", span(3, 36, 18)),
        ]
    )
    one = covered(made, reel.parent, 1, handle_s=Fraction(1))
    assert (one.placed.start_s, one.placed.end_s) == seconds(2, 4)
    assert (one.heard.start_s, one.heard.end_s) == seconds(2, Fraction(9, 2))
    assert (one.whole.start_s, one.whole.end_s) == (Fraction(3, 2), Fraction(11, 2))
    assert "handles shortened to 0.5 s before" in one.warnings[0]
    two = covered(made, reel.parent, 2, handle_s=Fraction(1))
    assert two.heard.start_s == 4 - Fraction(3, 18)
    assert two.whole.start_s == two.heard.start_s
    assert "cross-fade is shorter" in two.warnings[0]


def test_a_wav_begins_at_timecode_zero_at_the_earliest(reel: Path) -> None:
    made = timeline([clip("one", "reel.mp4", span(36, 18, 18))])
    assert covered(made, reel.parent, handle_s=Fraction(1)).whole.start_s == 0
    assert covered(made, reel.parent, handle_s=Fraction(1), earliest_s=Fraction(-3600)).whole.start_s == -1


@pytest.mark.parametrize(
    ("scalar", "n_frames", "first", "last"),
    [
        (0.5, 18, Fraction(1, 2), Fraction(2)),
        (2.0, 9, Fraction(0), Fraction(4)),
        (-1.0, 18, Fraction(3), Fraction(0)),
        (0.0, 18, Fraction(1), Fraction(1)),
    ],
)
def test_handles_of_retimed_clips_are_counted_in_film(
    reel: Path, scalar: float, n_frames: int, first: Fraction, last: Fraction
) -> None:
    effect = otio.schema.LinearTimeWarp(time_scalar=scalar)
    item = clip("one", "reel.mp4", span(18, n_frames, 18), effects=[effect])
    piece = covered(timeline([gap(90, 18), item]), reel.parent, handle_s=Fraction(1)).piece
    assert (piece.source_start_s, piece.source_end_s) == (first, last)


def test_the_source_rate_of_the_user_rules(reel: Path) -> None:
    coverage = covered(timeline([clip("one", "reel.mp4", span(0, 72, 16))]), reel.parent, source_rate=Fraction(16))
    assert coverage.piece.source_end_s == Fraction(72, 16)


@pytest.mark.parametrize("url", ["x" * 300 + ".mp4", "file://[gone", "file:///reel.mp4\0", "a%00.mp4"])
def test_addresses_that_no_file_can_have_are_films_that_are_missing(tmp_path: Path, url: str) -> None:
    event = read_cut(timeline([clip("one", url, span(0, 18, 18))])).events[0]
    with pytest.raises(MediaError, match="was not found"):
        Library(tmp_path).find(event)


def test_a_film_of_another_length_than_the_timeline_says_is_doubted(reel: Path) -> None:
    said = clip("one", "reel.mp4", span(0, 18, 18), available=span(0, 90, 18))
    assert "may be another film" in covered(timeline([said]), reel.parent).warnings[0]
    assert covered(timeline([said]), reel.parent, source_rate=Fraction(16)).warnings == ()
    within_a_frame = clip("one", "reel.mp4", span(0, 18, 18), available=span(0, 73, 18))
    assert covered(timeline([within_a_frame]), reel.parent).warnings == ()
