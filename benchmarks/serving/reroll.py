"""Another take of an 8 s clip: how much of the first take's time does it cost?"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.serving.figures import Figure, at_least, holds, percentile, scaled, told
from benchmarks.serving.real import paint, real_server, spec_of
from v2a_api.v1 import generation_pb2 as pb

RUNS = 5
_LENGTH_S = 8
_FILMS = (("1920 × 1080", (1080, 1920), True), ("640 × 360", (360, 640), False))


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """First takes of clips never seen, and second takes of the same, in turns, through a warm server."""
    n_runs = scaled(RUNS, scale)
    films = _FILMS if scale >= 0.1 else _FILMS[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name, size, promised in films:
            film = paint(Path(folder, f"{size[0]}.mp4"), size, n_runs + 1 + _LENGTH_S)
            for quality in ("preview", "standard") if scale >= 0.1 else ("preview",):
                yield from _ratio(film, f"{name}, {quality}", quality, n_runs, promised and quality == "preview")


def _ratio(film: Path, name: str, quality: str, n_runs: int, promised: bool) -> Iterator[Figure]:
    first_s, again_s = [], []
    first_busy_s, again_busy_s = [], []
    with real_server(film.parent) as server:
        for run in range(n_runs + 1):
            took, busy = [], []
            for seed in (1, 2):
                spec = spec_of(film, run, run + _LENGTH_S, quality=quality, seed=seed)
                began_s, busy_s = time.perf_counter(), server.busy_s()
                server.make(f"{run}-{seed}", spec)
                took.append(time.perf_counter() - began_s)
                busy.append(server.busy_s() - busy_s)
            if run:  # the first is to warm up
                first_s.append(took[0])
                again_s.append(took[1])
                first_busy_s.append(busy[0])
                again_busy_s.append(busy[1])
        # Is it the same sound without what is remembered? Asked for in other words, it is made again.
        remembered = server.make("remembered", _described(spec, "a"))
        for path in (server.folder / "store" / "features").iterdir():
            path.unlink()
        forgotten = server.make("forgotten", _described(spec, "b"))
        same = _samples(server.folder, remembered) == _samples(server.folder, forgotten)
    ratio = percentile(first_s, 0.5) / percentile(again_s, 0.5)
    yield told(
        f"{name}: first take, and another", f"{percentile(first_s, 0.5):.2f} s, {percentile(again_s, 0.5):.2f} s"
    )
    first, again = percentile(first_busy_s, 0.5), percentile(again_busy_s, 0.5)
    yield told(f"{name}: in processor seconds", f"{first:.2f} s, {again:.2f} s: {first / again:.2f} times")
    what = f"{name}: another take is faster"
    yield at_least(what, ratio, 2, "times") if promised else told(what, f"{ratio:.2f} times")
    yield holds(f"{name}: with and without what was remembered, the same samples", same, True)


def _described(spec: pb.GenerationSpec, description: str) -> pb.GenerationSpec:
    spec.delivery.description = description
    return spec


def _samples(folder: Path, made: pb.Generation) -> bytes:
    sha256 = made.takes[0].sha256
    wav = (folder / "store" / "results" / sha256[:2] / sha256).read_bytes()
    return wav[wav.index(b"data") :]
