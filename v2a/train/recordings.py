"""Labelled recordings → one-shots to place on events, and beds to lie under a scene.

The folder holds `sounds.csv` (path, kind, label, …) and, under `sounds/`, the files it names; any format that PyAV
reads will do.
The result is kept as one flat int16 file with a JSON index, so that training can map it into memory.
"""

import csv
import hashlib
import json
import logging
import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.stream import Disposition
from av.video.stream import VideoStream

from v2a.errors import MediaError
from v2a.train.vocabulary import SoundClass, class_of

log = logging.getLogger(__name__)

RATE_HZ = 48_000
_ONE_SHOT_S = 2.0
_BED_S = 14.0
_SHORTEST_BED_S = 2.0
_ONE_SHOT_LEVEL_DB = -18.0  # loudest 50 ms
_BED_LEVEL_DB = -24.0  # RMS
_HOP = 480  # 10 ms
_PER_RECORDING = 4
_FARTHEST_S = 600


@dataclass(frozen=True)
class Sound:
    """Where a sound lies in the flat file, and what it is."""

    label: str
    role: str  # "one-shot", "bed" or "music"
    family: str  # recordings of one source or series; never split between training and held-out
    bandwidth_hz: int  # above it the recording holds nothing: its coder cut it off
    start: int
    length: int

    @property
    def held_out(self) -> bool:
        """True for about 8 % of the families, never trained on."""
        return int(hashlib.sha256(self.family.encode()).hexdigest(), 16) % 12 == 0


@dataclass(frozen=True)
class Voice:
    """Sounds that can stand for one another, and what they are called."""

    sounds: tuple[Sound, ...]
    phrases: tuple[str, ...]
    label: str


class SoundBank:
    """All cut sounds, mapped into memory."""

    def __init__(self, folder: Path, held_out: bool = False) -> None:
        index = json.loads((folder / "sounds.json").read_text())
        self._pcm = np.memmap(folder / "sounds.i16", np.int16, "r")
        self.sounds = [sound for sound in (Sound(**entry) for entry in index) if sound.held_out == held_out]
        self.music = [sound for sound in self.sounds if sound.role == "music"]
        self._voices: dict[str, dict[SoundClass | None, dict[str, list[Sound]]]] = {"one-shot": {}, "bed": {}}
        for sound in self.sounds:
            if sound.role in self._voices:
                kind = class_of(sound.label, sound.role)
                self._voices[sound.role].setdefault(kind, {}).setdefault(sound.label, []).append(sound)

    def draw(self, rng: np.random.Generator, role: str, motion: str | None) -> Voice:
        """A voice that suits a motion; for None, or where nothing suits it, any.

        Classes and labels count by the square root of their sounds: the frequent are heard more, the rare often
        enough to be learnt.
        """
        table = self._voices[role]
        suitable = [kind for kind in table if kind is not None and motion in kind.motions]
        kinds: list[SoundClass | None] = [*suitable] or list(table)
        sizes = [sum(len(sounds) for sounds in table[kind].values()) for kind in kinds]
        kind = kinds[_by_root(rng, sizes)]
        labels = table[kind]
        label = list(labels)[_by_root(rng, [len(sounds) for sounds in labels.values()])]
        return Voice(tuple(labels[label]), kind.phrases if kind else (label,), label)

    def samples(self, sound: Sound) -> npt.NDArray[np.float32]:
        """The sound's samples (n,), float32."""
        return np.asarray(self._pcm[sound.start : sound.start + sound.length] / np.float32(32_768), np.float32)


def _by_root(rng: np.random.Generator, sizes: list[int]) -> int:
    weights = np.sqrt(np.array(sizes, float))
    return int(rng.choice(len(sizes), p=weights / weights.sum()))


