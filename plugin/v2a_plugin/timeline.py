"""Exact time as editors write it: seconds, frames and timecode; half-open ranges; free tracks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from v2a.audio import sample_at
from v2a.errors import UsageError

_SECONDS = re.compile(r"\d{1,9}(\.\d{1,12})?|\.\d{1,12}", re.ASCII)
_FRAMES = re.compile(r"(\d{1,12})f", re.ASCII)
_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;])(\d{2,3})", re.ASCII)
_DROP_FRAME_RATES = (Fraction(30000, 1001), Fraction(60000, 1001))


def parse_time(text: str, rate: Fraction) -> Fraction:
    """The time, in seconds, that a text names, exact and never snapped to frames.

    Three forms: decimal seconds ("12.5"), frames ("120f"), timecode ("00:00:04:12"; ";" before the frames
    makes it drop-frame, which exists at 29.97 and 59.94 frames a second only).

    rate: frames a second. Timecode counts at the nominal whole rate, as every editor does (24000/1001 counts
    to 24). Raises UsageError for anything else.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return Fraction(text)
    if frames := _FRAMES.fullmatch(text):
        return int(frames[1]) / rate
    if fields := _TIMECODE.fullmatch(text):
        hours, minutes, seconds, frame = (int(fields[n]) for n in (1, 2, 3, 5))
        return _frame_number(text, hours, minutes, seconds, frame, rate, drop_frame=fields[4] == ";") / rate
    raise UsageError(
        f"'{text}' is no time: write seconds (12.5), frames (120f) or timecode (00:00:12:12; drop-frame 00:00:12;12)"
    )


def seconds_text(time_s: Fraction) -> str:
    """A time of zero or later as decimal seconds that `parse_time` reads; a fraction where these cannot be exact."""
    steps = time_s * 10**12
    if steps.denominator != 1:
        return str(time_s)
    whole, rest = divmod(int(steps), 10**12)
    return f"{whole}.{rest:012}".rstrip("0").rstrip(".")


def timecode(time_s: Fraction, rate: Fraction) -> str:
    """The non-drop timecode, HH:MM:SS:FF, of the frame that is shown at a time, counted at the nominal rate.

    Any rate will do (16, 18, 24000/1001). Raises ValueError for a time before zero.
    """
    if time_s < 0:
        raise ValueError(f"no timecode before zero: {time_s} s")
    seconds, frame = divmod((time_s * rate).__floor__(), _nominal(rate))
    width = len(str(_nominal(rate) - 1))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frame:0{max(2, width)}}"


def _nominal(rate: Fraction) -> int:
    return max(1, (rate + Fraction(1, 2)).__floor__())


def _frame_number(
    text: str, hours: int, minutes: int, seconds: int, frame: int, rate: Fraction, *, drop_frame: bool
) -> int:
    nominal = _nominal(rate)
    if minutes > 59 or seconds > 59 or frame >= nominal:
        raise UsageError(
            f"timecode '{text}' does not exist: minutes and seconds end at 59, frames at {nominal - 1} here"
        )
    number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frame
    if not drop_frame:
        return number
    if rate not in _DROP_FRAME_RATES:
        raise UsageError(
            f"timecode '{text}' is drop-frame, which exists at 29.97 and 59.94 frames a second only, "
            f"and this film runs at {float(rate):g}: write ':' before the frames"
        )
    dropped = nominal // 15  # frame numbers left out each minute, but for every tenth
    if minutes % 10 and not seconds and frame < dropped:
        raise UsageError(f"timecode '{text}' does not exist: drop-frame leaves this number out")
    n_minutes = hours * 60 + minutes
    return number - dropped * (n_minutes - n_minutes // 10)


@dataclass(frozen=True)
class Range:
    """A half-open stretch of time, [start_s, end_s), in seconds."""

    start_s: Fraction
    end_s: Fraction

    def __post_init__(self) -> None:
        if self.end_s <= self.start_s:
            raise UsageError(
                f"the range is empty: it ends at {float(self.end_s):g} s, starts at {float(self.start_s):g} s"
            )

    @property
    def duration_s(self) -> Fraction:
        """Length in seconds."""
        return self.end_s - self.start_s

    def overlaps(self, other: "Range") -> bool:
        """Whether both share any instant. Ranges that only touch do not."""
        return self.start_s < other.end_s and other.start_s < self.end_s

    def with_handles(self, handle_s: Fraction, limits: "Range") -> "Range":
        """This range with up to handle_s more on either side, as far as the limits allow."""
        return Range(max(self.start_s - handle_s, limits.start_s), min(self.end_s + handle_s, limits.end_s))

    def n_samples(self, rate_hz: int) -> int:
        """Length in samples: rounded end boundary minus rounded start boundary."""
        return sample_at(self.end_s, rate_hz) - sample_at(self.start_s, rate_hz)


def free_tracks(occupied: Sequence[Sequence[Range]], wanted: Range) -> int:
    """The index of the first track that is free over the wanted range; len(occupied) where none is."""
    for index, ranges in enumerate(occupied):
        if not any(taken.overlaps(wanted) for taken in ranges):
            return index
    return len(occupied)
