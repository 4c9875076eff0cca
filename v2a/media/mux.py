"""Films with new sound: the picture is copied, never encoded again."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from v2a.audio import sample_at
from v2a.errors import MediaError, UsageError
from v2a.media.cursor import FrameCursor, stamp
from v2a.media.film import Film, open_container, reading
from v2a.output import whole_file

# An encoder's lead-in comes before the first sample that is heard, and stays with the sound. Sound that
# begins earlier than that before the picture is left out, since not every container can start below zero.
_LEAD_IN_S = Fraction(1, 10)

# Whatever FFmpeg can copy, one of these holds.
_ANYTHING = (".mov", ".mkv")

_NOTE = "Contains AI-generated (synthetic) sound, made with V2A Studio."


@dataclass(frozen=True)
class _Sound:
    path: Path
    container: InputContainer


@dataclass(frozen=True)
class _Container:
    """What a kind of file wants: FFmpeg's name of it, and how its sound is encoded.

    edit_lists: whether it can hide frames that are there only for others to be decoded.
    """

    format: str
    edit_lists: bool
    codec: str
    sample_format: str
    rate_hz: int | None = None  # None: the sound's own
    bit_rate: int | None = None


_CONTAINERS = {
    ".mp4": _Container("mp4", True, "aac", "fltp", bit_rate=256_000),
    ".m4v": _Container("mp4", True, "aac", "fltp", bit_rate=256_000),
    ".mov": _Container("mov", True, "pcm_s24le", "s32"),
    ".mkv": _Container("matroska", False, "pcm_s24le", "s32"),
    ".webm": _Container("webm", False, "libopus", "flt", rate_hz=48_000, bit_rate=192_000),
}

# The endings that a film's name may have, for checks before any work.
FILM_SUFFIXES = tuple(_CONTAINERS)


def mux(
    film: Path,
    sounds: Sequence[Path],
    out: Path,
    *,
    keep_sound: bool = False,
    at_s: Fraction = Fraction(0),
) -> None:
    """Write a film with new sound and the picture packets of `film`, byte for byte.

    (A transport stream's H.264 packets are framed anew for MP4, MOV and MKV: the same pictures in other bytes.)

    The container follows from the suffix of `out`: .mp4 or .m4v (AAC), .mov or .mkv (24-bit PCM), .webm
    (Opus). Each sound becomes a stream of its own, in order; it starts at source time at_s (seconds, 0 or
    later). The film's own sound is left out, or kept, as it is, behind the new. The new film's time 0 is its
    first frame. Chapters, subtitles and data streams are left out.

    Raises UsageError for another suffix or at_s < 0, NotFoundError and MediaError for inputs that cannot be
    read or do not fit into the container, StorageError where `out` cannot be written.
    """
    kind = _CONTAINERS.get(out.suffix.lower())
    if kind is None:
        raise UsageError(f"{out.name}: a film is written as {', '.join(_CONTAINERS)}; choose one of these endings")
    if at_s < 0:
        raise UsageError("the sound cannot start before the film's first frame")
    with ExitStack() as stack:
        source = stack.enter_context(Film(film, source_rate=Fraction(1)))
        if source.cut_short:
            raise MediaError(f"{film} is cut short: its last frames are not there. Copy or export it again")
        start_s = stamp(FrameCursor(source).frame_at_start()) * source.tick
        new = [_Sound(path, stack.enter_context(open_container(path))) for path in sounds]
        own = stack.enter_context(open_container(film)) if keep_sound else None
        part = stack.enter_context(whole_file(out))
        # Edit lists count in this clock: milliseconds, the default, would move the sound by up to one.
        options = {"movie_timescale": "48000"} if kind.edit_lists else {}
        with av.open(f"file:{part.absolute()}", "w", format=kind.format, options=options) as target:
            try:
                flows = [_copied_picture(target, kind, source, start_s)]
                flows += [_encoded(target, kind, sound, at_s) for sound in new]
                if own is not None:
                    flows.append(_copied_sound(target, film, own, start_s))
                target.metadata["comment"] = _NOTE
                target.start_encoding()
            except (av.ArgumentError, av.InvalidDataError, ValueError) as error:
                raise MediaError(
                    f"the picture or sound of {film} does not fit into a {out.suffix} file: "
                    f"write {' or '.join(suffix for suffix in _ANYTHING if suffix != out.suffix)}"
                ) from error
            _write(target, flows, out)


def _write(target: OutputContainer, flows: "Sequence[Iterator[Packet[Any]]]", out: Path) -> None:
    """Write packets of all streams in the order of their decoding times."""
    try:
        for packet in heapq.merge(*flows, key=_decoded_at_s):
            target.mux(packet)
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise  # a full disk and the like
        raise MediaError(f"{out.name} cannot be written: {error.strerror}") from error


def _decoded_at_s(packet: "Packet[Any]") -> Fraction:
    return cast(int, packet.dts) * Fraction(packet.time_base)


def _copied_picture(
    target: OutputContainer, kind: _Container, film: Film, start_s: Fraction
) -> "Iterator[Packet[Any]]":
    """Add a stream for the film's picture; give its packets, with time 0 at the first frame."""
    packets = film.packets()
    stream = target.add_stream_from_template(film.stream, opaque=True)
    stream.time_base = film.tick
    stream.metadata.update(_kept_tags(film.stream))
    return _moved(_ready(packets, kind, film), stream, start_s)


def _ready(packets: "Iterable[Packet[Any]]", kind: _Container, film: Film) -> "Iterator[Packet[Any]]":
    """Count back the decoding times of the first packets, which some containers do not store."""
    waiting: list[Packet[Any]] = []
    step = max(1, round(film.ticks_per_frame))
    for packet in packets:
        if not packet.size:
            continue
        if packet.is_discard and not kind.edit_lists:
            raise MediaError(
                f"{film.path} begins with frames that its edit list hides, which a {kind.format} file "
                "cannot: write .mov or .mp4"
            )
        waiting.append(packet)
        if packet.dts is not None:
            for back, earlier in enumerate(reversed(waiting)):
                earlier.dts = packet.dts - back * step
            yield from waiting
            waiting.clear()


def _copied_sound(
    target: OutputContainer, film: Path, container: InputContainer, start_s: Fraction
) -> "Iterator[Packet[Any]]":
    """Add streams for the film's own sound; give its packets as they are."""
    streams = {}
    for own in container.streams.audio:
        streams[own.index] = target.add_stream_from_template(own, opaque=True)
        streams[own.index].metadata.update(_kept_tags(own))

    def flow() -> "Iterator[Packet[Any]]":
        with reading(film):
            for packet in container.demux(*container.streams.audio):
                if packet.size and packet.dts is not None and _decoded_at_s(packet) >= start_s - _LEAD_IN_S:
                    yield from _moved([packet], streams[packet.stream_index], start_s)

    return flow() if streams else iter(())


def _moved(packets: "Iterable[Packet[Any]]", stream: Stream, start_s: Fraction) -> "Iterator[Packet[Any]]":
    """The packets, handed to another stream, start_s earlier."""
    for packet in packets:
        earlier = round(start_s / Fraction(packet.time_base))
        if packet.pts is not None:
            packet.pts -= earlier
        if packet.dts is not None:
            packet.dts -= earlier
        packet.stream = stream
        yield packet


def _encoded(target: OutputContainer, kind: _Container, sound: _Sound, at_s: Fraction) -> "Iterator[Packet[Any]]":
    """Add a stream for a new sound; give its packets."""
    if not sound.container.streams.audio:
        raise MediaError(f"{sound.path} has no sound")
    source = sound.container.streams.audio[0]
    rate_hz = kind.rate_hz or source.codec_context.sample_rate
    # A plain WAV counts its channels without naming them.
    layout = {1: "mono", 2: "stereo"}.get(source.codec_context.channels, source.codec_context.layout)
    stream = cast(AudioStream, target.add_stream(kind.codec, rate=rate_hz))
    stream.codec_context.layout = layout
    stream.codec_context.format = kind.sample_format
    if kind.bit_rate:
        stream.codec_context.bit_rate = kind.bit_rate
    stream.metadata["title"] = sound.path.stem

    def flow() -> "Iterator[Packet[Any]]":
        resampler = AudioResampler(kind.sample_format, layout, rate_hz)
        position = sample_at(at_s, rate_hz)
        with reading(sound.path):
            for frame in chain(sound.container.decode(source), [None]):
                for samples in resampler.resample(frame):
                    samples.pts, samples.time_base = position, Fraction(1, rate_hz)
                    position += samples.samples
                    yield from stream.encode(samples)
            yield from stream.encode(None)

    return flow()


def _kept_tags(stream: Stream) -> dict[str, str]:
    return {tag: stream.metadata[tag] for tag in ("language", "timecode", "title") if tag in stream.metadata}
