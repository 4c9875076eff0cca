"""The worker process: the only part of the server that loads torch.

Usage: python -m v2a_server.worker [--device D] [--precision P] [--threads N] [--keep-loaded BYTES] [--unload-after S]
                                   [--strict] [MODEL ...]
The server starts it and speaks with it over stdin and stdout.
"""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

import v2a
from v2a.audio import Audio
from v2a.cards import PRECISIONS, Precision, card
from v2a.delivery import Origin, deliver
from v2a.errors import ConflictError, GenerationError, V2AError
from v2a.features import FeatureFolder
from v2a.models import choose_device
from v2a.models.base import Model
from v2a.request import Request
from v2a_api.v1 import generation_pb2, worker_pb2
from v2a_server.convert import cue_to_proto, request_from_proto, source_range, source_rate_from_proto
from v2a_server.film import CHANGED, Film, digest, state_of
from v2a_server.warm import WarmModels
from v2a_server.worker_loop import Report, work

_log = logging.getLogger(__name__)

# Shorter clips are made in one go: there is nothing to hear before the end.
_GROWS_FROM_S = 30
_NO_MEMORY = (torch.OutOfMemoryError, MemoryError, RuntimeError)


@dataclass(frozen=True)
class Frugality:
    """What a worker takes of the machine.

    threads: of the processor; 0: as many as there are cores. keep_loaded_bytes: of models' weights, as their files are
    large. unload_after_s: seconds without use.
    """

    threads: int = 0
    keep_loaded_bytes: int = 8 << 30
    unload_after_s: float = 600.0


