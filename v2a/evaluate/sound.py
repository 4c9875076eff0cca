"""Is it sound? Spectrum, grain, loudness, the codec's losses, and the joins of long takes, against real recordings.

* `spectra`: for each class of `v2a.evaluate.wordlist`, the distance of long-term spectra between takes and real
  recordings over that between real recordings of different families: 1 is as near as another recording is; roughness
  and 99 % roll-off of both (`v2a.evaluate.spectra`);
* `loudness`: integrated loudness (ITU-R BS.1770, EBU R 128) and true peak of the same takes;
* `codec`: real recordings out of the codec again: with phases recovered from their own mel spectrogram, and through
  the latents as well. Attack is that of the result over that of the original: 1 keeps transients as steep;
* `joins`: two minutes of one ambience are made in windows. The largest change of the spectrum, and of the level,
  from frame to frame inside the stretch in which one window fades into the next, as a percentile of all stretches of
  that length that hold no join: 50 on average where joins are like any other place, at most 95 where they do not
  stick out.
"""

import logging
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch

from v2a.audio import Audio
from v2a.delivery.loudness import loudness_lufs
from v2a.evaluate import spectra
from v2a.evaluate.results import Numbers, Result, ratio, result
from v2a.evaluate.soundtracks import black, held, soundtrack
from v2a.evaluate.spectra import Samples
from v2a.evaluate.wordlist import CLASSES
from v2a.evaluate.words import Recording, ask, one_a_family, parts, real_distance, recordings
from v2a.models.base import Model
from v2a.models.pocket import PocketModel
from v2a.models.pocket.codec import FRAMES_PER_TOKEN, N_MELS, Codec
from v2a.request import Layer, Quality, Sampling
from v2a.train.recordings import RATE_HZ, SoundBank
from v2a.windows import plan_windows

NOTES = {
    "spectra": "Takes against real recordings of their class; intervals by drawing classes again. `distance ratio` is "
    "that from takes to recordings over that between recordings of different families.",
    "spectra by class": "The same for each class.",
    "loudness": "Of takes of six seconds; intervals by drawing classes again. Ambiences, and events at five cues.",
    "codec": "Real recordings never trained on, out of the codec again; intervals by drawing families again.",
    "joins": "Two-minute ambiences; intervals by drawing joins again.",
}

log = logging.getLogger(__name__)

_KINDS = ("ambience", "effects")
_LONG = Fraction(120)
_LONG_WORDS = ("rain", "wind", "crowd", "fire crackling", "sea waves", "birds")


def measure_sound(
    model: Model,
    bank: SoundBank,
    held_out: SoundBank,
    *,
    n_seeds: int,
    n_recordings: int,
    n_long: int,
    quality: Quality,
) -> list[Result]:
    """The tables of `NOTES`; `codec` for models whose codec is known. bank, held_out: recordings of both parts."""
    real = [*recordings(bank), *recordings(held_out)]
    sampling = Sampling(quality=quality)
    results = _against_recordings(model, real, n_seeds, sampling)
    if isinstance(model, PocketModel):
        results += _round_trip(model.networks.codec, held_out, n_recordings)
    return results + _joins(model, n_long, sampling)


def _against_recordings(model: Model, real: Sequence[Recording], n_seeds: int, sampling: Sampling) -> list[Result]:
    columns = ("distance, dB", "between recordings, dB", "roughness, dB", "roughness of recordings, dB",
               "roll-off, kHz", "roll-off of recordings, kHz")  # fmt: skip
    rows: dict[str, list[Numbers]] = {kind: [] for kind in _KINDS}
    loud: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in _KINDS}
    results = []
    for k, one in enumerate(CLASSES):
        log.info("%s", one.name)
        some = one_a_family([r for r in real if r.kind == k])
        between = real_distance(some)
        if between is None:
            continue
        takes = [ask(model, one, one.prompt, replace(sampling, seed=seed)) for seed in range(n_seeds)]
        made = [np.concatenate(parts(one, take)) for take in takes]
        theirs = [spectra.long_term(r.samples, RATE_HZ) for r in some]
        distances = [
            spectra.spectral_distance(spectra.long_term(samples, takes[0].rate_hz), other)
            for samples in made
            for other in theirs
        ]
        row = np.array([np.mean(distances), between, *_texture(made, some, takes[0].rate_hz), 1.0])
        rows[one.kind].append(row)
        loud[one.kind] += [tuple(_loudness(takes))]
        results += [result("spectra by class", one.name, name, [row[i]]) for i, name in enumerate(columns)]
        results.append(result("spectra by class", one.name, "distance ratio", row[None, :2], ratio))
    pooled = []
    for kind in _KINDS:
        table = np.array(rows[kind]).reshape(-1, len(columns) + 1)
        pooled.append(result("spectra", kind, "distance ratio", table[:, :2], ratio))
        pooled += [result("spectra", kind, name, table[:, [i, -1]], ratio) for i, name in enumerate(columns)]
    for kind in _KINDS:
        for i, name in enumerate(("loudness, LUFS", "true peak, dBTP", "highest true peak, dBTP")):
            pooled.append(result("loudness", kind, name, [row[i] for row in loud[kind] if np.isfinite(row[i])]))
    return [*pooled, *results]


