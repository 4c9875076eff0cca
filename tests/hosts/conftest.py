"""A conformed demo, and the programs that should be able to use it."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.clicking import click_server
from tests.hosts.environments import ROOT, Program, Wheel
from tests.otio.local_maker import LocalMaker, watch
from tests.server.running import Server
from v2a_otio.conform import conform, prepare
from v2a_otio.plan import Options

pytest.register_assert_rewrite("tests.hosts.contract")  # it holds cases, and is no test module by its name

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


@pytest.fixture(scope="session")
def addons(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Wheel | Program], Path]:
    """The built file of the add-on that a Blender takes."""
    folder = tmp_path_factory.mktemp("addons")
    subprocess.run(["make", "--silent", "blender", f"DIST={folder}"], check=True, cwd=ROOT)
    (extension,) = folder.glob("*[0-9].zip")
    (legacy,) = folder.glob("*legacy*.zip")
    return lambda which: extension if isinstance(which, Wheel) else legacy


@pytest.fixture(scope="session")
def new_clicking() -> Iterator[Callable[..., Server]]:
    """Makes a server that clicks where the picture turns white, not started; keyword arguments are ServeOptions."""
    base = Path(tempfile.mkdtemp(prefix="v2a"))
    servers: list[Server] = []

    def make(**options: Any) -> Server:
        servers.append(click_server(base / str(len(servers)), **options))
        return servers[-1]

    yield make
    for server in servers:
        if hasattr(server, "process") and server.process.poll() is None:
            server.kill()
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def clicking(new_clicking: Callable[..., Server]) -> Server:
    """One that runs, and all tests may use."""
    return new_clicking().start()
