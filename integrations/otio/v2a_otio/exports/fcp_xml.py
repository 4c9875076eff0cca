"""Final Cut Pro 7 XML, which Premiere, Resolve and most others read."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import opentimelineio as otio

from v2a_otio.exports.readback import Found
from v2a_otio.exports.timelines import as_timeline, found
from v2a_otio.exports.turnover import Turnover
from v2a_otio.plan import RATE_HZ

_ADAPTER = "fcp_xml"


def write(turnover: Turnover, path: Path) -> None:
    """Write it through the published adapter, with what hosts need to link sound that the adapter leaves out."""
    timeline = as_timeline(turnover, turnover.lanes)
    number = 0
    for lane, track in zip(turnover.lanes, timeline.tracks, strict=True):
        track.metadata[_ADAPTER] = {"name": lane.name}
        for clip in track.find_clips():
            number += 1
            # Two clips that are alike would become one, which the adapter shows at the place of the first.
            clip.metadata[_ADAPTER] = {"@id": f"clipitem-{number}"}
            if lane.kind != "sound":
                continue
            clip.metadata[_ADAPTER]["sourcetrack"] = {"mediatype": "audio", "trackindex": "1"}
            clip.media_reference.metadata[_ADAPTER] = {
                "media": {
                    "audio": {
                        "samplecharacteristics": {"depth": "24", "samplerate": str(RATE_HZ)},
                        "channelcount": str(lane.channels),
                    }
                }
            }
    with _used_to_the_adapter():
        text = otio.adapters.write_to_string(timeline, _ADAPTER)
    path.write_text(text, encoding="utf-8")


def read(path: Path, turnover: Turnover) -> list[list[Found]]:
    """What the file holds, by the published adapter."""
    with _used_to_the_adapter():
        timeline = otio.adapters.read_from_string(path.read_text(encoding="utf-8"), _ADAPTER)
    return [list(found(track)) for track in timeline.tracks]


@contextmanager
def _used_to_the_adapter() -> Iterator[None]:
    """Pass over what Python 3.12 says of the adapter's habits."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Testing an element's truth value", DeprecationWarning)
        yield
