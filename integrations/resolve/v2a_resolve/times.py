"""Frame rates as Resolve writes them, and timecode; exact, and without Resolve.

Resolve says "23.976", "29.97 DF" or 29.97, by version and object: a table says what is meant, since no float can.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

_RATES = {
    "23.976": Fraction(24000, 1001),
    "23.98": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "47.952": Fraction(48000, 1001),
    "47.95": Fraction(48000, 1001),
    "59.94": Fraction(60000, 1001),
    "71.928": Fraction(72000, 1001),
    "95.904": Fraction(96000, 1001),
    "119.88": Fraction(120000, 1001),
    "18.182": Fraction(200, 11),  # archives' rates of SMPTE ST 428-21
    "18.18": Fraction(200, 11),
    "21.818": Fraction(240, 11),
    "21.82": Fraction(240, 11),
}
_NUMBER = re.compile(r"\s*(\d{1,4}(?:\.\d+)?)\s*(DF|NDF|fps)?\s*", re.IGNORECASE | re.ASCII)
_TIMECODE = re.compile(r"(\d+):(\d\d):(\d\d)[:;.](\d+)", re.ASCII)


def rate_of(said: Any) -> Fraction | None:
    """The exact rate that a setting or property of Resolve means; None where it says none."""
    found = _NUMBER.fullmatch(said if isinstance(said, str) else repr(said))
    if found is None:
        return None
    number = found[1]
    for digits in (3, 2):
        rounded = _rounded(number, digits)
        if rounded in _RATES:
            return _RATES[rounded]
    return Fraction(number) or None


def is_drop_frame(rate_said: Any, setting: Any) -> bool:
    """Whether a timeline counts drop-frame: its rate says so, or the setting "timelineDropFrameTimecode"."""
    return str(rate_said).strip().upper().endswith(" DF") or str(setting) == "1"


def frame_of(timecode: Any, rate: Fraction, drop: bool) -> int | None:
    """The frame that a timecode names, counted from midnight; None where it is none."""
    fields = _TIMECODE.fullmatch(str(timecode).strip())
    if fields is None:
        return None
    nominal = int(rate + Fraction(1, 2))
    hours, minutes, seconds, frames = (int(field) for field in fields.groups())
    number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if drop or ";" in str(timecode):
        all_minutes = hours * 60 + minutes
        number -= nominal // 15 * (all_minutes - all_minutes // 10)
    return number


def _rounded(number: str, digits: int) -> str:
    scaled = Fraction(number) * 10**digits
    nearest = int(scaled + Fraction(1, 2))
    whole, part = divmod(nearest, 10**digits)
    return f"{whole}.{part:0{digits}d}".rstrip("0").rstrip(".")
