"""MLT XML, which melt, Kdenlive and Shotcut play: the sound alone, since MLT mixes pictures by its own rules."""

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

from v2a_otio.exports.readback import Found
from v2a_otio.exports.turnover import Item, Turnover


def write(turnover: Turnover, path: Path) -> None:
    """Write it ourselves: the published adapter does not mix tracks, and takes files of one name for one file."""
    root = ET.Element("mlt", {"title": turnover.name, "producer": "main"})
    ET.SubElement(
        root,
        "profile",
        {
            "description": f"{float(turnover.rate):g} frames a second",
            "frame_rate_num": str(turnover.rate.numerator),
            "frame_rate_den": str(turnover.rate.denominator),
            "width": "320",
            "height": "180",
            "progressive": "1",
            "sample_aspect_num": "1",
            "sample_aspect_den": "1",
            "display_aspect_num": "16",
            "display_aspect_den": "9",
            "colorspace": "709",
        },
    )
    producers = {item.plan.file: item for lane in turnover.sounds for item in lane.items}
    for number, item in enumerate(producers.values()):
        producer = ET.SubElement(root, "producer", {"id": f"producer{number}", "in": "0", "out": str(item.length - 1)})
        _property(producer, "resource", item.plan.file)
        _property(producer, "mlt_service", "avformat")
        _property(producer, "length", str(item.length))
    # MLT plays whatever lies in memory where a track has a gap and nothing is below it.
    silence = ET.SubElement(root, "producer", {"id": "silence", "in": "0", "out": str(max(turnover.end - 1, 0))})
    _property(silence, "resource", "black")
    _property(silence, "mlt_service", "color")
    _property(silence, "length", str(max(turnover.end, 1)))
    _property(silence, "set.test_audio", "0")
    ids = {file: f"producer{number}" for number, file in enumerate(producers)}
    for number, lane in enumerate(turnover.sounds):
        playlist = ET.SubElement(root, "playlist", {"id": f"playlist{number}"})
        _property(playlist, "v2a:track", lane.name)
        _fill(playlist, lane.items, ids)
    _tractor(root, turnover)
    ET.indent(root)
    path.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def read(path: Path, turnover: Turnover) -> list[list[Found]]:
    """What the file holds."""
    # The file is ours.
    root = ET.fromstring(path.read_bytes())  # noqa: S314
    profile = root.find("profile")
    assert profile is not None  # noqa: S101
    rate = Fraction(int(profile.attrib["frame_rate_num"]), int(profile.attrib["frame_rate_den"]))
    files = {
        producer.attrib["id"]: producer.findtext("property[@name='resource']", "") for producer in root.iter("producer")
    }
    tracks = []
    for playlist in root.iter("playlist"):
        cursor, clips = 0, []
        for element in playlist:
            if element.tag == "blank":
                cursor += int(element.attrib["length"])
            elif element.tag == "entry":
                first, last = int(element.attrib["in"]), int(element.attrib["out"])
                end = cursor + last + 1 - first
                clips.append(Found(files[element.attrib["producer"]], cursor / rate, end / rate, first / rate))
                cursor = end
        tracks.append(clips)
    return tracks


def _fill(playlist: ET.Element, items: tuple[Item, ...], ids: dict[str, str]) -> None:
    cursor = 0
    for item in items:
        if item.start > cursor:
            ET.SubElement(playlist, "blank", {"length": str(item.start - cursor)})
        places = {"in": str(item.source), "out": str(item.source + item.end - item.start - 1)}
        ET.SubElement(playlist, "entry", {"producer": ids[item.plan.file], **places})
        cursor = item.end


def _tractor(root: ET.Element, turnover: Turnover) -> None:
    """All tracks at once, each added to silence: without a mix, MLT plays the last of them alone."""
    tractor = ET.SubElement(root, "tractor", {"id": "main", "in": "0", "out": str(max(turnover.end - 1, 0))})
    ET.SubElement(tractor, "track", {"producer": "silence", "hide": "video"})
    for number in range(len(turnover.sounds)):
        ET.SubElement(tractor, "track", {"producer": f"playlist{number}", "hide": "video"})
    for number in range(1, len(turnover.sounds) + 1):
        transition = ET.SubElement(tractor, "transition", {"id": f"mix{number}"})
        for name, value in (
            ("a_track", "0"),
            ("b_track", str(number)),
            ("mlt_service", "mix"),
            ("always_active", "1"),
            ("sum", "1"),
        ):
            _property(transition, name, value)


def _property(element: ET.Element, name: str, value: str) -> None:
    ET.SubElement(element, "property", {"name": name}).text = value
