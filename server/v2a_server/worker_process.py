"""One worker process: started when it is needed, watched while it runs, replaced when it has died."""

import asyncio
import logging
import os
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from v2a.errors import CancelledError, V2AError
from v2a_api.v1 import worker_pb2
from v2a_server import pipe
from v2a_server.errors import kind_of

_log = logging.getLogger(__name__)

_STOP_GRACE_S = 2.0


class WorkerLostError(V2AError):
    """The worker process died, froze, or spoke nonsense, before its job was done."""


@dataclass(frozen=True)
class Patience:
    """How long a worker may take, in seconds.

    start_s: to import what it needs and load its models. silence_s: between two signs of life in a job; a process that
    is frozen, or a machine that swaps, gives none. step_s: between two signs of progress in a job. cancel_s: to heed a
    cancellation, for which it looks at each step; a worker that does not hangs in foreign code. All end in its being
    killed. first_pause_s, longest_pause_s: before it is started anew when it has died again and again.
    """

    start_s: float = 15 * 60.0
    silence_s: float = 60.0
    step_s: float = 15 * 60.0
    cancel_s: float = 20.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0


class WorkerProcess:
    """A process that runs one job at a time.

    command: program and arguments of a process that runs `v2a_server.worker_loop.work`.
    installed: the digests of the models that are installed at the moment, by name; may block.
    on_health: told whenever it is known whether workers can be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        installed: Callable[[], Mapping[str, str]],
        patience: Patience,
        on_health: Callable[[bool], None],
    ) -> None:
        self.device = ""
        self._command = tuple(command)
        self._installed = installed
        self._patience = patience
        self._on_health = on_health
        # What was installed just before the worker was started.
        self._known: Mapping[str, str] = {}
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._running: tuple[str, int] | None = None
        self._cancelled = asyncio.Event()
        # Processes that were lost since the last one that ended a job in peace.
        self._n_lost = 0

    @property
    def runs(self) -> tuple[str, int] | None:
        """The request id and attempt of the job that it works on."""
        return self._running

    async def start(self) -> None:
        """Start the process. Raises WorkerLostError where it ends before it is ready."""
        await self._ready()

    async def warm_up(self) -> None:
        """Start the process, so that the first job finds the models loaded."""
        try:
            await self.start()
        except WorkerLostError as error:
            self._n_lost += 1
            _log.error("%s", error)

    async def run(self, run: worker_pb2.ToWorker.Run) -> AsyncGenerator[worker_pb2.FromWorker, None]:
        """See Executor."""
        self._running = (run.request_id, run.attempt)
        self._cancelled.clear()
        usable = False
        try:
            process = await self._started()
            if self._cancelled.is_set():
                usable = True
                yield worker_pb2.FromWorker(done=worker_pb2.FromWorker.Done(error_kind=kind_of(CancelledError())))
                return
            self._send(process, worker_pb2.ToWorker(run=run))
            step_s = time.monotonic()
            while True:
                left_s = self._patience.step_s - (time.monotonic() - step_s)
                message = await self._receive(process, self._patience.silence_s, left_s)
                if (message.request_id, message.attempt) == self._running:
                    step_s = time.monotonic()
                    usable = message.HasField("done") and not message.done.crashed
                    self._n_lost = 0 if usable else self._n_lost
                    yield message
                    if message.HasField("done"):
                        return
        except WorkerLostError:
            self._n_lost += 1
            raise
        finally:
            self._running = None
            if not usable and self._process is not None:
                # It crashed, or works on what nobody waits for any more: the next job must not meet it.
                await _kill(self._process)

    def cancel(self) -> None:
        """Ask for the running job to be stopped."""
        if self._running is None or self._cancelled.is_set():
            return
        self._cancelled.set()
        if self._process is not None:
            request_id, attempt = self._running
            cancel = worker_pb2.ToWorker.Cancel(request_id=request_id, attempt=attempt)
            self._send(self._process, worker_pb2.ToWorker(cancel=cancel))
        asyncio.get_running_loop().call_later(self._patience.cancel_s, self._kill_unless_done, self._running)

    async def stop(self) -> None:
        """End the process, whatever it does."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None  # noqa: S101 — we asked for a pipe
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_GRACE_S)
        except TimeoutError:
            await _kill(process)

    async def _started(self) -> Process:
        """The process, ready. One that dies while it starts has not met the job yet: another may do better."""
        try:
            return await self._ready()
        except WorkerLostError as error:
            self._n_lost += 1
            _log.error("%s", error)
            return await self._ready()

    async def _ready(self) -> Process:
        async with self._starting:
            installed = await asyncio.to_thread(self._installed)
            if self._process is not None and self._process.returncode is None:
                if installed == self._known:
                    return self._process
                _log.info("the installed models have changed: the worker is replaced")
                await self.stop()
            await self._pause()
            self._known = installed
            # A session of its own: Ctrl-C in a terminal is for the server, which then ends its worker.
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
            try:
                message = await self._receive(self._process, self._patience.start_s, self._patience.start_s)
            except WorkerLostError:
                self._on_health(False)
                raise
            self._on_health(True)
            self.device = message.ready.device
            _log.info("worker %d is ready on %s", self._process.pid, self.device)
            return self._process

    async def _pause(self) -> None:
        """The longer, the more often it has died; not after the first time. A cancellation ends it."""
        if self._n_lost < 2:
            return
        patience = self._patience
        pause_s = min(patience.first_pause_s * 2 ** (self._n_lost - 2), patience.longest_pause_s)
        _log.warning("workers have died %d times in a row: the next one starts in %g s", self._n_lost, pause_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._cancelled.wait(), pause_s)

    def _send(self, process: Process, message: worker_pb2.ToWorker) -> None:
        assert process.stdin is not None  # noqa: S101
        # Not drained: a message is small, and a worker that does not read is killed.
        process.stdin.write(pipe.frame(message))

    async def _receive(self, process: Process, silence_s: float, step_s: float) -> worker_pb2.FromWorker:
        """The next message that is more than a sign of life. Seconds: until the next sign, and until the message."""
        assert process.stdout is not None  # noqa: S101
        end_s = time.monotonic() + step_s
        try:
            while True:
                async with asyncio.timeout(min(silence_s, end_s - time.monotonic())):
                    message = await pipe.read_async(process.stdout, worker_pb2.FromWorker)
                if not message.HasField("beat"):
                    return message
        except asyncio.IncompleteReadError:
            # It has closed its pipe: what it died of is known in a moment.
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _STOP_GRACE_S)
            status = await _kill(process)
            how = f"ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
        except (ValueError, DecodeError):
            await _kill(process)
            how = "spoke nonsense and was killed"
        except TimeoutError:
            await _kill(process)
            how = f"gave no sign of {'progress' if time.monotonic() >= end_s else 'life'} and was killed"
        raise WorkerLostError(f"the worker process {how}; the server's log says more")

    def _kill_unless_done(self, running: tuple[str, int]) -> None:
        if self._running == running and self._cancelled.is_set() and self._process is not None:
            _log.warning("worker %d does not heed a cancellation: killed", self._process.pid)
            _send_kill(self._process)


async def _kill(process: Process) -> int:
    """End it where it still runs; its exit status."""
    _send_kill(process)
    return await process.wait()


def _send_kill(process: Process) -> None:
    # Not by Process.kill: it looks first whether the process has died, and then what of is lost to whoever waits.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
