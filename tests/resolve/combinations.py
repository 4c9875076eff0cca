"""Every edition, version, end-frame mode and rate of Resolve that the contract suite runs at."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from tests.doubles.resolve import Behaviour
from tests.doubles.resolve.times import rate_of

EDITIONS = (False, True)
VERSIONS = ((18, 6), (19, 0), (19, 1), (20, 2), (21, 0))
END_FRAMES = ("exclusive", "inclusive")
# As a timeline shows its rate; and the rate that films were shot at, where the timeline plays them at its own.
RATES = (
    ("24", Fraction(16)),
    *((rate, rate_of(rate)[0]) for rate in ("23.976", "24", "25", "29.97 DF", "30", "59.94")),
)


@dataclass(frozen=True)
class Combination:
    studio: bool
    version: tuple[int, ...]
    end_frame: str
    rate_text: str
    film_rate: Fraction

    def __str__(self) -> str:
        edition, version = "Studio" if self.studio else "free", ".".join(map(str, self.version))
        rate = f"{self.film_rate} as {self.rate_text}" if self.is_reinterpreted else self.rate_text
        return f"{rate} {edition} {version} {self.end_frame}"

    @property
    def rate(self) -> Fraction:
        """Of the timeline."""
        return rate_of(self.rate_text)[0]

    @property
    def is_reinterpreted(self) -> bool:
        """Whether its films were shot at another rate."""
        return self.film_rate != self.rate

    @property
    def behaviour(self) -> Behaviour:
        """Of the double."""
        return Behaviour(studio=self.studio, version=self.version, end_frame=self.end_frame)


COMBINATIONS = tuple(
    Combination(studio, version, end_frame, *rate)
    for rate, studio, version, end_frame in product(RATES, EDITIONS, VERSIONS, END_FRAMES)
)
# One at each rate, with every edition, version and end-frame mode among them: these run with the other tests.
FEW = tuple(
    Combination(bool(n % 2), VERSIONS[n % len(VERSIONS)], END_FRAMES[(n // 2) % 2], *rate)
    for n, rate in enumerate(RATES)
)
