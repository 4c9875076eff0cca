"""Training of the flow transformer, with the words' encoder, on soundtracks."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from v2a.models.pocket.codec import FRAMES_PER_TOKEN, N_MELS, Codec
from v2a.models.pocket.flow import PocketConditions
from v2a.models.pocket.model import Networks
from v2a.train.batches import Batch, Pool, draw_batch
from v2a.train.loop import Settings, train

_SILENT_WEIGHT = 0.4  # most tokens are silent, and soon learnt: those that sound count more,
_EVENT_WEIGHT = 0.6  # and those just after an event more still
_EVENT_TOKENS = 4
_EARLIER = 0.4  # times lean towards noise, where words decide most


def train_flow(folder: Path, networks: Networks, pool: Pool, tokens: int, settings: Settings) -> None:
    """Train `networks.flow` and `networks.text` in place; log and checkpoint in `folder`.

    tokens: sound tokens a step. The eyes and the codec stay as they are.
    """

    def loss(step: int, device: torch.device) -> dict[str, Tensor]:
        rng, generator = np.random.default_rng([1, step]), torch.Generator().manual_seed(step)
        batch = draw_batch(rng, pool, tokens).to(device)
        return {"flow": flow_loss(networks, batch, generator)}

    train(folder, {"flow": networks.flow, "text": networks.text}, loss, settings, pool.refresh)


def flow_loss(networks: Networks, batch: Batch, generator: torch.Generator) -> Tensor:
    """Mean squared error of the velocity, over what recordings could show."""
    device = batch.latents.device
    words, mask = networks.text(batch.texts)
    given = PocketConditions(
        video=batch.features, text=words, text_mask=mask, cues=batch.strength, cue_offsets=batch.offset,
        layer=batch.layer, has_video=batch.has_video, has_cues=batch.has_cues,
    )  # fmt: skip
    noise = torch.randn(batch.latents.shape, generator=generator).to(device)
    t = torch.sigmoid(torch.randn(len(batch.texts), generator=generator) - _EARLIER).to(device)
    x = t[:, None, None] * batch.latents + (1 - t[:, None, None]) * noise
    error = networks.flow(x, t, given).float() - (batch.latents - noise)
    error = _heard(networks.codec, error, batch.bands).square().mean(-1)  # (B, L)
    sounding = (batch.latents - networks.codec.silence()).square().mean(-1) > 0.02
    events = F.max_pool1d(F.pad((batch.strength > 0).float(), (_EVENT_TOKENS, 0)), _EVENT_TOKENS + 1, stride=1)
    weight = _SILENT_WEIGHT + sounding.float() + _EVENT_WEIGHT * events
    return (error * weight).sum() / weight.sum()


def _heard(codec: Codec, error: Tensor, bands: Tensor) -> Tensor:
    """The error (B, L, C) turned into mel patches (its length is kept: the basis is orthonormal), where bands that no
    recording of the row reaches are left out: what a coder cut off is not to be learnt."""
    if bool((bands >= N_MELS).all()):
        return error
    reached = torch.arange(N_MELS, device=error.device) < bands[:, None]  # (B, M)
    patches = error @ codec.basis.T  # (B, L, 4M)
    heard: Tensor = (
        patches * reached.repeat(1, FRAMES_PER_TOKEN)[:, None] * (codec.basis.shape[0] / error.shape[-1]) ** 0.5
    )
    return heard
