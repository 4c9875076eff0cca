"""Converts a checkpoint in a process that can do little else: `python -I -B -m v2a.confined` with seven arguments.

It has no network where Linux lets a process give that up, starts no other, writes nothing but its one file, and has
memory and disk in proportion to what it reads. Whoever starts it gives it an empty environment and a folder of its own
to work in. On stdout it prints one JSON object: {"n_tensors": …}, or {"error": message, "kind": class of v2a.errors}.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from v2a.errors import StorageError, UsageError, V2AError

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # flags of Linux's unshare
_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES = 1, 38  # of its prctl
_SPARE_BYTES = 1 << 30  # of memory beside what grows with the file
_SPARE_FILE_BYTES = 16 << 20
_CPU_S = 30 * 60
# What Python reports before it does it; a prefix stands for all that begins so.
_FORBIDDEN = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "pty.",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "shutil.",
)  # fmt: skip


def main() -> None:
    """Convert argv's source, target, family, variant, part, made_from; exit status 0 or 1.

    The family's module `convert` knows what a part must fit, and writes it. The last argument is the id of the process
    that starts this one, which ends with it where Linux allows.
    """
    source, target, family, variant, part, made_from, parent = sys.argv[1:]
    _give_up_network()
    _end_with(int(parent))
    try:
        converter = import_module(f"v2a.models.{family}.convert")
        network = converter.expected(variant, part)
        _give_up_the_rest(Path(source).stat().st_size)
        answer: dict[str, Any] = {"n_tensors": converter.convert(Path(source), Path(target), network, part, made_from)}
    except V2AError as error:
        answer = {"error": str(error), "kind": type(error).__name__}
    except OSError as error:
        answer = {"error": f"{source} cannot be read: {error.strerror or error}", "kind": StorageError.__name__}
    except MemoryError:
        text = f"{Path(source).name} is refused: it takes more memory than its size allows for"
        answer = {"error": text, "kind": UsageError.__name__}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.exit("error" in answer)


def _give_up_network() -> None:
    """Gain no rights, and move into a network of this process's own, which leads nowhere.

    It must come before there are threads.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # Those who may do so directly keep the right to read their files; anybody else needs a user of their own first.
    if libc.unshare(_NEW_NET):
        libc.unshare(_NEW_USER | _NEW_NET)


def _end_with(parent: int) -> None:
    """End when another process does. Else the file would still be written when somebody has begun anew."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended already
        sys.exit(1)


def _give_up_the_rest(n_bytes: int) -> None:
    """What is loaded by now is trusted; from here on memory and disk are limited, and so is what Python does."""
    sys.addaudithook(_watch)
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    memory = _address_space() + 3 * n_bytes + _SPARE_BYTES
    limits = [("CORE", 0), ("CPU", _CPU_S), ("FSIZE", n_bytes + _SPARE_FILE_BYTES), ("NPROC", 0), ("AS", memory)]
    for name, limit in limits:
        with contextlib.suppress(AttributeError, ValueError, OSError):  # not every system has each of them
            which = getattr(resource, f"RLIMIT_{name}")
            resource.setrlimit(which, (limit, limit))


def _address_space() -> int:
    """Bytes that this process has mapped: libraries map much that they never touch."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    except OSError:
        return 1 << 40  # no such files here: the limit then holds nothing back
    import resource

    return pages * resource.getpagesize()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event.startswith(_FORBIDDEN):
        raise UsageError(f"the file is refused: reading it would have led to {event} {str(arguments)[:80]}")


if __name__ == "__main__":
    main()
