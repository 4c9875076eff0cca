# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sequencer holds, as facts that the host-free modules decide on."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import bpy

from . import compat
from .choosing import Edit, RefusedError
from .timing import StripFacts, exact_rate


def rate_of(scene: Any) -> Fraction:
    """The edit's frame rate, exactly."""
    return exact_rate(scene.render.fps, scene.render.fps_base)


def read_edit(context: Any) -> Edit:
    """The strips that are being edited (those of the open meta strip, where one is open), and the markers.

    Raises RefusedError while Blender renders: it crashes where a film is asked for its rate meanwhile.
    """
    if bpy.app.is_job_running("RENDER"):
        raise RefusedError("Blender renders: press again when it has ended")
    scene = compat.scene_of(context)
    editor = compat.editor_of(scene)
    rate = rate_of(scene)
    return Edit(
        rate,
        compat.rounding(),
        read_strips(editor) if editor else (),
        tuple((marker.frame, marker.name) for marker in scene.timeline_markers),
        film_length=compat.film_length,
    )


def read_strips(editor: Any) -> tuple[StripFacts, ...]:
    """The strips of the place that is being edited."""
    metas = compat.meta_path(editor)
    container = metas[-1] if metas else editor
    silent = {number for number, channel in enumerate(container.channels) if channel.mute}
    parents = tuple(meta.name for meta in metas)
    retimed = any(compat.retiming_keys(meta) or compat.speed_factor(meta) != 1 for meta in metas)
    return tuple(_facts(strip, silent, parents, retimed) for strip in compat.strips_of(container))


def wanted_range(scene: Any) -> tuple[int, int]:
    """The frames of the preview range where that is on, else of the scene."""
    if scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end + 1
    return scene.frame_start, scene.frame_end + 1


def read_channels(container: Any) -> list[dict[str, Any]]:
    """What each channel of an editor or meta holds, as the bridge's `plan` takes it."""
    taken: dict[int, list[list[int]]] = {}
    for strip in compat.strips_of(container):
        taken.setdefault(strip.channel, []).append([compat.start(strip), compat.end(strip)])
    return [
        {
            "number": number,
            "name": channel.name,
            "locked": bool(channel.lock),
            "muted": bool(channel.mute),
            "taken": sorted(taken.get(number, [])),
        }
        for number, channel in enumerate(container.channels)
        if number > 0
    ]


def _facts(strip: Any, silent: set[int], parents: tuple[str, ...], retimed: bool) -> StripFacts:
    images = _images(strip) if strip.type == "IMAGE" else ()
    path = _absolute(strip.filepath, strip) if strip.type == "MOVIE" else ""
    film_rate = compat.film_rate(strip, path) if path else 0.0
    return StripFacts(
        name=strip.name,
        kind=strip.type,
        channel=strip.channel,
        start=compat.start(strip),
        end=compat.end(strip),
        content_start=compat.content_start(strip),
        content_end=compat.content_end(strip),
        muted=strip.mute or strip.channel in silent,
        path=path,
        images=images,
        missing=next((file for file in ((path,) if path else images[:1]) if not os.path.isfile(file)), ""),  # noqa: PTH113
        trim=compat.media_trim(strip),
        film_rate=exact_rate(film_rate) if film_rate > 0 else Fraction(0),
        reversed=getattr(strip, "use_reverse_frames", False),
        strobe=getattr(strip, "strobe", 1.0),
        keys=compat.retiming_keys(strip),
        speed=compat.speed_factor(strip),
        text=strip.text if strip.type == "TEXT" else "",
        inputs=tuple(found.name for key in ("input_1", "input_2") if (found := getattr(strip, key, None))),
        parents=parents,
        parent_retimed=retimed,
        selected=strip.select,
    )


def _images(strip: Any) -> tuple[str, ...]:
    return tuple(_absolute(os.path.join(strip.directory, element.filename), strip) for element in strip.elements)  # noqa: PTH118


def _absolute(path: str, strip: Any) -> str:
    return os.path.normpath(str(bpy.path.abspath(path, library=strip.id_data.library)))
