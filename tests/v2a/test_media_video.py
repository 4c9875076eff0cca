"""Frames by presentation time."""

import random
from collections.abc import Callable
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from v2a.errors import UsageError
from v2a.media import FrameSource, VideoFile, mux

MakeFilm = Callable[..., Path]
FrameNumber = Callable[[npt.NDArray[np.uint8]], int]

SIZE = (24, 96)
KINDS = [
    ("a.mp4", "libx264", "yuv420p"),
    ("a.mov", "prores_ks", "yuv422p10le"),
    ("a.mkv", "libx264", "yuv420p"),
    ("a.webm", "libvpx", "yuv420p"),
    ("a.avi", "mpeg4", "yuv420p"),
    ("a.ts", "libx264", "yuv420p"),
]


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), KINDS)
@pytest.mark.parametrize("rate", [Fraction(18), Fraction(24_000, 1001), Fraction(25)])
def test_every_frame_is_shown_from_its_time_to_the_next(
    tmp_path: Path,
    make_film: MakeFilm,
    frame_number: FrameNumber,
    name: str,
    codec: str,
    pix_fmt: str,
    rate: Fraction,
) -> None:
    film = make_film(tmp_path / name, rate, 40, codec=codec, pix_fmt=pix_fmt)
    starts = [index / rate for index in range(40)]
    ends = [(index + Fraction(9, 10)) / rate for index in range(40)]
    with VideoFile(film) as video:
        pictures = video.read(starts + ends, SIZE)
    assert pictures.shape == (80, *SIZE, 3)
    assert pictures.dtype == np.uint8
    assert [frame_number(picture) for picture in pictures] == [*range(40), *range(40)]


def test_any_order_repeats_and_jumps(tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber) -> None:
    film = make_film(tmp_path / "a.mp4", Fraction(25), 400)
    wanted = random.Random(0).choices(range(400), k=60)  # noqa: S311 - not a secret
    with VideoFile(film) as video:
        pictures = video.read([Fraction(index, 25) for index in wanted], SIZE)
        assert [frame_number(picture) for picture in pictures] == wanted
        for index in (399, 3, 200, 200, 0):
            assert frame_number(video.read([Fraction(index, 25)], SIZE)[0]) == index


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_film_that_starts_late(tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber, name: str) -> None:
    film = make_film(tmp_path / name, Fraction(18), 40, start_s=Fraction(10, 3))
    with VideoFile(film) as video:
        numbers = [frame_number(p) for p in video.read([Fraction(k, 18) for k in (0, 1, 20, 39)], SIZE)]
    assert numbers == [0, 1, 20, 39]


def test_an_edit_list_hides_frames(tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber) -> None:
    film = make_film(tmp_path / "a.mp4", Fraction(25), 50, start_s=Fraction(-1, 5))
    with VideoFile(film) as video:
        numbers = [frame_number(p) for p in video.read([Fraction(k, 25) for k in (0, 1, 30, 44)], SIZE)]
    assert numbers == [5, 6, 35, 49]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_long_and_short_frames(tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber, name: str) -> None:
    shown = [Fraction(1, 10), Fraction(1, 2), Fraction(8), Fraction(1, 25)]
    film = make_film(tmp_path / name, n_frames=4, durations=shown, options={"bf": "0"})
    times = [Fraction(0), Fraction(9, 100), Fraction(1, 10), Fraction(59, 100), Fraction(3, 5), Fraction(8)]
    with VideoFile(film) as video:
        numbers = [frame_number(picture) for picture in video.read([*times, Fraction(43, 5)], SIZE)]
    assert numbers == [0, 0, 1, 1, 2, 2, 3]


