"""Tries on a scratch timeline what no version number tells: whether appending plays the end frame."""

from __future__ import annotations

import contextlib
import tempfile
import wave
from pathlib import Path
from typing import Any, Iterator

from . import memory
from .appending import item_rate, record_frame
from .host import Host, Refusal, ask
from .reading import timeline_rate

_SECONDS, _FRAMES = 4, 24
_RATE_HZ = 48_000
_NAME = "V2A probe (delete me)"


def end_is_inclusive(host: Host) -> bool:
    """Whether this Resolve plays the end frame of what is appended; kept for the next placing.

    Raises Refusal where nothing can be appended. Everything made for it is taken away again.
    """
    with _scratch(host) as (timeline, medium):
        rate, media_rate = timeline_rate(timeline), item_rate(medium)
        info = {
            "mediaPoolItem": medium,
            "startFrame": 0,
            "endFrame": _FRAMES,
            "mediaType": 2,
            "trackIndex": 1,
            "recordFrame": record_frame(timeline, 0),
        }
        ask(host.pool, "AppendToTimeline", [info])
        items = ask(timeline, "GetItemListInTrack", "audio", 1) or []
        if len(items) != 1:
            raise Refusal("Resolve appended nothing to a scratch timeline: close any window that asks something")
        inclusive = int(items[0].GetDuration()) > _FRAMES * rate / media_rate
    memory.set_end_is_inclusive(inclusive)
    return inclusive


@contextlib.contextmanager
def _scratch(host: Host) -> Iterator[tuple[Any, Any]]:
    """A timeline and a silent sound of their own. Raises Refusal."""
    project, pool = host.project, host.pool
    current, folder = host.timeline, ask(pool, "GetCurrentFolder")
    _delete(host)  # what an earlier try left: of one name there is only one
    media: list[Any] = []
    with tempfile.TemporaryDirectory(prefix="v2a-probe-") as place, host.page("edit"):
        path = Path(place) / "silence.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(2)
            sound.setsampwidth(2)
            sound.setframerate(_RATE_HZ)
            sound.writeframes(bytes(4 * _RATE_HZ * _SECONDS))
        try:
            timeline = ask(pool, "CreateEmptyTimeline", _NAME)
            media = ask(pool, "ImportMedia", [str(path)]) or []
            if timeline is None or not media:
                raise Refusal(
                    "Resolve made no scratch timeline: close any window that asks something, and run this again"
                )
            ask(project, "SetCurrentTimeline", timeline)
            yield timeline, media[0]
        finally:
            ask(project, "SetCurrentTimeline", current)  # first, since Resolve need not delete the one that is open
            if media:
                ask(pool, "DeleteClips", media)
            if folder is not None:
                ask(pool, "SetCurrentFolder", folder)
            _delete(host)


def _delete(host: Host) -> None:
    """Delete the scratch timeline, where there is one. Raises Refusal where it stays."""
    if _left(host):
        ask(host.pool, "DeleteTimelines", _left(host))
    if _left(host):
        raise Refusal(f"The scratch timeline '{_NAME}' is still in this project: open another one, and delete it")


def _left(host: Host) -> list[Any]:
    return [timeline for timeline in host.timelines() if ask(timeline, "GetName") == _NAME]
