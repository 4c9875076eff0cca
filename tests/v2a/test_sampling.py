"""The solver on flows with a known answer; noise and guidance as promised."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.v2a.watchful_model import WatchfulModel
from v2a.models.base import Conditions
from v2a.sampling import Known, euler, guided, noise


class Torn(WatchfulModel):
    """Its velocity is 3 with words and 1 without, less what is there; calls: how many rows each evaluation had."""

    def __init__(self, guided_until: float, guidance_rescale: float) -> None:
        super().__init__()
        self.card = replace(self.card, guided_until=guided_until, guidance_rescale=guidance_rescale)
        self.calls: list[int] = []

    def velocity(self, x: Tensor, t: Tensor, given: Conditions) -> Tensor:
        self.calls.append(len(x))
        return torch.where(given.has_cues[:, None, None] > 0, 3.0, 1.0) * torch.tensor([[[1.0], [-1.0]]]) - x


def torn_conditions(model: Torn) -> tuple[Conditions, Conditions]:
    given, _ = model.prepare(torch.zeros(2, 1), "", "", [(0, 1.0)], "mix")
    return given, replace(given, has_cues=torch.zeros(1))


def test_guidance_pushes_away_from_the_opposite() -> None:
    model = Torn(guided_until=1.0, guidance_rescale=0.0)
    velocity = guided(model, *torn_conditions(model), 2.0)
    assert velocity(torch.zeros(1, 2, 1), 0.9).flatten().tolist() == [5.0, -5.0]
    assert model.calls == [2]


def test_guidance_ends_where_the_card_says_and_costs_nothing_from_there() -> None:
    model = Torn(guided_until=0.6, guidance_rescale=0.0)
    velocity = guided(model, *torn_conditions(model), 2.0)
    assert [velocity(torch.zeros(1, 2, 1), t)[0, 0].item() for t in (0.0, 0.59, 0.6, 0.9)] == [5.0, 5.0, 3.0, 3.0]
    assert model.calls == [2, 2, 1, 1]


@pytest.mark.parametrize(("rescale", "spread"), [(0.0, 5.0), (0.5, 4.0), (1.0, 3.0)])
def test_rescaling_narrows_what_guidance_widens(rescale: float, spread: float) -> None:
    model = Torn(guided_until=1.0, guidance_rescale=rescale)
    start, t = torch.zeros(1, 2, 1), 0.25
    end = start + (1 - t) * guided(model, *torn_conditions(model), 2.0)(start, t)
    torch.testing.assert_close(end.flatten(), (1 - t) * torch.tensor([spread, -spread]))


def test_euler_is_exact_on_a_straight_flow() -> None:
    target, start = torch.randn(1, 5, 3), torch.randn(1, 5, 3)
    end = euler(lambda x, t: target - start, start, 4, lambda: None)
    torch.testing.assert_close(end, target)


def test_euler_converges_in_first_order_on_exponential_growth() -> None:
    def error(n_steps: int) -> float:
        end = euler(lambda x, t: x, torch.ones(1, 1, 1), n_steps, lambda: None)
        return abs(end.item() - math.e)

    assert error(64) < error(32) < error(16)
    assert error(32) / error(64) == pytest.approx(2.0, rel=0.1)


def test_known_tokens_come_out_as_they_were_given() -> None:
    known, start = Known(torch.randn(2, 3)), torch.randn(1, 5, 3)
    seen: list[Tensor] = []

    def velocity(x: Tensor, t: float) -> Tensor:
        seen.append(x[0, :2].clone())
        return torch.zeros_like(x)

    end = euler(velocity, start, 4, lambda: None, known)
    torch.testing.assert_close(end[0, :2], known.latents)
    torch.testing.assert_close(end[0, 2:], start[0, 2:])
    # On the way, they lie on the straight path from their noise to their value.
    torch.testing.assert_close(seen[2], 0.5 * known.latents + 0.5 * start[0, :2])


def test_noise_depends_on_seed_film_layer_take_and_window_only() -> None:
    first = noise(1, "film", "mix", 0, 0, (4, 3))
    torch.testing.assert_close(first, noise(1, "film", "mix", 0, 0, (4, 3)))
    others = [
        noise(2, "film", "mix", 0, 0, (4, 3)),
        noise(1, "film", "music", 0, 0, (4, 3)),
        noise(1, "film", "mix", 1, 0, (4, 3)),
    ]
    others += [noise(1, "film", "mix", 0, 1, (4, 3)), noise(1, "other film", "mix", 0, 0, (4, 3))]
    assert all(not torch.equal(first, other) for other in others)
    assert abs(noise(3, "film", "mix", 0, 0, (200, 64)).std().item() - 1.0) < 0.05


def test_on_step_stops_the_solver_at_once() -> None:
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        euler(lambda x, t: x, torch.ones(1, 1, 1), 10, stop)
    assert calls == 3
