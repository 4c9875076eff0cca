"""Final Cut Pro 7's XML: OpenTimelineIO's reader takes nested sequences for empty ones.

It looks for a nest's tracks one level too high. So they are put there before it reads.
"""

from xml.etree import ElementTree as ET  # expat opens no entities, and refuses their explosion

import opentimelineio as otio


def read_fcp7(content: bytes) -> object:
    """What the file holds, as the adapter gives it: a timeline or a collection. Raises whatever it and expat do."""
    root = ET.fromstring(content)  # noqa: S314
    for clip in root.iter("clipitem"):
        for sequence in clip.iterfind("sequence"):
            for media in sequence.findall("media"):
                sequence.extend(list(media))
                sequence.remove(media)
    return otio.adapters.read_from_string(ET.tostring(root, encoding="unicode"), adapter_name="fcp_xml")
