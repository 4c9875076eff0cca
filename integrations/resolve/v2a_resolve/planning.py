"""Which tracks sounds go to, and what a timeline then holds of them, as the bridge's `plan` and `verify` have it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Callable, Dict, Mapping, Sequence

from . import decisions
from .host import ask, can

_OURS = "V2A "

Ask = Callable[[str, Dict[str, Any]], Any]


def plan(
    bridge: Ask, timeline: Any, status: Mapping[str, Any], rate: Fraction, takes: Sequence[int], tail: int
) -> list[dict[str, Any]]:
    """Where the sounds go: on tracks of the same name that have room and the right type, else on new ones."""
    types = {decisions.track_type(int(take["channels"])) for take in status["takes"]}
    tracks = audio_tracks(timeline)
    closed: set[int] = set()
    while True:
        channels = [
            {**track, "locked": track["locked"] or track["number"] in closed or not _is_ours(track, types)}
            for track in tracks
        ]
        for channel in channels:
            channel.pop("type")
        params = {"job": status["job"], "rate": str(rate), "channels": channels, "takes": list(takes)}
        items = bridge("plan", params)["items"]
        names = {track["number"]: track["name"] for track in tracks}
        other = {
            item["channel"]
            for item in items
            if names.get(item["channel"], item["channel_name"]) != item["channel_name"]
        }
        if not other - closed:
            return [decisions.without_tail(item, tail) for item in items]
        closed |= other


def audio_tracks(timeline: Any) -> list[dict[str, Any]]:
    """All audio tracks, with what they hold as frames from the timeline's first."""
    first = int(timeline.GetStartFrame())
    return [
        {
            "number": index,
            "name": str(ask(timeline, "GetTrackName", "audio", index) or ""),
            "locked": bool(ask(timeline, "GetIsTrackLocked", "audio", index)),
            "muted": ask(timeline, "GetIsTrackEnabled", "audio", index) is False,
            "type": _type_of(timeline, index),
            "taken": [
                [int(item.GetStart()) - first, int(item.GetEnd()) - first]
                for item in ask(timeline, "GetItemListInTrack", "audio", index) or []
            ],
        }
        for index in range(1, (ask(timeline, "GetTrackCount", "audio") or 0) + 1)
    ]


def _type_of(timeline: Any, index: int) -> str:
    """An audio track's type; before 19.0, which has no such call, that of the clips on it: ours match."""
    if can(timeline, "GetTrackSubType"):
        return str(ask(timeline, "GetTrackSubType", "audio", index))
    media = [ask(clip, "GetMediaPoolItem") for clip in ask(timeline, "GetItemListInTrack", "audio", index) or []]
    channels = {str(ask(medium, "GetClipProperty", "Audio Ch")) for medium in media}
    return decisions.track_type(int(channels.pop())) if channels in ({"1"}, {"2"}) else ""


def _is_ours(track: Mapping[str, Any], types: set[str]) -> bool:
    """Whether a track may be used again: it is named as ours are, and all sounds fit its type."""
    return track["name"].startswith(_OURS) and types == {track["type"]}


def read_back(timeline: Any, items: Sequence[Mapping[str, Any]], unique_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What the timeline holds of placed items, as `verify` has it."""
    first = int(timeline.GetStartFrame())
    there = {
        ask(clip, "GetUniqueId"): (number, clip)
        for number in range(1, (ask(timeline, "GetTrackCount", "audio") or 0) + 1)
        for clip in (ask(timeline, "GetItemListInTrack", "audio", number) or [])
    }
    found = []
    for item, unique_id in zip(items, unique_ids):
        if unique_id not in there:
            continue
        number, clip = there[unique_id]
        medium = ask(clip, "GetMediaPoolItem")
        offset = int(ask(clip, "GetLeftOffset") or 0)
        found.append(
            {
                "layer": item["layer"],
                "take": item["take"],
                "path": str(ask(medium, "GetClipProperty", "File Path") or ""),
                "name": str(ask(clip, "GetName")) if can(clip, "SetName") else item["name"],
                "channel": number,
                "start": int(clip.GetStart()) - first,
                "end": int(clip.GetEnd()) - first,
                "offset": offset,
                "muted": ask(clip, "GetClipEnabled") is False,
            }
        )
    return found
