"""What the ledger gives out: jobs and what happened to them."""

import sqlite3
from dataclasses import dataclass
from typing import TypeAlias

from v2a.errors import NotFoundError
from v2a_api.v1 import generation_pb2 as pb
from v2a_server.database import sqlite_errors
from v2a_server.turns import Waiting, in_order

# Clients receive messages of up to 4 MiB.
_MAX_PAGE_BYTES = 3 << 20

State: TypeAlias = "pb.State.ValueType"
ENDED = (pb.STATE_SUCCEEDED, pb.STATE_FAILED, pb.STATE_CANCELLED)


@dataclass(frozen=True)
class Asking:
    """Who asks for a job and what for. client: see `v2a_server.turns`; sound: names what is made."""

    spec: pb.GenerationSpec
    client: str = ""
    priority: "pb.Priority.ValueType" = pb.PRIORITY_INTERACTIVE
    cost_s: float = 1.0
    sound: str = ""


@dataclass(frozen=True)
class Job:
    """A job as it was when it was read."""

    id: int
    request_id: str
    spec: pb.GenerationSpec
    state: State
    attempt: int
    sound: str

    @property
    def ended(self) -> bool:
        """True where nothing will happen to it any more, unless it is created again."""
        return self.state in ENDED

    def answers(self, sound: str) -> bool:
        """Whether who asks for that sound needs no new attempt. Ledgers of the first version named no sounds."""
        return not self.ended or (self.state == pb.STATE_SUCCEEDED and self.sound in ("", sound))


@dataclass(frozen=True)
class News:
    """What happened to a job after some event."""

    events: list[pb.GenerationEvent]
    state: State

    @property
    def ended(self) -> bool:
        """True where nothing more will happen."""
        return self.state in ENDED


@dataclass(frozen=True)
class Released:
    """Content that no job refers to any more."""

    results: list[str]
    uploads: list[str]


def job_of(row: sqlite3.Row) -> Job:
    """A row of the table of jobs."""
    return Job(
        id=row["id"],
        request_id=row["request_id"],
        spec=pb.GenerationSpec.FromString(row["spec"]),
        state=row["state"],
        attempt=row["attempt"],
        sound=row["sound"],
    )


def read_news(sql: sqlite3.Connection, job_id: int, after_sequence: int) -> News:
    """What happened to a job after an event. Raises NotFoundError where it was deleted."""
    row = sql.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise NotFoundError("the job was deleted")
    events = sql.execute(
        "SELECT event FROM events WHERE job = ? AND sequence > ? ORDER BY sequence", (job_id, after_sequence)
    ).fetchall()
    return News(events=[pb.GenerationEvent.FromString(event) for (event,) in events], state=row["state"])


def read_page(sql: sqlite3.Connection, before_id: int | None, limit: int) -> tuple[list[pb.Generation], int | None]:
    """A page of jobs, newest first, and the before_id of the next page; None where there is no other.

    before_id: the row that the page starts after; None for the first page. limit: jobs at most; a page ends earlier
    where it would outgrow a message.
    """
    page: list[pb.Generation] = []
    last_id, n_bytes = None, 0
    rows = sql.execute(
        "SELECT * FROM jobs WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?", (before_id, before_id, limit + 1)
    )
    for row in rows:
        generation = generation_of(sql, row)
        n_bytes += generation.ByteSize()
        if page and (len(page) == limit or n_bytes > _MAX_PAGE_BYTES):
            return page, last_id
        page.append(generation)
        last_id = row["id"]
    return page, None


def generation_of(sql: sqlite3.Connection, row: sqlite3.Row) -> pb.Generation:
    """A row of the table of jobs as clients see it."""
    job = job_of(row)
    warnings = sql.execute("SELECT text FROM warnings WHERE job = ? ORDER BY rowid", (job.id,)).fetchall()
    return pb.Generation(
        request_id=job.request_id,
        spec=job.spec,
        state=job.state,
        attempt=job.attempt,
        takes=read_takes(sql, job),
        error=row["error"],
        error_kind=row["error_kind"],
        warnings=[text for (text,) in warnings],
        created_ms=row["created_ms"],
        ended_ms=row["ended_ms"],
        priority=row["priority"],
    )


