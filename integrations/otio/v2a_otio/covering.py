"""The range of a film that an event's sound covers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from v2a.errors import MediaError
from v2a.media import VideoInfo
from v2a.request import Piece
from v2a_otio.events import Event
from v2a_otio.relinking import first_of
from v2a_plugin.sequences import ImageSequence, gaps, is_made, make_film
from v2a_plugin.timeline import Range

_ZERO = Fraction(0)
# Room beside a held frame: more than any handle.
_ENDLESS = Fraction(10**9)


@dataclass(frozen=True)
class Film:
    """A found film. first_s: timecode of its first frame. source_rate: how the user wants it read.

    images: the sequence that it is made of; until `developed`, there is no film yet, and info says what it will be.
    """

    info: VideoInfo
    first_s: Fraction
    source_rate: Fraction | None = None
    images: ImageSequence | None = None

    @property
    def origin(self) -> Path:
        """Where its pictures come from: itself, or the images."""
        return self.info.path if self.images is None else self.images.path

    @property
    def is_there(self) -> bool:
        """Whether there is a file to read."""
        return self.images is None or self.info.path != self.images.path


@dataclass(frozen=True)
class Coverage:
    """What an event's sound covers, in record time.

    placed: from cut to cut. heard: with the dissolves. whole: with the handles too; the WAV has this range.
    """

    placed: Range
    heard: Range
    whole: Range
    piece: Piece
    warnings: tuple[str, ...]


def cover(event: Event, film: Film, handle_s: Fraction, earliest_s: Fraction, rate: Fraction | None = None) -> Coverage:
    """The range of an event's sound: its dissolves and handles as far as the film goes.

    earliest_s: the first record time that a WAV may begin at (timecode knows no negative time). rate: frames a
    second of the timeline; handles are then whole frames, so that formats that count in frames place the WAV exactly.
    Raises MediaError where the film does not hold what the cut shows.
    """
    if film.images is not None and film.images.is_still:
        # One picture is shown for as long as the cut says.
        event = replace(event, speed=_ZERO, shown_s=film.first_s)
    warnings = list(event.warnings) + list(_doubts(event, film))
    before_s, after_s = _room(event, film)
    placed = event.record
    lead_s = min(event.opening.before_s, before_s, placed.start_s)
    trail_s = min(event.closing.after_s, after_s)
    if (lead_s, trail_s) != (event.opening.before_s, event.closing.after_s):
        warnings.append("the film ends within the dissolve: the sound's cross-fade is shorter")
    heard = Range(placed.start_s - lead_s, placed.end_s + trail_s)
    head_s = min(handle_s, before_s - lead_s, max(heard.start_s - earliest_s, _ZERO))
    tail_s = min(handle_s, after_s - trail_s)
    if rate is not None:
        head_s = max(heard.start_s - math.ceil((heard.start_s - head_s) * rate) / rate, _ZERO)
        tail_s = max(math.floor((heard.end_s + tail_s) * rate) / rate - heard.end_s, _ZERO)
    if min(head_s, tail_s) < handle_s:
        warnings.append(
            f"handles shortened to {float(head_s):g} s before and {float(tail_s):g} s after: the film ends there, or "
            "timecode begins"
        )
    whole = Range(heard.start_s - head_s, heard.end_s + tail_s)
    shown = [
        min(max(event.media_at(at_s) - film.first_s, _ZERO), film.info.duration_s)
        for at_s in (whole.start_s, whole.end_s)
    ]
    piece = Piece(shown[0], shown[1], whole.start_s, whole.end_s)
    if film.images is not None and (said := gaps(film.images, *_frames(piece, film))):
        warnings.append(said)
    return Coverage(placed, heard, whole, piece, tuple(warnings))


def developed(film: Film, coverage: Coverage, folder: Path, *, make: bool = True) -> tuple[Film, Coverage]:
    """A sequence's film of what is covered, in a folder, and the coverage in its time; other films as they are.

    make: whether a film that is not there from an earlier run is made; else the sequence comes back as it is.
    Raises MediaError where no image can be read, StorageError.
    """
    if film.images is None or film.is_there:
        return film, coverage
    start, end = _frames(coverage.piece, film)
    rate = film.info.rate
    if not make and not is_made(film.images, start, end, rate, folder):
        return film, coverage
    path, damage = make_film(film.images, start, end, rate, folder)
    piece = replace(
        coverage.piece,
        source_start_s=coverage.piece.source_start_s - start / rate,
        source_end_s=coverage.piece.source_end_s - start / rate,
    )
    info = replace(film.info, path=path, duration_s=(end - start) / rate)
    warnings = (*coverage.warnings, damage) if damage else coverage.warnings
    return (
        replace(film, info=info, first_s=film.first_s + start / rate),
        replace(coverage, piece=piece, warnings=warnings),
    )


def _frames(piece: Piece, film: Film) -> tuple[int, int]:
    """The frames of a sequence that a piece shows, [first, end)."""
    low_s, high_s = sorted((piece.source_start_s, piece.source_end_s))
    n_frames = film.images.n_frames if film.images else 0
    first = min(math.floor(low_s * film.info.rate), n_frames - 1)
    return first, max(min(math.ceil(high_s * film.info.rate), n_frames), first + 1)


def _doubts(event: Event, film: Film) -> Iterator[str]:
    """Another film of the same name is the wrong link that looks right: its length and timecode tell."""
    medium, info = event.medium, film.info
    frame_s = 1 / info.rate
    if film.source_rate is not None or (film.images is not None and film.images.is_still):
        return
    if medium.duration_s is not None and abs(info.duration_s - medium.duration_s) > frame_s:
        yield (
            f"{film.origin} is {float(info.duration_s):.3f} s long, and the timeline says "
            f"{float(medium.duration_s):.3f} s: it may be another film of this name"
        )
    own_s = first_of(info)
    if own_s is not None and medium.start_s and abs(own_s - medium.start_s) > frame_s:
        yield (
            f"{film.origin} begins at timecode {info.timecode}, and the timeline says {float(medium.start_s):.3f} s: "
            "it may be another film of this name"
        )


def _room(event: Event, film: Film) -> tuple[Fraction, Fraction]:
    """Record time for which the film goes on before and after the cut's range.

    A range may overrun the film by one frame: editors round to their own frame grid.
    """
    end_s = film.info.duration_s
    slack_s = 1 / film.info.rate
    first, last = (event.media_at(at_s) - film.first_s for at_s in (event.record.start_s, event.record.end_s))
    if min(first, last) < -slack_s or max(first, last) > end_s + slack_s:
        raise MediaError(
            f"the cut shows {float(min(first, last)):.3f} s to {float(max(first, last)):.3f} s of "
            f"{film.origin.name}, which is {float(end_s):.3f} s long: relink it, or trim the clip"
        )
    if event.speed == 0:
        return _ENDLESS, _ENDLESS
    ahead, behind = (first, end_s - last) if event.speed > 0 else (end_s - first, last)
    return max(ahead, _ZERO) / abs(event.speed), max(behind, _ZERO) / abs(event.speed)
