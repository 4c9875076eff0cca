"""What is decided without Resolve: speeds, images, markers, colours, where frames lie in a medium."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

# Clip colours, which are other ones than markers have.
COLOURS = {"effects": "Orange", "ambience": "Teal", "music": "Violet", "dialogue": "Yellow", "mix": "Green"}
_OTHER_COLOUR = "Tan"
_IMAGES = re.compile(r"(?P<prefix>.*)\[(?P<first>\d+)-(?P<last>\d+)\](?P<suffix>\.\w+)", re.DOTALL)


def speed(
    source_frames: int, source_s: float | None, duration: int, media_rate: Fraction, timeline_rate: Fraction
) -> tuple[Fraction, bool]:
    """How fast a clip plays, negative for reverse, 0 for a freeze; and whether that is a whole percent.

    No call gives the speed. source_frames: the clip's last source frame minus its first, which may be one off.
    source_s: the same in seconds, finer, where Resolve gives it. duration: in frames of the timeline. A speed ramp
    cannot be told from a constant speed; its mean is most likely no whole percent.
    """
    own = duration * media_rate / timeline_rate  # frames of the medium at its own speed
    finer = None if source_s is None else Fraction(source_s) * media_rate
    if abs(source_frames - own) <= 1 and (finer is None or abs(finer - own) <= Fraction(1, 2)):
        return Fraction(1), True
    if abs(source_frames) <= 1:
        return Fraction(0), True
    measured = Fraction(source_frames) / own
    if finer is not None:
        measured = min(max(finer, Fraction(source_frames - 1)), Fraction(source_frames + 1)) / own
    percent = Fraction(round(measured * 100), 100)
    return (percent, True) if abs(percent - measured) * own <= 1 else (measured.limit_denominator(10**6), False)


def images_of(path: str) -> list[str] | None:
    """The files of an image sequence that Resolve writes as "name.[0001-0100].dpx"; None where it is a film."""
    found = _IMAGES.fullmatch(path)
    if found is None:
        return None
    first, last, width = int(found["first"]), int(found["last"]), len(found["first"])
    return [f"{found['prefix']}{number:0{width}d}{found['suffix']}" for number in range(first, last + 1)]


def missing_images(paths: Sequence[str]) -> list[str]:
    """The names of images that are not on the disk."""
    folder = Path(paths[0]).parent
    try:
        there = {entry.name for entry in folder.iterdir()}
    except OSError:
        there = set()
    return [name for name in (Path(path).name for path in paths) if name not in there]


def marker_texts(marker: Mapping[str, Any]) -> list[str]:
    """What a marker says: in its name, and in its note."""
    return [text for text in (str(marker.get("name") or ""), str(marker.get("note") or "")) if text.strip()]


def markers_within(
    markers: Iterable[tuple[Fraction, Fraction, Sequence[str]]], start: Fraction, end: Fraction, rate: Fraction
) -> list[dict[str, str]]:
    """Markers that reach into [start, end), in frames, as a job has them: each text at a time in seconds.

    markers: frame, length and texts of each. A marker that starts before is for all it reaches, so it counts from the
    start.
    """
    return [
        {"time": str(max(frame, start) / rate), "text": text}
        for frame, length, texts in markers
        if frame < end and frame + max(length, Fraction(1)) > start
        for text in texts
    ]


def colour_of(layer: str) -> str:
    """The clip colour of a layer."""
    return COLOURS.get(layer, _OTHER_COLOUR)


def track_type(channels: int) -> str:
    """The type that a track must have for a sound of so many channels: clips cannot be converted."""
    return "mono" if channels == 1 else "stereo"


def reel_name(sha256: str) -> str:
    """A reel name, of eight characters for EDLs, that tells one sound from all others."""
    return f"V2A{sha256[:5].upper()}"


def tail_frames(rate: Fraction, project_rate: Fraction) -> int:
    """Frames of sound that must be there beyond a clip's end.

    Resolve shows no frame of a WAV that is not whole at its end, and counts a WAV's frames at the project's rate.
    """
    return 1 + -int(-max(Fraction(1), rate / project_rate) // 1)


def media_frames(item: Mapping[str, Any], media_rate: Fraction, timeline_rate: Fraction) -> tuple[int, int]:
    """Which frames [start, end) of a WAV a planned item shows, counted at the rate that the WAV took."""
    ratio = media_rate / timeline_rate
    start = item["offset"] * ratio
    length = (item["end"] - item["start"]) * ratio
    return int(start + Fraction(1, 2)), int(start + Fraction(1, 2)) - int(-length // 1)


def without_tail(item: Mapping[str, Any], n_frames: int) -> dict[str, Any]:
    """A planned item that ends so many frames earlier: what was made for the tail alone is a handle."""
    return {**item, "end": item["end"] - n_frames, "tail": item.get("tail", 0) + n_frames}
