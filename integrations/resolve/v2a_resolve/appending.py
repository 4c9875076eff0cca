"""Appends a sound to a track, and believes nothing but what then lies there."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Mapping

from . import decisions, memory, times
from .host import Refusal, ask

_TRIES = 3


class CrowdedError(Refusal):
    """Something else lies where the sound should: it came there after the plan was made."""


def append(pool: Any, timeline: Any, rate: Fraction, medium: Any, item: Mapping[str, Any]) -> tuple[Any, int]:
    """Append an item where it was planned; the clip, and by how many frames it is longer than planned.

    It is longer only where the WAV counts frames of another rate than the timeline, and none of them ends there. What
    lies otherwise is deleted and appended again: some builds play the end frame, others do not.

    Raises CrowdedError where the track has no room any more, Refusal where Resolve does it otherwise.
    """
    media_rate = item_rate(medium)
    start, end = decisions.media_frames(item, media_rate, rate)
    wanted, inclusive = item["end"] - item["start"], memory.end_is_inclusive()
    slack = -int(-rate / media_rate // 1) - 1
    length = 0
    for _ in range(_TRIES):
        before = {ask(one, "GetUniqueId") for one in listed(timeline, item["channel"])}
        info = {
            "mediaPoolItem": medium,
            "startFrame": start,
            "endFrame": end - inclusive,
            "mediaType": 2,
            "trackIndex": item["channel"],
            "recordFrame": record_frame(timeline, item["start"]),
        }
        returned = ask(pool, "AppendToTimeline", [info])
        new = appended(timeline, item["channel"], before, medium, returned)
        if failed(returned) or len(new) != 1:
            delete(timeline, new)
            _check_room(timeline, item)
            continue
        length = int(new[0].GetDuration())
        if 0 <= length - wanted <= slack:
            memory.set_end_is_inclusive(inclusive)
            return new[0], length - wanted
        delete(timeline, new)
        inclusive = not inclusive
    what = f"made it {length} frames long instead of {wanted}" if length else "did not keep it on its track"
    raise Refusal(f"Resolve {what}, so it was taken away. Run V2A Doctor, and V2A Audition and keep")


def record_frame(timeline: Any, frame: int) -> int:
    """Where a frame counted from the timeline's first is recorded: Resolve counts from midnight."""
    return int(timeline.GetStartFrame()) + frame


def item_rate(medium: Any) -> Fraction:
    """The rate that an imported WAV took, and keeps: the project's at that moment, not its timeline's.

    Raises Refusal where it is unknown.
    """
    said = ask(medium, "GetClipProperty", "FPS")
    taken = times.rate_of(said)
    if taken is None:
        raise Refusal(f"Resolve gives the sound no frame rate that is known ({said!r}): it is not placed")
    return taken


def failed(returned: Any) -> bool:
    """Whether an append failed: it gives back nothing, or an item without an id. What it left goes when saved."""
    return not returned or not all(ask(item, "GetUniqueId") for item in returned)


def appended(timeline: Any, track: int, before: set[Any], medium: Any, returned: Any) -> list[Any]:
    """What is on a track of a medium that was not there before an append: what this gave back need not exist.

    Clips that the user put there meanwhile are of other media.
    """
    ours = ask(medium, "GetUniqueId")
    return [
        item
        for item in listed(timeline, track)
        if ask(item, "GetUniqueId") not in before and ask(ask(item, "GetMediaPoolItem"), "GetUniqueId") == ours
    ]


def listed(timeline: Any, track: int) -> list[Any]:
    """All items of an audio track. Raises Refusal where Resolve does not tell."""
    items = ask(timeline, "GetItemListInTrack", "audio", track)
    if items is None:
        raise Refusal("Resolve does not tell what lies on its tracks: close any window that asks something")
    return list(items)


def delete(timeline: Any, items: list[Any]) -> None:
    """Delete what was placed wrongly. Raises Refusal."""
    if items and not ask(timeline, "DeleteClips", items, False):
        raise Refusal("Resolve did not take away a clip that it placed wrongly: remove it by hand (Edit > Undo)")


def _check_room(timeline: Any, item: Mapping[str, Any]) -> None:
    start, end = (record_frame(timeline, item[key]) for key in ("start", "end"))
    for one in listed(timeline, item["channel"]):
        if one.GetStart() < end and start < one.GetEnd():
            name = ask(timeline, "GetTrackName", "audio", item["channel"])
            raise CrowdedError(f"Something else lies on the track '{name}' now: run V2A Audition and keep")
