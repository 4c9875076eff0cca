"""A home of its own for everything that is kept, and a bridge that is this one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.doubles.resolve import Behaviour
from tests.hosts.conftest import clicking, new_clicking
from tests.server.conftest import new_server
from tests.server.running import Server

if TYPE_CHECKING:
    from tests.resolve.driver import ResolveDouble

pytest.register_assert_rewrite("tests.hosts.contract", "tests.resolve.driver", "tests.resolve.traps")

__all__ = ["clicking", "new_clicking", "new_server"]


@pytest.fixture(scope="session")
def bridge_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """V2A_HOME for all that is started, and no windows."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("V2A_HOME", str(home))
        patch.setenv("V2A_BRIDGE", str(Path(sys.executable).with_name("v2a")))
        patch.setenv("V2A_QUIET", "1")
        yield home


@pytest.fixture(scope="module")
def double(bridge_home: Path, clicking: Server) -> "Iterator[ResolveDouble]":
    """A Resolve as most have it, with a timeline at 24."""
    from tests.resolve.driver import ResolveDouble  # its assertions are rewritten only where that was asked for before

    double = ResolveDouble(Behaviour(), "24", clicking.address)
    yield double
    double.close()
