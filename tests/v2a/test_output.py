"""Files are whole or not there."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest

from v2a.errors import BusyError, StorageError
from v2a.output import HeldError, alone, lock, whole_file


def fail_half_way(path: Path, error: Exception) -> None:
    with whole_file(path) as part:
        part.write_text("half")
        raise error


def test_a_finished_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with whole_file(tmp_path / "a") as part:
        part.write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "a").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_failed_one_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyError):
        fail_half_way(tmp_path / "a", KeyError())
    assert (tmp_path / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "its disk is read-only"),
        (errno.ENOENT, "does not exist"),
        (errno.EIO, "input/output"),
    ],
)
def test_the_cause_is_named(tmp_path: Path, number: int, text: str) -> None:
    with pytest.raises(StorageError, match=text):
        fail_half_way(tmp_path / "a", OSError(number, "input/output"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="does not exist"), whole_file(tmp_path / "file" / "a") as part:
        part.write_text("half")


HOLD = (
    "import sys, pathlib; from v2a.output import lock; f = lock(pathlib.Path(sys.argv[1])); print(flush=True); input()"
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock `.lock`, until it is told to end."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_lock_names_who_holds_it_and_ends_with_its_process(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    who = rf"another command \(process {holder.pid}, python\)"
    with pytest.raises(HeldError, match=rf"{who} has .*: wait until it has ended, then try again"):
        lock(tmp_path / ".lock")
    with pytest.raises(BusyError, match=rf"{who} is changing .*: wait"), alone(tmp_path):
        pass
    holder.kill()
    with lock(tmp_path / ".lock", wait=True):
        # What the last one left there is not taken for the present holder's.
        assert f"process {holder.pid}," not in (tmp_path / ".lock").read_text()


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        lock(tmp_path / "missing" / ".lock")


def test_a_lock_that_cannot_be_had_leaves_no_file_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []

    def no_locks_left(file: FileIO, _: int) -> None:
        files.append(file)
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks_left)
    with pytest.raises(StorageError, match="No locks available"):
        lock(tmp_path / ".lock")
    assert [file.closed for file in files] == [True]


def test_a_lock_s_holder_may_have_been_told_what_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["v2a", os.fsdecode(b"caf\xe9")])
    with lock(tmp_path / ".lock"):
        who = re.escape(rf"(process {os.getpid()}, v2a caf\udce9)")
        with pytest.raises(HeldError, match=who):
            lock(tmp_path / ".lock")
