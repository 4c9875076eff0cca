"""What the user is told: in Resolve's console, and in a small window of the system, since few keep the console open."""

from __future__ import annotations

import contextlib
import html
import json
import os
import shutil
import subprocess
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Iterator

from v2a_host import finding

_TITLE = "V2A Studio"
_MAX_CHARS = 1500


def say(message: str) -> None:
    """Write a line into Resolve's console (Workspace > Console)."""
    with contextlib.suppress(OSError, ValueError):  # there is none where Resolve was closed meanwhile
        print(message, flush=True)  # noqa: T201 - what is printed is what the console shows


def tell(message: str) -> None:
    """Say something at the end: in the console, and in a window where the system has one for that.

    V2A_QUIET in the environment keeps it to the console.
    """
    say(message)
    if os.environ.get("V2A_QUIET"):
        return
    with contextlib.suppress(OSError, subprocess.SubprocessError, AttributeError):
        _window(message[:_MAX_CHARS])


@contextlib.contextmanager
def page(address: str) -> Iterator[None]:
    """A page in the user's browser, opened by a file of theirs alone, which goes afterwards.

    Whatever a program is started with, other users of the machine can read.
    """
    path = ""
    try:
        path = _redirect(address)
        _browse(Path(path).as_uri())
    except (webbrowser.Error, OSError):
        say("No browser could be started")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            Path(path).unlink()


def _redirect(address: str) -> str:
    """A file that leads to an address, and that nobody else can read."""
    folder = finding.state_folder() / "pages"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, path = tempfile.mkstemp(".html", "v2a-", folder)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # Replaced, so that the way back does not lead here, where the address would be used again.
        file.write(
            f"<!DOCTYPE html>\n<meta charset=utf-8>\n<title>{_TITLE}</title>\n"
            f"<script>location.replace({json.dumps(address)})</script>\n"
            f"<a href='{html.escape(address)}'>Open the page of {_TITLE}</a>\n"
        )
    return path


def _browse(address: str) -> None:
    """Open an address without what Resolve set for itself: other programs stumble over its libraries."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(finding.clean_environment(before))
    try:
        webbrowser.open(address)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _window(message: str) -> None:
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.MessageBoxW(None, message, _TITLE, 0x40000)  # above Resolve's own window
        return
    if sys.platform == "darwin":
        script = 'on run {text}\ndisplay dialog text with title "V2A Studio" buttons {"OK"} default button 1\nend run'
        command = ["osascript", "-e", script, message]
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        command = next((one for one in _linux(message) if shutil.which(one[0])), [])
    else:
        command = []
    if command:
        subprocess.run(command, check=False, timeout=600, env=finding.clean_environment())  # noqa: S603 - of the system


def _linux(message: str) -> list[list[str]]:
    return [
        ["zenity", "--info", "--no-markup", "--title", _TITLE, "--text", message],
        ["kdialog", "--title", _TITLE, "--msgbox", message],
        ["notify-send", _TITLE, message],
    ]
