"""Final Cut Pro X XML.

Written by us: the published adapter (1.0.0) crashes at 23.976, 29.97 and 59.94 frames a second, and at 25, 30, 50 and
60 its floating point puts some clips a frame early. Times are exact fractions here; sound begins at its very sample.
"""

from fractions import Fraction
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from v2a_otio.exports.addresses import path_of, url
from v2a_otio.exports.readback import Found
from v2a_otio.exports.turnover import Item, Lane, Turnover, printable
from v2a_otio.plan import RATE_HZ

_VERSION = "1.8"
_FORMAT = "r1"
_OFFLINE = "file:///offline/"  # where a shot's film is not known: an asset needs some address

_Medium = tuple[str, Fraction]


def write(turnover: Turnover, path: Path) -> None:
    """Write it: the picture, or a gap, as the storyline; each track of sound as a lane below, on gaps of its own."""
    root = ET.Element("fcpxml", {"version": _VERSION})
    resources = ET.SubElement(root, "resources")
    frame_s = 1 / turnover.grid
    ET.SubElement(
        resources, "format", {"id": _FORMAT, "frameDuration": _time(frame_s), "width": "1920", "height": "1080"}
    )
    assets: dict[_Medium, str] = {}
    for lane in turnover.lanes:
        for item in lane.items:
            if _medium(item) not in assets:
                assets[_medium(item)] = f"r{len(assets) + 2}"
                resources.append(_asset(assets[_medium(item)], item, lane))
    project = ET.SubElement(root, "project", {"name": turnover.name})
    sequence = ET.SubElement(
        project,
        "sequence",
        {
            "format": _FORMAT,
            "duration": _time(turnover.end * frame_s),
            "tcStart": _time(turnover.origin * frame_s),
            "tcFormat": "NDF",
            "audioRate": f"{RATE_HZ // 1000}k",
        },
    )
    _spine(ET.SubElement(sequence, "spine"), turnover, assets)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n', encoding="utf-8")


def read(path: Path, turnover: Turnover) -> list[list[Found]]:
    """What the file holds, with exact times."""
    # The file is ours.
    root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314
    assets = {asset.attrib["id"]: asset for asset in root.iter("asset")}
    origin_s = _seconds(next(root.iter("sequence")).attrib["tcStart"])
    lanes: dict[int, list[Found]] = {}
    for parent in next(root.iter("spine")):
        # A child's offset counts in its parent's own time.
        shift_s = _seconds(parent.attrib["offset"]) - _seconds(parent.attrib["start"]) - origin_s
        for clip in [parent, *parent.findall("asset-clip")]:
            if clip.tag != "asset-clip":
                continue
            start_s = _seconds(clip.attrib["offset"]) + (-origin_s if clip is parent else shift_s)
            asset = assets[clip.attrib["ref"]]
            lanes.setdefault(-int(clip.get("lane", "0")), []).append(
                Found(
                    "" if asset.attrib["src"].startswith(_OFFLINE) else path_of(asset.attrib["src"]),
                    start_s,
                    start_s + _seconds(clip.attrib["duration"]),
                    _seconds(clip.attrib["start"]) - _seconds(asset.attrib["start"]),
                )
            )
    return [lanes[number] for number in sorted(lanes)]


def _asset(name: str, item: Item, lane: Lane) -> ET.Element:
    has = {"hasVideo": "1"}
    if lane.kind == "sound":
        has = {"hasAudio": "1", "audioSources": "1", "audioChannels": str(lane.channels), "audioRate": str(RATE_HZ)}
    return ET.Element(
        "asset",
        {
            "id": name,
            "name": printable(Path(item.plan.file).stem) or item.plan.name,
            "src": _src(item),
            "start": _time(item.plan.first_s),
            "duration": _time(item.plan.length_s),
            "format": _FORMAT,
            **has,
        },
    )


def _spine(spine: ET.Element, turnover: Turnover, assets: dict[_Medium, str]) -> None:
    cursor = 0
    parents: list[tuple[int, int, ET.Element]] = []
    for lane in turnover.pictures:
        for item in lane.items:
            if item.start > cursor:
                parents.append((cursor, item.start, _gap(spine, cursor, item.start, turnover)))
            clip = _clip(spine, item, turnover, assets, turnover.origin + item.start)
            parents.append((item.start, item.end, clip))
            cursor = item.end
    if turnover.end > cursor:
        parents.append((cursor, turnover.end, _gap(spine, cursor, turnover.end, turnover)))
    for number, lane in enumerate(turnover.sounds, start=1):
        at = 0
        for item in lane.items:
            while parents[at][1] <= item.start:
                at += 1
            first, _, parent = parents[at]
            own_s = _seconds(parent.attrib["start"]) + (item.start - first) / turnover.grid
            clip = _clip(parent, item, turnover, assets, own_s * turnover.grid)
            clip.set("lane", str(-number))
            clip.set("audioRole", lane.name.removeprefix("V2A "))


def _gap(spine: ET.Element, start: int, end: int, turnover: Turnover) -> ET.Element:
    times = {
        "offset": _time((turnover.origin + start) / turnover.grid),
        "start": "0s",
        "duration": _time((end - start) / turnover.grid),
    }
    return ET.SubElement(spine, "gap", {"name": "Gap", **times})


def _clip(
    parent: ET.Element, item: Item, turnover: Turnover, assets: dict[_Medium, str], offset: Fraction | int
) -> ET.Element:
    plan = item.plan
    start_s = plan.first_s + plan.source_s + (item.start / turnover.grid - plan.start_s) * plan.speed
    return ET.SubElement(
        parent,
        "asset-clip",
        {
            "name": plan.name,
            "ref": assets[_medium(item)],
            "offset": _time(offset / turnover.grid),
            "start": _time(start_s),
            "duration": _time((item.end - item.start) / turnover.grid),
        },
    )


def _medium(item: Item) -> _Medium:
    """What has an asset of its own: timelines may say of one file that it begins at several times."""
    return _src(item), item.plan.first_s


def _src(item: Item) -> str:
    return url(item.plan.file) if item.plan.file else _OFFLINE + quote(item.plan.name)


def _time(time_s: Fraction) -> str:
    return f"{time_s.numerator}s" if time_s.denominator == 1 else f"{time_s.numerator}/{time_s.denominator}s"


def _seconds(text: str) -> Fraction:
    return Fraction(text.removesuffix("s"))
