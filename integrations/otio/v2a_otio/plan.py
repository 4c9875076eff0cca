"""What is to be made for each event: its film, range, words and file names."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from v2a.errors import MediaError, NotFoundError, UsageError
from v2a.request import Layer, LayerName, Quality, Sampling
from v2a_otio.events import Cut, Event
from v2a_otio.media import Coverage, Film, Library, cover
from v2a_plugin.prompts import PromptTable, Row, Words, words_from_markers

RATE_HZ = 48_000
_NAME_CHARS = 40


@dataclass(frozen=True)
class Options:
    """What the user asked for. handles: a time as text, since frames need the timeline's rate.

    prompt, negative: for events that neither the table nor a marker gives words to. seed: unless the table
    says another. picture: the cut's reference film.
    """

    prompts: Path | None = None
    picture: Path | None = None
    media_roots: tuple[Path, ...] = ()
    handles: str = "0"
    source_rate: Fraction | None = None
    takes: int = 1
    seed: int = 0
    quality: Quality = "standard"
    prompt: str = ""
    negative: str = ""
    model: str = "pocket"

    def __post_init__(self) -> None:
        # Words and numbers that no request may hold are refused before any work.
        Layer("mix", self.prompt, self.negative)
        Sampling(seed=self.seed, takes=self.takes, quality=self.quality)


@dataclass(frozen=True)
class Plan:
    """An event and what is to be made for it.

    film and coverage are there unless the event cannot be made; problem says why it cannot, omission why it
    is not wanted. Both are empty for events that get sound.
    """

    event: Event
    film: Film | None
    coverage: Coverage | None
    layers: tuple[Layer, ...]
    sampling: Sampling
    problem: str = ""
    omission: str = ""

    @property
    def wanted(self) -> bool:
        """Whether sound is to be made."""
        return not self.problem and not self.omission

    def stray_cues(self) -> tuple[str, ...]:
        """Sentences about cues outside the sound, which nothing can follow."""
        whole = self.coverage.whole if self.coverage else self.event.record
        return tuple(
            f"{layer.name}: a cue {float(cue.time_s - self.event.record.start_s):g} s after its start lies outside "
            "the event and is not heard"
            for layer in self.layers
            for cue in layer.cues
            if not whole.start_s <= cue.time_s < whole.end_s
        )

    def file_name(self, layer: LayerName, take: int) -> str:
        """The WAV's name for a layer and a take (from 0): ASCII, and unique in its timeline."""
        return f"{self.event.number:03d}_{_ascii(self.event.name)}_{layer}_t{take + 1}.wav"


def make_plans(
    cut: Cut, options: Options, library: Library, table: PromptTable | None, handle_s: Fraction
) -> list[Plan]:
    """A plan for each event. Raises UsageError for words in the table that no request may hold."""
    return [_plan(event, cut, options, library, table, handle_s) for event in cut.events]


def unused_rows(table: PromptTable | None, events: Sequence[Event]) -> list[str]:
    """Sentences about rows of the prompts table that speak of no event: most likely a misspelt name."""
    if table is None:
        return []
    return [
        f"{table.path.name}, line {row.line}: the timeline has no such event ({_named(row)})"
        for row in table.rows
        if not any(row.speaks_of(event.number, event.name) for event in events)
    ]


def _named(row: Row) -> str:
    return " ".join(([] if row.event is None else [f"number {row.event}"]) + ([row.clip] if row.clip else []))


def _plan(
    event: Event, cut: Cut, options: Options, library: Library, table: PromptTable | None, handle_s: Fraction
) -> Plan:
    words = _words(event, cut, options, table)
    sampling = Sampling(
        seed=options.seed if words.seed is None else words.seed, takes=options.takes, quality=options.quality
    )
    omission = event.omission or ("marked silent" if words.silent else "")
    film, coverage, problem = None, None, event.refusal
    if not event.refusal and not event.omission:
        try:
            film = library.find(event)
            coverage = cover(event, film, handle_s, earliest_s=-cut.origin_s)
        except (MediaError, NotFoundError, UsageError) as error:
            film, problem = None, str(error)
    if omission:
        problem = ""
    return Plan(event, film, coverage, words.layers, sampling, problem, omission)


def _words(event: Event, cut: Cut, options: Options, table: PromptTable | None) -> Words:
    """The table's words, else the markers', else the command line's."""
    if table is not None:
        found = table.words_for(event.number, event.name, start_s=event.record.start_s, rate=cut.rate)
        if found is not None:
            return found
    words = words_from_markers(event.markers)
    if words.silent:
        return words
    layer = words.layers[0]
    return Words(
        (
            Layer(
                layer.name,
                layer.prompt or options.prompt,
                layer.negative_prompt or options.negative,
                layer.cues,
            ),
        )
    )


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain)[:_NAME_CHARS].strip("_-") or "clip"
