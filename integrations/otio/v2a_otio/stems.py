"""One WAV for each reel and layer, as long as the reel's stretch of the timeline: what a re-recording mix loads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from v2a.audio import sample_at
from v2a.delivery import Bext, WavInfo, write_wav_blocks
from v2a.output import storage_error
from v2a_otio.mix import Samples, channels, mix
from v2a_otio.plan import RATE_HZ, Plan
from v2a_otio.tracks import PlacedFile
from v2a_plugin.outputs import ascii_name
from v2a_plugin.placement import DEPARTMENTS
from v2a_plugin.timeline import Range

FOLDER = "stems"
_DAY_S = 24 * 60 * 60
_BITS = 24


@dataclass(frozen=True)
class Stem:
    """A written stem. span: the reel's stretch, in record time. clipped: whether its sum passed full scale."""

    reel: str
    layer: str
    file: str
    sha256: str
    span: Range
    clipped: bool = False

    @property
    def n_samples(self) -> int:
        """Its length."""
        return self.span.n_samples(RATE_HZ)


def write_stems(
    plans: Sequence[Plan], files: Sequence[PlacedFile], origin_s: Fraction, folder: Path
) -> tuple[Stem, ...]:
    """Write stems of take 1 under folder/stems, sample exact, with the timecode of their first sample.

    origin_s: timecode of the timeline's first frame. Raises StorageError; UsageError for a reel that no WAV holds.
    """
    try:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder / FOLDER, error) from error
    chosen = [file for file in files if file.take == 0]
    reel_of = {plan.event.number: _reel(plan) for plan in plans}
    stems = []
    names: set[str] = set()
    for reel, span in _stretches(plans).items():
        own = [file for file in chosen if reel_of.get(file.event) == reel]
        for layer in dict.fromkeys(file.layer for file in own):
            sounds = [file for file in own if file.layer == layer]
            name = _name(f"{ascii_name(reel)}_{DEPARTMENTS.get(layer, ascii_name(layer))}", names)
            stems.append(_write(reel, layer, f"{FOLDER}/{name}", span, sounds, origin_s, folder))
    return tuple(stems)


def _write(
    reel: str, layer: str, file: str, span: Range, sounds: Sequence[PlacedFile], origin_s: Fraction, folder: Path
) -> Stem:
    start, end = sample_at(span.start_s, RATE_HZ), sample_at(span.end_s, RATE_HZ)
    info = WavInfo(RATE_HZ, channels(sounds, folder), end - start, _BITS)
    model = sounds[0].facts.get("model", "")
    label = Bext(
        description=f"AI-generated (synthetic) sound, V2A Studio, model {model}. Reel {reel}, {layer}, take 1.",
        originator="V2A Studio",
        time_reference=sample_at((origin_s + span.start_s) % _DAY_S, RATE_HZ),
        coding_history=f"A=PCM,F={RATE_HZ},W={_BITS},T={sounds[0].facts.get('software', '')}; synthetic\r\n",
    )
    loudest = [0.0]

    def watched() -> Iterator[Samples]:
        for block in mix(sounds, folder, start, end):
            loudest[0] = max(loudest[0], float(np.abs(block).max(initial=0.0)))
            yield block

    digest = write_wav_blocks(folder / file, info, watched(), label)
    return Stem(reel, layer, file, digest, span, clipped=loudest[0] > 1)


def _stretches(plans: Sequence[Plan]) -> dict[str, Range]:
    """From where a reel is first seen to where it is last seen, whether there is sound or not."""
    spans: dict[str, Range] = {}
    for plan in plans:
        seen = plan.coverage.heard if plan.coverage else plan.event.record
        old = spans.get(reel := _reel(plan), seen)
        spans[reel] = Range(min(old.start_s, seen.start_s), max(old.end_s, seen.end_s))
    return spans


def _reel(plan: Plan) -> str:
    return plan.event.reel or Path(plan.event.medium.name).stem or plan.event.name


def _name(stem: str, taken: set[str]) -> str:
    """A file name that no other stem has, on any file system."""
    name, number = f"{stem}.wav", 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}.wav"
    taken.add(name.lower())
    return name
