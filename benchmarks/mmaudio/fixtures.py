"""Files of numbers that another implementation computed: hyperparameters, weights, inputs, expected outputs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from v2a.errors import UsageError


@dataclass(frozen=True)
class Fixture:
    """facts: hyperparameters. weights: by published key, float32. io: inputs and expected outputs."""

    facts: dict[str, Any]
    weights: dict[str, Tensor]
    io: dict[str, Tensor]


def read(path: Path) -> Fixture:
    """Read a safetensors file of `weights/…` and `io/…`, its hyperparameters as JSON in the metadata.

    Raises UsageError for a file that is no such thing.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise UsageError(f"{path} is no file of fixtures: {error}") from error
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "io": {}}
    for key, value in tensors.items():
        part, _, rest = key.partition("/")
        if part not in parts:
            raise UsageError(f"{path} is no file of fixtures: it holds '{key}' beside weights/ and io/")
        parts[part][rest] = value.float() if value.dtype == torch.float16 else value
    return Fixture(facts, parts["weights"], parts["io"])
