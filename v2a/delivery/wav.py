"""Broadcast WAV files (EBU Tech 3285), written and read by hand.

A file holds `fmt `, `bext`, `iXML` and `data`, in this order. No time of day is written anywhere: the same
sound with the same description has the same bytes, whenever it is written.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from v2a.audio import Audio
from v2a.delivery.bext import Bext
from v2a.errors import MediaError, NotFoundError, UsageError
from v2a.output import whole_file

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MAX_SIZE = 2**32 - 1
_MAX_HEAD = 1 << 16  # more than all that stands before the samples
_BLOCK = 1 << 18  # samples a channel that are converted at once


@dataclass(frozen=True)
class WavInfo:
    """How a WAV file holds its sound. n_samples: a channel."""

    rate_hz: int
    channels: int
    n_samples: int
    bit_depth: int

    @property
    def frame_bytes(self) -> int:
        """One sample of all channels."""
        return self.channels * self.bit_depth // 8

    @property
    def data_bytes(self) -> int:
        """All samples."""
        return self.n_samples * self.frame_bytes


def write_wav(
    path: Path,
    audio: Audio,
    bit_depth: Literal[16, 24] = 24,
    bext: Bext | None = None,
    ixml: str | None = None,
) -> None:
    """Write PCM, whole or not at all.

    Samples are rounded to the nearest step, halves to even; those beyond ±1 clip.

    Raises UsageError for a file of more than 4 GiB, which WAV cannot hold, and StorageError where `path`
    cannot be written.
    """
    blocks = (audio.samples[:, start : start + _BLOCK] for start in range(0, audio.n_samples, _BLOCK))
    write_wav_blocks(
        path, WavInfo(audio.rate_hz, audio.samples.shape[0], audio.n_samples, bit_depth), blocks, bext, ixml
    )


def write_wav_blocks(
    path: Path,
    info: WavInfo,
    blocks: Iterable[npt.NDArray[np.float32]],
    bext: Bext | None = None,
    ixml: str | None = None,
) -> str:
    """Write info.n_samples samples that come in blocks (channels, n) as `write_wav` does; hex SHA-256 of the file."""
    refuse_too_long(path, info)
    digest = hashlib.sha256()
    with whole_file(path) as part, part.open("wb") as file:

        def write(content: bytes) -> None:
            digest.update(content)
            file.write(content)

        write(head(info, bext, ixml))
        n_written = 0
        for block in blocks:
            write(encode(block, info.bit_depth))
            n_written += block.shape[1]
        if n_written != info.n_samples:
            raise ValueError(f"{n_written} samples came for {info.n_samples}")
        write(b"\0" * (info.data_bytes % 2))
    return digest.hexdigest()


def head(info: WavInfo, bext: Bext | None = None, ixml: str | None = None) -> bytes:
    """All that stands before the samples."""
    byte_rate = info.rate_hz * info.frame_bytes
    chunks = _chunk(
        b"fmt ",
        struct.pack("<HHIIHH", _PCM, info.channels, info.rate_hz, byte_rate, info.frame_bytes, info.bit_depth),
    )
    if bext is not None:
        chunks += _chunk(b"bext", bext.pack())
    if ixml is not None:
        chunks += _chunk(b"iXML", ixml.encode())
    riff_bytes = 4 + len(chunks) + 8 + info.data_bytes + info.data_bytes % 2
    return b"RIFF" + struct.pack("<I", riff_bytes) + b"WAVE" + chunks + b"data" + struct.pack("<I", info.data_bytes)


def refuse_too_long(path: Path, info: WavInfo) -> None:
    """Raise UsageError where a file would have more than the 4 GiB that WAV can hold."""
    size = info.n_samples * info.frame_bytes + _MAX_HEAD
    if size > _MAX_SIZE:
        raise UsageError(
            f"{path.name} would have {size / 2**30:.1f} GiB, and a WAV file holds at most 4: ask for a "
            "shorter range, or for fewer channels, bits or hertz"
        )


def read_wav(path: Path) -> Audio:
    """Read 16-, 24- or 32-bit PCM or 32-bit float.

    Raises NotFoundError for a missing file, MediaError for one that is no such WAV, or is cut short.
    """
    with _open(path) as file:
        info, is_float, data = _layout(path, file)
        file.seek(data.start)
        content = file.read(len(data))
    interleaved = _decode(content, info.bit_depth, is_float)
    return Audio(np.ascontiguousarray(interleaved.reshape(-1, info.channels).T), info.rate_hz)


def wav_blocks(path: Path) -> Iterator[Audio]:
    """The sound of a WAV file in blocks of a few seconds. Raises as `read_wav` does."""
    with _open(path) as file:
        info, is_float, data = _layout(path, file)
        file.seek(data.start)
        for start in range(0, info.n_samples, _BLOCK):
            content = file.read(min(_BLOCK, info.n_samples - start) * info.frame_bytes)
            interleaved = _decode(content, info.bit_depth, is_float)
            yield Audio(np.ascontiguousarray(interleaved.reshape(-1, info.channels).T), info.rate_hz)


def wav_info(path: Path) -> WavInfo:
    """How a WAV file holds its sound, without reading it. Raises as `read_wav` does."""
    with _open(path) as file:
        return _layout(path, file)[0]


def read_bext(path: Path) -> Bext | None:
    """The broadcast extension of a WAV file, or None where it has none. Raises as `read_wav` does."""
    content = _read_chunk(path, b"bext")
    return None if content is None else Bext.unpack(content)


def read_ixml(path: Path) -> str | None:
    """The iXML text of a WAV file, or None where it has none. Raises as `read_wav` does."""
    content = _read_chunk(path, b"iXML")
    return None if content is None else content.decode(errors="replace").rstrip("\0")


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def encode(samples: npt.NDArray[np.float32], bit_depth: int) -> bytes:
    """(channels, n) → interleaved little-endian PCM, rounded to the nearest step; samples beyond ±1 clip."""
    full = 1 << (bit_depth - 1)
    steps = np.clip(np.rint(samples.T.astype(np.float64) * full), -full, full - 1)
    if bit_depth == 16:
        return steps.astype("<i2").tobytes()
    return np.ascontiguousarray(steps).astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()


def _decode(content: bytes, bit_depth: int, is_float: bool) -> npt.NDArray[np.float32]:
    """Interleaved little-endian samples → float32, full scale at ±1."""
    if is_float:
        return np.frombuffer(content, "<f4").astype(np.float32)
    if bit_depth == 24:
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        content, bit_depth = wide.tobytes(), 32
    steps = np.frombuffer(content, f"<i{bit_depth // 8}")
    return (steps / float(1 << (bit_depth - 1))).astype(np.float32)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path} does not exist") from error
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error


def _read_chunk(path: Path, wanted: bytes) -> bytes | None:
    with _open(path) as file:
        for name, content in _chunks(path, file):
            if name == wanted:
                file.seek(content.start)
                return file.read(len(content))
    return None


def _chunks(path: Path, file: BinaryIO) -> Iterator[tuple[bytes, range]]:
    """Name and place, in bytes, of each chunk."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise MediaError(f"{path} is not a WAV file")
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        content = range(at + 8, at + 8 + length)
        if content.stop > size:
            raise MediaError(f"{path} is cut short: copy or write it again")
        yield name, content
        at = content.stop + length % 2


