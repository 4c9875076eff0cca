"""Training examples on disk, in shards: rendered films, and soundtracks as latents.

A shard is made whole or not at all, and what is in it follows from its number and seed alone, so the work can be
stopped and taken up again, and run beside training.

Legend: N films or soundtracks of a shard, L 200 tokens, K the four tracks, C latent dims, D video features.
"""

import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from v2a.models.pocket.codec import Codec
from v2a.train.recordings import SoundBank
from v2a.train.scenes import render_scene
from v2a.train.scenes.film import DURATION_S, SIZE, TOKEN_RATE_HZ, Heard
from v2a.train.scenes.imagined import imagine
from v2a.train.soundtrack import Soundtrack, compose

log = logging.getLogger(__name__)

N_TOKENS = DURATION_S * TOKEN_RATE_HZ
TRACKS = ("mix", "effects", "ambience", "music")

See = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float16]]  # frames (N, L, H, W) → features (N, L, D)
Events = Sequence[tuple[float, float]]  # (time_s, strength)


@dataclass(frozen=True)
class Films:
    """frames (N, L, 64, 64) uint8, left on disk until read; heard: what sounds in each."""

    frames: npt.NDArray[np.uint8]
    heard: tuple[tuple[Heard, ...], ...]


@dataclass(frozen=True)
class Soundtracks:
    """latents (N, K, L, C) float16; strength, offset (N, L) float16: the strongest event inside each token and where
    in it; bands (N, K): the number of mel bands that some recording reaches; unasked (N,) bool: something
    sounds that only words can tell; captions: N × {track: words}; features (N, L, D) float16, or none: not seen.
    """

    latents: npt.NDArray[np.float16]
    strength: npt.NDArray[np.float16]
    offset: npt.NDArray[np.float16]
    bands: npt.NDArray[np.int64]
    unasked: npt.NDArray[np.bool_]
    captions: list[dict[str, str]]
    features: npt.NDArray[np.float16] | None


def missing(folder: Path, n_shards: int) -> list[int]:
    """The numbers of the shards that are not there yet."""
    return [number for number in range(n_shards) if not _done(folder, number).exists()]


def there(folder: Path) -> list[int]:
    """The numbers of the shards that are there."""
    return sorted(int(path.stem) for path in folder.glob("*.json"))


def _done(folder: Path, number: int) -> Path:
    """The file of a shard that is written last."""
    return folder / f"{number:05d}.json"


def make_films(folder: Path, n_shards: int, size: int, seed: int, part: int = 0, parts: int = 1) -> None:
    """Render the shards of `size` films that are not there yet, every `parts`-th of them."""
    for number in missing(folder, n_shards):
        if number % parts != part:
            continue
        scenes = [render_scene(np.random.default_rng([seed, number, k])) for k in range(size)]
        write_films(folder, number, Films(np.stack([s.frames for s in scenes]), tuple(s.heard for s in scenes)))


def write_films(folder: Path, number: int, films: Films) -> None:
    """Keep one shard of films."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{number:05d}.npy", films.frames)
    _write(_done(folder, number), [[asdict(heard) for heard in film] for film in films.heard])


def read_films(folder: Path, number: int) -> Films:
    """One shard of films."""
    frames = np.load(folder / f"{number:05d}.npy", mmap_mode="r")
    assert frames.shape[1:] == (N_TOKENS, SIZE, SIZE)  # noqa: S101 - a slip here would poison the training
    heard = json.loads(_done(folder, number).read_text())
    return Films(frames, tuple(tuple(Heard(**one) for one in film) for film in heard))


def make_soundtracks(
    folder: Path, number: int, films: Films | int, see: See, bank: SoundBank, codec: Codec, seed: int
) -> None:
    """Compose one shard of soundtracks: for films as the eyes see them, or for so many that are only imagined."""
    tracks: list[Soundtrack] = []
    for k in range(films if isinstance(films, int) else len(films.heard)):
        rng = np.random.default_rng([seed, number, k])
        tracks.append(compose(rng, imagine(rng) if isinstance(films, int) else films.heard[k], bank))
    features = None if isinstance(films, int) else see(np.asarray(films.frames))
    write_soundtracks(folder, number, tracks, codec, features)


def write_soundtracks(
    folder: Path,
    number: int,
    tracks: Sequence[Soundtrack],
    codec: Codec,
    features: npt.NDArray[np.float16] | None,
) -> None:
    """Keep one shard of soundtracks."""
    folder.mkdir(parents=True, exist_ok=True)
    waves = (torch.from_numpy(np.stack([track.layers[name] for name in TRACKS])) for track in tracks)
    on_tokens = [events_on_tokens(track.events) for track in tracks]
    arrays = {
        "latents": np.stack([codec.encode(wave).numpy() for wave in waves]).astype(np.float16),
        "strength": np.stack([strength for strength, _ in on_tokens]).astype(np.float16),
        "offset": np.stack([offset for _, offset in on_tokens]).astype(np.float16),
        "bands": np.array([[codec.bands_below(track.bandwidths_hz[name]) for name in TRACKS] for track in tracks]),
        "unasked": np.array([track.unasked for track in tracks]),
    }
    if features is not None:
        arrays["features"] = features
    with (folder / f"{number:05d}.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    _write(_done(folder, number), [track.captions for track in tracks])


def read_soundtracks(folder: Path, number: int) -> Soundtracks:
    """One shard of soundtracks."""
    with np.load(folder / f"{number:05d}.npz", allow_pickle=False) as arrays:
        named = {name: arrays[name] for name in arrays.files}
    return Soundtracks(captions=json.loads(_done(folder, number).read_text()), **{"features": None, **named})


def _write(path: Path, content: object) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content))
    part.replace(path)


def events_on_tokens(events: Events) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Events → strength (L,) and offset inside the token (L,); the strongest of a token counts."""
    strength, offset = np.zeros(N_TOKENS, np.float32), np.zeros(N_TOKENS, np.float32)
    for time, force in events:
        token = min(math.floor(time * TOKEN_RATE_HZ), N_TOKENS - 1)
        if force > strength[token]:
            strength[token], offset[token] = force, time * TOKEN_RATE_HZ - token
    return strength, offset
