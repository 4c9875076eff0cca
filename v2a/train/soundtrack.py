"""The soundtrack of a rendered scene, as its layers, and the words for it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

from v2a.train.recordings import RATE_HZ, Sound, SoundBank
from v2a.train.scenes.film import DURATION_S, Heard, Scene
from v2a.train.scenes.impacts import IMPACTS

N_SAMPLES = DURATION_S * RATE_HZ

_OTHER_CLASS = 0.3  # how often a motion sounds like something it does not suggest, so that words are listened to
# What an editor would type for a motion, whatever the recording is called.
MOTION_PHRASES = {
    "ball": ("bouncing ball", "ball bouncing on the ground", "rubber ball bounce"),
    "hammer": ("hammer blows", "hammer striking an anvil", "hammering on metal", "blacksmith at work"),
    "fall": ("falling crates", "things dropped on the floor", "objects falling", "wooden box drop"),
    "walk": ("footsteps", "footsteps on a hard floor", "someone walking", "steps"),
    "door": ("door slam", "door opening and closing", "a door shuts"),
    "clap": ("clapping", "hand claps", "slap"),
    "collide": ("knocks", "objects colliding", "impact"),
    "drum": ("drumming", "tapping", "drum hits"),
    "shake": ("rattling", "shaking a rattle", "jingling"),
    "blast": ("gunshot", "explosion", "bang"),
    "pendulum": ("clock ticking", "bell", "pendulum"),
    "call": ("animal call", "bark", "barking"),
    "splash": ("splash", "splashing into water", "water drops"),
    "wheel": ("machine running", "wheel turning", "steam engine machinery", "motor"),
    "rain": ("rain", "rain falling", "rain on a window"),
    "water": ("running water", "waves", "water mill stream"),
    "fire": ("fire crackling", "fire burning"),
    "vehicle": ("vehicle passing", "train", "engine"),
    "wind": ("wind", "wind in the trees"),
}


@dataclass(frozen=True)
class Soundtrack:
    """Layers (n_samples,) with their captions, and the events that are heard in `effects`."""

    layers: dict[str, npt.NDArray[np.float32]]
    captions: dict[str, str]
    events: tuple[tuple[float, float], ...]


def compose(rng: np.random.Generator, scene: Scene, bank: SoundBank) -> Soundtrack:
    """Place recordings on a scene's events and beds under what is seen moving on."""
    effects, ambience, music = (np.zeros(N_SAMPLES, np.float32) for _ in range(3))
    effect_words: list[str] = []
    ambience_words: list[str] = []
    music_words: list[str] = []
    events: list[tuple[float, float]] = []
    for heard in scene.heard:
        if heard.motion in IMPACTS:
            effect_words.append(_place_events(rng, heard, bank, effects))
            events += heard.events
        else:
            ambience_words.append(_lay_bed(rng, heard, bank, ambience))
    if rng.random() < 0.3:
        air = Heard("air" if rng.random() < 0.5 else "any", 0.0, float(DURATION_S), ())
        ambience_words.append(_lay_bed(rng, air, bank, ambience, gain_db=rng.uniform(-12, 0)))
    if rng.random() < 0.12 and bank.music:
        sound = bank.music[rng.integers(len(bank.music))]
        music += _looped(rng, bank.samples(sound), N_SAMPLES) * 10 ** (rng.uniform(-6, 3) / 20)
        music_words.append(f"music, {sound.label}" if rng.random() < 0.7 else "music")
    if rng.random() < 0.35:
        effects = _in_a_room(rng, effects)
    layers = {"mix": effects + ambience + music, "effects": effects, "ambience": ambience, "music": music}
    words = {
        "mix": effect_words + ambience_words + music_words,
        "effects": effect_words,
        "ambience": ambience_words,
        "music": music_words,
    }
    captions = {name: ", ".join(dict.fromkeys(said)) for name, said in words.items()}
    return Soundtrack(layers, captions, tuple(sorted(events)))


def _choose(rng: np.random.Generator, table: dict[str, dict[str, list[Sound]]], motion: str) -> tuple[str, list[Sound]]:
    labels = table.get(motion) or table["any"]
    label = list(labels)[rng.integers(len(labels))]
    return label, labels[label]


def _caption(rng: np.random.Generator, label: str, motion: str, suits: bool) -> str:
    """The label, the motion's own phrase, or both; the phrase only where the sound suits the motion."""
    phrases = MOTION_PHRASES.get(motion) if suits else None
    if phrases and rng.random() < 0.55:
        phrase = phrases[rng.integers(len(phrases))]
        return phrase if rng.random() < 0.5 else f"{phrase}, {label}"
    return label


def _place_events(rng: np.random.Generator, heard: Heard, bank: SoundBank, track: npt.NDArray[np.float32]) -> str:
    suits = rng.random() >= _OTHER_CLASS
    label, takes = _choose(rng, bank.one_shots, heard.motion if suits else "any")
    rate = 2 ** rng.uniform(-0.25, 0.25)
    gain_db = rng.uniform(-5, 2)
    for time, strength in heard.events:
        shot = bank.samples(takes[rng.integers(len(takes))])
        at = np.arange(0, len(shot) - 1, rate * rng.uniform(0.99, 1.01), dtype=np.float32)
        shot = np.interp(at, np.arange(len(shot)), shot).astype(np.float32)
        start = round(time * RATE_HZ)
        end = min(start + len(shot), len(track))
        track[start:end] += shot[: end - start] * strength * 10 ** (gain_db / 20)
    return _caption(rng, label, heard.motion, suits)


def _lay_bed(
    rng: np.random.Generator,
    heard: Heard,
    bank: SoundBank,
    track: npt.NDArray[np.float32],
    gain_db: float | None = None,
) -> str:
    suits = heard.motion == "air" or rng.random() >= _OTHER_CLASS
    label, takes = _choose(rng, bank.beds, heard.motion if suits else "any")
    start, end = round(heard.start_s * RATE_HZ), round(heard.end_s * RATE_HZ)
    bed = _looped(rng, bank.samples(takes[rng.integers(len(takes))]), end - start)
    fade = min(2_400, len(bed) // 2)
    bed[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    bed[len(bed) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    track[start:end] += bed * 10 ** ((rng.uniform(-6, 4) if gain_db is None else gain_db) / 20)
    return _caption(rng, label, heard.motion, suits)


def _looped(rng: np.random.Generator, sound: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float32]:
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


def _in_a_room(rng: np.random.Generator, dry: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Add an exponentially decaying noise tail."""
    decay_s = rng.uniform(0.15, 0.9)
    n = int(decay_s * RATE_HZ)
    tail = rng.standard_normal(n).astype(np.float32) * np.exp(-6.9 * np.arange(n, dtype=np.float32) / n)
    tail[: int(0.004 * RATE_HZ)] = 0
    wet = fftconvolve(dry, tail / np.sqrt((tail**2).sum()))[: len(dry)]
    return np.asarray(dry + wet * 10 ** (rng.uniform(-18, -8) / 20), np.float32)
