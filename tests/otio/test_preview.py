from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.otio.local_maker import LocalMaker, watch
from tests.otio.timelines import clip, dissolve, gap, save, span, timeline
from v2a.delivery import read_wav
from v2a.errors import MediaError
from v2a.media import VideoFile, picture_digest, probe
from v2a_otio.conform import conform, prepare
from v2a_otio.plan import Options

ReadNumber = Callable[[npt.NDArray[np.uint8]], int]


def run(path: Path, folder: Path, maker: LocalMaker, **options: Any) -> dict[str, Any]:
    return conform(prepare(path, Options(**options)), folder, maker, watch)


def sound_of(film: Path) -> npt.NDArray[np.float32]:
    """The film's sound, mono, 48 kHz."""
    with av.open(str(film)) as container:
        resampler = av.AudioResampler("flt", "mono", 48_000)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.fixture
def shot(tmp_path: Path, reel: Path) -> Path:
    made = timeline([gap(9, 18), clip("one", str(reel), span(20, 27, 18))])
    return save(made, tmp_path / "cut.otio")


@pytest.mark.parametrize(
    ("suffix", "wanted"), [(".mp4", "preview.mp4"), (".mkv", "preview.mp4"), (".webm", "preview.webm")]
)
def test_a_reference_films_picture_is_copied_packet_by_packet(
    tmp_path: Path, make_film: Callable[..., Path], shot: Path, maker: LocalMaker, suffix: str, wanted: str
) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    film = make_film(tmp_path / f"reference{suffix}", rate=Fraction(18), n_frames=36, codec=codec)
    report = run(shot, tmp_path / "out", maker, picture=film)
    assert report["preview"]["file"] == wanted
    assert report["preview"]["picture"] == f"copied from reference{suffix}"
    assert report["preview"]["warnings"] == []
    made = tmp_path / "out" / wanted
    assert picture_digest(made) == picture_digest(film)
    assert probe(made).has_audio
    sound = sound_of(made)
    assert np.abs(sound[:23_000]).max() < 0.01  # the gap
    assert np.abs(sound[26_000:90_000]).max() > 0.1


def test_a_reference_film_of_another_length_is_warned_of(
    tmp_path: Path, make_film: Callable[..., Path], shot: Path, maker: LocalMaker
) -> None:
    film = make_film(tmp_path / "reference.mp4", rate=Fraction(18), n_frames=50)
    report = run(shot, tmp_path / "out", maker, picture=film)
    assert "may not be the same cut" in report["preview"]["warnings"][0]


def test_a_reference_that_is_no_film_is_refused_before_any_work(tmp_path: Path, shot: Path) -> None:
    (tmp_path / "reference.mp4").write_text("hello")
    with pytest.raises(MediaError, match=r"reference\.mp4"):
        prepare(shot, Options(picture=tmp_path / "reference.mp4"))


def test_a_rendered_preview_shows_the_right_frames_and_says_what_it_is(
    tmp_path: Path, shot: Path, maker: LocalMaker, frame_number: ReadNumber
) -> None:
    report = run(shot, tmp_path / "out", maker)
    assert report["preview"]["picture"] == "rendered preview, not the reference film"
    film = VideoFile(tmp_path / "out" / "preview.mp4")
    assert film.info.rate == 18
    assert film.info.duration_s == 2
    pictures = film.read([Fraction(number, 18) for number in range(36)], (48, 96))
    assert pictures[:9].max() < 30  # the gap is black
    assert [frame_number(picture) for picture in pictures[9:]] == list(range(20, 47))


def test_a_dissolve_blends_pictures_and_sounds(
    tmp_path: Path, make_film: Callable[..., Path], maker: LocalMaker
) -> None:
    for name, level in (("dark", 60), ("light", 200)):  # black would stay silent
        make_film(
            tmp_path / f"{name}.mp4",
            n_frames=75,
            painter=lambda index, level=level: np.full((48, 96, 3), level, np.uint8),
        )
    made = timeline(
        [
            clip("dark", "dark.mp4", span(0, 50, 25)),
            dissolve(10, 10, 25),
            clip("light", "light.mp4", span(20, 50, 25)),
        ]
    )
    report = run(save(made, tmp_path / "cut.otio"), tmp_path / "out", maker)
    film = VideoFile(tmp_path / "out" / "preview.mp4")
    levels = film.read([Fraction(number, 25) for number in (39, 45, 50, 55, 61)], (48, 96)).mean(axis=(1, 2, 3))
    assert levels == pytest.approx([60, 95, 130, 165, 200], abs=8)
    sound = sound_of(tmp_path / "out" / "preview.mp4")
    # Both are noise of one strength: at equal power the cross-fade is as strong as its neighbours.
    dark = read_wav(tmp_path / "out" / report["events"][0]["sounds"][0]["file"]).samples
    middle = sound[int(1.6 * 48_000) : int(2.4 * 48_000)]
    assert float(np.sqrt(np.mean(middle**2))) == pytest.approx(float(np.sqrt(np.mean(dark**2))), rel=0.15)


def test_layers_that_are_too_loud_together_are_turned_down_and_said(
    tmp_path: Path, shot: Path, maker: LocalMaker
) -> None:
    table = tmp_path / "prompts.csv"
    table.write_text("clip,layer,prompt\none,effects,a\none,ambience,b\none,music,c\n")
    report = run(shot, tmp_path / "out", maker, prompts=table)
    assert "too loud" in report["preview"]["warnings"][0]


def test_what_cannot_be_made_is_black_in_the_preview(tmp_path: Path, reel: Path, maker: LocalMaker) -> None:
    made = timeline([clip("one", str(reel), span(40, 18, 18)), clip("gone", "gone.mp4", span(0, 18, 18))])
    report = run(save(made, tmp_path / "cut.otio"), tmp_path / "out", maker)
    assert report["totals"]["failed"] == 1
    pictures = VideoFile(tmp_path / "out" / "preview.mp4").read([Fraction(1, 2), Fraction(3, 2)], (48, 96))
    assert pictures[0].max() > 200
    assert pictures[1].max() < 30


@pytest.mark.parametrize("last", [[], [gap(9, 18)]])
def test_a_dissolve_for_which_there_is_no_film_is_a_cut(
    tmp_path: Path, reel: Path, maker: LocalMaker, last: list[Any]
) -> None:
    # It would begin at the cut, where the film has ended.
    made = timeline([clip("one", str(reel), span(54, 18, 18)), dissolve(0, 6, 18), *last])
    report = run(save(made, tmp_path / "cut.otio"), tmp_path / "out", maker)
    assert report["totals"]["done"] == 1
    assert np.abs(sound_of(tmp_path / "out" / "preview.mp4")[40_000:47_000]).max() > 0.1


def test_a_dissolve_that_reaches_beyond_the_cut_fades_as_long_as_it_was_set(
    tmp_path: Path, reel: Path, maker: LocalMaker
) -> None:
    made = timeline([clip("one", str(reel), span(0, 18, 18)), dissolve(0, 18, 18)])
    run(save(made, tmp_path / "cut.otio"), tmp_path / "out", maker)
    assert np.abs(sound_of(tmp_path / "out" / "preview.mp4")[40_000:47_000]).max() > 0.1
