"""What can go wrong, and what is written down that happens then; each several times."""

import hashlib
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from benchmarks.serving.figures import Figure, holds, scaled, told
from benchmarks.serving.peers import frozen_are_noticed
from benchmarks.serving.real import paint, real_server, spec_of
from benchmarks.serving.stub import make_server, stub_server
from tests.server.running import Server, refusal, status
from v2a_api.v1 import generation_pb2 as pb

TIMES = 10
_DISK_BYTES = 3 << 20


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """Every fault, and how often it went as expected."""
    n_times = scaled(TIMES, scale)
    for name, (expected, fault) in FAULTS.items():
        as_expected, otherwise = 0, ""
        try:
            for number in range(n_times):
                fault(number)
                as_expected += 1
        except NotPossibleError as error:
            yield told(f"{name}: not tried", error)
            continue
        except (AssertionError, TimeoutError, RuntimeError, grpc.RpcError) as error:
            otherwise = f" ({type(error).__name__}: {error})"
        yield holds(f"{name}: {expected}", f"{as_expected} of {n_times}{otherwise}", f"{n_times} of {n_times}")


class NotPossibleError(Exception):
    """This machine does not let us."""


def _segfault(number: int) -> None:
    with stub_server() as server:
        server.start()
        server.create("job", server.spec(segfault=True, bad_attempts=1))
        server.create("poison", server.spec(segfault=True))
        done, poison = server.finish("job"), server.finish("poison")
        assert (done.state, done.attempt, len(done.takes)) == (pb.STATE_SUCCEEDED, 2, 1), done
        assert "given up after 3 tries: the worker process ended by signal 11" in poison.error, poison.error
        _works(server, f"after-{number}")


