"""The parts of a model: what of a published file belongs to each, and the network that it fills.

What installs a model and what runs it both load its parts here, so that what was installed also loads.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from v2a.errors import UsageError
from v2a.models.mmaudio.variants import Variant
from v2a.models.mmaudio.vocoder import folded
from v2a.models.mmaudio.weights import check_keys, load_strictly

PARTS = ("flow", "vae", "vocoder", "sync", "clip")

_VIDEO_BRANCH = "vfeat_extractor."  # all that is used of Synchformer
_COMPUTED = {"t_embed.freqs", "latent_rot", "clip_rot"}  # some flow files hold them
_PRECISIONS = {torch.float32, torch.float16, torch.bfloat16, torch.float64}


def build(part: str, variant: Variant) -> nn.Module:
    """The network of a part, as torch initialises it on the current device."""
    # Imported one by one: CLIP's libraries take seconds.
    if part == "flow":
        from v2a.models.mmaudio.flow import FlowTransformer

        return FlowTransformer(variant.flow)
    if part == "vae":
        from v2a.models.mmaudio.vae import Vae

        return Vae(variant.vae)
    if part == "vocoder":
        from v2a.models.mmaudio.vocoder import Vocoder

        return Vocoder(variant.vocoder)
    if part == "sync":
        from v2a.models.mmaudio.synchformer import Synchformer

        return Synchformer(variant.sync)
    if part == "clip":
        from v2a.models.mmaudio.clip import Clip

        return Clip(variant.clip)
    raise UsageError(f"a model has no part '{part}': there are {', '.join(PARTS)}")


def blank(part: str, variant: Variant) -> nn.Module:
    """The network of a part without any numbers, on the meta device."""
    with torch.device("meta"):
        return build(part, variant)


def fill(part: str, network: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Give the network of a part the tensors of its file. what: names the file in messages.

    Raises UsageError, in one line, where a key is missing, extra or of another shape.
    """
    load_strictly(network, _spelt(part, tensors), what)


def check(part: str, network: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Whether they would fill it, without a number being read; both may be on the meta device. Raises as `fill`."""
    check_keys(network, _spelt(part, tensors), what)


def tensors_of(part: str, checkpoint: Mapping[str, Any], what: str) -> dict[str, Tensor]:
    """What of a published checkpoint belongs to a part. Raises UsageError where it is something else than tensors."""
    found = checkpoint["generator"] if part == "vocoder" and "generator" in checkpoint else checkpoint
    if not isinstance(found, Mapping):
        raise UsageError(f"{what} is refused: its generator is no dictionary of tensors")
    if part == "sync":
        found = {key: value for key, value in found.items() if str(key).startswith(_VIDEO_BRANCH)}
    elif part == "flow":
        found = {key: value for key, value in found.items() if key not in _COMPUTED}
    for key, value in found.items():
        if not isinstance(key, str) or not _is_plain(value):
            raise UsageError(f"{what} is refused: beside plain tensors it holds {str(key)[:80]!r}")
    return dict(found)


def _spelt(part: str, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A file's tensors as the network has them."""
    return folded(tensors) if part == "vocoder" else tensors


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.dtype in _PRECISIONS
    )
