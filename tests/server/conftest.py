"""Servers under test: real processes, sockets, SQLite; only the model is replaced, by tones."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import CARD, Server
from v2a.cards import read_card


@pytest.fixture(scope="session")
def new_server() -> Iterator[Callable[..., Server]]:
    """Makes a server, not started, in a folder of its own; keyword arguments are ServeOptions."""
    # A socket's path is short, and pytest's folders are not.
    base = Path(tempfile.mkdtemp(prefix="v2a"))
    servers: list[Server] = []

    def make(**options: Any) -> Server:
        folder = base / str(len(servers))
        for name in ("model", "films", "run"):
            (folder / name).mkdir(parents=True, mode=0o700)
        (folder / "films" / "film.mp4").write_bytes(b"the tone worker does not look")
        (folder / "model" / "card.json").write_text(json.dumps(CARD))
        (folder / "model" / "weights.safetensors").write_bytes(b"")
        digest = read_card(folder / "model").digest
        server = Server(folder, digest, listen=f"unix:{folder}/run/socket", options=options)
        servers.append(server)
        return server

    yield make
    for server in servers:
        if hasattr(server, "process") and server.process.poll() is None:
            server.kill()
    shutil.rmtree(base)


@pytest.fixture(scope="module")
def server(new_server: Callable[..., Server]) -> Server:
    """A running server that the tests of a module share."""
    return new_server().start()
