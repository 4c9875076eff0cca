"""Clients that freeze or die while they watch: when does the server notice?"""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.serving.figures import Figure, at_most, holds, percentile, scaled, told
from benchmarks.serving.stub import helper, stub_server, until
from tests.server.running import Server

CLIENTS = 20
_PEERS: tuple[tuple[str, dict[str, Any]], ...] = (("Unix socket", {}), ("TCP", {"listen": "127.0.0.1:0"}))
_GONE = "WatchGeneration: the caller has gone away"


def figures(scale: float = 1.0, *, frozen: bool = True) -> Iterator[Figure]:
    """Kill some that watch, one after another, and stop others, over a socket and over TCP."""
    n_clients = scaled(CLIENTS, scale)
    for how, listen in _PEERS:
        with stub_server(**listen) as server:
            server.start()
            server.create("long", server.spec(steps=100_000, step_s=0.05))
            killed_s = [_noticed_s(server, signal.SIGKILL, 30) for _ in range(n_clients)]
            yield told(
                f"{how}: killed clients, noticed in the middle after", f"{1000 * percentile(killed_s, 0.5):.0f} ms"
            )
            yield at_most(f"{how}: all killed clients noticed within", 1000 * max(killed_s), 100, "ms")
            if frozen:
                all_s = frozen_are_noticed(server, n_clients)
                yield at_most(f"{how}: all of {n_clients} frozen clients noticed within", all_s, 25, "s")
            server.cancel("long")
            yield holds(f"{how}: the server ends in peace", server.stop(), 0)


def frozen_are_noticed(server: Server, n_clients: int) -> float:
    """Freeze so many clients that watch the job "long"; seconds until the server has noticed all."""
    clients = [_client(server) for _ in range(n_clients)]
    before = _n_gone(server)
    try:
        for client in clients:
            client.send_signal(signal.SIGSTOP)
        return until(lambda: _n_gone(server) >= before + n_clients, within_s=120)
    finally:
        for client in clients:
            client.kill()
            client.communicate()


def _client(server: Server) -> "subprocess.Popen[str]":
    client = helper("watching", server.address, 1, "long", stdout=subprocess.PIPE)
    assert client.stdout is not None
    assert client.stdout.readline() == "watching\n"
    log = Path(server.folder / "log")
    log.touch()
    return client


def _noticed_s(server: Server, how: signal.Signals, within_s: float) -> float:
    client = _client(server)
    server.get("long")  # the server has got the client's call before this one
    before = _n_gone(server)
    client.send_signal(how)
    seconds = until(lambda: _n_gone(server) > before, within_s, every_s=0.001)
    client.kill()
    client.wait()
    assert client.stdout is not None
    client.stdout.close()
    return seconds


def _n_gone(server: Server) -> int:
    return server.log().count(_GONE)
