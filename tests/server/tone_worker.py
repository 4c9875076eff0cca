"""A worker without a model: short tones through the server's own worker loop.

The first layer's prompt is JSON that says how the job goes: steps, step_s (seconds a step takes), until (a file that
each step waits for), warning, clock (a warning a step, with the time), prints (to stdout, as careless libraries do),
and what goes wrong: kill, segfault, bug, hang or error, in attempts up to bad_attempts. grows: parts in which a take
can be heard while it is made, of grow_s seconds each; dies_at: the part after which the worker dies. Where a file that
its arguments name is there, it does not start at all.
"""

import hashlib
import json
import logging
import os
import signal
import sys
import time
import wave
from pathlib import Path

import numpy as np

from v2a.errors import MediaError
from v2a_api.v1 import generation_pb2, worker_pb2
from v2a_server.convert import request_from_proto
from v2a_server.worker_loop import Report, work


class ToneEngine:
    """One tone for each take, its pitch from the take's number."""

    device = "cpu"

    def rest(self) -> None:
        """See Engine."""

    def run(self, run: worker_pb2.ToWorker.Run, report: Report) -> None:
        """See Engine."""
        request = request_from_proto(run.spec)
        plan = self.plan(request.layers[0].prompt)
        if plan.get("prints"):
            sys.stdout.write("a library says hello\n")
            sys.stdout.flush()
            os.write(1, b"and a C library, too\n")
        for layer in request.layers:
            for index in range(request.sampling.takes):
                self._sample(run, plan, report)
                if warning := plan.get("warning"):
                    report.warning(str(warning))
                self.write(run, layer.name, index, report)

    def plan(self, prompt: str) -> dict[str, object]:
        """How a job goes, out of its first layer's prompt."""
        return dict(json.loads(prompt or "{}"))

    def _sample(self, run: worker_pb2.ToWorker.Run, plan: dict[str, object], report: Report) -> None:
        steps = int(str(plan.get("steps", 2)))
        for step in range(steps):
            report.progress("sampling", step, steps)
            if plan.get("clock"):
                report.warning(f"clock {time.monotonic()}")
            time.sleep(float(str(plan.get("step_s", 0))))
            while (until := plan.get("until")) and not Path(str(until)).exists():
                time.sleep(0.02)
            if run.attempt > int(str(plan.get("bad_attempts", 99))):
                continue
            if plan.get("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            if plan.get("segfault"):
                os.kill(os.getpid(), signal.SIGSEGV)
            if plan.get("hang"):
                time.sleep(3_600)
            if plan.get("bug"):
                raise ZeroDivisionError("a secret of the code")
            if plan.get("error"):
                raise MediaError(str(plan["error"]))

    def write(self, run: worker_pb2.ToWorker.Run, layer: str, index: int, report: Report) -> None:
        """Make a take's file and tell of it."""
        request = request_from_proto(run.spec)
        n_samples = request.clip.n_samples(request.delivery.rate_hz)
        hz = 220 * (index + 1) + request.sampling.seed
        tone = np.sin(2 * np.pi * hz * np.arange(n_samples) / request.delivery.rate_hz) * 16_000
        path = Path(run.out_dir) / f"{layer}.{index}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(request.delivery.rate_hz)
            file.writeframes(tone.astype("<i2").tobytes())
        wav = path.read_bytes()
        plan = self.plan(request.layers[0].prompt)
        if parts := int(str(plan.get("grows", 0))):
            self._grow(run, layer, index, wav, parts, plan, report)
        take = generation_pb2.Take(
            layer=layer,
            index=index,
            sha256=hashlib.sha256(wav).hexdigest(),
            size_bytes=len(wav),
            n_samples=n_samples,
            rate_hz=request.delivery.rate_hz,
            bit_depth=16,
            channels=1,
        )
        report.take(take, path.name)

    def _grow(
        self,
        run: worker_pb2.ToWorker.Run,
        layer: str,
        index: int,
        wav: bytes,
        parts: int,
        plan: dict[str, object],
        report: Report,
    ) -> None:
        path, n_samples = Path(run.out_dir) / f"{layer}.{index}.growing.wav", (len(wav) - 44) // 2
        growing = generation_pb2.Growing(layer=layer, index=index, n_samples=n_samples, rate_hz=48_000)
        for part in range(1, parts + 1):
            report.progress("sampling", part, parts)
            growing.n_samples_ready = n_samples * part // parts
            path.write_bytes(wav[: 44 + 2 * growing.n_samples_ready])
            report.growing(growing, path.name)
            time.sleep(float(str(plan.get("grow_s", 0))))
            if plan.get("dies_at") == part and run.attempt <= int(str(plan.get("bad_attempts", 99))):
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    if any(Path(name).exists() for name in sys.argv[1:]):
        sys.exit(7)
    work(ToneEngine)
