"""`pocket` from recordings to weights: cut sounds → fit codec → render shards → train the flow → export.

Every stage keeps its result in the work folder and is skipped when that is there; training goes on from its last
checkpoint.
"""

import copy
import csv
import logging
import math
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from v2a.errors import GenerationError, UsageError
from v2a.models.base import Conditions
from v2a.models.pocket.codec import Codec
from v2a.models.pocket.model import Networks
from v2a.models.pocket.text import words_of
from v2a.train.batches import Batch, Pool, draw_batch
from v2a.train.recordings import SoundBank, cut_recordings, write_attribution
from v2a.train.shards import fit_codec, make_shards, missing_shards
from v2a.train.soundtrack import MOTION_PHRASES

log = logging.getLogger(__name__)

_CHECKPOINT_S = 120.0
_LOG_STEPS = 25


@dataclass(frozen=True)
class Recipe:
    """What a training run is made of.

    n_scenes: rendered films of 8 s, in files of shard_size; n_steps: optimiser steps; tokens: sound tokens a step;
    peak_rate: highest learning rate; renderers: processes that render beside training.
    """

    n_scenes: int = 5_000
    n_steps: int = 5_000
    tokens: int = 2_000
    peak_rate: float = 1e-3
    renderers: int = 1
    shard_size: int = 50
    device: str = "cpu"

    @property
    def n_shards(self) -> int:
        """Files that each renderer makes."""
        return math.ceil(self.n_scenes / self.shard_size / self.renderers)


def train_pocket(data: Path, work: Path, recipe: Recipe) -> Path:
    """Run the stages that are not done and return the exported weights file; ATTRIBUTION.csv stands beside it.

    Raises UsageError where `data` holds no recordings, GenerationError where the loss is not a number any more.
    """
    if not (data / "sounds.csv").is_file():
        raise UsageError(f"{data} holds no sounds.csv: give the folder of labelled recordings")
    sounds = work / "sounds"
    if not (sounds / "sounds.json").exists():
        cut_recordings(data, sounds)
    codec = _codec(work, sounds)
    context = multiprocessing.get_context("spawn")
    renderers = [
        context.Process(target=_render, args=(work, sounds, part, recipe), daemon=True)
        for part in range(recipe.renderers)
        if missing_shards(_shard_folder(work, part), recipe.n_shards)
    ]
    for renderer in renderers:
        renderer.start()
    networks = _train(work, codec, recipe, lambda: any(renderer.is_alive() for renderer in renderers))
    out = work / "weights.safetensors"
    _export(networks, SoundBank(sounds), out)
    write_attribution(data, work / "ATTRIBUTION.csv")
    return out


def _codec(work: Path, sounds: Path) -> Codec:
    path, codec = work / "codec.safetensors", Codec()
    if not path.exists():
        save_file(fit_codec(SoundBank(sounds)).state_dict(), path)
    codec.load_state_dict(load_file(path))
    return codec


def _shard_folder(work: Path, part: int) -> Path:
    return work / "shards" / str(part)


def _render(work: Path, sounds: Path, part: int, recipe: Recipe) -> None:
    """What a renderer process does: every n-th shard, in a folder of its own."""
    torch.set_num_threads(1)
    bank, codec = SoundBank(sounds), _codec(work, sounds)
    make_shards(_shard_folder(work, part), bank, codec, recipe.n_shards, recipe.shard_size, seed=part)


