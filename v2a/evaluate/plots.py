"""Plots of tables: a panel for each measure, a bar for each subject, with its interval; and matrices of counts."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from v2a.evaluate.report import Counts
from v2a.evaluate.results import Result
from v2a.output import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS_A_ROW = 4
_COLOUR = "#3b6ea5"


def plot_table(path: Path, results: Sequence[Result]) -> None:
    """Write a PNG with one panel for each measure."""
    measures = list(dict.fromkeys(one.measure for one in results))
    subjects = list(dict.fromkeys(one.subject for one in results))
    columns = min(len(measures), _PANELS_A_ROW)
    rows = -(-len(measures) // columns)
    figure = _figure(2 + 2.6 * columns, rows * (1.0 + 0.24 * len(subjects)))
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axis, measure in zip(axes, measures, strict=False):
        for one in results:
            if one.measure != measure or not np.isfinite(one.value):
                continue
            at = subjects.index(one.subject)
            axis.barh(at, one.value, color=_COLOUR, height=0.6)
            if one.low is not None and one.high is not None:
                axis.plot([one.low, one.high], [at, at], color="black", linewidth=1)
        axis.set_title(measure, fontsize=9)
        axis.set_yticks(range(len(subjects)), subjects, fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        axis.set_ylim(len(subjects) - 0.5, -0.5)
    for axis in axes[len(measures) :]:
        axis.set_visible(False)
    _save(figure, path)


def plot_counts(path: Path, counts: Counts) -> None:
    """Write a PNG of the matrix, each row shaded by its share."""
    cells = np.asarray(counts.cells, np.float64)
    figure = _figure(2 + 0.32 * cells.shape[1], 1.5 + 0.28 * cells.shape[0])
    axis = figure.subplots()
    axis.imshow(cells / np.maximum(cells.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(cells.shape[1]), counts.columns, rotation=90, fontsize=7)
    axis.set_yticks(range(cells.shape[0]), counts.rows, fontsize=7)
    for row, column in zip(*np.nonzero(cells), strict=True):
        axis.text(column, row, f"{cells[row, column]:g}", ha="center", va="center", fontsize=6)
    axis.set_title(counts.title, fontsize=9)
    _save(figure, path)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure  # no window, no global state

    return Figure(figsize=(width, max(height, 1.6)), dpi=110, layout="constrained")


def _save(figure: "Figure", path: Path) -> None:
    with whole_file(path) as part:
        figure.savefig(part, format="png")
