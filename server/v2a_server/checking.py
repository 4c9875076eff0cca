"""`v2a serve --check`: would a server start like this? Nothing is served, and nothing stays."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing

import grpc

from v2a.errors import V2AError
from v2a_server.address import parse
from v2a_server.app import ServeOptions, bind
from v2a_server.catalogue import Cards
from v2a_server.ledger import Ledger
from v2a_server.store import Store
from v2a_server.worker_process import Patience, WorkerProcess

_NEEDED_FREE_BYTES = 1 << 30


def check_server(
    options: ServeOptions, cards: Cards, workers: Sequence[Sequence[str]], say: Callable[[str], None]
) -> int:
    """Try each part that a server needs, and say what is found. Returns the exit status: 1 where something is wrong."""
    return asyncio.run(_check(options, cards, workers, say))


async def _check(
    options: ServeOptions, cards: Cards, workers: Sequence[Sequence[str]], say: Callable[[str], None]
) -> int:
    n_problems = 0
    for part in (_models(cards), _store(options), _address(options), _workers(workers, cards)):
        try:
            async for found in part:
                say(f"ok      {found}")
        except V2AError as error:
            n_problems += 1
            say(f"problem {error}")
    say("a server can be started like this" if not n_problems else "a server cannot be started like this")
    return min(n_problems, 1)


async def _models(cards: Cards) -> AsyncIterator[str]:
    yield f"models: {', '.join(await asyncio.to_thread(cards)) or 'none'}"


async def _store(options: ServeOptions) -> AsyncIterator[str]:
    with closing(Store(options.store)) as store, closing(Ledger(options.store / "ledger.sqlite3")) as ledger:
        free_bytes = shutil.disk_usage(store.folder).free
        scarce = ", which is little" if free_bytes < _NEEDED_FREE_BYTES else ""
        yield f"store: {store.folder} can be written, {free_bytes / 1e9:.1f} GB free{scarce}"
        yield f"ledger: undamaged, {ledger.unfinished()} jobs wait"


async def _address(options: ServeOptions) -> AsyncIterator[str]:
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    try:
        where = bind(server, parse(options.listen))
    finally:
        await server.stop(None)
    yield f"address: {where} is free"


async def _workers(commands: Sequence[Sequence[str]], cards: Cards) -> AsyncIterator[str]:
    for command in commands:
        worker = WorkerProcess(
            [*command, "--strict"],
            lambda: {name: card.digest for name, card in cards().items()},
            Patience(),
            lambda _: None,
        )
        try:
            await worker.start()
            yield f"worker: starts, and computes on {worker.device}"
        finally:
            await worker.stop()
