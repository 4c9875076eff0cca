"""The output folder: one run at a time, and nothing left of runs that were killed."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from v2a.errors import BusyError
from v2a.output import storage_error, sweep

_LOCK = ".v2a-conform.lock"
# The scratch folders of previews.
_SCRATCH = re.compile(r"\.v2a-[a-z0-9_]{8}")


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Have a folder for this process alone, cleared of what killed runs left behind.

    The lock ends with the process, however it ends. Systems without `fcntl` (Windows) have none.

    Raises BusyError where another run has it, StorageError where the lock cannot be made.
    """
    lock = folder / _LOCK
    file = _acquire(lock)
    try:
        _clear(folder)
        yield
    finally:
        # Who opened this very file meanwhile sees that it lost its name, and makes a new one.
        with suppress(OSError):
            lock.unlink()
        file.close()


def _clear(folder: Path) -> None:
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())):
        if _SCRATCH.fullmatch(place.name):
            shutil.rmtree(place, ignore_errors=True)
        else:
            sweep(place)


def _acquire(path: Path) -> BinaryIO:
    try:
        while True:
            file = path.open("a+b")
            if _lock(file, path) and _is_still(file, path):
                file.truncate(0)
                file.write(str(os.getpid()).encode())
                file.flush()
                return file
            file.close()  # its owner took its name away in the moment in which it was opened
    except OSError as error:
        raise storage_error(path, error) from error


def _lock(file: BinaryIO, path: Path) -> bool:
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _owner(file)
        file.close()
        raise BusyError(
            f"another conform run{owner} is writing into {path.parent}: wait until it has ended, or choose another "
            "folder"
        ) from None
    return True


def _is_still(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _owner(file: BinaryIO) -> str:
    file.seek(0)
    said = file.read(20)
    return f" (process {said.decode()})" if said.isdigit() else ""
