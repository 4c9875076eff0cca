"""What a model is shown of a clip: by presentation time, never past the clip, and whether anything moves in it."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.v2a.watchful_model import WatchfulModel
from v2a.evaluate.soundtracks import Pictures
from v2a.media import FrameSource, VideoFile
from v2a.models.base import Frames, OnPart, Seen
from v2a.request import Clip, Piece
from v2a.watching import Watching
from v2a.windows import Window

FrameNumber = Callable[[npt.NDArray[np.uint8]], int]
WINDOW = Window(0, 0, 50, 0)


class Looking(WatchfulModel):
    """Looks at some times, in several goes, and keeps the pictures."""

    def __init__(self, goes: Sequence[Sequence[F]], within_s: F = F(0), size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.goes, self.within_s, self.size = goes, within_s, size
        self.pictures: list[npt.NDArray[np.uint8]] = []

    def encode_video(self, frames: Frames, windows: Sequence[Window], on_part: OnPart) -> Iterator[Seen]:
        for times in self.goes:
            self.pictures.extend(frames(times, self.size, self.within_s).numpy())
        yield {"events": torch.empty(0, 2)}


def moves(source: FrameSource, goes: Sequence[Sequence[F]]) -> bool:
    model = Looking(goes)
    clip = Clip("0" * 64, (Piece(F(0), F(2), F(0), F(2)),))
    return Watching(model, source, clip, [WINDOW], lambda *_: None).moves()


def test_pieces_are_seen_as_they_are_presented(
    tmp_path: Path, make_film: Callable[..., Path], frame_number: FrameNumber
) -> None:
    film = make_film(tmp_path / "a.mp4", F(30), 120)
    pieces = (
        Piece(F(1), F(2), F(10), F(21, 2)),  # twice as fast: frames 30 … 59
        Piece(F(1), F(0), F(21, 2), F(23, 2)),  # backwards
        Piece(F(3), F(3), F(23, 2), F(12)),  # held
    )
    looks = [F(0), F(1, 25), F(12, 25), F(1, 2), F(3, 4), F(8, 5), F(5)]
    with VideoFile(film) as video:
        model = Looking([looks], F(1, 25))
        Watching(model, video, Clip("0" * 64, pieces), [WINDOW], lambda *_: None).whole()
    # At 0.04 s, source 1.08 s: frame 33 begins at 1.1 s. At 0.48 s, source 1.96 s: frame 59 begins at 1.967 s, and
    # frame 60 is no more part of the clip. Backwards and held, it is the frame that is shown.
    assert [frame_number(picture) for picture in model.pictures] == [30, 33, 59, 30, 22, 90, 90]
    assert model.pictures[0].shape == (48, 96, 3)


def test_what_moves_is_told_from_call_to_call_and_grain_does_not_move() -> None:
    generator = np.random.default_rng(0)
    still = np.full((50, 540, 960), 100, np.uint8)
    grain = still + generator.integers(0, 12, still.shape, np.uint8)
    cut = still.copy()
    cut[25:, :100, :100] = 200
    goes = [[F(index, 25) for index in range(start, start + 5)] for start in range(0, 50, 5)]
    assert not moves(Pictures(still, 25), goes)
    assert not moves(Pictures(grain, 25), goes)
    assert moves(Pictures(cut, 25), goes)  # between two calls
    assert not moves(Pictures(cut, 25), goes[:5])


@pytest.mark.parametrize("within", [F(0), F(1, 25)])
def test_no_frame_past_the_clip_is_seen(
    tmp_path: Path, make_film: Callable[..., Path], frame_number: FrameNumber, within: F
) -> None:
    film = make_film(tmp_path / "a.mp4", F(24), 100)
    with VideoFile(film) as video:
        model = Looking([[F(index, 25) for index in range(80)]], within)
        Watching(model, video, Clip("0" * 64, (Piece(F(1), F(2), F(0), F(1)),)), [WINDOW], lambda *_: None).whole()
    numbers = [frame_number(picture) for picture in model.pictures]
    assert numbers[0] == 24
    assert max(numbers) == numbers[-1] == 47
