"""What fine-tuning needs, computed from shapes: nothing is trained, and no GPU is asked for."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from v2a.models.mmaudio.flow import FlowTransformer
from v2a.models.mmaudio.variants import VARIANTS, Variant
from v2a.train.mmaudio.lora import LoraOptions, adapt
from v2a.train.mmaudio.objective import Batch, Objective, blocks, spare_memory

LORA = LoraOptions(rank=16, alpha=16.0)
_WEIGHT = 4  # bytes of a weight; of its gradient; of each of Adam's two moments; of the running mean
_TRAINED = 4 * _WEIGHT  # what each trained weight needs beside itself


@dataclass(frozen=True)
class Need:
    """One way to train. n_trained: numbers; state_gb: weights, gradients, Adam's
    moments and the mean, in 10⁹ bytes; work_gb: what a pass keeps for the way
    back, or the optimiser while it steps."""

    n_trained: int
    state_gb: float
    work_gb: float

    @property
    def gigabytes(self) -> float:
        """All of it."""
        return self.state_gb + self.work_gb


def need(variant: Variant, lora: LoraOptions | None, *, sparing: bool, windows: int) -> Need:
    """What one GPU needs at bfloat16, without what the allocator and the libraries take."""
    enabled, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    with FakeTensorMode():
        with torch.device("cuda"):
            flow = FlowTransformer(variant.flow)
            batch = _batch(variant, windows)
        if lora:
            adapt(flow, lora)
        n_weights = sum(value.numel() for value in flow.parameters())
        n_trained = sum(value.numel() for value in flow.parameters() if value.requires_grad)
        try:
            torch.set_autocast_enabled("cuda", True)  # the context manager refuses where there is no GPU
            torch.set_autocast_dtype("cuda", torch.bfloat16)
            kept: float = _kept(flow, batch)
            if sparing:
                whole, n_blocks = kept, len(blocks(flow))
                spare_memory(flow)
                # One block at a time is computed again; its weights are rounded anew.
                kept = _kept(flow, batch) + whole / n_blocks
        finally:
            torch.set_autocast_enabled("cuda", enabled)
            torch.set_autocast_dtype("cuda", dtype)
    state = n_weights * _WEIGHT + n_trained * _TRAINED
    # While the optimiser steps, what a pass kept is gone, but each trained weight has a number more.
    return Need(n_trained, state / 1e9, max(kept, n_trained * _WEIGHT) / 1e9)


def _kept(flow: FlowTransformer, batch: Batch) -> int:
    """Bytes that a pass keeps for the way back, rounded weights among them, but not the weights themselves."""
    own = {value.untyped_storage()._cdata for value in flow.parameters()}
    kept: dict[int, tuple[int, torch.UntypedStorage]] = {}

    def pack(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage.nbytes(), storage  # held, so that its address stays its own
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        Objective(flow)(batch)
    return sum(n_bytes for n_bytes, _ in kept.values())


def _batch(variant: Variant, n: int) -> Batch:
    flow, latents = variant.flow, (n, variant.window_tokens, variant.flow.latent_dim)
    return Batch(
        mean=torch.empty(latents), std=torch.empty(latents), clip=torch.empty(n, variant.clip_tokens, flow.clip_dim),
        sync=torch.empty(n, variant.sync_tokens, flow.sync_dim), text=torch.empty(n, flow.text_tokens, flow.text_dim),
        seen=torch.empty(n, dtype=torch.bool), said=torch.empty(n, dtype=torch.bool), spread=torch.empty(latents),
        noise=torch.empty(latents), t=torch.empty(n),
    )  # fmt: skip


def rows(names: list[str]) -> list[str]:
    """The rows of the table in docs/training-mmaudio.md."""
    found = []
    for name in names:
        for kind, lora in (("LoRA, rank 16", LORA), ("all weights", None)):
            one, four = (need(VARIANTS[name], lora, sparing=False, windows=n) for n in (1, 4))
            spared = need(VARIANTS[name], lora, sparing=True, windows=4)
            found.append(
                f"| `{name}` | {kind} | {one.n_trained / 1e6:.1f} M | {one.state_gb:.1f} | {one.gigabytes:.1f} | "
                f"{four.gigabytes:.1f} | {spared.gigabytes:.1f} |"
            )
    return found


def run() -> int:
    """Print the table."""
    print("\n".join(rows([name for name in VARIANTS if "tiny" not in name])))
    return 0
