"""Films with sound → features: what the encoders make of each window, once for all trainings."""

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from v2a.cards import ModelCard
from v2a.errors import MediaError, NotFoundError, UsageError
from v2a.media import VideoFile
from v2a.models.mmaudio.mel import Mel
from v2a.models.mmaudio.model import MMAudioModel, load, load_part
from v2a.models.mmaudio.vae import Vae
from v2a.models.mmaudio.variants import VARIANTS
from v2a.request import Clip, Piece
from v2a.train.crew import Crew
from v2a.train.mmaudio.shards import Film, shard_name, shard_windows, write_list, write_shard
from v2a.train.own_films import OwnFilm
from v2a.train.recordings import decode_audio
from v2a.watching import Watching
from v2a.windows import Window

log = logging.getLogger(__name__)

_PEAK = 0.95
_SILENT = 1e-4
_SOUND_ENDS_S = Fraction(1, 2)  # before the picture does, and the film is still taken whole
_WORTH_A_WINDOW_S = 1  # at a film's end, shared with the window before
_HELD_OUT = 10  # about one film in so many


class Senses:
    """A model's encoders: for training it sees and reads as it does when it makes sound, and hears besides."""

    def __init__(self, card: ModelCard, device: torch.device) -> None:
        self.card, self._device = card, device

    @cached_property
    def _model(self) -> MMAudioModel:
        """Read when something is to be seen: where all features are there, that is never."""
        return load(self.card, self._device, "auto")

    @cached_property
    def _ears(self) -> tuple[Mel, Vae]:
        """The model itself needs none."""
        vae = cast(Vae, load_part(self.card, "vae", torch.float32))
        mel = Mel(VARIANTS[self.card.variant].mel)
        return mel.to(self._device), vae.for_inference(torch.float32, encodes=True).to(self._device)

    def see(self, film: VideoFile, clip: Clip, windows: Sequence[Window]) -> dict[str, Tensor]:
        """clip (W, Tc, Dc) and sync (W, Ts, Ds) of windows."""
        seen = Watching(self._model, film, clip, windows, lambda done, total: None).whole().seen
        return {name: seen[name] for name in ("clip", "sync")}

    @torch.inference_mode()
    def read(self, text: str) -> Tensor:
        """(Tt, Dt). No text is what the model knows as none."""
        networks = self._model.networks
        return networks.clip.words([text])[0] if text else networks.flow.empty_string_feat

    @torch.inference_mode()
    def hear(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Samples (W, n) of windows → mean and standard deviation of their latents, (W, L, C) each."""
        mel, vae = self._ears
        heard = [vae.encode(mel(one[None].to(self._device))) for one in samples]
        mean, std = (torch.cat(parts).cpu() for parts in zip(*heard, strict=True))
        return mean, std


def make_features(own_films: Sequence[OwnFilm], out: Path, senses: Senses, crew: Crew) -> None:
    """Make what is not there yet of the films, and list all of them in `out`.

    Several processes divide the films. Films that cannot be read, have no sound or are shorter than a window are
    skipped, counted and named. About a tenth is held out: which ones, their bytes alone decide, so that copies of a
    film go together and none changes sides when others, captions or the model do. Where that is all of them, none is.
    Raises MediaError where no film can be used, StorageError where `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    films, skipped = list[Film](), dict[str, str]()
    for own in own_films[crew.rank :: crew.size]:
        try:
            films.append(_film(own, out, senses))
        except (MediaError, NotFoundError, UsageError, OSError, av.FFmpegError) as error:
            log.warning("skipped %s: %s", own.name, error)
            skipped[own.name] = str(error)
    films = sorted((film for part in crew.all(films) for film in part), key=lambda film: film.file)
    skipped = {name: why for part in crew.all(skipped) for name, why in part.items()}
    if not films:
        raise MediaError(f"none of the {len(own_films)} films can be learnt from")
    if all(film.held_out for film in films):
        films = [replace(film, held_out=False) for film in films]
    if crew.first:
        write_list(out, senses.card, films, skipped)
        n_windows, n_held_out = (sum(getattr(film, kind) for film in films) for kind in ("n_windows", "held_out"))
        log.info(
            "%d windows of %d films, %d of them held out; %d films skipped",
            n_windows, len(films), n_held_out, len(skipped),
        )  # fmt: skip
    crew.wait()


def _film(own: OwnFilm, out: Path, senses: Senses) -> Film:
    """A film of the list, with its features made where they are not there."""
    with own.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    shard = shard_name(senses.card, digest, own.caption)
    n_windows = shard_windows(out / shard)
    if n_windows is None:
        log.info("looking at and listening to %s", own.name)
        features = _features(own.path, digest, senses) | {"text": senses.read(own.caption)}
        write_shard(out / shard, features)
        n_windows = len(features["mean"])
    return Film(own.name, own.caption, shard, n_windows, held_out=int(digest, 16) % _HELD_OUT == 0)


def _features(path: Path, digest: str, senses: Senses) -> dict[str, Tensor]:
    card = senses.card
    with VideoFile(path) as film:
        sound = decode_audio(path, card.sample_rate_hz)
        whole_s = film.info.duration_s
        end_s = min(whole_s, Fraction(len(sound), card.sample_rate_hz) + _SOUND_ENDS_S)
        windows = _windows(end_s, card)
        if not windows:
            raise MediaError(f"it has less than {float(card.token_s(card.window_tokens)):.0f} s of picture with sound")
        loudest = float(np.abs(sound).max(initial=0.0))
        if loudest < _SILENT:
            raise MediaError("its sound is silent")
        clip = Clip(digest, (Piece(Fraction(0), whole_s, Fraction(0), whole_s),))
        seen = senses.see(film, clip, windows)
    mean, std = senses.hear(torch.from_numpy(_cut(sound * np.float32(_PEAK / loudest), windows, card)))
    return {"mean": mean, "std": std, **seen}


def _windows(end_s: Fraction, card: ModelCard) -> list[Window]:
    """One after the other; the last one ends with the film, unless that would hardly show anything new."""
    n_tokens, length = math.ceil(end_s * card.latent_rate), card.window_tokens
    starts = list(range(0, n_tokens - length + 1, length))
    if starts and n_tokens - (starts[-1] + length) >= _WORTH_A_WINDOW_S * card.latent_rate:
        starts.append(n_tokens - length)
    return [Window(index, start, start + length, 0) for index, start in enumerate(starts)]


def _cut(sound: npt.NDArray[np.float32], windows: Sequence[Window], card: ModelCard) -> npt.NDArray[np.float32]:
    """The samples of each window (W, n); the last token may reach past the sound."""
    per_token = card.samples_per_token
    padded = np.pad(sound, (0, max(windows[-1].end * per_token - len(sound), 0)))
    return np.stack([padded[window.start * per_token : window.end * per_token] for window in windows])
