"""Frames of a film by presentation time."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from v2a.errors import UsageError
from v2a.media.cursor import FrameCursor, stamp
from v2a.media.film import Film, reading
from v2a.media.probe import quarter_turns, survey
from v2a.media.source import VideoInfo, seconds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class VideoFile:
    """A film as a `FrameSource`; a context manager. Not to be shared by threads.

    The file stays open between reads, and reading on where the last read ended decodes nothing twice.

    Raises as `probe` does.
    """

    info: VideoInfo

    def __init__(self, path: Path, source_rate: Fraction | None = None) -> None:
        self.info, self._clock = survey(path, source_rate)
        self._film = Film(path, source_rate)
        self._cursor = FrameCursor(self._film)
        self._scaler = VideoReformatter()  # one for all frames: preparing it takes longer than scaling a small one

    def read(
        self, times_s: Sequence[Fraction], size: tuple[int, int], until_s: Sequence[Fraction] | None = None
    ) -> "npt.NDArray[np.uint8]":
        """The frames shown at source times, in any order, repeats allowed → (T, H, W, 3) RGB.

        times_s: seconds in [0, duration_s]; the end itself gives the last frame. size: (H, W); each picture
        is scaled to fill it, by averaging areas, after it was turned upright. until_s: see FrameSource.

        Raises UsageError for a time outside the film, MediaError where a frame cannot be read.
        """
        import numpy as np  # what only probes films starts sooner without

        for time_s in times_s:
            if not 0 <= time_s <= self.info.duration_s:
                raise UsageError(
                    f"there is no frame at {seconds(time_s)} s: {self.info.path.name} is "
                    f"{seconds(self.info.duration_s)} s long"
                )
        height, width = size
        pictures = np.empty((len(times_s), height, width, 3), np.uint8)
        before: tuple[VideoFrame, int] | None = None
        for row in sorted(range(len(times_s)), key=lambda row: times_s[row]):
            frame = self._frame(times_s[row], until_s[row] if until_s else times_s[row])
            if before is not None and before[0] is frame:
                pictures[row] = pictures[before[1]]
            else:
                with reading(self.info.path):
                    pictures[row] = _picture(frame, height, width, self._scaler)
            before = (frame, row)
        return pictures

    def _frame(self, time_s: Fraction, until_s: Fraction) -> VideoFrame:
        shown = self._cursor.frame_at(self._clock.stamp_at(time_s))
        for frame in (shown, self._cursor.upcoming):
            if frame is not None and self._clock.begins(stamp(frame), time_s, until_s):
                return frame
        return shown

    def close(self) -> None:
        """Close the file."""
        self._film.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _picture(frame: VideoFrame, height: int, width: int, scaler: VideoReformatter) -> "npt.NDArray[np.uint8]":
    """A decoded frame, scaled and upright: (H, W, 3) RGB."""
    import numpy as np

    turns = quarter_turns(frame)
    if turns % 2:
        height, width = width, height
    scaled = scaler.reformat(frame, width=width, height=height, format="rgb24", interpolation=Interpolation.AREA)
    return np.rot90(scaled.to_ndarray(), turns).astype(np.uint8, copy=False)
