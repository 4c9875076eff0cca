"""The course of a training as a picture."""

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

_NOT_LOSSES = {"step", "rate", "examples"}
_SMOOTHED_ROWS = 9


def draw_curves(logs: dict[str, Path], out: Path) -> None:
    """Draw each log's losses over its steps, smoothed, side by side. A log that is not there is left out."""
    there = {name: path for name, path in logs.items() if path.exists()}
    if not there:
        return
    figure = Figure(figsize=(5 * len(there), 3.2), layout="constrained")
    for panel, (name, path) in zip(figure.subplots(1, len(there), squeeze=False)[0], there.items(), strict=True):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            continue
        steps = np.array([float(row["step"]) for row in rows])
        for loss in sorted(rows[0].keys() - _NOT_LOSSES):
            values = np.array([float(row[loss]) for row in rows])
            n = min(_SMOOTHED_ROWS, 1 + len(values) // 8)
            panel.plot(
                steps[n // 2 :][: len(values) - n + 1], np.convolve(values, np.full(n, 1 / n), "valid"), label=loss
            )
        panel.set(title=name, xlabel="step", ylabel="loss", ylim=(0, None))
        panel.legend()
    figure.savefig(out, dpi=110)
