"""A worker without a model, whose sound shows what it was shown: a click wherever the picture turns white.

It looks at the film through the request's own pieces, once for each frame of the timeline; for a layer that was given
cues, it clicks at these instead. A prompt that is JSON says how the job goes, as in the tone worker, and the rate of
the timeline, {"rate": "24000/1001"}, which no request tells; V2A_CLICKS says the same for all jobs.

What is asked of another model than `clicks` is made by it.
"""

import json
import logging
import os
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np

from tests.server.tone_worker import ToneEngine
from v2a.audio import Audio, sample_at
from v2a.delivery import Origin, deliver
from v2a.media import VideoFile
from v2a.request import Request
from v2a_api.v1 import generation_pb2, worker_pb2
from v2a_server.convert import request_from_proto, source_rate_from_proto
from v2a_server.worker_loop import Engine, Report, work

_WHITE = 160
_CLICK = 0.5


class ClickEngine(ToneEngine):
    """A click of one sample at each flash of the picture, or at each cue."""

    def run(self, run: worker_pb2.ToWorker.Run, report: Report) -> None:
        """See Engine."""
        if run.spec.model == "clicks":
            super().run(run, report)
        else:
            self._models.run(run, report)

    @cached_property
    def _models(self) -> Engine:
        from v2a_server.worker import Frugality, TorchEngine  # torch, only where it is wanted

        return TorchEngine("cpu", [], Frugality(threads=1))

    def plan(self, prompt: str) -> dict[str, object]:
        """How a job goes: what the environment says, and what its prompt says beyond that."""
        said = json.loads(os.environ.get("V2A_CLICKS") or "{}")
        return {**said, **(json.loads(prompt) if prompt.startswith("{") else {})}

    def write(self, run: worker_pb2.ToWorker.Run, layer: str, index: int, report: Report) -> None:
        """See ToneEngine."""
        request = request_from_proto(run.spec)
        cues = next(one.cues for one in request.layers if one.name == layer)
        times_s = [cue.time_s for cue in cues] or self._flashes(run, request)
        path = Path(run.out_dir) / f"{layer}.{index}.wav"
        rate_hz, first = request.delivery.rate_hz, sample_at(request.clip.start_s, request.delivery.rate_hz)
        samples = np.zeros((1, request.clip.n_samples(rate_hz)), np.float32)
        for time_s in times_s:
            # Takes can be told apart: each is a little softer than the one before.
            samples[0, sample_at(time_s, rate_hz) - first] = _CLICK / (1 + index / 8)
        delivered = deliver(
            [Audio(samples, rate_hz)],
            path,
            request.delivery,
            start_s=request.clip.start_s,
            end_s=request.clip.end_s,
            origin=Origin(
                request.model, request.model_digest, "Apache-2.0", "float32", layer, request.sampling.seed, index
            ),
        )
        take = generation_pb2.Take(
            layer=layer,
            index=index,
            sha256=delivered.sha256,
            size_bytes=delivered.size_bytes,
            n_samples=delivered.n_samples,
            rate_hz=rate_hz,
            bit_depth=request.delivery.bit_depth,
            channels=request.delivery.channels,
            peak_dbfs=delivered.peak_dbfs,
        )
        report.take(take, path.name)

    def _flashes(self, run: worker_pb2.ToWorker.Run, request: Request) -> list[Fraction]:
        """The presented times of the frames at which the picture turns white."""
        rate = Fraction(str(self.plan(request.layers[0].prompt).get("rate", 24)))
        frames = range(ceil(request.clip.start_s * rate), ceil(request.clip.end_s * rate))
        with VideoFile(Path(run.source_path), source_rate_from_proto(run.spec.clip)) as film:
            # A frame is asked for in its middle: at its edges, roundings of the file's own clock would decide.
            middles = [request.clip.source_at((frame + Fraction(1, 2)) / rate) for frame in frames]
            pictures = film.read([min(time_s, film.info.duration_s) for time_s in middles], (8, 8))
        white = [False, *(pictures.mean(axis=(1, 2, 3)) > _WHITE)]
        return [
            frame / rate for frame, (before, now) in zip(frames, pairwise(white), strict=True) if now and not before
        ]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    work(ClickEngine)
