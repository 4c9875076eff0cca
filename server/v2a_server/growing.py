"""Reading a take while it is being made."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from v2a.errors import CancelledError, NotFoundError
from v2a_api.v1 import generation_pb2 as pb
from v2a_server.errors import AbortedError, OutOfRangeError
from v2a_server.ledger import Ledger
from v2a_server.ledger_thread import LedgerThread
from v2a_server.live import GrowingTake, Live
from v2a_server.records import Job

_CHUNK_BYTES = 1 << 20


async def read_growing(
    ledger: Ledger, calls: LedgerThread, live: Live, request_id: str, name: tuple[str, int], offset_bytes: int
) -> AsyncGenerator[pb.TakeChunk, None]:
    """A take's growing file from an offset on, as it grows, and the finished take at the end.

    A retried job makes the same samples again, so reading goes on where it was (unless the server was started anew
    meanwhile to compute otherwise). Raises NotFoundError, OutOfRangeError,
    CancelledError, AbortedError.
    """
    job = await calls.do(ledger.get, request_id)
    if name not in _asked_for(job.spec):
        raise NotFoundError(f"the job {request_id} makes no take {name[1]} of layer '{name[0]}'")
    if offset_bytes < 0:
        raise OutOfRangeError("offset_bytes must not be negative")
    with live.watch(job.id) as watcher, _Tail() as tail:
        while True:
            watcher.woken.clear()
            growing = live.growing(job.id).get(name)
            if growing is not None:
                tail.follow(growing)
            # Read after the look at what grows: with a finished take, its file is complete.
            take = await calls.do(ledger.take, request_id, *name)
            while data := await asyncio.to_thread(tail.read, offset_bytes):
                offset_bytes += len(data)
                yield pb.TakeChunk(data=data)
            if take is not None:
                yield pb.TakeChunk(take=take)
                return
            _refuse_if_over(await calls.do(ledger.get, request_id), request_id)
            await watcher.woken.wait()


def _asked_for(spec: pb.GenerationSpec) -> set[tuple[str, int]]:
    layers = [layer.name or "mix" for layer in spec.layers] or ["mix"]
    return {(layer, index) for layer in layers for index in range(spec.sampling.takes)}


def _refuse_if_over(job: Job, request_id: str) -> None:
    if job.state == pb.STATE_CANCELLED:
        raise CancelledError(f"the job {request_id} was cancelled")
    if job.ended:
        raise AbortedError(f"the job {request_id} ended before this take was finished: see what it says")


class _Tail:
    """The growing file, kept open: what was begun can be read to its end although the file loses its name."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> "_Tail":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def follow(self, take: GrowingTake) -> None:
        """Read this file from now on, where it is another one."""
        if take.path != self._path:
            try:
                file = take.path.open("rb")
            except OSError:
                return  # the job has just ended; the next look says how
            self._stack.close()
            self._file = self._stack.enter_context(file)
            self._path = take.path

    def read(self, offset_bytes: int) -> bytes:
        """What there is from an offset on; empty where that is not yet there."""
        if self._file is None:
            return b""
        self._file.seek(offset_bytes)
        return self._file.read(_CHUNK_BYTES)
