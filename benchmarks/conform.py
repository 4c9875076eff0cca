"""What does conforming cost, but for the model: time and memory over the number of events.

    python -m benchmarks.conform [EVENTS ...] >> benchmarks/conform.md

A timeline of shots of 2 s from four reels is conformed with a maker that has every sound ready, so that all the time
is conform's: reading the timeline, planning, digests of the ranges, fetching (a copy of 288 kB, flushed to the disk),
hashing, journal, timeline, report, table, markers and page. Then the same command again, which makes nothing, and
the dry run. Each runs in a process of its own.

With --preview: also with a preview under a reference film.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio

from benchmarks.hour import loop
from v2a.audio import Audio, sample_at
from v2a.delivery import write_wav
from v2a.output import whole_file
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import models_pb2
from v2a_otio.conform import conform, outline, prepare
from v2a_otio.plan import Options
from v2a_otio.preview import file_sha256
from v2a_plugin.client import request_id
from v2a_plugin.specs import fraction

EVENTS = (1_000, 3_000, 10_000)
_REELS = 4
_REEL_FRAMES = 1_440  # a minute
_SHOT_FRAMES = 48
_RATE = 24


class ReadyMaker:
    """Has a sound of every length ready."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready: dict[int, tuple[Path, str]] = {}

    def model(self, name: str) -> models_pb2.Model:
        """One that makes everything."""
        layers = ["mix", "effects", "ambience", "music"]
        return models_pb2.Model(name=name, title="None", licence="none", digest="ab" * 32, layers=layers, channels=1)

    def use_source(self, clip: pb.Clip, path: Path) -> None:
        """Say where the film is."""
        clip.path = str(path)

    def generate(
        self, spec: pb.GenerationSpec, on_event: Callable[[pb.GenerationEvent], None] | None = None
    ) -> pb.Generation:
        """Name the sound that has the right length."""
        piece = spec.clip.pieces[0]
        start, end = (sample_at(fraction(time), 48_000) for time in (piece.presented_start, piece.presented_end))
        path, sha256 = self._sound(end - start)
        take = pb.Take(layer="mix", sha256=sha256, size_bytes=path.stat().st_size, n_samples=end - start)
        take.rate_hz, take.loudness_lufs, take.peak_dbfs = 48_000, -23.0, -6.0
        return pb.Generation(request_id=request_id(spec), state=pb.STATE_SUCCEEDED, takes=[take])

    def fetch(self, request_id: str, take: pb.Take, path: Path) -> None:
        """Copy it, whole or not at all, as the client writes what it downloads."""
        with whole_file(path) as part:
            part.write_bytes(self._sound(take.n_samples)[0].read_bytes())

    def _sound(self, n_samples: int) -> tuple[Path, str]:
        if n_samples not in self._ready:
            path = self._folder / f"{n_samples}.wav"
            noise = np.random.default_rng(1).normal(0, 0.1, (1, n_samples)).astype(np.float32)
            write_wav(path, Audio(noise, 48_000))
            self._ready[n_samples] = path, file_sha256(path)
        return self._ready[n_samples]


def main() -> None:
    """Print the table as Markdown, each row as soon as it is known."""
    counts = [int(text) for text in sys.argv[1:] if text.isdigit()] or EVENTS
    what = ["first", "again", "dry"] + (["preview"] if "--preview" in sys.argv else [])
    print("| events | what | seconds | processor seconds | ms an event | peak memory, MiB | report.html, MiB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="v2a-benchmark-") as name:
        folder = Path(name)
        for number in range(_REELS):
            _film(folder / f"reel{number}.mp4")
        for count in counts:
            cut = _cut(folder, count)
            for mode in what:
                if mode == "preview":
                    loop(folder / "reel0.mp4", folder / "reference.mp4", count * _SHOT_FRAMES // _RATE)
                row = subprocess.run(
                    [sys.executable, "-m", "benchmarks.conform", "--one", mode, str(cut)],
                    capture_output=True,
                    text=True,
                    check=True,
                    cwd=Path(__file__).parents[1],
                ).stdout
                print(f"| {count:,} {_row(count, json.loads(row))}", flush=True)


def one(mode: str, cut: Path) -> None:
    """Conform in this process; print what it cost as JSON."""
    store = cut.parent / "store"
    store.mkdir(exist_ok=True)
    out = cut.parent / f"{cut.stem}-{'preview' if mode == 'preview' else 'out'}"
    picture = cut.parent / "reference.mp4" if mode == "preview" else None
    began_s, worked_s = time.perf_counter(), time.process_time()
    prepared = prepare(cut, Options(handles="0", model="ready", picture=picture, preview=mode == "preview"))
    if mode == "dry":
        report = outline(prepared, out)
    else:
        report = conform(prepared, out, ReadyMaker(store), lambda label: lambda event: None)
    took = {"seconds": time.perf_counter() - began_s, "processor": time.process_time() - worked_s, "what": mode}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    totals = report["totals"]
    assert totals["done"] == totals["events"]
    assert totals["reused"] == (totals["events"] if mode in ("again", "dry") else 0)
    print(json.dumps({**took, "peak": peak, "page": (out / "report.html").stat().st_size / 2**20}))


def _row(count: int, cost: dict[str, float | str]) -> str:
    seconds, processor = float(cost["seconds"]), float(cost["processor"])
    names = {"first": "all new", "again": "again", "dry": "dry run", "preview": "all new, with a preview"}
    return (
        f"| {names[str(cost['what'])]} | {seconds:.1f} | {processor:.1f} | {1000 * processor / count:.1f} "
        f"| {cost['peak']:.0f} | {cost['page']:.1f} |"
    )


def _film(path: Path) -> None:
    """A minute of 160 × 120 at 24 frames a second, in which something moves."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_RATE, options={"g": "24", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(_REEL_FRAMES):
            picture = np.full((120, 160, 3), 40, np.uint8)
            picture[index % 100 : index % 100 + 20, :20] = 220
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, _RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _cut(folder: Path, count: int) -> Path:
    def span(start: int, length: int) -> otio.opentime.TimeRange:
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(start, _RATE), otio.opentime.RationalTime(length, _RATE)
        )

    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for number in range(count):
        reference = otio.schema.ExternalReference(f"reel{number % _REELS}.mp4", span(0, _REEL_FRAMES))
        start = 7 * number % (_REEL_FRAMES - _SHOT_FRAMES)
        track.append(
            otio.schema.Clip(f"shot {number}", media_reference=reference, source_range=span(start, _SHOT_FRAMES))
        )
    made = otio.schema.Timeline(f"{count} events")
    made.tracks.append(track)
    path = folder / f"cut{count}.otio"
    otio.adapters.write_to_file(made, str(path))
    return path


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
