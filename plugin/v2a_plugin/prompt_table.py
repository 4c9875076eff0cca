"""Words for clips out of a table that somebody filled in."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from v2a.errors import NotFoundError, UsageError
from v2a.request import LAYERS
from v2a_plugin.words import layer_words

_COLUMNS = ("clip", "event", "reel", "from", "to", "layer", "preset", "prompt", "negative", "cues", "seed")
_KEYS = ("event", "from", "to", "clip", "reel")
# The word in the place of a layer that asks for no sound.
SILENT = "silent"


@dataclass(frozen=True)
class Row:
    """A row of the table, as written. Times and cues stay text: frames need the clip's rate."""

    line: int
    event: int | None = None
    start: str = ""
    end: str = ""
    clip: str = ""
    reel: str = ""
    layer: str = ""
    preset: str = ""
    prompt: str = ""
    negative: str = ""
    cues: str = ""
    seed: int | None = None

    @property
    def rank(self) -> tuple[bool, ...]:
        """How narrowly it says whom it speaks of; the greater one wins: number, then range, clip and reel."""
        return (self.event is not None, bool(self.start or self.end), bool(self.clip), bool(self.reel))

    @property
    def named(self) -> str:
        """Whom it speaks of, for people."""
        return " ".join(
            ([] if self.event is None else [f"number {self.event}"])
            + ([f"from {self.start or 'the start'} to {self.end or 'the end'}"] if self.start or self.end else [])
            + ([self.clip] if self.clip else [])
            + ([f"reel {self.reel}"] if self.reel else [])
        )


@dataclass(frozen=True)
class PromptTable:
    """The rows of a prompts file."""

    path: Path
    rows: tuple[Row, ...]


def read_prompts(path: Path) -> PromptTable:
    """Read a prompts table: CSV, UTF-8, with a header line.

    Whom a row speaks of: `event` (number of the event, from 1), `from` and `to` (the event's start lies in this range;
    timecode of the timeline, or seconds or frames from its first frame), `clip` (name of the clip), `reel`. Where it
    names several, all must be so; rows that name the event's number win over those that name a range, these over
    clips, and clips over reels, and what the winner leaves empty the others fill in.

    What it says: `layer` (empty: mix; `silent`: make nothing here), `preset`, `prompt`, `negative` ("-": none at all),
    `cues` (times after the event's start, divided by ";": "1.5; 36f@0.5"), `seed` (one for all layers of an
    event). Several rows with the same clip or event are its layers.

    Raises NotFoundError without the file, UsageError with file and line for what cannot be understood.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"no prompts file {path}") from None
    except OSError as error:
        raise UsageError(f"the prompts file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text: export the table as CSV (UTF-8)") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    try:
        header = _header(path, next(reader, []))
        for fields in reader:
            if filled := _without_empty_end(fields):
                rows.append(_row(path, reader.line_num, header, filled))
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
    _refuse_twice(path, rows)
    return PromptTable(path, tuple(rows))


def _header(path: Path, fields: Sequence[str]) -> list[str]:
    names = [field.lower() for field in _without_empty_end(fields)]
    if len(names) == 1 and re.search(r"[;\t]", names[0]):
        raise UsageError(f"{path}, line 1: the columns are not divided by commas: save the table as CSV with commas")
    unknown = [name for name in names if name not in _COLUMNS]
    if unknown:
        raise UsageError(f"{path}, line 1: unknown column '{unknown[0]}': the columns are {', '.join(_COLUMNS)}")
    if len(set(names)) < len(names):
        raise UsageError(f"{path}, line 1: a column is named twice: {', '.join(names)}")
    if not set(names) & set(_KEYS):
        raise UsageError(
            f"{path}, line 1: the first line must name the columns, 'clip', 'event', 'reel', 'from' or 'to' among them"
        )
    return names


def _without_empty_end(fields: Sequence[str]) -> list[str]:
    """The fields without blanks around, and without the empty ones that spreadsheets put at the end."""
    stripped = [field.strip() for field in fields]
    while stripped and not stripped[-1]:
        stripped.pop()
    return stripped


def _row(path: Path, line: int, header: Sequence[str], fields: Sequence[str]) -> Row:
    where = f"{path}, line {line}"
    if len(fields) > len(header):
        raise UsageError(f"{where}: {len(fields)} fields under {len(header)} columns: put quotes around commas in text")
    cell = dict(zip(header, fields, strict=False))
    event = _whole_number(where, "event", cell.get("event", ""), lowest=1)
    if event is None and not any(cell.get(key) for key in _KEYS):
        raise UsageError(f"{where}: says neither a clip nor an event, and no reel or range either")
    layer = cell.get("layer", "").lower()
    if layer not in (*LAYERS, SILENT, ""):
        raise UsageError(f"{where}: unknown layer '{layer}': choose from {', '.join(LAYERS)}, {SILENT}")
    row = Row(
        line=line,
        event=event,
        start=cell.get("from", ""),
        end=cell.get("to", ""),
        clip=cell.get("clip", ""),
        reel=cell.get("reel", ""),
        layer=layer,
        preset=cell.get("preset", ""),
        prompt=cell.get("prompt", ""),
        negative=cell.get("negative", ""),
        cues=cell.get("cues", ""),
        seed=_whole_number(where, "seed", cell.get("seed", ""), lowest=0),
    )
    try:
        layer_words(preset=row.preset)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    return row


def _whole_number(where: str, column: str, text: str, *, lowest: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) < lowest:
        raise UsageError(f"{where}: {column} must be a whole number from {lowest}, got '{text}'")
    return int(text)


def _refuse_twice(path: Path, rows: Sequence[Row]) -> None:
    seen: dict[tuple[object, ...], int] = {}
    for row in rows:
        key = (row.event, row.start, row.end, row.clip, row.reel, row.layer or "mix")
        if key in seen:
            raise UsageError(f"{path}, line {row.line}: says layer '{key[-1]}' again (first in line {seen[key]})")
        seen[key] = row.line
