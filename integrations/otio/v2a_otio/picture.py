"""A rendered picture of the cut, for previews without a reference film."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from v2a.media import VideoFile, VideoInfo
from v2a_otio.events import Cut, Dissolve
from v2a_otio.media import Coverage
from v2a_otio.plan import Plan

_LARGEST = (720, 1280)  # (height, width)
_BLACK = (180, 320)
_CHUNK_FRAMES = 24

Pictures = npt.NDArray[np.float32]


def render(cut: Cut, plans: Sequence[Plan], path: Path) -> None:
    """Render the cut as H.264 in an MP4 at the timeline's rate: dissolves blended, black where nothing is.

    Raises MediaError where a film cannot be read.
    """
    size = frame_size(plans)
    n_frames = -(-cut.duration_s * cut.rate // 1)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=cut.rate, options={"preset": "veryfast", "crf": "20"})
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = 1 / cut.rate
        for number, image in enumerate(_pictures(cut.rate, n_frames, plans, size)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / cut.rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frame_size(plans: Sequence[Plan]) -> tuple[int, int]:
    """(height, width) of the preview: the first film's, no larger than 720p, even for the encoder's sake."""
    for plan in plans:
        if plan.film is not None:
            return _fitted((plan.film.info.height, plan.film.info.width), _LARGEST)
    return _BLACK


def _fitted(size: tuple[int, int], within: tuple[int, int]) -> tuple[int, int]:
    scale = min(Fraction(1), *(Fraction(most, have) for most, have in zip(within, size, strict=True)))
    height, width = (max(2, int(side * scale) // 2 * 2) for side in size)
    return height, width


def _pictures(
    rate: Fraction, n_frames: int, plans: Sequence[Plan], size: tuple[int, int]
) -> Iterator[npt.NDArray[np.uint8]]:
    """The frames of the cut, (H, W, 3) RGB each, in order."""
    waiting = sorted(_seen(plans), key=lambda seen: seen.coverage.heard.start_s, reverse=True)
    shown: list[_Seen] = []
    for first in range(0, n_frames, _CHUNK_FRAMES):
        times_s = [number / rate for number in range(first, min(first + _CHUNK_FRAMES, n_frames))]
        canvas: Pictures = np.zeros((len(times_s), *size, 3), np.float32)
        while waiting and waiting[-1].coverage.heard.start_s <= times_s[-1]:
            shown.append(waiting.pop())
        for seen in shown:
            if seen.coverage.heard.end_s > times_s[0]:
                _add(canvas, times_s, seen.plan, seen.coverage, seen.film())
            else:
                seen.close()
        shown = [seen for seen in shown if seen.coverage.heard.end_s > times_s[0]]
        yield from np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    for seen in shown:
        seen.close()


@dataclass
class _Seen:
    """An event with a cursor of its own in its film, since two may show one film; open while it is seen."""

    plan: Plan
    info: VideoInfo
    source_rate: Fraction | None
    coverage: Coverage
    _file: VideoFile | None = None

    def film(self) -> VideoFile:
        if self._file is None:
            self._file = VideoFile(self.info.path, self.source_rate)
        return self._file

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _seen(plans: Sequence[Plan]) -> Iterator[_Seen]:
    for plan in plans:
        if plan.film is not None and plan.coverage is not None:
            yield _Seen(plan, plan.film.info, plan.film.source_rate, plan.coverage)


def _add(canvas: Pictures, times_s: Sequence[Fraction], plan: Plan, coverage: Coverage, film: VideoFile) -> None:
    """Add an event's frames to a stretch of the cut, (T, H, W, 3), in place."""
    heard = coverage.heard
    rows = [row for row, time_s in enumerate(times_s) if heard.start_s <= time_s < heard.end_s]
    height, width = _fitted((film.info.height, film.info.width), (canvas.shape[1], canvas.shape[2]))
    top, left = (canvas.shape[1] - height) // 2, (canvas.shape[2] - width) // 2
    shown = film.read([coverage.piece.source_at(times_s[row]) for row in rows], (height, width))
    for row, picture in zip(rows, shown, strict=True):
        weight = np.float32(_weight(times_s[row], plan, coverage))
        canvas[row, top : top + height, left : left + width] += weight * picture


def _weight(time_s: Fraction, plan: Plan, coverage: Coverage) -> Fraction:
    """How much of an event is seen at a time: less than 1 in its dissolves."""
    weight = Fraction(1)
    if plan.event.opening != Dissolve():
        settled_s = coverage.placed.start_s + plan.event.opening.after_s
        weight = min(weight, _ratio(time_s - coverage.heard.start_s, settled_s - coverage.heard.start_s))
    if plan.event.closing != Dissolve():
        leaving_s = coverage.placed.end_s - plan.event.closing.before_s
        weight = min(weight, _ratio(coverage.heard.end_s - time_s, coverage.heard.end_s - leaving_s))
    return weight


def _ratio(part: Fraction, whole: Fraction) -> Fraction:
    return part / whole if whole else Fraction(1)
