"""From noise to latents: solver, guidance and noise, shared by all models.

Shape legend: B batch, L tokens, C latent dims. t runs from 0 (noise) to 1 (sound).
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from v2a.cards import Schedule
from v2a.models.base import Conditions, Model

Velocity = Callable[[Tensor, float], Tensor]


@dataclass(frozen=True)
class Known:
    """Latents (B, n, C) that the first n tokens of a window already have."""

    latents: Tensor


def noise(seed: int, source: str, layer: str, take: int, window: int, shape: tuple[int, int]) -> Tensor:
    """Normal noise (L, C), always drawn on the CPU in float32: a seed means the same on every device.

    source names the film's range (its digest): one seed must not give all films the same chance events.
    """
    name = f"{seed}/{source}/{layer}/{take}/{window}".encode()
    number = int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1
    return torch.randn(shape, generator=torch.Generator().manual_seed(number), dtype=torch.float32)


def guided(
    model: Model, given: Conditions, opposite: Conditions, guidance: float, *, one_by_one: bool = False
) -> Velocity:
    """The velocity with classifier-free guidance (Ho & Salimans 2022), both branches in one batch or one by one.

    given, opposite: as many rows as the latents will have. guidance 1 is the plain conditional velocity; more pushes
    away from the opposite. As the model's card says, it ends before the sound is finished (Kynkäänniemi et al. 2024),
    and the latents that it leads to are narrowed towards the spread of those without it (Lin et al. 2024).
    """
    both, until, rescale = given.stack(opposite), model.card.guided_until, model.card.guidance_rescale

    def velocity(x: Tensor, t: float) -> Tensor:
        n = len(x)
        if guidance == 1.0 or t >= until:
            return model.velocity(x, x.new_full((n,), t), given)
        if one_by_one:
            towards, away = (model.velocity(x, x.new_full((n,), t), branch) for branch in (given, opposite))
        else:
            towards, away = model.velocity(x, x.new_full((2 * n,), t), both).chunk(2)
        pushed = away + guidance * (towards - away)
        if not rescale:
            return pushed
        ends = x + (1 - t) * pushed
        narrowed = _spread(x + (1 - t) * towards) / _spread(ends)
        return pushed + (rescale * (narrowed - 1) / (1 - t)) * ends

    return velocity


def _spread(latents: Tensor) -> Tensor:
    """Of each row (B, L, C) → (B, 1, 1)."""
    return latents.std((1, 2), keepdim=True)


def cosine_times(n_steps: int) -> list[float]:
    """From 0 to 1 in steps that are short at both ends, where the flow bends most.

    In eight of them Euler comes as near to the exact flow of `pocket` as in 24 equal ones (benchmarks/solvers.md).
    """
    return [(1 - math.cos(math.pi * step / n_steps)) / 2 for step in range(n_steps + 1)]


def linear_times(n_steps: int) -> list[float]:
    """From 0 to 1 in equal steps."""
    return [step / n_steps for step in range(n_steps + 1)]


SCHEDULES: dict[Schedule, Callable[[int], list[float]]] = {"cosine": cosine_times, "linear": linear_times}


def euler(
    velocity: Velocity, start: Tensor, times: Sequence[float], on_step: Callable[[], None], known: Known | None = None
) -> Tensor:
    """Follow the velocity from noise `start` (B, L, C) at t = 0 to latents at t = 1.

    Known tokens are held on the straight path from their own noise to their latents, so the rest is sampled as
    what goes with them. on_step is called before each step and may raise to stop.
    """
    x = start
    for t, t_next in pairwise(times):
        on_step()
        x = x + (t_next - t) * velocity(x, t)
        if known is not None:
            n = known.latents.shape[1]
            x[:, :n] = t_next * known.latents + (1 - t_next) * start[:, :n]
    return x
