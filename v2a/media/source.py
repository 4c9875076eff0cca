"""What a film looks like to the rest of the house: facts, and frames at source times."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from v2a.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class VideoInfo:
    """The facts about a film.

    rate: frames a second, exact; the mean where frames are shown for different times.
    duration_s: from the first frame's presentation to the end of the last frame's.
    width, height: pixels, as presented (a rotated film's sides are exchanged).
    codec: FFmpeg's name of the picture codec. timecode: the start timecode that the file carries.
    """

    path: Path
    rate: Fraction
    duration_s: Fraction
    width: int
    height: int
    codec: str
    has_audio: bool
    timecode: str | None


class FrameSource(Protocol):
    """Frames by source time; time 0 is the presentation of the film's first frame."""

    @property
    def info(self) -> VideoInfo:
        """The facts about the film."""
        ...

    def read(
        self, times_s: Sequence[Fraction], size: tuple[int, int], until_s: Sequence[Fraction] | None = None
    ) -> "npt.NDArray[np.uint8]":
        """The frames shown at source times, in any order, repeats allowed → (T, H, W, 3) RGB.

        times_s: seconds in [0, duration_s]. size: (H, W) to scale to. until_s: for each time, the first frame that
        begins from then until there is preferred to the one that is being shown.

        Raises UsageError for a time outside the film, MediaError where a frame cannot be read.
        """
        ...


def check_range(info: VideoInfo, start_s: Fraction, end_s: Fraction) -> None:
    """Raise UsageError, with the film's length, unless 0 ≤ start_s < end_s ≤ duration_s."""
    if end_s <= start_s:
        raise UsageError(f"the range is empty: it starts at {seconds(start_s)} s and ends at {seconds(end_s)} s")
    if start_s < 0 or end_s > info.duration_s:
        raise UsageError(
            f"the range {seconds(start_s)} … {seconds(end_s)} s lies outside {info.path.name}, "
            f"which is {seconds(info.duration_s)} s long"
        )


def seconds(time_s: Fraction) -> str:
    """A time for a message, to the millisecond, without idle zeros."""
    return f"{float(time_s):.3f}".rstrip("0").rstrip(".")
