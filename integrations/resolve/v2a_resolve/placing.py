"""Places sounds on tracks of their own: plan, place, read back, compare, and take away again what is not as planned."""

from __future__ import annotations

import contextlib
import json
from fractions import Fraction
from typing import Any, Collection, Iterator, Mapping, Sequence

from v2a_host.bridge_client import BridgeError

from . import decisions, inserts
from .appending import CrowdedError, append
from .host import Host, Refusal, ask, can
from .inserts import Insert
from .planning import Ask, plan, read_back
from .reading import timeline_rate
from .removing import BIN, take_away
from .saying import say


def place(host: Host, bridge: Ask, status: Mapping[str, Any], takes: Sequence[int]) -> list[str]:
    """Place a finished job's sounds where it was asked for; what the user should know of it, as sentences.

    bridge: asks the bridge. takes: the numbers of those to place; the first is heard. Raises Refusal where the
    timeline does not hold them as planned; then it is as before.
    """
    timeline = host.timeline_of(str((status.get("tag") or {}).get("timeline")))
    if timeline is None:
        raise Refusal("The timeline of this sound is not in this project: open its project, and keep it then")
    with host.kept(timeline):
        try:
            return _Placing(host, bridge, timeline, status).place(takes)
        except CrowdedError:  # while it was placed; there is room on another track
            return _Placing(host, bridge, timeline, status).place(takes)


def place_all(host: Host, bridge: Ask, chosen: Sequence[tuple[Mapping[str, Any], Sequence[int]]]) -> str:
    """Place the chosen takes of jobs; what to tell the user. Raises Refusal where none could be placed.

    chosen: each job's status, and the numbers of its takes.
    """
    said: list[str] = []
    placed = 0
    for status, takes in chosen:
        if status["state"] != "succeeded":
            reason = (status.get("error") or {}).get("message") or "it was cancelled"
            said.append(f"{status['name']}: {reason}")
            continue
        said += [str(warning) for warning in status.get("warnings") or []]
        try:
            said += place(host, bridge, status, takes)
            placed += 1
        except (Refusal, BridgeError) as reason:  # what was placed before stays, and is told of
            said.append(f"{status['name']}: {reason}")
    if not placed:
        raise Refusal("\n".join(said))
    where = "1 sound is" if placed == 1 else f"{placed} sounds are"
    which = "it" if placed == 1 else "them, one after the other,"
    return "\n".join([f"{where} in the timeline. V2A Remove last insert takes {which} away", *said])


