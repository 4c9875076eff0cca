from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import opentimelineio as otio
import pytest

from tests.images import CODECS, SIZE, write_images
from tests.otio.local_maker import LocalMaker
from tests.otio.timelines import clip, save, seconds, span, timeline
from v2a.errors import MediaError
from v2a.media import VideoFile, probe
from v2a_otio.conform import conform, outline, prepare
from v2a_otio.events import read_cut
from v2a_otio.media import Film, Library, cover, developed
from v2a_otio.plan import Options

ReadNumber = Callable[[npt.NDArray[np.uint8]], int]


def sequence(
    suffix: str, first: int, used: otio.opentime.TimeRange, available: otio.opentime.TimeRange, rate: float
) -> otio.schema.Clip:
    reference = otio.schema.ImageSequenceReference(
        target_url_base="scan",
        name_prefix="scan.",
        name_suffix=suffix,
        start_frame=first,
        frame_zero_padding=6,
        rate=rate,
        available_range=available,
    )
    return otio.schema.Clip("one", media_reference=reference, source_range=used)


def shown(film: Film, read_number: ReadNumber) -> list[int]:
    with VideoFile(film.info.path) as video:
        n_frames = int(film.info.duration_s * film.info.rate)
        pictures = video.read([(index + Fraction(1, 2)) / film.info.rate for index in range(n_frames)], SIZE)
    return [read_number(picture) for picture in pictures]


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("rate", [Fraction(18), Fraction(200, 11), Fraction(24000, 1001)])
def test_the_images_that_are_needed_become_a_film_of_their_exact_rate(
    tmp_path: Path, frame_number: ReadNumber, suffix: str, rate: Fraction
) -> None:
    write_images(tmp_path / "scan", suffix, range(1000, 1030))
    item = sequence(suffix, 1000, span(10, 8, float(rate)), span(0, 30, float(rate)), float(rate))
    event = read_cut(timeline([item])).events[0]
    film = Library(tmp_path).find(event)
    assert (film.info.rate, film.info.duration_s) == (rate, 30 / rate)
    coverage = cover(event, film, Fraction(2) / rate, Fraction(-9))
    assert not film.is_there
    made, covered = developed(film, coverage, tmp_path / "work")
    assert probe(made.info.path).rate == rate
    assert shown(made, frame_number) == list(range(1008, 1020))
    assert covered.piece.source_start_s == 0
    assert made.origin == (tmp_path / "scan" / f"scan.#{suffix}").resolve()
    bytes_ = made.info.path.read_bytes()
    made.info.path.unlink()
    again, _ = developed(film, coverage, tmp_path / "work")
    assert again.info.path.read_bytes() == bytes_


def test_missing_and_damaged_images_are_held_and_named(tmp_path: Path, frame_number: ReadNumber) -> None:
    write_images(tmp_path / "scan", ".png", [1, 2, 3, 6, 7, 8, 9, 10])
    (tmp_path / "scan" / "scan.000008.png").write_bytes(b"torn")
    event = read_cut(timeline([sequence(".png", 1, span(0, 10, 24), span(0, 10, 24), 24)])).events[0]
    film = Library(tmp_path).find(event)
    coverage = cover(event, film, Fraction(0), Fraction(0))
    assert "2 of 10 images are missing (4, 5)" in coverage.warnings[0]
    made, covered = developed(film, coverage, tmp_path / "work")
    assert shown(made, frame_number) == [1, 2, 3, 3, 3, 6, 7, 7, 9, 10]
    assert "cannot be read (8)" in covered.warnings[-1]
    for number in (1, 2, 3, 6):
        (tmp_path / "scan" / f"scan.{number:06d}.png").unlink()
    with pytest.raises(MediaError, match="6 of 10 images are missing"):
        cover(event, Library(tmp_path).find(event), Fraction(0), Fraction(0))


@pytest.mark.parametrize("url", ["scan/scan.%06d.png", "scan/scan.######.png", "scan/scan.[000001-000024].png", "scan"])
def test_patterns_and_folders_name_sequences(tmp_path: Path, url: str) -> None:
    write_images(tmp_path / "scan", ".png", range(1, 25))
    event = read_cut(timeline([clip("one", url, span(0, 16, 16))])).events[0]
    found = Library(tmp_path, rate=Fraction(16)).find(event)
    assert (found.info.rate, found.info.duration_s) == seconds(16, Fraction(24, 16))


def test_a_single_picture_is_held_for_as_long_as_the_cut_says(tmp_path: Path) -> None:
    write_images(tmp_path / "scan", ".png", [7])
    item = clip("title", "scan/scan.000007.png", span(0, 48, 24), available=span(0, 1, 24))
    event = read_cut(timeline([item])).events[0]
    film = Library(tmp_path).find(event)
    coverage = cover(event, film, Fraction(1), Fraction(-9))
    assert coverage.piece.source_start_s == coverage.piece.source_end_s
    assert coverage.whole.duration_s == 4
    assert coverage.warnings == ()
    developed(film, coverage, tmp_path / "work")


def test_a_sequence_is_linked_by_name_and_length(tmp_path: Path) -> None:
    write_images(tmp_path / "scan", ".png", range(1, 25))
    item = otio.schema.Clip("one", source_range=span(0, 12, 24))
    item.media_reference = otio.schema.MissingReference("scan", available_range=span(0, 24, 24))
    event = read_cut(timeline([item])).events[0]
    assert Library(tmp_path, (tmp_path,)).find(event).origin.name == "scan.#.png"
    item.media_reference = otio.schema.MissingReference("scan")
    with pytest.raises(MediaError, match="agrees by name"):
        Library(tmp_path, (tmp_path,)).find(read_cut(timeline([item])).events[0])


def test_conform_makes_the_film_once_and_reports_the_images(tmp_path: Path, maker: LocalMaker) -> None:
    write_images(tmp_path / "scan", ".png", range(1, 37))
    made = timeline([sequence(".png", 1, span(6, 18, 18), span(0, 36, 18), 18)])
    prepared = prepare(save(made, tmp_path / "cut.otio"), Options())
    out = tmp_path / "out"
    assert outline(prepared)["events"][0]["status"] == "pending"
    assert not out.exists()
    first = conform(prepared, out, maker, lambda words: lambda event: None)
    assert first["events"][0]["status"] == "done"
    assert first["events"][0]["media"]["file"].endswith("scan/scan.#.png")
    again = conform(prepared, out, maker, lambda words: lambda event: None)
    assert again["events"][0]["reused"]
