# SPDX-License-Identifier: GPL-3.0-or-later
"""What the file itself remembers: the name of its edit, and which jobs' sounds it has had.

It is kept in a custom property of each scene that has jobs, and in memory too, as an undo may take it from the scene.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy

KEY = "v2a_document"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)  # the bridge takes no other document
_FILE, _N_REMEMBERED = "v2a_documents.json", 200


def read() -> tuple[str, set[str]]:
    """The file's name of its edit, "" where it has none, and the jobs that it has had the sounds of."""
    name = ""
    placed: set[str] = set()
    for scene in bpy.data.scenes:
        kept = _kept(scene)
        name = name or str(kept.get("document", ""))
        placed.update(kept.get("placed", ()))
    return (name, placed) if name else _at(bpy.data.filepath)


def write(scene: Any, name: str, placed: Iterable[str], lasting: str = "") -> str:
    """Note both in a scene, and answer how the scene is named for good, whatever the user calls it.

    lasting: how it was named for good, should an undo have taken that away.
    """
    kept = _kept(scene)
    kept = {"document": name, "scene": kept.get("scene") or lasting or uuid.uuid4().hex, "placed": sorted(placed)}
    scene[KEY] = json.dumps(kept)
    return str(kept["scene"])


def remember(name: str) -> None:
    """Note the edit's name for the open file outside of it too, in case that it is never saved again."""
    if bpy.data.filepath:
        known, placed = _at(bpy.data.filepath)
        _keep(name, placed if known == name else ())


def saved(name: str, placed: Iterable[str]) -> None:
    """The file was saved with these sounds: what is noted outside is that from now on, or of a file that is gone."""
    known, _ = _at(bpy.data.filepath)
    if known:
        _keep(name if known == name else "", placed)


def file() -> str:
    """Which file is open, however it was reached; "" where it was never saved."""
    return os.path.realpath(bpy.data.filepath) if bpy.data.filepath else ""


def _keep(name: str, placed: Iterable[str]) -> None:
    """Note it for the path of the open file, the newest last; "": note nothing any more."""
    paths = _paths()
    paths.pop(bpy.data.filepath, None)
    if name:
        paths[bpy.data.filepath] = {"document": name, "placed": sorted(placed)}
    newest = dict(list(paths.items())[-_N_REMEMBERED:])
    path = Path(bpy.utils.user_resource("CONFIG", create=True)) / _FILE
    with suppress(OSError):
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(newest), encoding="utf-8")
        fresh.replace(path)


def _at(path: str) -> tuple[str, set[str]]:
    """What is noted outside for a file: as `read`."""
    kept = _whole(_paths().get(path))
    return str(kept.get("document", "")), set(kept.get("placed", ()))


def _paths() -> dict[str, Any]:
    try:
        paths = json.loads((Path(bpy.utils.user_resource("CONFIG")) / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return paths if isinstance(paths, dict) else {}


def scenes_with_jobs() -> list[Any]:
    """The scenes that something was noted in."""
    return [scene for scene in bpy.data.scenes if _kept(scene)]


def find_scene(name: str, title: str) -> Any | None:
    """The scene of a job: by its lasting name, or by its title where an undo took that away."""
    by_name = (scene for scene in bpy.data.scenes if name and _kept(scene).get("scene") == name)
    return next(by_name, None) or bpy.data.scenes.get(title)


def scene_of(tag: Mapping[str, Any]) -> Any | None:
    """The scene that a job was asked for, by what it was tagged with."""
    return find_scene(str(tag.get("scene", "")), str(tag.get("title", "")))


def _kept(scene: Any) -> dict[str, Any]:
    try:
        return _whole(json.loads(scene.get(KEY, "{}")))
    except (TypeError, ValueError, RecursionError):
        return {}


def _whole(kept: Any) -> dict[str, Any]:
    """What was noted, as `write` notes it; of what a damaged file holds instead, what can be used."""
    if not isinstance(kept, dict):
        return {}
    names = {key: kept[key] for key in ("document", "scene") if _NAME.fullmatch(str(kept.get(key, "")))}
    placed = kept.get("placed")
    return {**names, "placed": [job for job in placed if isinstance(job, str)]} if isinstance(placed, list) else names
