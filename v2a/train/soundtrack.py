"""The soundtrack of a rendered scene, as its layers, and the words for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter

from v2a.train.recordings import RATE_HZ, SoundBank, Voice
from v2a.train.scenes.film import DURATION_S, Heard
from v2a.train.vocabulary import CONTINUOUS_MOTIONS, MOTION_PHRASES

N_SAMPLES = DURATION_S * RATE_HZ

# How often a motion sounds like something it does not suggest, so that words are listened to.
_OTHER_CLASS = 0.35
_COUNTS = {1: "one", 2: "two", 3: "three", 4: "four"}
_FAR = ("distant", "far away", "in the distance")
_HALL = ("in a large hall", "echoing", "with reverb")

Wave = npt.NDArray[np.float32]


@dataclass
class Layer:
    """One layer while it is composed: samples (n_samples,), words in the order of what is heard, and the bandwidth
    above which none of its recordings holds anything."""

    wave: Wave = field(default_factory=lambda: np.zeros(N_SAMPLES, np.float32))
    words: list[tuple[float, str]] = field(default_factory=list)
    bandwidth_hz: int = 0

    def say(self, time_s: float, words: str, voice: Voice) -> None:
        """Note what is heard from when on, and how far up it reaches."""
        self.words.append((time_s, words))
        self.bandwidth_hz = max(self.bandwidth_hz, *(sound.bandwidth_hz for sound in voice.sounds))


@dataclass(frozen=True)
class Soundtrack:
    """Layers (n_samples,) with their captions and bandwidths, and the events (time_s, strength) heard in `effects`.

    unasked: something off screen sounds, which only words can tell.
    """

    layers: dict[str, Wave]
    captions: dict[str, str]
    bandwidths_hz: dict[str, int]
    events: tuple[tuple[float, float], ...]
    unasked: bool


def compose(rng: np.random.Generator, heard_in_film: Sequence[Heard], bank: SoundBank) -> Soundtrack:
    """Place recordings on a scene's events and beds under what is seen moving on."""
    effects, ambience, music = Layer(), Layer(), Layer()
    events: list[tuple[float, float]] = []
    for heard in heard_in_film:
        if heard.events:
            _place_events(rng, heard, bank, effects)
            events += heard.events
        elif heard.motion in CONTINUOUS_MOTIONS:
            _lay_bed(rng, heard.motion, (heard.start_s, heard.end_s), rng.uniform(-6, 4), bank, ambience)
    unasked = rng.random() < 0.3
    if unasked:
        motion = "air" if rng.random() < 0.3 else None
        _lay_bed(rng, motion, (0.0, float(DURATION_S)), rng.uniform(-10, 3), bank, ambience)
    if rng.random() < 0.12 and bank.music:
        unasked = True
        sound = bank.music[rng.integers(len(bank.music))]
        music.wave += _looped(rng, bank.samples(sound), N_SAMPLES) * np.float32(10 ** (rng.uniform(-6, 3) / 20))
        words = f"music, {sound.label}" if rng.random() < 0.7 else "music"
        music.say(0.0, words, Voice((sound,), ("music",), sound.label))
    layers = {"effects": effects, "ambience": ambience, "music": music}
    waves = {"mix": sum((layer.wave for layer in layers.values()), np.zeros(N_SAMPLES, np.float32))}
    captions = {"mix": _joined(rng, [said for layer in layers.values() for said in layer.words])}
    bandwidths = {"mix": max(layer.bandwidth_hz for layer in layers.values())}
    for name, layer in layers.items():
        waves[name], captions[name] = layer.wave, _joined(rng, layer.words)
        bandwidths[name] = layer.bandwidth_hz
    return Soundtrack(waves, captions, bandwidths, tuple(sorted(events)), unasked)


def _joined(rng: np.random.Generator, said: Sequence[tuple[float, str]]) -> str:
    """One caption, in the order heard; sometimes with words that tell the order."""
    words = list(dict.fromkeys(text for _, text in sorted(said, key=lambda one: one[0])))
    return (", then " if rng.random() < 0.2 else ", ").join(words)


def caption(rng: np.random.Generator, voice: Voice, motion: str, suits: bool) -> str:
    """A phrase of the class, the recording's own label, or both; now and then what the motion is called."""
    phrase = voice.phrases[rng.integers(len(voice.phrases))]
    phrases = MOTION_PHRASES.get(motion) if suits else None
    how = rng.random()
    if phrases and how < 0.15:
        return f"{phrases[rng.integers(len(phrases))]}, {phrase}"
    if how < 0.7:
        return phrase
    return voice.label if how < 0.85 else f"{phrase}, {voice.label}"


