"""`v2a install resolve`: what goes where, and away again."""

import os
import plistlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from v2a_plugin import resolve_folders
from v2a_plugin.commands import doctor
from v2a_plugin.resolve_folders import Scripts, usual_folder

MENU = ("Audition and keep", "Doctor", "Generate", "Generate with options", "Remove last insert")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("V2A_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def launchctl(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What launchctl was told: it is one that writes that down."""
    told = home / "told.txt"
    program = home / "bin" / "launchctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return told


def test_installed_listed_and_taken_away(home: Path, run_v2a: Callable[..., Any]) -> None:
    fusion = home / ".local" / "share" / "DaVinciResolve" / "Fusion"
    refused = run_v2a("install", "resolve")
    assert (refused.status, "start Resolve once" in refused.err) == (1, True)
    fusion.mkdir(parents=True)
    others = fusion / "Scripts" / "Utility" / "theirs.py"
    others.parent.mkdir(parents=True)
    others.write_text("print('hello')")

    assert "not installed" in run_v2a("install", "resolve", "--list").out
    assert "Workspace → Scripts → V2A → V2A Generate" in run_v2a("install", "resolve").out
    menu = fusion / "Scripts" / "Utility" / "V2A"
    assert {path.name for path in menu.iterdir()} == {
        *(f"V2A {name}.py" for name in MENU),
        "V2A Canary.lua",
        "v2a-install.json",
    }
    assert repr(str(fusion / "V2A Studio")) in (menu / "V2A Generate.py").read_text()
    assert (fusion / "V2A Studio" / "v2a_resolve" / "scripts.py").is_file()
    assert (fusion / "V2A Studio" / "v2a_host" / "finding.py").is_file()
    assert "installed, version" in run_v2a("install", "resolve", "--list").out

    mine = menu / "my own.py"
    mine.touch()
    away = run_v2a("install", "resolve", "--uninstall").out
    assert str(mine) in away
    assert sorted(path.name for path in fusion.rglob("*") if path.is_file()) == ["my own.py", "theirs.py"]
    assert "nothing was installed" in run_v2a("install", "resolve", "--uninstall").out


def test_a_folder_of_others_is_left_alone(home: Path, run_v2a: Callable[..., Any]) -> None:
    theirs = home / "Fusion" / "V2A Studio" / "theirs.txt"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    refused = run_v2a("install", "resolve", "--config", str(home / "Fusion"))
    assert refused.status == 1
    assert "was not put there by `v2a install`" in refused.err
    assert [path.name for path in (home / "Fusion").rglob("*") if path.is_file()] == ["theirs.txt"]


def test_a_second_installation_mends_a_first_one(home: Path) -> None:
    scripts = Scripts(home / "Fusion")
    scripts.install()
    (scripts.menu.folder / "V2A Doctor.py").unlink()
    (scripts.support.folder / "v2a-install.json").unlink()
    assert "half of it is there" in scripts.state()
    for path in sorted(scripts.support.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    scripts.install()
    assert (scripts.menu.folder / "V2A Doctor.py").is_file()
    assert "installed, version" in scripts.state()


def test_a_path_of_any_letters_is_written_so_that_any_python_reads_it(home: Path) -> None:
    scripts = Scripts(home / "Schnitt – Übung" / "Fusion")
    scripts.install()
    text = (scripts.menu.folder / "V2A Generate.py").read_bytes()
    assert text.isascii()
    assert b"\\xdcbung" in text


def test_the_doctor_tells_of_resolve_where_it_was_ever_started(home: Path) -> None:
    assert list(doctor._resolve()) == []
    scripts = Scripts(usual_folder())
    scripts.fusion.mkdir(parents=True)
    (line,) = doctor._resolve()
    assert (line.what, "not installed" in line.found, "v2a install resolve" in line.advice) == ("resolve", True, True)
    scripts.install()
    (line,) = doctor._resolve()
    assert ("installed, version" in line.found, line.advice) == (True, "")


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", "~/.local/share/DaVinciResolve/Fusion"),
        ("darwin", "~/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion"),
        ("win32", "~/Roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion"),
    ],
)
def test_where_resolve_looks(platform: str, folder: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPDATA", str(home / "Roaming"))
    assert usual_folder(platform) == Path(folder).expanduser()


def test_what_resolve_is_told_of_python_counts_where_it_is_there(
    home: Path, launchctl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On macOS; a variable that leads nowhere is as good as none, and what V2A told is told again."""
    prefix, gone = home / "python", home / "gone"
    monkeypatch.setenv("PYTHON3HOME", str(prefix))
    assert not resolve_folders.resolve_finds_python()
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").touch()
    assert (resolve_folders.resolve_finds_python(), resolve_folders.should_tell_python()) == (True, False)
    resolve_folders.tell_python(str(gone))
    assert (resolve_folders.resolve_finds_python(), resolve_folders.should_tell_python()) == (False, True)
    resolve_folders.tell_python(str(prefix))
    assert (resolve_folders.resolve_finds_python(), resolve_folders.should_tell_python()) == (True, True)
    resolve_folders.agent_file().write_text("no property list")
    assert resolve_folders.resolve_finds_python()


def test_on_macos_resolve_is_told_of_a_python(
    home: Path, launchctl: Path, run_v2a: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks at PYTHON3HOME and in /usr/local/bin alone."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(resolve_folders, "resolve_finds_python", lambda: False)
    config = ("--config", str(home / "Fusion"))
    assert f"Resolve is told to use the Python in {sys.base_prefix}" in run_v2a("install", "resolve", *config).out
    agent = plistlib.loads((home / "Library" / "LaunchAgents" / "studio.v2a.python3home.plist").read_bytes())
    assert agent["ProgramArguments"] == ["launchctl", "setenv", "PYTHON3HOME", sys.base_prefix]
    assert agent["RunAtLoad"] is True
    assert "PYTHON3HOME is taken back" in run_v2a("install", "resolve", *config, "--uninstall").out
    assert launchctl.read_text().splitlines() == [f"setenv PYTHON3HOME {sys.base_prefix}", "unsetenv PYTHON3HOME"]
    assert list((home / "Library" / "LaunchAgents").iterdir()) == []
