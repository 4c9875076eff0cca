"""The user is told how a script ended, in the console and in a window of the system."""

import os
import sys
from pathlib import Path

import pytest

from v2a_resolve import saying


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the system's programs for windows were called with: they write it down."""
    told = tmp_path / "told.txt"
    for name in ("zenity", "osascript"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nfor last; do :; done\necho "{name} $last" >> {told}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("V2A_QUIET", raising=False)
    return told


@pytest.mark.parametrize(("platform", "program"), [("linux", "zenity"), ("darwin", "osascript")])
def test_a_window_of_the_system_says_it(
    platform: str, program: str, told: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    saying.tell('V2A Generate: "done" $HOME')
    assert told.read_text() == f'{program} V2A Generate: "done" $HOME\n'
    assert capsys.readouterr().out == 'V2A Generate: "done" $HOME\n'


def test_without_a_display_or_where_nobody_wants_windows_the_console_does(
    told: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("V2A_QUIET", "1")
    saying.tell("one")
    monkeypatch.delenv("V2A_QUIET")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    saying.tell("two")
    assert not told.exists()
    assert capsys.readouterr().out == "one\ntwo\n"


@pytest.fixture
def surf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the user's browser was started with."""
    program, told = tmp_path / "surf", tmp_path / "told.txt"
    program.write_text(f'#!/bin/sh\necho "$@ libraries: $LD_LIBRARY_PATH" > {told}\n')
    program.chmod(0o755)
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.setattr("webbrowser._browsers", {})
    monkeypatch.setenv("BROWSER", str(program))
    monkeypatch.setenv("V2A_HOME", str(tmp_path / "home"))
    return told


def test_the_browser_does_not_get_the_libraries_of_resolve(surf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/resolve/libs")
    with saying.page("http://127.0.0.1:1/"):
        assert surf.read_text().endswith(".html libraries: \n")
    assert os.environ["LD_LIBRARY_PATH"] == "/opt/resolve/libs"


def test_the_address_of_a_page_is_in_no_list_of_processes(surf: Path) -> None:
    with saying.page("http://127.0.0.1:1/#secret"):
        assert "secret" not in surf.read_text()
        file = Path(surf.read_text().split()[0][len("file://") :])
        assert 'location.replace("http://127.0.0.1:1/#secret")' in file.read_text()
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not file.exists()


def test_where_no_browser_can_be_started_the_console_says_so(
    surf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").touch()  # where the file's folder should be made
    with saying.page("http://127.0.0.1:1/"):
        assert capsys.readouterr().out == "No browser could be started\n"
    assert not surf.exists()


def test_a_console_that_is_gone_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setenv("V2A_QUIET", "1")
    monkeypatch.setattr(sys, "stdout", Gone())
    saying.tell("one")
