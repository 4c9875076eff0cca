from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pytest

from tests.otio.local_maker import LocalMaker, watch
from tests.otio.timelines import clip, save, span, timeline
from v2a.audio import Audio
from v2a_otio.conform import conform, prepare
from v2a_otio.page import waveform, write
from v2a_otio.plan import Options

EVIL = '<script>alert("x")</script> & $title'


class Page(HTMLParser):
    """Collects tags, addresses and words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def page(tmp_path: Path, reel: Path, maker: LocalMaker) -> Page:
    made = timeline([clip(EVIL, str(reel), span(0, 27, 18)), clip("gone", f"{EVIL}.mp4", span(0, 18, 18))])
    made.name = EVIL
    prepared = prepare(save(made, tmp_path / "cut.otio"), Options(prompt=EVIL, seed=41))
    conform(prepared, tmp_path / "out", maker, watch)
    return Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))


def test_the_page_shows_each_event_with_its_sound(page: Page, tmp_path: Path) -> None:
    assert page.tags.count("article") == 2
    assert (page.tags.count("svg"), page.tags.count("audio"), page.tags.count("video")) == (1, 1, 1)
    assert page.addresses[0] == "#event-002", "where to look first"
    assert len(page.addresses) == 3
    for address in page.addresses[1:]:
        assert (tmp_path / "out" / unquote(address)).is_file()
    said = " ".join(page.words.split())
    for words in (
        "is synthetic",
        "Pocket (Apache-2.0)",
        "LUFS",
        "dBFS",
        "41",
        "00:00:00:00 – 00:00:01:09",
        "events seen at 00:00:00:04",
        "27 frames at 18 frames a second, speed 1",
        "pocket, Apache-2.0",
    ):
        assert words in said
    assert "was not found" in said


def test_nothing_that_others_wrote_becomes_markup(page: Page) -> None:
    assert "script" not in page.tags
    assert page.words.count(EVIL) >= 4


def outline(samples: npt.NDArray[np.float32], n_block: int) -> str:
    n_samples = samples.shape[1]
    blocks = (Audio(samples[:, start : start + n_block], 48_000) for start in range(0, n_samples, n_block))
    return waveform(blocks, n_samples)


def test_a_waveform_is_as_high_as_its_sound() -> None:
    samples = np.zeros((1, 48_000), np.float32)
    samples[0, 24_000] = 0.5
    heights = [float(point.split(",")[1]) for point in outline(samples, 7_001)[1:-1].split("L")]
    assert min(heights) == 20.0
    assert sum(height == 20.0 for height in heights) == 1
    assert max(heights) == 40.0


@pytest.mark.parametrize("n_samples", [0, 1, 10])
def test_the_shortest_sounds_have_a_waveform_too(n_samples: int) -> None:
    path: Any = outline(np.zeros((2, n_samples), np.float32), 3)
    assert path == "" if n_samples == 0 else path.startswith("M")


def test_a_sound_that_went_away_is_said_and_spoils_nothing(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    prepared = prepare(save(timeline([clip("one", str(reel), span(0, 9, 18))]), tmp_path / "cut.otio"), Options())
    report = conform(prepared, tmp_path / "out", maker, watch)
    (tmp_path / "out" / report["events"][0]["sounds"][0]["file"]).unlink()
    write(tmp_path / "again.html", report, tmp_path / "out")
    assert "does not exist" in (tmp_path / "again.html").read_text()
