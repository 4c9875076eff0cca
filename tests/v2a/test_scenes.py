"""Rendered scenes: what strikes is seen to strike, what is silent says nothing, the same seed gives the same film."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from v2a.train.scenes import Scene, render_scene
from v2a.train.scenes.bodies import ricochet, tumble
from v2a.train.scenes.film import DURATION_S, SIZE, TOKEN_RATE_HZ, told_apart
from v2a.train.scenes.impacts import ROOM_IMPACTS
from v2a.train.scenes.ongoing import CONTINUOUS
from v2a.train.scenes.silent import ROOM_SILENT
from v2a.train.scenes.world import World
from v2a.train.vocabulary import EVENT_CLASSES

STRIKING = {motion for kind in EVENT_CLASSES for motion in kind.motions}
T = (np.arange(200) / 25).astype(np.float32)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(np.random.default_rng(seed)) for seed in range(60)]


def test_a_scene_is_a_film_of_eight_seconds_with_its_events_inside(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.frames.shape == (DURATION_S * TOKEN_RATE_HZ, SIZE, SIZE)
        assert scene.frames.dtype == np.uint8
        for heard in scene.heard:
            assert heard.motion in STRIKING | set(CONTINUOUS)
            assert list(heard.events) == sorted(heard.events)
            assert bool(heard.events) == (heard.motion in STRIKING)
            for time, strength in heard.events:
                assert heard.start_s <= time < heard.end_s
                assert 0 < strength <= 1


def test_what_rattles_is_heard_as_few_events_the_hardest_kept() -> None:
    rattle = [(1.0 + 0.05 * k, 0.5 + 0.05 * (k == 3)) for k in range(8)]
    heard = told_apart([*rattle, (3.0, 0.9), (3.05, 0.2), (5.0, 0.01)])
    assert [time for time, _ in heard] == pytest.approx([1.0, 1.15, 1.3, 3.0])
    assert [strength for _, strength in heard] == pytest.approx([0.5, 0.55, 0.5, 0.9])


def test_films_differ_in_how_much_is_heard(scenes: list[Scene]) -> None:
    counts = [sum(len(heard.events) for heard in scene.heard) for scene in scenes]
    assert 0.15 < np.mean([count == 0 for count in counts]) < 0.45
    assert 3 < np.mean(counts) < 15
    assert any(0 < count < 4 for count in counts)
    assert max(counts) > 15


def test_the_same_seed_gives_the_same_film(scenes: list[Scene]) -> None:
    for seed in (3, 4):
        again = render_scene(np.random.default_rng(seed))
        assert np.array_equal(again.frames, scenes[seed].frames)
        assert again.heard == scenes[seed].heard


def test_a_ball_touches_the_ground_when_it_is_heard() -> None:
    fine = np.arange(0, 4, 0.001, dtype=np.float32)
    way, hits = ricochet(fine, 0.5, [0, 1.1, 0], [0.2, 0, 0], 0.1, 9.81, 0.8)
    assert hits[0][0] == pytest.approx(0.5 + np.sqrt(2 / 9.81), abs=5e-3)
    speeds = [speed for _, speed in hits]
    assert speeds == sorted(speeds, reverse=True)
    for time, _ in hits:
        if time < fine[-1]:
            assert way[round(time * 1000), 1] < 0.13


@pytest.mark.parametrize("seed", range(5))
def test_a_box_falls_strikes_and_comes_to_rest_on_a_face(seed: int) -> None:
    rng = np.random.default_rng(seed)
    half = np.array([0.1, 0.15, 0.07])
    fall = tumble(T, 0.5, [0, 0.8, 0], [0.1, 0, 0], half, 9.81, rng)
    lowest = fall.position[:, 1] - np.abs(fall.turn[:, 1] * half).sum(1)
    assert lowest.min() > -0.02
    first, speed = fall.hits[0]
    free_fall = lowest[first > T].min()
    assert free_fall < 0.25
    assert 0.5 < first < 1.0
    assert speed > 2
    # At rest one of its axes stands upright and nothing moves any more.
    assert np.abs(fall.turn[-1, 1]).max() == pytest.approx(1.0, abs=0.03)
    assert np.allclose(fall.position[-1], fall.position[-25], atol=1e-3)


@pytest.mark.parametrize(("name", "motion"), [(name, motion) for name, motion, _ in ROOM_IMPACTS])
def test_something_moves_where_a_room_is_heard(name: str, motion) -> None:  # type: ignore[no-untyped-def]
    assert name in STRIKING
    n_events = n_seen = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        world = World(rng, T, SIZE, 16 / 9)
        for time, strength in motion(rng, world):
            assert 0 < strength <= 1
            frame = min(int(time * TOKEN_RATE_HZ), len(T) - 1)
            around = world.canvas.image[max(frame - 3, 0) : frame + 4]
            n_events += 1
            n_seen += bool(np.abs(np.diff(around, axis=0)).max() > 0.04)
    assert n_events > 0
    assert n_seen > 0.85 * n_events


def test_silent_motions_are_seen_and_name_no_events() -> None:
    for motion in ROOM_SILENT:
        rng = np.random.default_rng(1)
        world = World(rng, T, SIZE, 16 / 9)
        before = world.canvas.image.copy()
        assert motion(rng, world) == []
        assert not np.array_equal(before, world.canvas.image)
