"""What Resolve is asked for, and what it need not have."""

import pytest

from tests.doubles.resolve import Behaviour, Resolve
from tests.doubles.resolve.windows import Bmd, Dispatcher
from v2a_resolve.host import Host


def test_windows_that_cannot_wait_for_jobs_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = Resolve(Behaviour(studio=True))
    host = Host(resolve, resolve._fusion, Bmd(resolve))
    assert host.windows() is not None
    monkeypatch.delattr(Dispatcher, "StepLoop")
    assert host.windows() is None
