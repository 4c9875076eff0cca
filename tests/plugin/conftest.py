"""A scripted server on a real socket, and the command line in this process."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.hosting import BRIDGE, Host
from tests.server.conftest import new_server as new_server
from v2a.errors import UnavailableError
from v2a_plugin.channel import open_channel
from v2a_plugin.cli import main
from v2a_plugin.client import Client
from v2a_plugin.local_server import LocalServer

FAKE = Path(__file__).with_name("fake_server.py")


@dataclass(frozen=True)
class FakeServer:
    address: str
    process: subprocess.Popen[bytes]
    notes: Path

    def calls(self, kind: str) -> list[dict[str, Any]]:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [call for line in lines if (call := json.loads(line))["call"] == kind]


@pytest.fixture
def fake_server(tmp_path: Path) -> Iterator[Callable[..., FakeServer]]:
    """Starts the scripted server; on a socket of the test's own unless told otherwise."""
    servers: list[FakeServer] = []

    def start(script: str = "success", path: Path | None = None) -> FakeServer:
        path = path or tmp_path / "s"
        notes = tmp_path / "calls.jsonl"
        address = f"unix:{path}"
        command = [sys.executable, str(FAKE), "--script", script, "--calls", str(notes), "--listen", address]
        server = FakeServer(address, subprocess.Popen(command), notes)
        servers.append(server)
        while not listens(path):
            assert server.process.poll() is None
            time.sleep(0.02)
        return server

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def v2a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own."""
    monkeypatch.setenv("V2A_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


@pytest.fixture
def run_v2a(
    tmp_path: Path, v2a_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs a command line in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["v2a", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        caught = capsys.readouterr()
        return Ended(ended.value.code if isinstance(ended.value.code, int) else 0, caught.out, caught.err)

    return run


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory, make_film: Callable[..., Path]) -> Path:
    """Two seconds of silent film."""
    return make_film(tmp_path_factory.mktemp("film") / "reel.mp4", Fraction(25), 50)


@pytest.fixture
def new_host(short_home: Path) -> Iterator[Callable[..., Host]]:
    """Makes hosts whose bridges share a home; they end with the test."""
    hosts: list[Host] = []

    def make(command: Sequence[str] = BRIDGE) -> Host:
        hosts.append(Host(short_home, command))
        return hosts[-1]

    yield make
    for host in hosts:
        host.client.close()


@pytest.fixture
def short_home() -> Iterator[Path]:
    """A home folder whose socket has a short path; its server ends with the test."""
    folder = Path(tempfile.mkdtemp(prefix="v2a"))
    yield folder / "home"
    with suppress(UnavailableError), Client(open_channel(LocalServer(folder / "home").address)) as client:
        end(client.info().pid)
    shutil.rmtree(folder)


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
