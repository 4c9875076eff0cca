"""A maker of sound that needs no server and no model."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from v2a.audio import Audio, sample_at
from v2a.delivery import Origin, deliver
from v2a.errors import NotFoundError, UnavailableError, V2AError
from v2a.request import Delivery
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import models_pb2
from v2a_plugin.client import request_id
from v2a_plugin.specs import fraction, rational


@dataclass
class LocalMaker:
    """Stands for client and server: each request gets noise of the right length, delivered as a worker does.

    made: names of requests, in order, each once. dies_after: so many are made, then the server is gone.
    """

    folder: Path
    made: list[str] = field(default_factory=list)
    dies_after: int | None = None
    error: Callable[[pb.GenerationSpec], V2AError | None] = lambda spec: None
    interrupted: bool = False
    fetched: int = 0
    warning: str = ""

    def model(self, name: str) -> models_pb2.Model:
        if name != "pocket":
            raise NotFoundError(f"no model named '{name}'; known: pocket")
        return models_pb2.Model(
            name="pocket",
            title="Pocket",
            licence="Apache-2.0",
            digest="ab" * 32,
            layers=["mix", "effects", "ambience", "music"],
            sample_rate_hz=48_000,
            channels=1,
        )

    def use_source(self, clip: pb.Clip, path: Path) -> None:
        clip.path = str(path)

    def generate(
        self, spec: pb.GenerationSpec, on_event: Callable[[pb.GenerationEvent], None] | None = None
    ) -> pb.Generation:
        name = request_id(spec)
        if name not in self.made:
            if self.interrupted:
                raise KeyboardInterrupt
            if self.dies_after is not None and len(self.made) >= self.dies_after:
                raise UnavailableError("the server went away: run the same command again")
            if (error := self.error(spec)) is not None:
                raise error
            self.made.append(name)
        job = pb.Generation(
            request_id=name, spec=spec, state=pb.STATE_SUCCEEDED, warnings=[self.warning] if self.warning else []
        )
        for layer in spec.layers:
            for index in range(spec.sampling.takes):
                job.takes.append(self._take(name, spec, layer, index))
        return job

    def fetch(self, request_id: str, take: pb.Take, path: Path) -> None:
        self.fetched += 1
        shutil.copyfile(self._path(request_id, take.layer, take.index), path)

    def _take(self, name: str, spec: pb.GenerationSpec, wanted: pb.Layer, index: int) -> pb.Take:
        layer = wanted.name
        start_s = fraction(spec.clip.pieces[0].presented_start)
        end_s = fraction(spec.clip.pieces[-1].presented_end)
        n_samples = sample_at(end_s, 48_000) - sample_at(start_s, 48_000)
        noise = np.random.default_rng([spec.sampling.seed, index]).normal(0, 0.1, (1, n_samples))
        path = self._path(name, layer, index)
        delivered = deliver(
            [Audio(noise.astype(np.float32), 48_000)],
            path,
            Delivery(timecode_origin_s=fraction(spec.delivery.timecode_origin)),
            start_s=start_s,
            end_s=end_s,
            origin=Origin("pocket", "ab" * 32, "Apache-2.0", "float32", layer, spec.sampling.seed, index),
        )
        return pb.Take(
            layer=layer,
            index=index,
            sha256=delivered.sha256,
            size_bytes=delivered.size_bytes,
            n_samples=delivered.n_samples,
            rate_hz=48_000,
            loudness_lufs=delivered.loudness_lufs,
            peak_dbfs=delivered.peak_dbfs,
            bit_depth=24,
            channels=1,
            # Where nobody gives cues, an event is seen a quarter of a second after the start.
            cues=wanted.cues or [pb.Cue(time=rational(start_s + Fraction(1, 4)), strength=0.5)],
            cues_seen=not wanted.cues,
        )

    def _path(self, name: str, layer: str, index: int) -> Path:
        return self.folder / f"{name[4:20]}_{layer}_{index}.wav"


def watch(label: str) -> Callable[[pb.GenerationEvent], None]:
    """Shows nothing."""
    return lambda event: None
