"""The solver on flows with a known answer; noise and guidance as promised."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.v2a.watchful_model import WatchfulConditions, WatchfulModel
from v2a.models.base import Conditions
from v2a.sampling import Known, cosine_times, euler, guided, linear_times, noise


class Torn(WatchfulModel):
    """Its velocity is 3 where cues are given and 1 where not, less what is there; calls: rows of each evaluation."""

    def __init__(self, guided_until: float, guidance_rescale: float) -> None:
        super().__init__()
        self.card = replace(self.card, guided_until=guided_until, guidance_rescale=guidance_rescale)
        self.calls: list[int] = []

    def velocity(self, x: Tensor, t: Tensor, given: Conditions) -> Tensor:
        assert isinstance(given, WatchfulConditions)
        self.calls.append(len(t))
        return torch.where(given.cues[:, :1, None] > 0, 3.0, 1.0) * torch.tensor([[[1.0], [-1.0]]]) - x.repeat(
            len(t) // len(x), 1, 1
        )


GIVEN, OPPOSITE = WatchfulConditions(torch.ones(1, 2)), WatchfulConditions(torch.zeros(1, 2))


def test_guidance_pushes_away_from_the_opposite() -> None:
    model = Torn(guided_until=1.0, guidance_rescale=0.0)
    assert guided(model, GIVEN, OPPOSITE, 2.0)(torch.zeros(1, 2, 1), 0.9).flatten().tolist() == [5.0, -5.0]
    frugal = guided(model, GIVEN, OPPOSITE, 2.0, one_by_one=True)
    assert frugal(torch.zeros(1, 2, 1), 0.9).flatten().tolist() == [5.0, -5.0]
    assert model.calls == [2, 1, 1]


def test_guidance_ends_where_the_card_says_and_costs_nothing_from_there() -> None:
    model = Torn(guided_until=0.6, guidance_rescale=0.0)
    velocity = guided(model, GIVEN, OPPOSITE, 2.0)
    assert [velocity(torch.zeros(1, 2, 1), t)[0, 0].item() for t in (0.0, 0.59, 0.6, 0.9)] == [5.0, 5.0, 3.0, 3.0]
    assert model.calls == [2, 2, 1, 1]


def test_rows_are_guided_each_by_itself() -> None:
    model = Torn(guided_until=1.0, guidance_rescale=0.5)
    x = torch.randn(3, 2, 1, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.1, 1.0, 10.0])[:, None, None]
    together = guided(model, GIVEN.repeated(3), OPPOSITE.repeated(3), 2.0)(x, 0.25)
    for row in range(3):
        torch.testing.assert_close(together[row : row + 1], guided(model, GIVEN, OPPOSITE, 2.0)(x[row : row + 1], 0.25))


@pytest.mark.parametrize(("rescale", "spread"), [(0.0, 5.0), (0.5, 4.0), (1.0, 3.0)])
def test_rescaling_narrows_what_guidance_widens(rescale: float, spread: float) -> None:
    model = Torn(guided_until=1.0, guidance_rescale=rescale)
    start, t = torch.zeros(1, 2, 1), 0.25
    end = start + (1 - t) * guided(model, GIVEN, OPPOSITE, 2.0)(start, t)
    torch.testing.assert_close(end.flatten(), (1 - t) * torch.tensor([spread, -spread]))


def test_euler_is_exact_on_a_straight_flow() -> None:
    target, start = torch.randn(1, 5, 3), torch.randn(1, 5, 3)
    end = euler(lambda x, t: target - start, start, cosine_times(4), lambda: None)
    torch.testing.assert_close(end, target)


@pytest.mark.parametrize("times", [cosine_times, linear_times])
def test_euler_converges_in_first_order_on_exponential_growth(times: Callable[[int], list[float]]) -> None:
    def error(n_steps: int) -> float:
        end = euler(lambda x, t: x, torch.ones(1, 1, 1), times(n_steps), lambda: None)
        return abs(end.item() - math.e)

    assert error(64) < error(32) < error(16)
    assert error(32) / error(64) == pytest.approx(2.0, rel=0.1)


def test_known_tokens_come_out_as_they_were_given() -> None:
    known, start = Known(torch.randn(2, 2, 3)), torch.randn(2, 5, 3)
    seen: list[Tensor] = []

    def velocity(x: Tensor, t: float) -> Tensor:
        seen.append(x[:, :2].clone())
        return torch.zeros_like(x)

    end = euler(velocity, start, cosine_times(4), lambda: None, known)
    torch.testing.assert_close(end[:, :2], known.latents)
    torch.testing.assert_close(end[:, 2:], start[:, 2:])
    # On the way, they lie on the straight path from their noise to their value.
    torch.testing.assert_close(seen[2], 0.5 * known.latents + 0.5 * start[:, :2])


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
        euler(lambda x, t: x, torch.ones(1, 1, 1), cosine_times(10), stop)
    assert calls == 3
