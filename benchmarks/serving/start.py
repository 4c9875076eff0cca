"""Cold start of `v2a serve` with the shipped model: how long until it says that it serves."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.serving.figures import Figure, at_most, holds, percentile, scaled, told

STARTS = 10
_SERVE = (sys.executable, "-m", "v2a_plugin", "serve")
_SERVICE = "v2a.v1.GenerationService"


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """Start it again and again; the model is loaded beside, and does not count."""
    starts_s, ready_s, ends = [], [], []
    for _ in range(scaled(STARTS, scale)):
        with tempfile.TemporaryDirectory() as folder:
            began_s = time.perf_counter()
            process = subprocess.Popen(
                [*_SERVE, "--listen", f"unix:{folder}/run/s", "--store", f"{folder}/store"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            with grpc.insecure_channel(f"unix:{folder}/run/s", (("grpc.max_reconnect_backoff_ms", 20),)) as channel:
                health = health_pb2_grpc.HealthStub(channel)
                request = health_pb2.HealthCheckRequest(service=_SERVICE)
                while not _serves(health, request):
                    time.sleep(0.01)
                starts_s.append(time.perf_counter() - began_s)
            assert process.stderr is not None
            for line in process.stderr:
                if "is ready on" in line:
                    break
            ready_s.append(time.perf_counter() - began_s)
            process.terminate()
            process.communicate()
            ends.append(process.returncode)
            assert not Path(folder, "run", "s").exists()
    yield told("starts", len(starts_s))
    yield told("serves, in the middle, after", f"{percentile(starts_s, 0.5):.2f} s")
    yield at_most("all serve within", max(starts_s), 3, "s")
    yield told("with the model loaded, in the middle, after", f"{percentile(ready_s, 0.5):.2f} s")
    yield holds("exit statuses", sorted(set(ends)), [0])


def _serves(health: health_pb2_grpc.HealthStub, request: health_pb2.HealthCheckRequest) -> bool:
    try:
        return bool(health.Check(request, timeout=1).status == health_pb2.HealthCheckResponse.SERVING)
    except grpc.RpcError:
        return False
