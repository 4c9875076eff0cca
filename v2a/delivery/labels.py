"""What a delivered file says about itself: bext and iXML."""

import hashlib
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from v2a.delivery.bext import Bext
from v2a.request import Delivery
from v2a.version import __version__


@dataclass(frozen=True)
class Origin:
    """Who made a sound: written into the file.

    model_digest: hex SHA-256. precision: what the model computed in, such as "float32". take: 0-based.
    """

    model: str
    model_digest: str
    licence: str
    precision: str
    layer: str
    seed: int
    take: int


def bext(sound: str, delivery: Delivery, origin: Origin, time_reference: int, loudness_lufs: float | None) -> Bext:
    """The broadcast extension. sound: what names the samples. time_reference: the first sample since midnight."""
    mark = f"AI-generated (synthetic) sound, V2A Studio, model {origin.model}."
    # The reference names the sound itself: the same one has the same name wherever and whenever it is
    # written.
    name = hashlib.sha256(f"{origin}{delivery}{time_reference}{sound}".encode())
    mode = "mono" if delivery.channels == 1 else "stereo"
    return Bext(
        description=f"{mark} {delivery.description}".strip(),
        originator="V2A Studio",
        originator_reference=f"V2A{name.hexdigest()[:29]}",
        time_reference=time_reference,
        loudness_lufs=loudness_lufs,
        coding_history=(
            f"A=PCM,F={delivery.rate_hz},W={delivery.bit_depth},M={mode},"
            f"T=V2A Studio {__version__}; synthetic; model {origin.model} {origin.model_digest[:12]}\r\n"
        ),
    )


def ixml(delivery: Delivery, origin: Origin, time_reference: int) -> str:
    """Scene, take and note as sound editors show them (iXML 2.10)."""
    root = ET.Element("BWFXML")

    def add(parent: ET.Element, tag: str, text: str) -> None:
        ET.SubElement(parent, tag).text = text

    add(root, "IXML_VERSION", "2.10")
    add(root, "PROJECT", "V2A Studio")
    add(root, "SCENE", origin.layer)
    add(root, "TAKE", str(origin.take + 1))
    add(
        root,
        "NOTE",
        f"AI-generated (synthetic) sound. {delivery.description} "
        f"Model: {origin.model} ({origin.model_digest[:12]}), licence: {origin.licence}, "
        f"computed in {origin.precision}, seed: {origin.seed}.",
    )
    speed = ET.SubElement(root, "SPEED")
    add(speed, "FILE_SAMPLE_RATE", str(delivery.rate_hz))
    add(speed, "AUDIO_BIT_DEPTH", str(delivery.bit_depth))
    add(speed, "TIMESTAMP_SAMPLE_RATE", str(delivery.rate_hz))
    add(speed, "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI", str(time_reference >> 32))
    add(speed, "TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO", str(time_reference & 0xFFFFFFFF))
    tracks = ET.SubElement(root, "TRACK_LIST")
    add(tracks, "TRACK_COUNT", str(delivery.channels))
    for index in range(delivery.channels):
        track = ET.SubElement(tracks, "TRACK")
        add(track, "CHANNEL_INDEX", str(index + 1))
        add(track, "INTERLEAVE_INDEX", str(index + 1))
        add(track, "NAME", origin.layer)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")
