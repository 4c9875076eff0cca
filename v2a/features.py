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
from torch import Tensor

from v2a.errors import StorageError
from v2a.models.base import Model
from v2a.output import whole_file
from v2a.request import Clip
from v2a.version import __version__

_log = logging.getLogger(__name__)

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Watched:
    """What a clip shows: features (n_tokens, Dv), and whether anything in it moves at all."""

    video: Tensor
    moves: bool


class Features(Protocol):
    """Where what was seen is remembered."""

    def find(self, model: Model, clip: Clip) -> Watched | None:
        """What a model saw of a clip, on its device, bit by bit; None where that is not known."""
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
                facts, video = file.metadata() or {}, file.get_tensor("video")
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError) as error:
            _log.warning("%s cannot be read and is made anew: %s", path, error)
            return None
        if facts.get("sha256") != _digest(video):
            _log.warning("%s was damaged and is made anew", path)
            return None
        with suppress(OSError):
            os.utime(path)  # those used last are kept longest
        return Watched(video.to(model.device), facts.get("moves") == "True")

    def keep(self, model: Model, clip: Clip, watched: Watched) -> None:
        """See Features."""
        video = watched.video.cpu().contiguous()
        facts = {"sha256": _digest(video), "moves": str(watched.moves)}
        try:
            # Flushing would take time, and what a power cut damages is noticed.
            with whole_file(self._path(model, clip), flush=False) as part:
                save_file({"video": video}, part, facts)
        except (StorageError, SafetensorError) as error:
            _log.warning("what was seen is not remembered: %s", error)

    def _path(self, model: Model, clip: Clip) -> Path:
        """Named by all that decides the features: also the software, which may see more in its next version."""
        name = repr((__version__, model.card.digest, model.device.type, clip))
        return self._folder / (hashlib.sha256(name.encode()).hexdigest() + _SUFFIX)


def _digest(video: Tensor) -> str:
    return hashlib.sha256(
        repr((video.dtype, video.shape)).encode() + video.view(torch.uint8).numpy().tobytes()
    ).hexdigest()
