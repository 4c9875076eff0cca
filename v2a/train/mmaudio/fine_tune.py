"""Fine-tuning of a flow transformer on the features of films: LoRA or all weights, by one process or several."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from v2a.cards import ModelCard
from v2a.errors import UsageError
from v2a.models.mmaudio.flow import FlowTransformer
from v2a.models.mmaudio.model import automatic_precision
from v2a.output import whole_file
from v2a.train.checkpoint import collected
from v2a.train.crew import Crew
from v2a.train.curves import draw_curves
from v2a.train.loop import Settings, train
from v2a.train.mmaudio.draws import Ahead, Windows
from v2a.train.mmaudio.lora import LoraOptions, adapt, merged
from v2a.train.mmaudio.objective import Batch, Objective, blocks, spare_memory
from v2a.train.mmaudio.shards import Film

log = logging.getLogger(__name__)

_PRECISIONS = ("auto", "bfloat16", "float32")
_CLAIM = "recipe.json"
_BETAS = (0.9, 0.95)
_WEIGHT_DECAY = 1e-6
_AVERAGING = 0.9999  # reached late: until then the mean's memory is a tenth of the steps done


@dataclass(frozen=True)
class Recipe:
    """How to train.

    lora: None trains all weights; steps: optimiser steps in all; batch: windows a step, over all processes; at_once:
    windows a pass of one process; rate: the highest learning rate; shard: weights are divided among the processes;
    spare_memory: blocks are computed twice rather than kept; precision: "auto", "bfloat16" or "float32", of what is
    computed: the weights are float32. Raises UsageError for another precision.
    """

    lora: LoraOptions | None = None
    steps: int = 2_000
    batch: int = 16
    at_once: int = 4
    rate: float = 1e-4
    shard: bool = False
    spare_memory: bool = False
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.precision not in _PRECISIONS:
            raise UsageError(f"cannot train in precision '{self.precision}': choose {', '.join(_PRECISIONS)}")

    def dtype(self, device: torch.device) -> torch.dtype:
        """The precision on a device: half of it only where that is native, and in the kind that needs no scaling."""
        chosen = automatic_precision(device) if self.precision == "auto" else self.precision
        return torch.bfloat16 if chosen == "bfloat16" else torch.float32

    def how(self) -> str:
        """What is done, for people."""
        lora = self.lora
        what = f"LoRA of rank {lora.rank} on {lora.layers} layers" if lora else "all weights"
        return f"{what}, {self.steps} steps of {self.batch} windows"

    def passes(self, n_processes: int) -> int:
        """Passes a step. Raises UsageError where the batch cannot be divided so."""
        passes, rest = divmod(self.batch, self.at_once * n_processes)
        if rest or not passes:
            raise UsageError(
                f"a batch of {self.batch} windows cannot be divided among {n_processes} "
                f"process{'es' if n_processes > 1 else ''} by {self.at_once} at once: choose a multiple of "
                f"{self.at_once * n_processes}"
            )
        return passes


def fine_tune(
    work: Path, flow: FlowTransformer, features: Path, films: list[Film], recipe: Recipe, crew: Crew
) -> dict[str, Tensor]:
    """Train a float32 flow transformer in place, going on from what `work` holds; returns its tensors by their
    published names, whole and on the CPU, with LoRA's additions added; none in processes but the first.

    log.csv, held_out.csv, curves.png and the checkpoint are in `work`/flow.
    Raises UsageError for a batch that cannot be divided, features that cannot be read or films without windows to
    train on; GenerationError where the loss is not a number any more; StorageError where `work` cannot be written.
    """
    passes, folder = recipe.passes(crew.size), work / "flow"
    windows = Windows(features, [film for film in films if not film.held_out], recipe.seed)
    if not len(windows):
        raise UsageError(f"{features} holds no windows to train on")
    torch.manual_seed(recipe.seed)  # what LoRA begins with
    flow.requires_grad_(True)
    if recipe.lora:
        adapt(flow, recipe.lora)
    if recipe.spare_memory:
        spare_memory(flow)
    together = crew.together(Objective(flow), blocks(flow), shard=recipe.shard)

    def rows(number: int) -> Batch:
        first = (number * crew.size + crew.rank) * recipe.at_once
        return windows.batch(range(first, first + recipe.at_once))

    ahead = Ahead(rows)

    def loss(number: int, device: torch.device) -> dict[str, Tensor]:
        return {"flow": together(ahead(number).to(device)).mean()}

    settings = Settings(
        recipe.steps, recipe.rate, averaging=_AVERAGING, betas=_BETAS, weight_decay=_WEIGHT_DECAY, passes=passes,
        precision=recipe.dtype(crew.device),
    )  # fmt: skip
    try:
        train(
            folder, {"flow": flow}, loss, settings, lambda: len(windows), crew=crew,
            held_out=_measure(together, features, films, recipe),
        )  # fmt: skip
    finally:
        ahead.close()
    if crew.first:
        logs = {"training": folder / "log.csv", "the same windows and noises": folder / "held_out.csv"}
        draw_curves(logs, folder / "curves.png")
    tensors = collected(flow.state_dict(), crew)
    return merged(tensors, recipe.lora) if recipe.lora else tensors


def _measure(
    together: Callable[[Batch], Tensor], features: Path, films: list[Film], recipe: Recipe
) -> Callable[[torch.device], dict[str, Tensor]]:
    """The loss at the same windows, times and noises each time: of films that are trained on, and of those that are
    held out.
    """
    kinds = {"held in": False, "held out": True}
    batches = {
        name: Windows(features, [film for film in films if film.held_out == held], seed=0).measured()
        for name, held in kinds.items()
    }

    def measure(device: torch.device) -> dict[str, Tensor]:
        """All processes measure all of it: sharded weights are put together by everyone at once."""
        return {
            name: torch.cat([together(part.to(device)) for part in batch.parts(recipe.at_once)]).mean()
            for name, batch in batches.items()
            if batch is not None
        }

    return measure


def claim(work: Path, card: ModelCard, recipe: Recipe) -> None:
    """Note in `work` what is trained there, so that a run which goes on goes on with the same.

    Raises UsageError where it was begun with another model or recipe, StorageError where it cannot be written.
    """
    path = work / _CLAIM
    facts = {
        "model": card.name, "digest": card.digest, "batch": recipe.batch, "seed": recipe.seed,
        "lora": asdict(recipe.lora) if recipe.lora else None,
    }  # fmt: skip
    written = json.dumps(facts, indent=1)
    try:
        before = path.read_text()
    except FileNotFoundError:
        with whole_file(path) as part:
            part.write_text(written)
        return
    if before != written:
        raise UsageError(f"{work} was begun with another model, batch, seed or LoRA ({path}): give another work folder")
