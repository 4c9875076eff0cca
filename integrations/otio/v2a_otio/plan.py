"""What is to be made for each event: its film, range, words and file names."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from v2a.errors import MediaError, NotFoundError, UsageError
from v2a.request import Layer, LayerName, Quality, Sampling
from v2a_otio.events import Cut, Event
from v2a_otio.media import Coverage, Film, Library, cover
from v2a_plugin.cut_table import CutTable, Shot, table_for_cut
from v2a_plugin.notes import said_by_notes
from v2a_plugin.outputs import ascii_name
from v2a_plugin.prompt_table import PromptTable
from v2a_plugin.prompts import said_by_markers
from v2a_plugin.words import LayerWords, Said, Words, layer_words, settle

RATE_HZ = 48_000


@dataclass(frozen=True)
class Options:
    """What the user asked for. handles: a time as text, since frames need the timeline's rate.

    prompt, negative, preset: the weakest words, for what table, markers and metadata leave empty. seed: unless they
    say another. picture: the cut's reference film. write: the exports beside the master (see `v2a_otio.exports`).
    stems: whether each reel and layer also becomes one WAV. source_rates: by reel or name. edl_rate: of an edit list.
    preview: whether a film with the new sound is made.
    """

    prompts: Path | None = None
    picture: Path | None = None
    media_roots: tuple[Path, ...] = ()
    handles: str = "0"
    source_rate: Fraction | None = None
    source_rates: tuple[tuple[str, Fraction], ...] = ()
    edl_rate: Fraction | None = None
    takes: int = 1
    seed: int = 0
    quality: Quality = "standard"
    prompt: str = ""
    negative: str = ""
    preset: str = ""
    model: str = "pocket"
    write: tuple[str, ...] = ()
    stems: bool = False
    preview: bool = True

    def __post_init__(self) -> None:
        # Words and numbers that no request may hold are refused before any work.
        settle([self.said])
        Sampling(seed=self.seed, takes=self.takes, quality=self.quality)

    @property
    def said(self) -> Said:
        """The words that hold for the whole project."""
        words = layer_words(self.prompt, self.negative, self.preset)
        return Said({} if words.prompt is None else {"mix": LayerWords(words.prompt)}, words.negative)


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

    @property
    def n_files(self) -> int:
        """How many WAVs are to be made."""
        return len(self.layers) * self.sampling.takes if self.wanted else 0

    @property
    def sound_s(self) -> Fraction:
        """Seconds of sound that are to be made, in all layers and takes."""
        return self.coverage.whole.duration_s * self.n_files if self.coverage else Fraction(0)

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
        return f"{self.event.number:03d}_{ascii_name(self.event.name)}_{layer}_t{take + 1}.wav"


def make_plans(
    cut: Cut, options: Options, library: Library, table: PromptTable | None, handle_s: Fraction
) -> tuple[list[Plan], list[str]]:
    """A plan for each event, and sentences about rows of the table that speak of none: most likely misspelt names.

    Raises UsageError for words in the table that no request may hold.
    """
    words = table_for_cut(table, cut.rate, cut.origin_s) if table else None
    plans = [_plan(event, cut, options, library, words, handle_s) for event in cut.events]
    return plans, words.unused() if words else []


def _plan(
    event: Event, cut: Cut, options: Options, library: Library, table: CutTable | None, handle_s: Fraction
) -> Plan:
    shot = Shot(event.number, event.name, event.reel, event.record.start_s)
    # What is wrong in the table has a line to mend, and stops the run; what is wrong elsewhere, its event.
    said = table.said(shot) if table else []
    words, sampling = Words(()), Sampling(takes=options.takes, quality=options.quality)
    film, coverage, problem = None, None, event.refusal
    try:
        words = _words(event, cut, options, said)
        seed = options.seed if words.seed is None else words.seed
        sampling = Sampling(seed=seed, takes=options.takes, quality=options.quality)
        if not event.refusal and not event.omission:
            film = library.find(event)
            coverage = cover(event, film, handle_s, earliest_s=-cut.origin_s, rate=cut.rate)
    except (MediaError, NotFoundError, UsageError) as error:
        film, problem = None, problem or str(error)
    omission = event.omission or ("marked silent" if words.silent else "")
    if omission:
        problem = ""
    return Plan(event, film, coverage, words.layers, sampling, problem, omission)


def _words(event: Event, cut: Cut, options: Options, table: list[Said]) -> Words:
    """The table's words, then the markers', the metadata's and the command line's (see `v2a_plugin.words`)."""
    notes = said_by_notes(event.notes, cut.rate, event.record.start_s)
    return settle([*table, said_by_markers(event.markers), *notes, options.said])
