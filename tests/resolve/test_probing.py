"""What V2A Doctor tries on a scratch timeline, and that nothing of it stays."""

from pathlib import Path

import pytest

from tests.doubles.resolve import Behaviour, Resolve
from tests.doubles.resolve.app import snapshot
from v2a_resolve import probing
from v2a_resolve.host import Host, Refusal

_NAME = "V2A probe (delete me)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V2A_HOME", str(tmp_path))


@pytest.mark.parametrize("end_frame", ["exclusive", "inclusive"])
def test_nothing_of_the_try_stays(end_frame: str) -> None:
    resolve = Resolve(Behaviour(end_frame=end_frame))
    before = snapshot(resolve)
    assert probing.end_is_inclusive(Host(resolve)) == (end_frame == "inclusive")
    assert snapshot(resolve) == before
    assert resolve._timeline.GetName() == "Timeline 1"


def test_what_an_earlier_try_left_is_deleted_first() -> None:
    resolve = Resolve()
    before = snapshot(resolve)
    first = resolve._timeline
    resolve._project._new_timeline(_NAME, "24")
    resolve._project._current = first
    assert probing.end_is_inclusive(Host(resolve)) is False
    assert snapshot(resolve) == before


def test_a_scratch_timeline_that_stays_is_told_of() -> None:
    resolve = Resolve()
    before = snapshot(resolve)
    resolve._desk.failing["DeleteTimelines"] = False
    for _ in range(2):
        with pytest.raises(Refusal, match=r"'V2A probe \(delete me\)' is still in this project: open another one, and"):
            probing.end_is_inclusive(Host(resolve))
    resolve._desk.failing.clear()
    assert probing.end_is_inclusive(Host(resolve)) is False
    assert snapshot(resolve) == before


def test_a_scratch_timeline_that_is_open_is_not_the_users_to_work_in() -> None:
    resolve = Resolve()
    resolve._project._new_timeline(_NAME, "24")
    with pytest.raises(Refusal, match="open another one, and delete it"):
        probing.end_is_inclusive(Host(resolve))
