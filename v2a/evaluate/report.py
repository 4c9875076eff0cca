"""A measurement as files: report.json, results.csv, report.md, and a plot for each table."""

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from v2a.evaluate.results import Result
from v2a.output import storage_error, whole_file

_COLUMNS = ("table", "subject", "measure", "value", "low", "high", "n")


@dataclass(frozen=True)
class Counts:
    """A matrix of counts: rows were asked for, columns were found."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Report:
    """Results with what is needed to read them. notes: what each table means; facts: how it was made."""

    title: str
    results: Sequence[Result]
    notes: dict[str, str]
    facts: dict[str, str | int] = field(default_factory=dict)
    counts: Sequence[Counts] = ()


def write(report: Report, folder: Path) -> None:
    """Write all files of a report. Raises StorageError where the folder cannot be written."""
    from v2a.evaluate.plots import plot_counts, plot_table

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    as_data = {
        "title": report.title,
        "facts": report.facts,
        "results": [_finite(one) for one in report.results],
        "counts": [vars(one) for one in report.counts],
    }
    with whole_file(folder / "report.json") as path:
        path.write_text(json.dumps(as_data, indent=1, default=list) + "\n")
    with whole_file(folder / "results.csv") as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(_finite(one) for one in report.results)
    with whole_file(folder / "report.md") as path:
        path.write_text(markdown(report))
    for table in _tables(report.results):
        plot_table(folder / f"{_file_name(table)}.png", [one for one in report.results if one.table == table])
    for counts in report.counts:
        plot_counts(folder / f"{_file_name(counts.title)}.png", counts)


def markdown(report: Report) -> str:
    """The tables, each with what it means; a cell is the figure and its 95 % interval."""
    parts = [f"# {report.title}"]
    if report.facts:
        parts.append("; ".join(f"{name}: {value}" for name, value in report.facts.items()) + ".")
    for table in _tables(report.results):
        parts += [f"## {table}", report.notes.get(table, ""), _grid([r for r in report.results if r.table == table])]
    for counts in report.counts:
        rows = [[row, *(f"{cell:g}" for cell in cells)] for row, cells in zip(counts.rows, counts.cells, strict=True)]
        parts += [f"## {counts.title}", report.notes.get(counts.title, ""), _lines([["", *counts.columns], *rows])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tables(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(one.table for one in results))


def _grid(results: Sequence[Result]) -> str:
    measures = list(dict.fromkeys(one.measure for one in results))
    cells = {(one.subject, one.measure): one for one in results}
    rows = [["", *measures, "n"]]
    for subject in dict.fromkeys(one.subject for one in results):
        found = [cells.get((subject, measure)) for measure in measures]
        n = max(one.n for one in found if one)
        rows.append([subject, *(_cell(one) for one in found), str(n)])
    return _lines(rows)


def _lines(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def _cell(one: Result | None) -> str:
    if one is None or not math.isfinite(one.value):
        return "–"
    figure = f"{one.value:{_form(one.value)}}"
    if one.low is None or one.high is None:
        return figure
    return f"{figure} [{one.low:{_form(one.value)}}, {one.high:{_form(one.value)}}]"


def _form(value: float) -> str:
    return ".2f" if abs(value) < 10 else ".0f" if abs(value) >= 100 else ".1f"


def _finite(one: Result) -> dict[str, object]:
    """JSON knows no NaN."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in one.as_dict().items()}


def _file_name(title: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in title.lower()).strip("_")
