"""Where jobs run: behind `Executor`, so that the scheduler does not care whether here or elsewhere."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

from v2a_api.v1 import worker_pb2
from v2a_server.worker_process import Patience, WorkerLostError, WorkerProcess

__all__ = ["Executor", "LocalProcessExecutor", "Patience", "WorkerLostError"]


class Executor(Protocol):
    """Runs jobs, `slots` at a time."""

    @property
    def slots(self) -> int:
        """How many jobs may run at once."""
        ...

    @property
    def device(self) -> str:
        """Where models run; empty until a worker has said so."""
        ...

    async def warm_up(self) -> None:
        """Get ready before the first job."""
        ...

    def run(self, run: worker_pb2.ToWorker.Run) -> AsyncGenerator[worker_pb2.FromWorker, None]:
        """What the worker says about a job; the last message is `done`. Raises WorkerLostError."""
        ...

    def cancel(self, request_id: str, attempt: int) -> None:
        """Ask a running job to stop. Does nothing for others."""
        ...

    async def stop(self) -> None:
        """End all workers, whatever they do."""
        ...


class LocalProcessExecutor:
    """Worker processes on this machine, each with a job of its own; see `WorkerProcess`.

    commands: one for each process.
    """

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        installed: Callable[[], Mapping[str, str]],
        patience: Patience | None = None,
        on_health: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._workers = [WorkerProcess(command, installed, patience or Patience(), on_health) for command in commands]

    @property
    def slots(self) -> int:
        """See Executor."""
        return len(self._workers)

    @property
    def device(self) -> str:
        """See Executor."""
        return next((worker.device for worker in self._workers if worker.device), "")

    async def warm_up(self) -> None:
        """See Executor."""
        await asyncio.gather(*(worker.warm_up() for worker in self._workers))

    async def run(self, run: worker_pb2.ToWorker.Run) -> AsyncGenerator[worker_pb2.FromWorker, None]:
        """See Executor. There are never more jobs than slots."""
        worker = next(worker for worker in self._workers if worker.runs is None)
        async with aclosing(worker.run(run)) as messages:
            async for message in messages:
                yield message

    def cancel(self, request_id: str, attempt: int) -> None:
        """See Executor."""
        for worker in self._workers:
            if worker.runs == (request_id, attempt):
                worker.cancel()

    async def stop(self) -> None:
        """See Executor."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))
