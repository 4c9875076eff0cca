"""The loop that all trainings share: schedule, averaging, log, checkpoints, going on where it stopped."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from v2a.errors import GenerationError
from v2a.output import alone
from v2a.train.checkpoint import Named, go_on, keep, whole
from v2a.train.course import forget_after, log_row
from v2a.train.crew import Crew
from v2a.train.telling import Telling

_CHECKPOINT_S = 120.0
_CHECKPOINT_SHARE = 0.05  # of the time, at most, where checkpoints are large and disks slow
_LOG_STEPS = 25
_HELD_OUT_STEPS = 100
_WARM_STEPS = 100

Loss = Callable[[int, torch.device], dict[str, Tensor]]  # (pass, device) → the parts of the loss, by name
HeldOut = Callable[[torch.device], dict[str, Tensor]]


@dataclass(frozen=True)
class Settings:
    """n_steps: optimiser steps in all; peak_rate: highest learning rate; averaging: decay of the weights' mean;
    passes: forward and backward passes whose gradients make one step; precision: of what autocast may round, the
    weights are float32 always.
    """

    n_steps: int
    peak_rate: float = 1e-3
    averaging: float = 0.999
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    passes: int = 1
    precision: torch.dtype = torch.bfloat16
    device: str = "cpu"


def train(
    folder: Path,
    modules: dict[str, nn.Module],
    loss: Loss,
    settings: Settings,
    refresh: Callable[[], int],
    *,
    held_out: HeldOut | None = None,
    crew: Crew | None = None,
) -> None:
    """Train what requires gradients in modules and leave the mean of its weights over the last steps in them.

    loss is asked for pass after pass, counted from 0, and must depend on that number alone, so that a run that was
    stopped goes on as if it had not been. Every two minutes a checkpoint is written into `folder`, and a run goes on
    from the one it finds there; `log.csv` gets a row every 25 steps. refresh is called then and returns the number of
    examples at hand. held_out: losses that show whether the training helps, asked for with the mean weights in place
    every 100 steps and at both ends, for `held_out.csv`; they must be the same in all processes.
    crew: the processes that train together, else this one alone; their losses are averaged, and the first one writes
    and tells how far it is.
    Ctrl-C is heeded between two steps, once a checkpoint is written; pressed again, at once.
    Raises GenerationError where the loss is not a number any more, which is noticed before it spoils the weights, or
    a checkpoint is of other networks; StorageError where `folder` cannot be written; BusyError where another training
    is at work in it.
    """
    crew = crew or Crew(torch.device(settings.device))
    checkpoint = folder / "checkpoint.pt"
    with (
        alone(folder) if crew.first else nullcontext(),
        _heeded() as interrupted,
        Telling(checkpoint, settings.n_steps, quiet=not crew.first) as telling,
    ):
        networks = nn.ModuleDict(modules).to(crew.device)
        parameters: Named = {name: value for name, value in networks.named_parameters() if value.requires_grad}
        refresh()
        optimiser = torch.optim.AdamW(
            parameters.values(), lr=settings.peak_rate, betas=settings.betas, weight_decay=settings.weight_decay
        )
        averaged = {name: value.detach().clone() for name, value in parameters.items()}
        course = go_on(checkpoint, parameters, averaged, optimiser, crew)
        if crew.first:
            forget_after(folder / "log.csv", course.step)
            forget_after(folder / "held_out.csv", course.step if course.step else -1)
        saved, interval_s = time.monotonic(), _CHECKPOINT_S
        while course.step < settings.n_steps:
            if held_out and not course.step:
                _look(folder, held_out, parameters, averaged, crew, settings, course.step)
            rate = _rate(course.step, settings)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
            names, losses = _accumulate(loss, course.step, settings, crew)
            norm = whole(nn.utils.clip_grad_norm_(parameters.values(), 1.0))
            # One exchange a step says what all processes must agree on.
            asked = losses.new_tensor([time.monotonic() - saved > interval_s, interrupted()])
            *means, mean_norm, any_due, any_interrupted = crew.mean(torch.cat([losses, norm[None], asked])).tolist()
            if not math.isfinite(sum(means) + mean_norm):
                keep(checkpoint, parameters, averaged, optimiser, course, crew)
                raise GenerationError(
                    f"the loss at step {course.step} is not a number: the checkpoint in {folder} is sound; "
                    "try a lower rate"
                )
            optimiser.step()
            course.step += 1
            decay = min(settings.averaging, (1 + course.step) / (10 + course.step))
            for name, value in parameters.items():
                averaged[name].lerp_(value.detach(), 1 - decay)
            course.add(dict(zip(names, means, strict=True)))
            telling.step(course.step, sum(means))
            if course.step % _LOG_STEPS == 0:
                row = {"step": course.step, **course.means(), "rate": rate, "examples": refresh()}
                if crew.first:
                    log_row(folder / "log.csv", row)
            if held_out and (course.step % _HELD_OUT_STEPS == 0 or course.step == settings.n_steps):
                _look(folder, held_out, parameters, averaged, crew, settings, course.step)
            if any_due or any_interrupted or course.step == settings.n_steps:
                begun = time.monotonic()
                keep(checkpoint, parameters, averaged, optimiser, course, crew)
                saved = time.monotonic()
                interval_s = max(_CHECKPOINT_S, (saved - begun) / _CHECKPOINT_SHARE)
                telling.kept(course.step)
            if any_interrupted:
                raise KeyboardInterrupt
        with torch.no_grad():
            for name, value in parameters.items():
                value.copy_(averaged[name])


@contextmanager
def _heeded() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; a second time it ends everything at once. Only the main thread can listen."""
    pressed = threading.Event()

    def listen(*_: object) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.signal(signal.SIGINT, listen)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _accumulate(loss: Loss, step: int, settings: Settings, crew: Crew) -> tuple[list[str], Tensor]:
    """The passes of a step: the names of the loss's parts and their means (n,), float32, with the gradients added."""
    n, names, sums = settings.passes, list[str](), torch.zeros(1)
    for number in range(n):
        with crew.collecting(last=number == n - 1):
            with _rounding(settings, crew.device):
                parts = loss(step * n + number, crew.device)
            stacked = torch.stack([part.float() for part in parts.values()]) / n
            stacked.sum().backward()  # type: ignore[no-untyped-call]
        names, sums = list(parts), stacked.detach() + (sums if number else 0)
    return names, sums


def _rounding(settings: Settings, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, settings.precision, enabled=settings.precision != torch.float32)


def _look(
    folder: Path, held_out: HeldOut, parameters: Named, averaged: Named, crew: Crew, settings: Settings, step: int
) -> None:
    """A row of held_out.csv, with the mean weights in place."""
    with torch.no_grad(), _rounding(settings, crew.device):
        _exchange(parameters, averaged)
        try:
            losses = {name: value.item() for name, value in held_out(crew.device).items()}
        finally:
            _exchange(parameters, averaged)
    if crew.first:
        log_row(folder / "held_out.csv", {"step": step, **losses})


def _exchange(parameters: Named, averaged: Named) -> None:
    """By value: whoever holds a tensor goes on holding the same one."""
    for name, value in parameters.items():
        current = value.clone()
        value.copy_(averaged[name])
        averaged[name].copy_(current)


def _rate(step: int, settings: Settings) -> float:
    """A short rise, then half a cosine. Also the first step learns."""
    warm_steps = min(_WARM_STEPS, settings.n_steps / 10)
    fall = 0.5 * (1 + math.cos(math.pi * step / settings.n_steps))
    return settings.peak_rate * min((step + 1) / warm_steps, 1.0) * (0.02 + 0.98 * fall)
