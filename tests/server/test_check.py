"""`v2a serve --check`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.server.running import Server

_COMMAND = [sys.executable, "-c", "import typer; from v2a_server.command import serve; typer.run(serve)"]


def check(*options: str) -> tuple[int, str]:
    done = subprocess.run([*_COMMAND, "--check", *options], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_a_server_that_can_be_started(tmp_path: Path) -> None:
    status, said = check("--store", str(tmp_path), "--listen", "127.0.0.1:0", "--workers", "1", "--device", "cpu")
    assert status == 0
    assert "models: pocket" in said
    assert "ledger: undamaged, 0 jobs wait" in said
    assert "worker: starts, and computes on cpu" in said
    assert said.endswith("a server can be started like this\n")


def test_one_that_cannot_and_why(new_server: Callable[..., Server]) -> None:
    server = new_server(listen="127.0.0.1:0").start()
    status, said = check("--store", str(server.folder / "store"), "--listen", server.address, "--device", "cpu")
    assert status == 1
    assert f"problem another server (process {server.process.pid}, tone_server.py " in said
    assert f"problem cannot listen on {server.address}: something else does" in said
    assert "ok      worker" in said
    assert said.endswith("a server cannot be started like this\n")
    server.stop()


def test_a_model_that_cannot_be_loaded_here(tmp_path: Path) -> None:
    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    status, said = check("--store", str(tmp_path), "--listen", "127.0.0.1:0", "--device", "mps")
    assert status == 1
    assert "problem the worker process" in said
    assert said.endswith("a server cannot be started like this\n")


def test_a_damaged_ledger(tmp_path: Path, new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    for number in range(40):
        server.create(f"job-{number}", server.spec())
    server.finish("job-39")
    server.stop()
    ledger = server.folder / "store" / "ledger.sqlite3"
    pages = bytearray(ledger.read_bytes())
    middle = len(pages) // 4096 // 2 * 4096
    pages[middle : middle + 4096] = b"\xa5" * 4096
    ledger.write_bytes(pages)
    status, said = check("--store", str(server.folder / "store"), "--listen", "127.0.0.1:0", "--device", "cpu")
    assert status == 1
    assert "is damaged" in said
    assert "put back a copy of it, or move it away to begin a new one" in said
