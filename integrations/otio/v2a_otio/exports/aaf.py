"""AAF: the sound to the sample, for the mix. Its picture is the reference film."""

import hashlib
from pathlib import Path

import opentimelineio as otio

from v2a_otio.exports.readback import Found
from v2a_otio.exports.timelines import as_timeline, found
from v2a_otio.exports.turnover import Turnover
from v2a_otio.plan import RATE_HZ

_ADAPTER = "AAF"
_BITS = 24
# A SMPTE UMID for material without registered numbers; the last 16 bytes name it.
_UMID = "urn:smpte:umid:060a2b34.01010105.01010f20.13000000."


def write(turnover: Turnover, path: Path) -> None:
    """Write it through the published adapter, which demands one rate for all: samples, so that nothing is rounded."""
    timeline = as_timeline(turnover, turnover.sounds)
    for lane, track in zip(turnover.sounds, timeline.tracks, strict=True):
        for clip in track.find_clips():
            block = lane.channels * _BITS // 8
            clip.metadata["AAF"] = {"MobID": _mob_id(clip.media_reference.target_url)}
            clip.media_reference.metadata["AAF"] = {
                "EssenceDescription": {
                    "SampleRate": RATE_HZ,
                    "AudioSamplingRate": RATE_HZ,
                    "Channels": lane.channels,
                    "QuantizationBits": _BITS,
                    "BlockAlign": block,
                    "AverageBPS": block * RATE_HZ,
                }
            }
    otio.adapters.write_to_file(timeline, str(path), _ADAPTER)


def read(path: Path, turnover: Turnover) -> list[list[Found]]:
    """What the file holds, by the published adapter."""
    timeline = otio.adapters.read_from_file(str(path), _ADAPTER)
    return [list(found(track)) for track in timeline.tracks]


def _mob_id(name: str) -> str:
    """An identity that stays the same when the export is written again."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    return _UMID + ".".join(digest[at : at + 8] for at in range(0, 32, 8))
