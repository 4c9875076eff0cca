"""Groups of networks that take turns on a device that cannot hold them all."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock

import torch
from torch import nn

# What work needs beside the weights, as a share of them.
_ROOM_TO_WORK = 1.4


class Turns:
    """Where the device has room for everything, everything is on it; else one group is, and the others wait outside.

    Threads may use it at once: they wait for each other where groups take turns.
    """

    def __init__(
        self, device: torch.device, groups: Mapping[str, Sequence[nn.Module]], room_bytes: float | None = None
    ) -> None:
        """room_bytes: of the device; by default, what is free on it now."""
        self._device, self._groups, self._lock = device, groups, RLock()
        self._there: str | None = None
        room = _room(device) if room_bytes is None else room_bytes
        self.taken = _ROOM_TO_WORK * sum(_n_bytes(network) for group in groups.values() for network in group) > room
        if not self.taken:
            for group in groups.values():
                _move(group, device)

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
                        _move(group, torch.device("cpu"))
                _move(self._groups[name], self._device)
                self._there = name
            yield


def _move(group: Sequence[nn.Module], device: torch.device) -> None:
    for network in group:
        network.to(device)


def _n_bytes(network: nn.Module) -> int:
    return sum(value.nbytes for value in network.state_dict().values())


def _room(device: torch.device) -> float:
    """Bytes; of other devices than CUDA's it is not known, or shared with all else, which would gain nothing."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")
