"""From a model's sound to the file that leaves the house."""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from v2a.audio import Audio, sample_at
from v2a.delivery.bext import Bext
from v2a.delivery.loudness import loudness_lufs, peak_dbfs
from v2a.delivery.resample import resample, with_length
from v2a.delivery.wav import write_wav
from v2a.errors import GenerationError, UsageError
from v2a.request import Delivery
from v2a.version import __version__

_CEILING_DBFS = -1.0
_DAY_S = 24 * 60 * 60

# A model's sound comes in tokens; what lies between the last token's end and the range's end is cut or filled
# without a word, anything longer is somebody's mistake.
_TOKEN_S = Fraction(1, 25)


@dataclass(frozen=True)
class Origin:
    """Who made a sound: written into the file. model_digest: hex SHA-256. take: 0-based."""

    model: str
    model_digest: str
    licence: str
    layer: str
    seed: int
    take: int


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
    audio: Audio, path: Path, delivery: Delivery, *, start_s: Fraction, end_s: Fraction, origin: Origin
) -> Delivered:
    """Write a model's sound for the presented range [start_s, end_s) as a broadcast WAV, whole or not at all.

    audio begins at start_s. The file has sample_at(end_s) − sample_at(start_s) samples at delivery.rate_hz.
    Its level is left alone, unless a loudness was asked for or a sample would rise above −1 dBFS.

    Raises GenerationError for a sound that is no sound (not finite, or of the wrong length), UsageError for
    an empty range or one that WAV cannot hold, StorageError where `path` cannot be written, MissingExtraError
    where the `server` extra is not installed.
    """
    if end_s <= start_s:
        raise UsageError("the range to deliver is empty")
    if not np.isfinite(audio.samples).all():
        raise GenerationError("the model made values that are no sound (not finite): try another seed or guidance")
    warnings: list[str] = []
    audio = _with_channels(audio, delivery.channels, warnings)
    audio = resample(audio, delivery.rate_hz)
    audio = _fitted(audio, sample_at(end_s, delivery.rate_hz) - sample_at(start_s, delivery.rate_hz), warnings)
    audio = _levelled(audio, delivery.loudness_lufs, warnings)

    loudness = loudness_lufs(audio)
    time_reference = sample_at((delivery.timecode_origin_s + start_s) % _DAY_S, delivery.rate_hz)
    bext = _bext(audio, delivery, origin, time_reference, loudness)
    write_wav(path, audio, delivery.bit_depth, bext, _ixml(audio, delivery, origin, time_reference))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Delivered(
        sha256=sha256,
        size_bytes=path.stat().st_size,
        n_samples=audio.n_samples,
        loudness_lufs=loudness,
        peak_dbfs=peak_dbfs(audio),
        warnings=tuple(warnings),
    )


def _with_channels(audio: Audio, channels: int, warnings: list[str]) -> Audio:
    made = audio.samples.shape[0]
    if made == channels:
        return audio
    if channels == 1:
        warnings.append(f"the model makes {made} channels: they were mixed to mono")
        return Audio(audio.samples.mean(axis=0, keepdims=True, dtype=np.float32), audio.rate_hz)
    if made == 1:
        warnings.append("the model makes mono: both channels hold the same sound")
        return Audio(np.repeat(audio.samples, channels, axis=0), audio.rate_hz)
    raise GenerationError(f"the model made {made} channels, which cannot be delivered as {channels}")


def _fitted(audio: Audio, n_samples: int, warnings: list[str]) -> Audio:
    """Exactly n_samples, from its beginning."""
    token = int(_TOKEN_S * audio.rate_hz)
    if audio.n_samples + token < n_samples:
        raise GenerationError(
            f"the model made {float(audio.duration_s):.3f} s of sound for {n_samples / audio.rate_hz:.3f} s of picture"
        )
    if audio.n_samples > n_samples + token:
        over_s = (audio.n_samples - n_samples) / audio.rate_hz
        warnings.append(f"the model made {over_s:.3f} s too much sound: its end was cut")
    return with_length(audio, n_samples)


def _levelled(audio: Audio, wanted_lufs: float | None, warnings: list[str]) -> Audio:
    """At the wanted loudness, if any, and never above the ceiling."""
    gain_db = 0.0
    if wanted_lufs is not None:
        loudness = loudness_lufs(audio)
        if loudness is None:
            warnings.append("there is too little sound to measure its loudness: the level was left alone")
        else:
            gain_db = wanted_lufs - loudness
    peak = peak_dbfs(audio)
    if peak is not None and peak + gain_db > _CEILING_DBFS:
        over_db = peak + gain_db - _CEILING_DBFS
        gain_db -= over_db
        warnings.append(f"lowered by {over_db:.1f} dB, so that no sample rises above {_CEILING_DBFS:g} dBFS")
    if gain_db == 0:
        return audio
    return Audio(audio.samples * np.float32(10 ** (gain_db / 20)), audio.rate_hz)


def _bext(audio: Audio, delivery: Delivery, origin: Origin, time_reference: int, loudness: float | None) -> Bext:
    mark = f"AI-generated (synthetic) sound, V2A Studio, model {origin.model}."
    # The reference names the sound itself: the same one has the same name wherever and whenever it is
    # written.
    name = hashlib.sha256(f"{origin}{delivery}{time_reference}".encode())
    name.update(audio.samples.tobytes())
    mode = "mono" if delivery.channels == 1 else "stereo"
    return Bext(
        description=f"{mark} {delivery.description}".strip(),
        originator="V2A Studio",
        originator_reference=f"V2A{name.hexdigest()[:29]}",
        time_reference=time_reference,
        loudness_lufs=loudness,
        coding_history=(
            f"A=PCM,F={delivery.rate_hz},W={delivery.bit_depth},M={mode},"
            f"T=V2A Studio {__version__}; synthetic; model {origin.model} {origin.model_digest[:12]}\r\n"
        ),
    )


def _ixml(audio: Audio, delivery: Delivery, origin: Origin, time_reference: int) -> str:
    """Scene, take and note as sound editors show them (iXML 2.10)."""
    root = ET.Element("BWFXML")

    def add(parent: ET.Element, tag: str, text: str) -> None:
        ET.SubElement(parent, tag).text = text

    add(root, "IXML_VERSION", "2.10")
    add(root, "PROJECT", "V2A Studio")
    add(root, "SCENE", origin.layer)
    add(root, "TAKE", str(origin.take + 1))
    add(
        root,
        "NOTE",
        f"AI-generated (synthetic) sound. {delivery.description} "
        f"Model: {origin.model} ({origin.model_digest[:12]}), licence: {origin.licence}, "
        f"seed: {origin.seed}.",
    )
    speed = ET.SubElement(root, "SPEED")
    add(speed, "FILE_SAMPLE_RATE", str(delivery.rate_hz))
    add(speed, "AUDIO_BIT_DEPTH", str(delivery.bit_depth))
    add(speed, "TIMESTAMP_SAMPLE_RATE", str(delivery.rate_hz))
    add(speed, "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI", str(time_reference >> 32))
    add(speed, "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO", str(time_reference & 0xFFFFFFFF))
    tracks = ET.SubElement(root, "TRACK_LIST")
    add(tracks, "TRACK_COUNT", str(audio.samples.shape[0]))
    for index in range(audio.samples.shape[0]):
        track = ET.SubElement(tracks, "TRACK")
        add(track, "CHANNEL_INDEX", str(index + 1))
        add(track, "INTERLEAVE_INDEX", str(index + 1))
        add(track, "NAME", origin.layer)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")
