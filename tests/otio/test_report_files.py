"""The report as a table and as markers."""

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.otio.local_maker import LocalMaker, watch
from tests.otio.timelines import T, clip, save, span, timeline
from v2a_otio import marker_lists, sheet
from v2a_otio.conform import conform, prepare
from v2a_otio.plan import Options

FORMULA = "=HYPERLINK(1)"
ODD = "a|b\nc\td\x1b[2J é"


@pytest.fixture
def out(tmp_path: Path, reel: Path, maker: LocalMaker) -> Path:
    """A run of three events from 01:00:00:00: one is made, one slowed down with two takes, one fails."""
    slow = clip(ODD, str(reel), span(36, 18, 18), effects=[otio.schema.LinearTimeWarp(time_scalar=0.5)])
    made = timeline(
        [clip(FORMULA, str(reel), span(9, 9, 18)), slow, clip("gone", "nowhere.mp4", span(0, 9, 18))],
        start=T.RationalTime(3600 * 18, 18),
    )
    made.tracks[0][1].metadata["v2a"] = {"layers": {"effects": "-1+2", "ambience": "a hall"}, "seed": 7}
    maker.warning = "it hums"
    conform(prepare(save(made, tmp_path / "cut.otio"), Options(handles="0", takes=2)), tmp_path / "out", maker, watch)
    return tmp_path / "out"


def test_the_table_has_a_row_for_each_sound_and_each_event_without(out: Path) -> None:
    text = (out / sheet.FILE).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    assert [(row["event"], row["status"], row["layer"], row["take"]) for row in rows] == [
        *(("1", "done", "mix", take) for take in "12"),
        *(("2", "done", layer, take) for layer in ("effects", "ambience") for take in "12"),
        ("3", "failed", "", ""),
    ]
    first, second = rows[0], rows[2]
    assert (first["record_in"], first["record_out"], first["record_frames"], first["rate"]) == (
        *("01:00:00:00", "01:00:00:09", "9", "18"),
    )
    assert (second["source_in"], second["source_out"], second["source_frames"], second["speed"]) == (
        *("00:00:02:00", "00:00:02:09", "9", "0.5"),
    )
    sound = report["events"][1]["sounds"][0]
    assert (second["file"], second["sha256"], second["samples"]) == (
        *(sound["file"], sound["sha256"], str(sound["n_samples"])),
    )
    assert float(second["loudness_lufs"] or 0) == pytest.approx(sound["loudness_lufs"] or 0, abs=0.006)
    assert float(second["peak_dbfs"]) == pytest.approx(sound["peak_dbfs"], abs=0.006)
    assert (second["model"], second["licence"], second["seed"], second["synthetic"]) == (
        *("pocket", "Apache-2.0", "7", "True"),
    )
    assert "it hums" in second["warnings"]
    assert "nowhere.mp4" in rows[-1]["error"]


def test_nothing_in_the_table_is_a_formula(out: Path) -> None:
    with (out / sheet.FILE).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["name"], rows[2]["prompt"]) == (f"'{FORMULA}", "'-1+2")
    assert rows[2]["name"] == ODD
    assert rows[0]["peak_dbfs"].startswith("-")


def test_resolve_reads_a_marker_an_event(out: Path) -> None:
    lines = (out / marker_lists.EDL).read_text().splitlines()
    assert lines[:3] == ["TITLE: cut", "FCM: NON-DROP FRAME", ""]
    assert lines[3] == "001  001      V     C        01:00:00:00 01:00:00:01 01:00:00:00 01:00:00:01"
    notes = [line for line in lines if "|C:" in line]
    assert [note.split(" |")[1:] for note in notes] == [
        ["C:ResolveColorYellow", f"M:001 {FORMULA}", "D:9"],
        ["C:ResolveColorYellow", "M:002 a/b c d\ufffd[2J é", "D:18"],
        ["C:ResolveColorRed", "M:003 gone", "D:9"],
    ]
    assert notes[2].startswith("V2A failed. the film nowhere.mp4")
    assert notes[0].startswith("V2A done. ")


def test_avid_reads_six_fields_a_line(out: Path) -> None:
    lines = [line.split("\t") for line in (out / marker_lists.AVID).read_text().splitlines()]
    assert [line[:4] for line in lines] == [
        ["V2A", "01:00:00:00", "V1", "yellow"],
        ["V2A", "01:00:00:09", "V1", "yellow"],
        ["V2A", "01:00:01:09", "V1", "red"],
    ]
    assert all(len(line) == 6 and line[5] == "1" for line in lines)


def test_otio_reads_markers_with_their_facts(out: Path) -> None:
    made = otio.adapters.read_from_file(str(out / marker_lists.OTIO))
    assert made.global_start_time == T.RationalTime(3600 * 18, 18)
    first, second, third = made.tracks.markers
    assert second.marked_range == span(9, 18, 18)
    assert (first.color, third.color) == ("YELLOW", "RED")
    assert third.metadata["v2a"]["status"] == "failed"
    assert list(second.metadata["v2a"]["files"]) == [
        f"audio/{path.name}"
        for path in sorted((out / "audio").glob("002*"), key=lambda path: ("ambience" in path.name, path.name))
    ]
    assert made.duration() == T.RationalTime(36, 18)


def test_the_report_counts_frames_and_says_the_rates(out: Path) -> None:
    event = json.loads((out / "report.json").read_text())["events"][1]
    assert (event["record"]["frames"], event["media"]["frames"]) == (18, 9)
    assert Fraction(event["media"]["rate"]["num"], event["media"]["rate"]["den"]) == 18
