"""Where jobs run: behind `Executor`, so that the scheduler does not care whether here or elsewhere."""

import asyncio
import logging
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from google.protobuf.message import DecodeError

from v2a.errors import CancelledError, V2AError
from v2a_api.v1 import worker_pb2
from v2a_server import pipe
from v2a_server.errors import kind_of

_log = logging.getLogger(__name__)

# A worker looks for cancellation at each step; one that takes longer hangs in foreign code and is killed.
_CANCEL_GRACE_S = 20.0
_STOP_GRACE_S = 2.0


class WorkerLostError(V2AError):
    """The worker process died, or spoke nonsense, before its job was done."""


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
    """One worker process on this machine, started again when it died or holds other models than are installed.

    command: program and arguments of a process that runs `v2a_server.worker_loop.work`.
    installed: the digests of the models that are installed at the moment, by name; may block.
    """

    slots = 1

    def __init__(self, command: Sequence[str], installed: Callable[[], Mapping[str, str]]) -> None:
        self.device = ""
        self._command = tuple(command)
        self._installed = installed
        # What was installed just before the worker was started.
        self._known: Mapping[str, str] = {}
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._running: tuple[str, int] | None = None
        self._cancelled = False

    async def warm_up(self) -> None:
        """Start the worker, so that the first job finds the models loaded."""
        try:
            await self._ready()
        except WorkerLostError as error:
            _log.error("%s", error)

    async def run(self, run: worker_pb2.ToWorker.Run) -> AsyncGenerator[worker_pb2.FromWorker, None]:
        """See Executor."""
        self._running, self._cancelled = (run.request_id, run.attempt), False
        usable = False
        try:
            process = await self._ready()
            if self._cancelled:
                usable = True
                yield worker_pb2.FromWorker(done=worker_pb2.FromWorker.Done(error_kind=kind_of(CancelledError())))
                return
            self._send(process, worker_pb2.ToWorker(run=run))
            while True:
                message = await self._receive(process)
                if (message.request_id, message.attempt) == self._running:
                    usable = message.HasField("done") and not message.done.crashed
                    yield message
                    if message.HasField("done"):
                        return
        finally:
            self._running = None
            if not usable and self._process is not None:
                # It crashed, or works on what nobody waits for any more: the next job must not meet it.
                await _kill(self._process)

    def cancel(self, request_id: str, attempt: int) -> None:
        """See Executor."""
        if self._running != (request_id, attempt) or self._cancelled:
            return
        self._cancelled = True
        if self._process is not None:
            cancel = worker_pb2.ToWorker.Cancel(request_id=request_id, attempt=attempt)
            self._send(self._process, worker_pb2.ToWorker(cancel=cancel))
        asyncio.get_running_loop().call_later(_CANCEL_GRACE_S, self._kill_unless_done, self._running)

    async def stop(self) -> None:
        """See Executor."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None  # noqa: S101 — we asked for a pipe
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_GRACE_S)
        except TimeoutError:
            await _kill(process)

    async def _ready(self) -> Process:
        async with self._starting:
            installed = await asyncio.to_thread(self._installed)
            if self._process is not None and self._process.returncode is None:
                if installed == self._known:
                    return self._process
                _log.info("the installed models have changed: the worker is replaced")
                await self.stop()
            self._known = installed
            # A session of its own: Ctrl-C in a terminal is for the server, which then ends its worker.
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
            message = await self._receive(self._process)
            self.device = message.ready.device
            _log.info("worker %d is ready on %s", self._process.pid, self.device)
            return self._process

    def _send(self, process: Process, message: worker_pb2.ToWorker) -> None:
        assert process.stdin is not None  # noqa: S101
        # Not drained: a message is small, and a worker that does not read is killed.
        process.stdin.write(pipe.frame(message))

    async def _receive(self, process: Process) -> worker_pb2.FromWorker:
        assert process.stdout is not None  # noqa: S101
        try:
            return await pipe.read_async(process.stdout, worker_pb2.FromWorker)
        except (asyncio.IncompleteReadError, ValueError, DecodeError):
            status = await _kill(process)
        how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
        raise WorkerLostError(f"the worker process ended {how}; the server's log says more")

    def _kill_unless_done(self, running: tuple[str, int]) -> None:
        if self._running == running and self._cancelled and self._process is not None:
            _log.warning("worker %d does not heed a cancellation: killed", self._process.pid)
            with suppress(ProcessLookupError):
                self._process.kill()


async def _kill(process: Process) -> int:
    """End it where it still runs; its exit status."""
    with suppress(ProcessLookupError):
        process.kill()
    return await process.wait()
