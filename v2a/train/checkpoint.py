"""A training on disk: all that it needs to go on, in one file that is whole or not there."""

import logging
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from v2a.errors import GenerationError
from v2a.output import sweep, whole_file
from v2a.train.course import Course
from v2a.train.crew import Crew

log = logging.getLogger(__name__)

Named = dict[str, Tensor]

# What comes of a file that is cut off, or that another version wrote.
_UNREADABLE = (
    OSError, RuntimeError, EOFError, UnpicklingError, LookupError, TypeError, ValueError, AttributeError,
)  # fmt: skip


def whole(value: Tensor) -> Tensor:
    """A tensor, put together where its shares lie at several processes; all of them must ask."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def collected(tensors: Named, crew: Crew) -> Named:
    """Tensors, whole and on the CPU, in the first process; the others take part, and get none."""
    found: Named = {}
    for name, value in tensors.items():
        all_of_it = whole(value.detach())
        if crew.first:
            found[name] = all_of_it.cpu()
    return found


def keep(
    path: Path, parameters: Named, averaged: Named, optimiser: torch.optim.Optimizer, course: Course, crew: Crew
) -> None:
    """Write what is trained and the course so far, in whole tensors: another number of processes can go on from them.

    All processes of the crew must call it; the first one writes, and only it holds all of it.
    Raises StorageError where the file cannot be written; the one before it is still there then.
    """
    state = {
        "networks": collected(parameters, crew),
        "averaged": collected(averaged, crew),
        "optimiser": {name: collected(optimiser.state.get(value, {}), crew) for name, value in parameters.items()},
        **asdict(course),
    }
    if crew.first:
        with whole_file(path) as part, part.open("wb") as file:
            try:
                torch.save(state, file)
            except RuntimeError as error:
                if isinstance(error.__context__, OSError):  # torch hides a full disk behind an error of its own
                    raise error.__context__ from error
                raise


def go_on(path: Path, parameters: Named, averaged: Named, optimiser: torch.optim.Optimizer, crew: Crew) -> Course:
    """Take up the checkpoint at `path`, if there is one; returns the course so far.

    Raises GenerationError where it is of other networks, of another version, or damaged.
    """
    if crew.first:
        sweep(path.parent)
    if not path.exists():
        return Course()
    try:
        state = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        if _shapes(state["networks"]) != _shapes(parameters):
            raise GenerationError(
                f"{path} is a checkpoint of networks of another shape: give another work folder, or delete it"
            )
        if _shapes(state["averaged"]) != _shapes(parameters):
            raise ValueError("the mean is not of these weights")
        moments = {name: dict(state["optimiser"][name]) for name in parameters}
        course = Course(int(state["step"]), dict(state["sums"]), int(state["counted"]))
    except _UNREADABLE as error:
        raise GenerationError(
            f"{path} cannot be read: it is damaged, or of another version; delete it to begin anew"
        ) from error
    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(_like(value, state["networks"][name]))
            averaged[name].copy_(_like(value, state["averaged"][name]))
            # Adam counts its steps in a tensor without a dimension, which stays on the CPU.
            optimiser.state[value] = {
                kind: _like(value, moment).clone() if moment.dim() else moment.clone()
                for kind, moment in moments[name].items()
            }
    if crew.first:
        log.info("%s: going on from step %d", path.parent.name, course.step)
    return course


def _shapes(tensors: Named) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in tensors.items()}


def _like(shared: Tensor, value: Tensor) -> Tensor:
    """A whole tensor, where and as `shared` lies."""
    value = value.to(shared.device)
    return distribute_tensor(value, shared.device_mesh, shared.placements) if isinstance(shared, DTensor) else value
