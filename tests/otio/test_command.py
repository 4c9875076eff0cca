"""`v2a conform` as it is called, once with the real server and model."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from tests.otio.timelines import clip, gap, save, span, timeline
from v2a.delivery import read_wav
from v2a.errors import UnavailableError
from v2a.media import picture_digest
from v2a_otio.command import _rate
from v2a_otio.tracks import read_tracks
from v2a_plugin.client import ServerChoice, connect


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str


def conform(*arguments: object) -> Ran:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "v2a_plugin", "conform", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


class Server:
    """The real server, on a socket of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:{folder}/s"
        self._command = [sys.executable, "-m", "v2a_plugin", "serve", "--listen", self.address]
        self._command += ["--read-anything", "--store", f"{folder}/store", "--device", "cpu"]
        self._log = folder / "log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            with suppress(UnavailableError):
                connect(ServerChoice(self.address)).close()
                return
            time.sleep(0.1)

    def stop(self, how: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(60)


@pytest.fixture
def server() -> Iterator[Server]:
    # A socket's path may have 107 characters: pytest's own folders may be longer.
    with tempfile.TemporaryDirectory(prefix="v2a-") as folder:
        server = Server(Path(folder))
        yield server
        server.stop(signal.SIGTERM)


@pytest.fixture
def cut(tmp_path: Path, make_film: Callable[..., Path]) -> Path:
    """Two shots of a second each from a film of two seconds at 18 frames a second, with a gap between them."""
    make_film(tmp_path / "film.mp4", rate=Fraction(18), n_frames=36)
    shots = [clip("one", "film.mp4", span(0, 18, 18)), gap(9, 18), clip("two", "film.mp4", span(18, 18, 18))]
    return save(timeline(shots), tmp_path / "cut.otio")


def test_the_real_server_and_model_make_a_cut_and_go_on_after_a_crash(
    tmp_path: Path, cut: Path, server: Server, make_film: Callable[..., Path]
) -> None:
    picture = make_film(tmp_path / "reference.mp4", rate=Fraction(18), n_frames=45)
    out = tmp_path / "out"
    asked: tuple[object, ...] = (cut, "-o", out, "--quality", "preview", "--prompt", "footsteps", "--picture", picture)
    asked += ("--server", server.address)
    first = conform(*asked, "--json")
    assert first.status == 0, first.err
    report = json.loads(first.out)
    assert report == json.loads((out / "report.json").read_text())
    assert report["totals"]["done"] == 2
    for event in report["events"]:
        (sound,) = event["sounds"]
        samples = read_wav(out / sound["file"]).samples
        # A second for each shot, and of the five seconds of handles the one that the film goes on.
        assert samples.shape == (1, 96_000)
        assert np.abs(samples).max() > 0
    (track,) = read_tracks(otio.adapters.read_from_file(str(out / "timeline.otio")))
    assert [(item.name, float(item.start_s), float(item.end_s)) for item in track.items] == [
        ("one", 0.0, 1.0),
        ("two", 1.5, 2.5),
    ]
    assert picture_digest(out / "preview.mp4") == picture_digest(picture)

    server.stop(signal.SIGKILL)
    gone = conform(*asked)
    assert gone.status == 1
    assert "v2a: error:" in gone.err

    server.start()
    (out / "audio" / "002_two_mix_t1.wav").unlink()
    again = conform(*asked)
    assert again.status == 0, again.err
    assert "1 events made, 1 kept" in again.out
    assert json.loads((out / "report.json").read_text())["events"] == [
        report["events"][0] | {"reused": True},
        report["events"][1],
    ]
    third = conform(*asked)
    assert third.status == 0
    assert "nothing new to make" in third.out


def test_a_dry_run_needs_no_server_and_writes_nothing(tmp_path: Path, cut: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    ran = conform(cut, "-o", tmp_path / "out", "--dry-run", "--prompt", "rain", "--server", "unix:/nowhere")
    assert ran.status == 0, ran.err
    assert "00:00:01:09 – 00:00:02:09  two: 2.000 s of sound" in ran.out
    assert "mix: rain" in ran.out
    assert "nothing was written" in ran.out
    assert sorted(tmp_path.rglob("*")) == before


def test_an_event_that_cannot_be_made_is_said_and_gives_status_1(tmp_path: Path, cut: Path) -> None:
    (tmp_path / "film.mp4").unlink()
    ran = conform(cut, "-o", tmp_path / "out", "--dry-run")
    assert ran.status == 1
    assert "one: failed: the film film.mp4 was not found" in ran.out


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--takes", "0"), 2, "takes must lie between"),
        (("--prompt", "x" * 60_000), 2, "60,000 characters"),
        (("--quality", "great"), 2, "unknown quality"),
        (("--source-rate", "fast"), 2, "is no frame rate"),
        (("--media-root", "nowhere"), 2, "is no folder"),
        (("--handles", "long"), 2, "is no time"),
        (("--prompts", "none.csv"), 1, "none.csv"),
        (("--picture", "none.mp4"), 1, "none.mp4"),
    ],
)
def test_bad_usage_is_said_before_any_work(
    tmp_path: Path, cut: Path, options: tuple[str, ...], status: int, said: str
) -> None:
    ran = conform(cut, "-o", tmp_path / "out", "--server", "unix:/nowhere", *options)
    assert ran.status == status
    assert said in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"]]}}[[{{", b"\x00\xff\x80 no timeline", b"{", b""])
def test_an_unreadable_timeline_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cut.otio").write_bytes(content)
    ran = conform(tmp_path / "cut.otio", "-o", tmp_path / "out")
    assert ran.status == 1
    assert "cut.otio cannot be read as a timeline" in ran.err


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("18", Fraction(18)),
        ("23.976", Fraction(24000, 1001)),
        ("200/11", Fraction(200, 11)),
        ("16.67", Fraction(1667, 100)),
    ],
)
def test_a_source_rate_means_what_it_means_in_a_timeline(text: str, rate: Fraction) -> None:
    assert _rate(text) == rate
