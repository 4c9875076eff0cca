"""A server that speaks the contract and follows a script; a program of its own, so that it can really die.

Scripts: success, working (on somebody's job), fails, slow, dies, drops (every stream breaks once), corrupt, contract,
uploads, refuses, loud.
Each call is noted as a line of JSON in the file --calls.
"""

import argparse
import hashlib
import io
import json
import os
import signal
import threading
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from v2a_api import CONTRACT_VERSION
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import (
    generation_pb2_grpc,
    media_pb2,
    media_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
    time_pb2,
)

RATE_HZ = 48_000


def wav(spec: pb.GenerationSpec, layer: str, index: int, *, loud: bool) -> bytes:
    """A WAV of the right length whose samples depend on seed, layer and take."""
    pieces = spec.clip.pieces
    start, end = pieces[0].presented_start, pieces[-1].presented_end
    n_samples = round(end.num * RATE_HZ / end.den) - round(start.num * RATE_HZ / start.den)
    value = hashlib.sha256(f"{spec.sampling.seed} {layer} {index}".encode()).digest()[:1] + (
        b"\x01\x60" if loud else b"\x01\x00"
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(3)
        out.setframerate(RATE_HZ)
        out.writeframes(value * n_samples)
    return file.getvalue()


class Fake(
    server_pb2_grpc.ServerServiceServicer,
    models_pb2_grpc.ModelServiceServicer,
    media_pb2_grpc.MediaServiceServicer,
    generation_pb2_grpc.GenerationServiceServicer,
):
    def __init__(self, script: str, calls: Path | None, version: str) -> None:
        self.script = script
        self.version = version
        self.calls = calls
        self.jobs: dict[str, pb.Generation] = {}
        self.sounds: dict[tuple[str, str, int], bytes] = {}
        self.cancelled = threading.Event()
        self.broken: set[str] = set()
        self.uploaded = bytearray()

    def note(self, call: str, context: grpc.ServicerContext, **facts: object) -> None:
        if self.calls is not None:
            metadata = dict(context.invocation_metadata())
            with self.calls.open("a") as file:
                file.write(json.dumps({"call": call, "token": metadata.get("authorization"), **facts}) + "\n")

    def break_once(self, what: str, context: grpc.ServicerContext) -> None:
        if self.script == "drops" and what not in self.broken:
            self.broken.add(what)
            context.abort(grpc.StatusCode.UNAVAILABLE, "the line dropped")

    def GetServerInfo(self, request: Any, context: Any) -> server_pb2.ServerInfo:
        return server_pb2.ServerInfo(
            software_version=self.version,
            contract_version=CONTRACT_VERSION + (98 if self.script == "contract" else 0),
            pid=os.getpid(),
            device="cpu",
            accepts_paths=self.script != "uploads",
        )

    def GetModel(self, request: Any, context: Any) -> models_pb2.Model:
        if request.name != "pocket":
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model named '{request.name}'; known: pocket")
        return models_pb2.Model(
            name="pocket",
            title="A fake",
            licence="Apache-2.0",
            commercial_use=True,
            digest="a" * 64,
            layers=["mix", "effects", "ambience", "music"],
            frame_rate=time_pb2.Rational(num=25, den=1),
            sample_rate_hz=RATE_HZ,
            channels=1,
            window=time_pb2.Rational(num=8, den=1),
        )

    def ListModels(self, request: Any, context: Any) -> models_pb2.ListModelsResponse:
        return models_pb2.ListModelsResponse(models=[self.GetModel(models_pb2.GetModelRequest(name="pocket"), context)])

    def GetUpload(self, request: Any, context: Any) -> media_pb2.Upload:
        return self.upload(request.sha256)

    def UploadMedia(self, messages: Any, context: Any) -> media_pb2.Upload:
        start = next(messages).start
        self.note("upload", context, offset=start.offset_bytes)
        for message in messages:
            self.uploaded += message.data
            if "upload" not in self.broken:
                self.broken.add("upload")
                context.abort(grpc.StatusCode.UNAVAILABLE, "the line dropped")
        return self.upload(start.sha256)

    def upload(self, sha256: str) -> media_pb2.Upload:
        complete = hashlib.sha256(self.uploaded).hexdigest() == sha256
        return media_pb2.Upload(sha256=sha256, committed_bytes=len(self.uploaded), complete=complete)

    def CreateGeneration(self, request: Any, context: Any) -> pb.Generation:
        spec = request.spec
        layers = [layer.name for layer in spec.layers]
        self.note(
            "create", context, request_id=request.request_id, layers=layers,
            source=spec.clip.WhichOneof("source"),
            cues=[[cue.time.num, cue.time.den, cue.strength] for cue in spec.layers[0].cues],
            prompt=spec.layers[0].prompt, transcript=spec.layers[0].transcript,
            takes=spec.sampling.takes, seed=spec.sampling.seed,
            client=dict(context.invocation_metadata()).get("v2a-client"),
            priority=pb.Priority.Name(request.priority),
        )  # fmt: skip
        if self.script == "refuses":
            retry = RetryInfo()
            retry.retry_delay.FromMilliseconds(2_500)
            details = Status()
            details.details.add().Pack(retry)
            context.set_trailing_metadata((("grpc-status-details-bin", details.SerializeToString()),))
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full: try again later")
        job = pb.Generation(request_id=request.request_id, spec=spec, state=pb.STATE_SUCCEEDED, attempt=1)
        for layer in layers:
            for index in range(spec.sampling.takes):
                sound = wav(spec, layer, index, loud=self.script == "loud")
                self.sounds[request.request_id, layer, index] = sound
                job.takes.add(
                    layer=layer, index=index, sha256=hashlib.sha256(sound).hexdigest(), size_bytes=len(sound),
                    n_samples=(len(sound) - 44) // 3, rate_hz=RATE_HZ, bit_depth=24, channels=1,
                    loudness_lufs=-23.5, peak_dbfs=-3.0, cues_seen=not spec.layers[0].cues,
                    cues=spec.layers[0].cues or [pb.Cue(time=time_pb2.Rational(num=1, den=8), strength=0.5)],
                )  # fmt: skip
        if spec.layers[0].transcript:
            job.warnings.append("this model cannot speak: the transcript is passed over")
        return self.jobs.setdefault(request.request_id, job)

    def WatchGeneration(self, request: Any, context: Any) -> Iterator[pb.GenerationEvent]:
        self.note("watch", context, after=request.after_sequence)
        job = self.jobs[request.request_id]
        if request.after_sequence < 1:
            yield pb.GenerationEvent(sequence=1, state=pb.StateChange(state=pb.STATE_QUEUED, attempt=1))
            yield pb.GenerationEvent(sequence=1, progress=pb.Progress(queue_position=2, stage="waiting"))
        if request.after_sequence < 2:
            yield pb.GenerationEvent(sequence=2, state=pb.StateChange(state=pb.STATE_RUNNING, attempt=1))
        if self.script == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        self.break_once("watch", context)
        step = 0
        while self.script == "slow" and not self.cancelled.is_set() and context.is_active():
            step += 1
            yield pb.GenerationEvent(sequence=2, progress=pb.Progress(stage="sampling", step=step, total_steps=1 << 30))
            time.sleep(0.02)
        if self.script == "slow":
            job.state = pb.STATE_CANCELLED
        if self.script == "fails":
            job.state, job.error, job.error_kind = pb.STATE_FAILED, "the film is damaged at 3 s", "MediaError"
        for number, take in enumerate(job.takes, start=3):
            yield pb.GenerationEvent(sequence=number, take=take)
        yield pb.GenerationEvent(sequence=3 + len(job.takes), state=pb.StateChange(state=job.state, error=job.error))

    def GetGeneration(self, request: Any, context: Any) -> pb.Generation:
        return self.jobs[request.request_id]

    def ListGenerations(self, request: Any, context: Any) -> pb.ListGenerationsResponse:
        others = [pb.Generation(state=pb.STATE_RUNNING)] if self.script == "working" else []
        return pb.ListGenerationsResponse(generations=[*self.jobs.values(), *others])

    def DeleteGeneration(self, request: Any, context: Any) -> pb.DeleteGenerationResponse:
        del self.jobs[request.request_id]
        return pb.DeleteGenerationResponse()

    def CancelGeneration(self, request: Any, context: Any) -> pb.Generation:
        self.note("cancel", context, request_id=request.request_id)
        self.cancelled.set()
        return self.jobs[request.request_id]

    def ReadTake(self, request: Any, context: Any) -> Iterator[pb.TakeChunk]:
        self.note("read", context, offset=request.offset_bytes)
        sound = self.sounds[request.request_id, request.layer, request.index][request.offset_bytes :]
        if self.script == "corrupt":
            sound = sound[:-1] + b"!"
        yield pb.TakeChunk(data=sound[:1000])
        self.break_once("read", context)
        yield pb.TakeChunk(data=sound[1000:])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", default="success")
    parser.add_argument("--calls", type=Path)
    parser.add_argument("--version", default="9.9")
    parser.add_argument("--started", type=Path)
    parser.add_argument("--listen", required=True)
    options = parser.parse_args()
    if options.started is not None:
        with options.started.open("a") as file:
            file.write(f"{os.getpid()}\n")
    server = grpc.server(ThreadPoolExecutor(8))
    fake = Fake(options.script, options.calls, options.version)
    server_pb2_grpc.add_ServerServiceServicer_to_server(fake, server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(fake, server)
    media_pb2_grpc.add_MediaServiceServicer_to_server(fake, server)
    generation_pb2_grpc.add_GenerationServiceServicer_to_server(fake, server)
    server.add_insecure_port(options.listen)
    server.start()
    # A test that was itself killed must not leave it behind for ever.
    server.wait_for_termination(120)


main()
