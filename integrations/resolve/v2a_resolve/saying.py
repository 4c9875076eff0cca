"""What the user is told: in Resolve's console, and in a small window of the system, since few keep the console open."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import webbrowser

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


def open_page(address: str) -> None:
    """Open the user's browser, without what Resolve set for itself: other programs stumble over its libraries."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(finding.clean_environment(before))
    try:
        webbrowser.open(address)
    except (webbrowser.Error, OSError):
        say("No browser could be started")
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