def read_takes(sql: sqlite3.Connection, job: Job) -> list[pb.Take]:
    """The finished takes of a job, in order of layer and take."""
    messages = sql.execute("SELECT message FROM takes WHERE job = ?", (job.id,)).fetchall()
    takes = [pb.Take.FromString(message) for (message,) in messages]
    order = [layer.name for layer in job.spec.layers]
    return sorted(takes, key=lambda take: (order.index(take.layer) if take.layer in order else 0, take.index))


class Records:
    """What can be asked of a ledger without changing it. Its methods raise StorageError where it cannot be read."""

    _sql: sqlite3.Connection

    def find(self, request_id: str) -> Job | None:
        """The job with this id, if there is one."""
        with sqlite_errors():
            row = self._sql.execute("SELECT * FROM jobs WHERE request_id = ?", (request_id,)).fetchone()
        return job_of(row) if row else None

    def get(self, request_id: str) -> Job:
        """The job with this id. Raises NotFoundError."""
        job = self.find(request_id)
        if job is None:
            raise NotFoundError(f"there is no job {request_id}")
        return job

    def twin(self, sound: str) -> Job | None:
        """A job that made the same sound, if there is one."""
        with sqlite_errors():
            row = self._sql.execute(
                "SELECT * FROM jobs WHERE sound = ? AND sound != '' AND state = ? ORDER BY id DESC LIMIT 1",
                (sound, pb.STATE_SUCCEEDED),
            ).fetchone()
        return job_of(row) if row else None

    def queue(self) -> list[int]:
        """The row ids of the jobs that wait, in the order of their turns."""
        with sqlite_errors():
            return [job.id for job in in_order(*self._waiting())]

    def news(self, job_id: int, after_sequence: int) -> News:
        """What happened to a job after an event. Raises NotFoundError where it was deleted."""
        with sqlite_errors():
            return read_news(self._sql, job_id, after_sequence)

    def generation(self, request_id: str) -> pb.Generation:
        """A job as clients see it. Raises NotFoundError."""
        with sqlite_errors():
            row = self._sql.execute("SELECT * FROM jobs WHERE request_id = ?", (request_id,)).fetchone()
            if row is None:
                raise NotFoundError(f"there is no job {request_id}")
            return generation_of(self._sql, row)

    def generations(self, before_id: int | None, limit: int) -> tuple[list[pb.Generation], int | None]:
        """See `read_page`."""
        with sqlite_errors():
            return read_page(self._sql, before_id, limit)

    def take(self, request_id: str, layer: str, index: int) -> pb.Take | None:
        """A finished take, or None while there is none. Raises NotFoundError for the job."""
        job = self.get(request_id)
        with sqlite_errors():
            row = self._sql.execute(
                "SELECT message FROM takes WHERE job = ? AND layer = ? AND take = ?", (job.id, layer, index)
            ).fetchone()
        return pb.Take.FromString(row[0]) if row else None

    def ended_before(self, time_ms: int, limit: int) -> list[str]:
        """The request ids of jobs that ended before a time, oldest first."""
        with sqlite_errors():
            rows = self._sql.execute(
                "SELECT request_id FROM jobs WHERE ended_ms > 0 AND ended_ms < ? ORDER BY ended_ms LIMIT ?",
                (time_ms, limit),
            ).fetchall()
        return [request_id for (request_id,) in rows]

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

    def _waiting(self) -> tuple[list[Waiting], dict[str, float]]:
        rows = self._sql.execute(
            "SELECT id, client, priority, place, cost_s FROM jobs WHERE state = ?", (pb.STATE_QUEUED,)
        )
        return [Waiting(*row) for row in rows], dict(
            self._sql.execute("SELECT client, served_s FROM shares").fetchall()
        )

    def _any(self, question: str, *values: str | int) -> bool:
        return self._sql.execute(question, values).fetchone() is not None
