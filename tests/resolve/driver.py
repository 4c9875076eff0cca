"""The double of Resolve as a host of the contract suite: the scripts' own parts, pressed as their menu presses them."""

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.doubles.resolve import Behaviour, MediaPoolItem, Resolve, TimelineItem
from tests.doubles.resolve.app import Project
from tests.doubles.resolve.times import rate_of
from tests.hosts.driver import RETIMING, SOUND, Job, RefusedError, Strip
from v2a.audio import Audio, sample_at
from v2a.delivery import read_wav, write_wav
from v2a.media import probe
from v2a_host.bridge_client import BridgeError
from v2a_resolve import inserts, memory, placing, reading
from v2a_resolve.host import Host, Refusal
from v2a_resolve.session import Session

_RATE_HZ = 48_000
_PROJECTS = itertools.count()
_AUDIO = 10  # audio tracks are numbered after video tracks, whose numbers they would share
_WISHES = {"takes": "takes", "seed": "seed", "quality": "quality", "model": "model", "handles_s": "handles"}


class ResolveDouble:
    """One Resolve, and one conversation with the bridge. as_is: films play a frame for each of the timeline."""

    def __init__(self, behaviour: Behaviour, rate: str, server: str, *, as_is: bool = False) -> None:
        self.name = f"Resolve {'Studio' if behaviour.studio else 'free'} {'.'.join(map(str, behaviour.version))}"
        retimes = behaviour.has("TimelineItem", "GetSourceStartFrame")
        self.can = frozenset({SOUND} | ({RETIMING} if retimes else set()))
        self.behaviour, self._rate_text, self._as_is = behaviour, rate, as_is
        memory.write("settings.json", {"server": server})
        self._saved: dict[Path, Project] = {}
        self.resolve = Resolve(behaviour, rate)
        self.host = Host(self.resolve, self.resolve._fusion, None)
        self._settings: dict[str, Any] = {}
        self._begin()
        self._session = Session(self.host)
        self._session.__enter__()

    def close(self) -> None:
        """End the bridge."""
        self._session.__exit__()

    def new_edit(self, rate: Fraction) -> None:
        """A new project at the rate that this Resolve shows so."""
        text = self._rate_text if rate_of(self._rate_text)[0] == rate else _text(rate)
        self.resolve._new_project("Short film", text)
        self._begin()
        self._session.greet(self.host)

    def use(self, behaviour: Behaviour, rate: str, project_rate: str = "") -> None:
        """Another Resolve, with a new project. project_rate: where it is another than the timeline's."""
        memory.set_end_is_inclusive(False)
        self.behaviour, self._rate_text = behaviour, rate
        self.resolve = Resolve(behaviour, rate)
        self.resolve._new_project("Short film", project_rate or rate, rate)
        self.host = Host(self.resolve, self.resolve._fusion, None)
        self._begin()
        self._session.greet(self.host)

    def _begin(self) -> None:
        self._settings = {key: value for key, value in self._settings.items() if key in ("model", "output")}
        # No two projects ask for the same: a server that has made it would answer at once.
        self._settings["guidance"] = 1 + next(_PROJECTS) / 10_000
        self._selected: list[TimelineItem] = []
        self._handled: set[str] = set()
        self._names: dict[str, TimelineItem] = {}
        self._messages: dict[str, list[str]] = {}

    def add_film(self, path: Path, at: int, *, track: int = 1, head: int = 0, tail: int = 0) -> str:
        """A film, whose rate in its clip attributes may be the timeline's."""
        info = probe(path)
        n_frames = int(info.duration_s * info.rate)
        rate = self._timeline_text if self._as_is else _text(info.rate)
        film = self.resolve._film(str(path), rate, n_frames)
        return self._put(film, at, head, n_frames - tail, track)

    def add_images(self, paths: Sequence[Path], at: int, *, track: int = 1, head: int = 0, tail: int = 0) -> str:
        """Numbered pictures, as Resolve writes their path."""
        first, last = (path.name.split(".")[-2] for path in (paths[0], paths[-1]))
        path = paths[0].with_name(paths[0].name.replace(first, f"[{first}-{last}]"))
        images = self.resolve._film(str(path), self._timeline_text, len(paths))
        return self._put(images, at, head, len(paths) - tail, track)

    def _put(self, medium: MediaPoolItem, at: int, head: int, end: int, track: int) -> str:
        rate = self.resolve._timeline._rate
        duration = int((end - head) * rate / medium._rate)
        item = self.resolve._put(medium, at, duration, head, track=track)
        item._name = f"{len(self._names) + 1} {medium._name}"
        self._names[item._name] = item
        return item._name

    def add_sound(self, path: Path, at: int, *, track: int) -> str:
        """A sound of the user's own."""
        raise NotImplementedError

    def add_text(self, words: str, start: int, end: int, *, track: int) -> str:
        """Titles say nothing to scripts: a marker that lasts does."""
        self.resolve._timeline.AddMarker(start, "Sky", words, "", end - start)
        return words

    def add_marker(self, at: int, text: str) -> None:
        """A marker's note: its name is what Resolve calls it."""
        assert self.resolve._timeline.AddMarker(at, "Blue", "Marker 1", text, 1)

    def retime(self, name: str, speed: Fraction) -> None:
        """Its clip's speed."""
        item = self._names[name]
        item._speed, item._duration = speed, int(item._duration / speed)

    def nest(self, *names: str) -> str:
        """Compound clips have no film."""
        raise NotImplementedError

    def lock_track(self, track: int) -> None:
        """One that has the name of ours."""
        timeline = self.resolve._timeline
        while timeline.GetTrackCount("audio") < track:
            timeline.AddTrack("audio", "stereo")
        timeline.SetTrackName("audio", track, "V2A MIX")
        timeline._tracks["audio"][track - 1].locked = True

    def select(self, *names: str) -> None:
        """Where this version tells of selections; else the playhead is put on each clip in turn."""
        self._selected = [self._names[name] for name in names if name in self._names]
        self.resolve._timeline._selected = self._selected

    def set(self, **wishes: Any) -> None:
        """The last settings."""
        self._settings |= {_WISHES[key]: str(value) for key, value in wishes.items() if key == "handles_s"}
        plain = {key: value for key, value in wishes.items() if key in _WISHES and key != "handles_s"}
        self._settings |= {_WISHES[key]: value for key, value in plain.items()}
        if "output" in wishes:
            self._settings["output"] = str(wishes["output"])
        words = {key: wishes[key] for key in ("prompt", "negative") if key in wishes}
        if words or "layers" in wishes:
            before = self._settings.get("layers") or [{"name": "mix"}]
            names = wishes.get("layers") or [layer["name"] for layer in before]
            said = {key: before[0].get(key, "") for key in ("prompt", "negative")} | words
            self._settings["layers"] = [{"name": name, **said} for name in names]

    def press(self, scope: str = "selected") -> list[str]:
        """V2A Generate, as far as asking."""
        timeline, made = self.resolve._timeline, []
        can_select = self.behaviour.has("Timeline", "GetSelectedClips")
        for item in [None] if can_select or not self._selected else self._selected:
            timeline._playhead = timeline._playhead if item is None else item._start
            try:
                selection = reading.read(self.host)
                made += self._session.submit(reading.jobs(selection, self._settings))
            except (Refusal, BridgeError) as error:
                raise RefusedError(str(error)) from error
        return made

    def wait(self, within_s: float = 60.0) -> list[Job]:
        """Wait, and place what has come, as V2A Generate and V2A Audition and keep do."""
        deadline = time.monotonic() + within_s
        while any(status["state"] not in ("succeeded", "failed", "cancelled") for status in self._statuses()):
            assert time.monotonic() < deadline
            self._session.pump()
            time.sleep(0.01)
        placed = inserts.jobs_placed(self.host, self._statuses())
        for status in self._statuses():
            if status["state"] == "succeeded" and status["job"] not in placed | self._handled:
                self._handled.add(status["job"])
                takes = sorted({take["take"] for take in status["takes"]})
                self._messages[status["job"]] = placing.place(self.host, self._session.ask, status, takes)
        return self.jobs()

    def jobs(self) -> list[Job]:
        """What the bridge knows of this project."""
        placed = inserts.jobs_placed(self.host, self._statuses())
        return [
            Job(
                status["job"],
                status["name"],
                status["state"],
                status["job"] in placed,
                status["text"],
                tuple(self._said(status)),
                tuple(status["takes"]),
                (self._frame(status["range"][0]), self._frame(status["range"][1]) - int(status["tag"]["tail"])),
                (self._frame(status["handles"][0]), self._frame(status["handles"][1])),
            )
            for status in self._statuses()
        ]

    def _frame(self, time_s: str) -> Fraction:
        return Fraction(time_s) * self.resolve._timeline._rate

    def _said(self, status: Mapping[str, Any]) -> list[str]:
        error = [status["error"]["message"]] if status["error"] else []
        return [*error, *status["warnings"], *self._messages.get(status["job"], [])]

    def until(self, state: str, within_s: float = 60.0) -> None:
        """Wait for a state."""
        deadline = time.monotonic() + within_s
        while not any(status["state"] == state for status in self._statuses()):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def again(self, job: str, layer: str = "") -> None:
        """As the page's button does."""
        self._session.ask("again", {"job": job, **({"layer": layer} if layer else {})})

    def hear(self, job: str, layer: str, take: int) -> None:
        """By hand: clips are switched on and off with D."""
        for item, made in self._ours():
            if (made["job"], made["layer"]) == (job, layer):
                item._enabled = made["take"] == take

    def delete_take(self, job: str, layer: str, take: int) -> None:
        """By hand, and its file by the bridge."""
        for item, made in self._ours():
            if (made["job"], made["layer"], made["take"]) == (job, layer, take):
                self.resolve._timeline.DeleteClips([item])
        self._session.ask("delete_take", {"job": job, "layer": layer, "take": take})

    def cancel(self, job: str) -> None:
        """As the page's button does."""
        self._session.cancel([job])

    def strips(self) -> list[Strip]:
        """Every clip."""
        timeline = self.resolve._timeline
        return [
            self._strip(kind, number, track.name, item)
            for kind in ("video", "audio")
            for number, track in enumerate(timeline._tracks[kind], 1)
            for item in sorted(track.items, key=lambda item: item._start)
            if item._medium is not None
        ]

    def _strip(self, kind: str, number: int, track_name: str, item: TimelineItem) -> Strip:
        medium = item._medium
        assert medium is not None
        start = item._start - item._timeline._start
        ratio = medium._rate / item._timeline._rate
        head = int(item._source_start / ratio)
        return Strip(
            item._name,
            "sound" if kind == "audio" else "film",
            number + (_AUDIO if kind == "audio" else 0),
            track_name,
            start,
            start + item._duration,
            head,
            int(medium._frames / ratio) - head - item._duration,
            Path(medium._path),
            not item._enabled,
            item._colour,
            _made(item),
        )

    def _ours(self) -> list[tuple[TimelineItem, Mapping[str, Any]]]:
        tracks = self.resolve._timeline._tracks["audio"]
        return [(item, made) for track in tracks for item in list(track.items) if (made := _made(item))]

    def undo(self) -> None:
        """V2A Remove last insert is another thing."""
        raise NotImplementedError

    def redo(self) -> None:
        """There is none."""
        raise NotImplementedError

    def save(self, path: Path) -> None:
        """Projects lie in a database, here under a name."""
        self._saved[path] = self.resolve._project

    def load(self, path: Path) -> None:
        """Open a project again."""
        self.resolve._manager._project = self._saved[path]
        self._begin()
        self._session.greet(self.host)

    def mix_down(self, path: Path, start: int, end: int) -> None:
        """What a render of the timeline plays: nothing of what lies before its start."""
        timeline = self.resolve._timeline
        first = sample_at(start / timeline._rate, _RATE_HZ)
        mix = np.zeros((1, sample_at(end / timeline._rate, _RATE_HZ) - first), np.float32)
        for track in timeline._tracks["audio"]:
            for item in track.items:
                if item._enabled and track.enabled and item._start >= timeline._start:
                    at, samples = _heard(item)
                    mix[:, at - first : at - first + samples.shape[1]] += samples
        write_wav(path, Audio(mix, _RATE_HZ))

    @property
    def _timeline_text(self) -> str:
        return self.resolve._timeline._rate_text

    def _statuses(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._session.ask("jobs")["jobs"]
        return found


def _heard(item: TimelineItem) -> tuple[int, npt.NDArray[np.float32]]:
    """The sample of the timeline at which an item starts, and what it plays."""
    medium, timeline = item._medium, item._timeline
    assert medium is not None
    start = item._start - timeline._start
    at, stop = (sample_at(frame / timeline._rate, _RATE_HZ) for frame in (start, start + item._duration))
    offset = sample_at(item._source_start / medium._rate, _RATE_HZ)
    sound = read_wav(Path(medium._path))
    return at, sound.samples[:1, offset : offset + stop - at]


def _made(item: TimelineItem) -> dict[str, Any]:
    said = item._medium._metadata.get("Comments", "") if item._medium else ""
    return dict(json.loads(said)) if said else {}


def _text(rate: Fraction) -> str:
    for text in ("23.976", "29.97", "59.94"):
        if rate_of(text)[0] == rate:
            return text
    return str(rate) if rate.denominator == 1 else str(float(rate))
