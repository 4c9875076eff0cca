"""What a film shows for a job: its pieces, with handles, as far as timeline and film go."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2a.request import MAX_DURATION_S, Layer, Piece
from v2a_plugin.bridge.requests import Job
from v2a_plugin.timeline import Range

_ZERO = Fraction(0)


@dataclass(frozen=True)
class Shown:
    """What a film shows, with handles. before_s, after_s: the handles. warnings: sentences about what is held."""

    pieces: tuple[Piece, ...]
    before_s: Fraction
    after_s: Fraction
    warnings: tuple[str, ...] = ()


def shown_with_handles(job: Job, duration_s: Fraction, frame_s: Fraction) -> Shown:
    """A job's pieces, made longer by handles as far as the timeline and the film go.

    duration_s: the film's length; frame_s: that of a frame of it. What a piece shows beyond the film's end is its
    last frame, held, as hosts show it.
    """
    first, last = job.pieces[0], job.pieces[-1]
    before_s = min(job.handle_s, job.range.start_s - job.available.start_s, _room(first, duration_s, before=True))
    after_s = min(job.handle_s, job.available.end_s - job.range.end_s, _room(last, duration_s, before=False))
    before_s, after_s = (math.floor(max(time_s, _ZERO) * job.rate) / job.rate for time_s in (before_s, after_s))
    pieces = list(job.pieces)
    pieces[0] = _stretched(pieces[0], before_s, _ZERO)
    pieces[-1] = _stretched(pieces[-1], _ZERO, after_s)
    held: list[Piece] = []
    beyond_s = _ZERO
    for piece in pieces:
        parts = _within(piece, duration_s, frame_s)
        held += parts
        beyond_s += sum(
            (part.presented_end_s - part.presented_start_s for part in parts if part != piece and not _speed(part)),
            _ZERO,
        )
    warnings = []
    if beyond_s > frame_s:
        warnings.append(f"the film is {float(beyond_s):.3g} s shorter than what is shown of it: its last frame is held")
    return Shown(tuple(held), before_s, after_s, tuple(warnings))


def stray_cues(layers: Sequence[Layer], whole: Range) -> list[str]:
    """Sentences about cues that nothing can follow."""
    return [
        f"{layer.name}: {n} of {len(layer.cues)} cues lie outside the sound and are not heard"
        for layer in layers
        if (n := sum(not whole.start_s <= cue.time_s < whole.end_s for cue in layer.cues))
    ]


def _speed(piece: Piece) -> Fraction:
    return (piece.source_end_s - piece.source_start_s) / (piece.presented_end_s - piece.presented_start_s)


def _room(piece: Piece, duration_s: Fraction, *, before: bool) -> Fraction:
    """Presented seconds for which the film goes on before or after a piece, at its speed."""
    speed = _speed(piece)
    if not speed:
        return Fraction(MAX_DURATION_S)
    towards_start = before == (speed > 0)
    at_s = piece.source_start_s if before else piece.source_end_s
    return (at_s if towards_start else duration_s - at_s) / abs(speed)


def _stretched(piece: Piece, before_s: Fraction, after_s: Fraction) -> Piece:
    speed = _speed(piece)
    return Piece(
        piece.source_start_s - before_s * speed,
        piece.source_end_s + after_s * speed,
        piece.presented_start_s - before_s,
        piece.presented_end_s + after_s,
    )


def _within(piece: Piece, duration_s: Fraction, frame_s: Fraction) -> list[Piece]:
    """A piece in which nothing lies beyond the film's end: there its last frame is held."""
    low_s, high_s = sorted((piece.source_start_s, piece.source_end_s))
    if high_s <= duration_s:
        return [piece]
    last_s = max(duration_s - frame_s, _ZERO)
    if low_s >= duration_s:
        return [replace(piece, source_start_s=last_s, source_end_s=last_s)]
    ends_s = piece.presented_start_s + (duration_s - piece.source_start_s) / _speed(piece)
    if piece.source_start_s < piece.source_end_s:
        return [
            replace(piece, source_end_s=duration_s, presented_end_s=ends_s),
            Piece(last_s, last_s, ends_s, piece.presented_end_s),
        ]
    return [
        Piece(last_s, last_s, piece.presented_start_s, ends_s),
        replace(piece, source_start_s=duration_s, presented_start_s=ends_s),
    ]
