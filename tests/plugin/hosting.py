"""A host for the bridge, without a program around it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2a_host.bridge_client import BridgeClient

BRIDGE = [sys.executable, "-m", "v2a_plugin", "bridge"]
# Far longer than anything takes, also where other work has the machine.
DEADLINE_S = 240.0
ENDED = ("succeeded", "failed", "cancelled")


class Host:
    """One bridge with a document, and what it told."""

    def __init__(self, home: Path, command: Sequence[str] = BRIDGE) -> None:
        self.home = home
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.ends: list[str] = []
        environment = {**os.environ, "V2A_HOME": str(home)}
        self.client = BridgeClient(command, lambda *what: self.told.append(what), self.ends.append, environment)

    def start(self, document: str = "edit", **hello: Any) -> dict[str, Any]:
        """Start the bridge, and say hello."""
        self.client.start()
        return self.hello(document, **hello)

    def hello(self, document: str, **hello: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("hello", protocol=1, host="test", document=document, **hello)
        return found

    def ask(self, method: str, **params: Any) -> Any:
        return self.client.ask(method, params)

    def submit(self, film: Path, **job: Any) -> str:
        """A job for the film's first second, where it does not say otherwise."""
        found: str = self.ask("submit", job=job_for({"film": str(film)}, **job))["job"]
        return found

    def told_of(self, job: str) -> list[dict[str, Any]]:
        """Each STATUS of a job that was told."""
        return [params for method, params in self.told if method == "job" and params["job"] == job]

    def until(self, true: Callable[[], Any]) -> None:
        """Pump until something holds."""
        deadline = time.monotonic() + DEADLINE_S
        while not true():
            self.client.pump()
            assert time.monotonic() < deadline, self.told[-3:]
            time.sleep(0.005)

    def until_sampling(self, job: str) -> None:
        """Pump until the server is in the middle of a job."""
        self.until(lambda: any(status["stage"] == "sampling" for status in self.told_of(job)))

    @property
    def server_state(self) -> str:
        """As it was told last; "" before."""
        states = [params["state"] for method, params in self.told if method == "server"]
        return states[-1] if states else ""

    def finish(self, job: str) -> dict[str, Any]:
        """Pump until a job has ended; its last STATUS."""
        self.until(lambda: any(status["state"] in ENDED for status in self.told_of(job)))
        return next(status for status in self.told_of(job) if status["state"] in ENDED)

    def status(self, job: str) -> dict[str, Any]:
        """A job as `jobs` has it."""
        return next(status for status in self.ask("jobs")["jobs"] if status["job"] == job)

    def kill(self) -> None:
        """kill -9 of the bridge."""
        pid = self.client.pid
        assert pid is not None
        os.kill(pid, 9)
        self.until(lambda: not self.client.running)


def job_for(source: Mapping[str, Any], **job: Any) -> dict[str, Any]:
    """A job for one second at 25 frames a second."""
    one = {"source": ["0", "1"], "presented": ["0", "1"]}
    pieces = {} if "render" in source else {"pieces": [one]}
    return {"name": "shot", "source": source, **pieces, "range": ["0", "1"], "rate": "25", **job}


def tones(**plan: Any) -> list[dict[str, str]]:
    """Layers whose prompt tells the tone worker how its job goes."""
    return [{"name": "mix", "prompt": json.dumps(plan)}]


def renderer(folder: Path, n_frames: int = 25, *, pause_s: float = 0.0, frames: int | None = None) -> dict[str, Any]:
    """A source that is rendered by a program of its own, in a folder of its own; it notes its runs beside that."""
    folder.mkdir()
    program = (
        "import os, sys, time; from fractions import Fraction; from pathlib import Path\n"
        "from tests.conftest import write_film, paint_number\n"
        f"(Path({str(folder)!r}).parent / 'runs').open('a').write(f'{{os.getpid()}}\\n')\n"
        "print('Blender says hello', flush=True)\n"
        "def paint(number):\n"
        f"    print('frame', number + 1, flush=True); time.sleep({pause_s}); return paint_number(number, (48, 96))\n"
        f"write_film(Path({str(folder / 'film.mp4')!r}), Fraction(25), {frames or n_frames}, painter=paint)\n"
    )
    (folder / "render.py").write_text(program)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{program}"]
    render = {"command": command, "film": str(folder / "film.mp4"), "folder": str(folder), "n_frames": n_frames}
    return {"render": render}


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(shown.stdout.strip()) and not shown.stdout.startswith("Z")


def whole_s(status: Mapping[str, Any]) -> Fraction:
    """The length that a job's sounds have, handles included."""
    start, end = map(Fraction, status["range"])
    before, after = map(Fraction, status["handles"])
    return end - start + before + after
