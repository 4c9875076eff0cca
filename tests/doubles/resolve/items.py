"""The double's tracks, and what lies on them."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.doubles.resolve.behaviour import Remote
from tests.doubles.resolve.media import CLIP_COLOURS, MARKER_COLOURS, MediaPoolItem

if TYPE_CHECKING:
    from tests.doubles.resolve.timeline import Timeline


class Track:
    """A track. subtype: of an audio track, "mono" or "stereo"."""

    def __init__(self, name: str, subtype: str = "") -> None:
        """An empty track that plays and is not locked."""
        self.name, self.subtype = name, subtype
        self.locked, self.enabled = False, True
        self.items: list[TimelineItem] = []


class TimelineItem(Remote):
    """A clip, or with no medium a transition or a title, over [start, start + duration) of absolute frames."""

    def __init__(
        self,
        timeline: Timeline,
        medium: MediaPoolItem | None,
        start: int,
        duration: int,
        source_start: Fraction = Fraction(0),
        speed: Fraction = Fraction(1),
        name: str = "",
    ) -> None:
        """source_start: the medium's frame that is shown first. speed: negative for reverse, 0 for a freeze."""
        super().__init__(timeline._behaviour, timeline._desk)
        self._timeline, self._medium = timeline, medium
        self._start, self._duration = start, duration
        self._source_start, self._speed = source_start, speed
        self._name = name or (medium._name if medium else "Cross Dissolve")
        self._colour, self._enabled = "", True
        self._channels = medium._channels if medium else 0
        self._id = timeline._desk.new_id()
        self._markers: dict[float, dict[str, Any]] = {}
        self._vanishing = False

    @property
    def _media_per_frame(self) -> Fraction:
        """Frames of the medium for each of the timeline's, at its own speed."""
        return self._medium._rate / self._timeline._rate if self._medium else Fraction(1)

    @property
    def _source_end(self) -> Fraction:
        return self._source_start + self._duration * self._speed * self._media_per_frame

    def GetName(self) -> str:
        return self._name

    def SetName(self, name: str) -> bool:
        self._name = name
        return True

    def GetStart(self, subframe_precision: bool = False) -> float:
        return self._start

    def GetEnd(self, subframe_precision: bool = False) -> float:
        return self._start + self._duration

    def GetDuration(self, subframe_precision: bool = False) -> float:
        return self._duration

    def GetLeftOffset(self, subframe_precision: bool = False) -> float:
        if self._medium is None:
            return 0
        before = self._source_start if self._speed >= 0 else self._medium._frames - self._source_start
        return int(before / self._media_per_frame / (abs(self._speed) or 1))

    def GetRightOffset(self, subframe_precision: bool = False) -> float:
        if self._medium is None:
            return 0
        after = self._medium._frames - self._source_end if self._speed >= 0 else self._source_end
        return max(0, int(after / self._media_per_frame / (abs(self._speed) or 1)))

    def GetSourceStartFrame(self) -> int:
        return self._source_start.__floor__() + (self._behaviour.source_start_off_by if self._speed == 1 else 0)

    def GetSourceEndFrame(self) -> int:
        return self._source_end.__floor__()

    def GetSourceStartTime(self) -> float:
        return self._source_time(self._source_start)

    def GetSourceEndTime(self) -> float:
        return self._source_time(self._source_end)

    def _source_time(self, frame: Fraction) -> float:
        if self._medium is None:
            return 0.0
        origin = self._medium._origin_s if self._behaviour.absolute_source_times else 0
        return float(origin + frame / self._medium._rate)

    def GetMediaPoolItem(self) -> MediaPoolItem | None:
        return self._medium

    def GetProperty(self, propertyKey: str | None = None) -> Any:
        properties: dict[str, Any] = {"Pan": 0.0, "ZoomX": 1.0} if self._medium else {}
        return properties if propertyKey is None else properties.get(propertyKey)

    def GetMarkers(self) -> dict[float, dict[str, Any]]:
        return {frame: dict(marker) for frame, marker in self._markers.items()}

    def AddMarker(
        self, frameId: float, color: str, name: str, note: str, duration: float, customData: str | None = None
    ) -> bool:
        return add_marker(self._markers, frameId, color, name, note, duration, customData)

    def GetClipColor(self) -> str:
        return self._colour

    def SetClipColor(self, colorName: str) -> bool:
        if self._behaviour.clip_palette_only and colorName not in CLIP_COLOURS:
            return False
        self._colour = colorName
        return True

    def GetClipEnabled(self) -> bool:
        return self._enabled

    def SetClipEnabled(self, Bool: bool) -> bool:
        self._enabled = Bool
        return True

    def GetUniqueId(self) -> str:
        return self._id

    def GetTrackTypeAndIndex(self) -> list[Any]:
        for kind, tracks in self._timeline._tracks.items():
            for number, track in enumerate(tracks, 1):
                if self in track.items:
                    return [kind, number]
        return []

    def GetSourceAudioChannelMapping(self) -> str:
        return json.dumps({"embedded_audio_channels": self._channels})


def add_marker(
    markers: dict[float, dict[str, Any]],
    frame: float,
    colour: str,
    name: str,
    note: str,
    duration: float,
    data: str | None,
) -> bool:
    if frame in markers or colour not in MARKER_COLOURS:
        return False
    markers[frame] = {"color": colour, "duration": duration, "note": note, "name": name, "customData": data or ""}
    return True
