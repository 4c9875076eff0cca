"""Runs that are killed, repeated, watched, or meet each other."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.otio.local_maker import LocalMaker, watch
from tests.otio.timelines import clip, save, span, timeline
from v2a.errors import BusyError, GenerationError, StorageError, UnavailableError
from v2a_api.v1 import generation_pb2 as pb
from v2a_otio.conform import conform, outline, prepare
from v2a_otio.folder import owned
from v2a_otio.memory import JOURNAL, Memory
from v2a_otio.pace import known_pace
from v2a_otio.plan import Options
from v2a_plugin.progress import Advance

SPEED = Path(__file__).parents[2] / "benchmarks" / "speed.md"
BENCHMARK = getattr(known_pace("pocket", "standard"), "ratio", 0.0)  # seconds of work for a second of sound


@pytest.fixture
def cut(tmp_path: Path, reel: Path) -> Path:
    """Four shots of half a second."""
    return save(timeline([clip(f"shot {n}", str(reel), span(9 * n, 9, 18)) for n in range(4)]), tmp_path / "cut.otio")


def run(path: Path, folder: Path, maker: LocalMaker, **options: Any) -> dict[str, Any]:
    return conform(prepare(path, Options(handles="0", **options)), folder, maker, watch)


def script(folder: Path, cut: Path, body: str) -> subprocess.Popen[bytes]:
    """A process of its own that conforms a cut with a maker that is told what to do when it is asked."""
    code = f"""
        import os, signal, sys, time
        from pathlib import Path
        from tests.otio.local_maker import LocalMaker, watch
        from v2a_otio.conform import conform, prepare
        from v2a_otio.plan import Options
        folder = Path({str(folder)!r})
        store = folder.parent / "store"
        store.mkdir(exist_ok=True)
        maker = LocalMaker(store)
        def asked(spec):
{textwrap.indent(textwrap.dedent(body), " " * 12)}
        maker.error = asked
        conform(prepare(Path({str(cut)!r}), Options(handles="0")), folder, maker, watch)
    """
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=root)


def test_a_killed_run_is_remembered_and_leaves_nothing_half_done(tmp_path: Path, cut: Path, maker: LocalMaker) -> None:
    out = tmp_path / "out"
    killed = script(out, cut, "if len(maker.made) == 2: os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.wait(60) == -9
    (out / "audio" / ".003_shot_2_mix_t1.wav.0123abcd.part").write_bytes(b"half")
    (out / ".v2a-abcdefgh").mkdir()
    with (out / JOURNAL).open("ab") as journal:
        journal.write(b'{"request_id": "half a li')
    states = [event["status"] for event in json.loads((out / "report.json").read_text())["events"]]
    assert states == ["pending"] * 4, "the report is as the run began; the journal has the rest"
    assert len((out / JOURNAL).read_bytes().splitlines()) == 3

    report = run(cut, out, maker)
    assert [event["reused"] for event in report["events"]] == [True, True, False, False]
    assert len(maker.made) == 2
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*"))
    assert [name for name in names if name.startswith(".") or "/." in name or name == JOURNAL] == []


def test_the_journal_grows_by_one_line_an_event_and_the_report_is_written_twice(
    tmp_path: Path, cut: Path, maker: LocalMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[list[str]] = []
    lines: list[int] = []
    save_report = Memory.save

    def save(memory: Memory, report: dict[str, Any]) -> None:
        saved.append([event["status"] for event in report["events"]])
        save_report(memory, report)

    def asked(spec: pb.GenerationSpec) -> None:
        journal = tmp_path / "out" / JOURNAL
        lines.append(len(journal.read_bytes().splitlines()) if journal.exists() else 0)

    monkeypatch.setattr(Memory, "save", save)
    maker.error = asked
    run(cut, tmp_path / "out", maker)
    assert saved == [["pending"] * 4, ["done"] * 4]
    assert lines == [0, 1, 2, 3]


def test_a_second_run_into_one_folder_is_refused_until_the_first_has_ended_however(
    tmp_path: Path, cut: Path, maker: LocalMaker
) -> None:
    out = tmp_path / "out"
    first = script(out, cut, "(folder / 'begun').touch(); time.sleep(60)")
    try:
        while not (out / "begun").exists():
            assert first.poll() is None
        with pytest.raises(
            BusyError, match=rf"another conform run \(process {first.pid}, python\) is writing into .*out: wait"
        ):
            run(cut, out, maker)
    finally:
        first.kill()
        first.wait()
    assert run(cut, out, maker)["totals"]["done"] == 4


def test_a_lock_is_let_go_of_and_leaves_no_file(tmp_path: Path) -> None:
    for _ in range(2):
        with owned(tmp_path):
            assert len(list(tmp_path.iterdir())) == 1
            with pytest.raises(BusyError, match=f"process {os.getpid()}"), owned(tmp_path):
                pass
    assert list(tmp_path.iterdir()) == []


def test_other_words_made_too_early_do_not_forget_what_was_there(tmp_path: Path, cut: Path, maker: LocalMaker) -> None:
    run(cut, tmp_path / "out", maker)
    maker.dies_after = 5
    with pytest.raises(UnavailableError, match="1 of 4 events"):
        run(cut, tmp_path / "out", maker, prompt="rain")
    maker.dies_after = None
    maker.fetched = 0
    report = run(cut, tmp_path / "out", maker)
    assert [event["reused"] for event in report["events"]] == [False, True, True, True]
    assert (len(maker.made), maker.fetched) == (5, 1)


def test_a_failing_event_stops_no_other_and_is_tried_again(tmp_path: Path, cut: Path, maker: LocalMaker) -> None:
    maker.error = lambda spec: (
        StorageError("the server's disk is full") if spec.clip.pieces[0].presented_start.num else None
    )
    report = run(cut, tmp_path / "out", maker)
    assert [event["status"] for event in report["events"]].count("failed") == 3
    assert {event["error"] for event in report["events"] if event["error"]} == {"the server's disk is full"}
    maker.error = lambda spec: None
    totals = run(cut, tmp_path / "out", maker)["totals"]
    assert (totals["done"], totals["failed"], totals["reused"]) == (4, 0, 1)


class Working(LocalMaker):
    """Says that it works, as a server does."""

    def generate(self, spec: pb.GenerationSpec, on_event: Any = None) -> pb.Generation:
        on_event(pb.GenerationEvent(progress=pb.Progress(stage="sampling", step=0, total_steps=4)))
        return super().generate(spec, on_event)


def test_time_left_is_told_from_what_was_made(tmp_path: Path, cut: Path) -> None:
    (tmp_path / "server").mkdir()
    told: list[Advance] = []
    conform(prepare(cut, Options(handles="0")), tmp_path / "out", Working(tmp_path / "server"), watch, told.append)
    assert [(advance.n_done, advance.sound_s) for advance in told] == [(0, 2.0), (1, 1.5), (2, 1.0), (3, 0.5), (4, 0.0)]
    assert told[0].left_s == pytest.approx(2.0 * BENCHMARK), "a benchmark, before anything is made"
    assert told[2].left_s != pytest.approx(1.0 * BENCHMARK)
    assert told[-1].left_s == 0.0


def test_a_dry_run_estimates_and_says_by_what(tmp_path: Path, cut: Path) -> None:
    (tmp_path / "server").mkdir()
    out = tmp_path / "out"
    prepared = prepare(cut, Options(handles="0"))
    planned = outline(prepared, out)
    assert planned["estimate"] == {
        "seconds": round(2 * BENCHMARK, 1),
        "source": "a benchmark on 2 cores of an AMD EPYC, not measured here",
    }
    assert not out.exists()
    report = conform(prepared, out, Working(tmp_path / "server"), watch)
    assert all(event["took_s"] > 0 for event in report["events"])
    (out / "audio" / "002_shot_1_mix_t1.wav").unlink()
    before = sorted(out.rglob("*"))
    planned = outline(prepared, out)
    assert [event["status"] for event in planned["events"]] == ["done", "pending", "done", "done"]
    assert planned["estimate"]["source"] == "what earlier runs into this folder took"
    assert planned["estimate"]["seconds"] == pytest.approx(report["totals"]["took_s"] / 4, abs=0.1)
    assert sorted(out.rglob("*")) == before
    assert outline(prepare(cut, Options(model="other")), out)["estimate"] is None


@pytest.mark.parametrize("quality", ["preview", "standard", "best"])
def test_the_known_pace_is_the_benchmarks(quality: str) -> None:
    (row,) = (
        line for line in SPEED.read_text().splitlines() if line.startswith(f"| {quality} |") and line.count("|") == 3
    )
    pace = known_pace("pocket", quality)
    assert pace is not None
    assert pace.seconds_for(8) == pytest.approx(float(row.split("|")[2]))


def test_a_model_that_fails_is_not_timed(tmp_path: Path, cut: Path, maker: LocalMaker) -> None:
    maker.error = lambda spec: GenerationError("no")
    report = run(cut, tmp_path / "out", maker)
    assert [event["took_s"] for event in report["events"]] == [None] * 4
    assert report["totals"]["took_s"] == 0