def _out_of_memory(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        film = paint(Path(folder, "film.mp4"), (360, 640), 9)
        with real_server(film.parent) as server:
            limits = resource.prlimit(server.worker_pid(), resource.RLIMIT_AS)
            used = int(Path(f"/proc/{server.worker_pid()}/statm").read_text().split()[0]) * resource.getpagesize()
            resource.prlimit(server.worker_pid(), resource.RLIMIT_AS, (used + (16 << 20), limits[1]))
            try:
                server.make("starved", spec_of(film, 0, 8, steps=1, seed=number))
            except RuntimeError as error:
                _check(bool(str(error)) and "Traceback" not in str(error), error)
            resource.prlimit(server.worker_pid(), resource.RLIMIT_AS, limits)
            server.make("fed", spec_of(film, 0, 8, steps=1, seed=1000 + number))


def _disk_full(number: int) -> None:
    with _small_disk() as disk, stub_server(store=str(disk / "store")) as server:
        server.start()
        _works(server, "before")
        filler = disk / "filler"
        _fill(filler)
        refused = []
        for attempt in range(5):
            try:
                server.create(f"full-{attempt}", server.spec())
                refused.append(server.finish(f"full-{attempt}").error)
            except grpc.RpcError as error:
                code, text = status(error)
                _check(code is grpc.StatusCode.RESOURCE_EXHAUSTED, text)
                refused.append(text)
        assert any("the disk is full" in text or "disk is full" in text for text in refused), refused
        filler.unlink()
        _works(server, f"after-{number}")
        assert server.stop() == 0
        server.start()  # which checks the ledger
        assert server.get("before").state == pb.STATE_SUCCEEDED
        server.stop()


def _read_only(number: int) -> None:
    with _small_disk() as disk, stub_server(store=str(disk / "store")) as server:
        server.start()
        _works(server, f"before-{number}")
        server.stop()
        _mount("-o", "remount,ro", str(disk))
        try:
            server.start()
        except RuntimeError as error:
            _check("cannot be written: its disk is read-only" in str(error), error)
            _check("Traceback" not in str(error), error)
        else:
            raise AssertionError("it starts on a store that it cannot write")
        _mount("-o", "remount,rw", str(disk))
        server.start()
        assert b"".join(server.read(f"before-{number}"))
        server.stop()


def _corrupt_ledger(number: int) -> None:
    with stub_server() as server:
        server.start()
        for name in range(60):
            server.create(f"job-{name}", server.spec())
        server.finish("job-59")
        server.stop()
        ledger = server.folder / "store" / "ledger.sqlite3"
        copy = ledger.read_bytes()
        n_pages = len(copy) // 4096
        page = 1 + number % (n_pages - 1)
        ledger.write_bytes(copy[: page * 4096] + os.urandom(4096) + copy[(page + 1) * 4096 :])
        try:
            server.start()
        except RuntimeError as error:
            _check("put back a copy of it" in str(error) or "cannot be used" in str(error), error)
            _check("Traceback" not in str(error), error)
        else:
            raise AssertionError(f"it starts although page {page} of {n_pages} is damaged")
        ledger.write_bytes(copy)
        server.start()
        assert server.get("job-59").state == pb.STATE_SUCCEEDED
        server.stop()


def _corrupt_result(number: int) -> None:
    with stub_server() as server:
        server.start()
        spec = server.spec()
        server.create("job", spec)
        (take,) = server.finish("job").takes
        path = server.folder / "store" / "results" / take.sha256[:2] / take.sha256
        sound = bytearray(path.read_bytes())
        sound[(number * 7919) % len(sound)] ^= 1 << number % 8
        path.write_bytes(sound)
        code, text = refusal(lambda: server.read("job"))
        assert code is grpc.StatusCode.DATA_LOSS, text
        server.create("job", spec)
        assert list(server.finish("job").takes) == [take]
        assert hashlib.sha256(b"".join(server.read("job"))).hexdigest() == take.sha256
        server.stop()


def _clock_jumps(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        offset = Path(folder, "offset")
        offset.write_text("0")
        with stub_server(clock=str(offset)) as server:
            server.start()
            _works(server, "before")
            server.create("job", server.spec(steps=30, step_s=0.02))
            server.until_sampling("job")
            offset.write_text(str((-1) ** number * 3600))
            done = server.finish("job")
            assert (done.state, done.attempt) == (pb.STATE_SUCCEEDED, 1), done
            off_ms = done.ended_ms - time.time() * 1000
            assert abs(abs(off_ms) - 3_600_000) < 60_000, "the clock has not jumped"
            _works(server, "after")
            assert b"".join(server.read("before"))
            assert server.stop() == 0
            server.start()
            assert server.get("job").state == pb.STATE_SUCCEEDED
            server.stop()


def _half_open(_: int) -> None:
    with stub_server() as server:
        server.start()
        server.create("long", server.spec(steps=100_000, step_s=0.05))
        assert frozen_are_noticed(server, 3) < 25
        server.cancel("long")
        _works(server, "after")
        server.stop()


def _two_servers(number: int) -> None:
    with stub_server() as first, tempfile.TemporaryDirectory() as folder:
        first.start()
        second = make_server(Path(folder), store=str(first.folder / "store"))
        try:
            second.start()
        except RuntimeError as error:
            _check(f"another server (process {first.process.pid}, " in str(error), error)
        else:
            raise AssertionError("the second server starts")
        _works(first, f"after-{number}")
        first.kill()
        second.start()  # a killed server lets go of its store
        assert second.get(f"after-{number}").state == pb.STATE_SUCCEEDED
        second.stop()


FAULTS: dict[str, tuple[str, Callable[[int], None]]] = {
    "worker segfault": ("one job is made at the second try, a poisonous one given up, the next is made", _segfault),
    "out of memory": ("the job is made or fails with a message, the server lives, the next is made", _out_of_memory),
    "disk full": ("refused or failed with a message, and all is well once there is room", _disk_full),
    "read-only store": ("it does not start and says why; once it can be written, nothing is lost", _read_only),
    "corrupt ledger page": (
        "it does not start and says what to do; with the copy put back, nothing is lost",
        _corrupt_ledger,
    ),
    "corrupt result": ("not sent, and made anew with the same bytes", _corrupt_result),
    "clock jumps an hour": ("running jobs are made at their first try, nothing expires", _clock_jumps),
    "half-open connections": ("noticed within 25 s, and others are served", _half_open),
    "two servers on one store": ("the second is refused, and takes over once the first was killed", _two_servers),
}


def _check(true: bool, otherwise: object) -> None:
    if not true:
        raise AssertionError(otherwise)


def _works(server: Server, name: str) -> None:
    """A job is made, and its take is what it should be."""
    server.create(name, server.spec())
    done = server.finish(name)
    assert done.state == pb.STATE_SUCCEEDED, done.error
    assert hashlib.sha256(b"".join(server.read(name))).hexdigest() == done.takes[0].sha256


@contextmanager
def _small_disk() -> Iterator[Path]:
    """A file system of a few megabytes. Raises NotPossibleError where it cannot be mounted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _mount("-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", name)
        try:
            yield folder
        finally:
            subprocess.run(["/bin/umount", "--lazy", name], check=False)


def _mount(*arguments: str) -> None:
    command = shutil.which("mount")
    if command is None or os.geteuid():
        raise NotPossibleError("to mount a small file system takes root's rights")
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPossibleError(f"mount: {done.stderr.strip()}")


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1 << 8, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
