"""Ten times more is asked for than can be made: work goes on, health answers, refusals say when to come back."""

import json
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.serving.figures import Figure, at_least, at_most, holds, percentile, told
from benchmarks.serving.stub import busy_s, helper, stub_server, until
from tests.server.running import Server
from v2a_api.v1 import generation_pb2 as pb

DURATION_S = 180.0
_STEP_S = 0.05  # a job has two
_CLIENTS = 2
_TIMES = 10


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """First as much as can be made, then ten times as much."""
    duration_s = max(DURATION_S * scale, 2.0)
    with stub_server(max_queued=32) as server:
        server.start()
        server.create("warm", server.spec())
        server.finish("warm")
        peak = _rate(server, duration_s / 3, 2 / (2 * _STEP_S))[0]
        before_s = busy_s(server.process.pid)
        goodput, health_s, counts = _rate(server, duration_s, _TIMES * peak)
        busy = busy_s(server.process.pid) - before_s
        refused = counts["RESOURCE_EXHAUSTED"]
        yield told("peak, made a second", f"{peak:.2f}")
        yield told("asked for a second", f"{counts.total() / duration_s:.0f} for {duration_s:g} s")
        yield at_least("goodput of the peak", 100 * goodput / peak, 90, "%")
        yield at_most("health, 99 of 100 within", 1000 * percentile(health_s, 0.99), 100, "ms")
        yield told("health, in the middle", f"{1000 * percentile(health_s, 0.5):.1f} ms")
        yield told("refused", refused)
        yield told("processor time of the server, a request", f"{1000 * busy / counts.total():.1f} ms")
        yield holds("refused without RetryInfo", counts["without RetryInfo"], 0)
        others = {name: n for name, n in counts.items() if name not in ("accepted", "RESOURCE_EXHAUSTED")}
        yield holds("other answers", others or "none", "none")
        server.stop()


def _rate(server: Server, duration_s: float, asked: float) -> tuple[float, list[float], Counter[str]]:
    """Jobs made a second while so many a second are asked for; health's answers, seconds each; answers to clients."""
    clients = [
        helper(
            "storm", server.folder, f"{time.monotonic_ns()}-{number}", asked / _CLIENTS, duration_s, _STEP_S,
            stdout=subprocess.PIPE,
        )
        for number in range(_CLIENTS)
    ]  # fmt: skip
    # From when the queue is full until they stop.
    until(lambda: _made(server)[1] >= 2)
    began_s, made = time.perf_counter(), _made(server)[0]
    health, health_s = health_pb2_grpc.HealthStub(server.channel), []
    while time.perf_counter() - began_s < duration_s - 1:
        asked_s = time.perf_counter()
        health.Check(health_pb2.HealthCheckRequest(), timeout=30)
        health_s.append(time.perf_counter() - asked_s)
        time.sleep(0.05)
    rate = (_made(server)[0] - made) / (time.perf_counter() - began_s)
    counts: Counter[str] = Counter()
    for client in clients:
        counts.update(json.loads(client.communicate()[0]))
    until(lambda: _made(server)[1] == 0, within_s=120)
    return rate, health_s, counts


def _made(server: Server) -> tuple[int, int]:
    """Jobs that were made, and that wait."""
    ledger = sqlite3.connect(f"file:{server.folder}/store/ledger.sqlite3?mode=ro", uri=True)
    (made,) = ledger.execute("SELECT count(*) FROM jobs WHERE state = ?", (pb.STATE_SUCCEEDED,)).fetchone()
    (waiting,) = ledger.execute("SELECT count(*) FROM jobs WHERE state = ?", (pb.STATE_QUEUED,)).fetchone()
    ledger.close()
    return made, waiting
