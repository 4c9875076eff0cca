"""Low-rank adaptation (Hu et al. 2021): layers stay as they are, and what is learnt is a small addition to each.

A layer W x becomes W x + (alpha / rank) · B A x, where A brings x down to `rank` numbers and B up again. B begins at
zero, so the model begins as it was; afterwards B A is added to W, and the model costs what it did before.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from v2a.errors import UsageError
from v2a.models.mmaudio.blocks import TokenConv, near

_OWN = "lora"  # what the addition is called inside its layer


LAYERS = {
    "attention": ("attn.qkv", "linear1"),
    "ffn": ("ffn.w1", "ffn.w2", "ffn.w3"),
    "all": ("attn.qkv", "linear1", "ffn.w1", "ffn.w2", "ffn.w3"),
}


@dataclass(frozen=True)
class LoraOptions:
    """rank: numbers that each layer's addition goes through; alpha: it is weighted by alpha / rank; layers: which kinds
    get one, by `LAYERS`. Raises UsageError for an unknown kind, or an alpha that is not positive.
    """

    rank: int
    alpha: float
    layers: str = "all"

    def __post_init__(self) -> None:
        if self.layers not in LAYERS:
            raise UsageError(f"LoRA has no layers '{self.layers}': choose {', '.join(LAYERS)}")
        if not 0 < self.alpha < math.inf:
            raise UsageError(f"LoRA's alpha is {self.alpha:g}: it must be more than 0")

    @property
    def scale(self) -> float:
        """The weight of the additions."""
        return self.alpha / self.rank


class LowRank(nn.Module):
    """The addition to a Linear (out, in) or a TokenConv (out, in, length), in float32. It lives inside its layer, whose
    forward hook adds its output: names, types and weights of the network stay what they were.
    """

    def __init__(self, layer: nn.Linear | TokenConv, options: LoraOptions) -> None:
        super().__init__()
        n_out, *inside = layer.weight.shape
        self.scale = options.scale
        self.down = nn.Parameter(layer.weight.new_empty(options.rank, *inside, dtype=torch.float32))
        self.up = nn.Parameter(layer.weight.new_zeros(n_out, options.rank, dtype=torch.float32))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """What is added for the layer's input (…, L, in) → (…, L, out)."""
        down = self.down
        if down.ndim == 3:
            x, down = near(x, down.shape[2]), rearrange(down, "r i k -> r (k i)")
        return self.scale * F.linear(F.linear(x, down), self.up)


def adapt(network: nn.Module, options: LoraOptions) -> None:
    """Freeze a network and give the chosen layers of its blocks a trainable addition."""
    network.requires_grad_(False)
    ends = tuple(f".{name}" for name in LAYERS[options.layers])
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Linear | TokenConv) and name.endswith(ends):
            layer.add_module(_OWN, LowRank(layer, options))
            layer.register_forward_hook(_added)


def _added(layer: nn.Module, args: tuple[Tensor], output: Tensor) -> Tensor:
    addition: Tensor = layer.get_submodule(_OWN)(args[0])
    return output + addition


@torch.no_grad()
def merged(tensors: Mapping[str, Tensor], options: LoraOptions) -> dict[str, Tensor]:
    """The tensors of an adapted network with all additions added, by the names that they had without."""
    whole = {name: value for name, value in tensors.items() if f".{_OWN}." not in name}
    for name, up in tensors.items():
        layer, _, kind = name.rpartition(f".{_OWN}.")
        if kind == "up":
            weight, down = whole[f"{layer}.weight"], tensors[f"{layer}.{_OWN}.down"]
            delta = options.scale * torch.einsum("or,r...->o...", up.float(), down.float())
            whole[f"{layer}.weight"] = (weight.float() + delta).to(weight.dtype)
    return whole
