"""Which solver, over which steps of time, comes nearest to the exact flow for its cost? Without published weights.

Two flows are followed, both guided as MMAudio is. `network`: the family's transformer with random weights, which shows
that solvers are put together rightly and converge, and little else: what is not trained bends elsewhere. `ideal`: the
exact flow from noise to a known distribution, clusters of points that the condition narrows; it bends where trained
flows do, most of all when the clusters come apart and towards the end, and it has no network's errors.

Error: distance of the latents from those of a solution in 200 steps of the midpoint rule, relative to their norm. An
evaluation is one pass of the network, both branches of guidance at once, which is what costs time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from benchmarks.mmaudio.parity import FlowAlone
from benchmarks.solvers import SCHEDULES, SOLVERS, Solver, Times, midpoint
from v2a.models.base import Model
from v2a.models.mmaudio.flow import FlowTransformer, Lengths
from v2a.models.mmaudio.variants import VARIANTS
from v2a.models.mmaudio.weights import random_weights
from v2a.sampling import Velocity, guided, linear_times

GUIDANCE = 4.5
EVALUATIONS = (8, 12, 16, 25, 50, 100)
REFERENCE_STEPS = 200
SEEDS = 3
_LAST = 1 - 1e-3  # velocities are trained below t = 1


@dataclass(frozen=True)
class Case:
    """One flow to follow, and where it leads."""

    velocity: Velocity
    start: Tensor
    exact: Tensor


@torch.inference_mode()
def run() -> int:
    """Print the tables as Markdown."""
    print(f"Guidance {GUIDANCE:g}; means of {SEEDS} seeds; reference: midpoint rule in {REFERENCE_STEPS} steps.\n")
    names = {"network": network_flows, "ideal": ideal_flows}
    cases = {name: [_case(*flow) for flow in flows()] for name, flows in names.items()}
    print("| solver | steps of time | evaluations | error, network | error, ideal |\n|---|---|---|---|---|")
    for solver_name, (solver, cost) in SOLVERS.items():
        for schedule, times in SCHEDULES.items():
            for evaluations in EVALUATIONS:
                errors = [_error(cases[name], solver, times(evaluations // cost)) for name in names]
                shown = " | ".join(f"{error:.4f}" for error in errors)
                print(f"| {solver_name} | {schedule} | {evaluations} | {shown} |", flush=True)
    return 0


def _error(cases: Sequence[Case], solver: Solver, times: Times) -> float:
    return float(
        np.mean(
            [
                float((solver(case.velocity, case.start, times) - case.exact).norm() / case.exact.norm())
                for case in cases
            ]
        )
    )


def _case(velocity: Velocity, start: Tensor) -> Case:
    return Case(velocity, start, midpoint(velocity, start, linear_times(REFERENCE_STEPS)))


def _draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def network_flows() -> Iterator[tuple[Velocity, Tensor]]:
    """The reduced configuration with random weights, under random features."""
    variant = VARIANTS["mmaudio-tiny-16k"]
    lengths = Lengths(variant.window_tokens, variant.clip_tokens, variant.sync_tokens)
    for seed in range(SEEDS):
        with random_weights(seed):
            flow = FlowTransformer(variant.flow).for_inference(torch.float32)
        given = flow.prepare(
            _draw(seed, 1, lengths.clip, variant.flow.clip_dim),
            _draw(seed, 1, lengths.sync, variant.flow.sync_dim),
            _draw(seed, 1, variant.flow.text_tokens, variant.flow.text_dim),
            lengths,
        )
        opposite = flow.prepare(None, None, None, lengths)
        velocity = guided(cast(Model, FlowAlone(flow)), given, opposite, GUIDANCE)
        yield velocity, _draw(100 + seed, 1, lengths.latents, variant.flow.latent_dim)


N_CLUSTERS, SPREAD, SHAPE = 32, 0.4, (1, 16, 20)


def ideal_flows() -> Iterator[tuple[Velocity, Tensor]]:
    """Towards clusters around random points; the condition leaves a quarter of them."""
    for seed in range(SEEDS):
        centres = _draw(seed, N_CLUSTERS, *SHAPE[1:])
        fewer = centres[: N_CLUSTERS // 4]

        def velocity(x: Tensor, t: float, all_of: Tensor = centres, some: Tensor = fewer) -> Tensor:
            towards, away = (exact_velocity(x, min(t, _LAST), among) for among in (some, all_of))
            return away + GUIDANCE * (towards - away)

        yield velocity, _draw(100 + seed, *SHAPE)


def exact_velocity(x: Tensor, t: float, centres: Tensor) -> Tensor:
    """The mean of (sound − noise) over all straight paths that pass x (1, L, C) at t.

    Sounds: one of centres (n, L, C), each as likely, plus normal deviations of SPREAD.
    """
    variance = (t * SPREAD) ** 2 + (1 - t) ** 2  # of x around t × centre
    away = x - t * centres  # (n, L, C)
    weights = torch.softmax(-away.square().sum((1, 2)) / (2 * variance), 0)[:, None, None]
    ends = centres + t * SPREAD**2 / variance * away
    noises = (1 - t) / variance * away
    return (weights * (ends - noises)).sum(0, keepdim=True)
