"""Numbers that another implementation computed, for those who have them beside their checkout."""

import pytest
from torch import Tensor

from benchmarks.mmaudio.__main__ import SHARED as FOLDER
from benchmarks.mmaudio.fixtures import Fixture, read

__all__ = ["FOLDER", "Fixture", "fixture", "relative_error"]


def fixture(name: str) -> Fixture:
    """One of the files; skips the test where there is none."""
    path = FOLDER / f"{name}.safetensors"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return read(path)


def relative_error(made: Tensor, expected: Tensor) -> float:
    """The largest difference as a share of the largest value."""
    assert made.shape == expected.shape
    return float((made - expected).abs().max() / expected.abs().max())
