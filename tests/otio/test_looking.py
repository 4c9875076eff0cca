import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.otio.local_maker import LocalMaker
from tests.otio.timelines import clip, save, span, timeline
from v2a_otio.conform import conform, prepare
from v2a_otio.events import read_cut
from v2a_otio.looking import Glance, glance
from v2a_otio.media import Library, cover
from v2a_otio.plan import Options

MakeFilm = Callable[..., Path]
SIZE = (48, 96)


def moving(index: int) -> npt.NDArray[np.uint8]:
    """A bright bar that goes on by two pixels a frame."""
    picture = np.full((*SIZE, 3), 30, np.uint8)
    picture[:, (2 * index) % 80 : (2 * index) % 80 + 16] = 220
    return picture


def looked_at(path: Path, n_frames: int = 60) -> Glance:
    event = read_cut(timeline([clip("one", path.name, span(0, n_frames, 24))])).events[0]
    film = Library(path.parent).find(event)
    return glance(film, cover(event, film, Fraction(0), Fraction(0)))


def test_plain_motion_gives_no_doubts(tmp_path: Path, make_film: MakeFilm) -> None:
    path = make_film(tmp_path / "plain.mp4", rate=Fraction(24), n_frames=60, painter=moving)
    assert looked_at(path) == Glance()


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (lambda index: index * 3 // 4, r"1 of every 4 frames .* 18 frames a second had been printed to 24"),
        (lambda index: index * 2 // 3, r"1 of every 3 frames .* 16 frames a second"),
        (lambda index: index // 2, r"1 of every 2 frames .* 12 frames a second"),
        (lambda index: index * 2 // 5, r"3 of every 5 frames .* 9\.6 frames a second"),
    ],
)
def test_printed_repeats_are_told_by_their_pattern(
    tmp_path: Path, make_film: MakeFilm, shown: Callable[[int], int], said: str
) -> None:
    path = make_film(tmp_path / "f.mp4", rate=Fraction(24), n_frames=60, painter=lambda index: moving(shown(index)))
    (doubt,) = looked_at(path).doubts
    assert re.search(said, doubt)


def test_a_still_picture_is_no_cadence(tmp_path: Path, make_film: MakeFilm) -> None:
    path = make_film(tmp_path / "still.mp4", rate=Fraction(24), n_frames=60, painter=lambda index: moving(0))
    assert looked_at(path) == Glance()


def test_single_white_frames_are_doubted(tmp_path: Path, make_film: MakeFilm) -> None:
    white = np.full((*SIZE, 3), 250, np.uint8)
    path = make_film(
        tmp_path / "f.mp4",
        rate=Fraction(24),
        n_frames=60,
        painter=lambda index: white if index == 30 else moving(index),
    )
    (doubt,) = looked_at(path).doubts
    assert "single frames stand out" in doubt
    assert "1.27 s" in doubt


def test_black_leader_stays_silent_and_a_picture_in_it_does_not(
    tmp_path: Path, make_film: MakeFilm, maker: LocalMaker
) -> None:
    black = np.zeros((*SIZE, 3), np.uint8)
    make_film(
        tmp_path / "f.mp4", rate=Fraction(24), n_frames=96, painter=lambda index: black if index < 48 else moving(index)
    )
    items = [clip("leader", "f.mp4", span(0, 48, 24)), clip("picture", "f.mp4", span(24, 72, 24))]
    prepared = prepare(save(timeline(items), tmp_path / "cut.otio"), Options())
    report = conform(prepared, tmp_path / "out", maker, lambda words: lambda event: None)
    leader, picture = report["events"]
    assert (leader["status"], picture["status"]) == ("skipped", "done")
    assert "black" in leader["error"]
