"""What was seen of a clip, remembered on disk: another take of it costs only sampling."""

import hashlib
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from v2a.errors import StorageError
from v2a.models.base import Model, Seen
from v2a.output import whole_file
from v2a.request import Clip
from v2a.version import __version__

_log = logging.getLogger(__name__)

_SUFFIX = ".safetensors"
_FORMAT = 2  # raised when files are read otherwise than before: older ones are then not found


@dataclass(frozen=True)
class Watched:
    """What a clip shows: what the model saw of each window (tensors' first axis), and whether anything moves at all."""

    seen: Seen
    moves: bool


class Features(Protocol):
    """Where what was seen is remembered."""

    def find(self, model: Model, clip: Clip) -> Watched | None:
        """What a model saw of a clip, bit by bit, on the CPU; None where that is not known."""
        ...

    def keep(self, model: Model, clip: Clip, watched: Watched) -> None:
        """Remember it."""
        ...


class FeatureFolder:
    """Features in files, one a clip; several processes may share the folder, and any file may be removed at any time.

    What cannot be read is as if it were not there, and what cannot be written is left out: nothing is lost but time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, model: Model, clip: Clip) -> Watched | None:
        """See Features."""
        path = self._path(model, clip)
        try:
            with safe_open(path, framework="pt") as file:
                facts = file.metadata() or {}
                seen = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError) as error:
            _log.warning("%s cannot be read and is made anew: %s", path, error)
            return None
        if facts.get("sha256") != _digest(seen):
            _log.warning("%s was damaged and is made anew", path)
            return None
        with suppress(OSError):
            os.utime(path)  # those used last are kept longest
        return Watched(seen, facts.get("moves") == "True")

    def keep(self, model: Model, clip: Clip, watched: Watched) -> None:
        """See Features."""
        seen = {name: value.cpu().contiguous() for name, value in watched.seen.items()}
        facts = {"sha256": _digest(seen), "moves": str(watched.moves)}
        try:
            # Flushing would take time, and what a power cut damages is noticed.
            with whole_file(self._path(model, clip), flush=False) as part:
                save_file(seen, part, facts)
        except (StorageError, SafetensorError) as error:
            _log.warning("what was seen is not remembered: %s", error)

    def _path(self, model: Model, clip: Clip) -> Path:
        """Named by all that decides the features: also the software, which may see more in its next version."""
        name = repr((_FORMAT, __version__, model.card.digest, model.device.type, model.precision, clip))
        return self._folder / (hashlib.sha256(name.encode()).hexdigest() + _SUFFIX)


def _digest(seen: Seen) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(seen.items()):
        digest.update(repr((name, value.dtype, value.shape)).encode())
        digest.update(value.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
