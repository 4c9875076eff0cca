"""Exact time from OTIO's floating point values."""

from fractions import Fraction

import opentimelineio as otio

from v2a.errors import MediaError

# How far a rate written with two or three decimals (23.976, 23.98, 29.97) may lie from the true one.
_NTSC_TOLERANCE = 0.005
_WHOLE_TOLERANCE = 1e-6
# Rates of archive film (SMPTE ST 428-21) that decimals only come near to.
_ARCHIVE_RATES = (Fraction(200, 11), Fraction(240, 11))


def exact_rate(rate: float) -> Fraction:
    """The frame or sample rate that a float means: 24, 24000/1001 (for 23.976…), 200/11, 25/2 …

    Raises MediaError for rates that are not positive numbers.
    """
    if not 0 < rate < 1e9:
        raise MediaError(f"the timeline holds a time with the rate {rate:g}, which means nothing: export it again")
    if abs(rate - round(rate)) < _WHOLE_TOLERANCE:
        return Fraction(round(rate))
    for archive in _ARCHIVE_RATES:
        if abs(rate - archive) < _NTSC_TOLERANCE:
            return archive
    nominal = round(rate * 1.001)
    if abs(rate * 1.001 - nominal) < _NTSC_TOLERANCE:
        return Fraction(nominal * 1000, 1001)
    return Fraction(rate).limit_denominator(1001)


def exact(time: otio.opentime.RationalTime) -> Fraction:
    """A time in exact seconds. Raises MediaError for infinite or undefined ones."""
    value = time.value
    if not -1e15 < value < 1e15:
        raise MediaError(f"the timeline holds a time of {value:g}, which means nothing: export it again")
    if abs(value - round(value)) < _WHOLE_TOLERANCE:
        return Fraction(round(value)) / exact_rate(time.rate)
    return Fraction(value).limit_denominator(1_000_000) / exact_rate(time.rate)


def in_samples(count: int, rate_hz: int) -> otio.opentime.RationalTime:
    """A whole number of samples as an OTIO time."""
    return otio.opentime.RationalTime(count, rate_hz)
