"""Networks that a small device cannot hold together take turns on it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pytest
import torch
from torch import nn

from v2a.models.mmaudio.turns import Turns

META, CPU = torch.device("meta"), torch.device("cpu")


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


def nobody(_: nn.Module) -> nn.Module:
    raise AssertionError("it has its numbers")


class Normed(nn.Module):
    """Numbers of all kinds: weights, a buffer that is stored, and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.BatchNorm1d(100)
        self.register_buffer("window", torch.hann_window(100), persistent=False)


def blank() -> Normed:
    with META:
        return Normed()


def filled(_: nn.Module) -> nn.Module:
    network = Normed()
    for value in (network.inner.weight, network.inner.running_mean):
        assert value is not None
        nn.init.constant_(value, 7.0)
    return network.requires_grad_(False)


def test_where_there_is_room_all_is_on_the_device() -> None:
    log: list[tuple[str, str]] = []
    turns = Turns(META, {"a": [Told("a", log)], "b": [Told("b", log)]}, nobody, room_bytes=1 << 20)
    assert not turns.taken
    with turns.of("a"), turns.of("b"):
        pass
    assert log == [("a", "meta"), ("b", "meta")]


def test_where_there_is_not_one_leaves_before_the_other_comes() -> None:
    log: list[tuple[str, str]] = []
    turns = Turns(META, {"a": [Told("a", log)], "b": [Told("b", log)]}, nobody, room_bytes=100_000)
    assert turns.taken
    for name in ("a", "a", "b", "a"):
        with turns.of(name):
            pass
    assert log == [("a", "meta"), ("a", "cpu"), ("b", "meta"), ("b", "cpu"), ("a", "meta")]


def test_what_could_not_be_moved_is_moved_again() -> None:
    log: list[tuple[str, str]] = []
    a, b = Told("a", log), Told("b", log)
    turns = Turns(META, {"a": [a], "b": [b]}, nobody, room_bytes=100_000)
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
    turns = Turns(META, {"a": [a], "b": [b]}, nobody, room_bytes=100_000)

    def work(name: str) -> bool:
        with turns.of(name):
            return (a.there, b.there) == (("meta", "cpu") if name == "a" else ("cpu", "meta"))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, "abab" * 50))


def test_in_the_processors_memory_who_waits_is_not_there() -> None:
    a, b = blank(), blank()
    turns = Turns(CPU, {"a": [a], "b": [b]}, filled, room_bytes=1_000)
    inner = a.inner
    for name in "abaab":
        with turns.of(name):
            there, waits = (a, b) if name == "a" else (b, a)
            assert all(value.is_meta for value in (*waits.parameters(), *waits.buffers()))
            for value in (there.inner.weight, there.inner.running_mean):
                assert value is not None
                assert value.tolist() == [7.0] * 100
            torch.testing.assert_close(there.window, torch.hann_window(100))
            assert not there.inner.weight.requires_grad
    assert a.inner is inner, "who holds a part of it holds it still"


def test_what_could_not_be_read_is_read_again() -> None:
    torn = True

    def read(network: nn.Module) -> nn.Module:
        if torn:
            raise OSError("torn")
        return filled(network)

    a, b = blank(), blank()
    turns = Turns(CPU, {"a": [a], "b": [b]}, read, room_bytes=1_000)
    with pytest.raises(OSError, match="torn"), turns.of("a"):
        pass
    torn = False
    with turns.of("a"):
        assert not a.inner.weight.is_meta


def test_where_the_processor_has_room_all_is_read_at_once() -> None:
    a, b = blank(), blank()
    assert not Turns(CPU, {"a": [a], "b": [b]}, filled, room_bytes=1 << 20).taken
    assert not a.inner.weight.is_meta
    assert not b.inner.weight.is_meta