def test_stamps_rounded_to_milliseconds_and_carried_on(
    tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber
) -> None:
    mux(make_film(tmp_path / "a.mkv", Fraction(18), 40), [], tmp_path / "b.mp4")
    with VideoFile(tmp_path / "b.mp4") as video:
        assert (video.info.rate, video.info.duration_s) == (Fraction(18), Fraction(40, 18))
        numbers = [frame_number(p) for p in video.read([Fraction(k, 18) for k in range(40)], SIZE)]
    assert numbers == list(range(40))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_source_rate_shows_frame_k_at_k_over_rate(
    tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber, name: str
) -> None:
    film = make_film(tmp_path / name, Fraction(24), 48)
    with VideoFile(film, Fraction(16)) as video:
        assert (video.info.rate, video.info.duration_s) == (Fraction(16), Fraction(3))
        numbers = [frame_number(p) for p in video.read([Fraction(k, 16) for k in range(48)], SIZE)]
        assert frame_number(video.read([Fraction(99, 100) + 2], SIZE)[0]) == 47
    assert numbers == list(range(48))


def test_times_outside_the_film(tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber) -> None:
    with VideoFile(make_film(tmp_path / "a.mp4", n_frames=50)) as video:
        assert frame_number(video.read([Fraction(2)], SIZE)[0]) == 49
        with pytest.raises(UsageError, match=r"no frame at 2\.1 s: a\.mp4 is 2 s long"):
            video.read([Fraction(21, 10)], SIZE)
        with pytest.raises(UsageError, match="no frame at -1 s"):
            video.read([Fraction(-1)], SIZE)
        assert video.read([], SIZE).shape == (0, *SIZE, 3)


def test_pictures_are_scaled_by_area_in_true_colour(tmp_path: Path, make_film: MakeFilm) -> None:
    def checkers(_: int) -> npt.NDArray[np.uint8]:
        board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
        return np.repeat(board[:, :, None], 3, axis=2)

    def red(_: int) -> npt.NDArray[np.uint8]:
        return np.full((64, 64, 3), (200, 30, 30), np.uint8)

    for painter, colour in ((checkers, (127, 127, 127)), (red, (200, 30, 30))):
        film = make_film(tmp_path / "a.mkv", n_frames=2, size=(64, 64), codec="ffv1", painter=painter, options={})
        with VideoFile(film) as video:
            mean = video.read([Fraction(0)], (8, 16))[0].mean(axis=(0, 1))
        np.testing.assert_allclose(mean, colour, atol=4)


def test_it_is_a_frame_source(tmp_path: Path, make_film: MakeFilm) -> None:
    def rate_of(source: FrameSource) -> Fraction:
        return source.info.rate

    with VideoFile(make_film(tmp_path / "a.mp4", n_frames=3)) as video:
        assert rate_of(video) == 25


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(25), Fraction(60)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("counted", [False, True])
def test_a_frame_that_begins_soon_is_preferred_where_asked_for(
    tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber, rate: Fraction, name: str, counted: bool
) -> None:
    film = make_film(tmp_path / name, rate, 60)
    within = Fraction(1, 25)
    times = [index * within for index in range(20)] + [index / rate for index in range(20)]
    with VideoFile(film, rate if counted else None) as video:
        pictures = video.read(times, SIZE, [time + within for time in times])
    soon = [ceil(time * rate) if ceil(time * rate) / rate < time + within else int(time * rate) for time in times]
    assert [frame_number(picture) for picture in pictures] == soon


def test_frames_of_changing_length_are_not_shown_before_their_time(
    tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber
) -> None:
    lengths = [Fraction(1, 10), Fraction(1, 50), Fraction(1, 2), Fraction(1, 20)] * 3
    film = make_film(tmp_path / "a.mp4", Fraction(25), len(lengths), durations=lengths)
    begins = [sum(lengths[:index], Fraction(0)) for index in range(len(lengths))]
    times = [Fraction(index, 25) for index in range(50)]
    with VideoFile(film) as video:
        pictures = video.read(times, SIZE, [time + Fraction(1, 25) for time in times])
    for time, picture in zip(times, pictures, strict=True):
        soon = [index for index, begin in enumerate(begins) if time <= begin < time + Fraction(1, 25)]
        shown = max(index for index, begin in enumerate(begins) if begin <= time)
        assert frame_number(picture) == (soon[0] if soon else shown)
    with VideoFile(film) as video:  # the last frame has none after it
        assert frame_number(video.read([video.info.duration_s], SIZE, [video.info.duration_s + 1])[0]) == 11
