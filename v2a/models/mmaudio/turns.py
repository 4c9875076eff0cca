"""Groups of networks that take turns on a device that cannot hold them all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import torch
from torch import nn

# What work needs beside the weights, as a share of them.
_ROOM_TO_WORK = 1.4
_META = torch.device("meta")


class Turns:
    """Where the device has room for everything, everything is on it; else one group is, and the others wait outside.

    Who waits for a CUDA device waits in the processor's memory, and who waits for that, in its file. Threads may use it
    at once: they wait for each other where groups take turns.
    """

    def __init__(
        self,
        device: torch.device,
        groups: Mapping[str, Sequence[nn.Module]],
        read: Callable[[nn.Module], nn.Module],
        room_bytes: float | None = None,
    ) -> None:
        """groups: of networks on the meta device. read: gives another of the same structure, with its numbers.

        room_bytes: of the device; by default, what is free on it now.
        """
        self._device, self._groups, self._read, self._lock = device, groups, read, RLock()
        self._outside = _META if device.type == "cpu" else torch.device("cpu")
        self._there: str | None = None
        room = _room(device) if room_bytes is None else room_bytes
        self.taken = _ROOM_TO_WORK * sum(_n_bytes(network) for group in groups.values() for network in group) > room
        for group in groups.values():
            self._move(group, self._outside if self.taken else device)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """A group's turn: it is on the device meanwhile."""
        if not self.taken:
            yield
            return
        with self._lock:
            if self._there != name:
                self._there = None  # nobody, if a move fails: half of a group may be anywhere
                for other, group in self._groups.items():
                    if other != name:
                        self._move(group, self._outside)
                self._move(self._groups[name], self._device)
                self._there = name
            yield

    def _move(self, group: Sequence[nn.Module], device: torch.device) -> None:
        for network in group:
            if device != _META and next(network.parameters()).is_meta:
                _take_over(network, self._read(network))
            network.to(device)


def _take_over(network: nn.Module, other: nn.Module) -> None:
    """Give a network the numbers of another of the same structure, which is used up."""
    for own, its in zip(network.modules(), other.modules(), strict=True):
        own._parameters, own._buffers = its._parameters, its._buffers


def _n_bytes(network: nn.Module) -> int:
    return sum(value.nbytes for value in network.state_dict().values())


def _room(device: torch.device) -> float:
    """Bytes; of other devices than CUDA's and a Linux's processor it is not known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    memory = Path("/proc/meminfo")
    if device.type != "cpu" or not memory.exists():
        return float("inf")
    lines = dict(line.split(":", 1) for line in memory.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024
