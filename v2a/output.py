"""Files that are whole or not there, in folders that one command changes at a time."""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from v2a.errors import BusyError, StorageError

_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part", re.DOTALL)


@contextmanager
def whole_file(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Give a path beside `path` to write to; move it onto `path` when the block ends well.

    The file is flushed to the disk before it takes its name, and removed when the block fails, so that nobody
    meets half a file. Without flush that holds but for a power cut.

    Raises StorageError where the folder is missing or cannot be written, or the disk is full.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        if flush:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other processes that ask for it from changing it meanwhile.

    Raises BusyError where another is at work, StorageError where the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("wb")
    except OSError as error:
        raise storage_error(folder, error) from None
    with file:
        _lock(file.fileno(), folder)
        yield


def _lock(descriptor: int, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: two at once would each do the whole work
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise BusyError(f"another command is changing {folder}: wait until it has ended, then try again") from None


def sweep(folder: Path) -> None:
    """Remove what `whole_file` left in a folder where it was killed. Nobody may be writing there.

    What cannot be removed stays.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            if _PART.fullmatch(path.name) and path.is_file():
                with suppress(OSError):
                    path.unlink()


def storage_error(path: Path, error: OSError) -> StorageError:
    """What a failed write to `path` means for the user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"{path} cannot be written: the disk is full. Make room and try again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"{path} cannot be written: no permission. Choose another folder")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StorageError(f"{path} cannot be written: the folder {path.parent} does not exist")
    return StorageError(f"{path} cannot be written: {error.strerror or error}")