class TorchEngine:
    """Runs the installed models on one device.

    device: "auto", "cpu", "cuda", "cuda:1" … or "mps". models: names, loaded at once so that the first job does not
    wait: the first, and of the others those that may stay. precision: of models that can compute in it; others choose.
    strict: whether to end the process where one of them cannot be loaded, rather than to go on with the others.
    """

    def __init__(
        self,
        device: str,
        models: Sequence[str],
        frugality: Frugality,
        precision: Precision = "auto",
        *,
        strict: bool = False,
    ) -> None:
        torch.set_num_threads(frugality.threads or _cores())
        self.device = choose_device(device).type if device == "auto" else device
        self._precision = precision
        self._models = WarmModels(
            self._load,
            lambda model: model.card.n_bytes,
            _release_memory,
            frugality.keep_loaded_bytes,
            frugality.unload_after_s,
        )
        room = frugality.keep_loaded_bytes
        for name in models:
            try:
                n_bytes = card(name).n_bytes
                if n_bytes <= room or name == models[0]:
                    self._models.get(name)
                    room -= n_bytes
            except Exception as error:
                # The others can still be served; jobs for this one fail in the same way.
                trace = None if isinstance(error, V2AError) else error
                _log.error("the model '%s' cannot be loaded: %s", name, error, exc_info=trace)
                if strict:
                    sys.exit(1)

    def _load(self, name: str) -> Model:
        able = self._precision in card(name).precisions
        return v2a.load_model(name, self.device, self._precision if able else "auto")

    def rest(self) -> None:
        """See Engine."""
        self._models.drop_idle()

    def run(self, run: worker_pb2.ToWorker.Run, report: Report) -> None:
        """See Engine. Where memory runs out, the job is done again with less at once, before it fails."""
        request = request_from_proto(run.spec)
        try:
            return self._run(run, request, report)
        except _NO_MEMORY as error:
            if not _is_no_memory(error):
                raise
            _log.warning("job %s ran out of memory: %s", run.request_id, error)
        # Only now: the error held on to what had filled the memory.
        self._models.drop_others(request.model)
        _release_memory()
        report.warning(
            "memory was short: the sound was made in smaller parts, and may differ from that of another time "
            "by less than can be heard"
        )
        try:
            return self._run(run, request, report, one_by_one=True)
        except _NO_MEMORY as error:
            if not _is_no_memory(error):
                raise
            _log.exception("job %s ran out of memory again", run.request_id)
            raise GenerationError(
                "the device ran out of memory: ask for a shorter range, end other programs that use it, or start the "
                "server with --device cpu"
            ) from error

    def _run(self, run: worker_pb2.ToWorker.Run, request: Request, report: Report, *, one_by_one: bool = False) -> None:
        path = Path(run.source_path)
        rate, state = source_rate_from_proto(run.spec.clip), state_of(path)
        report.progress("reading", 0, 1)
        if digest(path, state, *source_range(request.clip.pieces), rate) != request.clip.source_digest:
            raise ConflictError(CHANGED)
        report.progress("reading", 1, 1)
        total = len(request.layers) * request.sampling.takes
        features = FeatureFolder(Path(run.features_dir)) if run.features_dir else None
        with self._models.using(request.model) as model, Film(path, rate, state) as source:
            if model.card.digest != request.model_digest:
                raise ConflictError(f"the model '{request.model}' has changed since this was asked for: ask again")
            takes = v2a.generate(
                model,
                source,
                request,
                lambda progress: report.progress(progress.stage, progress.step, progress.total),
                features,
                one_by_one=one_by_one,
            )
            for written, take in enumerate(takes):
                sound = _announced(take.blocks, partial(report.progress, "writing", written, total))
                self._deliver(run, request, model, take, sound, report)

    def _deliver(
        self,
        run: worker_pb2.ToWorker.Run,
        request: Request,
        model: Model,
        take: v2a.Take,
        sound: Iterator[Audio],
        report: Report,
    ) -> None:
        name = f"{take.layer}.{take.index}.wav"
        delivery = request.delivery
        grows = request.clip.duration_s >= _GROWS_FROM_S
        delivered = deliver(
            sound,
            Path(run.out_dir) / name,
            delivery,
            start_s=request.clip.start_s,
            end_s=request.clip.end_s,
            origin=Origin(
                model=model.card.name,
                model_digest=model.card.digest,
                licence=model.card.licence,
                precision=model.precision,
                layer=take.layer,
                seed=request.sampling.seed,
                take=take.index,
            ),
            growing=self._growing(run, request, take, report) if grows else None,
        )
        # Of several sounds, each warning says which it is about; a take's own hold for its whole layer.
        layer = f"{take.layer}: " if len(request.layers) > 1 else ""
        one = f"{take.layer}, take {take.index + 1}: " if len(request.layers) * request.sampling.takes > 1 else ""
        for warning in (*(layer + text for text in take.warnings), *(one + text for text in delivered.warnings)):
            report.warning(warning)
        report.take(
            generation_pb2.Take(
                layer=take.layer,
                index=take.index,
                sha256=delivered.sha256,
                size_bytes=delivered.size_bytes,
                n_samples=delivered.n_samples,
                rate_hz=delivery.rate_hz,
                bit_depth=delivery.bit_depth,
                channels=delivery.channels,
                loudness_lufs=delivered.loudness_lufs,
                peak_dbfs=delivered.peak_dbfs,
                cues=[cue_to_proto(cue) for cue in take.cues],
                cues_seen=take.cues_seen,
            ),
            name,
        )

    def _growing(
        self, run: worker_pb2.ToWorker.Run, request: Request, take: v2a.Take, report: Report
    ) -> tuple[Path, Callable[[int], None]]:
        name, rate_hz = f"{take.layer}.{take.index}.growing.wav", request.delivery.rate_hz
        growing = generation_pb2.Growing(
            layer=take.layer, index=take.index, n_samples=request.clip.n_samples(rate_hz), rate_hz=rate_hz
        )

        def more(n_samples: int) -> None:
            growing.n_samples_ready = n_samples
            report.growing(growing, name)

        return Path(run.out_dir) / name, more


def _is_no_memory(error: BaseException) -> bool:
    """The processor's allocator has no class of its own for this."""
    return not isinstance(error, RuntimeError) or isinstance(error, torch.OutOfMemoryError) or "allocate" in str(error)


def _release_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _announced(sound: Iterator[Audio], on_end: Callable[[], None]) -> Iterator[Audio]:
    """The sound; on_end is called when it has been made."""
    yield from sound
    on_end()


def _cores() -> int:
    """The cores that this process may use; not every system can tell them from those there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Be a worker."""
    parser = argparse.ArgumentParser(prog="v2a_server.worker")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=PRECISIONS)
    parser.add_argument("--threads", type=int, default=Frugality.threads)
    parser.add_argument("--keep-loaded", type=int, default=Frugality.keep_loaded_bytes)
    parser.add_argument("--unload-after", type=float, default=Frugality.unload_after_s)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("models", nargs="*")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s worker %(name)s: %(message)s")
    frugality = Frugality(options.threads, options.keep_loaded, options.unload_after)
    work(lambda: TorchEngine(options.device, options.models, frugality, options.precision, strict=options.strict))


if __name__ == "__main__":
    main()
