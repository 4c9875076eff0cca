"""Model families, each in a folder of its own behind one small interface (`v2a.models.base.Model`)."""

from collections.abc import Callable
from importlib import import_module

import torch

from v2a.cards import ModelCard, Precision
from v2a.cards import card as read
from v2a.errors import NotFoundError, UsageError
from v2a.extras import require_family
from v2a.models.base import Model

# Where each family's `load(card, device, precision)` is. Imported when it is needed: families bring packages along.
_FAMILIES = {"pocket": "v2a.models.pocket.model", "mmaudio": "v2a.models.mmaudio.model"}


def load_model(name: str, device: str = "auto", precision: Precision = "auto") -> Model:
    """Load an installed model's weights onto a device: "auto", "cpu", "cuda" or "mps".

    precision: "auto" is what the model does best in on that device.
    Raises NotFoundError for an unknown model, UsageError for a device this machine has not got or a precision that is
    not the model's, MissingExtraError where its family needs a package that is not installed.
    """
    card = read(name)
    if card.family not in _FAMILIES:
        raise NotFoundError(f"this version cannot run '{name}' ({card.family}); it can run: {', '.join(_FAMILIES)}")
    if precision not in ("auto", *card.precisions):
        raise UsageError(f"'{name}' computes in {', '.join(card.precisions)} only: leave out --precision {precision}")
    require_family(card.family)
    load: Callable[[ModelCard, torch.device, Precision], Model] = import_module(_FAMILIES[card.family]).load
    return load(card, choose_device(device), precision)


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
