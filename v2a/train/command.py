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


@train.command()
def mmaudio(
    model: Annotated[str, typer.Option(help="The model to begin with, as `v2a models` lists it.")],
    work: Annotated[Path, typer.Option(help="Folder for everything in between; run again to go on.")],
    films: Annotated[
        Path | None, typer.Option(help="Folder of films with sound; may be left out once their features are in WORK.")
    ] = None,
    new_name: Annotated[
        str | None, typer.Option("--export", metavar="NAME", help="Install the result as a model of this name.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Train all weights instead of LoRA.")] = False,
    rank: Annotated[int, typer.Option(min=1, help="LoRA: how many numbers a layer's addition goes through.")] = 16,
    alpha: Annotated[float | None, typer.Option(help="LoRA: additions weigh alpha / rank; default: the rank.")] = None,
    layers: Annotated[str, typer.Option(help="LoRA: attention, ffn or all.")] = "all",
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 2_000,
    batch: Annotated[int, typer.Option(min=1, help="Windows of 8 s a step, over all processes.")] = 16,
    at_once: Annotated[int, typer.Option(min=1, help="Windows a pass of one process: less takes less memory.")] = 4,
    rate: Annotated[float, typer.Option(min=0.0, help="The highest learning rate.")] = 1e-4,
    shard: Annotated[
        bool, typer.Option("--shard", help="Divide weights among the processes of torchrun (FSDP).")
    ] = False,
    spare_memory: Annotated[
        bool, typer.Option("--spare-memory", help="Compute blocks twice rather than keep what they computed.")
    ] = False,
    precision: Annotated[str, typer.Option(help="auto, bfloat16 or float32; weights are float32 always.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of all that chance decides.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Fine-tune a model of the family MMAudio on films with sound. Can be stopped at any moment and run again.

    A films.csv (file, caption) beside the films gives them words. The curves are in WORK/flow/curves.png. On several
    GPUs: torchrun --nproc-per-node N --no-python v2a train mmaudio …. The result's licence is that of the model.
    """
    require("train", "torch", "scipy", "matplotlib")
    require("mmaudio", "open_clip")
    from v2a.train.mmaudio.fine_tune import Recipe
    from v2a.train.mmaudio.lora import LoraOptions
    from v2a.train.mmaudio.run import train_mmaudio

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    lora = None if full else LoraOptions(rank, float(rank) if alpha is None else alpha, layers)
    recipe = Recipe(
        lora=lora, steps=steps, batch=batch, at_once=at_once, rate=rate, shard=shard, spare_memory=spare_memory,
        precision=precision, seed=seed,
    )  # fmt: skip
    made = train_mmaudio(model, work, recipe, films=films, new_name=new_name, device=device)
    if made:
        typer.echo(made)
