"""`pocket` from recordings to weights.

Cut sounds → fit codec → train the words on the sounds they name → render films → train the eyes on them → compose
soundtracks, for the films as the eyes see them and for films that are only imagined → train the flow → export. Every
stage keeps its result in the work folder and is skipped when that is there; training goes on from its last checkpoint.
"""

import logging
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from v2a.cards import card
from v2a.errors import GenerationError, StorageError, UsageError
from v2a.models.pocket.codec import Codec
from v2a.models.pocket.flow import WIDTH
from v2a.models.pocket.meanings import Meanings
from v2a.models.pocket.model import Networks
from v2a.models.pocket.text import words_of
from v2a.models.pocket.video import VideoEncoder
from v2a.train.batches import Pool
from v2a.train.codec import fit_codec
from v2a.train.curves import draw_curves
from v2a.train.eyes import Cinema, train_eyes
from v2a.train.flow import train_flow
from v2a.train.loop import Settings
from v2a.train.own_films import cut_films, sound_of_films
from v2a.train.recordings import SoundBank, cut_recordings, write_attribution
from v2a.train.shards import make_films, make_soundtracks, missing, read_films, there
from v2a.train.vocabulary import BED_CLASSES, EVENT_CLASSES, MOTION_PHRASES
from v2a.train.words import Portraits, train_words

log = logging.getLogger(__name__)

_FIRST_SHARDS = 4  # that training waits for


