"""`v2a train`: make a model's weights."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from v2a.extras import require

train = typer.Typer(help="Make a model's weights from recordings and rendered scenes.", no_args_is_help=True)


@train.callback()
def _group() -> None:
    """Make a model's weights from recordings and rendered scenes."""


@train.command()
def pocket(
    data: Annotated[Path, typer.Option(help="Folder of labelled recordings: sounds.csv and sounds/.")],
    work: Annotated[Path, typer.Option(help="Folder for everything in between; run again to go on.")],
    scenes: Annotated[int, typer.Option(min=50, help="Films of 8 s to render.")] = 5_000,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 5_000,
    tokens: Annotated[int, typer.Option(min=200, help="Sound tokens (40 ms each) a step.")] = 2_000,
    renderers: Annotated[int, typer.Option(min=1, help="Processes that render beside training.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads for training; 0: torch's choice.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train `pocket`. Can be stopped at any moment and run again; leaves WORK/weights.safetensors and log.csv."""
    require("train", "torch", "scipy")
    import torch

    from v2a.train.pocket import Recipe, train_pocket

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if threads:
        torch.set_num_threads(threads)
    recipe = Recipe(
        n_scenes=scenes, n_steps=steps, tokens=tokens, renderers=renderers, device=device
    )  # fmt: skip
    typer.echo(train_pocket(data, work, recipe))