class _Placing:
    """The placing of one job."""

    def __init__(self, host: Host, bridge: Ask, timeline: Any, status: Mapping[str, Any]) -> None:
        self._host, self._bridge, self._timeline, self._status = host, bridge, timeline, status
        self._rate: Fraction = timeline_rate(timeline)
        self._tag: Mapping[str, Any] = status.get("tag") or {}
        self._insert = Insert.begun(host, timeline, status, str(self._tag.get("shot", "")))
        self._notes: list[str] = []

    def place(self, takes: Sequence[int]) -> list[str]:
        """Place them all, or none; what the user should know of it. Raises Refusal."""
        try:
            tail = int(self._tag.get("tail", 0))
            items = plan(self._bridge, self._timeline, self._status, self._rate, takes, tail)
            with self._bin() as pool:
                placed = [self._put(pool, item) for item in items]
            self._notes += save(self._host)
            self._compare(placed)
            layers = {item["layer"] for item in items}
            self._silence(inserts.other_tries(self._insert, layers))
            newer = inserts.clips_of(self._timeline, inserts.other_tries(self._insert, layers, newer=True))
            if any(ask(clip, "GetClipEnabled") is not False for _, clip in newer):
                self._notes.append("A newer try of it is heard, too: switch one of the two off (D)")
            self._insert.write()
        except BaseException:
            take_away(self._host, self._timeline, self._insert)
            raise
        return self._notes

    @contextlib.contextmanager
    def _bin(self) -> Iterator[Any]:
        """The media pool with the bin V2A open: media are imported into whichever is open."""
        pool = self._host.pool
        root = ask(pool, "GetRootFolder")
        folders = {ask(folder, "GetName"): folder for folder in ask(root, "GetSubFolderList") or []}
        folder = folders.get(BIN)
        if folder is None:
            folder = ask(pool, "AddSubFolder", root, BIN)
            self._insert.made_bin = folder is not None
        if folder is None or not ask(pool, "SetCurrentFolder", folder):
            raise Refusal(
                "Resolve opened no bin for the sound: close any window that asks something, and run this again"
            )
        yield pool

    def _put(self, pool: Any, item: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Place one item; it as it lies, and the clip's id."""
        made = {(take["layer"], take["take"]): take for take in self._status["takes"]}
        take = made[item["layer"], item["take"]]
        self._make_track(item, decisions.track_type(int(take["channels"])))
        medium = self._imported(pool, item)
        describe(medium, item, take)
        clip, longer = append(pool, self._timeline, self._rate, medium, item)
        unique_id = str(ask(clip, "GetUniqueId"))
        self._insert.clips[unique_id] = item["layer"]
        self._insert.write()
        ask(clip, "SetClipColor", decisions.colour_of(item["layer"]))
        ask(clip, "SetName", item["name"])
        if item["muted"]:
            ask(clip, "SetClipEnabled", False)
        if longer:
            frames = "1 frame" if longer == 1 else f"{longer} frames"
            self._notes.append(f"{item['name']} ends {frames} after the picture: the project has another frame rate")
        return {**item, "end": item["end"] + longer, "tail": item["tail"] - longer}, unique_id

    def _make_track(self, item: Mapping[str, Any], kind: str) -> None:
        """The track that an item was planned for, where it is not there yet. Raises Refusal."""
        timeline = self._timeline
        while (ask(timeline, "GetTrackCount", "audio") or 0) < item["channel"]:
            count = ask(timeline, "GetTrackCount", "audio") or 0
            ask(timeline, "AddTrack", "audio", kind)  # without its type it would be mono
            if (ask(timeline, "GetTrackCount", "audio") or 0) != count + 1:
                raise Refusal(
                    "Resolve made no new audio track: close any window that asks something, and run this again"
                )
            ask(timeline, "SetTrackName", "audio", count + 1, item["channel_name"])
            self._insert.tracks.append(item["channel_name"])
            self._insert.write()
        got = ask(timeline, "GetTrackSubType", "audio", item["channel"])
        if got not in (None, "", kind):
            raise Refusal(f"Resolve made a {got} track for a {kind} sound: it is not placed")

    def _imported(self, pool: Any, item: Mapping[str, Any]) -> Any:
        before = {ask(medium, "GetUniqueId") for medium in ask(ask(pool, "GetCurrentFolder"), "GetClipList") or []}
        media = ask(pool, "ImportMedia", [item["path"]]) or []
        if not media or not can(media[0], "GetClipProperty"):
            raise Refusal(f"Resolve did not import {item['path']}: check that the file and its drive are there")
        if ask(media[0], "GetUniqueId") not in before:
            self._insert.media.append(str(ask(media[0], "GetUniqueId")))
            self._insert.write()
        return media[0]

    def _compare(self, placed: Sequence[tuple[dict[str, Any], str]]) -> None:
        """Read back what lies there. Raises Refusal where it is not as planned."""
        items = [item for item, _ in placed]
        found = read_back(self._timeline, items, [unique_id for _, unique_id in placed])
        differences = self._bridge("verify", {"items": items, "found": found})["differences"]
        if differences:
            said = "; ".join(differences)
            raise Refusal(f"Resolve did not place the sound as planned, so it was taken away: {said}")

    def _silence(self, unique_ids: Collection[str]) -> None:
        """Mute former tries of the same: the new one is heard instead."""
        for _, clip in inserts.clips_of(self._timeline, unique_ids):
            if ask(clip, "GetClipEnabled") is not False and ask(clip, "SetClipEnabled", False):
                self._insert.silenced.append(str(ask(clip, "GetUniqueId")))


def describe(medium: Any, item: Mapping[str, Any], take: Mapping[str, Any]) -> None:
    """Say in the medium's metadata that it is generated, and give it a reel name for EDLs."""
    ask(medium, "SetMetadata", "Description", "Synthetic sound, generated by V2A Studio")
    ask(medium, "SetMetadata", "Comments", json.dumps(item.get("provenance") or {}, sort_keys=True))
    reel = decisions.reel_name(str(take.get("sha256") or "00000"))
    if not set_property(medium, "Reel Name", reel):
        say(f"Resolve did not keep the reel name {reel} of {item['name']}: EDLs name it by its file instead")


def set_property(medium: Any, name: str, value: str) -> bool:
    """Set a medium's property; whether it is set: Resolve says so in any case."""
    ask(medium, "SetClipProperty", name, value)
    return bool(ask(medium, "GetClipProperty", name) == value)


def save(host: Host) -> list[str]:
    """Save the project, so that what would vanish then has vanished before it is read back; what to say of it.

    A project that was never saved asks for a name in a window, and waits: it is left alone.
    """
    if str(ask(host.project, "GetName")).startswith("Untitled Project"):
        return ["This project has no name yet: save it, so that the sound is kept"]
    if ask(ask(host.resolve, "GetProjectManager"), "SaveProject"):
        return []
    return ["Resolve did not save the project: save it, so that the sound is kept"]
