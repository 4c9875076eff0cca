"""What makes two films, or two stretches of film, the same: their packets, without decoding them."""

import hashlib
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from v2a.errors import MediaError
from v2a.media.clock import Clock
from v2a.media.film import Film, stamp_of
from v2a.media.probe import survey
from v2a.media.source import VideoInfo, check_range, seconds


def source_digest(path: Path, start_s: Fraction, end_s: Fraction, source_rate: Fraction | None = None) -> str:
    """Hex SHA-256 of the frames of [start_s, end_s), as packets with their times, and of the codec.

    The same film in another place, or with other sound or tags, has the same digest. Nothing is decoded but
    the first frame, and nothing is read but the range and the way to it. Times are source seconds; where both
    are the same, the range is one frame long (a held frame).

    Raises UsageError for a range outside the film, MediaError where the file ends before the range does, and
    otherwise as `probe` does.
    """
    info, clock = _survey(path, source_rate)
    if end_s == start_s:
        end_s = min(start_s + 1 / clock.rate, info.duration_s)
    check_range(info, start_s, end_s)
    first = clock.stamp_at(start_s)
    # A frame that begins where the range ends is not in it, even if its stamp was rounded down.
    last = clock.stamp_at(end_s - 1 / (8 * clock.rate))
    with Film(path, source_rate) as film:
        packets = _packets_up_to(film, first, last)
        shown = max((stamp for stamp, _ in packets if stamp <= first), default=first)
        reached = max((stamp for stamp, _ in packets), default=shown)
        if film.cut_short and reached + 2 * film.ticks_per_frame < last:
            raise MediaError(
                f"{path} is cut short: it says that it is {seconds(info.duration_s)} s long, but the frames "
                f"up to {seconds(end_s)} s are not there. Copy or export it again, or ask for an earlier "
                "range"
            )
        context = film.stream.codec_context
        parameters = (
            context.codec.canonical_name,
            context.width,
            context.height,
            str(film.tick),
            str(clock.rate),
        )
    digest = hashlib.sha256(repr(parameters).encode())
    digest.update(context.extradata or b"")
    for stamp, content in packets:
        if stamp >= shown:
            digest.update(f"{stamp - shown}:".encode())
            digest.update(content)
    return digest.hexdigest()


def _survey(path: Path, source_rate: Fraction | None) -> tuple[VideoInfo, Clock]:
    """As `survey`, but a reel that hundreds of ranges are taken from is surveyed once, as long as it stays as it is."""
    try:
        found = path.stat()
    except OSError:
        return survey(path, source_rate)  # which says what is wrong
    return _remembered(path, source_rate, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=64)
def _remembered(path: Path, source_rate: Fraction | None, state: tuple[int, int, int, int]) -> tuple[VideoInfo, Clock]:
    return survey(path, source_rate)


def _packets_up_to(film: Film, first: int, last: int) -> list[tuple[int, bytes]]:
    """(stamp, SHA-256) of the packets from the key frame before `first` to the last one shown by `last`."""
    packets = []
    for packet in film.packets(first):
        stamp = stamp_of(packet)
        if stamp is None or not packet.size:
            continue
        if packet.dts is not None and packet.dts > last:
            break  # what is decoded later is presented later too
        if stamp <= last:
            packets.append((stamp, hashlib.sha256(packet).digest()))
    return packets


def picture_digest(path: Path) -> str:
    """Hex SHA-256 of the bytes of all picture packets, in order: equal where the picture was copied.

    Raises NotFoundError and MediaError as `probe` does.
    """
    digest = hashlib.sha256()
    with Film(path, source_rate=Fraction(1)) as film:
        for packet in film.packets():
            digest.update(packet)
    return digest.hexdigest()
