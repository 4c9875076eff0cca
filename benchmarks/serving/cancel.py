"""A cancelled job stops, whatever it is doing: from the call until its worker works on the next job."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

from benchmarks.serving.figures import Figure, at_most, holds, percentile, scaled, told
from benchmarks.serving.stub import stub_server
from tests.server.running import Server
from v2a_api.v1 import generation_pb2 as pb

CANCELS = 1_000
_STEPS, _STEP_S = 15, 0.02
_WITHIN_S = 0.6


def figures(scale: float = 1.0, seed: int = 0) -> Iterator[Figure]:
    """Cancel jobs of 0.3 s at a random time within their first 0.6 s."""
    n_cancels, chance = scaled(CANCELS, scale), random.Random(seed)  # noqa: S311
    ends: Counter[str] = Counter()
    stopped_s: list[float] = []
    with stub_server() as server:
        server.start()
        server.create("warm", server.spec())
        server.finish("warm")
        for number in range(n_cancels):
            state, took_s = _cancel(server, number, chance.random() * _WITHIN_S)
            ends[pb.State.Name(state).removeprefix("STATE_").lower()] += 1
            if state == pb.STATE_CANCELLED:
                stopped_s.append(took_s)
        yield told("ended as", ", ".join(f"{n} × {state}" for state, n in sorted(ends.items())))
        yield holds("neither cancelled nor made", n_cancels - ends["cancelled"] - ends["succeeded"], 0)
        limit_ms = 1000 * _STEP_S + 200
        yield told("stopped, in the middle, after", f"{1000 * percentile(stopped_s, 0.5):.0f} ms")
        yield at_most("99 of 100 within a step and 200 ms", 1000 * percentile(stopped_s, 0.99), limit_ms, "ms")
        yield at_most("all within a step and 200 ms", 1000 * max(stopped_s), limit_ms, "ms")
        server.stop()


def _cancel(server: Server, number: int, after_s: float) -> tuple["pb.State.ValueType", float]:
    """How a job ended, and when the next one, which waits for it, began."""
    name, follower = f"job-{number}", f"next-{number}"
    server.create(name, server.spec(steps=_STEPS, step_s=_STEP_S, grows=3, takes=1))
    server.create(follower, server.spec(steps=1))
    began = threading.Event()

    def watch() -> None:
        for event in server.watch(follower):
            if event.state.state == pb.STATE_RUNNING:
                began.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    time.sleep(after_s)
    asked_s = time.perf_counter()
    server.cancel(name)
    assert began.wait(30)
    took_s = time.perf_counter() - asked_s
    watcher.join()
    return server.get(name).state, took_s
