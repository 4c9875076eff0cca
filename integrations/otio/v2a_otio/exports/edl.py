"""CMX 3600: the picture by the published adapter, the sound by us, since the adapter leaves it out."""

import re
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio

from v2a_otio.exports.addresses import url
from v2a_otio.exports.readback import Found
from v2a_otio.exports.timelines import as_timeline, found, span
from v2a_otio.exports.turnover import Item, Turnover
from v2a_otio.times import exact

CHANNELS = ("A", "A2", "A3", "A4")
_ADAPTER = "cmx_3600"
_REEL_CHARS = 8


def write(turnover: Turnover, path: Path) -> None:
    """Write it."""
    picture = _picture(turnover)
    lines = picture.splitlines() if picture else [f"TITLE: {turnover.name}", ""]
    drop = ";" in _timecode(turnover.origin, turnover.rate)
    lines.insert(1, f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}")
    number = sum(len(lane.items) for lane in turnover.pictures)
    for channel, lane in zip(CHANNELS, turnover.sounds, strict=False):
        for item in lane.items:
            number += 1
            lines += _sound(
                number, channel, item, _reel(f"{item.plan.event:03}{lane.name.removeprefix('V2A ')}"), turnover
            )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path: Path, turnover: Turnover) -> list[list[Found]]:
    """What the file holds, by the published adapter. Files are placed by timecode, so their start must be known."""
    text = path.read_text(encoding="utf-8")
    timeline = otio.adapters.read_from_string(text, _ADAPTER, rate=float(turnover.rate))
    tracks = []
    for lane, track in zip(turnover.lanes, timeline.tracks, strict=True):
        # The reader keeps record timecode only as the negative start of the track.
        record_s = -exact(track.source_range.start_time) if track.source_range is not None else Fraction(0)
        origin_s = turnover.origin / turnover.rate
        clips = found(track, record_s - origin_s)
        tracks.append(
            [
                Found(clip.file, clip.start_s, clip.end_s, clip.source_s - item.first / turnover.grid)
                for item, clip in zip(lane.items, clips, strict=True)
            ]
        )
    return tracks


def _picture(turnover: Turnover) -> str:
    if not turnover.pictures:
        return ""
    timeline = as_timeline(turnover, turnover.pictures)
    (track,) = timeline.tracks
    for item, clip in zip(turnover.pictures[0].items, track.find_clips(), strict=True):
        clip.metadata[_ADAPTER] = {"reel": reel(item)}
    if turnover.origin:
        # The adapter counts record time from zero, whatever the timeline's start.
        track.insert(0, otio.schema.Gap(source_range=span(0, turnover.origin, turnover.grid)))
    return str(otio.adapters.write_to_string(timeline, _ADAPTER, rate=float(turnover.rate)))


def reel(item: Item) -> str:
    """The reel name for a picture: its file's, as far as eight characters hold it."""
    return _reel(Path(item.plan.file).stem)


def _reel(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", name)[:_REEL_CHARS] or "AX"


def _sound(number: int, channel: str, item: Item, reel: str, turnover: Turnover) -> list[str]:
    source = item.first + item.source
    length = item.end - item.start
    times = [source, source + length, turnover.origin + item.start, turnover.origin + item.end]
    return [
        f"{number:03}  {reel:8} {channel:5} C        {' '.join(_timecode(time, turnover.rate) for time in times)}",
        f"* FROM CLIP NAME:  {item.plan.name}",
        f"* FROM CLIP: {url(item.plan.file)}",
    ]


def _timecode(frame: int, rate: Fraction) -> str:
    """As the adapter writes it: drop-frame at 29.97 and 59.94 frames a second."""
    return str(otio.opentime.to_timecode(otio.opentime.RationalTime(frame, float(rate)), float(rate)))
