"""Final Cut Pro X's XML: exact times for OpenTimelineIO's reader, and what that reader leaves out.

The adapter rounds frame rates down to whole numbers and times down to frames, takes no account of where
timecode starts, gives a clip the markers of what is connected to it, and drops retimes, transitions and
switched-off clips. So the text that it is given counts in whole ticks, each clip carries a marker with its
number, and what was left out is put back by that number.
"""

import re
import warnings
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from xml.etree import ElementTree as ET  # expat opens no entities, and refuses their explosion

import opentimelineio as otio

from v2a.errors import MediaError

_TICKS = 1000  # a frame
_TIMES = ("start", "duration", "offset")
_CLIPS = ("clip", "asset-clip", "ref-clip")
_NUMBER = "v2a-clip "
# Elements that hold pictures and that the adapter passes over, as an editor calls them.
_PASSED_OVER = {"mc-clip": "multicam clips", "sync-clip": "synchronised clips", "audition": "auditions"}
# How far slopes of one retime may differ: their points are rounded to frames.
_SLOPE_TOLERANCE = Fraction(1, 200)

Element = ET.Element


def is_fcpx(content: bytes) -> bool:
    """Whether a file is Final Cut Pro X's XML, whatever its suffix."""
    return b"<fcpxml" in content[:2000]


def read_fcpx(content: bytes) -> tuple[object, tuple[str, ...]]:
    """What the file holds, as the adapter gives it (a timeline or a collection), and warnings.

    Raises MediaError where it says no frame rate, and whatever the parser and the adapter do.
    """
    root = ET.fromstring(content)  # noqa: S314
    if next(root.iter("project"), None) is None:
        names = [str(item.get("name")) for item in root if item.tag in _CLIPS]
        raise MediaError(f"it holds no project, only clips ({', '.join(names[:5])}): export a project")
    document = _Document(root)
    document.prepare()
    text = ET.tostring(document.root, encoding="unicode")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Testing an element's truth value", DeprecationWarning)
        found = otio.adapters.read_from_string(text, adapter_name="fcpx_xml")
    rate = float(document.rate * _TICKS)
    exact = re.sub(r'("rate":\s*)1\.0(?=\D)', rf"\g<1>{rate!r}", found.to_json_string(indent=0))
    found = otio.adapters.read_from_string(exact, adapter_name="otio_json")
    for item in [found] if isinstance(found, otio.schema.Timeline) else found:
        document.put_back(item)
    return found, tuple(document.warnings())


