"""The worker's side of the pipe: takes jobs one by one, reports, listens for cancellation. Loads no torch."""

import os
import queue
import threading
import time
from collections.abc import Callable, Collection
from typing import BinaryIO, NoReturn, Protocol

from v2a.errors import CancelledError, V2AError
from v2a_api.v1 import generation_pb2, worker_pb2
from v2a_server import pipe
from v2a_server.errors import internal_error, kind_of

# Signs of life; the server's patience is many of them long (`worker_process.Patience`).
_BEAT_S = 1.0
_REST_EVERY_S = 15.0


class Report:
    """What an engine says about the job it runs."""

    def __init__(
        self,
        run: worker_pb2.ToWorker.Run,
        send: Callable[[worker_pb2.FromWorker], None],
        cancelled: Collection[tuple[str, int]],
    ) -> None:
        self._run = run
        self._send = send
        self._cancelled = cancelled

    def progress(self, stage: str, step: int, total_steps: int) -> None:
        """How far the job has come. Call it at least once a sampling step.

        Raises CancelledError where somebody asked for it.
        """
        if (self._run.request_id, self._run.attempt) in self._cancelled:
            raise CancelledError("cancelled on request")
        progress = generation_pb2.Progress(stage=stage, step=step, total_steps=total_steps)
        self._say(worker_pb2.FromWorker(progress=progress))

    def warning(self, text: str) -> None:
        """Something the user should know about the takes."""
        self._say(worker_pb2.FromWorker(warning=text))

    def take(self, take: generation_pb2.Take, file_name: str) -> None:
        """A finished file inside run.out_dir."""
        self._say(worker_pb2.FromWorker(take=worker_pb2.FromWorker.TakeFile(take=take, path=file_name)))

    def growing(self, growing: generation_pb2.Growing, file_name: str) -> None:
        """More of a take can be heard: a growing file inside run.out_dir."""
        self._say(worker_pb2.FromWorker(growing=worker_pb2.FromWorker.GrowingFile(growing=growing, path=file_name)))

    def done(self, error: V2AError | None = None) -> None:
        """The job has ended; the loop says this."""
        done = worker_pb2.FromWorker.Done()
        if error is not None:
            done.error_kind, done.error = kind_of(error), str(error)
        self._say(worker_pb2.FromWorker(done=done))

    def crashed(self, error: Exception) -> None:
        """The job ended in a way nobody foresaw; the user gets an id, the log gets the rest."""
        text = internal_error(f"job {self._run.request_id}", error)
        done = worker_pb2.FromWorker.Done(error_kind="GenerationError", error=text, crashed=True)
        self._say(worker_pb2.FromWorker(done=done))

    def _say(self, message: worker_pb2.FromWorker) -> None:
        message.request_id, message.attempt = self._run.request_id, self._run.attempt
        self._send(message)


class Engine(Protocol):
    """Makes the sound of one job at a time."""

    @property
    def device(self) -> str:
        """Where it computes: "cpu", "cuda" or "mps"."""
        ...

    def run(self, run: worker_pb2.ToWorker.Run, report: Report) -> None:
        """Make the takes of a job. Raises V2AError, whose text the user sees."""
        ...

    def rest(self) -> None:
        """Called every now and then while there is nothing to do: let go of what is not needed."""
        ...


def work(make_engine: Callable[[], Engine]) -> None:
    """Be a worker until the server closes the pipe.

    After an unforeseen error the server ends this process: the next job gets a fresh one.
    """
    incoming, outgoing = _claim_pipe()
    runs: queue.SimpleQueue[worker_pb2.ToWorker.Run] = queue.SimpleQueue()
    cancelled: set[tuple[str, int]] = set()
    threading.Thread(target=_listen, args=(incoming, runs, cancelled), daemon=True).start()

    sending = threading.Lock()

    def send(message: worker_pb2.FromWorker) -> None:
        try:
            with sending:
                outgoing.write(pipe.frame(message))
                outgoing.flush()
        except BrokenPipeError:
            _leave()

    threading.Thread(target=_beat, args=(send,), daemon=True).start()
    engine = make_engine()
    send(worker_pb2.FromWorker(ready=worker_pb2.FromWorker.Ready(device=engine.device)))
    while True:
        try:
            run = runs.get(timeout=_REST_EVERY_S)
        except queue.Empty:
            engine.rest()
            continue
        report = Report(run, send, cancelled)
        try:
            engine.run(run, report)
        except V2AError as error:
            report.done(error)
        except Exception as error:
            report.crashed(error)
        else:
            report.done()


def _claim_pipe() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for messages alone: what libraries print goes to stderr from here on."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def _listen(
    incoming: BinaryIO,
    runs: "queue.SimpleQueue[worker_pb2.ToWorker.Run]",
    cancelled: set[tuple[str, int]],
) -> None:
    while (message := pipe.read(incoming, worker_pb2.ToWorker)) is not None:
        if message.HasField("run"):
            cancelled.clear()  # the server sends a job when the last one is done
            runs.put(message.run)
        elif message.HasField("cancel"):
            cancelled.add((message.cancel.request_id, message.cancel.attempt))
    _leave()


def _beat(send: Callable[[worker_pb2.FromWorker], None]) -> None:
    while True:
        send(worker_pb2.FromWorker(beat=worker_pb2.FromWorker.Beat()))
        time.sleep(_BEAT_S)


def _leave() -> NoReturn:
    """The server is gone, perhaps killed: nobody wants the result, and nothing may outlive its owner."""
    os._exit(0)
