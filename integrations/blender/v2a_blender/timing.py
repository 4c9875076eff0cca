# SPDX-License-Identifier: GPL-3.0-or-later
"""Which picture of its medium a strip shows at which frame of the timeline, in exact fractions.

What Blender does was measured with films whose frames carry their number, in 3.4, 4.2, 4.3, 4.5, 5.0 and 5.2:
at timeline frame t it shows frame `round((t - content start) × speed)` of the strip's content, held at both ends,
where the speed is 1 unless the strip follows its film's own rate, has a speed factor (3.4) or retiming keys (4.0 on),
and the rounding is downwards in 3.4 and to the nearest since. Backwards, the content's last frame comes first.
Retiming keys were not measured in 4.2, which is taken to do as 4.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

FLOOR, NEAREST_UP, NEAREST_DOWN = "floor", "nearest, ties up", "nearest, ties down"


@dataclass(frozen=True)
class StripFacts:
    """What is read of a strip. Frames are of the timeline, ranges half-open.

    kind: Blender's `type` ("MOVIE", "IMAGE", "SCENE", …). start, end: what is seen. content_start, content_end: what
    there is of the content. trim: frames of the medium hidden for good before the content. n_media: frames of the
    whole medium, 0 where nobody asked. film_rate: the film's own rate, 0 where it is unknown. keys: frames of the
    retiming keys. speed: Blender 3.4's speed factor. inputs: the strips that an effect is made of. parents: the meta
    strips around it, outermost first.
    """

    name: str
    kind: str
    channel: int
    start: int
    end: int
    content_start: Fraction = Fraction(0)
    content_end: Fraction = Fraction(0)
    muted: bool = False
    path: str = ""
    images: tuple[str, ...] = ()
    missing: str = ""
    trim: tuple[int, int] = (0, 0)
    n_media: int = 0
    film_rate: Fraction = Fraction(0)
    reversed: bool = False
    strobe: float = 1.0
    keys: tuple[Fraction, ...] = ()
    speed: Fraction = Fraction(1)
    text: str = ""
    inputs: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    parent_retimed: bool = False
    selected: bool = True


@dataclass(frozen=True)
class Piece:
    """A stretch of source, in seconds from the medium's first frame, shown over a stretch of presented time."""

    source: tuple[Fraction, Fraction]
    presented: tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Mapping:
    """How a strip shows its medium: pieces over what is seen, and the presented time that its content reaches."""

    pieces: tuple[Piece, ...] = field(default=())
    available: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))


class UncertainError(Exception):
    """What a strip shows cannot be told from what Blender says of it. The text is the reason."""


def exact_rate(rate_hz: float, base: float = 1.0) -> Fraction:
    """The frame rate that a rounded number stands for: whole, or 1000/1001 of a whole, or the nearest simple one."""
    rate = Fraction(rate_hz) / Fraction(base).limit_denominator(100_000)
    for candidate in (Fraction(round(rate)), Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)):
        if candidate > 0 and abs(rate / candidate - 1) < Fraction(1, 1_000_000):
            return candidate
    return rate.limit_denominator(100_000)


def needs_length(facts: StripFacts, rate: Fraction) -> bool:
    """Whether the film has to be opened to know how long it is: where the strip may not run frame by frame."""
    return facts.kind == "MOVIE" and (facts.film_rate != rate or bool(facts.keys) or facts.speed != 1)


def map_strip(facts: StripFacts, rate: Fraction, rounding: str) -> Mapping:
    """How a movie or image strip shows its medium. rate: frames a second of the timeline. Raises UncertainError."""
    clock = facts.film_rate if facts.kind == "MOVIE" else rate  # images: each has a frame's time
    if clock <= 0:
        raise UncertainError("its frame rate could not be read")
    if len(facts.images) == 1 and facts.kind == "IMAGE":
        seen = (facts.start / rate, facts.end / rate)
        return Mapping((Piece((Fraction(0), Fraction(0)), seen),), seen)
    length = facts.content_end - facts.content_start
    speed = _speed(facts, rate, length)
    shift = _shift(speed, rounding)
    last = max(0, math.ceil(length * speed) - 1)

    def source_at(frame: Fraction) -> Fraction:
        """Source seconds shown at a place of the timeline, inside the content."""
        position = frame - facts.content_start
        media = (length - position if facts.reversed else position) * speed + shift
        return (facts.trim[0] + min(max(media, Fraction(0)), Fraction(last + 1))) / clock

    first_held, last_held = ((facts.trim[0] + index) / clock for index in ((last, 0) if facts.reversed else (0, last)))
    before = min(max(facts.content_start, Fraction(facts.start)), Fraction(facts.end))
    after = max(min(facts.content_end, Fraction(facts.end)), before)
    pieces = (
        ((first_held, first_held), (Fraction(facts.start), before)),
        ((source_at(before), source_at(after)), (before, after)),
        ((last_held, last_held), (after, Fraction(facts.end))),
    )
    return Mapping(
        tuple(Piece(source, (start / rate, end / rate)) for source, (start, end) in pieces if end > start),
        # A frame that is held before the content is held by no handle.
        (
            (Fraction(facts.start) if before > facts.start else Fraction(math.ceil(facts.content_start))) / rate,
            (Fraction(facts.end) if after < facts.end else Fraction(math.floor(facts.content_end))) / rate,
        ),
    )


def _speed(facts: StripFacts, rate: Fraction, length: Fraction) -> Fraction:
    """Frames of the medium a frame of the timeline."""
    n_content = (len(facts.images) if facts.kind == "IMAGE" else facts.n_media) - sum(facts.trim)
    follows = facts.film_rate / rate if facts.kind == "MOVIE" else Fraction(1)
    if facts.keys:
        span = facts.keys[-1] - facts.keys[0]
        if len(facts.keys) != 2 or facts.keys[0] != facts.content_start or span <= 0 or not 0 <= length - span <= 1:
            raise UncertainError("its speed changes")
        if follows != 1 or n_content < 1:
            raise UncertainError("it is retimed, and its film has another rate than the edit")
        # Up to 4.5 the last key lies on the last frame, later behind it.
        return (n_content - (length - span)) / span
    if not needs_length(facts, rate):
        return facts.speed
    speeds = [facts.speed, facts.speed * follows]
    found = min(speeds, key=lambda speed: abs(n_content / speed - length))
    if abs(n_content / found - length) > 1:
        raise UncertainError("its speed could not be read")
    return found


def _shift(speed: Fraction, rounding: str) -> Fraction:
    """How far, in frames of the medium, what is shown lies off the straight line through the content's start.

    The rounded position of a frame's start stands for the whole frame; so the middles of the frames are compared.
    """
    if speed.denominator > 10_000:
        return Fraction(0)
    half = Fraction(1, 2)
    exact = [number * speed for number in range(speed.denominator)]
    if rounding == FLOOR:
        shown = [math.floor(position) for position in exact]
    elif rounding == NEAREST_UP:
        shown = [math.floor(position + half) for position in exact]
    else:
        shown = [math.ceil(position - half) for position in exact]
    return Fraction(sum(shown) - sum(exact)) / speed.denominator + (1 - speed) / 2
