"""A run that also writes exports and stems."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.otio.local_maker import LocalMaker, watch
from tests.otio.timelines import T, clip, gap, save, span, timeline
from v2a.audio import sample_at
from v2a.delivery import read_bext, read_wav, wav_info
from v2a.errors import StorageError, UsageError
from v2a_otio.conform import conform, prepare
from v2a_otio.exports.formats import FORMATS
from v2a_otio.plan import Options
from v2a_otio.report import Document

RATE = Fraction(24000, 1001)


@pytest.fixture
def cut(tmp_path: Path, make_film: Callable[..., Path]) -> Path:
    make_film(tmp_path / "film.mp4", rate=RATE, n_frames=96)
    number = float(RATE)
    shots = [
        clip("one", "film.mp4", span(24, 17, number)),
        gap(7, number),
        clip("two", "film.mp4", span(60, 30, number)),
    ]
    return save(timeline(shots, start=T.RationalTime(86400, number)), tmp_path / "cut.otio")


def run(cut: Path, folder: Path, maker: LocalMaker, **options: object) -> Document:
    asked = replace(Options(write=tuple(FORMATS), handles="0.3", takes=2), **options)  # type: ignore[arg-type]
    return conform(prepare(cut, asked), folder, maker, watch)


def test_a_run_writes_what_is_asked_for_and_says_so(tmp_path: Path, cut: Path, maker: LocalMaker) -> None:
    out = tmp_path / "out"
    report = run(cut, out, maker, stems=True)
    assert [export["format"] for export in report["exports"]] == list(FORMATS)
    for export in report["exports"]:
        assert (out / export["file"]).is_file()
        assert (out / export["losses_file"]).read_text().count("\n") == len(export["losses"]) + 2
        # 0.3 s are 7.2 frames: handles are 8, and nothing is rounded in any format.
        assert not [loss for loss in export["losses"] if loss["samples"]]
    one, two = report["events"]
    for event, first in ((one, 0), (two, 24)):
        wav = out / event["sounds"][0]["file"]
        bext = read_bext(wav)
        assert bext is not None
        assert bext.time_reference == sample_at((86400 + first - 8) / RATE, 48_000)
    (stem,) = report["stems"]
    assert (stem["reel"], stem["layer"], stem["file"]) == ("film", "mix", "stems/film_MIX.wav")
    start, end = (sample_at(frame / RATE, 48_000) for frame in (0, 54))
    assert stem["n_samples"] == wav_info(out / stem["file"]).n_samples == end - start
    samples = read_wav(out / stem["file"]).samples
    assert samples[:, : sample_at(17 / RATE, 48_000)].any()
    assert not samples[:, sample_at(17 / RATE, 48_000) : sample_at(24 / RATE, 48_000)].any()


def test_a_second_run_writes_the_same_exports_again(tmp_path: Path, cut: Path, maker: LocalMaker) -> None:
    text = ("timeline.fcp.xml", "timeline.fcpxml", "timeline.edl", "timeline.resolve.otio", "timeline.mlt")
    run(cut, tmp_path / "out", maker)
    before = [(tmp_path / "out" / name).read_bytes() for name in text]
    run(cut, tmp_path / "out", maker)
    assert [(tmp_path / "out" / name).read_bytes() for name in text] == before


def test_an_export_that_cannot_be_kept_fails_the_run_once_all_else_is_written(
    tmp_path: Path, cut: Path, maker: LocalMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(FORMATS["edl"], read=lambda path, wanted: [[] for _ in wanted.lanes])
    monkeypatch.setitem(FORMATS, "edl", broken)
    with pytest.raises(StorageError, match=r"timeline\.edl was not kept.* 0 clips instead of 2"):
        run(cut, tmp_path / "out", maker, write=("edl", "fcp_xml"))
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"timeline.otio", "timeline.fcp.xml", "report.json", "report.html"} <= left
    assert "timeline.edl" not in left


def test_no_export_takes_the_place_of_the_input(tmp_path: Path, cut: Path, maker: LocalMaker) -> None:
    given = cut.rename(tmp_path / "timeline.resolve.otio")
    with pytest.raises(UsageError, match="would replace the input"):
        run(given, tmp_path, maker, write=("otio_resolve",))
    assert maker.made == []
