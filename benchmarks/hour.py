"""Does an hour fit into memory, and how long does it take?

    python -m benchmarks.hour [MINUTES ...] >> benchmarks/speed.md

Loops the demo film to 1, 10 and 60 minutes and has a worker process of its own make and write a soundtrack of each,
at preview quality. Prints the process's peak memory, its wall-clock and processor time, as a Markdown table.
"""

import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, for the worker's sake

import av

from v2a.cards import card
from v2a.media import source_digest
from v2a_api.v1 import generation_pb2, time_pb2, worker_pb2
from v2a_server import pipe
from v2a_server.app import worker_command

FILM = Path(__file__).parents[1] / "examples" / "reel.mp4"
MINUTES = (1, 10, 60)


def main() -> None:
    """Print the table as Markdown, each row as soon as it is known."""
    print(f"Load of the machine at the beginning: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")
    print(
        "| minutes of film | peak memory of the worker, MiB | seconds | processor seconds | × real time | file, MiB |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    for minutes in [int(text) for text in sys.argv[1:]] or MINUTES:
        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder) / "film.mp4"
            loop(FILM, film, 60 * minutes)
            print(_row(film, minutes), flush=True)


def loop(film: Path, out: Path, duration_s: int) -> None:
    """Write a film's picture again and again, until it lasts at least so long."""
    with av.open(str(film)) as source, av.open(str(out), "w") as target:
        picture = source.streams.video[0]
        copied = target.add_stream_from_template(picture, opaque=True)
        copied.time_base = tick = Fraction(picture.time_base or 1)
        packets = [packet for packet in source.demux(picture) if packet.size]
        stamps = [(packet.pts or 0, packet.dts or 0) for packet in packets]
        length = max(pts for pts, _ in stamps) - min(pts for pts, _ in stamps) + (packets[0].duration or 1)
        for turn in range(-(-duration_s // int(length * tick))):
            for packet, (pts, dts) in zip(packets, stamps, strict=True):
                packet.pts, packet.dts, packet.stream = pts + turn * length, dts + turn * length, copied
                target.mux(packet)


def _row(film: Path, minutes: int) -> str:
    end = time_pb2.Rational(num=60 * minutes, den=1)
    start = time_pb2.Rational(num=0, den=1)
    piece = generation_pb2.Piece(source_start=start, source_end=end, presented_start=start, presented_end=end)
    spec = generation_pb2.GenerationSpec(
        clip=generation_pb2.Clip(
            source_digest=source_digest(film, Fraction(0), Fraction(60 * minutes)), pieces=[piece]
        ),
        model="pocket",
        model_digest=card("pocket").digest,
        sampling=generation_pb2.Sampling(takes=1, quality="preview"),
    )
    run = worker_pb2.ToWorker.Run(request_id="hour", spec=spec, source_path=str(film), out_dir=str(film.parent))
    worker = subprocess.Popen(worker_command("cpu", ["pocket"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said = cast(BinaryIO, worker.stdout)
    assert worker.stdin is not None
    while (message := pipe.read(said, worker_pb2.FromWorker)) is not None and not message.HasField("ready"):
        pass
    began = time.perf_counter()
    worker.stdin.write(pipe.frame(worker_pb2.ToWorker(run=run)))
    worker.stdin.flush()
    n_bytes = 0
    while (message := pipe.read(said, worker_pb2.FromWorker)) is not None:
        if message.HasField("take"):
            n_bytes = message.take.take.size_bytes
        if message.HasField("done"):
            if message.done.error:
                raise RuntimeError(message.done.error)
            break
    took = time.perf_counter() - began
    worker.stdin.close()
    _, _, used = os.wait4(worker.pid, 0)
    busy = used.ru_utime + used.ru_stime
    return (
        f"| {minutes} | {used.ru_maxrss / 1024:.0f} | {took:.0f} | {busy:.0f} | {60 * minutes / took:.1f} "
        f"| {n_bytes / 2**20:.0f} |"
    )


if __name__ == "__main__":
    main()
