"""The job ledger: SQLite, written by one thread of one process, each change durable when a method returns.

A running job is fenced by its attempt: a method that takes a `Job` changes nothing, and says so by returning
False, once that attempt was cancelled, retried or deleted.
"""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from v2a.errors import BusyError, ConflictError, NotFoundError
from v2a_api.v1 import generation_pb2 as pb
from v2a_server import database
from v2a_server.database import sqlite_errors, transaction

# A clip that kills its worker this often is given up; so is one that ran each time a server was killed.
MAX_TRIES = 3
# Clients receive messages of up to 4 MiB.
_MAX_PAGE_BYTES = 3 << 20

State: TypeAlias = "pb.State.ValueType"
_ENDED = (pb.STATE_SUCCEEDED, pb.STATE_FAILED, pb.STATE_CANCELLED)


@dataclass(frozen=True)
class Job:
    """A job as it was when it was read."""

    id: int
    request_id: str
    spec: pb.GenerationSpec
    state: State
    attempt: int

    @property
    def ended(self) -> bool:
        """True where nothing will happen to it any more, unless it is created again."""
        return self.state in _ENDED


@dataclass(frozen=True)
class News:
    """What happened to a job after some event, and where it stands now."""

    events: list[pb.GenerationEvent]
    ended: bool
    waiting: pb.Progress | None  # its place in the queue, while it has one


@dataclass(frozen=True)
class Released:
    """Content that no job refers to any more."""

    results: list[str]
    uploads: list[str]