@dataclass(frozen=True)
class Recipe:
    """What a training run is made of.

    n_films: rendered films of 8 s; n_imagined: soundtracks without a film; words_steps, eyes_steps, flow_steps:
    optimiser steps;
    tokens: frames or sound tokens a step; renderers: processes that render or compose beside training;
    shard_size: films or soundtracks a file.
    """

    n_films: int = 8_000
    n_imagined: int = 10_000
    words_steps: int = 1_800
    eyes_steps: int = 5_600
    flow_steps: int = 8_000
    tokens: int = 2_000
    words_rate: float = 1.5e-3
    eyes_rate: float = 8e-4
    flow_rate: float = 8e-4
    renderers: int = 1
    shard_size: int = 50
    device: str = "cpu"

    @property
    def film_shards(self) -> int:
        """Files of films."""
        return -(-self.n_films // self.shard_size)

    @property
    def imagined_shards(self) -> int:
        """Files of soundtracks without a film."""
        return -(-self.n_imagined // self.shard_size)


def train_pocket(
    data: Path,
    work: Path,
    recipe: Recipe,
    *,
    own_films: Path | None = None,
    start: Path | None = None,
    meanings: Path | None = None,
) -> Path:
    """Run the stages that are not done and return the exported weights file; ATTRIBUTION.csv and curves.png
    stand beside it.

    own_films: a folder of films with sound to learn from as well (see `v2a.train.own_films`).
    start: weights to begin with instead of chance; their codec is kept, and their words are trained with the flow only.
    meanings: a table of `v2a.train.meanings`; without, the shipped one.
    Raises UsageError where `data` holds no recordings or `start` does not fit, MediaError where no film can be used,
    StorageError where `work` cannot be written, GenerationError where the loss is not a number any more.
    """
    if not (data / "sounds.csv").is_file():
        raise UsageError(f"{data} holds no sounds.csv: give the folder of labelled recordings")
    torch.manual_seed(0)
    networks = Networks()
    if start is not None:
        _begin_with(networks, start)
    networks.text.meanings = Meanings.from_tensors(load_file(meanings or card("pocket").part("weights").file))
    try:
        sounds = work / "sounds"
        if not (sounds / "sounds.json").exists():
            cut_recordings(data, sounds)
        if own_films is not None and not there(work / "own" / "films"):
            cut_films(own_films, work / "own")
        _codec(work, networks.codec, sounds, fitted=start is not None)
        if start is None:
            _words(work, networks, sounds, recipe)
        _eyes(work, networks.video, recipe)
        _flow(work, networks, recipe)
        out = work / "weights.safetensors"
        export(networks, SoundBank(sounds), out)
        write_attribution(data, work / "ATTRIBUTION.csv")
        draw_curves({name: work / name / "log.csv" for name in ("words", "eyes", "flow")}, work / "curves.png")
    except OSError as error:
        raise StorageError(f"{work} cannot be written: {error.strerror or error}; mend it and run again") from error
    return out


def _begin_with(networks: Networks, start: Path) -> None:
    try:
        networks.load_state_dict({name: value.float() for name, value in load_file(start).items()}, strict=False)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{start} does not hold weights of this model") from error


def _codec(work: Path, codec: Codec, sounds: Path, fitted: bool) -> None:
    path = work / "codec.safetensors"
    if not path.exists():
        save_file((codec if fitted else fit_codec(SoundBank(sounds))).state_dict(), path)
    codec.load_state_dict(load_file(path))


def _words(work: Path, networks: Networks, sounds: Path, recipe: Recipe) -> None:
    path = work / "words.safetensors"
    if not path.exists():
        settings = Settings(recipe.words_steps, recipe.words_rate, averaging=0.99, device=recipe.device)
        train_words(work / "words", networks.text, Portraits(SoundBank(sounds), networks.codec), settings)
        save_file(networks.text.state_dict(), path)
    networks.text.load_state_dict(load_file(path))


def _eyes(work: Path, eyes: VideoEncoder, recipe: Recipe) -> None:
    path, folder = work / "eyes.safetensors", work / "films"
    if not path.exists():
        cinema = Cinema([folder, work / "own" / "films"])
        with _Beside(_render, [(folder, recipe, part) for part in range(recipe.renderers)]) as beside:
            beside.wait_for(lambda: len(there(folder)), recipe.film_shards)
            settings = Settings(recipe.eyes_steps, recipe.eyes_rate, device=recipe.device)
            train_eyes(work / "eyes", eyes, cinema, recipe.tokens, settings)
        save_file(eyes.state_dict(), path)
    eyes.load_state_dict(load_file(path))


def _flow(work: Path, networks: Networks, recipe: Recipe) -> None:
    folders = [work / "filmed", work / "imagined"]
    if (work / "own").exists():
        sound_of_films(work / "own", networks.codec, _seer(networks.video))
        folders.append(work / "own" / "sound")
    with _Beside(_compose, [(work, recipe, part) for part in range(recipe.renderers)]) as beside:
        n_shards = recipe.film_shards + recipe.imagined_shards
        beside.wait_for(lambda: sum(len(there(folder)) for folder in folders), n_shards)
        settings = Settings(recipe.flow_steps, recipe.flow_rate, device=recipe.device)
        networks.to(recipe.device)  # the codec too: the loss looks through it
        train_flow(work / "flow", networks, Pool(folders, WIDTH), recipe.tokens, settings)


class _Beside:
    """Processes that make shards while this one trains on those that are there."""

    def __init__(self, run: Callable[..., None], calls: list[tuple[object, ...]]) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes: list[BaseProcess] = [context.Process(target=run, args=args, daemon=True) for args in calls]

    def __enter__(self) -> "_Beside":
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    def wait_for(self, count: Callable[[], int], n_shards: int) -> None:
        """Until enough shards to begin with are there. Raises GenerationError where none will come."""
        while count() < min(_FIRST_SHARDS, n_shards):
            if not any(process.is_alive() for process in self._processes):
                raise GenerationError("the training examples could not be made; the reason stands above")
            time.sleep(0.5)


def _render(folder: Path, recipe: Recipe, part: int) -> None:
    """What a renderer process does beside the eyes' training."""
    torch.set_num_threads(1)
    make_films(folder, recipe.film_shards, recipe.shard_size, seed=11, part=part, parts=recipe.renderers)


def _compose(work: Path, recipe: Recipe, part: int) -> None:
    """What a composer process does beside the flow's training: filmed and imagined soundtracks in turn."""
    torch.set_num_threads(1)
    bank, codec, eyes = SoundBank(work / "sounds"), Codec(), VideoEncoder(WIDTH)
    codec.load_state_dict(load_file(work / "codec.safetensors"))
    eyes.load_state_dict(load_file(work / "eyes.safetensors"))
    see, films, filmed, imagined = _seer(eyes), work / "films", work / "filmed", work / "imagined"
    drawn = set(there(films)) & set(missing(filmed, recipe.film_shards))
    wanted = set(missing(imagined, recipe.imagined_shards))
    for number in range(part, max(recipe.film_shards, recipe.imagined_shards), recipe.renderers):
        if number in drawn:
            make_soundtracks(filmed, number, read_films(films, number), see, bank, codec, seed=21)
        if number in wanted:
            make_soundtracks(imagined, number, recipe.shard_size, see, bank, codec, seed=22)


def _seer(eyes: VideoEncoder) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float16]]:
    device = next(eyes.parameters()).device

    @torch.inference_mode()
    def see(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
        parts = [eyes(torch.tensor(film, device=device)[None]) for film in frames]
        return torch.cat(parts).cpu().numpy().astype(np.float16)

    return see


def export(networks: Networks, bank: SoundBank, out: Path) -> None:
    """Weights in half precision (the small codec in full), with the words that were heard in training."""
    said = [sound.label for sound in bank.sounds]
    said += [phrase for kind in (*EVENT_CLASSES, *BED_CLASSES) for phrase in kind.phrases]
    said += [phrase for phrases in MOTION_PHRASES.values() for phrase in phrases]
    known = {word for text in said for word in words_of(text)}
    tensors = {
        name: (value if name.startswith("codec.") else value.half()).contiguous()
        for name, value in networks.state_dict().items()
    }
    tensors |= networks.text.meanings.tensors()
    save_file(tensors, out, metadata={"known_words": " ".join(sorted(known))})
