"""A conformed demo, and the programs that should be able to use it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.otio.local_maker import LocalMaker, watch
from v2a_otio.conform import conform, prepare
from v2a_otio.plan import Options

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Finds a program, or skips the test and says what to install."""

    def find(name: str, package: str | None = None) -> str:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed (Debian: apt-get install {package or name})")
        return found

    return find


@pytest.fixture(scope="session")
def conformed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's output folder, with noise for sound."""
    server, folder = tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("demo")
    options = Options(prompts=EXAMPLES / "prompts.csv", picture=EXAMPLES / "reference.mp4")
    prepared = prepare(EXAMPLES / "demo.otio", options)
    report = conform(prepared, folder, LocalMaker(server), watch)
    assert report["totals"]["done"] == 4
    return folder
