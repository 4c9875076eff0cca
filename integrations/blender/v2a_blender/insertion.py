# SPDX-License-Identifier: GPL-3.0-or-later
"""From a finished job to its strips: plan, place, one undo step, read back, compare, repair once or report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import compat, document, placing, reading
from .table import Row, named_apart, read_back_differs

Done = Callable[[str, list[str]], None]
_AGAIN = "press Place in the list to try again"


def insert(service: Any, row: Row, done: Done) -> None:
    """Place a job's takes; done(job, what went wrong) is called in a later pump, and sooner where it cannot be done.

    Neither is done where another file is opened meanwhile.
    """
    if not row.wanted and not service.is_for_open_file(row):
        done(row.id, [f"it was asked for in {row.tag['file']}, not in this file: press Place to have it here too"])
        return
    scene = document.scene_of(row.tag)
    if scene is None:
        done(
            row.id,
            [f"the scene of '{row.name}' is gone: its files are listed here, add them by hand where you need them"],
        )
        return
    metas = [str(name) for name in row.tag.get("metas", [])]
    container = placing.container_of(scene, metas)
    title = scene.name
    params = {
        "job": row.id,
        "rate": str(reading.rate_of(scene)),
        "channels": reading.read_channels(container),
        "first": int(row.tag.get("channel", 1)),
        "replace": placing.stretches(container, row.id, row.takes),  # what lies there of it makes way
    }

    opened = service.n_opened

    def planned(result: Any, error: Exception | None) -> None:
        if service.n_opened != opened:
            return
        if error is not None and is_gone(error):
            service.postpone(row.id)
        elif error is not None:
            done(row.id, [f"{error}; {_AGAIN}"])
        else:
            _place(service, row, (title, metas), result["items"], done)

    service.client.call("plan", params, planned)


def _place(service: Any, row: Row, where: tuple[str, list[str]], items: list[dict[str, Any]], done: Done) -> None:
    if compat.is_occupied():  # the user began something meanwhile: with the next tick it is planned anew
        service.postpone(row.id)
        return
    container = _container(row, where)
    if container is None:
        service.postpone(row.id)
        return
    scene = container.id_data
    own = {strip.name for strip in placing.strips_made(container, row.id, items)}
    items = named_apart(
        items, (strip.name for strip in compat.all_strips(compat.editor_of(scene)) if strip.name not in own)
    )
    try:
        placing.place(container, items, row.id, str(row.tag.get("of", "")))
    except placing.PlacingError as error:
        done(row.id, [f"{error}; {_AGAIN}"])
        return
    _mute(scene, service.table.silenced_by(row.id), {item["layer"] for item in items})
    # What comes now leaves it here or says why not: the file shall not have it laid anew, whatever is undone.
    service.table.settle(row.id)
    service.note_document(scene, str(row.tag.get("scene", "")))
    compat.push_undo(f"V2A sound for {row.name}")
    _verify(service, row, where, items, done, repaired=False)


def _verify(
    service: Any, row: Row, where: tuple[str, list[str]], items: list[dict[str, Any]], done: Done, repaired: bool
) -> None:
    container = _container(row, where)
    found = placing.read_back(container, row.id) if container else []

    opened = service.n_opened

    def verified(result: Any, error: Exception | None) -> None:
        if service.n_opened != opened:
            return
        if error is None:
            sentences = list(result["differences"])
        else:  # the bridge is gone or cannot compare: then we do
            sentences = [f"'{item['name']}' lies elsewhere" for item in read_back_differs(items, found)]
        container = _container(row, where)
        if not sentences or container is None:
            done(row.id, sentences)
            return
        placing.remove(container, row.id, items)
        if not repaired:
            try:
                placing.place(container, items, row.id, str(row.tag.get("of", "")))
            except placing.PlacingError as failure:
                sentences.append(str(failure))
            else:
                compat.push_undo(f"V2A sound for {row.name}, placed again")
                _verify(service, row, where, items, done, repaired=True)
                return
        compat.push_undo(f"V2A sound for {row.name} taken back")
        done(row.id, [f"the sound was taken out again, as it did not lie as planned: {'; '.join(sentences)}. {_AGAIN}"])

    service.client.call("verify", {"items": items, "found": found}, verified)


def _container(row: Row, where: tuple[str, list[str]]) -> Any | None:
    """Where it goes, looked up anew: references do not outlive an undo."""
    scene = document.find_scene(str(row.tag.get("scene", "")), where[0])
    return None if scene is None else placing.container_of(scene, where[1])


def _mute(scene: Any, jobs: set[str], layers: set[str]) -> None:
    for strip, made in placing.made_in(scene):
        if made["job"] in jobs and made["layer"] in layers:
            strip.mute = True


def is_gone(error: Exception) -> bool:
    """Whether the bridge ended before it answered."""
    return getattr(error, "kind", "") == "BridgeEndedError"