def _layout(path: Path, file: BinaryIO) -> tuple[WavInfo, bool, range]:
    """The format, whether samples are floats, and the place of the samples."""
    form: tuple[int, ...] | None = None
    for name, content in _chunks(path, file):
        if name == b"fmt " and len(content) >= 16:
            file.seek(content.start)
            raw = file.read(min(len(content), 26))
            form = struct.unpack("<HHIIHH", raw[:16])
            if form[0] == _EXTENSIBLE and len(raw) == 26:
                form = (struct.unpack("<H", raw[24:])[0], *form[1:])
        elif name == b"data":
            if form is None:
                break
            kind, channels, rate_hz, _, frame_bytes, bit_depth = form
            known = (kind == _PCM and bit_depth in (16, 24, 32)) or (kind == _FLOAT and bit_depth == 32)
            if not known or not channels or not rate_hz or frame_bytes != channels * bit_depth // 8:
                raise MediaError(f"{path} is a WAV of a kind that is not read here: write it as 16- or 24-bit PCM")
            n_samples = len(content) // frame_bytes
            data = range(content.start, content.start + n_samples * frame_bytes)
            return WavInfo(rate_hz, channels, n_samples, bit_depth), kind == _FLOAT, data
    raise MediaError(f"{path} is a WAV file without sound")
