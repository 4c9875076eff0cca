"""Windows of several jobs in one forward pass: are they the same, and faster? Hence docs/decisions/0017."""

import statistics
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

import torch
from torch import Tensor

import v2a
from benchmarks.serving.figures import Figure, scaled, told
from v2a.models.base import Conditions, Model
from v2a.windows import Window

BATCHES, RUNS = (2, 4, 8), 9


def figures(scale: float = 1.0) -> Iterator[Figure]:
    """Windows of 8 s with guidance: two rows each, alone and together."""
    model = v2a.load_model("pocket", "cpu")
    generator = torch.Generator().manual_seed(0)
    tokens, dims = model.card.window_tokens, model.card.latent_dim
    window = Window(0, 0, tokens, 0)
    plain = next(iter(model.encode_video(_black, [window], lambda done, total: None)))
    windows = []
    for _ in range(max(BATCHES)):
        seen = {name: torch.randn(value.shape, generator=generator) for name, value in plain.items()}
        given, opposite = model.prepare(seen, window, "hammer on wood", "", None, "mix")
        windows.append((torch.randn(1, tokens, dims, generator=generator), given.stack(opposite)))
    alone = [_velocity(model, [window]) for window in windows]
    yield told("threads", torch.get_num_threads())
    for n_windows in BATCHES:
        together = _velocity(model, windows[:n_windows])
        difference = float((together - torch.cat(alone[:n_windows])).abs().max())
        ratios = [_ratio(model, windows[:n_windows]) for _ in range(scaled(RUNS, scale))]
        said = "the same to the bit" if difference == 0 else f"not the same: by up to {difference:.1e}"
        yield told(f"{n_windows} windows together", said)
        yield told(f"{n_windows} windows together take, of the time one by one", f"{statistics.median(ratios):.2f}")


def _black(times_s: Sequence[Fraction], size: tuple[int, int] | None, within_s: Fraction = Fraction(0)) -> Tensor:
    return torch.zeros(len(times_s), *(size or (1, 1)), 3, dtype=torch.uint8)


def _velocity(model: Model, windows: Sequence[tuple[Tensor, Conditions]]) -> Tensor:
    x = torch.cat([latents for latents, _ in windows for _ in range(2)])
    conditions = windows[0][1]
    for _, other in windows[1:]:
        conditions = conditions.stack(other)
    return model.velocity(x, x.new_full((len(x),), 0.3), conditions)


def _ratio(model: Model, windows: Sequence[tuple[Tensor, Conditions]]) -> float:
    began_s = time.perf_counter()
    _velocity(model, windows)
    between_s = time.perf_counter()
    for window in windows:
        _velocity(model, [window])
    return (between_s - began_s) / (time.perf_counter() - between_s)
