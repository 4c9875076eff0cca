"""The jobs of a document on the disk: what a job is survives its host, its bridge and its server.

Each job is a file JOB.json in the document's folder, written whole, beside JOB.lock and a folder JOB for films that
are made for it. Whoever attends to a job holds its lock, so that two hosts of one document never both do; the lock
goes with the process that holds it.
"""

import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from v2a.errors import NotFoundError, StorageError, UsageError
from v2a.output import HeldError, lock, storage_error, whole_file

_log = logging.getLogger(__name__)

_DOCUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_JOB = re.compile(r"[0-9a-f]{10}")

ENDED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Record:
    """A job as the journal keeps it. takes, error, model, handles: as STATUS gives them (`docs/bridge.md`).

    parameters: the job as it was submitted. film: what was rendered for it, in its folder; "" where nothing was.
    state: one of STATUS's states.
    """

    job: str
    submitted: str
    parameters: Mapping[str, Any]
    output: str
    state: str = "waiting"
    film: str = ""
    request_id: str = ""
    handles: tuple[str, str] = ("0", "0")
    seed: int = 0
    layers: tuple[Mapping[str, Any], ...] = ()
    error: Mapping[str, str] | None = None
    warnings: tuple[str, ...] = ()
    takes: tuple[Mapping[str, Any], ...] = ()
    model: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDED

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.parameters["name"])


@dataclass
class Journal:
    """The jobs of one document. root: where documents have their folders."""

    root: Path
    document: str
    _locks: dict[str, FileIO] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _DOCUMENT.fullmatch(self.document):
            raise UsageError("document must be a name of up to 64 letters, digits, '-' and '_', as a UUID is")

    @property
    def folder(self) -> Path:
        """Where its jobs are."""
        return self.root / self.document

    def open(self) -> None:
        """Make the folder. Raises StorageError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.folder, error) from None

    def new(self, parameters: Mapping[str, Any], output: Path, rendered: Path | None = None) -> Record:
        """A new job, attended to by this process, in the journal. rendered: a film of another job, for this one.

        Raises StorageError; there is no job then.
        """
        record = Record(secrets.token_hex(5), datetime.now(UTC).isoformat(), parameters, str(output))
        if not self.claim(record.job):
            raise RuntimeError(f"a new job's lock is held: {record.job}")
        try:
            if rendered is not None:
                record = replace(record, film=str(_copied(rendered, self.work_folder(record.job))))
            self.write(record)
        except StorageError:
            self.release(record.job)
            self.forget(record.job)
            raise
        return record

    def write(self, record: Record) -> None:
        """Keep a job as it is now. Raises StorageError."""
        path = self._path(record.job)
        with whole_file(path) as part:
            part.write_text(json.dumps(asdict(record), ensure_ascii=True), encoding="ascii")

    def read(self, job: str) -> Record:
        """A job. Raises NotFoundError."""
        if _JOB.fullmatch(job):
            with suppress(FileNotFoundError):
                return _record(json.loads(self._path(job).read_text(encoding="ascii")))
        raise NotFoundError(f"there is no job '{job}' in this document: it may have been removed")

    def records(self) -> list[Record]:
        """All jobs, the oldest first. One that cannot be read is passed over, and stays."""
        found = []
        for job in self._jobs():
            try:
                found.append(self.read(job))
            except (OSError, ValueError, TypeError, KeyError, NotFoundError) as error:
                _log.warning("the job %s cannot be read: %s", self._path(job), error)
        return sorted(found, key=lambda record: (record.submitted, record.job))

    def claim(self, job: str) -> bool:
        """Take the lock of a job, for as long as this process lives; False where somebody else attends to it."""
        if job in self._locks:
            return False
        try:
            self._locks[job] = lock(self.folder / f"{job}.lock")
        except HeldError:
            return False
        return True

    def release(self, job: str) -> None:
        """Let go of a job's lock."""
        if file := self._locks.pop(job, None):
            file.close()

    def work_folder(self, job: str) -> Path:
        """Where films for a job are made."""
        return self.folder / job

    def clear(self, job: str) -> None:
        """Remove the films that were made for a job."""
        shutil.rmtree(self.work_folder(job), ignore_errors=True)

    def forget(self, job: str) -> None:
        """Remove a job. Raises StorageError."""
        self.clear(job)
        left = self.folder.glob(f".{job}.json.*.part")  # by writers that were killed
        for path in (self._path(job), self.folder / f"{job}.lock", *left):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(path, error) from None

    def _jobs(self) -> Iterator[str]:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error(self.folder, error) from None
        for name in names:
            job, dot, suffix = name.partition(".")
            if dot and suffix == "json" and _JOB.fullmatch(job):
                yield job

    def _path(self, job: str) -> Path:
        return self.folder / f"{job}.json"


def _record(value: Mapping[str, Any]) -> Record:
    fields = dict(value)
    for key in ("handles", "layers", "warnings", "takes"):
        fields[key] = tuple(fields[key])
    return Record(**fields)


def _copied(film: Path, folder: Path) -> Path:
    """A film in another job's folder, without copying its bytes where the disk can do so."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = folder / film.name
        try:
            os.link(film, copy)
        except OSError:
            shutil.copyfile(film, copy)
    except OSError as error:
        raise storage_error(folder, error) from None
    return copy
