"""A thousand watchers: how late do events come, which the server writes down before it tells of them?"""

import json
import subprocess
from collections.abc import Iterator
from itertools import chain

from benchmarks.serving.figures import Figure, at_most, holds, percentile, scaled, told
from benchmarks.serving.stub import busy_s, helper, stub_server
from v2a_api.v1 import generation_pb2 as pb

WATCHERS = 1_000
_PROCESSES = 2
_EVENTS = 40
_WORKERS = 2  # and so many jobs are watched that run, and as many that wait
_STEP_S = 0.5


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """Half of them watch jobs that run, two events a second; half watch jobs that wait behind these."""
    n_watchers, n_events = scaled(WATCHERS, scale), scaled(_EVENTS, min(1.0, 2 * scale))
    with stub_server(workers=_WORKERS) as server:
        server.start()
        names = [f"job-{number}" for number in range(2 * _WORKERS)]
        for name in names:
            server.create(name, server.spec(steps=n_events, step_s=_STEP_S, clock=True))
        each = -(-n_watchers // _PROCESSES)
        clients = [helper("watching", server.address, each, *names, stdout=subprocess.PIPE) for _ in range(_PROCESSES)]
        for client in clients:
            assert client.stdout is not None
            assert client.stdout.readline() == "watching\n"
        before_s = busy_s(server.process.pid)
        late_s = list(chain.from_iterable(json.loads(client.communicate()[0]) for client in clients))
        busy = busy_s(server.process.pid) - before_s
        # What was given before the last watcher had come is told late, and no news.
        late_s = [seconds for seconds in late_s if seconds < 30]
        yield told("watchers", each * _PROCESSES)
        yield holds("events, of those that were given", len(late_s), each * _PROCESSES * n_events)
        yield told("processor time of the server, an event and watcher", f"{1000 * busy / len(late_s):.2f} ms")
        yield told("an event, in the middle, comes after", f"{1000 * percentile(late_s, 0.5):.0f} ms")
        yield at_most("99 of 100 within", 1000 * percentile(late_s, 0.99), 250, "ms")
        yield told("the last after", f"{1000 * max(late_s):.0f} ms")
        yield holds("jobs that were made", [server.finish(name).state for name in names], [pb.STATE_SUCCEEDED] * 4)
        server.stop()
