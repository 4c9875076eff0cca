"""A model with random numbers, as files: installed as published ones are."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from v2a.cards import card
from v2a.models.mmaudio.model import load_part
from v2a.models.mmaudio.parts import PARTS


def install(random_name: str, folder: Path) -> None:
    """Write the model `random_name` ("…=random") into a folder as a model of the folder's name, in float32.

    Its vocoder has weight norm, as the published ones do.
    """
    folder.mkdir(parents=True)
    known, parts = card(random_name), []
    for name in PARTS:
        tensors = dict(load_part(known, name, torch.float32).state_dict())
        if name == "vocoder":
            for key in [key for key in tensors if key.endswith("weight")]:
                direction = tensors.pop(key)
                norm = direction.flatten(1).norm(dim=1).view(-1, 1, 1)
                tensors |= {f"{key}_g": norm, f"{key}_v": 3 * direction}
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors")
        parts.append({"name": name, "file": f"{name}.safetensors", "sha256": None, "licence": "none", "source": "here"})
    told_otherwise = ("digest", "parts", "presets", "frame_rate")
    facts = {key: value for key, value in vars(known).items() if key not in told_otherwise}
    presets = {quality: vars(preset) for quality, preset in known.presets.items()}
    facts |= {"name": folder.name, "parts": parts, "presets": presets, "frame_rate": str(known.frame_rate)}
    (folder / "card.json").write_text(json.dumps(facts))
