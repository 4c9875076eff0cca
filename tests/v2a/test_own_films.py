"""Films with sound to train on: their captions, and sound that not every reader takes."""

from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

pytest.importorskip("scipy")

from v2a.errors import MediaError, UsageError
from v2a.train.own_films import films_under
from v2a.train.recordings import decode_audio

RATE_HZ = 48_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reel 1").mkdir()
    for name in ("reel 1/door.mp4", "rain.mov"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_captions_belong_to_a_path_or_a_name_and_what_belongs_to_none_is_named(
    folder: Path, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    table = 'file,caption\nreel 1/door.mp4,"a door, heavy"\nrain.mov,Plätschern\nrian.mov,rain\n'
    (folder / "films.csv").write_text(table, encoding=encoding)
    captions = {film.name: film.caption for film in films_under(folder)}
    assert captions == {"rain.mov": "Plätschern", "reel 1/door.mp4": "a door, heavy"}
    assert [record.getMessage() for record in caplog.records] == [
        "films.csv has a caption for rian.mov, but there is no such film"
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"file;caption\nrain.mov;rain\n", "must begin with the line file,caption"),
        (b"", "must begin with the line file,caption"),
        (b"file,caption\nrain.mov,rain, and wind\n", "line 2: a caption with commas must stand in double quotes"),
        (b'file,caption\nrain.mov,"rain\n', "mend its quotation marks"),
        ("file,caption\nrain.mov,Plätschern\n".encode("latin-1"), "save it as UTF-8"),
    ],
)
def test_a_table_that_would_be_misread_is_refused(folder: Path, table: bytes, message: str) -> None:
    (folder / "films.csv").write_bytes(table)
    with pytest.raises(UsageError, match=message):
        films_under(folder)


def test_a_folder_without_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there are no films under"):
        films_under(tmp_path / "nowhere")


def write_sound(
    path: Path, codec: str, layout: str, samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> None:
    with av.open(str(path), "w") as container:
        stream = cast(av.AudioStream, container.add_stream(codec, rate=RATE_HZ, layout=layout))
        n_channels = len(av.AudioLayout(layout).channels)
        for start in range(0, len(samples), 1_024):
            block = samples[start : start + 1_024]
            frame = av.AudioFrame.from_ndarray(np.repeat(block, n_channels)[None], "flt", layout)
            frame.sample_rate, frame.pts = RATE_HZ, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_sound_that_is_no_number_is_refused(tmp_path: Path, spoilt: float) -> None:
    samples = np.zeros(RATE_HZ, np.float32)
    samples[9_000] = spoilt
    write_sound(tmp_path / "sound.wav", "pcm_f32le", "mono", samples)
    with pytest.raises(MediaError, match="not numbers"):
        decode_audio(tmp_path / "sound.wav")


def test_sound_may_change_its_layout_on_the_way(tmp_path: Path) -> None:
    wave = np.float32(0.3) * np.sin(np.arange(2 * RATE_HZ, dtype=np.float32) * np.float32(0.06))  # 460 Hz
    for layout in ("mono", "stereo"):
        write_sound(tmp_path / f"{layout}.aac", "aac", layout, wave)
    both = tmp_path / "both.aac"
    both.write_bytes(b"".join((tmp_path / f"{layout}.aac").read_bytes() for layout in ("mono", "stereo")))
    mono, stereo = (decode_audio(tmp_path / f"{layout}.aac", 16_000) for layout in ("mono", "stereo"))
    sound = decode_audio(both, 16_000)
    assert len(sound) == pytest.approx(len(mono) + len(stereo), abs=2_000)
    for heard, alone in ((sound[8_000:24_000], mono), (sound[-24_000:-8_000], stereo)):
        assert heard.std() == pytest.approx(alone[8_000:24_000].std(), rel=0.05)
