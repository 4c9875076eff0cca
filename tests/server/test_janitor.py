"""What does not stay for ever."""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from tests.server.running import Server, eventually, refusal
from v2a_api.v1 import generation_pb2 as pb
from v2a_server.ledger import Ledger
from v2a_server.records import Asking
from v2a_server.store import Store


def test_old_jobs_and_their_takes_are_removed_and_others_are_not(new_server: Callable[..., Server]) -> None:
    server = new_server(keeping={"jobs_s": 3.0, "every_s": 0.2}).start()
    server.create("runs", server.spec(steps=20_000, step_s=0.02))
    server.until_sampling("runs")
    server.create("waits", server.spec())
    server.cancel("waits")
    assert eventually(lambda: [job.request_id for job in server.jobs()] == ["runs"])
    assert server.get("runs").state == pb.STATE_RUNNING
    server.cancel("runs")
    server.create("made", server.spec())
    assert server.finish("made").takes
    assert eventually(lambda: server.results() == [])
    assert refusal(lambda: server.get("made"))[0] is grpc.StatusCode.NOT_FOUND
    server.stop()


def test_features_that_were_used_last_stay(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for age, name in enumerate("abcd"):
        path = store.features / name
        path.write_bytes(bytes(100))
        os.utime(path, (time.time() - age, time.time() - age))
    store.trim_features(250)
    assert sorted(path.name for path in store.features.iterdir()) == ["a", "b"]
    store.close()


def test_a_ledger_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "ledger")
    old.executescript(
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
        "INSERT INTO meta VALUES ('schema_version', '1');"
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, spec BLOB NOT NULL,"
        " upload TEXT NOT NULL, state INTEGER NOT NULL, attempt INTEGER NOT NULL, first_attempt INTEGER NOT NULL,"
        " place INTEGER NOT NULL, error TEXT NOT NULL DEFAULT '', error_kind TEXT NOT NULL DEFAULT '',"
        " created_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0);"
        "INSERT INTO jobs (request_id, spec, upload, state, attempt, first_attempt, place, created_ms)"
        " VALUES ('old', x'', '', 1, 1, 1, 1, 0);"
    )
    old.close()
    ledger = Ledger(tmp_path / "ledger")
    ledger.create("new", Asking(pb.GenerationSpec(), client="me", cost_s=8.0), max_queued=9)
    claimed = [ledger.claim(), ledger.claim()]
    assert [job.request_id for job in claimed if job] == ["old", "new"]
    ledger.close()
    assert Ledger(tmp_path / "ledger").generation("old").state == pb.STATE_RUNNING
