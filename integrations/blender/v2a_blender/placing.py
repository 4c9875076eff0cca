# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds into the sequencer as the bridge plans them, and what then lies there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import bpy

from . import compat

KEY = "v2a"  # the custom property of a strip that holds where its sound comes from, as JSON
_NEEDED: dict[str, type] = {"job": str, "layer": str, "take": int}
_LAST_CHANNEL = 128


class PlacingError(Exception):
    """A sound cannot be placed. The text is for the user and says what to do."""


def container_of(scene: Any, metas: Iterable[str]) -> Any:
    """Where a job's sounds go: the meta strip that its strips are in, named outermost first, or the edit itself."""
    container = compat.editor_of(scene, create=True)
    for name in metas:
        inner = compat.strips_of(container).get(name)
        if inner is None or inner.type != "META":
            break
        container = inner
    return container


def place(container: Any, items: list[dict[str, Any]], job: str, of: str = "") -> None:
    """Add a sound strip for each item of a plan, in place of what lies there of it. of: the strip that was looked at.

    Raises PlacingError: then all is as it was, or, where Blender itself cannot add it, nothing of the job lies there.
    """
    for item in items:
        _check(item)
    remove(container, job, items)
    try:
        for item in items:
            _place_one(container, item, job, of)
    except RuntimeError as error:
        remove(container, job, items)
        reason = str(error).replace("Error: ", "").strip()
        cause = "was built without sound" if "Audaspace" in reason else f"cannot add it ({reason})"
        folder = os.path.dirname(items[0]["path"])  # noqa: PTH120
        raise PlacingError(f"this Blender {cause}, but the files are there, in {folder}") from error


def remove(container: Any, job: str, items: list[dict[str, Any]]) -> int:
    """Take the strips of a job's items away again; how many there were."""
    strips = strips_made(container, job, items)
    for strip in strips:
        sound = strip.sound
        compat.strips_of(container).remove(strip)
        if sound is not None and not sound.users:
            bpy.data.sounds.remove(sound)
    return len(strips)


def strips_made(container: Any, job: str, items: list[dict[str, Any]]) -> list[Any]:
    """The strips of a job's items."""
    takes = {(item["layer"], item["take"]) for item in items}
    return [strip for strip, made in _made(container) if made["job"] == job and _take(made) in takes]


def stretches(container: Any, job: str, items: list[dict[str, Any]]) -> list[dict[str, int]]:
    """Where they lie, as the bridge's `plan` takes it."""
    return [
        {"channel": strip.channel, "start": compat.start(strip), "end": compat.end(strip)}
        for strip in strips_made(container, job, items)
    ]


def read_back(container: Any, job: str) -> list[dict[str, Any]]:
    """What lies in the sequencer of a job, as the bridge's `verify` takes it."""
    return [
        {
            "layer": made["layer"],
            "take": made["take"],
            "path": os.path.normpath(bpy.path.abspath(strip.sound.filepath)) if strip.sound else "",
            "name": strip.name,
            "channel": strip.channel,
            "start": compat.start(strip),
            "end": compat.end(strip),
            "offset": _whole(compat.start(strip) - compat.content_start(strip)),
            "muted": strip.mute,
        }
        for strip, made in _made(container)
        if made["job"] == job
    ]


def made_in(scene: Any) -> list[tuple[Any, dict[str, Any]]]:
    """All sound strips of a scene that were made by us, those inside metas too, and where each comes from."""
    editor = compat.editor_of(scene)
    return [] if editor is None else [found for strip in compat.all_strips(editor) for found in _read(strip)]


def made_by(strip: Any) -> dict[str, Any] | None:
    """Where a strip's sound comes from; None where it is not ours."""
    return next((made for _, made in _read(strip)), None)


def hear(scene: Any, jobs: Iterable[str], layer: str, job: str, take: int) -> int:
    """Unmute one take and mute the other takes of its layer, those of the given jobs too; how many lie there of it."""
    jobs = {job, *jobs}
    n_heard = 0
    for strip, made in made_in(scene):
        if made["job"] in jobs and made["layer"] == layer:
            heard = made["job"] == job and made["take"] == take
            strip.mute = not heard
            n_heard += heard
    return n_heard


def remove_take(scene: Any, job: str, layer: str, take: int) -> None:
    """Take the strips of one take out of a scene."""
    editor = compat.editor_of(scene)
    if editor is None:
        return
    for container in _containers(editor):
        remove(container, job, [{"layer": layer, "take": take}])


def _check(item: dict[str, Any]) -> None:
    if item["channel"] > _LAST_CHANNEL:
        raise PlacingError(
            f"no channel is free up to {_LAST_CHANNEL}: move strips down or delete some, then place again"
        )
    if not os.path.isfile(item["path"]):  # noqa: PTH113
        raise PlacingError(f"{item['path']} is not there any more: make the sound again")


def _place_one(container: Any, item: dict[str, Any], job: str, of: str) -> None:
    strip = compat.new_sound(container, item["name"], item["path"], item["channel"], item["start"] - item["offset"])
    made = {**item["provenance"], "job": job, "layer": item["layer"], "take": item["take"], "of": of}
    strip[KEY] = json.dumps(made)
    compat.set_handles(strip, item["start"], item["end"])
    strip.name = item["name"]
    strip.channel = item["channel"]
    strip.mute = item["muted"]
    strip.color_tag = f"COLOR_{item['color']:02d}" if item.get("color") else "NONE"
    strip.select = False
    if item.get("new_channel"):
        container.channels[item["channel"]].name = item["channel_name"]


def _made(container: Any) -> list[tuple[Any, dict[str, Any]]]:
    return [found for strip in compat.strips_of(container) for found in _read(strip)]


def _read(strip: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    if strip.type != "SOUND" or KEY not in strip:
        return
    try:
        made = json.loads(strip[KEY])
    except (TypeError, ValueError, RecursionError):
        return
    if isinstance(made, dict) and all(isinstance(made.get(key), kind) for key, kind in _NEEDED.items()):
        yield strip, made


def _take(made: dict[str, Any]) -> tuple[str, int]:
    return made["layer"], made["take"]


def _containers(container: Any) -> Iterator[Any]:
    yield container
    for strip in compat.strips_of(container):
        if strip.type == "META":
            yield from _containers(strip)


def _whole(frames: Any) -> Any:
    return int(frames) if frames == int(frames) else float(frames)
