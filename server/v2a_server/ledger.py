"""The job ledger: SQLite, written by one thread of one process, each change durable when a method returns.

A running job is fenced by its attempt: a method that takes a `Job` changes nothing, and says so by returning
False, once that attempt was cancelled, retried or deleted.
"""

import time
from collections.abc import Callable
from pathlib import Path

from v2a.errors import ConflictError
from v2a_api.v1 import generation_pb2 as pb
from v2a_server import database, records
from v2a_server.database import sqlite_errors, transaction
from v2a_server.errors import QueueFullError
from v2a_server.records import ENDED, Asking, Job, Records, Released, State, job_of
from v2a_server.turns import Waiting, in_order, may_enter, starting_share

# A clip that kills its worker this often is given up.
MAX_TRIES = 3
# A server does not look into films, so its end is rarely a job's fault; but one that took the whole machine along
# whenever it ran would do so for ever.
MAX_DEATHS = 10


class Ledger(Records):
    """Jobs, their events, takes and warnings.

    Raises StorageError where the file is not a ledger of this version.
    """

    def __init__(self, path: Path) -> None:
        self._sql = database.connect(path)

    def close(self) -> None:
        """Close the file; everything is on disk already."""
        self._sql.close()

    def look(self, request_id: str, asking: Asking, max_queued: int) -> Job | None:
        """The job with this id, if there is one. Raises QueueFullError where it, or a new one, could not be queued.

        A quick no for whoever comes too many; whoever passes may still be refused by `create`.
        """
        known = self.find(request_id)
        if (known is None or not known.answers(asking.sound)) and self.twin(asking.sound) is None:
            with sqlite_errors():
                self._refuse_if_full(self._waiting()[0], asking, max_queued)
        return known

    def create(self, request_id: str, asking: Asking, max_queued: int) -> Job:
        """Queue a new job, or a new attempt of one that has ended. Raises QueueFullError."""
        with transaction(self._sql):
            waiting, served_s = self._waiting()
            self._refuse_if_full(waiting, asking, max_queued)
            self._sql.execute(
                "INSERT OR REPLACE INTO shares VALUES (?, ?)",
                (asking.client, starting_share(waiting, asking.client, served_s)),
            )
            job = self._enter(request_id, asking, pb.STATE_QUEUED)
            self._note_state(job)
        return job

    def adopt(self, request_id: str, asking: Asking, twin: Job) -> bool:
        """Make a job that has the takes and warnings of another. False where that has been deleted."""
        with transaction(self._sql):
            found = self.find(twin.request_id)
            if found is None or (found.id, found.attempt, found.state) != (twin.id, twin.attempt, pb.STATE_SUCCEEDED):
                return False
            job = self._enter(request_id, asking, pb.STATE_RUNNING)
            self._sql.execute(
                "INSERT OR REPLACE INTO takes SELECT ?, layer, take, sha256, message FROM takes WHERE job = ?",
                (job.id, twin.id),
            )
            for (text,) in self._sql.execute("SELECT text FROM warnings WHERE job = ?", (twin.id,)).fetchall():
                self._warn(job, text)
            for take in records.read_takes(self._sql, job):
                self._note(job.id, pb.GenerationEvent(take=take))
            self._change(job, pb.STATE_SUCCEEDED)
        return True

    def claim(self) -> Job | None:
        """Start the job whose turn it is; None where none waits."""
        with transaction(self._sql):
            order = in_order(*self._waiting())
            if not order:
                return None
            chosen = order[0]
            self._sql.execute(
                "UPDATE shares SET served_s = served_s + ? WHERE client = ?", (chosen.cost_s, chosen.client)
            )
            row = self._sql.execute(
                "UPDATE jobs SET state = ? WHERE id = ? RETURNING *", (pb.STATE_RUNNING, chosen.id)
            ).fetchone()
            job = job_of(row)
            self._note_state(job)
        return job

    def add_warning(self, job: Job, text: str) -> bool:
        """Note a warning, once."""
        with transaction(self._sql):
            if not self._runs(job):
                return False
            self._warn(job, text)
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

    def spoil(self, sha256: str, error: str) -> list[Job]:
        """A stored take is damaged: the jobs that ended with it have failed after all. Returns them as they were.

        One that runs keeps it until somebody asks for it again: without it, it would end well and incomplete.
        """
        with transaction(self._sql):
            rows = self._sql.execute(
                "SELECT * FROM jobs WHERE id IN (SELECT job FROM takes WHERE sha256 = ?)", (sha256,)
            ).fetchall()
            jobs = [job for row in rows if (job := job_of(row)).ended]
            for job in jobs:
                self._sql.execute("DELETE FROM takes WHERE job = ? AND sha256 = ?", (job.id, sha256))
                if job.state == pb.STATE_SUCCEEDED:
                    self._change(job, pb.STATE_FAILED, error, "StorageError")
        return jobs

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
            if not self._runs(job):
                return False
            (first,) = self._sql.execute("SELECT first_attempt FROM jobs WHERE id = ?", (job.id,)).fetchone()
            self._again(job, why, job.attempt - first + 1, MAX_TRIES)
        return True

    def recover(self, sound_of: Callable[[pb.GenerationSpec], str]) -> int:
        """Queue again what was running when the last server was killed. Returns how many.

        sound_of: what this server will make of the jobs that have not ended, whatever the last one would have made.
        """
        with transaction(self._sql):
            for row in self._sql.execute("SELECT * FROM jobs WHERE ended_ms = 0").fetchall():
                job = job_of(row)
                self._rename_sound(job, sound_of(job.spec))
            rows = self._sql.execute("SELECT * FROM jobs WHERE state = ?", (pb.STATE_RUNNING,)).fetchall()
            for row in rows:
                self._sql.execute(
                    "UPDATE jobs SET deaths = deaths + 1, first_attempt = first_attempt + 1 WHERE id = ?", (row["id"],)
                )
                self._again(job_of(row), "the server was killed while it ran", row["deaths"] + 1, MAX_DEATHS)
        return len(rows)

    def release(self, job: Job) -> bool:
        """Put a running job back because the server stops; it does not count as one of its tries."""
        with transaction(self._sql):
            if not self._runs(job):
                return False
            self._sql.execute("UPDATE jobs SET first_attempt = first_attempt + 1 WHERE id = ?", (job.id,))
            self._again(job, "", 0, MAX_TRIES)
        return True

    def delete(self, request_id: str, before_ms: int | None = None) -> Released:
        """Forget a job that has ended, or only if it did before a time. Raises NotFoundError, ConflictError."""
        with transaction(self._sql):
            job = self.get(request_id)
            if not job.ended:
                raise ConflictError(f"the job {request_id} has not ended: cancel it first")
            ended_before = "SELECT 1 FROM jobs WHERE id = ? AND ended_ms < ?"
            if before_ms is not None and not self._any(ended_before, job.id, before_ms):
                raise ConflictError(f"the job {request_id} has ended since")
            takes = self._sql.execute("SELECT DISTINCT sha256 FROM takes WHERE job = ?", (job.id,)).fetchall()
            self._sql.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
            upload = job.spec.clip.upload_sha256
            return Released(
                results=[sha256 for (sha256,) in takes if not self.refers_to(sha256)],
                uploads=[upload] if upload and not self._any("SELECT 1 FROM jobs WHERE upload = ?", upload) else [],
            )

    def forget_clients(self) -> None:
        """Forget how much clients were served of whom there is no job any more."""
        with transaction(self._sql):
            self._sql.execute("DELETE FROM shares WHERE client NOT IN (SELECT client FROM jobs)")

    def _refuse_if_full(self, waiting: list[Waiting], asking: Asking, max_queued: int) -> None:
        if not may_enter(waiting, asking.client, asking.priority, max_queued):
            raise QueueFullError(f"the server's queue is full ({len(waiting)} jobs): try again later")

    def _enter(self, request_id: str, asking: Asking, state: State) -> Job:
        known = self.find(request_id)
        if known is not None:
            self._rename_sound(known, asking.sound)
        (last,) = self._sql.execute("SELECT coalesce(max(place), 0) FROM jobs").fetchone()
        self._sql.execute(
            "INSERT INTO jobs (request_id, spec, upload, state, client, priority, cost_s, sound,"
            " attempt, first_attempt, place, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 1, ?, ?)"
            " ON CONFLICT (request_id) DO UPDATE SET spec = excluded.spec, upload = excluded.upload,"
            " state = excluded.state, client = excluded.client, priority = excluded.priority,"
            " cost_s = excluded.cost_s, sound = excluded.sound, place = excluded.place,"
            " attempt = attempt + 1, first_attempt = attempt + 1, deaths = 0,"
            " error = '', error_kind = '', ended_ms = 0",
            (
                request_id,
                asking.spec.SerializeToString(deterministic=True),
                asking.spec.clip.upload_sha256,
                state,
                asking.client,
                asking.priority,
                asking.cost_s,
                asking.sound,
                last + 1,
                _now_ms(),
            ),
        )
        return self.get(request_id)

    def _rename_sound(self, job: Job, sound: str) -> None:
        """What was made of a job otherwise than it will be made now is no part of it any more."""
        if job.sound == sound:
            return
        self._sql.execute("DELETE FROM takes WHERE job = ?", (job.id,))
        self._sql.execute("DELETE FROM warnings WHERE job = ?", (job.id,))
        self._sql.execute("UPDATE jobs SET sound = ? WHERE id = ?", (sound, job.id))

    def _runs(self, job: Job) -> bool:
        question = "SELECT 1 FROM jobs WHERE id = ? AND attempt = ? AND state = ?"
        return self._any(question, job.id, job.attempt, pb.STATE_RUNNING)

    def _again(self, job: Job, why: str, n_tries: int, max_tries: int) -> None:
        if n_tries < max_tries:
            self._sql.execute("UPDATE jobs SET attempt = attempt + 1 WHERE id = ?", (job.id,))
            self._change(job, pb.STATE_QUEUED)
        else:
            self._change(job, pb.STATE_FAILED, f"given up after {max_tries} tries: {why}", "GenerationError")

    def _end(self, job: Job, state: State, error: str = "", error_kind: str = "") -> bool:
        with transaction(self._sql):
            if not self._runs(job):
                return False
            self._change(job, state, error, error_kind)
        return True

    def _change(self, job: Job, state: State, error: str = "", error_kind: str = "") -> None:
        self._sql.execute(
            "UPDATE jobs SET state = ?, error = ?, error_kind = ?, ended_ms = ? WHERE id = ?",
            (state, error, error_kind, _now_ms() if state in ENDED else 0, job.id),
        )
        self._note_state(self.get(job.request_id), error, error_kind)

    def _warn(self, job: Job, text: str) -> None:
        if self._sql.execute("INSERT OR IGNORE INTO warnings VALUES (?, ?)", (job.id, text)).rowcount:
            self._note(job.id, pb.GenerationEvent(warning=text))

    def _note_state(self, job: Job, error: str = "", error_kind: str = "") -> None:
        change = pb.StateChange(state=job.state, attempt=job.attempt, error=error, error_kind=error_kind)
        self._note(job.id, pb.GenerationEvent(state=change))

    def _note(self, job_id: int, event: pb.GenerationEvent) -> None:
        (last,) = self._sql.execute("SELECT coalesce(max(sequence), 0) FROM events WHERE job = ?", (job_id,)).fetchone()
        event.sequence = last + 1
        self._sql.execute("INSERT INTO events VALUES (?, ?, ?)", (job_id, last + 1, event.SerializeToString()))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
