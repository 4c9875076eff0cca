"""How much memory a process has at most in each stage of a window, with an installed model of full size.

The model's files are written by a process of their own: drawing their numbers takes memory that no installed model
needs. What is asked of the system, Linux alone can say.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import torch

from benchmarks.mmaudio.installing import install
from benchmarks.mmaudio.speed import GUIDANCE, TAKES, TEXT, make_film, model_name
from benchmarks.serving.__main__ import machine
from v2a.cards import Precision
from v2a.cards import card as model_card
from v2a.errors import UsageError
from v2a.media import VideoFile
from v2a.models.mmaudio.model import MMAudioModel
from v2a.models.mmaudio.variants import WINDOW_S
from v2a.request import Clip, Piece
from v2a.sampling import guided
from v2a.watching import Watching
from v2a.windows import plan_windows

FILM_SIZE = (1080, 1920)


def run(variant: str, dtype: Precision, room_gb: float | None) -> int:
    """Measure on the processor, and print a table as Markdown. room_gb: what the model thinks is free, 10⁹ bytes."""
    name = model_name(variant)
    if sys.platform != "linux":
        raise UsageError("only Linux says how much memory a process had at most since it was asked")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["V2A_MODELS"] = folder
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(install, (f"{name}=random", Path(folder) / "installed"))
        room = "all in memory" if room_gb is None else f"{room_gb:g} GB free"
        print(
            f"`{name}` in {dtype}, {room}; {machine()}; torch {torch.__version__}, {torch.get_num_threads()} threads.\n"
        )
        print("| stage | at most, GB | in the end, GB |\n|---|---|---|")
        for stage in _stages(Path(folder), dtype, float("inf") if room_gb is None else 1e9 * room_gb):
            print(f"| {stage} | {_gigabytes('VmHWM'):.2f} | {_gigabytes('VmRSS'):.2f} |", flush=True)
            Path("/proc/self/clear_refs").write_text("5")  # the most begins anew
    return 0


@torch.inference_mode()
def _stages(folder: Path, dtype: Precision, room_bytes: float) -> Iterator[str]:
    film = make_film(folder / "film.mp4", FILM_SIZE)
    yield "libraries"
    card = model_card("installed")
    model = MMAudioModel(card, torch.device("cpu"), dtype, room_bytes)
    yield "loading"
    clip = Clip("0" * 64, (Piece(Fraction(0), Fraction(WINDOW_S), Fraction(0), Fraction(WINDOW_S)),))
    (window,) = plan_windows(card.n_tokens(clip), card)
    with VideoFile(film) as source:
        seen = Watching(model, source, clip, (window,), lambda *_: None).seen(window)
    yield "looking"
    given, opposite = model.prepare(seen, window, TEXT, "", None, "mix")
    velocity = guided(model, given.repeated(TAKES), opposite.repeated(TAKES), GUIDANCE)
    x = torch.randn(TAKES, window.n_tokens, card.latent_dim)
    for t in (0.0, 0.5):
        velocity(x, t)
    yield f"two steps of {TAKES} takes"
    for take in x[:2]:
        model.decode(take, 0)
    yield "decoding"


def _gigabytes(what: str) -> float:
    """A line of the process's status, in 10⁹ bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[what].split()[0]) * 1024 / 1e9
