"""Runs claimed jobs on the executor and writes down what comes of them."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

from v2a.errors import V2AError
from v2a_api.v1 import worker_pb2
from v2a_server.errors import internal_error, kind_of
from v2a_server.executor import Executor, WorkerLostError
from v2a_server.ledger import Ledger
from v2a_server.ledger_thread import LedgerThread
from v2a_server.live import Live
from v2a_server.records import Job
from v2a_server.sources import Sources
from v2a_server.store import Store

_log = logging.getLogger(__name__)

# What jobs take is averaged over about so many of them.
_REMEMBERED = 8
_LEAST_RETRY_S, _MOST_RETRY_S = 0.5, 60.0


class Pace:
    """How often places in the queue become free."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._interval_s = 1.0

    def ended(self) -> None:
        """A job has ended."""
        now_s = time.monotonic()
        if self._last_s is not None:
            self._interval_s += (now_s - self._last_s - self._interval_s) / _REMEMBERED
        self._last_s = now_s

    def retry_after_s(self) -> float:
        """When somebody who found no place should ask again."""
        return min(max(self._interval_s, _LEAST_RETRY_S), _MOST_RETRY_S)


class Runner:
    """Takes jobs from the ledger while it may, `executor.slots` at a time.

    content: held while somebody touches content of the store and writes about it in the ledger.
    on_queue: called when the queue has become shorter.
    """

    def __init__(
        self,
        ledger: Ledger,
        calls: LedgerThread,
        store: Store,
        sources: Sources,
        executor: Executor,
        live: Live,
        content: asyncio.Lock,
        on_queue: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._calls = calls
        self._store = store
        self._sources = sources
        self._executor = executor
        self._live = live
        self._content = content
        self._on_queue = on_queue
        self.pace = Pace()
        self.n_running = 0
        self.stopping = False
        self._wake = asyncio.Event()
        # Attempts that were cancelled while they ran, until their worker has stopped.
        self._cancelled: set[tuple[int, int]] = set()
        self._slots: list[asyncio.Task[None]] = []

    def start(self, on_end: Callable[[], None]) -> None:
        """Begin. on_end: called when jobs do not run any more, even where a bug is to blame."""
        self._slots = [asyncio.create_task(self._serve_slot()) for _ in range(self._executor.slots)]
        for slot in self._slots:
            slot.add_done_callback(lambda _: on_end())
        self._warming = asyncio.create_task(self._executor.warm_up())

    async def stop(self, grace_s: float) -> None:
        """Take no more jobs, give the running ones this long to end, and put the others back in the queue.

        Raises what ended a slot unforeseen.
        """
        self.stopping = True
        self._wake.set()
        self._warming.cancel()
        await asyncio.wait(self._slots, timeout=grace_s)
        self.interrupt()
        _, *ends = await asyncio.gather(self._warming, *self._slots, return_exceptions=True)
        await self._executor.stop()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def interrupt(self) -> None:
        """Put the running jobs back in the queue now."""
        for slot in self._slots:
            slot.cancel()

    def wake(self) -> None:
        """There may be a job to run."""
        self._wake.set()

    def cancel(self, job: Job) -> None:
        """A running job was cancelled in the ledger: stop the work on it."""
        self._cancelled.add((job.id, job.attempt))
        self._executor.cancel(job.request_id, job.attempt)

    async def _serve_slot(self) -> None:
        while not self.stopping:
            self._wake.clear()
            job = await self._calls.insist(self._ledger.claim)
            if job is None:
                await self._wake.wait()
                continue
            self._wake.set()  # another slot may find one, too
            self.n_running += 1
            self._live.news(job.id)
            self._on_queue()
            try:
                await self._calls.insist(await self._run(job))
            except asyncio.CancelledError:
                await self._calls.do(self._ledger.release, job)
                raise
            finally:
                self.n_running -= 1
                self.pace.ended()
                self._cancelled.discard((job.id, job.attempt))
                self._live.forget(job.id)
                self._live.news(job.id)
                self._on_queue()

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
                features_dir=str(self._store.features),
            )
            return await self._follow(job, run, folder)
        except WorkerLostError as error:
            stage = (self._live.progress(job.id) or worker_pb2.FromWorker().progress).stage
            why = f"{error}" + (f" (it was {stage})" if stage else "")
            _log.warning("job %s, attempt %d: %s", job.request_id, job.attempt, why)
            return partial(self._ledger.retry, job, why)
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
        if message.HasField("growing"):
            self._live.set_growing(job.id, message.growing.growing, folder / Path(message.growing.path).name)
            return True
        if message.HasField("take"):
            wanted = await self._keep(job, message.take, folder)
        else:
            wanted = await self._calls.do(self._ledger.add_warning, job, message.warning)
        self._live.news(job.id)
        return wanted

    async def _keep(self, job: Job, file: worker_pb2.FromWorker.TakeFile, folder: Path) -> bool:
        sha256 = file.take.sha256
        async with self._content:
            await asyncio.to_thread(self._store.keep, folder, file)
            try:
                return await self._calls.do(self._ledger.add_take, job, file.take)
            finally:
                # The job was cancelled meanwhile, or the ledger's disk is full.
                if not await self._calls.do(self._ledger.refers_to, sha256):
                    await asyncio.to_thread(self._store.discard, sha256)
