"""The double's application: pages, the project manager, projects, and Fusion with its windows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.doubles.resolve.behaviour import Behaviour, Desk, Remote
from tests.doubles.resolve.items import TimelineItem
from tests.doubles.resolve.media import MediaPool, MediaPoolItem
from tests.doubles.resolve.timeline import Timeline
from tests.doubles.resolve.windows import UIManager

_PAGES = ("media", "cut", "edit", "fusion", "color", "fairlight", "deliver")
_CONSTANTS = {"EXPORT_AAF": 0.0, "EXPORT_DRT": 1.0, "EXPORT_OTIO": 16.0, "EXPORT_NONE": -1.0}


class Project(Remote):
    """A project: its rate, its pool, its timelines."""

    def __init__(self, behaviour: Behaviour, desk: Desk, name: str, rate_text: str) -> None:
        """An empty project. rate_text: as its settings show its rate."""
        super().__init__(behaviour, desk)
        self._name, self._rate_text = name, rate_text
        self._timelines: list[Timeline] = []
        self._current: Timeline | None = None
        self._id = desk.new_id()
        self._pool = MediaPool(behaviour, desk, self)

    def _new_timeline(self, name: str, rate_text: str, start_timecode: str = "01:00:00:00") -> Timeline | None:
        if any(timeline._name == name for timeline in self._timelines):
            return None
        timeline = Timeline(self, name, rate_text, start_timecode)
        self._timelines.append(timeline)
        self._current = timeline
        return timeline

    def GetMediaPool(self) -> MediaPool:
        return self._pool

    def GetName(self) -> str:
        return self._name

    def GetUniqueId(self) -> str:
        return self._id

    def GetTimelineCount(self) -> int:
        return len(self._timelines)

    def GetTimelineByIndex(self, idx: int) -> Timeline | None:
        return self._timelines[idx - 1] if 1 <= idx <= len(self._timelines) else None

    def GetCurrentTimeline(self) -> Timeline | None:
        return self._current

    def SetCurrentTimeline(self, timeline: Timeline) -> bool:
        if timeline not in self._timelines:
            return False
        self._current = timeline
        return True

    def GetSetting(self, settingName: str) -> Any:
        if settingName == "timelineFrameRate":
            return self._rate_text if self._behaviour.drop_frame_text else self._rate_text.split()[0]
        return ""


class ProjectManager(Remote):
    """Which project is open."""

    def __init__(self, behaviour: Behaviour, desk: Desk, project: Project | None) -> None:
        """project: the one that is open."""
        super().__init__(behaviour, desk)
        self._project = project
        self._hung = False

    def GetCurrentProject(self) -> Project | None:
        return self._project

    def SaveProject(self) -> bool:
        if self._project is None:
            return False
        if self._project._name == "Untitled Project":
            self._hung = True  # a project without a name asks for one in a window, and waits
            return False
        for timeline in self._project._timelines:
            for track in timeline._all_tracks():
                track.items = [item for item in track.items if not item._vanishing]
        return True


class Fusion(Remote):
    """Fusion: only its manager of windows is used."""

    @property
    def UIManager(self) -> UIManager | None:
        if self._behaviour.has_window_manager:
            return UIManager(self._desk)
        if self._behaviour.modal_latch:
            self._desk.modal = "UIManager is limited to DaVinci Resolve Studio. Would you like to buy it?"
        return None


class Resolve(Remote):
    """The application."""

    def __init__(self, behaviour: Behaviour | None = None, rate: str = "24", project: str = "Short film") -> None:
        """An open project with one timeline. rate: as settings show it, of both."""
        super().__init__(behaviour or Behaviour(), Desk())
        self._manager = ProjectManager(self._behaviour, self._desk, None)
        self._fusion = Fusion(self._behaviour, self._desk)
        self._new_project(project, rate)

    def _new_project(self, name: str, rate: str, timeline_rate: str = "") -> Project:
        """A project with one timeline, opened."""
        project = Project(self._behaviour, self._desk, name, rate)
        project._new_timeline("Timeline 1", timeline_rate or rate)
        self._manager._project = project
        return project

    EXPORT_AAF = property(lambda self: _CONSTANTS["EXPORT_AAF"])
    EXPORT_DRT = property(lambda self: _CONSTANTS["EXPORT_DRT"])
    EXPORT_OTIO = property(lambda self: _CONSTANTS["EXPORT_OTIO"])
    EXPORT_NONE = property(lambda self: _CONSTANTS["EXPORT_NONE"])

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("EXPORT_")]  # constants are not listed

    @property
    def _project(self) -> Project:
        project = self._manager._project
        assert project is not None
        return project

    @property
    def _timeline(self) -> Timeline:
        timeline = self._project._current
        assert timeline is not None
        return timeline

    def GetProductName(self) -> str:
        return "DaVinci Resolve Studio" if self._behaviour.studio else "DaVinci Resolve"

    def GetVersion(self) -> list[Any]:
        numbers = [*list(self._behaviour.version), 0, 0, 0]
        return [*numbers[:3], 7, ""]

    def GetVersionString(self) -> str:
        return ".".join(str(number) for number in self.GetVersion()[:4])

    def GetProjectManager(self) -> ProjectManager:
        return self._manager

    def Fusion(self) -> Fusion:
        return self._fusion

    def GetCurrentPage(self) -> str | None:
        return self._desk.page

    def OpenPage(self, pageName: str) -> bool:
        if pageName not in _PAGES:
            return False
        self._desk.page = pageName
        return True

    def _film(self, path: str, rate_text: str, n_frames: int, start_timecode: str = "00:00:00:00") -> MediaPoolItem:
        """A film in the master bin, as a test wants it."""
        pool = self._project._pool
        film = MediaPoolItem(self._behaviour, self._desk, path, rate_text, n_frames, 0, start_timecode)
        pool._root._clips.append(film)
        return film

    def _put(
        self,
        medium: MediaPoolItem | None,
        start: int,
        duration: int,
        source_start: int = 0,
        speed: Fraction = Fraction(1),
        track: int = 1,
    ) -> TimelineItem:
        """A clip on a video track, as a test wants it. start: frames from the timeline's first."""
        timeline = self._timeline
        while len(timeline._tracks["video"]) < track:
            timeline.AddTrack("video")
        item = TimelineItem(timeline, medium, timeline._start + start, duration, Fraction(source_start), speed)
        timeline._tracks["video"][track - 1].items.append(item)
        return item


def snapshot(resolve: Resolve) -> dict[str, Any]:
    """All that a user would notice of a project: to compare before with after."""
    project = resolve._project
    return {
        "page": resolve._desk.page,
        "bin": project._pool._current._name,
        "bins": {folder._name: [clip._path for clip in folder._clips] for folder in project._pool._root._all()},
        "current": project._current._name if project._current else None,
        "timelines": {timeline._name: _timeline_snapshot(timeline) for timeline in project._timelines},
    }


def _timeline_snapshot(timeline: Timeline) -> dict[str, Any]:
    return {
        "playhead": timeline._playhead,
        "marks": timeline.GetMarkInOut() if timeline._behaviour.version >= (19, 1) else {},
        "markers": {str(frame): marker for frame, marker in timeline._markers.items()},
        "tracks": [
            [
                kind,
                track.name,
                track.subtype,
                track.locked,
                track.enabled,
                [
                    [item._id, item._name, item._start, item._duration, float(item._source_start), item._colour]
                    for item in track.items
                ],
            ]
            for kind, tracks in timeline._tracks.items()
            for track in tracks
        ],
    }
