"""The thread in which the ledger is used: SQLite waits for the disk, and there is one writer."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from v2a.errors import StorageError

_log = logging.getLogger(__name__)

_FULL_DISK_PAUSE_S = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class LedgerThread:
    """Calls the ledger, one call after another."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    def close(self) -> None:
        """Once nobody calls any more."""
        self._thread.shutdown()

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One call."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **kwargs))

    async def insist(self, work: Callable[[], T]) -> T:
        """Call until the ledger can be written: a full disk must not lose the end of a job."""
        while True:
            try:
                return await self.do(work)
            except StorageError as error:
                _log.error("%s", error)
                await asyncio.sleep(_FULL_DISK_PAUSE_S)
