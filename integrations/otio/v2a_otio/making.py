"""One event's sound: asked for, found made already, or made now."""

import logging
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from v2a.errors import (
    BusyError,
    CancelledError,
    ConflictError,
    GenerationError,
    MediaError,
    NotFoundError,
    StorageError,
    UsageError,
)
from v2a.request import Delivery
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import models_pb2
from v2a_otio.events import Cut
from v2a_otio.plan import RATE_HZ, Plan
from v2a_otio.preview import file_sha256
from v2a_otio.report import FileStamp, Finished, Outcome, SoundFile, Status
from v2a_plugin.client import request_id
from v2a_plugin.specs import clip_spec, cues_of, generation_spec
from v2a_plugin.words import layer_name

log = logging.getLogger(__name__)

AUDIO = "audio"  # the WAVs' folder

# How often a full server is asked again where it does not say when, and for how long in all.
_BUSY_PAUSE_S = 10.0
_BUSY_FOR_S = 3_600.0

OnEvent = Callable[[pb.GenerationEvent], None]
# Gives the listener for one event's job, from the words to show for it.
Watch = Callable[[str], OnEvent]

# What spoils one event and not the others.
_OF_ONE_EVENT = (MediaError, NotFoundError, UsageError, ConflictError, GenerationError, CancelledError)


class Maker(Protocol):
    """What makes the sound: the part of `v2a_plugin.client.Client` that is needed here."""

    def model(self, name: str) -> models_pb2.Model:
        """A model's facts."""
        ...

    def use_source(self, clip: pb.Clip, path: Path) -> None:
        """Say in a clip where its film is."""
        ...

    def generate(self, spec: pb.GenerationSpec, on_event: OnEvent | None = None) -> pb.Generation:
        """Have a request made, and wait for it."""
        ...

    def fetch(self, request_id: str, take: pb.Take, path: Path) -> None:
        """Write a finished take to a path."""
        ...


def before(plan: Plan) -> Outcome:
    """A plan's outcome before anything is made."""
    status: Status = "skipped" if plan.omission else "failed" if plan.problem else "pending"
    warnings = plan.coverage.warnings + plan.stray_cues() if plan.coverage else plan.event.warnings
    return Outcome(plan, status, warnings=warnings, error=plan.problem or plan.omission)


def specify(plan: Plan, cut: Cut, model: models_pb2.Model) -> Outcome:
    """An event with the request to make for it."""
    outcome = before(plan)
    if outcome.status != "pending" or plan.film is None or plan.coverage is None or not plan.film.is_there:
        return outcome
    stamp = _stamp(plan.film.info.path)
    try:
        clip = clip_spec(plan.film.info.path, [plan.coverage.piece], plan.film.source_rate)
        delivery = Delivery(rate_hz=RATE_HZ, channels=min(model.channels, 2) or 1, timecode_origin_s=cut.origin_s)
        spec = generation_spec(clip, model, plan.layers, plan.sampling, delivery)
    except _OF_ONE_EVENT as error:
        return replace(outcome, status="failed", error=str(error))
    return replace(outcome, spec=spec, request_id=request_id(spec), stamp=stamp)


def recall(outcome: Outcome, finished: Mapping[str, Finished], folder: Path) -> Outcome:
    """Mark as done what an earlier run made: the same request, and every file still as its report says."""
    made = finished.get(outcome.request_id)
    if made is None or not _is_whole(outcome.plan, made.sounds, folder):
        return outcome
    return replace(outcome, status="done", sounds=made.sounds, said=made.said, took_s=made.took_s, reused=True)


def unasked(finished: Mapping[str, Finished], outcomes: Sequence[Outcome]) -> tuple[Finished, ...]:
    """What earlier runs made, this one does not ask for, and nothing of this one has taken the place of."""
    asked = {outcome.request_id for outcome in outcomes}
    taken = {sound.file for outcome in outcomes for sound in outcome.sounds}
    return tuple(
        made
        for name, made in finished.items()
        if name not in asked and taken.isdisjoint(sound.file for sound in made.sounds)
    )


def _file_names(plan: Plan) -> set[str]:
    return {
        f"{AUDIO}/{plan.file_name(layer.name, take)}" for layer in plan.layers for take in range(plan.sampling.takes)
    }


