"""Broadcast WAVs: what is written comes back, here and in other readers."""

import resource
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import wavinfo

from v2a.audio import Audio
from v2a.delivery import Bext, read_bext, read_ixml, read_wav, wav_info, write_wav
from v2a.errors import MediaError, NotFoundError, StorageError, UsageError


def noise(channels: int = 2, n_samples: int = 4_801, rate_hz: int = 48_000) -> Audio:
    samples = np.random.default_rng(0).uniform(-0.99, 0.99, (channels, n_samples)).astype(np.float32)
    return Audio(samples, rate_hz)


@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_come_back_within_half_a_step(tmp_path: Path, bit_depth: int, channels: int) -> None:
    sound = noise(channels)
    write_wav(tmp_path / "a.wav", sound, bit_depth)  # type: ignore[arg-type]
    back = read_wav(tmp_path / "a.wav")
    assert back.rate_hz == sound.rate_hz
    assert np.abs(back.samples - sound.samples).max() <= 1.01 * 2.0**-bit_depth
    info = wav_info(tmp_path / "a.wav")
    assert (info.rate_hz, info.channels, info.n_samples, info.bit_depth) == (
        48_000,
        channels,
        4_801,
        bit_depth,
    )


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_other_readers_see_the_same_steps(tmp_path: Path, bit_depth: int) -> None:
    write_wav(tmp_path / "a.wav", noise(), bit_depth, Bext(description="x"), "<BWFXML/>")  # type: ignore[arg-type]
    with av.open(str(tmp_path / "a.wav")) as container:
        frames = [frame.to_ndarray().astype(np.float64) for frame in container.decode(audio=0)]
    steps = np.concatenate(frames, axis=1).reshape(-1, 2).T
    full = 2.0**15 if bit_depth == 16 else 2.0**31
    np.testing.assert_array_equal((steps / full).astype(np.float32), read_wav(tmp_path / "a.wav").samples)


def test_rounds_to_the_nearest_step_and_clips(tmp_path: Path) -> None:
    step = 2.0**-15
    samples = np.array([[0.4 * step, 0.6 * step, -0.6 * step, 1.0, 2.0, -1.0, -2.0]], np.float32)
    write_wav(tmp_path / "a.wav", Audio(samples, 48_000), 16)
    expected = [0, step, -step, 1 - step, 1 - step, -1, -1]
    np.testing.assert_array_equal(read_wav(tmp_path / "a.wav").samples[0], np.array(expected, np.float32))


def test_chunks_are_whole_and_even(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", noise(1, 3), 24, Bext(coding_history="odd"), "<BWFXML/>")
    content = (tmp_path / "a.wav").read_bytes()
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    names, at = [], 12
    while at < len(content):
        length = struct.unpack("<I", content[at + 4 : at + 8])[0]
        names.append(content[at : at + 4])
        at += 8 + length + length % 2
    assert at == len(content)
    assert names == [b"fmt ", b"bext", b"iXML", b"data"]


def test_wavinfo_reads_the_broadcast_extension(tmp_path: Path) -> None:
    bext = Bext("made by a model", "V2A Studio", "V2A0123", 2**33 + 7, -23.45, "A=PCM,F=48000\r\n")
    write_wav(tmp_path / "a.wav", noise(), 24, bext)
    read = wavinfo.WavInfoReader(str(tmp_path / "a.wav")).bext
    assert read.description == "made by a model"
    assert read.originator == "V2A Studio"
    assert read.originator_ref == "V2A0123"
    assert read.originator_date == ""
    assert read.originator_time == ""
    assert read.time_reference == 2**33 + 7
    assert read.version == 2
    assert read.loudness_value == pytest.approx(-23.45)
    assert read.coding_history.strip() == "A=PCM,F=48000"
    assert read_bext(tmp_path / "a.wav") == bext


def test_without_loudness_the_extension_is_of_version_1(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", noise(), 24, Bext("d"))
    assert wavinfo.WavInfoReader(str(tmp_path / "a.wav")).bext.version == 1
    assert read_bext(tmp_path / "a.wav") == Bext("d")


def test_texts_are_cut_to_their_fields_in_ascii(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", noise(), 24, Bext("é" + "d" * 300, "o" * 40, "r" * 40))
    bext = read_bext(tmp_path / "a.wav")
    assert bext is not None
    assert bext.description == "?" + "d" * 255
    assert bext.originator == "o" * 32
    assert bext.originator_reference == "r" * 32


def test_a_plain_wav_has_no_extension(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", noise())
    assert read_bext(tmp_path / "a.wav") is None
    assert read_ixml(tmp_path / "a.wav") is None


def test_reads_extensible_and_float_files_of_others(tmp_path: Path) -> None:
    samples = np.array([0.5, -0.25], "<f4").tobytes()
    form = struct.pack("<HHIIHH", 0xFFFE, 1, 48_000, 192_000, 4, 32)
    form += struct.pack("<HHI", 22, 32, 4) + struct.pack("<H", 3) + bytes(14)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(samples)) + samples
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    np.testing.assert_array_equal(read_wav(tmp_path / "a.wav").samples, [[0.5, -0.25]])


def test_more_than_4_gib_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    endless = np.broadcast_to(np.zeros((2, 1), np.float32), (2, 2**32 // 6))
    with pytest.raises(UsageError, match=r"4\.0 GiB.*shorter range"):
        write_wav(tmp_path / "a.wav", Audio(endless, 48_000), 24)
    assert list(tmp_path.iterdir()) == []


def test_bad_files_are_named(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", noise())
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-10])
    (tmp_path / "text.wav").write_bytes(b"hello")
    with pytest.raises(MediaError, match="cut short"):
        read_wav(tmp_path / "cut.wav")
    with pytest.raises(MediaError, match="not a WAV"):
        wav_info(tmp_path / "text.wav")
    with pytest.raises(NotFoundError, match=r"none\.wav"):
        read_wav(tmp_path / "none.wav")


def test_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        write_wav(tmp_path / "none" / "a.wav", noise())


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(StorageError, match=r"a\.wav cannot be written"):
            write_wav(tmp_path / "a.wav", noise())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
