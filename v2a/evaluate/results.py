"""A measured figure, and how far it would move with other films: bootstrap intervals (Efron & Tibshirani 1993).

The units drawn again are whole films, scenes or recording families, never single onsets: what is made for one film
errs together. Torch-free.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

_DRAWS = 2_000
_LEVEL = 0.95

Numbers = npt.NDArray[np.float64]
Statistic = Callable[[Numbers], Numbers]


@dataclass(frozen=True)
class Result:
    """A cell of a table: `measure` of `subject`, with its 95 % interval, None where there is but one unit."""

    table: str
    subject: str
    measure: str
    value: float
    low: float | None
    high: float | None
    n: int  # units, each of which may be drawn again

    def as_dict(self) -> dict[str, object]:
        """For JSON and CSV."""
        return asdict(self)


def result(table: str, subject: str, measure: str, units: npt.ArrayLike, statistic: Statistic | None = None) -> Result:
    """A figure with its interval.

    units: one row a unit, (n, k) of numbers that add up, or (n,) where the figure is their mean. statistic: sums
    (…, k) over units → (…,); a figure that cannot be computed (no unit, 0 / 0) is NaN.
    """
    rows = np.asarray(units, np.float64)
    if statistic is None:
        rows, statistic = np.stack([rows, np.ones(len(rows))], -1) if len(rows) else np.zeros((0, 2)), ratio
    n = len(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(rows.sum(0))) if n else float("nan")
        if n < 2:
            return Result(table, subject, measure, value, None, None, n)
        draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _DRAWS)
        found = statistic(draws @ rows)
    found = found[np.isfinite(found)]
    if not len(found):
        return Result(table, subject, measure, value, None, None, n)
    low, high = np.quantile(found, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Result(table, subject, measure, value, float(low), float(high), n)


def ratio(sums: Numbers) -> Numbers:
    """Sums (…, 2) → the first over the second."""
    return np.asarray(sums[..., 0] / sums[..., 1])
