"""Servers whose model is replaced by tones: everything but the sound is real."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.server.running import CARD, Server
from v2a.cards import read_card


@contextmanager
def stub_server(folder: Path | None = None, **options: Any) -> Iterator[Server]:
    """A server, not started, in a folder of its own that goes away; killed at the end if it still runs."""
    base = Path(tempfile.mkdtemp(prefix="v2a-bench", dir=folder or quick_folder()))
    try:
        server = make_server(base, **options)
        try:
            yield server
        finally:
            if hasattr(server, "process") and server.process.poll() is None:
                server.kill()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def make_server(folder: Path, **options: Any) -> Server:
    """A server, not started, in this folder. What another process has put there stays as it is."""
    for name in ("model", "films", "run"):
        (folder / name).mkdir(parents=True, mode=0o700, exist_ok=True)
    for name, content in (
        ("films/film.mp4", b"the tone worker does not look"),
        ("model/card.json", json.dumps(CARD).encode()),
        ("model/weights.safetensors", b""),
    ):
        if not (folder / name).exists():
            (folder / name).write_bytes(content)
    listen = options.pop("listen", f"unix:{folder}/run/socket")
    return Server(folder, read_card(folder / "model").digest, listen=listen, options=options)


def quick_folder() -> Path | None:
    """Memory, where there is a file system in it: killed processes lose nothing there, and disks differ."""
    shm = Path("/dev/shm")  # noqa: S108 - a fresh folder is made in it
    return shm if os.access(shm, os.W_OK) else None


def helper(module: str, *arguments: object, **options: Any) -> "subprocess.Popen[str]":
    """A process of its own that runs a module of this package."""
    command = [sys.executable, "-m", f"benchmarks.serving.{module}", *map(str, arguments)]
    return subprocess.Popen(command, text=True, cwd=Path(__file__).parents[2], **options)


def busy_s(pid: int) -> float:
    """Processor seconds of a process so far: unlike time, they hardly depend on what else the machine does."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def until(true: "Any", within_s: float = 60.0, every_s: float = 0.005) -> float:
    """Wait until something holds; the seconds that it took. Raises TimeoutError."""
    began_s = time.perf_counter()
    while not true():
        if time.perf_counter() - began_s > within_s:
            raise TimeoutError(f"nothing happened within {within_s:g} s")
        time.sleep(every_s)
    return time.perf_counter() - began_s
