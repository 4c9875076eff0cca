"""What a measurement found, and what was wanted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of a table. timed: it depends on the machine and on what else runs there."""

    what: str
    seen: str
    wanted: str
    met: bool
    timed: bool = False


def holds(what: str, seen: object, wanted: object) -> Figure:
    """A figure that is right or wrong, on any machine."""
    return Figure(what, str(seen), str(wanted), seen == wanted)


def at_most(what: str, seen: float, limit: float, unit: str) -> Figure:
    """A time, or a size, that must not be larger."""
    return Figure(what, f"{seen:.3g} {unit}", f"≤ {limit:g} {unit}", seen <= limit, timed=True)


def at_least(what: str, seen: float, limit: float, unit: str) -> Figure:
    """A rate that must not be smaller."""
    return Figure(what, f"{seen:.3g} {unit}", f"≥ {limit:g} {unit}", seen >= limit, timed=True)


def told(what: str, seen: object) -> Figure:
    """How it was measured, or what else was seen."""
    return Figure(what, str(seen), "", met=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of all lies; the largest of few."""
    return sorted(values)[min(math.ceil(share * len(values)), len(values)) - 1]


def scaled(full: int, scale: float) -> int:
    """A number of repetitions at a scale; at least one."""
    return max(round(full * scale), 1)
