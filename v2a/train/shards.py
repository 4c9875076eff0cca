"""Training examples on disk: rendered scenes with the latents of their soundtracks, in shards.

A shard is made whole or not at all, and what is in it follows from its number alone, so rendering can be stopped
and taken up again, and run beside training.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from v2a.models.pocket.codec import Codec
from v2a.train.recordings import SoundBank
from v2a.train.scenes import render_scene
from v2a.train.scenes.film import DURATION_S, SIZE, TOKEN_RATE_HZ
from v2a.train.soundtrack import Soundtrack, compose

log = logging.getLogger(__name__)

N_TOKENS = DURATION_S * TOKEN_RATE_HZ
N_FITTED_SCENES = 160  # that the codec is fitted to
TRACKS = ("mix", "effects", "ambience", "music")


@dataclass(frozen=True)
class Examples:
    """N scenes. Legend: N scenes, K the four tracks, L 200 tokens.

    frames (N, L, 32, 32) uint8; latents (N, K, L, C) float16; strength, offset (N, L) float16: the strongest event
    inside each token and where in it; captions N × {track: words}.
    """

    frames: npt.NDArray[np.uint8]
    latents: npt.NDArray[np.float16]
    strength: npt.NDArray[np.float16]
    offset: npt.NDArray[np.float16]
    captions: list[dict[str, str]]


def fit_codec(bank: SoundBank) -> Codec:
    """A codec whose linear code is fitted to composed soundtracks and to beds and music by themselves."""
    codec = Codec()
    patches = []
    for index in range(N_FITTED_SCENES):
        rng = np.random.default_rng([7, index])
        track = compose(rng, render_scene(rng), bank).layers["mix"]
        patches.append(codec.patches(torch.from_numpy(track)[None])[0])
    for sound in bank.sounds[:: max(len(bank.sounds) // 400, 1)]:
        samples = torch.from_numpy(bank.samples(sound))
        length = len(samples) // (4 * 480) * (4 * 480)
        if length:
            patches.append(codec.patches(samples[None, :length])[0])
    codec.fit(torch.cat(patches))
    return codec


def missing_shards(folder: Path, n_shards: int) -> list[int]:
    """The numbers of the shards that are not there yet."""
    return [number for number in range(n_shards) if not _path(folder, number).exists()]


def make_shards(folder: Path, bank: SoundBank, codec: Codec, n_shards: int, size: int, seed: int) -> None:
    """Write the shards of `size` scenes that are not there yet. Another seed gives other scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in missing_shards(folder, n_shards):
        examples = [_example(number * size + k, bank, codec, seed) for k in range(size)]
        path = _path(folder, number)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(
                file,
                frames=np.stack([frames for frames, *_ in examples]),
                latents=np.stack([latents for _, latents, *_ in examples]),
                strength=np.stack([strength for *_, strength, _, _ in examples]),
                offset=np.stack([offset for *_, offset, _ in examples]),
                captions=np.array(json.dumps([captions for *_, captions in examples])),
            )
        part.replace(path)
        log.info("shard %d of %d", number + 1, n_shards)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.npz"


def _example(
    index: int, bank: SoundBank, codec: Codec, seed: int
) -> tuple[
    npt.NDArray[np.uint8],
    npt.NDArray[np.float16],
    npt.NDArray[np.float16],
    npt.NDArray[np.float16],
    dict[str, str],
]:
    rng = np.random.default_rng([seed, index])
    scene = render_scene(rng)
    track = compose(rng, scene, bank)
    waves = torch.from_numpy(np.stack([track.layers[name] for name in TRACKS]))
    latents = codec.encode(waves).numpy().astype(np.float16)
    strength, offset = _events_on_tokens(track)
    assert scene.frames.shape == (N_TOKENS, SIZE, SIZE)  # noqa: S101 - a slip here would poison every shard
    return scene.frames, latents, strength, offset, track.captions


def _events_on_tokens(track: Soundtrack) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]:
    strength, offset = np.zeros(N_TOKENS, np.float16), np.zeros(N_TOKENS, np.float16)
    for time, force in track.events:
        token = min(int(time * TOKEN_RATE_HZ), N_TOKENS - 1)
        if force > strength[token]:
            strength[token], offset[token] = force, time * TOKEN_RATE_HZ - token
    return strength, offset


def read_shards(folder: Path, have: int = 0) -> tuple[Examples | None, int]:
    """The examples of all shards after the first `have`, and how many shards there are now."""
    paths = sorted(folder.glob("*.npz"))
    parts = []
    for path in paths[have:]:
        with np.load(path, allow_pickle=False) as shard:
            parts.append(
                (
                    *(shard[name] for name in ("frames", "latents", "strength", "offset")),
                    str(shard["captions"]),
                )
            )
    if not parts:
        return None, len(paths)
    frames, latents, strength, offset = (np.concatenate([part[k] for part in parts]) for k in range(4))
    captions = [caption for part in parts for caption in json.loads(part[4])]
    return Examples(frames, latents, strength, offset, captions), len(paths)