class _Document:
    """An FCPXML tree. rate: frames a second of its first sequence. clips: by the number that they are given."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.rate = _rate(root)
        self.clips: list[Element] = []
        self._retimes: dict[int, otio.schema.TimeEffect | None] = {}
        self._starts: dict[int, Fraction] = {}
        self._markers: dict[int, list[otio.schema.Marker]] = {}
        self._dissolves: dict[int, dict[str, otio.schema.Transition]] = {}
        self._origins = {
            project.get("name", ""): _time(sequence, "tcStart")
            for project in root.iter("project")
            for sequence in project.iterfind("sequence")
        }

    def warnings(self) -> Iterator[str]:
        """What cannot be followed."""
        for tag, words in _PASSED_OVER.items():
            if next(self.root.iter(tag), None) is not None:
                yield f"{words} cannot be read and are passed over: break them apart in the editor"
        if next(self.root.iter("conform-rate"), None) is not None:
            yield "some clips are conformed to the project's frame rate (conform-rate): their speed may be a little off"

    def prepare(self) -> None:
        """Rewrite the tree for the adapter, and note what it does not read."""
        origins = {
            media.get("id"): _time(sequence, "tcStart")
            for media in self.root.iter("media")
            for sequence in media.iterfind("sequence")
        }
        assets = {asset.get("id"): _time(asset, "start") for asset in self.root.iter("asset")}
        self.clips = [item for item in self.root.iter() if item.tag in _CLIPS]
        numbers = {clip: number for number, clip in enumerate(self.clips)}
        for spine in self.root.iter("spine"):
            self._note_transitions(list(spine), numbers)
        for clip, number in numbers.items():
            start_s = _time(clip, "start") if clip.get("start") or clip.tag != "asset-clip" else None
            if start_s is None:
                start_s = assets.get(clip.get("ref"), Fraction(0))
            if clip.tag == "ref-clip":
                start_s = max(start_s - origins.get(clip.get("ref"), Fraction(0)), Fraction(0))
            self._note_retime(clip, number, start_s)
            self._markers[number] = [self._marker(marker) for marker in clip.iterfind("marker")]
            clip.set("start", f"{self._starts[number]}s")
        for sequence in self.root.iter("sequence"):
            for item in sequence.iterfind("spine/*"):
                item.set("offset", f"{_time(item, 'offset') - _time(sequence, 'tcStart')}s")
        for item in self.root.iter():
            for name in _TIMES:
                if item.get(name):
                    item.set(name, f"{round(_time(item, name) * self.rate * _TICKS)}s")
            if item.tag == "format":
                item.set("frameDuration", "1/1s")
        for clip, number in numbers.items():
            clip.insert(0, Element("marker", {"start": "0s", "duration": "1s", "value": f"{_NUMBER}{number}"}))

    def put_back(self, item: otio.core.SerializableObject) -> None:
        """Put into what the adapter gave what it had left out."""
        if isinstance(item, otio.schema.Timeline):
            origin_s = self._origins.get(item.name, Fraction(0))
            item.global_start_time = self._exact(origin_s)
            self.put_back(item.tracks)
            return
        if isinstance(item, otio.core.Item):
            self._mend(item)
        if isinstance(item, otio.core.Composition):
            for child in list(item):
                self.put_back(child)
        if isinstance(item, otio.schema.Track):
            self._put_dissolves(item)

    def _mend(self, item: otio.core.Item) -> None:
        number = _number_of(item)
        if number is None:
            return
        item.markers[:] = [marker.deepcopy() for marker in self._markers[number]]
        item.enabled = self.clips[number].get("enabled") != "0"
        retime = self._retimes.get(number)
        if retime is not None:
            item.effects.append(retime.deepcopy())
        item.metadata["v2a_fcpx"] = {"clip": number}

    def _put_dissolves(self, track: otio.schema.Track) -> None:
        children: list[otio.core.Composable] = []
        for item in list(track):
            number = item.metadata.get("v2a_fcpx", {}).get("clip")
            noted = self._dissolves.get(number, {})
            if "opening" in noted and not (children and isinstance(children[-1], otio.schema.Transition)):
                children.append(noted["opening"].deepcopy())
            children.append(item.deepcopy())
            if "closing" in noted:
                children.append(noted["closing"].deepcopy())
        for item in children:
            if "v2a_fcpx" in item.metadata:
                del item.metadata["v2a_fcpx"]
        track[:] = children

    def _note_transitions(self, items: list[Element], numbers: dict[Element, int]) -> None:
        for index, item in enumerate(items):
            if item.tag != "transition":
                continue
            before = items[index - 1] if index else None
            after = items[index + 1] if index + 1 < len(items) else None
            if after is not None:
                cut_s = _time(after, "offset")
            elif before is not None:
                cut_s = _time(before, "offset") + _time(before, "duration")
            else:
                continue
            start_s = _time(item, "offset")
            dissolve = otio.schema.Transition(
                name=item.get("name", ""),
                transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
                in_offset=self._exact(max(cut_s - start_s, Fraction(0))),
                out_offset=self._exact(max(start_s + _time(item, "duration") - cut_s, Fraction(0))),
            )
            for side, clip in (("closing", before), ("opening", after)):
                if clip is not None and clip in numbers:
                    self._dissolves.setdefault(numbers[clip], {})[side] = dissolve

    def _note_retime(self, clip: Element, number: int, start_s: Fraction) -> None:
        """A clip's speed, and where in its medium it starts: its own times count what is presented."""
        self._starts[number] = start_s
        points = [(_time(point, "time"), _time(point, "value")) for point in clip.iterfind("timeMap/timept")]
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points) if b[0] > a[0]]
        if not slopes:
            return
        speed = slopes[0]
        if any(abs(slope - speed) > _SLOPE_TOLERANCE for slope in slopes):
            self._retimes[number] = otio.schema.TimeEffect("timeMap", "timeMap")
            return
        (first_s, value_s) = points[0]
        shown_s = value_s + speed * (start_s - first_s)
        # OpenTimelineIO's ranges hold what is used, so one that plays backwards begins where it ends.
        self._starts[number] = max(shown_s + min(speed, Fraction(0)) * _time(clip, "duration"), Fraction(0))
        if speed != 1:
            self._retimes[number] = (
                otio.schema.LinearTimeWarp("timeMap", float(speed)) if speed else otio.schema.FreezeFrame("timeMap")
            )

    def _marker(self, marker: Element) -> otio.schema.Marker:
        return otio.schema.Marker(
            marker.get("value", ""),
            marked_range=otio.opentime.TimeRange(
                self._exact(_time(marker, "start")), self._exact(_time(marker, "duration"))
            ),
            comment=marker.get("note", ""),
        )

    def _exact(self, time_s: Fraction) -> otio.opentime.RationalTime:
        frames = time_s * self.rate
        if frames.denominator == 1:
            return otio.opentime.RationalTime(float(frames), float(self.rate))
        return otio.opentime.RationalTime(float(round(frames * _TICKS)), float(self.rate * _TICKS))


def _number_of(item: otio.core.Item) -> int | None:
    for marker in item.markers:
        if marker.name.startswith(_NUMBER):
            return int(marker.name.removeprefix(_NUMBER))
    return None


def _rate(root: Element) -> Fraction:
    """Frames a second of the first project."""
    formats = {item.get("id"): item for item in root.iter("format")}
    for item in root.iterfind(".//project/sequence"):
        found = formats.get(item.get("format"))
        if found is not None and _time(found, "frameDuration") > 0:
            return 1 / _time(found, "frameDuration")
    raise MediaError("it does not say its frame rate (frameDuration): export it again")


def _time(element: Element, name: str) -> Fraction:
    """A time as FCPXML writes it (3600s, 1001/24000s), 0 where it is not given. Raises ValueError."""
    return Fraction((element.get(name) or "0s").strip().removesuffix("s"))
