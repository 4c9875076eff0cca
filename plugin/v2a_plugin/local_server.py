"""The user's own server: found if it runs, else started, and left for the next call.

Its home is `V2A_HOME` (default: the user's state folder): `run/server.sock`, `log/server.log`, `store/`.
"""

import hashlib
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from v2a.errors import StorageError, UnavailableError, UsageError
from v2a.extras import require
from v2a.output import lock, storage_error

_logger = logging.getLogger(__name__)

# The kernel's limit is 104 bytes on macOS and 108 on Linux, the closing zero among them.
_MAX_SOCKET_BYTES = 100
_MAX_LOG_BYTES = 4 << 20
_START_WITHIN_S = 60.0
_END_WITHIN_S = 30.0
_LOG_LINES = 8


def home() -> Path:
    """The folder of the user's own server: `V2A_HOME`, else the user's state folder."""
    chosen = os.environ.get("V2A_HOME")
    return Path(chosen).expanduser().absolute() if chosen else platformdirs.user_state_path("v2a-studio")


@dataclass(frozen=True)
class LocalServer:
    """The server of one home folder. command: how to start it, without its address; None: `v2a serve`."""

    home: Path
    command: Sequence[str] | None = None

    @property
    def socket(self) -> Path:
        """Its socket; in a short folder of its own where the home folder's name is too long."""
        path = self.home / "run" / "server.sock"
        if len(os.fsencode(path)) <= _MAX_SOCKET_BYTES:
            return path
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"v2a-{os.getuid()}-{name}" / "server.sock"

    @property
    def address(self) -> str:
        """Its address, as `ServerChoice.address` takes it."""
        return f"unix:{self.socket}"

    @property
    def log(self) -> Path:
        """What it writes about its work."""
        return self.home / "log" / "server.log"

    def ensure(self) -> str:
        """Find the running server or start one; its address.

        Raises MissingExtraError where the server's packages are not installed, UnavailableError where it does
        not start (with the end of its log), StorageError where its folders cannot be made, UsageError on
        platforms without Unix sockets.
        """
        if not hasattr(socket, "AF_UNIX"):
            raise UsageError(
                "a server cannot be started on its own on this system yet: run "
                "`v2a serve --listen 127.0.0.1:50061 --token-file FILE` in another window, then add "
                "`--server 127.0.0.1:50061 --token-file FILE` to this command (in an editor: to its preferences)"
            )
        if self.listens():
            return self.address
        if self.command is None:
            require("server", "torch", "einops", "safetensors", "soxr", "pyloudnorm", "grpc_health")
        self._make_folders()
        with lock(self.home / "start.lock", wait=True):
            # Somebody else may have started it while this process waited for the lock.
            if not self.listens():
                self._start()
        return self.address

    def listens(self) -> bool:
        """Whether it runs. Raises UnavailableError where its socket cannot be used."""
        return hasattr(socket, "AF_UNIX") and _listens(self.socket)

    def end(self, pid: int) -> None:
        """Ask the running server, whose process id is given, to end, and wait for it.

        Raises UnavailableError where it does not.
        """
        deadline = time.monotonic() + _END_WITHIN_S
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            # It stops listening before it lets go of its store, which the next one wants.
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.05)
            raise UnavailableError(f"the server does not end: end it with kill -9 {pid}, and try again")

    def last_words(self, offset: int = 0) -> str:
        """The last lines of its log from a byte offset on, indented, for a message."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(offset, self.log.stat().st_size - 8192))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return "  (no log)"
        return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:]) or "  (empty)"

    def _make_folders(self) -> None:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.log.parent.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise storage_error(self.home, error) from None
        _private_folder(self.socket.parent)

    def _start(self) -> None:
        command = [*(self.command or _serve_command(self.home)), "--listen", self.address]
        try:
            self.socket.unlink(missing_ok=True)  # left behind by a server that was killed
            too_long = self.log.exists() and self.log.stat().st_size > _MAX_LOG_BYTES
            with self.log.open("wb" if too_long else "ab") as log:
                offset = log.tell()
                process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.home,
                    start_new_session=True,
                )
        except OSError as error:
            raise StorageError(f"the server cannot be started in {self.home}: {error.strerror or error}") from error
        _logger.info("started the server, process %d", process.pid)
        # Takes its exit status, should it end before this process does, so that no zombie is left.
        threading.Thread(target=process.wait, daemon=True).start()
        deadline = time.monotonic() + _START_WITHIN_S
        while not self.listens():
            if process.poll() is not None:
                raise UnavailableError(
                    f"the server did not start (exit status {process.returncode}). "
                    f"The end of its log, {self.log}:\n{self.last_words(offset)}"
                )
            if time.monotonic() > deadline:
                process.terminate()
                raise UnavailableError(
                    f"the server did not start within {_START_WITHIN_S:g} s. "
                    f"The end of its log, {self.log}:\n{self.last_words(offset)}"
                )
            time.sleep(0.05)


def _serve_command(home: Path) -> list[str]:
    # It belongs to this user, so it may read what this user may read.
    options = ["--read-anything", "--store", str(home / "store"), "--exit-when-idle", "600"]
    return [sys.executable, "-m", "v2a_plugin", "serve", *options]


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
        except OSError as error:
            raise UnavailableError(f"the server's socket {path} cannot be used: {error.strerror or error}") from None
    return True


def _private_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            # In a shared folder somebody else could have made it first, to listen in.
            raise StorageError(f"{folder} is not a folder of yours: set V2A_HOME to one that is")
        folder.chmod(0o700)
    except OSError as error:
        raise storage_error(folder, error) from None
