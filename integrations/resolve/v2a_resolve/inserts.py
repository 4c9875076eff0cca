"""What was placed, kept on the disk: Resolve has no undo for scripts, so V2A takes back what it placed itself."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any, Collection, Iterable, Mapping

from . import memory
from .host import Host, ask

_FOLDER = "inserts"  # a file each: several scripts may run at a time
_MAX_KEPT = 200  # of a project


@dataclass
class Insert:
    """One job's sounds in a timeline.

    shot: what further tries of the same have in common. submitted: when the job was asked for. clips: unique ids, and
    the layer of each. media: unique ids. tracks: names of those that were made for it. silenced: clips of former tries
    that it muted.
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
    submitted: str = ""

    @classmethod
    def begun(cls, host: Host, timeline: Any, status: Mapping[str, Any], shot: str) -> Insert:
        """The start of an insert, on the disk before anything is placed: a crash leaves nothing unknown."""
        project, unique_id = str(ask(host.project, "GetUniqueId")), str(ask(timeline, "GetUniqueId"))
        for old in kept(project)[:-_MAX_KEPT]:
            old.forget()
        in_order = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        insert = cls(in_order, project, unique_id, str(status["job"]), str(status.get("name", "")), shot)
        insert.submitted = str(status.get("submitted", ""))
        insert.write()
        return insert

    def write(self) -> None:
        """Write it down as it is now. Raises Refusal."""
        memory.write(f"{_FOLDER}/{self.id}.json", asdict(self))

    def forget(self) -> None:
        """It was taken away."""
        memory.forget(f"{_FOLDER}/{self.id}.json")


def kept(project: str) -> list[Insert]:
    """All inserts of a project that are kept, oldest first."""
    found = []
    for name in memory.names(_FOLDER):
        try:
            found.append(Insert(**memory.read(name)))
        except TypeError:
            continue  # written by another version, or no whole file
    return [insert for insert in found if insert.project == project]


def last(project: str, timeline: str) -> Insert | None:
    """The last insert of a timeline."""
    found = [one for one in kept(project) if one.timeline == timeline and (one.clips or one.tracks)]
    return found[-1] if found else None


def other_tries(insert: Insert, layers: Collection[str], *, newer: bool = False) -> list[str]:
    """The clips of former tries of the same shot, of these layers; or of newer ones, where an old one is placed."""
    return [
        clip
        for one in kept(insert.project)
        if insert.shot and one.shot == insert.shot and one.id != insert.id
        if (one.submitted > insert.submitted) == newer
        for clip, layer in one.clips.items()
        if layer in layers
    ]


def jobs_placed(host: Host, statuses: Iterable[Mapping[str, Any]]) -> set[str]:
    """Those of the jobs of which a sound lies in a timeline of the open project, whoever put it there."""
    paths = {
        ask(ask(clip, "GetMediaPoolItem"), "GetClipProperty", "File Path")
        for timeline in host.timelines()
        for number in range(1, (ask(timeline, "GetTrackCount", "audio") or 0) + 1)
        for clip in ask(timeline, "GetItemListInTrack", "audio", number) or []
    }
    return {str(status["job"]) for status in statuses if any(take["path"] in paths for take in status["takes"])}


def clips_of(timeline: Any, unique_ids: Collection[str]) -> list[tuple[int, Any]]:
    """Clips on audio tracks by their ids, with the number of the track."""
    return [
        (number, clip)
        for number in range(1, (ask(timeline, "GetTrackCount", "audio") or 0) + 1)
        for clip in ask(timeline, "GetItemListInTrack", "audio", number) or []
        if ask(clip, "GetUniqueId") in unique_ids
    ]
