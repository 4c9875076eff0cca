"""What was trained as a model of its own: a card and a flow part; the other parts it shares with its parent."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from v2a.cards import SHARED_PARTS, ModelCard, model_names, models_folder
from v2a.errors import UsageError
from v2a.models.mmaudio.model import load_part
from v2a.models.mmaudio.parts import PARTS
from v2a.models_folder import ModelsFolder
from v2a.output import whole_file
from v2a.published import published_models
from v2a.train.mmaudio.shards import save_tensors

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TAKEN = (SHARED_PARTS, "downloads")  # what else is in the models folder
_EXPORTED = "exported.json"  # in a work folder: the digests of the flows that came out of it


def check_name(name: str, work: Path) -> None:
    """Raise UsageError unless what was trained in `work` may be called so: a new name, or one that it has already."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot be a model's name: choose letters, digits, '.', '_' and '-'")
    models, exported = ModelsFolder(models_folder()), _exported(work)  # read in any case: later it is needed
    if name in models.names() and _flow_of(models.card(name)) in exported:
        return
    if name in (*_TAKEN, *model_names(), *published_models()):
        raise UsageError(f"there is a model named '{name}' already, and it is not from {work}: choose another name")


def export(name: str, parent: ModelCard, tensors: dict[str, Tensor], how: str, work: Path) -> Path:
    """Install a flow's tensors, trained in `work`, as a model in the user's models folder; where its card is.

    It replaces what an earlier training in `work` has left under this name, in one step.
    how: what was done to the parent, for people. Licence and use are the parent's. Parts that do not lie in the folder
    yet, as those of random weights, are written there.
    Raises UsageError where the name is taken, BusyError where another command is changing the folder, NotFoundError
    where a part of the parent is gone, StorageError where something cannot be written.
    """
    models = ModelsFolder(models_folder())
    made_from = f"made from {parent.name} (digest {parent.digest}) by `v2a train mmaudio`: {how}"
    facts = {"made_from": json.dumps({"model": parent.name, "digest": parent.digest, "how": how})}
    with models.alone():
        check_name(name, work)
        replaced = models.card(name)["parts"] if name in models.names() else []
        listed = [_own("flow", partial(save_tensors, tensors=tensors, facts=facts), models, parent, made_from)]
        listed += [_shared(part, models, parent) for part in PARTS if part != "flow"]
        # Before there is a card: a model that this training may not replace must not come of it.
        with whole_file(work / _EXPORTED) as file:
            file.write_text(json.dumps([*_exported(work), listed[0]["sha256"]], indent=1))
        path = models.install(_facts(name, parent, how), listed)
        # With what an earlier run has replaced, and was killed before it could drop it.
        models.drop_unused({part["file"] for part in replaced} | {f"{flow}.safetensors" for flow in _exported(work)})
        return path


def _exported(work: Path) -> list[str]:
    try:
        return list(json.loads((work / _EXPORTED).read_text()))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{work / _EXPORTED} cannot be read ({error}): delete it, and choose a new name") from None


def _flow_of(card: dict[str, Any]) -> str | None:
    return next((part.get("sha256") for part in card["parts"] if part["name"] == "flow"), None)


def _facts(name: str, parent: ModelCard, how: str) -> dict[str, Any]:
    """The card's facts: the parent's, but for what it is called."""
    facts = {part.name: getattr(parent, part.name) for part in fields(parent) if part.name not in ("digest", "parts")}
    return facts | {
        "name": name,
        "title": f"{name}, fine-tuned from {parent.title}",
        "description": f"Made from {parent.name} by `v2a train mmaudio`: {how}. {parent.description}",
        "frame_rate": str(parent.frame_rate),
        "presets": {quality: asdict(preset) for quality, preset in parent.presets.items()},
    }


def _shared(part: str, models: ModelsFolder, parent: ModelCard) -> dict[str, Any]:
    """The card's line of a part that is the parent's."""
    known = next((one for one in parent.parts if one.name == part), None)
    if known is None:
        tensors = load_part(parent, part, torch.float32).state_dict()
        return _own(part, partial(save_tensors, tensors=tensors), models, parent, f"as in {parent.name}")
    if known.file.parent.resolve() != models.parts.resolve():
        return _own(part, partial(shutil.copyfile, known.file), models, parent, known.source)
    return {
        "name": part, "file": known.file.name, "sha256": known.sha256, "licence": known.licence, "source": known.source,
    }  # fmt: skip


def _own(
    part: str, write: Callable[[Path], object], models: ModelsFolder, parent: ModelCard, source: str
) -> dict[str, Any]:
    """The card's line of a part that is written now."""
    path = models.add(write)
    licence = next((one.licence for one in parent.parts if one.name == part), parent.licence)
    return {"name": part, "file": path.name, "sha256": path.stem, "licence": licence, "source": source}
