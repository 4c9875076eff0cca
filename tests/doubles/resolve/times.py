"""Rates and timecode as Resolve shows them."""

from __future__ import annotations

from fractions import Fraction

_NTSC = {"23.976": 24, "29.97": 30, "47.952": 48, "59.94": 60, "119.88": 120}


def rate_of(text: str) -> tuple[Fraction, bool]:
    """The exact rate that a setting means, and whether it counts drop-frame."""
    number, _, drop = text.partition(" ")
    nominal = _NTSC.get(number)
    rate = Fraction(nominal * 1000, 1001) if nominal else Fraction(number)
    return rate, drop == "DF"


def timecode_of(frame: int, rate: Fraction, drop: bool) -> str:
    """The timecode of a frame, counted from midnight."""
    nominal = int(rate + Fraction(1, 2))
    if drop:
        dropped = nominal // 15
        tens, rest = divmod(frame, nominal * 600 - 9 * dropped)
        frame += 9 * dropped * tens
        if rest >= nominal * 60:
            frame += dropped * ((rest - nominal * 60) // (nominal * 60 - dropped) + 1)
    seconds, frames = divmod(frame, nominal)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return "{}{}{:02d}".format(clock, ";" if drop else ":", frames)


def frame_of(timecode: str, rate: Fraction, drop: bool) -> int:
    """The frame of a timecode."""
    nominal = int(rate + Fraction(1, 2))
    hours, minutes, seconds, frames = (int(field) for field in timecode.replace(";", ":").split(":"))
    number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if drop:
        all_minutes = hours * 60 + minutes
        number -= nominal // 15 * (all_minutes - all_minutes // 10)
    return number
