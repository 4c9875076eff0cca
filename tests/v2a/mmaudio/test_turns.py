"""Networks that a small device cannot hold together take turns on it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pytest
import torch
from torch import nn

from v2a.models.mmaudio.turns import Turns

META = torch.device("meta")


class Told(nn.Linear):
    """Says where it was sent."""

    def __init__(self, name: str, log: list[tuple[str, str]]) -> None:
        super().__init__(100, 100)  # 40,400 bytes
        self.name, self.log, self.there = name, log, "cpu"
        self.full = False

    def to(self, device: Any, *_: Any, **__: Any) -> Self:  # type: ignore[override]
        if device.type != self.there:
            if self.full:
                raise torch.OutOfMemoryError("there is no room")
            self.there = device.type
            self.log.append((self.name, device.type))
        return self


def test_where_there_is_room_all_is_on_the_device() -> None:
    log: list[tuple[str, str]] = []
    turns = Turns(META, {"a": [Told("a", log)], "b": [Told("b", log)]}, room_bytes=1 << 20)
    assert not turns.taken
    with turns.of("a"), turns.of("b"):
        pass
    assert log == [("a", "meta"), ("b", "meta")]


def test_where_there_is_not_one_leaves_before_the_other_comes() -> None:
    log: list[tuple[str, str]] = []
    turns = Turns(META, {"a": [Told("a", log)], "b": [Told("b", log)]}, room_bytes=100_000)
    assert turns.taken
    for name in ("a", "a", "b", "a"):
        with turns.of(name):
            pass
    assert log == [("a", "meta"), ("a", "cpu"), ("b", "meta"), ("b", "cpu"), ("a", "meta")]


def test_what_could_not_be_moved_is_moved_again() -> None:
    log: list[tuple[str, str]] = []
    a, b = Told("a", log), Told("b", log)
    turns = Turns(META, {"a": [a], "b": [b]}, room_bytes=100_000)
    with turns.of("a"):
        pass
    b.full = True
    with pytest.raises(torch.OutOfMemoryError), turns.of("b"):
        pass
    b.full = False
    with turns.of("a"):
        assert (a.there, b.there) == ("meta", "cpu")


def test_threads_wait_for_their_turn() -> None:
    a, b = Told("a", []), Told("b", [])
    turns = Turns(META, {"a": [a], "b": [b]}, room_bytes=100_000)

    def work(name: str) -> bool:
        with turns.of(name):
            return (a.there, b.there) == (("meta", "cpu") if name == "a" else ("cpu", "meta"))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, "abab" * 50))
