"""A generation request as a value: everything that decides the sound is in it.

Times are exact seconds (`Fraction`). There are two clocks:

* *source time*: 0 is the presentation time of the medium's first video frame;
* *presented time*: the clock of the timeline the sound is for. A piece maps a stretch of source time onto a
  stretch of presented time; cues are given in presented time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from v2a.audio import sample_at
from v2a.errors import UsageError

LayerName = Literal["mix", "effects", "ambience", "music", "dialogue"]
Quality = Literal["preview", "standard", "best"]

LAYERS: tuple[LayerName, ...] = ("mix", "effects", "ambience", "music", "dialogue")
QUALITIES: tuple[Quality, ...] = ("preview", "standard", "best")

MAX_PROMPT_CHARS = 2_000
MAX_TRANSCRIPT_CHARS = 100_000
MAX_TAKES = 16
MAX_LAYERS = 8
MAX_CUES = 4_096
MAX_STEPS = 200
MAX_GUIDANCE = 20.0
MAX_DURATION_S = 2 * 60 * 60
MAX_SEED = 2**63 - 1

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Piece:
    """A stretch of source shown over a stretch of presented time, at constant speed.

    source_end < source_start plays backwards; source_end == source_start holds that frame.
    """

    source_start_s: Fraction
    source_end_s: Fraction
    presented_start_s: Fraction
    presented_end_s: Fraction

    def __post_init__(self) -> None:
        if self.presented_end_s <= self.presented_start_s:
            raise UsageError(
                f"the range is empty: it ends at {float(self.presented_end_s):g} s "
                f"and starts at {float(self.presented_start_s):g} s"
            )
        if self.source_start_s < 0 or self.source_end_s < 0:
            raise UsageError("a range starts before the film's first frame")

    def source_at(self, presented_s: Fraction) -> Fraction:
        """The source time shown at a presented time inside this piece."""
        speed = (self.source_end_s - self.source_start_s) / (self.presented_end_s - self.presented_start_s)
        return self.source_start_s + (presented_s - self.presented_start_s) * speed


@dataclass(frozen=True)
class Clip:
    """What is shown: one medium's pieces, in presented order, without gaps.

    source_digest: hex SHA-256 of the packets of the range (`v2a.media.source_digest`).
    """

    source_digest: str
    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        if not self.pieces:
            raise UsageError("a clip needs at least one piece")
        if not _SHA256.fullmatch(self.source_digest):
            raise UsageError("source_digest must be 64 hex digits")
        for before, after in pairwise(self.pieces):
            if before.presented_end_s != after.presented_start_s:
                raise UsageError("the pieces of a clip must follow each other without gaps or overlaps")
        if self.duration_s > MAX_DURATION_S:
            raise UsageError(f"the range is longer than {MAX_DURATION_S // 3600} hours: ask for it in parts")

    @property
    def start_s(self) -> Fraction:
        """First presented instant."""
        return self.pieces[0].presented_start_s

    @property
    def end_s(self) -> Fraction:
        """First presented instant after the clip."""
        return self.pieces[-1].presented_end_s

    @property
    def duration_s(self) -> Fraction:
        """Presented length."""
        return self.end_s - self.start_s

    def n_samples(self, rate_hz: int) -> int:
        """Length in samples: rounded end boundary minus rounded start boundary."""
        return sample_at(self.end_s, rate_hz) - sample_at(self.start_s, rate_hz)

    def source_at(self, presented_s: Fraction) -> Fraction:
        """The source time shown at a presented time, clamped to the clip."""
        for piece in self.pieces:
            if presented_s < piece.presented_end_s:
                return piece.source_at(max(presented_s, piece.presented_start_s))
        return self.pieces[-1].source_at(self.end_s)

    def source_range(self, presented_s: Fraction, within_s: Fraction) -> tuple[Fraction, Fraction]:
        """The source time shown at a presented time of the clip, and the one within_s later or at its piece's end.

        They are the same where the piece plays backwards or holds a frame.
        """
        piece = next(piece for piece in self.pieces if presented_s < piece.presented_end_s)
        start_s = piece.source_at(max(presented_s, piece.presented_start_s))
        return start_s, max(start_s, piece.source_at(min(presented_s + within_s, piece.presented_end_s)))


@dataclass(frozen=True)
class Cue:
    """Something sounds at this presented time. strength: 0 (exclusive) … 1."""

    time_s: Fraction
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.strength <= 1.0:
            raise UsageError(f"a cue's strength lies in (0, 1], got {self.strength:g}")


@dataclass(frozen=True)
class Layer:
    """A stem with its own words and cues. `mix` is everything on one track."""

    name: LayerName = "mix"
    prompt: str = ""
    negative_prompt: str = ""
    cues: tuple[Cue, ...] = ()
    transcript: str = ""

    def __post_init__(self) -> None:
        if self.name not in LAYERS:
            raise UsageError(f"unknown layer '{self.name}': choose from {', '.join(LAYERS)}")
        for what, text in (("prompt", self.prompt), ("negative prompt", self.negative_prompt)):
            if len(text) > MAX_PROMPT_CHARS:
                raise UsageError(
                    f"the {what} has {len(text):,} characters; at most {MAX_PROMPT_CHARS:,} are read: shorten it"
                )
        if len(self.transcript) > MAX_TRANSCRIPT_CHARS:
            raise UsageError(
                f"the transcript has {len(self.transcript):,} characters; at most {MAX_TRANSCRIPT_CHARS:,} are read"
            )
        if len(self.cues) > MAX_CUES:
            raise UsageError(f"{len(self.cues):,} cues in one layer; at most {MAX_CUES:,} are allowed")


@dataclass(frozen=True)
class Sampling:
    """How the model is run. steps and guidance 0 mean the model's own default for the quality."""

    seed: int = 0
    takes: int = 1
    quality: Quality = "standard"
    steps: int = 0
    guidance: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.takes <= MAX_TAKES:
            raise UsageError(f"takes must lie between 1 and {MAX_TAKES}, got {self.takes}")
        if not 0 <= self.seed <= MAX_SEED:
            raise UsageError(f"the seed must lie between 0 and {MAX_SEED}, got {self.seed}")
        if self.quality not in QUALITIES:
            raise UsageError(f"unknown quality '{self.quality}': choose from {', '.join(QUALITIES)}")
        if not 0 <= self.steps <= MAX_STEPS:
            raise UsageError(f"steps must lie between 1 and {MAX_STEPS} (0: the model's default), got {self.steps}")
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise UsageError(f"guidance must lie between 0 and {MAX_GUIDANCE:g}, got {self.guidance:g}")


