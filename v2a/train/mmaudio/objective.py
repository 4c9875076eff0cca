"""What fine-tuning makes small: the error of the velocity from noise to sound, as MMAudio was trained."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from v2a.models.mmaudio.flow import FlowTransformer, Lengths


@dataclass(frozen=True)
class Batch:
    """Rows of training, with all that chance decides about them.

    mean, std (B, L, C) of the VAE's latents; clip (B, Tc, Dc), sync (B, Ts, Ds), text (B, Tt, Dt); seen, said (B,)
    bool: whether pictures and words are given; spread (B, L, C): which latents of the posterior; noise (B, L, C); t
    (B,): the time from 0, noise, to 1, sound.
    """

    mean: Tensor
    std: Tensor
    clip: Tensor
    sync: Tensor
    text: Tensor
    seen: Tensor
    said: Tensor
    spread: Tensor
    noise: Tensor
    t: Tensor

    def parts(self, n: int) -> "list[Batch]":
        """The same rows, at most n at a time."""
        columns = [getattr(self, part.name).split(n) for part in fields(self)]
        return [Batch(*rows) for rows in zip(*columns, strict=True)]

    def to(self, device: torch.device) -> "Batch":
        """The same rows on a device."""
        return Batch(**{part.name: getattr(self, part.name).to(device, non_blocking=True) for part in fields(self)})


class Objective(nn.Module):
    """A flow transformer with its loss, as one module: processes that train together meet in its `forward`."""

    def __init__(self, flow: FlowTransformer) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, batch: Batch) -> Tensor:
        """The mean squared error of the velocity, row by row (B,)."""
        flow = self.flow
        seen, said = batch.seen[:, None, None], batch.said[:, None, None]
        # What is not given is what the model knows as its absence, which is learnt too.
        clip = torch.where(seen, batch.clip, flow.empty_clip_feat)
        sync = torch.where(seen, batch.sync, flow.empty_sync_feat)
        text = torch.where(said, batch.text, flow.empty_string_feat)
        sound = flow.normalised(batch.mean + batch.std * batch.spread)
        t = batch.t[:, None, None]
        lengths = Lengths(latents=sound.shape[1], clip=clip.shape[1], sync=sync.shape[1])
        velocity = flow(t * sound + (1 - t) * batch.noise, batch.t, flow.prepare(clip, sync, text, lengths))
        error: Tensor = (velocity.float() - (sound - batch.noise)).square().mean((1, 2))
        return error


def blocks(flow: FlowTransformer) -> list[nn.Module]:
    """Its blocks, in order."""
    return [*flow.joint_blocks, *flow.fused_blocks]


def spare_memory(flow: FlowTransformer) -> None:
    """Keep of each block only what goes in; on the way back it is computed once more (Chen et al. 2016)."""
    for block in blocks(flow):
        again: Callable[..., object] = partial(checkpoint, block.forward, use_reentrant=False)
        block.forward = again
