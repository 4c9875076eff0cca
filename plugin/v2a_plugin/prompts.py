"""Words for clips: from a table that somebody filled in, or from markers on a timeline."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from v2a.errors import NotFoundError, UsageError
from v2a.request import LAYERS, Cue, Layer, LayerName
from v2a_plugin.timeline import parse_time

_COLUMNS = ("clip", "event", "layer", "prompt", "negative", "cues", "seed")
_SILENT = "silent"
_STRENGTH = re.compile(r"[01]?\.?\d{1,12}", re.ASCII)
_MARKER = re.compile(r"v2a(?:-(not|cue|silent))?\s*(?::\s*(.*))?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Words:
    """What is to be heard in one clip. silent: nothing is to be made. seed None: the caller's own."""

    layers: tuple[Layer, ...]
    silent: bool = False
    seed: int | None = None


@dataclass(frozen=True)
class Row:
    """A row of the table, as written. Cues stay text: frames need the clip's rate."""

    line: int
    clip: str
    event: int | None
    layer: str
    prompt: str
    negative: str
    cues: str
    seed: int | None

    def speaks_of(self, event_number: int, clip_name: str) -> bool:
        """Whether all that the row names, event, clip or both, is so."""
        return self.event in (None, event_number) and self.clip in ("", clip_name)


@dataclass(frozen=True)
class PromptTable:
    """The rows of a prompts file."""

    path: Path
    rows: tuple[Row, ...]

    def words_for(
        self, event_number: int, clip_name: str, *, start_s: Fraction = Fraction(0), rate: Fraction
    ) -> Words | None:
        """The words for an event, or None where no row speaks of it.

        Rows that name the event's number (1-based) win over rows that name its clip alone.

        start_s: presented time of the event's start, to which its cues are relative. rate: frames a second.
        Raises UsageError, with file and line, for words or cues that no request may hold.
        """
        rows = [row for row in self.rows if row.speaks_of(event_number, clip_name)]
        rows = [row for row in rows if row.event is not None] or rows
        if not rows:
            return None
        seeded = [row for row in rows if row.seed is not None]
        for row in seeded[1:]:
            if row.seed != seeded[0].seed:
                raise UsageError(
                    f"{self.path}, line {row.line}: seed {row.seed}, and line {seeded[0].line} says "
                    f"{seeded[0].seed}: all layers of an event have one seed"
                )
        seed = seeded[0].seed if seeded else None
        if any(row.layer == _SILENT for row in rows):
            return Words((), silent=True, seed=seed)
        return Words(tuple(self._layer(row, start_s, rate) for row in rows), seed=seed)

    def _layer(self, row: Row, start_s: Fraction, rate: Fraction) -> Layer:
        try:
            cues = tuple(parse_cue(text, rate, start_s) for text in _cue_texts(row.cues))
            return Layer(layer_name(row.layer), row.prompt, row.negative, cues)
        except UsageError as error:
            raise UsageError(f"{self.path}, line {row.line}: {error}") from None


