"""From a model's sound to the file that leaves the house, whatever its length: in blocks, by way of the disk."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np

from v2a.audio import Audio, sample_at
from v2a.delivery import labels
from v2a.delivery.growing import GrowingWav
from v2a.delivery.loudness import Meter
from v2a.delivery.resample import resampled
from v2a.delivery.spool import Spool
from v2a.delivery.wav import WavInfo, refuse_too_long, write_wav_blocks
from v2a.errors import GenerationError, UsageError
from v2a.request import Delivery

_CEILING_DBFS = -1.0
_DAY_S = 24 * 60 * 60

# A model's sound comes in tokens; what lies between the last token's end and the range's end is cut or filled
# without a word, anything longer is somebody's mistake.
_TOKEN_S = Fraction(1, 25)

# A file's path, and whom to tell how much of it there is.
Growing: TypeAlias = tuple[Path, Callable[[int], None]]


@dataclass(frozen=True)
class Delivered:
    """What was written.

    n_samples: a channel. loudness_lufs, peak_dbfs: of the file; None where there is too little sound to
    measure, or none at all. warnings: what was changed and the user should know.
    """

    sha256: str
    size_bytes: int
    n_samples: int
    loudness_lufs: float | None
    peak_dbfs: float | None
    warnings: tuple[str, ...]


def deliver(
    sound: Iterable[Audio],
    path: Path,
    delivery: Delivery,
    *,
    start_s: Fraction,
    end_s: Fraction,
    origin: labels.Origin,
    growing: Growing | None = None,
) -> Delivered:
    """Write a model's sound for the presented range [start_s, end_s) as a broadcast WAV, whole or not at all.

    sound begins at start_s and comes in blocks, of which few are held at once; meanwhile it lies on the disk of
    `path`. The file has sample_at(end_s) − sample_at(start_s) samples at delivery.rate_hz. Its level is left alone,
    unless a loudness was asked for or a sample would rise above −1 dBFS.
    growing: a second file, of the same format and length, that can be heard while the sound comes in: at the level at
    which it comes in, and without its loudness, which nobody knows yet.

    Raises GenerationError for a sound that is no sound (not finite, or of the wrong length), UsageError for
    an empty range or one that WAV cannot hold, StorageError where `path` cannot be written, MissingExtraError
    where the `server` extra is not installed.
    """
    if end_s <= start_s:
        raise UsageError("the range to deliver is empty")
    n_samples = sample_at(end_s, delivery.rate_hz) - sample_at(start_s, delivery.rate_hz)
    info = WavInfo(delivery.rate_hz, delivery.channels, n_samples, delivery.bit_depth)
    refuse_too_long(path, info)
    warnings: list[str] = []
    time_reference = sample_at((delivery.timecode_origin_s + start_s) % _DAY_S, delivery.rate_hz)
    ixml = labels.ixml(delivery, origin, time_reference)
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(path, delivery.rate_hz, delivery.channels, n_samples))
        heard = None
        if growing:
            bext = labels.bext("growing", delivery, origin, time_reference, None)
            heard = stack.enter_context(GrowingWav(*growing, info, bext, ixml))
        for block in resampled(_with_channels(_checked(sound), delivery.channels, warnings), delivery.rate_hz):
            spool.add(block.samples)
            if heard:
                heard.add(block.samples)
        _fit(spool, info, warnings)
        if heard:
            heard.fill()
        gain_db = _gain_db(spool.meter, delivery.loudness_lufs, warnings)
        loudness = spool.meter.loudness_lufs(gain_db)
        sha256 = write_wav_blocks(
            path,
            info,
            spool.blocks(gain_db),
            labels.bext(f"{spool.sha256()}{gain_db}", delivery, origin, time_reference, loudness),
            ixml,
        )
        return Delivered(
            sha256=sha256,
            size_bytes=path.stat().st_size,
            n_samples=n_samples,
            loudness_lufs=loudness,
            peak_dbfs=spool.meter.peak_dbfs(gain_db),
            warnings=tuple(warnings),
        )


def _checked(sound: Iterable[Audio]) -> Iterator[Audio]:
    for block in sound:
        if not np.isfinite(block.samples).all():
            raise GenerationError("the model made values that are no sound (not finite): try another seed or guidance")
        yield block


def _with_channels(sound: Iterable[Audio], channels: int, warnings: list[str]) -> Iterator[Audio]:
    said = ""
    for block in sound:
        samples, made = block.samples, block.samples.shape[0]
        if made != channels and channels == 1:
            said = f"the model makes {made} channels: they were mixed to mono"
            samples = samples.mean(axis=0, keepdims=True, dtype=np.float32)
        elif made != channels and made == 1:
            said = "the model makes mono: both channels hold the same sound"
            samples = np.repeat(samples, channels, axis=0)
        elif made != channels:
            raise GenerationError(f"the model made {made} channels, which cannot be delivered as {channels}")
        yield Audio(samples, block.rate_hz)
    if said:
        warnings.append(said)


def _fit(spool: Spool, info: WavInfo, warnings: list[str]) -> None:
    """Make the sound as long as the file is to be."""
    token, over = int(_TOKEN_S * info.rate_hz), spool.n_given - info.n_samples
    if over < -token:
        raise GenerationError(
            f"the model made {spool.n_given / info.rate_hz:.3f} s of sound "
            f"for {info.n_samples / info.rate_hz:.3f} s of picture"
        )
    if over > token:
        warnings.append(f"the model made {over / info.rate_hz:.3f} s too much sound: its end was cut")
    spool.fill()


def _gain_db(meter: Meter, wanted_lufs: float | None, warnings: list[str]) -> float:
    """What leads to the wanted loudness, if any, and never above the ceiling."""
    gain_db = 0.0
    if wanted_lufs is not None:
        loudness = meter.loudness_lufs()
        if loudness is None:
            warnings.append("there is too little sound to measure its loudness: the level was left alone")
        else:
            gain_db = wanted_lufs - loudness
    peak = meter.peak_dbfs(gain_db)
    if peak is not None and peak > _CEILING_DBFS:
        gain_db -= peak - _CEILING_DBFS
        warnings.append(
            f"lowered by {peak - _CEILING_DBFS:.1f} dB, so that no sample rises above {_CEILING_DBFS:g} dBFS"
        )
    return gain_db
