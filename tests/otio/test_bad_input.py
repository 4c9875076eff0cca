"""What nobody wishes for: a clear error on that event or that file, and nothing lost."""

import csv
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.otio.local_maker import LocalMaker, watch
from tests.otio.timelines import T, clip, gap, save, span, timeline
from v2a.errors import MediaError, StorageError
from v2a_api.v1 import generation_pb2 as pb
from v2a_otio import marker_lists, sheet
from v2a_otio.conform import conform, outline, prepare
from v2a_otio.plan import Options
from v2a_otio.printing import show
from v2a_otio.tracks import read_tracks

NAMES = [
    "../../etc/passwd",
    "C:\\reels\\one",
    "a\x00b\x07c\x1b[31m\r\nd",
    "Straße 東京 \U0001f3ac \u202egnol",
    "x" * 300,
    "..",
    "",
    "CON",
    "same",
    "same",
]


def run(path: Path, folder: Path, maker: LocalMaker, **options: Any) -> dict[str, Any]:
    return conform(prepare(path, Options(handles="0", preview=False, **options)), folder, maker, watch)


def test_whatever_a_clip_is_called_it_gets_a_file_of_its_own_in_the_folder(
    tmp_path: Path, reel: Path, maker: LocalMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    made = timeline([clip(name, str(reel), span(number, 5, 18)) for number, name in enumerate(NAMES)])
    out = tmp_path / "deep" / "out"
    report = run(save(made, tmp_path / "cut.otio"), out, maker)
    assert report["totals"]["done"] == len(NAMES)
    files = [sound["file"] for event in report["events"] for sound in event["sounds"]]
    assert len({file.lower() for file in files}) == len(NAMES)
    for file in files:
        folder, name = file.split("/")
        assert folder == "audio"
        assert name.isascii()
        assert name.isprintable()
        assert len(name) < 80
        assert not set(name) & set('\\/:*?"<>| ')
    assert sorted(f"audio/{path.name}" for path in (out / "audio").iterdir()) == sorted(files)
    assert {path.name for path in tmp_path.iterdir()} == {"cut.otio", "deep", "server"}
    with (out / sheet.FILE).open(encoding="utf-8-sig", newline="") as table:
        assert len(list(csv.DictReader(table))) == len(NAMES)
    assert len((out / marker_lists.AVID).read_text().splitlines()) == len(NAMES)
    assert len([line for line in (out / marker_lists.EDL).read_text().splitlines() if "|C:" in line]) == len(NAMES)
    (track,) = read_tracks(otio.adapters.read_from_file(str(out / "timeline.otio")))
    assert len(track.items) == len(NAMES)
    show(report, out)
    printed = capsys.readouterr().out
    assert not set(printed) & set("\x00\x07\x1b\r\u202e")
    assert run(tmp_path / "cut.otio", out, maker)["totals"]["reused"] == len(NAMES)


def test_media_names_lead_nowhere(tmp_path: Path, reel: Path) -> None:
    addresses = [
        "../" * 20 + "nowhere/x.mp4",
        "http://example.com/x.mp4",
        "file://host/x",
        "a\x00b.mp4",
        "y" * 5000,
        ".",
    ]
    made = timeline(
        [clip(f"shot {n}", url, span(0, 5, 18)) for n, url in enumerate(addresses)]
        + [clip("good", str(reel), span(0, 5, 18))]
    )
    report = outline(prepare(save(made, tmp_path / "cut.otio"), Options()))
    assert [event["status"] for event in report["events"]] == ["failed"] * len(addresses) + ["pending"]
    assert all(event["error"] for event in report["events"][:-1])


@pytest.mark.parametrize("length", [T.RationalTime(-5, 18), T.RationalTime(5, float("nan")), T.RationalTime(5, -18)])
def test_lengths_that_cannot_be_name_their_clip(tmp_path: Path, reel: Path, length: otio.opentime.RationalTime) -> None:
    shots = [clip("good", str(reel), span(0, 5, 18)), clip("odd one", str(reel), span(0, 5, 18))]
    shots[1].source_range = T.TimeRange(T.RationalTime(0, 18), length)
    made = timeline(shots)
    with pytest.raises(MediaError, match="odd one"):
        outline(prepare(save(made, tmp_path / "cut.otio"), Options()))


def test_a_gap_of_less_than_nothing_is_named(tmp_path: Path, reel: Path) -> None:
    hole = gap(-5, 18)
    hole.name = "the hole"
    made = timeline([clip("good", str(reel), span(0, 5, 18)), hole])
    with pytest.raises(MediaError, match="the hole"):
        prepare(save(made, tmp_path / "cut.otio"), Options())


@pytest.mark.parametrize("when", ["in the middle", "before its turn"])
def test_a_film_that_changes_while_it_runs_fails_its_event_alone(
    tmp_path: Path, reel: Path, maker: LocalMaker, make_film: Callable[..., Path], when: str
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(reel.read_bytes())
    shots = [clip("good", str(reel), span(0, 9, 18)), clip("changed", str(film), span(0, 9, 18))]
    path = save(timeline([*shots, clip("late", str(reel), span(18, 9, 18))]), tmp_path / "cut.otio")
    other = make_film(tmp_path / "other.mp4", rate=Fraction(18), n_frames=72, options={"qp": "40"})
    turn = 1 if when == "in the middle" else 0

    def asked(spec: pb.GenerationSpec) -> None:
        if len(maker.made) == turn:
            shutil.copyfile(other, film)

    maker.error = asked
    report = run(path, tmp_path / "out", maker)
    assert [event["status"] for event in report["events"]] == ["done", "failed", "done"]
    assert report["events"][1]["error"] == f"{film} changed while its sound was made: run the same command again"
    assert len(list((tmp_path / "out" / "audio").iterdir())) == 2, "no sound of another film"
    maker.error = lambda spec: None
    assert [event["reused"] for event in run(path, tmp_path / "out", maker)["events"]] == [True, False, True]


def test_a_film_that_was_only_touched_is_the_same(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(reel.read_bytes())
    maker.error = lambda spec: os.utime(film, (1, 1))
    path = save(timeline([clip("one", str(film), span(0, 9, 18))]), tmp_path / "cut.otio")
    assert run(path, tmp_path / "out", maker)["totals"]["done"] == 1


def test_a_film_that_goes_away_while_it_runs_is_said(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(reel.read_bytes())
    maker.error = lambda spec: film.unlink()
    path = save(timeline([clip("one", str(film), span(0, 9, 18))]), tmp_path / "cut.otio")
    (event,) = run(path, tmp_path / "out", maker)["events"]
    assert event["status"] == "failed"
    assert "can no longer be used" in event["error"]


FULL = """
    import sys
    from pathlib import Path
    from tests.otio.local_maker import LocalMaker, watch
    from v2a.errors import StorageError
    from v2a.output import whole_file
    from v2a_otio.conform import conform, prepare
    from v2a_otio.plan import Options

    class Whole(LocalMaker):
        def fetch(self, request_id, take, path):
            with whole_file(path) as part:
                super().fetch(request_id, take, part)

    cut, store, out = map(Path, sys.argv[1:])
    maker = Whole(store)
    options = Options(handles="0", preview=False)
    try:
        conform(prepare(cut, options), out, maker, watch)
    except StorageError as error:
        print(error)
    print(len(list((out / "audio").glob("[!.]*"))), len(list((out / "audio").glob(".*"))), len(maker.made))
    (out / "ballast").unlink()
    report = conform(prepare(cut, options), out, maker, watch)
    print(report["totals"]["done"], report["totals"]["reused"], len(maker.made))
"""


def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path, reel: Path) -> None:
    """On a file system of 1 MiB, most of it taken, which really is full."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here: unshare -rm is not allowed")
    out, store = tmp_path / "out", tmp_path / "store"
    out.mkdir()
    store.mkdir()
    cut = save(timeline([clip(f"shot {n}", str(reel), span(9 * n, 9, 18)) for n in range(6)]), tmp_path / "cut.otio")
    (tmp_path / "run.py").write_text(textwrap.dedent(FULL))
    steps = f"mount -t tmpfs -o size=1m none {out} && head -c 600000 /dev/zero > {out}/ballast"
    steps += f" && exec {sys.executable} {tmp_path}/run.py {cut} {store} {out}"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", steps],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}"},
    )
    said, first, second = done.stdout.splitlines() or pytest.fail(done.stderr)
    assert "the disk is full. Make room and try again" in said
    n_files, n_parts, n_made = map(int, first.split())
    assert f"({n_files} of 6 events are finished and kept in {out})" in said
    assert (n_parts, 0 < n_files < 6, n_made) == (0, True, n_files + 1)
    assert second == f"6 {n_files} 6", "made once, and all there"


def test_a_report_that_cannot_be_written_leaves_the_journal(
    tmp_path: Path, reel: Path, maker: LocalMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(timeline([clip(f"shot {n}", str(reel), span(9 * n, 9, 18)) for n in range(3)]), tmp_path / "cut.otio")
    out = tmp_path / "out"

    def full(spec: pb.GenerationSpec) -> StorageError | None:
        if len(maker.made) < 2:
            return None
        monkeypatch.setattr("v2a_otio.memory.whole_file", refuse)
        error = StorageError("the disk is full")
        error.__cause__ = OSError(28, "No space left on device")
        return error

    def refuse(path: Path) -> None:
        raise StorageError(f"{path} cannot be written: the disk is full")

    maker.error = full
    with pytest.raises(StorageError, match="2 of 3 events are finished"):
        run(path, out, maker)
    monkeypatch.undo()
    assert [event["status"] for event in json.loads((out / "report.json").read_text())["events"]] == ["pending"] * 3
    maker.error = lambda spec: None
    assert [event["reused"] for event in run(path, out, maker)["events"]] == [True, True, False]
    assert len(maker.made) == 3
