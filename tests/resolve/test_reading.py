"""What the scripts take for the user's wish, in the double of Resolve."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.resolve import Behaviour, Resolve
from v2a_resolve import reading
from v2a_resolve.host import Host, Refusal


@pytest.fixture
def film(tmp_path: Path) -> str:
    path = tmp_path / "reel 1.mov"
    path.touch()
    return str(path)


def _resolve(rate: str = "24", **behaviour: Any) -> Resolve:
    return Resolve(Behaviour(**behaviour), rate)


def _jobs(resolve: Resolve) -> list[dict[str, Any]]:
    return reading.jobs(reading.read(Host(resolve)), {"handles": 0})


def test_marks_cut_through_what_is_seen(film: str) -> None:
    """Of clips on several tracks the highest, without titles, disabled clips and switched-off tracks."""
    resolve = _resolve()
    for track, start in ((1, 0), (2, 24), (3, 30), (4, 0)):
        resolve._put(resolve._film(film, "24", 200), start, 96 if track == 1 else 24, 10 * track, track=track)
    resolve._put(None, 0, 96, track=5)
    resolve._timeline._tracks["video"][2].items[0]._enabled = False
    resolve._timeline._tracks["video"][3].enabled = False
    resolve._timeline.SetMarkInOut(12, 59)
    pieces = [job["pieces"][0] for job in _jobs(resolve)]
    assert [[Fraction(at) * 24 for at in piece["presented"]] for piece in pieces] == [[12, 24], [24, 48], [48, 60]]
    assert [[Fraction(at) * 24 for at in piece["source"]] for piece in pieces] == [[22, 34], [20, 44], [58, 70]]


def test_marks_win_over_selected_clips_and_these_over_the_playhead(film: str) -> None:
    resolve = _resolve(version=(21, 0, 4))
    first, second = (resolve._put(resolve._film(film, "24", 96), start, 48) for start in (0, 48))
    meant = [reading.read(Host(resolve)).meant]
    resolve._timeline._selected = [second, first]
    assert [shot.start for shot in reading.read(Host(resolve)).shots] == [0, 48]
    meant.append(reading.read(Host(resolve)).meant)
    resolve._timeline.SetMarkInOut(10, 20)
    meant.append(reading.read(Host(resolve)).meant)
    assert meant == ["the clip under the playhead", "the selected clips", "the marked range"]


def test_a_mark_alone_reaches_to_the_end(film: str) -> None:
    resolve = _resolve()
    resolve._put(resolve._film(film, "24", 96), 0, 96)
    resolve._timeline._marks = {"video": {"in": 40}}
    (shot,) = reading.read(Host(resolve)).shots
    assert (shot.start, shot.end) == (40, 96)


def test_markers_of_timeline_and_clip_say_words_at_their_frames(film: str) -> None:
    resolve = _resolve()
    clip = resolve._put(resolve._film(film, "24", 192), 24, 48, source_start=48, speed=Fraction(2))
    timeline = resolve._timeline
    timeline.AddMarker(30, "Blue", "v2a: a door", "", 1)
    timeline.AddMarker(500, "Blue", "v2a-cue", "", 1)
    clip.AddMarker(72, "Red", "Marker 1", "v2a-cue", 1)  # the 24th frame that the clip shows, at double speed the 12th
    clip.AddMarker(0, "Red", "v2a-cue", "", 1)  # trimmed away
    resolve._timeline._playhead += 24
    (job,) = _jobs(resolve)
    assert [marker for marker in job["markers"] if "v2a" in marker["text"]] == [
        {"time": "5/4", "text": "v2a: a door"},
        {"time": "3/2", "text": "v2a-cue"},
    ]


def test_handles_reach_as_far_as_the_film_at_its_speed(film: str) -> None:
    resolve = _resolve()
    resolve._put(resolve._film(film, "24", 240), 48, 48, source_start=48, speed=Fraction(2))
    resolve._timeline._playhead += 48
    (job,) = _jobs(resolve)
    assert [Fraction(at) * 24 for at in job["available"]] == [24, 144]
    assert job["handles"] == str(Fraction(1, 12)), "two frames at least, since Resolve shows no half ones"
    assert job["origin"] == "3600"


def test_where_the_film_ends_its_last_frame_is_held_for_the_tail(film: str) -> None:
    resolve = _resolve()
    resolve._put(resolve._film(film, "24", 96), 0, 96)
    (job,) = _jobs(resolve)
    assert job["pieces"][1:] == [{"source": ["4", "4"], "presented": ["4", "49/12"]}]
    assert (job["range"], job["tag"]["tail"]) == (["0", "49/12"], 2)


def test_a_freeze(film: str) -> None:
    resolve = _resolve()
    resolve._put(resolve._film(film, "24", 96), 0, 48, source_start=24, speed=Fraction(0))
    (job,) = _jobs(resolve)
    assert job["pieces"][0] == {"source": ["1", "1"], "presented": ["0", "2"]}


def test_a_speed_ramp_is_told_of(film: str) -> None:
    resolve = _resolve()
    resolve._put(resolve._film(film, "24", 4000), 0, 2000, speed=Fraction(14067, 20000))
    (note,) = reading.read(Host(resolve)).notes
    assert "plays at 70.3" in note
    assert "If that is a speed ramp, which Resolve does not tell, render the clip in place first" in note


def test_image_sequences_are_a_file_a_frame(tmp_path: Path) -> None:
    for number in range(998, 1002):
        (tmp_path / f"scan.{number:04}.dpx").touch()
    resolve = _resolve("16")
    resolve._put(resolve._film(f"{tmp_path}/scan.[0998-1001].dpx", "16", 4), 0, 4)
    (job,) = _jobs(resolve)
    assert job["source"] == {"images": [f"{tmp_path}/scan.{n:04}.dpx" for n in range(998, 1002)], "rate": "16"}


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        (lambda resolve, film: None, "no clip under the playhead: mark a range with I and O, or put the playhead on"),
        (lambda resolve, film: resolve._put(resolve._film("", "24", 96), 0, 96), "render it in place"),
        (
            lambda resolve, film: resolve._put(resolve._film("/gone.mov", "24", 96), 0, 96),
            "/gone.mov is not on the disk",
        ),
        (lambda resolve, film: resolve._timeline.SetMarkInOut(0, 10), "There is no clip with a picture in the marked"),
    ],
)
def test_what_has_no_picture_is_refused(film: str, arrange: Callable[[Resolve, str], Any], message: str) -> None:
    resolve = _resolve()
    arrange(resolve, film)
    with pytest.raises(Refusal, match=message):
        reading.read(Host(resolve))


def test_one_missing_film_does_not_stop_the_others(film: str) -> None:
    resolve = _resolve()
    resolve._put(resolve._film("/gone.mov", "24", 96), 0, 48)
    resolve._put(resolve._film(film, "24", 96), 48, 48)
    resolve._timeline.SetMarkInOut(0, 95)
    selection = reading.read(Host(resolve))
    assert [shot.start for shot in selection.shots] == [48]
    assert "/gone.mov is not on the disk" in selection.notes[0]


def test_before_19_a_retimed_clip_is_refused_and_others_are_not(film: str) -> None:
    resolve = _resolve(version=(18, 6))
    clip = resolve._put(resolve._film(film, "25", 100), 0, 48, source_start=25)
    (job,) = _jobs(resolve)
    assert job["pieces"][0]["source"] == ["1", "3"]
    clip._speed = Fraction(1, 2)
    with pytest.raises(Refusal, match="this version of Resolve does not tell how fast: update to Resolve 19"):
        reading.read(Host(resolve))


def test_a_film_read_at_another_rate_than_its_own_is_asked_for_so(film: str) -> None:
    resolve = _resolve()
    resolve._put(resolve._film(film, "16", 64), 0, 96)
    (job,) = _jobs(resolve)
    assert job["source"] == {"film": film, "rate": "16"}
    assert job["pieces"][0]["source"] == ["0", "4"]


@pytest.mark.parametrize(
    ("duration", "speed"), [(24, Fraction(96, 100)), (48, Fraction(98, 100)), (48, Fraction(102, 100))]
)
def test_a_short_clip_deep_in_its_film_plays_a_little_faster_or_slower(
    film: str, duration: int, speed: Fraction
) -> None:
    resolve = _resolve()
    resolve._put(resolve._film(film, "24", 100_000), 0, duration, source_start=1800 * 24, speed=speed)
    (shot,) = reading.read(Host(resolve)).shots
    assert (shot.source_s, shot.speed) == (Fraction(1800), speed)


def test_a_clip_whose_speed_shows_nowhere_else_starts_where_its_source_frame_says(film: str) -> None:
    resolve = _resolve()
    resolve._put(resolve._film(film, "24", 100_000), 0, 24, source_start=1800 * 24, speed=Fraction(99, 100))
    (shot,) = reading.read(Host(resolve)).shots
    assert abs(shot.source_s - 1800) <= Fraction(1, 24)
