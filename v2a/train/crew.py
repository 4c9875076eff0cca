"""The processes that train one model together, as `torchrun` starts them; one process alone is a crew too."""

import datetime as dt
import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel

from v2a.errors import UsageError
from v2a.models import choose_device

T = TypeVar("T")

# A film of some hours keeps one process busy while the others wait. Where one dies, torchrun ends the others.
_PATIENCE = dt.timedelta(hours=24)


@dataclass
class Crew:
    """This process among `size`; rank 0 is the one that writes."""

    device: torch.device
    rank: int = 0
    size: int = 1
    _together: nn.Module | None = field(default=None, init=False)

    @property
    def first(self) -> bool:
        """True in the process that writes logs and checkpoints."""
        return self.rank == 0

    def together(self, module: nn.Module, blocks: list[nn.Module], *, shard: bool) -> nn.Module:
        """The module as it must be called from now on, so that all processes see the mean of their gradients.

        shard: each process keeps a share of weights and optimiser state, and `blocks`, parts of the module, are put
        together one by one when they are needed; else each keeps all of it. To be called with the same weights
        everywhere.
        """
        module.to(self.device)
        if self.size == 1:
            return module
        if shard:
            mesh = dist.device_mesh.init_device_mesh(self.device.type, (self.size,))
            for block in blocks:
                fully_shard(block, mesh=mesh)
            # Also the rest is put away after a pass: nothing stale is met where weights were exchanged in between.
            fully_shard(module, mesh=mesh, reshard_after_forward=True)
        else:
            index = [self.device.index] if self.device.index is not None else None
            module = DistributedDataParallel(
                module, device_ids=index, broadcast_buffers=False, gradient_as_bucket_view=True
            )
        self._together = module
        return module

    def collecting(self, *, last: bool) -> AbstractContextManager[None]:
        """For a pass whose gradients are added up in each process; those of the last one are then exchanged."""
        if isinstance(self._together, FSDPModule):
            self._together.set_requires_gradient_sync(last)
        elif isinstance(self._together, DistributedDataParallel) and not last:
            return self._together.no_sync()
        return nullcontext()

    def mean(self, values: Tensor) -> Tensor:
        """The mean of what all processes have."""
        if self.size > 1:
            values = values.detach().clone()
            dist.all_reduce(values)
            values /= self.size
        return values

    def all(self, value: T) -> list[T]:
        """What all processes have, by rank; anything that can be pickled."""
        found = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Until all processes have come this far."""
        if self.size > 1:
            dist.barrier(device_ids=[self.device.index] if self.device.type == "cuda" else None)

    def part(self) -> None:
        """Leave the others, once all have come this far. Nobody may hold what `together` gave any more.

        What holds the group must go before it, and before Python ends: the group's threads drop tensors, for which
        they need the interpreter, and would otherwise be waited for by what holds it (or end the process).
        """
        self.wait()
        self._together = None
        gc.collect()
        dist.destroy_process_group()


@contextmanager
def gathered(device: str) -> Iterator[Crew]:
    """The crew that this process belongs to: those that torchrun started with it, else itself alone.

    device: as `choose_device`; of several CUDA devices each process takes its own.
    Raises UsageError for a device this machine has not got.
    """
    if "RANK" not in os.environ:
        yield Crew(choose_device(device))
        return
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    chosen = choose_device(device)
    if chosen.type == "mps":
        raise UsageError("several processes need CUDA devices of their own, or --device cpu")
    if chosen.type == "cuda":
        chosen = choose_device(f"cuda:{local}")
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=_PATIENCE)
    crew = Crew(chosen, rank, size)
    yield crew
    # The others wait while the first one writes. Not where this process failed: it would wait for them, which torchrun
    # only ends when this one has.
    crew.part()
