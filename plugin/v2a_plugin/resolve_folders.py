"""Where DaVinci Resolve looks for scripts, and V2A's among them; and which Python it finds on macOS."""

import os
import plistlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

from v2a.errors import StorageError
from v2a.output import storage_error, whole_file
from v2a_plugin.host_files import resolve_menu, resolve_support
from v2a_plugin.owned_folder import OwnedFolder

_AGENT = "studio.v2a.python3home"


def usual_folder(platform: str = sys.platform) -> Path:
    """The user's own folder `Fusion`, which has `Scripts` in it."""
    if platform == "win32":
        data = os.environ.get("APPDATA")
        roaming = Path(data) if data else Path.home() / "AppData" / "Roaming"
        return roaming / "Blackmagic Design" / "DaVinci Resolve" / "Support" / "Fusion"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Blackmagic Design" / "DaVinci Resolve" / "Fusion"
    return Path.home() / ".local" / "share" / "DaVinciResolve" / "Fusion"


@dataclass(frozen=True)
class Scripts:
    """V2A's scripts in one folder `Fusion`.

    The scripts lie in `Scripts/Utility/V2A`: those of `Utility` are listed on all pages, and folders are submenus. What
    they import lies beside `Scripts`, where Resolve lists nothing.
    """

    fusion: Path

    @property
    def menu(self) -> OwnedFolder:
        """What Resolve lists."""
        return OwnedFolder(self.fusion / "Scripts" / "Utility" / "V2A")

    @property
    def support(self) -> OwnedFolder:
        """What these import."""
        return OwnedFolder(self.fusion / "V2A Studio")

    def install(self) -> None:
        """Put all there, in place of what an earlier installation put there. Raises ConflictError, StorageError."""
        self.support.install(resolve_support())
        self.menu.install(resolve_menu(self.support.folder))

    def uninstall(self) -> list[Path]:
        """Take all away; what stays, since others put it there. Raises StorageError."""
        return [
            place.folder / name for place in (self.menu, self.support) if place.version for name in place.uninstall()
        ]

    def state(self) -> str:
        """What is there, for people."""
        if self.menu.version and self.support.version:
            return f"installed, version {self.menu.version}"
        if self.menu.version or self.support.version:
            return "half of it is there: run `v2a install resolve` again"
        return "not installed"


def agent_file() -> Path:
    """What tells macOS at each login where Resolve finds Python."""
    return Path.home() / "Library" / "LaunchAgents" / f"{_AGENT}.plist"


def resolve_finds_python() -> bool:
    """Whether Resolve on macOS finds a Python: where it was told of one, else in one place alone."""
    told = _told_by_agent() or os.environ.get("PYTHON3HOME")
    return Path(told or "/usr/local", "bin", "python3").exists()


def should_tell_python() -> bool:
    """Whether an installation has to call `tell_python`: again, too, since what it told of may have moved."""
    return agent_file().exists() or not resolve_finds_python()


def tell_python(prefix: str = sys.base_prefix) -> None:
    """Tell macOS, now and at each login, that Resolve's Python is this one. Raises StorageError."""
    plist = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>Label</key><string>{_AGENT}</string>
<key>ProgramArguments</key>
<array><string>launchctl</string><string>setenv</string><string>PYTHON3HOME</string><string>{_escaped(prefix)}</string></array>
<key>RunAtLoad</key><true/>
</dict></plist>
"""
    path = agent_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_text(plist, encoding="utf-8")
    except OSError as error:
        raise storage_error(path, error) from None
    _launchctl("setenv", "PYTHON3HOME", prefix)


def forget_python() -> bool:
    """Take back what `tell_python` told; whether there was anything. Raises StorageError."""
    path = agent_file()
    if not path.exists():
        return False
    try:
        path.unlink()
    except OSError as error:
        raise storage_error(path, error) from None
    _launchctl("unsetenv", "PYTHON3HOME")
    return True


def _told_by_agent() -> str:
    """What the next login tells, whatever this one was told; "" where that is nothing."""
    try:
        arguments = plistlib.loads(agent_file().read_bytes())["ProgramArguments"]
    except (OSError, ValueError, KeyError, plistlib.InvalidFileException, ExpatError):
        return ""
    return str(arguments[-1]) if arguments else ""


def _launchctl(*arguments: str) -> None:
    try:
        subprocess.run(["launchctl", *arguments], check=True, capture_output=True, timeout=20)  # noqa: S603, S607
    except (OSError, subprocess.SubprocessError) as error:
        raise StorageError(f"launchctl {' '.join(arguments)} failed ({error}): log out and in again instead") from None


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
