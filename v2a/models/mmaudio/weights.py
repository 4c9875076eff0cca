"""Weights into modules: strictly, with a readable difference, or at random."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from v2a.errors import UsageError

_SHOWN = 3  # keys of each kind in a message
_LONGEST = 80  # characters of one: names come from a file that may hold anything


class StoredTensors(Mapping[str, Tensor]):
    """The tensors of a safetensors file, each read when it is asked for.

    The file is opened anew for each, and mapped while the tensor lives: mapped once, all that was read would stay in
    memory beside what is made of it. Raises OSError or SafetensorError for a file that cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        with safe_open(file, "pt") as opened:
            self._keys = frozenset(opened.keys())

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._keys:
            raise KeyError(key)
        with safe_open(self._file, "pt") as opened:
            found: Tensor = opened.get_tensor(key)
        return found

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._keys))

    def __len__(self) -> int:
        return len(self._keys)


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Give a module the tensors of a file, each in the module's own precision; one on the meta device is filled.

    what names the file or part in the message. Raises UsageError, in one line, where a key is missing, extra or
    of another shape; the module is then as it was.
    """
    check_keys(module, tensors, what)
    fitting = {
        # In the module's own order in memory, too.
        key: torch.empty_like(value, device="cpu" if value.is_meta else value.device).copy_(tensors[key])
        for key, value in module.state_dict().items()
    }
    module.load_state_dict(fitting, assign=True)


def check_keys(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Compare keys and shapes with a module's own. what names the file or part in the message.

    Raises UsageError, in one line, where a key is missing, extra or of another shape.
    """
    own = module.state_dict()
    missing = [key for key in own if key not in tensors]
    extra = [key for key in tensors if key not in own]
    misshapen = [
        f"{key} is {_shape(tensors[key])} instead of {_shape(own[key])}"
        for key in own
        if key in tensors and tensors[key].shape != own[key].shape
    ]
    wrong = [
        _first(kind, keys) for kind, keys in (("missing", missing), ("extra", extra), ("misshapen", misshapen)) if keys
    ]
    if wrong:
        raise UsageError(f"{what} does not fit this model: {'; '.join(wrong)}")


@contextmanager
def random_weights(seed: int) -> Iterator[None]:
    """Modules built inside get the same random weights every time; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"


def _first(kind: str, keys: Sequence[str]) -> str:
    more = f", … ({len(keys)} in all)" if len(keys) > _SHOWN else ""
    shown = ("".join(c if c.isprintable() else "?" for c in key[:_LONGEST]) for key in keys[:_SHOWN])
    return f"{kind}: {', '.join(shown)}{more}"
