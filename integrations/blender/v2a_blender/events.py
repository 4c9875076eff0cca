# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender calls the service for: its timer, and files that are opened and saved."""

from __future__ import annotations

import logging
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .service import IDLE_S, service

_log = logging.getLogger(__name__)


@persistent
def _on_load(*_: Any) -> None:
    service.open_document()


@persistent
def _before_save(*_: Any) -> None:
    service.note_all()


@persistent
def _after_save(*_: Any) -> None:
    service.saved()


_HANDLERS = (("load_post", _on_load), ("save_pre", _before_save), ("save_post", _after_save))


def _tick() -> float:
    try:
        return service.tick()
    except Exception:  # a timer that raises is never called again
        _log.exception("the add-on's timer met an error")
        return IDLE_S


def register() -> None:
    """Begin: handlers and the timer; the bridge is started when it is first needed."""
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)
    bpy.app.timers.register(_tick, first_interval=IDLE_S, persistent=True)


def unregister() -> None:
    """End all of it; jobs go on at the server."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for name, handler in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
    service.close()
