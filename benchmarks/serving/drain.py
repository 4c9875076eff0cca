"""SIGTERM under load: the server ends in time, and what it acknowledged is there when it is back."""

import signal
import subprocess
import time
from collections.abc import Iterator

from benchmarks.serving.figures import Figure, at_most, holds, percentile, scaled, told
from benchmarks.serving.stub import helper, stub_server, until
from v2a_api.v1 import generation_pb2 as pb

TIMES = 100
_GRACE_S = 2.0
_ENDED = (pb.STATE_SUCCEEDED, pb.STATE_FAILED, pb.STATE_CANCELLED)


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """End the server while three clients ask for jobs, and one runs that cannot end within the grace."""
    n_times, ends_s, statuses = scaled(TIMES, scale), [], []
    long: list[str] = []
    with stub_server(workers=2, max_queued=32, drain_s=_GRACE_S) as server:
        server.start()
        notes = server.folder / "acknowledged"
        notes.touch()
        clients: list[subprocess.Popen[str]] = [
            helper("submitting", server.folder, f"client-{number}", notes, 0.02) for number in range(3)
        ]
        try:
            for number in range(n_times):
                if not long or server.get(long[-1]).state in _ENDED:
                    long.append(f"long-{number}")
                    server.create(long[-1], server.spec(steps=10, step_s=0.5))
                had = notes.read_bytes().count(b"\n")
                until(lambda had=had: notes.read_bytes().count(b"\n") > had + 3, within_s=60)
                time.sleep(0.2)
                began_s = time.perf_counter()
                server.process.send_signal(signal.SIGTERM)
                statuses.append(server.process.wait(30))
                ends_s.append(time.perf_counter() - began_s)
                server.channel.close()
                server.start()
        finally:
            for client in clients:
                client.kill()
                client.wait()
        names = [*notes.read_text().split(), *long]
        states = [server.finish(name).state for name in names]
        yield told("times", n_times)
        yield told("acknowledged jobs", len(names))
        yield holds(
            "acknowledged jobs that were not made in the end", len(states) - states.count(pb.STATE_SUCCEEDED), 0
        )
        yield holds("exit statuses", sorted(set(statuses)), [0])
        yield told("end after, in the middle", f"{percentile(ends_s, 0.5):.2f} s")
        yield at_most("all ends within the grace and 1 s", max(ends_s), _GRACE_S + 1, "s")
        server.stop()
