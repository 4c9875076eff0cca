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
    own_films: Annotated[
        Path | None, typer.Option("--films", help="Folder of films with sound to learn from as well.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights to begin with, such as those of the package.")
    ] = None,
    meanings: Annotated[
        Path | None, typer.Option(help="Table of word meanings (v2a.train.meanings); without, the shipped one.")
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Films of 8 s to render.")] = 8_000,
    imagined: Annotated[int, typer.Option(min=1, help="Soundtracks of 8 s without a film.")] = 10_000,
    words_steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of the words.")] = 1_800,
    eyes_steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of the eyes.")] = 5_600,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of the flow.")] = 8_000,
    tokens: Annotated[int, typer.Option(min=200, help="Frames or sound tokens (40 ms each) a step.")] = 2_000,
    renderers: Annotated[int, typer.Option(min=1, help="Processes that render or compose beside training.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads for training; 0: torch's choice.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train `pocket`. Can be stopped at any moment and run again; leaves WORK/weights.safetensors.

    The curves are in WORK/curves.png, from the log.csv of words, eyes and flow. With --films, the sound's own
    onsets stand for the events that are seen; a films.csv (file, caption) beside the films gives them words.
    """
    require("train", "torch", "scipy", "matplotlib")
    import torch

    from v2a.train.pocket import Recipe, train_pocket

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if threads:
        torch.set_num_threads(threads)
    recipe = Recipe(
        n_films=scenes, n_imagined=imagined, words_steps=words_steps, eyes_steps=eyes_steps, flow_steps=steps,
        tokens=tokens, renderers=renderers, device=device,
    )  # fmt: skip
    typer.echo(train_pocket(data, work, recipe, own_films=own_films, start=start, meanings=meanings))
