"""One server from start to end: open the store, go on where it stopped, serve, drain."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from v2a.cards import Precision
from v2a.errors import UsageError
from v2a_api.v1 import (
    generation_pb2,
    generation_pb2_grpc,
    media_pb2,
    media_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
)
from v2a_server.address import Address, parse, prepare_socket
from v2a_server.catalogue import Cards
from v2a_server.executor import LocalProcessExecutor, Patience
from v2a_server.interceptors import Activity, Edge
from v2a_server.janitor import Keeping
from v2a_server.ledger import Ledger
from v2a_server.scheduler import Scheduler
from v2a_server.service import GenerationService, MediaService, ModelService, ServerService
from v2a_server.sources import Sources
from v2a_server.store import Store
from v2a_server.uploads import Uploads

_log = logging.getLogger(__name__)

_FILES = (server_pb2, models_pb2, media_pb2, generation_pb2)
_SERVICES = tuple(service.full_name for file in _FILES for service in file.DESCRIPTOR.services_by_name.values())
# How long open calls may still end once no job runs any more.
_CALLS_GRACE_S = 0.5
_CHANNEL_OPTIONS = (
    # Uploads come in chunks of 1 MiB; a longer message is a mistake or an attack.
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.max_concurrent_streams", 256),
    # A peer that froze (sleeping laptop, pulled cable) is noticed within 20 s. Without the ping timeout,
    # the operating system's own limit would decide, and keepalive_timeout does not.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    # Otherwise a second server would silently share the port.
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True)
class ServeOptions:
    """What `v2a serve` is told.

    listen: see `address.parse`. store: the server's own folder. roots, read_anything: which films may be
    named by path. token: what callers must show; None lets in all who can reach the server.
    exit_when_idle_s: end after so many seconds without calls and jobs; None: never.
    computing: in what and where the workers were told to compute; a job that was made otherwise is made anew when it is
    asked for.
    max_queued: jobs of one priority that may wait. drain_s: how long running jobs may still end when the server is
    asked to stop.
    """

    listen: str
    store: Path
    roots: tuple[Path, ...] = ()
    read_anything: bool = False
    token: str | None = None
    exit_when_idle_s: float | None = None
    computing: str = ""
    max_queued: int = 256
    drain_s: float = 8.0
    keeping: Keeping = field(default_factory=Keeping)
    patience: Patience = field(default_factory=Patience)


def worker_command(
    device: str,
    models: Sequence[str],
    *,
    precision: Precision = "auto",
    threads: int = 0,
    keep_loaded_bytes: int = 8 << 30,
    unload_after_s: float = 600,
) -> list[str]:
    """A worker process.

    device: "auto", "cpu", "cuda", "cuda:1" … or "mps". models: loaded before the first job. precision: what they
    compute in. threads: of the processor; 0: all. keep_loaded_bytes: of models' weights. unload_after_s: without use.
    """
    # -P: what lies in the current folder must not take a module's place.
    command = [sys.executable, "-P", "-m", "v2a_server.worker", "--device", device, "--precision", precision]
    return [
        *command,
        "--threads",
        str(threads),
        "--keep-loaded",
        str(keep_loaded_bytes),
        "--unload-after",
        str(unload_after_s),
        *models,
    ]


def run(
    options: ServeOptions,
    cards: Cards,
    workers: Sequence[Sequence[str]],
    on_listening: Callable[[str], None],
) -> None:
    """Serve until SIGTERM, SIGINT or idleness.

    cards: the models that may be asked for, as they are installed at the moment. workers: the commands of the
    worker processes. on_listening: told the address that clients connect to. Raises UsageError, StorageError before
    anything is served.
    """
    asyncio.run(_serve(options, cards, workers, on_listening))


async def _serve(
    options: ServeOptions,
    cards: Cards,
    workers: Sequence[Sequence[str]],
    on_listening: Callable[[str], None],
) -> None:
    address = parse(options.listen)
    store = Store(options.store)
    ledger = Ledger(options.store / "ledger.sqlite3")
    uploads = Uploads(options.store / "uploads")
    sources = Sources(uploads, options.roots, read_anything=options.read_anything)
    health_of_workers = asyncio.Queue[bool]()
    executor = LocalProcessExecutor(
        workers,
        lambda: {name: card.digest for name, card in cards().items()},
        options.patience,
        health_of_workers.put_nowait,
    )
    scheduler = Scheduler(
        ledger, store, uploads, sources, executor, cards, options.max_queued, options.keeping, options.computing
    )
    activity = Activity()

    server = grpc.aio.server(interceptors=[Edge(activity, options.token)], options=_CHANNEL_OPTIONS)
    server_pb2_grpc.add_ServerServiceServicer_to_server(ServerService(executor, sources), server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(cards), server)
    media_pb2_grpc.add_MediaServiceServicer_to_server(MediaService(uploads), server)
    generation_pb2_grpc.add_GenerationServiceServicer_to_server(GenerationService(scheduler, store), server)
    healthy = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    # What is served only on this machine may describe itself.
    reflection.enable_server_reflection(
        (*_SERVICES, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME),
        server,
    )

    try:
        where = bind(server, address)
        stop = asyncio.Event()
        await scheduler.start(on_end=stop.set)
        try:
            await server.start()
            for service in _SERVICES:
                await healthy.set(service, health_pb2.HealthCheckResponse.SERVING)
            telling = asyncio.create_task(_tell_health(healthy, health_of_workers))
            _heed_signals(stop, scheduler, options.drain_s)
            _log.info("listening on %s", where)
            on_listening(where)
            await _until_stopped(stop, options.exit_when_idle_s, activity, scheduler)
            telling.cancel()
            await healthy.enter_graceful_shutdown()
        finally:
            await scheduler.stop(options.drain_s)
    finally:
        # gRPC removes the socket that it bound. One that it did not bind is another server's.
        await server.stop(_CALLS_GRACE_S)
        scheduler.close()
        ledger.close()
        store.close()
    _log.info("stopped")


def bind(server: grpc.aio.Server, address: Address) -> str:
    """Let a server that was not started listen there; the address that clients connect to. Raises UsageError."""
    if address.socket_path is not None:
        prepare_socket(address.socket_path)
    try:
        port = server.add_insecure_port(address.target)
    except RuntimeError as error:
        raise UsageError(f"cannot listen on {address.target}: something else does; choose another --listen") from error
    return address.bound(port)


async def _tell_health(healthy: health.HealthServicer, of_workers: "asyncio.Queue[bool]") -> None:
    """Nothing can be generated while workers cannot be started; all else can be asked."""
    generation = generation_pb2.DESCRIPTOR.services_by_name["GenerationService"].full_name
    while True:
        well = await of_workers.get()
        status = health_pb2.HealthCheckResponse.SERVING if well else health_pb2.HealthCheckResponse.NOT_SERVING
        await healthy.set(generation, status)


def _heed_signals(stop: asyncio.Event, scheduler: Scheduler, drain_s: float) -> None:
    def asked() -> None:
        if stop.is_set():
            scheduler.interrupt()
        else:
            _log.info("asked to stop: running jobs get %g s (ask again to stop now)", drain_s)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)


async def _until_stopped(
    stop: asyncio.Event, exit_when_idle_s: float | None, activity: Activity, scheduler: Scheduler
) -> None:
    if exit_when_idle_s is None:
        await stop.wait()
        return
    last_busy = time.monotonic()
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), min(1.0, exit_when_idle_s / 4))
        except TimeoutError:
            if not await scheduler.idle():
                last_busy = time.monotonic()
            if min(activity.quiet_s(), time.monotonic() - last_busy) >= exit_when_idle_s:
                _log.info("nobody has asked for anything for %g s", exit_when_idle_s)
                return