def cut_recordings(data: Path, out: Path) -> None:
    """Read every recording under `data` and write `sounds.i16` and `sounds.json` into `out`.

    Recordings that cannot be read are skipped and counted. Raises MediaError where none can.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (data / "sounds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    sounds: list[Sound] = []
    position = skipped = 0
    with (out / "sounds.i16.part").open("wb") as pcm:
        for row in rows:
            try:
                samples = decode_audio(data / "sounds" / row["path"])
            except (OSError, av.FFmpegError, MediaError):
                skipped += 1
                continue
            for role, piece in _cut(samples, row["kind"], row["label"]):
                quantised = np.round(np.clip(piece, -1, 1) * 32_767).astype("<i2")
                pcm.write(quantised.tobytes())
                sounds.append(Sound(row["label"], role, _family(row["path"]), _bandwidth_hz(row), position, len(piece)))
                position += len(piece)
    if not sounds:
        raise MediaError(f"none of the {len(rows)} recordings under {data} could be read")
    if skipped:
        log.warning("%d of %d recordings could not be read and were skipped", skipped, len(rows))
    (out / "sounds.i16.part").replace(out / "sounds.i16")
    (out / "sounds.json").write_text(json.dumps([asdict(sound) for sound in sounds]))
    log.info("%d sounds from %d recordings", len(sounds), len(rows) - skipped)


def write_attribution(data: Path, out: Path) -> None:
    """Who made the recordings, under which licence: one row an author, source and collection."""
    with (data / "sounds.csv").open(newline="") as file:
        keys = [
            (row["path"].split("/")[0], row.get("author", ""), row.get("licence", ""), row.get("source", ""))
            for row in csv.DictReader(file)
        ]
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["collection", "author", "licence", "source", "recordings"])
        writer.writerows((*key, keys.count(key)) for key in sorted(set(keys)))


def decode_audio(path: Path, rate_hz: int = RATE_HZ) -> npt.NDArray[np.float32]:
    """The sound of a file, mono (n,); of a film, from its first picture on.

    Raises av.FFmpegError or OSError where it cannot be read, MediaError where it has none or holds samples that
    are not numbers.
    """
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise MediaError("it has no sound")
        pictures = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        start_s = _start_s(pictures[0]) if pictures else None
        lead, blocks = None, list[npt.NDArray[np.float32]]()
        for _, frames in groupby(container.decode(audio=0), _form):  # in broadcasts it changes on the way
            resampler = av.AudioResampler("flt", "mono", rate_hz)
            for frame in frames:
                if lead is None:
                    lead = _after_s(start_s, frame) * rate_hz
                blocks += [out.to_ndarray()[0] for out in resampler.resample(frame)]
            blocks += [out.to_ndarray()[0] for out in resampler.resample(None)]
    before = round(lead or 0)
    samples = np.concatenate([np.zeros(max(before, 0), np.float32), *blocks])[max(-before, 0) :]
    if not np.isfinite(samples).all():
        raise MediaError("its sound holds samples that are not numbers")
    return samples


def _form(frame: av.AudioFrame) -> tuple[str, str, int]:
    """What a resampler takes one kind of."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _start_s(stream: VideoStream) -> Fraction | None:
    return None if stream.start_time is None or stream.time_base is None else stream.start_time * stream.time_base


def _after_s(start_s: Fraction | None, frame: av.AudioFrame) -> Fraction:
    """How long after the picture a film's sound begins; it may be before."""
    if start_s is None or frame.pts is None or frame.time_base is None:
        return Fraction(0)
    after_s = frame.pts * Fraction(frame.time_base) - start_s
    if abs(after_s) > _FARTHEST_S:
        raise MediaError(f"its sound begins {float(after_s):.0f} s from its picture: the file's times are wrong")
    return after_s


def _family(path: str) -> str:
    """Recordings whose names differ in a number only belong together; in ESC-10 the digit is the fold."""
    stem = path.rsplit(".", 1)[0]
    return re.sub(r"_\d+_[a-z]$", "", stem) if stem.startswith("esc10/") else re.sub(r"[\d_\- ]+[a-z]?$", "", stem)


