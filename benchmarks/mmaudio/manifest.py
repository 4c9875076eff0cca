"""Keys and shapes of all published configurations, built without memory, against manifests of the published files."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import nn

from v2a.errors import UsageError
from v2a.models.mmaudio.flow import FlowTransformer
from v2a.models.mmaudio.synchformer import Synchformer
from v2a.models.mmaudio.vae import Vae
from v2a.models.mmaudio.variants import VARIANTS
from v2a.models.mmaudio.vocoder import Vocoder, folded

Shapes = Mapping[str, Sequence[int]]

_SHOWN = 5
_UNPUBLISHED = "mmaudio-tiny-16k"


def run(folder: Path) -> int:
    """Print a table as Markdown and each difference; 0 where there is none."""
    print("| network | keys | values | differences |\n|---|---|---|---|")
    found: list[str] = []
    for name, (module, published) in _pairs(folder):
        own = {key: list(value.shape) for key, value in module.state_dict().items()}
        theirs = {key: list(shape) for key, shape in published.items()}
        differences = [
            f"{name}: {key} is {own.get(key, 'missing here')} and {theirs.get(key, 'missing')} as published"
            for key in sorted(own.keys() | theirs.keys())
            if own.get(key) != theirs.get(key)
        ]
        n_values = sum(value.numel() for value in module.state_dict().values())
        print(f"| {name} | {len(own)} | {n_values / 1e6:.2f} M | {len(differences)} |", flush=True)
        found += differences[:_SHOWN]
    print(*found, sep="\n", end="\n" if found else "")
    return min(len(found), 1)


def _pairs(folder: Path) -> Iterator[tuple[str, tuple[nn.Module, Shapes]]]:
    transformers, others = (_read(folder / name) for name in ("manifest.json", "manifest_aux.json"))
    small, large = VARIANTS["mmaudio-small-16k"], VARIANTS["mmaudio-large-44k-v2"]
    builders: dict[str, Callable[[], nn.Module]] = {
        name.removeprefix("mmaudio-").replace("-", "_"): partial(FlowTransformer, variant.flow)
        for name, variant in VARIANTS.items()
        if variant.name != _UNPUBLISHED
    }
    builders |= {
        "vae_16k": lambda: Vae(small.vae),
        "vae_44k": lambda: Vae(large.vae),
        "bigvgan_16k": lambda: Vocoder(small.vocoder),
        "bigvgan_v2_44k": lambda: Vocoder(large.vocoder),
        "synchformer_video": lambda: Synchformer(large.sync),
    }
    published = transformers | others
    if odd := builders.keys() ^ published.keys():
        raise UsageError(f"the manifests in {folder} and the networks here are not the same: {', '.join(sorted(odd))}")
    for name, shapes in published.items():
        with torch.device("meta"):
            module = builders[name]()
            if isinstance(module, Vocoder):  # published with the weight norm that is folded as it is loaded
                empty = {key: torch.empty(shape) for key, shape in shapes.items()}
                shapes = {key: value.shape for key, value in folded(empty).items()}
        yield name, (module, shapes)


def _read(path: Path) -> dict[str, Shapes]:
    try:
        manifest: dict[str, Shapes] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise UsageError(f"{path} cannot be read: give the folder of the manifests by --manifests ({error})") from error
    return manifest
