"""What a film is, and why a file is none."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from v2a.errors import MediaError, NotFoundError, UsageError, V2AError
from v2a.media import VideoFile, check_range, probe, source_digest

MakeFilm = Callable[..., Path]

NTSC_FILM, NTSC = Fraction(24_000, 1001), Fraction(30_000, 1001)
KINDS = [
    ("a.mp4", "libx264", "yuv420p"),
    ("a.mov", "prores_ks", "yuv422p10le"),
    ("a.mkv", "libx264", "yuv420p"),
    ("a.webm", "libvpx-vp9", "yuv420p"),
    ("a.avi", "mpeg4", "yuv420p"),
    ("a.ts", "libx264", "yuv420p"),
]


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), KINDS)
@pytest.mark.parametrize("rate", [Fraction(16), Fraction(18), NTSC_FILM, NTSC])
def test_rate_and_duration_are_exact_to_the_frame(
    tmp_path: Path, make_film: MakeFilm, name: str, codec: str, pix_fmt: str, rate: Fraction
) -> None:
    film = make_film(tmp_path / name, rate, 37, codec=codec, pix_fmt=pix_fmt)
    info = probe(film)
    assert info.rate == rate
    assert info.duration_s == 37 / rate


def test_the_facts(tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(tmp_path / "a.mov", size=(48, 96), sound_hz=440, metadata={"timecode": "01:00:00:00"})
    info = probe(film)
    assert (info.path, info.width, info.height, info.codec) == (film, 96, 48, "h264")
    assert info.has_audio
    assert info.timecode == "01:00:00:00"
    silent = probe(make_film(tmp_path / "b.mp4"))
    assert not silent.has_audio
    assert silent.timecode is None


def test_longer_sound_does_not_make_a_longer_film(tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(tmp_path / "a.mkv", Fraction(18), 18, sound_hz=440)
    assert probe(film).duration_s == 1


@pytest.mark.parametrize("start_s", [Fraction(-1, 5), Fraction(10)])
def test_time_runs_from_the_first_frame_shown(tmp_path: Path, make_film: MakeFilm, start_s: Fraction) -> None:
    film = make_film(tmp_path / "a.mp4", n_frames=50, start_s=start_s)
    hidden = 5 if start_s < 0 else 0
    assert probe(film).duration_s == Fraction(50 - hidden, 25)


def test_variable_durations(tmp_path: Path, make_film: MakeFilm) -> None:
    shown = [Fraction(1, 10), Fraction(1, 2), Fraction(2), Fraction(1, 25)]
    film = make_film(tmp_path / "a.mp4", n_frames=4, durations=shown, options={"bf": "0"})
    assert probe(film).duration_s == sum(shown)


def test_a_source_rate_counts_frames(tmp_path: Path, make_film: MakeFilm) -> None:
    film = make_film(tmp_path / "a.mp4", Fraction(24), 48)
    info = probe(film, Fraction(16))
    assert (info.rate, info.duration_s) == (Fraction(16), Fraction(3))
    with pytest.raises(UsageError, match="positive"):
        probe(film, Fraction(0))


def test_ranges_are_checked_against_the_length(tmp_path: Path, make_film: MakeFilm) -> None:
    info = probe(make_film(tmp_path / "a.mp4", n_frames=50))
    check_range(info, Fraction(0), Fraction(2))
    with pytest.raises(UsageError, match=r"1 … 2\.5 s lies outside a\.mp4, which is 2 s long"):
        check_range(info, Fraction(1), Fraction(5, 2))
    with pytest.raises(UsageError, match="outside"):
        check_range(info, Fraction(-1), Fraction(1))
    with pytest.raises(UsageError, match="empty"):
        check_range(info, Fraction(1), Fraction(1))


def test_missing_empty_and_foreign_files(tmp_path: Path, make_film: MakeFilm) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no film\n" * 50)
    with pytest.raises(NotFoundError, match=r"none\.mp4 does not exist"):
        probe(tmp_path / "none.mp4")
    for path, text in (
        (tmp_path, "is a folder"),
        (tmp_path / "empty.mp4", "is empty"),
        (tmp_path / "text.mp4", "is not a film"),
        (Path("/dev/null"), "not a plain file"),
    ):
        with pytest.raises(MediaError, match=text):
            probe(path)


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "flt", "mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no picture"):
        probe(tmp_path / "a.m4a")


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{film}\n", "ffconcat version 1.0\nfile '{film}'\n"])
def test_playlists_do_not_reach_other_files(tmp_path: Path, make_film: MakeFilm, text: str) -> None:
    make_film(tmp_path / "a.mp4", n_frames=5)
    for name in ("list.mp4", "list.m3u8", "list.ffconcat"):
        (tmp_path / name).write_text(text.format(film="a.mp4"))
        with pytest.raises(MediaError, match="is not a film"):
            probe(tmp_path / name)


def test_addresses_are_not_followed(tmp_path: Path, make_film: MakeFilm, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make_film(tmp_path / "a.mp4", n_frames=5)
    monkeypatch.chdir(tmp_path)
    for address in (f"concat:{film}", "http://127.0.0.1:9/a.mp4", f"subfile,,start,0,end,0,,:{film}"):
        with pytest.raises(NotFoundError):
            probe(Path(address))


def test_a_film_without_its_index_is_named_so(tmp_path: Path, make_film: MakeFilm) -> None:
    content = make_film(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"cut\.mp4 has no readable index \(moov\).*cut short"):
        probe(tmp_path / "cut.mp4")


def test_a_film_cut_short_behind_its_index(tmp_path: Path, make_film: MakeFilm) -> None:
    content = with_index_first(make_film(tmp_path / "a.mp4", n_frames=100), tmp_path / "b.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: int(len(content) * 0.7)])
    with VideoFile(cut) as film:
        assert film.info.duration_s == 4  # what it says of itself
        film.read([Fraction(0), Fraction(1, 2)], (8, 8))
        with pytest.raises(MediaError, match=r"damaged or cut short: no frame can be read after [0-9.]+ s"):
            film.read([Fraction(39, 10)], (8, 8))
    with pytest.raises(MediaError, match="cut short: it says that it is 4 s long"):
        source_digest(cut, Fraction(0), Fraction(4))
    assert source_digest(cut, Fraction(0), Fraction(1))


def test_damage_in_the_middle_is_not_bridged_silently(tmp_path: Path, make_film: MakeFilm) -> None:
    content = bytearray(with_index_first(make_film(tmp_path / "a.mp4", n_frames=100), tmp_path / "b.mp4").read_bytes())
    with av.open(str(tmp_path / "b.mp4")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pos is not None and packet.size]
        for packet in packets[50:80]:
            assert packet.pos is not None
            content[packet.pos : packet.pos + packet.size] = b"\x55" * packet.size
    (tmp_path / "hole.mp4").write_bytes(content)
    refused = []
    with VideoFile(tmp_path / "hole.mp4") as film:
        for index in range(100):
            try:
                film.read([Fraction(index, 25)], (8, 8))
            except V2AError:
                refused.append(index)
    assert set(range(54, 78)) <= set(refused)
    assert not set(refused) & {*range(48), *range(90, 100)}


def with_index_first(film: Path, out: Path) -> Path:
    with av.open(str(film)) as source, av.open(str(out), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return out
