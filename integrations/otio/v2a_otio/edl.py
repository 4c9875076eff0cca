"""CMX 3600 edit lists: text that says neither its rate nor, in OpenTimelineIO's reader, where it begins.

The adapter counts timecode without dropped numbers at rates that SMPTE knows. So every timecode is rewritten
before it reads them, to the one that has the same frame number there, and its rate is put right afterwards.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import opentimelineio as otio

from v2a.errors import MediaError, UsageError
from v2a_otio.times import exact
from v2a_plugin.timeline import parse_time, timecode

DEFAULT_RATE = Fraction(24)
_DROP_RATE = Fraction(30000, 1001)

_TC = r"\d{1,2}[:;.,]\d{2}[:;.,]\d{2}[:;.,]\d{2,3}"
_EDIT = re.compile(rf"^(\s*\d+\s.*?)({_TC})(\s+)({_TC})(\s+)({_TC})(\s+)({_TC})\s*$", re.ASCII)
_MOTION = re.compile(rf"^(\s*M2\s.*?)(-?\d*\.?\d+)(\s+)({_TC})\s*$", re.ASCII)
_LOCATOR = re.compile(rf"^(\s*\*?\s*LOC:?\s*)({_TC})(.*)$", re.ASCII)
_DROPPED = re.compile(r"FCM:?\s*DROP", re.IGNORECASE)


def read_edl(name: str, content: bytes, rate: Fraction | None) -> tuple[otio.schema.Timeline, bool, tuple[str, ...]]:
    """An edit list as a timeline, whether its timecode drops numbers, and warnings.

    rate: frames a second; None: 30000/1001 where timecode drops numbers, else 24. Raises MediaError for timecode
    that does not exist at the rate, and whatever the adapter does.
    """
    text = _text(content)
    listed = _List(name, text, rate)
    warnings = list(listed.warnings())
    counted = "\n".join(listed.counted()) + "\n"
    timeline = otio.adapters.read_from_string(counted, adapter_name="cmx_3600", rate=float(listed.base))
    if listed.base != listed.rate:
        timeline = _at_rate(timeline, float(listed.base), float(listed.rate))
    place(timeline, float(listed.rate))
    return timeline, listed.drop_frame, tuple(warnings)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # what old systems write


@dataclass
class _List:
    """The lines of an edit list, and how its timecode counts. base: the rate that the adapter is given."""

    name: str
    text: str
    asked: Fraction | None

    def __post_init__(self) -> None:
        lines = self.text.splitlines()
        edits = [line for line in lines if _EDIT.match(line)]
        # Where any timecode says by its own punctuation that it drops numbers, all of them do say it.
        self.by_mark = any(re.search(r"\d[;,]\d{2,3}(\s|$)", line) for line in edits)
        self.drop_frame = self.by_mark or any(_DROPPED.search(line) for line in lines)
        self.rate = self.asked or (_DROP_RATE if self.drop_frame else DEFAULT_RATE)
        smpte = otio.opentime.RationalTime.is_valid_timecode_rate(float(self.rate))
        self.base = self.rate if smpte else DEFAULT_RATE

    def warnings(self) -> Iterator[str]:
        """What was assumed, and what the adapter does not follow."""
        if self.asked is None:
            why = "its timecode drops numbers" if self.drop_frame else "the usual rate"
            yield (
                f"an EDL does not say its frame rate: it was read at {float(self.rate):.6g} frames a second ({why}); "
                "say --edl-rate where that is wrong"
            )
        edit, lengths = "", (0, 0)
        for line in self.text.splitlines():
            if fields := _EDIT.match(line):
                edit = fields[1].split()[0]
                ends = [self._digits(fields[n]) for n in (2, 4, 6, 8)]
                lengths = (ends[1] - ends[0], ends[3] - ends[2])
            elif (
                (motion := _MOTION.match(line))
                and lengths[0] == lengths[1] > 1
                and abs(Fraction(motion[2]) - self.rate) > Fraction(1, 10)
            ):
                yield (
                    f"edit {edit} asks for {motion[2]} frames a second (M2), yet its source is as long as its "
                    "record: it was read at normal speed"
                )

    def counted(self) -> Iterator[str]:
        """The lines with all timecode counted at the base rate, none of it dropping numbers."""
        record_drops: bool | None = None
        source_drops = False
        for number, line in enumerate(self.text.splitlines(), start=1):
            if line.strip().upper().startswith("FCM"):
                source_drops = bool(_DROPPED.search(line))
                record_drops = source_drops if record_drops is None else record_drops
            try:
                yield self._counted(line, source=source_drops, record=bool(record_drops))
            except UsageError as error:
                raise MediaError(
                    f"{self.name}, line {number}: {error}. If the list counts at another rate, say it: --edl-rate 25"
                ) from None

    def _counted(self, line: str, *, source: bool, record: bool) -> str:
        if fields := _EDIT.match(line):
            ends = [self._timecode(fields[n], drops=source if n < 6 else record) for n in (2, 4, 6, 8)]
            return f"{fields[1]}{' '.join(ends)}"
        if motion := _MOTION.match(line):
            # Speeds are frames a second, too.
            speed = Fraction(motion[2]) * self.base / self.rate
            return f"{motion[1]}{float(speed):.6f} {self._timecode(motion[4], drops=source)}"
        if locator := _LOCATOR.match(line):
            return f"{locator[1]}{self._timecode(locator[2], drops=record)}{locator[3]}"
        return line

    def _timecode(self, text: str, *, drops: bool) -> str:
        return timecode(self._frame(text, drops=drops) / self.base, self.base)

    def _frame(self, text: str, *, drops: bool) -> int:
        fields = re.split(r"[:;.,]", text)
        drops = text[-len(fields[-1]) - 1] in ";," if self.by_mark else drops
        return int(parse_time(f"{':'.join(fields[:3])}{';' if drops else ':'}{fields[3]}", self.rate) * self.rate)

    def _digits(self, text: str) -> int:
        """A number that grows with timecode, to compare lengths by."""
        hours, minutes, seconds, frame = (int(field) for field in re.split(r"[:;.,]", text))
        return ((hours * 60 + minutes) * 60 + seconds) * round(self.rate) + frame


def _at_rate(timeline: otio.schema.Timeline, old: float, new: float) -> otio.schema.Timeline:
    """The same frame numbers at another rate."""
    text = re.sub(rf'("rate":\s*){re.escape(repr(old))}(?=\D)', rf"\g<1>{new!r}", timeline.to_json_string(indent=0))
    return otio.adapters.read_from_string(text, adapter_name="otio_json")


def is_misplaced(timeline: otio.schema.Timeline) -> bool:
    """Whether a timeline came from an edit list through the adapter: its tracks' windows lie before all they hold."""
    return (
        timeline.global_start_time is None
        and len(timeline.tracks) > 0
        and all(
            track.source_range is not None
            and exact(track.source_range.start_time) <= -exact(track.source_range.duration) < 0
            and exact(track.source_range.duration) == exact(track.available_range().duration)
            for track in timeline.tracks
        )
    )


