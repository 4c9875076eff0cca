"""The ledger's SQLite file: its tables, its transactions, its errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from v2a.errors import StorageError
from v2a_server.errors import DiskFullError

SCHEMA_VERSION = "2"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL UNIQUE,
    spec BLOB NOT NULL,
    upload TEXT NOT NULL,
    state INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    first_attempt INTEGER NOT NULL,  -- of the tries since the client last asked
    place INTEGER NOT NULL,          -- in the queue
    error TEXT NOT NULL DEFAULT '',
    error_kind TEXT NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL DEFAULT 0,
    client TEXT NOT NULL DEFAULT '',
    priority INTEGER NOT NULL DEFAULT 1,
    cost_s REAL NOT NULL DEFAULT 1,  -- seconds of sound that are asked for
    sound TEXT NOT NULL DEFAULT '',  -- names what is asked for, and what makes it
    deaths INTEGER NOT NULL DEFAULT 0  -- of servers while it ran, since the client last asked
);
CREATE TABLE IF NOT EXISTS shares (client TEXT PRIMARY KEY, served_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (job, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS takes (
    job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    layer TEXT NOT NULL,
    take INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (job, layer, take)
);
CREATE INDEX IF NOT EXISTS takes_of_result ON takes (sha256);
CREATE TABLE IF NOT EXISTS warnings (
    job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    text TEXT NOT NULL,
    PRIMARY KEY (job, text)
);
"""
# Once all columns are there.
_INDEXES = """
CREATE INDEX IF NOT EXISTS jobs_in_queue ON jobs (state, place);
CREATE INDEX IF NOT EXISTS jobs_by_place ON jobs (place);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (ended_ms);
CREATE INDEX IF NOT EXISTS jobs_of_upload ON jobs (upload);
CREATE INDEX IF NOT EXISTS jobs_of_sound ON jobs (sound) WHERE sound != '';
"""
# What leads from a version to the next.
_MIGRATIONS = {
    "1": """
        ALTER TABLE jobs ADD COLUMN client TEXT NOT NULL DEFAULT '';
        ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE jobs ADD COLUMN cost_s REAL NOT NULL DEFAULT 1;
        ALTER TABLE jobs ADD COLUMN sound TEXT NOT NULL DEFAULT '';
        ALTER TABLE jobs ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
        UPDATE meta SET value = '2' WHERE key = 'schema_version';
    """,
}


def connect(path: Path) -> sqlite3.Connection:
    """Open the ledger, of an older version too, or make an empty one. Raises StorageError where it is no ledger."""
    with sqlite_errors():
        # Made by one thread and used by another, never by two at once.
        sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        sql.row_factory = sqlite3.Row
        sql.execute("PRAGMA journal_mode = WAL")
        (sound,) = sql.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise StorageError(
                f"the ledger {path} is damaged ({sound}): put back a copy of it, or move it away to begin a new one"
            )
        sql.execute("PRAGMA synchronous = FULL")
        sql.execute("PRAGMA foreign_keys = ON")
        sql.executescript(_SCHEMA)
        sql.execute("INSERT OR IGNORE INTO meta VALUES ('schema_version', ?)", (SCHEMA_VERSION,))
        while (found := _version(sql)) in _MIGRATIONS:
            sql.executescript(f"BEGIN IMMEDIATE; {_MIGRATIONS[found]} COMMIT;")
        if found == SCHEMA_VERSION:
            sql.executescript(_INDEXES)
    if found != SCHEMA_VERSION:
        sql.close()
        raise StorageError(
            f"the ledger {path} has schema {found} and this server knows {SCHEMA_VERSION}: choose another --store"
        )
    return sql


def _version(sql: sqlite3.Connection) -> str:
    (found,) = sql.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    return str(found)


@contextmanager
def transaction(sql: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, and on disk at the end."""
    with sqlite_errors():
        sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            sql.execute("COMMIT")
        except BaseException:
            if sql.in_transaction:
                sql.execute("ROLLBACK")
            raise


@contextmanager
def sqlite_errors() -> Iterator[None]:
    """Turns what the disk or the file is to blame for into a StorageError."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise DiskFullError("the server's disk is full: free some room and try again") from error
        raise StorageError(f"the server's job ledger cannot be used: {error}") from error
