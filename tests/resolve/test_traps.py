"""Each known trap is handled; and where its handling is taken out, its case fails."""

import copy
import re
from pathlib import Path

import pytest

from tests.hosts.contract import FlashFilm, flash_film
from tests.hosts.driver import RefusedError
from tests.resolve.driver import ResolveDouble
from tests.resolve.traps import TRAPS, Trap
from v2a_resolve.host import Refusal

__all__ = ["flash_film"]


@pytest.fixture(params=TRAPS, ids=lambda trap: f"{trap.number}: {trap.name}")
def trap(request: pytest.FixtureRequest, double: ResolveDouble, tmp_path: Path) -> Trap:
    trap: Trap = request.param
    double.use(copy.copy(trap.behaviour), trap.rate, trap.project_rate)
    double.set(model="clicks", output=tmp_path / "sounds")
    return trap


def test_it_is_handled(trap: Trap, double: ResolveDouble, flash_film: FlashFilm) -> None:
    trap.case(double, flash_film)


def test_without_its_handling_the_case_fails(
    trap: Trap, double: ResolveDouble, flash_film: FlashFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name, replacement = trap.removed
    assert hasattr(owner, name)
    monkeypatch.setattr(owner, name, replacement)
    with pytest.raises((AssertionError, Refusal, RefusedError, TypeError, ValueError), match=re.escape(trap.fails)):
        trap.case(double, flash_film)


def test_there_is_one_for_each() -> None:
    assert [trap.number for trap in TRAPS] == list(range(1, 21))
