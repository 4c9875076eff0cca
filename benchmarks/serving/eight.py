"""Eight equal clips through the server, and one by one in the library: what does the server cost?"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

import v2a
from benchmarks.serving.figures import Figure, at_least, percentile, scaled, told
from benchmarks.serving.real import RealServer, paint, real_server, spec_of
from benchmarks.serving.stub import busy_s as busy
from v2a.delivery import Origin, deliver
from v2a.media import VideoFile
from v2a.models.base import Model
from v2a_server.convert import request_from_proto

CLIPS, ROUNDS = 8, 3
_LENGTH_S = 8


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """Rounds of eight clips each way, in turns; each clip of another range, so that nothing is remembered."""
    n_rounds, n_clips = scaled(ROUNDS, scale), min(scaled(CLIPS, 10 * scale), CLIPS)
    torch.set_num_threads(os.cpu_count() or 1)
    model = v2a.load_model("pocket", "cpu")
    with tempfile.TemporaryDirectory() as folder:
        film = paint(Path(folder, "film.mp4"), (360, 640), (n_rounds + 1) * n_clips + _LENGTH_S)
        with real_server(film.parent) as server:
            library_s, server_s, library_busy_s, server_busy_s = [], [], [], []
            for number in range(n_rounds + 1):
                starts = range(number * n_clips, (number + 1) * n_clips)
                busy_s = [time.process_time(), server.busy_s() + busy(server.pid)]
                took_library_s = _library(model, film, starts)
                busy_s[0] = time.process_time() - busy_s[0]
                took = (took_library_s, _server(server, film, starts))
                busy_s[1] = server.busy_s() + busy(server.pid) - busy_s[1]
                if number:  # the first is to warm up
                    library_s.append(took[0])
                    server_s.append(took[1])
                    library_busy_s.append(busy_s[0])
                    server_busy_s.append(busy_s[1])
    library, through = percentile(library_s, 0.5), percentile(server_s, 0.5)
    yield told(f"{n_clips} clips of {_LENGTH_S} s at standard quality, {n_rounds} rounds: library", f"{library:.2f} s")
    yield told("through the server, all asked for at once", f"{through:.2f} s")
    yield at_least("throughput of the server, of the library's", 100 * library / through, 100, "%")
    spent_s = percentile(library_busy_s, 0.5), percentile(server_busy_s, 0.5)
    yield told("in processor seconds, server with its worker", f"{spent_s[0]:.2f} s, {spent_s[1]:.2f} s")
    over_ms = 1000 * (through - library) / n_clips
    share = 100 * (through - library) / library
    yield Figure(
        "overhead a clip", f"{over_ms:.0f} ms, {share:.1f} %", "≤ 50 ms or 5 %", over_ms <= 50 or share <= 5, timed=True
    )


def _library(model: Model, film: Path, starts: range) -> float:
    """All that the worker does, in this process: digest, generate, deliver."""
    began_s = time.perf_counter()
    for start in starts:
        request = request_from_proto(spec_of(film, start, start + _LENGTH_S))
        with VideoFile(film) as source:
            (take,) = v2a.generate(model, source, request, lambda _: None)
            deliver(
                take.blocks, film.with_name("take.wav"), request.delivery,
                start_s=request.clip.start_s, end_s=request.clip.end_s,
                origin=Origin("pocket", model.card.digest, model.card.licence, model.precision, take.layer, 0, 0),
            )  # fmt: skip
    return time.perf_counter() - began_s


def _server(server: RealServer, film: Path, starts: range) -> float:
    began_s = time.perf_counter()
    names = [f"clip-{start}" for start in starts]
    for start, name in zip(starts, names, strict=True):
        server.ask(name, spec_of(film, start, start + _LENGTH_S))
    for name in names:
        server.finish(name)
    return time.perf_counter() - began_s
