"""Whose turn it is."""

from v2a_server.turns import Waiting, in_order, may_enter, starting_share

INTERACTIVE, BATCH = 1, 2


def queue(*jobs: tuple[str, int, float]) -> list[Waiting]:
    return [Waiting(number, client, priority, number, cost_s) for number, (client, priority, cost_s) in enumerate(jobs)]


def clients(order: list[Waiting]) -> str:
    return "".join(job.client for job in order)


def test_clients_take_turns_whoever_has_more() -> None:
    waiting = queue(*[("a", BATCH, 8.0)] * 6, *[("b", BATCH, 8.0)] * 2, ("c", BATCH, 8.0))
    assert clients(in_order(waiting, {})) == "abcabaaaa"
    assert [job.id for job in in_order(waiting, {}) if job.client == "a"] == [0, 1, 2, 3, 4, 5]


def test_shares_are_of_sound_and_not_of_jobs() -> None:
    waiting = queue(*[("a", BATCH, 60.0)] * 3, *[("b", BATCH, 10.0)] * 9)
    assert clients(in_order(waiting, {})) == "abbbbbbabbba"


def test_interactive_comes_before_batch() -> None:
    waiting = queue(("a", BATCH, 1.0), ("a", BATCH, 1.0), ("b", INTERACTIVE, 99.0), ("b", INTERACTIVE, 99.0))
    assert clients(in_order(waiting, {"b": 1e6})) == "bbaa"


def test_who_was_away_has_saved_up_nothing() -> None:
    waiting = queue(("a", BATCH, 8.0), ("b", BATCH, 8.0))
    served_s = {"a": 800.0, "b": 900.0, "c": 10.0}
    assert starting_share(waiting, "c", served_s) == 800.0
    assert starting_share(waiting, "a", served_s) == 800.0
    assert starting_share([], "c", served_s) == 10.0


def test_one_client_cannot_shut_out_the_others() -> None:
    waiting = queue(*[("a", BATCH, 1.0)] * 8)
    assert not may_enter(waiting, "a", BATCH, 8)
    assert may_enter(waiting, "a", INTERACTIVE, 8)
    assert may_enter(waiting, "b", BATCH, 8)
    own = queue(*[("a", BATCH, 1.0)] * 8, *[("b", BATCH, 1.0)] * 4)
    assert not may_enter(own, "b", BATCH, 8)
    # Whoever invents clients meets a wall.
    crowd = queue(*[(f"client {number}", BATCH, 1.0) for number in range(16)])
    assert not may_enter(crowd, "another", BATCH, 8)
