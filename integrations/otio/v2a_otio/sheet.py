"""`report.csv`: the report as a table, one row for each sound, and one for each event without any."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from v2a.output import whole_file

FILE = "report.csv"

_COLUMNS = (
    *("event", "status", "name", "track", "record_in", "record_out", "record_frames", "rate"),
    *("source", "reel", "source_in", "source_out", "source_frames", "source_rate", "speed"),
    *("layer", "take", "file", "sha256", "file_in", "file_out", "samples", "loudness_lufs", "peak_dbfs"),
    *("prompt", "negative", "cues", "seed", "quality", "model", "licence", "model_digest", "synthetic"),
    *("reused", "took_s", "request", "error", "warnings"),
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def write(path: Path, report: dict[str, Any]) -> None:
    """Write a report (see `report.document`) as CSV, UTF-8 with the mark that spreadsheets look for.

    Text that a spreadsheet would take for a formula gets an apostrophe before it. Raises StorageError.
    """
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file,
    ):
        table = csv.DictWriter(file, _COLUMNS)
        table.writeheader()
        for event in report["events"]:
            for row in _rows(event, report):
                table.writerow({key: _harmless(value) for key, value in row.items()})


def _rows(event: dict[str, Any], report: dict[str, Any]) -> Iterator[dict[str, object]]:
    record, media, model = event["record"], event["media"], report["model"] or {}
    row: dict[str, object] = {
        "event": event["number"],
        "status": event["status"],
        "name": event["name"],
        "track": event["track"],
        "record_in": record["start"]["text"],
        "record_out": record["end"]["text"],
        "record_frames": record["frames"],
        "rate": report["timeline"]["rate"]["text"],
        "source": media["file"],
        "reel": media["reel"],
        "source_in": media["start"]["text"],
        "source_out": media["end"]["text"],
        "source_frames": media["frames"],
        "source_rate": media["rate"]["text"],
        "speed": media["speed"]["text"],
        "seed": event["seed"],
        "quality": event["quality"],
        "reused": event["reused"],
        "took_s": event["took_s"],
        "request": event["request_id"],
        "error": event["error"],
        "warnings": "; ".join(event["warnings"]),
    }
    if not event["sounds"]:
        yield row
        return
    layers = {layer["layer"]: layer for layer in event["layers"]}
    for sound in event["sounds"]:
        layer = layers[sound["layer"]]
        yield row | {
            "layer": sound["layer"],
            "take": sound["take"],
            "file": sound["file"],
            "sha256": sound["sha256"],
            "file_in": event["file_range"]["start"]["text"],
            "file_out": event["file_range"]["end"]["text"],
            "samples": sound["n_samples"],
            "loudness_lufs": _decimals(sound["loudness_lufs"]),
            "peak_dbfs": _decimals(sound["peak_dbfs"]),
            "prompt": layer["prompt"],
            "negative": layer["negative"],
            "cues": "; ".join(cue["text"] for cue in sound["cues"]),
            "model": model.get("name", ""),
            "licence": model.get("licence", ""),
            "model_digest": model.get("digest", ""),
            "synthetic": True,
        }


def _decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _harmless(value: object) -> object:
    """Names and words come from anywhere; "=…" in a cell is a formula that a spreadsheet would run."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
