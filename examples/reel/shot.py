"""What a shot is: a still background and a drawing of what moves, as functions of exact time."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from examples.reel.drawing import Canvas


@dataclass(frozen=True)
class Shot:
    """A piece of the reel.

    impacts_s: the instants, from the shot's start, at which something visibly strikes something.
    background: draws what stands still; draw(canvas, t): what moves, at t seconds from the shot's start.
    """

    name: str
    n_frames: int
    impacts_s: tuple[Fraction, ...]
    background: Callable[[Canvas], None]
    draw: Callable[[Canvas, float], None]


def seconds(*decimals: str) -> tuple[Fraction, ...]:
    """Exact times from decimal texts."""
    return tuple(Fraction(text) for text in decimals)
