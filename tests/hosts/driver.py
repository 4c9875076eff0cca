"""What the contract suite wants of a host: to be given an edit, to have the button pressed, and to be read back.

Nothing here knows which host it is. Frames are whole numbers of the host's own timeline, as its users see them; ranges
are half-open. Tracks count upwards from 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

# What a host may be unable to do; a case that needs one of these is skipped, with the reason, where it is missing.
SOUND = "sound"  # plays and mixes sound at all
UNDO = "undo"
RENDERING = "rendering"  # pictures that are no single file
RETIMING = "retiming"


class RefusedError(Exception):
    """The host did not do what was asked, and told the user why: the text is that message."""


@dataclass(frozen=True)
class Strip:
    """Something on a track.

    kind: "film", "images", "sound", "scene", "meta", "effect", "text". head, tail: frames of the medium hidden
    before and after. made: where a generated sound comes from, {} for all others. inside: the strips that hold it,
    outermost first.
    """

    name: str
    kind: str
    track: int
    track_name: str
    start: int
    end: int
    head: int
    tail: int
    path: Path | None
    muted: bool
    colour: str = ""
    made: Mapping[str, Any] = field(default_factory=dict)
    inside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """A job as the host's panel shows it. state: as in docs/bridge.md. messages: for the user, worst first.

    frames: [start, end) that its sounds are for. handles: frames before and after that, as far as they are known.
    """

    id: str
    name: str
    state: str
    placed: bool
    text: str
    messages: tuple[str, ...]
    takes: tuple[Mapping[str, Any], ...]
    frames: tuple[Fraction, Fraction]
    handles: tuple[Fraction, Fraction]


class HostDriver(Protocol):
    """A host under test, with the integration installed as users install it."""

    name: str
    can: frozenset[str]

    def new_edit(self, rate: Fraction) -> None:
        """An empty timeline of this many frames a second, never saved."""

    def add_film(self, path: Path, at: int, *, track: int = 1, head: int = 0, tail: int = 0) -> str:
        """A film whose first seen frame lies at `at`, trimmed at both ends; its name."""

    def add_images(self, paths: Sequence[Path], at: int, *, track: int = 1, head: int = 0, tail: int = 0) -> str:
        """Numbered pictures, a frame each."""

    def add_sound(self, path: Path, at: int, *, track: int) -> str:
        """A sound of the user's own."""

    def add_text(self, words: str, start: int, end: int, *, track: int) -> str:
        """Words on the timeline."""

    def add_marker(self, at: int, text: str) -> None:
        """A marker of the timeline."""

    def retime(self, name: str, speed: Fraction) -> None:
        """Play a film at another, constant speed; its first frame stays."""

    def nest(self, *names: str) -> str:
        """Put strips into one that holds them; its name."""

    def lock_track(self, track: int) -> None:
        """Keep everybody from changing a track."""

    def select(self, *names: str) -> None:
        """Select these strips, and no others."""

    def set(self, **wishes: Any) -> None:
        """What the panel is told: prompt, negative, preset, layers, takes, seed, quality, model, handles_s, output."""

    def press(self, scope: str = "selected") -> list[str]:
        """Press the button for the "selected" strips, the "range" or the "edit"; the new jobs. Raises RefusedError."""

    def wait(self, within_s: float = 60.0) -> list[Job]:
        """Go on until every job has ended and its sounds lie on the timeline; all jobs, oldest first."""

    def jobs(self) -> list[Job]:
        """All jobs of this edit, oldest first, as they stand now."""

    def until(self, state: str, within_s: float = 60.0) -> None:
        """Go on until some job is in this state."""

    def again(self, job: str, layer: str = "") -> None:
        """Roll a job, or one layer of it, again with the next seed."""

    def hear(self, job: str, layer: str, take: int) -> None:
        """Choose a take."""

    def delete_take(self, job: str, layer: str, take: int) -> None:
        """Throw a take away: its strip and its file."""

    def cancel(self, job: str) -> None:
        """Cancel a job."""

    def strips(self) -> list[Strip]:
        """Everything on the timeline, by track and start."""

    def undo(self) -> None:
        """One step back."""

    def redo(self) -> None:
        """One step forward."""

    def save(self, path: Path) -> None:
        """Save the edit."""

    def load(self, path: Path) -> None:
        """Open a saved edit."""

    def mix_down(self, path: Path, start: int, end: int) -> None:
        """Write what is heard over a range of frames as a WAV of 48 kHz, with the host's own means."""


def ours(strips: Sequence[Strip]) -> list[Strip]:
    """The generated sounds among strips."""
    return [strip for strip in strips if strip.made]
