"""Sound of any length: the same as if it were made at once, in memory that does not grow with it."""

import tracemalloc
from collections.abc import Iterator, Sequence
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

import v2a
from tests.v2a.watchful_model import TOKENS_A_SECOND, WatchfulModel
from v2a.decoding import decoded
from v2a.delivery import Origin, deliver, wav_info
from v2a.media import VideoInfo
from v2a.request import Clip, Cue, Delivery, Layer, Piece, Request


class Still:
    """A film of one grey picture, as long as is wanted."""

    def __init__(self, duration_s: F) -> None:
        self.info = VideoInfo(Path("still"), F(25), duration_s, 4, 4, "none", False, None)

    def read(
        self, times_s: Sequence[F], size: tuple[int, int], until_s: Sequence[F] | None = None
    ) -> npt.NDArray[np.uint8]:
        return np.full((len(times_s), *size, 3), 128, np.uint8)


class NoisyModel(WatchfulModel):
    """Each stretch sounds with noise of its own, as phases do that are recovered from a seed."""

    def decode(self, latents: Tensor, seed: int) -> Tensor:
        samples = super().decode(latents, seed)
        return samples * torch.rand(samples.shape, generator=torch.Generator().manual_seed(seed))


def whole(model: WatchfulModel, latents: Tensor) -> npt.NDArray[np.float32]:
    """Stretches of 750 tokens, each 25 tokens longer at its front, laid over each other at equal power."""
    n_fade = 25 * model.card.samples_per_token
    ramp = np.sin(np.linspace(0, np.pi / 2, n_fade, dtype=np.float32))
    out = np.zeros((1, len(latents) * model.card.samples_per_token), np.float32)
    for start in range(0, len(latents), 750):
        part = model.decode(latents[max(start - 25, 0) : start + 750], 3).numpy()
        at = max(start - 25, 0) * model.card.samples_per_token
        if start:
            part[:, :n_fade] = out[:, at : at + n_fade] * ramp[::-1] + part[:, :n_fade] * ramp
        out[:, at : at + part.shape[1]] = part
    return out


@pytest.mark.parametrize("n_tokens", [3, 25, 26, 749, 750, 751, 780, 3_000])
def test_two_minutes_in_blocks_are_the_sound_made_at_once(n_tokens: int) -> None:
    model, latents = NoisyModel(), torch.rand(n_tokens, 2, generator=torch.Generator().manual_seed(1))
    expected = whole(model, latents)
    for n_part in (17, 200, 4_000):
        parts = (latents[start : start + n_part] for start in range(0, n_tokens, n_part))
        blocks = list(decoded(model, parts, n_tokens, 3, lambda: None))
        np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks], axis=1), expected)


def test_a_stretch_sounds_before_the_next_is_sampled() -> None:
    taken = 0

    def parts() -> Iterator[Tensor]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield torch.zeros(100, 2)

    next(decoded(WatchfulModel(), parts(), 10_000, 0, lambda: None))
    assert taken == 8, "the first 750 tokens"


def make(duration_s: int, path: Path) -> int:
    """Write a take of so many seconds; the most memory, in bytes, that Python and numpy held meanwhile."""
    model, end = WatchfulModel([(5.0, 0.5)]), F(duration_s)
    clip = Clip("0" * 64, (Piece(F(0), end, F(0), end),))
    cues = tuple(Cue(F(second)) for second in range(1, duration_s, 7))
    request = Request(clip, "pocket", model.card.digest, (Layer(cues=cues),))
    tracemalloc.start()
    (take,) = v2a.generate(model, Still(end), request, lambda _: None)
    origin = Origin("pocket", "ab" * 32, "Apache-2.0", "float32", "mix", 0, 0)
    deliver(take.blocks, path, Delivery(loudness_lufs=-23.0), start_s=F(0), end_s=end, origin=origin)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_the_memory_of_a_take_does_not_grow_with_its_length(tmp_path: Path) -> None:
    short, long = make(60, tmp_path / "short.wav"), make(600, tmp_path / "long.wav")
    assert wav_info(tmp_path / "long.wav").n_samples == 600 * 48_000
    assert 600 * TOKENS_A_SECOND > 10 * 750, "in many stretches"
    assert long < 1.25 * short
    assert long < 600 * 48_000 * 4 / 2, "half of its samples"