def read_prompts(path: Path) -> PromptTable:
    """Read a prompts table: CSV, UTF-8, with a header line.

    Columns: `clip` (name of the clip) or `event` (number of the event, from 1), or both, which must then agree;
    `layer` (empty: mix; `silent`: make nothing here), `prompt`, `negative`, `cues` (times after the event's start,
    divided by ";": "1.5; 36f@0.5"), `seed` (one for all layers of an event). Several rows with one clip or
    event are its layers.

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


def layer_name(text: str) -> LayerName:
    """The layer that a text names; empty is mix. Raises UsageError with the known names."""
    for name in LAYERS:
        if name == (text.strip().lower() or "mix"):
            return name
    raise UsageError(f"unknown layer '{text}': choose from {', '.join(LAYERS)}")


def parse_cue(text: str, rate: Fraction, start_s: Fraction = Fraction(0)) -> Cue:
    """The cue that a text names: a time, as `parse_time` reads it, and perhaps a strength: "12.5", "120f@0.4".

    start_s: presented time that the time is counted from. rate: frames a second. Raises UsageError.
    """
    time, at, strength = text.partition("@")
    if at and not _STRENGTH.fullmatch(strength.strip()):
        raise UsageError(f"'{text.strip()}' is no cue: write a time, and after it perhaps @ and a strength up to 1")
    return Cue(start_s + parse_time(time, rate), float(strength) if at else 1.0)


@dataclass(frozen=True)
class Marker:
    """A marker of a timeline. time_s: presented time in seconds."""

    time_s: Fraction
    name: str = ""
    comment: str = ""


def words_from_markers(markers: Sequence[Marker]) -> Words:
    """The words that markers say, in their names or comments; other markers are passed over.

    "v2a: rain on a roof" is a prompt and "v2a-not: music" what should not be heard (several are joined),
    "v2a-cue" says that something sounds at the marker's time, "v2a-silent" that nothing is to be made.
    Without any of these the answer is a mix layer without words, which is made from the pictures alone.
    """
    prompts: list[str] = []
    negatives: list[str] = []
    cues: list[Cue] = []
    for marker in sorted(markers, key=lambda marker: marker.time_s):
        for text in (marker.name, marker.comment):
            said = _MARKER.fullmatch(text.strip())
            if said is None:
                continue
            kind, words = (said[1] or "").lower(), (said[2] or "").strip()
            if kind == "silent":
                return Words((), silent=True)
            if kind == "cue":
                cues.append(Cue(marker.time_s))
            elif words:
                (negatives if kind == "not" else prompts).append(words)
    return Words((Layer("mix", ", ".join(prompts), ", ".join(negatives), tuple(cues)),))


def _header(path: Path, fields: Sequence[str]) -> list[str]:
    names = [field.lower() for field in _without_empty_end(fields)]
    if len(names) == 1 and re.search(r"[;\t]", names[0]):
        raise UsageError(f"{path}, line 1: the columns are not divided by commas: save the table as CSV with commas")
    unknown = [name for name in names if name not in _COLUMNS]
    if unknown:
        raise UsageError(f"{path}, line 1: unknown column '{unknown[0]}': the columns are {', '.join(_COLUMNS)}")
    if len(set(names)) < len(names):
        raise UsageError(f"{path}, line 1: a column is named twice: {', '.join(names)}")
    if "clip" not in names and "event" not in names:
        raise UsageError(f"{path}, line 1: the first line must name the columns, 'clip' or 'event' among them")
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
    clip = cell.get("clip", "")
    if event is None and not clip:
        raise UsageError(f"{where}: says neither a clip nor an event")
    layer = cell.get("layer", "").lower() or "mix"
    if layer not in (*LAYERS, _SILENT):
        raise UsageError(f"{where}: unknown layer '{layer}': choose from {', '.join(LAYERS)}, {_SILENT}")
    return Row(
        line=line,
        clip=clip,
        event=event,
        layer=layer,
        prompt=cell.get("prompt", ""),
        negative=cell.get("negative", ""),
        cues=cell.get("cues", ""),
        seed=_whole_number(where, "seed", cell.get("seed", ""), lowest=0),
    )


def _whole_number(where: str, column: str, text: str, *, lowest: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) < lowest:
        raise UsageError(f"{where}: {column} must be a whole number from {lowest}, got '{text}'")
    return int(text)


def _cue_texts(text: str) -> list[str]:
    # ";" divides cues and also stands before the frames of drop-frame timecode, which is looked for first.
    return [found for found in re.findall(r"\s*\d+:\d\d:\d\d;[^;]+|[^;]+", text) if found.strip()]


def _refuse_twice(path: Path, rows: Sequence[Row]) -> None:
    seen: dict[tuple[object, str], int] = {}
    for row in rows:
        key = (row.event if row.event is not None else row.clip, row.layer)
        if key in seen:
            raise UsageError(f"{path}, line {row.line}: says layer '{row.layer}' again (first in line {seen[key]})")
        seen[key] = row.line
