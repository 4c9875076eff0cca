"""How a training goes: the step it is at, and its rows in log.csv."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from v2a.output import whole_file


@dataclass
class Course:
    """step: optimiser steps done; sums, counted: of the losses since the last row of the log."""

    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0

    def add(self, losses: dict[str, float]) -> None:
        """Count the losses of a step."""
        self.counted += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """The mean losses since the last time."""
        means = {name: value / self.counted for name, value in self.sums.items()}
        self.sums, self.counted = {}, 0
        return means


def log_row(path: Path, row: dict[str, float]) -> None:
    """Append a row to a table; a new one begins with the names."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow({name: value if isinstance(value, int) else f"{value:.5g}" for name, value in row.items()})


def forget_after(path: Path, step: int) -> None:
    """Leave out the rows that came after a step: a run that was killed does these again."""
    if not path.exists():
        return
    with path.open(newline="") as file:
        header, *rows = file.read().splitlines() or [""]
    whole = [row.split(",") for row in rows if row.count(",") == header.count(",")]
    kept = [",".join(row) for row in whole if int(row[0]) <= step]
    if kept != rows:
        with whole_file(path) as part:
            part.write_text("\r\n".join([header, *kept, ""]), newline="")
