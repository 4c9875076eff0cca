"""The formats of exports: what each can hold, and who writes and reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from v2a_otio.exports import aaf, edl, fcp_xml, fcpx_xml, mlt, resolve
from v2a_otio.exports.readback import Found
from v2a_otio.exports.turnover import Turnover


@dataclass(frozen=True)
class Format:
    """An export format.

    file: its name in the output folder. adapter: the published one that is needed, "" for none. keeps: features
    of the master that are in it all the same (see `features.FEATURES`). picture, samples, exact_source,
    most_sounds: see `turnover`.
    """

    name: str
    file: str
    write: Callable[[Turnover, Path], None]
    read: Callable[[Path, Turnover], list[list[Found]]]
    keeps: frozenset[str]
    adapter: str = ""
    picture: bool = True
    samples: bool = False
    exact_source: bool = False
    most_sounds: int | None = None


_SHOWN = frozenset({"picture", "start timecode"})

FORMATS = {
    made.name: made
    for made in (
        Format(
            "fcp_xml",
            "timeline.fcp.xml",
            fcp_xml.write,
            fcp_xml.read,
            keeps=_SHOWN | {"track names", "missing media"},
            adapter="fcp_xml",
        ),
        Format(
            "fcpx_xml",
            "timeline.fcpxml",
            fcpx_xml.write,
            fcpx_xml.read,
            keeps=_SHOWN | {"track names"},
            exact_source=True,
        ),
        Format(
            "aaf",
            "timeline.aaf",
            aaf.write,
            aaf.read,
            keeps=frozenset({"start timecode", "track names"}),
            adapter="AAF",
            picture=False,
            samples=True,
        ),
        Format(
            "edl",
            "timeline.edl",
            edl.write,
            edl.read,
            keeps=_SHOWN,
            adapter="cmx_3600",
            most_sounds=len(edl.CHANNELS),
        ),
        Format(
            "otio_resolve",
            "timeline.resolve.otio",
            resolve.write,
            resolve.read,
            keeps=_SHOWN | {"picture speed", "missing media"},
        ),
        Format("mlt", "timeline.mlt", mlt.write, mlt.read, keeps=frozenset({"track names"}), picture=False),
    )
}
