"""The shape of `.otio` that DaVinci Resolve imports: see `write`."""

from pathlib import Path

import opentimelineio as otio

from v2a_otio.exports.readback import Found
from v2a_otio.exports.timelines import as_timeline, found
from v2a_otio.exports.turnover import Turnover

_ADAPTER = "otio_json"
_KEY = "DEFAULT_MEDIA"
_NAMES = {"picture": "Video", "sound": "Audio"}


def write(turnover: Turnover, path: Path) -> None:
    """Write whole frames in each file's own timecode, one media reference a clip, and plain paths.

    Resolve imports nothing at all where a timeline has another shape, and reads constant speed as OTIO says it.
    """
    timeline = as_timeline(turnover, turnover.lanes, urls=False)
    numbers = {"picture": 0, "sound": 0}
    for lane, track in zip(turnover.lanes, timeline.tracks, strict=True):
        numbers[lane.kind] += 1
        track.name = f"{_NAMES[lane.kind]} {numbers[lane.kind]}"
        for item, clip in zip(lane.items, track.find_clips(), strict=True):
            clip.set_media_references({_KEY: clip.media_reference}, _KEY)
            if item.plan.speed != 1:
                clip.effects.append(otio.schema.LinearTimeWarp("speed", float(item.plan.speed)))
    path.write_text(otio.adapters.write_to_string(timeline, _ADAPTER), encoding="utf-8")


def read(path: Path, turnover: Turnover) -> list[list[Found]]:
    """What the file holds."""
    timeline = otio.adapters.read_from_string(path.read_text(encoding="utf-8"), _ADAPTER)
    return [list(found(track)) for track in timeline.tracks]
