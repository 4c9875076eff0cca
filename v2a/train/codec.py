"""The codec's linear code, fitted to soundtracks."""

import numpy as np
import torch

from v2a.models.pocket.codec import FRAMES_PER_TOKEN, HOP, Codec
from v2a.train.recordings import SoundBank
from v2a.train.scenes.imagined import imagine
from v2a.train.soundtrack import compose

_N_SOUNDTRACKS = 200
_N_SOUNDS = 400


def example_patches(codec: Codec, bank: SoundBank) -> torch.Tensor:
    """Mel patches (N, 4M) of composed soundtracks and of sounds by themselves."""
    patches = []
    for index in range(_N_SOUNDTRACKS):
        rng = np.random.default_rng([7, index])
        track = compose(rng, imagine(rng), bank).layers["mix"]
        patches.append(codec.patches(torch.from_numpy(track)[None])[0])
    for sound in bank.sounds[:: max(len(bank.sounds) // _N_SOUNDS, 1)]:
        samples = torch.from_numpy(bank.samples(sound))
        length = len(samples) // (FRAMES_PER_TOKEN * HOP) * (FRAMES_PER_TOKEN * HOP)
        if length:
            patches.append(codec.patches(samples[None, :length])[0])
    return torch.cat(patches)


def fit_codec(bank: SoundBank) -> Codec:
    """A codec with principal components of its own."""
    codec = Codec()
    codec.fit(example_patches(codec, bank))
    return codec
