"""Another take of what was seen before: the same samples, without a look at the film."""

from collections.abc import Callable
from fractions import Fraction as F
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch

import v2a
from tests.v2a.watchful_model import WatchfulModel
from v2a.evaluate.soundtracks import Pictures
from v2a.features import FeatureFolder, Watched
from v2a.media import VideoFile
from v2a.media.source import FrameSource
from v2a.models.base import Model
from v2a.request import Clip, Piece, Request, Sampling
from v2a.watching import Watching
from v2a.windows import plan_windows

CLIP = Clip("0" * 64, (Piece(F(0), F(1), F(0), F(1)),))


@pytest.fixture(scope="module")
def model() -> Model:
    return v2a.load_model("pocket", "cpu")


@pytest.fixture
def film(tmp_path: Path, make_film: Callable[..., Path]) -> VideoFile:
    return VideoFile(make_film(tmp_path / "film.mp4", rate=F(18), n_frames=40, size=(48, 64)))


class NoFilm:
    """Must not be looked at."""

    @property
    def info(self) -> NoReturn:
        raise AssertionError("somebody asks for the film")

    def read(self, times_s: object, size: object, until_s: object = None) -> NoReturn:
        raise AssertionError("somebody reads the film")


def sound(
    model: Model, source: FrameSource, folder: Path | None, clip: Clip = CLIP, seed: int = 1
) -> "np.typing.NDArray[np.float32]":
    request = Request(clip, "pocket", model.card.digest, sampling=Sampling(steps=1, seed=seed))
    features = FeatureFolder(folder) if folder else None
    (take,) = v2a.generate(model, source, request, lambda _: None, features)
    return take.audio.samples


def test_a_second_take_needs_no_film_and_is_the_same_to_the_bit(model: Model, film: VideoFile, tmp_path: Path) -> None:
    plain = [sound(model, film, None, seed=seed) for seed in (1, 2)]
    np.testing.assert_array_equal(sound(model, film, tmp_path), plain[0])
    for seed in (1, 2):
        np.testing.assert_array_equal(sound(model, NoFilm(), tmp_path, seed=seed), plain[seed - 1])


def test_a_clip_of_several_windows_is_remembered_whole_or_not_at_all(tmp_path: Path) -> None:
    model, features = WatchfulModel([(10.0, 0.25), (60.0, 0.5), (120.0, 1.0)]), FeatureFolder(tmp_path)
    clip = Clip("0" * 64, (Piece(F(0), F(6), F(0), F(6)),))
    windows = list(plan_windows(150, model.card))
    black = Pictures(np.zeros((6, 8, 8), np.uint8), 1)
    half = Watching(model, black, clip, windows, lambda *_: None, features)
    half.seen(windows[-2])
    assert not list(tmp_path.iterdir())
    whole = Watching(model, black, clip, windows, lambda *_: None, features)
    whole.whole()
    again = Watching(model, NoFilm(), clip, windows, lambda *_: None, features)
    assert list(again.cues) == list(whole.cues)
    assert len(again.cues) == 3
    for window in windows:
        torch.testing.assert_close(again.seen(window), whole.seen(window), rtol=0, atol=0)


def test_what_is_found_waits_on_the_cpu(tmp_path: Path) -> None:
    """Of an hour it is more than a device may have room for, beside the model."""
    model, features = WatchfulModel(), FeatureFolder(tmp_path)
    model.device = torch.device("meta")
    kept = torch.arange(6.0).view(2, 3)
    features.keep(model, CLIP, Watched({"seen": kept}, moves=True))
    found = features.find(model, CLIP)
    assert found is not None
    torch.testing.assert_close(found.seen["seen"], kept, rtol=0, atol=0)


def test_what_was_seen_in_another_precision_is_not_taken(
    model: Model, film: VideoFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound(model, film, tmp_path)
    monkeypatch.setattr(type(model), "precision", "bfloat16")
    with pytest.raises(AssertionError, match="reads the film"):
        sound(model, NoFilm(), tmp_path)


def test_another_clip_is_looked_at(model: Model, film: VideoFile, tmp_path: Path) -> None:
    sound(model, film, tmp_path)
    others = (
        Clip("1" * 64, CLIP.pieces),
        Clip("0" * 64, (Piece(F(0), F(2), F(0), F(1)),)),
        Clip("0" * 64, (Piece(F(0), F(1), F(1), F(2)),)),
    )
    for other in others:
        with pytest.raises(AssertionError, match="reads the film"):
            sound(model, NoFilm(), tmp_path, other)


@pytest.mark.parametrize("damage", [lambda wav: wav[:-1] + bytes([wav[-1] ^ 1]), lambda wav: wav[:100], lambda _: b""])
def test_damaged_features_are_made_anew(
    model: Model, film: VideoFile, tmp_path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "features"
    folder.mkdir()
    plain = sound(model, film, folder)
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(sound(model, film, folder), plain)
    assert "made anew" in caplog.text
    np.testing.assert_array_equal(sound(model, NoFilm(), folder), plain)


def test_a_folder_that_cannot_be_written_costs_only_time(
    model: Model, film: VideoFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    np.testing.assert_array_equal(sound(model, film, tmp_path / "missing"), sound(model, film, None))
    assert "what was seen is not remembered" in caplog.text
