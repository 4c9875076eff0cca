"""The output folder: one run at a time, and nothing left of runs that were killed."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from v2a.errors import BusyError
from v2a.output import HeldError, lock, sweep

_LOCK = ".v2a-conform.lock"
# The scratch folders of previews.
_SCRATCH = re.compile(r"\.v2a-[a-z0-9_]{8}")


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Have a folder for this process alone, cleared of what killed runs left behind.

    The lock ends with the process, however it ends.

    Raises BusyError where another run has it, StorageError where the lock cannot be made.
    """
    path = folder / _LOCK
    file = _acquire(path)
    try:
        _clear(folder)
        yield
    finally:
        # Who opened this very file meanwhile sees that it lost its name, and makes a new one.
        with suppress(OSError):
            path.unlink()
        file.close()


def _clear(folder: Path) -> None:
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())):
        if _SCRATCH.fullmatch(place.name):
            shutil.rmtree(place, ignore_errors=True)
        else:
            sweep(place)


def _acquire(path: Path) -> FileIO:
    while True:
        try:
            file = lock(path)
        except HeldError as held:
            raise BusyError(
                f"another conform run{held.owner} is writing into {path.parent}: wait until it has ended, or choose "
                "another folder"
            ) from None
        if _is_still(file, path):
            return file
        file.close()  # its owner took its name away in the moment in which it was opened


def _is_still(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
