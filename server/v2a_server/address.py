"""Where a server may listen: a Unix socket in a private folder, or loopback."""

import os
import re
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from v2a.errors import UsageError
from v2a_server.errors import storage_error

_UNIX = "unix:"
_HOSTS = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "[::1]": "[::1]"}
_HOST_PORT = re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})")
# The kernel's limit for sun_path, less the closing zero.
_MAX_SOCKET_PATH_BYTES = 107


@dataclass(frozen=True)
class Address:
    """A checked --listen. target is what gRPC binds; exactly one of the others says which kind it is."""

    target: str
    socket_path: Path | None = None
    host: str | None = None

    def bound(self, port: int) -> str:
        """What clients connect to, once gRPC has bound the target and returned a port."""
        return self.target if self.host is None else f"{self.host}:{port}"


def parse(listen: str) -> Address:
    """Read --listen: unix:/absolute/path, 127.0.0.1:PORT, [::1]:PORT or localhost:PORT. Raises UsageError."""
    if listen.startswith(_UNIX):
        path = Path(listen.removeprefix(_UNIX))
        if not path.is_absolute():
            raise UsageError(f"the path of a socket must be absolute: unix:/path/to/socket, got {listen}")
        if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
            raise UsageError(f"the path of a socket has at most {_MAX_SOCKET_PATH_BYTES} bytes: shorten {path}")
        return Address(target=f"{_UNIX}{path}", socket_path=path)
    match = _HOST_PORT.fullmatch(listen)
    if match is None or int(match[2]) > 65_535:
        raise UsageError(
            f"cannot listen on {listen}: use unix:/path, 127.0.0.1:PORT, [::1]:PORT or localhost:PORT"
            " (other machines are not served, because nothing is encrypted yet)"
        )
    host = _HOSTS[match[1]]
    return Address(target=f"{host}:{match[2]}", host=host)


def prepare_socket(path: Path) -> None:
    """Make the socket's folder, private, and remove a socket that a killed server left.

    Raises UsageError where the folder is open to others, or somebody listens there; StorageError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = path.parent.stat()
        if folder.st_uid != os.getuid() or stat.S_IMODE(folder.st_mode) & 0o077:
            raise UsageError(f"the socket's folder {path.parent} must be yours alone: chmod 700 {path.parent}")
        if not path.exists():
            return
        if not path.is_socket():
            raise UsageError(f"{path} exists and is not a socket: choose another --listen")
        if _answers(path):
            raise UsageError(f"another server listens on {path}: stop it, or choose another --listen")
        path.unlink()
    except OSError as error:
        raise storage_error(error, f"the socket {path}") from error


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except TimeoutError:
            return True
    return True
