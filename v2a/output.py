"""Files that are whole or not there, and locks that say who holds them."""

import errno
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path

from v2a.errors import BusyError, StorageError

_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part", re.DOTALL)
_MOST_PROGRAM_CHARS = 60
_MOST_OWNER_BYTES = 400


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


class HeldError(BusyError):
    """Another process has a lock. owner: which one, to be put behind a noun; empty where that is not known."""

    def __init__(self, path: Path, owner: str) -> None:
        super().__init__(f"another command{owner} has {path}: wait until it has ended, then try again")
        self.owner = owner


def lock(path: Path, *, wait: bool = False) -> FileIO:
    """Have a file to oneself until it is closed, or the process ends in whatever way; it says whose it is.

    Raises HeldError where another process has it, unless told to wait, which Windows cannot; StorageError where it
    cannot be made.
    """
    try:
        with ExitStack() as opened:
            file = opened.enter_context(path.open("a+b", buffering=0))
            if _locked(file, wait=wait):
                with suppress(OSError):  # it is only a note, and the disk may be full
                    file.truncate(0)
                    # What programs are told need not be text.
                    file.write(f" (process {os.getpid()}, {_program()})".encode(errors="backslashreplace"))
                opened.pop_all()
                return file
            file.seek(0)
            owner = file.read(_MOST_OWNER_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise storage_error(path, error) from error
    raise HeldError(path, owner if owner.startswith(" (process ") else "")


def _locked(file: FileIO, *, wait: bool) -> bool:
    """Whether the lock could be had."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(_MOST_OWNER_BYTES)  # what is locked here, nobody else can read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _program() -> str:
    """What runs, as "v2a conform": enough to be recognised in a list of processes."""
    path, *arguments = sys.argv or [""]
    if path in ("", "-c"):
        return "python"
    name = Path(path).parent.name if Path(path).name == "__main__.py" else Path(path).name
    return " ".join([name, *arguments[:1]])[:_MOST_PROGRAM_CHARS]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other processes that ask for it from changing it meanwhile.

    Raises BusyError where another is at work, StorageError where the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = lock(folder / ".lock")
    except HeldError as held:
        raise BusyError(
            f"another command{held.owner} is changing {folder}: wait until it has ended, then try again"
        ) from None
    except OSError as error:
        raise storage_error(folder, error) from None
    with file:
        yield


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
    if error.errno == errno.EROFS:
        return StorageError(f"{path} cannot be written: its disk is read-only. Choose another folder")
    if error.errno in (errno.EACCES, errno.EPERM):
        return StorageError(f"{path} cannot be written: no permission. Choose another folder")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return StorageError(f"{path} cannot be written: the folder {path.parent} does not exist")
    return StorageError(f"{path} cannot be written: {error.strerror or error}")
