"""The server's folder: one server at a time, finished takes named by their content, room for running jobs."""

import hashlib
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from v2a.errors import GenerationError, UsageError
from v2a.output import HeldError, lock
from v2a_api.v1 import worker_pb2
from v2a_server.errors import DamagedError, storage_error

_WHAT = "the server's store"


class Store:
    """A folder that one server owns while it runs.

    Layout: `lock`, `ledger.sqlite3`, `results/ab/abcd…` (WAVs), `uploads/`, `features/` (what was seen of films),
    `work/` (of running jobs).
    Raises UsageError where another server has it, StorageError where it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._results = folder / "results"
        self._work = folder / "work"
        self.features = folder / "features"
        # Results whose bytes were compared with their names, and how their files looked then.
        self._verified: dict[str, tuple[int, int, int]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = lock(folder / "lock")
            # What a killed server left half made.
            shutil.rmtree(self._work, ignore_errors=True)
            for path in (self._results, self._work, self.features):
                path.mkdir(exist_ok=True)
        except HeldError as held:
            raise UsageError(
                f"another server{held.owner} has the store {folder}: stop it, or choose another --store"
            ) from None
        except OSError as error:
            raise storage_error(error, f"the store {folder}") from error

    def close(self) -> None:
        """Let another server have it."""
        self._lock.close()

    def new_work_folder(self, name: str) -> Path:
        """An empty folder for a running job. Raises StorageError."""
        path = self._work / name
        try:
            path.mkdir()
        except OSError as error:
            raise storage_error(error, _WHAT) from error
        return path

    def remove_work_folder(self, path: Path) -> None:
        """Remove it with all it holds."""
        shutil.rmtree(path, ignore_errors=True)

    def keep(self, work_folder: Path, file: worker_pb2.FromWorker.TakeFile) -> None:
        """Move a take that a worker wrote to the results, so that it survives a power cut.

        Raises StorageError, and GenerationError where the file is not what the worker says it is.
        """
        path = work_folder / Path(file.path).name
        sha256 = file.take.sha256
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as wav:
                if hashlib.file_digest(wav, "sha256").hexdigest() != sha256:
                    raise GenerationError("a finished take was damaged before it could be stored: try again")
                os.fsync(wav.fileno())
            kept = self.result(sha256)
            if not kept.parent.is_dir():
                kept.parent.mkdir()
                sync_folder(self._results)
            path.replace(kept)
            sync_folder(kept.parent)
        except OSError as error:
            raise storage_error(error, _WHAT) from error

    def result(self, sha256: str) -> Path:
        """Where the take with this digest lies."""
        return self._results / sha256[:2] / sha256

    def verify(self, sha256: str) -> Path:
        """Where an undamaged take lies. A file is read once, and again when it has changed. Raises DamagedError."""
        path = self.result(sha256)
        try:
            found = path.stat()
            state = (found.st_ino, found.st_size, found.st_mtime_ns)
            if self._verified.get(sha256) != state:
                with path.open("rb") as wav:
                    if hashlib.file_digest(wav, "sha256").hexdigest() != sha256:
                        raise DamagedError("the take was damaged on the server's disk: ask for it again")
                self._verified[sha256] = state
        except OSError as error:
            raise DamagedError(
                f"the take is gone from the server's disk ({error.strerror}): ask for it again"
            ) from error
        return path

    def discard(self, sha256: str) -> None:
        """Remove a take."""
        self._verified.pop(sha256, None)
        with suppress(OSError):
            self.result(sha256).unlink()

    def sweep(self, referenced: Collection[str]) -> None:
        """Remove takes that no job refers to: stored, and then the server was killed before it noted them."""
        for path in self._results.glob("*/*"):
            if path.name not in referenced:
                self.discard(path.name)

    def trim_features(self, max_bytes: int) -> None:
        """Remove the features that were not used for the longest time, until the rest is small enough."""
        found = []
        for path in self.features.iterdir():
            with suppress(FileNotFoundError):  # a worker replaces them meanwhile
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        n_bytes = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if n_bytes <= max_bytes:
                return
            path.unlink(missing_ok=True)
            n_bytes -= size


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
