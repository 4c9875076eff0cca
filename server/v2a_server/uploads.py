"""Resumable uploads, named by their content."""

import asyncio
import hashlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Collection
from io import FileIO
from pathlib import Path

from v2a.errors import ConflictError, NotFoundError, UsageError
from v2a_server.errors import DamagedError, DiskFullError, OutOfRangeError, storage_error
from v2a_server.store import sync_folder

MAX_UPLOAD_BYTES = 4 << 30
_FORGET_AFTER_S = 7 * 24 * 3600
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Uploads:
    """A folder of complete films, and of the beginnings of others (`.part`).

    Blocks are written on the event loop, so that nothing happens between the check of who may write and the
    write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The stream that may write an upload: the newest. A client that resumes must not wait until the
        # server notices that its former connection is dead.
        self._writers: dict[str, object] = {}
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise storage_error(error, "the server's upload folder") from error

    def complete(self, sha256: str) -> Path:
        """Where a complete upload lies. Raises NotFoundError, UsageError."""
        path = self._folder / _checked(sha256)
        if not path.is_file():
            raise NotFoundError(f"there is no complete upload {sha256}: send it again")
        return path

    def status(self, sha256: str) -> tuple[int, bool]:
        """How many bytes have arrived, and whether they are all there and verified. Raises UsageError."""
        path = self._folder / _checked(sha256)
        if path.is_file():
            return path.stat().st_size, True
        part = self._part(sha256)
        return (part.stat().st_size if part.is_file() else 0), False

    async def receive(self, sha256: str, size_bytes: int, offset_bytes: int, data: AsyncIterator[bytes]) -> None:
        """Append a stream's data from an offset; with the last byte, verify and keep.

        Raises UsageError, OutOfRangeError, DamagedError, DiskFullError, StorageError, and ConflictError where
        another stream has taken this upload over.
        """
        if not 1 <= size_bytes <= MAX_UPLOAD_BYTES:
            raise UsageError(f"an upload has 1 to {MAX_UPLOAD_BYTES:,} bytes, got {size_bytes:,}")
        arrived, complete = self.status(sha256)
        if offset_bytes != arrived:
            raise OutOfRangeError(f"{arrived} bytes have arrived: go on from there, not from {offset_bytes}")
        if complete:
            return
        writer = self._writers[sha256] = object()
        try:
            self._refuse_without_room(size_bytes - arrived)
            found = await self._append(sha256, size_bytes, writer, data)
            if self._part(sha256).stat().st_size == size_bytes:
                self._verify(sha256, found, writer)
        except OSError as error:
            raise storage_error(error, "the server's upload folder") from error
        finally:
            if self._writers.get(sha256) is writer:
                del self._writers[sha256]

    def discard(self, sha256: str) -> None:
        """Remove a complete upload."""
        (self._folder / sha256).unlink(missing_ok=True)

    def sweep(self, referenced: Collection[str]) -> None:
        """Remove what no job refers to and nobody has touched for a week."""
        oldest = time.time() - _FORGET_AFTER_S
        for path in self._folder.iterdir():
            if path.name not in referenced and path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    async def _append(self, sha256: str, size_bytes: int, writer: object, data: AsyncIterator[bytes]) -> str:
        """Write what comes; the hex SHA-256 of all that is there then."""
        digest = await asyncio.to_thread(_digest_of, self._part(sha256))
        hashing: asyncio.Future[None] | None = None
        # Unbuffered: after a full disk nothing is left over that closing would try to write again.
        with FileIO(self._part(sha256), "ab") as file:
            try:
                async for block in data:
                    self._refuse_unless_newest(sha256, writer)
                    if file.tell() + len(block) > size_bytes:
                        raise UsageError(f"more than the announced {size_bytes:,} bytes were sent")
                    rest = memoryview(block)
                    while rest:
                        rest = rest[file.write(rest) :]
                    if hashing:
                        await hashing
                    # In a thread, while the next block comes in.
                    hashing = asyncio.ensure_future(asyncio.to_thread(digest.update, block))
            finally:
                if hashing:
                    await hashing
                # What a broken stream brought is kept, too.
                await asyncio.to_thread(os.fsync, file.fileno())
        return digest.hexdigest()

    def _verify(self, sha256: str, found: str, writer: object) -> None:
        part = self._part(sha256)
        self._refuse_unless_newest(sha256, writer)
        if found != sha256:
            part.unlink()
            raise DamagedError("the upload's digest is not the announced one: send it again from the beginning")
        part.rename(self._folder / sha256)
        sync_folder(self._folder)

    def _refuse_unless_newest(self, sha256: str, writer: object) -> None:
        if self._writers.get(sha256) is not writer:
            raise ConflictError("another stream is sending this upload now")

    def _refuse_without_room(self, missing_bytes: int) -> None:
        free_bytes = shutil.disk_usage(self._folder).free
        if free_bytes < missing_bytes:
            raise DiskFullError(
                f"the upload needs {missing_bytes:,} more bytes and the server's disk has {free_bytes:,} left"
            )

    def _part(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.part"


def _digest_of(path: Path) -> "hashlib._Hash":
    """Of what has arrived so far, to be gone on with."""
    if not path.exists():
        return hashlib.sha256()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def _checked(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise UsageError("an upload is named by the 64 hex digits of its SHA-256")
    return sha256