class Ledger:
    """Jobs, their events, takes and warnings.

    Raises StorageError where the file is not a ledger of this version.
    """

    def __init__(self, path: Path) -> None:
        self._sql = database.connect(path)

    def close(self) -> None:
        """Close the file; everything is on disk already."""
        self._sql.close()

    def find(self, request_id: str) -> Job | None:
        """The job with this id, if there is one."""
        with sqlite_errors():
            row = self._sql.execute("SELECT * FROM jobs WHERE request_id = ?", (request_id,)).fetchone()
        return _job(row) if row else None

    def get(self, request_id: str) -> Job:
        """The job with this id. Raises NotFoundError."""
        job = self.find(request_id)
        if job is None:
            raise NotFoundError(f"there is no job {request_id}")
        return job

    def create(self, request_id: str, spec: pb.GenerationSpec, max_queued: int) -> Job:
        """Queue a new job, or a new attempt of one that failed or was cancelled. Raises BusyError."""
        facts = (spec.SerializeToString(deterministic=True), spec.clip.upload_sha256, pb.STATE_QUEUED)
        with transaction(self._sql):
            queued, last = self._sql.execute(
                "SELECT count(*) FILTER (WHERE state = ?), coalesce(max(place), 0) FROM jobs",
                (pb.STATE_QUEUED,),
            ).fetchone()
            if queued >= max_queued:
                raise BusyError(f"the server's queue is full ({queued} jobs): try again later")
            self._sql.execute(
                "INSERT INTO jobs"
                " (request_id, spec, upload, state, attempt, first_attempt, place, created_ms)"
                " VALUES (?, ?, ?, ?, 1, 1, ?, ?) ON CONFLICT (request_id) DO UPDATE SET"
                " spec = excluded.spec, upload = excluded.upload,"
                " state = excluded.state, place = excluded.place,"
                " attempt = attempt + 1, first_attempt = attempt + 1,"
                " error = '', error_kind = '', ended_ms = 0",
                (request_id, *facts, last + 1, _now_ms()),
            )
            job = self.get(request_id)
            self._note_state(job)
        return job

    def claim(self) -> Job | None:
        """Start the job that waits longest; None where none waits."""
        with transaction(self._sql):
            row = self._sql.execute(
                "UPDATE jobs SET state = ? WHERE id ="
                " (SELECT id FROM jobs WHERE state = ? ORDER BY place LIMIT 1) RETURNING *",
                (pb.STATE_RUNNING, pb.STATE_QUEUED),
            ).fetchone()
            if row is None:
                return None
            job = _job(row)
            self._note_state(job)
        return job

    def add_warning(self, job: Job, text: str) -> bool:
        """Note a warning, once."""
        with transaction(self._sql):
            if not self._runs(job):
                return False
            if self._sql.execute("INSERT OR IGNORE INTO warnings VALUES (?, ?)", (job.id, text)).rowcount:
                self._note(job.id, pb.GenerationEvent(warning=text))
        return True

    def add_take(self, job: Job, take: pb.Take) -> bool:
        """Note a stored take. A retried job makes the same takes again; those are not news."""
        with transaction(self._sql):
            if not self._runs(job):
                return False
            changed = self._sql.execute(
                "INSERT INTO takes VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET sha256 = excluded.sha256,"
                " message = excluded.message WHERE sha256 != excluded.sha256",
                (job.id, take.layer, take.index, take.sha256, take.SerializeToString(deterministic=True)),
            ).rowcount
            if changed:
                self._note(job.id, pb.GenerationEvent(take=take))
        return True

    def succeed(self, job: Job) -> bool:
        """End a running job well."""
        return self._end(job, pb.STATE_SUCCEEDED)

    def fail(self, job: Job, error_kind: str, error: str) -> bool:
        """End a running job with a message for the user and the name of its class in `v2a.errors`."""
        return self._end(job, pb.STATE_FAILED, error, error_kind)

    def cancel(self, request_id: str) -> Job:
        """End a job that has not ended. Returns it as it was before. Raises NotFoundError."""
        with transaction(self._sql):
            job = self.get(request_id)
            if not job.ended:
                self._change(job, pb.STATE_CANCELLED)
        return job

    def retry(self, job: Job, why: str) -> bool:
        """Queue a running job again, at its old place, as a new attempt; give it up after MAX_TRIES."""
        with transaction(self._sql):
            return self._runs(job) and self._retry(job, why)

    def recover(self) -> int:
        """Queue again what was running when the last server was killed. Returns how many."""
        with transaction(self._sql):
            rows = self._sql.execute("SELECT * FROM jobs WHERE state = ?", (pb.STATE_RUNNING,)).fetchall()
            for row in rows:
                self._retry(_job(row), "the server was killed while it ran")
        return len(rows)

    def release(self, job: Job) -> bool:
        """Put a running job back because the server stops; it does not count as one of its tries."""
        with transaction(self._sql):
            if not self._runs(job):
                return False
            self._sql.execute("UPDATE jobs SET first_attempt = first_attempt + 1 WHERE id = ?", (job.id,))
            return self._retry(job, "")

    def news(self, job_id: int, after_sequence: int) -> News:
        """What happened to a job after an event. Raises NotFoundError where it was deleted."""
        with sqlite_errors():
            row = self._sql.execute(
                "SELECT state, (SELECT count(*) FROM jobs AS other"
                " WHERE other.state = ? OR (other.state = ? AND other.place < mine.place))"
                " FROM jobs AS mine WHERE id = ?",
                (pb.STATE_RUNNING, pb.STATE_QUEUED, job_id),
            ).fetchone()
            if row is None:
                raise NotFoundError("the job was deleted")
            events = self._sql.execute(
                "SELECT event FROM events WHERE job = ? AND sequence > ? ORDER BY sequence",
                (job_id, after_sequence),
            ).fetchall()
        state, before = row
        return News(
            events=[pb.GenerationEvent.FromString(event) for (event,) in events],
            ended=state in _ENDED,
            waiting=(pb.Progress(queue_position=before, stage="waiting") if state == pb.STATE_QUEUED else None),
        )

    def generation(self, request_id: str) -> pb.Generation:
        """A job as clients see it. Raises NotFoundError."""
        with sqlite_errors():
            row = self._sql.execute("SELECT * FROM jobs WHERE request_id = ?", (request_id,)).fetchone()
            if row is None:
                raise NotFoundError(f"there is no job {request_id}")
            return self._generation(row)

    def generations(self, before_id: int | None, limit: int) -> tuple[list[pb.Generation], int | None]:
        """A page of jobs, newest first, and the before_id of the next page; None where there is no other.

        before_id: the row that the page starts after; None for the first page. limit: jobs at most; a page ends
        earlier where it would outgrow a message.
        """
        page: list[pb.Generation] = []
        last_id, n_bytes = None, 0
        with sqlite_errors():
            rows = self._sql.execute(
                "SELECT * FROM jobs WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?",
                (before_id, before_id, limit + 1),
            )
            for row in rows:
                generation = self._generation(row)
                n_bytes += generation.ByteSize()
                if page and (len(page) == limit or n_bytes > _MAX_PAGE_BYTES):
                    return page, last_id
                page.append(generation)
                last_id = row["id"]
        return page, None

    def take(self, request_id: str, layer: str, index: int) -> pb.Take:
        """A finished take. Raises NotFoundError."""
        job = self.get(request_id)
        with sqlite_errors():
            row = self._sql.execute(
                "SELECT message FROM takes WHERE job = ? AND layer = ? AND take = ?", (job.id, layer, index)
            ).fetchone()
        if row is None:
            raise NotFoundError(f"the job {request_id} has no finished take {index} of layer '{layer}'")
        return pb.Take.FromString(row[0])

    def delete(self, request_id: str) -> Released:
        """Forget a job that has ended. Raises NotFoundError, ConflictError."""
        with transaction(self._sql):
            job = self.get(request_id)
            if not job.ended:
                raise ConflictError(f"the job {request_id} has not ended: cancel it first")
            takes = self._sql.execute("SELECT DISTINCT sha256 FROM takes WHERE job = ?", (job.id,)).fetchall()
            self._sql.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
            upload = job.spec.clip.upload_sha256
            return Released(
                results=[sha256 for (sha256,) in takes if not self.refers_to(sha256)],
                uploads=[upload] if upload and not self._any("SELECT 1 FROM jobs WHERE upload = ?", upload) else [],
            )

    def refers_to(self, sha256: str) -> bool:
        """Whether any job has a take with this digest."""
        with sqlite_errors():
            return self._any("SELECT 1 FROM takes WHERE sha256 = ?", sha256)

    def referenced(self) -> tuple[set[str], set[str]]:
        """The digests of all results and of all uploads that jobs refer to."""
        with sqlite_errors():
            results = self._sql.execute("SELECT DISTINCT sha256 FROM takes").fetchall()
            uploads = self._sql.execute("SELECT DISTINCT upload FROM jobs WHERE upload != ''").fetchall()
            return {sha256 for (sha256,) in results}, {sha256 for (sha256,) in uploads}

    def unfinished(self) -> int:
        """How many jobs wait or run."""
        with sqlite_errors():
            (count,) = self._sql.execute(
                "SELECT count(*) FROM jobs WHERE state IN (?, ?)", (pb.STATE_QUEUED, pb.STATE_RUNNING)
            ).fetchone()
        return int(count)

    def _runs(self, job: Job) -> bool:
        question = "SELECT 1 FROM jobs WHERE id = ? AND attempt = ? AND state = ?"
        return self._any(question, job.id, job.attempt, pb.STATE_RUNNING)

    def _any(self, question: str, *values: str | int) -> bool:
        return self._sql.execute(question, values).fetchone() is not None

    def _retry(self, job: Job, why: str) -> bool:
        (first,) = self._sql.execute("SELECT first_attempt FROM jobs WHERE id = ?", (job.id,)).fetchone()
        if job.attempt - first + 1 < MAX_TRIES:
            self._sql.execute("UPDATE jobs SET attempt = attempt + 1 WHERE id = ?", (job.id,))
            self._change(job, pb.STATE_QUEUED)
        else:
            self._change(job, pb.STATE_FAILED, f"given up after {MAX_TRIES} tries: {why}", "GenerationError")
        return True

    def _end(self, job: Job, state: State, error: str = "", error_kind: str = "") -> bool:
        with transaction(self._sql):
            if not self._runs(job):
                return False
            self._change(job, state, error, error_kind)
        return True

    def _change(self, job: Job, state: State, error: str = "", error_kind: str = "") -> None:
        self._sql.execute(
            "UPDATE jobs SET state = ?, error = ?, error_kind = ?, ended_ms = ? WHERE id = ?",
            (state, error, error_kind, _now_ms() if state in _ENDED else 0, job.id),
        )
        self._note_state(self.get(job.request_id), error, error_kind)

    def _note_state(self, job: Job, error: str = "", error_kind: str = "") -> None:
        change = pb.StateChange(state=job.state, attempt=job.attempt, error=error, error_kind=error_kind)
        self._note(job.id, pb.GenerationEvent(state=change))

    def _note(self, job_id: int, event: pb.GenerationEvent) -> None:
        (last,) = self._sql.execute("SELECT coalesce(max(sequence), 0) FROM events WHERE job = ?", (job_id,)).fetchone()
        event.sequence = last + 1
        self._sql.execute("INSERT INTO events VALUES (?, ?, ?)", (job_id, last + 1, event.SerializeToString()))

    def _generation(self, row: sqlite3.Row) -> pb.Generation:
        job = _job(row)
        messages = self._sql.execute("SELECT message FROM takes WHERE job = ?", (job.id,)).fetchall()
        warnings = self._sql.execute("SELECT text FROM warnings WHERE job = ? ORDER BY rowid", (job.id,)).fetchall()
        order = [layer.name for layer in job.spec.layers]
        takes = [pb.Take.FromString(message) for (message,) in messages]
        takes.sort(key=lambda take: (order.index(take.layer) if take.layer in order else 0, take.index))
        return pb.Generation(
            request_id=job.request_id,
            spec=job.spec,
            state=job.state,
            attempt=job.attempt,
            takes=takes,
            error=row["error"],
            error_kind=row["error_kind"],
            warnings=[text for (text,) in warnings],
            created_ms=row["created_ms"],
            ended_ms=row["ended_ms"],
        )


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        request_id=row["request_id"],
        spec=pb.GenerationSpec.FromString(row["spec"]),
        state=row["state"],
        attempt=row["attempt"],
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
