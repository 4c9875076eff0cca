"""Both vocoders give the waveforms that another implementation computed, and keep what their filters promise."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.v2a.mmaudio.fixtures import Fixture, fixture, relative_error
from v2a.models.mmaudio.variants import VocoderConfig
from v2a.models.mmaudio.vocoder import AntiAliasedSnake, SnakeBeta, Vocoder, folded, tiled
from v2a.models.mmaudio.weights import random_weights

Work = Callable[[Tensor], Tensor]

TINY = VocoderConfig(8, 32, rates=(4, 2), kernels=(8, 4))


def config_of(given: Fixture) -> VocoderConfig:
    facts = given.facts
    return VocoderConfig(
        facts["num_mels"],
        facts["upsample_initial_channel"],
        tuple(facts["upsample_rates"]),
        tuple(facts["upsample_kernel_sizes"]),
        tanh=facts.get("use_tanh_at_final", True),
        final_bias=facts.get("use_bias_at_final", True),
    )


@pytest.mark.parametrize("name", ["bigvgan_v1", "bigvgan_v2"])
@pytest.mark.parametrize("spelling", ["new", "old"])
def test_waveforms_are_those_of_the_published_networks(name: str, spelling: str) -> None:
    given = fixture(name)
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weights = given.weights
    if spelling == "old":
        for new_name, old_name in old.items():
            weights = {key.replace(new_name, old_name): value for key, value in weights.items()}
    vocoder = Vocoder(config_of(given))
    vocoder.load_state_dict(folded(weights), strict=True)
    with torch.inference_mode():
        made = vocoder(given.io["log_mel"])
    assert relative_error(made, given.io["waveform"]) < 1e-4


def test_filters_are_computed_as_they_are_published() -> None:
    given = fixture("bigvgan_v2")
    ours = Vocoder(config_of(given)).state_dict()
    filters = [name for name in ours if name.endswith("filter")]
    assert filters
    for name in filters:
        torch.testing.assert_close(ours[name], given.weights[name], rtol=0, atol=1e-6)


def test_a_slow_wave_passes_an_activation_without_sines_and_a_constant_stays_one() -> None:
    snake = AntiAliasedSnake(1)
    snake.act.alpha.data.fill_(-20.0)  # the sine is nearly flat: what is left is the filters
    slow = torch.sin(torch.arange(400) * 0.05)[None, None]
    with torch.inference_mode():
        torch.testing.assert_close(snake(slow)[..., 20:-20], slow[..., 20:-20], rtol=0, atol=5e-3)
        torch.testing.assert_close(snake(torch.ones(1, 1, 50)), torch.ones(1, 1, 50))


def test_one_half_of_a_weight_is_left_for_the_check_to_name() -> None:
    lone = {"conv_pre.weight_g": torch.ones(2, 1, 1), "conv_pre.bias": torch.ones(2)}
    assert folded(lone).keys() == lone.keys()


def test_as_many_samples_as_the_mel_has_hops() -> None:
    with torch.inference_mode():
        wave = Vocoder(TINY)(torch.zeros(2, 8, 7))
    assert wave.shape == (2, 1, 7 * 8)


FEW: dict[str, Any] = {"block_kernels": (3, 5), "block_dilations": ((1, 2), (1,))}
CONFIGS = {
    "even": VocoderConfig(4, 16, rates=(4, 2), kernels=(8, 4), **FEW),
    "odd": VocoderConfig(4, 16, rates=(3, 2), kernels=(9, 6), tanh=False, final_bias=False, **FEW),
    "one": VocoderConfig(4, 16, rates=(5,), kernels=(5,), block_kernels=(7,), block_dilations=((1, 3),)),
}
WHOLE = sys.maxsize
TILE_OF_ONE = 1  # sample


def _vocoder(config: VocoderConfig) -> Vocoder:
    with random_weights(3):
        return Vocoder(config).double().eval().requires_grad_(False)


def _mel(n_frames: int, n_rows: int = 1) -> Tensor:
    return torch.randn(n_rows, 4, n_frames, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _marked(n_frames: int) -> Tensor:
    """Each row with another frame that is no number: so is everything in a waveform that depends on it."""
    mel = _mel(n_frames, n_frames)
    mel[range(n_frames), :, range(n_frames)] = torch.nan
    return mel


@pytest.mark.parametrize("n_frames", [1, 2, 25, 61])
@pytest.mark.parametrize("tile", [TILE_OF_ONE, 100, 700])
@pytest.mark.parametrize("name", CONFIGS)
def test_tiles_make_the_waveform_of_the_whole(name: str, tile: int, n_frames: int) -> None:
    vocoder, mel = _vocoder(CONFIGS[name]), _mel(n_frames)
    torch.testing.assert_close(vocoder(mel, tile), vocoder(mel, WHOLE), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_tile_knows_all_that_it_depends_on_and_no_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vocoder, mel = _vocoder(CONFIGS[name]), _marked(26)
    whole = vocoder(mel, WHOLE)
    assert whole[0, 0, -1].isfinite()  # longer than what a sample depends on
    torch.testing.assert_close(vocoder(mel, TILE_OF_ONE), whole, rtol=0, atol=1e-14, equal_nan=True)
    n_steps = len(CONFIGS[name].rates) + 1
    for narrowed in range(n_steps):
        lacking = iter([step == narrowed for step in range(n_steps)])

        def narrower(
            work: Work, x: Tensor, out: Tensor, length: int, context: int, lacking: Iterator[bool] = lacking
        ) -> Tensor:
            return tiled(work, x, out, length, context - next(lacking))

        with monkeypatch.context() as patched:
            patched.setattr("v2a.models.mmaudio.vocoder.tiled", narrower)
            assert not torch.equal(vocoder(mel, TILE_OF_ONE).isnan(), whole.isnan())


def test_a_longer_spectrogram_needs_no_larger_activations() -> None:
    vocoder, largest = _vocoder(CONFIGS["even"]), list[int]()
    for part in vocoder.modules():
        if isinstance(part, SnakeBeta):
            part.register_forward_pre_hook(lambda _, given: largest.append(given[0].numel()))
    most = []
    for n_frames in (40, 80):
        vocoder(_mel(n_frames), 200)
        most.append(max(largest))
        largest.clear()
    assert most[0] == most[1]
