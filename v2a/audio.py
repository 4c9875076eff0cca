"""Samples that travel with their rate. Loads no numpy: commands that only handle times start sooner without."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Audio:
    """A piece of sound.

    samples: float32, shape (channels, n_samples), nominal range −1 … 1.
    rate_hz: samples per second.
    """

    samples: "npt.NDArray[np.float32]"
    rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 2:
            raise ValueError(f"samples must be (channels, n_samples), got shape {self.samples.shape}")
        if self.rate_hz <= 0:
            raise ValueError(f"rate_hz must be positive, got {self.rate_hz}")

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> Fraction:
        """Length in seconds, exact."""
        return Fraction(self.n_samples, self.rate_hz)


def sample_at(time_s: Fraction, rate_hz: int) -> int:
    """The sample index nearest to a time; halves go up.

    Boundaries are rounded, durations never: the length of [a, b) is sample_at(b) − sample_at(a), so that
    neighbouring ranges meet without a gap and without drift.
    """
    return int((time_s * rate_hz + Fraction(1, 2)).__floor__())
