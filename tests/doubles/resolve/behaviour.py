"""How this Resolve behaves: its edition, its version, and a switch for each known trap."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

# The version that a method came with, as the published stubs of 18.6.6, 19.0, 19.1, 20.2 and 21.0.0 have it (compared
# once, by hand: only one of them can be installed); all others are in 18.6.6.
SINCE: dict[str, tuple[int, ...]] = {
    "TimelineItem.GetSourceStartFrame": (19, 0),
    "TimelineItem.GetSourceEndFrame": (19, 0),
    "TimelineItem.GetSourceStartTime": (19, 0),
    "TimelineItem.GetSourceEndTime": (19, 0),
    "TimelineItem.GetTrackTypeAndIndex": (19, 0),
    "TimelineItem.GetSourceAudioChannelMapping": (19, 0),
    "TimelineItem.SetName": (20, 2),
    "Timeline.GetTrackSubType": (19, 0),
    "Timeline.GetMarkInOut": (19, 1),
    "Timeline.SetMarkInOut": (19, 1),
    "Timeline.ClearMarkInOut": (19, 1),
    "Timeline.GetSelectedClips": (21, 0, 4),
    "MediaPoolItem.SetName": (20, 2),
    "MediaPoolItem.GetThirdPartyMetadata": (19, 0),
    "MediaPoolItem.SetThirdPartyMetadata": (19, 0),
    "MediaPool.GetSelectedClips": (19, 0),
}

# Reading what is there stays possible while a modal window is open; what changes something is not done.
_ASKED_FOR_NOTHING = ("GetProductName", "GetVersion", "GetVersionString")


@dataclass
class Behaviour:
    """Switches, all set to what Resolve was seen to do. The numbers are those of the list of traps."""

    studio: bool = False
    version: tuple[int, ...] = (21, 0, 0)
    absolute_record_frames: bool = True  # 1: 0-based frames land before the timeline's start, and read back fine
    end_frame: str = "exclusive"  # 2: "inclusive" in some builds
    floors_media_frames: bool = True  # 3: what is no whole frame at its end is not shown
    freezes_rate: bool = True  # 4: a WAV takes the project's rate when it is imported
    drops_overlaps: bool = True  # 5: silently, and gives back an item without an id
    append_errors: int = 0  # 6: so many appends place something and give back nothing; it goes when saved
    hasattr_lies: bool = True  # 7: any name is there; what does not exist is None
    live_enums: bool = True  # 8: settings by the name of a constant are refused
    imports_into_current_bin: bool = True  # 9: else into the master bin
    no_deleting_on_fairlight: bool = True  # 10
    clip_palette_only: bool = True  # 11: sixteen colours, other than those of markers
    absolute_source_times: bool = True  # 14: seconds of source start at the medium's timecode
    source_start_off_by: int = 0  # 15: frames, on clips at their own speed
    drop_frame_text: bool = True  # 16: "29.97 DF"
    modal_latch: bool = True  # 17: a call for Studio opens a window, and until it is closed nothing works
    lists_transitions: bool = True  # 18
    mono_by_default: bool = True  # 19: a track made without a type
    reel_name_sticks: bool = False  # 20: SetClipProperty says True all the same

    # Not measured by anybody: whether appending moves playhead and marks. Here it does, so that scripts keep them.
    moves_playhead_and_marks: bool = True
    # Nor whether it deletes the timeline that is open. Here it does not.
    keeps_open_timeline: bool = True

    def has(self, class_name: str, method: str) -> bool:
        """Whether this version has a method."""
        return self.version >= SINCE.get(class_name + "." + method, (0,))

    @property
    def has_window_manager(self) -> bool:
        """The free edition lost it with 19.1."""
        return self.studio or self.version < (19, 1)


class Remote:
    """An object of the interface: whatever name is asked for is there, and is None where it does not exist."""

    def __init__(self, behaviour: Behaviour, desk: Desk) -> None:
        """behaviour: how Resolve behaves. desk: what is common to all objects of one Resolve."""
        self._behaviour = behaviour
        self._desk = desk

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name[0].isupper() and callable(found):
            behaviour: Behaviour = object.__getattribute__(self, "_behaviour")
            desk: Desk = object.__getattribute__(self, "_desk")
            if not behaviour.has(type(self).__name__, name):
                return self.__getattr__(name)
            if name in desk.failing:
                return lambda *_: desk.failing[name]
            if desk.modal and name not in _ASKED_FOR_NOTHING:
                return lambda *_: None
            desk.calls.append(type(self).__name__ + "." + name)
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not self._behaviour.hasattr_lies:
            raise AttributeError(name)
        return None

    def __dir__(self) -> list[str]:
        names = [name for name in type(self).__dict__ if name[0].isupper()]
        return [name for name in names if self._behaviour.has(type(self).__name__, name)]


class Desk:
    """What all objects of one Resolve share: its window, and what a test wants of it."""

    def __init__(self) -> None:
        """A quiet Resolve on its Edit page."""
        self.page: str | None = "edit"
        self.modal = ""  # what the open modal window says
        self.calls: list[str] = []  # each call that was made, "Timeline.AddTrack"
        self.failing: dict[str, Any] = {}  # what calls of a name give back instead of doing something

    def new_id(self) -> str:
        """A unique id."""
        return str(uuid.uuid4())
