# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that knows how Blender's versions differ, 3.4 to 5.2: it looks for attributes, not for versions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

import bpy

from . import timing


def scene_of(context: Any) -> Any:
    """The scene that the sequencer edits: since 5.0 that may be another than the window's."""
    return getattr(context, "sequencer_scene", None) or context.scene


def editor_of(scene: Any, create: bool = False) -> Any:
    """The scene's sequence editor; None where it has none, unless it is created."""
    editor = scene.sequence_editor
    return scene.sequence_editor_create() if editor is None and create else editor


def strips_of(container: Any) -> Any:
    """The strips of an editor or a meta strip (called sequences before 4.4)."""
    return container.strips if hasattr(container, "strips") else container.sequences


def all_strips(editor: Any) -> Any:
    """All strips, those inside metas too."""
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def _either(strip: Any, new: str, old: str) -> Any:
    return getattr(strip, new) if hasattr(strip, new) else getattr(strip, old)


def start(strip: Any) -> int:
    """The first frame that is seen or heard."""
    return int(_either(strip, "left_handle", "frame_final_start"))


def end(strip: Any) -> int:
    """The first frame that is not seen or heard any more."""
    return int(_either(strip, "right_handle", "frame_final_end"))


def set_handles(strip: Any, first: int, behind: int) -> None:
    """Trim a strip to frames [first, behind), its content staying where it is."""
    names = ("left_handle", "right_handle")
    if not hasattr(strip, names[0]):
        names = ("frame_final_start", "frame_final_end")
    setattr(strip, names[1], behind)
    setattr(strip, names[0], first)


def content_start(strip: Any) -> Fraction:
    """Where the content's first frame would lie."""
    return Fraction(_either(strip, "content_start", "frame_start"))


def content_end(strip: Any) -> Fraction:
    """Where the content ends."""
    return end(strip) + Fraction(_either(strip, "right_handle_offset", "frame_offset_end"))


def media_trim(strip: Any) -> tuple[int, int]:
    """Frames of the medium that are hidden for good before and behind the content."""
    if not hasattr(strip, "content_trim_start") and not hasattr(strip, "animation_offset_start"):
        return 0, 0
    return (
        int(_either(strip, "content_trim_start", "animation_offset_start")),
        int(_either(strip, "content_trim_end", "animation_offset_end")),
    )


def retiming_keys(strip: Any) -> tuple[Fraction, ...]:
    """The frames of the strip's retiming keys (4.0 on), none where it is not retimed."""
    return tuple(Fraction(key.timeline_frame) for key in getattr(strip, "retiming_keys", ()))


def speed_factor(strip: Any) -> Fraction:
    """The strip's speed factor (before 4.0)."""
    return Fraction(getattr(strip, "speed_factor", 1.0)).limit_denominator(100_000)


def rounding() -> str:
    """How frames between two pictures are rounded; see `timing`."""
    if not hasattr(bpy.types, "RetimingKey"):
        return timing.FLOOR
    return timing.NEAREST_DOWN if hasattr(bpy.context, "sequencer_scene") else timing.NEAREST_UP


def meta_path(editor: Any) -> list[Any]:
    """The meta strips that are open for editing, outermost first."""
    return list(editor.meta_stack)


def new_sound(container: Any, name: str, path: str, channel: int, frame_start: int) -> Any:
    """Add a sound strip. Raises RuntimeError where this Blender was built without sound."""
    return strips_of(container).new_sound(name=name, filepath=path, channel=channel, frame_start=frame_start)


def progress(layout: Any, factor: float, text: str) -> None:
    """A progress bar (4.0 on), or its text."""
    if hasattr(layout, "progress"):
        layout.progress(factor=factor, type="BAR", text=text)
    else:
        filled = round(factor * 12)
        layout.label(text="█" * filled + "░" * (12 - filled) + f"  {text}")


def windows() -> Iterator[Any]:
    """All windows, none in background mode of some versions."""
    manager = bpy.context.window_manager
    return iter(manager.windows if manager else ())


def redraw() -> None:
    """Have all sequencers' sidebars and headers drawn anew."""
    for window in windows():
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                for region in area.regions:
                    if region.type in ("UI", "HEADER"):  # strips and picture are drawn by whoever changes them
                        region.tag_redraw()


def is_occupied() -> bool:
    """Whether strips must stay as they are: Blender renders, or the user is in the middle of moving something.

    Timers do not run while a file is saved or mixed down.
    """
    return bpy.app.is_job_running("RENDER") or any(
        operator.bl_idname.startswith(("TRANSFORM_OT", "SEQUENCER_OT", "RENDER_OT"))
        for window in windows()
        for operator in getattr(window, "modal_operators", ())  # 4.2 on
    )


def push_undo(message: str) -> None:
    """End an undo step here."""
    window = next(windows(), None)
    with suppress(RuntimeError):  # background mode keeps no undo in some versions
        if window is None:
            bpy.ops.ed.undo_push(message=message)
        else:
            with bpy.context.temp_override(window=window):
                bpy.ops.ed.undo_push(message=message)


def film_rate(strip: Any, path: str) -> float:
    """The rate that Blender reads in a movie strip's film, 0 where it cannot.

    Blender opens the film for it, 20 ms a time: an edit of many strips has few films, so it is asked once for each.
    """
    return float(_once(("rate", getattr(strip, "stream_index", 0)), path, lambda: strip.fps))


def film_length(path: str) -> int:
    """How many frames Blender counts in a film; 0 where it cannot read it."""
    return int(_once(("length",), path, lambda: _counted(path)))


_known: dict[tuple[Any, ...], Any] = {}


def _once(what: tuple[Any, ...], path: str, ask: Callable[[], Any]) -> Any:
    try:
        state = os.stat(path)  # noqa: PTH116
    except OSError:
        return ask()
    key = (*what, path, state.st_size, state.st_mtime_ns)
    if key not in _known:
        _known[key] = ask()
    return _known[key]


def _counted(path: str) -> int:
    try:
        clip = bpy.data.movieclips.load(path)
    except RuntimeError:
        return 0
    try:
        return int(clip.frame_duration)
    finally:
        bpy.data.movieclips.remove(clip)
