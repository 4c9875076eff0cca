import pytest

from v2a_plugin.progress import Advance, ProgressBars, duration_text, printable


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "about 1 s"), (29, "about 29 s"), (40, "about 1 min"), (3540, "about 59 min"), (4800, "about 1 h 20 min")],
)
def test_lengths_are_said_as_exactly_as_they_are_known(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_log_gets_a_line_now_and_then_and_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars() as bars:
        bars.tell(Advance(0, 3, 30.0, 30.0, None))
        bars.tell(Advance(1, 3, 20.0, 30.0, 4800.0))  # within the same minute
        bars.tell(Advance(3, 3, 0.0, 30.0, 0.0))
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("v2a:")]
    assert lines == ["v2a: 0 of 3 events", "v2a: 3 of 3 events"]
    assert Advance(1, 3, 20.0, 30.0, 4800.0).text == "1 of 3 events, about 1 h 20 min left"


def test_names_cannot_control_a_terminal() -> None:
    assert printable("a\x1b[2Jb\nc\u202ed  ü") == "a\ufffd[2Jb c\ufffdd  ü"
