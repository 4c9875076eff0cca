"""The scheduler where something happens at the worst moment: a real ledger that is held up or interrupted there."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.server.running import DEADLINE_S, Server
from v2a.cards import read_card
from v2a_api.v1 import generation_pb2 as pb
from v2a_server.executor import LocalProcessExecutor
from v2a_server.ledger import Ledger
from v2a_server.records import Asking, Job
from v2a_server.scheduler import Scheduler
from v2a_server.sources import Sources
from v2a_server.store import Store
from v2a_server.uploads import Uploads

_WORKER = [sys.executable, str(Path(__file__).with_name("tone_worker.py"))]


@asynccontextmanager
async def running(
    server: Server, ledger: Ledger, on_end: Callable[[], None] = lambda: None
) -> AsyncIterator[Scheduler]:
    store = Store(server.folder / "store")
    uploads = Uploads(server.folder / "store" / "uploads")
    sources = Sources(uploads, [server.folder / "films"])
    executor = LocalProcessExecutor([_WORKER], dict)
    scheduler = Scheduler(
        ledger, store, uploads, sources, executor, lambda: {"tones": read_card(server.folder / "model")}, max_queued=9
    )
    await scheduler.start(on_end)
    try:
        yield scheduler
    finally:
        try:
            await scheduler.stop(grace_s=0)
        finally:
            scheduler.close()
            ledger.close()
            store.close()


def ledger_path(server: Server) -> Path:
    (server.folder / "store").mkdir()
    return server.folder / "store" / "ledger.sqlite3"


async def finish(scheduler: Scheduler, request_id: str) -> pb.Generation:
    async with asyncio.timeout(DEADLINE_S):
        async for _ in scheduler.watch(request_id, 0):
            pass
    return await scheduler.get(request_id)


def test_a_caller_who_goes_away_does_not_leave_its_job_waiting(new_server: Callable[..., Server]) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Ledger):
        def create(self, request_id: str, asking: Asking, max_queued: int) -> Job:
            entered.set()
            go_on.wait(DEADLINE_S)
            return super().create(request_id, asking, max_queued)

    async def main() -> None:
        server = new_server()
        async with running(server, Slow(ledger_path(server))) as scheduler:
            call = asyncio.create_task(scheduler.create("job", server.spec()))
            await asyncio.to_thread(entered.wait, DEADLINE_S)
            call.cancel()
            await asyncio.wait([call])
            go_on.set()
            assert (await finish(scheduler, "job")).state == pb.STATE_SUCCEEDED

    asyncio.run(main())


def test_a_take_of_a_job_that_is_cancelled_while_it_is_stored_is_not_left_behind(
    new_server: Callable[..., Server],
) -> None:
    class Interrupted(Ledger):
        def add_take(self, job: Job, take: pb.Take) -> bool:
            self.cancel(job.request_id)
            return super().add_take(job, take)

    async def main() -> None:
        server = new_server()
        async with running(server, Interrupted(ledger_path(server))) as scheduler:
            await scheduler.create("job", server.spec())
            assert (await finish(scheduler, "job")).state == pb.STATE_CANCELLED
        assert server.results() == []

    asyncio.run(main())


def test_a_bug_that_stops_all_jobs_is_not_hidden(new_server: Callable[..., Server]) -> None:
    class Broken(Ledger):
        def succeed(self, job: Job) -> bool:
            raise ZeroDivisionError(job.request_id)

    async def main() -> None:
        server, ended = new_server(), asyncio.Event()
        async with running(server, Broken(ledger_path(server)), ended.set) as scheduler:
            await scheduler.create("job", server.spec())
            await asyncio.wait_for(ended.wait(), DEADLINE_S)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
