"""Calls to Resolve that mean what they say: what is not there, refused or silently not done becomes None."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator

from .saying import say

# With this version the free edition lost its windows; asking for them there opens one that advertises Studio, and
# until it is closed no call does anything.
_FREE_HAS_WINDOWS_BEFORE = (19, 1, 0)


class Refusal(Exception):  # noqa: N818
    """Why something cannot be done, as a sentence for the user that says what to do."""


def can(thing: Any, name: str) -> bool:
    """Whether an object has a method. `hasattr` says yes to every name."""
    return callable(getattr(thing, name, None))


def ask(thing: Any, name: str, *arguments: Any) -> Any:
    """What a method gives back; None where there is no such method."""
    return getattr(thing, name)(*arguments) if can(thing, name) else None


def constant(resolve: Any, name: str) -> Any:
    """A setting that Resolve knows by a constant's value: its name would be refused, and `dir` does not list it."""
    return getattr(resolve, name, None)


class Host:
    """The application, and what is open in it."""

    def __init__(self, resolve: Any, fusion: Any = None, bmd: Any = None) -> None:
        """resolve, fusion, bmd: what menu scripts find as globals."""
        self.resolve, self._fusion, self._bmd = resolve, fusion, bmd
        if not can(resolve, "GetProjectManager"):
            raise Refusal("DaVinci Resolve does not answer: run this from its menu Workspace > Scripts")
        self.product = str(ask(resolve, "GetProductName") or "DaVinci Resolve")
        fields = ask(resolve, "GetVersion") or []
        self.version = tuple(field for field in fields[:3] if isinstance(field, int))
        self.version_text = str(ask(resolve, "GetVersionString") or ".".join(map(str, self.version)))

    @property
    def is_studio(self) -> bool:
        """Whether this is the edition that has to be bought."""
        return "studio" in self.product.lower()

    @property
    def project(self) -> Any:
        """The open project. Raises Refusal."""
        project = ask(ask(self.resolve, "GetProjectManager"), "GetCurrentProject")
        if not can(project, "GetCurrentTimeline"):
            raise Refusal(
                "Resolve answers nothing about its project: open a project, close any window that asks something, "
                "and run this again"
            )
        return project

    @property
    def timeline(self) -> Any:
        """The open timeline. Raises Refusal."""
        timeline = ask(self.project, "GetCurrentTimeline")
        if not can(timeline, "GetStartFrame"):
            raise Refusal("No timeline is open: open one on the Edit page, and run this again")
        return timeline

    @property
    def pool(self) -> Any:
        """The media pool."""
        return ask(self.project, "GetMediaPool")

    def timeline_of(self, unique_id: str) -> Any:
        """The timeline of an id; None where it is there no more."""
        return next((one for one in self.timelines() if ask(one, "GetUniqueId") == unique_id), None)

    def timelines(self) -> list[Any]:
        """All timelines of the open project."""
        project = self.project
        count = ask(project, "GetTimelineCount") or 0
        return [ask(project, "GetTimelineByIndex", index) for index in range(1, count + 1)]

    def windows_allowed(self) -> bool:
        """Whether this edition and version may be asked for windows at all."""
        return self.is_studio or self.version < _FREE_HAS_WINDOWS_BEFORE

    def windows(self) -> tuple[Any, Any] | None:
        """The manager of windows and a dispatcher; None where there are none, or none that can be asked in between."""
        if not self.windows_allowed():
            return None
        manager = getattr(self._fusion, "UIManager", None)
        if manager is None or not can(self._bmd, "UIDispatcher"):
            return None
        dispatcher = self._bmd.UIDispatcher(manager)
        return (manager, dispatcher) if can(dispatcher, "StepLoop") else None

    @contextlib.contextmanager
    def page(self, name: str) -> Iterator[None]:
        """A page to work on: clips cannot be deleted on Fairlight's. The user's own comes back."""
        before = ask(self.resolve, "GetCurrentPage")
        if before != name:
            ask(self.resolve, "OpenPage", name)
        try:
            yield
        finally:
            if before and before != name:
                ask(self.resolve, "OpenPage", before)

    @contextlib.contextmanager
    def kept(self, timeline: Any) -> Iterator[None]:
        """What the user sees is as before afterwards: the timeline, its playhead and marks, the bin, the page."""
        project, pool = self.project, self.pool
        current, folder = ask(project, "GetCurrentTimeline"), ask(pool, "GetCurrentFolder")
        with self.page("edit"):
            if not _same(current, timeline):
                ask(project, "SetCurrentTimeline", timeline)
            playhead, marks = ask(timeline, "GetCurrentTimecode"), ask(timeline, "GetMarkInOut")
            last = int(timeline.GetEndFrame()) - int(timeline.GetStartFrame()) - 1
            try:
                yield
            finally:
                if marks is not None and marks != ask(timeline, "GetMarkInOut"):
                    _set_marks(timeline, marks, last)
                if playhead:
                    ask(timeline, "SetCurrentTimecode", playhead)
                if not _same(current, timeline):
                    ask(project, "SetCurrentTimeline", current)
                if folder is not None:
                    ask(pool, "SetCurrentFolder", folder)


def _same(one: Any, other: Any) -> bool:
    """Whether two handles are for the same object: each call may give another handle."""
    return bool(ask(one, "GetUniqueId") == ask(other, "GetUniqueId"))


def _set_marks(timeline: Any, marks: dict[str, dict[str, int]], last: int) -> None:
    """Set marks as they were. Resolve sets two at a time: with a lone one, the other goes to the timeline's end."""
    for kind in ask(timeline, "GetMarkInOut") or {}:
        if not marks.get(kind):
            ask(timeline, "ClearMarkInOut", kind)
    for kind, span in marks.items():
        if not span:
            continue
        start = span.get("in", 0)
        ask(timeline, "SetMarkInOut", start, max(start, span.get("out", last)), kind)
        if len(span) == 1:
            other, end = ("out", "end") if "in" in span else ("in", "start")
            say(f"Your {kind} mark had moved and is back; as a script sets both, there is an {other} mark at the {end}")
