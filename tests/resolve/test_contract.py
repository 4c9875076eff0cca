"""The contract suite of all hosts, on the double of Resolve."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.resolve import Behaviour
from tests.hosts.contract import RATE, HostContract, flash_film, flash_images
from tests.resolve.driver import ResolveDouble
from tests.server.running import Server

__all__ = ["flash_film", "flash_images"]


@pytest.fixture(scope="module")
def double(bridge_home: Path, clicking: Server) -> Iterator[ResolveDouble]:
    double = ResolveDouble(Behaviour(version=(21, 0, 4)), "24", clicking.address)
    yield double
    double.close()


class TestResolve(HostContract):
    @pytest.fixture
    def host(self, double: ResolveDouble, tmp_path: Path) -> ResolveDouble:
        double.new_edit(RATE)
        double.set(model="clicks", output=tmp_path / "sounds")
        return double
