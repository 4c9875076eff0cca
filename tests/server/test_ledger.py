"""The job ledger by itself."""

import sqlite3
from pathlib import Path

import pytest

from v2a.errors import ConflictError, NotFoundError, StorageError
from v2a_api.v1 import generation_pb2 as pb
from v2a_server.errors import QueueFullError
from v2a_server.ledger import Ledger
from v2a_server.records import Asking


def test_an_attempt_that_is_over_changes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.create("job", Asking(pb.GenerationSpec()), max_queued=1)
    old = ledger.claim()
    assert old is not None
    ledger.cancel("job")
    ledger.create("job", Asking(pb.GenerationSpec()), max_queued=1)
    new = ledger.claim()
    assert new is not None
    before = ledger.generation("job")
    assert not ledger.add_take(old, pb.Take(layer="mix", sha256="a"))
    assert not ledger.add_warning(old, "too late")
    assert not ledger.succeed(old)
    assert not ledger.fail(old, "MediaError", "too late")
    assert not ledger.retry(old, "too late")
    assert not ledger.release(old)
    assert ledger.generation("job") == before
    assert ledger.add_take(new, pb.Take(layer="mix", sha256="a"))
    assert ledger.succeed(new)
    ledger.delete("job")
    assert not ledger.succeed(new)
    ledger.close()


def test_a_damaged_take_fails_the_jobs_that_ended_with_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    take = pb.Take(layer="mix", sha256="a")
    for name in ("ended", "runs"):
        ledger.create(name, Asking(pb.GenerationSpec()), max_queued=9)
        job = ledger.claim()
        assert job is not None
        assert ledger.add_take(job, take)
        if name == "ended":
            ledger.succeed(job)
    assert [job.request_id for job in ledger.spoil("a", "it was damaged")] == ["ended"]
    ended, runs = ledger.generation("ended"), ledger.generation("runs")
    assert (ended.state, ended.error, ended.error_kind, len(ended.takes)) == (
        pb.STATE_FAILED, "it was damaged", "StorageError", 0,
    )  # fmt: skip
    assert (runs.state, list(runs.takes)) == (pb.STATE_RUNNING, [take])
    ledger.close()


def test_what_was_made_otherwise_is_there_until_it_is_made_anew(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.create("job", Asking(pb.GenerationSpec(), sound="old"), max_queued=1)
    job = ledger.claim()
    assert job is not None
    ledger.add_take(job, pb.Take(layer="mix", sha256="a"))
    ledger.add_warning(job, "memory was short")
    ledger.succeed(job)
    made = ledger.generation("job")
    ledger.create("waits", Asking(pb.GenerationSpec()), max_queued=1)
    with pytest.raises(QueueFullError):
        ledger.create("job", Asking(pb.GenerationSpec(), sound="new"), max_queued=1)
    assert ledger.generation("job") == made
    ledger.create("job", Asking(pb.GenerationSpec(), sound="new"), max_queued=2)
    anew = ledger.generation("job")
    assert (anew.state, anew.attempt, list(anew.takes), list(anew.warnings)) == (pb.STATE_QUEUED, 2, [], [])
    assert ledger.twin("old") is None
    ledger.close()


def test_what_the_last_server_half_made_otherwise_is_forgotten(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for name in ("same", "other"):
        ledger.create(name, Asking(pb.GenerationSpec(model=name), sound=name), max_queued=9)
        job = ledger.claim()
        assert job is not None
        ledger.add_take(job, pb.Take(layer="mix", sha256=name))
    assert ledger.recover(lambda spec: "same" if spec.model == "same" else "new") == 2
    assert [take.sha256 for take in ledger.generation("same").takes] == ["same"]
    assert not ledger.generation("other").takes
    ledger.close()


def test_a_job_that_ended_again_meanwhile_is_not_old(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.create("job", Asking(pb.GenerationSpec()), max_queued=1)
    ledger.cancel("job")
    ended_ms = ledger.generation("job").ended_ms
    with pytest.raises(ConflictError, match="has ended since"):
        ledger.delete("job", before_ms=ended_ms)
    ledger.delete("job", before_ms=ended_ms + 1)
    with pytest.raises(NotFoundError):
        ledger.generation("job")
    ledger.close()


def test_shares_are_remembered_as_long_as_there_are_jobs(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for number, client in enumerate(["greedy", "greedy", "greedy", "modest"]):
        ledger.create(f"{client}-{number}", Asking(pb.GenerationSpec(), client=client, cost_s=8.0), max_queued=9)
    ledger.claim()
    ledger.close()
    ledger = Ledger(tmp_path / "ledger")
    ledger.forget_clients()
    order = [job.request_id for job in (ledger.claim(), ledger.claim(), ledger.claim()) if job]
    assert order == ["modest-3", "greedy-1", "greedy-2"]
    for job in ledger.generations(None, 9)[0]:
        ledger.cancel(job.request_id)
        ledger.delete(job.request_id)
    ledger.forget_clients()
    ledger.create("new", Asking(pb.GenerationSpec(), client="greedy"), max_queued=9)
    ledger.create("other", Asking(pb.GenerationSpec(), client="another"), max_queued=9)
    claimed = ledger.claim()
    assert claimed is not None
    assert claimed.request_id == "new"
    ledger.close()


def test_a_ledger_of_another_version_is_left_alone(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger").close()
    sql = sqlite3.connect(tmp_path / "ledger")
    sql.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    sql.commit()
    sql.close()
    with pytest.raises(StorageError, match="has schema 99 and this server knows 2: choose another --store"):
        Ledger(tmp_path / "ledger")


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"something else entirely" * 100)
    with pytest.raises(StorageError, match="cannot be used"):
        Ledger(tmp_path / "ledger")
