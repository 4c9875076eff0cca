"""Masters made by code, without a model: each event's sound is what the caller says."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import opentimelineio as otio

from v2a.audio import Audio, sample_at
from v2a.delivery import write_wav
from v2a.request import Layer, LayerName, Piece, Sampling
from v2a_otio.events import read_cut
from v2a_otio.exports import Master
from v2a_otio.media import Coverage
from v2a_otio.plan import Plan
from v2a_otio.tracks import PlacedFile
from v2a_plugin.timeline import Range

RATE_HZ = 48_000


def master(
    timeline: otio.schema.Timeline,
    folder: Path,
    *,
    layers: Sequence[LayerName] = ("effects", "ambience"),
    takes: int = 1,
    handle_frames: int = 24,
    clicks_s: Sequence[Fraction] = (),
    whole_sounds: bool = True,
) -> Master:
    """A timeline with sound for each event, in WAVs under folder/audio, silent but for clicks at record times.

    whole_sounds: WAVs have their length; where nobody listens, a sample will do.
    """
    cut = read_cut(timeline)
    handle_s = handle_frames / cut.rate
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    plans, files = [], []
    for event in cut.events:
        whole = Range(max(event.record.start_s - handle_s, -cut.origin_s), event.record.end_s + handle_s)
        lead_s, trail_s = event.opening.before_s, event.closing.after_s
        heard = Range(event.record.start_s - lead_s, event.record.end_s + trail_s)
        shown = Piece(Fraction(0), whole.duration_s, whole.start_s, whole.end_s)
        coverage = Coverage(event.record, heard, whole, shown, ())
        made = tuple(Layer(layer) for layer in layers)
        plans.append(Plan(event, None, coverage, made, Sampling(takes=takes)))
        for layer in layers:
            for take in range(takes):
                path = Path("audio", f"{event.number:03d}_{layer}_t{take + 1}.wav")
                samples = _clicks(whole, clicks_s) if whole_sounds else np.zeros((1, 1), np.float32)
                write_wav(folder / path, Audio(samples, RATE_HZ))
                facts = {"event": event.number, "layer": layer, "take": take + 1, "sha256": "00"}
                files.append(PlacedFile(path, event.name, layer, take, coverage, event.opening, event.closing, facts))
    return Master(timeline, cut, plans, files, folder)


def _clicks(whole: Range, clicks_s: Sequence[Fraction]) -> npt.NDArray[np.float32]:
    samples = np.zeros((1, whole.n_samples(RATE_HZ)), np.float32)
    first = sample_at(whole.start_s, RATE_HZ)
    for click_s in clicks_s:
        at = sample_at(click_s, RATE_HZ) - first
        if 0 <= at < samples.shape[1]:
            samples[0, at] = 0.5
    return samples
