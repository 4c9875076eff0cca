"""What the scripts keep on the disk between two runs: the user's settings, and what was seen of this Resolve."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from v2a_host import finding

from .host import Refusal

_SETTINGS = "settings.json"


def folder() -> Path:
    """Where it is kept."""
    return finding.state_folder() / "resolve"


def settings() -> dict[str, Any]:
    """The user's last settings, as a job has them."""
    return dict(read(_SETTINGS).get("job") or {})


def set_settings(job: dict[str, Any]) -> None:
    """Keep the user's settings for the next time. Raises Refusal."""
    write(_SETTINGS, {**read(_SETTINGS), "job": job})


def server() -> dict[str, str]:
    """Another server than the user's own, where the settings name one: as `hello` has it."""
    kept = read(_SETTINGS)
    return {key: str(kept[key]) for key in ("server", "token_file") if kept.get(key)}


def end_is_inclusive() -> bool:
    """Whether this Resolve was last seen to play the end frame of what is appended."""
    return bool(read(_SETTINGS).get("end_is_inclusive"))


def set_end_is_inclusive(inclusive: bool) -> None:
    """Keep what was seen. Raises Refusal."""
    if inclusive != end_is_inclusive():
        write(_SETTINGS, {**read(_SETTINGS), "end_is_inclusive": inclusive})


def read(name: str) -> dict[str, Any]:
    """A file's object; empty where there is none that can be read."""
    try:
        content = json.loads((folder() / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(name: str, content: dict[str, Any]) -> None:
    """Write a file whole or not at all. Raises Refusal."""
    path = folder() / name
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_text(json.dumps(content, indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        why = error.strerror or error
        raise Refusal(f"{path} cannot be written ({why}): make room there, and run this again") from None


def names(inside: str) -> list[str]:
    """The files of a folder that is kept, by their names in it, in their order."""
    try:
        return sorted(f"{inside}/{path.name}" for path in (folder() / inside).iterdir() if path.suffix == ".json")
    except OSError:
        return []


def forget(name: str) -> None:
    """Delete a file, where it is there."""
    (folder() / name).unlink(missing_ok=True)
