"""What was made, remembered over runs and crashes: `report.json`, and beside it, while a run lasts, a journal.

Writing the report anew after each event would take time with the square of their number. So each finished event
appends one line to `report.journal`: what the report will say of it. Whoever runs next reads both, writes the
report, and removes the journal; so does a run at its own end, however it ends, unless it is killed.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2a.errors import UsageError
from v2a.output import storage_error, whole_file
from v2a.request import Cue
from v2a_otio.events import Cut
from v2a_otio.report import FILE, FORMAT, Document, Finished, SoundFile, finished_document

log = logging.getLogger(__name__)

JOURNAL = "report.journal"


class Memory:
    """The report and journal of an output folder, which nobody else writes to.

    report: what an earlier run wrote, empty where there is none that can be used. finished: all that was made, by
    request_id, the journal's included.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._journal = folder / JOURNAL
        self.report = read_report(self._path)
        self.finished = finished([*_entries(self.report), *_lines(self._journal)])

    def add(self, made: Finished, cut: Cut) -> None:
        """Remember a finished event, durably. Raises StorageError."""
        line = json.dumps(finished_document(made, cut), ensure_ascii=True) + "\n"
        try:
            with self._journal.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(self._journal, error) from error

    def save(self, report: Document) -> None:
        """Write a report that holds all that was finished, and let go of the journal. Raises StorageError."""
        with whole_file(self._path) as temporary:
            # A file name that is not UTF-8 becomes what JSON, too, writes for it.
            text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        with suppress(OSError):  # what stays is read again, and says the same
            self._journal.unlink(missing_ok=True)


def read_report(path: Path) -> Document:
    """An earlier report; empty where there is none or it cannot be used, since then all is to be made."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be used: %s", path, error)
        return {}
    return found if isinstance(found, dict) and found.get("format") == FORMAT else {}


def finished(entries: Iterable[Mapping[str, Any]]) -> dict[str, Finished]:
    """What entries of reports and journals say was made, by request_id; those that make no sense are passed over."""
    made = {}
    for entry in entries:
        try:
            if entry["sounds"]:
                sounds = tuple(_sound_file(sound) for sound in entry["sounds"])
                made[entry["request_id"]] = Finished(
                    entry["request_id"], sounds, tuple(entry["said"]), entry.get("took_s")
                )
        except (TypeError, KeyError, ValueError, ArithmeticError, AttributeError, UsageError) as error:
            log.warning("an entry of the earlier report cannot be used: %r", error)
    return made


def _entries(report: Mapping[str, Any]) -> list[Any]:
    entries = []
    for key in ("earlier", "events"):
        found = report.get(key, ())
        entries += found if isinstance(found, list) else []
    return entries


def _lines(path: Path) -> list[Any]:
    """The journal's entries. The last line of a run that was killed, or whose disk was full, may be half a line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    entries = []
    for line in lines:
        with suppress(ValueError):
            entries.append(json.loads(line))
    return entries


def _sound_file(facts: Mapping[str, Any]) -> SoundFile:
    cues = tuple(Cue(Fraction(cue["num"], cue["den"]), cue["strength"]) for cue in facts.get("cues", ()))
    return SoundFile(**{**facts, "cues": cues})
