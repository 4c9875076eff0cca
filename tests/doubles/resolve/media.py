"""The double's media pool: bins, media, and what becomes of a WAV that is imported."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.doubles.resolve.behaviour import Behaviour, Desk, Remote
from tests.doubles.resolve.times import frame_of, rate_of

if TYPE_CHECKING:
    from tests.doubles.resolve.app import Project
    from tests.doubles.resolve.items import TimelineItem
    from tests.doubles.resolve.timeline import Timeline

CLIP_COLOURS = [
    "Orange",
    "Apricot",
    "Yellow",
    "Lime",
    "Olive",
    "Green",
    "Teal",
    "Navy",
    "Blue",
    "Purple",
    "Violet",
    "Pink",
    "Tan",
    "Beige",
    "Brown",
    "Chocolate",
]
MARKER_COLOURS = [
    "Blue",
    "Cyan",
    "Green",
    "Yellow",
    "Red",
    "Pink",
    "Purple",
    "Fuchsia",
    "Rose",
    "Lavender",
    "Sky",
    "Mint",
    "Lemon",
    "Sand",
    "Cocoa",
    "Cream",
]


class MediaPoolItem(Remote):
    """A medium of the pool. rate: the frames a second that it is read at."""

    def __init__(
        self,
        behaviour: Behaviour,
        desk: Desk,
        path: str,
        rate_text: str,
        n_frames: int,
        channels: int = 0,
        start_timecode: str = "00:00:00:00",
        kind: str = "Video",
    ) -> None:
        """path: as "File Path" gives it. channels: of sound."""
        super().__init__(behaviour, desk)
        self._path, self._rate_text, self._frames, self._channels = path, rate_text, n_frames, channels
        self._start_timecode, self._kind = start_timecode, kind
        self._name = Path(path).name if path else kind
        self._colour = ""
        self._metadata: dict[str, str] = {}
        self._third: dict[str, str] = {}
        self._reel = ""
        self._id = desk.new_id()
        self._markers: dict[float, dict[str, Any]] = {}

    @property
    def _rate(self) -> Fraction:
        return rate_of(self._rate_text)[0]

    @property
    def _origin_s(self) -> Fraction:
        return frame_of(self._start_timecode, *rate_of(self._rate_text)) / self._rate

    def GetName(self) -> str:
        return self._name

    def SetName(self, name: str) -> bool:
        self._name = name
        return True

    def GetMetadata(self, metadataType: str | None = None) -> Any:
        return dict(self._metadata) if metadataType is None else self._metadata.get(metadataType, "")

    def SetMetadata(self, metadataType: Any, metadataValue: str = "") -> bool:
        changes = metadataType if isinstance(metadataType, dict) else {metadataType: metadataValue}
        self._metadata.update(changes)
        return True

    def GetThirdPartyMetadata(self, metadataType: str | None = None) -> Any:
        return dict(self._third) if metadataType is None else self._third.get(metadataType, "")

    def SetThirdPartyMetadata(self, metadataType: Any, metadataValue: str = "") -> bool:
        changes = metadataType if isinstance(metadataType, dict) else {metadataType: metadataValue}
        self._third.update(changes)
        return True

    def GetMediaId(self) -> str:
        return self._id

    def GetUniqueId(self) -> str:
        return self._id

    def GetMarkers(self) -> dict[float, dict[str, Any]]:
        return {frame: dict(marker) for frame, marker in self._markers.items()}

    def GetClipColor(self) -> str:
        return self._colour

    def SetClipColor(self, colorName: str) -> bool:
        if self._behaviour.clip_palette_only and colorName not in CLIP_COLOURS:
            return False
        self._colour = colorName
        return True

    def GetClipProperty(self, propertyName: str | None = None) -> Any:
        properties = {
            "Clip Name": self._name,
            "File Name": Path(self._path).name,
            "File Path": self._path,
            "FPS": float(self._rate_text.split()[0]),
            "Frames": str(self._frames),
            "Type": self._kind,
            "Start TC": self._start_timecode,
            "Audio Ch": str(self._channels),
            "Reel Name": self._reel,
        }
        return properties if propertyName is None else properties.get(propertyName, "")

    def SetClipProperty(self, propertyName: str, propertyValue: Any) -> bool:
        if propertyName == "Reel Name":
            if self._behaviour.reel_name_sticks:
                self._reel = str(propertyValue)
            return True
        return False


class Folder(Remote):
    """A bin."""

    def __init__(self, behaviour: Behaviour, desk: Desk, name: str) -> None:
        """An empty bin of a name."""
        super().__init__(behaviour, desk)
        self._name = name
        self._clips: list[MediaPoolItem] = []
        self._folders: list[Folder] = []
        self._id = desk.new_id()

    def GetName(self) -> str:
        return self._name

    def GetClipList(self) -> list[MediaPoolItem]:
        return list(self._clips)

    def GetSubFolderList(self) -> list[Folder]:
        return list(self._folders)

    def GetUniqueId(self) -> str:
        return self._id

    def _all(self) -> list[Folder]:
        return [self] + [folder for inner in self._folders for folder in inner._all()]


class MediaPool(Remote):
    """The pool of a project."""

    def __init__(self, behaviour: Behaviour, desk: Desk, project: Project) -> None:
        """An empty pool."""
        super().__init__(behaviour, desk)
        self._project = project
        self._root = Folder(behaviour, desk, "Master")
        self._current = self._root
        self._media: dict[str, tuple[str, int, str]] = {}  # what films that can be imported are
        self._before_append: list[Any] = []  # what a test does just before something is placed

    def GetRootFolder(self) -> Folder:
        return self._root

    def AddSubFolder(self, folder: Folder, name: str) -> Folder | None:
        if any(inner._name == name for inner in folder._folders):
            return None
        made = Folder(self._behaviour, self._desk, name)
        folder._folders.append(made)
        self._current = made  # it is opened at once, as in the program
        return made

    def GetCurrentFolder(self) -> Folder:
        return self._current

    def SetCurrentFolder(self, folder: Folder) -> bool:
        if folder not in self._root._all():
            return False
        self._current = folder
        return True

    def DeleteFolders(self, subfolders: list[Folder]) -> bool:
        for folder in self._root._all():
            folder._folders = [inner for inner in folder._folders if inner not in subfolders]
        if self._current not in self._root._all():
            self._current = self._root
        return True

    def DeleteClips(self, clips: list[MediaPoolItem]) -> bool:
        for folder in self._root._all():
            folder._clips = [clip for clip in folder._clips if clip not in clips]
        for timeline in self._project._timelines:
            for track in timeline._all_tracks():
                track.items = [item for item in track.items if item._medium not in clips]
        return True

    def ImportMedia(self, items: list[Any]) -> list[MediaPoolItem]:
        folder = self._current if self._behaviour.imports_into_current_bin else self._root
        made = []
        for item in items:
            path = item["FilePath"] if isinstance(item, dict) else item
            there = next((clip for clip in folder._clips if clip._path == path), None)
            if there is None:
                sound = sound_of(Path(path))
                if sound is None:
                    return []
                there = self._sound(path, *sound)
                folder._clips.append(there)
            made.append(there)
        return made

    def _sound(self, path: str, n_samples: int, rate_hz: int, channels: int) -> MediaPoolItem:
        current = self._project._current
        text = self._project._rate_text
        if not self._behaviour.freezes_rate and current is not None:
            text = current._rate_text
        exact = n_samples * rate_of(text)[0] / rate_hz
        frames = int(exact) if self._behaviour.floors_media_frames else -int(-exact // 1)
        return MediaPoolItem(self._behaviour, self._desk, path, text, frames, channels, kind="Audio")

    def CreateEmptyTimeline(self, name: str) -> Timeline | None:
        return self._project._new_timeline(name, self._project._rate_text)

    def DeleteTimelines(self, timeline: list[Timeline]) -> bool:
        project = self._project
        if self._behaviour.keeps_open_timeline and project._current in timeline:
            return False
        project._timelines = [one for one in project._timelines if one not in timeline]
        if project._current in timeline:
            project._current = project._timelines[0] if project._timelines else None
        return True

    def GetSelectedClips(self) -> list[MediaPoolItem]:
        return []

    def GetUniqueId(self) -> str:
        return "pool"

    def AppendToTimeline(self, clipInfo: list[Any]) -> list[TimelineItem | None] | None:
        while self._before_append:
            self._before_append.pop(0)()
        timeline = self._project._current
        if timeline is None:
            return None
        fails = self._behaviour.append_errors > 0
        if fails:
            self._behaviour.append_errors -= 1
        placed = [timeline._append(info, vanishing=fails) for info in clipInfo]
        return None if fails else placed


def sound_of(path: Path) -> tuple[int, int, int] | None:
    """Samples, samples a second and channels of a WAV file; None where it is none."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        return None
    at, channels, rate_hz, block = 12, 0, 0, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])[0]
        if name == b"fmt ":
            channels, rate_hz, _, block = struct.unpack("<HIIH", data[at + 10 : at + 22])
        if name == b"data":
            return min(size, len(data) - at - 8) // block, rate_hz, channels
        at += 8 + size + size % 2
    return None
