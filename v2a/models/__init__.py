"""Model families, each in a folder of its own behind one small interface (`v2a.models.base.Model`)."""

import torch

from v2a.cards import card as read
from v2a.errors import NotFoundError, UsageError
from v2a.models.base import Model
from v2a.models.pocket import PocketModel

_FAMILIES = {"pocket": PocketModel}


def load_model(name: str, device: str = "auto") -> Model:
    """Load an installed model's weights onto a device: "auto", "cpu", "cuda" or "mps".

    Raises NotFoundError for an unknown model, UsageError for a device this machine has not got.
    """
    card = read(name)
    if name not in _FAMILIES:
        raise NotFoundError(f"this version cannot run '{name}'; it can run: {', '.join(_FAMILIES)}")
    return _FAMILIES[name].load(card, choose_device(device))


def choose_device(device: str) -> torch.device:
    """ "auto" is the first of CUDA, MPS and CPU that is there; "cuda:1" is the second of several CUDA devices.

    Raises UsageError for a device this machine has not got.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return torch.device(next(name for name, available in there.items() if available))
    kind, _, index = device.partition(":")
    if kind not in there or (index and not (kind == "cuda" and index.isdecimal())):
        raise UsageError(f"unknown device '{device}': choose auto, {', '.join(there)}")
    if not there[kind]:
        raise UsageError(f"this machine has no {kind} device that torch can use: choose --device cpu")
    if index and int(index) >= torch.cuda.device_count():
        raise UsageError(f"this machine has {torch.cuda.device_count()} CUDA devices, and {device} is none of them")
    return torch.device(device)
