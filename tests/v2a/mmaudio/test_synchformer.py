"""Synchformer's tokens are those that another implementation computed."""

import torch
from einops import rearrange

from tests.v2a.mmaudio.fixtures import fixture, relative_error
from v2a.models.mmaudio.synchformer import Synchformer
from v2a.models.mmaudio.variants import SyncConfig


def test_tokens_are_those_of_the_published_network() -> None:
    given = fixture("synchformer")
    facts = given.facts
    network = Synchformer(SyncConfig(facts["embed_dim"], facts["depth"], facts["num_heads"])).eval()
    network.load_state_dict(given.weights, strict=True)
    segments = rearrange(given.io["segments_uint8"], "b s t c h w -> (b s) t c h w")
    with torch.inference_mode():
        made = network(segments / 255 * 2 - 1)
    assert relative_error(made[None], given.io["tokens"]) < 1e-4


def test_time_and_place_are_both_seen() -> None:
    torch.manual_seed(0)
    network = Synchformer(SyncConfig(48, 2, 4)).eval()
    still = torch.rand(1, 1, 3, 224, 224).expand(-1, 16, -1, -1, -1) * 2 - 1
    flash = still.clone()
    flash[:, 8:10] = 1.0
    with torch.inference_mode():
        change = (network(flash) - network(still)).abs().amax(-1)[0]
    assert int(change.argmax()) == 4  # frames 8 and 9 are the fifth tubelet
    assert float(change.min()) > 0  # and the others know of it
