"""The recipe with the shipped model: lengths, seeds, takes, layers, windows, cancelling, warnings."""

from collections.abc import Callable
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pytest
import torch

import v2a
from v2a.errors import CancelledError, UsageError
from v2a.evaluate.soundtracks import Pictures
from v2a.following import following
from v2a.generation import _joined, _latents
from v2a.media import VideoFile
from v2a.models.base import Model
from v2a.request import Clip, Cue, Layer, Piece, Request, Sampling
from v2a.watching import Watching
from v2a.windows import plan_windows

FEW = 2  # solver steps: enough to see that things hang together


@pytest.fixture(scope="module")
def model() -> Model:
    return v2a.load_model("pocket", "cpu")


@pytest.fixture
def film(tmp_path: Path, make_film: Callable[..., Path]) -> VideoFile:
    return VideoFile(make_film(tmp_path / "film.mp4", rate=F(18), n_frames=40, size=(48, 64)))


def request(model: Model, start: F, end: F, *layers: Layer, **sampling: int) -> Request:
    return Request(
        clip=Clip("0" * 64, (Piece(start, end, start, end),)),
        model="pocket",
        model_digest=model.card.digest,
        layers=layers or (Layer(),),
        sampling=Sampling(**{"steps": FEW, **sampling}),  # type: ignore[arg-type]
    )


def make(model: Model, film: VideoFile, wanted: Request) -> list[v2a.Take]:
    return list(v2a.generate(model, film, wanted, lambda _: None))


def test_a_take_has_exactly_the_clips_samples(model: Model, film: VideoFile) -> None:
    wanted = request(model, F(1, 18), F(23, 18))
    (take,) = make(model, film, wanted)
    assert take.audio.samples.shape == (1, wanted.clip.n_samples(48_000))
    assert take.audio.rate_hz == 48_000
    assert np.isfinite(take.audio.samples).all()


def test_the_same_seed_gives_the_same_samples_and_another_seed_others(model: Model, film: VideoFile) -> None:
    first, again, other = (make(model, film, request(model, F(0), F(1), seed=seed))[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.audio.samples, again.audio.samples)
    assert np.abs(first.audio.samples - other.audio.samples).max() > 1e-3


def test_a_take_is_the_same_whatever_else_is_asked_for(model: Model, film: VideoFile) -> None:
    two_layers = request(model, F(0), F(1), Layer("effects", "knock"), Layer("ambience", "rain"), takes=2)
    takes = make(model, film, two_layers)
    assert [(take.layer, take.index) for take in takes] == [
        ("effects", 0), ("effects", 1), ("ambience", 0), ("ambience", 1),
    ]  # fmt: skip
    (alone,) = make(model, film, request(model, F(0), F(1), Layer("ambience", "rain")))
    np.testing.assert_array_equal(alone.audio.samples, takes[2].audio.samples)
    assert not np.array_equal(takes[0].audio.samples, takes[1].audio.samples)


def test_words_negative_words_and_cues_each_change_the_sound(model: Model, film: VideoFile) -> None:
    plain = make(model, film, request(model, F(0), F(1), Layer()))[0].audio.samples
    for layer in (Layer(prompt="rain"), Layer(negative_prompt="rain"), Layer(cues=(Cue(F(1, 2)),))):
        assert np.abs(make(model, film, request(model, F(0), F(1), layer))[0].audio.samples - plain).max() > 1e-4


def test_a_clip_longer_than_a_window_is_made_in_one_piece(
    model: Model, tmp_path: Path, make_film: Callable[..., Path]
) -> None:
    film = VideoFile(make_film(tmp_path / "long.mp4", rate=F(5), n_frames=60, size=(48, 64)))
    steps: list[v2a.Progress] = []
    (take,) = v2a.generate(model, film, request(model, F(0), F(12)), steps.append)
    assert not steps or steps[-1].stage == "encoding", "sound is made when it is asked for"
    assert take.audio.n_samples == 12 * 48_000
    sampled = [step for step in steps if step.stage == "sampling"]
    assert [step.step for step in sampled] == list(range(2 * FEW)), "two windows of a few steps each"
    assert {step.total for step in sampled} == {2 * FEW}


def test_cancelling_stops_within_a_step(model: Model, film: VideoFile) -> None:
    seen: list[v2a.Progress] = []

    def on_step(progress: v2a.Progress) -> None:
        seen.append(progress)
        if progress.stage == "sampling" and progress.step == 1:
            raise CancelledError("enough")

    (take,) = v2a.generate(model, film, request(model, F(0), F(1), steps=10), on_step)
    with pytest.raises(CancelledError):
        list(take.blocks)
    assert seen[-1].step == 1


def test_warnings_say_what_was_not_understood(model: Model, film: VideoFile) -> None:
    layer = Layer("mix", "zyxwvutsrq knock zyxwvutsrq", transcript="good evening")
    (take,) = make(model, film, request(model, F(0), F(1), layer))
    said = " ".join(take.warnings)
    assert "cannot speak" in said
    assert said.count("zyxwvutsrq") == 1
    assert "knock" not in said


def test_a_layer_that_the_model_does_not_make_is_refused(model: Model, film: VideoFile) -> None:
    with pytest.raises(UsageError, match="does not make the layer 'dialogue': choose from mix"):
        make(model, film, request(model, F(0), F(1), Layer("dialogue")))


def test_latents_that_wait_keep_nothing_else_in_memory(model: Model) -> None:
    wanted = request(model, F(0), F(20), steps=1)
    windows = list(plan_windows(model.card.n_tokens(wanted.clip), model.card))
    black = Pictures(np.zeros((20, 8, 8), np.uint8), 1)
    watching = Watching(model, black, wanted.clip, windows, lambda *_: None)
    followed = following(wanted.layers[0], wanted.clip, watching, model.card)
    parts = _latents(model, wanted, followed, range(2), windows, watching, lambda: None, one_by_one=False)
    for part, after in zip(parts, [*windows[1:], None], strict=True):
        assert part.untyped_storage().nbytes() == part.nbytes
        assert after is None or part.shape[1] == model.card.window_tokens - after.n_shared


def test_a_window_fades_from_the_one_before_without_a_step() -> None:
    joined = _joined(torch.zeros(1, 50, 1), torch.ones(1, 200, 1), fade=25)[0, :, 0]
    assert torch.all(joined[:25] == 0.0), "what was made before stays"
    assert torch.all(joined[50:] == 1.0)
    assert 0.0 < joined.diff().max() < 0.04
    assert torch.all(joined.diff() >= 0.0)
