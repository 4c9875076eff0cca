"""Nothing acknowledged is lost, and nothing is made twice, whoever is killed when."""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.serving.figures import Figure, holds, scaled, told
from benchmarks.serving.stub import helper, stub_server, until
from tests.server.running import Server
from v2a_api.v1 import generation_pb2 as pb

KILLS, JOBS = 2_000, 50_000
_CLIENTS = 3
_VICTIMS = ("server", "worker", "client")
_WEIGHTS = (3, 5, 2)


def figures(scale: float = 1.0, seed: int = 0) -> Iterator[Figure]:
    """Kill -9 a random process while clients ask for jobs; then compare what was acknowledged with what is there."""
    n_kills, n_jobs, chance = scaled(KILLS, scale), scaled(JOBS, scale), random.Random(seed)  # noqa: S311
    with stub_server(workers=2, max_queued=64) as server:
        server.start()
        notes = server.folder / "acknowledged"
        notes.touch()
        clients = [_client(server, number, notes) for number in range(_CLIENTS)]
        killed: Counter[str] = Counter()
        try:
            while killed.total() < n_kills or _n_lines(notes) < n_jobs:
                due = _n_lines(notes) + chance.expovariate(n_kills / n_jobs)
                with suppress(TimeoutError):
                    until(lambda due=due: _n_lines(notes) >= due, within_s=5, every_s=0.002)
                time.sleep(chance.random() * 0.02)
                if killed.total() < n_kills:
                    victim = chance.choices(_VICTIMS, _WEIGHTS)[0]
                    killed[victim] += _kill(victim, server, clients, notes, chance)
        finally:
            for client in clients:
                client.kill()
                client.wait()
        names = notes.read_text().split()
        given_up = _finish(server, names)
        sweep_s = until(lambda: server.stop() == 0)
        server.start()  # sweeps what was stored but never noted
        yield told("killed", ", ".join(f"{killed[victim]} × {victim}" for victim in _VICTIMS))
        yield told("acknowledged jobs", len(names))
        yield told("given up after three deaths of their workers, asked for again and then made", given_up)
        yield told("the last, peaceful end of the server", f"{sweep_s:.2f} s")
        yield from _account(server, names)
        server.stop()


def _client(server: Server, number: int, notes: Path) -> "subprocess.Popen[str]":
    return helper("submitting", server.folder, f"client-{number}", notes)


def _n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _kill(
    victim: str, server: Server, clients: "list[subprocess.Popen[str]]", notes: Path, chance: random.Random
) -> int:
    """Kill one, and start it again where nobody else does; how many were killed."""
    if victim == "server":
        server.kill()
        server.start()
    elif victim == "client":
        number = chance.randrange(len(clients))
        clients[number].kill()
        clients[number].wait()
        clients[number] = _client(server, number, notes)
    else:
        workers = server.worker_pids()
        if not workers:
            return 0
        with suppress(ProcessLookupError):
            os.kill(chance.choice(workers), signal.SIGKILL)
    return 1


def _finish(server: Server, names: list[str]) -> int:
    """Wait until all have ended, asking again for those given up; how many these were."""
    again = 0
    for name in names:
        while (ended := server.finish(name)).state == pb.STATE_FAILED:
            assert "given up after" in ended.error, ended.error
            again += 1
            server.create(name, ended.spec)
    until(lambda: all(job.state not in (pb.STATE_QUEUED, pb.STATE_RUNNING) for job in server.jobs()))
    return again


def _account(server: Server, names: list[str]) -> Iterator[Figure]:
    ledger = sqlite3.connect(f"file:{server.folder}/store/ledger.sqlite3?mode=ro", uri=True)
    states = dict(ledger.execute("SELECT request_id, state FROM jobs").fetchall())
    takes = Counter(name for (name,) in ledger.execute("SELECT request_id FROM takes JOIN jobs ON jobs.id = takes.job"))
    (sound,) = ledger.execute("PRAGMA integrity_check").fetchone()
    noted = {sha256 for (sha256,) in ledger.execute("SELECT sha256 FROM takes")}
    ledger.close()
    stored = set(server.results())
    results = server.folder / "store" / "results"
    damaged = [name for name in stored if hashlib.sha256((results / name[:2] / name).read_bytes()).hexdigest() != name]
    yield holds("acknowledged jobs that are lost", len([name for name in names if name not in states]), 0)
    unmade = [name for name in names if states.get(name) != pb.STATE_SUCCEEDED]
    yield holds("acknowledged jobs without success", len(unmade), 0)
    yield holds("acknowledged twice under one name", len(names) - len(set(names)), 0)
    yield holds("jobs that have not exactly one result", len([name for name in names if takes[name] != 1]), 0)
    yield holds("results that are missing", len(noted - stored), 0)
    yield holds("results without a job", len(stored - noted), 0)
    yield holds("results whose bytes are not those that their names say", len(damaged), 0)
    yield holds("integrity_check", sound, "ok")
