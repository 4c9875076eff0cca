"""The spectrograms are those that the autoencoders were trained on."""

import math

import pytest
import torch

from tests.v2a.mmaudio.fixtures import fixture, relative_error
from v2a.models.mmaudio.mel import Mel
from v2a.models.mmaudio.variants import MEL_16K, MEL_44K, MelConfig


@pytest.mark.parametrize(("name", "config"), [("mel_16k", MEL_16K), ("mel_44k", MEL_44K)])
def test_spectrograms_are_those_of_the_published_front_end(name: str, config: MelConfig) -> None:
    given = fixture(name)
    assert relative_error(Mel(config)(given.io["waveform"]), given.io["log_mel"]) < 1e-4


@pytest.mark.parametrize(("config", "floor"), [(MEL_16K, -5.0), (MEL_44K, math.log(1e-5))])
def test_a_tone_lies_in_one_band_and_silence_at_the_floor(config: MelConfig, floor: float) -> None:
    tone = 0.5 * torch.sin(2 * torch.pi * 1000 * torch.arange(40 * config.hop) / config.sample_rate_hz)
    mel = Mel(config)(torch.stack([tone, torch.zeros_like(tone)]))
    assert mel.shape == (2, config.n_bands, 40)
    loudest = mel[0, :, 5:-5].argmax(0)
    assert len(loudest.unique()) == 1
    assert 0 < int(loudest[0]) < config.n_bands - 1
    torch.testing.assert_close(mel[1], torch.full_like(mel[1], floor))
