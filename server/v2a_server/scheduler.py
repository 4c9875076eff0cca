"""What can be asked about jobs. The ledger remembers them, `running` runs them; this connects the two with callers."""

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from v2a.errors import NotFoundError, UnavailableError, UsageError
from v2a.request import Request
from v2a.version import __version__
from v2a_api.v1 import generation_pb2 as pb
from v2a_server.catalogue import Cards, check_model
from v2a_server.convert import request_from_proto, source_rate_from_proto
from v2a_server.errors import DamagedError, QueueFullError, ReusedIdError
from v2a_server.executor import Executor
from v2a_server.growing import read_growing
from v2a_server.janitor import Janitor, Keeping
from v2a_server.ledger import Ledger
from v2a_server.ledger_thread import LedgerThread
from v2a_server.live import Live
from v2a_server.records import Asking, Job, News
from v2a_server.running import Runner
from v2a_server.sources import Sources
from v2a_server.store import Store
from v2a_server.uploads import Uploads

_log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# Those who wait hear of their new places at most this often.
_PLACES_EVERY_S = 0.25

T = TypeVar("T")


class Scheduler:
    """The jobs of one server.

    cards: the models that may be asked for. max_queued: jobs of one priority that may wait. keeping: for how long
    what has ended is kept. computing: see `ServeOptions`.
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
        keeping: Keeping | None = None,
        computing: str = "",
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._uploads = uploads
        self._sources = sources
        self._cards = cards
        self._max_queued = max_queued
        self._computing = computing
        self._live = Live()
        self._calls = LedgerThread()
        # Nobody may touch content between another's look at it and the entry in the ledger about it.
        self._content = asyncio.Lock()
        self._queue_moved = asyncio.Event()
        self._runner = Runner(
            ledger, self._calls, store, sources, executor, self._live, self._content, self._queue_moved.set
        )
        self._janitor = Janitor(ledger, self._calls, store, uploads, self._content, keeping or Keeping())
        self._changes: set[asyncio.Task[Any]] = set()
        self._reads: dict[tuple[int, int, int], asyncio.Task[News]] = {}

    async def start(self, on_end: Callable[[], None]) -> None:
        """Go on where the last server stopped. Call once.

        on_end: called when jobs do not run any more, even where a bug is to blame.
        """
        recovered = await self._calls.do(self._ledger.recover, self._sound_of)
        await self._janitor.sweep()
        if recovered:
            _log.info("%d interrupted jobs go on", recovered)
        self._runner.start(on_end)
        self._tasks = [asyncio.create_task(self._tell_places()), asyncio.create_task(self._janitor.work())]

    async def stop(self, grace_s: float) -> None:
        """Take no more jobs, give the running ones this long to end, and put the others back in the queue.

        Raises what ended a slot unforeseen.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.stop(grace_s)

    def close(self) -> None:
        """Once no call is open any more: let go of the ledger."""
        self._calls.close()

    def interrupt(self) -> None:
        """Put the running jobs back in the queue now."""
        self._runner.interrupt()

    async def idle(self) -> bool:
        """True where nothing waits and nothing runs."""
        return await self._calls.do(self._ledger.unfinished) == 0

    async def create(
        self,
        request_id: str,
        spec: pb.GenerationSpec,
        client: str = "",
        priority: "pb.Priority.ValueType" = pb.PRIORITY_INTERACTIVE,
    ) -> pb.Generation:
        """Queue a job, or return the one that has this id. See CreateGeneration for the errors."""
        return await self._whole(self._create(request_id, spec, client, priority))

    async def _create(
        self, request_id: str, spec: pb.GenerationSpec, client: str, priority: "pb.Priority.ValueType"
    ) -> pb.Generation:
        if not _REQUEST_ID.fullmatch(request_id):
            raise UsageError("a request_id has 1 to 128 characters of [A-Za-z0-9._:-]")
        if priority not in (pb.PRIORITY_UNSPECIFIED, pb.PRIORITY_INTERACTIVE, pb.PRIORITY_BATCH):
            raise UsageError("the priority is not one that this server knows")
        request = request_from_proto(spec)
        source_rate_from_proto(spec.clip)
        asking = Asking(spec, client, priority or pb.PRIORITY_INTERACTIVE, _cost_s(request), self._sound_of(spec))
        try:
            known = await self._calls.do(self._ledger.look, request_id, asking, self._max_queued)
            _refuse_reuse(known, spec)
            if known is None or not known.answers(asking.sound):
                if self._runner.stopping:
                    raise UnavailableError("the server is stopping: ask again when it is back")
                await asyncio.to_thread(check_model, self._cards, request)
                async with self._content:
                    await self._enter(request_id, asking)
        except QueueFullError as error:
            error.retry_after_s = self._runner.pace.retry_after_s()
            raise
        return await self.get(request_id)

    async def _enter(self, request_id: str, asking: Asking) -> None:
        known = await self._calls.do(self._ledger.find, request_id)
        _refuse_reuse(known, asking.spec)
        if known is not None and known.answers(asking.sound):
            return  # somebody asked for the same at the same time
        await asyncio.to_thread(self._sources.resolve, asking.spec.clip)
        if not await self._answered_from_store(request_id, asking):
            job = await self._calls.do(self._ledger.create, request_id, asking, self._max_queued)
            _log.info("job %s is queued, attempt %d", request_id, job.attempt)
            self._live.news(job.id)
            self._queue_moved.set()
            self._runner.wake()

    async def _answered_from_store(self, request_id: str, asking: Asking) -> bool:
        """Whether the same was made before, and is there undamaged."""
        twin = await self._calls.do(self._ledger.twin, asking.sound)
        if twin is None:
            return False
        try:
            for take in (await self.get(twin.request_id)).takes:
                await asyncio.to_thread(self._store.verify, take.sha256)
        except DamagedError as error:
            await self._spoil(take.sha256, error)
            return False
        if not await self._calls.do(self._ledger.adopt, request_id, asking, twin):
            return False
        _log.info("job %s is answered from the store: it was made as %s", request_id, twin.request_id)
        return True

    async def watch(self, request_id: str, after_sequence: int) -> AsyncGenerator[pb.GenerationEvent, None]:
        """All events of a job after one, until it has ended. Raises NotFoundError, UsageError."""
        if after_sequence < 0:
            raise UsageError("after_sequence must not be negative")
        job = await self._calls.do(self._ledger.get, request_id)
        sequence, told = after_sequence, None
        grown: dict[tuple[str, int], pb.Growing] = {}
        with self._live.watch(job.id) as watcher:
            while True:
                watcher.woken.clear()
                if watcher.news:
                    watcher.news = False
                    news = await self._news(job.id, sequence)
                    for event in news.events:
                        sequence = event.sequence
                        yield event
                    if news.ended:
                        return
                waits = news.state == pb.STATE_QUEUED
                progress = self._live.waiting(job.id) if waits else self._live.progress(job.id)
                if progress is not None and progress != told:
                    yield pb.GenerationEvent(sequence=sequence, progress=progress)
                    told = progress
                for name, take in dict(self._live.growing(job.id)).items():
                    if grown.get(name) != take.growing:
                        yield pb.GenerationEvent(sequence=sequence, growing=take.growing)
                        grown[name] = take.growing
                await watcher.woken.wait()

    async def get(self, request_id: str) -> pb.Generation:
        """A job as it is now. Raises NotFoundError."""
        return await self._calls.do(self._ledger.generation, request_id)

    async def list(self, before_id: int | None, limit: int) -> tuple[list[pb.Generation], int | None]:
        """A page of jobs, newest first, and the before_id of the next page, if there is one."""
        return await self._calls.do(self._ledger.generations, before_id, limit)

    async def cancel(self, request_id: str) -> pb.Generation:
        """End a job; a running one stops within a step. Raises NotFoundError."""
        return await self._whole(self._cancel(request_id))

    async def _cancel(self, request_id: str) -> pb.Generation:
        job = await self._calls.do(self._ledger.cancel, request_id)
        if not job.ended:
            _log.info("job %s is cancelled", request_id)
            if job.state == pb.STATE_RUNNING:
                self._runner.cancel(job)
            self._live.news(job.id)
            self._queue_moved.set()
        return await self.get(request_id)

    async def delete(self, request_id: str) -> None:
        """Forget a job, and the content that only it referred to. Raises NotFoundError, ConflictError."""
        await self._whole(self._janitor.delete(request_id))

    async def take(self, request_id: str, layer: str, index: int) -> pb.Take:
        """A finished take, undamaged. Raises NotFoundError, and DamagedError, with which its jobs have failed."""
        take = await self._calls.do(self._ledger.take, request_id, layer, index)
        if take is None:
            raise NotFoundError(f"the job {request_id} has no finished take {index} of layer '{layer}'")
        try:
            await asyncio.to_thread(self._store.verify, take.sha256)
        except DamagedError as error:
            async with self._content:
                await self._spoil(take.sha256, error)
            raise
        return take

    def read_growing(
        self, request_id: str, layer: str, index: int, offset_bytes: int
    ) -> AsyncGenerator[pb.TakeChunk, None]:
        """See `growing.read_growing`."""
        return read_growing(self._ledger, self._calls, self._live, request_id, (layer, index), offset_bytes)

    async def _spoil(self, sha256: str, error: DamagedError) -> None:
        _log.error("the stored take %s: %s", sha256, error)
        for job in await self._calls.do(self._ledger.spoil, sha256, str(error)):
            self._live.news(job.id)
        await asyncio.to_thread(self._store.discard, sha256)

    async def _news(self, job_id: int, after_sequence: int) -> News:
        """What the ledger says, read once for all watchers who have come equally far."""
        key = (job_id, after_sequence, self._live.version(job_id))
        if key not in self._reads:
            self._reads[key] = asyncio.create_task(self._calls.do(self._ledger.news, job_id, after_sequence))
            self._reads[key].add_done_callback(lambda _: self._reads.pop(key))
        return await asyncio.shield(self._reads[key])

    async def _tell_places(self) -> None:
        while True:
            await self._queue_moved.wait()
            self._queue_moved.clear()
            order = await self._calls.insist(self._ledger.queue)
            self._live.set_places({job_id: place for place, job_id in enumerate(order, self._runner.n_running)})
            await asyncio.sleep(_PLACES_EVERY_S)

    def _sound_of(self, spec: pb.GenerationSpec) -> str:
        """Names what is asked for, the software that makes it, and what it computes in."""
        return hashlib.sha256(f"{__version__}\n{self._computing}\n".encode() + _asked(spec)).hexdigest()

    async def _whole(self, change: Coroutine[Any, Any, T]) -> T:
        """Make a change to its end, even where the caller goes away: what acts on an entry must hear of it."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)


def _asked(spec: pb.GenerationSpec) -> bytes:
    """What is asked for: all but where the film lies."""
    asked = pb.GenerationSpec()
    asked.CopyFrom(spec)
    asked.clip.ClearField("source")
    return asked.SerializeToString(deterministic=True)


def _refuse_reuse(known: Job | None, spec: pb.GenerationSpec) -> None:
    if known is not None and _asked(known.spec) != _asked(spec):
        raise ReusedIdError(f"the request_id {known.request_id} was used for another request: choose a new one")


def _cost_s(request: Request) -> float:
    """Seconds of sound that are asked for."""
    return float(request.clip.duration_s) * len(request.layers) * request.sampling.takes
