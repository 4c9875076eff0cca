"""Checkpoints of reduced width, in the form in which MMAudio publishes its own, and what should not be in one."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from v2a.models.mmaudio.parts import PARTS, build
from v2a.models.mmaudio.variants import VARIANTS
from v2a.models.mmaudio.weights import random_weights

TINY = VARIANTS["mmaudio-tiny-16k"]


class Shell:
    """A pickle of it runs a command when it is read."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def tensors(part: str, seed: int = 1) -> dict[str, Tensor]:
    """A part's weights, under the keys that its file has once it is converted."""
    with random_weights(seed):
        state = build(part, TINY).state_dict()
    return _weight_normed(state) if part == "vocoder" else dict(state)


def checkpoint(part: str, seed: int = 1) -> dict[str, Any]:
    """As published: with what is not needed around it."""
    found: dict[str, Any] = tensors(part, seed)
    if part == "vocoder":
        return {"generator": found}
    if part == "sync":
        return found | {"afeat_extractor.cls_token": torch.zeros(3), "transformer.head.weight": torch.zeros(2, 2)}
    if part == "flow":
        return found | {"t_embed.freqs": torch.zeros(5), "latent_rot": torch.zeros(2, 2)}
    return found


def save_all(folder: Path, seed: int = 1) -> dict[str, Path]:
    """The five files of a model, by part; one of them in torch's older format."""
    files = {part: folder / f"tiny_{part}.pth" for part in PARTS}
    for part, path in files.items():
        torch.save(checkpoint(part, seed), path, _use_new_zipfile_serialization=part != "vae")
    return files


def _weight_normed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    normed: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.endswith(".weight"):
            normed[f"{key}_g"] = value.flatten(1).norm(dim=1)[:, None, None]
            normed[f"{key}_v"] = value
        else:
            normed[key] = value
    return normed