def _bandwidth_hz(row: dict[str, str]) -> int:
    """The measured bandwidth where the table tells it, else all."""
    try:
        return int(float(row.get("bandwidth_hz") or RATE_HZ // 2))
    except ValueError:
        return RATE_HZ // 2


def _cut(samples: npt.NDArray[np.float32], kind: str, label: str) -> list[tuple[str, npt.NDArray[np.float32]]]:
    seconds = len(samples) / RATE_HZ
    if len(samples) < _HOP * 4 or kind == "speech":
        return []
    if kind in ("music", "music_synth") and seconds > 4.0:
        return [("music", piece) for piece in _beds(samples)]
    bed = class_of(label, "bed")
    is_bed = seconds >= _SHORTEST_BED_S and bed is not None and (bed.steady or _steadiness(samples) > 0.5)
    if kind == "ambience" or is_bed:
        return [("bed", piece) for piece in _beds(samples)]
    return [("one-shot", piece) for piece in _one_shots(samples)]


def _levels_db(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Level of each 10 ms, dBFS."""
    n = len(samples) // _HOP
    power = (samples[: n * _HOP].reshape(n, _HOP) ** 2).mean(1)
    return np.asarray(10 * np.log10(power + 1e-10), np.float32)


def _steadiness(samples: npt.NDArray[np.float32]) -> float:
    """The share of 10 ms frames within 15 dB of the loudest."""
    levels = _levels_db(samples)
    return float((levels > levels.max() - 15).mean())


def _beds(samples: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    length = int(_BED_S * RATE_HZ)
    pieces = [samples[at : at + length] for at in range(0, len(samples), length)]
    gains = [10 ** (_BED_LEVEL_DB / 20) / max(float(np.sqrt((piece**2).mean())), 1e-5) for piece in pieces]
    return [
        piece * min(gain, 30.0)
        for piece, gain in zip(pieces, gains, strict=True)
        if len(piece) >= _SHORTEST_BED_S * RATE_HZ
    ][:_PER_RECORDING]


def _one_shots(samples: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Cut at onsets: from a jump to 40 dB below the peak, the next jump, or two seconds."""
    levels = _levels_db(samples)
    loudest = float(levels.max())
    if loudest < -60:
        return []
    shots: list[npt.NDArray[np.float32]] = []
    frame = 0
    while frame < len(levels) and len(shots) < _PER_RECORDING:
        before = levels[max(frame - 3, 0) : frame].min(initial=-100.0)
        if levels[frame] < loudest - 25 or levels[frame] - before < 10:
            frame += 1
            continue
        end, peak, quietest = frame + 1, levels[frame], 0.0
        while end < min(len(levels), frame + int(_ONE_SHOT_S * 100)):
            peak = max(peak, levels[end])
            quietest = levels[end] if end > frame + 8 and quietest == 0.0 else min(quietest, levels[end])
            if levels[end] < peak - 40 or (end > frame + 15 and levels[end] - levels[end - 3 : end].min() > 14):
                break
            end += 1
        start = max(frame * _HOP - _HOP // 2, 0)
        shot = samples[start : end * _HOP].copy()
        shot *= 10 ** (_ONE_SHOT_LEVEL_DB / 20) / max(_loudest(shot), 1e-4)
        fade = min(len(shot) // 4, 2_400)
        shot[len(shot) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        if len(shot) > 4 * _HOP:
            shots.append(shot)
        frame = end
    return shots


def _loudest(samples: npt.NDArray[np.float32]) -> float:
    """RMS of the loudest 50 ms."""
    power = (
        np.convolve(samples**2, np.full(2_400, 1 / 2_400, np.float32), "same") if len(samples) > 2_400 else samples**2
    )
    return float(np.sqrt(power.max() if len(samples) > 2_400 else power.mean()))
