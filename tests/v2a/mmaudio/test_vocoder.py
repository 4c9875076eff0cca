"""Both vocoders give the waveforms that another implementation computed, and keep what their filters promise."""

import pytest
import torch

from tests.v2a.mmaudio.fixtures import Fixture, fixture, relative_error
from v2a.models.mmaudio.variants import VocoderConfig
from v2a.models.mmaudio.vocoder import AntiAliasedSnake, Vocoder, folded

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
