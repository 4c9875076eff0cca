"""Where the bridge is, and what it may inherit of the host's environment."""

from __future__ import annotations

import json
import os
import posixpath
import shutil
import sys
from pathlib import Path
from typing import Mapping

APP = "v2a-studio"
RECORD = "bridge.json"

# What hosts set for themselves, and another Python or its libraries would stumble over.
_HOSTS_OWN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONNOUSERSITE",
    "PYTHONEXECUTABLE",
    "PYTHONPLATLIBDIR",
    "PYTHONINSPECT",
    "PYTHONOPTIMIZE",
    "__PYVENV_LAUNCHER__",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_INSERT_LIBRARIES",
)


class NotFoundError(Exception):
    """There is no bridge; the text is for the user and says what to do."""


def bridge_command(path: str = "", environment: Mapping[str, str] | None = None) -> list[str]:
    """The command line that starts the bridge.

    path: what the user set: the program `v2a`, a Python that has v2a-studio, or the folder of a virtual environment.
    Without it: `V2A_BRIDGE`, which says one of these; what `v2a install` recorded; `v2a` on the path.

    Raises NotFoundError.
    """
    environment = os.environ if environment is None else environment
    if path.strip():
        return _command_at(path.strip(), "the path that is set in the preferences")
    if environment.get("V2A_BRIDGE", "").strip():
        return _command_at(environment["V2A_BRIDGE"].strip(), "V2A_BRIDGE in the environment")
    record = state_folder(environment) / RECORD
    recorded = _recorded(record)
    if recorded:
        return recorded
    found = shutil.which("v2a", path=environment.get("PATH"))
    if found:
        return [found, "bridge"]
    raise NotFoundError(
        f"V2A Studio is not known to this program: {record} is missing. Install it with "
        "`pip install 'v2a-studio[server]'`, then run `v2a install`, or set the path of `v2a` in the preferences"
    )


def _command_at(path: str, said_by: str) -> list[str]:
    found = Path(path).expanduser()
    if found.is_dir():
        inside = [found / "bin" / "v2a", found / "Scripts" / "v2a.exe", found / "v2a", found / "v2a.exe"]
        found = next((file for file in inside if file.is_file()), found)
    if not found.is_file() or not os.access(str(found), os.X_OK):
        raise NotFoundError(
            f"{said_by}, {path}, is no program: name the file `v2a` of your V2A Studio (`which v2a` tells it), or "
            "leave it empty and run `v2a install`"
        )
    if found.name.lower().startswith("python"):
        return [str(found), "-m", "v2a_plugin", "bridge"]
    return [str(found), "bridge"]


def _recorded(record: Path) -> list[str]:
    try:
        command = json.loads(record.read_text(encoding="utf-8"))["command"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotFoundError(f"{record} cannot be read ({error}): run `v2a install` again") from None
    if not (isinstance(command, list) and command and all(isinstance(part, str) for part in command)):
        raise NotFoundError(f"{record} holds no command: run `v2a install` again")
    if not Path(command[0]).is_file():
        raise NotFoundError(
            f"V2A Studio was in {command[0]} and is there no more: run `v2a install` again where it is now"
        )
    return command


def state_folder(environment: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """Where V2A Studio keeps its state: `V2A_HOME`, else the user's state folder, as platformdirs names it."""
    environment = os.environ if environment is None else environment
    chosen = environment.get("V2A_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / APP / APP
    base = environment.get("XDG_STATE_HOME", "")
    if posixpath.isabs(base):
        return Path(base) / APP
    return Path.home() / ("Library/Application Support" if platform == "darwin" else ".local/state") / APP


def clean_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for another Python than the host's, without what the host set for itself."""
    environment = os.environ if environment is None else environment
    clean = {name: value for name, value in environment.items() if name.upper() not in _HOSTS_OWN}
    clean["PYTHONUTF8"] = "1"
    return clean
