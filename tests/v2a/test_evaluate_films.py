"""Films and reports: what is read, and what is written."""

import csv
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

import v2a
from v2a.errors import MediaError
from v2a.evaluate.films import measure_films, read_films, read_sound
from v2a.evaluate.report import Counts, Report, markdown, write
from v2a.evaluate.results import Result, result
from v2a.evaluate.soundtracks import Pictures

IMPACTS = [0.8, 2.0]


def knock(index: int) -> npt.NDArray[np.uint8]:
    """A bright block falls onto a floor, twice."""
    picture = np.full((64, 64, 3), 40, np.uint8)
    picture[56:] = 120
    phase = index / 25 / IMPACTS[0] if index < 20 else (index - 20) / 25 / (IMPACTS[1] - IMPACTS[0])
    row = round(4 + 40 * min(phase, 1.0) ** 2)
    picture[row : row + 12, 24:40] = 230
    return picture


@pytest.fixture
def folder(tmp_path: Path, make_film: Callable[..., Path]) -> Path:
    make_film(tmp_path / "knock.mp4", n_frames=75, size=(64, 64), painter=knock)
    make_film(tmp_path / "counting.mp4", n_frames=50)
    films = [
        {"file": "knock.mp4", "about": "a block", "kind": "impacts", "rate": "25", "impacts_s": ["4/5", 2.0]},
        {"file": "counting.mp4", "about": "bars", "kind": "silent", "rate": "25", "impacts_s": []},
    ]
    (tmp_path / "films.json").write_text(json.dumps({"films": films}))
    return tmp_path


def test_a_list_of_films_is_read_and_a_broken_one_refused(folder: Path) -> None:
    struck, silent = read_films(folder)
    assert struck.impacts_s == (0.8, 2.0)
    assert silent.impacts_s == ()
    (folder / "films.json").write_text('{"films": [{}]}')
    with pytest.raises(MediaError, match=r"films\.json is not a list of films"):
        read_films(folder)


def test_films_without_a_list_are_timed_by_their_own_sound(tmp_path: Path, make_film: Callable[..., Path]) -> None:
    make_film(tmp_path / "mute.mp4")
    with pytest.raises(MediaError, match="no film with sound"):
        read_films(tmp_path)
    beeping = make_film(tmp_path / "beeping.mp4", sound_hz=440.0)
    assert read_sound(tmp_path / "mute.mp4") is None
    sound = read_sound(beeping)
    assert sound is not None
    assert float(sound.duration_s) == pytest.approx(2.0, abs=0.1)
    assert [film.path for film in read_films(tmp_path)] == [beeping]


def test_every_line_of_the_tables_is_measured(folder: Path) -> None:
    model = v2a.load_model("pocket", "cpu")
    results = measure_films(model, read_films(folder), seeds=[0], quality="preview", layer="effects")
    values = {(one.table, one.subject, one.measure): one.value for one in results}
    for line in ("pixels", "still", "eyes", "motion peaks", "random times"):
        assert 0 <= values["timing", line, "F1 ±100 ms"] <= 1
    for line in ("pixels", "eyes", "motion peaks"):
        assert values["silent films", line, "false onsets a second"] >= 0


def test_pictures_are_read_at_any_size_and_the_last_one_stays() -> None:
    frames = np.zeros((2, 4, 4), np.uint8)
    frames[1, :, :2] = 200
    read = Pictures(frames, 25).read([Fraction(0), Fraction(9)], (2, 2))
    assert read[..., 0].tolist() == [[[0, 0], [0, 0]], [[200, 0], [200, 0]]]


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    results = [
        result("timing", "pixels", "F1", [0.5, 0.7, 0.9]),
        result("timing", "eyes", "F1", [0.4]),
        Result("timing", "eyes", "difference, ms", float("nan"), None, None, 0),
    ]
    counts = [Counts("asked and found", ["rain", "sea"], ["rain", "sea"], [[2, 1], [0, 3]])]
    report = Report("Timing", results, {"timing": "What it means."}, {"model": "pocket"}, counts)
    write(report, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"report.json", "results.csv", "report.md", "timing.png", "asked_and_found.png"}
    data = json.loads((tmp_path / "out" / "report.json").read_text())
    assert data["results"][2]["value"] is None
    with (tmp_path / "out" / "results.csv").open() as file:
        assert [row["subject"] for row in csv.DictReader(file)] == ["pixels", "eyes", "eyes"]
    assert "| pixels | 0.70 [" in markdown(report)
    assert "| eyes | 0.40 | – | 1 |" in markdown(report)
    with av.open(str(tmp_path / "out" / "timing.png")) as picture:
        assert picture.streams.video[0].width > 100
