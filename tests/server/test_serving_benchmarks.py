"""The short form of `python -m benchmarks.serving`: all but the times, which depend on the machine."""

from collections.abc import Iterable

import pytest

from benchmarks.serving import (
    cancel,
    drain,
    eight,
    faults,
    hour,
    kills,
    overload,
    peers,
    reroll,
    start,
    upload,
    watchers,
)
from benchmarks.serving.figures import Figure


def check(figures: Iterable[Figure]) -> None:
    missed = [figure for figure in figures if not figure.met and not figure.timed]
    assert not missed, missed


def test_nothing_is_lost_when_processes_are_killed() -> None:
    check(kills.figures(scale=0.002))


def test_overload_is_refused_politely() -> None:
    check(overload.figures(scale=0.02))


def test_watchers_hear_everything() -> None:
    check(watchers.figures(scale=0.05))


def test_cancelled_jobs_stop() -> None:
    check(cancel.figures(scale=0.006))


def test_lost_clients_are_noticed() -> None:
    check(peers.figures(scale=0.1, frozen=False))


def test_nothing_is_lost_when_the_server_is_told_to_end() -> None:
    check(drain.figures(scale=0.01))


def test_it_serves_before_its_model_is_loaded() -> None:
    check(start.figures(scale=0.1))


def test_uploads_that_are_cut_are_resumed() -> None:
    check(upload.figures(scale=0.04))


def test_another_take_has_the_same_samples_with_and_without_what_is_remembered() -> None:
    check(reroll.figures(scale=0.01))


def test_clips_through_the_server_and_through_the_library() -> None:
    check(eight.figures(scale=0.01))


def test_a_minute_can_be_heard_while_it_is_made() -> None:
    figures = list(hour.figures(scale=0.01))
    check(figures)
    (heard,) = [figure.seen for figure in figures if "first sound" in figure.what]
    first_s, whole_s = (float(part.split()[0]) for part in heard.split(", "))
    assert 0 < first_s <= whole_s + 1


@pytest.mark.parametrize(
    "name", [name for name in faults.FAULTS if name not in ("half-open connections", "out of memory")]
)
def test_faults(name: str) -> None:
    _, fault = faults.FAULTS[name]
    try:
        fault(1)
    except faults.NotPossibleError as error:
        pytest.skip(str(error))
