"""Cues that are followed: given ones first, else what is seen; told exactly enough to be given back."""

from collections.abc import Callable
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pytest

import v2a
from tests.v2a.watchful_model import NOT_GIVEN, WatchfulModel
from v2a.media import VideoFile
from v2a.request import MAX_CUES, Clip, Cue, Layer, Piece, Request

SEEN = [(0.0, 0.25), (30.4, 0.5), (61.7, 1.0)]  # tokens of 40 ms
START, END = F(1, 3), F(1, 3) + 4


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, make_film: Callable[..., Path]) -> VideoFile:
    return VideoFile(make_film(tmp_path_factory.mktemp("film") / "film.mp4", rate=F(12), n_frames=60, size=(48, 64)))


def make(film: VideoFile, model: WatchfulModel, *layers: Layer) -> list[v2a.Take]:
    clip = Clip("0" * 64, (Piece(START, END, START, END),))
    return list(v2a.generate(model, film, Request(clip, "pocket", model.card.digest, layers), lambda _: None))


def struck(take: v2a.Take) -> list[int]:
    """The tokens in which something sounds."""
    return [int(token) for token in np.flatnonzero(take.audio.samples[0, 960::1920] > 0.1)]


def sounds(take: v2a.Take, level: float) -> bool:
    """Whether all samples have a level."""
    return np.allclose(take.audio.samples, level, atol=1e-6)


def test_mix_and_effects_follow_what_is_seen_and_say_so(film: VideoFile) -> None:
    for take in make(film, WatchfulModel(SEEN), Layer("mix", "hammer"), Layer("effects")):
        assert struck(take) == [0, 30, 61]
        assert take.cues_seen
        assert [cue.strength for cue in take.cues] == [0.25, 0.5, 1.0]
        for cue, (position, _) in zip(take.cues, SEEN, strict=True):
            assert 0 <= cue.time_s - START - F(position) / 25 <= F(1, 10_000)


def test_events_given_back_as_cues_make_the_same_sound(film: VideoFile) -> None:
    (seen,) = make(film, WatchfulModel(SEEN), Layer())
    (given,) = make(film, WatchfulModel(), Layer(cues=seen.cues))
    np.testing.assert_array_equal(given.audio.samples, seen.audio.samples)
    assert (given.cues, given.cues_seen) == (seen.cues, False)


def test_given_cues_win_and_those_outside_the_clip_are_not_followed(film: VideoFile) -> None:
    cues = (Cue(F(3)), Cue(F(1)), Cue(F(9)), Cue(END))
    (take,) = make(film, WatchfulModel(SEEN), Layer(cues=cues))
    assert take.cues == (Cue(F(1)), Cue(F(3)))
    assert struck(take) == [16, 66]
    assert not take.cues_seen
    (outside,) = make(film, WatchfulModel(SEEN), Layer(cues=(Cue(F(9)),)))
    assert outside.cues_seen, "as if none had been given"


def test_what_nobody_sees_is_silent_unless_words_say_otherwise(film: VideoFile) -> None:
    wordless, worded = make(film, WatchfulModel(), Layer("mix"), Layer("effects", "a knock"))
    assert sounds(wordless, 0.0), "nothing strikes"
    assert sounds(worded, NOT_GIVEN), "the words decide"
    assert (wordless.cues, wordless.cues_seen, worded.cues, worded.cues_seen) == ((), True, (), True)


def test_before_the_first_event_nothing_strikes_and_words_do_not_decide(film: VideoFile) -> None:
    (take,) = make(film, WatchfulModel([(95.0, 1.0)]), Layer("mix", "hammer"))
    assert struck(take) == [95]
    assert not take.audio.samples[:, : 90 * 1920].any()


def test_other_layers_follow_only_what_they_are_given(film: VideoFile) -> None:
    rain, bells = make(film, WatchfulModel(SEEN), Layer("ambience", "rain"), Layer("music", cues=(Cue(F(1)),)))
    assert sounds(rain, NOT_GIVEN)
    assert (rain.cues, rain.cues_seen) == ((), False)
    assert struck(bells) == [16]


def test_the_strongest_are_told_where_too_many_are_seen(film: VideoFile) -> None:
    many = [(index / 50, 0.9 if index % 100 == 7 else 0.25) for index in range(MAX_CUES + 20)]
    (take,) = make(film, WatchfulModel([*many, (99.99999, 1.0)]), Layer())
    assert len(take.cues) == MAX_CUES
    assert sum(cue.strength > 0.5 for cue in take.cues) == sum(strength > 0.5 for _, strength in many)
    assert len(struck(take)) == -(-len(many) // 50), "all are followed"
    assert list(take.cues) == sorted(take.cues, key=lambda cue: cue.time_s)


def test_a_film_is_looked_at_only_so_far_as_its_sound_needs(film: VideoFile) -> None:
    model, steps = WatchfulModel(SEEN), list[v2a.Progress]()
    clip = Clip("0" * 64, (Piece(F(0), F(5), F(0), F(5)),))
    wanted = Request(clip, "pocket", model.card.digest, (Layer("effects"),))
    (take,) = v2a.generate(model, film, wanted, steps.append)
    assert [step.step for step in steps] == [0], "something strikes in the first window"
    first = next(take.blocks)
    assert [step.stage for step in steps] == [
        "encoding",
        "sampling",
        "encoding",
        "sampling",
        "encoding",
        "sampling",
        "decoding",
    ], first.n_samples
    assert len(take.cues) == 3


def test_what_nobody_asked_for_is_silent_where_nothing_happens(film: VideoFile) -> None:
    still = Clip("0" * 64, (Piece(F(1), F(1), F(0), F(4)),))
    layers = (Layer(), Layer("ambience"), Layer("effects"), Layer("music", "a waltz"))
    model = WatchfulModel()
    request = Request(still, "pocket", model.card.digest, layers)
    mix, ambience, effects, waltz = v2a.generate(model, film, request, lambda _: None)
    for take in (mix, ambience, effects):
        assert take.audio.n_samples == 4 * 48_000
        assert not take.audio.samples.any()
    assert waltz.audio.samples.any()
    # A picture that moves may be heard; but effects are of what strikes.
    moving, unstruck = make(film, model, Layer("ambience"), Layer("effects"))
    assert moving.audio.samples.any()
    assert not unstruck.audio.samples.any()
    words = "and no words were given: it is silent; say what should be heard"
    assert mix.warnings == ambience.warnings == effects.warnings == (f"nothing moves in the picture, {words}",)
    assert unstruck.warnings == (f"nothing is seen to strike, {words}",)
    assert waltz.warnings == moving.warnings == ()


def test_less_than_a_picture_is_silent_and_says_why(film: VideoFile) -> None:
    short = Clip("0" * 64, (Piece(F(1), F(101, 100), F(0), F(1, 100)),))
    model = WatchfulModel()
    (take,) = v2a.generate(model, film, Request(short, "pocket", model.card.digest, (Layer(),)), lambda _: None)
    assert not take.audio.samples.any()
    assert [warning.partition(",")[0] for warning in take.warnings] == ["nothing moves in the picture"]
