"""One job from start to end: its pictures, its request, its sounds; in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from v2a.errors import BusyError, CancelledError, NotFoundError, UnavailableError, V2AError
from v2a.request import Delivery
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import models_pb2
from v2a_plugin.bridge.fetching import fetched
from v2a_plugin.bridge.journal import Journal, Record
from v2a_plugin.bridge.link import Link
from v2a_plugin.bridge.pictures import developed, picture_of
from v2a_plugin.bridge.rendering import Rendering, remove_folder
from v2a_plugin.bridge.requests import USUAL_MODEL, Job, RenderSource, read_job
from v2a_plugin.bridge.rpc import kind_of
from v2a_plugin.bridge.showing import Shown, shown_with_handles, stray_cues
from v2a_plugin.bridge.telling import Progress, error_of
from v2a_plugin.bridge.turns import Place, Turns, turn
from v2a_plugin.client import Client, request_id
from v2a_plugin.outputs import ascii_name
from v2a_plugin.specs import clip_spec, generation_spec
from v2a_plugin.timeline import Range

_log = logging.getLogger(__name__)

_BUSY_PAUSE_S = 3.0
_MOST_LOSSES = 5  # of the server, in one job
_MOST_PAUSE_S = 3.0
_CANCEL_TRIES, _CANCEL_PAUSE_S = 20, 0.1


class _StoppedError(Exception):
    """The job was cancelled here."""


class Attending:
    """A job that this bridge attends to, whose lock it holds.

    tell: called with the job's name in the journal when something changed. wanted_by_others: whether another job here
    waits for a request.
    """

    def __init__(
        self,
        journal: Journal,
        record: Record,
        link: Link,
        turns: Turns,
        tell: Callable[[str], None],
        wanted_by_others: Callable[[str, str], bool],
    ) -> None:
        self.journal = journal
        self._link = link
        self._turns = turns
        self._tell = tell
        self._wanted_by_others = wanted_by_others
        self._job = job = read_job(record.parameters)
        self._to_render = job.source if isinstance(job.source, RenderSource) and not record.film else None
        self._stopped = threading.Event()
        self._changing = threading.RLock()
        self._rendering: Rendering | None = None
        self._place: Place | None = None
        self._thread = threading.Thread(target=self._run, name=f"job {record.job}", daemon=True)
        # Both in one value: who looks at them does so while they change.
        self.seen = (record, Progress())
        self.is_kept = True  # whether the journal holds the record as it is

    def start(self) -> None:
        """Begin, or go on where another bridge left it."""
        line = self._turns.ask if self._to_render is None else self._turns.render
        self._place = line.take_place()
        self._thread.start()

    @property
    def record(self) -> Record:
        """The job as it is now."""
        return self.seen[0]

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self.seen[1]

    @property
    def waits_for(self) -> str:
        """The request that it waits for; "" where there is none."""
        return "" if self.record.ended else self.record.request_id

    def cancel(self) -> None:
        """End it; at the server too, unless another job here waits for the same request."""
        with self._changing:
            if self.record.ended:
                return
            self._stopped.set()
            self._change(state="cancelled")
            rendering = self._rendering
        if rendering is not None:
            rendering.stop()
        if self.record.request_id:
            threading.Thread(target=self._cancel_at_server, daemon=True).start()

    def _run(self) -> None:
        try:
            self._make()
        except _StoppedError:
            _log.info("job %s was cancelled", self.record.job)
        except V2AError as error:
            _log.info("job %s failed", self.record.job, exc_info=True)
            self._fail(str(error), kind_of(error))
        except Exception as error:
            _log.exception("job %s: a fault of the bridge", self.record.job)
            self._fail(f"internal error: {type(error).__name__}: {error}. The bridge's log says more", "V2AError")
        finally:
            self._let_next_go_on()
            if not self.record.film:
                self.journal.clear(self.record.job)
            self.journal.release(self.record.job)
            if self._to_render is not None:
                remove_folder(self._to_render.folder)

    def _make(self) -> None:
        job = self._job
        if self._to_render is not None:
            self._render(self._to_render)
            self._place = self._turns.ask.take_place()
        self._show("waiting", self.progress.waiting("waiting for the jobs before it"))
        with turn(self._place or self._turns.ask.take_place()), self._turns.server:
            self._show("waiting", self.progress.waiting("reading the pictures"))
            picture = picture_of(job, Path(self.record.film) if self.record.film else None)
            shown = shown_with_handles(job, picture.duration_s, picture.frame_s)
            path, pieces, said = developed(picture, shown.pieces, self.journal.work_folder(self.record.job))
            clip = clip_spec(path, pieces, picture.rate)
            self._show("waiting", self.progress.waiting("waiting for the server"))
            self._have_made(job, path, replace(shown, warnings=(*shown.warnings, *said)), clip)

    def _render(self, source: RenderSource) -> None:
        if not source.folder.is_dir():
            raise NotFoundError(f"{source.folder}, made to render its pictures in, is gone: ask for the job anew")
        self._show("rendering", replace(self.progress, text="waiting to be rendered"))
        kept = self.journal.work_folder(self.record.job) / f"pictures{source.film.suffix}"
        with turn(self._place or self._turns.render.take_place()):
            self._show("rendering", self.progress.at_render(0, source.n_frames))
            rendering = Rendering(source, lambda frame: self._advance(self.progress.at_render(frame, source.n_frames)))
            with self._changing:
                self._check()
                self._rendering = rendering
            rendering.run(self._job, kept)
        self._check()
        with self._changing:
            self._change(film=str(kept))

    def _have_made(self, job: Job, film: Path, shown: Shown, clip: pb.Clip) -> None:
        losses = cancels = 0
        while True:
            self._check()
            client = self._link.client()
            try:
                self._ask(client, job, film, shown, clip)
                return
            except CancelledError:
                self._check()
                # Somebody else who wanted the same sound does not want it any more. This job does.
                cancels += 1
                if cancels > _MOST_LOSSES:
                    raise
            except BusyError as error:
                self._let_next_go_on()
                self._advance(self.progress.waiting(f"waiting for room at the server ({error})"))
                self._stopped.wait(_BUSY_PAUSE_S)
            except UnavailableError as error:
                losses += 1
                self._check()
                if not self._link.is_local or losses > _MOST_LOSSES:
                    raise UnavailableError(
                        f"the server at {self._link.address} went away while this was made: start it, then try this "
                        "job again; what is finished there is kept"
                    ) from error
                _log.warning("job %s: the server went away: %s", self.record.job, error)
                self._advance(self.progress.waiting("the server went away, and is started again"))
                # One that was asked to end still listens for a while, and takes no jobs.
                self._stopped.wait(min(losses, _MOST_PAUSE_S))

    def _ask(self, client: Client, job: Job, film: Path, shown: Shown, clip: pb.Clip) -> None:
        """Have the request made, and fetch it."""
        model = _model(client, job.model)
        delivery = Delivery(channels=min(model.channels, 2) or 1, timecode_origin_s=job.origin_s)
        spec = generation_spec(clip, model, job.layers, job.sampling, delivery)
        whole = Range(shown.pieces[0].presented_start_s, shown.pieces[-1].presented_end_s)
        self._keep_request(request_id(spec), model, shown, stray_cues(job.layers, whole))
        client.use_source(spec.clip, film)
        self._check()
        made = client.generate(spec, self._hear)
        self._finish(client, made, whole.n_samples(delivery.rate_hz))

    def _keep_request(self, name: str, model: models_pb2.Model, shown: Shown, warnings: list[str]) -> None:
        with self._changing:
            self._check()
            self._change(
                request_id=name,
                handles=(str(shown.before_s), str(shown.after_s)),
                seed=self._job.sampling.seed,
                layers=tuple(
                    {"name": layer.name, "prompt": layer.prompt, "negative": layer.negative_prompt}
                    for layer in self._job.layers
                ),
                model={
                    "name": model.name,
                    "title": model.title,
                    "licence": model.licence,
                    "commercial_use": model.commercial_use,
                    "digest": model.digest,
                },
                warnings=(*shown.warnings, *warnings),
            )

    def _finish(self, client: Client, made: pb.Generation, n_samples: int) -> None:
        self._show("running", replace(self.progress, stage="fetching", step=0, total=0, text="fetching the sounds"))
        first = Path(self.record.output) / f"{ascii_name(self._job.name)}_{self.record.job}.wav"
        takes = fetched(client, made, self._job, first, n_samples, self._check)
        with self._changing:
            self._check()
            warnings = tuple(dict.fromkeys((*self.record.warnings, *made.warnings)))
            self._change(state="succeeded", takes=takes, warnings=warnings)
        self._link.changed.set()  # it may only now know its device

    def _hear(self, event: pb.GenerationEvent) -> None:
        self._let_next_go_on()
        self._check()
        what = event.WhichOneof("event")
        if what == "progress":
            rendered = bool(self.record.film)
            self._advance(self.progress.at_server(event.progress, rendered=rendered))
            if event.progress.total_steps and self.record.state != "running":
                self._show("running", self.progress)
        elif what == "state" and event.state.state == pb.STATE_RUNNING:
            self._show("running", replace(self.progress, stage="starting", queue=0, text="starting"))
        elif what == "state" and event.state.state == pb.STATE_QUEUED:
            self._show("waiting", self.progress)

    def _fail(self, message: str, kind: str) -> None:
        with self._changing:
            if not self.record.ended:
                self._change(state="failed", error=error_of(message, kind))

    def _check(self) -> None:
        if self._stopped.is_set():
            raise _StoppedError

    def _let_next_go_on(self) -> None:
        if self._place is not None:
            self._place.leave()

    def _advance(self, progress: Progress) -> None:
        with self._changing:
            self.seen = (self.record, progress)
        self._tell(self.record.job)

    def _show(self, state: str, progress: Progress) -> None:
        with self._changing:
            self._check()
            self._change(progress, **({} if state == self.record.state else {"state": state}))

    def _change(self, progress: Progress | None = None, **changes: Any) -> None:
        """Other values, in the journal and told of; where the disk is full, told of at least."""
        record = replace(self.record, **changes)
        if changes:
            try:
                self.journal.write(record)
                self.is_kept = True
            except V2AError as error:
                self.is_kept = False
                _log.error("job %s is not in the journal as it is now: %s", record.job, error)
        # Told last: what a host has heard of is in the journal.
        self.seen = (record, progress or self.progress)
        self._tell(record.job)

    def _cancel_at_server(self) -> None:
        for _ in range(_CANCEL_TRIES):
            if self._wanted_by_others(self.record.request_id, self.record.job):
                return
            try:
                self._link.client().cancel(self.record.request_id)
                return
            except NotFoundError:
                if not self._thread.is_alive():
                    return
                self._stopped.wait(0)
                threading.Event().wait(_CANCEL_PAUSE_S)  # it may be on its way to the server just now
            except V2AError as error:
                _log.info("job %s was not cancelled at the server: %s", self.record.job, error)
                return


def _model(client: Client, name: str) -> models_pb2.Model:
    """The model of a name; without one the usual one where it is there, else the server's first."""
    if name:
        return client.model(name)
    models = {model.name: model for model in client.models()}
    if not models:
        raise NotFoundError("the server has no models: install v2a-studio again, it ships one")
    return models.get(USUAL_MODEL) or next(iter(models.values()))
