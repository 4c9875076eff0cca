# SPDX-License-Identifier: GPL-3.0-or-later
"""From a press of the button to jobs at the bridge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from . import compat, document, preferences, properties, reading, rendering
from .choosing import RANGE, SELECTED, Edit, RefusedError, Wishes, choose, job, wishes_of, word_strips
from .service import READY, STARTING, Service
from .table import Row


@dataclass(frozen=True)
class Press:
    """What the button was pressed for, as it was at that moment. scene, title: its lasting name, and the user's."""

    edit: Edit
    scope: str
    wanted: tuple[int, int]
    wishes: Wishes
    scene: str = ""
    title: str = ""
    metas: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()  # jobs whose sounds are muted when this one is placed


def press(service: Service, context: Any, scope: str = "") -> list[str]:
    """Ask for what the panel says: a sentence on what was asked for, and one for each strip that was left out.

    Where the bridge does not run yet it is started, and asked when it has answered. Raises RefusedError.
    """
    scene = compat.scene_of(context)
    settings = scene.v2a_studio
    wishes = properties.wishes(settings, _output())
    if settings.layered and not wishes.layers:
        raise RefusedError("no layer is chosen: switch one on, or switch layers off for one mix")
    edit = reading.read_edit(context)
    return _press(service, context, Press(edit, scope or settings.scope, reading.wanted_range(scene), wishes))


def again_from_strip(service: Service, context: Any, strip: Any, made: dict[str, Any]) -> list[str]:
    """Another take of a sound strip, out of what it says of itself where its job is not in the list any more.

    Answers and raises as `press`.
    """
    row = service.table.get(made["job"])
    if row is not None:
        again(service, row, made["layer"])
        return [f"asked for another take of '{row.name}'"]
    edit = reading.read_edit(context)
    strips = tuple(replace(one, selected=one.name == made.get("of")) for one in edit.strips)
    scope = SELECTED if any(one.selected for one in strips) else RANGE
    wishes = wishes_of(made)
    wishes = replace(wishes, seed=service.table.next_seed(made["job"], wishes.seed), output=_output())
    pressed = Press(replace(edit, strips=strips), scope, _seen(strip), wishes, replaces=(made["job"],))
    return _press(service, context, pressed)


def again(service: Service, row: Row, layer: str) -> None:
    """Ask for another take of a job's layer, muting the others when it is placed; or for all of it, where it failed."""
    here = {**row.tag, "file": document.file()}
    changes: dict[str, Any] = {"tag": here}
    if row.state == "succeeded":
        seed = service.table.next_seed(row.id)
        tag = {**here, "replaces": [*row.tag.get("replaces", []), row.id], "seed": seed}
        changes = {"tag": tag, "takes": 1, "seed": seed}
        if layer:
            changes["layer"] = layer
    service.ask(
        "again", {"job": row.id, **changes}, lambda result: service.expect(result["job"], row.name, changes["tag"])
    )


def _press(service: Service, context: Any, pressed: Press) -> list[str]:
    scene = compat.scene_of(context)
    metas = tuple(meta.name for meta in compat.meta_path(compat.editor_of(scene)))
    pressed = replace(pressed, scene=service.note_document(scene), title=scene.name, metas=metas)
    service.message = ""
    if service.state == READY:
        return _submit(service, pressed)
    asked, refused = choose(pressed.edit, pressed.scope, pressed.wanted, pressed.wishes.handles_s)
    if not asked:
        raise RefusedError("; ".join(refused))
    if service.state != STARTING:
        service.start()
        if service.state != STARTING:
            raise RefusedError(service.message)
    service.when_ready(lambda: _submit(service, pressed))
    return ["V2A Studio is being started; then this is asked for", *refused]


def _output() -> str:
    output, refusal = preferences.output_folder()
    if refusal:
        raise RefusedError(refusal)
    return output


def _seen(strip: Any) -> tuple[int, int]:
    return compat.start(strip), compat.end(strip)


def _submit(service: Service, pressed: Press) -> list[str]:
    edit = replace(pressed.edit, readable=tuple(service.hello.get("images", ())))
    asked, refused = choose(edit, pressed.scope, pressed.wanted, pressed.wishes.handles_s)
    if not asked:
        raise RefusedError("; ".join(refused))
    scene = document.find_scene(pressed.scene, pressed.title)
    if scene is None:
        raise RefusedError("the scene is gone: open it, and press again")
    hidden = [strip.name for strip in word_strips(edit.strips)]
    copies = rendering.Copies()
    jobs = []
    for one in asked:
        render = copies.render(one, scene, hidden) if one.is_rendered else None
        tag = {
            "file": document.file(),
            "scene": pressed.scene,
            "title": pressed.title,
            "metas": list(pressed.metas),
            "channel": one.strip.channel + 1 if one.strip else 1,
            "why": one.why,
            "of": one.strip.name if one.strip else "",
            "replaces": list(pressed.replaces),
            "seed": pressed.wishes.seed,
        }
        jobs.append((job(one, edit, pressed.wishes, tag, render), render))
    for body, render in jobs:
        service.submit(body, lambda refused, render=render: rendering.settle(render, refused))  # type: ignore[misc]
    n_rendered = sum(one.is_rendered for one in asked)
    said = f"asked for {len(asked)} sound{'s' if len(asked) > 1 else ''}"
    return [said + (f", {n_rendered} of them after rendering the picture" if n_rendered else ""), *refused]
