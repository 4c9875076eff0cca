"""What a model's encoders make of films, on disk: a file a film, and a list of them.

A film's file is named by all that decides its content: the film's bytes, its caption, the model and this software. So
work that was stopped goes on where it was, and a film, caption or model that has changed is done again.

Legend: W windows of a film, L latent tokens, C latent dims, Tc, Ts and Tt tokens of CLIP, Synchformer and text.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from v2a.cards import ModelCard
from v2a.errors import StorageError, UsageError
from v2a.output import sweep, whole_file
from v2a.version import __version__

_LIST = "films.json"
_PARTS = ("mean", "std", "clip", "sync", "text")


@dataclass(frozen=True)
class Film:
    """One film of the list. shard: the name of its file; held_out: it is for measuring, not for training."""

    file: str
    caption: str
    shard: str
    n_windows: int
    held_out: bool = False


@dataclass(frozen=True)
class Example:
    """One window: mean, std (L, C) of the latents; clip (Tc, Dc), sync (Ts, Ds), text (Tt, Dt); all float32."""

    mean: Tensor
    std: Tensor
    clip: Tensor
    sync: Tensor
    text: Tensor


def shard_name(card: ModelCard, film_digest: str, caption: str) -> str:
    """The name of a film's file."""
    return hashlib.sha256(repr((__version__, card.digest, film_digest, caption)).encode()).hexdigest() + ".safetensors"


def write_shard(path: Path, tensors: dict[str, Tensor]) -> None:
    """Keep a film's features: mean, std (W, L, C) as they are, clip (W, Tc, Dc), sync (W, Ts, Ds) and text (Tt, Dt) in
    half precision. Raises StorageError where they cannot be written.
    """
    kept = {name: value if name in ("mean", "std") else value.half() for name, value in tensors.items()}
    save_tensors(path, {name: value.cpu().contiguous() for name, value in kept.items()})


def save_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, str] | None = None) -> None:
    """Write a safetensors file whole or not at all. Raises StorageError where it cannot be written."""
    try:
        with whole_file(path) as part:
            save_file(tensors, part, facts)
    except SafetensorError as error:
        raise StorageError(f"{path} cannot be written: {error}. Make room, or choose another folder") from error


def read_example(folder: Path, film: Film, window: int) -> Example:
    """One window of a film. Raises UsageError where its file is gone or damaged."""
    try:
        with safe_open(folder / film.shard, framework="pt") as file:
            parts = {name: file.get_slice(name)[window] for name in _PARTS if name != "text"}
            parts["text"] = file.get_tensor("text")
    except (OSError, SafetensorError, IndexError) as error:
        raise UsageError(
            f"the features of {film.file} in {folder} cannot be read ({error}): run again with --films"
        ) from error
    return Example(**{name: value.float() for name, value in parts.items()})


def shard_windows(path: Path) -> int | None:
    """The number of windows in a film's file; None where there is none or it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return int(file.get_slice("mean").get_shape()[0]) if set(_PARTS) <= set(file.keys()) else None
    except (OSError, SafetensorError):
        return None


def write_list(folder: Path, card: ModelCard, films: list[Film], skipped: dict[str, str]) -> None:
    """Write the list of films, and remove the files of films that are not in it."""
    content = {
        "model": card.name, "digest": card.digest, "films": [asdict(film) for film in films], "skipped": skipped,
    }  # fmt: skip
    with whole_file(folder / _LIST) as part:
        part.write_text(json.dumps(content, indent=1))
    sweep(folder)
    used = {film.shard for film in films}
    for path in folder.glob("*.safetensors"):
        if path.name not in used:
            path.unlink()


def read_list(folder: Path, card: ModelCard) -> list[Film]:
    """The films of a folder. Raises UsageError where there is no list, or it was made by another model."""
    try:
        content = json.loads((folder / _LIST).read_text())
        films = [Film(**film) for film in content["films"]]
        name, digest = content["model"], content["digest"]
    except FileNotFoundError as error:
        raise UsageError(f"{folder} holds no features yet: give a folder of films by --films") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder / _LIST} is damaged: run again with --films to make it anew") from error
    if digest != card.digest:
        raise UsageError(
            f"the features in {folder} were made by {name}"
            f"{' of another version' if name == card.name else ''}, not by {card.name}: run again with --films to make "
            "them anew, or give another work folder"
        )
    return films
