"""Finding the film behind an event, and the range of it that the event's sound covers."""

import logging
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from v2a.errors import MediaError, UsageError
from v2a.media import VideoInfo, probe
from v2a.request import Piece
from v2a_otio.events import Event, Medium
from v2a_plugin.timeline import Range, parse_time

log = logging.getLogger(__name__)

_ZERO = Fraction(0)
# Room beside a held frame: more than any handle.
_ENDLESS = Fraction(10**9)


@dataclass(frozen=True)
class Film:
    """A found film. first_s: timecode of its first frame. source_rate: how the user wants it read."""

    info: VideoInfo
    first_s: Fraction
    source_rate: Fraction | None = None


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


@dataclass
class Library:
    """Films by the timeline's names: beside the timeline, else anywhere under the media roots.

    folder: the timeline's own. source_rate: read every film as if its frames came at this rate.
    """

    folder: Path
    roots: Sequence[Path] = ()
    source_rate: Fraction | None = None
    _films: dict[Path, VideoInfo] = field(default_factory=dict)

    def find(self, event: Event) -> Film:
        """The film of an event. Raises MediaError or NotFoundError that says what to do."""
        path = self._path(event.medium)
        if path not in self._films:
            self._films[path] = probe(path, self.source_rate)
        info = self._films[path]
        return Film(info, _first(event, info), self.source_rate)

    def _path(self, medium: Medium) -> Path:
        for candidate in _candidates(medium.url, self.folder):
            # Unlike Path.is_file, this takes names that are too long and folders that are closed as well.
            if os.path.isfile(candidate):  # noqa: PTH113
                return candidate.resolve()
        matches = self._by_name.get(medium.name, []) + self._by_name.get(unquote(medium.name), [])
        found = sorted({path.resolve() for path in matches})
        if len(found) == 1:
            return found[0]
        if found:
            raise MediaError(
                f"{medium.name} is there {len(found)} times ({', '.join(map(str, found[:3]))}): "
                "name a narrower --media-root"
            )
        roots = f" under {', '.join(map(str, self.roots))}" if self.roots else ""
        if not medium.url:
            raise MediaError(
                f"the timeline names no film for it, and there is no {medium.name or 'name to look for'}{roots}: "
                "relink it in the editor, or name the film's folder with --media-root"
            )
        raise MediaError(
            f"the film {medium.name} was not found at {medium.url}{' or' if roots else ''}{roots}: "
            "name its folder with --media-root"
        )

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        names: dict[str, list[Path]] = defaultdict(list)
        for root in self.roots:
            for folder, _, files in os.walk(root):
                for name in files:
                    names[name].append(Path(folder, name))
        return dict(names)


def cover(
    event: Event, film: Film, handle_s: Fraction, earliest_s: Fraction, rate: Fraction | None = None
) -> Coverage:
    """The range of an event's sound: its dissolves and handles as far as the film goes.

    earliest_s: the first record time that a WAV may begin at (timecode knows no negative time). rate: frames a
    second of the timeline; handles are then whole frames, so that formats that count in frames place the WAV exactly.
    Raises MediaError where the film does not hold what the cut shows.
    """
    warnings = list(event.warnings) + list(_doubts(event.medium, film))
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
    return Coverage(placed, heard, whole, Piece(shown[0], shown[1], whole.start_s, whole.end_s), tuple(warnings))


def _doubts(medium: Medium, film: Film) -> Iterator[str]:
    """Another film of the same name is the wrong link that looks right: its length tells."""
    length_s, said_s = film.info.duration_s, medium.duration_s
    if said_s is not None and film.source_rate is None and abs(length_s - said_s) > 1 / film.info.rate:
        yield (
            f"{film.info.path} is {float(length_s):.3f} s long, and the timeline says {float(said_s):.3f} s: it may "
            "be another film of this name"
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
            f"{film.info.path.name}, which is {float(end_s):.3f} s long: relink it, or trim the clip"
        )
    if event.speed == 0:
        return _ENDLESS, _ENDLESS
    ahead, behind = (first, end_s - last) if event.speed > 0 else (end_s - first, last)
    return max(ahead, _ZERO) / abs(event.speed), max(behind, _ZERO) / abs(event.speed)


def _first(event: Event, info: VideoInfo) -> Fraction:
    """The timecode of a film's first frame: as the timeline says, else its own where the range fits."""
    if event.medium.start_s is not None:
        return event.medium.start_s
    if info.timecode is not None:
        try:
            first_s = parse_time(info.timecode, info.rate)
        except UsageError:
            log.warning("%s: its timecode '%s' cannot be read", info.path, info.timecode)
            return _ZERO
        if first_s <= event.shown_s <= first_s + info.duration_s:
            return first_s
    return _ZERO


def _candidates(url: str, folder: Path) -> list[Path]:
    """The paths that a target_url may mean. URLs other than files are never fetched."""
    try:
        parts = urlsplit(url)
    except ValueError:  # file://[…
        return []
    if not url or "\0" in url or (len(parts.scheme) > 1 and parts.scheme != "file"):
        return []  # a scheme of one letter is a Windows drive
    if parts.scheme == "file":
        # A path without its leading slashes (file:x.mov) is relative.
        return [folder / url2pathname(parts.path)]
    return [folder / url, folder / unquote(url)]
