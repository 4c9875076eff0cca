"""Training of the words' encoder before the flow: what does a thing that is called so sound like?

Sounds of one name are rare among the windows of the flow's training, and a window teaches one name. Here a step
compares hundreds of captions with the sounds they belong to, so that the flow finds words that already tell sounds
apart, and has only to learn how any word is heard, not each of them by itself.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2a.models.pocket.codec import FRAMES_PER_TOKEN, HOP, LATENT_DIM, Codec
from v2a.models.pocket.text import TextEncoder
from v2a.train.loop import Settings, train
from v2a.train.recordings import RATE_HZ, Sound, SoundBank
from v2a.train.soundtrack import caption

_PAIRS = 384  # a step
_ROLES = {"one-shot": 0.65, "bed": 0.35}
_LISTENED_S = 4
_BEGINNING = 3  # tokens
_TOKEN_SAMPLES = FRAMES_PER_TOKEN * HOP
_SHARPNESS = 12.0
_PORTRAIT = 3 * LATENT_DIM


class Portraits:
    """What each sound of a bank is like: its beginning, mean and spread in latents, standardised over all sounds."""

    def __init__(self, bank: SoundBank, codec: Codec) -> None:
        self._bank = bank
        sounds = [sound for sound in bank.sounds if sound.role in _ROLES]
        drawn = torch.stack([_portrait(bank, codec, sound) for sound in sounds])
        self._rows = (drawn - drawn.mean(0)) / drawn.std(0).clamp_min(1e-3)
        self._index = {sound.start: k for k, sound in enumerate(sounds)}

    def pairs(self, rng: np.random.Generator, n: int) -> tuple[list[str], list[int], Tensor]:
        """n captions, a number for each that is the same where the label is, and the sounds' portraits (n, P)."""
        captions, labels, rows = [], list[str](), []
        for role in rng.choice(list(_ROLES), n, p=list(_ROLES.values())):
            voice = self._bank.draw(rng, str(role), None)
            captions.append(caption(rng, voice, "", suits=False))
            labels.append(voice.phrases[0])
            rows.append(self._index[voice.sounds[rng.integers(len(voice.sounds))].start])
        return captions, np.unique(labels, return_inverse=True)[1].tolist(), self._rows[rows]


@torch.inference_mode()
def _portrait(bank: SoundBank, codec: Codec, sound: Sound) -> Tensor:
    heard = bank.samples(sound)[: _LISTENED_S * RATE_HZ]
    n_tokens = max(-(-len(heard) // _TOKEN_SAMPLES), 2 * _BEGINNING)
    latents = codec.encode(torch.from_numpy(np.pad(heard, (0, n_tokens * _TOKEN_SAMPLES - len(heard))))[None])[0]
    sounding = latents[(latents - codec.silence()).square().mean(-1) > 0.02]
    whole = sounding if len(sounding) > 1 else latents
    return torch.cat([latents[:_BEGINNING].mean(0), whole.mean(0), whole.std(0)])


class Listener(nn.Module):
    """A caption's words and a sound's portrait, each as a direction; and the portrait that a caption lets expect."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.said = nn.Linear(dim, 128)
        self.heard = nn.Sequential(nn.Dropout(0.1), nn.Linear(_PORTRAIT, 256), nn.GELU(), nn.Linear(256, 128))
        self.expected = nn.Linear(dim, _PORTRAIT)


def train_words(folder: Path, text: TextEncoder, portraits: Portraits, settings: Settings) -> None:
    """Train the words' encoder in place; log and checkpoint in `folder`."""
    listener = Listener(text.norm.normalized_shape[0])

    def loss(step: int, device: torch.device) -> dict[str, Tensor]:
        captions, labels, drawn = portraits.pairs(np.random.default_rng([3, step]), _PAIRS)
        return match_loss(text, listener, captions, torch.tensor(labels, device=device), drawn.to(device))

    train(folder, {"text": text, "listener": listener}, loss, settings, lambda: _PAIRS)


def match_loss(
    text: TextEncoder, listener: Listener, captions: list[str], labels: Tensor, portraits: Tensor
) -> dict[str, Tensor]:
    """Captions and portraits (n, P) of the same row belong together, as do those of one label (n,)."""
    words, mask = text(captions)
    pooled = (words * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
    said, heard = (F.normalize(side.float(), dim=-1) for side in (listener.said(pooled), listener.heard(portraits)))
    alike = _SHARPNESS * said @ heard.T
    belong = (labels[:, None] == labels).float()
    belong = belong / belong.sum(1, keepdim=True)
    match = -(belong * alike.log_softmax(1)).sum(1).mean() - (belong * alike.log_softmax(0)).sum(1).mean()
    expected = F.mse_loss(listener.expected(pooled).float(), portraits)
    return {"match": match / 2, "expected": expected}
