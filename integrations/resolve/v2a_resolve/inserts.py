"""What was placed, kept on the disk: Resolve has no undo for scripts, so V2A takes back what it placed itself."""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Collection, Mapping

from v2a_host import finding

from .host import Host, Refusal, ask

BIN = "V2A"
_SETTINGS, _FOLDER = "settings.json", "inserts"
_MAX_KEPT = 200


@dataclass
class Insert:
    """One job's sounds in a timeline.

    shot: what further tries of the same have in common. clips: unique ids, and the layer of each. media: unique ids.
    tracks: names of those that were made for it. silenced: clips of former tries that it muted.
    """

    id: str
    project: str
    timeline: str
    job: str
    name: str
    shot: str
    clips: dict[str, str] = field(default_factory=dict)
    media: list[str] = field(default_factory=list)
    tracks: list[str] = field(default_factory=list)
    silenced: list[str] = field(default_factory=list)
    made_bin: bool = False

    @classmethod
    def begun(cls, host: Host, timeline: Any, status: Mapping[str, Any], shot: str) -> Insert:
        """The start of an insert, on the disk before anything is placed: a crash leaves nothing unknown."""
        project, unique_id = str(ask(host.project, "GetUniqueId")), str(ask(timeline, "GetUniqueId"))
        for name in _names()[:-_MAX_KEPT]:
            (folder() / _FOLDER / name).unlink()
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"  # the order in which they were made
        insert = cls(name, project, unique_id, str(status["job"]), str(status.get("name", "")), shot)
        insert.write()
        return insert

    def write(self) -> None:
        """Write it down as it is now."""
        _write(f"{_FOLDER}/{self.id}.json", asdict(self))

    def forget(self) -> None:
        """It was taken away."""
        (folder() / _FOLDER / f"{self.id}.json").unlink()


def folder() -> Path:
    """Where settings and inserts are kept."""
    return finding.state_folder() / "resolve"


def settings() -> dict[str, Any]:
    """The last settings of the user."""
    return dict(_file(_SETTINGS).get("job") or {})


def set_settings(job: dict[str, Any]) -> None:
    """Keep the user's settings for the next time."""
    _write(_SETTINGS, {**_file(_SETTINGS), "job": job})


def server() -> dict[str, str]:
    """Another server than the user's own, where the settings name one: as `hello` has it."""
    kept = _file(_SETTINGS)
    return {key: str(kept[key]) for key in ("server", "token_file") if kept.get(key)}


def end_is_inclusive() -> bool:
    """Whether this Resolve was last seen to play the end frame of what is appended."""
    return bool(_file(_SETTINGS).get("end_is_inclusive"))


def set_end_is_inclusive(inclusive: bool) -> None:
    """Keep what was seen."""
    if inclusive != end_is_inclusive():
        _write(_SETTINGS, {**_file(_SETTINGS), "end_is_inclusive": inclusive})


def jobs_placed(project: str) -> set[str]:
    """The jobs whose sounds lie in a project's timelines."""
    return {str(one["job"]) for one in _inserts() if one["project"] == project and one["clips"]}


def former_tries(insert: Insert, layers: Collection[str]) -> list[str]:
    """The clips of former tries of the same shot, of these layers."""
    return [
        clip
        for one in _inserts()
        if insert.shot and one["shot"] == insert.shot and one["id"] != insert.id
        for clip, layer in one["clips"].items()
        if layer in layers
    ]


def last(project: str, timeline: str) -> Insert | None:
    """The last insert of a timeline."""
    found = [
        one
        for one in _inserts()
        if one["project"] == project and one["timeline"] == timeline and (one["clips"] or one["tracks"])
    ]
    return Insert(**found[-1]) if found else None


def take_away(host: Host, timeline: Any, insert: Insert) -> int:
    """Take an insert out of its timeline, with the tracks, media and the bin that were made for it; how many clips.

    Its files stay. What the user put on those tracks, or uses elsewhere, stays too. Raises Refusal where a track is
    locked, or where Resolve does not do it.
    """
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


def clips_of(timeline: Any, unique_ids: Collection[str]) -> list[tuple[int, Any]]:
    """Clips on audio tracks by their ids, with the number of the track."""
    return [
        (number, clip)
        for number in range(1, (ask(timeline, "GetTrackCount", "audio") or 0) + 1)
        for clip in ask(timeline, "GetItemListInTrack", "audio", number) or []
        if ask(clip, "GetUniqueId") in unique_ids
    ]


def _take_tracks(timeline: Any, insert: Insert) -> None:
    for name in reversed(insert.tracks):
        for number in range(ask(timeline, "GetTrackCount", "audio") or 0, 0, -1):
            is_empty = not ask(timeline, "GetItemListInTrack", "audio", number)
            if is_empty and ask(timeline, "GetTrackName", "audio", number) == name:
                ask(timeline, "DeleteTrack", "audio", number)
                break


def _take_media(host: Host, insert: Insert) -> None:
    pool = host.pool
    root = ask(pool, "GetRootFolder")
    for bin_ in ask(root, "GetSubFolderList") or []:
        if ask(bin_, "GetName") != BIN:
            continue
        used = _used_media(host)
        ours = [medium for medium in ask(bin_, "GetClipList") or [] if ask(medium, "GetUniqueId") in insert.media]
        free = [medium for medium in ours if ask(medium, "GetUniqueId") not in used]
        if free:
            ask(pool, "DeleteClips", free)
        is_empty = not ask(bin_, "GetClipList") and not ask(bin_, "GetSubFolderList")
        if insert.made_bin and is_empty:
            ask(pool, "DeleteFolders", [bin_])


def _used_media(host: Host) -> set[Any]:
    """The ids of media that lie in any timeline: deleting them would delete clips, too."""
    project = host.project
    used = set()
    for index in range(1, (ask(project, "GetTimelineCount") or 0) + 1):
        timeline = ask(project, "GetTimelineByIndex", index)
        for kind in ("audio", "video"):
            for number in range(1, (ask(timeline, "GetTrackCount", kind) or 0) + 1):
                for clip in ask(timeline, "GetItemListInTrack", kind, number) or []:
                    used.add(ask(ask(clip, "GetMediaPoolItem"), "GetUniqueId"))
    return used


def _inserts() -> list[dict[str, Any]]:
    """All inserts that are kept, oldest first: a file each, since several scripts may run at a time."""
    return [found for found in (_file(f"{_FOLDER}/{name}") for name in _names()) if found]


def _names() -> list[str]:
    try:
        return sorted(path.name for path in (folder() / _FOLDER).iterdir() if path.suffix == ".json")
    except OSError:
        return []


def _file(name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder() / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(name: str, content: dict[str, Any]) -> None:
    """Write a file whole or not at all. Raises Refusal."""
    path = folder() / name
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_text(json.dumps(content, indent=1), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        why = error.strerror or error
        raise Refusal(f"{path} cannot be written ({why}): make room there, and run this again") from None
