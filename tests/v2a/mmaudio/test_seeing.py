"""Which pictures of a film the encoders see, at any rate and from any in-point, and that each is looked at once."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction as F
from math import ceil
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from torch import Tensor

from v2a.errors import CancelledError
from v2a.media import VideoFile
from v2a.models.base import Frames, Model, OnPart, Seen
from v2a.models.mmaudio.model import MMAudioModel
from v2a.models.mmaudio.seeing import Views, n_parts
from v2a.request import Clip, Piece
from v2a.watching import Watching
from v2a.windows import Window, plan_windows

MakeFilm = Callable[..., Path]
FrameNumber = Callable[[npt.NDArray[np.uint8]], int]
SQUARE = (96, 96)  # nothing is cropped for Synchformer


class Looker:
    """A model that only looks, at one window."""

    def __init__(self, model: Model, window: Window) -> None:
        self.card, self.window = model.card, window
        self.eyes = cast(MMAudioModel, model).eyes
        self.views: Views | None = None
        self.times: list[F] = []

    def encode_video(self, frames: Frames, windows: Sequence[Window], on_part: OnPart) -> Iterator[Seen]:
        def noted(times_s: Sequence[F], size: tuple[int, int] | None, within_s: F = F(0)) -> Tensor:
            self.times.extend(times_s)
            return frames(times_s, size, within_s)

        self.views = self.eyes.look(noted, self.card.token_s(self.window.start), lambda: None)
        yield {}

    def seen_events(self, seen: Seen) -> None:
        return None


def numbers(views: Tensor, frame_number: FrameNumber) -> list[int]:
    return [frame_number(view.permute(1, 2, 0).numpy()) for view in views]


def expected(rate: F, pieces_s: tuple[F, F], at_s: Sequence[F]) -> list[int]:
    """The first frame that begins within 40 ms of a time, or the one that is shown; the last one of the clip after."""
    start_s, end_s = pieces_s
    last = ceil(end_s * rate) - 1
    found = []
    for time_s in at_s:
        source_s = start_s + time_s
        soon = ceil(source_s * rate)
        found.append(min(soon if soon / rate < source_s + F(1, 25) else int(source_s * rate), last))
    return found


@pytest.mark.parametrize(
    ("rate", "start_s"),
    [(F(16), F(1, 2)), (F(24_000, 1001), F(0)), (F(24_000, 1001), F(7, 3)), (F(30_000, 1001), F(7, 3)), (F(60), F(1))],
)
def test_frames_are_chosen_by_presentation_time(
    tiny: Model, tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber, rate: F, start_s: F
) -> None:
    film = make_film(tmp_path / "a.mp4", rate, int(5 * rate), size=SQUARE)  # longer than the clip
    clip = Clip("0" * 64, (Piece(start_s, start_s + 2, F(0), F(2)),))
    looker = Looker(tiny, Window(0, 0, 250, 0))
    with VideoFile(film) as video:
        Watching(cast(Model, looker), video, clip, [looker.window], lambda *_: None).whole()
    views = looker.views
    assert views is not None
    range_s = (start_s, start_s + 2)
    assert numbers(views.sync, frame_number) == expected(rate, range_s, [F(k, 25) for k in range(200)])
    assert numbers(views.clip, frame_number) == expected(rate, range_s, [F(k, 8) for k in range(64)])
    # Once for both, in order.
    assert looker.times == sorted({F(k, 25) for k in range(200)} | {F(k, 8) for k in range(64)})


def test_frames_of_changing_length_are_chosen_by_their_own_times(
    tiny: Model, tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber
) -> None:
    lengths = [F(1, 30), F(1, 10), F(1, 2), F(1, 60), F(1, 24)] * 5
    begins = [sum(lengths[:index], F(0)) for index in range(len(lengths))]
    film = make_film(tmp_path / "a.mkv", F(30), len(lengths), size=SQUARE, durations=lengths)
    looker = Looker(tiny, Window(0, 0, 250, 0))
    clip = Clip("0" * 64, (Piece(F(0), F(3), F(0), F(3)),))
    with VideoFile(film) as video:
        Watching(cast(Model, looker), video, clip, [looker.window], lambda *_: None).whole()
    assert looker.views is not None
    ms = F(1, 1000)  # the file's clock
    for k, number in enumerate(numbers(looker.views.sync, frame_number)[:70]):
        time = F(k, 25)
        soon = [index for index, begin in enumerate(begins) if time - ms <= begin < time + F(1, 25) - ms]
        shown = max(index for index, begin in enumerate(begins) if begin <= time + ms)
        assert number == (soon[0] if soon else shown)


def test_later_windows_look_where_they_lie(
    tiny: Model, tmp_path: Path, make_film: MakeFilm, frame_number: FrameNumber
) -> None:
    film = make_film(tmp_path / "a.mp4", F(25), 12 * 25, size=SQUARE)
    clip = Clip("0" * 64, (Piece(F(0), F(12), F(0), F(12)),))
    windows = list(plan_windows(tiny.card.n_tokens(clip), tiny.card))
    assert len(windows) == 2
    looker = Looker(tiny, windows[1])
    with VideoFile(film) as video:
        Watching(cast(Model, looker), video, clip, windows, lambda *_: None).seen(windows[0])
    assert looker.views is not None
    start_s = tiny.card.token_s(windows[1].start)
    assert start_s == 4
    assert numbers(looker.views.sync, frame_number) == list(range(100, 300))


def test_a_held_picture_is_encoded_once(tiny: Model, tmp_path: Path, make_film: MakeFilm) -> None:
    def still(_: int) -> npt.NDArray[np.uint8]:
        return np.full((96, 96, 3), 90, np.uint8)

    film = make_film(tmp_path / "a.mp4", F(25), 50, size=SQUARE, painter=still)
    clip = Clip("0" * 64, (Piece(F(0), F(2), F(0), F(2)),))
    networks = cast(MMAudioModel, tiny).networks
    calls: list[str] = []
    hooks = [
        networks.clip.visual.register_forward_hook(lambda *_: calls.append("clip")),
        networks.sync.register_forward_hook(lambda *_: calls.append("sync")),
    ]
    with VideoFile(film) as video:
        watched = Watching(tiny, video, clip, list(plan_windows(62, tiny.card)), lambda *_: None).whole()
    for hook in hooks:
        hook.remove()
    assert calls == ["clip", "sync"]
    assert not watched.moves
    assert watched.seen["clip"].shape == (1, 64, 64)
    assert watched.seen["sync"].shape == (1, 192, 48)


def test_looking_is_told_part_by_part_and_can_be_stopped(tiny: Model, tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(tmp_path / "a.mp4", F(25), 50, size=SQUARE)
    clip = Clip("0" * 64, (Piece(F(0), F(2), F(0), F(2)),))
    windows, told = list(plan_windows(62, tiny.card)), list[tuple[int, int]]()
    with VideoFile(film) as video:
        Watching(tiny, video, clip, windows, lambda done, total: told.append((done, total))).whole()
        assert [done for done, _ in told] == list(range(len(told)))
        assert {total for _, total in told} == {n_parts(tiny.device)}
        assert len(told) <= n_parts(tiny.device)
        for stop_at in (0, 10, len(told) - 1):
            seen: list[int] = []

            def stop(done: int, _: int, stop_at: int = stop_at, seen: list[int] = seen) -> None:
                seen.append(done)
                if done == stop_at:
                    raise CancelledError("enough")

            with pytest.raises(CancelledError):
                Watching(tiny, video, clip, windows, stop).whole()
            assert seen == list(range(stop_at + 1))
