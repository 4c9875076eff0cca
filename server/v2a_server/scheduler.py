"""Takes jobs in, runs them one after another, tells watchers. The ledger remembers; this only acts."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from v2a.errors import StorageError, UnavailableError, UsageError, V2AError
from v2a_api.v1 import generation_pb2 as pb
from v2a_api.v1 import worker_pb2
from v2a_server.catalogue import Cards, check_model
from v2a_server.convert import request_from_proto, source_rate_from_proto
from v2a_server.errors import ReusedIdError, internal_error, kind_of
from v2a_server.executor import Executor, WorkerLostError
from v2a_server.ledger import Job, Ledger
from v2a_server.live import Live
from v2a_server.sources import Sources
from v2a_server.store import Store
from v2a_server.uploads import Uploads

_log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_FULL_DISK_PAUSE_S = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class Scheduler:
    """The jobs of one server.

    cards: the models that may be asked for. max_queued: jobs that may wait.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        uploads: Uploads,
        sources: Sources,
        executor: Executor,
        cards: Cards,
        max_queued: int,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._uploads = uploads
        self._sources = sources
        self._executor = executor
        self._cards = cards
        self._max_queued = max_queued
        self._live = Live()
        self._wake = asyncio.Event()
        # Attempts that were cancelled while they ran, until their worker has stopped.
        self._cancelled: set[tuple[int, int]] = set()
        self._stopping = False
        self._slots: list[asyncio.Task[None]] = []
        self._changes: set[asyncio.Task[Any]] = set()
        # SQLite waits for the disk: one thread of its own, and so one writer.
        self._ledger_thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        # Nobody may touch content between another's look at it and the entry in the ledger about it.
        self._content = asyncio.Lock()

    async def start(self, on_end: Callable[[], None]) -> None:
        """Go on where the last server stopped. Call once.

        on_end: called when jobs do not run any more, even where a bug is to blame.
        """
        recovered = await self._do(self._ledger.recover)
        results, uploads = await self._do(self._ledger.referenced)
        await asyncio.to_thread(self._store.sweep, results)
        await asyncio.to_thread(self._uploads.sweep, uploads)
        if recovered:
            _log.info("%d interrupted jobs go on", recovered)
        self._slots = [asyncio.create_task(self._serve_slot()) for _ in range(self._executor.slots)]
        for slot in self._slots:
            slot.add_done_callback(lambda _: on_end())
        self._warming = asyncio.create_task(self._executor.warm_up())

    async def stop(self, grace_s: float) -> None:
        """Take no more jobs, give the running ones this long to end, and put the others back in the queue.

        Raises what ended a slot unforeseen.
        """
        self._stopping = True
        self._wake.set()
        self._warming.cancel()
        await asyncio.wait(self._slots, timeout=grace_s)
        self.interrupt()
        _, *ends = await asyncio.gather(self._warming, *self._slots, return_exceptions=True)
        await self._executor.stop()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def close(self) -> None:
        """Once no call is open any more: let go of the ledger."""
        self._ledger_thread.shutdown()

    def interrupt(self) -> None:
        """Put the running jobs back in the queue now."""
        for slot in self._slots:
            slot.cancel()

    async def idle(self) -> bool:
        """True where nothing waits and nothing runs."""
        return await self._do(self._ledger.unfinished) == 0

    async def create(self, request_id: str, spec: pb.GenerationSpec) -> pb.Generation:
        """Queue a job, or return the one that has this id. See CreateGeneration for the errors."""
        return await self._whole(self._create(request_id, spec))

    async def _create(self, request_id: str, spec: pb.GenerationSpec) -> pb.Generation:
        if not _REQUEST_ID.fullmatch(request_id):
            raise UsageError("a request_id has 1 to 128 characters of [A-Za-z0-9._:-]")
        request = request_from_proto(spec)
        source_rate_from_proto(spec.clip)
        async with self._content:
            known = await self._do(self._ledger.find, request_id)
            if known is not None and _sound(known.spec) != _sound(spec):
                raise ReusedIdError(f"the request_id {request_id} was used for another request: choose a new one")
            if known is None or known.state in (pb.STATE_FAILED, pb.STATE_CANCELLED):
                self._refuse_if_stopping()
                await asyncio.to_thread(check_model, self._cards, request)
                await asyncio.to_thread(self._sources.resolve, spec.clip)
                job = await self._do(self._ledger.create, request_id, spec, self._max_queued)
                _log.info("job %s is queued, attempt %d", request_id, job.attempt)
                self._live.news(job.id)
                self._wake.set()
        return await self.get(request_id)

    async def watch(self, request_id: str, after_sequence: int) -> AsyncGenerator[pb.GenerationEvent, None]:
        """All events of a job after one, until it has ended. Raises NotFoundError, UsageError."""
        if after_sequence < 0:
            raise UsageError("after_sequence must not be negative")
        job = await self._do(self._ledger.get, request_id)
        sequence, told = after_sequence, None
        with self._live.watch(job.id) as watcher:
            while True:
                watcher.woken.clear()
                if watcher.news:
                    watcher.news = False
                    news = await self._do(self._ledger.news, job.id, sequence)
                    for event in news.events:
                        sequence = event.sequence
                        yield event
                    if news.ended:
                        return
                progress = news.waiting or self._live.progress(job.id)
                if progress is not None and progress != told:
                    yield pb.GenerationEvent(sequence=sequence, progress=progress)
                    told = progress
                await watcher.woken.wait()

    async def get(self, request_id: str) -> pb.Generation:
        """A job as it is now. Raises NotFoundError."""
        return await self._do(self._ledger.generation, request_id)

    async def list(self, before_id: int | None, limit: int) -> tuple[list[pb.Generation], int | None]:
        """A page of jobs, newest first, and the before_id of the next page, if there is one."""
        return await self._do(self._ledger.generations, before_id, limit)

    async def cancel(self, request_id: str) -> pb.Generation:
        """End a job; a running one stops within a step. Raises NotFoundError."""
        return await self._whole(self._cancel(request_id))

    async def _cancel(self, request_id: str) -> pb.Generation:
        job = await self._do(self._ledger.cancel, request_id)
        if not job.ended:
            _log.info("job %s is cancelled", request_id)
            if job.state == pb.STATE_RUNNING:
                self._cancelled.add((job.id, job.attempt))
                self._executor.cancel(request_id, job.attempt)
            self._live.news(job.id)
            self._live.queue_moved()
        return await self.get(request_id)

    async def delete(self, request_id: str) -> None:
        """Forget a job, and the content that only it referred to. Raises NotFoundError, ConflictError."""
        await self._whole(self._delete(request_id))

    async def _delete(self, request_id: str) -> None:
        async with self._content:
            released = await self._do(self._ledger.delete, request_id)
            for sha256 in released.results:
                await asyncio.to_thread(self._store.discard, sha256)
            for sha256 in released.uploads:
                await asyncio.to_thread(self._uploads.discard, sha256)

    async def take(self, request_id: str, layer: str, index: int) -> pb.Take:
        """A finished take. Raises NotFoundError."""
        return await self._do(self._ledger.take, request_id, layer, index)

    async def _serve_slot(self) -> None:
        while not self._stopping:
            self._wake.clear()
            job = await self._insist(self._ledger.claim)
            if job is None:
                await self._wake.wait()
                continue
            self._wake.set()  # another slot may find one, too
            self._live.news(job.id)
            self._live.queue_moved()
            try:
                await self._insist(await self._run(job))
            except asyncio.CancelledError:
                await self._do(self._ledger.release, job)
                raise
            finally:
                self._cancelled.discard((job.id, job.attempt))
                self._live.forget(job.id)
                self._live.news(job.id)

    async def _run(self, job: Job) -> Callable[[], bool]:
        """Run a claimed job. Returns the entry about its end that the ledger is to make."""
        folder = None
        try:
            folder = self._store.new_work_folder(f"{job.id}-{job.attempt}")
            source = await asyncio.to_thread(self._sources.resolve, job.spec.clip)
            run = worker_pb2.ToWorker.Run(
                request_id=job.request_id,
                attempt=job.attempt,
                spec=job.spec,
                source_path=str(source),
                out_dir=str(folder),
            )
            return await self._follow(job, run, folder)
        except WorkerLostError as error:
            _log.warning("job %s, attempt %d: %s", job.request_id, job.attempt, error)
            return partial(self._ledger.retry, job, str(error))
        except V2AError as error:
            return partial(self._ledger.fail, job, kind_of(error), str(error))
        except Exception as error:
            text = internal_error(f"job {job.request_id}", error)
            return partial(self._ledger.fail, job, "GenerationError", text)
        finally:
            if folder is not None:
                await asyncio.to_thread(self._store.remove_work_folder, folder)

    async def _follow(self, job: Job, run: worker_pb2.ToWorker.Run, folder: Path) -> Callable[[], bool]:
        failure: V2AError | None = None
        async with aclosing(self._executor.run(run)) as messages:
            async for message in messages:
                if message.HasField("done"):
                    done = message.done
                    _log.info("job %s has ended: %s", job.request_id, done.error_kind or "done")
                    if failure is not None:
                        return partial(self._ledger.fail, job, kind_of(failure), str(failure))
                    if done.error_kind:
                        return partial(self._ledger.fail, job, done.error_kind, done.error)
                    return partial(self._ledger.succeed, job)
                try:
                    wanted = failure is None and await self._note(job, message, folder)
                except V2AError as error:
                    failure, wanted = error, False
                if not wanted:
                    self._executor.cancel(run.request_id, run.attempt)
        raise WorkerLostError("the worker stopped in the middle of the job")

    async def _note(self, job: Job, message: worker_pb2.FromWorker, folder: Path) -> bool:
        """Remember what a worker says. Returns False where nobody wants the job any more."""
        # The executor cannot have heard of a cancellation that came before it got the job.
        if (job.id, job.attempt) in self._cancelled:
            return False
        if message.HasField("progress"):
            self._live.set_progress(job.id, message.progress)
            return True
        if message.HasField("take"):
            wanted = await self._keep(job, message.take, folder)
        else:
            wanted = await self._do(self._ledger.add_warning, job, message.warning)
        self._live.news(job.id)
        return wanted

    async def _keep(self, job: Job, file: worker_pb2.FromWorker.TakeFile, folder: Path) -> bool:
        sha256 = file.take.sha256
        async with self._content:
            await asyncio.to_thread(self._store.keep, folder, file)
            try:
                return await self._do(self._ledger.add_take, job, file.take)
            finally:
                # The job was cancelled meanwhile, or the ledger's disk is full.
                if not await self._do(self._ledger.refers_to, sha256):
                    await asyncio.to_thread(self._store.discard, sha256)

    def _refuse_if_stopping(self) -> None:
        if self._stopping:
            raise UnavailableError("the server is stopping: ask again when it is back")

    async def _whole(self, change: Coroutine[Any, Any, T]) -> T:
        """Make a change to its end, even where the caller goes away: what acts on an entry must hear of it."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    async def _do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the ledger in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._ledger_thread, partial(work, *args, **kwargs))

    async def _insist(self, work: Callable[[], T]) -> T:
        """Call the ledger until it can be written: a full disk must not lose the end of a job."""
        while True:
            try:
                return await self._do(work)
            except StorageError as error:
                _log.error("%s", error)
                await asyncio.sleep(_FULL_DISK_PAUSE_S)


def _sound(spec: pb.GenerationSpec) -> pb.GenerationSpec:
    """What decides the sound: all but where the film lies."""
    sound = pb.GenerationSpec()
    sound.CopyFrom(spec)
    sound.clip.ClearField("source")
    return sound