def _place_events(rng: np.random.Generator, heard: Heard, bank: SoundBank, layer: Layer) -> None:
    suits = rng.random() >= _OTHER_CLASS
    voice = bank.draw(rng, "one-shot", heard.motion if suits else None)
    rate = 2 ** rng.uniform(-0.25, 0.25)
    gain = 10 ** (rng.uniform(-4, 2) / 20)
    # One recording all through, or its brothers in turn.
    few = min(len(voice.sounds), int(rng.integers(1, 5)))
    sounds = [voice.sounds[k] for k in rng.choice(len(voice.sounds), few, replace=False)]
    track = np.zeros(N_SAMPLES, np.float32)
    gaps = np.diff([time for time, _ in heard.events], append=DURATION_S)
    for (time, strength), gap in zip(heard.events, gaps, strict=True):
        shot = bank.samples(sounds[rng.integers(few)])
        at = np.arange(0, len(shot) - 1, rate * rng.uniform(0.985, 1.015), dtype=np.float32)
        shot = np.interp(at, np.arange(len(shot)), shot).astype(np.float32)
        shot = _ended(shot, int(max(gap, 0.1) * RATE_HZ))
        start = round(time * RATE_HZ)
        end = min(start + len(shot), N_SAMPLES)
        track[start:end] += shot[: end - start] * np.float32((0.3 + 0.7 * strength) * gain)
    words = caption(rng, voice, heard.motion, suits)
    if len(heard.events) in _COUNTS and rng.random() < 0.2:
        words = f"{_COUNTS[len(heard.events)]} {words}"
    place = rng.random()
    if place < 0.12:
        track, words = _far_away(rng, track), f"{words}, {_FAR[rng.integers(len(_FAR))]}"
    elif place < 0.24:
        track, words = _in_a_room(rng, track, (0.9, 2.0), (-12, -6)), f"{words}, {_HALL[rng.integers(len(_HALL))]}"
    elif place < 0.5:
        track = _in_a_room(rng, track, (0.15, 0.6), (-20, -10))
    layer.wave += track
    layer.say(heard.events[0][0], words, voice)


def _ended(shot: Wave, n_samples: int) -> Wave:
    """A tail that would run far into the next event is faded: what follows must be heard to begin."""
    longest = max(n_samples, RATE_HZ // 8)
    if len(shot) <= longest:
        return shot
    fade = longest // 3
    shot = shot[:longest].copy()
    shot[longest - fade :] *= np.linspace(1, 0.1, fade, dtype=np.float32)
    return shot


def _lay_bed(
    rng: np.random.Generator,
    motion: str | None,
    span_s: tuple[float, float],
    gain_db: float,
    bank: SoundBank,
    layer: Layer,
) -> None:
    suits = rng.random() >= _OTHER_CLASS
    voice = bank.draw(rng, "bed", motion if suits else None)
    start, end = (round(edge * RATE_HZ) for edge in span_s)
    bed = _looped(rng, bank.samples(voice.sounds[rng.integers(len(voice.sounds))]), end - start)
    fade = min(2_400, len(bed) // 2)
    bed[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    bed[len(bed) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    layer.wave[start:end] += bed * np.float32(10 ** (gain_db / 20))
    words = caption(rng, voice, motion or "", suits)
    if gain_db < -6 and rng.random() < 0.5:
        words = f"{words}, {_FAR[rng.integers(len(_FAR))]}"
    layer.say(span_s[0], words, voice)


def _looped(rng: np.random.Generator, sound: Wave, length: int) -> Wave:
    """A stretch of the sound, repeated with cross-fades where it is too short."""
    if len(sound) >= length:
        start = int(rng.integers(len(sound) - length + 1))
        return sound[start : start + length].copy()
    fade = min(RATE_HZ // 4, len(sound) // 4)
    ramp = np.sqrt(np.linspace(0, 1, fade, dtype=np.float32))
    out = np.zeros(length + len(sound), np.float32)
    at, first = 0, True
    while at < length:
        turn = sound.copy()
        if not first:
            turn[:fade] *= ramp
        turn[len(turn) - fade :] *= ramp[::-1]
        out[at : at + len(turn)] += turn
        at, first = at + len(turn) - fade, False
    return out[:length]


def _far_away(rng: np.random.Generator, dry: Wave) -> Wave:
    """Softer, duller and in more air."""
    keep = np.float32(np.exp(-2 * np.pi * rng.uniform(1_500, 4_000) / RATE_HZ))
    dull = lfilter([1 - keep], [1, -keep], dry).astype(np.float32)
    return _in_a_room(rng, dull * np.float32(rng.uniform(0.35, 0.7)), (0.4, 1.2), (-10, -4))


def _in_a_room(rng: np.random.Generator, dry: Wave, decay_s: tuple[float, float], wet_db: tuple[float, float]) -> Wave:
    """Add a few early echoes and a decaying noise tail that loses its heights first."""
    n = int(rng.uniform(*decay_s) * RATE_HZ)
    time = np.arange(n, dtype=np.float32) / n
    bright = rng.standard_normal(n).astype(np.float32)
    dark = lfilter([0.2], [1, -0.8], bright).astype(np.float32) * 2
    tail = bright * np.exp(-14 * time) + dark * np.exp(-6.9 * time)
    tail[: int(0.004 * RATE_HZ)] = 0
    for _ in range(int(rng.integers(2, 6))):
        tail[int(rng.uniform(0.005, 0.05) * RATE_HZ)] += rng.uniform(-4, 4)
    wet = fftconvolve(dry, tail / np.sqrt((tail**2).sum()))[: len(dry)]
    return np.asarray(dry + wet * 10 ** (rng.uniform(*wet_db) / 20), np.float32)
