"""A client that asks for one job after another and writes down what was acknowledged; to be killed at any time.

    python -m benchmarks.serving.submitting FOLDER PREFIX NOTES [PAUSE_S]

FOLDER is that of a stub server. Each acknowledged request id is a line in NOTES, written before the next is asked for.
"""

import itertools
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from benchmarks.serving.stub import make_server
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import generation_pb2_grpc


def main() -> None:
    """Ask until killed."""
    server = make_server(Path(sys.argv[1]))
    prefix, notes = sys.argv[2], Path(sys.argv[3])
    pause_s = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
    options = (("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50))
    service = generation_pb2_grpc.GenerationServiceStub(grpc.insecure_channel(server.listen, options))
    with notes.open("a", buffering=1) as out:
        for number in itertools.count():
            name = f"{prefix}-{os.getpid()}-{number}"
            spec = server.spec(steps=1)
            spec.sampling.seed = hash(name) & 0x7FFF_FFFF_FFFF
            request = pb.CreateGenerationRequest(request_id=name, spec=spec)
            while (wait_s := asked(service, request, prefix)) is not None:
                time.sleep(wait_s)
            out.write(f"{name}\n")
            time.sleep(pause_s)


def asked(
    service: generation_pb2_grpc.GenerationServiceStub, request: pb.CreateGenerationRequest, client: str
) -> float | None:
    """Ask for a job; None once it is acknowledged, else when to try again."""
    try:
        service.CreateGeneration(request, metadata=(("v2a-client", client),), timeout=10)
    except grpc.RpcError as error:
        if not isinstance(error, grpc.Call):
            raise
        if error.code() in (
            grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED
        ):  # fmt: skip
            return 0.05  # the server is away
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        return retry_after_s(error.trailing_metadata() or ())
    return None


def retry_after_s(trailing: Iterable[tuple[str, str | bytes]]) -> float:
    """What a refusal says about when to try again. Raises KeyError, IndexError where it does not say so."""
    details = dict(trailing)["grpc-status-details-bin"]
    retry = RetryInfo()
    if not Status.FromString(details).details[0].Unpack(retry):
        raise KeyError("RetryInfo")
    return float(retry.retry_delay.ToTimedelta().total_seconds())


if __name__ == "__main__":
    main()
