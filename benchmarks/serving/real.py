"""Servers with the shipped model, and films to ask them about."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import grpc
import numpy as np

from benchmarks.serving.stub import busy_s
from v2a.cards import card
from v2a.media import source_digest
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import generation_pb2_grpc, time_pb2


@dataclass(frozen=True)
class RealServer:
    """`v2a serve` on the processor. pid: of its front process."""

    generation: generation_pb2_grpc.GenerationServiceStub
    folder: Path
    pid: int

    def make(self, name: str, spec: pb.GenerationSpec) -> pb.Generation:
        """Ask, and wait for the end."""
        self.ask(name, spec)
        return self.finish(name)

    def ask(self, name: str, spec: pb.GenerationSpec) -> None:
        """CreateGeneration."""
        self.generation.CreateGeneration(pb.CreateGenerationRequest(request_id=name, spec=spec))

    def finish(self, name: str) -> pb.Generation:
        """Wait for the end."""
        for _ in self.generation.WatchGeneration(pb.WatchGenerationRequest(request_id=name)):
            pass
        made = self.generation.GetGeneration(pb.GetGenerationRequest(request_id=name))
        if made.state != pb.STATE_SUCCEEDED:
            raise RuntimeError(made.error)
        return made

    def busy_s(self) -> float:
        """Processor seconds of its worker so far: unlike time, they hardly depend on what else the machine does."""
        return busy_s(self.worker_pid())

    def worker_pid(self) -> int:
        """Of its worker process."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0])


@contextmanager
def real_server(films: Path) -> Iterator[RealServer]:
    """A server that reads films below a folder; its model is loaded."""
    with tempfile.TemporaryDirectory(prefix="v2a") as name:
        folder = Path(name)
        address = f"unix:{folder}/run/s"
        command = [sys.executable, "-m", "v2a_plugin", "serve", "--device", "cpu", "--listen", address]
        process = subprocess.Popen(
            [*command, "--store", str(folder / "store"), "--root", str(films)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "is ready on" in line:
                    break
            with grpc.insecure_channel(address) as channel:
                yield RealServer(generation_pb2_grpc.GenerationServiceStub(channel), folder, process.pid)
        finally:
            process.terminate()
            process.communicate()


def spec_of(film: Path, start_s: int, end_s: int, **sampling: object) -> pb.GenerationSpec:
    """A request for a range of a film, in words."""
    start, end = time_pb2.Rational(num=start_s, den=1), time_pb2.Rational(num=end_s, den=1)
    piece = pb.Piece(source_start=start, source_end=end, presented_start=start, presented_end=end)
    digest = source_digest(film, Fraction(start_s), Fraction(end_s))
    return pb.GenerationSpec(
        clip=pb.Clip(path=str(film), source_digest=digest, pieces=[piece]),
        model="pocket",
        model_digest=card("pocket").digest,
        layers=[pb.Layer(name="mix", prompt="hammer")],
        sampling=pb.Sampling(takes=1, **sampling),  # type: ignore[arg-type]
    )


def paint(path: Path, size: tuple[int, int], duration_s: int) -> Path:
    """A film (H.264, 25 frames a second) of a textured picture that moves, as costly to decode as a camera's."""
    height, width = size
    tile = np.random.default_rng(0).integers(0, 256, (height // 8 + 32, width // 8 + 32, 3), np.uint8)
    picture = tile.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "28", "preset": "ultrafast", "g": "50"}
        for number in range(25 * duration_s):
            x, y = 3 * number % 200, 2 * number % 200
            frame = np.ascontiguousarray(picture[y : y + height, x : x + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path
