"""An hour of film at one step through the server: memory while it is made, and the first sound."""

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.hour import FILM, loop
from benchmarks.serving.figures import Figure, at_most, scaled, told
from benchmarks.serving.real import RealServer, real_server, spec_of
from v2a_api.v1 import generation_pb2 as pb

MINUTES = 60


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """One minute first, then an hour, in a fresh server each: the worker's memory, sampled ten times a second."""
    n_minutes = scaled(MINUTES, scale)
    peaks = {}
    for minutes in (1, n_minutes) if n_minutes > 1 else (1,):
        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder) / "film.mp4"
            loop(FILM, film, 60 * minutes)
            with real_server(film.parent) as server:
                samples, heard_s, whole_s = _make(server, spec_of(film, 0, 60 * minutes, steps=1))
        peaks[minutes] = max(samples)
        tenths = [max(samples[len(samples) * k // 10 : len(samples) * (k + 1) // 10] or [0]) for k in range(10)]
        curve = ", ".join(f"{mib:.0f}" for mib in tenths)
        yield told(f"{minutes} min: peak in each tenth of the time, MiB", curve)
        yield told(f"{minutes} min: first sound after, and all after", f"{heard_s:.1f} s, {whole_s:.0f} s")
    if n_minutes == 1:
        return
    more = peaks[n_minutes] - peaks[1]
    yield at_most(f"peak of {n_minutes} min above that of 1 min", more, 1536, "MiB")


def _make(server: RealServer, spec: pb.GenerationSpec) -> tuple[list[float], float, float]:
    """The worker's memory in MiB while it works, and seconds until something can be heard, and until the end."""
    samples: list[float] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.1):
            samples.append(_resident_mib(server.worker_pid()))

    began_s, heard_s = time.perf_counter(), 0.0
    sampler = threading.Thread(target=sample)
    sampler.start()
    server.ask("long", spec)
    for event in server.generation.WatchGeneration(pb.WatchGenerationRequest(request_id="long")):
        if event.HasField("growing") and not heard_s:
            heard_s = time.perf_counter() - began_s
    over.set()
    sampler.join()
    server.finish("long")
    return samples, heard_s, time.perf_counter() - began_s


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
