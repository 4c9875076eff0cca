"""The loop that all trainings share: schedule, averaging, log, checkpoints, going on where it stopped."""

import copy
import csv
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from v2a.errors import GenerationError

log = logging.getLogger(__name__)

_CHECKPOINT_S = 120.0
_LOG_STEPS = 25
_WARM_STEPS = 100

Loss = Callable[[int, torch.device], dict[str, Tensor]]  # (step, device) → the parts of the loss, by name


@dataclass(frozen=True)
class Settings:
    """n_steps: optimiser steps in all; peak_rate: highest learning rate; averaging: decay of the weights' mean."""

    n_steps: int
    peak_rate: float = 1e-3
    averaging: float = 0.999
    device: str = "cpu"


def train(
    folder: Path, modules: dict[str, nn.Module], loss: Loss, settings: Settings, refresh: Callable[[], int]
) -> None:
    """Train modules in place and leave the mean of their weights over the last steps in them.

    Every two minutes a checkpoint is written into `folder`, and a run goes on from the one it finds there;
    `log.csv` gets a row every 25 steps. refresh is called then and returns the number of examples at hand.
    Raises GenerationError where the loss is not a number any more, or a checkpoint is of other networks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = torch.device(settings.device)
    networks = nn.ModuleDict(modules).to(device)
    parameters = list(networks.parameters())
    refresh()
    optimiser = torch.optim.AdamW(parameters, lr=settings.peak_rate, betas=(0.9, 0.98), weight_decay=0.01)
    averaged = copy.deepcopy(networks).requires_grad_(False)
    step = _go_on(folder / "checkpoint.pt", networks, averaged, optimiser)
    saved, sums, counted = time.monotonic(), dict[str, float](), 0
    while step < settings.n_steps:
        rate = _rate(step, settings)
        for group in optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast(device.type, torch.bfloat16):
            parts = loss(step, device)
        whole = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(whole):
            raise GenerationError(
                f"the loss at step {step} is not a number: the checkpoint in {folder} is sound; try a lower rate"
            )
        optimiser.zero_grad(set_to_none=True)
        whole.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        step += 1
        decay = min(settings.averaging, (1 + step) / (10 + step))
        for mean, value in zip(averaged.parameters(), parameters, strict=True):
            mean.lerp_(value, 1 - decay)
        counted += 1
        for name, part in parts.items():
            sums[name] = sums.get(name, 0.0) + part.item()
        if step % _LOG_STEPS == 0:
            means = {name: value / counted for name, value in sums.items()}
            _log_row(folder / "log.csv", {"step": step, **means, "rate": rate, "examples": refresh()})
            sums, counted = {}, 0
        if time.monotonic() - saved > _CHECKPOINT_S or step == settings.n_steps:
            _save(folder / "checkpoint.pt", networks, averaged, optimiser, step)
            saved = time.monotonic()
    networks.load_state_dict(averaged.state_dict())


def _rate(step: int, settings: Settings) -> float:
    """A short rise, then half a cosine."""
    fall = 0.5 * (1 + math.cos(math.pi * step / settings.n_steps))
    return settings.peak_rate * min(step / _WARM_STEPS, 1.0) * (0.02 + 0.98 * fall)


def _go_on(path: Path, networks: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Take up the checkpoint at `path`, if there is one; returns the steps done."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    try:
        networks.load_state_dict(state["networks"])
        averaged.load_state_dict(state["averaged"])
    except RuntimeError as error:
        raise GenerationError(
            f"{path} is a checkpoint of networks of another shape: give another work folder, or delete it"
        ) from error
    optimiser.load_state_dict(state["optimiser"])
    step = int(state["step"])
    log.info("%s: going on from step %d", path.parent.name, step)
    return step


def _save(path: Path, networks: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer, step: int) -> None:
    part = path.with_suffix(".part")
    state = {
        "networks": networks.state_dict(), "averaged": averaged.state_dict(), "optimiser": optimiser.state_dict(),
        "step": step,
    }  # fmt: skip
    torch.save(state, part)
    part.replace(path)


def _log_row(path: Path, row: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow({name: value if isinstance(value, int) else f"{value:.5g}" for name, value in row.items()})
    log.info(" ".join(f"{name} {value:.4g}" for name, value in row.items()))
