"""kill -9 of client, server or worker at random moments: at the end everything is made, and nothing twice.

A few kills of a short run by default. The whole proof:

    V2A_KILLS=50 V2A_EVENTS=200 python -m pytest tests/otio/test_killed.py -s
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.otio.timelines import clip, save, span, timeline
from tests.server.running import CARD, DEADLINE_S, Server
from v2a.cards import read_card
from v2a.delivery import wav_info
from v2a_api.v1 import generation_pb2 as pb
from v2a_otio.memory import JOURNAL
from v2a_otio.preview import file_sha256

KILLS = int(os.environ.get("V2A_KILLS", "4"))
EVENTS = int(os.environ.get("V2A_EVENTS", "12"))
SEED = int(os.environ.get("V2A_KILL_SEED", "1"))

_CARD = {**CARD, "layers": ["mix"]}


@pytest.fixture
def server() -> Iterator[Server]:
    """The real server with a worker that makes tones; a socket's path is short, and pytest's folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="v2a"))
    for name in ("model", "films", "run"):
        (folder / name).mkdir(mode=0o700)
    (folder / "model" / "card.json").write_text(json.dumps(_CARD))
    (folder / "model" / "weights.safetensors").write_bytes(b"")
    server = Server(folder, read_card(folder / "model").digest, listen=f"unix:{folder}/run/socket")
    yield server
    if hasattr(server, "process") and server.process.poll() is None:
        server.kill()
    shutil.rmtree(folder)


@pytest.fixture
def cut(tmp_path: Path, server: Server, make_film: Callable[..., Path]) -> Path:
    """Shots of 1/5 s, each of other frames of one film."""
    film = make_film(server.folder / "films" / "film.mp4", rate=Fraction(25), n_frames=EVENTS + 5)
    shots = [clip(f"shot {number}", str(film), span(number, 5, 25)) for number in range(EVENTS)]
    return save(timeline(shots), tmp_path / "cut.otio")


@dataclass
class Run:
    """The same command, again and again."""

    cut: Path
    out: Path
    server: Server
    process: subprocess.Popen[bytes] | None = None
    log: list[str] = field(default_factory=list)

    def start(self) -> None:
        """The command; as it is where it still runs."""
        if self.process is not None and self.process.poll() is not None:
            self.end()
        if self.process is None:
            # A step of a hundredth of a second: some kills hit the worker in the middle of one.
            plan = json.dumps({"steps": 3, "step_s": 0.01})
            command = [sys.executable, "-m", "v2a_plugin", "conform", str(self.cut), "-o", str(self.out)]
            command += ["--model", "tones", "--server", self.server.address, "--handles", "0"]
            command += ["--prompt", plan, "--json"]
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def end(self) -> int:
        """Wait for it; its exit status."""
        assert self.process is not None
        process, self.process = self.process, None
        _, said = process.communicate(timeout=600)
        self.log += [line for line in said.decode().splitlines() if line.startswith("v2a: error")]
        assert b"Traceback" not in said
        return process.returncode

    def n_done(self) -> int:
        """How many events the report and the journal know as done."""
        done = {event["request_id"] for event in self.report()["events"] if event["status"] == "done"}
        journal = self.out / JOURNAL
        lines = journal.read_bytes().splitlines() if journal.exists() else []
        return len(done | {name for line in lines if (name := _name(line))})

    def report(self) -> dict[str, Any]:
        path = self.out / "report.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"events": []}
        return found


def _name(line: bytes) -> str:
    try:
        return str(json.loads(line)["request_id"])
    except ValueError:
        return ""  # half a line


def wait_for_a_moment(run: Run, chance: random.Random) -> str:
    """Some moment between the command's first instruction and its end."""
    assert run.process is not None
    began_s, before = time.monotonic(), run.n_done()
    how = chance.random()
    if how < 0.15:
        time.sleep(chance.uniform(0, 3))
        return "while it starts"
    more = chance.randint(0, max(2 * EVENTS // max(KILLS, 1), 1))
    while run.process.poll() is None and run.n_done() < min(before + more, EVENTS):
        assert time.monotonic() < began_s + 300, "nothing comes"
        time.sleep(0.002)
    time.sleep(chance.uniform(0, 0.08 if how < 0.9 else 1.5))
    return f"with {run.n_done()} done"


def kill(victim: str, run: Run) -> None:
    """kill -9."""
    assert run.process is not None
    if victim == "client":
        run.process.kill()
        run.end()
    elif victim == "server":
        run.server.kill()
        if run.process.poll() is None:
            run.end()
        run.server.start()
    else:
        for pid in run.server.worker_pids():
            os.kill(pid, signal.SIGKILL)


def test_at_the_end_everything_is_made_and_nothing_twice(tmp_path: Path, cut: Path, server: Server) -> None:
    chance = random.Random(SEED)  # noqa: S311
    server.start()
    run = Run(cut, tmp_path / "out", server)
    kills: Counter[str] = Counter()
    for number in range(KILLS):
        run.start()
        moment = wait_for_a_moment(run, chance)
        victim = chance.choice(["client", "server", "worker"])
        kill(victim, run)
        kills[victim] += 1
        print(f"kill {number + 1}: {victim} {moment}", flush=True)  # noqa: T201
        for wav in (run.out / "audio").glob("[!.]*.wav"):
            assert wav_info(wav).n_samples == 9_600, "no half file under a file's name"
    for _ in range(5):  # an event whose worker was killed three times has failed, and is asked for again
        run.start()
        if run.end() == 0:
            break
    else:
        raise AssertionError(run.log)

    report = run.report()
    assert (report["totals"]["events"], report["totals"]["done"]) == (EVENTS, EVENTS)
    sounds = {sound["file"]: sound["sha256"] for event in report["events"] for sound in event["sounds"]}
    assert len(sounds) == EVENTS
    assert {f"audio/{path.name}": file_sha256(path) for path in (run.out / "audio").iterdir()} == sounds
    left = [str(path.relative_to(run.out)) for path in run.out.rglob("*")]
    assert [name for name in left if name.rsplit("/", 1)[-1].startswith(".") or name == JOURNAL] == []
    made = ledger(server)
    assert len(made) == EVENTS
    assert set(made) == {event["request_id"] for event in report["events"]}
    assert {(states.count(pb.STATE_SUCCEEDED), n_takes) for states, n_takes in made.values()} == {(1, 1)}
    attempts = sum(states.count(pb.STATE_RUNNING) for states, _ in made.values())
    print(f"{dict(kills)}; {attempts} attempts for {EVENTS} events; {len(run.log)} runs ended with an error")  # noqa: T201


def ledger(server: Server) -> dict[str, tuple[list["pb.State.ValueType"], int]]:
    """For each job that the server ever had: its states one after the other, and how often a take was news."""
    server.stop()
    made = {}
    with sqlite3.connect(server.folder / "store" / "ledger.sqlite3", timeout=DEADLINE_S) as sql:
        for job, name in sql.execute("SELECT id, request_id FROM jobs").fetchall():
            rows = sql.execute("SELECT event FROM events WHERE job = ? ORDER BY sequence", (job,)).fetchall()
            events = [pb.GenerationEvent.FromString(event) for (event,) in rows]
            states = [event.state.state for event in events if event.HasField("state")]
            made[name] = (states, sum(event.HasField("take") for event in events))
    sql.close()
    return made
