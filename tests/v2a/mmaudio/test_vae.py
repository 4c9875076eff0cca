"""The VAE keeps magnitudes whatever the weights. That its numbers are right: test_parity.py."""

import torch

from tests.v2a.mmaudio.fixtures import relative_error
from v2a.models.mmaudio.vae import Vae
from v2a.models.mmaudio.variants import VARIANTS
from v2a.models.mmaudio.weights import load_strictly, random_weights

CONFIG = VARIANTS["mmaudio-tiny-16k"].vae


LATENTS = torch.randn(1, 8, CONFIG.embed_dim, generator=torch.Generator().manual_seed(0))


def _vae(scale: float = 1) -> Vae:
    """As from a file, with its filters so many times as large."""
    with random_weights(0):
        vae = Vae(CONFIG)
    state = vae.state_dict()
    load_strictly(vae, {key: value * scale if key.endswith("weight") else value for key, value in state.items()}, "it")
    return vae


def test_the_scale_of_weights_says_nothing() -> None:
    plain, loud = (_vae(scale).for_inference(torch.float32).decode(LATENTS) for scale in (1, 100))
    assert relative_error(loud, plain) < 0.02
    assert 0.1 < float(plain.std()) < 10


def test_it_stays_as_it_is_published_until_it_is_used() -> None:
    vae = _vae(3)
    written = {key: value.clone() for key, value in vae.state_dict().items()}
    with random_weights(5):
        read = Vae(CONFIG)
    load_strictly(read, written, "it")
    for key, value in read.state_dict().items():
        torch.testing.assert_close(value, written[key], rtol=0, atol=0)
    first, second = (one.for_inference(torch.float32).decode(LATENTS) for one in (vae, read))
    torch.testing.assert_close(second, first, rtol=0, atol=0)


def test_bfloat16_is_near_float32_and_has_no_encoder() -> None:
    exact, half = _vae().for_inference(torch.float32), _vae().for_inference(torch.bfloat16)
    assert relative_error(half.decode(LATENTS), exact.decode(LATENTS)) < 0.03
    assert not any(key.startswith("encoder") for key in half.state_dict())
