"""The pocket codec: what goes in comes out, silence stays silent, and clicks are not invented."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

import v2a
from v2a.audio import Audio
from v2a.evaluate.onsets import onsets
from v2a.models.pocket import PocketModel
from v2a.models.pocket.codec import LATENT_DIM

RATE = 48_000


@pytest.fixture(scope="module")
def model() -> PocketModel:
    loaded = v2a.load_model("pocket", "cpu")
    assert isinstance(loaded, PocketModel)
    return loaded


def round_trip(model: PocketModel, samples: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    latents = model.networks.codec.encode(torch.from_numpy(samples.astype(np.float32))[None])[0]
    return model.networks.codec.decode(latents, seed=0).numpy()


def test_silence_comes_out_as_digital_silence(model: PocketModel) -> None:
    assert np.abs(round_trip(model, np.zeros(2 * RATE))).max() == 0.0


def test_knocks_come_out_at_their_times(model: PocketModel) -> None:
    t = np.arange(3 * RATE) / RATE
    times = [0.5, 1.13, 1.9, 2.41]
    rng = np.random.default_rng(0)
    knocks = sum(
        0.5 * rng.standard_normal(len(t)) * np.exp(-np.clip(t - at, 0, None) / 0.05) * (t >= at) for at in times
    )
    found = onsets(Audio(round_trip(model, np.asarray(knocks)).astype(np.float32)[None], RATE))
    assert len(found) == len(times)
    assert np.abs(np.array(found) - times).max() < 0.03


def test_a_steady_sound_keeps_its_level_and_its_band(model: PocketModel) -> None:
    rng = np.random.default_rng(1)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(4 * RATE)) * (np.fft.rfftfreq(4 * RATE, 1 / RATE) < 4_000))
    noise *= 0.1 / noise.std()
    out = round_trip(model, noise)[RATE : 3 * RATE]
    assert abs(20 * np.log10(out.std() / 0.1)) < 2.0
    spectrum = np.abs(np.fft.rfft(out)) ** 2
    above = np.fft.rfftfreq(len(out), 1 / RATE) > 6_000
    assert spectrum[above].sum() / spectrum.sum() < 0.02


def test_the_same_seed_decodes_to_the_same_samples(model: PocketModel) -> None:
    latents = torch.randn(25, LATENT_DIM, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.decode(latents, 3), model.decode(latents, 3), rtol=0, atol=0)
    assert not torch.equal(model.decode(latents, 3), model.decode(latents, 4))
