"""New sound beside an untouched picture, and digests that tell films apart."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from v2a.audio import Audio
from v2a.delivery import write_wav
from v2a.errors import MediaError, NotFoundError, StorageError, UsageError
from v2a.media import VideoFile, mux, picture_digest, probe, source_digest

MakeFilm = Callable[..., Path]


@pytest.fixture
def click(tmp_path: Path) -> Path:
    """One second of silence with a click at 0.5 s."""
    samples = np.zeros((1, 48_000), np.float32)
    samples[0, 24_000] = 0.9
    write_wav(tmp_path / "click.wav", Audio(samples, 48_000))
    return tmp_path / "click.wav"


def click_at_s(film: Path, stream: int = 0) -> float:
    best, at_s = 0.0, -1.0
    with av.open(str(film)) as container:
        picture = container.streams.video[0]
        zero_s = float((picture.start_time or 0) * (picture.time_base or Fraction(0)))
        for frame in container.decode(audio=stream):
            wave = np.abs(frame.to_ndarray().astype(float)).reshape(-1)
            if wave.max() > best:
                assert frame.pts is not None and frame.time_base is not None  # noqa: PT018
                best = float(wave.max())
                at_s = float(frame.pts * frame.time_base) + int(wave.argmax()) / frame.sample_rate - zero_s
    return at_s


@pytest.mark.parametrize(
    ("film_name", "codec", "out_name", "sound_codec"),
    [
        ("a.mp4", "libx264", "out.mp4", "aac"),
        ("a.mp4", "libx264", "out.mov", "pcm_s24le"),
        ("a.mp4", "libx264", "out.mkv", "pcm_s24le"),
        ("a.mkv", "libx264", "out.mp4", "aac"),
        ("a.webm", "libvpx-vp9", "out.webm", "opus"),
    ],
)
@pytest.mark.parametrize("start_s", [Fraction(0), Fraction(10)])
def test_the_picture_is_copied_and_the_sound_in_time(
    tmp_path: Path,
    make_film: MakeFilm,
    click: Path,
    film_name: str,
    codec: str,
    out_name: str,
    sound_codec: str,
    start_s: Fraction,
) -> None:
    film = make_film(tmp_path / film_name, Fraction(18), 40, codec=codec, start_s=start_s)
    out = tmp_path / out_name
    mux(film, [click], out, at_s=Fraction(1, 4))
    assert picture_digest(out) == picture_digest(film)
    before, after = probe(film), probe(out)
    assert (after.rate, after.duration_s, after.has_audio) == (before.rate, before.duration_s, True)
    times = [Fraction(k, 18) for k in range(40)]
    with VideoFile(film) as old, VideoFile(out) as new:
        np.testing.assert_array_equal(old.read(times, (48, 96)), new.read(times, (48, 96)))
    with av.open(str(out)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == [sound_codec]
        comments = {key.lower(): text for key, text in container.metadata.items()}
        assert "AI-generated (synthetic)" in comments["comment"]
    assert click_at_s(out) == pytest.approx(0.75, abs=0.0015)


def test_lossless_sound_stays_as_it_was(tmp_path: Path, make_film: MakeFilm) -> None:
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, (2, 9_600)).astype(np.float32)
    write_wav(tmp_path / "noise.wav", Audio(samples, 48_000))
    mux(make_film(tmp_path / "a.mp4", n_frames=5), [tmp_path / "noise.wav"], tmp_path / "out.mov")
    with av.open(str(tmp_path / "out.mov")) as container:
        steps = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    wave = steps.reshape(-1, 2).T / 2.0**31
    np.testing.assert_allclose(wave, samples, atol=2.0**-23)


@pytest.mark.parametrize("keep", [True, False])
def test_the_films_own_sound_goes_or_stays_behind_the_new(
    tmp_path: Path, make_film: MakeFilm, click: Path, keep: bool
) -> None:
    film = make_film(tmp_path / "a.mp4", sound_hz=440)
    mux(film, [click, click], tmp_path / "out.mp4", keep_sound=keep)
    with av.open(str(film)) as old, av.open(str(tmp_path / "out.mp4")) as new:
        assert len(new.streams.audio) == (3 if keep else 2)
        if keep:
            own = [bytes(packet) for packet in old.demux(audio=0) if packet.size]
            assert [bytes(packet) for packet in new.demux(audio=2) if packet.size] == own
    assert click_at_s(tmp_path / "out.mp4", 1) == pytest.approx(0.5, abs=0.0015)


def test_hidden_frames_stay_hidden_or_are_refused(tmp_path: Path, make_film: MakeFilm, click: Path) -> None:
    film = make_film(tmp_path / "a.mp4", start_s=Fraction(-1, 5))
    mux(film, [click], tmp_path / "out.mov")
    assert probe(tmp_path / "out.mov").duration_s == probe(film).duration_s
    with pytest.raises(MediaError, match="edit list"):
        mux(film, [click], tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()


def test_timecode_is_kept(tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(tmp_path / "a.mov", metadata={"timecode": "01:02:03:04"})
    mux(film, [], tmp_path / "out.mov")
    assert probe(tmp_path / "out.mov").timecode == "01:02:03:04"


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, make_film: MakeFilm, click: Path) -> None:
    film = make_film(tmp_path / "a.mp4")
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(MediaError, match=r"does not fit into a \.webm file: write"):
        mux(film, [click], folder / "out.webm")
    with pytest.raises(UsageError, match=r"\.mp4, \.m4v"):
        mux(film, [click], folder / "out.xyz")
    with pytest.raises(UsageError, match="before the film"):
        mux(film, [click], folder / "out.mp4", at_s=Fraction(-1))
    with pytest.raises(NotFoundError, match=r"none\.wav"):
        mux(film, [tmp_path / "none.wav"], folder / "out.mp4")
    with pytest.raises(MediaError, match="has no sound"):
        mux(film, [film], folder / "out.mp4")
    with pytest.raises(StorageError, match="does not exist"):
        mux(film, [click], folder / "none" / "out.mp4")
    assert list(folder.iterdir()) == []


def test_a_digest_names_the_range_wherever_the_film_lies(tmp_path: Path, make_film: MakeFilm, click: Path) -> None:
    film = make_film(tmp_path / "a.mp4", n_frames=100)
    digest = source_digest(film, Fraction(1), Fraction(2))
    (tmp_path / "b.mp4").write_bytes(film.read_bytes())
    assert source_digest(tmp_path / "b.mp4", Fraction(1), Fraction(2)) == digest
    others = {
        source_digest(film, Fraction(1), Fraction(3)),
        source_digest(film, Fraction(2), Fraction(3)),
        source_digest(film, Fraction(1), Fraction(2), Fraction(16)),
        source_digest(make_film(tmp_path / "c.mp4", n_frames=100, options={"qp": "40"}), Fraction(1), Fraction(2)),
    }
    assert len(others | {digest}) == 5
    with pytest.raises(UsageError, match="outside"):
        source_digest(film, Fraction(1), Fraction(5))


def test_a_film_that_is_replaced_is_looked_at_anew(tmp_path: Path, make_film: Callable[..., Path]) -> None:
    film = make_film(tmp_path / "a.mp4", n_frames=50)
    before = source_digest(film, Fraction(0), Fraction(2))
    make_film(film, n_frames=100, rate=Fraction(50))
    assert source_digest(film, Fraction(0), Fraction(2)) != before
    make_film(film, n_frames=100)
    assert source_digest(film, Fraction(3), Fraction(4))


def test_a_digest_sees_changes_in_the_range_only(tmp_path: Path, make_film: MakeFilm) -> None:
    def film(name: str, changed: int) -> Path:
        def painter(index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
            return np.full((48, 96, 3), 200 if index == changed else index, np.uint8)

        return make_film(tmp_path / name, n_frames=50, codec="ffv1", painter=painter, options={"g": "1"})

    first, late, early = film("a.mkv", -1), film("b.mkv", 40), film("c.mkv", 10)
    digests = [source_digest(path, Fraction(0), Fraction(1)) for path in (first, late, early)]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]
