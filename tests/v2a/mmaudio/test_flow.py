"""The flow transformer: takes, branches and lengths do not mix. That its numbers are right: test_parity.py."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.v2a.mmaudio.fixtures import relative_error
from v2a.models.mmaudio.flow import FlowConditions, FlowTransformer, Lengths
from v2a.models.mmaudio.variants import VARIANTS, FlowConfig
from v2a.models.mmaudio.weights import random_weights

CONFIG = VARIANTS["mmaudio-tiny-16k"].flow
LENGTHS = Lengths(latents=31, clip=8, sync=16)


def _flow(config: FlowConfig = CONFIG) -> FlowTransformer:
    with random_weights(0):
        flow = FlowTransformer(config)
        for values in (flow.empty_clip_feat, flow.empty_sync_feat, flow.sync_pos_emb, flow.empty_string_feat):
            torch.nn.init.normal_(values)
    return flow.for_inference(torch.float32)


def _draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _conditions(flow: FlowTransformer, lengths: Lengths = LENGTHS, seed: int = 0) -> FlowConditions:
    config = flow.config
    return flow.prepare(
        _draw(1, lengths.clip, config.clip_dim, seed=seed),
        _draw(1, lengths.sync, config.sync_dim, seed=seed),
        _draw(1, config.text_tokens, config.text_dim, seed=seed),
        lengths,
    )


@pytest.mark.parametrize("v2", [False, True])
def test_takes_and_branches_in_one_pass_are_those_made_alone(v2: bool) -> None:
    flow = _flow(replace(CONFIG, v2=v2))
    given, opposite = _conditions(flow), flow.prepare(None, None, None, LENGTHS)
    takes, t = _draw(3, LENGTHS.latents, CONFIG.latent_dim), torch.tensor([0.3])
    alone = torch.cat([flow(take[None], t, branch) for branch in (given, opposite) for take in takes])
    both = given.stack(opposite).repeated(3)
    for x, times in ((takes, t), (torch.cat([takes, takes]), t.expand(6)), (takes, t.expand(2))):
        together = flow(x, times, both)
        assert together.dtype == torch.float32
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert relative_error(alone[:3], alone[3:]) > 0.01, "pictures and words must change something"


def test_each_row_may_have_its_own_time() -> None:
    flow = _flow()
    rows = _conditions(flow, seed=1).stack(_conditions(flow, seed=2))
    x, t = _draw(2, LENGTHS.latents, CONFIG.latent_dim), torch.tensor([0.1, 0.8])
    torch.testing.assert_close(
        flow(x, t, rows)[1:], flow(x[1:], t[1:], _conditions(flow, seed=2)), rtol=1e-4, atol=1e-5
    )


def test_requests_of_different_lengths_run_at_once() -> None:
    flow = _flow()
    state = {key: value.clone() for key, value in flow.state_dict().items()}
    asked = [Lengths(20 + 7 * k, 4 + k, 8 * (1 + k % 3)) for k in range(8)]

    def make(lengths: Lengths) -> Tensor:
        with torch.inference_mode():
            x = _draw(1, lengths.latents, CONFIG.latent_dim)
            made: Tensor = flow(x, torch.tensor([0.5]), _conditions(flow, lengths))
            return made

    alone = [make(lengths) for lengths in asked]
    with ThreadPoolExecutor(4) as pool:
        for made, expected in zip(pool.map(make, asked), alone, strict=True):
            torch.testing.assert_close(made, expected, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(value, state[key]) for key, value in flow.state_dict().items())


def test_without_pictures_and_words_it_is_the_learned_absence_of_them() -> None:
    flow = _flow()
    absent = flow.prepare(None, None, None, LENGTHS)
    said = flow.prepare(
        flow.empty_clip_feat.expand(1, LENGTHS.clip, -1),
        flow.empty_sync_feat.expand(1, LENGTHS.sync, -1),
        flow.empty_string_feat[None],
        LENGTHS,
    )
    x, t = _draw(1, LENGTHS.latents, CONFIG.latent_dim), torch.tensor([0.5])
    torch.testing.assert_close(flow(x, t, absent), flow(x, t, said), rtol=1e-5, atol=1e-6)


def test_bfloat16_is_near_float32_and_keeps_latents_exact() -> None:
    flow, half = _flow(), _flow().for_inference(torch.bfloat16)
    x, t = _draw(1, LENGTHS.latents, CONFIG.latent_dim), torch.tensor([0.5])
    assert relative_error(half(x, t, _conditions(half)), flow(x, t, _conditions(flow))) < 0.03
    half.latent_mean.fill_(0.1)
    half.latent_std.fill_(1.3)
    assert half.denormalised(x).dtype == torch.float32
    torch.testing.assert_close(half.normalised(half.denormalised(x)), x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_segments", [1, 2, 3, 7])
def test_absent_pictures_have_few_rows_and_change_nothing_by_it(n_segments: int) -> None:
    flow, lengths = _flow(), Lengths(31, 8, 8 * n_segments)
    few = flow.prepare(None, None, None, lengths)
    many = flow.prepare(None, flow.empty_sync_feat.expand(1, lengths.sync, -1), None, lengths)
    assert len(few.sync) == 8 * min(n_segments, 3)
    torch.testing.assert_close(few.sync[few.at], many.sync[many.at], rtol=1e-5, atol=1e-6)
    assert len(many.sync) == lengths.sync
