"""The committed demo files agree with each other and with the code that makes them."""

import csv
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import opentimelineio as otio
import pytest

from examples import make_demo

FOLDER = Path(make_demo.__file__).parent
RATE = Fraction(18)
GREY_ERROR = 12  # mean grey levels that the codec may cost a grainy frame, of 255

Pictures = npt.NDArray[np.uint8]  # (T, H, W)


def read(path: Path) -> tuple[list[Fraction], Pictures]:
    with av.open(str(path)) as film:
        assert not film.streams.audio
        stream = film.streams.video[0]
        frames = list(film.decode(stream))
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == len(frames) / RATE
        times = [(frame.pts or 0) * stream.time_base for frame in frames]
        return times, np.stack([frame.to_ndarray(format="gray") for frame in frames])


@pytest.fixture(scope="module")
def reel() -> tuple[list[Fraction], Pictures]:
    return read(FOLDER / "reel.mp4")


@pytest.fixture(scope="module")
def reference() -> tuple[list[Fraction], Pictures]:
    return read(FOLDER / "reference.mp4")


@pytest.fixture(scope="module")
def timeline() -> otio.schema.Timeline:
    return otio.adapters.read_from_file(str(FOLDER / "demo.otio"))


@pytest.fixture(scope="module")
def impacts() -> Any:
    return json.loads((FOLDER / "impacts.json").read_text())


def frames(time: otio.opentime.RationalTime) -> int:
    assert time.rate == RATE
    assert time.value == int(time.value)
    return int(time.value)


def shown(clip: otio.schema.Clip) -> tuple[int, int]:
    """The frames of the reel that a clip shows, those in dissolves included; half-open."""
    before, after = clip.parent().neighbors_of(clip)
    first = frames(clip.source_range.start_time)
    last = first + frames(clip.source_range.duration)
    if isinstance(before, otio.schema.Transition):
        first -= frames(before.in_offset)
    if isinstance(after, otio.schema.Transition):
        last += frames(after.out_offset)
    return first, last


def likeness(a: Pictures, b: Pictures) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_they_are_small() -> None:
    names = ("reel.mp4", "reference.mp4", "demo.otio", "prompts.csv", "impacts.json")
    assert sum((FOLDER / name).stat().st_size for name in names) <= 3_000_000


def test_films_run_at_exactly_18_frames_a_second(
    reel: tuple[list[Fraction], Pictures], reference: tuple[list[Fraction], Pictures]
) -> None:
    for times, _ in (reel, reference):
        assert times == [index / RATE for index in range(len(times))]


def test_the_cut_lies_inside_the_reel(timeline: otio.schema.Timeline, reel: tuple[list[Fraction], Pictures]) -> None:
    clips = timeline.find_clips()
    assert len(clips) == 4
    for clip in clips:
        assert (FOLDER / clip.media_reference.target_url).samefile(FOLDER / "reel.mp4")
        assert frames(clip.media_reference.available_range.duration) == len(reel[0])
        first, last = shown(clip)
        assert 0 <= first < last <= len(reel[0])
    kinds = {type(item) for item in timeline.video_tracks()[0]}
    assert kinds == {otio.schema.Clip, otio.schema.Gap, otio.schema.Transition}


def test_the_reference_film_is_that_cut(
    timeline: otio.schema.Timeline,
    reel: tuple[list[Fraction], Pictures],
    reference: tuple[list[Fraction], Pictures],
) -> None:
    track = timeline.video_tracks()[0]
    assert len(reference[0]) == frames(timeline.duration())
    for item in track:
        if isinstance(item, otio.schema.Transition):
            before, after = track.neighbors_of(item)
            cut = frames(track.range_of_child(after).start_time)
            leaving = frames(before.source_range.end_time_exclusive())
            coming = frames(after.source_range.start_time)
            old, new = reel[1][leaving].astype(float), reel[1][coming].astype(float)
            middle = reference[1][cut]
            assert likeness(middle, (old + new) / 2) < GREY_ERROR
            assert min(likeness(middle, old), likeness(middle, new)) > GREY_ERROR
            continue
        start = frames(track.range_of_child(item).start_time)
        n_frames = frames(item.duration())
        if isinstance(item, otio.schema.Gap):
            assert reference[1][start : start + n_frames].max() <= 2
            continue
        first = frames(item.source_range.start_time)
        for offset in range(10, n_frames - 10, 25):
            assert likeness(reference[1][start + offset], reel[1][first + offset]) < GREY_ERROR


def test_impacts_lie_inside_their_shots(impacts: Any, reel: tuple[list[Fraction], Pictures]) -> None:
    shots = impacts["reel"]["shots"]
    assert sum(bool(shot["impacts_s"]) for shot in shots) >= 3
    assert any(not shot["impacts_s"] for shot in shots)
    bounds = [(Fraction(shot["start_s"]), Fraction(shot["end_s"])) for shot in shots]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == len(reel[0]) / RATE
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    for shot, (start_s, end_s) in zip(shots, bounds, strict=True):
        times = [Fraction(time) for time in shot["impacts_s"]]
        assert times == sorted(times)
        assert all(start_s <= time < end_s for time in times)


def test_impacts_of_the_timeline_are_those_of_the_reel(impacts: Any, timeline: otio.schema.Timeline) -> None:
    track = timeline.video_tracks()[0]
    on_reel = [Fraction(time) for shot in impacts["reel"]["shots"] for time in shot["impacts_s"]]
    for clip, told in zip(timeline.find_clips(), impacts["timeline"]["clips"], strict=True):
        start = track.range_of_child(clip).start_time
        shift = (frames(start) - frames(clip.source_range.start_time)) / RATE
        first, last = shown(clip)
        assert told["clip"] == clip.name
        assert Fraction(told["start_s"]) == frames(start) / RATE
        assert Fraction(told["end_s"]) == (frames(start) + frames(clip.duration())) / RATE
        expected = [time + shift for time in on_reel if first / RATE <= time < last / RATE]
        assert [Fraction(time) for time in told["impacts_s"]] == expected


def test_every_prompt_names_a_clip(timeline: otio.schema.Timeline) -> None:
    with (FOLDER / "prompts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["clip"] for row in rows} == {clip.name for clip in timeline.find_clips()}
    assert all(row["prompt"] for row in rows)


def test_the_code_makes_these_files(
    impacts: Any, timeline: otio.schema.Timeline, reel: tuple[list[Fraction], Pictures]
) -> None:
    n_frames = len(reel[0])
    assert make_demo.impacts(n_frames) == impacts
    assert make_demo.timeline(n_frames).is_equivalent_to(timeline)
    first = 0
    for shot in make_demo.SHOTS:
        drawn = next(make_demo.expose(shot, first))
        assert likeness(drawn, reel[1][first]) < GREY_ERROR
        first += shot.n_frames
    assert first == n_frames
