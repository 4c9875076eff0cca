"""A place in a film that moves forward by decoding, and elsewhere by seeking."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import cast

from av.video.frame import VideoFrame

from v2a.errors import MediaError
from v2a.media.film import Film, reading, stamp_of
from v2a.media.source import seconds

_log = logging.getLogger(__name__)

# Decoding on is cheaper than seeking when the wanted frame is this near.
_NEAR_S = 5

# One frame that cannot be decoded is bridged by the one before; a longer hole is an error.
_BRIDGED_FRAMES = Fraction(3, 2)


class FrameCursor:
    """The frames of a film by stamp. Holds two frames at most, whatever the film's length."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._shown: VideoFrame | None = None
        self._next: VideoFrame | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._undecoded: list[int] = []
        self._first_stamp = stamp(self._enter(None))

    def frame_at_start(self) -> VideoFrame:
        """The first frame."""
        return self.frame_at(self._first_stamp)

    def frame_at(self, wanted: int) -> VideoFrame:
        """The frame that is shown at a stamp: the last one presented at or before it.

        A stamp before the first frame gives the first frame.

        Raises MediaError where that frame cannot be read.
        """
        near = int(_NEAR_S / self._film.tick)
        shown = self._shown
        if shown is None or not stamp(shown) <= wanted <= stamp(shown) + near:
            shown = self._enter(None if wanted <= self._first_stamp else wanted)
        while self._next is not None and stamp(self._next) <= wanted:
            shown = self._advance(self._next)
        self._refuse_hole(shown, wanted)
        return shown

    @property
    def upcoming(self) -> VideoFrame | None:
        """The frame after the one that `frame_at` gave last; None where that was the last one."""
        return self._next

    def _enter(self, wanted: int | None) -> VideoFrame:
        """Start to decode at the key frame before a stamp, or at the beginning."""
        self._undecoded = []
        self._frames = self._decode(wanted)
        first = next(self._frames, None)
        if first is None:
            raise MediaError(f"{self._film.path} holds no picture that can be decoded")
        return self._advance(first)

    def _advance(self, shown: VideoFrame) -> VideoFrame:
        self._shown = shown
        self._next = next(self._frames, None)
        self._undecoded = [sent for sent in self._undecoded if sent > stamp(shown)]
        return shown

    def _decode(self, wanted: int | None) -> Iterator[VideoFrame]:
        """Frames in order of presentation, from the key frame entered at."""
        last: int | None = None
        for packet in self._film.packets(wanted):
            sent = stamp_of(packet)
            if last is None and sent is not None and wanted is not None:
                # Frames that lean on pictures before the key frame come out damaged: they are not taken.
                last = sent - 1
            if sent is not None and not packet.is_discard:
                self._undecoded.append(sent)
            try:
                with reading(self._film.path):
                    frames = packet.decode()
            except MediaError as error:
                _log.debug("%s: a packet cannot be decoded: %s", self._film.path, error)
                continue
            for frame in frames:
                if frame.pts is None:
                    frame.pts = 0 if last is None else last + max(1, round(self._film.ticks_per_frame))
                if frame.pts in self._undecoded:
                    self._undecoded.remove(frame.pts)
                if last is None or frame.pts > last:
                    last = frame.pts
                    yield frame

    def _refuse_hole(self, shown: VideoFrame, wanted: int) -> None:
        bridged = _BRIDGED_FRAMES * self._film.ticks_per_frame
        if wanted <= stamp(shown) + bridged:
            return
        if self._next is None:
            lost = wanted > stamp(shown) + (shown.duration or 0) + bridged
        else:
            lost = sum(stamp(shown) < sent <= wanted for sent in self._undecoded) > 1
        if lost:
            at_s = (stamp(shown) - self._first_stamp) * self._film.tick
            raise MediaError(
                f"{self._film.path} is damaged or cut short: no frame can be read after {seconds(at_s)} s. "
                "Copy or export it again, or ask for a range before that"
            )


def stamp(frame: VideoFrame) -> int:
    """A decoded frame's presentation stamp, which the cursor has made sure of."""
    return cast(int, frame.pts)
