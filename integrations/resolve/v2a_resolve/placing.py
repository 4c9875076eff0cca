"""Places sounds on tracks of their own: plan, place, read back, compare, and take away again what is not as planned."""

from __future__ import annotations

import contextlib
import json
from fractions import Fraction
from typing import Any, Iterator, Mapping, Sequence

from . import decisions, inserts, times
from .host import Host, Refusal, ask, can
from .inserts import Insert
from .planning import Ask, plan, read_back
from .reading import timeline_rate

BIN = "V2A"
_TRIES = 3


def place(host: Host, bridge: Ask, status: Mapping[str, Any], takes: Sequence[int] | None = None) -> list[str]:
    """Place a finished job's sounds where it was asked for; what the user should know of it, as sentences.

    bridge: asks the bridge. takes: the numbers of those to place; None: the first alone. Raises Refusal where the
    timeline does not hold them as planned; then it is as before.
    """
    tag = status.get("tag") or {}
    timeline = host.timeline_of(str(tag.get("timeline")))
    if timeline is None:
        raise Refusal(
            "The timeline that this sound was made for is not in this project: open its project, and keep it then"
        )
    with host.kept(timeline):
        rate = timeline_rate(timeline)
        items = plan(bridge, timeline, status, rate, list(takes or [1]), int(tag.get("tail", 0)))
        insert = Insert.begun(host, timeline, str(status["job"]), str(status.get("name", "")), str(tag.get("shot", "")))
        try:
            notes = _place_all(host, bridge, timeline, rate, status, items, insert)
        except BaseException:
            inserts.take_away(host, timeline, insert)
            raise
        inserts.remember(insert)
        return notes


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


def _place_all(
    host: Host,
    bridge: Ask,
    timeline: Any,
    rate: Fraction,
    status: Mapping[str, Any],
    items: list[dict[str, Any]],
    insert: Insert,
) -> list[str]:
    made = {(take["layer"], take["take"]): take for take in status["takes"]}
    notes, placed = [], []
    with _bin(host, insert) as pool:
        for item in items:
            take = made[item["layer"], item["take"]]
            track = _track(timeline, item, decisions.track_type(int(take["channels"])), insert)
            medium = _imported(pool, item, insert)
            notes += _describe(medium, item, take)
            placed.append(_put(pool, timeline, rate, medium, item, track, insert, notes))
    notes += save(host)
    found = read_back(timeline, [item for item, _ in placed], [unique_id for _, unique_id in placed])
    differences = bridge("verify", {"items": [item for item, _ in placed], "found": found})["differences"]
    if differences:
        raise Refusal(
            "Resolve did not place the sound as planned, so it was taken away again: " + "; ".join(differences)
        )
    return notes


@contextlib.contextmanager
def _bin(host: Host, insert: Insert) -> Iterator[Any]:
    """The media pool with the bin V2A open: media are imported into whichever is open."""
    pool = host.pool
    root = ask(pool, "GetRootFolder")
    folders = {ask(folder, "GetName"): folder for folder in ask(root, "GetSubFolderList") or []}
    folder = folders.get(BIN)
    if folder is None:
        folder = ask(pool, "AddSubFolder", root, BIN)
        if folder is None:
            raise Refusal(
                "Resolve made no bin for the sounds: close any window that asks something, and run this again"
            )
        insert.made_bin = True
    if not ask(pool, "SetCurrentFolder", folder):
        raise Refusal(f"Resolve did not open the bin {BIN}: open it once by hand, and run this again")
    yield pool


def _track(timeline: Any, item: Mapping[str, Any], kind: str, insert: Insert) -> int:
    """The track that an item was planned for, made where it is not there yet. Raises Refusal."""
    while (ask(timeline, "GetTrackCount", "audio") or 0) < item["channel"]:
        count = ask(timeline, "GetTrackCount", "audio") or 0
        ask(timeline, "AddTrack", "audio", {"audioType": kind})
        if (ask(timeline, "GetTrackCount", "audio") or 0) != count + 1:
            raise Refusal("Resolve made no new audio track: close any window that asks something, and run this again")
        ask(timeline, "SetTrackName", "audio", count + 1, item["channel_name"])
        insert.tracks.append(item["channel_name"])
        insert.write()
    got = ask(timeline, "GetTrackSubType", "audio", item["channel"])
    if got not in (None, "", kind):
        raise Refusal(f"Resolve made a {got} track for a {kind} sound: it is not placed")
    return int(item["channel"])


def _imported(pool: Any, item: Mapping[str, Any], insert: Insert) -> Any:
    before = {ask(medium, "GetUniqueId") for medium in ask(ask(pool, "GetCurrentFolder"), "GetClipList") or []}
    media = ask(pool, "ImportMedia", [item["path"]]) or []
    if not media or not can(media[0], "GetClipProperty"):
        raise Refusal(f"Resolve did not import {item['path']}: check that the file and its drive are there")
    if ask(media[0], "GetUniqueId") not in before:
        insert.media.append(ask(media[0], "GetUniqueId"))
        insert.write()
    return media[0]


