"""Turns a published checkpoint into the safetensors file of a model's part, once it is known to fit.

Run it by `python -I -m v2a.confined`, in a process of its own that can do little else.
"""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from v2a.errors import StorageError, UsageError
from v2a.models.mmaudio.checkpoints import read_checkpoint
from v2a.models.mmaudio.parts import blank, check, tensors_of
from v2a.models.mmaudio.variants import VARIANTS


def expected(variant: str, part: str) -> nn.Module:
    """What a checkpoint must fit: the network of a variant's part. Raises UsageError for an unknown one."""
    if variant not in VARIANTS:
        raise UsageError(f"this version cannot run '{variant}'; it can run: {', '.join(VARIANTS)}")
    return blank(part, VARIANTS[variant])


def convert(source: Path, target: Path, network: nn.Module, part: str, made_from: str) -> int:
    """Write the tensors of a checkpoint as they are, under their published names; how many there are.

    network: what they must fit. made_from: is written into the file's metadata. The same checkpoint gives the same
    bytes. Raises UsageError, in one line, for a checkpoint that cannot be read, is refused, or does not fit;
    StorageError where the target cannot be written.
    """
    tensors = tensors_of(part, read_checkpoint(source), source.name)
    # Keys and shapes decide: the numbers stay where they are, and as they are.
    check(part, network, {name: tensor.to("meta") for name, tensor in tensors.items()}, source.name)
    try:
        # They may share their numbers or be views into larger ones: what is written stands alone.
        alone = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
        save_file(alone, target, metadata={"made_from": made_from})
    except (SafetensorError, OSError) as error:
        raise StorageError(f"{target.parent} cannot be written: {error}. Make room and try again") from error
    return len(tensors)
