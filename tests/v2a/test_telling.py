"""What a training says, by a clock that the test moves."""

import io
import logging
from pathlib import Path

import pytest

pytest.importorskip("torch")

from v2a.train.telling import Telling


def tell(n_steps: int, step_s: float, *, quiet: bool = False) -> None:
    now_s = 0.0
    with Telling(Path("work/flow/checkpoint.pt"), n_steps, quiet=quiet, clock=lambda: now_s) as telling:
        now_s = 500.0  # the first step takes long
        for step in range(1, n_steps + 1):
            telling.step(step, 8.0 if step == 1 else 2.0)
            now_s += step_s
        telling.kept(n_steps)


def test_a_log_gets_a_line_a_minute_with_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        tell(100, 2.0)
    first, *lines, last, kept = (record.getMessage() for record in caplog.records)
    assert first == "flow: step 1 of 100, loss 8"
    assert [line.split(",")[0] for line in lines] == [f"flow: step {step} of 100" for step in (31, 61, 91)]
    assert lines[0] == "flow: step 31 of 100, loss 2.194, 2 s a step, 0:02:18 left"
    assert last.endswith("2 s a step, 0:00:00 left")
    assert kept == f"flow: step 100 is kept in {Path('work/flow/checkpoint.pt')}"


def test_all_but_the_first_process_are_quiet(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        tell(100, 2.0, quiet=True)
    assert caplog.records == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def put_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in the place of stderr. Not a fixture: pytest takes stderr once more after those."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    return terminal


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    terminal = put_terminal(monkeypatch)
    with caplog.at_level("INFO"):
        tell(100, 2.0)
    assert "100/100" in terminal.getvalue()
    assert "2 s a step, 0:00:00 left" in terminal.getvalue()
    assert [record.getMessage() for record in caplog.records] == [
        f"flow: step 100 is kept in {Path('work/flow/checkpoint.pt')}"
    ]


def test_a_line_of_the_log_is_written_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = put_terminal(monkeypatch)
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        with Telling(Path("work/flow/checkpoint.pt"), 100, quiet=False) as telling:
            telling.step(1, 8.0)
            logging.getLogger("another").warning("skipped a film")
        logging.getLogger("another").warning("afterwards")
    finally:
        logging.getLogger().removeHandler(handler)
    assert handler.stream is terminal
    # The line of the bar is wiped (erase in line, ECMA-48), and the bar drawn anew below.
    assert "\x1b[2Kskipped a film\n" in terminal.getvalue()
    assert terminal.getvalue().endswith("afterwards\n")
