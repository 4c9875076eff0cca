"""Which rows of a prompts table speak of which event of a cut."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, groupby

from v2a.errors import UsageError
from v2a.request import Layer
from v2a_plugin.prompt_table import SILENT, PromptTable, Row
from v2a_plugin.prompts import parse_cues
from v2a_plugin.timeline import parse_time
from v2a_plugin.words import LayerWords, Said, layer_name, layer_words

_FOREVER = Fraction(10**12)


@dataclass(frozen=True)
class Shot:
    """What tells an event from others. number: from 1; start_s: its record time."""

    number: int
    clip: str
    reel: str = ""
    start_s: Fraction = Fraction(0)


@dataclass
class CutTable:
    """A table whose ranges are times of one cut; it finds rows fast, and knows which were never found."""

    table: PromptTable
    rate: Fraction
    spans: dict[int, tuple[Fraction, Fraction]]
    _used: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        rows = self.table.rows
        self._by_event = _grouped(rows, lambda row: row.event)
        self._by_clip = _grouped(rows, lambda row: row.clip if row.event is None else None)
        self._by_reel = _grouped(rows, lambda row: row.reel if row.event is None and not row.clip else None)
        alone = [row for row in rows if row.event is None and not row.clip and not row.reel]
        self._ranges = sorted(alone, key=lambda row: self.spans[row.line])
        self._starts = [self.spans[row.line][0] for row in self._ranges]
        # The latest end of all ranges up to each: where it lies before an event, none earlier can hold it.
        self._ends = list(accumulate((self.spans[row.line][1] for row in self._ranges), max))

    def said(self, shot: Shot) -> list[Said]:
        """What the table says of an event: one value for each rank of rows, the strongest first.

        Raises UsageError, with file and line, for words that cannot be understood, and rows that contradict
        each other.
        """
        found = sorted((row for row in self._near(shot) if self._speaks_of(row, shot)), key=_strength)
        self._used.update(row.line for row in found)
        groups = [list(rows) for _, rows in groupby(found, key=lambda row: row.rank)]
        said: list[Said] = []
        for rows in groups:
            # Who asks more narrowly for a sound makes an exception to who asks for silence.
            said.append(self._said(rows, shot, silencing=not any(narrower.layers for narrower in said)))
        return said

    def unused(self) -> list[str]:
        """Sentences about rows that spoke of no event so far: most likely a misspelt name."""
        return [
            f"{self.table.path.name}, line {row.line}: the timeline has no such event ({row.named})"
            for row in self.table.rows
            if row.line not in self._used
        ]

    def _near(self, shot: Shot) -> Iterable[Row]:
        yield from self._by_event.get(shot.number, ())
        yield from self._by_clip.get(shot.clip, ()) if shot.clip else ()
        yield from self._by_reel.get(shot.reel, ()) if shot.reel else ()
        for index in range(bisect_right(self._starts, shot.start_s) - 1, -1, -1):
            if self._ends[index] <= shot.start_s:
                break
            yield self._ranges[index]

    def _speaks_of(self, row: Row, shot: Shot) -> bool:
        """Whether all that the row names is so. An event is in the range that holds its start."""
        start_s, end_s = self.spans.get(row.line, (-_FOREVER, _FOREVER))
        return (
            row.event in (None, shot.number)
            and row.clip in ("", shot.clip)
            and row.reel in ("", shot.reel)
            and start_s <= shot.start_s < end_s
        )

    def _said(self, rows: Sequence[Row], shot: Shot, *, silencing: bool) -> Said:
        path = self.table.path
        seeded = [row for row in rows if row.seed is not None]
        for row in seeded[1:]:
            if row.seed != seeded[0].seed:
                raise UsageError(
                    f"{path}, line {row.line}: seed {row.seed}, and line {seeded[0].line} says "
                    f"{seeded[0].seed}: all layers of an event have one seed"
                )
        seed = seeded[0].seed if seeded else None
        if any(row.layer == SILENT for row in rows):
            return Said(silent=silencing, seed=seed)
        said = Said(seed=seed)
        lines: dict[str, int] = {}
        for row in rows:
            if lines.setdefault(row.layer or "mix", row.line) != row.line:
                raise UsageError(
                    f"{path}, line {row.line}: says layer '{row.layer or 'mix'}' of event {shot.number} again (first "
                    f"in line {lines[row.layer or 'mix']}): leave one of them out"
                )
            said = _with(said, row, self._words(row, shot))
        return said

    def _words(self, row: Row, shot: Shot) -> LayerWords:
        try:
            words = layer_words(row.prompt, row.negative, row.preset)
            cues = parse_cues(row.cues, self.rate, shot.start_s) if row.cues else None
            Layer(layer_name(row.layer), words.prompt or "", words.negative or "", cues or ())
            return LayerWords(words.prompt, words.negative, cues)
        except UsageError as error:
            raise UsageError(f"{self.table.path}, line {row.line}: {error}") from None


def table_for_cut(table: PromptTable, rate: Fraction, origin_s: Fraction = Fraction(0)) -> CutTable:
    """A table for a cut of a rate, whose first frame has the timecode origin_s.

    Raises UsageError, with file and line, for times that do not exist.
    """
    spans = {row.line: _span(table, row, rate, origin_s) for row in table.rows if row.start or row.end}
    return CutTable(table, rate, spans)


def _span(table: PromptTable, row: Row, rate: Fraction, origin_s: Fraction) -> tuple[Fraction, Fraction]:
    def at(text: str, absent: Fraction) -> Fraction:
        # A timecode is the timeline's own; seconds and frames are counted from its first frame.
        return parse_time(text, rate) - (origin_s if ":" in text else 0) if text else absent

    try:
        start_s, end_s = at(row.start, -_FOREVER), at(row.end, _FOREVER)
    except UsageError as error:
        raise UsageError(f"{table.path}, line {row.line}: {error}") from None
    if end_s <= start_s:
        raise UsageError(f"{table.path}, line {row.line}: the range from {row.start} to {row.end} is empty")
    return start_s, end_s


def _strength(row: Row) -> tuple[tuple[bool, ...], int]:
    return tuple(not named for named in row.rank), row.line


def _with(said: Said, row: Row, words: LayerWords) -> Said:
    """A row that gives neither a layer nor a prompt leaves it to others which layers there are."""
    if row.layer or words.prompt is not None:
        return Said({**said.layers, layer_name(row.layer): words}, said.negative, said.cues, seed=said.seed)
    return Said(said.layers, words.negative, words.cues, seed=said.seed)


def _grouped(rows: Sequence[Row], key: Callable[[Row], int | str | None]) -> dict[int | str, list[Row]]:
    groups: dict[int | str, list[Row]] = defaultdict(list)
    for row in rows:
        if found := key(row):
            groups[found].append(row)
    return dict(groups)