@dataclass(frozen=True)
class Delivery:
    """How a take is written. timecode_origin_s is the timecode, in seconds, of presented time 0."""

    rate_hz: int = 48_000
    bit_depth: Literal[16, 24] = 24
    channels: int = 1
    timecode_origin_s: Fraction = Fraction(0)
    description: str = ""
    loudness_lufs: float | None = None

    def __post_init__(self) -> None:
        if self.rate_hz not in (44_100, 48_000, 96_000):
            raise UsageError(f"the rate must be 44100, 48000 or 96000 Hz, got {self.rate_hz}")
        if self.bit_depth not in (16, 24):
            raise UsageError(f"the bit depth must be 16 or 24, got {self.bit_depth}")
        if self.channels not in (1, 2):
            raise UsageError(f"channels must be 1 or 2, got {self.channels}")
        if self.loudness_lufs is not None and not -70 <= self.loudness_lufs <= -5:
            raise UsageError(f"loudness must lie between -70 and -5 LUFS, got {self.loudness_lufs:g}")


@dataclass(frozen=True)
class Request:
    """One clip, its layers, and how to make and write them."""

    clip: Clip
    model: str
    model_digest: str
    layers: tuple[Layer, ...] = (Layer(),)
    sampling: Sampling = field(default_factory=Sampling)
    delivery: Delivery = field(default_factory=Delivery)

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise UsageError(f"a request has 1 to {MAX_LAYERS} layers, got {len(self.layers)}")
        _refuse_twice([layer.name for layer in self.layers])


def _refuse_twice(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"layer named twice: {', '.join(twice)}")
