"""Files are whole or not there."""

import errno
from pathlib import Path

import pytest

from v2a.errors import StorageError
from v2a.output import whole_file


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
        (errno.EROFS, "no permission"),
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
