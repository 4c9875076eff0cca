"""What a timeline says about a clip's medium: its address, name, reel and range."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from v2a_otio.times import exact, exact_rate
from v2a_plugin.sequences import Images

# Where programs write the reel, as paths into metadata: of the clip, then of its media reference.
_REELS = (
    ("cmx_3600", "reel"),
    ("fcp_xml", "timecode", "reel", "name"),
    ("AAF", "UserComments", "Tape"),
    ("AAF", "UserComments", "TapeID"),
    ("AAF", "UserComments", "Reel Name"),
    ("Resolve_OTIO", "Reel Name"),
    ("ALE", "Tape"),
    ("v2a", "reel"),
    ("reel",),
    ("Reel",),
)
# Reels that stand for "none".
_NO_REELS = ("", "AX", "UNKNOWN", "NONE")
_NUMBERED = re.compile(r"^(?P<prefix>.*?)(?:%0?(?P<width>\d*)d|(?P<marks>#+)|\[(?P<first>\d+)-\d+\])(?P<suffix>\.\w+)$")


@dataclass(frozen=True)
class Medium:
    """What the timeline says about a medium.

    url: "" where the timeline names no address. name: of the file. start_s: timecode of its first frame,
    and duration_s: its length, where said. images: where it is a sequence of images.
    """

    url: str
    name: str
    start_s: Fraction | None = None
    duration_s: Fraction | None = None
    images: Images | None = None


def medium_of(clip: otio.schema.Clip) -> tuple[Medium, str]:
    """What a clip's media reference names, and why no sound is wanted for it, "" where it is.

    Raises MediaError for times that mean nothing.
    """
    reference = clip.media_reference
    available = reference.available_range if reference is not None else None
    start_s = exact(available.start_time) if available is not None else None
    # A length of 0 is how some readers say that they do not know it.
    length_s = (exact(available.duration) or None) if available is not None else None
    name = reference.name if reference is not None else ""
    if isinstance(reference, otio.schema.ExternalReference):
        url = reference.target_url or ""
        file = url.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        rate = exact_rate(available.duration.rate) if available is not None else None
        return Medium(url, file or name or clip.name, start_s, length_s, _pattern(url, file, rate)), ""
    if isinstance(reference, otio.schema.GeneratorReference):
        kind = reference.generator_kind or "picture"
        return Medium("", name, start_s), f"a generated {kind} has nothing to hear"
    if isinstance(reference, otio.schema.ImageSequenceReference):
        images = Images(
            reference.target_url_base or "",
            reference.name_prefix,
            reference.name_suffix,
            reference.start_frame,
            max(reference.frame_step, 1),
            exact_rate(reference.rate),
        )
        url = f"{images.folder.rstrip('/')}/{images.prefix}#{images.suffix}".lstrip("/" if not images.folder else "")
        return Medium(url, f"{images.prefix}#{images.suffix}", start_s, length_s, images), ""
    # Some exports know a film by its name alone.
    return Medium("", name or clip.name, start_s, length_s), ""


def _pattern(url: str, file: str, rate: Fraction | None) -> Images | None:
    """The sequence that an address with a place for numbers means: scan.%06d.dpx, scan.####.tif, scan.[1-90].png."""
    found = _NUMBERED.match(file)
    if found is None:
        return None
    first = int(found["first"]) if found["first"] else None
    folder = url[: len(url) - len(file)]
    return Images(folder, found["prefix"], found["suffix"], first, rate=rate)


def reel_of(clip: otio.core.Item) -> str:
    """The reel or tape of a clip's medium; "" where the timeline does not say it."""
    holders = [clip]
    if isinstance(clip, otio.schema.Clip) and clip.media_reference is not None:
        holders.append(clip.media_reference)
    for holder in holders:
        noted = dict(holder.metadata)  # looking for keys that are not there is slow in OTIO's own dictionaries
        for path in _REELS if noted else ():
            found: Any = noted
            for key in path:
                found = found.get(key) if isinstance(found, Mapping) else None
            if isinstance(found, str | int) and str(found).strip().upper() not in _NO_REELS:
                return str(found).strip()
    return ""
