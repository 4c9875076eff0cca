"""A Blender as the contract suite sees it: a process with `blender_driver.py` inside, told what to do by lines."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.hosts.driver import RENDERING, RETIMING, SOUND, UNDO, Job, RefusedError, Strip
from tests.hosts.environments import ROOT, Program, Wheel

_DRIVER = Path(__file__).with_name("blender_driver.py")
_ANSWERS_WITHIN_S = 120.0


class DriverError(AssertionError):
    """The driver inside Blender failed where only the host's refusals are expected."""


class Blender:
    """See HostDriver.

    folder: for its preferences, its add-ons and its log, and where the bridge keeps its state. server: the address
    that the add-on is told; "" leaves the user's own. known_bridge: what V2A_BRIDGE says. preferences: the add-on's.
    """

    def __init__(
        self,
        which: Wheel | Program,
        folder: Path,
        server: str = "",
        known_bridge: str = sys.executable,
        **preferences: Any,
    ) -> None:
        self.name = which.name
        self.can = frozenset({UNDO, RENDERING, RETIMING} | ({SOUND} if which.sound else set()))
        self._which, self._folder = which, folder
        self._bridge, self._preferences = known_bridge, {"server": server, **preferences}

    def start(self, addon: Path | None) -> "Blender":
        """Start it, and install the add-on out of its zip as a user would; None: without it."""
        self._addon = addon
        (self._folder / "blender").mkdir(parents=True, exist_ok=True)
        answers, said = os.pipe()
        environment = {
            **os.environ,
            "BLENDER_USER_RESOURCES": str(self._folder / "blender"),
            "V2A_HOME": str(self._folder / "v2a"),
            "V2A_BRIDGE": self._bridge,
            "V2A_DRIVER_ANSWERS": str(said),
            "TMPDIR": str(self._folder),  # Blender leaves its session there as it quits
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._which.command(), str(_DRIVER)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=ROOT,
                pass_fds=[said],
                start_new_session=True,
            )
        os.close(said)
        self._answers = os.fdopen(answers, "rb")
        if addon is not None:
            self.do("install", file=addon)
            self.do("prefer", **self._preferences)
        return self

    @property
    def log(self) -> Path:
        """What Blender, the add-on and the driver printed."""
        return self._folder / "log"

    def do(self, verb: str, **arguments: Any) -> Any:
        """Have the driver do something; what it answers. Raises RefusedError, or DriverError."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"do": verb, "with": arguments}, default=str).encode() + b"\n")
            self.process.stdin.flush()
        ready, _, _ = select.select([self._answers], [], [], _ANSWERS_WITHIN_S)
        line = self._answers.readline() if ready else b""
        if not line:
            raise DriverError(f"{self.name} says nothing to '{verb}':\n{self.log.read_text()[-4000:]}")
        answer = json.loads(line)
        if "ok" in answer:
            return answer["ok"]
        if answer["error"] == "RuntimeError" and answer["message"].startswith("Error: "):
            raise RefusedError(answer["message"].removeprefix("Error: ").strip())
        raise DriverError(f"{self.name}: {verb}: {answer['message']}\n{self.log.read_text()[-4000:]}")

    def revive(self) -> None:
        """Start it again where it crashed."""
        if self.process.poll() is not None:
            self._reap()
            self.start(self._addon)

    @staticmethod
    def rest(for_s: float) -> None:
        """Leave a window alone for a while."""
        time.sleep(for_s)

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def close(self) -> None:
        """Let it end."""
        if self.process.poll() is None:
            assert self.process.stdin is not None
            with suppress(BrokenPipeError):
                self.process.stdin.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._reap()

    def _reap(self) -> None:
        self.process.wait()
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self._answers.close()

    @staticmethod
    def _job(told: Mapping[str, Any]) -> Job:
        return Job(
            told["id"],
            told["name"],
            told["state"],
            told["placed"],
            told["text"],
            tuple(told["messages"]),
            tuple(told["takes"]),
            _pair(told["frames"]),
            _pair(told["handles"]),
        )

    # The verbs of HostDriver

    def new_edit(self, rate: Fraction) -> None:
        self.do("new_edit", rate=str(rate))

    def add_film(self, path: Path, at: int, *, track: int = 1, head: int = 0, tail: int = 0) -> str:
        return str(self.do("add_film", path=path, at=at, track=track, head=head, tail=tail))

    def add_images(self, paths: Sequence[Path], at: int, *, track: int = 1, head: int = 0, tail: int = 0) -> str:
        return str(self.do("add_images", paths=[*map(str, paths)], at=at, track=track, head=head, tail=tail))

    def add_sound(self, path: Path, at: int, *, track: int) -> str:
        return str(self.do("add_sound", path=path, at=at, track=track))

    def add_text(self, words: str, start: int, end: int, *, track: int) -> str:
        return str(self.do("add_text", words=words, start=start, end=end, track=track))

    def add_marker(self, at: int, text: str) -> None:
        self.do("add_marker", at=at, text=text)

    def retime(self, name: str, speed: Fraction) -> None:
        self.do("retime", name=name, speed=str(speed))

    def nest(self, *names: str) -> str:
        return str(self.do("nest", names=names))

    def lock_track(self, track: int) -> None:
        self.do("lock_track", track=track)

    def select(self, *names: str) -> None:
        self.do("select", names=names)

    def set(self, **wishes: Any) -> None:
        self.do("set", **{key: float(value) if key == "handles_s" else value for key, value in wishes.items()})

    def press(self, scope: str = "selected") -> list[str]:
        before = {job.id for job in self.jobs()}
        self.do("press", scope=scope)
        self._go_on(lambda: self.do("is_answered"), _ANSWERS_WITHIN_S)
        return [job.id for job in self.jobs() if job.id not in before]

    def wait(self, within_s: float = 60.0) -> list[Job]:
        self._go_on(lambda: self.do("is_settled"), within_s)
        return self.jobs()

    def _go_on(self, until: Callable[[], bool], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not until():
            assert time.monotonic() < deadline, f"not within {within_s:g} s; jobs: {self.jobs()}"
            self.do("tick", for_s=0.05)
            time.sleep(0.01)

    def jobs(self) -> list[Job]:
        return [self._job(told) for told in self.do("jobs")]

    def until(self, state: str, within_s: float = 60.0) -> None:
        self._go_on(lambda: any(job.state == state for job in self.jobs()), within_s)

    def again(self, job: str, layer: str = "") -> None:
        self.do("again", job=job, layer=layer)

    def hear(self, job: str, layer: str, take: int) -> None:
        self.do("hear", job=job, layer=layer, take=take)

    def delete_take(self, job: str, layer: str, take: int) -> None:
        self.do("delete_take", job=job, layer=layer, take=take)

    def cancel(self, job: str) -> None:
        self.do("cancel", job=job)

    def strips(self) -> list[Strip]:
        return [_strip(told) for told in self.do("strips")]

    def undo(self) -> None:
        self.do("undo")

    def redo(self) -> None:
        self.do("redo")

    def save(self, path: Path) -> None:
        self.do("save", path=path)

    def load(self, path: Path) -> None:
        self.do("load", path=path)

    def mix_down(self, path: Path, start: int, end: int) -> None:
        self.do("mix_down", path=path, start=start, end=end)


def _strip(told: Mapping[str, Any]) -> Strip:
    told = dict(told)
    path = told.pop("path")
    inside = tuple(told.pop("inside"))
    return Strip(path=Path(path) if path else None, inside=inside, **told)


def _pair(told: Sequence[str]) -> tuple[Fraction, Fraction]:
    first, second = map(Fraction, told)
    return first, second
