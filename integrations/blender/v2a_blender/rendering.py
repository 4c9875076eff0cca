# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a range as a small film, made by a second Blender in the background from a copy of the file."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import bpy

from .choosing import MARKER, Asked, RefusedError

FILM, COPY, TASK = "picture.mp4", "edit.blend", "task.json"


class Copies:
    """Copies of the open file for a press of the button: saved once, linked into a folder for each film.

    The bridge takes a folder away when its film is rendered.
    """

    def __init__(self) -> None:
        self._folders: list[Path] = []

    def render(self, asked: Asked, scene: Any, hidden: list[str]) -> dict[str, Any]:
        """The bridge's `render` for a sound. hidden: strips that hold words, not picture. Raises RefusedError."""
        try:
            folder = Path(tempfile.mkdtemp(prefix="v2a-picture-"))
            self._folders.append(folder)
            self._copy_to(folder / COPY)
            task = {
                "scene": scene.name,
                "scripts": may_run_scripts(),
                "show": list(asked.show),
                "hide": hidden,
                "words": MARKER.pattern,
                "start": asked.rendered[0],
                "end": asked.rendered[1],
                "film": str(folder / FILM),
            }
            (folder / TASK).write_text(json.dumps(task), encoding="utf-8")
        except (OSError, RuntimeError) as error:
            self.discard()
            raise RefusedError(
                f"the picture of '{asked.name}' cannot be rendered, as a copy of the file cannot be saved to "
                f"{tempfile.gettempdir()} ({error}): make room there, or select film strips"
            ) from error
        return {"command": _command(folder), "film": str(folder / FILM), "folder": str(folder)}

    def discard(self) -> None:
        """Take away the folders that no job was made for."""
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._folders = []

    def _copy_to(self, path: Path) -> None:
        first = self._folders[0] / COPY
        if path == first:
            bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=False, relative_remap=True)
            return
        try:
            os.link(first, path)
        except OSError:
            shutil.copyfile(first, path)


def settle(render: dict[str, Any] | None, refused: bool) -> None:
    """The bridge answered: it has the film's folder now, or, where it refused the job, nobody needs it."""
    if render is not None and refused:
        shutil.rmtree(render["folder"], ignore_errors=True)


def _command(folder: Path) -> list[str]:
    script = str(Path(__file__).with_name("render_film.py"))
    task = [str(folder / COPY), str(folder / TASK)]
    if not bpy.app.binary_path:  # Blender as a Python module
        return [sys.executable, script, "--", *task]
    return [
        *(bpy.app.binary_path, "--background", "--factory-startup"),
        *("--python-exit-code", "1", "--python", script, "--", *task),
    ]


def may_run_scripts() -> bool:
    """Whether the open file's own scripts run here. Its copy lies elsewhere, where no exclusion would find it."""
    preferences = bpy.context.preferences
    return (
        preferences.filepaths.use_scripts_auto_execute
        and not bpy.app.autoexec_fail
        and not any(_is_excluded(bpy.data.filepath, one) for one in preferences.autoexec_paths)
    )


def _is_excluded(path: str, exclusion: Any) -> bool:
    """As Blender compares them: by the beginning, or by a pattern; on Windows whatever the case."""
    path, excluded = (os.path.normcase(one) for one in (path, exclusion.path))
    if not excluded:
        return False
    return fnmatch.fnmatchcase(path, excluded) if exclusion.use_glob else path.startswith(excluded)