def _describe(medium: Any, item: Mapping[str, Any], take: Mapping[str, Any]) -> list[str]:
    """Say in the medium's metadata that it is generated, and give it a reel name for EDLs; what did not stick."""
    ask(medium, "SetMetadata", "Description", "Synthetic sound, generated by V2A Studio")
    ask(medium, "SetMetadata", "Comments", json.dumps(item.get("provenance") or {}, sort_keys=True))
    return set_property(medium, "Reel Name", decisions.reel_name(str(take.get("sha256") or "00000")))


def set_property(medium: Any, name: str, value: str) -> list[str]:
    """Set a medium's property; a sentence where Resolve says that it did, and did not."""
    ask(medium, "SetClipProperty", name, value)
    if ask(medium, "GetClipProperty", name) == value:
        return []
    return [f"Resolve did not keep '{value}' as {name} of {ask(medium, 'GetName')}: EDLs name it by its file instead"]


def _put(
    pool: Any,
    timeline: Any,
    rate: Fraction,
    medium: Any,
    item: dict[str, Any],
    track: int,
    insert: Insert,
    notes: list[str],
) -> tuple[dict[str, Any], str]:
    """Append an item where it was planned, until it lies there with its length; the item, and the clip's id."""
    media_rate = item_rate(medium)
    start, end = decisions.media_frames(item, media_rate, rate)
    wanted, inclusive = item["end"] - item["start"], inserts.end_is_inclusive()
    length = 0
    for _ in range(_TRIES):
        before = {ask(one, "GetUniqueId") for one in _listed(timeline, track)}
        returned = ask(
            pool,
            "AppendToTimeline",
            [
                {
                    "mediaPoolItem": medium,
                    "startFrame": start,
                    "endFrame": end - inclusive,
                    "mediaType": 2,
                    "trackIndex": track,
                    "recordFrame": record_frame(timeline, item["start"]),
                }
            ],
        )
        new = appended(timeline, track, before, returned)
        if failed(returned) or len(new) != 1:
            _delete(timeline, new)
            continue
        length = int(new[0].GetDuration())
        slack = 0 if media_rate == rate else -int(-rate / media_rate // 1)
        if 0 <= length - wanted <= slack and not (length > wanted and slack == 0):
            if length != wanted:
                notes.append(_longer(item, length - wanted, media_rate, rate))
                item = {**item, "end": item["start"] + length, "tail": item["tail"] - (length - wanted)}
            inserts.set_end_is_inclusive(inclusive)
            unique_id = str(ask(new[0], "GetUniqueId"))
            insert.clips[unique_id] = item["layer"]
            insert.write()
            ask(new[0], "SetClipColor", decisions.colour_of(item["layer"]))
            ask(new[0], "SetName", item["name"])
            if item["muted"]:
                ask(new[0], "SetClipEnabled", False)
            return item, unique_id
        _delete(timeline, new)
        inclusive = not inclusive  # some builds play the end frame, others do not
    what = f"made it {length} frames long instead of {wanted}" if length else "did not keep it on its track"
    raise Refusal(f"Resolve {what}, so it was taken away again. Run V2A Doctor, and V2A Audition and keep")


def appended(timeline: Any, track: int, before: set[Any], returned: Any) -> list[Any]:
    """What is on a track that was not there before an append: what it gives back need not exist."""
    return [item for item in _listed(timeline, track) if ask(item, "GetUniqueId") not in before]


def _longer(item: Mapping[str, Any], frames: int, media_rate: Fraction, rate: Fraction) -> str:
    return (
        f"{item['name']} ends {frames} frame{'s' if frames > 1 else ''} later than the picture: this project counts a "
        f"sound at {float(media_rate):g} frames a second, and the timeline at {float(rate):g}"
    )


def _listed(timeline: Any, track: int) -> list[Any]:
    return list(ask(timeline, "GetItemListInTrack", "audio", track) or [])


def _delete(timeline: Any, items: list[Any]) -> None:
    if items and not ask(timeline, "DeleteClips", items, False):
        raise Refusal("Resolve did not take away a clip that it placed wrongly: remove it by hand (Edit > Undo)")


def save(host: Host) -> list[str]:
    """Save the project, so that what would vanish then has vanished before it is read back.

    A project that was never saved asks for a name in a window, and waits: it is left alone.
    """
    if str(ask(host.project, "GetName")).startswith("Untitled Project"):
        return ["This project has no name yet: save it, so that the sound is kept"]
    ask(ask(host.resolve, "GetProjectManager"), "SaveProject")
    return []
