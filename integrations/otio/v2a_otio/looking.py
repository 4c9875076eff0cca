"""A glance at an event's picture before sound is made for it: is it black, and can its motion be trusted?

Some two dozen small frames from the event's middle are enough; more are read only where these are black. Doubts are
warnings; what is black from end to end stays silent.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation, VideoReformatter

from v2a.errors import MediaError, NotFoundError, UsageError
from v2a.media.cursor import FrameCursor, stamp
from v2a.media.film import Film as File
from v2a.media.film import reading
from v2a_otio.covering import Coverage, Film
from v2a_otio.report import Outcome

log = logging.getLogger(__name__)

BLACK = "black from end to end: leader, or nothing to hear"

_SIZE = (36, 64)
_WINDOW_FRAMES = 19
_BLACK_SAMPLES = 12
_LEAST_BLACK = 4  # frames; leader is longer
# Of 255: the mean of a black frame, and what all but a few specks of it stay under.
_BLACK_MEAN, _BLACK_PEAK = 10, 40
# Of 255: the mean difference up to which compression makes two prints of one frame differ, and from which on
# something moves.
_SAME, _MOVES = 0.6, 1.5
_LONGEST_CADENCE = 6
# A single frame that differs this much from both its neighbours, and these from each other by a third of it.
_FLASH = 24.0

Pictures = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Glance:
    """What a look at an event showed. is_black: all of it. doubts: sentences."""

    is_black: bool = False
    doubts: tuple[str, ...] = ()


def seen(outcome: Outcome) -> Outcome:
    """An event after a look at it: skipped where it is black; else with what was doubtful among what is said of it."""
    plan = outcome.plan
    if plan.film is None or plan.coverage is None:
        return outcome
    try:
        found = glance(plan.film, plan.coverage)
    except (MediaError, NotFoundError, UsageError) as error:
        # Whoever makes the sound meets it again, and says so.
        log.info("event %d could not be looked at: %s", plan.event.number, error)
        return outcome
    if found.is_black:
        return replace(outcome, status="skipped", error=BLACK)
    return replace(outcome, said=(*found.doubts, *outcome.said))


def glance(film: Film, coverage: Coverage) -> Glance:
    """Look at what an event shows between its cuts. Raises MediaError where the film cannot be read."""
    placed = coverage.placed
    low_s, high_s = sorted(coverage.piece.source_at(time_s) for time_s in (placed.start_s, placed.end_s))
    frame_s = 1 / film.info.rate
    n_frames = max(int((high_s - low_s) / frame_s), 1)
    with _Eyes(film) as eyes:
        count = min(n_frames, _WINDOW_FRAMES)
        first_s = low_s + (n_frames - count) // 2 * frame_s
        # The middle of each frame: its beginning may have been rounded.
        times_s = [first_s + (index + Fraction(1, 2)) * frame_s for index in range(count)]
        pictures = eyes.grey(times_s)
        if n_frames >= _LEAST_BLACK and _is_black(pictures):
            step_s = (high_s - low_s) / _BLACK_SAMPLES
            spread = [low_s + (index + Fraction(1, 2)) * step_s for index in range(_BLACK_SAMPLES)]
            return Glance(is_black=_is_black(eyes.grey(spread)))
    doubts = [*_cadence(pictures, film.info.rate), *_flashes(pictures, times_s)]
    return Glance(doubts=tuple(doubts))


class _Eyes:
    """Small grey frames of a film; a context manager.

    `VideoFile` is exact for any film; a glance takes the film's own stamps as regular, opens it once, and decodes
    with one thread, which is a tenth of the work.
    """

    def __init__(self, film: Film) -> None:
        self._file = File(film.info.path, film.source_rate)
        self._slower = film.source_rate / self._file.rate if film.source_rate else Fraction(1)
        context = self._file.stream.codec_context
        context.thread_type, context.thread_count = "NONE", 1
        self._scaler = VideoReformatter()
        try:
            self._cursor = FrameCursor(self._file)
            self._first = stamp(self._cursor.frame_at_start())
        except BaseException:
            self._file.close()
            raise

    def grey(self, times_s: Sequence[Fraction]) -> Pictures:
        """The frames at source times, in order → (T, H, W)."""
        pictures = np.empty((len(times_s), *_SIZE), np.float32)
        for row, time_s in enumerate(times_s):
            frame = self._cursor.frame_at(self._first + int(time_s * self._slower / self._file.tick))
            with reading(self._file.path):
                small = self._scaler.reformat(
                    frame, width=_SIZE[1], height=_SIZE[0], format="gray", interpolation=Interpolation.AREA, threads=1
                )
                pictures[row] = small.to_ndarray()
        return pictures

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _is_black(pictures: Pictures) -> bool:
    peaks = np.percentile(pictures, 99, axis=(1, 2))
    return bool(pictures.mean(axis=(1, 2)).max() < _BLACK_MEAN and peaks.max() < _BLACK_PEAK)


def _cadence(pictures: Pictures, rate: Fraction) -> Iterator[str]:
    """A sentence where frames repeat in a regular pattern, as step printing and pull-down make them."""
    changes = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2))
    if len(changes) < 2 * _LONGEST_CADENCE or np.median(np.sort(changes)[len(changes) // 2 :]) < _MOVES:
        return
    repeats = changes < _SAME
    for period in range(2, _LONGEST_CADENCE + 1):
        pattern = repeats[:period]
        expected = np.resize(pattern, len(repeats))
        n_repeats = int(pattern.sum())
        if 0 < n_repeats < period and int((expected != repeats).sum()) <= len(repeats) // 12:
            before = rate * (period - n_repeats) / period
            yield (
                f"{n_repeats} of every {period} frames repeat the one before, as if {float(before):.4g} frames a "
                f"second had been printed to {float(rate):.4g}: the motion is heard as it is shown; where it should "
                "run otherwise, remove the repeats"
            )
            return


def _flashes(pictures: Pictures, times_s: list[Fraction]) -> Iterator[str]:
    """A sentence where single frames stand out from both neighbours: splices, flashes, damage."""
    if len(pictures) < 3:
        return
    beside = np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2))
    across = np.abs(pictures[2:] - pictures[:-2]).mean(axis=(1, 2))
    smaller = np.minimum(beside[:-1], beside[1:])
    found = [index + 1 for index in np.flatnonzero((smaller > _FLASH) & (across < smaller / 3))]
    if found:
        listed = ", ".join(f"{float(times_s[index]):.2f} s" for index in found[:5])
        yield f"single frames stand out from both neighbours ({listed} in the film): damage or a splice may be heard"
