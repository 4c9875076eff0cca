"""How source times address the frames of a film: by the file's stamps, or by counting frames."""

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import av

from v2a.errors import MediaError, UsageError
from v2a.media.film import Film, stamp_of

# A stamp that had to be rounded to the file's clock may lie this much after the true time.
_GRACE_S = Fraction(1, 1000)

# Rounded stamps make a film up to this much longer or shorter than its frames are.
_ROUNDED_TICKS = 2
_ROUNDED_S = Fraction(1, 1000)


class Clock(Protocol):
    """rate: frames a second. duration_s: from the first frame's presentation to the last one's end."""

    rate: Fraction
    duration_s: Fraction

    def stamp_at(self, time_s: Fraction) -> int:
        """A stamp that lies in the presentation of the frame shown at a source time."""
        ...

    def begins(self, stamp: int, start_s: Fraction, end_s: Fraction) -> bool:
        """Whether the presentation of the frame with that stamp begins in [start_s, end_s) of source time."""
        ...


def clock_of(film: Film, first_stamp: int, source_rate: Fraction | None) -> Clock:
    """The film's own clock, or one that counts frames at `source_rate`."""
    if source_rate is None:
        return _FileClock(film, first_stamp)
    if source_rate <= 0:
        raise UsageError(f"the source rate must be positive, got {source_rate} frames a second")
    return _CountingClock(_stamps(film, first_stamp), source_rate)


class _FileClock:
    """Times as the file states them."""

    def __init__(self, film: Film, first_stamp: int) -> None:
        self.rate = film.rate
        self.duration_s = _duration_s(film, first_stamp)
        self._tick = film.tick
        self._first_stamp = first_stamp
        # Where frames do not fall on ticks, stamps are rounded: an instant on a frame's boundary belongs to
        # that frame, although its stamp may say that it comes a moment later.
        on_ticks = film.ticks_per_frame.denominator == 1
        self._grace_s = Fraction(0) if on_ticks else min(_GRACE_S, 1 / (4 * film.rate))

    def stamp_at(self, time_s: Fraction) -> int:
        """The last tick at or before a source time."""
        return self._first_stamp + int((time_s + self._grace_s) // self._tick)

    def begins(self, stamp: int, start_s: Fraction, end_s: Fraction) -> bool:
        """See Clock: a rounded stamp may lie a moment before the start, which its frame then begins at."""
        return start_s - self._grace_s <= (stamp - self._first_stamp) * self._tick < end_s - self._grace_s


class _CountingClock:
    """Frame k is shown from k / rate on, whatever its stamp."""

    def __init__(self, stamps: Sequence[int], rate: Fraction) -> None:
        self.rate = rate
        self.duration_s = len(stamps) / rate
        self._stamps = stamps

    def stamp_at(self, time_s: Fraction) -> int:
        """The stamp of the frame counted at a source time; the last one's from the film's end on."""
        return self._stamps[min(int(time_s * self.rate), len(self._stamps) - 1)]

    def begins(self, stamp: int, start_s: Fraction, end_s: Fraction) -> bool:
        """See Clock."""
        return start_s <= bisect_left(self._stamps, stamp) / self.rate < end_s


def _duration_s(film: Film, first_stamp: int) -> Fraction:
    end = _claimed_end(film)
    if end is None or not film.cut_short:
        # Measured at the last packets: headers round, or speak of the sound.
        end = _measured_end(film, None if end is None else int(end - film.ticks_per_frame)) or end
    if end is None or end <= first_stamp:
        raise MediaError(f"{film.path} does not say how long it is, and its end cannot be read")
    return _whole_frames((end - first_stamp) * film.tick, film)


def _claimed_end(film: Film) -> Fraction | None:
    """The end, in ticks, that the headers state."""
    stream, container = film.stream, film.container
    if stream.duration:
        return Fraction((stream.start_time or 0) + stream.duration)
    if container.duration:
        return Fraction((container.start_time or 0) + container.duration, av.time_base) / film.tick
    return None


def _measured_end(film: Film, near: int | None) -> Fraction | None:
    """The end, in ticks, of the last frame, looked for from a stamp near the end, or in the whole film."""
    ends = [
        sent + (Fraction(packet.duration) if packet.duration else film.ticks_per_frame)
        for packet in film.packets(near)
        if (sent := stamp_of(packet)) is not None and not packet.is_discard
    ]
    return max(ends, default=None)


def _whole_frames(duration_s: Fraction, film: Film) -> Fraction:
    """The same duration, freed from the rounding of stamps where whole frames are meant."""
    whole = Fraction(round(duration_s * film.rate)) / film.rate
    rounding_s = min(max(_ROUNDED_TICKS * film.tick, _ROUNDED_S), 1 / (4 * film.rate))
    return whole if whole and abs(whole - duration_s) <= rounding_s else duration_s


def _stamps(film: Film, first_stamp: int) -> Sequence[int]:
    """The presentation stamps of all frames, in order."""
    index = film.stream.index_entries
    if not film.stream.codec_context.has_b_frames and 0 < film.stream.frames == len(index):
        # The index spares reading a scan of many gigabytes; its stamps are those of decoding, here the same.
        stamps = sorted(entry.timestamp for entry in index if not entry.is_discard)
    else:
        sent = (stamp_of(packet) for packet in film.packets() if not packet.is_discard)
        stamps = sorted(stamp for stamp in sent if stamp is not None)
    stamps = [stamp for stamp in stamps if stamp >= first_stamp]
    if not stamps:
        raise MediaError(f"{film.path} holds no frames that can be counted")
    return stamps
