"""The facts about a film."""

from fractions import Fraction
from pathlib import Path

from av.video.frame import VideoFrame

from v2a.media.clock import Clock, clock_of
from v2a.media.cursor import FrameCursor, stamp
from v2a.media.film import Film
from v2a.media.source import VideoInfo


def probe(path: Path, source_rate: Fraction | None = None) -> VideoInfo:
    """Read the facts about a film: its headers, first frame and last packets, not the rest.

    source_rate: read the film as if its frames came at that rate, frames a second; its frames are then
    counted.

    Raises NotFoundError for a missing file, MediaError with the cause for one that cannot be used, UsageError
    for a rate that is not positive.
    """
    return survey(path, source_rate)[0]


def survey(path: Path, source_rate: Fraction | None = None) -> tuple[VideoInfo, Clock]:
    """The facts, and the clock that its frames are addressed by. Raises as `probe` does."""
    with Film(path, source_rate) as film:
        first = FrameCursor(film).frame_at_start()
        clock = clock_of(film, stamp(first), source_rate)
        sideways = quarter_turns(first) % 2 == 1
        width, height = (first.height, first.width) if sideways else (first.width, first.height)
        info = VideoInfo(
            path=path,
            rate=clock.rate,
            duration_s=clock.duration_s,
            width=width,
            height=height,
            codec=film.stream.codec_context.codec.canonical_name,
            has_audio=bool(film.container.streams.audio),
            timecode=_timecode(film),
        )
        return info, clock


def quarter_turns(frame: VideoFrame) -> int:
    """How often a frame is to be turned by 90° against the clock to stand upright: 0 … 3."""
    return round(frame.rotation / 90) % 4


def _timecode(film: Film) -> str | None:
    tagged = (film.stream, *film.container.streams, film.container)
    return next((found for item in tagged if (found := item.metadata.get("timecode"))), None)
