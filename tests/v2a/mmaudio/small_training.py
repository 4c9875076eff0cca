"""A fine-tuning that takes seconds: a flow of two blocks, on features of films that are drawn, not seen.

Run as a module it trains with the processes that torchrun started: FOLDER STEPS AT_ONCE lora|full [shard].
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

from v2a.models.mmaudio.flow import FlowTransformer
from v2a.models.mmaudio.variants import FlowConfig
from v2a.models.mmaudio.weights import random_weights
from v2a.train.crew import Crew, gathered
from v2a.train.mmaudio.fine_tune import Recipe, fine_tune
from v2a.train.mmaudio.lora import LoraOptions
from v2a.train.mmaudio.shards import Film, write_shard

CONFIG = FlowConfig(
    width=64, heads=1, depth=2, fused_depth=1, latent_dim=8, clip_dim=32, sync_dim=16, text_dim=32, text_tokens=7
)
LORA = LoraOptions(rank=4, alpha=8.0)
CPU = Crew(torch.device("cpu"))


def flow(config: FlowConfig = CONFIG) -> FlowTransformer:
    """The same one every time."""
    with random_weights(0):
        return FlowTransformer(config)


def drawn_films(folder: Path, n: int = 3, *, n_held_out: int = 0) -> list[Film]:
    """n films of two windows each."""
    folder.mkdir(parents=True, exist_ok=True)
    films = []
    for number in range(n):
        generator = torch.Generator().manual_seed(number)
        shapes = {"mean": (2, 20, 8), "std": (2, 20, 8), "clip": (2, 8, 32), "sync": (2, 16, 16), "text": (7, 32)}
        drawn = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
        write_shard(folder / f"{number}.safetensors", drawn | {"std": drawn["std"].abs() * 0.1})
        films.append(Film(f"{number}.mp4", "", f"{number}.safetensors", 2, held_out=number < n_held_out))
    return films


def recipe(steps: int, *, lora: bool = False, at_once: int = 2, shard: bool = False, rate: float = 1e-2) -> Recipe:
    """One whose numbers are the same however its batch of four is divided."""
    return Recipe(
        lora=LORA if lora else None, steps=steps, batch=4, at_once=at_once, rate=rate, shard=shard, precision="float32"
    )


def run(folder: Path, given: Recipe, crew: Crew = CPU, config: FlowConfig = CONFIG) -> dict[str, Tensor]:
    """Train on three films in `folder`; the tensors that come out."""
    if crew.first:
        drawn_films(folder / "features")
    crew.wait()
    films = [Film(f"{number}.mp4", "", f"{number}.safetensors", 2) for number in range(3)]
    return fine_tune(folder, flow(config), folder / "features", films, given, crew)


def main() -> None:
    """See the module."""
    folder, steps, at_once, kind, *shard = sys.argv[1:]
    torch.set_num_threads(1)
    with gathered("cpu") as crew:
        given = recipe(int(steps), lora=kind == "lora", at_once=int(at_once), shard=bool(shard))
        tensors = run(Path(folder), given, crew)
        if crew.first:
            torch.save(tensors, Path(folder) / "tensors.pt")


if __name__ == "__main__":
    main()
