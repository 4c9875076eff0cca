# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by a Blender in the background: render some strips of a copied file to a small silent film.

    blender --background --python render_film.py -- COPY.blend TASK.json

It says `frame N` for each frame done, N from 1.
"""

import json
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import bpy

_SHORT_SIDE = 256  # models look at pictures of a few hundred pixels


def main() -> None:
    """Render what the task says."""
    copy, task_path = sys.argv[sys.argv.index("--") + 1 :][:2]
    task = json.loads(Path(task_path).read_text(encoding="utf-8"))
    bpy.ops.wm.open_mainfile(filepath=copy, load_ui=False, use_scripts=task["scripts"])
    scene = bpy.data.scenes[task["scene"]]
    editor = scene.sequence_editor
    _show(editor, task["show"])
    for strip in _strips_of(editor, "all"):
        if strip.name in task["hide"] or strip.type == "SOUND":
            strip.mute = True
    _hide_words(task["words"])
    _keep_from_writing_files()
    _set_up(scene, task)
    n_done = 0

    def tell(*_: Any) -> None:
        nonlocal n_done
        n_done += 1
        sys.stdout.write(f"\nframe {n_done}\n")
        sys.stdout.flush()

    bpy.app.handlers.render_write.append(tell)
    bpy.ops.render.render(animation=True, scene=scene.name)
    if not Path(task["film"]).is_file():
        raise RuntimeError(f"Blender wrote no film to {task['film']}")


def _strips_of(container: Any, which: str = "") -> Any:
    new, old = ("strips_all", "sequences_all") if which else ("strips", "sequences")
    return getattr(container, new) if hasattr(container, new) else getattr(container, old)


def _show(container: Any, path: list[str]) -> None:
    """Mute all but one strip, named from the outside inwards, and what it is made of."""
    if not path:
        return
    strips = _strips_of(container)
    for strip in strips:
        strip.mute = strip.name != path[0]
    for channel in container.channels:
        channel.mute = False
    if path[1:]:
        _show(strips[path[0]], path[1:])


def _hide_words(pattern: str) -> None:
    """Mute the texts that are words for us, wherever they lie: inside metas, and in the scenes that are shown."""
    for editor in (scene.sequence_editor for scene in bpy.data.scenes if scene.sequence_editor):
        for strip in _strips_of(editor, "all"):
            if strip.type == "TEXT" and re.match(pattern, strip.text):
                strip.mute = True


def _keep_from_writing_files() -> None:
    """Mute what the compositors of the edit's scenes write beside the picture: those files are the user's."""
    trees = [*bpy.data.node_groups, *(scene.node_tree for scene in bpy.data.scenes if hasattr(scene, "node_tree"))]
    for tree in trees:
        for node in tree.nodes if tree else ():
            if node.type == "OUTPUT_FILE":
                node.mute = True


def _set_up(scene: Any, task: dict[str, Any]) -> None:
    render = scene.render
    scene.frame_start, scene.frame_end, scene.frame_step = task["start"], task["end"] - 1, 1
    scene.use_preview_range = False
    render.use_sequencer, render.use_compositing = True, False
    render.resolution_percentage = _percentage(render)
    render.use_border = render.use_file_extension = render.use_placeholder = False
    render.use_overwrite, render.use_stamp = True, False
    render.filepath = task["film"]
    settings = render.image_settings
    if hasattr(settings, "media_type"):  # 5.0 on
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    settings.color_mode = "RGB"
    film = render.ffmpeg
    film.format, film.codec = "MPEG4", "H264"
    film.constant_rate_factor, film.gopsize, film.use_max_b_frames = "HIGH", 12, False
    film.use_autosplit = False
    film.audio_codec = "NONE"


def _percentage(render: Any) -> int:
    """How small, with even sides as H.264 wants them; what lies in the picture keeps its place only so."""
    least = min(100, -(-_SHORT_SIDE * 100 // min(render.resolution_x, render.resolution_y)))
    for percentage in (*range(least, 101), *range(least - 1, 0, -1)):
        sides = [side * percentage // 100 for side in (render.resolution_x, render.resolution_y)]
        if all(side > 0 and side % 2 == 0 for side in sides):
            return int(percentage)
    render.resolution_x += render.resolution_x % 2
    render.resolution_y += render.resolution_y % 2
    return 100


if __name__ == "__main__":
    status = 1
    try:
        main()
        status = 0
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # Blender as a Python module may crash or hang where the interpreter ends
