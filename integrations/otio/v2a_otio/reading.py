"""Timeline files, read through OpenTimelineIO's adapters, with what those leave out put right.

Formats that adapters read inexactly have a module each: `edl`, `fcp7`, `fcpx`. What a format keeps and loses stands in
docs/timeline-formats.md.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import opentimelineio as otio

from v2a.errors import MediaError, UsageError
from v2a_otio.edl import is_misplaced, place, read_edl
from v2a_otio.fcp7 import read_fcp7
from v2a_otio.fcpx import is_fcpx, read_fcpx

# A feature film of ten thousand events takes a tenth of this; media belong beside a timeline, not into it.
MAX_BYTES = 200_000_000
# Compositions inside compositions. OpenTimelineIO itself walks them by recursion, and dies of what is too deep.
MAX_NESTING = 32
# Each composition is an object and a list in the file, and each object holds some more.
_MAX_BRACKETS = 16 * MAX_NESTING

_TOO_DEEP = f"it is nested more than {MAX_NESTING} deep, or a sequence holds itself: flatten it in the editor"
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True)
class Reading:
    """A timeline from a file.

    folder: where its relative addresses are counted from. bundle: the archive that holds its media, if any.
    drop_frame: its timecode leaves out numbers. warnings: what the file did not say, or the reader left out.
    """

    timeline: otio.schema.Timeline
    folder: Path
    bundle: Path | None = None
    drop_frame: bool = False
    warnings: tuple[str, ...] = ()


def read(path: Path, edl_rate: Fraction | None = None) -> Reading:
    """Read a timeline file or bundle. edl_rate: frames a second of an edit list, which does not say it.

    Raises MediaError where it cannot be read, is larger than MAX_BYTES, or holds none or several timelines;
    UsageError for a rate that goes with no edit list.
    """
    suffix = path.suffix.lower()
    if edl_rate is not None and suffix != ".edl":
        raise UsageError(f"--edl-rate is for edit lists: {path.name} says its own rate")
    if not os.path.exists(path):  # noqa: PTH110 - takes folders that are closed, too
        raise MediaError(f"there is no timeline at {path}")
    if suffix.lstrip(".") not in _readable() and suffix != ".fcpxmld":
        raise MediaError(
            f"{path.name}: no reader for '{path.suffix}' timelines is installed: export it as .otio, "
            "or pip install 'v2a-studio[adapters]'"
        )
    try:
        reading = _read(path, suffix, edl_rate)
    except UsageError:
        raise
    except MediaError as error:
        raise error if path.name in str(error) else MediaError(f"{path.name}: {error}") from error
    except Exception as error:  # adapters are plug-ins: each raises whatever its parser does
        raise MediaError(f"{path.name} cannot be read as a timeline: {_reason(error)}") from error
    _refuse_nesting(reading.timeline, path)
    return reading


def _readable() -> list[str]:
    return list(otio.adapters.suffixes_with_defined_adapters(read=True))


def _read(path: Path, suffix: str, edl_rate: Fraction | None) -> Reading:
    folder = path.absolute().parent
    if suffix == ".otioz":
        return Reading(_from_json(_zipped(path), path), folder, bundle=path.absolute())
    if suffix == ".otiod":
        return Reading(_from_json(_content(path / "content.otio"), path), path.absolute())
    if suffix == ".fcpxmld":
        found, warnings = read_fcpx(_content(path / "Info.fcpxml"))
        return Reading(_single(found, path), path.absolute(), warnings=warnings)
    content = _content(path)
    if suffix == ".otio":
        return Reading(_from_json(content, path), folder)
    if suffix == ".edl":
        timeline, drop_frame, warnings = read_edl(path.name, content, edl_rate)
        return Reading(timeline, folder, drop_frame=drop_frame, warnings=warnings)
    if suffix in (".fcpxml", ".xml") and is_fcpx(content):
        found, warnings = read_fcpx(content)
        return Reading(_single(found, path), folder, warnings=warnings)
    if suffix == ".xml":
        return Reading(_single(read_fcp7(content), path), folder)
    return Reading(_single(otio.adapters.read_from_file(str(path)), path), folder)


def _content(path: Path) -> bytes:
    """A timeline file's bytes, unless it is too large. Raises MediaError."""
    if not path.is_file():
        raise MediaError(f"{path} is no file, or its folder is closed: a timeline is expected there")
    _refuse_large(path.name, path.stat().st_size)
    with path.open("rb") as file:
        return file.read(MAX_BYTES)