def _loss(networks: Networks, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Flow-matching loss and the onset head's loss."""
    n_batch = len(batch.texts)
    features = networks.video(batch.frames)
    logits = networks.video.onsets(features)
    onset = F.binary_cross_entropy_with_logits(
        logits, batch.onsets, pos_weight=torch.tensor(8.0, device=logits.device), reduction="none"
    )
    onset = (onset.mean(1) * batch.onsets_valid).mean()
    words, mask = networks.text(batch.texts)
    shown = batch.has_cues[:, None]
    given = Conditions(
        video=features, text=words, text_mask=mask, cues=batch.strength * shown, cue_offsets=batch.offset * shown,
        layer=batch.layer, has_video=batch.has_video, has_cues=batch.has_cues,
    )  # fmt: skip
    noise = torch.randn(batch.latents.shape, generator=generator).to(batch.latents.device)
    t = torch.sigmoid(torch.randn(n_batch, generator=generator)).to(batch.latents.device)
    x = t[:, None, None] * batch.latents + (1 - t[:, None, None]) * noise
    velocity = networks.flow(x, t, given).float()
    error = (velocity - (batch.latents - noise)).square().mean(-1)  # (B, L)
    # Most tokens are silent and soon learnt: those that sound count more.
    sounding = (batch.latents - networks.codec.silence()).square().mean(-1) > 0.02
    weight = 0.4 + sounding.float()
    return (error * weight).sum() / weight.sum(), onset


def _train(work: Path, codec: Codec, recipe: Recipe, rendering: Callable[[], bool]) -> Networks:
    torch.manual_seed(0)
    device = torch.device(recipe.device)
    networks = Networks().to(device)
    networks.codec.load_state_dict(codec.state_dict())
    trained = (networks.video, networks.text, networks.flow)
    parameters = [p for module in trained for p in module.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.peak_rate, betas=(0.9, 0.98), weight_decay=0.01)
    averaged = copy.deepcopy(networks).requires_grad_(False)
    step, path = 0, work / "checkpoint.pt"
    if path.exists():
        state = torch.load(path, weights_only=True)
        networks.load_state_dict(state["networks"])
        averaged.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
        log.info("going on from step %d", step)
    pool = Pool([_shard_folder(work, part) for part in range(recipe.renderers)])
    while pool.refresh() < min(4 * recipe.shard_size, recipe.n_scenes):
        if not rendering():
            raise GenerationError("the scenes could not be rendered; the reason stands above")
        time.sleep(1)
    saved, sums, counted = time.monotonic(), np.zeros(2), 0
    while step < recipe.n_steps:
        rng, generator = np.random.default_rng([1, step]), torch.Generator().manual_seed(step)
        warm = min(step / 200, 1.0)
        rate = recipe.peak_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / recipe.n_steps)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = draw_batch(rng, pool, recipe.tokens).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            flow, onset = _loss(networks, batch, generator)
        loss = flow + 0.5 * onset
        if not torch.isfinite(loss):
            raise GenerationError(f"the loss at step {step} is not a number; the last checkpoint in {work} is sound")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        step += 1
        decay = min(0.999, (1 + step) / (10 + step))
        for mean, value in zip(averaged.parameters(), networks.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
        sums += (flow.item(), onset.item())
        counted += 1
        if step % _LOG_STEPS == 0:
            n_scenes = pool.refresh()
            _log_row(work, step, sums[0] / counted, sums[1] / counted, rate, n_scenes)
            sums, counted = np.zeros(2), 0
        if time.monotonic() - saved > _CHECKPOINT_S or step == recipe.n_steps:
            _save(path, networks, averaged, optimiser, step)
            saved = time.monotonic()
    return averaged


def _save(path: Path, networks: Networks, averaged: Networks, optimiser: torch.optim.Optimizer, step: int) -> None:
    part = path.with_suffix(".part")
    torch.save(
        {
            "networks": networks.state_dict(),
            "averaged": averaged.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
        },
        part,
    )
    part.replace(path)


def _log_row(work: Path, step: int, flow: float, onset: float, rate: float, n_scenes: int) -> None:
    log.info("step %d: flow %.4f, onset %.4f, %d scenes", step, flow, onset, n_scenes)
    path = work / "log.csv"
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "flow_loss", "onset_loss", "learning_rate", "scenes", "unix_time"])
        writer.writerow([step, f"{flow:.5f}", f"{onset:.5f}", f"{rate:.2e}", n_scenes, round(time.time())])


def _export(networks: Networks, bank: SoundBank, out: Path) -> None:
    """Weights in half precision (the small codec in full), with the words that were heard in training."""
    said = [sound.label for sound in bank.sounds] + [
        phrase for phrases in MOTION_PHRASES.values() for phrase in phrases
    ]
    known = {word for text in said for word in words_of(text)}
    tensors = {
        name: (value if name.startswith("codec.") else value.half()).contiguous()
        for name, value in networks.state_dict().items()
    }
    save_file(tensors, out, metadata={"known_words": " ".join(sorted(known))})
