"""The configurations' arithmetic."""

import pytest

from v2a.models.mmaudio.variants import VARIANTS, WINDOW_S


@pytest.mark.parametrize("name", VARIANTS)
def test_a_window_holds_just_as_many_tokens_as_eight_seconds_begin(name: str) -> None:
    variant = VARIANTS[name]
    assert variant.window_tokens - 1 < WINDOW_S * variant.latent_rate <= variant.window_tokens
    assert (variant.clip_tokens, variant.sync_tokens) == (64, 192)
    assert variant.flow.width == 64 * variant.flow.heads
    assert variant.vae.data_dim == variant.mel.n_bands == variant.vocoder.n_bands
    assert variant.vae.embed_dim == variant.flow.latent_dim
    assert variant.clip.embed_dim == variant.flow.clip_dim == variant.flow.text_dim
    assert variant.sync.width == variant.flow.sync_dim
