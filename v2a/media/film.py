"""An opened film: its container and the one picture stream that is read.

Stamps are presentation times in whole ticks of the stream's clock, as the file counts them; they need not
begin at zero.
"""

import logging
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from v2a.errors import MediaError, NotFoundError

_log = logging.getLogger(__name__)

# Playlists, image sequences, devices and concatenation scripts make FFmpeg open further files and addresses
# that nobody asked for; so only real containers are tried, and only plain files are opened.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mxf,ogg,flv,dv,wav,flac,mp3"
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}

# A picture decodes to some three bytes a pixel: more than this is a mistake or an attack.
MAX_PIXELS = 36_000_000
_MAX_RATE = 1000

# Files store 29.97 as 2997/100 or 19001/634: within this, the exact rate is meant.
_RATE_TOLERANCE = Fraction(1, 100_000)

# The mean rate of a short film is off by the rounding of its stamps: within this, the regular rate is meant.
_MEAN_TOLERANCE = Fraction(1, 200)


class Film:
    """A film opened for reading; a context manager.

    stream: the picture. tick: seconds a tick. rate: frames a second.

    Raises NotFoundError for a missing file; MediaError for a file that is no film, has no picture or a
    picture that cannot be decoded; MediaError where the rate is unknown and no `source_rate` stands in for
    it.
    """

    def __init__(self, path: Path, source_rate: Fraction | None = None) -> None:
        self.path = path
        self.container, self.stream = self._open()
        self.tick = Fraction(cast(Fraction, self.stream.time_base))  # `_picture` takes no stream without
        rate = frame_rate(self.stream) or source_rate
        if rate is None:
            self.close()
            raise MediaError(f"{path} does not say how many frames a second it has: give its rate")
        self.rate = rate
        self._fresh = True

    @property
    def ticks_per_frame(self) -> Fraction:
        """A frame's usual duration in ticks."""
        return 1 / (self.rate * self.tick)

    @property
    def cut_short(self) -> bool:
        """Whether the file's own index points beyond the file's end."""
        entries = self.stream.index_entries
        if not len(entries):
            return False
        last = entries[len(entries) - 1]
        return bool(last.pos + last.size > self.path.stat().st_size)

    def packets(self, stamp: int | None = None) -> "Iterator[Packet[VideoStream]]":
        """The picture's packets in decoding order, to the end of the film.

        They begin with a key frame that is presented at or before `stamp`, or at the beginning of the film
        where there is none, or where `stamp` is None. The last one is empty: it flushes the decoder. Only one
        such iteration can go on at a time.
        """
        if stamp is not None:
            step = back = int(1 / self.tick)
            target = stamp
            beginning = self.stream.start_time or 0
            while target > beginning:
                key = self._key_packet_near(target)
                if key is not None and (shown := stamp_of(key)) is not None and shown <= stamp:
                    return chain([key], self._demux())
                # Containers seek by decoding time, or roughly: go further back until a key frame is early
                # enough.
                target = stamp - back
                back += step
                step *= 2
        self._rewind()
        return self._demux()

    def _key_packet_near(self, target: int) -> "Packet[VideoStream] | None":
        try:
            self.container.seek(target, stream=self.stream, backward=True)
        except av.FFmpegError:
            return None
        self._fresh = False
        return next((packet for packet in self._demux() if packet.is_keyframe and packet.size), None)

    def _demux(self) -> "Iterator[Packet[VideoStream]]":
        self._fresh = False
        with reading(self.path):
            try:
                for packet in self.container.demux(self.stream):
                    # An empty packet in the middle (a dropped frame in AVI) would end decoding for good.
                    if packet.size or packet.dts is None:
                        yield packet
            except av.InvalidDataError as error:
                # What is missing shows where a frame is asked for that was not found.
                _log.warning("%s: reading stopped at damaged data: %s", self.path, error)

    def _rewind(self) -> None:
        # Opening again is the one way back that every container has.
        if not self._fresh:
            self.container.close()
            self.container, self.stream = self._open()
            self._fresh = True

    def _open(self) -> tuple[InputContainer, VideoStream]:
        container = open_container(self.path)
        try:
            with reading(self.path):
                return container, _picture(container, self.path)
        except MediaError:
            container.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_container(path: Path) -> InputContainer:
    """Open a media file, and nothing that it refers to.

    Raises NotFoundError for a missing file, MediaError for a folder, an empty file, or one that is no medium.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        raise MediaError(f"{path} cannot be read: {error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(f"{path} is a folder, not a film")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{path} is not a plain file")
    if status.st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes): copy or export it again")
    with reading(path):
        try:
            # `file:` keeps a path such as `concat:a.mp4` from being taken for an address.
            return av.open(f"file:{path.absolute()}", "r", options=dict(_OPTIONS), metadata_errors="replace")
        except (av.InvalidDataError, av.ArgumentError) as error:
            raise MediaError(_why_not_opened(path)) from error


def _why_not_opened(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"moov", b"wide", b"free"):
        return (
            f"{path} has no readable index (moov): it is cut short or damaged, or was not closed by the "
            "program that wrote it. Copy or export it again"
        )
    return f"{path} is not a film, or is damaged beyond reading"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn failures of FFmpeg and of the file system while reading `path` into MediaError."""
    try:
        yield
    except PermissionError as error:
        raise MediaError(f"{path} cannot be read: no permission") from error
    except av.FFmpegError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror or error}") from error


def _picture(container: InputContainer, path: Path) -> VideoStream:
    """The film's picture: the first video stream that is not a cover image."""
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams:
        raise MediaError(f"{path} has no picture: give a film")
    stream = streams[0]
    # A stream that FFmpeg has no decoder for has no codec context, whatever the type says.
    context = getattr(stream, "codec_context", None)
    if context is None or stream.time_base is None:
        raise MediaError(f"{path} has a picture in a format that cannot be decoded here")
    if context.width <= 0 or context.height <= 0:
        raise MediaError(f"{path} has a picture that cannot be decoded: its size is unknown")
    if context.width * context.height > MAX_PIXELS:
        raise MediaError(
            f"{path} has pictures of {context.width} × {context.height}; at most {MAX_PIXELS:,} pixels are read"
        )
    context.thread_type = "AUTO"
    return stream


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Frames a second that a stream states, exact; None where it states none or nonsense.

    The one place that reads rates: the library gives None, 0 or a fraction for what a file does not say.
    """
    mean, *others = (_stated(rate) for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate))
    if mean is None:
        return next((rate for rate in others if rate is not None), None)
    regular = others[0]
    if mean not in _usual_near(mean) and regular is not None and abs(regular - mean) <= _MEAN_TOLERANCE * mean:
        return regular
    return mean


def _stated(rate: Fraction | None) -> Fraction | None:
    if not rate:
        return None
    exact = Fraction(rate.numerator, rate.denominator)
    if not 0 < exact <= _MAX_RATE:
        return None
    return next((usual for usual in _usual_near(exact) if abs(exact - usual) <= _RATE_TOLERANCE * usual), exact)


def _usual_near(rate: Fraction) -> tuple[Fraction, Fraction]:
    """The whole rate and the NTSC rate next to a rate."""
    return Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)


def stamp_of(packet: "Packet[Any]") -> int | None:
    """A packet's presentation stamp; its decoding stamp in containers that store no other."""
    return packet.dts if packet.pts is None else packet.pts
