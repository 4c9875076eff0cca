"""Removes what nobody needs any more: old jobs, content without a job, uploads without a use, features of old films."""

import asyncio
import logging
import time
from dataclasses import dataclass

from v2a.errors import ConflictError, NotFoundError, StorageError
from v2a_server.ledger import Ledger
from v2a_server.ledger_thread import LedgerThread
from v2a_server.store import Store
from v2a_server.uploads import Uploads

_log = logging.getLogger(__name__)

_DAY_S = 24 * 60 * 60
_AT_ONCE = 100


@dataclass(frozen=True)
class Keeping:
    """What is kept. jobs_s: jobs and takes, seconds after they ended; None: for ever. features_bytes: of the features
    of films, those used last. every_s: between two rounds of the janitor.
    """

    jobs_s: float | None = 30 * _DAY_S
    features_bytes: int = 1 << 30
    every_s: float = 15 * 60


class Janitor:
    """Keeps a store tidy. content: see `running.Runner`."""

    def __init__(
        self,
        ledger: Ledger,
        calls: LedgerThread,
        store: Store,
        uploads: Uploads,
        content: asyncio.Lock,
        keeping: Keeping,
    ) -> None:
        self._ledger = ledger
        self._calls = calls
        self._store = store
        self._uploads = uploads
        self._content = content
        self._keeping = keeping

    async def work(self) -> None:
        """Go round from time to time, for ever."""
        while True:
            await asyncio.sleep(self._keeping.every_s)
            try:
                await self.expire()
                await self.sweep()
            except (StorageError, OSError) as error:
                _log.error("the janitor could not finish its round: %s", error)

    async def sweep(self) -> None:
        """Remove content that no job refers to."""
        async with self._content:
            results, uploads = await self._calls.do(self._ledger.referenced)
            await asyncio.to_thread(self._store.sweep, results)
            await asyncio.to_thread(self._uploads.sweep, uploads)
        await asyncio.to_thread(self._store.trim_features, self._keeping.features_bytes)

    async def expire(self) -> None:
        """Delete the jobs that ended long ago."""
        if self._keeping.jobs_s is None:
            return
        before_ms = round((time.time() - self._keeping.jobs_s) * 1000)
        n_deleted = 0
        while old := await self._calls.do(self._ledger.ended_before, before_ms, _AT_ONCE):
            for request_id in old:
                try:
                    await self.delete(request_id, before_ms)
                except (NotFoundError, ConflictError):
                    return  # somebody has deleted it, or asked for it again, in this very moment: next time
            n_deleted += len(old)
        await self._calls.do(self._ledger.forget_clients)
        if n_deleted:
            _log.info("%d jobs that ended long ago were deleted", n_deleted)

    async def delete(self, request_id: str, before_ms: int | None = None) -> None:
        """Forget a job, and the content that only it referred to. Raises as `Ledger.delete`."""
        async with self._content:
            released = await self._calls.do(self._ledger.delete, request_id, before_ms)
            for sha256 in released.results:
                await asyncio.to_thread(self._store.discard, sha256)
            for sha256 in released.uploads:
                await asyncio.to_thread(self._uploads.discard, sha256)
