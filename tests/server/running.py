"""A server process under test, and the requests that the tests send it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import generation_pb2_grpc, media_pb2_grpc, models_pb2_grpc, server_pb2_grpc, time_pb2

_HERE = Path(__file__).parent
# Far longer than anything takes, also where other work has the machine: a test that hangs fails.
DEADLINE_S = 120.0
_SEEDS = itertools.count(1_000)

# A model that there is none of.
CARD: dict[str, Any] = {
    "name": "tones",
    "family": "tones",
    "title": "Tones",
    "description": "Not a model.",
    "licence": "Apache-2.0",
    "commercial_use": True,
    "layers": ["mix", "effects"],
    "frame_rate": "25",
    "sample_rate_hz": 48000,
    "channels": 1,
    "samples_per_token": 1920,
    "latent_dim": 64,
    "window_tokens": 200,
    "overlap_tokens": 50,
    "pads": False,
    "precisions": ["float32"],
    "follows_cues": True,
    "schedule": "cosine",
    "takes_together": 1,
    "guided_until": 1.0,
    "guidance_rescale": 0.0,
    "decode_tokens": 750,
    "decode_overlap_tokens": 25,
    "decode_fade": "equal-power",
    "presets": {quality: {"steps": 1, "guidance": 1.0} for quality in ("preview", "standard", "best")},
    "parts": [{"name": "weights", "file": "weights.safetensors", "licence": "Apache-2.0", "source": "nowhere"}],
}


@dataclass
class Server:
    """A server with the tone worker, in a folder with `model/`, `store/`, `films/` and its log.

    worker: what Python runs in the tone worker's place.
    """

    folder: Path
    model_digest: str
    listen: str
    options: dict[str, Any] = field(default_factory=dict)
    worker: tuple[str, ...] = ()

    def start(self) -> "Server":
        """Start it and wait until it listens."""
        options = {
            "listen": self.listen,
            "store": str(self.folder / "store"),
            "roots": [str(self.folder / "films")],
            **self.options,
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, _HERE / "tone_server.py", self.folder / "model", json.dumps(options), *self.worker],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            self.address = stdout.readline().strip()
        if not self.address:
            self.process.wait()
            raise RuntimeError(self.log())
        self.channel = grpc.insecure_channel(self.address)
        self.server = server_pb2_grpc.ServerServiceStub(self.channel)
        self.models = models_pb2_grpc.ModelServiceStub(self.channel)
        self.media = media_pb2_grpc.MediaServiceStub(self.channel)
        self.generation = generation_pb2_grpc.GenerationServiceStub(self.channel)
        return self

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        self.channel.close()
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def log(self) -> str:
        """What it wrote to stderr so far."""
        return (self.folder / "log").read_text()

    def worker_pids(self) -> list[int]:
        """The processes that it has started."""
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in text.split()]

    def results(self) -> list[str]:
        """The digests of the stored takes."""
        return sorted(path.name for path in (self.folder / "store" / "results").glob("*/*"))

    def spec(
        self, film: str | None = "film.mp4", *, seed: int | None = None, takes: int = 1, **plan: Any
    ) -> pb.GenerationSpec:
        """A request for a quarter of a second; `plan` tells the tone worker how it goes.

        Without a seed it is like no other: what was made before is answered from the store.
        """
        spec = pb.GenerationSpec(
            clip=pb.Clip(
                source_digest="0" * 64,
                pieces=[
                    pb.Piece(
                        source_start=time_pb2.Rational(num=0, den=1),
                        source_end=time_pb2.Rational(num=1, den=4),
                        presented_start=time_pb2.Rational(num=0, den=1),
                        presented_end=time_pb2.Rational(num=1, den=4),
                    )
                ],
            ),
            model="tones",
            model_digest=self.model_digest,
            layers=[pb.Layer(name="mix", prompt=json.dumps(plan))],
            sampling=pb.Sampling(seed=next(_SEEDS) if seed is None else seed, takes=takes),
        )
        if film is not None:
            spec.clip.path = str(self.folder / "films" / film)
        return spec

    def create(self, request_id: str, spec: pb.GenerationSpec) -> pb.Generation:
        """CreateGeneration."""
        request = pb.CreateGenerationRequest(request_id=request_id, spec=spec)
        return self.generation.CreateGeneration(request, timeout=DEADLINE_S)

    def get(self, request_id: str) -> pb.Generation:
        """GetGeneration."""
        return self.generation.GetGeneration(pb.GetGenerationRequest(request_id=request_id), timeout=DEADLINE_S)

    def jobs(self) -> list[pb.Generation]:
        """ListGenerations, the first page."""
        return list(self.generation.ListGenerations(pb.ListGenerationsRequest(), timeout=DEADLINE_S).generations)

    def cancel(self, request_id: str) -> pb.Generation:
        """CancelGeneration."""
        request = pb.CancelGenerationRequest(request_id=request_id)
        return self.generation.CancelGeneration(request, timeout=DEADLINE_S)

    def delete(self, request_id: str) -> None:
        """DeleteGeneration."""
        request = pb.DeleteGenerationRequest(request_id=request_id)
        self.generation.DeleteGeneration(request, timeout=DEADLINE_S)

    def watch(self, request_id: str, after_sequence: int = 0) -> Iterator[pb.GenerationEvent]:
        """WatchGeneration."""
        request = pb.WatchGenerationRequest(request_id=request_id, after_sequence=after_sequence)
        return self.generation.WatchGeneration(request, timeout=DEADLINE_S)

    def durable(self, request_id: str, after_sequence: int = 0) -> list[pb.GenerationEvent]:
        """All events but progress, until the job has ended."""
        return [event for event in self.watch(request_id, after_sequence) if not event.HasField("progress")]

    def finish(self, request_id: str) -> pb.Generation:
        """Wait until the job has ended."""
        for _ in self.watch(request_id):
            pass
        return self.get(request_id)

    def until_sampling(self, request_id: str) -> None:
        """Wait until the worker is in the middle of the job."""
        watch = self.watch(request_id)
        for event in watch:
            if event.progress.stage == "sampling" and event.progress.step > 0:
                break
        with suppress(AttributeError):
            watch.cancel()  # type: ignore[attr-defined]

    def read(self, request_id: str, index: int = 0, offset_bytes: int = 0) -> list[bytes]:
        """ReadTake, chunk by chunk."""
        request = pb.ReadTakeRequest(request_id=request_id, layer="mix", index=index, offset_bytes=offset_bytes)
        return [chunk.data for chunk in self.generation.ReadTake(request, timeout=DEADLINE_S)]


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """The status and the text with which a call fails."""
    try:
        call()
    except grpc.RpcError as error:
        return status(error)
    raise AssertionError("the call was not refused")


def status(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """Of a call that failed."""
    assert isinstance(error, grpc.Call)
    return error.code(), error.details() or ""


def eventually(true: Callable[[], bool]) -> bool:
    """Wait until something holds; False where it does not come."""
    end = time.monotonic() + DEADLINE_S
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    """True while the process runs; one that has ended and is not yet reaped does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
