"""The solver on flows with a known answer; noise and guidance as promised."""

import math

import pytest
import torch
from torch import Tensor

from v2a.sampling import Known, euler, noise


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