def _zipped(path: Path) -> bytes:
    """The timeline in a zipped bundle. Its media may be of any size."""
    with zipfile.ZipFile(path) as bundle, bundle.open("content.otio") as file:
        # What the archive says about the size may be wrong: at most that much is read.
        content = file.read(MAX_BYTES + 1)
    _refuse_large(path.name, len(content))
    return content


def _refuse_large(name: str, n_bytes: int) -> None:
    if n_bytes > MAX_BYTES:
        raise MediaError(
            f"{name} has {n_bytes / 1e6:,.0f} MB, and at most {MAX_BYTES / 1e6:.0f} MB of timeline are read: "
            "export it without embedded media, or in parts"
        )


def _from_json(content: bytes, path: Path) -> otio.schema.Timeline:
    # OpenTimelineIO's parser is recursive and ends the process where brackets are too deep.
    brackets = np.frombuffer(_STRINGS.sub(b"", content).translate(None, _NOT_BRACKETS), np.uint8)
    opening = np.isin(brackets, np.frombuffer(b"[{", np.uint8))
    open_ones = np.concatenate([[0], np.where(opening, 1, -1).cumsum()])
    # Since some point before: what is no JSON may close what it never opened.
    if (open_ones - np.minimum.accumulate(open_ones)).max() > _MAX_BRACKETS:
        raise MediaError(f"{path.name}: {_TOO_DEEP}")
    text = content.decode("utf-8-sig")
    if '"Marker.3"' in text:
        text = json.dumps(json.loads(text, object_hook=_older))
    timeline = _single(otio.adapters.read_from_string(text, adapter_name="otio_json"), path)
    _refuse_nesting(timeline, path)
    if is_misplaced(timeline):
        place(timeline, timeline.tracks[0].source_range.duration.rate)
    return timeline


def _older(found: dict[str, Any]) -> dict[str, Any]:
    """A marker of OpenTimelineIO 0.19, whose colour is an object, as one that 0.18 reads."""
    if found.get("OTIO_SCHEMA") == "Marker.3":
        colour = found.get("color")
        return {**found, "OTIO_SCHEMA": "Marker.2", "color": colour.get("name") if isinstance(colour, dict) else colour}
    return found


def _single(found: object, path: Path) -> otio.schema.Timeline:
    """The one timeline in what an adapter gave. Raises MediaError with the names where there are several."""
    if isinstance(found, otio.schema.Timeline):
        return found
    timelines = list(_timelines(found))
    if len(timelines) == 1:
        return timelines[0]
    if timelines:
        names = ", ".join(f"'{timeline.name}'" for timeline in timelines)
        raise MediaError(f"{path.name} holds {len(timelines)} timelines ({names}): export the one that is meant")
    inside = [f"{type(item).__name__.lower()} '{item.name}'" for item in found] if _is_collection(found) else []
    raise MediaError(
        f"{path.name} holds no timeline ({', '.join(inside[:5]) or type(found).__name__}): export a single timeline"
    )


def _timelines(found: object) -> Iterator[otio.schema.Timeline]:
    for item in found if _is_collection(found) else ():
        if isinstance(item, otio.schema.Timeline):
            yield item
        else:
            yield from _timelines(item)


def _is_collection(found: object) -> TypeGuard[Iterable[Any]]:
    return isinstance(found, otio.schema.SerializableCollection)


def _refuse_nesting(timeline: otio.schema.Timeline, path: Path) -> None:
    """Raise MediaError where compositions hold themselves or are nested too deep to be walked."""
    open_ones = [iter(timeline.tracks)]
    while open_ones:
        item = next(open_ones[-1], None)
        if item is None:
            open_ones.pop()
        elif isinstance(item, otio.core.Composition):
            if len(open_ones) == MAX_NESTING:
                raise MediaError(f"{path.name}: {_TOO_DEEP}")
            open_ones.append(iter(item))


def _reason(error: Exception) -> str:
    """What an adapter's failure means for the user."""
    said = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, RecursionError) or "already in context" in said:  # the latter from FCP7 XML's reader
        return _TOO_DEEP
    if isinstance(error, otio.exceptions.UnsupportedSchemaError):
        return f"a newer OpenTimelineIO wrote it ({said}): export it for version {otio.__version__}"
    if isinstance(error, AttributeError | KeyError | IndexError | TypeError | AssertionError):
        return f"its reader stumbled over it, so it may break the format's rules ({type(error).__name__}: {said})"
    return said
