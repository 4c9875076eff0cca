"""The double's timelines, and what becomes of what is appended to them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.doubles.resolve.behaviour import Remote
from tests.doubles.resolve.items import TimelineItem, Track, add_marker
from tests.doubles.resolve.times import frame_of, rate_of, timecode_of

if TYPE_CHECKING:
    from tests.doubles.resolve.app import Project


class Timeline(Remote):
    """A timeline: its rate, its start, its tracks, a playhead and marks."""

    def __init__(self, project: Project, name: str, rate_text: str, start_timecode: str = "01:00:00:00") -> None:
        """A timeline of one video track and one stereo audio track, as a new one has them."""
        super().__init__(project._behaviour, project._desk)
        self._project, self._name, self._rate_text = project, name, rate_text
        self._rate, self._drop = rate_of(rate_text)
        self._start = frame_of(start_timecode, self._rate, self._drop)
        self._playhead = self._start
        self._tracks: dict[str, list[Track]] = {
            "video": [Track("Video 1")],
            "audio": [Track("Audio 1", "stereo")],
            "subtitle": [],
        }
        self._marks: dict[str, dict[str, int]] = {}
        self._markers: dict[float, dict[str, Any]] = {}
        self._selected: list[TimelineItem] = []
        self._id = self._desk.new_id()

    def _all_tracks(self) -> list[Track]:
        return [track for tracks in self._tracks.values() for track in tracks]

    def _track(self, kind: str, index: int) -> Track | None:
        tracks = self._tracks.get(kind, [])
        return tracks[index - 1] if 1 <= index <= len(tracks) else None

    def GetName(self) -> str:
        return self._name

    def GetUniqueId(self) -> str:
        return self._id

    def GetStartFrame(self) -> int:
        return self._start

    def GetEndFrame(self) -> int:
        ends = [item._start + item._duration for track in self._all_tracks() for item in track.items]
        return max(ends, default=self._start)

    def GetStartTimecode(self) -> str:
        return timecode_of(self._start, self._rate, self._drop)

    def GetSetting(self, settingName: str) -> Any:
        number = self._rate_text.split()[0]
        if settingName == "timelineFrameRate":
            return self._rate_text if self._behaviour.drop_frame_text else number
        if settingName == "timelineDropFrameTimecode":
            return "1" if self._drop else "0"
        return ""

    def GetTrackCount(self, trackType: str) -> int:
        return len(self._tracks.get(trackType, []))

    def AddTrack(self, trackType: str, newTrackOptions: Any = None) -> bool:
        if trackType not in self._tracks:
            return False
        options = newTrackOptions if isinstance(newTrackOptions, dict) else {"audioType": newTrackOptions}
        subtype = options.get("audioType") or ("mono" if self._behaviour.mono_by_default else "stereo")
        tracks = self._tracks[trackType]
        index = options.get("index", len(tracks) + 1)
        if not 1 <= index <= len(tracks) + 1:
            return False
        name = f"{trackType.capitalize()} {len(tracks) + 1}"
        tracks.insert(index - 1, Track(name, subtype if trackType == "audio" else ""))
        return True

    def DeleteTrack(self, trackType: str, trackIndex: int) -> bool:
        track = self._track(trackType, trackIndex)
        if track is None:
            return False
        self._tracks[trackType].remove(track)
        return True

    def GetTrackSubType(self, trackType: str, trackIndex: int) -> str:
        track = self._track(trackType, trackIndex)
        return track.subtype if track else ""

    def GetIsTrackEnabled(self, trackType: str, trackIndex: int) -> bool:
        track = self._track(trackType, trackIndex)
        return bool(track and track.enabled)

    def GetIsTrackLocked(self, trackType: str, trackIndex: int) -> bool:
        track = self._track(trackType, trackIndex)
        return bool(track and track.locked)

    def GetTrackName(self, trackType: str, trackIndex: int) -> str:
        track = self._track(trackType, trackIndex)
        return track.name if track else ""

    def SetTrackName(self, trackType: str, trackIndex: int, name: str) -> bool:
        track = self._track(trackType, trackIndex)
        if track is None:
            return False
        track.name = name
        return True

    def GetItemListInTrack(self, trackType: str, index: int) -> list[TimelineItem] | None:
        track = self._track(trackType, index)
        if track is None:
            return None
        hides = not self._behaviour.lists_transitions
        return [item for item in track.items if not (hides and item._medium is None)]

    def DeleteClips(self, timelineItems: list[TimelineItem], Bool: bool = False) -> bool:
        if self._behaviour.no_deleting_on_fairlight and self._desk.page == "fairlight":
            return False
        there = [item for track in self._all_tracks() if not track.locked for item in track.items]
        if not timelineItems or any(item not in there for item in timelineItems):
            return False
        for track in self._all_tracks():
            track.items = [item for item in track.items if item not in timelineItems]
        return True

    def AddMarker(
        self, frameId: float, color: str, name: str, note: str, duration: float, customData: str | None = None
    ) -> bool:
        return add_marker(self._markers, frameId, color, name, note, duration, customData)

    def GetMarkers(self) -> dict[float, dict[str, Any]]:
        return {frame: dict(marker) for frame, marker in self._markers.items()}

    def GetCurrentTimecode(self) -> str:
        return timecode_of(self._playhead, self._rate, self._drop)

    def SetCurrentTimecode(self, timecode: str) -> bool:
        self._playhead = frame_of(timecode, self._rate, self._drop)
        return True

    def GetCurrentVideoItem(self) -> TimelineItem | None:
        for track in reversed(self._tracks["video"]):
            for item in track.items:
                if item._medium is not None and item._start <= self._playhead < item._start + item._duration:
                    return item
        return None

    def GetSelectedClips(self) -> list[TimelineItem]:
        return list(self._selected)

    def GetMarkInOut(self) -> dict[str, dict[str, int]]:
        return {kind: dict(marks) for kind, marks in self._marks.items()}

    def SetMarkInOut(self, mark_in: int, mark_out: int, type: str = "all") -> bool:
        for kind in ("video", "audio") if type == "all" else (type,):
            self._marks[kind] = {"in": mark_in, "out": mark_out}
        return True

    def ClearMarkInOut(self, type: str = "all") -> bool:
        for kind in ("video", "audio") if type == "all" else (type,):
            self._marks.pop(kind, None)
        return True

    def Export(self, fileName: str, exportType: Any, exportSubtype: Any = -1) -> bool:
        if self._behaviour.live_enums and not isinstance(exportType, float):
            return False
        Path(fileName).write_text("{}", encoding="utf-8")
        return True

    def _append(self, info: dict[str, Any], *, vanishing: bool) -> TimelineItem | None:
        """What becomes of one clip that is appended. vanishing: it goes when the project is saved."""
        medium, track = info["mediaPoolItem"], self._track("audio", info["trackIndex"])
        if track is None or track.locked or info.get("mediaType") != 2:
            return None
        frames = info["endFrame"] - info["startFrame"] + (self._behaviour.end_frame == "inclusive")
        frames = min(frames, medium._frames - info["startFrame"])
        exact = frames * self._rate / medium._rate
        duration = exact.__floor__() if self._behaviour.floors_media_frames else exact.__ceil__()
        start = info["recordFrame"] + (0 if self._behaviour.absolute_record_frames else self._start)
        item = TimelineItem(self, medium, start, duration, Fraction(info["startFrame"]))
        item._channels = min(item._channels, {"mono": 1, "stereo": 2}[track.subtype])
        item._vanishing = vanishing
        if self._behaviour.moves_playhead_and_marks:
            self._playhead = start + duration
        overlaps = any(one._start < start + duration and start < one._start + one._duration for one in track.items)
        if duration < 1:
            return None
        if overlaps and self._behaviour.drops_overlaps:
            item._id = ""
            return item
        track.items.append(item)
        track.items.sort(key=lambda one: one._start)
        if self._marks and self._behaviour.moves_playhead_and_marks:
            self.SetMarkInOut(start - self._start, start - self._start + duration - 1)
        return item