def _is_whole(plan: Plan, sounds: Sequence[SoundFile], folder: Path) -> bool:
    """Whether exactly the files that a plan wants are there, with the hashes that the report says."""
    return _file_names(plan) == {sound.file for sound in sounds} and all(
        (folder / sound.file).is_file() and file_sha256(folder / sound.file) == sound.sha256 for sound in sounds
    )


def _generate(maker: Maker, spec: pb.GenerationSpec, on_event: OnEvent) -> pb.Generation:
    """Have it made; while the server has no room, try again when it says so, for an hour at most."""
    give_up_s, waits = time.monotonic() + _BUSY_FOR_S, False
    while True:
        try:
            return maker.generate(spec, on_event)
        except BusyError as error:
            pause_s = error.retry_after_s or _BUSY_PAUSE_S
            if time.monotonic() + pause_s > give_up_s:
                raise
            if not waits:
                log.warning("waiting for room at the server: %s", error)
            waits = True
        on_event(pb.GenerationEvent(progress=pb.Progress(stage="waiting for room at the server")))
        time.sleep(pause_s)


def make(outcome: Outcome, folder: Path, maker: Maker, watch: Watch) -> Outcome:
    """Have one event's sound made, and fetch it.

    Raises UnavailableError and BusyError, and StorageError where this disk cannot take the sound.
    """
    plan, spec = outcome.plan, outcome.spec
    if spec is None or plan.film is None or plan.coverage is None:
        raise ValueError(f"event {plan.event.number} has no request")
    n_samples = plan.coverage.whole.n_samples(RATE_HZ)
    try:
        maker.use_source(spec.clip, plan.film.info.path)
        clock = _Clock(watch(f"{plan.event.number} {plan.event.name}"))
        job = _generate(maker, spec, clock.hear)
        took_s = clock.stop()
        _refuse_changed(outcome)
        sounds = []
        for take in job.takes:
            path = f"{AUDIO}/{plan.file_name(layer_name(take.layer), take.index)}"
            if take.n_samples != n_samples:
                raise GenerationError(f"the server made {take.n_samples} samples instead of {n_samples}")
            maker.fetch(outcome.request_id, take, folder / path)
            sounds.append(
                SoundFile(
                    layer=take.layer,
                    take=take.index + 1,
                    file=path,
                    sha256=take.sha256,
                    n_samples=take.n_samples,
                    loudness_lufs=take.loudness_lufs if take.HasField("loudness_lufs") else None,
                    peak_dbfs=take.peak_dbfs if take.HasField("peak_dbfs") else None,
                    cues=cues_of(take),
                    cues_seen=take.cues_seen,
                )
            )
    except _OF_ONE_EVENT as error:
        log.info("event %d failed", plan.event.number, exc_info=True)
        return replace(outcome, status="failed", error=str(error))
    except StorageError as error:
        if isinstance(error.__cause__, OSError):
            raise  # our own disk: what follows could not be kept either
        return replace(outcome, status="failed", error=str(error))
    if not _is_whole(plan, sounds, folder):
        return replace(outcome, status="failed", error="the server did not make all layers and takes: run it again")
    return replace(outcome, status="done", sounds=tuple(sounds), said=(*outcome.said, *job.warnings), took_s=took_s)


class _Clock:
    """Measures from the first sign of work to the end, and passes on what it hears."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._began_s: float | None = None

    def hear(self, event: pb.GenerationEvent) -> None:
        working = event.HasField("progress") and event.progress.total_steps and not event.progress.queue_position
        if working and self._began_s is None:
            self._began_s = time.monotonic()
        self._on_event(event)

    def stop(self) -> float | None:
        """Seconds of work; None where the server had it already."""
        return None if self._began_s is None else round(time.monotonic() - self._began_s, 3)


def _stamp(path: Path) -> FileStamp | None:
    """Size and time of change of a film; None where it is more than one file, or cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _refuse_changed(outcome: Outcome) -> None:
    """Raise ConflictError where a film is no longer what the sound was asked for."""
    plan, spec = outcome.plan, outcome.spec
    if spec is None or plan.film is None or plan.coverage is None:
        return
    path = plan.film.info.path
    if outcome.stamp is not None and _stamp(path) == outcome.stamp:
        return
    try:
        now = clip_spec(path, [plan.coverage.piece], plan.film.source_rate).source_digest
    except _OF_ONE_EVENT as error:
        raise ConflictError(f"{path} changed while its sound was made, and can no longer be used: {error}") from error
    if now != spec.clip.source_digest:
        raise ConflictError(f"{path} changed while its sound was made: run the same command again")
