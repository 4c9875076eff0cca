"""Takes what was placed out of a timeline again, and leaves everything else as it is."""

from __future__ import annotations

from typing import Any

from .appending import listed
from .host import Host, Refusal, ask
from .inserts import Insert, clips_of

BIN = "V2A"


def take_away(host: Host, timeline: Any, insert: Insert) -> int:
    """Take an insert out of its timeline, with the tracks, media and the bin that were made for it; how many clips.

    Its files stay. What the user put on those tracks, or uses elsewhere, stays too. Raises Refusal where a track is
    locked, or where Resolve does not tell what lies there, or does not do it; then it can be tried again.
    """
    for number in range(1, (ask(timeline, "GetTrackCount", "audio") or 0) + 1):
        listed(timeline, number)
    with host.kept(timeline):
        count = _take_clips(timeline, insert)
        for _, clip in clips_of(timeline, insert.silenced):
            ask(clip, "SetClipEnabled", True)
        _take_tracks(timeline, insert)
        _take_media(host, insert)
    insert.forget()
    return count


def _take_clips(timeline: Any, insert: Insert) -> int:
    clips = clips_of(timeline, insert.clips)
    for number in sorted({number for number, _ in clips}):
        if ask(timeline, "GetIsTrackLocked", "audio", number):
            name = ask(timeline, "GetTrackName", "audio", number)
            raise Refusal(f"The track '{name}' is locked: unlock it, and run this again. Nothing was removed")
    if clips:
        ask(timeline, "DeleteClips", [clip for _, clip in clips], False)
        if clips_of(timeline, insert.clips):
            raise Refusal("Resolve did not remove the sounds: close any window that asks something, and run this again")
    return len(clips)


def _take_tracks(timeline: Any, insert: Insert) -> None:
    for name in reversed(insert.tracks):
        for number in range(ask(timeline, "GetTrackCount", "audio") or 0, 0, -1):
            is_empty = ask(timeline, "GetItemListInTrack", "audio", number) == []
            if is_empty and ask(timeline, "GetTrackName", "audio", number) == name:
                ask(timeline, "DeleteTrack", "audio", number)
                break


def _take_media(host: Host, insert: Insert) -> None:
    """Delete media that were imported for it and that nothing uses: deleting others would delete clips, too."""
    pool = host.pool
    for folder in ask(ask(pool, "GetRootFolder"), "GetSubFolderList") or []:
        if ask(folder, "GetName") != BIN:
            continue
        used = _used_media(host)
        media = [medium for medium in ask(folder, "GetClipList") or [] if ask(medium, "GetUniqueId") in insert.media]
        free = [medium for medium in media if used is not None and _is_free(medium, used)]
        if free:
            ask(pool, "DeleteClips", free)
        is_empty = ask(folder, "GetClipList") == [] and ask(folder, "GetSubFolderList") == []
        if insert.made_bin and is_empty:
            ask(pool, "DeleteFolders", [folder])


def _is_free(medium: Any, used: set[Any]) -> bool:
    """Whether a medium lies in no timeline, nor, as far as Resolve counts, in a compound clip."""
    counted = str(ask(medium, "GetClipProperty", "Usage") or "0")
    return ask(medium, "GetUniqueId") not in used and counted == "0"


def _used_media(host: Host) -> set[Any] | None:
    """The ids of media that lie in any timeline; None where Resolve does not tell of all."""
    used = set()
    for timeline in host.timelines():
        for kind in ("audio", "video"):
            for number in range(1, (ask(timeline, "GetTrackCount", kind) or 0) + 1):
                clips = ask(timeline, "GetItemListInTrack", kind, number)
                if clips is None:
                    return None
                used |= {ask(ask(clip, "GetMediaPoolItem"), "GetUniqueId") for clip in clips}
    return used
