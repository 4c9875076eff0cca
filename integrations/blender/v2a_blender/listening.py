# SPDX-License-Identifier: GPL-3.0-or-later
"""Playing a take's file by itself, through Blender's own audio."""

from __future__ import annotations

import os
from typing import Any

_playing: tuple[str, Any] | None = None
_device: Any = None


def toggle(path: str) -> str:
    """Play a file, or stop it where it plays; why that cannot be, "" where it can."""
    global _playing, _device
    was = playing()
    stop()
    if was and was == path:
        return ""
    if not os.path.isfile(path):  # noqa: PTH113
        return f"{path or 'the file'} is not there any more: re-roll it, or delete the take"
    try:
        import aud
    except ImportError:
        return "this Blender cannot play files by itself: choose the take, and play the timeline"
    try:
        _device = _device or aud.Device()
        _playing = (path, _device.play(aud.Sound(path)))
    except Exception as error:  # aud.error is no stable name
        return f"the file cannot be played ({error}): see Edit › Preferences › System › Sound"
    return ""


def playing() -> str:
    """The file that plays now, "" where none does."""
    return _playing[0] if _playing is not None and getattr(_playing[1], "status", False) else ""


def stop() -> None:
    """Stop what plays."""
    global _playing
    if _playing is not None:
        _playing[1].stop()
        _playing = None