def _texture(made: Sequence[Samples], real: Sequence[Recording], rate_hz: int) -> list[float]:
    theirs = [one.samples for one in real]
    return [
        float(np.mean([spectra.roughness(x, rate_hz) for x in made])),
        float(np.mean([spectra.roughness(x, RATE_HZ) for x in theirs])),
        float(np.mean([spectra.rolloff_hz(x, rate_hz) for x in made])) / 1_000,
        float(np.mean([spectra.rolloff_hz(x, RATE_HZ) for x in theirs])) / 1_000,
    ]


def _loudness(takes: Sequence[Audio]) -> list[float]:
    levels = [level for take in takes if (level := loudness_lufs(take)) is not None]
    peaks = [spectra.true_peak_dbtp(take.samples.mean(0)) for take in takes]
    return [float(np.mean(levels)) if levels else float("nan"), float(np.mean(peaks)), max(peaks)]


def lossless(codec: Codec) -> Codec:
    """The same analysis and synthesis, with a linear code that keeps all of the mel spectrogram."""
    whole, size = deepcopy(codec), FRAMES_PER_TOKEN * N_MELS
    device = codec.mean.device
    whole.mean, whole.scale = torch.zeros(size, device=device), torch.ones(size, device=device)
    whole.basis = torch.eye(size, device=device)
    return whole


def _round_trip(codec: Codec, held_out: SoundBank, n: int) -> list[Result]:
    chosen: dict[str, tuple[str, Samples]] = {}
    for sound in held_out.sounds:
        if sound.role in ("bed", "one-shot"):
            samples = held_out.samples(sound)[: 4 * RATE_HZ]
            chosen.setdefault(sound.family, (sound.role, np.pad(samples, (0, -len(samples) % 1_920))))
    by_role = {role: [x for kind, x in chosen.values() if kind == role][: -(-n // 2)] for role in ("bed", "one-shot")}
    results = []
    for role, sounds in by_role.items():
        for name, coder in (("its own mel", lossless(codec)), ("latents", codec)):
            log.info("codec, %s, %s", role, name)
            results += _losses(f"{role}s, {name}", sounds, [_through(coder, samples) for samples in sounds])
    return results


def _through(codec: Codec, samples: Samples) -> Samples:
    with torch.inference_mode():
        latents = codec.encode(torch.from_numpy(samples)[None].to(codec.mean.device))[0]
        return np.asarray(codec.decode(latents, 0).cpu().numpy(), np.float32)


def _losses(name: str, sounds: Sequence[Samples], decoded: Sequence[Samples]) -> list[Result]:
    pairs = list(zip(sounds, decoded, strict=True))
    measures = {
        "log-mel error, dB": [spectra.mel_distance(a, b, RATE_HZ) for a, b in pairs],
        "spectrogram error, dB": [spectra.log_spectral_distance(a, b, RATE_HZ) for a, b in pairs],
        "attack": [spectra.attack(b, RATE_HZ) / max(spectra.attack(a, RATE_HZ), 1e-6) for a, b in pairs],
        "roughness, dB": [spectra.roughness(b, RATE_HZ) for _, b in pairs],
        "roughness of recordings, dB": [spectra.roughness(a, RATE_HZ) for a, _ in pairs],
    }
    return [result("codec", name, measure, values) for measure, values in measures.items()]


def _joins(model: Model, n_long: int, sampling: Sampling) -> list[Result]:
    card, found = model.card, []
    fade = card.overlap_tokens // 2
    for seed, words in zip(range(n_long), _LONG_WORDS * (1 + n_long // len(_LONG_WORDS)), strict=False):
        log.info("two minutes of %s", words)
        chosen = replace(sampling, seed=seed)
        audio = soundtrack(model, black(), held(_LONG), Layer("ambience", words), chosen)
        n_tokens = -(-audio.n_samples // card.samples_per_token)
        windows = list(plan_windows(n_tokens, card))[1:]
        stretches = [
            (float(card.token_s(w.start + w.n_shared - fade)), float(card.token_s(w.start + w.n_shared)))
            for w in windows
        ]
        found += join_percentiles(audio.samples.mean(0), audio.rate_hz, stretches)
    table = np.array(found).reshape(-1, 2)
    results = []
    for column, what in enumerate(("spectrum", "level")):
        results.append(result("joins", what, "mean percentile", table[:, column]))
        results.append(result("joins", what, "share above the 95th", (table[:, column] > 95).astype(float)))
    return results


def join_percentiles(
    samples: Samples, rate_hz: int, stretches: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """For each stretch (start, end in seconds): the percentile of its largest jump of spectrum, and of level.

    A jump is the change between the 40 ms before and the 40 ms after an instant; the percentile is among all stretches
    of equal length that do not touch one of these.
    """
    levels = spectra.log_mel(samples, rate_hz)
    levels = np.maximum(levels, levels.max() - 60)
    lag = 4  # frames: windows that do not overlap
    jumps = np.abs(levels[lag:] - levels[:-lag]).mean(1)
    loudness = levels.mean(1)
    steps = np.abs(loudness[lag:] - loudness[:-lag])
    bounds = [(round(a / spectra.HOP_S) - lag, round(b / spectra.HOP_S)) for a, b in stretches]
    found = []
    for first, last in bounds:
        first, last = max(first, 0), min(last, len(jumps))
        length = last - first
        free = [
            at
            for at in range(0, len(jumps) - length + 1, max(length // 4, 1))
            if all(at + length <= a or at >= b for a, b in bounds)
        ]
        percentiles = [
            100 * float(np.mean([values[at : at + length].max() < values[first:last].max() for at in free]))
            for values in (jumps, steps)
        ]
        found.append((percentiles[0], percentiles[1]))
    return found