def place(timeline: otio.schema.Timeline, rate: float) -> None:
    """Put right what the adapter makes of record timecode: tracks begin there, and so does the timeline."""
    starts = []
    for track in timeline.tracks:
        window = track.source_range
        starts.append(-window.start_time if window is not None else otio.opentime.RationalTime(0, rate))
        track.source_range = None
    if not starts:
        return
    origin = min(starts)
    timeline.global_start_time = origin.rescaled_to(rate)
    for track, start in zip(timeline.tracks, starts, strict=True):
        _locate(track, start)
        if start > origin:
            gap = otio.schema.Gap(source_range=otio.opentime.TimeRange(duration=(start - origin).rescaled_to(rate)))
            track.insert(0, gap)
    # Picture channels come in the order in which the list names them; V2 lies above V all the same.
    tracks = [track.deepcopy() for track in timeline.tracks]
    tracks.sort(key=lambda track: (track.kind != otio.schema.TrackKind.Video, len(track.name), track.name))
    timeline.tracks[:] = tracks


def _locate(track: otio.schema.Track, start: otio.opentime.RationalTime) -> None:
    """Locators are written in record timecode; markers count in the clip's own time."""
    at = start
    for item in track:
        if isinstance(item, otio.schema.Transition):
            continue
        end = at + item.duration()
        for marker in item.markers:
            time = marker.marked_range.start_time
            if exact(at) <= exact(time) < exact(end):
                moved = item.trimmed_range().start_time + (time - at)
                marker.marked_range = otio.opentime.TimeRange(moved, otio.opentime.RationalTime(0, time.rate))
        at = end
